//! How the image of a WTP goes, and what was sent to it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Marks;
use crate::event::{DownloadMethod, DownloadMode};
use crate::failure::DownloadFailureKind;
use crate::id::OperationId;
use crate::image::ImageVersion;
use crate::time::Timestamp;

/// How it stands with the image of a WTP: the right half of a row of `show ap image`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageStatus {
    /// Nothing is asked of it.
    #[default]
    None,
    /// Chosen, or told, but no octet has moved.
    Initiated {
        /// To which version.
        version: ImageVersion,
        /// At join or ahead.
        mode: DownloadMode,
        /// Whether it is reset as soon as it holds the image.
        reset: bool,
        /// Failed tries so far.
        tries: u32,
    },
    /// Octets move.
    Moving {
        /// Which download.
        operation: OperationId,
        /// To which version.
        version: ImageVersion,
        /// At join or ahead.
        mode: DownloadMode,
        /// How.
        method: DownloadMethod,
        /// Whether it is reset as soon as it holds the image.
        reset: bool,
        /// When the WTP asked.
        started_at: Timestamp,
        /// Acknowledged so far.
        octets: u64,
        /// Of how many; 0 while that is not known.
        total: u64,
        /// When octets last moved, as far as events tell.
        moved_at: Timestamp,
        /// From which its rate follows.
        marks: Marks,
        /// Blocks sent again, as of the last progress; none in a ledger that does not tell it.
        retransmissions: Option<u64>,
        /// Failed tries before this one.
        tries: u32,
    },
    /// The WTP holds it, ahead of its reset.
    Complete {
        /// Which version.
        version: ImageVersion,
        /// At join or ahead.
        mode: DownloadMode,
        /// How it came.
        method: DownloadMethod,
        /// Whether it is reset as soon as it holds the image.
        reset: bool,
        /// When.
        at: Timestamp,
        /// Failed tries before it.
        tries: u32,
    },
    /// The last try failed.
    Failed {
        /// Which version.
        version: ImageVersion,
        /// At join or ahead.
        mode: DownloadMode,
        /// Whether it is reset as soon as it holds the image.
        reset: bool,
        /// Why.
        kind: DownloadFailureKind,
        /// In the other side's words.
        words: String,
        /// When.
        at: Timestamp,
        /// When it is tried again; none if never.
        next_retry: Option<Timestamp>,
        /// Failed tries.
        tries: u32,
    },
}

impl ImageStatus {
    /// Failed tries of this version.
    pub fn tries_of(&self, version: ImageVersion) -> u32 {
        if self.version() == Some(version) { self.tries() } else { 0 }
    }

    /// Failed tries of the version at hand.
    pub fn tries(&self) -> u32 {
        match self {
            ImageStatus::None => 0,
            ImageStatus::Initiated { tries, .. }
            | ImageStatus::Moving { tries, .. }
            | ImageStatus::Complete { tries, .. }
            | ImageStatus::Failed { tries, .. } => *tries,
        }
    }

    /// The version at hand.
    pub fn version(&self) -> Option<ImageVersion> {
        match self {
            ImageStatus::None => None,
            ImageStatus::Initiated { version, .. }
            | ImageStatus::Moving { version, .. }
            | ImageStatus::Complete { version, .. }
            | ImageStatus::Failed { version, .. } => Some(*version),
        }
    }

    /// Whether the WTP is to be reset as soon as it holds the image.
    pub fn resets(&self) -> bool {
        match self {
            ImageStatus::None => false,
            ImageStatus::Initiated { reset, .. }
            | ImageStatus::Moving { reset, .. }
            | ImageStatus::Complete { reset, .. }
            | ImageStatus::Failed { reset, .. } => *reset,
        }
    }
}

/// An image that a WTP acknowledged to its last block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// Which version.
    pub version: ImageVersion,
    /// How many octets.
    pub octets: u64,
    /// From the first block to the last acknowledgement.
    pub took: Duration,
    /// Blocks sent again.
    pub retransmissions: u64,
    /// When.
    pub at: Timestamp,
}
