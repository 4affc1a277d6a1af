//! Where simulated access points keep what a real one has in its flash: who it is, its certificate, its two partitions,
//! and the images that it received.
//!
//! One directory per access point (`ap-0001/`): `identity.json`, `certificate.pem`, `key.pem` (0600), `part.tar` while an
//! image comes, `VERSION.tar` once it is stored. `identity.json` is written last, so a directory without it is empty.

use std::fs::{self, DirBuilder, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use capledger_schema::id::MacAddr;
use capledger_schema::image::ImageVersion;
use serde::{Deserialize, Serialize};

use crate::net::pki::{Credentials, PkiError};

const IDENTITY: &str = "identity.json";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
const PART: &str = "part.tar";
const LOCK: &str = "lock";

/// Who an access point is, and what its partitions hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// As the price list names it.
    pub model: String,
    /// WTP Name.
    pub name: String,
    /// Location Data.
    pub site: String,
    /// Base MAC: its identity for the controller.
    pub base_mac: MacAddr,
    /// Of the wired interface.
    pub ethernet_mac: MacAddr,
    /// Serial number.
    pub serial: String,
    /// The version that runs.
    pub active: ImageVersion,
    /// The version in the other partition.
    pub backup: Option<ImageVersion>,
}

/// Why access points could not be kept or found again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or directory.
    #[error("{path}: {source}; check --image-state", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another simulation has it open.
    #[error("{path} is in use by another simulation; stop that one, or choose another --image-state", path = .0.display())]
    InUse(PathBuf),
    /// An identity that cannot be read.
    #[error("{path}: {source}; remove its directory to start with a new access point", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A certificate or key.
    #[error(transparent)]
    Pki(#[from] PkiError),
}

/// A directory of access points. One simulation holds it at a time.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    _lock: File,
}

impl Store {
    /// Opens a directory, or makes it.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another simulation has it; otherwise what the system says.
    pub fn open(dir: &Path) -> Result<Store, StoreError> {
        make_dir(dir)?;
        let path = dir.join(LOCK);
        let lock = at(&path, File::options().create(true).truncate(false).write(true).open(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Store { dir: dir.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::InUse(dir.to_owned())),
            Err(fs::TryLockError::Error(source)) => Err(StoreError::Io { path, source }),
        }
    }

    /// Where they are kept.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The identity of the access point of this number, from 1; none if it was never there.
    pub fn identity(&self, number: usize) -> Result<Option<Identity>, StoreError> {
        let path = self.flash_dir(number).join(IDENTITY);
        match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json).map(Some).map_err(|source| StoreError::Parse { path, source }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io { path, source }),
        }
    }

    /// The flash of an access point that was there before, and its credentials.
    pub fn load(&self, number: usize, identity: Identity) -> Result<(ApFlash, Credentials), StoreError> {
        let dir = self.flash_dir(number);
        let credentials = Credentials::load(&dir.join(CERTIFICATE), &dir.join(KEY))?;
        let mut flash = ApFlash { dir, identity, part: None };
        // An image that was cut off: a real one starts over, too.
        flash.discard()?;
        Ok((flash, credentials))
    }

    /// The flash of a new access point with a certificate that `make` makes. `now` dates it.
    pub fn create(
        &self,
        number: usize,
        identity: Identity,
        make: impl FnOnce(&str, SystemTime) -> Result<Credentials, PkiError>,
        now: SystemTime,
    ) -> Result<(ApFlash, Credentials), StoreError> {
        let dir = self.flash_dir(number);
        make_dir(&dir)?;
        // Left by a start that was cut short: no controller knows these.
        for name in [CERTIFICATE, KEY, PART] {
            remove(&dir.join(name))?;
        }
        let credentials = make(&common_name(&identity.model, identity.base_mac), now)?;
        credentials.save(&dir.join(CERTIFICATE), &dir.join(KEY))?;
        let flash = ApFlash { dir, identity, part: None };
        flash.write()?;
        Ok((flash, credentials))
    }

    fn flash_dir(&self, number: usize) -> PathBuf {
        self.dir.join(format!("ap-{number:04}"))
    }
}

/// The flash of one access point.
#[derive(Debug)]
pub struct ApFlash {
    dir: PathBuf,
    identity: Identity,
    part: Option<BufWriter<File>>,
}

impl ApFlash {
    /// Takes octets of an image. An offset of zero begins a new one.
    pub fn push(&mut self, offset: u64, octets: &[u8]) -> Result<(), StoreError> {
        let path = self.dir.join(PART);
        if offset == 0 {
            let file = at(&path, File::create(&path))?;
            self.part = Some(BufWriter::with_capacity(1 << 17, file));
        }
        let Some(part) = &mut self.part else { return Ok(()) };
        at(&path, part.write_all(octets))
    }

    /// The image is whole and of this version: it gets its name.
    pub fn keep(&mut self, version: ImageVersion) -> Result<(), StoreError> {
        let path = self.dir.join(PART);
        let Some(mut part) = self.part.take() else { return Ok(()) };
        at(&path, part.flush())?;
        let named = self.image(version);
        at(&named, fs::rename(&path, &named))
    }

    /// The image is of no use.
    pub fn discard(&mut self) -> Result<(), StoreError> {
        self.part = None;
        remove(&self.dir.join(PART))
    }

    /// Writes what has changed of name, site and versions; images that are in neither partition go.
    pub fn update(
        &mut self,
        name: &str,
        site: &str,
        active: ImageVersion,
        backup: Option<ImageVersion>,
    ) -> Result<(), StoreError> {
        let old = &self.identity;
        if (old.name.as_str(), old.site.as_str(), old.active, old.backup) == (name, site, active, backup) {
            return Ok(());
        }
        let gone = [Some(old.active), old.backup].into_iter().flatten();
        let gone: Vec<_> = gone.filter(|v| *v != active && Some(*v) != backup).collect();
        name.clone_into(&mut self.identity.name);
        site.clone_into(&mut self.identity.site);
        (self.identity.active, self.identity.backup) = (active, backup);
        self.write()?;
        gone.into_iter().try_for_each(|version| remove(&self.image(version)))
    }

    /// The file of a stored image.
    pub fn image(&self, version: ImageVersion) -> PathBuf {
        self.dir.join(format!("{version}.tar"))
    }

    /// Whole or not at all: under another name first.
    fn write(&self) -> Result<(), StoreError> {
        let (path, new) = (self.dir.join(IDENTITY), self.dir.join(".identity.json.new"));
        let mut json = serde_json::to_vec_pretty(&self.identity).expect("plain data has a JSON form");
        json.push(b'\n');
        at(&new, fs::write(&new, json))?;
        at(&path, fs::rename(&new, &path))
    }
}

/// The subject of an access point's certificate, as vendors write it: `C9105AXI-2c5a0f406920`.
pub(super) fn common_name(model: &str, base_mac: MacAddr) -> String {
    // The regulatory domain is the box's, not the machine's. X.520 allows 64 characters.
    let model: String = model.split("-B").next().unwrap_or(model).chars().take(50).collect();
    let digits = base_mac.to_string().replace('.', "");
    format!("{model}-{digits}")
}

fn make_dir(path: &Path) -> Result<(), StoreError> {
    at(path, DirBuilder::new().recursive(true).mode(0o700).create(path))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(StoreError::Io { path: path.to_owned(), source: e }),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, StoreError> {
    result.map_err(|source| StoreError::Io { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;
    const OLD: ImageVersion = ImageVersion([17, 3, 3, 26]);
    const NEW: ImageVersion = ImageVersion([17, 9, 4, 27]);

    fn identity() -> Identity {
        Identity {
            model: "C9105AXI-B".to_owned(),
            name: "AP-POD-2-2".to_owned(),
            site: "lab".to_owned(),
            base_mac: MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x20]),
            ethernet_mac: MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x2c]),
            serial: "FCW2401X".to_owned(),
            active: OLD,
            backup: None,
        }
    }

    #[test]
    fn an_access_point_comes_back_with_its_certificate_and_its_versions() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path()).expect("opens");
        assert_eq!(store.identity(1).expect("reads"), None);
        let (mut flash, credentials) = store.create(1, identity(), Credentials::self_signed_wtp, NOW).expect("made");
        flash.update("renamed", "lab", OLD, Some(NEW)).expect("written");
        drop((flash, store));

        let store = Store::open(dir.path()).expect("opens");
        let found = store.identity(1).expect("reads").expect("there");
        assert_eq!((found.name.as_str(), found.active, found.backup), ("renamed", OLD, Some(NEW)));
        let (_, again) = store.load(1, found).expect("loads");
        assert_eq!(again.fingerprint(), credentials.fingerprint());
    }

    #[test]
    fn a_received_image_is_kept_under_its_version_for_as_long_as_a_partition_holds_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path()).expect("opens");
        let (mut flash, _) = store.create(1, identity(), Credentials::self_signed_wtp, NOW).expect("made");
        flash.push(0, b"half an ").expect("written");
        flash.push(0, b"an image").expect("written");
        flash.push(8, b", whole").expect("written");
        flash.keep(NEW).expect("kept");
        flash.update("n", "s", NEW, Some(OLD)).expect("written");
        assert_eq!(fs::read(flash.image(NEW)).expect("there"), b"an image, whole");
        let next = ImageVersion([17, 12, 1, 5]);
        flash.update("n", "s", next, Some(NEW)).expect("written");
        assert!(flash.image(NEW).exists());
        flash.update("n", "s", next, Some(OLD)).expect("written");
        assert!(!flash.image(NEW).exists());
    }

    #[test]
    fn an_image_that_was_cut_off_is_gone_after_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path()).expect("opens");
        let (mut flash, _) = store.create(1, identity(), Credentials::self_signed_wtp, NOW).expect("made");
        flash.push(0, &vec![7; 200_000]).expect("written");
        let part = flash.dir.join(PART);
        drop(flash);
        assert!(part.exists());
        store.load(1, identity()).expect("loads");
        assert!(!part.exists());
    }

    #[test]
    fn two_simulations_do_not_share_a_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let _held = Store::open(dir.path()).expect("opens");
        let error = Store::open(dir.path()).expect_err("held").to_string();
        assert!(error.contains("is in use by another simulation"), "{error}");
    }

    #[test]
    fn a_start_that_was_cut_short_does_not_keep_an_access_point_from_being_made() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path()).expect("opens");
        store.create(1, identity(), Credentials::self_signed_wtp, NOW).expect("made");
        fs::remove_file(dir.path().join("ap-0001").join(IDENTITY)).expect("removed");
        assert_eq!(store.identity(1).expect("reads"), None);
        store.create(1, identity(), Credentials::self_signed_wtp, NOW).expect("made anew");
    }

    #[test]
    fn an_identity_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path()).expect("opens");
        store.create(1, identity(), Credentials::self_signed_wtp, NOW).expect("made");
        fs::write(dir.path().join("ap-0001").join(IDENTITY), "{}").expect("written");
        let error = store.identity(1).expect_err("broken").to_string();
        assert!(error.contains("ap-0001/identity.json") && error.contains("remove its directory"), "{error}");
    }
}
