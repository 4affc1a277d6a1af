//! The files of one directory, and no others.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The directory that is served.
#[derive(Clone, Debug)]
pub(super) struct Root(PathBuf);

/// Why a file is not served. The words are those that clients know from other servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("File not found")]
    NotFound,
    #[error("Permission denied")]
    Permission,
    #[error("Access violation")]
    Outside,
}

impl Root {
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        let root = directory.canonicalize()?;
        if root.is_dir() { Ok(Root(root)) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    /// What a name that a client gave stands for, file or folder, resolved.
    pub(super) fn resolve(&self, name: &str) -> Result<PathBuf, Refusal> {
        let mut path = self.0.clone();
        // Clients on other systems write other slashes, and some begin with one.
        for part in name.split(['/', '\\']) {
            match part {
                "" | "." => {}
                ".." => return Err(Refusal::Outside),
                part => path.push(part),
            }
        }
        // Resolved, so that a symbolic link does not lead out either.
        let path = path.canonicalize().map_err(|e| refusal(&e))?;
        if path.starts_with(&self.0) { Ok(path) } else { Err(Refusal::Outside) }
    }

    /// Opens a file by the name that a client gave; its length comes with it.
    pub(super) fn file(&self, name: &str) -> Result<(File, u64), Refusal> {
        let path = self.resolve(name)?;
        // Looked at before it is opened: opening a pipe would wait for its writer.
        if !path.metadata().map_err(|e| refusal(&e))?.is_file() {
            return Err(Refusal::NotFound);
        }
        let file = File::open(&path).map_err(|e| refusal(&e))?;
        let len = file.metadata().map_err(|e| refusal(&e))?.len();
        Ok((file, len))
    }
}

pub(super) fn refusal(e: &io::Error) -> Refusal {
    if e.kind() == io::ErrorKind::PermissionDenied { Refusal::Permission } else { Refusal::NotFound }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_below_the_root_are_found_however_clients_write_slashes() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("EWC")).expect("a directory");
        fs::write(dir.path().join("EWC/ap1g6"), b"image").expect("a file");
        let root = Root::open(dir.path()).expect("a root");
        for name in ["EWC/ap1g6", "/EWC/ap1g6", "EWC//ap1g6", "./EWC/ap1g6", "EWC\\ap1g6"] {
            assert_eq!(root.file(name).map(|(_, len)| len), Ok(5), "{name}");
        }
    }

    #[test]
    fn nothing_outside_the_root_is_served() {
        let outside = tempfile::tempdir().expect("a directory");
        fs::write(outside.path().join("secret"), b"x").expect("a file");
        let dir = tempfile::tempdir().expect("a directory");
        symlink(outside.path(), dir.path().join("way-out")).expect("a link");
        symlink(outside.path().join("secret"), dir.path().join("link")).expect("a link");
        fs::create_dir(dir.path().join("sub")).expect("a directory");
        let root = Root::open(dir.path()).expect("a root");
        for name in ["../secret", "sub/../../secret", "way-out/secret", "link", "..\\secret"] {
            assert_eq!(root.file(name).map(|(_, len)| len), Err(Refusal::Outside), "{name}");
        }
        for name in ["sub", "/", "missing", "sub/missing", "a\0b"] {
            assert_eq!(root.file(name).map(|(_, len)| len), Err(Refusal::NotFound), "{name}");
        }
    }
}
