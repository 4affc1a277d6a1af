//! The last progress marks of a download, from which its rate follows. At most one mark comes per second, and one per
//! 10 s at least while octets move.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// How many marks the rate is measured over.
const KEPT: usize = 5;

/// Without a mark for so long, nothing moves.
pub const STALLED: Duration = Duration::from_secs(60);

/// When how many octets had been acknowledged, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks(VecDeque<(Timestamp, u64)>);

impl Marks {
    pub(super) fn push(&mut self, at: Timestamp, octets: u64) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back((at, octets));
    }

    /// Octets per second over the last marks; none before the second one, and none once nothing moves.
    pub fn rate(&self, now: Timestamp) -> Option<u64> {
        let ((begin, from), (end, to)) = self.0.front().zip(self.0.back())?;
        let us = end.since(*begin).as_micros();
        if us == 0 || now.since(*end) >= STALLED {
            return None;
        }
        let rate = u128::from(to.saturating_sub(*from)) * 1_000_000 / us;
        u64::try_from(rate).ok().filter(|rate| *rate > 0)
    }

    /// How long the rest of `total` octets takes from `now` on at that rate: what has come since the last mark is
    /// reckoned in.
    pub fn eta(&self, total: u64, now: Timestamp) -> Option<Duration> {
        let rate = self.rate(now)?;
        let (at, octets) = self.0.back()?;
        let from_mark = total.saturating_sub(*octets).div_ceil(rate);
        Some(Duration::from_secs(from_mark).saturating_sub(now.since(*at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    fn marks(of: &[(i64, u64)]) -> Marks {
        let mut marks = Marks::default();
        for (seconds, octets) in of {
            marks.push(at(*seconds), *octets);
        }
        marks
    }

    #[test]
    fn the_rate_is_that_of_the_last_marks_and_not_of_the_whole() {
        let slow_at_first = marks(&[(0, 0), (100, 100), (110, 10_100), (120, 20_100), (130, 30_100), (140, 40_100)]);
        assert_eq!(slow_at_first.rate(at(140)), Some(1_000));
    }

    #[test]
    fn the_time_left_shrinks_between_two_marks() {
        let marks = marks(&[(0, 0), (10, 10_000)]);
        assert_eq!(marks.eta(40_000, at(10)), Some(Duration::from_secs(30)));
        assert_eq!(marks.eta(40_000, at(14)), Some(Duration::from_secs(26)));
        assert_eq!(marks.eta(40_000, at(45)), Some(Duration::ZERO), "later than it was reckoned");
    }

    #[test]
    fn there_is_no_rate_before_octets_moved_nor_when_they_stand_still() {
        assert_eq!(marks(&[]).rate(at(5)), None);
        assert_eq!(marks(&[(0, 0)]).eta(9, at(5)), None);
        assert_eq!(marks(&[(3, 0), (3, 5)]).rate(at(5)), None, "no time has passed");
        assert_eq!(marks(&[(0, 0), (10, 10_000)]).rate(at(70)), None);
    }
}
