use capledger_schema::event::{DisjoinReason, DownloadMode, Event};
use capledger_schema::failure::{DownloadFailureKind, FetchFailureKind};
use capledger_schema::setting::{ImageDownloadMode, ImageServer, LogDelivery, LogForm, LogHost, LogTransport, Setting};
use capledger_schema::{Cause, Subject};

use super::*;
use crate::secrets::NoSecrets;
use crate::story::{Story, ap, assert_golden, description, image, moment, version};
use crate::syslog::TimeFormat;

mod aps;

/// An upgrade to 17.9.4.27 in its middle, with one AP for every reason why it is not done.
pub(super) fn middle_of_an_upgrade() -> Story {
    let mut story = Story::begin("2024-02-01T16:00:00Z");
    story.configured(vec![
        Setting::Hostname("9120-EWC".into()),
        Setting::SoftwareVersion(Some(version("17.9.4.27"))),
        Setting::LoggingHost("172.16.5.9:514".parse().expect("address")),
        Setting::ImageDownloadMode(Some(ImageDownloadMode::Tftp)),
        Setting::TftpImageServer(Some(ImageServer { host: "172.16.5.27".into(), port: None })),
        Setting::TftpImagePath(Some("/EWC/17_9_4a".into())),
    ]);
    let facts = image("ap1g8", "17.9.4.27");
    let url = "tftp://172.16.5.27/EWC/17_9_4a/ap1g8";
    let fetch = story.at("2024-02-01T17:00:00Z").add_started(url, "ap1g8");
    story.after_ms(9_000).add_completed(fetch, url, facts.clone());

    let joined = |story: &mut Story, n: u8, name: &str, model: &str, runs: &str| {
        let wtp = ap(name, &format!("2c5a.0f40.{n:02x}00"), &format!("172.16.4.{n}:5248"));
        let session = story.after_ms(500).joined(&wtp, model, runs, Some("8.10.130.0"), None);
        story.after_ms(500).in_run(session, &wtp);
        (wtp, session)
    };
    joined(&mut story, 30, "AP-done", "C9105AXI", "17.9.4.27");
    joined(&mut story, 31, "AP-idle", "C9105AXI", "17.3.3.26");
    joined(&mut story, 32, "AP-unknown", "X-1", "17.3.3.26");
    let (wtp, session) = joined(&mut story, 33, "AP-left", "C9105AXI", "17.3.3.26");
    story.disjoined(session, &wtp, DisjoinReason::EchoTimeout);
    let (wtp, session) = joined(&mut story, 34, "AP-stands-still", "C9105AXI", "17.3.3.26");
    let download = story.download_started(session, &wtp, DownloadMode::Predownload, &facts);
    story.after_ms(1_000).download_progressed(download, 8_000_000, facts.octets);
    story.after_ms(90_000);
    let (wtp, session) = joined(&mut story, 35, "AP-moves", "C9105AXI", "17.3.3.26");
    story.described(&wtp, description(session, 0xc02b));
    let download = story.download_started(session, &wtp, DownloadMode::Predownload, &facts);
    story.after_ms(1_000).download_progressed(download, 35_256_320, facts.octets);
    let (wtp, session) = joined(&mut story, 36, "AP-holds-it", "C9105AXI", "17.3.3.26");
    let download = story.download_started(session, &wtp, DownloadMode::Predownload, &facts);
    story.after_ms(1_000).download_completed(download, &wtp, &facts);
    let (wtp, session) = joined(&mut story, 37, "AP-digest", "C9105AXI", "17.3.3.26");
    let download = story.download_started(session, &wtp, DownloadMode::Predownload, &facts);
    let retry = Some(moment("2024-02-01T17:03:30Z"));
    story.download_failed(download, &wtp, DownloadFailureKind::DigestMismatch, "MD5 differs", 2, retry);
    let (wtp, session) = joined(&mut story, 38, "AP-flash", "C9105AXI", "17.3.3.26");
    let download = story.download_started(session, &wtp, DownloadMode::Predownload, &facts);
    story.download_failed(download, &wtp, DownloadFailureKind::FlashFull, "result code 14", 5, None);
    let (wtp, _) = joined(&mut story, 39, "AP-no-file", "C9117AXI", "17.3.3.26");
    story.predownload_requested(&wtp, &image("ap1g6", "17.9.4.27"));
    let url = "tftp://172.16.5.27/EWC/17_9_4a/ap1g6";
    let fetch = story.add_started(url, "ap1g6");
    let retry = Some(moment("2024-02-01T17:03:00Z"));
    story.after_ms(2_000).add_failed(fetch, url, "ap1g6", FetchFailureKind::NotFound, "File not found", retry);
    joined(&mut story, 40, "AP-being-fetched", "C9120AXI", "17.3.3.26");
    let url = "tftp://172.16.5.27/EWC/17_9_4a/ap1g7";
    let fetch = story.add_started(url, "ap1g7");
    let progress = Event::InstallAddProgressed { operation: fetch, octets: 1_000_000, total: Some(4_000_000) };
    story.after_ms(1_000).tell(Cause::Operation(fetch), Subject::Operation(fetch), progress);
    story.at("2024-02-01T17:02:10Z");
    story
}

pub(super) fn shown(story: &Story, what: &Show) -> String {
    let time = TimeFormat::default();
    show(
        what,
        &View {
            state: &story.state,
            log: &story.log,
            now: story.at,
            time: &time,
            secrets: &NoSecrets,
            history: &story.envelopes,
        },
        Privilege::Privileged,
    )
}

#[test]
fn the_views_of_an_upgrade_read_as_their_golden_files() {
    let story = middle_of_an_upgrade();
    for (what, name) in [
        (Show::ApImage, "show_ap_image_upgrade.txt"),
        (Show::ApImageReason, "show_ap_image_reason.txt"),
        (Show::ApSummary, "show_ap_summary.txt"),
        (Show::InstallSummary, "show_install_summary.txt"),
        (Show::Logging { last: Some(5) }, "show_logging.txt"),
        (Show::RunningConfig, "show_running_config.txt"),
        (Show::Version, "show_version.txt"),
        (Show::ProfileSummary, "show_image_download_summary.txt"),
        (Show::ProfileDetailed, "show_image_download_detailed.txt"),
        (Show::DtlsConnections, "show_dtls_connections.txt"),
        (Show::Hosts, "show_hosts.txt"),
        (Show::Inventory, "show_inventory.txt"),
        (Show::IpInterfaces, "show_ip_interface_brief.txt"),
        (Show::SwitchVirtual, "show_switch_virtual.txt"),
        (Show::Vlans, "show_vlan.txt"),
    ] {
        assert_golden(name, &shown(&story, &what));
    }
    assert_eq!(shown(&story, &Show::Clock), "*17:02:10.000 UTC Thu Feb 1 2024\n");
}

#[test]
fn aps_that_lack_the_staged_version_are_named_with_what_keeps_it_from_them() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    story.configured(vec![Setting::SoftwareVersion(Some(version("17.9.4.27")))]);
    let facts = image("ap1g8", "17.12.1.5");
    let aps = [
        ap("AP-holds-it", "2c5a.0f40.3000", "172.16.4.30:5248"),
        ap("AP-flash", "2c5a.0f40.3100", "172.16.4.31:5248"),
        ap("AP-idle", "2c5a.0f40.3200", "172.16.4.32:5248"),
    ];
    let fetch = story.add_started("tftp://172.16.5.27/EWC/17_12_1/ap1g8", "ap1g8");
    story.add_completed(fetch, "tftp://172.16.5.27/EWC/17_12_1/ap1g8", facts.clone());
    story.tell(Cause::Timer, Subject::Controller, Event::VersionStaged { version: version("17.12.1.5") });
    for (n, wtp) in aps.iter().enumerate() {
        let session = story.joined(wtp, "C9105AXI", "17.9.4.27", Some("17.3.3.26"), None);
        story.in_run(session, wtp);
        if n == 2 {
            continue;
        }
        story.predownload_requested(wtp, &facts);
        let download = story.download_started(session, wtp, DownloadMode::Predownload, &facts);
        if n == 0 {
            story.download_completed(download, wtp, &facts);
        } else {
            story.download_failed(download, wtp, DownloadFailureKind::FlashFull, "no space", 1, None);
        }
    }
    let text = shown(&story, &Show::ApImageReason);
    assert!(text.starts_with("Running version : 17.9.4.27\nAPs not at it   : 0 of 3\n"), "{text}");
    assert!(text.contains("Staged version  : 17.12.1.5\nWithout it      : 2 of 3\n"), "{text}");
    assert!(!text.contains("AP-holds-it"), "{text}");
    assert!(text.contains("try 1 of the download failed: flash full\n    Words   : no space\n"), "{text}");
    assert!(text.contains("17.12.1.5 is staged and nobody gave it to the AP\n"), "{text}");
}

#[test]
fn every_view_of_an_empty_controller_prints() {
    let story = Story::begin("2024-02-01T16:00:00Z");
    let text = [
        Show::ApImage,
        Show::ApImageReason,
        Show::ApSummary,
        Show::InstallSummary,
        Show::Logging { last: None },
        Show::RunningConfig,
        Show::Version,
        Show::ProfileSummary,
        Show::ProfileDetailed,
        Show::Hosts,
        Show::Inventory,
        Show::IpInterfaces,
        Show::SwitchVirtual,
        Show::Users { own: None },
        Show::Vlans,
        Show::ApImageFiles,
        Show::ApStatus,
        Show::ApConfig("AP-1".into()),
        Show::ApJoins,
        Show::Predownloads,
        Show::PredownloadStatus,
        Show::DtlsConnections,
    ]
    .iter()
    .fold(String::new(), |out, what| out + "-- " + &format!("{what:?}") + "\n" + &shown(&story, what));
    assert_golden("show_every_view_empty.txt", &text);
}

#[test]
fn every_row_of_the_summary_can_be_cut_at_white_space() {
    let story = middle_of_an_upgrade();
    let text = shown(&story, &Show::ApSummary);
    let rows: Vec<&str> = text.lines().skip_while(|l| !l.starts_with("---")).skip(1).collect();
    assert_eq!(rows.len(), story.state.fleet.wtps.len());
    assert!(rows.iter().all(|r| r.split_whitespace().count() == 10), "{text}");
}

#[test]
fn show_logging_tells_how_it_goes_with_each_collector_over_a_stream() {
    let host = |port, transport| LogHost { address: ([172, 16, 5, 9], port).into(), transport };
    let (tcp, tls) = (host(601, LogTransport::Tcp), host(6514, LogTransport::Tls));
    let mut story = Story::begin("2024-02-01T16:00:00Z");
    let newest = LogDelivery { name: Some("log.example".into()), ..LogForm::Rfc5424.into() };
    story.configured(vec![
        Setting::LoggingHostOver(tcp, LogDelivery::default()),
        Setting::LoggingHostOver(tls, newest),
        Setting::LoggingHostOver(host(602, LogTransport::Tcp), LogDelivery::default()),
    ]);
    let mut tell = |event| {
        story.after_ms(500).tell(Cause::Timer, Subject::Controller, event);
    };
    tell(Event::LoggingHostStarted { host: tcp });
    let words = "its certificate is not trusted: self-signed certificate".to_owned();
    tell(Event::LoggingHostFailed { host: tls, words, lines: 1 });
    let text = shown(&story, &Show::Logging { last: Some(0) });
    let expected = "
        Logging to 172.16.5.9 (tcp port 601, link up)
        Logging to 172.16.5.9 (tcp port 602)
        Logging to 172.16.5.9 (tls port 6514, format rfc5424, link down)
            since *Feb  1 16:00:01.000: its certificate is not trusted: self-signed certificate; 3 message lines waiting
";
    assert!(text.contains(expected), "{text}");
    let over = shown(&story, &Show::RunningConfig);
    assert!(over.contains("\nlogging host 172.16.5.9 transport tls name log.example format rfc5424\n"), "{over}");
    story.after_ms(500).configured(vec![Setting::NoLoggingHostOver(tls)]);
    assert!(!shown(&story, &Show::Logging { last: None }).contains("tls port"));
    assert_eq!(story.state.collectors.links.keys().collect::<Vec<_>>(), [&tcp]);
}

#[test]
fn show_logging_last_keeps_the_newest_lines() {
    let story = middle_of_an_upgrade();
    let lines = |last| {
        let text = shown(&story, &Show::Logging { last });
        text.lines().filter(|l| l.starts_with('*')).map(str::to_owned).collect::<Vec<_>>()
    };
    let all = lines(None);
    assert_eq!(lines(Some(3)), all[all.len() - 3..]);
    assert_eq!(lines(Some(1_000_000)), all);
}
