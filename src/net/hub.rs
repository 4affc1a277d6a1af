//! The hub: where envelopes come out once they are durable, and where everybody who folds them stands.
//!
//! The ledger's writer publishes; views read the folded state, subscribers follow by sequence number at their own pace
//! and re-read from the store what has left the bounded tail. Nothing here decides anything, and no queue grows.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use capledger_schema::Envelope;
use capledger_schema::id::Seq;
use capledger_schema::project::{Projection, State};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::trace::Trace;

/// Envelopes that the tail holds at most; older ones are read from the store.
pub const TAIL_LIMIT: usize = 8_192;

/// Envelopes that a follower is handed at once at most.
pub const BATCH_LIMIT: usize = 512;

/// Reads from the store: at most so many envelopes after a sequence number, in order. May block.
pub type Reread = dyn Fn(Seq, usize) -> io::Result<Vec<Envelope>> + Send + Sync;

/// What the tail knows of the envelopes after a sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// The next ones, oldest first; empty if there are none yet.
    Here(Vec<Envelope>),
    /// They have left the tail: the store has them.
    Older,
}

/// The place where durable envelopes are published. Shared behind an [`Arc`].
pub struct Hub {
    /// Locked by the publisher alone, so that a view which holds a lock of its own never waits for another view.
    folds: Mutex<Vec<Box<dyn Projection + Send>>>,
    now: Mutex<Present>,
    head: watch::Sender<Seq>,
    reread: Arc<Reread>,
    trace: Arc<Trace>,
}

struct Present {
    state: Arc<State>,
    tail: VecDeque<Envelope>,
}

impl Hub {
    /// A hub at `state`, which is the fold of the ledger up to `state.seq`. What follows it is published.
    pub fn new(state: State, reread: Arc<Reread>) -> Hub {
        let (head, _) = watch::channel(state.seq);
        let now = Present { state: Arc::new(state), tail: VecDeque::with_capacity(TAIL_LIMIT) };
        Hub { folds: Mutex::default(), now: Mutex::new(now), head, reread, trace: Arc::default() }
    }

    /// The tap on what is no fact: messages, for whoever stands here and debugs.
    pub fn trace(&self) -> &Arc<Trace> {
        &self.trace
    }

    /// Adds a fold, which sees every envelope published from here on; its owner keeps a clone to read it by.
    ///
    /// It is brought up to date before it is added: the hub does not replay.
    pub fn attach<P: Projection + Send + 'static>(&self, fold: Arc<Mutex<P>>) {
        lock(&self.folds).push(Box::new(Shared(fold)));
    }

    /// Takes durable envelopes in and wakes the followers. Called by the ledger's writer alone, in order.
    ///
    /// What was published before is skipped. After a gap the tail starts anew, so followers turn to the store.
    pub fn publish(&self, batch: &[Envelope]) {
        let known = self.seq();
        let new = &batch[batch.partition_point(|e| e.seq <= known)..];
        let Some(last) = new.last() else { return };
        for fold in lock(&self.folds).iter_mut() {
            for e in new {
                fold.apply(e);
            }
        }
        let mut now = lock(&self.now);
        // Copies the state only if a reader still holds the last one.
        let state = Arc::make_mut(&mut now.state);
        for e in new {
            state.apply(e);
        }
        for e in new {
            if now.tail.back().is_some_and(|last| last.seq.next() != e.seq) {
                now.tail.clear();
            }
            if now.tail.len() == TAIL_LIMIT {
                now.tail.pop_front();
            }
            now.tail.push_back(e.clone());
        }
        drop(now);
        self.head.send_replace(last.seq);
    }

    /// The state as of the last published envelope: it stays as it is for as long as it is held.
    pub fn state(&self) -> Arc<State> {
        lock(&self.now).state.clone()
    }

    /// The last published envelope; 0 for none.
    pub fn seq(&self) -> Seq {
        *self.head.borrow()
    }

    /// Tells every change of [`Hub::seq`]; a slow reader sees the latest only.
    pub fn head(&self) -> watch::Receiver<Seq> {
        self.head.subscribe()
    }

    /// At most `limit` envelopes that follow `after`, if the tail still has them.
    pub fn since(&self, after: Seq, limit: usize) -> Tail {
        let now = lock(&self.now);
        if after >= now.state.seq {
            return Tail::Here(Vec::new());
        }
        match now.tail.front() {
            Some(first) if first.seq <= after.next() => {
                let skip = usize::try_from(after.next().0 - first.seq.0).unwrap_or(usize::MAX);
                Tail::Here(now.tail.iter().skip(skip).take(limit).cloned().collect())
            }
            Some(_) | None => Tail::Older,
        }
    }

    /// Like [`Hub::since`], and reads from the store what has left the tail. May block on the disk.
    pub fn read(&self, after: Seq, limit: usize) -> io::Result<Vec<Envelope>> {
        match self.since(after, limit) {
            Tail::Here(batch) => Ok(batch),
            Tail::Older => reread(&*self.reread, after, limit, self.seq()),
        }
    }

    /// The last envelope of the tail that is one of these.
    pub fn last(&self, is_one: impl Fn(&Envelope) -> bool) -> Option<Envelope> {
        lock(&self.now).tail.iter().rev().find(|e| is_one(e)).cloned()
    }

    /// Follows the ledger from after a sequence number on.
    pub fn follow(self: &Arc<Self>, after: Seq) -> Follower {
        Follower { hub: Arc::clone(self), head: self.head(), after, reading: None }
    }
}

/// Takes every durable envelope once, in order, at its own pace.
pub struct Follower {
    hub: Arc<Hub>,
    head: watch::Receiver<Seq>,
    after: Seq,
    reading: Option<JoinHandle<io::Result<Vec<Envelope>>>>,
}

impl Follower {
    /// The next envelopes: at least one, at most [`BATCH_LIMIT`]. Waits for the first of them; reads older ones from
    /// the store, off the runtime's thread. Losing the future loses nothing.
    pub async fn next(&mut self) -> io::Result<Vec<Envelope>> {
        let batch = loop {
            if let Some(reading) = &mut self.reading {
                let read = reading.await.map_err(io::Error::other).flatten();
                self.reading = None;
                break read?;
            }
            let seen = *self.head.borrow_and_update();
            match self.hub.since(self.after, BATCH_LIMIT) {
                Tail::Here(batch) if batch.is_empty() => {
                    // The hub is ours, so its sender lives.
                    self.head.changed().await.map_err(io::Error::other)?;
                }
                Tail::Here(batch) => break batch,
                Tail::Older => {
                    let (store, after) = (Arc::clone(&self.hub.reread), self.after);
                    self.reading = Some(tokio::task::spawn_blocking(move || reread(&*store, after, BATCH_LIMIT, seen)));
                }
            }
        };
        if let Some(last) = batch.last() {
            self.after = last.seq;
        }
        Ok(batch)
    }

    /// The last envelope that was handed out.
    pub fn after(&self) -> Seq {
        self.after
    }
}

/// Reads from the store, which holds everything up to `head`: an empty or broken answer is an error, not an end.
fn reread(store: &Reread, after: Seq, limit: usize, head: Seq) -> io::Result<Vec<Envelope>> {
    let batch = store(after, limit)?;
    let mut expected = after;
    for e in &batch {
        expected = expected.next();
        if e.seq != expected {
            return Err(io::Error::other(format!("the store gives envelope {} where {expected} is due", e.seq)));
        }
    }
    if batch.is_empty() {
        return Err(io::Error::other(format!("the store has nothing after envelope {after}, but {head} is durable")));
    }
    Ok(batch)
}

struct Shared<P>(Arc<Mutex<P>>);

impl<P: Projection> Projection for Shared<P> {
    fn apply(&mut self, envelope: &Envelope) {
        lock(&self.0).apply(envelope);
    }
}

/// A fold never panics half-way with its data broken, so a poisoned lock is as good as any.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use capledger_schema::time::Timestamp;
    use capledger_schema::{Cause, Event, Source, Subject};

    fn envelope(seq: u64) -> Envelope {
        Envelope {
            seq: Seq(seq),
            at: Timestamp(seq as i64),
            cause: Cause::Start,
            source: Source::Local,
            subject: Subject::Controller,
            observed_at: None,
            event: Event::ControllerStopped { reason: format!("reason {seq}") },
        }
    }

    fn envelopes(seqs: std::ops::RangeInclusive<u64>) -> Vec<Envelope> {
        seqs.map(envelope).collect()
    }

    fn hub(store: Vec<Envelope>) -> Arc<Hub> {
        let reread =
            move |after: Seq, limit: usize| Ok(store.iter().filter(|e| e.seq > after).take(limit).cloned().collect());
        Arc::new(Hub::new(State::default(), Arc::new(reread)))
    }

    fn block_on<F: Future>(f: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(f)
    }

    #[derive(Default)]
    struct Count(u64);

    impl Projection for Count {
        fn apply(&mut self, _: &Envelope) {
            self.0 += 1;
        }
    }

    #[test]
    fn what_is_published_is_folded_and_can_be_read_in_order() {
        let hub = hub(vec![]);
        hub.publish(&envelopes(1..=3));
        hub.publish(&envelopes(4..=5));
        assert_eq!((hub.seq(), hub.state().seq), (Seq(5), Seq(5)));
        assert_eq!(hub.since(Seq(2), 2), Tail::Here(envelopes(3..=4)));
        assert_eq!(hub.since(Seq(5), 2), Tail::Here(vec![]));
    }

    #[test]
    fn what_was_published_before_is_not_folded_twice() {
        let hub = hub(vec![]);
        let count = Arc::new(Mutex::new(Count::default()));
        hub.attach(Arc::clone(&count));
        hub.publish(&envelopes(1..=3));
        hub.publish(&envelopes(2..=4));
        assert_eq!(lock(&count).0, 4);
        assert_eq!(hub.since(Seq(0), 10), Tail::Here(envelopes(1..=4)));
    }

    #[test]
    fn a_state_that_a_reader_holds_does_not_change_under_it() {
        let hub = hub(vec![]);
        hub.publish(&envelopes(1..=1));
        let held = hub.state();
        hub.publish(&envelopes(2..=2));
        assert_eq!((held.seq, hub.state().seq), (Seq(1), Seq(2)));
    }

    #[test]
    fn the_tail_is_bounded_and_older_envelopes_come_from_the_store() {
        let all = envelopes(1..=TAIL_LIMIT as u64 + 10);
        let hub = hub(all.clone());
        hub.publish(&all);
        assert_eq!(lock(&hub.now).tail.len(), TAIL_LIMIT);
        assert_eq!(hub.since(Seq(9), 1), Tail::Older);
        assert_eq!(hub.since(Seq(10), 1), Tail::Here(envelopes(11..=11)));
        assert_eq!(hub.read(Seq(9), 2).expect("the store"), envelopes(10..=11));
    }

    #[test]
    fn a_follower_that_lags_gets_every_envelope_once_and_in_order() {
        let all = envelopes(1..=TAIL_LIMIT as u64 * 2);
        let hub = hub(all.clone());
        block_on(async {
            let mut follower = hub.follow(Seq(0));
            let mut got = Vec::new();
            for part in all.chunks(3_000) {
                hub.publish(part);
                got.extend(follower.next().await.expect("a batch"));
            }
            while got.len() < all.len() {
                got.extend(follower.next().await.expect("a batch"));
            }
            assert!(got == all, "a follower lost, doubled or reordered an envelope");
        });
    }

    #[test]
    fn a_follower_that_is_dropped_while_it_waits_loses_nothing() {
        let hub = hub(envelopes(1..=20));
        block_on(async {
            // A gap: the tail begins after it, so the first read goes to the store.
            hub.publish(&envelopes(15..=20));
            let mut follower = hub.follow(Seq(0));
            let cancelled = tokio::time::timeout(std::time::Duration::ZERO, follower.next()).await;
            let mut got = cancelled.map_or_else(|_| Vec::new(), |batch| batch.expect("a batch"));
            while got.len() < 20 {
                got.extend(follower.next().await.expect("a batch"));
            }
            assert_eq!(got, envelopes(1..=20));
        });
    }

    #[test]
    fn a_store_that_lacks_what_is_durable_is_an_error_and_not_an_end() {
        let hub = hub(vec![]);
        hub.publish(&envelopes(15..=20));
        let words = hub.read(Seq(3), 5).expect_err("an error").to_string();
        assert_eq!(words, "the store has nothing after envelope 3, but 20 is durable");
    }
}
