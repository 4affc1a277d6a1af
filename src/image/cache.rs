//! The images that the controller holds: `<data-dir>/images/<sha256>`, one file each, named by its content.
//!
//! A file gets its name only after it was checked, hashed and synced, so a crash leaves no half image under a name.
//! What the catalogue (a fold of the ledger) says of an image is checked against the file when it is opened, and again
//! part by part as it is read. The cache decides nothing about which images are kept.

mod error;
mod hashing;
mod ingest;
mod open;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use capledger_schema::id::Sha256;
use capledger_schema::image::ImageFacts;

pub use error::ImageError;
pub use ingest::{Expect, Ingest};
pub use open::OpenImage;
use open::Parts;

/// Begins the names of files that are still being written.
const PARTIAL: &str = ".partial-";

/// The images of one data directory. Clones are handles to the same cache.
///
/// One process at a time may have a data directory open: the ledger's lock sees to that, so open it first.
#[derive(Clone, Debug)]
pub struct ImageCache {
    dir: PathBuf,
    parts: Arc<Parts>,
}

/// How the files differ from the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// In the catalogue, but no file of that length is there.
    pub missing: Vec<ImageFacts>,
    /// A file, but not in the catalogue: a crash came between the two. [`ImageCache::remove`] frees the room.
    pub orphans: Vec<Sha256>,
}

impl ImageCache {
    /// The cache under a data directory, made if need be. Removes what a crash left half written.
    pub fn open(data_dir: &Path) -> Result<Self, ImageError> {
        let dir = data_dir.join("images");
        let local = |e| ImageError::local(&dir, e);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(local)?;
        for name in file_names(&dir).map_err(local)? {
            if name.starts_with(PARTIAL) {
                fs::remove_file(dir.join(name)).map_err(local)?;
            }
        }
        Ok(ImageCache { dir, parts: Arc::new(Parts::default()) })
    }

    /// Begins to take in an image whose octets are about to come.
    pub fn ingest(&self, expect: Expect) -> Result<Ingest, ImageError> {
        Ingest::begin(&self.dir, expect)
    }

    /// Opens an image of the catalogue after reading all of it and comparing length and SHA-256.
    ///
    /// Takes as long as reading and hashing does, about 100 ms for 70 MB.
    pub fn open_image(&self, image: &ImageFacts) -> Result<OpenImage, ImageError> {
        OpenImage::open(&self.path(image.sha256), image, Arc::clone(&self.parts))
    }

    /// Octets that can still be written where the images are.
    pub fn free(&self) -> Result<u64, ImageError> {
        let stat = nix::sys::statvfs::statvfs(&self.dir).map_err(|e| ImageError::local(&self.dir, e.into()))?;
        Ok(stat.blocks_available() * stat.fragment_size())
    }

    /// Removes an image; one that is not there is no error. Readers that have it open keep it until they end.
    pub fn remove(&self, image: Sha256) -> Result<(), ImageError> {
        let path = self.path(image);
        match fs::remove_file(&path) {
            Ok(()) => sync_directory(&self.dir).map_err(|e| ImageError::local(&self.dir, e)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(ImageError::local(&path, e)),
        }
    }

    /// Compares the files with the catalogue, by name and length; [`ImageCache::open_image`] compares content.
    pub fn reconcile<'a>(&self, catalogue: impl IntoIterator<Item = &'a ImageFacts>) -> Result<Reconciled, ImageError> {
        let local = |e| ImageError::local(&self.dir, e);
        let mut files: BTreeSet<Sha256> =
            file_names(&self.dir).map_err(local)?.iter().filter_map(|name| name.parse().ok()).collect();
        let mut out = Reconciled::default();
        for image in catalogue {
            files.remove(&image.sha256);
            match fs::metadata(self.path(image.sha256)) {
                Ok(m) if m.is_file() && m.len() == image.octets => {}
                Ok(_) => out.missing.push(image.clone()),
                Err(e) if e.kind() == io::ErrorKind::NotFound => out.missing.push(image.clone()),
                Err(e) => return Err(local(e)),
            }
        }
        out.orphans = files.into_iter().collect();
        Ok(out)
    }

    /// Where the file of this image is, or would be.
    pub fn path(&self, image: Sha256) -> PathBuf {
        self.dir.join(image.to_string())
    }
}

fn file_names(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        // Names of ours are ASCII; any other is not ours to touch.
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

/// Makes the entries of a directory durable.
fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
