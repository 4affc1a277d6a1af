//! The log as a fold: it counts every line and keeps the last ones for `show logging`.

use std::collections::VecDeque;

use capledger_schema::project::Projection;
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};

use super::operations::Operations;
use super::{Entry, format};

/// Lines kept unless told otherwise.
pub const DEFAULT_LINES: usize = 4_096;

/// The last lines of the log. Two folds of one ledger are equal, ordinals included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    lines: u64,
    capacity: usize,
    ring: VecDeque<Entry>,
    /// When the controller last started.
    started: Option<Timestamp>,
    operations: Operations,
}

impl Default for Log {
    fn default() -> Self {
        Log::new(DEFAULT_LINES)
    }
}

impl Log {
    /// An empty log that keeps the last `capacity` lines, at least one.
    pub fn new(capacity: usize) -> Log {
        Log {
            lines: 0,
            capacity: capacity.max(1),
            ring: VecDeque::new(),
            started: None,
            operations: Operations::default(),
        }
    }

    /// How many lines there have been; the ordinal of the last one.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// How many lines are kept at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The stories of the last operations.
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// The lines kept, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.ring.iter()
    }

    /// Takes an event in and gives its line, if it is one.
    pub fn push(&mut self, envelope: &Envelope) -> Option<&Entry> {
        self.operations.push(envelope);
        if matches!(envelope.event, Event::ControllerStarted { .. }) {
            self.started = Some(envelope.at);
        }
        if let Event::LogCleared {} = envelope.event {
            // The count goes on: collectors know lines by it.
            self.ring.clear();
        }
        let line = format(envelope)?;
        self.lines += 1;
        if self.ring.len() == self.capacity {
            self.ring.pop_front();
        }
        let (ordinal, started) = (self.lines, self.started);
        self.ring.push_back(Entry { ordinal, seq: envelope.seq, at: envelope.at, started, line });
        self.ring.back()
    }
}

impl Projection for Log {
    fn apply(&mut self, envelope: &Envelope) {
        self.push(envelope);
    }
}

#[cfg(test)]
mod tests {
    use capledger_schema::{Cause, Subject};

    use super::*;
    use crate::story::Story;

    #[test]
    fn a_log_that_was_cleared_begins_anew_and_counts_on() {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        story.configured(Vec::new());
        let before = story.log.lines();
        let operator = Cause::Operator { user: "admin".into(), from: "console".into() };
        story.tell(operator, Subject::Controller, Event::LogCleared {});
        assert_eq!((story.log.entries().len(), story.log.lines()), (0, before));
        story.configured(Vec::new());
        let lines: Vec<u64> = story.log.entries().map(|e| e.ordinal).collect();
        assert_eq!(lines, [before + 1]);
    }
}
