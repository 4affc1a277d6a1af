//! OpenSSH's sshd, as an ordinary process on a loopback port, with keys and a configuration of its own.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PATIENCE, program, skipped, wait_until};

/// A running server, the user's key, and the directory that it serves.
pub(crate) struct Sshd {
    process: Child,
    address: SocketAddr,
    home: tempfile::TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Sshd {
    /// Starts the server, or says why the test is skipped.
    pub(crate) fn start() -> Option<Sshd> {
        let (Some(sshd), Some(keygen)) = (program("sshd"), program("ssh-keygen")) else {
            skipped("sshd and ssh-keygen (Debian's openssh-server and openssh-client) are not installed");
            return None;
        };
        let home = tempfile::tempdir().expect("a directory");
        let at = |name: &str| home.path().join(name);
        // Served to `nobody` where the server runs as root, so that file modes mean something.
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).expect("permissions");
        fs::create_dir(at("root")).expect("a directory");
        for key in ["host", "user", "stranger"] {
            let made = Command::new(&keygen).args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at(key)).status();
            assert!(made.expect("ssh-keygen runs").success());
        }
        fs::copy(at("user.pub"), at("authorized")).expect("copied");
        fs::set_permissions(at("authorized"), Permissions::from_mode(0o644)).expect("permissions");
        if nix::unistd::geteuid().is_root() {
            // Where it separates its privileges; a service would have made it.
            fs::create_dir_all("/run/sshd").expect("a directory");
        }
        let address = free_port();
        let home_path = home.path().display();
        let config = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {home_path}/host\nAuthorizedKeysFile {home_path}/authorized\n\
             PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication yes\nKbdInteractiveAuthentication no\n\
             LogLevel VERBOSE\nSubsystem sftp internal-sftp\nForceCommand internal-sftp -d {home_path}/root\n",
            address.port()
        );
        fs::write(at("config"), config).expect("written");
        let log = fs::File::create(at("log")).expect("a file");
        let process = Command::new(sshd)
            .args(["-D", "-e", "-f"])
            .arg(at("config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let server = Sshd { process, address, home };
        wait_until("sshd listens", PATIENCE, || TcpStream::connect(server.address).is_ok());
        Some(server)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it serves, from where a login begins.
    pub(crate) fn root(&self) -> PathBuf {
        self.home.path().join("root")
    }

    /// Who may log in.
    pub(crate) fn user() -> String {
        if nix::unistd::geteuid().is_root() {
            return "nobody".to_owned();
        }
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).expect("the users can be read");
        user.expect("this user has a name").name
    }

    /// The key that it takes.
    pub(crate) fn key(&self) -> PathBuf {
        self.home.path().join("user")
    }

    /// A key that it does not take.
    pub(crate) fn strange_key(&self) -> PathBuf {
        self.home.path().join("stranger")
    }

    /// What it says of itself.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.home.path().join("log")).expect("its log")
    }

    /// Ends it at once, its sessions too.
    pub(crate) fn kill(&mut self) {
        for child in descendants(self.process.id()) {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The processes that a process started, and those that they did.
fn descendants(of: u32) -> Vec<i32> {
    let children = fs::read_to_string(Path::new("/proc").join(format!("{of}/task/{of}/children"))).unwrap_or_default();
    let children: Vec<u32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
    children.iter().flat_map(|pid| [vec![pid.cast_signed()], descendants(*pid)].concat()).collect()
}

/// A loopback address where nothing listens.
pub(crate) fn free_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|l| l.local_addr()).expect("a free port")
}
