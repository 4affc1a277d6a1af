//! OpenSSH's client against a controller: by password or key, for one command or at a terminal of its own.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::controller::{Controller, Place};
use super::{PATIENCE, program, skipped, wait_for, wait_until};

/// A TCP port on loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// The lines that have SSH served on loopback.
pub(crate) fn served_on(port: u16) -> String {
    format!("ip ssh listen 127.0.0.1\nip ssh port {port}\n")
}

/// Waits until somebody answers on a port.
pub(crate) fn wait_until_served(port: u16) {
    wait_until("SSH is served", PATIENCE, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
}

/// The administrator's password.
pub(crate) const PASSWORD: &str = "open sesame";
const USERS: &str = "username admin privilege 15 secret 0 open sesame\nusername guest privilege 1 secret 0 guest\n";

/// A controller that serves SSH, with these lines of configuration besides, and a client for its administrator.
pub(crate) fn stage(dir: &Path, more: &str) -> Option<(Controller, Place, Client)> {
    if program("ssh").is_none() || program("script").is_none() {
        skipped("OpenSSH's client or script(1) is not installed");
        return None;
    }
    let port = free_port();
    let place = Place::new(dir, &format!("{}{USERS}{more}", served_on(port)));
    let controller = place.start(place.serve());
    wait_until_served(port);
    let client = Client::new(dir, port, "admin", Proof::Password(PASSWORD));
    Some((controller, place, client))
}

/// How to log in.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    Password(&'static str),
    Key(PathBuf),
}

/// A client and its files.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    dir: PathBuf,
    port: u16,
    user: &'static str,
    proof: Proof,
}

impl Client {
    pub(crate) fn new(dir: &Path, port: u16, user: &'static str, proof: Proof) -> Client {
        let ask = dir.join("askpass");
        if !ask.exists() {
            std::fs::write(&ask, "#!/bin/sh\necho \"$SSH_TEST_PASSWORD\"\n").expect("written");
            std::fs::set_permissions(&ask, std::fs::Permissions::from_mode(0o700)).expect("changed");
        }
        Client { dir: dir.to_owned(), port, user, proof }
    }

    /// The controller's port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The client's options, and where to.
    fn arguments(&self) -> Vec<String> {
        let known = self.dir.join("known_hosts");
        let mut out = vec!["-F".to_owned(), "/dev/null".to_owned(), "-p".to_owned(), self.port.to_string()];
        let mut option = |text: String| out.extend(["-o".to_owned(), text]);
        option(format!("UserKnownHostsFile={}", known.display()));
        option("StrictHostKeyChecking=accept-new".to_owned());
        option("LogLevel=ERROR".to_owned());
        option("IdentitiesOnly=yes".to_owned());
        match &self.proof {
            Proof::Password(_) => option("PreferredAuthentications=password".to_owned()),
            Proof::Key(file) => {
                option("PreferredAuthentications=publickey".to_owned());
                option(format!("IdentityFile={}", file.display()));
            }
        }
        out.push(format!("{}@127.0.0.1", self.user));
        out
    }

    fn with_password(&self, command: &mut Command) {
        if let Proof::Password(password) = &self.proof {
            command.env("SSH_ASKPASS", self.dir.join("askpass"));
            command.env("SSH_ASKPASS_REQUIRE", "force").env("SSH_TEST_PASSWORD", password);
        }
    }

    /// Runs one command, with more options before it.
    pub(crate) fn run(&self, options: &[&str], command: &str) -> Output {
        let mut ssh = Command::new("ssh");
        ssh.args(options).args(self.arguments()).arg(command).stdin(Stdio::null());
        self.with_password(&mut ssh);
        ssh.output().expect("it runs")
    }

    /// What one command prints, and its exit status.
    pub(crate) fn says(&self, command: &str) -> (String, Option<i32>) {
        let out = self.run(&[], command);
        (String::from_utf8(out.stdout).expect("text"), out.status.code())
    }

    /// Opens a shell at a terminal.
    pub(crate) fn terminal(&self, columns: u16, rows: u16) -> Terminal {
        let mut line = "exec ssh".to_owned();
        for argument in self.arguments() {
            let _ = write!(line, " '{argument}'");
        }
        Terminal::open(&line, columns, rows, |command| self.with_password(command))
    }
}

/// A shell at a terminal; everything that it showed is kept.
pub(crate) struct Terminal {
    process: Child,
    /// Where the name of its device is written.
    device: NamedTempFile,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
    /// Octets that were waited for.
    seen: usize,
}

impl Terminal {
    /// A program at a terminal of its own.
    pub(crate) fn running(line: &str, columns: u16, rows: u16) -> Terminal {
        Terminal::open(line, columns, rows, |_| {})
    }

    fn open(line: &str, columns: u16, rows: u16, prepare: impl FnOnce(&mut Command)) -> Terminal {
        let device = NamedTempFile::new().expect("a file");
        let line = format!("tty > '{}'; stty rows {rows} cols {columns}; {line}", device.path().display());
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        script.env("TERM", "vt100").env("SHELL", "/bin/sh");
        prepare(&mut script);
        let mut process = script.spawn().expect("it runs");
        let keys = process.stdin.take().expect("it is piped");
        let mut out = process.stdout.take().expect("it is piped");
        let shown: Arc<Mutex<Vec<u8>>> = Arc::default();
        let keep = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut piece = [0; 4_096];
            while let Ok(n @ 1..) = out.read(&mut piece) {
                keep.lock().expect("no panic").extend_from_slice(&piece[..n]);
            }
        });
        Terminal { process, device, keys, shown, seen: 0 }
    }

    /// Gives it another size, as a person does with a window.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let device = std::fs::read_to_string(self.device.path()).expect("its name");
        let (rows, columns) = (rows.to_string(), columns.to_string());
        let set = Command::new("stty").args(["-F", device.trim(), "rows", &rows, "cols", &columns]).status();
        assert!(set.expect("it runs").success());
    }

    /// Waits for text behind what was waited for before.
    pub(crate) fn expect(&mut self, text: &str) {
        let (shown, seen) = (Arc::clone(&self.shown), self.seen);
        let found = || {
            let shown = shown.lock().expect("no panic");
            let at = shown[seen..].windows(text.len()).position(|w| w == text.as_bytes())?;
            Some(seen + at + text.len())
        };
        let end = super::now() + Duration::from_secs(30);
        while found().is_none() && super::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.seen = found().unwrap_or_else(|| panic!("waited for {text:?}; shown is:\n{}", self.text()));
    }

    /// Types, and waits for what it leads to.
    pub(crate) fn types(&mut self, keys: &str, then: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("it takes them");
        self.expect(then);
    }

    /// Everything that was shown, with `\n` line ends and control characters spelled.
    pub(crate) fn text(&self) -> String {
        let shown = String::from_utf8_lossy(&self.shown.lock().expect("no panic")).into_owned();
        let spell = |text: String, c: char| match c {
            '\n' => format!("{text}\n"),
            c if c.is_control() => format!("{text}<{:02x}>", u32::from(c)),
            c => format!("{text}{c}"),
        };
        shown.replace("\r\n", "\n").chars().fold(String::new(), spell)
    }

    /// Waits until the client has ended.
    pub(crate) fn ended(mut self) -> String {
        wait_for("the client ends", PATIENCE, || self.process.try_wait().expect("our own child"));
        // What it wrote last is still on its way through the pipe.
        std::thread::sleep(Duration::from_millis(100));
        self.text()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
