//! The deadlines of one WTP, at most one per timer of RFC 5415 section 4.7 that it keeps.

use std::time::Duration;

use capledger_schema::time::Monotonic;

/// What a WTP can be waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// What the state itself waits for: the next Discovery Request, DiscoveryInterval, SilentInterval, WaitDTLS,
    /// the rejoin, the end of a boot.
    State,
    /// RetransmitInterval (4.7.12) of the outstanding request.
    Retransmit,
    /// EchoInterval (4.7.7).
    Echo,
    /// DataChannelKeepAlive (4.7.2), or the repetition of a Keep-Alive that was not answered.
    KeepAlive,
    /// DataChannelDeadInterval (4.7.3).
    DataDead,
    /// ImageDataStartTimer (4.7.9).
    ImageDataStart,
    /// The next line of the upgrade script.
    Script,
    /// Slow flash: the block is written and can be answered.
    Flash,
    /// The WTP has something to tell: a WTP Event Request.
    Event,
}

const COUNT: usize = 9;

impl Timer {
    const ALL: [Timer; COUNT] = [
        Timer::State,
        Timer::Retransmit,
        Timer::Echo,
        Timer::KeepAlive,
        Timer::DataDead,
        Timer::ImageDataStart,
        Timer::Script,
        Timer::Flash,
        Timer::Event,
    ];
}

const NEVER: Monotonic = Monotonic(u64::MAX);

/// When each timer is due.
#[derive(Clone, Debug)]
pub(super) struct TimerTable([Monotonic; COUNT]);

impl TimerTable {
    /// No timer runs.
    pub(super) fn new() -> Self {
        TimerTable([NEVER; COUNT])
    }

    /// (Re)starts a timer.
    pub(super) fn set(&mut self, timer: Timer, now: Monotonic, after: Duration) {
        self.0[timer as usize] = now + after;
    }

    /// Stops a timer; nothing happens if it does not run.
    pub(super) fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = NEVER;
    }

    /// Stops all.
    pub(super) fn clear(&mut self) {
        self.0 = [NEVER; COUNT];
    }

    /// Whether a timer runs.
    pub(super) fn running(&self, timer: Timer) -> bool {
        self.0[timer as usize] != NEVER
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Monotonic> {
        self.0.iter().min().copied().filter(|due| *due != NEVER)
    }

    /// Stops and returns the timer that has been due the longest, if any is due.
    pub(super) fn pop_due(&mut self, now: Monotonic) -> Option<Timer> {
        let timer = Timer::ALL.into_iter().min_by_key(|t| self.0[*t as usize])?;
        if self.0[timer as usize] > now || !self.running(timer) {
            return None;
        }
        self.stop(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_go_off_in_the_order_in_which_they_are_due_and_once() {
        let mut t = TimerTable::new();
        assert_eq!(t.next(), None);
        t.set(Timer::Echo, Monotonic(0), Duration::from_secs(30));
        t.set(Timer::Retransmit, Monotonic(0), Duration::from_secs(3));
        assert_eq!(t.next(), Some(Monotonic(3_000_000)));
        assert_eq!(t.pop_due(Monotonic(2_999_999)), None);
        let late = Monotonic(60_000_000);
        assert_eq!(t.pop_due(late), Some(Timer::Retransmit));
        assert_eq!(t.pop_due(late), Some(Timer::Echo));
        assert_eq!(t.pop_due(late), None);
        assert_eq!(t.next(), None);
    }

    #[test]
    fn every_timer_has_a_place_of_its_own() {
        for (place, timer) in Timer::ALL.into_iter().enumerate() {
            assert_eq!(timer as usize, place);
        }
    }
}
