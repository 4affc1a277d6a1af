//! Views that read through a long ledger: whoever reads keeps nobody waiting, and stops as soon as nobody waits for it.

use std::cell::Cell;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use capledger::daemon::{Daemon, Options};
use capledger::ios::config_file;
use capledger::ledger::{Ledger, Store};
use capledger::net::feed::{Answer, Client, Gone, Output, User};
use capledger::secrets::Vault;
use capledger_schema::feed::Privilege;
use capledger_schema::id::{ControllerId, Seq};
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Envelope, Event, Source, Subject};

mod support;

/// Events that are in the ledger before the controller starts.
const EVENTS: u64 = 60_000;

fn write_ledger(dir: &Path) {
    let envelope = |seq: u64| Envelope {
        seq: Seq(seq),
        at: Timestamp(1_706_807_107_000_000 + seq as i64 * 1_000),
        cause: Cause::Timer,
        source: Source::Local,
        subject: Subject::Controller,
        observed_at: None,
        event: match seq {
            1 => Event::ControllerStarted { controller: ControllerId(1), software: "0.1.0".into() },
            _ => Event::LimitReached { limit: format!("limit {}", seq % 3), value: seq },
        },
    };
    let mut store = Store::open(dir).expect("a ledger");
    let all: Vec<Envelope> = (1..=EVENTS).map(envelope).collect();
    for batch in all.chunks(8_192) {
        store.append(batch).expect("appends");
    }
}

fn start(dir: &Path) -> Daemon {
    let at = support::free_ports();
    let text = format!("capwap listen {} port {}\n", at.ip(), at.port());
    let vault = Vault::open(dir).expect("a vault");
    let file = config_file::read_file(&text, &vault).expect("a configuration");
    let options = Options { data_dir: dir.to_owned(), config: Some(file.config()), ..Options::default() };
    Daemon::start(&options).expect("started")
}

/// An operator's end, which is asked now and then whether anybody is there still.
struct End<'a> {
    asked: Cell<u32>,
    is_gone: &'a dyn Fn(u32) -> bool,
}

impl Output for End<'_> {
    fn write(&mut self, _: &str) -> Result<(), Gone> {
        Ok(())
    }

    fn is_gone(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        (self.is_gone)(self.asked.get())
    }
}

fn reads(daemon: &Daemon, line: &str, is_gone: &dyn Fn(u32) -> bool) -> (Answer, u32) {
    let user = User { name: "test".into(), from: "console".into(), privilege: Privilege::Privileged };
    let mut session = daemon.command_line().open(user);
    let mut end = End { asked: Cell::new(0), is_gone };
    let answer = session.line(line, &mut end);
    (answer, end.asked.get())
}

#[test]
fn others_change_and_look_while_one_reads_through_the_ledger() {
    let dir = tempfile::tempdir().expect("a directory");
    write_ledger(dir.path());
    let daemon = start(dir.path());
    for line in ["show ledger summary", "show ledger ap AP-1", "show ledger operation 1", "show tech-support"] {
        let place = dir.path().to_owned();
        let (tell, told) = channel();
        let in_the_middle = |asked: u32| {
            if asked == 9 {
                // The reader stands still here, a few thousand events into the ledger, until the others are done.
                let (place, tell) = (place.clone(), tell.clone());
                std::thread::spawn(move || {
                    let mut other = Client::connect(&place).expect("the controller runs");
                    for line in ["configure terminal", "hostname other", "end", "show logging last 5", "show ap image"]
                    {
                        assert!(other.command(line, |_| ()).expect("an answer").ok, "{line}");
                    }
                    tell.send(()).expect("it is waited for");
                });
                told.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{line} keeps others waiting"));
            }
            false
        };
        let (answer, asked) = reads(&daemon, line, &in_the_middle);
        // That there is no such access point or operation is known once all of it was read.
        let read = answer.ok || answer.text.contains("AP-1; see") || answer.text.contains("begins no operation");
        assert!(read && asked > 9, "{line}: asked {asked} times: {}", answer.text);
    }
    // A view is of its moment: what the others did in the meantime is not in it.
    let (summary, _) = reads(&daemon, "show ledger summary", &|_| false);
    assert!(summary.text.contains("limit_reached") && summary.text.contains("limit 2 "), "{}", summary.text);
    daemon.stop("test").expect("stopped in order");
}

#[test]
fn a_reader_that_is_interrupted_ends_at_once_and_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    write_ledger(dir.path());
    let daemon = start(dir.path());
    for line in ["show ledger summary", "show ledger ap AP-1", "show ap name AP-1 image history"] {
        let (answer, asked) = reads(&daemon, line, &|asked| asked >= 5);
        assert!(
            answer.text.contains("% Interrupted: what follows event 1024 was not read\n"),
            "{line}: {}",
            answer.text
        );
        assert_eq!(asked, 5, "{line}");
    }
    daemon.stop("test").expect("stopped in order");
}

#[test]
fn the_last_events_cost_no_more_in_a_long_ledger() {
    let dir = tempfile::tempdir().expect("a directory");
    write_ledger(dir.path());
    let daemon = start(dir.path());
    let (answer, asked) = reads(&daemon, "show ledger last 3", &|_| false);
    assert_eq!(answer.text.lines().count(), 5, "{}", answer.text);
    assert_eq!(asked, 1, "no more than a few are read");
    daemon.stop("test").expect("stopped in order");
}
