//! `show operation`: the last operations, and `show operation ID`: one's story in time order.

use std::fmt::Write as _;

use capledger_schema::event::{DownloadMode, Verdict};
use capledger_schema::{Envelope, Event};
use capledger_tui::words as told;

use super::table::table;
use super::{ap_reason, words};
use crate::fetch::{FetchUrl, advice};
use crate::ios::View;
use crate::syslog::Told;

/// `show operation`: how many are listed.
const LISTED: usize = 50;

/// `show operation`
pub fn list(view: &View) -> String {
    let mut rows: Vec<[String; 4]> = view
        .log
        .operations()
        .all()
        .rev()
        .take(LISTED)
        .filter_map(|(number, story)| {
            let first = story.first().first()?;
            let state = state(number, story, view);
            Some([number.to_string(), view.time.format(first.at), title(&first.event), state.to_owned()])
        })
        .collect();
    rows.reverse();
    if rows.is_empty() {
        return "There has been no operation\n".to_owned();
    }
    table(["Operation", "Began", "What", "State"], &rows)
}

/// `show operation ID`
pub fn show(number: u64, view: &View) -> String {
    let Some(story) = view.log.operations().story(number) else {
        return format!("% Operation {number} is not known, or too old; see `show operation`\n");
    };
    let all = || story.first().iter().chain(story.last());
    let Some(first) = all().next() else { return String::new() };
    let state = state(number, story, view);
    let mut out = format!("Operation {number}: {}\nState : {state}\n\n", title(&first.event));
    for envelope in story.first() {
        line(&mut out, envelope, view);
    }
    if story.left_out > 0 {
        let _ = writeln!(out, "({} events are left out)", story.left_out);
    }
    for envelope in story.last() {
        line(&mut out, envelope, view);
    }
    if let Some(next) = all().rev().find_map(next_action) {
        let _ = writeln!(out, "\nNext  : {next}");
    }
    out
}

/// How it stands with an operation. A campaign outlives the controller; what else ran when it was cut off is lost.
fn state(number: u64, story: &Told, view: &View) -> &'static str {
    let ended = story.first().iter().chain(story.last()).rev().find_map(outcome);
    let lasts = story.first().first().is_some_and(|e| matches!(e.event, Event::CampaignStarted { .. }));
    match ended {
        Some(outcome) => outcome,
        None if view.log.operations().is_of_earlier_life(number) && !lasts => "cut off",
        None => "running",
    }
}

fn line(out: &mut String, envelope: &Envelope, view: &View) {
    let at = view.time.format(envelope.at);
    let what = match told::tell(envelope) {
        Some(line) if line.who.is_empty() => line.what,
        Some(line) => format!("{}: {}", line.who, line.what),
        None => match progress(&envelope.event) {
            Some(text) => text,
            None => return,
        },
    };
    let _ = writeln!(out, "{at}: {what}");
    if let Event::PreflightCompleted { findings, .. } = &envelope.event {
        for f in findings.iter().filter(|f| f.verdict != Verdict::Passed) {
            let action = if f.action.is_empty() { String::new() } else { format!("; {}", f.action) };
            let _ = writeln!(out, "    {}{action}", f.words);
        }
    }
}

/// What an operation is, by its first event.
fn title(event: &Event) -> String {
    if let Event::InstallAddStarted { url, .. } = event {
        format!("install add {url}")
    } else if let Event::ImageDownloadStarted { wtp, mode, family, to, .. } = event {
        let what = match mode {
            DownloadMode::Join => "download at join",
            DownloadMode::Predownload => "predownload",
        };
        format!("{what} of {family} {to} to {}", wtp.name)
    } else if let Event::ImageServeStarted { client, file, .. } = event {
        format!("{} reads {file} from the embedded server", client.ip())
    } else if let Event::PreflightStarted { version, families, .. } = event {
        let version = version.map(|v| format!(" for {v}")).unwrap_or_default();
        format!("preflight check{version}, {}", words::count(families.len(), "family", "families"))
    } else if let Event::CampaignStarted { version, wtps, .. } = event {
        format!("AP upgrade to {version}, {}", words::plural(u64::from(*wtps), "AP"))
    } else {
        "operation".to_owned()
    }
}

/// How an operation ended, if this event ends it.
fn outcome(envelope: &Envelope) -> Option<&'static str> {
    let event = &envelope.event;
    if let Event::InstallAddCompleted { .. }
    | Event::ImageDownloadCompleted { .. }
    | Event::ImageServeCompleted { .. }
    | Event::PreflightCompleted { .. }
    | Event::CampaignEnded { .. } = event
    {
        return Some("ended");
    }
    if let Event::InstallAddFailed { .. } | Event::ImageDownloadFailed { .. } | Event::ImageServeFailed { .. } = event {
        return Some("failed");
    }
    matches!(event, Event::ImageDownloadAborted { .. }).then_some("aborted")
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
        let view = View { state: &story.state, log: &story.log, now: story.at, time: &time, secrets: &NoSecrets };
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
