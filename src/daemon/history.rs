//! A view's way to the ledger, out of the store: what is durable, up to the moment that is shown.
//!
//! It reads on the thread of whoever asked and takes no lock that the ledger's writer needs; one value of the store is
//! in memory at a time.

use std::fmt;
use std::io;

use capledger_schema::Envelope;
use capledger_schema::codec::Chain;
use capledger_schema::id::Seq;

use crate::ios::Envelopes;
use crate::ios::history::Reading;
use crate::ledger::Reader;

/// How many envelopes are read between two looks whether anybody waits for them still.
const LOOK: u64 = 256;

/// The ledger up to a moment.
pub(crate) struct Durable<'a> {
    reader: Reader,
    last: Seq,
    /// Whether whoever asked has left or pressed Ctrl-C.
    is_gone: &'a dyn Fn() -> bool,
}

impl<'a> Durable<'a> {
    pub(crate) fn new(reader: Reader, last: Seq, is_gone: &'a dyn Fn() -> bool) -> Self {
        Durable { reader, last, is_gone }
    }
}

impl fmt::Debug for Durable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Durable").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Envelopes for Durable<'_> {
    fn last(&self) -> Seq {
        self.last
    }

    fn after(&self, after: Seq) -> Reading<'_> {
        let last = self.last;
        let within = move |e: &io::Result<Envelope>| e.as_ref().map_or(true, |e| e.seq <= last);
        let mut left = 0;
        let mut ended = false;
        let mut reading = self.reader.clone().into_read(after).take_while(within);
        Box::new(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            if left == 0 {
                left = LOOK;
                if (self.is_gone)() {
                    ended = true;
                    return Some(Err(io::Error::from(io::ErrorKind::Interrupted)));
                }
            }
            left -= 1;
            reading.next()
        }))
    }

    fn octets(&self) -> Option<u64> {
        self.reader.octets().ok()
    }

    fn head(&self) -> Option<Chain> {
        self.reader.chain(self.last).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::ledger::{Ledger, Store};
    use crate::story::Story;

    #[test]
    fn it_ends_at_its_moment_and_knows_the_chain_there() {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        for _ in 0..2_500 {
            story.configured(Vec::new());
        }
        let dir = tempfile::tempdir().expect("a directory");
        let mut store = Store::open(dir.path()).expect("opens");
        let (mut chains, mut chain) = (vec![Chain::start()], Chain::start());
        for batch in story.envelopes.chunks(70) {
            store.append(batch).expect("appends");
        }
        for envelope in &story.envelopes {
            let mut encoded = Vec::new();
            capledger_schema::codec::encode_envelope(envelope, &mut encoded).expect("encodes");
            chain = chain.then(&encoded);
            chains.push(chain);
        }
        for last in [0, 1, 69, 70, 1_023, 1_024, 1_500, 2_499, 2_501] {
            let durable = Durable::new(store.reader(), Seq(last), &|| false);
            let read: Vec<_> = durable.newest(5).map(|e| e.expect("readable").seq.0).collect();
            let wanted: Vec<u64> = (last.saturating_sub(4).max(1)..=last).collect();
            assert_eq!(read, wanted);
            assert_eq!(durable.head(), Some(chains[usize::try_from(last).expect("small")]), "{last}");
        }
        let durable = Durable::new(store.reader(), store.last_seq(), &|| false);
        assert_eq!(durable.head(), Some(store.chain()));
        assert!(durable.octets().is_some_and(|octets| octets > 0));
    }

    #[test]
    fn it_stops_soon_after_whoever_asked_has_left() {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        for _ in 0..1_000 {
            story.configured(Vec::new());
        }
        let dir = tempfile::tempdir().expect("a directory");
        let mut store = Store::open(dir.path()).expect("opens");
        store.append(&story.envelopes).expect("appends");
        let gone = Cell::new(false);
        let is_gone = || gone.get();
        let durable = Durable::new(store.reader(), store.last_seq(), &is_gone);
        let mut read = 0;
        let end = durable.after(Seq(0)).find_map(|e| {
            read += 1;
            gone.set(read >= 300);
            e.err()
        });
        assert_eq!(end.expect("an end").kind(), io::ErrorKind::Interrupted);
        assert!(read < 600, "{read}");
    }
}
