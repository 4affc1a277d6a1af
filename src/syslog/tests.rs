use std::fmt::Write as _;

use capledger_schema::event::{
    CampaignOutcome, CampaignPhase, CampaignPlan, DisjoinReason, DownloadMode, Finding, FindingSubject, InstallAction,
    LoginFailure, LoginMethod, OnError, OperatorLogin, OperatorLogout, RefusalReason, RollbackReason, TransferredData,
    Verdict,
};
use capledger_schema::failure::{DownloadFailureKind, FetchFailureKind};
use capledger_schema::id::{CampaignId, OperationId, SessionId, Sha256};
use capledger_schema::project::{Config, Projection};
use capledger_schema::setting::{LogFraming, LogHost, LogStamp, LogTransport, ServeProtocol, Setting, Timezone};
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Event, Subject};
use jiff::tz::{Offset, TimeZone};

use super::*;
use crate::story::{Story, ap, assert_golden, family, image, moment, version};

fn bare(story: &Story) -> String {
    story.log.entries().fold(String::new(), |mut out, entry| {
        let _ = writeln!(out, "{}", entry.bare(&TimeFormat::default()));
        out
    })
}

/// The tries of the reference, in its order and at its moments.
#[test]
fn the_reference_lines_come_out_of_the_events_to_the_byte() {
    let mut story = Story::begin("2024-02-01T17:00:00Z");
    story.log = Log::default();
    let pod = ap("AP-POD-2-2", "2c5a.0f40.6920", "172.16.4.33:5248");
    let ap9117 = ap("AP-9117", "0cd0.f897.ade0", "172.16.4.34:5248");
    let session = SessionId(7);

    let url = "sftp://******@172.16.5.62/Documents/sftp_files/EWC_17_9_4a/ap3g3";
    let fetch = story.add_started(url, "ap3g3");
    story.log = Log::default();
    story.at("2024-02-01T17:05:37.108Z").add_completed(fetch, url, image("ap3g3", "17.9.4.27"));
    story.at("2024-02-01T17:07:00.720Z").disjoined(session, &pod, DisjoinReason::ImageDownloadSuccess);

    for (disjoined, started, failed, url, kind, words) in [
        (
            "2024-02-01T20:29:14.108Z",
            "2024-02-01T20:29:17.325Z",
            "2024-02-01T20:29:25.730Z",
            "sftp://******@172.16.5.62/Documents/Wrong-Path/ap1g6",
            FetchFailureKind::NotFound,
            "No such file",
        ),
        (
            "2024-02-01T20:52:08.742Z",
            "2024-02-01T20:52:11.894Z",
            "2024-02-01T20:52:13.977Z",
            "tftp://172.16.5.27/Wrong-Path/ap1g6",
            FetchFailureKind::NotFound,
            "File not found (1)",
        ),
        (
            "2024-02-01T20:55:03.359Z",
            "2024-02-01T20:55:06.512Z",
            "2024-02-01T20:55:46.579Z",
            "tftp://172.16.5.199/EWC/17_9_4a/ap1g6",
            FetchFailureKind::TimedOut,
            "no answer in 40 s",
        ),
    ] {
        story.at(disjoined).disjoined(session, &ap9117, DisjoinReason::ImageDownloadFailed);
        let fetch = story.at(started).add_started(url, "ap1g6");
        story.at(failed).add_failed(fetch, url, "ap1g6", kind, words, None);
    }
    assert_eq!(bare(&story), include_str!("../../tests/golden/syslog_lines.txt"));
}

/// One of each, for a human to read in the golden file.
#[test]
fn every_event_that_is_a_line_reads_as_its_golden_line() {
    let mut story = Story::begin("2024-02-12T09:05:37.008Z");
    let wtp = ap("AP-POD-2-2", "2c5a.0f40.6920", "172.16.4.33:5248");
    let v6 = ap("AP six", "2c5a.0f40.6940", "[2001:db8::21]:5248");
    story.after_ms(500).tell(
        Cause::Start,
        Subject::Config,
        Event::ConfigurationChanged { changes: Vec::new(), startup: true },
    );
    story.after_ms(500).configured(Vec::new());
    story.after_ms(500).tell(
        Cause::Operator { user: "admin".into(), from: "console".into() },
        Subject::Config,
        Event::ConfigurationChanged { changes: Vec::new(), startup: false },
    );
    story.after_ms(500).discovered("172.16.4.33:5248".parse().expect("address"));
    let session = story.after_ms(500).joined(&wtp, "C9105AXI", "17.3.3.26", None, None);
    story.after_ms(500).in_run(session, &wtp);
    story.after_ms(500).in_run(session, &v6);
    let url = "tftp://172.16.5.27/EWC/17_9_4a/ap1g8";
    for kind in [
        FetchFailureKind::NotFound,
        FetchFailureKind::Permission,
        FetchFailureKind::TimedOut,
        FetchFailureKind::Refused,
        FetchFailureKind::NotAnImage,
        FetchFailureKind::WrongFamily,
        FetchFailureKind::WrongVersion,
        FetchFailureKind::TooLarge,
        FetchFailureKind::CutShort,
        FetchFailureKind::DiskFull,
        FetchFailureKind::Corrupt,
        FetchFailureKind::Protocol,
        FetchFailureKind::NoSource,
        FetchFailureKind::Local,
        FetchFailureKind::Cancelled,
    ] {
        story.after_ms(500).add_failed(OperationId(1), url, "ap1g8", kind, "the server's\r\nown words", None);
    }
    let fetch = story.after_ms(500).add_started(url, "ap1g8");
    let facts = image("ap1g8", "17.9.4.27");
    story.after_ms(500).add_completed(fetch, url, facts.clone());
    let cause = Cause::Operator { user: "admin".into(), from: "172.16.5.9".into() };
    story.after_ms(500).tell(
        cause.clone(),
        Subject::Controller,
        Event::VersionActivated { version: version("17.9.4.27") },
    );
    story.after_ms(500).predownload_requested(&wtp, &facts);
    for kind in [
        DownloadFailureKind::SessionLost,
        DownloadFailureKind::TimedOut,
        DownloadFailureKind::Rejected,
        DownloadFailureKind::DigestMismatch,
        DownloadFailureKind::FlashFull,
        DownloadFailureKind::ImageUnavailable,
        DownloadFailureKind::CacheDamaged,
    ] {
        let retry = (kind != DownloadFailureKind::FlashFull).then(|| moment("2024-02-12T09:10:00Z"));
        let download = story.after_ms(500).download_started(session, &wtp, DownloadMode::Predownload, &facts);
        story.after_ms(500).download_progressed(download, 4_096, facts.octets);
        story.after_ms(500).download_failed(download, &wtp, kind, "its words", 1, retry);
    }
    let download = story.after_ms(500).download_started(session, &wtp, DownloadMode::Predownload, &facts);
    story.after_ms(500).tell(
        cause.clone(),
        Subject::Wtp(wtp.id.clone()),
        Event::ImageDownloadAborted {
            operation: download,
            wtp: wtp.clone(),
            reason: "ap image predownload abort".into(),
            octets: 9,
        },
    );
    let download = story.after_ms(500).download_started(session, &wtp, DownloadMode::Predownload, &facts);
    story.after_ms(500).download_completed(download, &wtp, &facts);
    for mode in [1, 2, 9] {
        let (sha256, excerpt) = (Sha256([0; 32]), "panic".into());
        let event = Event::WtpDataTransferred(TransferredData { session, mode, octets: 77, sha256, excerpt });
        story.after_ms(500).tell(Cause::Wtp(session), Subject::Wtp(wtp.id.clone()), event);
    }
    for reason in [
        DisjoinReason::ImageDownloadSuccess,
        DisjoinReason::ImageDownloadFailed,
        DisjoinReason::EchoTimeout,
        DisjoinReason::DtlsClosed,
        DisjoinReason::RetransmitLimit,
        DisjoinReason::ResetByOperator,
        DisjoinReason::ResetByController,
        DisjoinReason::ReplacedByNewerSession,
        DisjoinReason::JoinTimedOut,
        DisjoinReason::ControllerStopped,
        DisjoinReason::ProtocolError,
        DisjoinReason::DataChannelDown,
    ] {
        story.after_ms(500).disjoined(session, &wtp, reason);
    }
    for (reason, name) in [
        (RefusalReason::CertificateChanged, Some("AP-1")),
        (RefusalReason::CertificateUntrusted, None),
        (RefusalReason::NoIdentity, None),
        (RefusalReason::TooManySessions, Some("AP-1")),
        (RefusalReason::MissingElements, Some("AP-1")),
        (RefusalReason::HandshakeFailed, None),
    ] {
        let address = "172.16.4.33:5248".parse().expect("address");
        let event =
            Event::WtpRefused { address, name: name.map(str::to_owned), reason, detail: "its particulars".into() };
        story.after_ms(500).tell(Cause::Peer(address), Subject::Controller, event);
    }
    story.after_ms(500).tell(
        Cause::Timer,
        Subject::Operation(fetch),
        Event::ImageRemoved { image: facts, reason: "not the running version".into() },
    );
    story.after_ms(500).tell(
        Cause::Timer,
        Subject::Controller,
        Event::LimitReached { limit: "capwap max-sessions".into(), value: 6_000 },
    );
    let (old, new) = (version("17.9.4.27"), version("17.12.1.5"));
    let campaign = CampaignId(41);
    let plan = CampaignPlan { canaries: 2, percent: 15, site: None, on_error: OnError::Stop, error_threshold: 10 };
    let collector = LogHost { address: "172.16.5.9:601".parse().expect("address"), transport: LogTransport::Tcp };
    let ended = |outcome, words: &str| Event::CampaignEnded { campaign, outcome, words: words.into() };
    let finding = |name: &str| Finding {
        subject: FindingSubject::Image(family(name)),
        verdict: Verdict::Failed,
        words: "timed out: no answer in 40 s".into(),
        action: "check tftp-image-server; UDP 69 blocked?".into(),
    };
    for event in [
        Event::InstallActionStarted { action: InstallAction::Activate, version: Some(new) },
        Event::VersionActivated { version: new },
        Event::InstallActionStarted { action: InstallAction::Commit, version: None },
        Event::VersionCommitted { version: new },
        Event::VersionRolledBack { from: new, to: old, reason: RollbackReason::Abort },
        Event::VersionRolledBack { from: new, to: old, reason: RollbackReason::Rollback },
        Event::VersionRolledBack { from: new, to: old, reason: RollbackReason::AutoAbort },
        Event::VersionUnstaged { version: new },
        Event::InstallActionFailed { action: InstallAction::Add, version: None, words: "no agreement".into() },
        Event::InstallActionFailed { action: InstallAction::Activate, version: Some(new), words: "its words".into() },
        Event::ImageServerListening {
            protocol: ServeProtocol::Tftp,
            listen: "172.16.4.26:69".parse().expect("address"),
        },
        Event::ImageServerFailed {
            protocol: ServeProtocol::Sftp,
            listen: "172.16.4.26:22".parse().expect("address"),
            words: "Address already in use".into(),
        },
        Event::LoggingHostFailed { host: collector, words: "Connection refused".into(), lines: 4 },
        Event::LoggingHostStarted { host: collector },
        Event::ImageNotTaken { wtp: wtp.clone(), expected: new, reports: Some(old), tries: 1, next_retry: None },
        Event::PreflightCompleted { operation: OperationId(40), findings: vec![finding("ap1g6"), finding("ap1g8")] },
        Event::CampaignStarted { campaign, version: new, plan, wtps: 120 },
        Event::CampaignPhaseChanged { campaign, phase: CampaignPhase::Activate, iteration: 0 },
        Event::CampaignPhaseChanged { campaign, phase: CampaignPhase::Rejoin, iteration: 3 },
        Event::CampaignWtpMissing { campaign, wtp: wtp.clone(), words: "not back within 540 s".into() },
        Event::CampaignPaused { campaign, reason: "by operator".into() },
        Event::CampaignResumed { campaign },
        ended(CampaignOutcome::Completed, "118 of 120 APs run 17.12.1.5"),
        ended(CampaignOutcome::Stopped, "1 of 2 canaries did not come to run 17.12.1.5"),
        ended(CampaignOutcome::Aborted, "by operator"),
        ended(CampaignOutcome::PreflightFailed, "no AP was touched"),
    ] {
        story.after_ms(500).tell(cause.clone(), Subject::Controller, event);
    }
    let (user, from) = ("admin".to_owned(), "172.16.5.77:50022".parse().expect("address"));
    let method = LoginMethod::Password;
    for event in [
        Event::OperatorLoginFailed(LoginFailure { user: user.clone(), from, port: 2222, method, tries: 1 }),
        Event::OperatorLoggedIn(OperatorLogin { vty: 0, user: user.clone(), from, port: 2222, method, privilege: 15 }),
        Event::OperatorLoginFailed(LoginFailure {
            user: user.clone(),
            from,
            port: 2222,
            method: LoginMethod::Enable,
            tries: 1,
        }),
        Event::OperatorLoggedOut(OperatorLogout { vty: 0, user, from, reason: "exit".into(), duration_us: 1 }),
    ] {
        story.after_ms(500).tell(cause.clone(), Subject::Controller, event);
    }
    let (from, to) = (moment("2024-02-12T09:30:00Z"), moment("2024-02-12T11:30:00.250Z"));
    story.after_ms(500).tell(Cause::Timer, Subject::Controller, Event::ClockStepped { from, to });
    story.at("2024-02-12T11:30:01Z").tell(
        cause,
        Subject::Controller,
        Event::ControllerStopped { reason: "Reload Command".into() },
    );
    story.after_ms(500).tell(Cause::Start, Subject::Controller, Event::ControllerStopped { reason: "signal".into() });
    assert_golden("syslog_every_event.txt", &bare(&story));
}

/// The line of one entry, as a configuration with these settings has it.
fn configured(settings: &[Setting]) -> String {
    let mut config = Config::default();
    for setting in settings {
        config.set(setting);
    }
    let entry = Entry { started: Some(moment("2024-02-01T15:03:32.108Z")), ..one_entry() };
    entry.bare(&TimeFormat::of(&config)).replace(&entry.line.to_string(), "%LINE")
}

#[test]
fn service_timestamps_sequence_numbers_and_the_zone_say_what_stands_before_a_line() {
    let stamp = |msec, localtime, show_timezone, year| {
        Setting::LogTimestamps(Some(LogStamp::Datetime { msec, localtime, show_timezone, year }))
    };
    let zone = Setting::ClockTimezone(Some(Timezone { name: "NST".into(), minutes: -210 }));
    for (settings, wanted) in [
        (vec![], "*Feb  1 17:05:37.108: %LINE"),
        (vec![stamp(false, false, false, false)], "*Feb  1 17:05:37: %LINE"),
        (vec![stamp(true, false, true, true), zone.clone()], "*Feb  1 2024 17:05:37.108 UTC: %LINE"),
        (vec![stamp(true, true, true, true), zone.clone()], "*Feb  1 2024 13:35:37.108 NST: %LINE"),
        (vec![stamp(true, true, true, false)], "*Feb  1 17:05:37.108 UTC: %LINE"),
        (vec![Setting::LogTimestamps(Some(LogStamp::Uptime))], "02:02:05: %LINE"),
        (vec![Setting::LogTimestamps(None)], "%LINE"),
        (vec![Setting::LogTimestamps(None), Setting::LogSequenceNumbers(true)], "000042: %LINE"),
        (vec![Setting::LogSequenceNumbers(true)], "000042: *Feb  1 17:05:37.108: %LINE"),
    ] {
        assert_eq!(configured(&settings), wanted, "{settings:?}");
    }
    let mut config = Config::default();
    config.set(&zone);
    let clock = TimeFormat::of(&config).clock(moment("2024-02-01T17:05:37.108Z"));
    assert_eq!(clock, "*13:35:37.108 NST Thu Feb 1 2024");
}

#[test]
fn an_uptime_is_told_in_two_units_as_ios_tells_it() {
    let uptime = TimeFormat { stamp: Stamp::Uptime, ..TimeFormat::default() };
    for (days, hours, wanted) in
        [(0, 0, "00:00:05"), (0, 23, "23:00:05"), (1, 4, "1d04h"), (8, 0, "1w1d"), (370, 0, "1y0w"), (800, 0, "2y10w")]
    {
        let at = one_entry().at;
        let started = Timestamp(at.0 - (days * 86_400 + hours * 3_600 + 5) * 1_000_000);
        let entry = Entry { started: Some(started), ..one_entry() };
        assert!(entry.bare(&uptime).starts_with(&format!("{wanted}: %")), "{}", entry.bare(&uptime));
    }
}

fn one_entry() -> Entry {
    let mut story = Story::begin("2024-02-01T17:05:37.108Z");
    for _ in 1..42 {
        story.configured(Vec::new());
    }
    story.log.entries().last().expect("a line").clone()
}

#[test]
fn a_change_is_told_with_the_line_of_the_session_that_made_it() {
    let mut story = Story::begin("2024-02-01T17:05:37.108Z");
    for from in ["vty3 (172.16.5.9)", "172.16.5.9", "console"] {
        let cause = Cause::Operator { user: "admin".into(), from: from.into() };
        let event = Event::ConfigurationChanged { changes: Vec::new(), startup: false };
        story.tell(cause, Subject::Config, event);
    }
    let lines = [
        "System restarted -- Capledger 0.1.0",
        "Configured from console by admin on vty3 (172.16.5.9)",
        "Configured from console by admin on vty0 (172.16.5.9)",
        "Configured from console by admin on console",
    ];
    let told = bare(&story);
    for (told, line) in told.lines().zip(&lines) {
        assert!(told.ends_with(*line), "{told}");
    }
    assert_eq!(told.lines().count(), lines.len());
}

#[test]
fn the_wire_form_begins_with_priority_and_count() {
    let text = "%SYS-5-CONFIG_I: Configured from console by admin on vty0 (172.16.5.9)";
    let time = TimeFormat::default();
    assert_eq!(wire::ios(&one_entry(), None, &time), format!("<189>42: *Feb  1 17:05:37.108: {text}"));
    assert_eq!(
        wire::ios(&one_entry(), Some("ewc-9120"), &time),
        format!("<189>42: ewc-9120: *Feb  1 17:05:37.108: {text}")
    );
}

#[test]
fn the_time_takes_every_option_of_service_timestamps() {
    let at = moment("2024-02-12T17:05:37.108Z");
    let form = |mark, milliseconds, year, show_timezone| {
        let zone = TimeZone::UTC;
        TimeFormat { mark, milliseconds, year, show_timezone, zone, ..TimeFormat::default() }.format(at)
    };
    assert_eq!(form(ClockMark::NotAuthoritative, true, false, false), "*Feb 12 17:05:37.108");
    assert_eq!(form(ClockMark::LostSource, false, false, false), ".Feb 12 17:05:37");
    assert_eq!(form(ClockMark::Synchronised, true, true, true), "Feb 12 2024 17:05:37.108 UTC");
    let east = TimeFormat { zone: TimeZone::fixed(Offset::constant(2)), ..TimeFormat::default() };
    assert_eq!(east.format(at), "*Feb 12 19:05:37.108");
    assert_eq!(TimeFormat::default().clock(at), "*17:05:37.108 UTC Mon Feb 12 2024");
}

#[test]
fn rfc_5424_parses_with_every_field_in_its_place() {
    let sent = wire::rfc5424(&one_entry(), "9120-EWC", "0.1.0");
    let m = syslog_loose::parse_message(&sent, syslog_loose::Variant::RFC5424);
    assert_eq!(m.protocol, syslog_loose::Protocol::RFC5424(1), "{sent}");
    assert_eq!(m.facility, Some(syslog_loose::SyslogFacility::LOG_LOCAL7));
    assert_eq!(m.severity, Some(syslog_loose::SyslogSeverity::SEV_NOTICE));
    assert_eq!(m.timestamp.map(|t| t.timestamp_micros()), Some(moment("2024-02-01T17:05:37.108Z").0));
    assert_eq!(m.hostname, Some("9120-EWC"));
    assert_eq!(m.appname, Some("capledger"));
    assert_eq!(m.msgid, Some("CONFIG_I"));
    let params: Vec<_> =
        m.structured_data.iter().flat_map(|e| e.params().map(move |(k, v)| format!("{}.{k}={v}", e.id))).collect();
    assert_eq!(params, ["meta.sequenceId=42", "origin.software=capledger", "origin.swVersion=0.1.0"]);
    assert_eq!(m.msg, "%SYS-5-CONFIG_I: Configured from console by admin on vty0 (172.16.5.9)");
}

#[test]
fn an_rfc_3164_header_parses_and_leaves_the_ios_line_whole() {
    let sent = wire::rfc3164(&one_entry(), "ewc-9120", &TimeFormat::default());
    assert!(sent.starts_with("<189>Feb  1 17:05:37 ewc-9120 42: *Feb  1 17:05:37.108: %SYS-5-CONFIG_I: "), "{sent}");
    let m = syslog_loose::parse_message_with_year(&sent, |_| 2024, syslog_loose::Variant::RFC3164);
    assert_eq!(m.protocol, syslog_loose::Protocol::RFC3164);
    assert_eq!(m.facility, Some(syslog_loose::SyslogFacility::LOG_LOCAL7));
    assert_eq!(m.severity, Some(syslog_loose::SyslogSeverity::SEV_NOTICE));
    assert_eq!(m.hostname, Some("ewc-9120"));
    assert!(m.timestamp.is_some());
    assert!(sent.ends_with(m.msg) && m.msg.contains("*Feb  1 17:05:37.108: %SYS-5-CONFIG_I"), "{}", m.msg);
}

#[test]
fn a_hostname_of_any_kind_makes_a_readable_header() {
    for hostname in ["", "a b", "é", "x\ny"] {
        let sent = wire::rfc5424(&one_entry(), hostname, "a\"b]c\\d");
        let m = syslog_loose::parse_message(&sent, syslog_loose::Variant::RFC5424);
        assert_eq!(m.protocol, syslog_loose::Protocol::RFC5424(1), "{sent}");
        assert_eq!(m.appname, Some("capledger"), "{sent}");
        assert!(m.msg.starts_with("%SYS-5-CONFIG_I"), "{sent}");
    }
}

#[test]
fn the_log_counts_every_line_and_keeps_the_last_ones() {
    let mut story = Story::begin("2024-02-01T17:05:37.108Z");
    for _ in 0..9 {
        story.configured(Vec::new()).discovered("127.0.0.1:5000".parse().expect("address"));
    }
    let mut small = Log::new(3);
    for e in &story.envelopes {
        small.apply(e);
    }
    assert_eq!(small.lines(), 10);
    assert_eq!(small.entries().map(|e| e.ordinal).collect::<Vec<_>>(), [8, 9, 10]);
    let kept: Vec<_> = story.log.entries().skip(7).collect();
    assert_eq!(small.entries().collect::<Vec<_>>(), kept, "the ordinal does not depend on what is kept");
}

#[test]
fn foreign_words_stay_on_one_line_and_within_the_limit() {
    let line = IosLine::new(Severity::Error, "SYS", "X", &format!("a\r\nb\u{0}c{}", "é".repeat(5_000)));
    assert!(line.text.starts_with("a??b?cé"));
    assert!((TEXT_LIMIT - 1..=TEXT_LIMIT).contains(&line.text.len()), "{}", line.text.len());
}

#[test]
fn a_line_in_a_stream_is_framed_as_rfc_6587_has_it() {
    let mut stream = Vec::new();
    wire::frame(&mut stream, "<189>1: \u{e9}", LogFraming::OctetCounting);
    wire::frame(&mut stream, "<189>2: b", LogFraming::OctetCounting);
    assert_eq!(stream, "10 <189>1: \u{e9}9 <189>2: b".as_bytes());
    stream.clear();
    wire::frame(&mut stream, "<189>1: a", LogFraming::Newline);
    wire::frame(&mut stream, "<189>2: b", LogFraming::Newline);
    assert_eq!(stream, b"<189>1: a\n<189>2: b\n");
}
