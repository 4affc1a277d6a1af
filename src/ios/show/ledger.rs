//! `show ledger`: the events themselves, one line each, and what there is of them. The words are the dashboard's.
//!
//! A view streams through the ledger and keeps the last [`KEPT`] events at most; `capledger audit export` has them all.

mod about;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::io;

use capledger_schema::id::{Seq, WtpId};
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Envelope, Event, Subject};
use capledger_tui::words as told;
use serde::Serialize;

use super::ap_image;
use super::table::table;
use crate::ios::View;
use crate::ios::action::LedgerView;
use crate::ios::history::Reading;
use crate::syslog::told_by;
pub use about::{Ap, wtp_of};

/// Events that a view holds at most: the last ones.
pub const KEPT: usize = 10_000;

/// Characters of a line's words at most.
const WORDS_LIMIT: usize = 160;

/// A view of the ledger as text.
pub fn show(what: &LedgerView, view: &View) -> String {
    match facts(what, view) {
        Ok(Facts::Summary(summary)) => summary.text(view),
        Ok(Facts::Chosen(chosen)) => lines(&chosen, view),
        Err(words) => format!("% {words}\n"),
    }
}

/// The last ones of the events that were asked for.
#[derive(Debug, Default, Serialize)]
pub struct Chosen {
    /// Earlier ones that were asked for as well.
    pub left_out: u64,
    /// At most [`KEPT`], oldest first.
    pub events: VecDeque<Envelope>,
    /// What ended the reading before the end of the ledger.
    pub error: Option<String>,
}

impl Chosen {
    fn of(reading: Reading, mut wanted: impl FnMut(&Envelope) -> bool) -> Chosen {
        let (mut chosen, mut read) = (Chosen::default(), Seq(0));
        for envelope in reading {
            let envelope = match envelope {
                Ok(envelope) => envelope,
                Err(e) => {
                    chosen.error = Some(broken(&e, read));
                    break;
                }
            };
            read = envelope.seq;
            if !wanted(&envelope) {
                continue;
            }
            if chosen.events.len() == KEPT {
                chosen.events.pop_front();
                chosen.left_out += 1;
            }
            chosen.events.push_back(envelope);
        }
        chosen
    }
}

/// What a view tells.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Facts {
    /// What there is of the ledger.
    Summary(Summary),
    /// Some of its events.
    Chosen(Chosen),
}

/// The facts of a view.
///
/// # Errors
/// Words for the operator, where no event is what was asked for.
pub fn facts(what: &LedgerView, view: &View) -> Result<Facts, String> {
    let history = view.history;
    let (chosen, nothing) = match what {
        LedgerView::Summary => return Ok(Facts::Summary(Summary::of(view))),
        LedgerView::Last(n) => {
            (Chosen::of(history.newest((*n).into()), |_| true), "The ledger holds no event yet".to_owned())
        }
        LedgerView::Ap(text) => {
            let mut ap = Ap::named(text, view.state);
            let nothing = format!("Nothing in the ledger is about an AP {text}; see `show ap summary`");
            (Chosen::of(history.after(Seq(0)), |e| ap.is_meant(e)), nothing)
        }
        LedgerView::Operation(number) => {
            // An operation has the number of its first event.
            let after = Seq(number.saturating_sub(1));
            let nothing = format!("Event {number} begins no operation; see `show operation`");
            (Chosen::of(history.after(after), |e| told_by(e).any(|n| n == *number)), nothing)
        }
    };
    if chosen.events.is_empty() && chosen.error.is_none() { Err(nothing) } else { Ok(Facts::Chosen(chosen)) }
}

fn lines(chosen: &Chosen, view: &View) -> String {
    let mut out = String::new();
    if chosen.left_out > 0 {
        let _ = writeln!(
            out,
            "({} earlier events are left out; `capledger audit export` and `capledger replay` have them)",
            told::count(chosen.left_out)
        );
    }
    let rows: Vec<[String; 5]> = chosen.events.iter().map(|e| row(e, view)).collect();
    out.push_str(&table(["Event", "Time", "Subject", "Cause", "What happened"], &rows));
    if let Some(error) = &chosen.error {
        let _ = writeln!(out, "% {error}");
    }
    out
}

/// What is told where the reading ended too early, after this event.
pub fn broken(error: &io::Error, read: Seq) -> String {
    if error.kind() == io::ErrorKind::Interrupted {
        return format!("Interrupted: what follows event {read} was not read");
    }
    let next = "stop the controller and run `capledger audit verify`";
    format!("The ledger cannot be read after event {read}: {error}; {next}")
}

fn row(envelope: &Envelope, view: &View) -> [String; 5] {
    let subject = subject(&envelope.subject, view);
    let line = told::account(envelope);
    let is_subject =
        |id: &WtpId| envelope.subject == Subject::Wtp(id.clone()) && told::clean(&id.to_string()) == line.who;
    let what = if line.who.is_empty()
        || line.who == "controller"
        || line.who == subject
        || line.wtp.as_ref().is_some_and(is_subject)
    {
        line.what
    } else {
        format!("{}: {}", line.who, line.what)
    };
    let mut clipped: String = what.chars().take(WORDS_LIMIT).collect();
    if clipped.len() < what.len() {
        clipped.push_str("...");
    }
    [envelope.seq.to_string(), view.time.format(envelope.at), subject, cause(&envelope.cause), clipped]
}

fn subject(subject: &Subject, view: &View) -> String {
    match subject {
        Subject::Controller => "controller".to_owned(),
        Subject::Wtp(id) => name(id, view),
        Subject::Operation(operation) => format!("operation {operation}"),
        Subject::Campaign(campaign) => format!("upgrade {campaign}"),
        Subject::Config => "configuration".to_owned(),
    }
}

/// An AP's name, or its id if it has never joined.
fn name(id: &WtpId, view: &View) -> String {
    view.state.fleet.wtps.get(id).map_or_else(|| told::clean(&id.to_string()), ap_image::name)
}

/// Who or what caused an event, in a word or two.
pub fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Wtp(session) => format!("AP session {session}"),
        Cause::Peer(from) => from.to_string(),
        Cause::Operator { user, from } => told::clean(&format!("{user} ({from})")),
        Cause::Timer => "timer".to_owned(),
        Cause::Start => "start".to_owned(),
        Cause::Operation(operation) => format!("operation {operation}"),
        Cause::Campaign(campaign) => format!("upgrade {campaign}"),
    }
}

/// What there is of the ledger.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Whose it is.
    pub controller: String,
    /// How many.
    pub events: u64,
    /// The oldest.
    pub first: Option<Place>,
    /// The newest.
    pub last: Option<Place>,
    /// Octets on the disk, if that is known.
    pub octets_on_disk: Option<u64>,
    /// The chain after the newest, as `capledger audit verify` prints it, if that is known.
    pub head: Option<String>,
    /// Of each kind, how many; the most frequent first.
    pub kinds: Vec<Kind>,
    /// Limits that were reached, by name.
    pub limits: Vec<Limit>,
    /// What ended the reading before the end of the ledger.
    pub error: Option<String>,
}

/// A place in the ledger.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Place {
    /// Its number.
    pub event: Seq,
    /// When it was recorded.
    pub time: Timestamp,
}

/// Events of one kind.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Kind {
    /// As an export names it.
    pub kind: &'static str,
    /// How many.
    pub count: u64,
    /// The last of them.
    pub last: Seq,
}

/// A limit that was reached.
#[derive(Clone, Debug, Serialize)]
pub struct Limit {
    /// The configuration's word for it.
    pub limit: String,
    /// Its value then.
    pub value: u64,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Place,
}

impl Summary {
    fn of(view: &View) -> Summary {
        let mut kinds: BTreeMap<&'static str, Kind> = BTreeMap::new();
        let mut limits: BTreeMap<String, Limit> = BTreeMap::new();
        let mut summary = Summary {
            controller: format!("{:016x}", view.state.controller.id.0),
            events: 0,
            first: None,
            last: None,
            octets_on_disk: view.history.octets(),
            head: view.history.head().map(|chain| chain.to_string()),
            kinds: Vec::new(),
            limits: Vec::new(),
            error: None,
        };
        for envelope in view.history.after(Seq(0)) {
            let envelope = match envelope {
                Ok(envelope) => envelope,
                Err(e) => {
                    summary.error = Some(broken(&e, summary.last.map_or(Seq(0), |last| last.event)));
                    break;
                }
            };
            let here = Place { event: envelope.seq, time: envelope.at };
            summary.events += 1;
            summary.first = summary.first.or(Some(here));
            summary.last = Some(here);
            let name = envelope.event.kind();
            let kind = kinds.entry(name).or_insert(Kind { kind: name, count: 0, last: here.event });
            (kind.count, kind.last) = (kind.count + 1, here.event);
            if let Event::LimitReached { limit, value } = &envelope.event {
                let reached = limits.entry(limit.clone());
                let limit = limit.clone();
                let reached = reached.or_insert(Limit { limit, value: *value, count: 0, last: here });
                (reached.value, reached.count, reached.last) = (*value, reached.count + 1, here);
            }
        }
        summary.kinds = kinds.into_values().collect();
        summary.kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        summary.limits = limits.into_values().collect();
        summary
    }

    fn text(&self, view: &View) -> String {
        let mut out = String::new();
        let mut line = |label: &str, value: String| {
            let _ = writeln!(out, "{label:<11}: {value}");
        };
        line("Controller", self.controller.clone());
        line("Events", told::count(self.events));
        for (label, place) in [("First", self.first), ("Last", self.last)] {
            if let Some(Place { event, time }) = place {
                line(label, format!("event {event}, {}", view.time.clock(time)));
            }
        }
        if let Some(octets) = self.octets_on_disk {
            line("On disk", format!("{} octets", told::count(octets)));
        }
        // Behind the number, as an audit prints it.
        match &self.head {
            Some(head) => line("Head", format!("{} {head}", view.history.last())),
            None => line("Head", "not known here; see `capledger audit verify`".to_owned()),
        }
        let cells = |k: &Kind| [k.kind.to_owned(), told::count(k.count), k.last.to_string()];
        let rows: Vec<[String; 3]> = self.kinds.iter().map(cells).collect();
        out.push('\n');
        out.push_str(&table(["Kind", "Count", "Last event"], &rows));
        if !self.limits.is_empty() {
            let cells = |l: &Limit| {
                let reached = format!("{} (event {})", view.time.format(l.last.time), l.last.event);
                [l.limit.clone(), l.value.to_string(), told::count(l.count), reached]
            };
            let rows: Vec<[String; 4]> = self.limits.iter().map(cells).collect();
            out.push('\n');
            out.push_str(&table(["Limit reached", "Value", "Count", "Last"], &rows));
        }
        if let Some(error) = &self.error {
            let _ = writeln!(out, "% {error}");
        }
        out
    }
}

#[cfg(test)]
mod tests;
