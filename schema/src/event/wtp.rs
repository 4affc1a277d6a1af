//! What the events of WTPs and their downloads are made of.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{MacAddr, SessionId, Sha256, WtpId};
use crate::image::{ImageFamily, ImageVersion};

/// Who a WTP is in an event: enough to write its log line without looking anything up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WtpAddress {
    /// Who, across sessions.
    pub id: WtpId,
    /// WTP Name (RFC 5415 4.6.45).
    pub name: String,
    /// Base MAC; the session's peer may have sent none.
    pub base_mac: MacAddr,
    /// Ethernet MAC, where it was told.
    pub ethernet_mac: MacAddr,
    /// The WTP's end of the control channel.
    pub wtp: SocketAddr,
    /// The controller's end.
    pub ac: SocketAddr,
}

/// What a WTP said of itself when it joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WtpInventory {
    /// WTP Board Data, model number.
    pub model: String,
    /// WTP Board Data, serial number.
    pub serial: String,
    /// The image family of that model; none if the model is not in the table.
    pub family: Option<ImageFamily>,
    /// Active software version.
    pub version: Option<ImageVersion>,
    /// Other (backup) software version.
    pub backup: Option<ImageVersion>,
    /// Location Data: the site.
    pub location: String,
    /// Radios, in use and at most.
    pub radios: u8,
}

/// Why a WTP was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// Another certificate than the one pinned at its first join.
    CertificateChanged,
    /// The certificate is not signed by the configured authority.
    CertificateUntrusted,
    /// Neither a Base MAC, nor a CN, nor a PSK identity.
    NoIdentity,
    /// `capwap max-sessions`.
    TooManySessions,
    /// A mandatory element is missing and `capwap strict` is set.
    MissingElements,
    /// The DTLS handshake failed.
    HandshakeFailed,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisjoinReason {
    /// The WTP holds the new image and resets into it.
    ImageDownloadSuccess,
    /// The image did not come, or not whole.
    ImageDownloadFailed,
    /// No authenticated packet for too long.
    EchoTimeout,
    /// The WTP closed the DTLS session.
    DtlsClosed,
    /// No response within the retransmission limit.
    RetransmitLimit,
    /// An operator reset it.
    ResetByOperator,
    /// The controller reset it into the image that it holds.
    ResetByController,
    /// The same WTP joined anew.
    ReplacedByNewerSession,
    /// WaitJoin or ChangeStatePending ran out before Run.
    JoinTimedOut,
    /// The controller stopped.
    ControllerStopped,
    /// The WTP broke the protocol beyond what can be tolerated.
    ProtocolError,
    /// No Data Channel Keep-Alive came before the DataCheckTimer ran out (RFC 5415 4.7.4): it could not have served.
    DataChannelDown,
}

/// A message that was turned away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedMessage {
    /// Its session.
    pub session: SessionId,
    /// RFC 5415's name, or the number; behind it the image's name, if it asked for one that is not known.
    pub message: String,
    /// The state in which it came.
    pub state: String,
    /// The result code that answered it, if it was answered (RFC 5415 4.6.35).
    pub result: Option<u32>,
}

/// A crash log or memory dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransferredData {
    /// Its session.
    pub session: SessionId,
    /// Data Transfer Mode (RFC 5415 4.6.16).
    pub mode: u8,
    /// How many octets came.
    pub octets: u64,
    /// Their digest.
    pub sha256: Sha256,
    /// The first of them, as text, at most 2,048 characters.
    pub excerpt: String,
}

/// When the image goes to the WTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DownloadMode {
    /// Before it serves: the WTP resets by itself afterwards (RFC 5415 9.1 figure 6).
    Join,
    /// While it serves: a Reset Request comes later (figure 8).
    Predownload,
}

/// How the octets go to the WTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DownloadMethod {
    /// Image Data Requests on the control channel.
    Capwap,
}
