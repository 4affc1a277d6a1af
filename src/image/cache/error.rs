//! What can go wrong with an image in the cache, and what an event says of it.

use std::io;
use std::path::{Path, PathBuf};

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::id::Sha256;
use capledger_schema::image::{ImageFamily, ImageVersion};

use crate::image::info::InfoError;

/// Why an image could not be taken in, opened or read.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The octets are no whole image.
    #[error(transparent)]
    Info(#[from] InfoError),
    /// An image of another family than the one asked for.
    #[error("the file is an image of family {found}, not {wanted}")]
    WrongFamily {
        /// As its info says.
        found: ImageFamily,
        /// As asked for.
        wanted: ImageFamily,
    },
    /// An image of another version than the one wanted.
    #[error("the file is version {found}, not {wanted}")]
    WrongVersion {
        /// As its info says.
        found: ImageVersion,
        /// As wanted.
        wanted: ImageVersion,
    },
    /// Longer than the limit.
    #[error("{octets} octets or more; the limit is {limit} (ap image max-size)")]
    TooLarge {
        /// Announced, or come so far.
        octets: u64,
        /// In octets.
        limit: u64,
    },
    /// Longer than announced.
    #[error("more than the announced {announced} octets came")]
    Overrun {
        /// In octets.
        announced: u64,
    },
    /// Shorter than announced.
    #[error("{octets} of the announced {announced} octets came")]
    CutShort {
        /// In octets.
        octets: u64,
        /// In octets.
        announced: u64,
    },
    /// It is not what the list of digests beside it says.
    #[error("SHA-256 is {found}, and SHA256SUMS beside the image says {listed}")]
    NotAsListed {
        /// Of what came.
        found: Sha256,
        /// As listed.
        listed: Sha256,
    },
    /// The file of the cache is not what the catalogue says; it must be fetched again.
    #[error("{path}: damaged at octet {at}; remove the image and add it again")]
    Damaged {
        /// The file of the cache.
        path: PathBuf,
        /// Begin of the first part that differs; 0 if only the whole could be compared.
        at: u64,
    },
    /// Outside the image was asked for.
    #[error("{path}: octets {offset} to {end} were asked for, and it has {octets}")]
    OutOfRange {
        /// The file of the cache.
        path: PathBuf,
        /// First octet asked for.
        offset: u64,
        /// One past the last octet asked for.
        end: u64,
        /// Length of the image.
        octets: u64,
    },
    /// The file system has no room.
    #[error("{path}: {source}; free some room, or remove images (install remove inactive)")]
    DiskFull {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system said something else.
    #[error("{path}: {source}")]
    Local {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ImageError {
    /// An error of the file system at a path, with a full one told apart.
    pub(super) fn local(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            ImageError::DiskFull { path, source }
        } else {
            ImageError::Local { path, source }
        }
    }

    /// What an event says of it.
    pub fn failure(&self) -> FetchFailure {
        let kind = match self {
            ImageError::Info(e) => return e.failure(),
            ImageError::WrongFamily { .. } => FetchFailureKind::WrongFamily,
            ImageError::WrongVersion { .. } => FetchFailureKind::WrongVersion,
            ImageError::TooLarge { .. } | ImageError::Overrun { .. } => FetchFailureKind::TooLarge,
            ImageError::CutShort { .. } => FetchFailureKind::CutShort,
            ImageError::Damaged { .. } | ImageError::NotAsListed { .. } => FetchFailureKind::Corrupt,
            ImageError::DiskFull { .. } => FetchFailureKind::DiskFull,
            ImageError::OutOfRange { .. } | ImageError::Local { .. } => FetchFailureKind::Local,
        };
        FetchFailure::new(kind, self.to_string())
    }
}
