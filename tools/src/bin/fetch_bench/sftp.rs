//! The SFTP client beside OpenSSH's `sftp` and curl, from OpenSSH's sshd.

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use capledger::fetch::tftp::client::ClientConfig;
use capledger::fetch::{Cancel, FetchRequest, Login, transfer};
use capledger::image::bundle::ImageSpec;
use capledger_schema::id::OperationId;

use super::{Count, NAME, Outcome, external, installed, into_cache, now};

/// An sshd that takes one key.
pub(super) struct Sshd {
    process: Child,
    address: SocketAddr,
    home: tempfile::TempDir,
    root: PathBuf,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Sshd {
    /// Starts a server; none if it is not installed.
    pub(super) fn start(root: &Path) -> Outcome<Option<Sshd>> {
        let (Some(sshd), Some(keygen)) = (installed("sshd"), installed("ssh-keygen")) else { return Ok(None) };
        let home = tempfile::tempdir()?;
        for key in ["host", "user"] {
            Command::new(&keygen).args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(home.path().join(key)).status()?;
        }
        if nix::unistd::geteuid().is_root() {
            std::fs::create_dir_all("/run/sshd")?;
        }
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let at = home.path().display();
        let mut config = String::new();
        write!(
            config,
            "Port {}\nListenAddress 127.0.0.1\nHostKey {at}/host\nAuthorizedKeysFile {at}/user.pub\nPidFile none\n\
             StrictModes no\nUsePAM no\nSubsystem sftp internal-sftp\n",
            address.port()
        )?;
        std::fs::write(home.path().join("config"), config)?;
        let mut command = Command::new(sshd);
        command.args(["-D", "-e", "-f"]).arg(home.path().join("config"));
        let process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Sshd { process, address, home, root: root.to_owned() };
        for _ in 0..100 {
            if TcpStream::connect(address).is_ok() {
                return Ok(Some(server));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("sshd does not listen on {address}").into())
    }
}

#[derive(Clone, Copy)]
pub(super) enum Client {
    /// Octets are counted and dropped.
    Ours,
    /// With everything: checks, digests, disk, sync.
    OursIntoCache,
    OpenSsh,
    Curl,
}

impl Client {
    pub(super) const ALL: [Client; 4] = [Client::Ours, Client::OursIntoCache, Client::OpenSsh, Client::Curl];

    pub(super) fn label(self) -> &'static str {
        match self {
            Client::Ours => "capledger sftp",
            Client::OursIntoCache => "capledger sftp into the cache",
            Client::OpenSsh => "OpenSSH sftp",
            Client::Curl => "curl sftp",
        }
    }

    /// One fetch on this thread's core; none if the program is not installed.
    pub(super) fn fetch(self, server: &Sshd, image: &ImageSpec) -> Outcome<Option<Duration>> {
        let user = nix::unistd::User::from_uid(nix::unistd::geteuid())?.ok_or("this user has no name")?.name;
        let key = server.home.path().join("user");
        let (key_text, port) = (key.display().to_string(), server.address.port().to_string());
        let path = server.root.join(NAME).display().to_string();
        match self {
            Client::Ours | Client::OursIntoCache => {
                let url = format!("sftp://{}{path}", server.address).parse()?;
                let login = Some(Login { user, password: None, key: Some(key) });
                let request = FetchRequest { login, ..FetchRequest::new(OperationId(1), url) };
                if matches!(self, Client::OursIntoCache) {
                    return into_cache(request, ClientConfig::default()).map(Some);
                }
                let (begin, mut sink) = (now(), Count(0));
                transfer(&request, &ClientConfig::default(), &Cancel::new(), &mut sink).map_err(|e| e.to_string())?;
                if sink.0 == image.octets { Ok(Some(begin.elapsed())) } else { Err("octets are missing".into()) }
            }
            Client::OpenSsh => {
                let from = format!("{user}@127.0.0.1:{path}");
                let arguments = ["-q", "-P", &port, "-i", &key_text, "-o", "StrictHostKeyChecking=no"];
                let more = ["-o", "UserKnownHostsFile=/dev/null", &from, "/dev/null"];
                external(installed("sftp"), &[&arguments[..], &more].concat())
            }
            Client::Curl => {
                let url = format!("sftp://{user}@127.0.0.1:{port}{path}");
                let public = format!("{key_text}.pub");
                let arguments = ["-k", "-s", "-o", "/dev/null", "--key", &key_text, "--pubkey", &public, &url];
                external(installed("curl"), &arguments)
            }
        }
    }
}
