//! What a fetch tells the core. Plain data: the core that reads it knows no socket and no file.

use capledger_schema::failure::FetchFailure;
use capledger_schema::id::OperationId;
use capledger_schema::image::ImageFacts;

/// News of a fetch. Any number of `Progress`, then exactly one `Done` or `Failed`.
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

impl FetchReport {
    /// The fetch that it is about.
    pub fn operation(&self) -> OperationId {
        match self {
            FetchReport::Progress { operation, .. }
            | FetchReport::Done { operation, .. }
            | FetchReport::Failed { operation, .. } => *operation,
        }
    }
}
