//! Taking an image in: octets stream to a temporary file beside the images, are checked and hashed on the way, and the
//! file gets its name last, after it was synced.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use capledger_schema::id::Sha256;
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use nix::fcntl::{FallocateFlags, fallocate};
use tempfile::{Builder, NamedTempFile};

use super::error::ImageError;
use super::hashing::Hashing;
use super::{PARTIAL, sync_directory};
use crate::image::info::{ImageInfo, InfoScan};

/// Octets are gathered to writes of this size.
const WRITE: usize = 1 << 18;

/// What the octets must turn out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The family asked for; none: any.
    pub family: Option<ImageFamily>,
    /// The version wanted; none: any.
    pub version: Option<ImageVersion>,
    /// The longest file that is taken, in octets.
    pub max_size: u64,
}

/// An image that is coming in. Dropped before [`Ingest::finish`], it leaves nothing behind.
pub struct Ingest {
    dir: PathBuf,
    file: NamedTempFile,
    expect: Expect,
    announced: Option<u64>,
    listed: Option<Sha256>,
    octets: u64,
    scan: InfoScan,
    /// Whether family and version have been compared with what is expected.
    compared: bool,
    hashing: Hashing,
    /// Octets that are neither hashed nor written yet.
    pending: Vec<u8>,
}

impl Ingest {
    pub(super) fn begin(dir: &Path, expect: Expect) -> Result<Self, ImageError> {
        let file = Builder::new()
            .prefix(PARTIAL)
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(dir)
            .map_err(|e| ImageError::local(dir, e))?;
        Self::over(dir, file, expect)
    }

    fn over(dir: &Path, file: NamedTempFile, expect: Expect) -> Result<Self, ImageError> {
        Ok(Ingest {
            dir: dir.to_owned(),
            file,
            expect,
            announced: None,
            listed: None,
            octets: 0,
            scan: InfoScan::new(),
            compared: false,
            hashing: Hashing::start().map_err(|e| ImageError::local(dir, e))?,
            pending: Vec::with_capacity(2 * WRITE),
        })
    }

    /// The sender says how many octets will come. What is too large, or more than the disk has room for, is refused
    /// before it has come.
    pub fn announce(&mut self, octets: u64) -> Result<(), ImageError> {
        self.expect.fits(octets)?;
        self.announced = Some(octets);
        if let Ok(len @ 1..) = i64::try_from(octets) {
            match fallocate(self.file.as_file(), FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, len) {
                // A file system that cannot reserve room tells later that it is full.
                Ok(()) | Err(nix::Error::EOPNOTSUPP | nix::Error::ENOSYS) => {}
                Err(e) => return Err(ImageError::local(self.file.path(), e.into())),
            }
        }
        Ok(())
    }

    /// The digest that the whole must turn out to have; none: any.
    pub fn must_be(&mut self, listed: Option<Sha256>) {
        self.listed = listed;
    }

    /// Octets taken so far.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Octets announced, if they were.
    pub fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// Takes the next octets. An error ends the ingest; a wrong family or version is told as soon as it can be read.
    pub fn write(&mut self, octets: &[u8]) -> Result<(), ImageError> {
        self.octets += octets.len() as u64;
        if let Some(announced) = self.announced.filter(|announced| self.octets > *announced) {
            return Err(ImageError::Overrun { announced });
        }
        self.expect.fits(self.octets)?;
        self.scan.push(octets)?;
        if let Some(info) = self.scan.info().filter(|_| !self.compared) {
            self.expect.compare(info)?;
            self.compared = true;
        }
        self.pending.extend_from_slice(octets);
        if self.pending.len() >= WRITE { self.write_pending() } else { Ok(()) }
    }

    /// Ends the file: checks that it is whole, syncs it, gives it its name and makes the name durable.
    pub fn finish(mut self) -> Result<ImageFacts, ImageError> {
        let octets = self.octets;
        if let Some(announced) = self.announced.filter(|announced| octets < *announced) {
            return Err(ImageError::CutShort { octets, announced });
        }
        self.write_pending()?;
        let info = self.scan.finish(self.announced.is_some())?;
        let digests = self.hashing.finish().map_err(|e| ImageError::local(self.file.path(), e))?;
        let found = digests.sha256;
        if let Some(listed) = self.listed.filter(|listed| *listed != found) {
            return Err(ImageError::NotAsListed { found, listed });
        }
        let local = |e| ImageError::local(self.file.path(), e);
        let file = self.file.as_file();
        file.set_permissions(Permissions::from_mode(0o400)).map_err(local)?;
        file.sync_all().map_err(local)?;
        let path = self.dir.join(digests.sha256.to_string());
        self.file.persist(&path).map_err(|e| ImageError::local(&path, e.error))?;
        sync_directory(&self.dir).map_err(|e| ImageError::local(&self.dir, e))?;
        Ok(ImageFacts {
            family: info.family,
            version: info.version,
            octets: digests.octets,
            sha256: digests.sha256,
            md5: digests.md5,
        })
    }

    fn write_pending(&mut self) -> Result<(), ImageError> {
        let written = self.file.as_file_mut().write_all(&self.pending);
        let taken = written.and_then(|()| self.hashing.take(&mut self.pending));
        taken.map_err(|e| ImageError::local(self.file.path(), e))
    }
}

impl Expect {
    /// Refuses a file that is too long.
    pub(crate) fn fits(&self, octets: u64) -> Result<(), ImageError> {
        if octets > self.max_size {
            return Err(ImageError::TooLarge { octets, limit: self.max_size });
        }
        Ok(())
    }

    /// Refuses an image of another family or version.
    pub(crate) fn compare(&self, info: &ImageInfo) -> Result<(), ImageError> {
        if let Some(wanted) = self.family.as_ref().filter(|wanted| **wanted != info.family) {
            return Err(ImageError::WrongFamily { found: info.family.clone(), wanted: wanted.clone() });
        }
        if let Some(wanted) = self.version.filter(|wanted| *wanted != info.version) {
            return Err(ImageError::WrongVersion { found: info.version, wanted });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use capledger_schema::failure::FetchFailureKind;
    use std::fs::OpenOptions;

    #[test]
    fn a_full_disk_is_told_apart_from_other_errors() {
        let dir = tempfile::tempdir().expect("a directory");
        // Writing to this device always fails as a full file system does.
        let full = OpenOptions::new().write(true).open("/dev/full").expect("the kernel's full device");
        let file = NamedTempFile::new_in(dir.path()).expect("a file").into_temp_path();
        let file = NamedTempFile::from_parts(full, file);
        let mut ingest = Ingest::over(dir.path(), file, Expect { family: None, version: None, max_size: 1 << 30 })
            .expect("a thread");
        let spec = crate::image::bundle::ImageSpec {
            family: "ap1g8".parse().expect("family"),
            version: ImageVersion([17, 9, 4, 27]),
            octets: 600_000,
            seed: 1,
        };
        let e = ingest.write(&spec.to_vec().expect("image")).expect_err("no room");
        assert!(matches!(e, ImageError::DiskFull { .. }), "{e:?}");
        let failure = e.failure();
        assert_eq!(failure.kind, FetchFailureKind::DiskFull);
        assert!(failure.words.contains("No space left on device"), "{failure}");
    }
}
