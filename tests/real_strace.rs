//! Durability, seen from outside: under strace, the ledger's `fdatasync` comes before what follows from the event.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capledger::wtp::{Knobs, WtpTimers};
use regex::Regex;

use support::bundle::{OLD, version};
use support::collector::Collector;
use support::controller::Place;
use support::fleet::Fleet;
use support::{PATIENCE, program, skipped, wait_until};

/// What of the ledger's file and of the network is watched.
const CALLS: &str = "trace=fdatasync,fsync,sync_file_range,pwrite64,write,sendto,sendmsg,sendmmsg";
/// How strace prints the head of a datagram with a handshake record, and with application data (RFC 6347 4.1, behind
/// the CAPWAP DTLS header of RFC 5415 4.2).
const HANDSHAKE: &str = r#""\1\0\0\0\26\376"#;
const APPLICATION: &str = r#""\1\0\0\0\27\376"#;

#[test]
fn the_ledger_is_synced_before_a_log_line_a_reply_or_a_join_response_leaves() {
    let Some(strace) = strace() else { return };
    let collector = Collector::start();
    let dir = tempfile::tempdir().expect("a directory");
    let place = Place::new(dir.path(), &collector.logging_host());
    let trace = dir.path().join("trace");
    let controller = place.start(traced(&strace, &trace, &place.serve()));
    collector.wait_for(1, &["Configured from memory"], PATIENCE);

    let before_the_change = since_epoch();
    place.exec(&["configure terminal", "hostname SYNCED-FIRST", "end"]);
    collector.wait_for(1, &["Configured from console"], PATIENCE);
    let before_the_join = since_epoch();
    let fleet = Fleet::start(place.ac(), 1, WtpTimers::brisk(), Knobs::default());
    fleet.wait_until_all_run(version(OLD), PATIENCE);
    fleet.stop();
    controller.stop();
    let calls = read(&trace);

    let line = first(&calls, before_the_change, |c| c.text.contains("Configured from console"), "the syslog line");
    let reply = first(&calls, before_the_change, |c| c.text.contains("SYNCED-FIRST(config)#"), "the operator's reply");
    let record = first(&calls, before_the_change, Call::is_ledger_write, "the change's record");
    let synced = first(&calls, record.ended, Call::is_ledger_sync, "the change's sync");
    assert!(synced.ended <= line.begun, "{synced:#?}\n{line:#?}");
    assert!(synced.ended <= reply.begun, "{synced:#?}\n{reply:#?}");

    let join = first(&calls, before_the_join, |c| c.text.contains(APPLICATION), "the Join Response");
    let is_handshake = |c: &&Call| c.text.contains(HANDSHAKE) && c.begun < join.begun;
    let finished = calls.iter().rfind(is_handshake).expect("a handshake comes before").begun;
    let record = first(&calls, finished, Call::is_ledger_write, "the join's record");
    let synced = first(&calls, record.ended, Call::is_ledger_sync, "the join's sync");
    assert!(synced.ended <= join.begun, "{synced:#?}\n{join:#?}");
}

/// strace, if it is installed and may trace, or why the test is skipped.
fn strace() -> Option<std::path::PathBuf> {
    let Some(strace) = program("strace") else {
        skipped("strace is not installed");
        return None;
    };
    let tried = Command::new(&strace).args(["-f", "-o", "/dev/null", "true"]).output().expect("it is a program");
    if !tried.status.success() {
        skipped(&format!("strace may not trace here: {}", String::from_utf8_lossy(&tried.stderr).trim()));
        return None;
    }
    Some(strace)
}

/// The command under strace, as our own child: strace steps aside.
fn traced(strace: &Path, trace: &Path, command: &Command) -> Command {
    let mut wrapped = Command::new(strace);
    wrapped.args(["-D", "-f", "--seccomp-bpf", "-ttt", "-T", "-y", "-s", "512", "-e", CALLS, "-o"]).arg(trace);
    wrapped.arg(command.get_program()).args(command.get_args());
    wrapped
}

/// A system call, in seconds since the epoch.
#[derive(Debug)]
struct Call {
    begun: f64,
    ended: f64,
    name: String,
    text: String,
}

impl Call {
    fn is_ledger_write(&self) -> bool {
        self.name.contains("write") && self.text.contains("/ledger/db>")
    }

    fn is_ledger_sync(&self) -> bool {
        self.name == "fdatasync" && self.text.contains("/ledger/db>") && self.text.contains(") = 0")
    }
}

/// The first call that begins at or after this moment and is the one that is meant.
fn first<'a>(calls: &'a [Call], after: f64, is_it: impl Fn(&Call) -> bool, what: &str) -> &'a Call {
    calls.iter().find(|c| c.begun >= after && is_it(c)).unwrap_or_else(|| panic!("no trace of {what}"))
}

/// The calls of a trace, by their beginning. It is complete once the last thread's end stands in it.
fn read(trace: &Path) -> Vec<Call> {
    let mut text = String::new();
    wait_until("strace has written the end of the trace", PATIENCE, || {
        text = String::from_utf8_lossy(&std::fs::read(trace).expect("a trace")).into_owned();
        text.trim_end().lines().last().is_some_and(|last| last.ends_with("+++ exited with 0 +++"))
    });
    let line = Regex::new(r"^(\d+) +(\d+\.\d+) (.*)$").expect("a pattern");
    let (mut calls, mut unfinished) = (Vec::new(), BTreeMap::new());
    for found in text.lines().filter_map(|l| line.captures(l)) {
        let (thread, at, what) = (found[1].to_owned(), found[2].parse().expect("seconds"), &found[3]);
        if let Some(begin) = what.strip_suffix(" <unfinished ...>") {
            unfinished.insert(thread, (at, begin.to_owned()));
        } else if let Some((_, end)) = what.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let (begun, begin) = unfinished.remove(&thread).expect("what is resumed was begun");
            calls.extend(call(begun, format!("{begin}{end}")));
        } else {
            calls.extend(call(at, what.to_owned()));
        }
    }
    calls.sort_by(|a, b| a.begun.total_cmp(&b.begun));
    calls
}

/// A call that returned; signals and ends of threads are none.
fn call(begun: f64, text: String) -> Option<Call> {
    let (name, _) = text.split_once('(')?;
    let took: f64 = text.rsplit_once('<')?.1.strip_suffix('>')?.parse().ok()?;
    Some(Call { begun, ended: begun + took, name: name.to_owned(), text })
}

#[expect(clippy::disallowed_methods, reason = "strace tells the wall clock")]
fn since_epoch() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
