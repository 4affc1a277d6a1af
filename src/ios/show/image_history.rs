//! `show ap name N image history`: every download of an access point that the ledger tells of, newest last.
//!
//! A download that nothing ended was cut short: by the end of its session, or by that of the controller.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use capledger_schema::event::{DownloadMethod, DownloadMode, WtpAddress};
use capledger_schema::id::{OperationId, Seq, SessionId, WtpId};
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};
use capledger_tui::words as told;
use serde::Serialize;

use super::ledger::{Ap, broken};
use super::table::table;
use super::words;
use crate::ios::View;

/// Downloads that the view holds at most: the last ones.
const KEPT: usize = 10_000;

/// The downloads of one access point.
#[derive(Debug, Serialize)]
pub struct History {
    /// As it was called last.
    name: String,
    /// Who it is.
    wtp: Option<WtpId>,
    /// What it runs, and what else it holds, as it reported last.
    running: Option<ImageVersion>,
    backup: Option<ImageVersion>,
    /// Earlier ones that are not listed.
    left_out: u64,
    /// Oldest first.
    downloads: VecDeque<Download>,
    /// What ended the reading before the end of the ledger.
    error: Option<String>,
    /// Whether whoever wrote what is being read tells how many blocks are sent again while a download runs: whoever does
    /// so describes sessions too.
    #[serde(skip)]
    tells_repeats: bool,
}

/// One download.
#[derive(Clone, Debug, Serialize)]
struct Download {
    operation: OperationId,
    #[serde(skip)]
    session: SessionId,
    wtp: WtpId,
    mode: DownloadMode,
    method: DownloadMethod,
    family: ImageFamily,
    from: Option<ImageVersion>,
    to: ImageVersion,
    started: Timestamp,
    ended: Option<Timestamp>,
    result: Outcome,
    /// Why it is not complete, or what became of the image afterwards; empty if nothing.
    reason: String,
    /// From the first block on; of one that is not complete, from its request on: until now, while it runs.
    duration_us: Option<u64>,
    /// Acknowledged, as far as it was told.
    octets: u64,
    size: Option<u64>,
    messages: Option<u64>,
    /// Of one that runs, as of its last progress.
    retransmissions: Option<u64>,
}

/// How a download ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// It has not.
    Running,
    Complete,
    /// It is complete, and its AP came back with another version.
    NotTaken,
    Failed,
    Aborted,
    /// The AP left, and that is all that is known.
    Left,
    /// The controller ended with it.
    CutOff,
}

impl Outcome {
    /// In one word.
    fn word(self) -> &'static str {
        match self {
            Outcome::Running => "Running",
            Outcome::Complete => "Complete",
            Outcome::NotTaken => "NotTaken",
            Outcome::Failed => "Failed",
            Outcome::Aborted => "Aborted",
            Outcome::Left => "Left",
            Outcome::CutOff => "CutOff",
        }
    }
}

/// The downloads of the access point of that name or address.
///
/// # Errors
/// Words for the operator, where there is no such access point.
pub fn facts(name: &str, view: &View) -> Result<History, String> {
    let ap = Ap::named(name, view.state);
    let known = view.state.fleet.wtps.values().find(|w| ap.is(&w.address));
    let mut history = History {
        name: known.map_or(name, |w| &w.address.name).to_owned(),
        wtp: known.map(|w| w.address.id.clone()),
        running: known.and_then(|w| w.inventory.version),
        backup: known.and_then(capledger_schema::project::fleet::Wtp::backup),
        left_out: 0,
        downloads: VecDeque::new(),
        error: None,
        tells_repeats: false,
    };
    let (mut open, mut read) = (BTreeMap::new(), Seq(0));
    for envelope in view.history.after(Seq(0)) {
        match envelope {
            Ok(envelope) => {
                read = envelope.seq;
                history.take(&ap, &envelope, &mut open);
            }
            Err(e) => {
                history.error = Some(broken(&e, read));
                break;
            }
        }
    }
    for download in history.downloads.iter_mut().filter(|d| d.result == Outcome::Running) {
        download.duration_us = Some(micros(view.now.since(download.started)));
    }
    if history.wtp.is_none() && history.downloads.is_empty() && history.error.is_none() {
        return Err(format!("No such AP: {name}; see `show ap summary`"));
    }
    Ok(history)
}

/// Downloads that are under way, by their operation: which one of all that there were.
type Open = BTreeMap<OperationId, u64>;

impl History {
    fn take(&mut self, ap: &Ap, envelope: &Envelope, open: &mut Open) {
        let at = envelope.at;
        if let Event::ImageDownloadStarted { operation, session, wtp, mode, method, family, from, to, octets } =
            &envelope.event
        {
            if ap.is(wtp) {
                let wtp = wtp.id.clone();
                let (family, session, operation) = (family.clone(), *session, *operation);
                open.insert(operation, self.left_out + self.downloads.len() as u64);
                self.downloads.push_back(Download {
                    operation,
                    session,
                    wtp,
                    mode: *mode,
                    method: *method,
                    family,
                    from: *from,
                    to: *to,
                    started: at,
                    ended: None,
                    result: Outcome::Running,
                    reason: String::new(),
                    duration_us: None,
                    octets: 0,
                    size: *octets,
                    messages: None,
                    retransmissions: self.tells_repeats.then_some(0),
                });
                if self.downloads.len() > KEPT {
                    self.downloads.pop_front();
                    self.left_out += 1;
                }
            }
        } else if let Event::ImageDownloadProgressed { operation, octets, total } = &envelope.event {
            if let Some(download) = self.open(*operation, open) {
                (download.octets, download.size) = (*octets, Some(*total));
            }
        } else if let Event::ImageDownloadRetransmitted { operation, retransmissions } = &envelope.event {
            if let Some(download) = self.open(*operation, open) {
                download.retransmissions = Some(*retransmissions);
            }
        } else if let Event::WtpSessionDescribed(_) = &envelope.event {
            self.tells_repeats = true;
        } else if let Event::ImageDownloadCompleted {
            operation, image, messages, duration_us, retransmissions, ..
        } = &envelope.event
        {
            if let Some(download) = self.open(*operation, open) {
                download.end(at, Outcome::Complete, String::new());
                (download.octets, download.size) = (image.octets, Some(image.octets));
                // From the first block on, which is not the request's moment.
                download.duration_us = Some(*duration_us);
                (download.messages, download.retransmissions) = (Some(*messages), Some(*retransmissions));
            }
            open.remove(operation);
        } else if let Event::ImageDownloadFailed { operation, kind, words, octets, tries, .. } = &envelope.event {
            if let Some(download) = self.open(*operation, open) {
                let words = if words.is_empty() { String::new() } else { format!(": {words}") };
                download.end(at, Outcome::Failed, format!("{kind}{words} (try {tries})"));
                download.octets = *octets;
            }
            open.remove(operation);
        } else if let Event::ImageDownloadAborted { operation, reason, octets, .. } = &envelope.event {
            if let Some(download) = self.open(*operation, open) {
                download.end(at, Outcome::Aborted, reason.clone());
                download.octets = *octets;
            }
            open.remove(operation);
        } else if let Event::ImageNotTaken { wtp, expected, reports, .. } = &envelope.event {
            self.not_taken(wtp, *expected, *reports);
        } else if let Event::WtpDisjoined { session, reason, .. } = &envelope.event {
            let words = told::disjoin(*reason);
            self.close(open, at, |d| d.session == *session, Outcome::Left, &format!("the AP left: {words}"));
        } else if let Event::ControllerStarted { .. } | Event::ControllerStopped { .. } = &envelope.event {
            let words = if let Event::ControllerStopped { .. } = &envelope.event {
                "the controller stopped"
            } else {
                "the controller was cut off, and started anew then"
            };
            self.close(open, at, |_| true, Outcome::CutOff, words);
            self.tells_repeats = false;
        }
    }

    fn open(&mut self, operation: OperationId, open: &Open) -> Option<&mut Download> {
        let place = open.get(&operation)?.checked_sub(self.left_out)?;
        self.downloads.get_mut(usize::try_from(place).ok()?)
    }

    fn close(&mut self, open: &mut Open, at: Timestamp, which: impl Fn(&Download) -> bool, how: Outcome, why: &str) {
        let operations: Vec<OperationId> = open.keys().copied().collect();
        for operation in operations {
            match self.open(operation, open) {
                Some(download) if which(download) => download.end(at, how, why.to_owned()),
                Some(_) => continue,
                None => {}
            }
            open.remove(&operation);
        }
    }

    /// The image was stored, and the AP runs another.
    fn not_taken(&mut self, wtp: &WtpAddress, expected: ImageVersion, reports: Option<ImageVersion>) {
        let of = |d: &&mut Download| d.wtp == wtp.id && d.to == expected && d.result == Outcome::Complete;
        if let Some(download) = self.downloads.iter_mut().rev().find(of) {
            let runs = reports.map_or_else(|| "an unknown version".to_owned(), |v| v.to_string());
            download.result = Outcome::NotTaken;
            download.reason = format!("the AP came back with {runs}");
        }
    }
}

impl Download {
    fn end(&mut self, at: Timestamp, result: Outcome, reason: String) {
        self.ended = Some(at);
        self.result = result;
        self.reason = reason;
        self.duration_us = u64::try_from(at.since(self.started).as_micros()).ok();
    }
}

/// The whole view.
pub fn show(name: &str, view: &View) -> String {
    match facts(name, view) {
        Ok(history) => text(&history, view),
        Err(words) => format!("% {words}\n"),
    }
}

fn text(history: &History, view: &View) -> String {
    let mut out = String::new();
    let version = |v: Option<ImageVersion>| v.map_or_else(|| "N/A".to_owned(), |v| v.to_string());
    let _ = writeln!(out, "AP Name   : {}", told::clean(&history.name));
    if let Some(id) = &history.wtp {
        let _ = writeln!(out, "AP        : {}", told::clean(&id.to_string()));
    }
    let _ = writeln!(out, "Running   : {}", version(history.running));
    let _ = writeln!(out, "Backup    : {}", version(history.backup));
    let complete = history.downloads.iter().filter(|d| d.result == Outcome::Complete).count();
    let _ = writeln!(out, "Downloads : {}, {complete} of them complete", history.downloads.len());
    if history.left_out > 0 {
        let _ = writeln!(out, "({} earlier downloads are left out)", told::count(history.left_out));
    }
    if !history.downloads.is_empty() {
        let headers = [
            "Operation",
            "Start",
            "End",
            "How",
            "From",
            "To",
            "Result",
            "Duration",
            "Octets",
            "Messages",
            "Again",
            "Reason",
        ];
        let number = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let rows: Vec<[String; 12]> = history
            .downloads
            .iter()
            .map(|d| {
                let mode = match d.mode {
                    DownloadMode::Join => "Join",
                    DownloadMode::Predownload => "Predownload",
                };
                [
                    d.operation.to_string(),
                    view.time.format(d.started),
                    d.ended.map_or_else(|| "-".to_owned(), |at| view.time.format(at)),
                    mode.to_owned(),
                    version(d.from),
                    d.to.to_string(),
                    d.result.word().to_owned(),
                    words::clock(Duration::from_micros(d.duration_us.unwrap_or_default())),
                    d.octets.to_string(),
                    number(d.messages),
                    number(d.retransmissions),
                    told::clean(&d.reason),
                ]
            })
            .collect();
        out.push('\n');
        out.push_str(&table(headers, &rows));
    }
    if let Some(error) = &history.error {
        let _ = writeln!(out, "% {error}");
    }
    out
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use capledger_schema::event::DisjoinReason;
    use capledger_schema::failure::DownloadFailureKind;
    use capledger_schema::feed::Privilege;
    use capledger_schema::id::ControllerId;
    use capledger_schema::{Cause, Subject};

    use super::*;
    use crate::ios::action::Show;
    use crate::secrets::NoSecrets;
    use crate::story::{Story, ap, assert_golden, description, image, version};
    use crate::syslog::TimeFormat;

    fn shown(story: &Story, name: &str) -> String {
        let time = TimeFormat::default();
        let (state, log, history) = (&story.state, &story.log, &story.envelopes);
        let view = View { state, log, now: story.at, time: &time, secrets: &NoSecrets, history };
        crate::ios::show::show(&Show::ApImageHistory(name.to_owned()), &view, Privilege::Privileged)
    }

    /// A download for every way in which one ends, and one that runs.
    fn story() -> Story {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        story.number_from_the_ledger();
        let wtp = ap("AP-1", "2c5a.0f40.6920", "172.16.4.33:5248");
        let other = ap("AP-2", "2c5a.0f40.7000", "172.16.4.34:5248");
        let facts = image("ap1g8", "17.9.4.27");
        let join =
            |story: &mut Story| story.after_ms(2_000).joined(&wtp, "C9105AXI", "17.3.3.26", Some("8.10.130.0"), None);
        let begin =
            |story: &mut Story, session, mode| story.after_ms(500).download_started(session, &wtp, mode, &facts);

        let session = join(&mut story);
        let elsewhere = story.joined(&other, "C9105AXI", "17.3.3.26", None, None);
        let foreign = story.download_started(elsewhere, &other, DownloadMode::Join, &facts);
        story.download_completed(foreign, &other, &facts);
        let first = begin(&mut story, session, DownloadMode::Predownload);
        story.after_ms(5_000).download_failed(first, &wtp, DownloadFailureKind::FlashFull, "no space", 1, None);
        let second = begin(&mut story, session, DownloadMode::Predownload);
        story.after_ms(3_000).download_progressed(second, 7_051_264, facts.octets);
        let reason = "aborted by operator".to_owned();
        let event = Event::ImageDownloadAborted { operation: second, wtp: wtp.clone(), reason, octets: 8_000_000 };
        let cause = Cause::Operator { user: "admin".into(), from: "172.16.5.9".into() };
        story.after_ms(1_000).tell(cause, Subject::Wtp(wtp.id.clone()), event);
        let third = begin(&mut story, session, DownloadMode::Predownload);
        story.after_ms(3_000).download_progressed(third, 7_051_264, facts.octets);
        story.after_ms(30_000).disjoined(session, &wtp, DisjoinReason::EchoTimeout);
        let session = join(&mut story);
        let fourth = begin(&mut story, session, DownloadMode::Join);
        story.after_ms(3_000).download_progressed(fourth, 14_102_528, facts.octets);
        let started = Event::ControllerStarted { controller: ControllerId(1), software: "0.1.0".into() };
        story.after_ms(60_000).tell(Cause::Start, Subject::Controller, started);
        let session = join(&mut story);
        let fifth = begin(&mut story, session, DownloadMode::Join);
        story.after_ms(96_200).download_completed(fifth, &wtp, &facts);
        let session = join(&mut story);
        let reports = Some(version("17.3.3.26"));
        let event =
            Event::ImageNotTaken { wtp: wtp.clone(), expected: facts.version, reports, tries: 1, next_retry: None };
        story.tell(Cause::Wtp(session), Subject::Wtp(wtp.id.clone()), event);
        let sixth = begin(&mut story, session, DownloadMode::Join);
        story.after_ms(96_200).download_completed(sixth, &wtp, &facts);
        let session = join(&mut story);
        story.described(&wtp, description(session, 0xc02b));
        let seventh = begin(&mut story, session, DownloadMode::Predownload);
        let again = |story: &mut Story, operation, retransmissions| {
            let event = Event::ImageDownloadRetransmitted { operation, retransmissions };
            story.tell(Cause::Operation(operation), Subject::Wtp(wtp.id.clone()), event);
        };
        again(story.after_ms(1_000), seventh, 4);
        story.download_failed(seventh, &wtp, DownloadFailureKind::TimedOut, "the AP stopped answering", 1, None);
        begin(&mut story, session, DownloadMode::Predownload);
        story.after_ms(4_000);
        story
    }

    #[test]
    fn every_end_of_a_download_reads_as_its_golden_file() {
        assert_golden("show_ap_image_history.txt", &shown(&story(), "ap-1"));
    }

    #[test]
    fn each_download_is_a_row_whether_it_is_asked_for_by_name_or_by_address() {
        let story = story();
        let rows = |name| shown(&story, name).lines().filter(|l| l.contains("17.9.4.27  ")).count();
        assert_eq!((rows("AP-1"), rows("2c5a.0f40.6920"), rows("2c:5a:0f:40:69:24")), (8, 8, 8));
        assert_eq!(rows("AP-2"), 1);
    }

    #[test]
    fn an_ap_that_is_not_known_is_said_to_be() {
        assert_eq!(shown(&story(), "AP-9"), "% No such AP: AP-9; see `show ap summary`\n");
    }
}
