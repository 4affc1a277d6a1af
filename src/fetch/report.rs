//! What a fetch tells the core. Plain data: the core that reads it knows no socket and no file.

use std::fmt;

use capledger_schema::event::ServerKeyKind;
use capledger_schema::failure::FetchFailure;
use capledger_schema::id::{OperationId, Sha256};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};

/// News of a fetch. Any number of `Progress`, at most one `ServerKey`, then exactly one `Done`, `Probed` or `Failed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchReport {
    /// Octets moved. At most every 250 ms or 1 % of the total, whichever comes first.
    Progress {
        /// The fetch.
        operation: OperationId,
        /// Octets taken so far; never less than in the report before.
        octets: u64,
        /// Of how many, once the server has said so.
        total: Option<u64>,
    },
    /// The server showed its key, and none was pinned.
    ServerKey {
        /// The fetch.
        operation: OperationId,
        /// The key.
        key: ServerKey,
    },
    /// What a probe's file is, by its first octets; nothing of it was kept.
    Probed {
        /// The probe.
        operation: OperationId,
        /// Its family.
        family: ImageFamily,
        /// Its version.
        version: ImageVersion,
        /// How long the file is, if the server said so.
        octets: Option<u64>,
    },
    /// The image is checked, durable, and in the cache.
    Done {
        /// The fetch.
        operation: OperationId,
        /// What it is.
        image: ImageFacts,
    },
    /// No image came of it, and nothing is left of it on the disk.
    Failed {
        /// The fetch.
        operation: OperationId,
        /// Why.
        failure: FetchFailure,
        /// Octets that had come.
        octets: u64,
    },
}

/// The key that an image server showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerKey {
    /// As in the URL.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Of SSH or of TLS.
    pub kind: ServerKeyKind,
    /// `ssh-ed25519`, `x509`, ...
    pub algorithm: String,
    /// SHA-256 of the key (SSH) or of the certificate (TLS).
    pub fingerprint: Sha256,
}

/// The key that an image server must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPin {
    /// `ssh-ed25519`, `x509`, ...
    pub algorithm: String,
    /// SHA-256 of the key (SSH) or of the certificate (TLS).
    pub fingerprint: Sha256,
}

impl fmt::Display for ServerPin {
    /// As `ssh-keygen -l` prints it: `ssh-ed25519 SHA256:BASE64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} SHA256:{}", self.algorithm, base64(&self.fingerprint.0))
    }
}

/// RFC 4648 section 4, without padding.
fn base64(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in octets.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - group.len()));
        for digit in 0..=group.len() {
            out.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    out
}

impl FetchReport {
    /// The fetch that it is about.
    pub fn operation(&self) -> OperationId {
        match self {
            FetchReport::Progress { operation, .. }
            | FetchReport::ServerKey { operation, .. }
            | FetchReport::Probed { operation, .. }
            | FetchReport::Done { operation, .. }
            | FetchReport::Failed { operation, .. } => *operation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_printed_as_ssh_keygen_prints_it() {
        for (text, wanted) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text.as_bytes()), wanted);
        }
        let pin = ServerPin { algorithm: "ssh-ed25519".into(), fingerprint: Sha256([0xff; 32]) };
        assert_eq!(pin.to_string(), "ssh-ed25519 SHA256://////////////////////////////////////////8");
    }
}
