//! The feed: the daemon's local socket, over which folds leave it and command lines come in.
//!
//! `server` answers on `<data-dir>/capledger.sock` (mode 0600), `client` is the blocking other end for the command
//! line, `line` is what the command line of the daemon plugs into. The messages are the schema's. No TCP, ever.

pub mod client;
pub mod line;
pub mod server;
#[cfg(test)]
mod tests;
mod wire;

use std::path::{Path, PathBuf};

pub use client::{Client, ClientError, Keys, Screen};
pub use line::{Answer, CommandLine, Gone, Output, Session, User, Wanted};
pub use server::{Server, ServerError};

/// The socket's name in the data directory.
pub const SOCKET: &str = "capledger.sock";

/// Connections at once at most.
pub const CONNECTION_LIMIT: usize = 64;

/// Octets of a command line at most.
pub const LINE_LIMIT: usize = 4_096;

/// Octets of a frame that a client sends at most: a line and some room.
pub const CLIENT_FRAME_LIMIT: u32 = 64 << 10;

/// Octets of a socket's path at most (`sun_path` of unix(7), less its NUL).
pub const PATH_LIMIT: usize = 107;

/// A data directory whose path is too long for a socket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the socket's path {} has {octets} octets, and a local socket takes at most {PATH_LIMIT}; choose a shorter --data-dir", path.display())]
pub struct PathTooLong {
    /// The path that would be needed.
    pub path: PathBuf,
    /// Its length.
    pub octets: usize,
}

/// Where the daemon of a data directory listens.
pub fn socket_path(dir: &Path) -> Result<PathBuf, PathTooLong> {
    let path = dir.join(SOCKET);
    let octets = path.as_os_str().len();
    if octets > PATH_LIMIT { Err(PathTooLong { path, octets }) } else { Ok(path) }
}
