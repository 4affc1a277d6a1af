//! Where the ledger lies in a data directory, and the lock that keeps a second process out.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::{LedgerError, io_error};

/// The places of a ledger.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The data directory.
    pub(crate) dir: PathBuf,
}

impl Places {
    pub(crate) fn of(dir: &Path) -> Places {
        Places { dir: dir.to_owned() }
    }

    /// sled's directory.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    /// sled's log: everything that it stores.
    pub(crate) fn log(&self) -> PathBuf {
        self.store().join("db")
    }

    /// The head record: outside of sled's directory, so that a copy of that alone is told from the whole.
    pub(crate) fn head(&self) -> PathBuf {
        self.dir.join("ledger.head")
    }

    fn lock(&self) -> PathBuf {
        self.dir.join("ledger.lock")
    }

    /// Whether a ledger was ever made here.
    pub(crate) fn exist(&self) -> bool {
        self.log().exists()
    }

    /// Makes what is missing; only the owner may look into it.
    pub(crate) fn create(&self) -> Result<(), LedgerError> {
        for dir in [&self.dir, &self.store()] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
            made.map_err(io_error("create the directory", dir))?;
        }
        let store = self.store();
        fs::set_permissions(&store, Permissions::from_mode(0o700)).map_err(io_error("set the mode", &store))
    }

    /// Takes the directory for this process. The lock goes when the value is dropped, or with the process.
    pub(crate) fn take(&self) -> Result<Lock, LedgerError> {
        let path = self.lock();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(io_error("open the lock", &path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                let write = |f: &mut File| f.set_len(0).and_then(|()| writeln!(f, "{}", std::process::id()));
                write(&mut lock).map_err(io_error("write the lock", &path))?;
                Ok(Lock { _file: lock })
            }
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut text = String::new();
                // Who holds it is a courtesy: the answer is the same without it.
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                Err(LedgerError::Busy { dir: self.dir.clone(), pid })
            }
            Err((_, e)) => Err(io_error("lock", &path)(io::Error::from(e))),
        }
    }

    /// Removes the index files that a crash left half written: sled would refuse to open beside a truncated one, and
    /// makes a new one by itself.
    pub(crate) fn remove_half_made_indexes(&self) -> Result<(), LedgerError> {
        let store = self.store();
        for entry in fs::read_dir(&store).map_err(io_error("list", &store))? {
            let path = entry.map_err(io_error("list", &store))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                tracing::info!(file = %path.display(), "removing a half-written index that a crash left");
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Makes the files in sled's directory the owner's alone.
    pub(crate) fn close_to_others(&self) -> Result<(), LedgerError> {
        let store = self.store();
        for entry in fs::read_dir(&store).map_err(io_error("list", &store))? {
            let path = entry.map_err(io_error("list", &store))?.path();
            let mode = if path.is_dir() { 0o700 } else { 0o600 };
            fs::set_permissions(&path, Permissions::from_mode(mode)).map_err(io_error("set the mode", &path))?;
        }
        Ok(())
    }
}

/// Holds a data directory's ledger for this process.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Flock<File>,
}
