//! The lines that were typed before, for the arrows.

use std::collections::VecDeque;

/// Lines that are remembered.
const LIMIT: usize = 64;

/// What was typed, oldest first, and where the arrows stand in it.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    lines: VecDeque<String>,
    /// Steps back from the line that is being typed; 0 for that line.
    back: usize,
    /// The line that was being typed when the first step back was made.
    draft: String,
}

impl History {
    /// Remembers a line; not an empty one, nor the same twice in a row.
    pub(super) fn push(&mut self, line: &str) {
        if line.trim().is_empty() || self.lines.back().is_some_and(|last| last == line) {
            return;
        }
        if self.lines.len() == LIMIT {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// Stands at the line that is being typed.
    pub(super) fn leave(&mut self) {
        self.back = 0;
        self.draft.clear();
    }

    /// The next older or newer line; `now` is what stands on the line. None at either end.
    pub(super) fn step(&mut self, older: bool, now: &str) -> Option<String> {
        if older {
            if self.back == self.lines.len() {
                return None;
            }
            if self.back == 0 {
                now.clone_into(&mut self.draft);
            }
            self.back += 1;
        } else {
            self.back = self.back.checked_sub(1)?;
        }
        if self.back == 0 {
            return Some(std::mem::take(&mut self.draft));
        }
        self.lines.get(self.lines.len() - self.back).cloned()
    }
}
