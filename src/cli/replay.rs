//! `capledger replay`: what a `show` printed, or would have printed, at any moment of the ledger's history.
//!
//! Folds the ledger up to that moment, through the daemon's socket while a daemon runs and from the store otherwise, and
//! hands the folds to the same views. It changes nothing and asks nobody: anything but a `show` is refused.
//! Exit codes: 0 shown; 1 a line was refused; 2 the ledger, or that moment of it, cannot be read.

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use capledger_schema::codec::Chain;
use capledger_schema::feed::Privilege;
use capledger_schema::id::Seq;
use capledger_schema::project::{Projection, State};
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};
use clap::Args;
use jiff::civil;

use crate::ios::action::Action;
use crate::ios::grammar::{self, Mode};
use crate::ios::history::Reading;
use crate::ios::{Envelopes, Shell, View};
use crate::ledger::{History, LedgerError, Store};
use crate::net::feed::{Client, ClientError};
use crate::secrets::vault::Ciphertexts;
use crate::secrets::{NoSecrets, Secrets};
use crate::syslog::{Log, TimeFormat};

const REFUSED: u8 = 1;
const UNREADABLE: u8 = 2;

/// `capledger replay ...`
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReplayArgs {
    /// The data directory of the controller; it may run meanwhile
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Up to and with the event of this sequence number
    #[arg(long, value_name = "N", conflicts_with = "at")]
    seq: Option<u64>,
    /// Up to and with this moment: 2024-02-01T17:05:37.108Z, or 17:05:37 (UTC) on the last day of the ledger
    #[arg(long, value_name = "TIME")]
    at: Option<Moment>,
    /// What to show, one line per argument
    #[arg(required = true, value_name = "COMMAND")]
    commands: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  capledger replay --data-dir DIR --at 17:05:37 \"show ap image\"
  capledger replay --data-dir DIR --at 2024-02-01T18:05:37+01:00 \"show logging last 20\"
  capledger replay --data-dir DIR --seq 1200 \"show install summary\" \"show running-config\"

Without --seq and --at it shows the last event at which the controller ran. Which moment it shows stands on standard error.
Exits with 0, with 1 as soon as a line is refused, or with 2 if the ledger or that moment of it cannot be read.";

/// A moment as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// With its date.
    Exact(Timestamp),
    /// On the last day of the ledger, UTC.
    LastDay(civil::Time),
}

impl FromStr for Moment {
    type Err = String;
    fn from_str(text: &str) -> Result<Moment, String> {
        if let Ok(at) = text.parse() {
            return Ok(Moment::Exact(at));
        }
        // A civil time would also be read out of a whole date without an offset.
        if text.starts_with(|c: char| c.is_ascii_digit())
            && text.get(2..3) == Some(":")
            && let Ok(time) = text.parse()
        {
            return Ok(Moment::LastDay(time));
        }
        Err("write it as 2024-02-01T17:05:37Z (decimals or an offset if you like), or as 17:05:37".to_owned())
    }
}

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{0}")]
    Read(io::Error),
    #[error("the ledger holds no event yet")]
    Empty,
    #[error("the ledger ends with event {last}: there is no event {asked}")]
    Beyond { last: Seq, asked: u64 },
    #[error("events are counted from 1")]
    Zero,
    #[error("the ledger begins at {first}: it knows nothing of {asked}")]
    Before { first: Timestamp, asked: Timestamp },
    #[error("{0} is on no day of the calendar")]
    NoSuchDay(civil::Time),
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

/// Shows what was asked.
pub fn run(args: &ReplayArgs) -> ExitCode {
    let shown = Source::of(&args.data_dir).and_then(|source| {
        let past = replay(&source, args.seq, args.at)?;
        eprintln!("capledger: as of event {}, {}", past.state.seq, past.state.at);
        let history = Before { source: &source, last: past.state.seq };
        show(&past, &history, &*secrets(&args.data_dir), &args.commands, &mut io::stdout().lock())
    });
    ExitCode::from(match shown {
        Ok(code) => code,
        Err(ReplayError::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(e) => {
            eprintln!("capledger: {e}");
            UNREADABLE
        }
    })
}

/// The folds as of a moment.
struct Past {
    state: State,
    log: Log,
    now: Timestamp,
}

/// Where history is read: from the daemon, which holds the store while it runs, else from the store.
pub(super) enum Source<'a> {
    Daemon { dir: &'a Path, last: Seq },
    Store(Box<Store>),
}

impl Source<'_> {
    /// That of a data directory.
    pub(super) fn of(dir: &Path) -> Result<Source<'_>, ReplayError> {
        match Client::connect(dir) {
            Ok(client) => Ok(Source::Daemon { dir, last: client.daemon().seq }),
            Err(ClientError::NotRunning(_)) => Ok(Source::Store(Box::new(Store::open_existing(dir)?))),
            // A path too long for a socket has no daemon behind it.
            Err(ClientError::Path(_)) => Ok(Source::Store(Box::new(Store::open_existing(dir)?))),
            Err(e @ (ClientError::Denied(..) | ClientError::Bye(_) | ClientError::Broken(..))) => Err(e.into()),
        }
    }

    /// The store, if no daemon holds it.
    fn store(&self) -> Option<&Store> {
        match self {
            Source::Daemon { .. } => None,
            Source::Store(store) => Some(store),
        }
    }

    /// The last event, as of when it was asked first.
    pub(super) fn last(&self) -> Seq {
        match self {
            Source::Daemon { last, .. } => *last,
            Source::Store(store) => store.last_seq(),
        }
    }

    /// What follows `after`. From a daemon: with what it has written since.
    pub(super) fn read(
        &self,
        after: Seq,
    ) -> Result<Box<dyn Iterator<Item = Result<Envelope, ReplayError>> + '_>, ReplayError> {
        Ok(match self {
            Source::Daemon { dir, .. } => {
                Box::new(Client::connect(dir)?.history(after)?.map(|e| e.map_err(ReplayError::from)))
            }
            Source::Store(store) => Box::new(store.read(after).map(|e| e.map_err(ReplayError::Read))),
        })
    }

    /// The last event, or the one before it if that is the controller's orderly stop: by itself a stop would leave
    /// nothing to be shown but access points that have left.
    fn last_running(&self, last: Seq) -> Result<Seq, ReplayError> {
        let stopped = matches!(self.one(last)?.event, Event::ControllerStopped { .. });
        Ok(if stopped && last > Seq(1) { Seq(last.0 - 1) } else { last })
    }

    /// One event.
    pub(super) fn one(&self, seq: Seq) -> Result<Envelope, ReplayError> {
        self.read(Seq(seq.0.saturating_sub(1)))?.next().unwrap_or(Err(ReplayError::Empty))
    }
}

/// How far to fold.
#[derive(Clone, Copy)]
enum Until {
    Seq(Seq),
    At(Timestamp),
}

/// The ledger up to the moment that is shown.
struct Before<'a> {
    source: &'a Source<'a>,
    last: Seq,
}

impl fmt::Debug for Before<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Before").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Envelopes for Before<'_> {
    fn last(&self) -> Seq {
        self.last
    }

    fn after(&self, after: Seq) -> Reading<'_> {
        let last = self.last;
        match self.source.read(after) {
            Ok(read) => {
                let within = move |e: &io::Result<Envelope>| e.as_ref().map_or(true, |e| e.seq <= last);
                Box::new(read.map(|e| e.map_err(io::Error::other)).take_while(within))
            }
            Err(e) => Box::new(std::iter::once(Err(io::Error::other(e)))),
        }
    }

    fn octets(&self) -> Option<u64> {
        self.source.store()?.reader().octets().ok()
    }

    fn head(&self) -> Option<Chain> {
        self.source.store()?.reader().chain(self.last).ok()
    }
}

fn replay(source: &Source, seq: Option<u64>, at: Option<Moment>) -> Result<Past, ReplayError> {
    let last = source.last();
    if last == Seq(0) {
        return Err(ReplayError::Empty);
    }
    let until = match (seq, at) {
        (Some(0), _) => return Err(ReplayError::Zero),
        (Some(asked), _) if asked > last.0 => return Err(ReplayError::Beyond { last, asked }),
        (Some(asked), _) => Until::Seq(Seq(asked)),
        (None, Some(Moment::Exact(at))) => Until::At(at),
        (None, Some(Moment::LastDay(time))) => Until::At(on_the_day_of(source.one(last)?.at, time)?),
        (None, None) => Until::Seq(source.last_running(last)?),
    };
    fold(source, until)
}

/// A time of day on the day of that moment.
pub(super) fn on_the_day_of(last: Timestamp, time: civil::Time) -> Result<Timestamp, ReplayError> {
    let day = last.civil().date().to_datetime(time);
    let at = jiff::tz::TimeZone::UTC.to_timestamp(day).map_err(|_| ReplayError::NoSuchDay(time))?;
    Ok(Timestamp(at.as_microsecond()))
}

fn fold(source: &Source, until: Until) -> Result<Past, ReplayError> {
    let mut past = Past { state: State::default(), log: Log::default(), now: Timestamp(0) };
    for envelope in source.read(Seq(0))? {
        let envelope = envelope?;
        // Moments never go back along the ledger, so the first one beyond ends it.
        let beyond = match until {
            Until::Seq(seq) => envelope.seq > seq,
            Until::At(at) => envelope.at > at,
        };
        match until {
            Until::At(asked) if beyond && past.state.seq == Seq(0) => {
                return Err(ReplayError::Before { first: envelope.at, asked });
            }
            Until::At(_) | Until::Seq(_) if beyond => break,
            Until::At(_) | Until::Seq(_) => {}
        }
        past.state.apply(&envelope);
        past.log.push(&envelope);
    }
    past.now = match until {
        Until::Seq(_) => past.state.at,
        Until::At(at) => at,
    };
    Ok(past)
}

/// What a replay can print of secrets: their ciphertexts, unless there are none or they may not be read.
fn secrets(dir: &Path) -> Box<dyn Secrets> {
    match Ciphertexts::read(dir) {
        Ok(ciphertexts) => Box::new(ciphertexts),
        Err(_) => Box::new(NoSecrets),
    }
}

fn show(
    past: &Past,
    history: &dyn Envelopes,
    secrets: &dyn Secrets,
    lines: &[String],
    out: &mut impl Write,
) -> Result<u8, ReplayError> {
    let time = TimeFormat::of(&past.state.config);
    let view = View { state: &past.state, log: &past.log, now: past.now, time: &time, secrets, history };
    let mut shell = Shell::new(Privilege::Privileged);
    for line in lines {
        if !may_be_replayed(line) {
            eprintln!("capledger: `{line}` is no `show`: the past can be looked at, not changed; see `capledger exec`");
            return Ok(REFUSED);
        }
        let prompt = shell.prompt(&past.state);
        let answer = shell.line(line, &view);
        if answer.refused {
            writeln!(out, "{prompt}{line}").map_err(ReplayError::Output)?;
        }
        out.write_all(answer.text.as_bytes()).and_then(|()| out.flush()).map_err(ReplayError::Output)?;
        if answer.refused {
            return Ok(REFUSED);
        }
    }
    Ok(0)
}

/// Whether a line is a `show`, or one that the shell itself refuses in its own words.
fn may_be_replayed(line: &str) -> bool {
    let command = line.split_once('|').map_or(line, |(left, _)| left);
    match grammar::parse(Mode::Privileged, command) {
        Ok(Some(Action::Show(_)) | None) | Err(_) => true,
        Ok(Some(
            Action::Run(_)
            | Action::Confirm(..)
            | Action::Errand(_)
            | Action::ActivateAdded { .. }
            | Action::Configure { .. }
            | Action::ConfigureSecret { .. }
            | Action::Say(_)
            | Action::Nothing
            | Action::Refuse(_)
            | Action::Exit
            | Action::End
            | Action::Do(_)
            | Action::Enable
            | Action::Disable
            | Action::TerminalLength(_)
            | Action::TerminalWidth(_)
            | Action::TerminalMonitor(_)
            | Action::Debug { .. }
            | Action::UndebugAll
            | Action::Keys(_)
            | Action::Modify(_),
        )) => false,
    }
}

#[cfg(test)]
mod tests {
    use capledger_schema::setting::Setting;

    use super::*;
    use crate::ios::NoHistory;
    use crate::ledger::Ledger;
    use crate::story::{Story, moment};

    /// Three events on two days: the start, and two names.
    fn ledger() -> tempfile::TempDir {
        let mut story = Story::begin("2024-02-01T23:59:50Z");
        story.at("2024-02-02T00:00:10.500Z").configured(vec![Setting::Hostname("first".into())]);
        story.at("2024-02-02T17:05:37Z").configured(vec![Setting::Hostname("second".into())]);
        let dir = tempfile::tempdir().expect("a directory");
        Store::open(dir.path()).expect("opens").append(&story.envelopes).expect("appends");
        dir
    }

    fn name_at(dir: &Path, seq: Option<u64>, at: Option<&str>) -> Result<(String, String), ReplayError> {
        let source = Source::of(dir)?;
        let past = replay(&source, seq, at.map(|at| at.parse().expect("a moment")))?;
        let history = Before { source: &source, last: past.state.seq };
        let mut out = Vec::new();
        let lines = ["show running-config | include hostname".to_owned(), "show clock".to_owned()];
        assert_eq!(show(&past, &history, &NoSecrets, &lines, &mut out)?, 0);
        let text = String::from_utf8(out).expect("text");
        let (name, clock) = text.trim_end().split_once('\n').expect("two lines");
        Ok((name.to_owned(), clock.to_owned()))
    }

    #[test]
    fn a_moment_is_what_the_ledger_said_up_to_and_with_it() {
        let dir = ledger();
        let name = |seq, at| name_at(dir.path(), seq, at).expect("shown");
        assert_eq!(name(None, None).0, "hostname second");
        assert_eq!(name(Some(1), None), ("hostname capledger".into(), "*23:59:50.000 UTC Thu Feb 1 2024".into()));
        assert_eq!(name(Some(2), None), ("hostname first".into(), "*00:00:10.500 UTC Fri Feb 2 2024".into()));
        assert_eq!(name(None, Some("2024-02-02T00:00:10.5Z")).0, "hostname first");
        assert_eq!(name(None, Some("2024-02-02T01:00:10.499+01:00")).0, "hostname capledger");
        assert_eq!(name(None, Some("17:05:36")), ("hostname first".into(), "*17:05:36.000 UTC Fri Feb 2 2024".into()));
        assert_eq!(name(None, Some("17:05:37.000")).0, "hostname second");
        assert_eq!(name(None, Some("17:06")).0, "hostname second");
    }

    #[test]
    fn a_moment_that_the_ledger_does_not_know_is_refused_by_what_it_knows() {
        let dir = ledger();
        let words = |seq, at: Option<&str>| name_at(dir.path(), seq, at).expect_err("refused").to_string();
        assert_eq!(words(Some(4), None), "the ledger ends with event 3: there is no event 4");
        assert_eq!(words(Some(0), None), "events are counted from 1");
        assert_eq!(
            words(None, Some("2024-02-01T23:59:49Z")),
            "the ledger begins at 2024-02-01T23:59:50.000000Z: it knows nothing of 2024-02-01T23:59:49.000000Z"
        );
        let nothing = tempfile::tempdir().expect("a directory");
        let words = name_at(nothing.path(), None, None).expect_err("refused").to_string();
        assert!(words.contains("holds no ledger"), "{words}");
    }

    #[test]
    fn a_moment_is_rfc_3339_or_a_time_of_day() {
        assert_eq!("2024-02-01T17:05:37Z".parse(), Ok(Moment::Exact(moment("2024-02-01T17:05:37Z"))));
        assert_eq!("17:05:37.108".parse(), Ok(Moment::LastDay(civil::time(17, 5, 37, 108_000_000))));
        for wrong in ["2024-02-01T17:05:37", "2024-02-01", "yesterday", "25:00:00", "17", "1705"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_show_is_replayed() {
        let dir = ledger();
        let past = replay(&Source::of(dir.path()).expect("a ledger"), None, None).expect("folded");
        for line in ["configure terminal", "ap image predownload", "terminal length 0", "exit"] {
            let mut out = Vec::new();
            assert_eq!(
                show(&past, &NoHistory, &NoSecrets, &[line.to_owned(), "show clock".to_owned()], &mut out)
                    .expect("ran"),
                REFUSED
            );
            assert!(out.is_empty(), "{line}");
        }
        let mut out = Vec::new();
        assert_eq!(show(&past, &NoHistory, &NoSecrets, &["show nonsense".to_owned()], &mut out).expect("ran"), REFUSED);
        let text = String::from_utf8(out).expect("text");
        assert!(text.starts_with("second#show nonsense\n            ^\n% Invalid input"), "{text}");
    }
}
