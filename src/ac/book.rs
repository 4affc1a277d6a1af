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
    step: Step,
}

impl Book {
    pub(super) fn new(state: State) -> Self {
        Book { state, now: Now::default(), last: None, step: Step::default() }
    }

    /// Begins a step. A wall clock that moved otherwise than the monotonic one is a fact.
    pub(super) fn begin(&mut self, now: Now) {
        self.now = now;
        if let Some(last) = self.last {
            let passed = i64::try_from(now.mono.since(last.mono).as_micros()).unwrap_or(i64::MAX);
            let expected = Timestamp(last.wall.0.saturating_add(passed));
            if now.wall.0.abs_diff(expected.0) > CLOCK_STEP.unsigned_abs() {
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

    /// Asks the shells for something. It waits for the events of this step, if there are any.
    pub(super) fn effect(&mut self, effect: Effect) {
        let barrier = if self.step.envelopes.is_empty() { Seq(0) } else { self.state.seq };
        self.step.effects.push(Held { barrier, effect });
    }

    /// When a moment of the wall clock comes, by the monotonic one.
    pub(super) fn mono_at(&self, at: Timestamp) -> Monotonic {
        self.now.mono + at.since(self.now.wall)
    }

    /// This moment plus a while, by the wall clock.
    pub(super) fn wall_in(&self, d: Duration) -> Timestamp {
        self.now.wall + d
    }
}
