//! Servers that are part of the program: read-only TFTP and SFTP servers for image bundles.
//!
//! They hand out regular files below one directory, take nothing, and tell of each transfer. Which of them run follows
//! from the configuration ([`Servers`]); nothing here appends to the ledger.

mod files;
pub mod host_key;
mod servers;
pub mod sftp;
pub mod tftp;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use capledger_schema::setting::ServeProtocol;

pub use servers::Servers;

/// A number for a transfer that no other transfer of this process has.
fn next_transfer() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Whether a server could listen there and hand out this directory, by trying it.
///
/// # Errors
/// What keeps it from that, and what to do about it.
pub fn can_listen(protocol: ServeProtocol, listen: SocketAddr, root: &Path) -> Result<(), String> {
    files::Root::open(root).map_err(|e| advise_root(root, &e))?;
    match protocol {
        ServeProtocol::Tftp => UdpSocket::bind(listen).map(drop),
        ServeProtocol::Sftp => TcpListener::bind(listen).map(drop),
    }
    .map_err(|e| advise_listen(&e, listen))
}

fn advise_root(root: &Path, e: &io::Error) -> String {
    format!(
        "{}: {e}; name a directory that the controller can read, with the images of an unpacked bundle",
        root.display()
    )
}

/// The system's words and what a network engineer does about them.
fn advise_listen(e: &io::Error, listen: SocketAddr) -> String {
    let next = if e.kind() == io::ErrorKind::AddrInUse {
        "another program has this port: stop it, or choose another port"
    } else if e.kind() == io::ErrorKind::PermissionDenied {
        "ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher port, or start the controller with it"
    } else if e.kind() == io::ErrorKind::AddrNotAvailable {
        "no interface of the controller has this address"
    } else {
        "choose another address or port"
    };
    format!("cannot listen on {listen}: {e}; {next}")
}
