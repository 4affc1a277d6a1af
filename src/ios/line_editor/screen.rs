//! What is drawn: where each character of prompt and line stands on a terminal that wraps, and the octets that move
//! the cursor there.
//!
//! While prompt and line fit one row, nothing but characters, spaces, backspaces and CR is written, as IOS does; only a
//! line that wraps needs escape sequences (CUU, CUF, ED of ECMA-48).

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// Columns below which a terminal is taken for one that does not wrap.
const NARROWEST: usize = 4;

/// A place relative to where the prompt began. A column equal to the width: the terminal has printed in the last column
/// and wraps with the next character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) column: usize,
}

/// The part of a screen that belongs to the line being typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Screen {
    /// Columns; 0 for one endless row.
    width: usize,
    cursor: Place,
    out: String,
}

impl Screen {
    pub(super) fn set_width(&mut self, width: usize) {
        self.width = if width < NARROWEST { 0 } else { width };
    }

    /// What is to be sent.
    pub(super) fn take(&mut self) -> String {
        std::mem::take(&mut self.out)
    }

    pub(super) fn waits(&self) -> usize {
        self.out.len()
    }

    /// Says that the cursor stands at the beginning of an empty row.
    pub(super) fn fresh(&mut self) {
        self.cursor = Place::default();
    }

    /// Says where the cursor is, after the terminal has wrapped anew.
    pub(super) fn assume(&mut self, place: Place) {
        self.cursor = place;
    }

    /// Writes what moves no cursor.
    pub(super) fn ring(&mut self) {
        self.out.push('\u{7}');
    }

    /// Ends the row where the cursor stands.
    pub(super) fn line_end(&mut self) {
        self.out.push_str("\r\n");
        self.cursor = Place::default();
    }

    /// Where the cursor stands after `text`, beginning at the prompt.
    pub(super) fn place(&self, text: impl Iterator<Item = char>) -> Place {
        text.fold(Place::default(), |place, c| self.after(place, c))
    }

    /// Prints at the cursor.
    pub(super) fn print(&mut self, c: char) {
        self.out.push(c);
        self.cursor = self.after(self.cursor, c);
    }

    fn after(&self, place: Place, c: char) -> Place {
        let wide = c.width().unwrap_or(0);
        if self.width > 0 && place.column + wide > self.width {
            Place { row: place.row + 1, column: wide }
        } else {
            Place { column: place.column + wide, ..place }
        }
    }

    /// The place where the next character is printed, told without a pending wrap.
    fn settled(&self, place: Place) -> Place {
        if self.width > 0 && place.column >= self.width { Place { row: place.row + 1, column: 0 } } else { place }
    }

    /// Moves the cursor. `between` is what stands between it and a place to its right on the same row.
    pub(super) fn go(&mut self, to: Place, between: &[char]) {
        let to = self.settled(to);
        if self.settled(self.cursor) == to {
            return;
        }
        let pending = self.settled(self.cursor) != self.cursor;
        if self.cursor.row == to.row && !pending {
            if to.column <= self.cursor.column {
                self.out.extend(std::iter::repeat_n('\u{8}', self.cursor.column - to.column));
            } else if to.row == 0 && !between.is_empty() {
                self.out.extend(between);
            } else {
                let _ = write!(self.out, "\x1b[{}C", to.column - self.cursor.column);
            }
        } else {
            self.out.push('\r');
            if to.row < self.cursor.row {
                let _ = write!(self.out, "\x1b[{}A", self.cursor.row - to.row);
            }
            // LF also reaches a row that is not there yet.
            self.out.extend(std::iter::repeat_n('\n', to.row.saturating_sub(self.cursor.row)));
            if to.column > 0 {
                let _ = write!(self.out, "\x1b[{}C", to.column);
            }
        }
        self.cursor = to;
    }

    /// Blanks what stands between the cursor and `end`, where the text ended before. The cursor moves.
    pub(super) fn erase(&mut self, end: Place) {
        if end <= self.cursor {
            return;
        }
        if end.row == self.cursor.row {
            self.out.extend(std::iter::repeat_n(' ', end.column - self.cursor.column));
            self.cursor = end;
        } else {
            if self.settled(self.cursor) != self.cursor {
                // A wrap is pending, and erasing would begin with the character before it.
                self.out.push_str("\r\n");
                self.cursor = self.settled(self.cursor);
            }
            self.out.push_str("\x1b[J");
        }
    }
}
