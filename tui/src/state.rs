//! What the dashboard knows: the fold of the feed, and where its user stands in it.
//!
//! [`Dashboard::apply`] takes everything in: messages, keys, ticks. It asks nobody anything and draws nothing.

pub mod input;
pub mod phase;
mod rates;
mod rows;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use capledger_schema::Envelope;
use capledger_schema::feed::ServerMessage;
use capledger_schema::id::{OperationId, Seq, WtpId};
use capledger_schema::image::ImageVersion;
use capledger_schema::project::campaigns::Campaign;
use capledger_schema::project::fleet::{ImageStatus, Wtp};
use capledger_schema::project::{Projection, State};
use capledger_schema::time::Timestamp;
use crossterm::event::KeyEvent;

use crate::words::{self, Line, Tone};
use phase::Phase;
use rates::Rates;
pub use rows::{Row, Show, Sort};

/// Lines of the log at most.
pub const LOG_LIMIT: usize = 1_000;

/// How long the outcome of a campaign stays in sight.
pub const LINGER: Duration = Duration::from_secs(600);

/// Lines of one AP's story at most.
pub const STORY_LIMIT: usize = 24;

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

/// The state of the dashboard.
#[derive(Debug, Default)]
pub struct Dashboard {
    fold: State,
    link: Link,
    missed: u64,
    lag: Option<Duration>,
    now: Timestamp,
    rates: Rates,
    log: VecDeque<Line>,
    stories: BTreeMap<WtpId, VecDeque<Line>>,
    failures: BTreeMap<WtpId, Line>,
    /// Where the user stands; the run loop notes the page after each frame.
    pub ui: Ui,
}

/// The fleet in numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// APs by phase.
    phases: [usize; Phase::ALL.len()],
    /// APs in all.
    pub total: usize,
    /// APs with a session.
    pub joined: usize,
    /// The sum of what each AP has of the image that it needs; `total` when all have it.
    pub share: f64,
    /// Octets per second, all downloads together.
    pub rate: f64,
    /// How long until the last octet, at this rate.
    pub left: Option<Duration>,
}

impl Summary {
    /// How many APs stand there.
    pub fn count(&self, phase: Phase) -> usize {
        self.phases[phase as usize]
    }
}

/// What a frame shows of the fleet.
#[derive(Clone, Debug)]
pub struct Overview<'a> {
    /// The rows that the table shows, in its order.
    pub rows: Vec<Row<'a>>,
    /// The fleet in numbers.
    pub summary: Summary,
    /// Everything that needs somebody's eye: fetches first, then APs by name.
    pub alarms: Vec<Alarm>,
}

/// What needs somebody's eye.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// The AP; none for a fetch.
    pub wtp: Option<WtpId>,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
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
            ServerMessage::Hello { .. } => self.link = Link::Live,
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
            ServerMessage::Bye(why) => self.link = Link::Lost(words::clean(&why)),
        }
        After::Redraw
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
        let Some(line) = words::tell(envelope) else { return };
        if let Some(id) = &line.wtp {
            if let Some(what) = words::failure(&envelope.event) {
                self.failures.insert(id.clone(), Line { what, ..line.clone() });
            }
            keep(self.stories.entry(id.clone()).or_default(), line.clone(), STORY_LIMIT);
        }
        keep(&mut self.log, line, LOG_LIMIT);
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

    /// The last lines of the log, oldest first.
    pub fn log(&self) -> &VecDeque<Line> {
        &self.log
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

    /// Everything that a frame shows of the fleet, in one pass over it.
    pub fn overview(&self) -> Overview<'_> {
        let mut rows = Vec::with_capacity(self.fold.fleet.wtps.len());
        let mut alarms = Vec::new();
        let mut sum = Summary { total: self.fold.fleet.wtps.len(), ..Summary::default() };
        let (mut to_go, mut known) = (0u64, true);
        for (id, wtp) in &self.fold.fleet.wtps {
            let target = self.target_of(wtp);
            let phase = Phase::of(wtp, target);
            sum.phases[phase as usize] += 1;
            sum.joined += usize::from(wtp.live().is_some());
            sum.share += phase::share(wtp, target);
            if let ImageStatus::Moving { operation, octets, total, .. } = &wtp.image {
                sum.rate += self.rate(*operation).unwrap_or(0.0);
                to_go += total.saturating_sub(*octets);
                known &= *total > 0;
            } else if matches!(wtp.image, ImageStatus::Initiated { .. }) {
                let size = self.image_size(wtp);
                to_go += size.unwrap_or(0);
                known &= size.is_some();
            }
            let why = phase::alarm(wtp, phase, self.now);
            let row = Row { id, wtp, phase, alarmed: why.is_some() };
            if let Some(why) = why {
                alarms.push(Alarm { wtp: Some(id.clone()), name: words::clean(&wtp.address.name), why });
            }
            if self.shows(&row) {
                rows.push(row);
            }
        }
        if known && to_go > 0 && sum.rate >= 1.0 {
            sum.left = Some(Duration::from_secs_f64(to_go as f64 / sum.rate));
        }
        self.sort(&mut rows);
        alarms.extend(self.fetch_alarms());
        // Fetches first: many an AP's alarm follows from one.
        alarms.sort_by(|a, b| (a.wtp.is_some(), &a.name).cmp(&(b.wtp.is_some(), &b.name)));
        Overview { rows, summary: sum, alarms }
    }

    /// How far the fetch is that an AP waits for, from 0 to 1; none if none runs, or its length is not known.
    pub fn fetching(&self, wtp: &Wtp) -> Option<f64> {
        let family = self.fold.installs.families.get(wtp.inventory.family.as_ref()?)?;
        let op = self.fold.installs.operations.get(&family.running?)?;
        let total = op.total.filter(|n| *n > 0)?;
        Some((op.octets as f64 / total as f64).min(1.0))
    }

    /// How large the image is that an AP waits for, if it is in the catalogue.
    fn image_size(&self, wtp: &Wtp) -> Option<u64> {
        let family = wtp.inventory.family.as_ref()?;
        self.fold.installs.image(family, wtp.image.version()?).map(|image| image.octets)
    }

    fn fetch_alarms(&self) -> impl Iterator<Item = Alarm> {
        let stalled = self.fold.installs.operations.values().filter(|op| op.outcome.is_none()).filter_map(|op| {
            let d = self.now.since(op.moved_at);
            let name = op.family.as_ref().map_or_else(|| "image".to_owned(), ToString::to_string);
            let why = format!("fetch has not moved for {}", words::span(d));
            (d >= phase::STALL).then_some(Alarm { wtp: None, name, why })
        });
        // A family whose last fetch failed; its next success takes it off the list.
        let failed = self.fold.installs.families.iter().filter_map(|(family, fetch)| {
            let (failure, _) = fetch.last.as_ref()?;
            let why = format!("fetch failed, {}; {}", failure.kind, words::fetch_advice(failure.kind));
            Some(Alarm { wtp: None, name: family.to_string(), why })
        });
        failed.chain(stalled)
    }
}

fn keep(lines: &mut VecDeque<Line>, line: Line, limit: usize) {
    if lines.len() == limit {
        lines.pop_front();
    }
    lines.push_back(line);
}
