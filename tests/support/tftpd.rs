//! tftpd-hpa, the TFTP server of Debian and others, on a port of its own.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{PATIENCE, free_ports, programs, skipped, wait_until};

/// A running server, and the directory that it serves.
pub(crate) struct Tftpd {
    process: Child,
    address: SocketAddr,
    root: tempfile::TempDir,
}

impl Drop for Tftpd {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Tftpd {
    /// Starts the server, or says why the test is skipped. It needs root to change its root directory.
    pub(crate) fn start() -> Option<Tftpd> {
        let Some(program) = installed() else {
            skipped("in.tftpd (Debian's tftpd-hpa) is not installed");
            return None;
        };
        if !nix::unistd::geteuid().is_root() {
            skipped("in.tftpd needs root to change its root directory");
            return None;
        }
        let root = tempfile::tempdir().expect("a directory");
        // The server serves as `nobody`.
        fs::set_permissions(root.path(), Permissions::from_mode(0o755)).expect("permissions");
        let address = free_ports();
        let process = Command::new(program)
            .args(["--foreground", "--address", &address.to_string(), "--secure"])
            .arg(root.path())
            .stdin(Stdio::null())
            .spawn()
            .expect("the server starts");
        let server = Tftpd { process, address, root };
        wait_until("in.tftpd answers", PATIENCE, || server.answers());
        Some(server)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it serves.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Whether a read request (RFC 1350) for what is not there is answered; the answer comes from another port.
    fn answers(&self) -> bool {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
        socket.send_to(b"\0\x01ready?\0octet\0", self.address).expect("loopback takes it");
        socket.recv_from(&mut [0; 512]).is_ok()
    }
}

fn installed() -> Option<PathBuf> {
    // Another server of Debian's has the same name.
    programs("in.tftpd").find(|program| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("tftp-hpa"))
    })
}
