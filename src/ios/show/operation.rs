//! `show operation`: the last operations, and `show operation ID`: one's story in time order.

use std::fmt::Write as _;

use capledger_schema::event::{DownloadMode, Verdict};
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};
use capledger_tui::words as told;
use serde::Serialize;

use super::table::table;
use super::{ap_reason, words};
use crate::fetch::{FetchUrl, advice};
use crate::ios::View;
use crate::syslog::Told;

/// `show operation`: how many are listed.
const LISTED: usize = 50;

/// What `show operation` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The last ones, oldest first.
    pub operations: Vec<Row>,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The sequence number of its first event.
    pub operation: u64,
    /// What sort of operation it is.
    pub kind: Kind,
    /// What it is, in words.
    pub what: String,
    /// When it began.
    pub began_at: Timestamp,
    /// How it stands with it.
    pub state: OperationState,
}

/// A sort of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An image is fetched.
    InstallAdd,
    /// An image goes to an AP.
    ImageDownload,
    /// The embedded server sends a file.
    ImageServe,
    /// Everything is checked before an upgrade.
    Preflight,
    /// A fleet is upgraded.
    ApUpgrade,
    /// Its beginning is not known.
    Unknown,
}

/// How it stands with an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// It is under way.
    Running,
    /// It did what it was to do, or was ended in order.
    Ended,
    /// It did not.
    Failed,
    /// It was called off.
    Aborted,
    /// The controller was restarted meanwhile.
    CutOff,
}

impl OperationState {
    fn word(self) -> &'static str {
        match self {
            OperationState::Running => "running",
            OperationState::Ended => "ended",
            OperationState::Failed => "failed",
            OperationState::Aborted => "aborted",
            OperationState::CutOff => "cut off",
        }
    }
}

/// What `show operation ID` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoryFacts {
    /// Which it is.
    #[serde(flatten)]
    pub operation: Row,
    /// What happened, in time order.
    pub lines: Vec<Line>,
    /// Events between the first and the last ones that are not kept; the ledger has them.
    pub events_left_out: u64,
    /// What to do about how it ended.
    pub next: Option<String>,
    /// So many of the lines stand before the events that are left out.
    #[serde(skip)]
    first: usize,
}

/// One thing that happened in an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When.
    pub time: Timestamp,
    /// To whom or what, if it says so.
    pub who: Option<String>,
    /// What.
    pub what: String,
    /// What a check found that is not as it must be.
    pub findings: Vec<Found>,
}

/// A finding of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub words: String,
    /// What to do about it.
    pub action: Option<String>,
}

/// What `show operation` tells.
pub fn facts(view: &View) -> Facts {
    let all = view.log.operations().all();
    let mut operations: Vec<Row> =
        all.rev().take(LISTED).filter_map(|(number, story)| row(number, story, view)).collect();
    operations.reverse();
    Facts { operations }
}

/// `show operation`
pub fn list(view: &View) -> String {
    let rows: Vec<[String; 4]> = facts(view)
        .operations
        .into_iter()
        .map(|r| [r.operation.to_string(), view.time.format(r.began_at), r.what, r.state.word().to_owned()])
        .collect();
    if rows.is_empty() {
        return "There has been no operation\n".to_owned();
    }
    table(["Operation", "Began", "What", "State"], &rows)
}

/// What `show operation ID` tells, or why it tells nothing.
pub fn story(number: u64, view: &View) -> Result<StoryFacts, String> {
    let unknown = || format!("Operation {number} is not known, or too old; see `show operation`");
    let told = view.log.operations().story(number).ok_or_else(unknown)?;
    let operation = row(number, told, view).ok_or_else(unknown)?;
    let mut lines: Vec<Line> = told.first().iter().filter_map(line).collect();
    let first = lines.len();
    lines.extend(told.last().filter_map(line));
    let next = told.first().iter().chain(told.last()).rev().find_map(next_action);
    Ok(StoryFacts { operation, lines, events_left_out: told.left_out, next, first })
}

/// `show operation ID`
pub fn show(number: u64, view: &View) -> String {
    let story = match story(number, view) {
        Ok(story) => story,
        Err(words) => return format!("% {words}\n"),
    };
    let (what, state) = (&story.operation.what, story.operation.state.word());
    let mut out = format!("Operation {number}: {what}\nState : {state}\n\n");
    let (first, last) = story.lines.split_at(story.first);
    for line in first {
        print(&mut out, line, view);
    }
    if story.events_left_out > 0 {
        let _ = writeln!(out, "({} events are left out)", story.events_left_out);
    }
    for line in last {
        print(&mut out, line, view);
    }
    if let Some(next) = story.next {
        let _ = writeln!(out, "\nNext  : {next}");
    }
    out
}

fn row(number: u64, story: &Told, view: &View) -> Option<Row> {
    let first = story.first().first()?;
    let (kind, what) = title(&first.event);
    Some(Row { operation: number, kind, what, began_at: first.at, state: state(number, story, view) })
}

/// How it stands with an operation. A campaign outlives the controller; what else ran when it was cut off is lost.
fn state(number: u64, story: &Told, view: &View) -> OperationState {
    let ended = story.first().iter().chain(story.last()).rev().find_map(outcome);
    let lasts = story.first().first().is_some_and(|e| matches!(e.event, Event::CampaignStarted { .. }));
    match ended {
        Some(outcome) => outcome,
        None if view.log.operations().is_of_earlier_life(number) && !lasts => OperationState::CutOff,
        None => OperationState::Running,
    }
}

fn line(envelope: &Envelope) -> Option<Line> {
    let (who, what) = match told::tell(envelope) {
        Some(line) => (Some(line.who).filter(|w| !w.is_empty()), line.what),
        None => (None, progress(&envelope.event)?),
    };
    let mut findings = Vec::new();
    if let Event::PreflightCompleted { findings: found, .. } = &envelope.event {
        findings.extend(found.iter().filter(|f| f.verdict != Verdict::Passed).map(|f| Found {
            verdict: f.verdict,
            words: f.words.clone(),
            action: Some(f.action.clone()).filter(|a| !a.is_empty()),
        }));
    }
    Some(Line { time: envelope.at, who, what, findings })
}

fn print(out: &mut String, line: &Line, view: &View) {
    let who = line.who.as_ref().map(|w| format!("{w}: ")).unwrap_or_default();
    let _ = writeln!(out, "{}: {who}{}", view.time.format(line.time), line.what);
    for f in &line.findings {
        let action = f.action.as_ref().map(|a| format!("; {a}")).unwrap_or_default();
        let _ = writeln!(out, "    {}{action}", f.words);
    }
}

/// What an operation is, by its first event.
fn title(event: &Event) -> (Kind, String) {
    if let Event::InstallAddStarted { url, .. } = event {
        (Kind::InstallAdd, format!("install add {url}"))
    } else if let Event::ImageDownloadStarted { wtp, mode, family, to, .. } = event {
        let what = match mode {
            DownloadMode::Join => "download at join",
            DownloadMode::Predownload => "predownload",
        };
        (Kind::ImageDownload, format!("{what} of {family} {to} to {}", wtp.name))
    } else if let Event::ImageServeStarted { client, file, .. } = event {
        (Kind::ImageServe, format!("{} reads {file} from the embedded server", client.ip()))
    } else if let Event::PreflightStarted { version, families, .. } = event {
        let version = version.map(|v| format!(" for {v}")).unwrap_or_default();
        let families = words::count(families.len(), "family", "families");
        (Kind::Preflight, format!("preflight check{version}, {families}"))
    } else if let Event::CampaignStarted { version, wtps, .. } = event {
        (Kind::ApUpgrade, format!("AP upgrade to {version}, {}", words::plural(u64::from(*wtps), "AP")))
    } else {
        (Kind::Unknown, "operation".to_owned())
    }
}

/// How an operation ended, if this event ends it.
fn outcome(envelope: &Envelope) -> Option<OperationState> {
    let event = &envelope.event;
    if let Event::InstallAddCompleted { .. }
    | Event::ImageDownloadCompleted { .. }
    | Event::ImageServeCompleted { .. }
    | Event::PreflightCompleted { .. }
    | Event::CampaignEnded { .. } = event
    {
        return Some(OperationState::Ended);
    }
    if let Event::InstallAddFailed { .. } | Event::ImageDownloadFailed { .. } | Event::ImageServeFailed { .. } = event {
        return Some(OperationState::Failed);
    }
    matches!(event, Event::ImageDownloadAborted { .. }).then_some(OperationState::Aborted)
}

/// What to do about how it ended.
fn next_action(envelope: &Envelope) -> Option<String> {
    if let Event::InstallAddFailed { url, failure, .. } = &envelope.event {
        let url = url.parse::<FetchUrl>().ok();
        Some(url.map_or_else(advice::no_source, |url| advice::next_action(failure.kind, &url)))
    } else if let Event::ImageDownloadFailed { kind, .. } = &envelope.event {
        Some(ap_reason::download_advice(*kind).to_owned())
    } else {
        None
    }
}

/// Octets that moved.
fn progress(event: &Event) -> Option<String> {
    if let Event::InstallAddProgressed { octets, total, .. } = event {
        Some(words::progress(*octets, *total))
    } else if let Event::ImageDownloadProgressed { octets, total, .. } = event {
        Some(words::progress(*octets, Some(*total)))
    } else if let Event::ImageServeProgressed { octets, .. } = event {
        Some(words::progress(*octets, None))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use capledger_schema::failure::FetchFailureKind;
    use capledger_schema::{Cause, Subject};

    use super::*;
    use crate::ios::action::Show;
    use crate::secrets::NoSecrets;
    use crate::story::{Story, ap, assert_golden, image, moment};
    use crate::syslog::TimeFormat;

    fn shown(story: &Story, what: &Show) -> String {
        let time = TimeFormat::default();
        let view = View {
            state: &story.state,
            log: &story.log,
            now: story.at,
            time: &time,
            secrets: &NoSecrets,
            history: &story.envelopes,
        };
        crate::ios::show::show(what, &view, capledger_schema::feed::Privilege::Privileged)
    }

    /// A fetch that failed, one that came, and a download.
    fn story() -> Story {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        let wtp = ap("AP-1", "2c5a.0f40.6920", "172.16.4.33:5248");
        let url = "tftp://172.16.5.27/EWC/17_9_4a/ap1g8";
        let session = story.joined(&wtp, "C9105AXI", "17.3.3.26", None, None);
        story.in_run(session, &wtp);
        story.number_from_the_ledger();
        let fetch = story.after_ms(1_000).add_started(url, "ap1g8");
        let retry = Some(moment("2024-02-01T17:00:31Z"));
        story.after_ms(900).add_failed(fetch, url, "ap1g8", FetchFailureKind::NotFound, "File not found", retry);
        let fetch = story.after_ms(30_000).add_started(url, "ap1g8");
        let event = Event::InstallAddProgressed { operation: fetch, octets: 35_256_320, total: Some(70_512_640) };
        story.after_ms(4_000).tell(Cause::Operation(fetch), Subject::Operation(fetch), event);
        let facts = image("ap1g8", "17.9.4.27");
        story.after_ms(4_000).add_completed(fetch, url, facts.clone());
        let download = story.after_ms(1_000).download_started(session, &wtp, DownloadMode::Predownload, &facts);
        story.after_ms(10_000).download_progressed(download, 7_051_264, facts.octets);
        story
    }

    #[test]
    fn the_operations_and_their_stories_read_as_their_golden_file() {
        let story = story();
        let mut text = shown(&story, &Show::Operations);
        for (number, _) in story.log.operations().all() {
            text.extend(["-- ", &number.to_string(), "\n"]);
            text.push_str(&shown(&story, &Show::Operation(number)));
        }
        assert_golden("show_operation.txt", &text);
    }

    #[test]
    fn an_operation_that_is_not_known_is_said_to_be() {
        let story = story();
        assert!(shown(&story, &Show::Operation(99_999)).starts_with("% Operation 99999 is not known"));
        assert_eq!(shown(&Story::begin("2024-02-01T17:00:00Z"), &Show::Operations), "There has been no operation\n");
    }
}
