//! How far a collector over a stream is sure to be. That the system took a line says little: it may still be in a buffer
//! here or there when the connection breaks. A line counts once the connection outlived it for long enough, or has
//! carried enough lines behind it. Pure: moments are handed in.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Place;

/// A line is there if the connection still lives so long after it. The system gives a connection up sooner, if what it
/// holds is not acknowledged ([`super::link::UNACKNOWLEDGED`]).
pub(super) const SETTLED_AFTER: Duration = Duration::from_secs(40);

/// A line is there if so many others left behind it: neither our buffer nor, as a rule, the collector's holds as many.
/// It is also the most that is sent again after a break, besides what was still on its way.
pub(super) const SETTLED_BEHIND: u64 = 4_096;

/// What was sent and is not sure to be there.
pub(super) struct Window {
    sure: Place,
    open: VecDeque<(Place, Instant)>,
}

impl Window {
    /// A new connection, which begins after `sure`.
    pub(super) fn new(sure: Place) -> Window {
        Window { sure, open: VecDeque::new() }
    }

    /// Everything up to `place` has left.
    pub(super) fn sent(&mut self, place: Place, at: Instant) {
        let last = self.open.back_mut().map_or(&mut self.sure, |(last, _)| last);
        if last.lines == place.lines {
            // Nothing but silence was added.
            *last = place;
        } else {
            self.open.push_back((place, at));
        }
    }

    /// Up to where the collector is sure to have the log.
    pub(super) fn settle(&mut self, now: Instant) -> Place {
        let newest = self.open.back().map_or(self.sure.lines, |(place, _)| place.lines);
        let there = |(place, at): &(Place, Instant)| {
            now.saturating_duration_since(*at) >= SETTLED_AFTER || newest - place.lines >= SETTLED_BEHIND
        };
        while let Some((place, _)) = self.open.front().filter(|entry| there(entry)).copied() {
            self.sure = place;
            self.open.pop_front();
        }
        self.sure
    }

    /// The collector read the stream to its end.
    pub(super) fn confirm(&mut self) -> Place {
        if let Some((last, _)) = self.open.pop_back() {
            self.open.clear();
            self.sure = last;
        }
        self.sure
    }
}

#[cfg(test)]
mod tests {
    use capledger_schema::id::Seq;

    use super::*;

    fn place(seq: u64, lines: u64) -> Place {
        Place { seq: Seq(seq), lines }
    }

    fn start() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_line_is_there_when_the_connection_outlived_it() {
        let (mut window, begin) = (Window::new(place(10, 5)), start());
        window.sent(place(12, 6), begin);
        window.sent(place(14, 7), begin + Duration::from_secs(1));
        assert_eq!(window.settle(begin + SETTLED_AFTER - Duration::from_millis(1)), place(10, 5));
        assert_eq!(window.settle(begin + SETTLED_AFTER), place(12, 6));
        assert_eq!(window.settle(begin + SETTLED_AFTER * 2), place(14, 7));
    }

    #[test]
    fn at_most_so_many_lines_are_sent_again() {
        let (mut window, begin) = (Window::new(place(0, 0)), start());
        for n in 1..=3 * SETTLED_BEHIND {
            window.sent(place(n, n), begin);
            let sure = window.settle(begin);
            assert_eq!(sure.lines, n.saturating_sub(SETTLED_BEHIND));
            assert!(window.open.len() as u64 <= SETTLED_BEHIND);
        }
    }

    #[test]
    fn events_without_a_line_cost_nothing_and_are_passed() {
        let (mut window, begin) = (Window::new(place(0, 0)), start());
        for seq in 1..=1_000 {
            window.sent(place(seq, 0), begin);
        }
        assert_eq!((window.settle(begin), window.open.len()), (place(1_000, 0), 0));
        window.sent(place(1_001, 1), begin);
        for seq in 1_002..=2_000 {
            window.sent(place(seq, 1), begin + Duration::from_secs(9));
        }
        assert_eq!((window.settle(begin), window.open.len()), (place(1_000, 0), 1));
        assert_eq!(window.settle(begin + SETTLED_AFTER), place(2_000, 1));
    }

    #[test]
    fn a_stream_that_was_read_to_its_end_is_there_as_a_whole() {
        let (mut window, begin) = (Window::new(place(0, 0)), start());
        window.sent(place(3, 2), begin);
        window.sent(place(9, 4), begin);
        assert_eq!(window.confirm(), place(9, 4));
        assert_eq!(window.confirm(), place(9, 4));
    }
}
