//! What a fetch tells the core. Plain data: the core that reads it knows no socket and no file.

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
