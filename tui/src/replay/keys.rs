//! What the keys do on the past, beside what they do live.

use std::io;

use capledger_schema::Envelope;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{Place, Player, SPEEDS};
use crate::state::{After, Input};
use crate::words::{self, Tone};

/// Characters of a place at most.
const PLACE_LIMIT: usize = 20;

const MINUTE: i64 = 60_000_000;

/// Keys and what they do, for the help.
pub const KEYS: [(&str, &str); 8] = [
    ("Space", "play, stop; idle time is left out"),
    ("+ -", "faster, slower"),
    ("right/left", "an event forth or back"),
    ("] [", "a minute forth or back"),
    ("> <", "the end, the begin of the ledger"),
    ("n N", "the next or previous failure"),
    ("e E", "the next or previous event of the selected AP"),
    ("t", "go to 17:05:37 (UTC), +90, -5m, +2h or #271"),
];

impl Player<'_> {
    pub(super) fn key(&mut self, key: KeyEvent) -> io::Result<After> {
        let ui = &self.dash.ui;
        if key.kind == KeyEventKind::Release || key.modifiers.contains(KeyModifiers::CONTROL) || ui.filtering {
            return Ok(self.dash.apply(Input::Key(key)));
        }
        if self.cursor.asking.is_some() {
            return self.place_key(key.code);
        }
        self.cursor.note.clear();
        let moved = self.cursor_key(key.code)?;
        self.dash.ui.replay = Some(self.cursor.clone());
        Ok(if moved { After::Redraw } else { self.dash.apply(Input::Key(key)) })
    }

    /// Whether the key was one of the cursor's.
    fn cursor_key(&mut self, code: KeyCode) -> io::Result<bool> {
        if code == KeyCode::Right {
            self.step(true)?;
        } else if code == KeyCode::Left {
            self.step(false)?;
        } else if let KeyCode::Char(c) = code {
            match c {
                ' ' => {
                    if !self.cursor.playing && self.cursor.seq == self.cursor.last {
                        self.go(Place::Begin)?;
                    }
                    self.cursor.playing = !self.cursor.playing;
                }
                '+' | '=' => self.faster(1),
                '-' => self.faster(-1),
                ']' => self.go(Place::By(MINUTE))?,
                '[' => self.go(Place::By(-MINUTE))?,
                '>' => self.go(Place::End)?,
                '<' => self.go(Place::Begin)?,
                'n' | 'N' => {
                    let bad = |e: &Envelope| words::tell(e).is_some_and(|line| line.tone == Tone::Bad);
                    self.stand_at(c == 'n', "failure", bad)?;
                }
                'e' | 'E' => {
                    let overview = self.dash.overview();
                    let Some(id) = overview.rows.get(self.dash.selected(&overview.rows)).map(|row| row.id.clone())
                    else {
                        "no AP is selected".clone_into(&mut self.cursor.note);
                        return Ok(true);
                    };
                    drop(overview);
                    // It stays selected where it is not yet there.
                    self.dash.ui.selected = Some(id.clone());
                    let of_it = |e: &Envelope| words::tell(e).is_some_and(|line| line.wtp.as_ref() == Some(&id));
                    self.stand_at(c == 'e', "event of this AP", of_it)?;
                }
                't' => (self.cursor.asking, self.cursor.playing) = (Some(String::new()), false),
                _ => return Ok(false),
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn step(&mut self, forth: bool) -> io::Result<()> {
        self.cursor.playing = false;
        let to = if forth { self.cursor.seq.0.saturating_add(1) } else { self.cursor.seq.0.saturating_sub(1) };
        self.go(Place::Event(to))
    }

    fn faster(&mut self, by: isize) {
        let at = SPEEDS.iter().position(|s| *s == self.cursor.speed).unwrap_or(0);
        self.cursor.speed = SPEEDS[at.saturating_add_signed(by).min(SPEEDS.len() - 1)];
    }

    fn stand_at(&mut self, forth: bool, what: &str, is_so: impl Fn(&Envelope) -> bool) -> io::Result<()> {
        self.cursor.playing = false;
        if !self.find(forth, is_so)? {
            self.cursor.note = format!("no {} {what}", if forth { "later" } else { "earlier" });
        }
        Ok(())
    }

    /// A place is being typed.
    fn place_key(&mut self, code: KeyCode) -> io::Result<After> {
        let Some(mut typed) = self.cursor.asking.take() else { return Ok(After::Same) };
        if code == KeyCode::Enter {
            match Place::read(&typed) {
                Some(place) => self.go(place)?,
                None if typed.is_empty() => {}
                None => self.cursor.note = format!("{typed}? type 17:05:37, +90, -5m or #271"),
            }
        } else if code != KeyCode::Esc {
            if let KeyCode::Char(c) = code {
                if typed.len() < PLACE_LIMIT {
                    typed.push(c);
                }
            } else if code == KeyCode::Backspace {
                typed.pop();
            }
            self.cursor.asking = Some(typed);
        }
        self.dash.ui.replay = Some(self.cursor.clone());
        Ok(After::Redraw)
    }
}
