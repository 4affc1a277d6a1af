//! Reads envelopes back, also while the writer goes on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use capledger_schema::Envelope;
use capledger_schema::codec::{Chain, Frame};
use capledger_schema::id::Seq;

use super::dir::{Lock, Places};
use super::value::unpack;
use super::{History, LedgerError, damaged, refused};

/// The store as all its handles share it. The lock goes with the last of them.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dir: std::path::PathBuf,
    // In this order: sled closes its files before another process may open them.
    pub(crate) hot: sled::Tree,
    pub(crate) cold: sled::Tree,
    pub(crate) db: sled::Db,
    /// The last durable envelope.
    pub(crate) durable: AtomicU64,
    pub(crate) _lock: Lock,
}

/// A handle that reads the durable part of a store. Cheap to clone; as good from any thread.
///
/// It keeps the data directory taken for as long as it lives.
#[derive(Debug, Clone)]
pub struct Reader {
    pub(crate) shared: Arc<Shared>,
}

impl Reader {
    /// The last durable envelope; 0 for none.
    pub fn last_seq(&self) -> Seq {
        Seq(self.shared.durable.load(Ordering::Acquire))
    }

    /// Everything after `after` that is durable, like [`History::read`], as an iterator that owns its handle.
    pub fn into_read(self, after: Seq) -> impl Iterator<Item = io::Result<Envelope>> + Send + 'static {
        Read { reader: self, after, ready: Vec::new().into_iter(), failed: false }
    }

    /// The chain after `seq`, which is durable or 0: what an audit of the ledger up to there tells as its head.
    ///
    /// # Errors
    /// Damage, or what the file system says.
    pub fn chain(&self, seq: Seq) -> Result<Chain, LedgerError> {
        if seq == Seq(0) {
            return Ok(Chain::start());
        }
        let value = self.value(seq)?;
        let frame = Frame::decode(&value).map_err(|e| damaged(seq, &e))?;
        if frame.last() == seq {
            return Ok(frame.chain);
        }
        let mut chain = self.chain(Seq(frame.base.0 - 1))?;
        let plain = unpack(&frame).map_err(|e| damaged(seq, &e))?;
        for envelope in frame.envelopes(&plain) {
            let (envelope, encoded) = envelope.map_err(|e| damaged(seq, &e))?;
            if envelope.seq > seq {
                break;
            }
            chain = chain.then(encoded);
        }
        Ok(chain)
    }

    /// Octets that the ledger takes on its disk.
    ///
    /// # Errors
    /// What the file system says.
    pub fn octets(&self) -> io::Result<u64> {
        std::fs::metadata(Places::of(&self.shared.dir).log()).map(|file| file.len())
    }

    /// The value that holds `seq`, which is durable.
    fn value(&self, seq: Seq) -> Result<sled::IVec, LedgerError> {
        // The writer may seal between two looks: what has left the recent values is then among the sealed ones.
        for tree in [&self.shared.cold, &self.shared.hot, &self.shared.cold] {
            if let Some(value) = lookup(tree, seq).map_err(|e| refused(&self.shared.dir, e))? {
                return Ok(value);
            }
        }
        Err(LedgerError::Damaged { seq, why: "it is missing".to_owned() })
    }
}

/// The value of the last key up to `seq`, if it reaches that far.
fn lookup(tree: &sled::Tree, seq: Seq) -> Result<Option<sled::IVec>, sled::Error> {
    let Some((_, value)) = tree.get_lt(seq.next().0.to_be_bytes())? else { return Ok(None) };
    // A frame that cannot be read is handed out: its reader says what is wrong.
    let reaches = Frame::decode(&value).map_or(true, |frame| frame.last() >= seq);
    Ok(reaches.then_some(value))
}

impl History for Reader {
    fn read(&self, after: Seq) -> impl Iterator<Item = io::Result<Envelope>> {
        self.clone().into_read(after)
    }
}

struct Read {
    reader: Reader,
    after: Seq,
    ready: std::vec::IntoIter<Envelope>,
    failed: bool,
}

impl Read {
    /// Gets the next value. One that is being written may reach beyond what is durable: no further than `durable`.
    fn load(&mut self, durable: Seq) -> Result<(), LedgerError> {
        let seq = self.after.next();
        let value = self.reader.value(seq)?;
        let frame = Frame::decode(&value).map_err(|e| damaged(seq, &e))?;
        let plain = unpack(&frame).map_err(|e| damaged(seq, &e))?;
        let mut out = Vec::with_capacity(frame.envelopes(&plain).size_hint().1.unwrap_or_default());
        for envelope in frame.envelopes(&plain) {
            let (envelope, _) = envelope.map_err(|e| damaged(seq, &e))?;
            if envelope.seq >= seq && envelope.seq <= durable {
                out.push(envelope);
            }
        }
        if out.first().is_none_or(|first| first.seq != seq) {
            return Err(LedgerError::Damaged { seq, why: "another frame stands in its place".to_owned() });
        }
        self.ready = out.into_iter();
        Ok(())
    }
}

impl Iterator for Read {
    type Item = io::Result<Envelope>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        if self.ready.len() == 0 {
            let durable = self.reader.last_seq();
            if self.after >= durable {
                return None;
            }
            if let Err(e) = self.load(durable) {
                self.failed = true;
                return Some(Err(e.into()));
            }
        }
        let envelope = self.ready.next()?;
        self.after = envelope.seq;
        Some(Ok(envelope))
    }
}
