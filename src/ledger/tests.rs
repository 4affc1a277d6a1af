//! The store as its users see it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use capledger_schema::generate;
use capledger_schema::id::{OperationId, Seq};
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Envelope, Event, Source, Subject};
use proptest::prelude::*;

use super::step::Step;
use super::{History, Ledger, LedgerError, Store};

/// Envelopes of the usual size, from `first` to `last`.
pub(super) fn envelopes(first: u64, last: u64) -> Vec<Envelope> {
    (first..=last)
        .map(|seq| Envelope {
            seq: Seq(seq),
            at: Timestamp(1_706_807_107_000_000 + seq as i64 * 1_000),
            cause: Cause::Operation(OperationId(seq / 20)),
            source: Source::Local,
            subject: Subject::Operation(OperationId(seq / 20)),
            observed_at: None,
            event: Event::InstallAddProgressed {
                operation: OperationId(seq / 20),
                octets: seq * 7919,
                total: Some(70_512_640),
            },
        })
        .collect()
}

pub(super) fn all(history: &impl History) -> Vec<Envelope> {
    history.read(Seq(0)).collect::<Result<_, _>>().expect("reads")
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).expect("copies");
        }
    }
}

#[test]
fn what_was_appended_is_there_when_it_is_opened_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = envelopes(1, 3000);
    let mut store = Store::open(dir.path()).expect("opens");
    for batch in written.chunks(37) {
        store.append(batch).expect("appends");
    }
    assert_eq!(all(&store), written);
    let (last, chain) = (store.last_seq(), store.chain());
    store.close().expect("closes");
    let store = Store::open_existing(dir.path()).expect("opens");
    assert_eq!((store.last_seq(), store.chain()), (last, chain));
    assert_eq!(all(&store), written);
}

#[test]
fn reading_begins_after_the_number_given() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path()).expect("opens");
    let written = envelopes(1, 2500);
    for batch in written.chunks(100) {
        store.append(batch).expect("appends");
    }
    for after in [0, 1, 99, 100, 1023, 1024, 1025, 2047, 2499, 2500, 9999] {
        let read: Vec<_> = store.read(Seq(after)).collect::<Result<_, _>>().expect("reads");
        assert_eq!(read, written[(after as usize).min(written.len())..], "after {after}");
    }
}

#[test]
fn an_append_that_does_not_follow_is_refused_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path()).expect("opens");
    store.append(&envelopes(1, 3)).expect("appends");
    let chain = store.chain();
    for wrong in [envelopes(3, 3), envelopes(5, 5), [envelopes(4, 4), envelopes(6, 6)].concat()] {
        assert_eq!(store.append(&wrong).expect_err("refuses").kind(), ErrorKind::InvalidInput);
    }
    assert_eq!((store.last_seq(), store.chain()), (Seq(3), chain));
    store.append(&envelopes(4, 4)).expect("goes on");
    assert_eq!(all(&store), envelopes(1, 4));
}

#[test]
fn a_second_opener_is_told_which_directory_and_which_process() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("opens");
    let refused = Store::open(dir.path()).expect_err("refuses").to_string();
    assert!(refused.contains(&dir.path().display().to_string()), "{refused}");
    assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
    // A reader that outlives the writer keeps it taken; then it is free.
    let reader = store.reader();
    drop(store);
    assert!(matches!(Store::open(dir.path()), Err(LedgerError::Busy { .. })));
    drop(reader);
    Store::open(dir.path()).expect("opens");
}

#[test]
fn a_directory_without_a_ledger_is_not_made_into_one_by_reading() {
    let dir = tempfile::tempdir().expect("a directory");
    assert!(matches!(Store::open_existing(dir.path()), Err(LedgerError::Missing { .. })));
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0);
}

#[test]
fn only_the_owner_may_read_the_ledger() {
    let dir = tempfile::tempdir().expect("a directory");
    Store::open(dir.path()).expect("opens").append(&envelopes(1, 1)).expect("appends");
    let mode = |path: &str| fs::metadata(dir.path().join(path)).expect(path).permissions().mode() & 0o777;
    assert_eq!(mode("ledger"), 0o700);
    for file in ["ledger/db", "ledger/conf", "ledger.head", "ledger.lock"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

#[test]
fn a_half_written_index_of_a_crash_does_not_keep_the_ledger_shut() {
    let dir = tempfile::tempdir().expect("a directory");
    Store::open(dir.path()).expect("opens").append(&envelopes(1, 10)).expect("appends");
    let stale = dir.path().join("ledger/snap.00000000000000ff.generating");
    fs::write(&stale, [1, 2, 3]).expect("writes");
    let store = Store::open(dir.path()).expect("opens");
    assert_eq!(store.last_seq(), Seq(10));
    assert!(!stale.exists());
}

#[test]
fn sled_keeps_everything_in_its_one_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path()).expect("opens");
    let noise = |seq: u64| blake3::hash(&seq.to_le_bytes()).to_hex().to_string();
    let written: Vec<_> = envelopes(1, 60_000)
        .into_iter()
        .map(|mut e| {
            e.event = Event::ControllerStopped { reason: noise(e.seq.0) }; // hardly compressible: the largest values
            e
        })
        .collect();
    for batch in written[..2_000].chunks(1) {
        store.append(batch).expect("appends");
    }
    for batch in written[2_000..].chunks(3_000) {
        store.append(batch).expect("appends");
    }
    assert_eq!(fs::read_dir(dir.path().join("ledger/blobs")).expect("a directory").count(), 0);
    drop(store);
    let store = Store::open(dir.path()).expect("opens");
    assert!(all(&store) == written);
    assert_eq!(fs::read_dir(dir.path().join("ledger/blobs")).expect("a directory").count(), 0);
}

#[test]
fn a_store_takes_nothing_more_after_a_failed_append() {
    let dir = tempfile::tempdir().expect("a directory");
    for at in [Step::Begun, Step::Applied, Step::Flushed] {
        let mut store = Store::open(dir.path()).expect("opens");
        let next = store.last_seq().0 + 1;
        store.steps.hook =
            Some(Box::new(
                move |step| {
                    if step == at { Err(std::io::Error::from(ErrorKind::StorageFull)) } else { Ok(()) }
                },
            ));
        let failure = store.append(&envelopes(next, next)).expect_err("fails");
        assert_eq!(failure.kind(), ErrorKind::StorageFull, "{failure}");
        assert_eq!(store.reader().last_seq(), Seq(next - 1), "what failed is not shown to readers");
        assert!(store.append(&envelopes(next, next)).is_err());
        drop(store);
    }
    let store = Store::open(dir.path()).expect("opens");
    assert!(all(&store) == envelopes(1, store.last_seq().0));
}

#[test]
fn an_event_beyond_the_limit_is_refused_and_the_store_goes_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path()).expect("opens");
    let mut huge = envelopes(1, 2);
    huge[1].event = Event::ControllerStopped { reason: "x".repeat(100_000) };
    let refused = store.append(&huge).expect_err("refuses");
    assert!(refused.to_string().contains("the limit is"), "{refused}");
    store.append(&envelopes(1, 2)).expect("appends");
    assert_eq!(all(&store), envelopes(1, 2));
}

#[test]
fn readers_see_every_envelope_once_while_the_writer_seals() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(dir.path()).expect("opens");
    let reader = store.reader();
    let reading = std::thread::spawn(move || {
        let mut last = Seq(0);
        while last < Seq(6000) {
            for envelope in reader.read(last) {
                let seq = envelope.expect("reads").seq;
                assert_eq!(seq, last.next());
                last = seq;
            }
        }
    });
    for batch in envelopes(1, 6000).chunks(150) {
        store.append(batch).expect("appends");
    }
    reading.join().expect("every envelope once");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_cutting_into_batches_reads_back_the_same_and_gives_the_same_chain(
        written in generate::ledger(1..120),
        cuts in prop::collection::vec(1..40usize, 1..20),
        copies in 1..30usize,
    ) {
        // Enough of them that some cuttings seal.
        let mut ledger: Vec<Envelope> = std::iter::repeat_n(written, copies).flatten().collect();
        for (envelope, seq) in ledger.iter_mut().zip(1..) {
            envelope.seq = Seq(seq);
        }
        let dirs = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
        let mut whole = Store::open(dirs[0].path()).expect("opens");
        whole.append(&ledger).expect("appends");
        let mut cut = Store::open(dirs[1].path()).expect("opens");
        let mut rest = &ledger[..];
        for size in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (batch, more) = rest.split_at((*size).min(rest.len()));
            cut.append(batch).expect("appends");
            rest = more;
        }
        prop_assert_eq!(whole.chain(), cut.chain());
        prop_assert!(all(&whole) == ledger);
        prop_assert!(all(&cut) == ledger);
    }
}
