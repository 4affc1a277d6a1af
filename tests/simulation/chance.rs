//! Where a simulation's luck comes from and how its time goes by: a seeded stream, and a queue of what is to happen.
//!
//! Nothing here reads a clock or the machine's entropy, and what falls on one moment keeps the order of its planning.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use capledger_schema::time::Monotonic;

/// SplitMix64 (Steele, Lea and Flood, 2014): the same stream for the same seed, on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// A stream of its own, so that drawing from one leaves the others as they were.
    pub(crate) fn fork(&mut self) -> Self {
        Rng(self.next())
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `n`, which is not zero.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Whether something happens that happens so many times in a million.
    pub(crate) fn happens(&mut self, in_a_million: u32) -> bool {
        in_a_million > 0 && self.below(1_000_000) < u64::from(in_a_million)
    }

    /// From `low` up to, not including, `high`; `low` where there is nothing between them.
    pub(crate) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let span = high.saturating_sub(low).as_micros() as u64;
        low + Duration::from_micros(self.below(span.max(1)))
    }
}

/// What is to happen, earliest first.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    places: BinaryHeap<Reverse<(Monotonic, u64, usize)>>,
    things: Vec<Option<T>>,
    free: Vec<usize>,
    planned: u64,
}

impl<T> Queue<T> {
    /// Nothing is planned.
    pub(crate) fn new() -> Self {
        Queue { places: BinaryHeap::new(), things: Vec::new(), free: Vec::new(), planned: 0 }
    }

    /// Plans something.
    pub(crate) fn plan(&mut self, at: Monotonic, thing: T) {
        let place = self.free.pop().unwrap_or(self.things.len());
        if place == self.things.len() {
            self.things.push(None);
        }
        self.things[place] = Some(thing);
        self.planned += 1;
        self.places.push(Reverse((at, self.planned, place)));
    }

    /// When the next thing happens.
    pub(crate) fn next_at(&self) -> Option<Monotonic> {
        self.places.peek().map(|Reverse((at, _, _))| *at)
    }

    /// The next thing, and its moment.
    pub(crate) fn pop(&mut self) -> Option<(Monotonic, T)> {
        let Reverse((at, _, place)) = self.places.pop()?;
        self.free.push(place);
        self.things[place].take().map(|thing| (at, thing))
    }
}

#[test]
fn what_falls_on_one_moment_happens_in_the_order_of_its_planning() {
    let mut queue = Queue::new();
    for (at, thing) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b')] {
        queue.plan(Monotonic(at), thing);
    }
    let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(at, thing)| (at.0, thing)).collect();
    assert_eq!(order, [(1, 'a'), (1, 'b'), (5, 'c'), (5, 'd')]);
}

#[test]
fn a_fork_does_not_change_with_what_is_drawn_from_its_sibling() {
    let (mut a, mut b) = (Rng::new(1), Rng::new(1));
    let (mut a1, mut b1) = (a.fork(), b.fork());
    a1.next();
    assert_eq!(a.fork().next(), b.fork().next());
    assert_ne!(a1.next(), b1.next());
}
