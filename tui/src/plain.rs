//! The same story in lines, for what is no terminal: a pipe, a log of a build, a file.

use std::time::Duration;

use capledger_schema::id::{OperationId, Seq};
use capledger_schema::project::{Projection, State};
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};

use crate::state::phase::{self, Phase};
use crate::words;

/// Between two lines of progress.
const EVERY: Duration = Duration::from_secs(2);

/// Prints a line per notable change, and one of progress every two seconds while octets move.
#[derive(Debug, Default)]
pub struct Printer {
    fold: State,
    start: Option<Timestamp>,
    said: Timestamp,
}

impl Printer {
    /// A printer that begins with a state; its clock begins with the first envelope.
    pub fn new(state: State) -> Printer {
        Printer { fold: state, ..Printer::default() }
    }

    /// How the fleet stands, for whoever begins to read.
    pub fn standing(&self) -> String {
        format!("{:7.1}s  {:<20}  {}", 0.0, "fleet", self.fleet())
    }

    /// Takes a fact in; what it says of it, without a line end.
    pub fn apply(&mut self, envelope: &Envelope) -> Option<String> {
        let start = *self.start.get_or_insert(envelope.at);
        self.fold.apply(envelope);
        let seconds = envelope.at.since(start).as_secs_f64();
        if let Some(line) = words::tell(envelope) {
            return Some(format!("{seconds:7.1}s  {:<20}  {}", line.who, line.what));
        }
        if envelope.at.since(self.said.max(start)) < EVERY {
            return None;
        }
        self.said = envelope.at;
        let (who, what) = self.progress(envelope);
        Some(format!("{seconds:7.1}s  {who:<20}  {what}"))
    }

    /// The last envelope taken in.
    pub fn seq(&self) -> Seq {
        self.fold.seq
    }

    fn progress(&self, envelope: &Envelope) -> (String, String) {
        if let Event::InstallAddProgressed { operation, octets, total } = &envelope.event {
            return (self.family(*operation), fetched(*octets, *total));
        }
        ("fleet".to_owned(), self.fleet())
    }

    fn fleet(&self) -> String {
        let fleet = &self.fold.fleet.wtps;
        let count = |wanted: &[Phase]| {
            fleet.values().filter(|w| wanted.contains(&Phase::of(w, self.fold.version_wanted(w)))).count()
        };
        let share: f64 = fleet.values().map(|w| phase::share(w, self.fold.version_wanted(w))).sum();
        let percent = (100.0 * share / fleet.len().max(1) as f64).floor();
        format!(
            "{percent:.0}%: {} APs, {} at target, {} downloading, {} failed",
            fleet.len(),
            count(&[Phase::AtTarget]),
            count(&[Phase::Downloading, Phase::Predownloading]),
            count(&[Phase::Failed]),
        )
    }

    fn family(&self, operation: OperationId) -> String {
        let op = self.fold.installs.operations.get(&operation);
        op.and_then(|op| op.family.as_ref()).map_or_else(|| "image".to_owned(), ToString::to_string)
    }
}

fn fetched(octets: u64, total: Option<u64>) -> String {
    let of = total.map(|n| format!(" of {}", words::octets(n))).unwrap_or_default();
    format!("fetched {}{of}", words::octets(octets))
}
