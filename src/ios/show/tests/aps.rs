use std::net::SocketAddr;

use capledger_schema::Envelope;
use capledger_schema::event::{CipherSuite, DtlsSession, DtlsVersion, RefusalReason, SessionDescription, WtpAddress};
use capledger_schema::id::{Sha256, WtpId};
use capledger_schema::image::ImageFacts;
use sha2::Digest as _;

use super::*;
use crate::story::description;

fn refused(story: &mut Story, from: &str, name: Option<&str>, reason: RefusalReason, detail: &str) {
    let address: SocketAddr = from.parse().expect("an address");
    let (name, detail) = (name.map(str::to_owned), detail.to_owned());
    let event = Event::WtpRefused { address, name, reason, detail };
    story.after_ms(1_000).tell(Cause::Peer(address), Subject::Controller, event);
}

/// The cells of a row as its table's header places them, by the header.
fn cells(text: &str, header: &str, name: &str) -> Vec<(String, String)> {
    let head = text.lines().find(|l| l.starts_with(header)).expect("a header");
    let row = text.lines().find(|l| l.contains(name)).expect("a row");
    let begins = head.as_bytes().windows(3).enumerate().filter(|(_, w)| w[..2] == *b"  " && w[2] != b' ');
    let starts: Vec<usize> = [0].into_iter().chain(begins.map(|(at, _)| at + 2)).collect();
    let ends = starts.iter().skip(1).copied().chain([usize::MAX]);
    let cut = |line: &str, from: usize, to: usize| {
        line.chars().skip(from).take(to.saturating_sub(from)).collect::<String>().trim().to_owned()
    };
    starts.iter().zip(ends).map(|(from, to)| (cut(head, *from, to), cut(row, *from, to))).collect()
}

fn cell(text: &str, header: &str, name: &str, column: &str) -> String {
    let all = cells(text, header, name);
    all.into_iter().find(|(head, _)| head == column).expect("a column").1
}

/// One AP of which everything is known: it came by a key, was upgraded, lost and found.
fn told_of() -> (Story, WtpAddress) {
    let mut story = Story::begin("2024-02-01T16:00:00Z");
    story.configured(vec![
        Setting::Hostname("9120-EWC".into()),
        Setting::SoftwareVersion(Some(version("17.9.4.27"))),
        Setting::DtlsPsk("ap-1".into(), Some(capledger_schema::id::SecretId(9))),
    ]);
    let wtp = ap("AP2C5A-0F40-6920", "2c5a.0f40.6920", "172.16.4.33:5248");
    refused(&mut story, "172.16.4.33:5248", None, RefusalReason::HandshakeFailed, "no shared cipher");
    let session = story.joined(&wtp, "AIR-AP1815I-B-K9", "17.3.3.26", Some("8.10.130.0"), None);
    story.in_run(session, &wtp);
    let facts = image("ap1g5", "17.9.4.27");
    story.after_ms(60_000).predownload_requested(&wtp, &facts);
    let download = story.after_ms(1_000).download_started(session, &wtp, DownloadMode::Predownload, &facts);
    story.after_ms(96_200).download_completed(download, &wtp, &facts);
    story.after_ms(1_000).disjoined(session, &wtp, DisjoinReason::EchoTimeout);
    let session = story.after_ms(60_000).joined(&wtp, "AIR-AP1815I-B-K9", "17.3.3.26", Some("17.9.4.27"), None);
    let by_key = SessionDescription { psk_identity: Some("ap-1".into()), ..description(session, 0x0090) };
    story.described(&wtp, by_key).in_run(session, &wtp);
    story.after_ms(3_600_000);
    (story, wtp)
}

/// Three families, one of them on its way; 17.12.1.5 is staged and 17.9.4.27 on trial.
fn images() -> Story {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    story.configured(vec![Setting::SoftwareVersion(Some(version("17.3.3.26")))]);
    for (n, model) in [(1, "C9105AXI"), (2, "C9105AXI"), (3, "C9120AXI")] {
        let wtp = ap(&format!("AP-{n}"), &format!("2c5a.0f40.0{n}00"), &format!("172.16.4.{n}:5248"));
        story.joined(&wtp, model, "17.9.4.27", None, None);
    }
    for (n, of) in ["8.10.130.0", "17.3.3.26", "17.9.4.27", "17.12.1.5"].into_iter().enumerate() {
        let url = format!("sftp://******@172.16.5.62/Documents/{of}/ap1g8");
        let fetch = story.after_ms(1_000).add_started(&url, "ap1g8");
        let number = u8::try_from(n).expect("few");
        let facts = ImageFacts { sha256: Sha256([0xa0 + number; 32]), ..image("ap1g8", of) };
        story.add_completed(fetch, &url, facts);
    }
    let tell = |story: &mut Story, event| story.tell(Cause::Timer, Subject::Controller, event).at;
    tell(&mut story, Event::VersionActivated { version: version("17.9.4.27") });
    story.configured(vec![Setting::SoftwareVersion(Some(version("17.9.4.27")))]);
    tell(&mut story, Event::VersionStaged { version: version("17.12.1.5") });
    let fetch = story.add_started("tftp://172.16.5.27/EWC/17_9_4a/ap1g7", "ap1g7");
    let progress = Event::InstallAddProgressed { operation: fetch, octets: 1_000_000, total: Some(4_000_000) };
    story.after_ms(1_000).tell(Cause::Operation(fetch), Subject::Operation(fetch), progress);
    story
}

/// A predownload in its middle: two sites, one AP for every state.
fn predownload() -> Story {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    story.configured(vec![
        Setting::SoftwareVersion(Some(version("17.9.4.27"))),
        Setting::PredownloadLimit(2),
        Setting::PredownloadBandwidth(Some(50)),
    ]);
    let url = "tftp://172.16.5.27/EWC/17_12_1/ap1g8";
    let facts = image("ap1g8", "17.12.1.5");
    let fetch = story.add_started(url, "ap1g8");
    story.after_ms(1_000).add_completed(fetch, url, facts.clone());
    let aps: Vec<_> = (1..=6u8)
        .map(|n| {
            let wtp = ap(&format!("AP-{n}"), &format!("2c5a.0f40.0{n}00"), &format!("172.16.4.{n}:5248"));
            let session = story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
            story.in_run(session, &wtp);
            (wtp, session)
        })
        .collect();
    for (wtp, _) in &aps[..5] {
        story.predownload_requested(wtp, &facts);
    }
    let start =
        |story: &mut Story, n: usize| story.download_started(aps[n].1, &aps[n].0, DownloadMode::Predownload, &facts);
    let done = start(&mut story, 0);
    story.after_ms(90_000).download_completed(done, &aps[0].0, &facts);
    let failed = start(&mut story, 1);
    let retry = Some(moment("2024-02-01T17:10:00Z"));
    story.download_failed(failed, &aps[1].0, DownloadFailureKind::DigestMismatch, "MD5 differs", 1, retry);
    let moving = start(&mut story, 2);
    story.after_ms(10_000).download_progressed(moving, 7_051_264, facts.octets);
    story.after_ms(10_000).download_progressed(moving, 14_102_528, facts.octets);
    start(&mut story, 3);
    story.after_ms(4_000);
    story
}

#[test]
fn the_views_of_access_points_read_as_their_golden_files() {
    let (told, _) = told_of();
    let name = Show::ApConfig("ap2c5a-0f40-6920".into());
    assert_golden("show_ap_config_general.txt", &shown(&told, &name));
    assert_golden("show_ap_image_file_summary.txt", &shown(&images(), &Show::ApImageFiles));
    let upgrade = middle_of_an_upgrade();
    assert_golden("show_ap_status.txt", &shown(&upgrade, &Show::ApStatus));
    let story = predownload();
    assert_golden("show_ap_image_predownload_status.txt", &shown(&story, &Show::Predownloads));
    assert_golden("show_predownload_status.txt", &shown(&story, &Show::PredownloadStatus));
    assert_golden("show_ap_join_summary.txt", &shown(&joins(), &Show::ApJoins));
}

/// APs that joined, that were turned away before or after, and that never joined.
fn joins() -> Story {
    let (mut story, _) = told_of();
    let wtp = ap("AP-stays", "2c5a.0f40.1000", "172.16.4.40:5248");
    let session = story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
    story.in_run(session, &wtp);
    refused(&mut story, "172.16.4.99:5248", Some("AP-rogue"), RefusalReason::CertificateUntrusted, "self-signed");
    refused(&mut story, "172.16.4.99:5301", Some("AP-rogue"), RefusalReason::CertificateUntrusted, "self-signed");
    refused(&mut story, "172.16.4.98:5248", None, RefusalReason::HandshakeFailed, "no shared cipher");
    refused(&mut story, "172.16.4.40:1025", None, RefusalReason::HandshakeFailed, "no shared cipher");
    let from: SocketAddr = "172.16.4.97:5248".parse().expect("an address");
    let (model, base_mac) = (Some("C9120AXI".to_owned()), "2c5a.0f40.2000".parse().ok());
    let event = Event::WtpDiscovered { address: from, discovery_type: 1, model, base_mac };
    story.tell(Cause::Peer(from), Subject::Controller, event);
    story
}

#[test]
fn a_refusal_is_counted_for_the_ap_that_it_can_only_be_and_else_for_a_stranger() {
    let text = shown(&joins(), &Show::ApJoins);
    let of = |name: &str, column: &str| cell(&text, "Base MAC", name, column);
    assert_eq!(of("AP-stays", "DTLS Failures"), "1", "the only AP at that address: {text}");
    assert_eq!((of("AP-rogue", "Refused"), of("AP-rogue", "Status")), ("2".into(), "Not Joined".into()));
    assert_eq!(of("172.16.4.98", "Last Failure Phase"), "DTLS-Handshake");
    assert_eq!((of("2c5a.0f40.2000", "AP Name"), of("2c5a.0f40.2000", "Joins")), ("N/A".into(), "0".into()));
}

#[test]
fn a_stranger_that_was_seen_at_a_port_is_not_taken_for_the_ap_behind_the_same_address() {
    let mut story = joins();
    let from: SocketAddr = "172.16.4.40:60874".parse().expect("an address");
    let event =
        Event::WtpDiscovered { address: from, discovery_type: 1, model: None, base_mac: "2c5a.0f40.3000".parse().ok() };
    story.tell(Cause::Peer(from), Subject::Controller, event);
    refused(&mut story, "172.16.4.40:60874", None, RefusalReason::HandshakeFailed, "unsupported protocol");
    let text = shown(&story, &Show::ApJoins);
    assert_eq!(cell(&text, "Base MAC", "2c5a.0f40.3000", "DTLS Failures"), "1", "{text}");
    assert_eq!(cell(&text, "Base MAC", "AP-stays", "DTLS Failures"), "1", "{text}");
}

#[test]
fn of_a_flood_of_strangers_the_last_thousand_are_remembered() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    for n in 0..1_100_u32 {
        let address = SocketAddr::from(([10, 0, 0, 1], 1_024 + u16::try_from(n).expect("a port")));
        let event = Event::WtpDiscovered { address, discovery_type: 1, model: None, base_mac: None };
        story.tell(Cause::Peer(address), Subject::Controller, event);
    }
    assert!(shown(&story, &Show::ApJoins).starts_with("Number of APs: 1024\n"));
}

#[test]
fn what_befell_a_stranger_is_told_of_the_ap_that_it_turns_out_to_be() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    refused(&mut story, "172.16.4.40:5248", Some("AP-1"), RefusalReason::MissingElements, "missing WTP Name");
    let lines = |story: &Story| shown(story, &Show::ApJoins).lines().count();
    let before = lines(&story);
    story.joined(&ap("AP-1", "2c5a.0f40.1000", "172.16.4.41:5248"), "C9105AXI", "17.9.4.27", None, None);
    let text = shown(&story, &Show::ApJoins);
    assert_eq!(lines(&story), before, "{text}");
    assert_eq!(cell(&text, "Base MAC", "AP-1", "Refused"), "1");
    assert_eq!(cell(&text, "Base MAC", "AP-1", "Last Failure Type"), "Missing elements");
    assert_eq!(cell(&text, "Base MAC", "AP-1", "Status"), "Joined");
}

#[test]
fn a_restart_by_order_is_no_failure_and_a_lost_session_is_one() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    let wtp = ap("AP-1", "2c5a.0f40.1000", "172.16.4.40:5248");
    let session = story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
    story.in_run(session, &wtp).disjoined(session, &wtp, DisjoinReason::ResetByOperator);
    let of = |story: &Story, column| cell(&shown(story, &Show::ApJoins), "Base MAC", "AP-1", column);
    assert_eq!(of(&story, "Last Failure Phase"), "N/A");
    assert_eq!(of(&story, "Last Disconnect Reason"), "Reset by operator");
    let session = story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
    story.in_run(session, &wtp).disjoined(session, &wtp, DisjoinReason::EchoTimeout);
    assert_eq!(of(&story, "Last Failure Phase"), "Run");
    assert_eq!((of(&story, "Joins"), of(&story, "Disjoins")), ("2".into(), "2".into()));
}

#[test]
fn the_reason_of_an_ap_that_is_not_let_in_again_is_that_and_what_to_do() {
    let (mut story, wtp) = told_of();
    let session = story.state.fleet.wtps[&wtp.id].live().expect("it is joined");
    story.disjoined(session, &wtp, DisjoinReason::ResetByOperator);
    let before = shown(&story, &Show::ApImageReason);
    assert!(before.contains("it holds 17.9.4.27 and has not come back with it yet"), "{before}");
    let detail = "2c5a.0f40.6920 shows certificate abab, pinned is cdcd";
    refused(&mut story, "172.16.4.33:5248", Some(&wtp.name), RefusalReason::CertificateChanged, detail);
    let text = shown(&story, &Show::ApImageReason);
    assert!(text.contains("    Why     : it is not let in: certificate changed\n"), "{text}");
    assert!(text.contains(&format!("    Words   : {detail}\n")) && text.contains("`ap join policy open`"), "{text}");
    assert_eq!(
        cell(&shown(&story, &Show::ApStatus), "AP Name", &wtp.name, "Detail"),
        "Not let in: certificate changed"
    );
    let session = story.after_ms(1_000).joined(&wtp, "AIR-AP1815I-B-K9", "17.3.3.26", Some("17.9.4.27"), None);
    story.in_run(session, &wtp);
    assert!(!shown(&story, &Show::ApImageReason).contains("not let in"), "it is back");
}

#[test]
fn an_ap_is_found_by_its_name_as_printed_and_by_its_addresses() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    let wtp = ap("Lobby, second floor", "2c5a.0f40.1000", "172.16.4.40:5248");
    let session = story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
    for gone in [false, true] {
        if gone {
            story.disjoined(session, &wtp, DisjoinReason::DtlsClosed);
        }
        for name in ["lobby, SECOND floor", "Lobby,_second_floor", "2c:5a:0f:40:10:00", "2c5a.0f40.1004"] {
            let text = shown(&story, &Show::ApConfig(name.into()));
            assert!(text.starts_with("Cisco AP Name   : Lobby, second floor\n====="), "{name}: {text}");
        }
    }
    assert_eq!(
        shown(&story, &Show::ApConfig("Lobby".into())),
        "% No such AP: Lobby; see `show ap summary`\n",
        "a name is not cut short"
    );
}

#[test]
fn a_key_s_identity_is_named_and_a_certificate_shown_by_its_fingerprint() {
    let (mut story, wtp) = told_of();
    let shows = |story: &mut Story, credential: Sha256| {
        let Some(known) = story.state.fleet.wtps.get_mut(&wtp.id) else { panic!("the AP is known") };
        (known.certificate, known.description) = (Some(credential), None);
        shown(story, &Show::ApConfig(wtp.name.clone()))
    };
    let credential = Sha256(sha2::Sha256::digest("PSK identity ap-1").into());
    let text = shows(&mut story, credential);
    assert!(text.contains("AP PSK Identity                                 : ap-1\n"), "{text}");
    let text = shows(&mut story, Sha256([0xab; 32]));
    let line = format!("AP Certificate SHA-256                          : {}\n", "ab".repeat(32));
    assert!(text.contains(&line) && !text.contains("PSK"), "{text}");
}

/// What `show ap name AP-1 config general` has behind these labels.
fn labelled<const N: usize>(story: &Story, labels: [&str; N]) -> [String; N] {
    let text = shown(story, &Show::ApConfig("AP-1".into()));
    labels.map(|label| {
        let line = text.lines().find(|l| l.split_once(':').is_some_and(|(before, _)| before.trim() == label));
        line.and_then(|l| l.split_once(": ")).map_or_else(|| "no line".to_owned(), |(_, told)| told.to_owned())
    })
}

#[test]
fn what_a_session_agreed_on_stays_after_it_and_is_that_of_the_last_one() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    let wtp = ap("AP-1", "2c5a.0f40.1000", "172.16.4.40:5248");
    let labels = ["AP DTLS Version", "AP DTLS Ciphersuite", "Boot Version", "Hardware Version"];
    let session = story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
    assert_eq!(labelled(&story, labels), ["unknown"; 4], "an older ledger does not tell it");
    story.described(&wtp, description(session, 0xc02b)).disjoined(session, &wtp, DisjoinReason::EchoTimeout);
    let modern = ["DTLSv1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "1.1.2.4", "1.0"];
    assert_eq!(labelled(&story, labels), modern, "it has left");
    let session = story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
    let old = DtlsSession { version: DtlsVersion::V1_0, suite: CipherSuite(0x000a) };
    story.described(&wtp, SessionDescription { dtls: Some(old), boot: None, ..description(session, 0) });
    assert_eq!(labelled(&story, labels), ["DTLSv1.0", "0x000a", "unknown", "1.0"], "it is back otherwise");
}

#[test]
fn software_whose_version_is_not_four_numbers_is_told_in_its_own_words() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    let wtp = ap("AP-1", "2c5a.0f40.1000", "172.16.4.40:5248");
    let session = story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
    let (software, other) = (Some("FP-17.9.4.27-rc".to_owned()), Some("PS323C-v5.4-build0121\u{1b}".to_owned()));
    story.described(&wtp, SessionDescription { software, other, ..description(session, 0xc02f) });
    assert_eq!(
        labelled(&story, ["Software Version", "Backup Software Version"]),
        ["17.9.4.27 (FP-17.9.4.27-rc)", "PS323C-v5.4-build0121 "]
    );
}

#[test]
fn another_certificate_than_that_of_the_first_join_is_told_beside_it() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    let wtp = ap("AP-1", "2c5a.0f40.1000", "172.16.4.40:5248");
    let labels = ["AP Certificate SHA-256", "AP Certificate SHA-256 Of Last Join", "AP Certificate Common Name"];
    let common_name = Some("AP1G8-2c5a0f401000".to_owned());
    for (digest, other) in [([0xab; 32], "no line".to_owned()), ([0xcd; 32], "cd".repeat(32))] {
        let session = story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
        let Some(Envelope { event: Event::WtpJoined { certificate, .. }, .. }) = story.envelopes.last_mut() else {
            panic!("it has just joined")
        };
        *certificate = Some(Sha256(digest));
        story.fold_again();
        story.described(&wtp, SessionDescription { common_name: common_name.clone(), ..description(session, 0xc02b) });
        assert_eq!(labelled(&story, labels), ["ab".repeat(32), other, "AP1G8-2c5a0f401000".to_owned()]);
    }
}

#[test]
fn every_ap_of_a_shared_name_is_told() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    for n in 1..=2 {
        let wtp = ap("AP", &format!("2c5a.0f40.{n}000"), &format!("172.16.4.{n}:5248"));
        story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
    }
    let text = shown(&story, &Show::ApConfig("AP".into()));
    assert_eq!(text.matches("Cisco AP Name   : AP\n").count(), 2, "{text}");
}

#[test]
fn the_time_left_follows_from_the_last_marks_and_the_moment_shown() {
    let mut story = predownload();
    let of = |story: &Story, name, column| cell(&shown(story, &Show::Predownloads), "AP Name", name, column);
    // 705,126 octets a second; 56,410,112 to go at the mark, 4 s ago.
    assert_eq!(of(&story, "AP-3", "Rate (kB/s)"), "705");
    assert_eq!(of(&story, "AP-3", "ETA"), "00:01:17");
    assert_eq!(of(&story, "AP-4", "ETA"), "N/A", "nothing has moved");
    assert_eq!(of(&story, "AP-5", "Status"), "Initiated");
    assert_eq!((of(&story, "AP-1", "Percent"), of(&story, "AP-1", "Retransmissions")), ("100".into(), "0".into()));
    story.after_ms(60_000);
    assert_eq!(of(&story, "AP-3", "ETA"), "N/A", "it stands still");
    assert_eq!(of(&story, "AP-3", "Percent"), "20");
}

#[test]
fn blocks_sent_again_are_told_while_the_image_moves_where_the_ledger_tells_them() {
    let mut story = predownload();
    let again = |story: &Story| cell(&shown(story, &Show::Predownloads), "AP Name", "AP-3", "Retransmissions");
    assert_eq!(again(&story), "N/A", "an older ledger does not");
    let moving = story.state.fleet.wtps.values().find(|w| w.address.name == "AP-3").expect("it is known").clone();
    let session = moving.live().expect("it is joined");
    story.described(&moving.address, description(session, 0xc02b));
    let facts = image("ap1g8", "17.12.1.5");
    let operation = story.download_started(session, &moving.address, DownloadMode::Predownload, &facts);
    assert_eq!(again(&story), "0");
    let event = Event::ImageDownloadRetransmitted { operation, retransmissions: 4 };
    story.tell(Cause::Operation(operation), Subject::Wtp(moving.address.id.clone()), event);
    assert_eq!(again(&story), "4");
    let text = shown(&story, &Show::ApConfig("AP-3".into()));
    assert!(text.contains("Predownload Retransmissions                     : 4\n"), "{text}");
}

#[test]
fn the_predownload_is_complete_when_every_ap_holds_the_image_and_is_counted_by_site() {
    let mut story = predownload();
    let status = |story: &Story| shown(story, &Show::PredownloadStatus);
    let of = |story: &Story, label: &str| {
        let text = status(story);
        let line = text.lines().find(|l| l.starts_with(label)).expect("a line").to_owned();
        line.split_once(": ").expect("a value").1.to_owned()
    };
    assert_eq!(of(&story, "Predownload status"), "In progress");
    assert_eq!(of(&story, "APs complete"), "1 of 5");
    assert!(!status(&story).contains("Completed"), "not all of them hold it");
    let facts = image("ap1g8", "17.12.1.5");
    let fleet: Vec<_> = story.state.fleet.wtps.values().cloned().collect();
    for wtp in fleet.iter().filter(|w| w.image.version().is_some()) {
        let session = wtp.live().expect("it is joined");
        let download = story.download_started(session, &wtp.address, DownloadMode::Predownload, &facts);
        story.after_ms(1_000).download_completed(download, &wtp.address, &facts);
    }
    assert_eq!(of(&story, "Predownload status"), "Complete");
    assert_eq!(of(&story, "Completed"), "Thu Feb  1 17:02:00 UTC 2024 (took 00:01:59)");
    assert_eq!((of(&story, "Percent"), of(&story, "ETA")), ("100".into(), "N/A".into()));
    assert!(status(&story).ends_with("total  5    0          0               5         0              0\n"));
}

#[test]
fn a_name_of_32_characters_and_an_ipv6_address_leave_the_columns_in_line() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    let long = "A".repeat(32);
    for (n, name, from) in [(1, "AP-1", "172.16.4.1:5248"), (2, &long, "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:5248")]
    {
        let wtp = ap(name, &format!("2c5a.0f40.{n}000"), from);
        let session = story.joined(&wtp, "C9105AXI-B", "17.9.4.27", None, None);
        story.in_run(session, &wtp);
    }
    let known = story.state.fleet.wtps.len();
    for (what, header, column, value) in [
        (Show::ApStatus, "AP Name", "RD", "-B"),
        (Show::ApJoins, "Base MAC", "Status", "Joined"),
        (Show::Predownloads, "AP Name", "Method", "N/A"),
    ] {
        let text = shown(&story, &what);
        assert_eq!(text.lines().skip_while(|l| !l.starts_with("---")).count(), known + 1, "{text}");
        for name in ["AP-1", &long] {
            assert_eq!(cell(&text, header, name, column), value, "{text}");
        }
        assert!(text.lines().all(|l| l == l.trim_end()), "{text}");
    }
}

#[test]
fn the_identity_stands_for_the_name_of_an_ap_that_has_none() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    let mut wtp = ap("", "0000.0000.0000", "172.16.4.1:5248");
    wtp.id = WtpId::CommonName("AP3G2-2c5a0f40\x1b6920".into());
    story.joined(&wtp, "C9105AXI", "17.9.4.27", None, None);
    let text = shown(&story, &Show::ApConfig("ap3g2-2c5a0f40_6920".into()));
    assert!(text.starts_with("Cisco AP Name   : AP3G2-2c5a0f40 6920\n"), "{text}");
    assert!(!text.contains('\x1b'), "a name moves no cursor");
    assert_eq!(cell(&shown(&story, &Show::ApJoins), "Base MAC", "AP3G2", "Base MAC"), "N/A");
}
