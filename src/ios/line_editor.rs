//! The line that is being typed: octets from a terminal in, echo out, and what the typing leads to.
//!
//! It knows the keys of IOS (arrows, Ctrl-A, B, D, E, F, K, L, N, P, R, U, W, X, Y, Z, Ctrl-V before a `?`), history,
//! and lines that wrap. It runs nothing and completes nothing: it says that a line, `?` or Tab has come.

mod history;
mod keys;
mod screen;
#[cfg(test)]
mod tests;

use history::History;
use keys::{Key, Keys};
use screen::Screen;
use unicode_width::UnicodeWidthChar;

/// Octets of a line at most.
pub const LINE_LIMIT: usize = 4_096;

/// What typing led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// A whole line.
    Line(String),
    /// Ctrl-Z, and what stood on the line.
    EndMode(String),
    /// `?`: [`LineEditor::before_cursor`] is what help is wanted on; [`LineEditor::redraw`] goes on.
    Help,
    /// Tab: [`LineEditor::before_cursor`] is to be completed by [`LineEditor::complete`]. How many came in a row.
    Tab(u32),
    /// Ctrl-C: the line is given up.
    Interrupt,
    /// Ctrl-D on an empty line.
    End,
    /// A line of more than [`LINE_LIMIT`] octets, which was given up.
    TooLong,
}

/// What is shown of what is typed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Echo {
    /// All of it.
    #[default]
    On,
    /// Nothing, and `?` and Tab mean nothing: a password.
    Secret,
    /// Nothing, not even the prompt: whoever types is no terminal.
    Off,
}

/// The line that is being typed.
#[derive(Clone, Debug, Default)]
pub struct LineEditor {
    keys: Keys,
    screen: Screen,
    echo: Echo,
    /// Whether the line answers a question.
    answers: bool,
    prompt: String,
    line: Vec<char>,
    /// Octets of the line as UTF-8.
    octets: usize,
    /// Characters before the cursor.
    at: usize,
    killed: Vec<char>,
    history: History,
    tabs: u32,
    too_long: bool,
}

impl LineEditor {
    /// An editor for a terminal of so many columns; 0 for one that does not wrap.
    pub fn new(width: u16) -> Self {
        let mut editor = LineEditor::default();
        editor.screen.set_width(width.into());
        editor
    }

    /// Prints a prompt and begins a line behind it.
    pub fn begin(&mut self, prompt: &str, echo: Echo) {
        self.answers = echo == Echo::Secret;
        self.open(prompt, echo);
    }

    /// Prints a question and begins its answer behind it: `?` is a character of it, Tab means nothing, and the history
    /// neither gives nor takes it.
    pub fn ask(&mut self, question: &str, echo: Echo) {
        self.answers = true;
        self.open(question, echo);
    }

    fn open(&mut self, prompt: &str, echo: Echo) {
        prompt.clone_into(&mut self.prompt);
        self.echo = echo;
        self.clear();
        self.screen.fresh();
        self.draw();
    }

    /// The terminal has another width; what it shows has wrapped anew.
    pub fn resize(&mut self, width: u16) {
        self.screen.set_width(width.into());
        let place = self.place(self.at);
        self.screen.assume(place);
    }

    /// What stands before the cursor.
    pub fn before_cursor(&self) -> String {
        self.line[..self.at].iter().collect()
    }

    /// What is to be sent to the terminal. Whoever hands octets in takes this before much of it gathers.
    pub fn take_echo(&mut self) -> String {
        self.screen.take()
    }

    /// Octets that wait to be sent.
    pub fn echo_waits(&self) -> usize {
        self.screen.waits()
    }

    /// Takes an octet. After [`Typed::Line`] and its like, octets are to wait for the next [`LineEditor::begin`].
    pub fn put(&mut self, octet: u8) -> Option<Typed> {
        let [broken, key] = self.keys.push(octet);
        let first = broken.and_then(|key| self.key(key));
        // A broken character is no more than text.
        key.and_then(|key| self.key(key)).or(first)
    }

    /// Prints prompt and line anew on a fresh row, after something else was printed.
    pub fn redraw(&mut self) {
        self.screen.fresh();
        self.draw();
    }

    /// Takes prompt and line from the terminal, so that something can be printed in their place; [`LineEditor::redraw`]
    /// brings them back.
    pub fn hide(&mut self) {
        if self.echo == Echo::Off {
            return;
        }
        let end = self.place(if self.echo == Echo::Secret { 0 } else { self.line.len() });
        self.screen.go(screen::Place::default(), &[]);
        self.screen.erase(end);
        self.screen.go(screen::Place::default(), &[]);
    }

    /// Puts `completed` in the place of what stands before the cursor; rings if there is nothing to put.
    pub fn complete(&mut self, completed: Option<&str>) {
        let Some(completed) = completed else { return self.ring() };
        let new: Vec<char> = completed.chars().filter(|c| !c.is_control()).collect();
        let octets = self.octets - utf8(&self.line[..self.at]) + utf8(&new);
        if octets > LINE_LIMIT {
            return self.ring();
        }
        let same = new.iter().zip(&self.line[..self.at]).take_while(|(a, b)| a == b).count();
        self.replace(same, self.at, &new[same..]);
        self.tabs = 0;
    }

    fn clear(&mut self) {
        self.line.clear();
        (self.octets, self.at, self.tabs, self.too_long) = (0, 0, 0, false);
        self.history.leave();
    }

    fn key(&mut self, key: Key) -> Option<Typed> {
        let tabs = std::mem::take(&mut self.tabs);
        match key {
            Key::Enter => {
                self.finish("");
                let text = self.taken();
                return Some(text.map_or(Typed::TooLong, Typed::Line));
            }
            Key::EndMode => {
                self.finish("^Z");
                let text = self.taken();
                return Some(text.map_or(Typed::TooLong, Typed::EndMode));
            }
            Key::Interrupt => {
                self.finish("^C");
                self.clear();
                return Some(Typed::Interrupt);
            }
            Key::DeleteOrEnd if self.line.is_empty() => {
                self.finish("");
                return Some(Typed::End);
            }
            Key::Char('?') if !self.answers && !self.too_long => {
                if self.echo == Echo::On {
                    self.screen.print('?');
                    self.screen.line_end();
                }
                return Some(Typed::Help);
            }
            Key::Tab if self.answers || self.too_long => {}
            Key::Tab => {
                self.tabs = tabs + 1;
                return Some(Typed::Tab(self.tabs));
            }
            Key::Char(c) | Key::Literal(c) => self.insert(&[c]),
            Key::Yank => {
                let killed = self.killed.clone();
                self.insert(&killed);
            }
            Key::Left => self.go(self.at.saturating_sub(1)),
            Key::Right => self.go((self.at + 1).min(self.line.len())),
            Key::Home => self.go(0),
            Key::End => self.go(self.line.len()),
            Key::WordLeft => self.go(self.word_left()),
            Key::WordRight => self.go(self.word_right()),
            Key::Backspace if self.at > 0 => self.replace(self.at - 1, self.at, &[]),
            Key::Backspace => {}
            Key::Delete | Key::DeleteOrEnd if self.at < self.line.len() => self.replace(self.at, self.at + 1, &[]),
            Key::Delete | Key::DeleteOrEnd => {}
            Key::KillStart => self.kill(0, self.at),
            Key::KillEnd => self.kill(self.at, self.line.len()),
            Key::KillWord => self.kill(self.word_left(), self.at),
            Key::KillWordRight => self.kill(self.at, self.word_right()),
            Key::Redraw => {
                if self.echo == Echo::On {
                    self.screen.line_end();
                }
                self.redraw();
            }
            Key::Older | Key::Newer => self.recall(key == Key::Older),
        }
        None
    }

    fn insert(&mut self, new: &[char]) {
        // An accent of its own melts into the character before it: no cell of the terminal would be its own to erase.
        if self.echo == Echo::On && new.iter().any(|c| c.width() == Some(0)) {
            return self.ring();
        }
        if self.too_long || self.octets + utf8(new) > LINE_LIMIT {
            if !self.too_long {
                self.ring();
            }
            self.too_long = true;
            return;
        }
        self.replace(self.at, self.at, new);
    }

    fn kill(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        self.killed = self.line[from..to].to_vec();
        self.replace(from, to, &[]);
        // Nothing is left of what was cut off at the limit, so what is typed now is whole again.
        self.too_long &= !self.line.is_empty();
    }

    fn recall(&mut self, older: bool) {
        if !self.answers && !self.too_long {
            let now: String = self.line.iter().collect();
            match self.history.step(older, &now) {
                Some(line) => {
                    let line: Vec<char> = line.chars().collect();
                    self.replace(0, self.line.len(), &line);
                }
                None => self.ring(),
            }
        }
    }

    fn word_left(&self) -> usize {
        let before = &self.line[..self.at];
        let end = before.iter().rposition(|c| *c != ' ').map_or(0, |i| i + 1);
        before[..end].iter().rposition(|c| *c == ' ').map_or(0, |i| i + 1)
    }

    fn word_right(&self) -> usize {
        let after = &self.line[self.at..];
        let start = after.iter().position(|c| *c != ' ').unwrap_or(after.len());
        let len = after[start..].iter().position(|c| *c == ' ').unwrap_or(after.len() - start);
        self.at + start + len
    }

    /// The line, if it was not too long; it is remembered and cleared.
    fn taken(&mut self) -> Option<String> {
        let line: String = self.line.iter().collect();
        let whole = !self.too_long;
        if whole && !self.answers {
            self.history.push(&line);
        }
        self.clear();
        whole.then_some(line)
    }

    /// Leaves the row of the line.
    fn finish(&mut self, mark: &str) {
        match self.echo {
            Echo::On => {
                self.go(self.line.len());
                for c in mark.chars() {
                    self.screen.print(c);
                }
                self.screen.line_end();
            }
            Echo::Secret => self.screen.line_end(),
            Echo::Off => {}
        }
    }

    fn ring(&mut self) {
        if self.echo != Echo::Off {
            self.screen.ring();
        }
    }

    fn draw(&mut self) {
        if self.echo == Echo::Off {
            return;
        }
        for c in self.prompt.chars() {
            self.screen.print(c);
        }
        if self.echo == Echo::On {
            for c in &self.line {
                self.screen.print(*c);
            }
            self.screen.go(self.place(self.at), &[]);
        }
    }

    fn place(&self, at: usize) -> screen::Place {
        let shown = if self.echo == Echo::On { at } else { 0 };
        self.screen.place(self.prompt.chars().chain(self.line[..shown].iter().copied()))
    }

    fn go(&mut self, to: usize) {
        if self.echo == Echo::On && to != self.at {
            let (from, until) = (self.at.min(to), self.at.max(to));
            self.screen.go(self.place(to), &self.line[from..until]);
        }
        self.at = to;
    }

    /// Puts `new` in the place of what stands between `from` and `to`, and the cursor behind it.
    fn replace(&mut self, from: usize, to: usize, new: &[char]) {
        self.octets = self.octets - utf8(&self.line[from..to]) + utf8(new);
        if self.echo != Echo::On {
            self.line.splice(from..to, new.iter().copied());
            self.at = from + new.len();
            return;
        }
        if from == self.line.len() && self.at == from {
            // At the end, which is where lines are typed: the echo is the characters themselves.
            self.line.extend(new);
            for c in new {
                self.screen.print(*c);
            }
            self.at = self.line.len();
            return;
        }
        let end = self.place(self.line.len());
        self.go(from);
        self.line.splice(from..to, new.iter().copied());
        for c in &self.line[from..] {
            self.screen.print(*c);
        }
        self.screen.erase(end);
        self.at = from + new.len();
        self.screen.go(self.place(self.at), &[]);
    }
}

fn utf8(text: &[char]) -> usize {
    text.iter().map(|c| c.len_utf8()).sum()
}
