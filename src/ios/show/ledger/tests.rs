use capledger_schema::event::{DisjoinReason, DownloadMode};
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::feed::Privilege;
use capledger_schema::{Event, Subject};

use super::*;
use crate::ios::Envelopes;
use crate::ios::action::Show;
use crate::secrets::NoSecrets;
use crate::story::{Story, ap, assert_golden, image};
use crate::syslog::TimeFormat;

fn shown(story: &Story, history: &dyn Envelopes, what: LedgerView) -> String {
    let time = TimeFormat::default();
    let view = View { state: &story.state, log: &story.log, now: story.at, time: &time, secrets: &NoSecrets, history };
    crate::ios::show::show(&Show::Ledger(what), &view, Privilege::Privileged)
}

/// Two APs, a fetch that failed, and a download of one of them.
fn story() -> Story {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    story.number_from_the_ledger();
    let (one, two) =
        (ap("AP-1", "2c5a.0f40.6920", "172.16.4.33:5248"), ap("AP-2", "2c5a.0f40.7000", "172.16.4.34:5248"));
    story.configured(vec![capledger_schema::setting::Setting::Hostname("9120-EWC".into())]);
    let cause = Cause::Operator { user: "admin".into(), from: "172.16.5.9".into() };
    let typed = Event::OperatorCommandEntered { mode: "#".into(), line: "ap image predownload".into() };
    story.tell(cause, Subject::Controller, typed);
    let session = story.after_ms(1_000).joined(&one, "C9105AXI", "17.3.3.26", None, None);
    story.in_run(session, &one);
    let other = story.joined(&two, "C9105AXI", "17.3.3.26", None, None);
    story.disjoined(other, &two, DisjoinReason::EchoTimeout);
    let url = "tftp://172.16.5.27/EWC/17_9_4a/ap1g8";
    let fetch = story.after_ms(1_000).add_started(url, "ap1g8");
    story.add_failed(fetch, url, "ap1g8", FetchFailureKind::NotFound, "File not found", None);
    let facts = image("ap1g8", "17.9.4.27");
    let download = story.after_ms(1_000).download_started(session, &one, DownloadMode::Predownload, &facts);
    story.after_ms(10_000).download_progressed(download, 35_256_320, facts.octets);
    story.after_ms(10_000).download_completed(download, &one, &facts);
    story
}

#[test]
fn the_views_of_the_ledger_read_as_their_golden_file() {
    let story = story();
    let download = story.envelopes.iter().find(|e| matches!(e.event, Event::ImageDownloadStarted { .. }));
    let download = download.expect("a download").seq.0;
    let mut text = String::new();
    for what in [
        LedgerView::Summary,
        LedgerView::Last(3),
        LedgerView::Ap("ap-1".into()),
        LedgerView::Ap("2C:5A:0F:40:70:04".into()),
        LedgerView::Operation(download),
    ] {
        let _ = writeln!(text, "-- {what:?}");
        text.push_str(&shown(&story, &story.envelopes, what));
    }
    assert_golden("show_ledger.txt", &text);
}

#[test]
fn every_event_of_the_ledger_is_a_line_of_its_own() {
    let story = story();
    let text = shown(&story, &story.envelopes, LedgerView::Last(10_000));
    let numbers: Vec<u64> = text.lines().skip(2).filter_map(|l| l.split(' ').next()?.parse().ok()).collect();
    assert_eq!(numbers, story.envelopes.iter().map(|e| e.seq.0).collect::<Vec<_>>());
}

#[test]
fn a_view_ends_at_its_moment() {
    let story = story();
    let before: Vec<_> = story.envelopes[..4].to_vec();
    let text = shown(&story, &before, LedgerView::Last(2));
    assert!(text.contains("\n3 ") && text.contains("\n4 ") && !text.contains("\n5 "), "{text}");
}

#[test]
fn of_a_long_story_the_last_ten_thousand_are_printed_and_the_others_counted() {
    let mut story = story();
    let wtp = ap("AP-1", "2c5a.0f40.6920", "172.16.4.33:5248");
    let mut one = story.envelopes[..].last().cloned().expect("an event");
    one.event = Event::WtpEnteredRun { session: capledger_schema::id::SessionId(4), wtp };
    while story.envelopes.len() < KEPT + 20 {
        one.seq = one.seq.next();
        story.envelopes.push(one.clone());
    }
    let text = shown(&story, &story.envelopes, LedgerView::Ap("AP-1".into()));
    // Of the 12 events of the story, 7 are not about it.
    assert!(text.starts_with("(13 earlier events are left out; "), "{}", &text[..200]);
    assert_eq!(text.lines().count(), 3 + KEPT);
}

#[test]
fn what_is_about_nothing_is_said_to_be() {
    let story = story();
    let ap = shown(&story, &story.envelopes, LedgerView::Ap("AP-9".into()));
    assert_eq!(ap, "% Nothing in the ledger is about an AP AP-9; see `show ap summary`\n");
    let operation = shown(&story, &story.envelopes, LedgerView::Operation(3));
    assert_eq!(operation, "% Event 3 begins no operation; see `show operation`\n");
    let none = shown(&story, &crate::ios::NoHistory, LedgerView::Last(5));
    assert_eq!(none, "% The ledger holds no event yet\n");
}

/// A ledger that cannot be read to its end.
#[derive(Debug)]
struct Broken(io::ErrorKind, Vec<Envelope>);

impl Envelopes for Broken {
    fn last(&self) -> Seq {
        Envelopes::last(&self.1)
    }

    fn after(&self, after: Seq) -> Reading<'_> {
        Box::new(self.1.after(after).take(2).chain([Err(io::Error::from(self.0))]))
    }
}

#[test]
fn what_could_be_read_is_shown_with_what_ended_the_reading() {
    let story = story();
    for (kind, words) in [
        (io::ErrorKind::Interrupted, "% Interrupted: what follows event 2 was not read\n"),
        (io::ErrorKind::InvalidData, "% The ledger cannot be read after event 2: invalid data; stop "),
    ] {
        let broken = Broken(kind, story.envelopes.clone());
        for what in [LedgerView::Last(99), LedgerView::Summary] {
            let text = shown(&story, &broken, what);
            assert!(text.contains(words), "{text}");
        }
    }
}
