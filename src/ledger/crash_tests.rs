//! The store as a crash leaves it: nothing acknowledged is lost, and damage is not made worse by opening.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use capledger_schema::id::Seq;

use super::head::digest;
use super::step::Step;
use super::store::SEAL_AT;
use super::tests::{all, copy, envelopes};
use super::{Head, Ledger, LedgerError, Store, salvage, verify};

#[test]
fn a_crash_at_any_step_loses_nothing_acknowledged_and_no_commit_in_part() {
    let dir = tempfile::tempdir().expect("a directory");
    let crashes = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path()).expect("opens");
    let written = envelopes(1, 2 * SEAL_AT as u64 + 300);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (from, to, steps) = (dir.path().to_owned(), crashes.path().to_owned(), Arc::clone(&seen));
    store.steps.hook = Some(Box::new(move |step| {
        let mut steps = steps.lock().expect("no panic");
        copy(&from, &to.join(steps.len().to_string()));
        steps.push(step);
        Ok(())
    }));
    // Around two seals: many small commits would only repeat themselves.
    let mut bounds = vec![0, 500, 1000, 1001, 1023, 1030, 1031, 1500];
    bounds.extend([2049, 2100, written.len()]);
    let mut acknowledged = Vec::new();
    for pair in bounds.windows(2) {
        let before = seen.lock().expect("no panic").len();
        store.append(&written[pair[0]..pair[1]]).expect("appends");
        let after = seen.lock().expect("no panic").len();
        acknowledged.extend((before..after).map(|_| (pair[0], pair[1])));
    }
    let steps = seen.lock().expect("no panic").clone();
    for wanted in [Step::Begun, Step::Applied, Step::Flushed, Step::Synced, Step::Removed, Step::Recorded] {
        assert!(steps.contains(&wanted), "{wanted:?}");
    }
    for (i, (step, (before, after))) in steps.iter().zip(acknowledged).enumerate() {
        let store = Store::open(&crashes.path().join(i.to_string())).expect("opens after a crash");
        let last = store.last_seq().0 as usize;
        match step {
            Step::Begun | Step::Applied => assert!(last == before || last == after, "{step:?} {before}: {last}"),
            Step::Flushed | Step::Synced | Step::Removed | Step::Recorded => assert_eq!(last, after, "{step:?}"),
        }
        assert!(all(&store) == written[..last], "{step:?}");
        drop(store);
    }
}

/// Not a test of its own: the process that the next one kills. Says which events it was promised.
#[test]
#[ignore = "runs until it is killed, by the test below"]
fn append_until_killed() {
    let Some(dir) = std::env::var_os("CAPLEDGER_TEST_LEDGER") else { return };
    let mut store = Store::open(Path::new(&dir)).expect("opens");
    let mut out = std::io::stdout().lock();
    for size in [1, 3, 40, 700].into_iter().cycle() {
        let next = store.last_seq().0 + 1;
        store.append(&envelopes(next, next + size - 1)).expect("appends");
        writeln!(out, "\nacknowledged {}", store.last_seq()).expect("the parent listens");
    }
}

#[test]
fn a_killed_process_leaves_all_that_it_acknowledged() {
    let dir = tempfile::tempdir().expect("a directory");
    for kill_after in [1, 7, 15, 30] {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "ledger::crash_tests::append_until_killed", "--ignored", "--nocapture"])
            .env("CAPLEDGER_TEST_LEDGER", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        let mut promised = lines.filter_map(|line| line.strip_prefix("acknowledged ")?.parse::<u64>().ok());
        let mut acknowledged = promised.nth(kill_after).expect("it appends");
        child.kill().expect("kills");
        child.wait().expect("ends");
        acknowledged = promised.last().unwrap_or(acknowledged);

        assert!(verify(dir.path()).expect("can be read").is_whole());
        let store = Store::open(dir.path()).expect("opens");
        assert!(store.last_seq().0 >= acknowledged, "{} < {acknowledged}", store.last_seq());
        assert!(all(&store) == envelopes(1, store.last_seq().0));
    }
}

/// A ledger of 1,100 events as `kill -9` leaves it.
fn killed() -> tempfile::TempDir {
    let (dir, killed) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let mut store = Store::open(dir.path()).expect("opens");
    for batch in envelopes(1, 1100).chunks(10) {
        store.append(batch).expect("appends");
    }
    copy(dir.path(), killed.path());
    killed
}

/// Changes an octet of what sled keeps before the last copy of the frame that starts with `base`.
fn spoil_before_frame(dir: &Path, base: u64) {
    let log = dir.join("ledger/db");
    let mut place = None;
    salvage::scan(&log, |offset, frame| {
        if frame.is_ok_and(|frame| frame.base == Seq(base)) {
            place = Some(offset);
        }
    })
    .expect("reads");
    let at = place.expect("a frame") - 20;
    let file = File::options().read(true).write(true).open(log).expect("opens");
    let mut octet = [0];
    file.read_exact_at(&mut octet, at).expect("reads");
    file.write_all_at(&[octet[0] ^ 0x10], at).expect("writes");
}

#[test]
fn commits_that_sled_drops_from_a_torn_log_are_taken_back() {
    let dir = killed();
    // The last four commits lie behind this one: sled stops reading here.
    spoil_before_frame(dir.path(), 1061);
    let store = Store::open(dir.path()).expect("opens");
    assert!(all(&store) == envelopes(1, 1100));
    drop(store);
    assert!(verify(dir.path()).expect("can be read").is_whole());
}

#[test]
fn a_commit_of_which_a_part_is_gone_is_not_taken_back_in_part() {
    let (dir, torn) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let mut store = Store::open(dir.path()).expect("opens");
    store.append(&envelopes(1, 10)).expect("appends");
    // Two values, for one holds about 740 of these.
    store.append(&envelopes(11, 1000)).expect("appends");
    copy(dir.path(), torn.path());
    let log = torn.path().join("ledger/db");
    let mut places = Vec::new();
    salvage::scan(&log, |offset, frame| places.push((offset, frame.expect("whole").base.0))).expect("reads");
    let (last, base) = *places.iter().max_by_key(|(_, base)| *base).expect("frames");
    assert!(base > 11, "the commit has two values");
    // The log ends within the second.
    File::options().write(true).open(&log).expect("opens").set_len(last + 300).expect("cuts");
    let store = Store::open(torn.path()).expect("opens");
    assert!(all(&store) == envelopes(1, 10));
}

#[test]
fn a_log_that_sled_would_cut_is_not_opened_and_stays_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path()).expect("opens");
    for batch in envelopes(1, 2600).chunks(10) {
        store.append(batch).expect("appends");
    }
    store.close().expect("closes");
    spoil_before_frame(dir.path(), 2201);
    let log = dir.path().join("ledger/db");
    let before = digest(&log).expect("reads");
    for _ in 0..2 {
        let refused = Store::open(dir.path()).expect_err("refuses");
        assert!(matches!(refused, LedgerError::Damaged { .. }), "{refused}");
        assert_eq!(digest(&log).expect("reads"), before);
    }
    let left = fs::read_dir(dir.path()).expect("a directory").count();
    assert_eq!(left, 3, "the copy is gone: ledger, ledger.head and ledger.lock are left");
}

#[test]
fn a_closed_log_is_what_its_head_record_says() {
    let dir = tempfile::tempdir().expect("a directory");
    for last in [1, 30, 1500, 1501] {
        let mut store = Store::open(dir.path()).expect("opens");
        store.append(&envelopes(store.last_seq().0 + 1, last)).expect("appends");
        drop((store.reader(), store));
        let head = Head::recorded(dir.path()).expect("reads").expect("a head record");
        assert_eq!(head.seq, Seq(last));
        assert_eq!(head.log, Some(digest(&dir.path().join("ledger/db")).expect("reads")));
    }
}
