//! The SSH host key: made at the first start, kept in the data directory with mode 0600, and never changed, since
//! clients pin it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{HashAlg, PrivateKey};

/// Its name in the data directory.
const FILE: &str = "ssh_host_ed25519_key";

/// Why there is no host key.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// The file system said so.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is there is no key.
    #[error(
        "{path}: not a private key in OpenSSH's form ({words}); remove it to have a new one made (clients that know the old one must then be told)"
    )]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        words: String,
    },
    /// Others can read it.
    #[error("{path}: mode {mode:04o} opens it to others; run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// The host key of a data directory; made if it is not there.
///
/// # Errors
/// [`HostKeyError`].
pub fn load_or_make(data_dir: &Path) -> Result<PrivateKey, HostKeyError> {
    let path = data_dir.join(FILE);
    let failed = |source| HostKeyError::Io { path: path.clone(), source };
    match fs::read_to_string(&path) {
        Ok(text) => {
            let mode = fs::metadata(&path).map_err(failed)?.permissions().mode() & 0o7777;
            if mode & 0o077 != 0 {
                return Err(HostKeyError::Exposed { path, mode });
            }
            PrivateKey::from_openssh(&text).map_err(|e| HostKeyError::Bad { path, words: e.to_string() })
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => make(data_dir, &path),
        Err(e) => Err(failed(e)),
    }
}

/// The key's fingerprint, as OpenSSH prints it: `SHA256:...`.
pub fn fingerprint(key: &PrivateKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

fn make(data_dir: &Path, path: &Path) -> Result<PrivateKey, HostKeyError> {
    let failed = |source| HostKeyError::Io { path: path.to_owned(), source };
    let bad = |words: String| HostKeyError::Bad { path: path.to_owned(), words };
    let mut seed = [0; 32];
    #[expect(clippy::disallowed_methods, reason = "this shell makes a key")]
    openssl::rand::rand_bytes(&mut seed).map_err(|e| failed(e.into()))?;
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    let text = key.to_openssh(LineEnding::LF).map_err(|e| bad(e.to_string()))?;
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(failed)?;
    // Whole under another name first: a crash leaves no half key.
    let partial = data_dir.join(format!(".{FILE}"));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        File::open(data_dir)?.sync_all()
    };
    write().map_err(failed)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_kept_and_closed_to_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = dir.path().join("data");
        let first = load_or_make(&data).expect("a key");
        let again = load_or_make(&data).expect("the key");
        assert_eq!(fingerprint(&first), fingerprint(&again));
        assert!(fingerprint(&first).starts_with("SHA256:"));
        let mode = fs::metadata(data.join(FILE)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let other = load_or_make(dir.path()).expect("another");
        assert_ne!(fingerprint(&first), fingerprint(&other));
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().expect("a directory");
        load_or_make(dir.path()).expect("a key");
        let path = dir.path().join(FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
        let e = load_or_make(dir.path()).expect_err("exposed");
        assert!(e.to_string().contains("chmod 600"), "{e}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
        fs::write(&path, "no key").expect("a file");
        let e = load_or_make(dir.path()).expect_err("no key");
        assert!(e.to_string().contains("remove it to have a new one made"), "{e}");
    }
}
