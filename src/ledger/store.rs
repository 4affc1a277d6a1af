//! The ledger in sled: one writer, one value per commit, recent values plain, older ones sealed and compressed.
//!
//! Two trees with the first sequence number, big endian, as the key: `hot` holds what was committed since the last seal,
//! `cold` holds frames of about 1,024 envelopes. A commit is one `apply_batch` of one tree, a flush, and a sync of
//! sled's file through a handle of our own, because sled's flush on Linux is no barrier against power loss.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use capledger_schema::Envelope;
use capledger_schema::codec::Chain;
use capledger_schema::id::Seq;

use super::dir::Places;
use super::head::{Digest, Head, HeadFile, digest};
use super::reader::{Reader, Shared};
use super::step::{Step, Steps};
use super::value::Pending;
use super::{History, Ledger, LedgerError, io_error, refused};

/// How many recent envelopes there are before they are sealed, and about how many a sealed value holds.
pub(super) const SEAL_AT: usize = 1024;

/// How many seals pass between two syncs of the head record.
const HEAD_SYNC_EVERY: u32 = 16;

/// The ledger on disk, for the one process that writes it.
#[derive(Debug)]
pub struct Store {
    pub(super) places: Places,
    pub(super) shared: Arc<Shared>,
    /// A second handle on sled's log, for syncing it.
    pub(super) log: File,
    pub(super) head: HeadFile,
    pub(super) pending: Pending,
    pub(super) seals: u32,
    pub(super) failed: bool,
    pub(super) steps: Steps,
}

impl Store {
    /// The last envelope's place; 0 for none.
    pub fn last_seq(&self) -> Seq {
        Seq(self.pending.next().0 - 1)
    }

    /// The chain after the last envelope: kept elsewhere, it shows later that nothing before it was changed.
    pub fn chain(&self) -> Chain {
        self.pending.chain()
    }

    /// A handle for reading, while this one is given to the writer.
    pub fn reader(&self) -> Reader {
        Reader { shared: Arc::clone(&self.shared) }
    }

    /// Writes the head record and lets go of the ledger. Dropping it does the same, without a word of what fails.
    pub fn close(mut self) -> Result<(), LedgerError> {
        self.finish()
    }

    fn finish(&mut self) -> Result<(), LedgerError> {
        if self.failed {
            return Ok(());
        }
        // Whatever follows, this handle is done.
        self.failed = true;
        self.shared.db.flush().map_err(|e| self.refused(e))?;
        self.log.sync_data().map_err(io_error("sync", &self.places.log()))?;
        let log = self.places.log();
        let digest = digest(&log).map_err(io_error("read", &log))?;
        self.record(Some(digest), true).map_err(io_error("write the head record", &self.places.head()))
    }

    fn append_batch(&mut self, batch: &[Envelope]) -> Result<(), LedgerError> {
        let before = self.pending.len();
        for envelope in batch {
            let expected = self.pending.next();
            let pushed = if envelope.seq == expected {
                self.pending.push(envelope).map_err(LedgerError::from)
            } else {
                Err(LedgerError::OutOfOrder { expected, got: envelope.seq })
            };
            if let Err(e) = pushed {
                self.pending.truncate(before);
                return Err(e);
            }
        }
        self.commit(before)
    }

    /// Makes the pending envelopes from the `from`th on durable.
    pub(super) fn commit(&mut self, from: usize) -> Result<(), LedgerError> {
        let result = self.commit_inner(from);
        // After a failed write or sync nobody knows what is on the disk; only opening it anew tells.
        self.failed |= result.is_err();
        result
    }

    fn commit_inner(&mut self, from: usize) -> Result<(), LedgerError> {
        if self.pending.len() == from {
            return Ok(());
        }
        self.step(Step::Begun)?;
        let sealing = self.pending.len() >= SEAL_AT;
        let (tree, values) = if sealing {
            let packed = self.pending.packed(SEAL_AT);
            (&self.shared.cold, packed.map_err(io_error("compress for", &self.places.log()))?)
        } else {
            (&self.shared.hot, self.pending.plain(from))
        };
        let mut writes = sled::Batch::default();
        for (base, value) in values {
            writes.insert(&base.0.to_be_bytes(), value);
        }
        tree.apply_batch(writes).map_err(|e| self.refused(e))?;
        self.step(Step::Applied)?;
        self.shared.db.flush().map_err(|e| self.refused(e))?;
        self.step(Step::Flushed)?;
        self.log.sync_data().map_err(io_error("sync", &self.places.log()))?;
        self.shared.durable.store(self.last_seq().0, Ordering::Release);
        self.step(Step::Synced)?;
        if sealing {
            self.forget_hot()?;
        }
        Ok(())
    }

    /// Drops the recent values that are sealed and on the disk. This is flushed with a later commit: a crash leaves
    /// them behind at worst, and opening skips what the last sealed value covers.
    fn forget_hot(&mut self) -> Result<(), LedgerError> {
        let mut removals = sled::Batch::default();
        for key in self.shared.hot.iter().keys() {
            removals.remove(key.map_err(|e| self.refused(e))?);
        }
        self.shared.hot.apply_batch(removals).map_err(|e| self.refused(e))?;
        self.step(Step::Removed)?;
        self.pending = Pending::new(self.pending.next(), self.pending.chain());
        self.seals += 1;
        let sync = self.seals.is_multiple_of(HEAD_SYNC_EVERY);
        self.record(None, sync).map_err(io_error("write the head record", &self.places.head()))?;
        self.step(Step::Recorded)
    }

    pub(super) fn record(&mut self, log: Option<Digest>, sync: bool) -> io::Result<()> {
        self.head.write(Head { seq: self.last_seq(), chain: self.chain(), log }, sync)
    }

    fn refused(&self, e: sled::Error) -> LedgerError {
        refused(&self.places.dir, e)
    }

    fn step(&mut self, step: Step) -> Result<(), LedgerError> {
        self.steps.at(step).map_err(io_error("write", &self.places.log()))
    }
}

impl Ledger for Store {
    fn append(&mut self, batch: &[Envelope]) -> io::Result<()> {
        if self.failed {
            return Err(LedgerError::Stopped.into());
        }
        Ok(self.append_batch(batch)?)
    }
}

impl History for Store {
    fn read(&self, after: Seq) -> impl Iterator<Item = io::Result<Envelope>> {
        self.reader().into_read(after)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Err(e) = self.finish() {
            tracing::error!("closing the ledger: {e}");
        }
    }
}
