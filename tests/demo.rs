//! `capledger demo` and `capledger simulate` as processes: a whole upgrade over real sockets and real DTLS.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use capledger::daemon::{Daemon, Options};
use capledger::ios::config_file;

const PROGRAM: &str = env!("CARGO_BIN_EXE_capledger");

fn capledger(words: &[&str]) -> Output {
    Command::new(PROGRAM).args(words).stdin(Stdio::null()).output().expect("the program runs")
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// What stands between two marks, the second excluded.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no `{from}` in:\n{text}"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

#[test]
fn the_demonstration_upgrades_a_dozen_access_points_and_its_ledger_replays_the_same_table() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let data = data.to_str().expect("a path in UTF-8");
    let demo = capledger(&["demo", "--image-size", "200000", "--data-dir", data]);
    let (said, wrong) = (text(&demo.stdout), text(&demo.stderr));
    assert!(demo.status.success(), "{said}\n{wrong}");

    let table = between(&said, "\ndemo#show ap image\n", "\n\ndemo#");
    assert!(table.starts_with("Total number of APs  : 12\n"), "{table}");
    let rows: Vec<_> = table.lines().filter(|line| line.starts_with("AP-")).collect();
    assert_eq!(rows.len(), 12, "{table}");
    for row in rows {
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(words[1..3], ["17.12.1.5", "17.9.4.27"], "{row}");
    }

    // Before the restart, as the reference shows it.
    let staged = between(&said, "          demo#show ap image\n", "==> 4.");
    assert!(staged.contains("        Completed predownloading   : 12\n"), "{staged}");
    let rows: Vec<_> = staged.lines().map(str::trim).filter(|line| line.starts_with("AP-")).collect();
    assert_eq!(rows.len(), 12, "{staged}");
    for row in rows {
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(words[1..], ["17.9.4.27", "17.12.1.5", "Complete", "17.12.1.5", "0", "0", "CAPWAP"], "{row}");
    }
    assert!(said.contains("SUCCESS: predownload_check ") && said.contains("SUCCESS: install_add "), "{said}");
    assert!(!said.contains("Upgrade-Window-1"), "the password is shown");

    let log = between(&said, "\ndemo#show logging\n", "\n\n");
    let count = |words: &str| log.lines().filter(|line| line.contains(words)).count();
    for (server, fetches) in [("tftp://127.0.0.1:", 1), ("sftp://******@127.0.0.1:", 5)] {
        assert_eq!(count(&format!("install_engine: Started install add {server}")), fetches, "{log}");
        assert_eq!(count(&format!("install_engine: Completed install add {server}")), fetches, "{log}");
    }
    assert_eq!(count("install_engine: Completed install activate 17.12.1.5"), 1, "{log}");
    assert_eq!(count("install_engine: Completed install commit"), 1, "{log}");
    assert_eq!(count("Disjoined Image Download Success"), 1, "the newcomer at its join: {log}");
    assert_eq!(count("Disjoined"), 13, "{log}");
    assert_eq!(count(" Joined"), 24, "only a join that reaches Run is logged: {log}");
    assert_eq!(count("Failed"), 0, "{log}");
    // 145 blocks of 1,377 octets and one of 335.
    assert!(said.contains("took 200000 octets of ap1g8 in 146 messages, 335 octets in the last"), "{said}");

    let replayed = capledger(&["replay", "--data-dir", data, "show ap image"]);
    assert_eq!(text(&replayed.stdout).trim_end(), table);
    let verified = capledger(&["audit", "verify", "--data-dir", data]);
    assert!(verified.status.success() && text(&verified.stdout).starts_with("whole"), "{}", text(&verified.stdout));

    let console = fs::read_to_string(Path::new(data).join("consoles/AP-9105-01.log")).expect("a console");
    assert!(console.contains("> 200000 bytes, 146 msgs, 335 last"), "{console}");

    let again = capledger(&["demo", "--image-size", "200000", "--data-dir", data]);
    assert_eq!(again.status.code(), Some(2), "an earlier ledger is left alone");
    assert!(text(&again.stderr).contains("is not empty; name a new directory"), "{}", text(&again.stderr));
}

/// A controller that wants nothing of its access points, and pins them.
fn controller(dir: &Path) -> (Daemon, SocketAddr) {
    for _ in 0..100 {
        let control = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = control.local_addr().expect("bound");
        if address.port() == u16::MAX || UdpSocket::bind((address.ip(), address.port() + 1)).is_err() {
            continue;
        }
        drop(control);
        let text = format!("hostname test\ncapwap listen 127.0.0.1 port {}\n", address.port());
        let config = Some(config_file::parse(&text).expect("a configuration"));
        let options = Options { data_dir: dir.to_owned(), config, ..Options::default() };
        return (Daemon::start(&options).expect("started"), address);
    }
    panic!("no two free ports in a row");
}

#[test]
fn kept_access_points_join_again_with_their_certificates_and_new_ones_of_their_names_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (daemon, address) = controller(&dir.path().join("data"));
    let (ac, state) = (address.to_string(), dir.path().join("aps"));
    let state = state.to_str().expect("a path in UTF-8");
    let simulate = |timeout: &str, more: &[&str]| {
        let mut words = vec!["simulate", "--ac", &ac, "--aps", "3", "--seed", "7", "--fast-timers"];
        words.extend(["--model", "C9105AXI-B,C9120AXI-B", "--until-version", "17.3.3.26", "--timeout", timeout]);
        words.extend(more);
        capledger(&words)
    };
    for run in ["first", "second"] {
        let output = simulate("60", &["--image-state", state]);
        let (said, wrong) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{run} run:\n{said}\n{wrong}");
        assert!(said.lines().any(|line| line.ends_with("AP has joined controller test")), "{said}");
        assert!(wrong.contains("3 of 3 access points serve on 17.3.3.26"), "{wrong}");
    }
    let fleet = daemon.hub().state();
    assert_eq!(fleet.fleet.wtps.len(), 3);
    assert!(fleet.fleet.wtps.values().all(|wtp| wtp.stats.joins == 2), "the same three, twice");

    let output = simulate("4", &[]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("AC rejected join request with result code"), "{}", text(&output.stdout));
    daemon.stop("test").expect("stopped in order");
}

#[test]
fn a_simulation_against_nobody_says_so() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let ac = silent.local_addr().expect("bound").to_string();
    let words = ["simulate", "--ac", &ac, "--fast-timers", "--until-version", "17.9.4.27", "--timeout", "1"];
    let output = capledger(&words);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("Discovery Request sent to 127.0.0.1"), "{}", text(&output.stdout));
    let wrong = text(&output.stderr);
    assert!(wrong.contains(&format!("no controller answers at {ac}: is one listening there?")), "{wrong}");
}
