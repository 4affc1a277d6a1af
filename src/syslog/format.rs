//! Which event is a line, and how it reads. Text is what IOS XE 17.9 prints for the same fact; where it has no such
//! fact, the line is in its manner.

use capledger_schema::event::{
    DisjoinReason, InstallAction, LoginFailure, LoginMethod, OperatorLogin, OperatorLogout, RefusalReason,
    RollbackReason, TransferredData, WtpAddress,
};
use capledger_schema::failure::{DownloadFailureKind, FetchFailure, FetchFailureKind};
use capledger_schema::id::WtpId;
use capledger_schema::setting::ServeProtocol;
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Envelope, Event, Subject};

use super::{IosLine, Severity, TimeFormat, upgrade};

const CAPWAP: &str = "CAPWAPAC_SMGR_TRACE_MESSAGE";

/// The line of an event; none for what IOS would not log. Requests, progress and starts of downloads are none: the
/// order of the lines around a download is what operators and their scripts know.
pub fn format(envelope: &Envelope) -> Option<IosLine> {
    let line = match &envelope.event {
        Event::ControllerStarted { software, .. } => {
            sys(Severity::Notice, "RESTART", &format!("System restarted -- Capledger {software}"))
        }
        Event::ControllerStopped { reason } => {
            let by = by(&envelope.cause);
            sys(Severity::Notice, "RELOAD", &format!("Reload requested{by}. Reload Reason: {reason}."))
        }
        Event::ClockStepped { from, to } => sys(
            Severity::Informational,
            "CLOCKUPDATE",
            &format!("System clock has been updated from {} to {}.", clock(*from), clock(*to)),
        ),
        Event::ConfigurationChanged { startup, .. } => {
            sys(Severity::Notice, "CONFIG_I", &configured(&envelope.cause, *startup))
        }
        Event::WtpRefused { address, name, reason, detail } => {
            let name = name.as_deref().map(|n| format!("AP Name: {n} ")).unwrap_or_default();
            let text = format!(
                "Error in AP join, {name}Session-IP: {}[{}], {}: {detail}",
                address.ip(),
                address.port(),
                refusal_words(*reason)
            );
            wncd(Severity::Error, "EWLC_GEN_ERR", &text)
        }
        Event::WtpEnteredRun { wtp, .. } => wncd(
            Severity::Notice,
            "AP_JOIN_DISJOIN",
            &ap_event(wtp, &format!("Ethernet MAC: {} Joined", wtp.ethernet_mac)),
        ),
        Event::WtpDisjoined { wtp, reason, .. } => {
            wncd(Severity::Notice, "AP_JOIN_DISJOIN", &ap_event(wtp, &format!("Disjoined {}", disjoin_words(*reason))))
        }
        Event::WtpDataTransferred(TransferredData { mode, octets, .. }) => {
            let who = match &envelope.subject {
                Subject::Wtp(WtpId::BaseMac(mac)) => format!("Mac: {mac} "),
                Subject::Wtp(id @ (WtpId::CommonName(_) | WtpId::PskIdentity(_))) => format!("AP: {id} "),
                Subject::Controller | Subject::Operation(_) | Subject::Campaign(_) | Subject::Config => String::new(),
            };
            let what = match mode {
                1 => "crash data",
                2 => "memory dump",
                _ => "data",
            };
            wncd(Severity::Warning, "AP_DATA_TRANSFER", &format!("AP Event: {who}{what} received, {octets} octets"))
        }
        Event::InstallAddStarted { url, .. } => {
            install(Severity::Notice, "INSTALL_START_INFO", &format!("Started install add {url}"))
        }
        Event::InstallAddCompleted { url, .. } => completed(&format!("add {url}")),
        Event::InstallAddFailed { url, failure, .. } => install(
            Severity::Error,
            "OPERATION_ERROR_MESSAGE",
            &format!(
                "Failed to install_add package {url}, Error: Failed to download file {url}: {}",
                fetch_words(failure)
            ),
        ),
        Event::ImageRemoved { image, .. } => completed(&format!("remove {} {}", image.family, image.version)),
        Event::VersionActivated { version } => completed(&format!("activate {version}")),
        Event::VersionCommitted { .. } => completed("commit"),
        Event::VersionRolledBack { from, to, reason } => completed(&match reason {
            RollbackReason::Abort => format!("abort {from}, back to {to}"),
            RollbackReason::Rollback => format!("rollback {from}, back to {to}"),
            RollbackReason::AutoAbort => format!("abort {from}, back to {to}: the auto abort timer expired"),
        }),
        Event::VersionUnstaged { version } => completed(&format!("abort {version}")),
        Event::InstallActionStarted { action, version } => {
            let version = version.map(|v| format!(" {v}")).unwrap_or_default();
            let text = format!("Started install {}{version}", action_word(*action));
            install(Severity::Notice, "INSTALL_START_INFO", &text)
        }
        Event::InstallActionFailed { action, version, words } => {
            let version = version.map(|v| format!(" package {v}")).unwrap_or_default();
            let text = format!("Failed to install_{}{version}, Error: {words}", action_word(*action));
            install(Severity::Error, "OPERATION_ERROR_MESSAGE", &text)
        }
        Event::ImageServerListening { protocol, listen } => {
            sys(Severity::Notice, "IMAGE_SERVER_UP", &format!("{} image server listens on {listen}", server(*protocol)))
        }
        Event::ImageServerFailed { protocol, listen, words } => {
            let text = format!("{} image server on {listen}: {words}", server(*protocol));
            sys(Severity::Error, "IMAGE_SERVER_DOWN", &text)
        }
        Event::ImageNotTaken { wtp, expected, reports, next_retry, .. } => {
            let reports = reports.map_or_else(|| "no version".to_owned(), |v| v.to_string());
            let words = format!("it was to start {expected} and reports {reports}");
            return download_failed(wtp, DownloadFailureKind::NotTaken, &words, *next_retry);
        }
        Event::ImageDownloadFailed { wtp, kind, words, next_retry, .. } => {
            return download_failed(wtp, *kind, words, *next_retry);
        }
        Event::ImageDownloadAborted { wtp, reason, .. } => {
            wncd(Severity::Notice, "AP_IMAGE_DOWNLOAD", &ap_event(wtp, &format!("Image Download Aborted: {reason}")))
        }
        Event::LimitReached { limit, value } => {
            sys(Severity::Warning, "LIMIT_REACHED", &format!("{limit}: the limit of {value} is reached"))
        }
        Event::OperatorLoggedIn(OperatorLogin { user, from, port, .. }) => login(
            Severity::Notice,
            "LOGIN_SUCCESS",
            &format!(
                "Login Success [user: {user}] [Source: {}] [localport: {port}] at {}",
                from.ip(),
                second(envelope.at)
            ),
        ),
        Event::OperatorLoginFailed(LoginFailure { method: LoginMethod::Enable, .. }) => {
            let text = format!("Authentication to Privilege level 15 failed{}", by(&envelope.cause));
            sys(Severity::Notice, "PRIV_AUTH_FAIL", &text)
        }
        Event::OperatorLoginFailed(LoginFailure { user, from, port, .. }) => login(
            Severity::Warning,
            "LOGIN_FAILED",
            &format!(
                "Login failed [user: {user}] [Source: {}] [localport: {port}] \
                 [Reason: Login Authentication Failed] at {}",
                from.ip(),
                second(envelope.at)
            ),
        ),
        Event::OperatorLoggedOut(OperatorLogout { vty, user, from, .. }) => {
            sys(Severity::Informational, "LOGOUT", &format!("User {user} has exited tty session {vty}({})", from.ip()))
        }
        Event::PreflightCompleted { findings, .. } => return upgrade::checked(findings),
        Event::CampaignStarted { campaign, version, wtps, .. } => upgrade::started(*campaign, *version, *wtps),
        Event::CampaignPhaseChanged { campaign, phase, iteration } => upgrade::phase(*campaign, *phase, *iteration),
        Event::CampaignWtpMissing { campaign, wtp, words } => upgrade::missing(*campaign, wtp, words),
        Event::CampaignPaused { campaign, reason } => upgrade::paused(*campaign, reason),
        Event::CampaignResumed { campaign } => upgrade::resumed(*campaign),
        Event::CampaignEnded { campaign, outcome, words } => upgrade::ended(*campaign, *outcome, words),
        Event::LoggingHostStarted { host } => {
            let text = format!("Logging to host {} port {} started", host.address.ip(), host.address.port());
            sys(Severity::Informational, "LOGGINGHOST_STARTSTOP", &text)
        }
        Event::LoggingHostFailed { host, words, .. } => {
            let text = format!("Logging to host {} port {} failed: {words}", host.address.ip(), host.address.port());
            sys(Severity::Error, "LOGGINGHOST_FAIL", &text)
        }
        Event::WtpDiscovered { .. }
        | Event::WtpJoined { .. }
        | Event::WtpMessageRejected { .. }
        | Event::InstallAddProgressed { .. }
        | Event::ImageDownloadStarted { .. }
        | Event::ImageDownloadProgressed { .. }
        | Event::ImageDownloadCompleted { .. }
        | Event::PredownloadRequested { .. }
        | Event::PredownloadAlreadyPresent { .. }
        | Event::WtpResetRequested { .. }
        | Event::PredownloadWithdrawn { .. }
        | Event::ServerKeyPinned { .. }
        | Event::ServerKeyForgotten { .. }
        | Event::ImageServeStarted { .. }
        | Event::ImageServeProgressed { .. }
        | Event::ImageServeCompleted { .. }
        | Event::ImageServeFailed { .. }
        | Event::VersionStaged { .. }
        | Event::AutoAbortArmed { .. }
        | Event::WtpImageSwapped { .. }
        | Event::PreflightStarted { .. }
        | Event::CampaignWtpChosen { .. }
        | Event::OperatorCommandEntered { .. }
        | Event::ConfigurationSaved { .. }
        | Event::LogCleared {}
        | Event::LineCleared { .. }
        | Event::WtpSessionDescribed(_)
        | Event::ImageDownloadRetransmitted { .. } => return None,
    };
    Some(line)
}

/// An embedded server's protocol, as it is written.
fn server(protocol: ServeProtocol) -> &'static str {
    match protocol {
        ServeProtocol::Tftp => "TFTP",
        ServeProtocol::Sftp => "SFTP",
    }
}

/// The word of an action of the install family, as it is typed.
pub fn action_word(action: InstallAction) -> &'static str {
    action.word()
}

/// What IOS says of a failed fetch. The first four kinds are IOS's own texts, whole; to the others the words that
/// explain them are added.
pub fn fetch_words(failure: &FetchFailure) -> String {
    let text = match failure.kind {
        FetchFailureKind::NotFound => return "No such file or directory".to_owned(),
        FetchFailureKind::TimedOut => return "Timed out".to_owned(),
        FetchFailureKind::Permission => return "Permission denied".to_owned(),
        FetchFailureKind::Refused => return "Connection refused".to_owned(),
        FetchFailureKind::NotAnImage => "Not an AP image",
        FetchFailureKind::WrongFamily => "Wrong image family",
        FetchFailureKind::WrongVersion => "Wrong image version",
        FetchFailureKind::TooLarge => "File too large",
        FetchFailureKind::CutShort => "File cut short",
        FetchFailureKind::DiskFull => "No space left on device",
        FetchFailureKind::Corrupt => "Digest mismatch",
        FetchFailureKind::Protocol => "Protocol error",
        FetchFailureKind::NoSource => "No image source configured",
        FetchFailureKind::Local => "I/O error",
        FetchFailureKind::Cancelled => "Cancelled",
        FetchFailureKind::AuthenticationFailed => "Authentication failed",
        FetchFailureKind::HostKeyChanged => "Host key verification failed",
        FetchFailureKind::CertificateUntrusted => "Certificate verification failed",
    };
    if failure.words.is_empty() { text.to_owned() } else { format!("{text}: {}", failure.words) }
}

/// The reason at the end of a `Disjoined` line.
pub fn disjoin_words(reason: DisjoinReason) -> &'static str {
    match reason {
        DisjoinReason::ImageDownloadSuccess => "Image Download Success",
        DisjoinReason::ImageDownloadFailed => "Image Download Failed",
        DisjoinReason::EchoTimeout => "Echo timeout",
        DisjoinReason::DtlsClosed => "DTLS closed",
        DisjoinReason::RetransmitLimit => "Max Retransmission to AP",
        DisjoinReason::ResetByOperator => "Reset by operator",
        DisjoinReason::ResetByController => "Reset by controller",
        DisjoinReason::ReplacedByNewerSession => "Replaced by a newer session",
        DisjoinReason::JoinTimedOut => "Join timed out",
        DisjoinReason::ControllerStopped => "Controller stopped",
        DisjoinReason::ProtocolError => "Protocol error",
        DisjoinReason::DataChannelDown => "Data channel down",
    }
}

/// How a refusal's reason is worded.
pub fn refusal_words(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::CertificateChanged => "certificate changed",
        RefusalReason::CertificateUntrusted => "certificate untrusted",
        RefusalReason::NoIdentity => "no identity",
        RefusalReason::TooManySessions => "too many sessions",
        RefusalReason::MissingElements => "missing elements",
        RefusalReason::HandshakeFailed => "DTLS handshake failed",
    }
}

/// Which operator did it, and where; nothing for anyone else.
fn by(cause: &Cause) -> String {
    match cause {
        Cause::Operator { user, from } if user == "system" && from == "console" => format!(" by {user}"),
        Cause::Operator { user, from } if from.starts_with("vty") || from == "console" => {
            format!(" by {user} on {from}")
        }
        // An older ledger's.
        Cause::Operator { user, from } => format!(" by {user} on vty0 ({from})"),
        Cause::Wtp(_) | Cause::Peer(_) | Cause::Timer | Cause::Start | Cause::Operation(_) | Cause::Campaign(_) => {
            String::new()
        }
    }
}

/// Who changed the configuration, and from where.
fn configured(cause: &Cause, startup: bool) -> String {
    match cause {
        Cause::Operator { user, from } if !startup && from == "console" => {
            format!("Configured from console by {user} on console")
        }
        Cause::Operator { user, from } if !startup && from.starts_with("vty") => {
            format!("Configured from console by {user} on {from}")
        }
        // An older ledger's: the line was not written down.
        Cause::Operator { user, from } if !startup => format!("Configured from console by {user} on vty0 ({from})"),
        Cause::Operator { .. }
        | Cause::Wtp(_)
        | Cause::Peer(_)
        | Cause::Timer
        | Cause::Start
        | Cause::Operation(_)
        | Cause::Campaign(_) => "Configured from memory by console".to_owned(),
    }
}

/// A failed download, where no other line tells it: a lost session logs its `Disjoined`, an image that could not be
/// fetched its `OPERATION_ERROR_MESSAGE`.
fn download_failed(
    wtp: &WtpAddress,
    kind: DownloadFailureKind,
    words: &str,
    next_retry: Option<Timestamp>,
) -> Option<IosLine> {
    match kind {
        DownloadFailureKind::SessionLost | DownloadFailureKind::ImageUnavailable => None,
        DownloadFailureKind::TimedOut
        | DownloadFailureKind::Rejected
        | DownloadFailureKind::DigestMismatch
        | DownloadFailureKind::FlashFull
        | DownloadFailureKind::CacheDamaged
        | DownloadFailureKind::VerificationFailed
        | DownloadFailureKind::NotTaken => {
            let words = if words.is_empty() { String::new() } else { format!(": {words}") };
            let retry = next_retry.map_or_else(|| "no retry".to_owned(), |at| format!("next retry at {}", clock(at)));
            let text = ap_event(wtp, &format!("Image Download Failed: {kind}{words}; {retry}"));
            Some(wncd(Severity::Error, "AP_IMAGE_DOWNLOAD", &text))
        }
    }
}

fn ap_event(wtp: &WtpAddress, what: &str) -> String {
    format!(
        "AP Event: AP Name: {} Mac: {} Session-IP: {}[{}] {}[{}] {what}",
        wtp.name,
        wtp.base_mac,
        wtp.wtp.ip(),
        wtp.wtp.port(),
        wtp.ac.ip(),
        wtp.ac.port(),
    )
}

fn sys(severity: Severity, mnemonic: &'static str, text: &str) -> IosLine {
    IosLine::new(severity, "SYS", mnemonic, text)
}

fn login(severity: Severity, mnemonic: &'static str, text: &str) -> IosLine {
    IosLine::new(severity, "SEC_LOGIN", mnemonic, text)
}

fn wncd(severity: Severity, mnemonic: &'static str, text: &str) -> IosLine {
    IosLine::new(severity, CAPWAP, mnemonic, &format!("Chassis 1 R0/0: wncd: {text}"))
}

fn install(severity: Severity, mnemonic: &'static str, text: &str) -> IosLine {
    IosLine::new(severity, "INSTALL", mnemonic, &format!("Chassis 1 R0/0: install_engine: {text}"))
}

fn completed(what: &str) -> IosLine {
    install(Severity::Notice, "INSTALL_COMPLETED_INFO", &format!("Completed install {what}"))
}

/// As `show clock` has it, without the fraction.
fn second(at: Timestamp) -> String {
    let text = clock(at);
    text.split_once(' ').map_or_else(String::new, |(time, rest)| format!("{} {rest}", &time[..8.min(time.len())]))
}

fn clock(at: Timestamp) -> String {
    let form = TimeFormat { mark: super::ClockMark::Synchronised, ..TimeFormat::default() };
    form.clock(at)
}
