//! A ledger in memory, for simulation: what was written and not flushed is forgotten in a crash.

use std::io;

use capledger_schema::Envelope;
use capledger_schema::id::Seq;

use super::{History, Ledger, LedgerError};

/// Envelopes in memory, the flushed ones apart from those that wait for their flush.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    durable: Vec<Envelope>,
    waiting: Vec<Envelope>,
    full: bool,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Memory::default()
    }

    /// Takes envelopes, which count from the next flush on.
    pub fn write(&mut self, batch: impl IntoIterator<Item = Envelope>) -> io::Result<()> {
        let before = self.waiting.len();
        for envelope in batch {
            let expected = Seq((self.durable.len() + self.waiting.len()) as u64 + 1);
            if envelope.seq != expected {
                self.waiting.truncate(before);
                return Err(LedgerError::OutOfOrder { expected, got: envelope.seq }.into());
            }
            self.waiting.push(envelope);
        }
        Ok(())
    }

    /// Makes what was written durable, and says which envelopes that were.
    ///
    /// On a full disk it fails and they are lost: as with the real one, only a new start tells what is there.
    pub fn flush(&mut self) -> io::Result<&[Envelope]> {
        let before = self.durable.len();
        if self.full && !self.waiting.is_empty() {
            self.waiting.clear();
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.durable.append(&mut self.waiting);
        Ok(&self.durable[before..])
    }

    /// Forgets what was not flushed, as a crash does.
    pub fn crash(&mut self) {
        self.waiting.clear();
    }

    /// From now on the disk is full, or no longer is.
    pub fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// The last durable envelope; 0 for none.
    pub fn last_seq(&self) -> Seq {
        Seq(self.durable.len() as u64)
    }

    /// The durable envelopes.
    pub fn envelopes(&self) -> &[Envelope] {
        &self.durable
    }

    /// Whether something waits for a flush.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Ledger for Memory {
    fn append(&mut self, batch: &[Envelope]) -> io::Result<()> {
        self.write(batch.iter().cloned())?;
        self.flush().map(|_| ())
    }
}

impl History for Memory {
    fn read(&self, after: Seq) -> impl Iterator<Item = io::Result<Envelope>> {
        let from = usize::try_from(after.0).unwrap_or(usize::MAX).min(self.durable.len());
        self.durable[from..].iter().cloned().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all, envelopes};
    use super::*;

    #[test]
    fn a_crash_forgets_what_was_not_flushed_and_nothing_else() {
        let mut ledger = Memory::new();
        ledger.write(envelopes(1, 3)).expect("takes");
        assert_eq!(ledger.flush().expect("flushes"), envelopes(1, 3));
        ledger.write(envelopes(4, 5)).expect("takes");
        assert!(ledger.is_waiting());
        ledger.crash();
        assert_eq!(all(&ledger), envelopes(1, 3));
        ledger.append(&envelopes(4, 4)).expect("goes on from there");
        assert_eq!(ledger.last_seq(), Seq(4));
    }

    #[test]
    fn a_full_disk_loses_what_waits() {
        let mut ledger = Memory::new();
        ledger.append(&envelopes(1, 1)).expect("takes");
        ledger.set_full(true);
        assert_eq!(ledger.append(&envelopes(2, 2)).expect_err("full").kind(), io::ErrorKind::StorageFull);
        ledger.set_full(false);
        assert_eq!(all(&ledger), envelopes(1, 1));
    }

    #[test]
    fn an_append_that_does_not_follow_is_refused_whole() {
        let mut ledger = Memory::new();
        assert!(ledger.write([envelopes(1, 1), envelopes(3, 3)].concat()).is_err());
        assert!(!ledger.is_waiting());
    }
}
