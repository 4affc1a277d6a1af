//! A ceiling on how fast images go out to WTPs that serve: a token bucket over the octets of their blocks.
//!
//! Pure: driven by the moments that it is given. A block that finds too few tokens waits; those that wait are let go in
//! the order in which they came.

use std::collections::VecDeque;
use std::time::Duration;

use capledger_schema::time::Monotonic;

use super::peer::Peer;

/// How much may go out at once after a pause: what a tenth of a second brings.
const BURSTS_PER_SECOND: u64 = 10;
/// But no less than a few blocks, or a low ceiling would let none through.
const LEAST_BURST: u64 = 4 * 1_377;
/// Octets per second in one megabit per second.
const OCTETS_PER_MBPS: u64 = 125_000;

/// The bucket, and who waits at it.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    /// Millionths of an octet; below 0 after blocks that were sent again.
    tokens: i64,
    at: Option<Monotonic>,
    waiting: VecDeque<Peer>,
}

/// Octets per second; the burst in millionths of an octet.
fn rate(mbps: u32) -> (u64, i64) {
    let rate = u64::from(mbps) * OCTETS_PER_MBPS;
    let burst = (rate / BURSTS_PER_SECOND).max(LEAST_BURST);
    (rate, i64::try_from(burst * 1_000_000).unwrap_or(i64::MAX))
}

impl Bucket {
    fn fill(&mut self, now: Monotonic, mbps: u32) {
        let (rate, burst) = rate(mbps);
        self.tokens = match self.at {
            None => burst,
            Some(at) => {
                let passed = u64::try_from(now.since(at).as_micros()).unwrap_or(u64::MAX);
                let come = i64::try_from(rate.saturating_mul(passed)).unwrap_or(i64::MAX);
                self.tokens.saturating_add(come).min(burst)
            }
        };
        self.at = Some(now);
    }

    /// Takes the tokens of a block, if there are enough and nobody waits before it; else the WTP waits.
    pub(super) fn take(&mut self, peer: Peer, octets: u16, now: Monotonic, mbps: u32) -> bool {
        self.fill(now, mbps);
        let first = self.waiting.front().is_none_or(|p| *p == peer);
        let price = i64::from(octets) * 1_000_000;
        if first && self.tokens >= price {
            self.waiting.pop_front();
            self.tokens -= price;
            return true;
        }
        if !self.waiting.contains(&peer) {
            self.waiting.push_back(peer);
        }
        false
    }

    /// A block went out again: its tokens are owed.
    pub(super) fn spend(&mut self, octets: u16, now: Monotonic, mbps: u32) {
        self.fill(now, mbps);
        self.tokens = self.tokens.saturating_sub(i64::from(octets) * 1_000_000);
    }

    /// Who is first in line.
    pub(super) fn first(&self) -> Option<Peer> {
        self.waiting.front().copied()
    }

    /// When there are tokens for a block of the largest size, if anybody waits.
    pub(super) fn due(&self, mbps: u32) -> Option<Monotonic> {
        let at = self.at.filter(|_| !self.waiting.is_empty())?;
        let (rate, _) = rate(mbps);
        let lacking = (1_377_000_000 - self.tokens).max(0);
        let wait = u64::try_from(lacking).unwrap_or(0).div_ceil(rate.max(1));
        Some(at + Duration::from_micros(wait))
    }

    /// A WTP waits no longer.
    pub(super) fn leave(&mut self, peer: Peer) {
        self.waiting.retain(|p| *p != peer);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn peer(n: u16) -> Peer {
        Peer { addr: SocketAddr::from(([10, 0, 0, 1], n)), generation: 1 }
    }

    #[test]
    fn blocks_pass_at_the_ceiling_and_no_faster() {
        let (mut bucket, mut sent, mut now) = (Bucket::default(), 0_u64, Monotonic(0));
        let end = Monotonic(10_000_000);
        while now < end {
            if bucket.take(peer(1), 1_024, now, 8) {
                sent += 1_024;
            } else {
                now = bucket.due(8).expect("someone waits").max(now);
            }
        }
        let ceiling = 10 * 1_000_000 + 100_000;
        assert!((9_900_000..=ceiling).contains(&sent), "{sent} octets in 10 s at 8 Mbit/s");
    }

    #[test]
    fn those_that_wait_are_let_go_in_the_order_in_which_they_came() {
        let mut bucket = Bucket::default();
        let now = Monotonic(0);
        while bucket.take(peer(1), 1_024, now, 1) {}
        assert!(!bucket.take(peer(2), 1_024, now, 1));
        assert_eq!(bucket.first(), Some(peer(1)));
        let due = bucket.due(1).expect("two wait");
        assert!(!bucket.take(peer(2), 1_024, due, 1), "the first one is before it");
        assert!(bucket.take(peer(1), 1_024, due, 1));
        bucket.leave(peer(2));
        assert_eq!((bucket.first(), bucket.due(1)), (None, None));
    }

    #[test]
    fn blocks_that_are_sent_again_are_owed() {
        let mut bucket = Bucket::default();
        let now = Monotonic(0);
        for _ in 0..100 {
            bucket.spend(1_000, now, 1);
        }
        assert!(!bucket.take(peer(1), 1_000, now, 1));
        let due = bucket.due(1).expect("it waits");
        assert!(due > Monotonic(700_000), "{due:?}: 100 kB at 1 Mbit/s take 800 ms, less the burst");
    }
}
