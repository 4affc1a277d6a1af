//! What the dashboard knows: the fold of the feed, and where its user stands in it.
//!
//! [`Dashboard::apply`] takes everything in: messages, keys, ticks. It asks nobody anything and draws nothing.

pub mod input;
mod overview;
pub mod phase;
mod rates;
mod rows;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use capledger_schema::feed::ServerMessage;
use capledger_schema::id::{OperationId, Seq, WtpId};
use capledger_schema::image::ImageVersion;
use capledger_schema::project::campaigns::Campaign;
use capledger_schema::project::fleet::{ImageStatus, Wtp};
use capledger_schema::project::{Projection, State};
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};
use crossterm::event::KeyEvent;

use crate::words::{self, Line, Tone};
pub use overview::{Alarm, Overview, Summary};
use rates::Rates;
use rows::Filter;
pub use rows::{Row, Show, Sort};

/// Lines of the log at most.
pub const LOG_LIMIT: usize = 5_000;

/// How long the outcome of a campaign stays in sight.
pub const LINGER: Duration = Duration::from_secs(600);

/// Lines of one AP's story at most.
pub const STORY_LIMIT: usize = 100;

/// What arrives.
#[derive(Clone, Debug)]
pub enum Input {
    /// From the feed. `Bye` tells that the source is cut off, a later `Hello` that it is back.
    Message(Box<ServerMessage>),
    /// The wall clock reads so.
    Tick(Timestamp),
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
}

/// What follows from an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing to see.
    Same,
    /// The frame is to be drawn anew.
    Redraw,
    /// So is all of the screen, where something else wrote on it.
    Repaint,
    /// The user leaves.
    Quit,
}

/// How it stands with the source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Nothing has come yet.
    #[default]
    Waiting,
    /// It is live.
    Live,
    /// It is cut off, for this reason.
    Lost(String),
}

/// Where the user stands.
#[derive(Clone, Debug, Default)]
pub struct Ui {
    /// The table's order.
    pub sort: Sort,
    /// The other way round.
    pub reverse: bool,
    /// Which APs the table shows.
    pub show: Show,
    /// What a row must contain; empty for everything.
    pub filter: String,
    /// Whether keys go to the filter.
    pub filtering: bool,
    /// The selected AP.
    pub selected: Option<WtpId>,
    /// Whether the selected AP's particulars are wanted where there is no room for them beside the table.
    pub detail: bool,
    /// How many lines of its history lie below those on the screen.
    pub story_up: usize,
    /// Whether the log has the place of the table.
    pub log: bool,
    /// The last line of the log on the screen, counted from the first ever; none: the newest.
    pub log_at: Option<u64>,
    /// Where a replay stands; none: what is shown is live.
    pub replay: Option<Cursor>,
    /// Whether the help is shown.
    pub help: bool,
    /// The first row on the screen, and how many fit, as of the last frame.
    pub page: Page,
}

/// The slice of the table on the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The first row.
    pub first: usize,
    /// How many rows fit.
    pub rows: usize,
}

/// Where a replay stands on its ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The last event taken in.
    pub seq: Seq,
    /// The moment that is shown.
    pub at: Timestamp,
    /// The ledger's last event.
    pub last: Seq,
    /// The moment of its first event.
    pub begin: Timestamp,
    /// The moment of its last event.
    pub end: Timestamp,
    /// Whether time passes.
    pub playing: bool,
    /// How fast, as a multiple of real time.
    pub speed: u32,
    /// A place that is being typed.
    pub asking: Option<String>,
    /// What the last key had to say.
    pub note: String,
}

/// The state of the dashboard.
#[derive(Clone, Debug, Default)]
pub struct Dashboard {
    fold: State,
    link: Link,
    missed: u64,
    lag: Option<Duration>,
    now: Timestamp,
    rates: Rates,
    log: VecDeque<Line>,
    logged: u64,
    stories: BTreeMap<WtpId, VecDeque<Line>>,
    failures: BTreeMap<WtpId, Line>,
    /// Where the user stands; the run loop notes the page after each frame.
    pub ui: Ui,
}

impl Dashboard {
    /// A dashboard that has seen nothing yet.
    pub fn new(now: Timestamp) -> Dashboard {
        Dashboard { now, ..Dashboard::default() }
    }

    /// Takes an input in.
    pub fn apply(&mut self, input: Input) -> After {
        match input {
            Input::Message(message) => self.message(*message),
            Input::Tick(now) => {
                // Seconds are the finest that is shown of time.
                let same = now.0 / 1_000_000 == self.now.0 / 1_000_000;
                self.now = now;
                if same { After::Same } else { After::Redraw }
            }
            Input::Key(key) => self.key(key),
            Input::Resized => After::Redraw,
        }
    }

    fn message(&mut self, message: ServerMessage) -> After {
        match message {
            ServerMessage::Hello { .. } => {
                if let Link::Lost(_) = self.link {
                    self.note("connected again", Tone::Good);
                }
                self.link = Link::Live;
            }
            ServerMessage::Snapshot(state) => {
                self.link = Link::Live;
                self.snapshot(*state);
            }
            ServerMessage::Events(batch) => {
                self.link = Link::Live;
                self.lag = batch.last().map(|e| self.now.since(e.at));
                for envelope in &batch {
                    self.event(envelope);
                }
            }
            ServerMessage::Output { .. } | ServerMessage::Reply { .. } | ServerMessage::Shown(_) => return After::Same,
            ServerMessage::Bye(why) => {
                let link = Link::Lost(words::clean(&why));
                if link != self.link {
                    self.note(&format!("cut off: {}", words::clean(&why)), Tone::Bad);
                }
                self.link = link;
            }
        }
        After::Redraw
    }

    /// Says something of the view itself in the log.
    fn note(&mut self, what: &str, tone: Tone) {
        let line = Line { at: self.now, wtp: None, who: "this view".to_owned(), what: what.to_owned(), tone };
        self.say(line);
    }

    fn say(&mut self, line: Line) {
        self.logged += 1;
        keep(&mut self.log, line, LOG_LIMIT);
    }

    fn snapshot(&mut self, state: State) {
        self.rates = Rates::default();
        // What came before it was looked up, not live.
        self.lag = None;
        for (id, wtp) in &state.fleet.wtps {
            match &wtp.image {
                ImageStatus::Moving { operation, started_at, moved_at, octets, .. } => {
                    self.rates.mark(*operation, *started_at, 0);
                    self.rates.mark(*operation, *moved_at, *octets);
                }
                ImageStatus::Failed { kind, words, at, .. } => {
                    let what = words::clean(&format!("{kind}: {words}"));
                    let who = words::clean(&wtp.address.name);
                    let line = Line { at: *at, wtp: Some(id.clone()), who, what, tone: Tone::Bad };
                    self.failures.insert(id.clone(), line);
                }
                ImageStatus::None | ImageStatus::Initiated { .. } | ImageStatus::Complete { .. } => {}
            }
        }
        for (id, op) in state.installs.operations.iter().filter(|(_, op)| op.outcome.is_none()) {
            self.rates.mark(*id, op.started_at, 0);
            self.rates.mark(*id, op.moved_at, op.octets);
        }
        self.fold = state;
    }

    fn event(&mut self, envelope: &Envelope) {
        // The first one after nothing, and what comes again after a reconnection, is no gap.
        if self.fold.seq != Seq(0) && envelope.seq > self.fold.seq.next() {
            self.missed += envelope.seq.0 - self.fold.seq.0 - 1;
        }
        self.fold.apply(envelope);
        self.rates.apply(envelope);
        let Some(mut line) = words::tell(envelope) else { return };
        self.name_transfer(envelope, &mut line);
        if let Some(id) = &line.wtp {
            if let Some(what) = words::failure(&envelope.event) {
                self.failures.insert(id.clone(), Line { what, ..line.clone() });
            }
            keep(self.stories.entry(id.clone()).or_default(), line.clone(), STORY_LIMIT);
        }
        self.say(line);
    }

    /// The end of a transfer names it by a number; people know it by its file.
    fn name_transfer(&self, envelope: &Envelope, line: &mut Line) {
        let (Event::ImageServeCompleted { operation, .. } | Event::ImageServeFailed { operation, .. }) =
            &envelope.event
        else {
            return;
        };
        if let Some(transfer) = self.fold.serves.transfers.get(operation) {
            line.who = transfer.client.ip().to_string();
            line.what = words::clean(&format!("{}: {}", transfer.file, line.what));
        }
    }

    /// The fold of the feed.
    pub fn fold(&self) -> &State {
        &self.fold
    }

    /// How it stands with the source.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// Envelopes that never came; 0 as long as the feed keeps its word.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// How old the last envelope was when it came.
    pub fn lag(&self) -> Option<Duration> {
        self.lag
    }

    /// The wall clock, as of the last tick.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The version that APs are to run.
    pub fn target(&self) -> Option<ImageVersion> {
        self.fold.running_version()
    }

    /// The version that this AP is on its way to.
    pub fn target_of(&self, wtp: &Wtp) -> Option<ImageVersion> {
        self.fold.version_wanted(wtp)
    }

    /// The campaign that runs, or that ended not long ago.
    pub fn campaign(&self) -> Option<&Campaign> {
        let recent = |c: &&Campaign| c.ended.as_ref().is_none_or(|(_, _, at)| self.now.since(*at) < LINGER);
        self.fold.campaigns.latest.as_ref().filter(recent)
    }

    /// The last lines of the log, newest first, each with its number; where the log has the screen, from where its reader
    /// stands, and only those that the filter takes.
    pub fn log(&self) -> impl Iterator<Item = (u64, &Line)> {
        let filter = Filter::new(if self.ui.log { &self.ui.filter } else { "" });
        let from = self.ui.log_at.filter(|_| self.ui.log).unwrap_or(u64::MAX);
        let numbered = self.log.iter().rev().enumerate().map(|(i, line)| (self.logged - 1 - i as u64, line));
        numbered.filter(move |(n, line)| *n <= from && filter.takes_text(&[&line.who, &line.what]))
    }

    /// What happened to an AP since the dashboard watches, oldest first.
    pub fn story(&self, id: &WtpId) -> impl DoubleEndedIterator<Item = &Line> {
        self.stories.get(id).into_iter().flatten()
    }

    /// What last failed at an AP.
    pub fn failure(&self, id: &WtpId) -> Option<&Line> {
        self.failures.get(id)
    }

    /// Octets per second of a download or fetch.
    pub fn rate(&self, operation: OperationId) -> Option<f64> {
        self.rates.of(operation, self.now)
    }
}

fn keep(lines: &mut VecDeque<Line>, line: Line, limit: usize) {
    if lines.len() == limit {
        lines.pop_front();
    }
    lines.push_back(line);
}
