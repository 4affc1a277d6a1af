//! Which progress of a transfer is worth an event: one per 5 % crossed, at most one per second, and one per 10 s while
//! octets move (the design's first invariant).

use std::time::Duration;

use capledger_schema::time::Monotonic;

/// What was last recorded.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    step: u64,
    octets: u64,
    at: Monotonic,
}

impl Marks {
    pub(super) fn new(now: Monotonic) -> Self {
        Marks { step: 0, octets: 0, at: now }
    }

    /// Whether this progress is to be recorded; if so it counts as recorded.
    pub(super) fn due(&mut self, now: Monotonic, octets: u64, total: Option<u64>) -> bool {
        let since = now.since(self.at);
        let step = total
            .filter(|t| *t > 0)
            .map_or(0, |t| u64::try_from(u128::from(octets) * 20 / u128::from(t)).unwrap_or(20));
        let crossed = step > self.step && step < 20 && since >= Duration::from_secs(1);
        let overdue = octets > self.octets && since >= Duration::from_secs(10);
        if crossed || overdue {
            (self.step, self.octets, self.at) = (step, octets, now);
        }
        crossed || overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(ms * 1000)
    }

    #[test]
    fn a_quick_transfer_is_recorded_at_most_once_a_second() {
        let mut marks = Marks::new(at(0));
        let recorded = (0..=1000).filter(|ms| marks.due(at(*ms), *ms, Some(1000))).count();
        assert_eq!(recorded, 0, "all of it within the first second, the end has its own event");
    }

    #[test]
    fn a_transfer_of_a_minute_is_recorded_at_every_five_percent() {
        let mut marks = Marks::new(at(0));
        let recorded = (0..60_000).filter(|ms| marks.due(at(*ms), *ms, Some(60_000))).count();
        assert_eq!(recorded, 19);
    }

    #[test]
    fn a_crawling_transfer_is_recorded_every_ten_seconds_and_a_stalled_one_never() {
        let mut marks = Marks::new(at(0));
        let crawling = (0..100).filter(|s| marks.due(at(s * 1000), *s, Some(1 << 40))).count();
        assert_eq!(crawling, 9);
        assert_eq!((100..200).filter(|s| marks.due(at(s * 1000), 90, Some(1 << 40))).count(), 0);
    }
}
