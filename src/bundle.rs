//! AP bundles as vendors hand them out: what one holds, whether it can be served, and how it is unpacked.
//!
//! A bundle is a folder, a ZIP or a tar with one image file per family, named by it and without an extension. An image
//! is itself a tar archive, told apart by its `info` member. Archives come from anywhere: nothing of one is written
//! before all of its names and sizes were judged, and no limit of it is believed.

mod archive;
mod check;
mod digest;
mod report;
mod unpack;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use check::check;
pub use digest::{BadDigest, KnownDigest};
pub use report::{BundleFile, BundleReport, Listed, MissingFamily, Problem, Role};
pub use unpack::{Placed, Progress, Stage, UnpackOptions, Unpacked, unpack};

/// What an archive may hold at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Members of any kind.
    pub members: usize,
    /// Octets of one member, unpacked.
    pub member_octets: u64,
    /// Octets of all members, unpacked.
    pub octets: u64,
}

impl Default for Limits {
    /// Several times what any bundle has: a dozen images of about 70 MB, and a controller's own of 1.5 GB.
    fn default() -> Self {
        Limits { members: 4_096, member_octets: 4 << 30, octets: 16 << 30 }
    }
}

/// What was given as a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A folder of files.
    Directory,
    /// One image by itself.
    Image,
    /// A ZIP archive.
    Zip,
    /// A tar archive that is no image.
    Tar,
    /// A tar archive, compressed with gzip.
    TarGz,
}

impl Form {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Form::Directory => "folder",
            Form::Image => "single image",
            Form::Zip => "ZIP archive",
            Form::Tar => "tar archive",
            Form::TarGz => "gzipped tar archive",
        }
    }

    /// Whether the files in it must be unpacked before a server can hand them out.
    pub fn is_packed(self) -> bool {
        matches!(self, Form::Zip | Form::Tar | Form::TarGz)
    }
}

/// Why a bundle could not be looked at, or not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file system said so.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither a folder nor an archive that is known here.
    #[error("{path}: {why}; give a folder of images, or the bundle as it was downloaded (.zip, .tar, .tar.gz)")]
    NotABundle {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        why: String,
    },
    /// The archive breaks off, or its parts do not fit together.
    #[error("{path}: the archive is damaged: {why}; download it again and compare its digest (--digest)")]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// Where and how.
        why: String,
    },
    /// A member that no bundle has and an attacker would write.
    #[error("{path}: member `{member}` {why}; nothing was unpacked")]
    Hostile {
        /// The archive.
        path: PathBuf,
        /// The member, as it names itself.
        member: String,
        /// What is wrong with it.
        why: String,
    },
    /// More, or larger, than a bundle can be.
    #[error("{path}: {what}; the limit is {limit}, and no AP bundle comes near it")]
    TooLarge {
        /// The archive.
        path: PathBuf,
        /// What there is too much of.
        what: String,
        /// How much is allowed.
        limit: u64,
    },
    /// The archive is not the one whose digest was given.
    #[error("{path}: its {algorithm} is {found}, not {wanted}: not what the vendor published; download it again")]
    WrongDigest {
        /// The archive.
        path: PathBuf,
        /// `MD5`, `SHA-256` or `SHA-512`.
        algorithm: &'static str,
        /// Of the file.
        found: String,
        /// As given.
        wanted: String,
    },
    /// Only archives can be unpacked.
    #[error("{path}: a {}; there is nothing to unpack (capledger bundle check says what it holds)", form.words())]
    NotPacked {
        /// What was given.
        path: PathBuf,
        /// What it is.
        form: Form,
    },
    /// A file of that name is there and is another.
    #[error("{path}: there already, and a different file; remove it, choose another folder, or replace it (--force)")]
    InTheWay {
        /// The file.
        path: PathBuf,
    },
    /// The disk has no room for it.
    #[error("{path}: the bundle needs {needed} octets and {free} are free; free some, or choose another folder")]
    NoRoom {
        /// The folder.
        path: PathBuf,
        /// Octets of what would be written.
        needed: u64,
        /// Octets that are free.
        free: u64,
    },
}

impl BundleError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> BundleError + '_ {
        |source| BundleError::Io { path: path.to_owned(), source }
    }

    fn damaged(path: &Path, why: &impl ToString) -> BundleError {
        BundleError::Damaged { path: path.to_owned(), why: why.to_string() }
    }
}
