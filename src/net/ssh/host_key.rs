//! The controller's SSH host key: Ed25519, made at the first start, kept in the data directory and closed to others.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};

/// Its file in the data directory.
pub const FILE: &str = "ssh_host_ed25519_key";

/// Octets of the file at most.
const FILE_LIMIT: u64 = 64 << 10;

/// Why there is no host key.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// The file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is no key.
    #[error("{}: {source}; remove it to have a new one made, which clients will then have to accept", path.display())]
    NoKey {
        /// Which.
        path: PathBuf,
        /// Why.
        source: russh::keys::ssh_key::Error,
    },
    /// A file that others can read.
    #[error("{}: mode {mode:04o} opens it to others; run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// The host key of a data directory.
pub fn load_or_create(dir: &Path) -> Result<PrivateKey, HostKeyError> {
    let path = dir.join(FILE);
    let failed = |source| HostKeyError::File { path: path.clone(), source };
    match File::open(&path) {
        Ok(file) => {
            let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
            if mode.trailing_zeros() < 6 {
                return Err(HostKeyError::Exposed { path, mode });
            }
            let mut text = String::new();
            file.take(FILE_LIMIT).read_to_string(&mut text).map_err(failed)?;
            PrivateKey::from_openssh(&text).map_err(|source| HostKeyError::NoKey { path, source })
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let key = KeypairData::from(Ed25519Keypair::from_seed(&random().map_err(failed)?));
            let key = PrivateKey::new(key, "capledger");
            let text = key.and_then(|key| Ok((key.to_openssh(LineEnding::LF)?, key)));
            let (text, key) = text.map_err(|source| HostKeyError::NoKey { path: path.clone(), source })?;
            create(&path, text.as_bytes()).map_err(failed)?;
            Ok(key)
        }
        Err(e) => Err(failed(e)),
    }
}

#[expect(clippy::disallowed_methods, reason = "this shell makes the key, once")]
fn random() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    openssl::rand::rand_bytes(&mut seed).map_err(io::Error::other)?;
    Ok(seed)
}

/// Whole or not at all: under another name, synced, renamed.
fn create(path: &Path, octets: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(octets)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_key_is_made_once_and_closed_to_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = load_or_create(dir.path()).expect("a key");
        let again = load_or_create(dir.path()).expect("the same");
        assert_eq!(first.public_key(), again.public_key());
        let mode = std::fs::metadata(dir.path().join(FILE)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let other = tempfile::tempdir().expect("a directory");
        assert_ne!(load_or_create(other.path()).expect("a key").public_key(), first.public_key());
    }

    #[test]
    fn a_file_that_is_no_key_or_open_to_others_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(FILE);
        create(&path, b"nonsense").expect("written");
        let words = load_or_create(dir.path()).expect_err("no key").to_string();
        assert!(words.contains("remove it to have a new one made"), "{words}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("changed");
        let words = load_or_create(dir.path()).expect_err("exposed").to_string();
        assert!(words.contains("mode 0644") && words.contains("chmod 600"), "{words}");
    }
}
