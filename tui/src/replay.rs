//! The dashboard on the past: a cursor that goes back and forth along a ledger, by event, by time, or at a speed.
//!
//! The same folds and the same view as live, fed from a [`Tape`]. Going back folds again from the nearest state that was
//! kept, so no event is ever undone. It reads and changes nothing.

mod keys;
mod place;

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use capledger_schema::Envelope;
use capledger_schema::feed::ServerMessage;
use capledger_schema::id::Seq;
use capledger_schema::time::Timestamp;

use crate::run::Stage;
use crate::state::{After, Cursor, Dashboard, Input};

pub use keys::KEYS;
pub use place::Place;

/// A ledger that can be read from anywhere.
pub trait Tape {
    /// Its last event; 0 for none.
    fn last(&self) -> Seq;

    /// What follows `after`, in order.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&self, after: Seq) -> io::Result<Box<dyn Iterator<Item = io::Result<Envelope>> + '_>>;
}

/// States that are kept along the way at most, beside the one near the cursor.
const KEPT: usize = 16;

/// Events between two of them at least.
const SPACING: u64 = 4_096;

/// A long way ends with a state kept so many events before its end: one steps back from there.
const NEAR: u64 = 512;

/// Events that are read ahead.
const AHEAD: usize = 1_024;

/// When nothing happens for so long, as it is played, the rest of it is left out.
const IDLE: Duration = Duration::from_secs(3);

/// Speeds, as multiples of real time.
const SPEEDS: [u32; 7] = [1, 2, 5, 10, 30, 60, 300];

/// A cursor on a tape, and the dashboard as of there.
pub struct Player<'a> {
    tape: &'a dyn Tape,
    dash: Dashboard,
    /// States by the event that they end with, ascending.
    kept: Vec<(Seq, Dashboard)>,
    near: Option<(Seq, Dashboard)>,
    ahead: VecDeque<Envelope>,
    cursor: Cursor,
    /// The wall clock at the last tick.
    wall: Option<Timestamp>,
}

impl<'a> Player<'a> {
    /// Stands at a place of a tape.
    ///
    /// # Errors
    /// The tape is empty, or cannot be read.
    pub fn open(tape: &'a dyn Tape, at: Place) -> io::Result<Player<'a>> {
        let last = tape.last();
        let begin = one(tape, Seq(1))?.ok_or_else(|| io::Error::other("the ledger holds no event yet"))?.at;
        let end = one(tape, last)?.map_or(begin, |e| e.at);
        let cursor = Cursor { seq: Seq(0), at: begin, last, begin, end, speed: SPEEDS[3], ..Cursor::default() };
        let (kept, near, ahead) = (Vec::new(), None, VecDeque::new());
        let mut player = Player { tape, dash: Dashboard::new(begin), kept, near, ahead, cursor, wall: None };
        player.go(at)?;
        Ok(player)
    }

    /// The dashboard as of the cursor.
    pub fn dash(&self) -> &Dashboard {
        &self.dash
    }

    /// Takes an input in: keys, and ticks of the wall clock, which let time pass as it is played.
    ///
    /// # Errors
    /// The tape cannot be read.
    pub fn apply(&mut self, input: &Input) -> io::Result<After> {
        match input {
            Input::Tick(wall) => {
                let real = self.wall.map_or(Duration::ZERO, |before| wall.since(before));
                self.wall = Some(*wall);
                if !self.cursor.playing {
                    return Ok(After::Same);
                }
                self.play(real)?;
                Ok(After::Redraw)
            }
            Input::Key(key) => self.key(*key),
            Input::Resized => Ok(After::Redraw),
            Input::Message(_) => Ok(After::Same),
        }
    }

    /// Goes to a place.
    ///
    /// # Errors
    /// The tape cannot be read.
    pub fn go(&mut self, place: Place) -> io::Result<()> {
        match place {
            Place::Begin => self.seek(Seq(1), None),
            Place::End => self.seek(self.cursor.last, None),
            Place::Event(n) => self.seek(Seq(n), None),
            Place::At(at) => self.seek_time(at),
            Place::TimeOfDay(micros) => {
                let day = self.cursor.at.0.div_euclid(place::DAY) * place::DAY;
                self.seek_time(Timestamp(day + micros))
            }
            Place::By(micros) => self.seek_time(Timestamp(self.cursor.at.0.saturating_add(micros))),
        }
    }

    fn seek_time(&mut self, at: Timestamp) -> io::Result<()> {
        let at = Timestamp(at.0.clamp(self.cursor.begin.0, self.cursor.end.0));
        // The last event that is not later: moments never go back along a ledger.
        let (mut low, mut high) = (1, self.cursor.last.0);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            match one(self.tape, Seq(middle))? {
                Some(envelope) if envelope.at <= at => low = middle,
                Some(_) | None => high = middle - 1,
            }
        }
        self.seek(Seq(low), Some(at))
    }

    /// Stands behind an event; the clock shows `at`, or the moment of that event.
    fn seek(&mut self, to: Seq, at: Option<Timestamp>) -> io::Result<()> {
        let to = to.clamp(Seq(1), self.cursor.last);
        if to < self.cursor.seq {
            self.restore(to);
        }
        let from = self.cursor.seq;
        while self.cursor.seq < to {
            let Some(envelope) = self.next()? else { break };
            self.fold(envelope);
            let here = self.cursor.seq;
            let spacing = SPACING.max(self.cursor.last.0 / KEPT as u64);
            if here.0 - self.kept.last().map_or(0, |(seq, _)| seq.0.min(here.0)) >= spacing {
                self.kept.push((here, self.dash.clone()));
            }
            if to.0 - here.0 == NEAR && here.0 - from.0 > NEAR {
                self.near = Some((here, self.dash.clone()));
            }
        }
        if let Some(at) = at {
            self.cursor.at = at.max(self.cursor.at);
        }
        self.tell();
        Ok(())
    }

    /// Goes back to the nearest state before an event.
    fn restore(&mut self, to: Seq) {
        let kept = self.kept.iter().chain(&self.near).filter(|(seq, _)| *seq <= to).max_by_key(|(seq, _)| *seq);
        let (seq, mut dash) = kept.cloned().unwrap_or_else(|| (Seq(0), Dashboard::new(self.cursor.begin)));
        // Where the user stands is no part of the past.
        dash.ui = std::mem::take(&mut self.dash.ui);
        self.dash = dash;
        self.ahead.clear();
        (self.cursor.seq, self.cursor.at) = (seq, self.dash.fold().at.max(self.cursor.begin));
    }

    fn next(&mut self) -> io::Result<Option<Envelope>> {
        if self.ahead.is_empty() && self.cursor.seq < self.cursor.last {
            let last = self.cursor.last;
            let read = self.tape.read(self.cursor.seq)?.take(AHEAD);
            self.ahead = read.filter(|e| e.as_ref().map_or(true, |e| e.seq <= last)).collect::<io::Result<_>>()?;
        }
        Ok(self.ahead.pop_front())
    }

    fn fold(&mut self, envelope: Envelope) {
        (self.cursor.seq, self.cursor.at) = (envelope.seq, envelope.at);
        self.dash.apply(Input::Tick(envelope.at));
        self.dash.apply(Input::Message(Box::new(ServerMessage::Events(vec![envelope]))));
    }

    /// What the view is to know of the cursor.
    fn tell(&mut self) {
        self.dash.apply(Input::Tick(self.cursor.at));
        self.dash.ui.replay = Some(self.cursor.clone());
    }

    /// Lets so much time pass, as it is played.
    fn play(&mut self, real: Duration) -> io::Result<()> {
        let micros =
            |d: Duration| i64::try_from(d.as_micros()).unwrap_or(i64::MAX).saturating_mul(i64::from(self.cursor.speed));
        let (step, idle) = (micros(real), micros(IDLE));
        let mut at = Timestamp(self.cursor.at.0.saturating_add(step));
        while let Some(envelope) = self.next()? {
            if envelope.at.0.saturating_sub(at.0) > idle {
                at = Timestamp(envelope.at.0 - idle / 3);
            }
            if envelope.at > at {
                self.ahead.push_front(envelope);
                break;
            }
            self.fold(envelope);
        }
        self.cursor.at = at.max(self.cursor.at);
        if self.cursor.seq == self.cursor.last {
            (self.cursor.playing, self.cursor.at) = (false, self.cursor.end);
        }
        self.tell();
        Ok(())
    }

    /// Goes to the next event that is so, or back to the one before the cursor; whether there is one.
    fn find(&mut self, forth: bool, is_so: impl Fn(&Envelope) -> bool) -> io::Result<bool> {
        let here = self.cursor.seq;
        let mut found = None;
        if forth {
            for envelope in self.tape.read(here)? {
                let envelope = envelope?;
                if is_so(&envelope) {
                    found = Some(envelope.seq);
                    break;
                }
            }
        } else {
            let mut before = here;
            while found.is_none() && before > Seq(1) {
                let after = Seq(before.0.saturating_sub(1 + SPACING));
                for envelope in self.tape.read(after)? {
                    let envelope = envelope?;
                    if envelope.seq >= before {
                        break;
                    }
                    if is_so(&envelope) {
                        found = Some(envelope.seq);
                    }
                }
                before = Seq(after.0 + 1);
            }
        }
        let found = found.filter(|seq| *seq <= self.cursor.last);
        found.map_or(Ok(()), |seq| self.seek(seq, None))?;
        Ok(found.is_some())
    }
}

impl Stage for Player<'_> {
    fn take(&mut self, input: Input) -> io::Result<After> {
        self.apply(&input)
    }

    fn dash(&mut self) -> &mut Dashboard {
        &mut self.dash
    }

    fn tick(&self) -> Duration {
        Duration::from_millis(if self.cursor.playing { 100 } else { 250 })
    }
}

impl std::fmt::Debug for Player<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Player").field("cursor", &self.cursor).finish_non_exhaustive()
    }
}

fn one(tape: &dyn Tape, seq: Seq) -> io::Result<Option<Envelope>> {
    tape.read(Seq(seq.0.saturating_sub(1)))?.next().transpose()
}
