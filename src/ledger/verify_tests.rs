//! Every kind of damage gets the verdict that belongs to it, and no verdict claims what is not so.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use capledger_schema::codec::{Frame, HEADER_LEN};
use capledger_schema::id::Seq;
use tempfile::TempDir;

use super::tests::{all, copy, envelopes};
use super::{Finding, Head, Ledger, LedgerError, Store, Verdict, salvage, verify};

/// A ledger of 2,600 events in commits of 10, closed in order: two sealed values of 1,030 and recent ones of 10.
fn ledger() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path()).expect("opens");
    for batch in envelopes(1, 2600).chunks(10) {
        store.append(batch).expect("appends");
    }
    store.close().expect("closes");
    dir
}

fn log(dir: &Path) -> std::path::PathBuf {
    dir.join("ledger/db")
}

/// Where frames lie in the log: offset, first and last event.
fn frames(dir: &Path) -> Vec<(u64, u64, u64)> {
    let mut found = Vec::new();
    salvage::scan(&log(dir), |offset, frame| {
        if let Ok(frame) = frame {
            found.push((offset, frame.base.0, frame.last().0));
        }
    })
    .expect("reads");
    found
}

fn flip(dir: &Path, offset: u64) {
    let file = File::options().read(true).write(true).open(log(dir)).expect("opens");
    let mut octet = [0];
    file.read_exact_at(&mut octet, offset).expect("reads");
    file.write_all_at(&[octet[0] ^ 0x10], offset).expect("writes");
}

fn audit(dir: &Path) -> Verdict {
    let before = fs::read(log(dir)).expect("reads");
    let verdict = verify(dir).expect("can be read");
    assert!(fs::read(log(dir)).expect("reads") == before, "an audit changes nothing");
    verdict
}

#[test]
fn a_ledger_as_it_was_written_is_whole() {
    let dir = ledger();
    let verdict = audit(dir.path());
    assert_eq!((&verdict.finding, verdict.last), (&Finding::Whole, Seq(2600)), "{verdict}");
    let head = Head::recorded(dir.path()).expect("reads").expect("a head record");
    assert_eq!(verdict.chain, Some(head.chain));
    assert!(verdict.to_string().contains("does not show"), "it says what it does not prove");
}

#[test]
fn an_empty_ledger_is_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    Store::open(dir.path()).expect("opens").close().expect("closes");
    assert!(audit(dir.path()).is_whole());
}

#[test]
fn a_ledger_that_was_killed_is_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let killed = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path()).expect("opens");
    for batch in envelopes(1, 1100).chunks(10) {
        store.append(batch).expect("appends");
    }
    copy(dir.path(), killed.path());
    let verdict = audit(killed.path());
    assert_eq!((&verdict.finding, verdict.last), (&Finding::Whole, Seq(1100)), "{verdict}");
}

#[test]
fn a_changed_octet_in_a_recent_frame_names_its_sequence_number() {
    let dir = ledger();
    let (offset, base, _) = *frames(dir.path()).iter().rfind(|(_, base, _)| *base == 2591).expect("the last frame");
    flip(dir.path(), offset + HEADER_LEN as u64 + 20);
    let verdict = audit(dir.path());
    assert_eq!(verdict.finding, Finding::Frame { seq: Seq(base), offset }, "{verdict}");
    assert!(verdict.to_string().contains("2591"), "{verdict}");
}

#[test]
fn a_changed_octet_in_a_sealed_frame_names_its_sequence_number_and_what_is_left() {
    let dir = ledger();
    let sealed: Vec<_> = frames(dir.path()).into_iter().filter(|(_, first, last)| last - first > 500).collect();
    // Every copy of it, as a bad sector under the only one would.
    let (_, base, last) = sealed[0];
    for (offset, ..) in sealed.iter().filter(|(_, first, _)| *first == base) {
        flip(dir.path(), offset + HEADER_LEN as u64 + 100);
    }
    // The recent copies of the same events, from before the seal, may be gone by then as well.
    for (offset, ..) in frames(dir.path()).iter().filter(|(_, first, end)| *first >= base && *end <= last) {
        flip(dir.path(), offset + HEADER_LEN as u64 + 1);
    }
    let verdict = audit(dir.path());
    assert!(matches!(verdict.finding, Finding::Frame { seq, .. } if seq.0 >= base && seq.0 <= last), "{verdict}");
    assert_eq!(verdict.lost.to_string(), format!("{base} to {last}"));
    assert_eq!(verdict.intact.count(), 2600 - (last - base + 1));
}

#[test]
fn a_change_in_what_sled_keeps_for_itself_leaves_every_event_in_the_log() {
    let dir = ledger();
    let frames = frames(dir.path());
    let (offset, ..) = *frames.iter().rfind(|(_, base, _)| *base == 2591).expect("the last frame");
    // The key, and the message's header, come before the value.
    flip(dir.path(), offset - 20);
    let verdict = audit(dir.path());
    assert!(matches!(verdict.finding, Finding::Store { .. }), "{verdict}");
    assert!(verdict.lost.is_empty(), "{verdict}");
    assert_eq!(verdict.intact.to_string(), "1 to 2600");
}

#[test]
fn a_damaged_index_of_sled_is_told_from_damaged_events() {
    let dir = ledger();
    Store::open(dir.path()).expect("opens").close().expect("closes");
    let index = fs::read_dir(dir.path().join("ledger"))
        .expect("a directory")
        .map(|e| e.expect("an entry").path())
        .find(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with("snap.")))
        .expect("sled keeps an index");
    let mut octets = fs::read(&index).expect("reads");
    octets[5] ^= 1;
    fs::write(&index, octets).expect("writes");
    let verdict = audit(dir.path());
    assert!(matches!(verdict.finding, Finding::Store { .. }), "{verdict}");
    assert_eq!((verdict.lost.count(), verdict.intact.count()), (0, 2600), "{verdict}");
}

#[test]
fn a_change_in_free_space_harms_nothing() {
    let dir = ledger();
    // Behind what sled has written so far.
    let end = frames(dir.path()).iter().map(|(offset, ..)| *offset).max().expect("frames");
    let free = end + 150_000;
    let file = File::options().write(true).open(log(dir.path())).expect("opens");
    let len = file.metadata().expect("a file").len();
    file.set_len(len.max(free + 4096)).expect("grows");
    flip(dir.path(), free);
    let verdict = audit(dir.path());
    assert_eq!((&verdict.finding, verdict.last), (&Finding::Whole, Seq(2600)), "{verdict}");
    assert!(verdict.to_string().contains("note: the log is not, octet for octet,"), "{verdict}");
    assert_eq!(Store::open(dir.path()).expect("opens").last_seq(), Seq(2600));
}

#[test]
fn a_cut_tail_is_told_by_the_head_record() {
    let dir = tempfile::tempdir().expect("a directory");
    let old = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path()).expect("opens");
    store.append(&envelopes(1, 1500)).expect("appends");
    store.close().expect("closes");
    copy(&dir.path().join("ledger"), &old.path().join("ledger"));
    let mut store = Store::open(dir.path()).expect("opens");
    store.append(&envelopes(1501, 1700)).expect("appends");
    store.close().expect("closes");
    // The store as it was, beside the head record as it is.
    fs::remove_dir_all(dir.path().join("ledger")).expect("removes");
    copy(&old.path().join("ledger"), &dir.path().join("ledger"));

    let verdict = audit(dir.path());
    assert_eq!((&verdict.finding, verdict.last), (&Finding::TailCut { recorded: Seq(1700) }, Seq(1500)));
    assert!(
        verdict.to_string().starts_with("tail cut: the ledger ends at 1500, the head record says 1700"),
        "{verdict}"
    );
    for _ in 0..2 {
        let refused = Store::open(dir.path()).expect_err("a daemon does not go on over a loss");
        assert!(matches!(refused, LedgerError::TailCut { last: Seq(1500), recorded: Seq(1700), .. }), "{refused}");
    }
    fs::remove_file(dir.path().join("ledger.head")).expect("removes");
    assert_eq!(Store::open(dir.path()).expect("the operator takes the loss").last_seq(), Seq(1500));
}

#[test]
fn a_log_that_is_cut_anywhere_is_never_called_whole_while_events_are_missing() {
    let dir = ledger();
    let end = frames(dir.path()).iter().map(|(offset, ..)| *offset).max().expect("frames") + 500;
    for part in 1..12 {
        let cut = tempfile::tempdir().expect("a directory");
        copy(dir.path(), cut.path());
        let file = File::options().write(true).open(log(cut.path())).expect("opens");
        file.set_len(end * part / 12).expect("cuts");
        let verdict = audit(cut.path());
        assert!(!verdict.is_whole(), "cut at {}: {verdict}", end * part / 12);
        if !verdict.lost.is_empty() {
            assert!(matches!(verdict.finding, Finding::TailCut { .. }), "cut at {}: {verdict}", end * part / 12);
        }
    }
}

#[test]
fn a_head_record_of_another_history_is_noticed() {
    let dir = ledger();
    let other = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(other.path()).expect("opens");
    let mut others = envelopes(1, 2600);
    others[7].cause = capledger_schema::Cause::Timer;
    store.append(&others).expect("appends");
    store.close().expect("closes");
    fs::copy(other.path().join("ledger.head"), dir.path().join("ledger.head")).expect("copies");
    assert_eq!(audit(dir.path()).finding, Finding::Rewritten { seq: Seq(2600) });
    assert!(matches!(Store::open(dir.path()), Err(LedgerError::Damaged { .. })));
}

#[test]
fn an_event_that_was_edited_through_the_store_breaks_the_chain() {
    let dir = ledger();
    let db = super::open::open_sled(&dir.path().join("ledger")).expect("opens");
    let hot = db.open_tree("hot").expect("a tree");
    let (key, value) = hot.first().expect("reads").expect("recent values");
    let frame = Frame::decode(&value).expect("a frame");
    let mut payload = frame.payload.to_vec();
    payload[8] ^= 1; // the moment of the first event
    let mut edited = Vec::new();
    Frame { payload: &payload, ..frame }.encode(&mut edited);
    hot.insert(key, edited).expect("writes");
    let seq = frame.base;
    drop((hot, db));
    assert_eq!(audit(dir.path()).finding, Finding::Chain { seq });
}

#[test]
fn a_changed_octet_anywhere_is_noticed_or_harmless() {
    let dir = ledger();
    let end = frames(dir.path()).iter().map(|(offset, ..)| *offset).max().expect("frames") + 500;
    let written = envelopes(1, 2600);
    for i in 0..30 {
        let changed = tempfile::tempdir().expect("a directory");
        copy(dir.path(), changed.path());
        let offset = (end / 30) * i + (i * 7919) % (end / 30);
        flip(changed.path(), offset);
        let verdict = audit(changed.path());
        // What the audit calls whole can be read, all of it; what is lost and what is intact add up.
        if verdict.is_whole() {
            let store = Store::open(changed.path()).expect("opens");
            assert!(all(&store) == written, "octet {offset}: {verdict}");
        } else {
            assert_eq!(verdict.lost.count() + verdict.intact.count(), 2600, "octet {offset}: {verdict}");
        }
    }
}

#[test]
fn an_audit_of_a_ledger_in_use_or_of_none_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(matches!(verify(dir.path()), Err(LedgerError::Missing { .. })));
    let store = Store::open(dir.path()).expect("opens");
    assert!(matches!(verify(dir.path()), Err(LedgerError::Busy { .. })));
    drop(store);
    assert!(verify(dir.path()).is_ok());
}
