//! Opening the store: what a crash left half done is finished or undone, and what was acknowledged must be there.

use std::collections::BTreeMap;
use std::fs::File;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use capledger_schema::codec::{Chain, Frame};
use capledger_schema::id::Seq;

use super::dir::Places;
use super::head::{Head, HeadFile, digest};
use super::reader::Shared;
use super::salvage::{self, SEGMENT};
use super::step::Steps;
use super::store::Store;
use super::value::{Pending, unpack};
use super::verify::{self, Finding, Verdict};
use super::{LedgerError, damaged, io_error, refused};

/// sled's own cache, in octets. It keeps about the octets of live values whatever this says; they are compressed.
const CACHE: u64 = 32 << 20;

impl Store {
    /// Opens the ledger of a data directory, makes it if there is none, and repairs what a crash left half done.
    ///
    /// Fails if another process holds it, or if what was acknowledged is not all there.
    pub fn open(dir: &Path) -> Result<Store, LedgerError> {
        let places = Places::of(dir);
        places.create()?;
        Store::open_places(places)
    }

    /// Opens the ledger of a data directory, to read it while no daemon runs. Does not make one.
    pub fn open_existing(dir: &Path) -> Result<Store, LedgerError> {
        let places = Places::of(dir);
        if !places.exist() {
            return Err(LedgerError::Missing { dir: dir.to_owned() });
        }
        Store::open_places(places)
    }

    fn open_places(places: Places) -> Result<Store, LedgerError> {
        let lock = places.take()?;
        places.remove_half_made_indexes()?;
        let (head, recorded) = HeadFile::open(&places.head())?;
        let torn = match recorded {
            Some(recorded) if places.exist() => look_before_opening(&places, recorded)?,
            Some(_) | None => Frames::new(),
        };
        let db = open_sled(&places.store()).map_err(|why| LedgerError::Store { dir: places.dir.clone(), why })?;
        places.close_to_others()?;
        let refused = |e| refused(&places.dir, e);
        let (hot, cold) = (db.open_tree("hot").map_err(refused)?, db.open_tree("cold").map_err(refused)?);
        let pending = recent(&hot, &cold, refused)?;

        let log = places.log();
        let log = File::options().read(true).write(true).open(&log).map_err(io_error("open", &log))?;
        let last = pending.next().0 - 1;
        let dir = places.dir.clone();
        let shared = Arc::new(Shared { dir, hot, cold, db, durable: AtomicU64::new(last), _lock: lock });
        let mut store = Store { places, shared, log, head, pending, seals: 0, failed: true, steps: Steps::default() };
        store.repair(&torn)?;
        store.check(recorded)?;
        store.record(None, true).map_err(io_error("write the head record", &store.places.head()))?;
        // Until here, dropping it must leave the head record as it was.
        store.failed = false;
        Ok(store)
    }

    /// Appends again what sled dropped of its log although it was there, whole commits only.
    fn repair(&mut self, torn: &Frames) -> Result<(), LedgerError> {
        let before = self.pending.len();
        let mut whole = before;
        let mut tries = torn.iter().rev().collect::<Vec<_>>();
        // Each frame that continues the chain at hand, until none does.
        while let Some(at) = tries.iter().position(|(base, _)| **base <= self.pending.next()) {
            let (_, frames) = tries.remove(at);
            for bytes in frames {
                if let Some(ends_commit) = self.take_up(bytes) {
                    if ends_commit {
                        whole = self.pending.len();
                    }
                    tries = torn.iter().rev().collect();
                    break;
                }
            }
        }
        self.pending.truncate(whole);
        if whole > before {
            tracing::warn!(
                from = %Seq(self.pending.next().0 - (whole - before) as u64),
                to = %self.last_seq(),
                "the store had dropped envelopes that its log still held; they are back"
            );
        }
        self.commit(before)
    }

    /// Takes what is new in a salvaged frame, if it continues the chain; says whether a commit ends with it.
    fn take_up(&mut self, bytes: &[u8]) -> Option<bool> {
        let frame = Frame::decode(bytes).ok()?;
        if frame.last() < self.pending.next() {
            return None;
        }
        let plain = unpack(&frame).ok()?;
        let before = self.pending.len();
        for envelope in frame.envelopes(&plain) {
            match envelope {
                Ok((envelope, encoded)) if envelope.seq >= self.pending.next() => self.pending.push_encoded(encoded),
                Ok(_) => {}
                Err(_) => {
                    self.pending.truncate(before);
                    return None;
                }
            }
        }
        if self.pending.chain() == frame.chain {
            Some(frame.ends_commit)
        } else {
            self.pending.truncate(before);
            None
        }
    }

    /// Holds what is there against what the head record says was there.
    fn check(&self, recorded: Option<Head>) -> Result<(), LedgerError> {
        let Some(head) = recorded else { return Ok(()) };
        let last = self.last_seq();
        if last < head.seq {
            let (dir, head_place) = (self.places.dir.clone(), self.places.head());
            return Err(LedgerError::TailCut { dir, last, recorded: head.seq, head: head_place });
        }
        if last == head.seq && self.chain() != head.chain {
            let why = "it is not the one that the head record beside the ledger names".to_owned();
            return Err(LedgerError::Damaged { seq: last, why });
        }
        Ok(())
    }
}

/// sled cuts its log where it finds damage, so it may only open one that yields all that must be there. Also gives the
/// frames that it may drop although they are there.
fn look_before_opening(places: &Places, recorded: Head) -> Result<Frames, LedgerError> {
    let log = places.log();
    if let Some(closed) = recorded.log
        && digest(&log).map_err(io_error("read", &log))? == closed
    {
        return Ok(Frames::new());
    }
    // Closed and changed since, or never closed: let sled try on a copy first.
    match verify::examine(places, Some(recorded), &places.dir) {
        Ok(verdict) if verdict.may_be_opened() => {}
        Ok(Verdict { finding: Finding::TailCut { recorded }, last, .. }) => {
            let (dir, head) = (places.dir.clone(), places.head());
            return Err(LedgerError::TailCut { dir, last, recorded, head });
        }
        Ok(verdict) => {
            let why = verdict.to_string().lines().next().unwrap_or_default().to_owned();
            return Err(LedgerError::Damaged { seq: verdict.last.next(), why });
        }
        // A full disk, most likely. Without the precaution is better than not at all.
        Err(e) => tracing::warn!("the ledger is opened without looking at a copy first: {e}"),
    }
    salvageable(places, recorded.seq)
}

/// sled's own form of the database, opened so that it keeps to one file and starts no thread that flushes. Fails with
/// sled's words.
pub(super) fn open_sled(store: &Path) -> Result<sled::Db, String> {
    let config = sled::Config::new().path(store).segment_size(SEGMENT).cache_capacity(CACHE).flush_every_ms(None);
    let mut tries = 0;
    loop {
        // sled panics on some damage instead of saying so.
        match std::panic::catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok(db),
            // We hold the directory, so it is this process: a handle that was just dropped and is not yet closed.
            Ok(Err(sled::Error::Io(e))) if e.to_string().contains("lock") && tries < 200 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(Err(e)) => return Err(e.to_string()),
            Err(_) => return Err("sled gives up on its own data".to_owned()),
        }
    }
}

/// What was committed since the last seal; and nothing, placed after it, if nothing was.
fn recent(
    hot: &sled::Tree,
    cold: &sled::Tree,
    refused: impl Fn(sled::Error) -> LedgerError,
) -> Result<Pending, LedgerError> {
    let mut pending = match cold.last().map_err(&refused)? {
        None => Pending::new(Seq(1), Chain::start()),
        Some((key, value)) => {
            let base = Seq(key.as_ref().try_into().map_or(0, u64::from_be_bytes));
            let frame = Frame::decode(&value).map_err(|e| damaged(base, &e))?;
            Pending::new(frame.last().next(), frame.chain)
        }
    };
    for entry in hot {
        let (_, value) = entry.map_err(&refused)?;
        let seq = pending.next();
        let frame = Frame::decode(&value).map_err(|e| damaged(seq, &e))?;
        if frame.last() < seq {
            continue; // sealed; the crash came before its removal
        }
        if frame.base != seq {
            return Err(LedgerError::Damaged { seq, why: "it is missing".to_owned() });
        }
        let plain = unpack(&frame).map_err(|e| damaged(seq, &e))?;
        for envelope in frame.envelopes(&plain) {
            pending.push_encoded(envelope.map_err(|e| damaged(seq, &e))?.1);
        }
        if pending.chain() != frame.chain {
            return Err(LedgerError::Damaged { seq, why: "it does not continue the chain".to_owned() });
        }
    }
    Ok(pending)
}

/// Encoded frames by their first sequence number, the latest copy last.
type Frames = BTreeMap<Seq, Vec<Vec<u8>>>;

/// The frames in the log that reach beyond the head record.
fn salvageable(places: &Places, beyond: Seq) -> Result<Frames, LedgerError> {
    let mut found = Frames::new();
    let log = places.log();
    salvage::scan(&log, |_, frame| {
        if let Ok(frame) = frame
            && frame.last() > beyond
        {
            let copies = found.entry(frame.base).or_default();
            let mut bytes = Vec::new();
            frame.encode(&mut bytes);
            if !copies.contains(&bytes) {
                copies.push(bytes);
            }
        }
    })
    .map_err(io_error("read", &log))?;
    Ok(found)
}
