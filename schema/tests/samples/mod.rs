//! One realistic envelope per event.

use capledger_schema::event::{
    CampaignOutcome, CampaignPhase, CampaignPlan, CipherSuite, DisjoinReason, DownloadMethod, DownloadMode,
    DtlsSession, DtlsVersion, Event, Finding, FindingSubject, InstallAction, LoginFailure, LoginMethod, OnError,
    OperatorLogin, OperatorLogout, RefusalReason, RejectedMessage, RollbackReason, ServerKeyKind, SessionDescription,
    TransferredData, Verdict, WtpAddress, WtpInventory,
};
use capledger_schema::failure::{DownloadFailureKind, FetchFailure, FetchFailureKind};
use capledger_schema::id::{
    CampaignId, ControllerId, MacAddr, Md5, OperationId, SecretId, Seq, SessionId, Sha256, WtpId,
};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::setting::{
    CapwapTimer, DtlsVersions, HttpsTrust, ImageDownloadMode, ImageJoin, ImageServer, JoinPolicy, LogDelivery, LogForm,
    LogFraming, LogHost, LogStamp, LogTransport, ServeLogin, ServeProtocol, Setting, Timezone, UserChange,
};
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Envelope, Source, Subject};

/// An event's name, as its JSON form and its golden file have it. No wildcard: a new event must be named here, and the
/// tests then ask for its sample.
pub(crate) fn name(event: &Event) -> &'static str {
    match event {
        Event::ControllerStarted { .. } => "controller_started",
        Event::ControllerStopped { .. } => "controller_stopped",
        Event::ClockStepped { .. } => "clock_stepped",
        Event::ConfigurationChanged { .. } => "configuration_changed",
        Event::WtpDiscovered { .. } => "wtp_discovered",
        Event::WtpJoined { .. } => "wtp_joined",
        Event::WtpRefused { .. } => "wtp_refused",
        Event::WtpEnteredRun { .. } => "wtp_entered_run",
        Event::WtpDisjoined { .. } => "wtp_disjoined",
        Event::WtpMessageRejected { .. } => "wtp_message_rejected",
        Event::WtpDataTransferred { .. } => "wtp_data_transferred",
        Event::InstallAddStarted { .. } => "install_add_started",
        Event::InstallAddProgressed { .. } => "install_add_progressed",
        Event::InstallAddCompleted { .. } => "install_add_completed",
        Event::InstallAddFailed { .. } => "install_add_failed",
        Event::ImageRemoved { .. } => "image_removed",
        Event::VersionActivated { .. } => "version_activated",
        Event::ImageDownloadStarted { .. } => "image_download_started",
        Event::ImageDownloadProgressed { .. } => "image_download_progressed",
        Event::ImageDownloadCompleted { .. } => "image_download_completed",
        Event::ImageDownloadFailed { .. } => "image_download_failed",
        Event::ImageDownloadAborted { .. } => "image_download_aborted",
        Event::PredownloadRequested { .. } => "predownload_requested",
        Event::PredownloadAlreadyPresent { .. } => "predownload_already_present",
        Event::WtpResetRequested { .. } => "wtp_reset_requested",
        Event::LimitReached { .. } => "limit_reached",
        Event::PredownloadWithdrawn { .. } => "predownload_withdrawn",
        Event::ServerKeyPinned { .. } => "server_key_pinned",
        Event::ServerKeyForgotten { .. } => "server_key_forgotten",
        Event::ImageServeStarted { .. } => "image_serve_started",
        Event::ImageServeProgressed { .. } => "image_serve_progressed",
        Event::ImageServeCompleted { .. } => "image_serve_completed",
        Event::ImageServeFailed { .. } => "image_serve_failed",
        Event::VersionStaged { .. } => "version_staged",
        Event::VersionCommitted { .. } => "version_committed",
        Event::AutoAbortArmed { .. } => "auto_abort_armed",
        Event::VersionRolledBack { .. } => "version_rolled_back",
        Event::WtpImageSwapped { .. } => "wtp_image_swapped",
        Event::ImageNotTaken { .. } => "image_not_taken",
        Event::PreflightStarted { .. } => "preflight_started",
        Event::PreflightCompleted { .. } => "preflight_completed",
        Event::CampaignStarted { .. } => "campaign_started",
        Event::CampaignWtpChosen { .. } => "campaign_wtp_chosen",
        Event::CampaignPhaseChanged { .. } => "campaign_phase_changed",
        Event::CampaignWtpMissing { .. } => "campaign_wtp_missing",
        Event::CampaignPaused { .. } => "campaign_paused",
        Event::CampaignResumed { .. } => "campaign_resumed",
        Event::CampaignEnded { .. } => "campaign_ended",
        Event::VersionUnstaged { .. } => "version_unstaged",
        Event::InstallActionStarted { .. } => "install_action_started",
        Event::InstallActionFailed { .. } => "install_action_failed",
        Event::ImageServerListening { .. } => "image_server_listening",
        Event::ImageServerFailed { .. } => "image_server_failed",
        Event::OperatorLoggedIn { .. } => "operator_logged_in",
        Event::OperatorLoginFailed { .. } => "operator_login_failed",
        Event::OperatorLoggedOut { .. } => "operator_logged_out",
        Event::OperatorCommandEntered { .. } => "operator_command_entered",
        Event::ConfigurationSaved { .. } => "configuration_saved",
        Event::LogCleared {} => "log_cleared",
        Event::LineCleared { .. } => "line_cleared",
        Event::WtpSessionDescribed(_) => "wtp_session_described",
        Event::ImageDownloadRetransmitted { .. } => "image_download_retransmitted",
        Event::LoggingHostStarted { .. } => "logging_host_started",
        Event::LoggingHostFailed { .. } => "logging_host_failed",
    }
}

fn version(text: &str) -> ImageVersion {
    text.parse().expect("a version")
}

fn family() -> ImageFamily {
    "ap1g8".parse().expect("a family")
}

fn wtp() -> WtpAddress {
    WtpAddress {
        id: WtpId::BaseMac(MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x20])),
        name: "AP2C5A-0F40-6920".to_owned(),
        base_mac: MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x20]),
        ethernet_mac: MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x24]),
        wtp: "10.0.0.21:5272".parse().expect("an address"),
        ac: "[fd00::2]:5246".parse().expect("an address"),
    }
}

fn image() -> ImageFacts {
    ImageFacts {
        family: family(),
        version: version("17.9.4.27"),
        octets: 70_512_640,
        sha256: Sha256([0x5a; 32]),
        md5: Md5([0x3d; 16]),
    }
}

fn settings() -> Vec<Setting> {
    vec![
        Setting::Hostname("9120-EWC".to_owned()),
        Setting::SoftwareVersion(Some(version("17.9.4.27"))),
        Setting::LoggingHost("10.0.0.9:514".parse().expect("an address")),
        Setting::NoLoggingHost("10.0.0.8:514".parse().expect("an address")),
        Setting::LoggingOriginId(true),
        Setting::CapwapListen("0.0.0.0:5246".parse().expect("an address")),
        Setting::NoCapwapListen("[::]:5246".parse().expect("an address")),
        Setting::CapwapMaxSessions(6000),
        Setting::CapwapStrict(false),
        Setting::CapwapBlockSize(1377),
        Setting::CapwapTimer(CapwapTimer::Dead, 96_000),
        Setting::CapwapMaxRetransmit(5),
        Setting::CapwapAddress(Some("10.0.0.2".parse().expect("an address"))),
        Setting::DtlsHandshakeMtu(1300),
        Setting::DtlsMaxHalfOpen(256),
        Setting::JoinPolicy(JoinPolicy::Pin),
        Setting::JoinAuthority(Some("ca.pem".to_owned())),
        Setting::ImageJoin(ImageJoin::Immediate),
        Setting::ImageLocal(family(), "ap1g8.tar".to_owned()),
        Setting::NoImageLocal(family()),
        Setting::ImageDownloadMode(Some(ImageDownloadMode::Tftp)),
        Setting::TftpImageServer(Some(ImageServer { host: "10.0.0.5".to_owned(), port: Some(69) })),
        Setting::TftpImagePath(Some("/17.9.4".to_owned())),
        Setting::ImageMaxSize(1 << 30),
        Setting::ImageRetryDelay(30),
        Setting::TftpTimeout(40),
    ]
}

/// The settings of the upgrade window, which came later.
fn later_settings() -> Vec<Setting> {
    vec![
        Setting::SftpImageServer(Some(ImageServer { host: "10.0.0.6".to_owned(), port: Some(22) })),
        Setting::SftpImagePath(Some("/EWC/17_9_4a".to_owned())),
        Setting::SftpUsername(Some("images".to_owned())),
        Setting::SftpPassword(Some(SecretId(1))),
        Setting::SftpKey(Some("id_ed25519".to_owned())),
        Setting::HttpImageServer(Some(ImageServer { host: "images.example".to_owned(), port: None })),
        Setting::HttpImagePath(Some("/17.9.4".to_owned())),
        Setting::HttpsTrust(HttpsTrust::Pin),
        Setting::HttpsAuthority(Some("ca.pem".to_owned())),
        Setting::ImageServe(ServeProtocol::Sftp, "10.0.0.2:22".parse().expect("an address"), "bundle".to_owned()),
        Setting::NoImageServe(ServeProtocol::Tftp, "10.0.0.2:69".parse().expect("an address")),
        Setting::ImageServeLogin(Some(ServeLogin { user: "images".to_owned(), password: SecretId(2) })),
        Setting::PredownloadLimit(100),
        Setting::PredownloadBandwidth(Some(50)),
        Setting::ImageMaxTries(5),
        Setting::InstallAutoAbort(120),
        Setting::UpgradeIntegrityLimit(3),
        Setting::UpgradeSiteShare(25),
        Setting::UpgradeRejoinPercent(90),
        Setting::UpgradeIterationExpiry(540),
        Setting::DtlsVersions(DtlsVersions::All),
        Setting::DtlsCiphersuite("AES128-SHA".to_owned(), true),
        Setting::DtlsPsk("ap-1".to_owned(), Some(SecretId(3))),
        Setting::ImageMap("C9999".to_owned(), Some(family())),
        Setting::ImageAlias("/c1130".to_owned(), Some(family())),
    ]
}

/// In which form lines of the log leave.
fn logging_settings() -> Vec<Setting> {
    let host = |text: &str| text.parse().expect("an address");
    let moment = LogStamp::Datetime { msec: true, localtime: false, show_timezone: true, year: false };
    vec![
        Setting::LoggingHostForm(host("10.0.0.9:514"), LogForm::Ios),
        Setting::LoggingHostForm(host("10.0.0.9:514"), LogForm::Rfc3164),
        Setting::LoggingHostForm(host("[fd00::9]:5514"), LogForm::Rfc5424),
        Setting::LogTimestamps(None),
        Setting::LogTimestamps(Some(LogStamp::Uptime)),
        Setting::LogTimestamps(Some(moment)),
        Setting::LogSequenceNumbers(true),
        Setting::ClockTimezone(None),
        Setting::ClockTimezone(Some(Timezone { name: "NST".to_owned(), minutes: -210 })),
    ]
}

fn collector(address: &str, transport: LogTransport) -> LogHost {
    LogHost { address: address.parse().expect("an address"), transport }
}

fn collector_settings() -> Vec<Setting> {
    let (tcp, tls) = (collector("10.0.0.9:601", LogTransport::Tcp), collector("[fd00::9]:6514", LogTransport::Tls));
    let newline = LogDelivery { form: LogForm::Rfc3164, framing: LogFraming::Newline, name: None };
    let named = LogDelivery { form: LogForm::Rfc5424, name: Some("log.example".to_owned()), ..LogDelivery::default() };
    vec![
        Setting::LoggingHostOver(LogHost { transport: LogTransport::Udp, ..tcp }, LogDelivery::default()),
        Setting::LoggingHostOver(tcp, newline),
        Setting::LoggingHostOver(tls, named),
        Setting::NoLoggingHostOver(tcp),
        Setting::LoggingTlsAuthority(Some("log-ca.pem".to_owned())),
        Setting::LoggingTlsAuthority(None),
    ]
}

/// Who may log in, and how.
fn access_settings() -> Vec<Setting> {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwdaGbzsK3ZG6e1Ee8cF5mvhU5Q6uMHRWpFrX0sN5Wq".to_owned();
    vec![
        Setting::User("admin".to_owned(), UserChange { privilege: Some(15), secret: Some(SecretId(0x5ec)) }),
        Setting::NoUser("guest".to_owned()),
        Setting::UserKey("admin".to_owned(), key.clone(), true),
        Setting::UserKey("admin".to_owned(), key, false),
        Setting::NoUserKeys("guest".to_owned()),
        Setting::EnableSecret(Some(SecretId(0x5ed))),
        Setting::SshPort(2022),
        Setting::SshListen("10.0.0.1".parse().ok()),
        Setting::ExecTimeout(90),
    ]
}

/// How long, and how often, a login may be tried.
fn ssh_settings() -> Vec<Setting> {
    vec![Setting::SshTimeOut(20), Setting::SshRetries(5)]
}

/// One envelope per event, numbered from 1.
pub(crate) fn samples() -> Vec<Envelope> {
    let session = SessionId(0x51);
    let operation = OperationId(0x0b);
    let campaign = CampaignId(0x0c);
    let url = || "tftp://10.0.0.5/17.9.4/ap1g8".to_owned();
    let later = Timestamp(1_706_807_137_108_000);
    let (by_wtp, of_wtp) = (Cause::Wtp(session), Subject::Wtp(wtp().id));
    let of_operation = Subject::Operation(operation);
    let operator = Cause::Operator { user: "admin".to_owned(), from: "console".to_owned() };

    let by_admin = Cause::Operator { user: "admin".to_owned(), from: "10.0.0.77".to_owned() };

    let events = vec![
        (
            Cause::Start,
            Subject::Controller,
            Event::ControllerStarted { controller: ControllerId(0xc0de), software: "0.1.0".to_owned() },
        ),
        (Cause::Start, Subject::Controller, Event::ControllerStopped { reason: "signal".to_owned() }),
        (Cause::Timer, Subject::Controller, Event::ClockStepped { from: Timestamp(-1), to: later }),
        (operator.clone(), Subject::Config, Event::ConfigurationChanged { changes: settings(), startup: true }),
        (
            Cause::Peer("10.0.0.21:5272".parse().expect("an address")),
            Subject::Wtp(WtpId::CommonName("C9105AXI-2C5A0F406920".to_owned())),
            Event::WtpDiscovered {
                address: "10.0.0.21:5272".parse().expect("an address"),
                discovery_type: 2,
                model: Some("C9105AXI-B".to_owned()),
                base_mac: Some(wtp().base_mac),
            },
        ),
        (
            by_wtp.clone(),
            of_wtp.clone(),
            Event::WtpJoined {
                session,
                wtp: wtp(),
                inventory: WtpInventory {
                    model: "C9105AXI-B".to_owned(),
                    serial: "KWC254505TY".to_owned(),
                    family: Some(family()),
                    version: Some(version("17.3.3.26")),
                    backup: None,
                    location: "default location".to_owned(),
                    radios: 2,
                },
                certificate: Some(Sha256([0xce; 32])),
                missing: vec!["ECN Support".to_owned()],
                offered: Some(version("17.9.4.27")),
            },
        ),
        (
            Cause::Peer("[fd00::21]:5272".parse().expect("an address")),
            Subject::Wtp(WtpId::PskIdentity("lab".to_owned())),
            Event::WtpRefused {
                address: "[fd00::21]:5272".parse().expect("an address"),
                name: None,
                reason: RefusalReason::CertificateChanged,
                detail: "another certificate than at the first join".to_owned(),
            },
        ),
        (by_wtp.clone(), of_wtp.clone(), Event::WtpEnteredRun { session, wtp: wtp() }),
        (
            by_wtp.clone(),
            of_wtp.clone(),
            Event::WtpDisjoined { session, wtp: wtp(), reason: DisjoinReason::ImageDownloadSuccess },
        ),
        (
            by_wtp.clone(),
            of_wtp.clone(),
            Event::WtpMessageRejected(RejectedMessage {
                session,
                message: "Station Configuration Response".to_owned(),
                state: "Run".to_owned(),
                result: Some(18),
            }),
        ),
        (
            by_wtp.clone(),
            of_wtp.clone(),
            Event::WtpDataTransferred(TransferredData {
                session,
                mode: 1,
                octets: 4096,
                sha256: Sha256([0xda; 32]),
                excerpt: "panic: not syncing".to_owned(),
            }),
        ),
        (
            Cause::Operation(operation),
            of_operation.clone(),
            Event::InstallAddStarted {
                operation,
                url: url(),
                family: Some(family()),
                version: Some(version("17.9.4.27")),
            },
        ),
        (
            Cause::Operation(operation),
            of_operation.clone(),
            Event::InstallAddProgressed { operation, octets: 3_525_632, total: Some(70_512_640) },
        ),
        (
            Cause::Operation(operation),
            of_operation.clone(),
            Event::InstallAddCompleted { operation, url: url(), image: image(), duration_us: 1_250_000 },
        ),
        (
            Cause::Operation(operation),
            of_operation.clone(),
            Event::InstallAddFailed {
                operation,
                url: url(),
                family: Some(family()),
                failure: FetchFailure::new(FetchFailureKind::NotFound, "File not found"),
                octets: 0,
                next_try: Some(later),
            },
        ),
        (
            operator.clone(),
            Subject::Controller,
            Event::ImageRemoved { image: image(), reason: "install remove inactive".to_owned() },
        ),
        (operator.clone(), Subject::Config, Event::VersionActivated { version: version("17.9.4.27") }),
        (
            by_wtp.clone(),
            of_wtp.clone(),
            Event::ImageDownloadStarted {
                operation,
                session,
                wtp: wtp(),
                mode: DownloadMode::Join,
                method: DownloadMethod::Capwap,
                family: family(),
                from: Some(version("17.3.3.26")),
                to: version("17.9.4.27"),
                octets: Some(70_512_640),
            },
        ),
        (
            by_wtp.clone(),
            of_wtp.clone(),
            Event::ImageDownloadProgressed { operation, octets: 35_256_320, total: 70_512_640 },
        ),
        (
            by_wtp.clone(),
            of_wtp.clone(),
            Event::ImageDownloadCompleted {
                operation,
                wtp: wtp(),
                image: image(),
                messages: 51_208,
                last: 601,
                duration_us: 96_200_000,
                retransmissions: 3,
            },
        ),
        (
            Cause::Timer,
            of_wtp.clone(),
            Event::ImageDownloadFailed {
                operation,
                wtp: wtp(),
                kind: DownloadFailureKind::TimedOut,
                words: "no acknowledgement of block 12".to_owned(),
                octets: 16_524,
                tries: 1,
                next_retry: Some(later),
            },
        ),
        (
            operator.clone(),
            of_wtp.clone(),
            Event::ImageDownloadAborted {
                operation,
                wtp: wtp(),
                reason: "ap image predownload abort".to_owned(),
                octets: 1377,
            },
        ),
        (
            operator.clone(),
            of_wtp.clone(),
            Event::PredownloadRequested { wtp: wtp(), family: family(), version: version("17.9.4.27"), reset: false },
        ),
        (
            by_wtp.clone(),
            of_wtp.clone(),
            Event::PredownloadAlreadyPresent { wtp: wtp(), version: version("17.9.4.27") },
        ),
        (
            operator.clone(),
            of_wtp.clone(),
            Event::WtpResetRequested { session, wtp: wtp(), version: Some(version("17.9.4.27")) },
        ),
        (
            Cause::Timer,
            Subject::Controller,
            Event::LimitReached { limit: "capwap max-sessions".to_owned(), value: 6000 },
        ),
        (
            operator.clone(),
            of_wtp.clone(),
            Event::PredownloadWithdrawn { wtp: wtp(), reason: "ap image predownload abort".to_owned() },
        ),
        (operator.clone(), Subject::Config, Event::ConfigurationChanged { changes: later_settings(), startup: false }),
        (
            Cause::Operation(operation),
            of_operation.clone(),
            Event::ServerKeyPinned {
                host: "10.0.0.6".to_owned(),
                port: 22,
                kind: ServerKeyKind::Ssh,
                algorithm: "ssh-ed25519".to_owned(),
                fingerprint: Sha256([0x11; 32]),
            },
        ),
        (
            operator.clone(),
            Subject::Controller,
            Event::ServerKeyForgotten { host: "10.0.0.6".to_owned(), port: 443, kind: ServerKeyKind::Tls },
        ),
        (
            Cause::Peer("10.0.0.21:40000".parse().expect("an address")),
            of_operation.clone(),
            Event::ImageServeStarted {
                operation,
                protocol: ServeProtocol::Sftp,
                client: "10.0.0.21:40000".parse().expect("an address"),
                user: Some("images".to_owned()),
                file: "ap1g8".to_owned(),
                octets: Some(70_512_640),
            },
        ),
        (
            Cause::Operation(operation),
            of_operation.clone(),
            Event::ImageServeProgressed { operation, octets: 3_525_632 },
        ),
        (
            Cause::Operation(operation),
            of_operation.clone(),
            Event::ImageServeCompleted { operation, octets: 70_512_640, duration_us: 400_000 },
        ),
        (
            Cause::Operation(operation),
            of_operation.clone(),
            Event::ImageServeFailed { operation, words: "no such file".to_owned(), octets: 0 },
        ),
        (Cause::Operation(operation), Subject::Controller, Event::VersionStaged { version: version("17.12.1.5") }),
        (operator.clone(), Subject::Controller, Event::VersionCommitted { version: version("17.12.1.5") }),
        (
            operator.clone(),
            Subject::Controller,
            Event::AutoAbortArmed { version: version("17.12.1.5"), back_to: version("17.9.4.27"), due: later },
        ),
        (
            Cause::Timer,
            Subject::Controller,
            Event::VersionRolledBack {
                from: version("17.12.1.5"),
                to: version("17.9.4.27"),
                reason: RollbackReason::AutoAbort,
            },
        ),
        (operator.clone(), of_wtp.clone(), Event::WtpImageSwapped { wtp: wtp(), next: version("17.12.1.5") }),
        (
            Cause::Wtp(session),
            of_wtp.clone(),
            Event::ImageNotTaken {
                wtp: wtp(),
                expected: version("17.12.1.5"),
                reports: Some(version("17.9.4.27")),
                tries: 1,
                next_retry: Some(later),
            },
        ),
        (
            operator.clone(),
            of_operation.clone(),
            Event::PreflightStarted { operation, version: Some(version("17.12.1.5")), families: vec![family()] },
        ),
        (
            Cause::Operation(operation),
            of_operation,
            Event::PreflightCompleted {
                operation,
                findings: vec![
                    Finding {
                        subject: FindingSubject::Image(family()),
                        verdict: Verdict::Failed,
                        words: "no answer within 40 s".to_owned(),
                        action: "UDP 69 blocked?".to_owned(),
                    },
                    Finding {
                        subject: FindingSubject::Flash("AP-9117".to_owned()),
                        verdict: Verdict::Warned,
                        words: "30000 KiB free, 70000 needed".to_owned(),
                        action: String::new(),
                    },
                ],
            },
        ),
        (
            operator.clone(),
            Subject::Campaign(campaign),
            Event::CampaignStarted {
                campaign,
                version: version("17.12.1.5"),
                plan: CampaignPlan {
                    canaries: 2,
                    percent: 15,
                    site: Some("Hall 7".to_owned()),
                    on_error: OnError::Stop,
                    error_threshold: 10,
                },
                wtps: 120,
            },
        ),
        (
            Cause::Campaign(campaign),
            Subject::Campaign(campaign),
            Event::CampaignWtpChosen { campaign, wtp: wtp().id, iteration: 1 },
        ),
        (
            Cause::Campaign(campaign),
            Subject::Campaign(campaign),
            Event::CampaignPhaseChanged { campaign, phase: CampaignPhase::Rejoin, iteration: 1 },
        ),
        (
            Cause::Timer,
            Subject::Campaign(campaign),
            Event::CampaignWtpMissing { campaign, wtp: wtp(), words: "no join since its reset".to_owned() },
        ),
        (
            operator.clone(),
            Subject::Campaign(campaign),
            Event::CampaignPaused { campaign, reason: "by operator".to_owned() },
        ),
        (operator.clone(), Subject::Campaign(campaign), Event::CampaignResumed { campaign }),
        (
            Cause::Campaign(campaign),
            Subject::Campaign(campaign),
            Event::CampaignEnded {
                campaign,
                outcome: CampaignOutcome::Stopped,
                words: "2 of 2 canaries are missing".to_owned(),
            },
        ),
        (operator.clone(), Subject::Controller, Event::VersionUnstaged { version: version("17.12.1.5") }),
        (
            operator.clone(),
            Subject::Controller,
            Event::InstallActionStarted { action: InstallAction::Activate, version: Some(version("17.12.1.5")) },
        ),
        (
            operator.clone(),
            Subject::Controller,
            Event::InstallActionFailed {
                action: InstallAction::Add,
                version: None,
                words: "the families do not agree".to_owned(),
            },
        ),
        (
            Cause::Start,
            Subject::Controller,
            Event::ImageServerListening {
                protocol: ServeProtocol::Tftp,
                listen: "10.0.0.2:69".parse().expect("an address"),
            },
        ),
        (
            Cause::Start,
            Subject::Controller,
            Event::ImageServerFailed {
                protocol: ServeProtocol::Sftp,
                listen: "10.0.0.2:22".parse().expect("an address"),
                words: "Address already in use".to_owned(),
            },
        ),
        (operator.clone(), Subject::Config, Event::ConfigurationChanged { changes: access_settings(), startup: false }),
        (
            by_admin.clone(),
            Subject::Controller,
            Event::OperatorLoggedIn(OperatorLogin {
                vty: 3,
                user: "admin".to_owned(),
                from: "10.0.0.77:50022".parse().expect("an address"),
                port: 2222,
                method: LoginMethod::PublicKey,
                privilege: 15,
            }),
        ),
        (
            by_admin.clone(),
            Subject::Controller,
            Event::OperatorLoginFailed(LoginFailure {
                user: "admin".to_owned(),
                from: "10.0.0.77:50023".parse().expect("an address"),
                port: 2222,
                method: LoginMethod::Password,
                tries: 2,
            }),
        ),
        (
            by_admin.clone(),
            Subject::Controller,
            Event::OperatorLoggedOut(OperatorLogout {
                vty: 3,
                user: "admin".to_owned(),
                from: "10.0.0.77:50022".parse().expect("an address"),
                reason: "exit".to_owned(),
                duration_us: 61_000_000,
            }),
        ),
        (
            by_admin,
            Subject::Controller,
            Event::OperatorCommandEntered {
                mode: "(config)#".to_owned(),
                line: "username admin privilege 15 secret 0 ******".to_owned(),
            },
        ),
        (
            operator.clone(),
            Subject::Config,
            Event::ConfigurationSaved { file: "startup-config".to_owned(), octets: 412, sha256: Sha256([0x77; 32]) },
        ),
        (
            operator.clone(),
            Subject::Config,
            Event::ConfigurationChanged { changes: logging_settings(), startup: false },
        ),
        (operator.clone(), Subject::Controller, Event::LogCleared {}),
        (
            operator.clone(),
            Subject::Controller,
            Event::LineCleared {
                vty: 3,
                user: "bob".to_owned(),
                from: "172.16.5.9:50022".parse().expect("an address"),
            },
        ),
        (operator.clone(), Subject::Config, Event::ConfigurationChanged { changes: ssh_settings(), startup: false }),
        (
            by_wtp.clone(),
            of_wtp.clone(),
            Event::WtpSessionDescribed(SessionDescription {
                session,
                dtls: Some(DtlsSession { version: DtlsVersion::V1_2, suite: CipherSuite(0xc02f) }),
                common_name: Some("AP1G8-2c5a0f406920".to_owned()),
                psk_identity: None,
                hardware: Some("1.0".to_owned()),
                boot: Some("1.1.2.4".to_owned()),
                software: None,
                other: Some("PS323C-v5.4-build0121".to_owned()),
            }),
        ),
        (
            Cause::Operation(operation),
            of_wtp.clone(),
            Event::ImageDownloadRetransmitted { operation, retransmissions: 7 },
        ),
        (
            operator.clone(),
            Subject::Config,
            Event::ConfigurationChanged { changes: collector_settings(), startup: false },
        ),
        (
            Cause::Timer,
            Subject::Controller,
            Event::LoggingHostFailed {
                host: collector("10.0.0.9:601", LogTransport::Tcp),
                words: "Connection refused".to_owned(),
                lines: 41,
            },
        ),
        (
            Cause::Timer,
            Subject::Controller,
            Event::LoggingHostStarted { host: collector("10.0.0.9:601", LogTransport::Tcp) },
        ),
    ];

    (1..)
        .zip(events)
        .map(|(seq, (cause, subject, event))| Envelope {
            seq: Seq(seq),
            at: Timestamp(1_706_807_107_000_000 + seq as i64),
            cause,
            source: Source::Local,
            subject,
            observed_at: (seq % 2 == 0).then_some(Timestamp(1_706_807_106_000_000)),
            event,
        })
        .collect()
}
