//! Events and failures in a few words for people. The IOS forms of the same facts are the syslog formatter's trade.

mod amounts;

use capledger_schema::event::{
    CampaignOutcome, CampaignPhase, DisjoinReason, DownloadMode, LoginFailure, LoginMethod, OperatorLogin,
    OperatorLogout, RefusalReason, RejectedMessage, SessionDescription, TransferredData, Verdict,
};
use capledger_schema::failure::{DownloadFailureKind, FetchFailureKind};
use capledger_schema::id::WtpId;
use capledger_schema::setting::Setting;
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Envelope, Event, Subject};

pub use amounts::{clock, count, octets, rate, span, version};
use amounts::{moved, portion};

/// How a line is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// So that one knows.
    Plain,
    /// A step done.
    Good,
    /// A step begun.
    Busy,
    /// Not as it should be.
    Warn,
    /// It failed.
    Bad,
}

/// One event in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The event's moment.
    pub at: Timestamp,
    /// The AP that it is about.
    pub wtp: Option<WtpId>,
    /// Whom or what it is about, for people.
    pub who: String,
    /// What happened.
    pub what: String,
    /// How it is meant.
    pub tone: Tone,
}

/// An event in words; none for what is only progress, or told by what follows from it.
pub fn tell(envelope: &Envelope) -> Option<Line> {
    let quiet = matches!(
        envelope.event,
        Event::InstallAddProgressed { .. }
            | Event::ImageDownloadProgressed { .. }
            | Event::ImageDownloadRetransmitted { .. }
            | Event::WtpSessionDescribed(_)
            | Event::ImageServeProgressed { .. }
            | Event::CampaignWtpChosen { .. }
            | Event::InstallActionStarted { .. }
            | Event::OperatorCommandEntered { .. }
    );
    (!quiet).then(|| account(envelope))
}

/// Any event in words, for a list of all of them.
pub fn account(envelope: &Envelope) -> Line {
    let (wtp, who, what, tone) = say(envelope);
    Line { at: envelope.at, wtp, who: clean(&who), what: clean(&what), tone }
}

type Said = (Option<WtpId>, String, String, Tone);

fn say(envelope: &Envelope) -> Said {
    let about = |wtp: &capledger_schema::event::WtpAddress| (Some(wtp.id.clone()), wtp.name.clone());
    let ((wtp, who), what, tone) = match &envelope.event {
        Event::ControllerStarted { software, .. } => {
            ((None, CONTROLLER.into()), format!("started, capledger {software}"), Tone::Good)
        }
        Event::ControllerStopped { reason } => ((None, CONTROLLER.into()), format!("stopped: {reason}"), Tone::Warn),
        Event::ClockStepped { from, to } => {
            let what = format!("the clock was stepped from {} to {}", clock(*from), clock(*to));
            ((None, CONTROLLER.into()), what, Tone::Warn)
        }
        Event::ConfigurationChanged { changes, startup } => {
            ((None, CONTROLLER.into()), changed(changes, *startup, &envelope.cause), Tone::Plain)
        }
        Event::WtpDiscovered { address, model, base_mac, .. } => {
            let who = base_mac.map_or_else(|| address.ip().to_string(), |mac| mac.to_string());
            let model = model.as_deref().unwrap_or("an AP");
            ((None, who), format!("{model} looks for a controller"), Tone::Plain)
        }
        Event::WtpJoined { wtp, inventory, offered, .. } => {
            let what = match (inventory.version, offered) {
                (Some(runs), Some(offered)) => format!("joined with {runs}, is to take {offered}"),
                (None, Some(offered)) => format!("joined, is to take {offered}"),
                (Some(runs), None) => format!("joined with {runs}"),
                (None, None) => "joined".to_owned(),
            };
            (about(wtp), what, Tone::Plain)
        }
        Event::WtpRefused { address, name, reason, detail } => {
            let who = name.clone().unwrap_or_else(|| address.ip().to_string());
            let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
            ((None, who), format!("turned away, {}{detail}", refusal(*reason)), Tone::Bad)
        }
        Event::WtpEnteredRun { wtp, .. } => (about(wtp), "serves".into(), Tone::Good),
        Event::WtpDisjoined { wtp, reason, .. } => {
            (about(wtp), format!("left: {}", disjoin(*reason)), disjoin_tone(*reason))
        }
        Event::WtpMessageRejected(RejectedMessage { message, state, .. }) => {
            ((None, "an AP".into()), format!("sent {message} in {state}, which is not served"), Tone::Warn)
        }
        Event::WtpDataTransferred(TransferredData { octets: n, .. }) => {
            ((None, "an AP".into()), format!("handed over a crash log or dump, {}", octets(*n)), Tone::Warn)
        }
        Event::InstallAddStarted { url, family, .. } => {
            let who = family.as_ref().map_or_else(|| IMAGE.to_owned(), ToString::to_string);
            ((None, who), format!("fetching {url}"), Tone::Busy)
        }
        Event::InstallAddProgressed { octets, total, .. } => {
            ((None, IMAGE.into()), portion(*octets, *total), Tone::Busy)
        }
        Event::ImageDownloadProgressed { octets, total, .. } => {
            ((None, DOWNLOAD.into()), portion(*octets, Some(*total)), Tone::Busy)
        }
        Event::InstallAddCompleted { image, duration_us, .. } => {
            let what = format!("fetched {}, {}", image.version, moved(image.octets, *duration_us));
            ((None, image.family.to_string()), what, Tone::Good)
        }
        Event::InstallAddFailed { url, family, failure, next_try, .. } => {
            let who = family.as_ref().map_or_else(|| IMAGE.to_owned(), ToString::to_string);
            let next = next_try.map(|at| format!("; next try in {}", span(at.since(envelope.at)))).unwrap_or_default();
            ((None, who), format!("fetch failed, {failure} ({url}){next}"), Tone::Bad)
        }
        Event::ImageRemoved { image, reason } => {
            ((None, image.family.to_string()), format!("image {} removed: {reason}", image.version), Tone::Plain)
        }
        Event::VersionActivated { version } => {
            ((None, CONTROLLER.into()), format!("{version} is the running version"), Tone::Good)
        }
        Event::ImageDownloadStarted { wtp, mode, family, to, octets: n, .. } => {
            let verb = match mode {
                DownloadMode::Join => "downloads",
                DownloadMode::Predownload => "predownloads",
            };
            match n {
                Some(n) => (about(wtp), format!("{verb} {to} ({family}, {})", octets(*n)), Tone::Busy),
                None => (about(wtp), format!("asks for {to} ({family}), which is not here yet"), Tone::Plain),
            }
        }
        Event::ImageDownloadCompleted { wtp, image, duration_us, retransmissions, .. } => {
            let again = match retransmissions {
                0 => String::new(),
                1 => ", 1 block again".to_owned(),
                n => format!(", {n} blocks again"),
            };
            (about(wtp), format!("holds {}, {}{again}", image.version, moved(image.octets, *duration_us)), Tone::Good)
        }
        Event::ImageDownloadFailed { wtp, kind, words, octets: n, tries, next_retry, .. } => {
            // A moment that has come already leaves it to the AP to come back.
            let next = next_retry.filter(|at| *at > envelope.at);
            let next = next.map(|at| format!("; again in {}", span(at.since(envelope.at)))).unwrap_or_default();
            let words = if words.is_empty() { String::new() } else { format!(": {words}") };
            let what = format!("download failed at {}, {kind}{words}; try {tries}{next}", octets(*n));
            (about(wtp), what, Tone::Bad)
        }
        Event::ImageDownloadAborted { wtp, reason, octets: n, .. } => {
            (about(wtp), format!("download ended at {}: {reason}", octets(*n)), Tone::Warn)
        }
        Event::PredownloadRequested { wtp, version, .. } => {
            (about(wtp), format!("is to take {version} while it serves"), Tone::Plain)
        }
        Event::PredownloadAlreadyPresent { wtp, version } => (about(wtp), format!("has {version} already"), Tone::Good),
        Event::PredownloadWithdrawn { wtp, reason } => {
            (about(wtp), format!("waits no more for its predownload: {reason}"), Tone::Plain)
        }
        Event::WtpResetRequested { wtp, version, .. } => {
            let into = version.map(|v| format!(" into {v}")).unwrap_or_default();
            (about(wtp), format!("was told to restart{into}"), Tone::Plain)
        }
        Event::LimitReached { limit, value } => {
            ((None, CONTROLLER.into()), format!("limit reached: {limit} {value}"), Tone::Warn)
        }
        Event::ServerKeyPinned { host, port, algorithm, .. } => (
            (None, format!("{host}:{port}")),
            format!("its key ({algorithm}) was seen for the first time"),
            Tone::Plain,
        ),
        Event::ServerKeyForgotten { host, port, .. } => {
            ((None, format!("{host}:{port}")), "its pinned key was forgotten".to_owned(), Tone::Warn)
        }
        Event::ImageServeStarted { client, file, .. } => {
            ((None, client.ip().to_string()), format!("fetches {file} from the embedded server"), Tone::Busy)
        }
        Event::ImageServeProgressed { octets, .. } => ((None, SERVER.into()), portion(*octets, None), Tone::Busy),
        Event::CampaignWtpChosen { wtp, iteration, .. } => {
            let of = if *iteration == 0 { "the canaries".to_owned() } else { format!("iteration {iteration}") };
            ((Some(wtp.clone()), CAMPAIGN.into()), format!("{wtp} belongs to {of}"), Tone::Plain)
        }
        Event::ImageServeCompleted { octets: n, duration_us, .. } => {
            ((None, SERVER.into()), format!("sent the file, {}", moved(*n, *duration_us)), Tone::Good)
        }
        Event::ImageServeFailed { words, octets: n, .. } => {
            ((None, SERVER.into()), format!("failed at {}: {words}", octets(*n)), Tone::Bad)
        }
        Event::VersionStaged { version } => {
            ((None, CONTROLLER.into()), format!("{version} can be activated"), Tone::Good)
        }
        Event::VersionCommitted { version } => {
            ((None, CONTROLLER.into()), format!("{version} is committed"), Tone::Good)
        }
        Event::AutoAbortArmed { version, back_to, due } => {
            let left = span(due.since(envelope.at));
            let what = format!("back to {back_to} in {left} unless {version} is committed");
            ((None, CONTROLLER.into()), what, Tone::Plain)
        }
        Event::VersionRolledBack { from, to, .. } => {
            ((None, CONTROLLER.into()), format!("went back from {from} to {to}"), Tone::Warn)
        }
        Event::WtpImageSwapped { wtp, next } => (about(wtp), format!("its next restart is into {next}"), Tone::Plain),
        Event::ImageNotTaken { wtp, expected, reports, .. } => {
            let runs = reports.map_or_else(|| "an unknown version".to_owned(), |v| v.to_string());
            (about(wtp), format!("came back with {runs}, not with {expected}"), Tone::Bad)
        }
        Event::PreflightStarted { families, .. } => {
            ((None, PREFLIGHT.into()), format!("checks the images of {} families", families.len()), Tone::Busy)
        }
        Event::PreflightCompleted { findings, .. } => {
            let bad = findings.iter().filter(|f| f.verdict == Verdict::Failed).count();
            let what = if bad == 0 { "passed".to_owned() } else { format!("failed: {bad} of {}", findings.len()) };
            ((None, PREFLIGHT.into()), what, if bad == 0 { Tone::Good } else { Tone::Bad })
        }
        Event::CampaignStarted { version, wtps, .. } => {
            ((None, CAMPAIGN.into()), format!("{wtps} APs to {version}"), Tone::Busy)
        }
        Event::CampaignPhaseChanged { phase, iteration, .. } => {
            let of = if *iteration == 0 { "canaries".to_owned() } else { format!("iteration {iteration}") };
            ((None, CAMPAIGN.into()), format!("{of}: {}", campaign_phase(*phase)), Tone::Plain)
        }
        Event::CampaignWtpMissing { wtp, words, .. } => {
            (about(wtp), format!("missing in the campaign: {words}"), Tone::Bad)
        }
        Event::CampaignPaused { reason, .. } => ((None, CAMPAIGN.into()), format!("paused: {reason}"), Tone::Warn),
        Event::CampaignResumed { .. } => ((None, CAMPAIGN.into()), "goes on".to_owned(), Tone::Plain),
        Event::CampaignEnded { outcome, words, .. } => {
            let tone = if *outcome == CampaignOutcome::Completed { Tone::Good } else { Tone::Bad };
            ((None, CAMPAIGN.into()), format!("{}: {words}", campaign_outcome(*outcome)), tone)
        }
        Event::VersionUnstaged { version } => {
            ((None, CONTROLLER.into()), format!("{version} is no longer to be activated"), Tone::Warn)
        }
        Event::InstallActionStarted { action, version } => {
            let version = version.map(|v| format!(" {v}")).unwrap_or_default();
            ((None, CONTROLLER.into()), format!("install {}{version}", action.word()), Tone::Busy)
        }
        Event::InstallActionFailed { words, .. } => ((None, CONTROLLER.into()), words.clone(), Tone::Bad),
        Event::ImageServerListening { listen, .. } => {
            ((None, SERVER.into()), format!("listens on {listen}"), Tone::Good)
        }
        Event::ImageServerFailed { words, .. } => ((None, SERVER.into()), words.clone(), Tone::Bad),
        Event::OperatorLoggedIn(OperatorLogin { user, from, .. }) => {
            ((None, CONTROLLER.into()), format!("{user} logged in from {}", from.ip()), Tone::Plain)
        }
        Event::OperatorLoginFailed(LoginFailure { user, from, method: LoginMethod::Enable, .. }) => (
            (None, CONTROLLER.into()),
            format!("{user} gave a wrong password to `enable`, from {}", from.ip()),
            Tone::Warn,
        ),
        Event::OperatorLoginFailed(LoginFailure { user, from, .. }) => {
            ((None, CONTROLLER.into()), format!("{user} was not let in from {}", from.ip()), Tone::Warn)
        }
        Event::OperatorLoggedOut(OperatorLogout { user, reason, .. }) => {
            ((None, CONTROLLER.into()), format!("{user} logged out: {reason}"), Tone::Plain)
        }
        Event::OperatorCommandEntered { mode, line } => {
            ((None, CONTROLLER.into()), format!("typed {mode}{line}"), Tone::Plain)
        }
        Event::ConfigurationSaved { file, .. } => {
            ((None, CONTROLLER.into()), format!("saved the configuration in {file}"), Tone::Plain)
        }
        Event::LogCleared {} => {
            ((None, CONTROLLER.into()), format!("the log begins anew{}", by(&envelope.cause)), Tone::Plain)
        }
        Event::LineCleared { vty, user, .. } => {
            let what = format!("line vty {vty} of {user} was cleared{}", by(&envelope.cause));
            ((None, CONTROLLER.into()), what, Tone::Warn)
        }
        Event::WtpSessionDescribed(session) => (subject(envelope), described(session), Tone::Plain),
        Event::ImageDownloadRetransmitted { retransmissions: n, .. } => {
            let blocks = if *n == 1 { "block" } else { "blocks" };
            ((None, DOWNLOAD.into()), format!("{n} {blocks} sent again so far"), Tone::Plain)
        }
        Event::LoggingHostStarted { host } => {
            ((None, COLLECTOR.into()), format!("{} has the log", host.address), Tone::Good)
        }
        Event::LoggingHostFailed { host, words, .. } => {
            ((None, COLLECTOR.into()), format!("{}: {words}", host.address), Tone::Bad)
        }
    };
    (wtp, who, what, tone)
}

/// What failed at an AP, without the circumstances; none for any other event.
pub fn failure(event: &Event) -> Option<String> {
    match event {
        Event::ImageDownloadFailed { kind, words, .. } => Some(clean(&format!("{kind}: {words}"))),
        Event::ImageNotTaken { expected, .. } => Some(format!("{}: not {expected}", DownloadFailureKind::NotTaken)),
        // What failed before says more than the end of the session that follows from it.
        Event::WtpDisjoined { reason, .. } if *reason != DisjoinReason::ImageDownloadFailed => {
            (disjoin_tone(*reason) == Tone::Bad).then(|| disjoin(*reason).to_owned())
        }
        Event::ControllerStarted { .. }
        | Event::ControllerStopped { .. }
        | Event::ClockStepped { .. }
        | Event::ConfigurationChanged { .. }
        | Event::WtpDiscovered { .. }
        | Event::WtpJoined { .. }
        | Event::WtpRefused { .. }
        | Event::WtpEnteredRun { .. }
        | Event::WtpDisjoined { .. }
        | Event::WtpMessageRejected { .. }
        | Event::WtpDataTransferred { .. }
        | Event::InstallAddStarted { .. }
        | Event::InstallAddProgressed { .. }
        | Event::InstallAddCompleted { .. }
        | Event::InstallAddFailed { .. }
        | Event::ImageRemoved { .. }
        | Event::VersionActivated { .. }
        | Event::ImageDownloadStarted { .. }
        | Event::ImageDownloadProgressed { .. }
        | Event::ImageDownloadCompleted { .. }
        | Event::ImageDownloadAborted { .. }
        | Event::PredownloadRequested { .. }
        | Event::PredownloadAlreadyPresent { .. }
        | Event::PredownloadWithdrawn { .. }
        | Event::WtpResetRequested { .. }
        | Event::LimitReached { .. }
        | Event::ServerKeyPinned { .. }
        | Event::ServerKeyForgotten { .. }
        | Event::ImageServeStarted { .. }
        | Event::ImageServeProgressed { .. }
        | Event::ImageServeCompleted { .. }
        | Event::ImageServeFailed { .. }
        | Event::VersionStaged { .. }
        | Event::VersionCommitted { .. }
        | Event::AutoAbortArmed { .. }
        | Event::VersionRolledBack { .. }
        | Event::WtpImageSwapped { .. }
        | Event::PreflightStarted { .. }
        | Event::PreflightCompleted { .. }
        | Event::CampaignStarted { .. }
        | Event::CampaignWtpChosen { .. }
        | Event::CampaignPhaseChanged { .. }
        | Event::CampaignWtpMissing { .. }
        | Event::CampaignPaused { .. }
        | Event::CampaignResumed { .. }
        | Event::CampaignEnded { .. }
        | Event::VersionUnstaged { .. }
        | Event::InstallActionStarted { .. }
        | Event::InstallActionFailed { .. }
        | Event::ImageServerListening { .. }
        | Event::ImageServerFailed { .. }
        | Event::OperatorLoggedIn { .. }
        | Event::OperatorLoginFailed { .. }
        | Event::OperatorLoggedOut { .. }
        | Event::OperatorCommandEntered { .. }
        | Event::ConfigurationSaved { .. }
        | Event::LogCleared {}
        | Event::LineCleared { .. }
        | Event::WtpSessionDescribed(_)
        | Event::ImageDownloadRetransmitted { .. }
        | Event::LoggingHostStarted { .. }
        | Event::LoggingHostFailed { .. } => None,
    }
}

const CONTROLLER: &str = "controller";
const IMAGE: &str = "image";
const DOWNLOAD: &str = "download";
const SERVER: &str = "image server";
const COLLECTOR: &str = "collector";
const PREFLIGHT: &str = "preflight";
const CAMPAIGN: &str = "campaign";

/// A campaign's phase.
pub fn campaign_phase(phase: CampaignPhase) -> &'static str {
    match phase {
        CampaignPhase::Preflight => "preflight",
        CampaignPhase::Fetch => "fetch",
        CampaignPhase::Predownload => "predownload",
        CampaignPhase::Activate => "activate",
        CampaignPhase::Rejoin => "rejoin",
    }
}

/// How a campaign ended.
pub fn campaign_outcome(outcome: CampaignOutcome) -> &'static str {
    match outcome {
        CampaignOutcome::Completed => "completed",
        CampaignOutcome::Stopped => "stopped",
        CampaignOutcome::Aborted => "aborted",
        CampaignOutcome::PreflightFailed => "preflight failed",
    }
}

/// ` by NAME`, where somebody did it.
fn by(cause: &Cause) -> String {
    match cause {
        Cause::Operator { user, .. } => format!(" by {user}"),
        Cause::Wtp(_) | Cause::Peer(_) | Cause::Timer | Cause::Start | Cause::Operation(_) | Cause::Campaign(_) => {
            String::new()
        }
    }
}

fn changed(changes: &[Setting], startup: bool, cause: &Cause) -> String {
    let by = by(cause);
    let version = changes.iter().rev().find_map(|c| if let Setting::SoftwareVersion(v) = c { *v } else { None });
    let version = version.map(|v| format!(", software version {v}")).unwrap_or_default();
    let (n, s) = (changes.len(), if changes.len() == 1 { "" } else { "s" });
    let what = if startup { "startup configuration" } else { "configuration changed" };
    format!("{what}{by}, {n} setting{s}{version}")
}

/// The access point that an event is about, where the event itself does not name it.
fn subject(envelope: &Envelope) -> (Option<WtpId>, String) {
    if let Subject::Wtp(id) = &envelope.subject { (Some(id.clone()), id.to_string()) } else { (None, "an AP".into()) }
}

fn described(session: &SessionDescription) -> String {
    let mut parts = vec![match session.dtls {
        Some(dtls) => format!("speaks {} with {}", dtls.version, dtls.suite),
        None => "speaks without DTLS".to_owned(),
    }];
    let told = [
        ("certificate of ", &session.common_name),
        ("PSK identity ", &session.psk_identity),
        ("software ", &session.software),
        ("backup ", &session.other),
        ("boot version ", &session.boot),
        ("hardware ", &session.hardware),
    ];
    parts.extend(told.iter().filter_map(|(what, words)| words.as_ref().map(|words| format!("{what}{words}"))));
    parts.join(", ")
}

/// Why an AP was turned away.
pub fn refusal(reason: RefusalReason) -> &'static str {
    match reason {
        RefusalReason::CertificateChanged => "its certificate is not the one of its first join",
        RefusalReason::CertificateUntrusted => "its certificate is not from the configured authority",
        RefusalReason::NoIdentity => "it has no identity",
        RefusalReason::TooManySessions => "too many sessions",
        RefusalReason::MissingElements => "its Join Request lacks elements",
        RefusalReason::HandshakeFailed => "its DTLS handshake failed",
    }
}

/// Why a session ended.
pub fn disjoin(reason: DisjoinReason) -> &'static str {
    match reason {
        DisjoinReason::ImageDownloadSuccess => "restarts into its new image",
        DisjoinReason::ImageDownloadFailed => "image download failed",
        DisjoinReason::EchoTimeout => "no sign of life",
        DisjoinReason::DtlsClosed => "it closed the session",
        DisjoinReason::RetransmitLimit => "no answer",
        DisjoinReason::ResetByOperator => "restarted by an operator",
        DisjoinReason::ResetByController => "restarted into its new image",
        DisjoinReason::ReplacedByNewerSession => "joined anew",
        DisjoinReason::JoinTimedOut => "its join took too long",
        DisjoinReason::ControllerStopped => "the controller stopped",
        DisjoinReason::ProtocolError => "protocol error",
        DisjoinReason::DataChannelDown => "its data channel never came up",
    }
}

/// How the end of a session is meant.
pub fn disjoin_tone(reason: DisjoinReason) -> Tone {
    match reason {
        DisjoinReason::ImageDownloadSuccess | DisjoinReason::ResetByController => Tone::Good,
        DisjoinReason::ResetByOperator
        | DisjoinReason::ReplacedByNewerSession
        | DisjoinReason::ControllerStopped
        | DisjoinReason::DtlsClosed => Tone::Plain,
        DisjoinReason::ImageDownloadFailed
        | DisjoinReason::EchoTimeout
        | DisjoinReason::RetransmitLimit
        | DisjoinReason::JoinTimedOut
        | DisjoinReason::ProtocolError
        | DisjoinReason::DataChannelDown => Tone::Bad,
    }
}

/// What to look at after a failed download.
pub fn download_advice(kind: DownloadFailureKind) -> &'static str {
    match kind {
        DownloadFailureKind::SessionLost => "Look at the AP's power and uplink; it is served again when it rejoins.",
        DownloadFailureKind::TimedOut => "Look at the path to the AP: loss, or a firewall on UDP 5246.",
        DownloadFailureKind::Rejected => "Look at the AP's console: it gave the reason above.",
        DownloadFailureKind::DigestMismatch => "The AP stored other octets than were sent; look at its flash.",
        DownloadFailureKind::FlashFull => "Free space on the AP's flash.",
        DownloadFailureKind::ImageUnavailable => "Look at the image fetch: server, path and port (below).",
        DownloadFailureKind::CacheDamaged => "The controller's cached image is damaged; remove it to fetch it anew.",
        DownloadFailureKind::VerificationFailed => {
            "The AP could not verify the image; compare the file with the vendor's."
        }
        DownloadFailureKind::NotTaken => "The AP restarted with another image; look at its console for the reason.",
    }
}

/// What to look at after a failed fetch.
pub fn fetch_advice(kind: FetchFailureKind) -> &'static str {
    match kind {
        FetchFailureKind::NotFound => "check the path, and that the bundle is unpacked there",
        FetchFailureKind::Permission => "check the file's permissions on the server",
        FetchFailureKind::TimedOut => {
            "check the server's address, and that its port (UDP 69, TCP 22, 80 or 443) is not blocked"
        }
        FetchFailureKind::Refused => "check that the server runs on that port",
        FetchFailureKind::NotAnImage => "the file is no AP image; unpack the bundle",
        FetchFailureKind::WrongFamily => "the file is another family's image",
        FetchFailureKind::WrongVersion => "the server holds another version",
        FetchFailureKind::TooLarge => "check the file, or raise `ap image max-size`",
        FetchFailureKind::CutShort => "the file ended early; check it on the server",
        FetchFailureKind::DiskFull => "free space on the controller's disk",
        FetchFailureKind::Corrupt => "the copy differs from what came; look at the controller's disk",
        FetchFailureKind::Protocol => "the server broke the protocol",
        FetchFailureKind::NoSource => "configure `wireless profile image-download`, or `ap image local`",
        FetchFailureKind::Local => "look at the controller's own machine",
        FetchFailureKind::Cancelled => "it was ended on purpose",
        FetchFailureKind::AuthenticationFailed => "check the user name, and the password or key",
        FetchFailureKind::HostKeyChanged => "find out why the server's key changed, then forget the old one",
        FetchFailureKind::CertificateUntrusted => "check the server's certificate, or pin it",
    }
}

/// Names and words come from the network: nothing in them may steer a terminal.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_foreign_name_can_steer_a_terminal() {
        assert_eq!(clean("AP\u{1b}[2J\u{7}é"), "AP?[2J?é");
    }
}
