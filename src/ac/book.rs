//! The one place where facts are written: number, stamp, fold, hand out.

use std::time::Duration;

use capledger_schema::id::Seq;
use capledger_schema::project::{Projection, State};
use capledger_schema::time::{Monotonic, Now, Timestamp};
use capledger_schema::{Cause, Envelope, Event, Source, Subject};

use super::io::{Effect, Held, Step};

/// A step of the wall clock that is recorded.
const CLOCK_STEP: i64 = 1_000_000;

/// The folded state, and the step that is being made.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) state: State,
    pub(super) now: Now,
    last: Option<Now>,
    /// How far the wall clock has been set back, as far as it has not come forward again.
    behind: Duration,
    step: Step,
}

impl Book {
    pub(super) fn new(state: State) -> Self {
        Book { state, now: Now::default(), last: None, behind: Duration::ZERO, step: Step::default() }
    }

    /// Begins a step. A wall clock that moved otherwise than the monotonic one is a fact.
    pub(super) fn begin(&mut self, now: Now) {
        self.now = now;
        if self.last.is_none() {
            // The ledger's last moment has been; a clock that shows an earlier one was set back while nobody looked.
            self.behind = self.state.at.since(now.wall);
        }
        if let Some(last) = self.last {
            let passed = i64::try_from(now.mono.since(last.mono).as_micros()).unwrap_or(i64::MAX);
            let expected = Timestamp(last.wall.0.saturating_add(passed));
            if now.wall.0.abs_diff(expected.0) > CLOCK_STEP.unsigned_abs() {
                self.behind = (self.behind + expected.since(now.wall)).saturating_sub(now.wall.since(expected));
                let event = Event::ClockStepped { from: expected, to: now.wall };
                self.record(Cause::Timer, Subject::Controller, event);
            }
        }
        self.last = Some(now);
    }

    /// Ends the step and hands it out.
    pub(super) fn end(&mut self) -> Step {
        std::mem::take(&mut self.step)
    }

    /// The number that the next event will have; the event that begins a session or an operation names it by this.
    pub(super) fn next(&self) -> Seq {
        self.state.seq.next()
    }

    /// Writes a fact down.
    pub(super) fn record(&mut self, cause: Cause, subject: Subject, event: Event) {
        let envelope = Envelope {
            seq: self.next(),
            at: self.state.at.max(self.now.wall),
            cause,
            source: Source::Local,
            subject,
            observed_at: None,
            event,
        };
        self.state.apply(&envelope);
        self.step.envelopes.push(envelope);
    }

    /// What this step has recorded so far.
    pub(super) fn recorded(&self) -> &[Envelope] {
        &self.step.envelopes
    }

    /// Asks the shells for something. It waits for the events of this step, if there are any.
    pub(super) fn effect(&mut self, effect: Effect) {
        self.effect_after(Seq(0), effect);
    }

    /// The same for something that follows from an event of an earlier step.
    pub(super) fn effect_after(&mut self, event: Seq, effect: Effect) {
        let barrier = if self.step.envelopes.is_empty() { event } else { self.state.seq };
        self.step.effects.push(Held { barrier, effect });
    }

    /// This moment, for what is to happen at a later one: the wall clock, less what it was set back. A retry that is due
    /// in 30 s is due in 30 s, also when an operator sets the clock back by an hour meanwhile.
    pub(super) fn clock(&self) -> Timestamp {
        self.now.wall + self.behind
    }

    /// When a moment of [`Book::clock`] comes, by the monotonic one.
    pub(super) fn mono_at(&self, at: Timestamp) -> Monotonic {
        self.now.mono + at.since(self.clock())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn step(book: &mut Book, mono: Duration, wall: Timestamp) -> Step {
        book.begin(Now { mono: Monotonic(0) + mono, wall });
        book.end()
    }

    #[test]
    fn a_clock_that_is_set_back_delays_nothing_and_one_that_comes_forward_again_is_believed() {
        let mut book = Book::new(State::default());
        let noon = Timestamp(1_700_000_000_000_000);
        step(&mut book, Duration::ZERO, noon);
        let due = book.clock() + Duration::from_secs(30);
        let stepped = step(&mut book, Duration::from_secs(10), noon - HOUR + Duration::from_secs(10));
        assert_eq!(stepped.envelopes.len(), 1, "the step is a fact");
        assert_eq!(book.mono_at(due), Monotonic(30_000_000));
        step(&mut book, Duration::from_secs(30), noon - HOUR + Duration::from_secs(30));
        assert_eq!(book.clock(), due);
        step(&mut book, Duration::from_secs(40), noon + Duration::from_secs(40));
        assert_eq!(book.clock(), noon + Duration::from_secs(40));
    }

    #[test]
    fn a_clock_that_was_set_back_while_the_controller_was_down_delays_nothing_either() {
        let noon = Timestamp(1_700_000_000_000_000);
        let mut book = Book::new(State { at: noon, ..State::default() });
        step(&mut book, Duration::ZERO, noon - HOUR);
        assert_eq!(book.mono_at(noon + Duration::from_secs(30)), Monotonic(30_000_000));
    }

    #[test]
    fn what_follows_from_an_event_of_an_earlier_step_waits_for_that_event() {
        let mut book = Book::new(State { seq: Seq(7), ..State::default() });
        book.effect_after(
            Seq(7),
            Effect::Reply { ticket: super::super::io::Ticket(1), result: Err(crate::command::Refusal::Stopping) },
        );
        assert_eq!(book.end().effects[0].barrier, Seq(7));
    }
}
