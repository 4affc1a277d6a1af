//! Why something failed: the kind, which programs act on, and the other side's own words, which people read.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a fetch from an image server failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FetchFailureKind {
    /// The server has no such file.
    NotFound,
    /// The server, or the local file system, will not let it be read.
    Permission,
    /// Nobody answered, or an answer stopped coming, within the limit.
    TimedOut,
    /// The host answered that nothing listens there, or the server refused to serve.
    Refused,
    /// What came is no AP image: not a tar, or no `info.ver` near its start.
    NotAnImage,
    /// An image, but of another family than the one asked for.
    WrongFamily,
    /// An image, but of another version than the one wanted.
    WrongVersion,
    /// Larger than the limit, or than the server announced.
    TooLarge,
    /// It ended before all octets had come.
    CutShort,
    /// No room on the controller's disk.
    DiskFull,
    /// The digests of what is stored are not those of what came.
    Corrupt,
    /// The server broke the protocol.
    Protocol,
    /// The configuration names no server, path or file for this family.
    NoSource,
    /// Any other error of the controller's own machine.
    Local,
    /// The controller stopped, or an operator ended it.
    Cancelled,
    /// The server did not take the user's password or key.
    AuthenticationFailed,
    /// The server showed another host key, or another pinned certificate, than at its first use.
    HostKeyChanged,
    /// The server's certificate could not be verified.
    CertificateUntrusted,
}

/// A failed fetch, as the event tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FetchFailure {
    /// What programs act on.
    pub kind: FetchFailureKind,
    /// The other side's own words, or the system's; at most 512 characters.
    pub words: String,
}

impl FetchFailure {
    /// A failure of this kind, with the words that explain it.
    pub fn new(kind: FetchFailureKind, words: impl Into<String>) -> Self {
        FetchFailure { kind, words: clip(words.into()) }
    }
}

impl fmt::Display for FetchFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.words)
    }
}

impl fmt::Display for FetchFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FetchFailureKind::NotFound => "not found",
            FetchFailureKind::Permission => "permission denied",
            FetchFailureKind::TimedOut => "timed out",
            FetchFailureKind::Refused => "refused",
            FetchFailureKind::NotAnImage => "not an image",
            FetchFailureKind::WrongFamily => "wrong family",
            FetchFailureKind::WrongVersion => "wrong version",
            FetchFailureKind::TooLarge => "too large",
            FetchFailureKind::CutShort => "cut short",
            FetchFailureKind::DiskFull => "disk full",
            FetchFailureKind::Corrupt => "corrupt",
            FetchFailureKind::Protocol => "protocol error",
            FetchFailureKind::NoSource => "no source",
            FetchFailureKind::Local => "local error",
            FetchFailureKind::Cancelled => "cancelled",
            FetchFailureKind::AuthenticationFailed => "authentication failed",
            FetchFailureKind::HostKeyChanged => "host key changed",
            FetchFailureKind::CertificateUntrusted => "certificate not trusted",
        })
    }
}

/// Why an image download to a WTP failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DownloadFailureKind {
    /// The WTP gave up or vanished before the last block was acknowledged.
    SessionLost,
    /// No acknowledgement within the retransmission limit (RFC 5415 4.5.3).
    TimedOut,
    /// The WTP answered a block, or the request, with an error (RFC 5415 4.6.35, codes 14 to 16).
    Rejected,
    /// The WTP says that what it stored is not what was sent.
    DigestMismatch,
    /// The WTP has no room for the image.
    FlashFull,
    /// The image could not be fetched, so there was nothing to send.
    ImageUnavailable,
    /// The cached image changed under the controller's hands.
    CacheDamaged,
    /// The WTP stored the image and found that it is not one that it can start: its signature or its form is wrong.
    VerificationFailed,
    /// The WTP was reset into the image and came back with another version.
    NotTaken,
}

impl DownloadFailureKind {
    /// Whether the WTP's flash or the image itself is at fault, so that others may fare the same: such a WTP is never
    /// reset into the image.
    pub fn is_integrity(self) -> bool {
        match self {
            DownloadFailureKind::DigestMismatch
            | DownloadFailureKind::FlashFull
            | DownloadFailureKind::VerificationFailed => true,
            DownloadFailureKind::SessionLost
            | DownloadFailureKind::TimedOut
            | DownloadFailureKind::Rejected
            | DownloadFailureKind::ImageUnavailable
            | DownloadFailureKind::CacheDamaged
            | DownloadFailureKind::NotTaken => false,
        }
    }
}

impl fmt::Display for DownloadFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DownloadFailureKind::SessionLost => "session lost",
            DownloadFailureKind::TimedOut => "timed out",
            DownloadFailureKind::Rejected => "rejected by the AP",
            DownloadFailureKind::DigestMismatch => "digest mismatch",
            DownloadFailureKind::FlashFull => "flash full",
            DownloadFailureKind::ImageUnavailable => "image unavailable",
            DownloadFailureKind::CacheDamaged => "cache damaged",
            DownloadFailureKind::VerificationFailed => "verification failed at the AP",
            DownloadFailureKind::NotTaken => "came back with another version",
        })
    }
}

/// Cuts foreign words to what an event carries.
pub fn clip(words: String) -> String {
    const LIMIT: usize = 512;
    match words.char_indices().nth(LIMIT) {
        Some((at, _)) => words[..at].to_owned(),
        None => words,
    }
}
