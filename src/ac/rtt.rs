//! The retransmission interval of Image Data, from measured round trips.
//!
//! RFC 5415 fixes RetransmitInterval at 3 s (4.7.12), which would add more than an hour to a 70 MB image at 1 % loss. The
//! timers are settable and the request itself is not altered, so blocks use the estimator of RFC 6298, within bounds.

use std::time::Duration;

/// The shortest interval: below it a busy WTP would be sent blocks twice for nothing.
const FLOOR: Duration = Duration::from_millis(20);
/// Before anything is measured.
const INITIAL: Duration = Duration::from_secs(1);

/// Smoothed round trip and what follows from it.
#[derive(Clone, Debug)]
pub(super) struct Rtt {
    smoothed: Option<(Duration, Duration)>,
    backoff: u32,
}

impl Rtt {
    pub(super) fn new() -> Self {
        Rtt { smoothed: None, backoff: 0 }
    }

    /// A round trip of a request that was sent once (Karn's rule: a repeated one tells nothing).
    pub(super) fn sample(&mut self, rtt: Duration) {
        self.backoff = 0;
        self.smoothed = Some(match self.smoothed {
            None => (rtt, rtt / 2),
            Some((srtt, var)) => {
                let error = srtt.abs_diff(rtt);
                ((srtt * 7 + rtt) / 8, (var * 3 + error) / 4)
            }
        });
    }

    /// A block was sent again: the next wait doubles until something is measured.
    pub(super) fn back_off(&mut self) {
        self.backoff = (self.backoff + 1).min(12);
    }

    /// How long to wait for an answer, at most `ceiling`.
    pub(super) fn interval(&self, ceiling: Duration) -> Duration {
        let base = self.smoothed.map_or(INITIAL, |(srtt, var)| srtt + (var * 4).max(Duration::from_millis(5)));
        (base.max(FLOOR) * (1 << self.backoff)).min(ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CEILING: Duration = Duration::from_secs(3);

    #[test]
    fn the_interval_follows_the_round_trip_and_never_passes_the_rfcs() {
        let mut rtt = Rtt::new();
        assert_eq!(rtt.interval(CEILING), INITIAL);
        for _ in 0..50 {
            rtt.sample(Duration::from_millis(100));
        }
        let interval = rtt.interval(CEILING);
        assert!(interval > Duration::from_millis(100) && interval < Duration::from_millis(150), "{interval:?}");
        for _ in 0..20 {
            rtt.back_off();
        }
        assert_eq!(rtt.interval(CEILING), CEILING);
    }

    #[test]
    fn a_fast_link_is_still_given_a_moment() {
        let mut rtt = Rtt::new();
        rtt.sample(Duration::from_micros(30));
        assert!(rtt.interval(CEILING) >= FLOOR);
    }
}
