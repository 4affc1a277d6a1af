//! `capledger serve` in a process of its own, and the commands that are run on its data directory.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use capledger::net::feed::Client;
use capledger_schema::Event;
use capledger_schema::id::Seq;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{PATIENCE, free_ports, wait_for};

/// A running daemon. Dropping it kills it.
pub(crate) struct Controller {
    process: Child,
    place: Place,
}

/// Where a daemon runs, or will: its directory, its startup configuration and its control port.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    dir: PathBuf,
    ac: SocketAddr,
}

impl Place {
    /// A place below a directory, with a control port of its own and these lines of configuration.
    pub(crate) fn new(below: &Path, config: &str) -> Place {
        let place = Place { dir: below.to_owned(), ac: free_ports() };
        let (ip, port) = (place.ac.ip(), place.ac.port());
        let text = format!("hostname 9120-EWC\ncapwap listen {ip} port {port}\n{config}");
        std::fs::write(place.config(), text).expect("the configuration is written");
        place
    }

    /// The same port below another directory, without the lines.
    pub(crate) fn elsewhere(&self, below: &Path) -> Place {
        let place = Place { dir: below.to_owned(), ac: self.ac };
        let text = format!("hostname 9120-EWC\ncapwap listen {} port {}\n", self.ac.ip(), self.ac.port());
        std::fs::write(place.config(), text).expect("the configuration is written");
        place
    }

    /// Where access points find it.
    pub(crate) fn ac(&self) -> SocketAddr {
        self.ac
    }

    /// The ledger's directory.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    fn config(&self) -> PathBuf {
        self.dir.join("controller.cfg")
    }

    fn diagnostics(&self) -> PathBuf {
        self.dir.join("serve.log")
    }

    /// The command that starts it with its startup configuration.
    pub(crate) fn serve(&self) -> Command {
        let mut command = self.serve_again();
        command.arg("--config").arg(self.config());
        command
    }

    /// The command that starts it with the configuration that its ledger holds.
    pub(crate) fn serve_again(&self) -> Command {
        let mut command = capledger();
        command.arg("serve").arg("--data-dir").arg(self.data_dir());
        command
    }

    /// Starts it by this command, and waits until it answers.
    pub(crate) fn start(&self, mut command: Command) -> Controller {
        let log = File::options().create(true).append(true).open(self.diagnostics()).expect("a file");
        let out = log.try_clone().expect("a handle");
        let process =
            command.stdin(Stdio::null()).stdout(out).stderr(log).spawn().expect("the program that was just built runs");
        let mut controller = Controller { process, place: self.clone() };
        wait_for("the controller answers", PATIENCE, || {
            if let Some(status) = controller.process.try_wait().expect("our own child") {
                panic!("the controller ended with {status}:\n{}", self.said());
            }
            Client::connect(&self.data_dir()).ok()
        });
        controller
    }

    /// What daemons of this place wrote to their standard output and standard error.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.diagnostics()).unwrap_or_default()
    }

    /// The last event that the running daemon has written.
    pub(crate) fn last(&self) -> Seq {
        Client::connect(&self.data_dir()).expect("the daemon runs").daemon().seq
    }

    /// Whether nothing has happened since then but operators' coming, typing and going.
    pub(crate) fn rests_since(&self, seq: Seq) -> bool {
        let since = Client::connect(&self.data_dir()).expect("the daemon runs").history(seq).expect("history");
        since.map(|envelope| envelope.expect("an event").event).all(|event| {
            matches!(
                event,
                Event::OperatorLoggedIn { .. } | Event::OperatorCommandEntered { .. } | Event::OperatorLoggedOut { .. }
            )
        })
    }

    /// Runs lines of the command line on the running daemon.
    pub(crate) fn exec(&self, lines: &[&str]) -> String {
        let mut command = capledger();
        command.arg("exec").arg("--data-dir").arg(self.data_dir()).args(lines);
        text(command.output().expect("it runs"))
    }

    /// Answers a `show` command from history; `at` is `--seq N`, `--at TIME` or nothing for the end.
    pub(crate) fn replay(&self, at: &[&str], show: &str) -> String {
        let mut command = capledger();
        command.arg("replay").arg("--data-dir").arg(self.data_dir()).args(at).arg(show);
        text(command.output().expect("it runs"))
    }

    /// Panics unless the ledger is whole. No daemon may run.
    pub(crate) fn verify(&self) {
        let mut command = capledger();
        command.args(["audit", "verify", "--data-dir"]).arg(self.data_dir());
        let said = text(command.output().expect("it runs"));
        assert!(said.starts_with("whole: "), "{said}");
    }
}

impl Controller {
    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("our own child");
        self.process.wait().expect("our own child");
    }

    /// Ends it in order, as a service manager would.
    pub(crate) fn stop(mut self) {
        let pid = Pid::from_raw(self.process.id() as i32);
        kill(pid, Signal::SIGTERM).expect("our own child");
        let status: ExitStatus =
            wait_for("the controller stops", PATIENCE, || self.process.try_wait().expect("our own child"));
        assert!(status.success(), "{status}:\n{}", self.place.said());
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The program under test.
pub(crate) fn capledger() -> Command {
    Command::new(env!("CARGO_BIN_EXE_capledger"))
}

/// What a command that went well printed.
pub(crate) fn text(out: Output) -> String {
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{}: {said}{}", out.status, String::from_utf8_lossy(&out.stdout));
    String::from_utf8(out.stdout).expect("text")
}
