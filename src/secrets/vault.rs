//! The vault: the key and the file of ciphertexts beside the ledger, both closed to others (mode 0600).
//!
//! `secrets.key` is made at the first start and never changed. `secrets.sealed` holds one ciphertext per line and is
//! written whole under another name, synced and renamed, so a crash leaves the old or the new one. A secret is kept
//! before the event that names it is written, and erased once no setting names it any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use capledger_schema::id::SecretId;
use capledger_schema::project::{Config, Projection, State};
use capledger_schema::{Envelope, Event};

use super::sealed::parse_id;
use super::{Key, Plain, Sealed, SecretError, Secrets, Typed};

const KEY_FILE: &str = "secrets.key";
const SEALED_FILE: &str = "secrets.sealed";
const HEADER: &str =
    "# Sealed secrets of the configuration. To erase one, take it out of the configuration and save.\n";
/// Octets that either file has at most.
const FILE_LIMIT: u64 = 16 << 20;

/// The secrets of a controller. Every method may be called from any thread.
#[derive(Debug)]
pub struct Vault {
    key: Key,
    /// None: kept in memory alone.
    file: Option<PathBuf>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    known: BTreeMap<SecretId, Sealed>,
    /// Kept for a change of the configuration that is under way.
    awaited: BTreeMap<SecretId, usize>,
}

impl Vault {
    /// The vault of a data directory; directory and key are made where they are missing.
    pub fn open(dir: &Path) -> Result<Self, SecretError> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| failed(dir, e))?;
        let file = dir.join(SEALED_FILE);
        let known = read_sealed(&file)?;
        let key = read_or_make_key(&dir.join(KEY_FILE))?;
        let inner = Mutex::new(Inner { known, awaited: BTreeMap::new() });
        Ok(Vault { key, file: Some(file), inner })
    }

    /// A vault that forgets: for simulations and tests.
    pub fn in_memory(key: Key) -> Self {
        Vault { key, file: None, inner: Mutex::default() }
    }

    /// Stores secrets, durably, and holds them until the guard is dropped: by then a setting must name them.
    pub fn keep(&self, secrets: &[Sealed]) -> Result<Kept<'_>, SecretError> {
        let mut inner = self.lock();
        let new: Vec<_> = secrets.iter().filter(|s| inner.known.get(&s.id()) != Some(s)).collect();
        if !new.is_empty() {
            let mut known = inner.known.clone();
            known.extend(new.into_iter().map(|s| (s.id(), s.clone())));
            self.write(&known)?;
            inner.known = known;
        }
        let ids: Vec<_> = secrets.iter().map(Sealed::id).collect();
        for id in &ids {
            *inner.awaited.entry(*id).or_default() += 1;
        }
        Ok(Kept { vault: self, ids })
    }

    /// A secret in clear.
    ///
    /// # Errors
    /// [`SecretError::Unknown`], [`SecretError::OtherKey`].
    pub fn reveal(&self, id: SecretId) -> Result<Plain, SecretError> {
        let sealed = self.sealed(id).ok_or(SecretError::Unknown { id })?;
        self.key.open(&sealed)
    }

    /// Erases every secret but these, and those that a change under way waits for.
    pub fn retain(&self, used: &BTreeSet<SecretId>) -> Result<(), SecretError> {
        let mut inner = self.lock();
        let stays = |id: &SecretId| used.contains(id) || inner.awaited.contains_key(id);
        let known: BTreeMap<_, _> =
            inner.known.iter().filter(|(id, _)| stays(id)).map(|(id, s)| (*id, s.clone())).collect();
        if known.len() < inner.known.len() {
            self.write(&known)?;
            inner.known = known;
        }
        Ok(())
    }

    fn write(&self, known: &BTreeMap<SecretId, Sealed>) -> Result<(), SecretError> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut text = HEADER.to_owned();
        for sealed in known.values() {
            let _ = writeln!(text, "{sealed}");
        }
        replace(file, text.as_bytes()).map_err(|e| failed(file, e))
    }

    /// Every change leaves the map whole, so a lock that a panic poisoned is as good as any.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secrets for Vault {
    fn seal(&self, typed: &Typed) -> Result<Sealed, SecretError> {
        match typed {
            Typed::Clear(secret) => self.key.seal(secret),
            Typed::Untold(secret) => match secret.expose().split_once(' ') {
                Some((kind, _)) if kind.bytes().all(|b| b.is_ascii_digit()) => Err(SecretError::Type(kind.to_owned())),
                Some(_) | None => self.key.seal(secret),
            },
            Typed::Sealed(text) => {
                let sealed = match parse_id(text) {
                    Some(id) => self.sealed(id).ok_or(SecretError::Unknown { id })?,
                    None => text.parse()?,
                };
                self.key.open(&sealed)?;
                Ok(sealed)
            }
        }
    }

    fn sealed(&self, id: SecretId) -> Option<Sealed> {
        self.lock().known.get(&id).cloned()
    }
}

/// Holds secrets for a change of the configuration that is under way.
#[derive(Debug)]
pub struct Kept<'a> {
    vault: &'a Vault,
    ids: Vec<SecretId>,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let mut inner = self.vault.lock();
        for id in &self.ids {
            if let Some(n) = inner.awaited.get_mut(id) {
                *n -= 1;
                if *n == 0 {
                    inner.awaited.remove(id);
                }
            }
        }
    }
}

/// The ciphertexts of a data directory, without the key: what a replay can print.
#[derive(Debug, Default)]
pub struct Ciphertexts(BTreeMap<SecretId, Sealed>);

impl Ciphertexts {
    /// Those of a data directory; none where there is no file.
    pub fn read(dir: &Path) -> Result<Self, SecretError> {
        read_sealed(&dir.join(SEALED_FILE)).map(Ciphertexts)
    }
}

impl Secrets for Ciphertexts {
    fn seal(&self, _: &Typed) -> Result<Sealed, SecretError> {
        Err(SecretError::NoKey)
    }

    fn sealed(&self, id: SecretId) -> Option<Sealed> {
        self.0.get(&id).cloned()
    }
}

/// Erases what neither the running configuration nor the startup configuration names any more. A fold, so that it follows
/// durable events and no intent.
#[derive(Debug)]
pub struct Eraser {
    vault: std::sync::Arc<Vault>,
    config: Config,
    /// Those that the startup configuration names.
    saved: BTreeSet<SecretId>,
}

impl Eraser {
    /// Erases what these configurations do not name, and from then on what changes leave behind.
    pub fn new(vault: std::sync::Arc<Vault>, state: &State) -> Result<Self, SecretError> {
        vault.retain(&state.secrets())?;
        let saved = state.saved.iter().flat_map(|saved| saved.config.secrets()).collect();
        Ok(Eraser { vault, config: state.config.clone(), saved })
    }

    fn used(&self) -> BTreeSet<SecretId> {
        &self.config.secrets() | &self.saved
    }
}

impl Projection for Eraser {
    fn apply(&mut self, envelope: &Envelope) {
        let before = self.used();
        self.config.apply(envelope);
        if let Event::ConfigurationChanged { startup: true, .. } | Event::ConfigurationSaved { .. } = &envelope.event {
            self.saved = self.config.secrets();
        }
        let after = self.used();
        if after != before
            && let Err(error) = self.vault.retain(&after)
        {
            tracing::error!(%error, "a secret that is not used any more could not be erased; the next start tries again");
        }
    }
}

fn failed(path: &Path, source: io::Error) -> SecretError {
    SecretError::File { path: path.to_owned(), source }
}

/// The text of a file that only its owner may open; none if there is none.
fn read_closed(path: &Path) -> Result<Option<String>, SecretError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed(path, e)),
    };
    let mode = file.metadata().map_err(|e| failed(path, e))?.mode() & 0o7777;
    // Nothing for the group, nothing for others: the lower six bits.
    if mode.trailing_zeros() < 6 {
        return Err(SecretError::Exposed { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    file.take(FILE_LIMIT).read_to_string(&mut text).map_err(|e| failed(path, e))?;
    Ok(Some(text))
}

fn read_sealed(path: &Path) -> Result<BTreeMap<SecretId, Sealed>, SecretError> {
    let text = read_closed(path)?.unwrap_or_default();
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(n, line)| match line.parse::<Sealed>() {
            Ok(sealed) => Ok((sealed.id(), sealed)),
            Err(_) => Err(SecretError::Damaged { path: path.to_owned(), line: n + 1 }),
        })
        .collect()
}

fn read_or_make_key(path: &Path) -> Result<Key, SecretError> {
    loop {
        if let Some(text) = read_closed(path)? {
            let key = parse_key(text.trim_end()).ok_or_else(|| SecretError::BadKey { path: path.to_owned() })?;
            return Key::new(&key);
        }
        let digits: String = random()?.iter().fold(String::new(), |text, octet| format!("{text}{octet:02x}"));
        // Another process may be making one as well: the first one stands, and both read it.
        match create(path, format!("{digits}\n").as_bytes()) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(failed(path, e)),
        }
    }
}

fn parse_key(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (octet, at) in key.iter_mut().zip((0..64).step_by(2)) {
        *octet = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(key)
}

#[expect(clippy::disallowed_methods, reason = "this shell makes the key, once")]
fn random() -> Result<[u8; 32], SecretError> {
    let mut octets = [0; 32];
    openssl::rand::rand_bytes(&mut octets)?;
    Ok(octets)
}

/// Makes a whole file or none.
fn create(path: &Path, octets: &[u8]) -> io::Result<()> {
    let staging = tempfile::Builder::new()
        .prefix(KEY_FILE)
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(parent(path))?;
    staging.as_file().write_all(octets)?;
    staging.as_file().sync_all()?;
    staging.persist_noclobber(path).map_err(|e| e.error)?;
    File::open(parent(path))?.sync_all()
}

fn replace(path: &Path, octets: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(parent(path))?.sync_all()
}

fn parent(path: &Path) -> &Path {
    path.parent().expect("the files of a vault lie in a directory")
}

#[cfg(test)]
mod tests;
