//! The stream that a WTP draws its jitter and its session ids from: seeded, so that a run can be repeated.

use std::time::Duration;

/// SplitMix64 (Steele, Lea and Flood, 2014): eight octets of state, good enough to spread access points in time.
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

impl Rng {
    /// The stream of this seed.
    pub(super) fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// The next 64 bits.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A duration from `low` up to, not including, `high`; `low` where there is nothing between them.
    pub(super) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let (low, high) = (low.as_micros() as u64, high.as_micros() as u64);
        let span = high.saturating_sub(low).max(1);
        Duration::from_micros(low + self.next() % span)
    }

    /// A Session ID (RFC 5415 4.6.37).
    pub(super) fn session_id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.next().to_be_bytes());
        id[8..].copy_from_slice(&self.next().to_be_bytes());
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_and_another_seed_another() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            (rng.next(), rng.session_id())
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn a_drawn_duration_lies_between_its_bounds() {
        let mut rng = Rng::new(1);
        let (low, high) = (Duration::from_secs(2), Duration::from_secs(20));
        let drawn: Vec<_> = (0..1000).map(|_| rng.between(low, high)).collect();
        assert!(drawn.iter().all(|d| (low..high).contains(d)));
        assert!(drawn.iter().max() > drawn.iter().min());
        assert_eq!(rng.between(high, high), high);
        assert_eq!(rng.between(high, low), high);
    }
}
