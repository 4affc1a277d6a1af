//! The `capledger` program as its users meet it: processes, exit codes, and what stands on their outputs.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_capledger");

/// A control port whose successor is free too.
fn free_ports() -> SocketAddr {
    for _ in 0..100 {
        let control = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let addr = control.local_addr().expect("bound");
        if UdpSocket::bind((addr.ip(), addr.port().wrapping_add(1))).is_ok() {
            return addr;
        }
    }
    panic!("no two free ports in a row");
}

fn capledger(words: &[&str]) -> Output {
    Command::new(PROGRAM).args(words).stdin(Stdio::null()).output().expect("the program runs")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A data directory with a startup configuration beside it.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new() -> Site {
        let site = Site { dir: tempfile::tempdir().expect("a directory") };
        let at = free_ports();
        site.configure(&format!("hostname 9120-EWC\ncapwap listen 127.0.0.1 port {}\n", at.port()));
        site
    }

    fn configure(&self, text: &str) {
        std::fs::write(self.config(), text).expect("a configuration");
    }

    fn config(&self) -> String {
        self.path("startup.cfg")
    }

    fn data(&self) -> String {
        self.path("data")
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().expect("a path of text").to_owned()
    }

    fn serve_words(&self) -> [String; 5] {
        ["serve".into(), "--data-dir".into(), self.data(), "--config".into(), self.config()]
    }

    fn serve(&self, more: &[&str]) -> Served {
        let mut child = Command::new(PROGRAM)
            .args(self.serve_words())
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut greeting = String::new();
        while !greeting.contains("stop it:") {
            let octets = stdout.read_line(&mut greeting).expect("text");
            assert!(octets > 0, "it ended before it served: {}", rest(child.stderr.take().expect("a pipe")));
        }
        Served { child, _stdout: stdout, greeting }
    }

    fn exec(&self, lines: &[&str]) -> Output {
        let data = self.data();
        capledger(&[&["exec", "--data-dir", &data], lines].concat())
    }

    fn replay(&self, words: &[&str]) -> Output {
        let data = self.data();
        capledger(&[&["replay", "--data-dir", &data], words].concat())
    }

    fn audit(&self, what: &str) -> Output {
        capledger(&["audit", what, "--data-dir", &self.data()])
    }
}

/// A controller that runs until the test is over.
struct Served {
    child: Child,
    // Kept open: the program may print more.
    _stdout: BufReader<ChildStdout>,
    greeting: String,
}

impl Served {
    /// Stops it with a signal; its exit code and what stood on standard error.
    fn stop(mut self, signal: Signal) -> (Option<i32>, String) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"));
        kill(pid, signal).expect("it runs");
        let words = rest(self.child.stderr.take().expect("a pipe"));
        (self.child.wait().expect("it ends").code(), words)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Both fail if it has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rest(mut pipe: impl Read) -> String {
    let mut text = String::new();
    pipe.read_to_string(&mut text).expect("text");
    text
}

#[test]
fn a_controller_says_where_it_listens_and_answers_exec() {
    let site = Site::new();
    let served = site.serve(&[]);
    assert!(served.greeting.contains("is 9120-EWC\n  CAPWAP on 127.0.0.1:"), "{}", served.greeting);
    assert!(served.greeting.contains(&format!("capledger exec --data-dir {}", site.data())), "{}", served.greeting);
    let shown = site.exec(&["show ap image"]);
    assert_eq!(shown.status.code(), Some(0), "{}", err(&shown));
    assert!(out(&shown).contains("Total number of APs  : 0"), "{}", out(&shown));
}

#[test]
fn the_lines_of_an_exec_are_one_session() {
    let site = Site::new();
    let _served = site.serve(&[]);
    let shown = site.exec(&["configure terminal", "hostname lab", "end", "show running-config | include hostname"]);
    assert_eq!(shown.status.code(), Some(0), "{}", err(&shown));
    assert!(out(&shown).ends_with("\nhostname lab\n"), "{}", out(&shown));
}

#[test]
fn a_line_that_is_refused_ends_the_session_with_1() {
    let site = Site::new();
    let _served = site.serve(&[]);
    let refused = site.exec(&["show clock", "show nonsense", "show version"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = out(&refused);
    let (_, told) = text.split_once('\n').expect("a clock first");
    assert_eq!(told, "9120-EWC#show nonsense\n              ^\n% Invalid input detected at '^' marker.\n\n");
}

#[test]
fn exec_without_a_controller_exits_with_2_and_says_how_to_start_one() {
    let site = Site::new();
    let refused = site.exec(&["show ap image"]);
    assert_eq!((refused.status.code(), out(&refused)), (Some(2), String::new()));
    let data = site.data();
    assert_eq!(
        err(&refused),
        format!("capledger: no controller is running on {data}; start it with `capledger serve --data-dir {data}`\n")
    );
}

#[test]
fn a_second_controller_on_the_same_directory_is_refused_and_disturbs_nothing() {
    let site = Site::new();
    let served = site.serve(&[]);
    let words = site.serve_words();
    let refused = capledger(&words.each_ref().map(String::as_str));
    assert_eq!(refused.status.code(), Some(2));
    let pid = served.child.id();
    let expected = format!("capledger: the ledger in {} is in use by process {pid}; stop that process", site.data());
    assert!(err(&refused).contains(&expected), "{}", err(&refused));
    assert_eq!(site.exec(&["show clock"]).status.code(), Some(0));
}

#[test]
fn sigterm_and_sigint_stop_in_order_and_leave_a_whole_ledger() {
    let site = Site::new();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (code, words) = site.serve(&[]).stop(signal);
        assert_eq!(code, Some(0), "{words}");
        let exported = out(&site.audit("export"));
        let last = exported.lines().last().expect("events");
        assert!(last.contains(&format!(r#""controller_stopped":{{"reason":"{signal}"}}"#)), "{last}");
        let verdict = site.audit("verify");
        assert_eq!(verdict.status.code(), Some(0), "{}", out(&verdict));
        assert!(out(&verdict).starts_with("whole: "), "{}", out(&verdict));
    }
}

#[test]
fn the_past_is_shown_while_the_controller_runs_and_when_it_has_stopped() {
    let site = Site::new();
    let served = site.serve(&[]);
    let named = site.exec(&["configure terminal", "hostname lab"]);
    assert_eq!(named.status.code(), Some(0), "{}", err(&named));
    let name = |words: &[&str]| {
        let shown = site.replay(&[words, &["show running-config | include hostname"]].concat());
        assert_eq!(shown.status.code(), Some(0), "{}", err(&shown));
        assert!(err(&shown).starts_with("capledger: as of event "), "{}", err(&shown));
        out(&shown)
    };
    // The start, the startup configuration, the change.
    let check = || {
        assert_eq!(name(&["--seq", "1"]), "hostname capledger\n");
        assert_eq!(name(&["--seq", "2"]), "hostname 9120-EWC\n");
        assert_eq!(name(&["--at", "2100-01-01T00:00:00Z"]), "hostname lab\n");
        assert_eq!(name(&[]), "hostname lab\n");
    };
    check();
    let live = out(&site.exec(&["show logging"]));
    assert_eq!(out(&site.replay(&["show logging"])), live);
    assert_eq!(served.stop(Signal::SIGTERM).0, Some(0));
    check();
    let refused = site.replay(&["ap image predownload"]);
    assert_eq!((refused.status.code(), out(&refused)), (Some(1), String::new()));
    assert!(err(&refused).contains("`ap image predownload` is no `show`"), "{}", err(&refused));
    assert_eq!(site.replay(&["--seq", "900", "show clock"]).status.code(), Some(2));
}

#[test]
fn a_configuration_that_cannot_be_read_is_refused_by_file_line_and_column() {
    let site = Site::new();
    site.configure("hostname 9120-EWC\n\n logging hots 192.0.2.9\n");
    let words = site.serve_words();
    let refused = capledger(&words.each_ref().map(String::as_str));
    assert_eq!(refused.status.code(), Some(2));
    let expected = format!("capledger: {}, line 3, column 10: ", site.config());
    assert!(err(&refused).starts_with(&expected), "{}", err(&refused));
    assert!(!Path::new(&site.data()).exists(), "nothing was made");
}

#[test]
fn a_startup_configuration_undoes_what_was_changed_at_run_time_only_if_told_to() {
    let site = Site::new();
    let served = site.serve(&[]);
    assert_eq!(site.exec(&["configure terminal", "hostname lab"]).status.code(), Some(0));
    served.stop(Signal::SIGTERM);
    let words = site.serve_words();
    let refused = capledger(&words.each_ref().map(String::as_str));
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).contains("start with --replace"), "{}", err(&refused));
    let _served = site.serve(&["--replace"]);
    assert_eq!(out(&site.exec(&["show running-config | include hostname"])), "hostname 9120-EWC\n");
}

#[test]
fn diagnostics_are_lines_of_json_if_that_is_asked_for() {
    let site = Site::new();
    let (_, words) = site.serve(&["--log", "debug", "--log-format", "json"]).stop(Signal::SIGTERM);
    let lines: Vec<serde_json::Value> =
        words.lines().map(|line| serde_json::from_str(line).expect("an object per line")).collect();
    let stopping = |line: &serde_json::Value| line["level"] == "INFO" && line["fields"]["reason"] == "SIGTERM";
    assert!(lines.iter().any(stopping), "{words}");
    let refused = capledger(&["serve", "--data-dir", &site.data(), "--log", "capledger=loud"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(err(&refused).starts_with("capledger: --log capledger=loud: "), "{}", err(&refused));
}

#[test]
fn a_bundle_is_checked_unpacked_and_checked_again_with_the_exit_codes_of_its_help() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name).display().to_string();
    let spec = capledger::image::bundle::ImageSpec {
        family: "ap1g7".parse().expect("a family"),
        version: "17.9.4.27".parse().expect("a version"),
        octets: 20_480,
        seed: 1,
    };
    let mut tar = tar::Builder::new(std::fs::File::create(path("bundle.tar")).expect("a file"));
    let image = spec.to_vec().expect("an image");
    let mut header = tar::Header::new_gnu();
    header.set_size(image.len() as u64);
    tar.append_data(&mut header, "EWC/ap1g7", &image[..]).expect("a member");
    tar.finish().expect("a tar");

    let packed = capledger(&["bundle", "check", &path("bundle.tar")]);
    assert_eq!(packed.status.code(), Some(0), "{}", err(&packed));
    assert!(out(&packed).contains("Verdict: packed, whole"), "{}", out(&packed));
    let unpacked = capledger(&["bundle", "unpack", &path("bundle.tar"), "--into", &path("srv")]);
    assert_eq!(unpacked.status.code(), Some(0), "{}", err(&unpacked));
    let json = capledger(&["bundle", "check", &path("srv"), "--json"]);
    let report: serde_json::Value = serde_json::from_str(&out(&json)).expect("JSON");
    assert_eq!((&report["usable"], &report["packed"]), (&true.into(), &false.into()));
    assert_eq!(report["files"][1]["family"], "ap1g7");

    std::fs::write(path("srv/ap1g7"), &image[..9_000]).expect("cut short");
    let damaged = capledger(&["bundle", "check", &path("srv")]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(out(&damaged).contains("ap1g7: the tar archive is cut short: it ended at octet 9000"), "{}", out(&damaged));
    let refused = capledger(&["bundle", "unpack", &path("bundle.tar"), "--into", &path("srv")]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("a different file"), "{}", err(&refused));
    assert_eq!(capledger(&["bundle", "check", &path("srv"), "--digest", "abc"]).status.code(), Some(2));
}

#[test]
fn the_command_reference_is_printed_as_its_golden_file() {
    let output = capledger(&["docs", "cli"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output), include_str!("golden/command_reference.md"));
    let help = capledger(&["docs", "cli", "--help"]);
    assert!(out(&help).contains("capledger docs cli > commands.md"), "{}", out(&help));
    assert_eq!(capledger(&["docs"]).status.code(), Some(2));
}

#[test]
fn a_show_is_one_json_document_of_the_present_and_of_the_past() {
    let site = Site::new();
    let served = site.serve(&[]);
    let read = |output: &Output| -> serde_json::Value {
        assert_eq!(output.status.code(), Some(0), "{}", err(output));
        serde_json::from_str(&out(output)).unwrap_or_else(|e| panic!("{e}: {}", out(output)))
    };
    let live = read(&site.exec(&["show logging | json"]));
    assert_eq!(live["lines"].as_array().map(Vec::len), live["lines_logged"].as_u64().map(|n| n as usize));
    let told = out(&site.exec(&["configure terminal", "do show ap summary | json"]));
    assert!(told.ends_with("\n{\n  \"total\": 0,\n  \"access_points\": []\n}\n"), "{told}");
    let past = read(&site.replay(&["--seq", "1", "show version | json"]));
    assert_eq!((&past["hostname"], &past["ledger_event"]), (&"capledger".into(), &1.into()));
    let unknown = site.exec(&["show operation 900 | json"]);
    assert_eq!(unknown.status.code(), Some(1), "a script tells by the status that there is none");
    let unknown: serde_json::Value = serde_json::from_str(&out(&unknown)).expect("the error is a document too");
    assert!(unknown["error"].as_str().is_some_and(|words| words.starts_with("Operation 900 ")), "{unknown}");
    served.stop(Signal::SIGTERM);
    assert_eq!(read(&site.replay(&["--seq", "2", "show version | json"]))["hostname"], "9120-EWC");
}
