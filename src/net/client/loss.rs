//! Datagrams that a bad link loses, drawn from a seed.

/// A share of datagrams, each way, that does not arrive.
#[derive(Debug, Clone)]
pub(super) struct Loss {
    /// Of 2^32 datagrams.
    share: u64,
    state: u64,
    lost: u64,
}

impl Loss {
    /// Loses nothing.
    pub(super) fn none() -> Self {
        Loss { share: 0, state: 0, lost: 0 }
    }

    /// Loses so many per cent; what is outside of 0 to 100 counts as the nearer of the two.
    pub(super) fn new(percent: f64, seed: u64) -> Self {
        let share = (percent.clamp(0.0, 100.0) / 100.0 * f64::from(u32::MAX)).round() as u64;
        Loss { share, state: seed, lost: 0 }
    }

    /// Whether the next datagram arrives.
    pub(super) fn passes(&mut self) -> bool {
        if self.share == 0 {
            return true;
        }
        // SplitMix64 (Steele, Lea and Flood, 2014).
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let lost = (z >> 32) < self.share;
        self.lost += u64::from(lost);
        !lost
    }

    /// How many did not arrive.
    pub(super) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_the_share_that_was_asked_for_is_lost() {
        let mut loss = Loss::new(5.0, 1);
        let lost = (0..100_000).filter(|_| !loss.passes()).count();
        assert!((4_700..5_300).contains(&lost), "{lost}");
        assert_eq!(loss.lost(), lost as u64);
    }

    #[test]
    fn nothing_and_everything_can_be_lost() {
        let (mut none, mut all) = (Loss::none(), Loss::new(100.0, 1));
        assert!((0..1_000).all(|_| none.passes()));
        assert!((0..1_000).all(|_| !all.passes()));
    }
}
