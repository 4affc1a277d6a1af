//! The ledger as a view sees it: read-only, in order, and no further than the moment that is shown.
//!
//! Whoever drives a shell hands the way to it in: the daemon and a replay their store, a test its envelopes. A view
//! streams through it and keeps only what it prints, so a ledger of any length takes it no more memory.

use std::fmt;
use std::io;

use capledger_schema::Envelope;
use capledger_schema::codec::Chain;
use capledger_schema::id::Seq;

/// Envelopes as they are read, in order and without gaps. It ends with the first error.
pub type Reading<'a> = Box<dyn Iterator<Item = io::Result<Envelope>> + 'a>;

/// What a view may read of the ledger.
pub trait Envelopes: fmt::Debug {
    /// The last one that may be seen, which is the moment that is shown; 0 for none.
    fn last(&self) -> Seq;

    /// Those that follow `after`, up to and with [`Envelopes::last`]; `Seq(0)` for all.
    ///
    /// An error of kind [`io::ErrorKind::Interrupted`] says that whoever asked waits no longer.
    fn after(&self, after: Seq) -> Reading<'_>;

    /// The last `n`, oldest first. Costs as much as they are, not as the ledger is.
    fn newest(&self, n: u64) -> Reading<'_> {
        self.after(Seq(self.last().0.saturating_sub(n)))
    }

    /// Octets that the whole ledger takes on its disk now, if that is known.
    fn octets(&self) -> Option<u64> {
        None
    }

    /// The chain after the last one that may be seen, as an audit tells it, if that is known.
    fn head(&self) -> Option<Chain> {
        None
    }
}

/// Where there is no ledger behind the folds.
#[derive(Clone, Copy, Debug)]
pub struct NoHistory;

impl Envelopes for NoHistory {
    fn last(&self) -> Seq {
        Seq(0)
    }

    fn after(&self, _: Seq) -> Reading<'_> {
        Box::new(std::iter::empty())
    }
}

/// All of a ledger that is short.
impl Envelopes for Vec<Envelope> {
    fn last(&self) -> Seq {
        <[Envelope]>::last(self).map_or(Seq(0), |e| e.seq)
    }

    fn after(&self, after: Seq) -> Reading<'_> {
        let skip = self.partition_point(|e| e.seq <= after);
        Box::new(self[skip..].iter().cloned().map(Ok))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Story;

    #[test]
    fn the_newest_are_the_end_of_the_ledger_in_its_order() {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        for _ in 0..4 {
            story.configured(Vec::new());
        }
        let seqs = |reading: Reading| reading.map(|e| e.expect("readable").seq.0).collect::<Vec<_>>();
        assert_eq!(seqs(story.envelopes.newest(2)), [4, 5]);
        assert_eq!(seqs(story.envelopes.newest(99)), [1, 2, 3, 4, 5]);
        assert_eq!(seqs(story.envelopes.after(Seq(3))), [4, 5]);
        assert_eq!(seqs(NoHistory.newest(2)), [0; 0]);
    }
}
