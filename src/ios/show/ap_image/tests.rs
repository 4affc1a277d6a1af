mod readers;

use capledger_schema::event::{DisjoinReason, WtpAddress};
use capledger_schema::failure::DownloadFailureKind;
use capledger_schema::setting::Setting;
use capledger_schema::{Cause, Event, Subject};

use super::*;
use crate::ios::View;
use crate::secrets::NoSecrets;
use crate::story::{Story, ap, assert_golden, image, moment, version};
use crate::syslog::TimeFormat;

fn shown(story: &Story) -> String {
    show(&View {
        state: &story.state,
        log: &story.log,
        now: story.at,
        time: &TimeFormat::default(),
        secrets: &NoSecrets,
        history: &story.envelopes,
    })
}

fn run(story: &mut Story, v: &str) {
    story.configured(vec![Setting::SoftwareVersion(Some(version(v)))]);
}

/// The facts of the reference: three APs on 17.9.4.27 that hold 17.12.1.5.
#[test]
fn the_reference_comes_out_of_the_same_facts_to_the_byte() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    run(&mut story, "17.9.4.27");
    let facts = image("ap1g8", "17.12.1.5");
    let aps = [
        ap("AP-POD-2-2", "2c5a.0f40.6920", "172.16.4.33:5248"),
        ap("AP6C41.0E16.E79C", "6c41.0e17.1ac0", "172.16.4.34:5248"),
        ap("9105-emorenoa", "b811.4b36.a9e0", "172.16.4.35:5248"),
    ];
    let mut sessions = Vec::new();
    for wtp in &aps {
        let session = story.after_ms(900).joined(wtp, "C9105AXI", "17.9.4.27", Some("17.3.3.26"), None);
        story.after_ms(900).in_run(session, wtp);
        sessions.push(session);
    }
    run(&mut story, "17.12.1.5");
    for wtp in &aps {
        story.predownload_requested(wtp, &facts);
    }
    for (wtp, session) in aps.iter().zip(sessions) {
        let download = story.after_ms(900).download_started(session, wtp, DownloadMode::Predownload, &facts);
        story.after_ms(90_000).download_completed(download, wtp, &facts);
    }
    assert_eq!(shown(&story), include_str!("../../../../tests/golden/show_ap_image.txt"));
}

/// Ten APs, one in every state that there is; names of 1 and of 32 characters among them.
fn every_state(running: &str) -> Story {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    run(&mut story, running);
    let facts = image("ap1g8", running);
    let names = [
        "A",
        "queued",
        "moving",
        "moving-at-join",
        "done",
        "done-at-join",
        "retry",
        "exhausted",
        "unknown",
        &"n".repeat(32),
    ];
    let aps: Vec<WtpAddress> = names
        .iter()
        .enumerate()
        .map(|(i, name)| ap(name, &format!("2c5a.0f40.{i:02x}00"), &format!("172.16.4.{}:5248", 30 + i)))
        .collect();
    let mut sessions = Vec::new();
    for wtp in &aps {
        let at_join = wtp.name.ends_with("at-join");
        let model = if wtp.name == "unknown" { "X-1" } else { "C9105AXI" };
        let backup = (wtp.name != "A").then_some("8.10.130.0");
        let session = story.joined(wtp, model, "17.3.3.26", backup, at_join.then_some(running));
        if !at_join {
            story.in_run(session, wtp);
        }
        sessions.push(session);
    }
    for i in [1, 2, 4, 6, 7] {
        story.predownload_requested(&aps[i], &facts);
    }
    let moving = story.download_started(sessions[2], &aps[2], DownloadMode::Predownload, &facts);
    story.after_ms(10_000).download_progressed(moving, 9_000_000, facts.octets);
    story.download_started(sessions[3], &aps[3], DownloadMode::Join, &facts);
    let done = story.download_started(sessions[4], &aps[4], DownloadMode::Predownload, &facts);
    story.download_completed(done, &aps[4], &facts);
    let done = story.download_started(sessions[5], &aps[5], DownloadMode::Join, &facts);
    story.download_completed(done, &aps[5], &facts);
    story.disjoined(sessions[5], &aps[5], DisjoinReason::ImageDownloadSuccess);
    let failed = story.download_started(sessions[6], &aps[6], DownloadMode::Predownload, &facts);
    let retry = story.at + Duration::from_secs(90);
    story.download_failed(failed, &aps[6], DownloadFailureKind::TimedOut, "no answer", 2, Some(retry));
    let failed = story.download_started(sessions[7], &aps[7], DownloadMode::Predownload, &facts);
    story.download_failed(failed, &aps[7], DownloadFailureKind::FlashFull, "flash full", 5, None);
    story
}

#[test]
fn every_state_reads_as_its_golden_row_in_the_older_layout() {
    assert_golden("show_ap_image_every_state_17_12.txt", &shown(&every_state("17.12.1.5")));
}

#[test]
fn every_state_reads_as_its_golden_row_in_the_newer_layout() {
    assert_golden("show_ap_image_every_state_17_13.txt", &shown(&every_state("17.13.1.7")));
}

#[test]
fn the_fields_of_a_row_stand_at_the_layout_s_columns() {
    for (running, wanted) in [
        ("17.9.4.27", [0, 34, 57, 84, 106, 128, 146, 164]),
        ("17.12.1.5", [0, 34, 57, 84, 106, 128, 146, 164]),
        ("17.13.1.7", [0, 34, 57, 84, 106, 126, 146, 158]),
        ("18.1.1.1", [0, 34, 57, 84, 106, 126, 146, 158]),
    ] {
        let text = shown(&every_state(running));
        let (_, rows) = table(&text);
        for line in rows.iter().filter(|l| !l.contains("Not Supported")) {
            let starts: Vec<usize> = line
                .char_indices()
                .filter(|(i, c)| *c != ' ' && (*i == 0 || line.as_bytes()[i - 1] == b' '))
                .map(|(i, _)| i)
                .collect();
            assert_eq!(starts, wanted, "{running}: {line}");
        }
        assert_eq!(text.contains("\nNumber of APs \n"), version(running) > version("17.12.99.0"), "{running}");
        assert_eq!(text.contains("\n\nAP Name"), version(running) < version("17.12.99.0"), "{running}");
    }
}

fn table(text: &str) -> (&str, Vec<&str>) {
    let mut lines = text.lines().skip_while(|l| !l.starts_with("AP Name"));
    let header = lines.next().expect("a header");
    assert_eq!(lines.next(), Some("-".repeat(162).as_str()));
    (header, lines.collect())
}

#[test]
fn an_ap_that_left_without_an_upgrade_has_no_row_and_one_that_resets_into_its_image_keeps_it() {
    let mut story = every_state("17.9.4.27");
    let idle = ap("A", "2c5a.0f40.0000", "172.16.4.30:5248");
    let session = story.state.fleet.named("A").and_then(Wtp::live).expect("a session");
    story.disjoined(session, &idle, DisjoinReason::EchoTimeout);
    let text = shown(&story);
    let (_, rows) = table(&text);
    assert!(!rows.iter().any(|r| r.starts_with("A ")), "{text}");
    assert!(rows.iter().any(|r| r.starts_with("done-at-join ") && r.contains(" Complete ")), "{text}");
}

#[test]
fn a_name_with_spaces_or_too_long_for_its_column_is_still_one_word() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    for (i, name) in ["AP in the hall", &"é".repeat(40), "", " \n "].iter().enumerate() {
        let wtp = ap(name, &format!("2c5a.0f40.690{i}"), "172.16.4.33:5248");
        story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
    }
    let text = shown(&story);
    let (_, rows) = table(&text);
    let names: Vec<_> = rows.iter().filter_map(|r| r.split_whitespace().next()).collect();
    assert_eq!(names, ["AP_in_the_hall", &"é".repeat(32), "2c5a.0f40.6902", "2c5a.0f40.6903"]);
}

#[test]
fn swapped_images_change_their_columns_until_the_ap_joins_again() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    run(&mut story, "17.9.4.27");
    let wtp = ap("AP-1", "2c5a.0f40.6920", "172.16.4.33:5248");
    let session = story.joined(&wtp, "C9105AXI", "17.9.4.27", Some("17.3.3.26"), None);
    story.in_run(session, &wtp);
    let columns = |story: &Story| {
        let row = row(story.state.fleet.named("AP-1").expect("it joined"));
        let text = |v: Option<ImageVersion>| v.expect("it is known").to_string();
        (text(row.primary_image), text(row.backup_image))
    };
    let (new, old) = ("17.9.4.27".to_owned(), "17.3.3.26".to_owned());
    assert_eq!(columns(&story), (new.clone(), old.clone()));
    let swap = |story: &mut Story, next: &str| {
        let event = Event::WtpImageSwapped { wtp: wtp.clone(), next: version(next) };
        story.tell(Cause::Timer, Subject::Wtp(wtp.id.clone()), event);
    };
    swap(&mut story, "17.3.3.26");
    assert_eq!(columns(&story), (old.clone(), new.clone()));
    swap(&mut story, "17.9.4.27");
    assert_eq!(columns(&story), (new.clone(), old.clone()));
    swap(&mut story, "17.3.3.26");
    story.disjoined(session, &wtp, DisjoinReason::ResetByOperator);
    story.joined(&wtp, "C9105AXI", "17.3.3.26", Some("17.9.4.27"), None);
    assert_eq!(columns(&story), (old, new));
}

#[test]
fn a_retry_that_is_due_reads_as_a_time_and_not_as_no_retry() {
    assert_eq!(time_to(moment("2024-02-01T17:00:00Z").since(moment("2024-02-01T17:00:09Z"))), "00:00:00");
    assert_eq!(time_to(Duration::from_micros(1)), "00:00:01");
    assert_eq!(time_to(Duration::from_secs(100 * 3600 + 61)), "100:01:01");
}
