//! The WTPs: who they are, whether they are joined, what they hold, and how their downloads go.

mod image_status;
mod joins;
mod marks;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Projection;
use crate::envelope::{Envelope, Subject};
use crate::event::{
    DisjoinReason, DownloadMethod, DownloadMode, Event, RejectedMessage, SessionDescription, WtpAddress, WtpInventory,
};
use crate::failure::DownloadFailureKind;
use crate::id::{OperationId, SessionId, Sha256, WtpId};
use crate::image::{ImageFamily, ImageVersion};
use crate::time::Timestamp;

pub use image_status::{Delivered, ImageStatus};
pub use joins::{JoinFailure, JoinFailureCause, JoinPhase, JoinStats, Stranger, Strangers};
pub use marks::{Marks, STALLED};

/// Every WTP that ever joined, by identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// By identity.
    pub wtps: BTreeMap<WtpId, Wtp>,
    /// Whose download an operation is; running ones only.
    pub downloads: BTreeMap<OperationId, WtpId>,
    /// Those who came and never joined.
    pub strangers: Strangers,
}

/// One WTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wtp {
    /// As of its last join.
    pub address: WtpAddress,
    /// As of its last join.
    pub inventory: WtpInventory,
    /// The certificate of its first join: what the policy `pin` holds it to.
    pub certificate: Option<Sha256>,
    /// The certificate of its last join.
    pub shown: Option<Sha256>,
    /// What else is known of its last session; none in a ledger that does not tell it.
    pub description: Option<SessionDescription>,
    /// Where its session stands.
    pub session: SessionState,
    /// Since when.
    pub since: Timestamp,
    /// Why its last session ended, and when.
    pub last_disjoin: Option<(DisjoinReason, Timestamp)>,
    /// The last message of its session that was turned away, with what was the matter, and when.
    pub rejected: Option<(String, Timestamp)>,
    /// Its sessions, and its tries that led to none.
    pub stats: JoinStats,
    /// The image that it is being given, or was last given.
    pub image: ImageStatus,
    /// The backup version that a completed download, or the answer that it holds it, implies, until it reports its own.
    pub inferred_backup: Option<ImageVersion>,
    /// What its next reset starts, where an operator had primary and backup change places.
    pub swapped: Option<ImageVersion>,
    /// The image that it is to come back with.
    pub expected: Option<Expected>,
    /// When it was first chosen for the predownload at hand.
    pub asked_at: Option<Timestamp>,
    /// The last image that was sent to it whole.
    pub delivered: Option<Delivered>,
}

/// The image that a WTP was to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Which.
    pub version: ImageVersion,
    /// Whether it is known to have restarted for it.
    pub sure: bool,
    /// Joins since, at which it ran another.
    pub joins: u32,
}

/// Where a WTP's session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    /// No session.
    Disjoined,
    /// Joined, not yet serving: configuring, or downloading.
    Joined(SessionId),
    /// Serving.
    Run(SessionId),
}

impl Wtp {
    /// The live session, if there is one.
    pub fn live(&self) -> Option<SessionId> {
        match self.session {
            SessionState::Disjoined => None,
            SessionState::Joined(s) | SessionState::Run(s) => Some(s),
        }
    }

    /// The backup version: what the WTP reported, or what a completed download implies.
    pub fn backup(&self) -> Option<ImageVersion> {
        self.inferred_backup.or(self.inventory.backup)
    }

    /// Whether it says that it runs `version`.
    pub fn runs(&self, version: ImageVersion) -> bool {
        self.inventory.version == Some(version)
    }
}

impl Fleet {
    /// How many sessions are live.
    pub fn live(&self) -> usize {
        self.wtps.values().filter(|w| w.live().is_some()).count()
    }

    /// Every WTP of an image family.
    pub fn of_family<'a>(&'a self, family: &'a ImageFamily) -> impl Iterator<Item = &'a Wtp> {
        self.wtps.values().filter(move |w| w.inventory.family.as_ref() == Some(family))
    }

    /// The WTP of that name.
    pub fn named(&self, name: &str) -> Option<&Wtp> {
        self.wtps.values().find(|w| w.address.name.eq_ignore_ascii_case(name))
    }

    fn joined(&mut self, envelope: &Envelope) {
        let Event::WtpJoined { session, wtp, inventory, certificate, offered, .. } = &envelope.event else { return };
        let known = self.wtps.remove(&wtp.id);
        let mut new = Wtp {
            address: wtp.clone(),
            inventory: inventory.clone(),
            certificate: *certificate,
            shown: *certificate,
            description: None,
            session: SessionState::Joined(*session),
            since: envelope.at,
            last_disjoin: None,
            rejected: None,
            stats: JoinStats { joins: 1, joined_at: Some(envelope.at), ..JoinStats::default() },
            image: ImageStatus::None,
            inferred_backup: None,
            swapped: None,
            expected: None,
            asked_at: None,
            delivered: None,
        };
        for tries in self.strangers.joined(wtp) {
            new.stats.add(tries);
        }
        if let Some(old) = known {
            new.certificate = old.certificate.or(new.certificate);
            new.last_disjoin = old.last_disjoin;
            new.stats.add(old.stats);
            (new.asked_at, new.delivered) = (old.asked_at, old.delivered);
            new.image = old.image;
            new.expected = old.expected.filter(|e| inventory.version != Some(e.version));
        }
        // It is told of the image and holds it already: it restarts into it by itself.
        if let Some(version) = offered.filter(|v| inventory.backup == Some(*v)) {
            let joins = new.expected.as_ref().filter(|e| e.version == version).map_or(0, |e| e.joins);
            new.expected = Some(Expected { version, sure: false, joins });
        }
        if let Some(expected) = &mut new.expected {
            expected.joins += 1;
        }
        // What the WTP reports now settles what was open: it runs the version, or holds it, or neither.
        let at_hand = new.image.version();
        if at_hand.is_some() && at_hand == inventory.version {
            new.image = ImageStatus::None;
        }
        if let Some(version) = *offered {
            let tries = new.image.tries_of(version);
            new.image = ImageStatus::Initiated { version, mode: DownloadMode::Join, reset: false, tries };
        }
        self.wtps.insert(wtp.id.clone(), new);
    }

    fn session_over(wtp: &mut Wtp, at: Timestamp) {
        wtp.session = SessionState::Disjoined;
        wtp.since = at;
        let image = std::mem::take(&mut wtp.image);
        wtp.image = match image {
            ImageStatus::Initiated { mode: DownloadMode::Join, .. } => ImageStatus::None,
            ImageStatus::None
            | ImageStatus::Initiated { .. }
            | ImageStatus::Moving { .. }
            | ImageStatus::Complete { .. }
            | ImageStatus::Failed { .. } => image,
        };
    }

    fn of_operation(&mut self, operation: OperationId) -> Option<&mut Wtp> {
        let id = self.downloads.get(&operation)?;
        self.wtps.get_mut(id)
    }
}

/// Whether a session that ended for this reason ended because the WTP restarted, as it was to.
fn is_restart(reason: DisjoinReason) -> bool {
    match reason {
        DisjoinReason::ImageDownloadSuccess | DisjoinReason::ResetByOperator | DisjoinReason::ResetByController => true,
        DisjoinReason::ImageDownloadFailed
        | DisjoinReason::EchoTimeout
        | DisjoinReason::DtlsClosed
        | DisjoinReason::RetransmitLimit
        | DisjoinReason::ReplacedByNewerSession
        | DisjoinReason::JoinTimedOut
        | DisjoinReason::ControllerStopped
        | DisjoinReason::ProtocolError
        | DisjoinReason::DataChannelDown => false,
    }
}

impl Projection for Fleet {
    fn apply(&mut self, envelope: &Envelope) {
        let at = envelope.at;
        match &envelope.event {
            Event::ControllerStarted { .. } | Event::ControllerStopped { .. } => {
                // Sessions do not outlive the process, nor do the downloads in them.
                for wtp in self.wtps.values_mut() {
                    if let ImageStatus::Moving { version, mode, reset, tries, .. } = wtp.image {
                        wtp.image = match mode {
                            DownloadMode::Join => ImageStatus::None,
                            DownloadMode::Predownload => ImageStatus::Initiated { version, mode, reset, tries },
                        };
                    }
                    if wtp.live().is_some() {
                        wtp.lost(DisjoinReason::ControllerStopped, at);
                        Fleet::session_over(wtp, at);
                        wtp.last_disjoin = Some((DisjoinReason::ControllerStopped, at));
                    }
                }
                self.downloads.clear();
            }
            Event::WtpJoined { .. } => self.joined(envelope),
            Event::WtpEnteredRun { session, wtp } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    w.session = SessionState::Run(*session);
                    w.since = at;
                }
            }
            Event::WtpDisjoined { session, wtp, reason } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    w.last_disjoin = Some((*reason, at));
                    w.lost(*reason, at);
                    if let Some(expected) = &mut w.expected {
                        expected.sure |= is_restart(*reason);
                    }
                    if w.live() == Some(*session) {
                        Fleet::session_over(w, at);
                    }
                }
            }
            Event::WtpMessageRejected(RejectedMessage { message, .. }) => {
                if let Subject::Wtp(id) = &envelope.subject
                    && let Some(w) = self.wtps.get_mut(id)
                {
                    w.rejected = Some((message.clone(), at));
                }
            }
            Event::WtpSessionDescribed(description) => {
                if let Subject::Wtp(id) = &envelope.subject
                    && let Some(w) = self.wtps.get_mut(id)
                {
                    w.description = Some(description.clone());
                }
            }
            Event::PredownloadRequested { wtp, version, reset, .. } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    let tries = w.image.tries_of(*version);
                    if w.image.version() != Some(*version) || w.asked_at.is_none() {
                        w.asked_at = Some(at);
                    }
                    match &mut w.image {
                        // It is on its way: only what follows is another.
                        ImageStatus::Moving { version: moving, reset: then, .. } if moving == version => *then = *reset,
                        ImageStatus::None
                        | ImageStatus::Initiated { .. }
                        | ImageStatus::Moving { .. }
                        | ImageStatus::Complete { .. }
                        | ImageStatus::Failed { .. } => {
                            let mode = DownloadMode::Predownload;
                            w.image = ImageStatus::Initiated { version: *version, mode, reset: *reset, tries };
                        }
                    }
                }
            }
            Event::PredownloadAlreadyPresent { wtp, version } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    let (reset, tries) = (w.image.resets(), w.image.tries_of(*version));
                    if !w.runs(*version) {
                        w.inferred_backup = Some(*version);
                    }
                    w.image = ImageStatus::Complete {
                        version: *version,
                        mode: DownloadMode::Predownload,
                        method: DownloadMethod::Capwap,
                        reset,
                        at,
                        tries,
                    };
                }
            }
            Event::ImageDownloadStarted { operation, wtp, mode, method, to, octets, .. } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    let tries = w.image.tries_of(*to);
                    let mut marks = Marks::default();
                    // While its image is being fetched, that it does not move tells nothing of its path.
                    if octets.is_some() {
                        marks.push(at, 0);
                    }
                    w.image = ImageStatus::Moving {
                        operation: *operation,
                        version: *to,
                        mode: *mode,
                        method: *method,
                        reset: w.image.resets(),
                        started_at: at,
                        octets: 0,
                        total: octets.unwrap_or(0),
                        moved_at: at,
                        marks,
                        // Whoever describes sessions tells them.
                        retransmissions: w.description.is_some().then_some(0),
                        tries,
                    };
                    self.downloads.insert(*operation, wtp.id.clone());
                }
            }
            Event::ImageDownloadProgressed { operation, octets: done, total: of } => {
                if let Some(w) = self.of_operation(*operation)
                    && let ImageStatus::Moving { octets, total, moved_at, marks, .. } = &mut w.image
                {
                    marks.push(at, *done);
                    (*octets, *total, *moved_at) = (*done, *of, at);
                }
            }
            Event::ImageDownloadRetransmitted { operation, retransmissions: again } => {
                if let Some(w) = self.of_operation(*operation)
                    && let ImageStatus::Moving { retransmissions, .. } = &mut w.image
                {
                    *retransmissions = Some(*again);
                }
            }
            Event::ImageDownloadCompleted { operation, image, duration_us, retransmissions, .. } => {
                if let Some(w) = self.of_operation(*operation) {
                    let reset = w.image.resets();
                    if let ImageStatus::Moving { mode, method, tries, .. } = w.image {
                        w.image = ImageStatus::Complete { version: image.version, mode, method, reset, at, tries };
                        if mode == DownloadMode::Join {
                            w.expected = Some(Expected { version: image.version, sure: false, joins: 0 });
                        }
                    }
                    w.inferred_backup = Some(image.version);
                    w.delivered = Some(Delivered {
                        version: image.version,
                        octets: image.octets,
                        took: Duration::from_micros(*duration_us),
                        retransmissions: *retransmissions,
                        at,
                    });
                }
                self.downloads.remove(operation);
            }
            Event::ImageDownloadFailed { operation, kind, words, tries, next_retry, .. } => {
                if let Some(w) = self.of_operation(*operation)
                    && let ImageStatus::Moving { version, mode, reset, .. } = w.image
                {
                    w.image = ImageStatus::Failed {
                        version,
                        mode,
                        reset,
                        kind: *kind,
                        words: words.clone(),
                        at,
                        next_retry: *next_retry,
                        tries: *tries,
                    };
                }
                self.downloads.remove(operation);
            }
            Event::ImageDownloadAborted { operation, .. } => {
                if let Some(w) = self.of_operation(*operation) {
                    w.image = ImageStatus::None;
                }
                self.downloads.remove(operation);
            }
            Event::WtpResetRequested { wtp, version, .. } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    let before = w.expected.take();
                    w.expected = version.map(|version| {
                        let joins = before.filter(|e| e.version == version).map_or(0, |e| e.joins);
                        Expected { version, sure: false, joins }
                    });
                }
            }
            Event::WtpImageSwapped { wtp, next } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    w.swapped = (!w.runs(*next)).then_some(*next);
                }
            }
            Event::ImageNotTaken { wtp, expected, reports, tries, next_retry } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    let reports = reports.map_or_else(|| "no version".to_owned(), |v| v.to_string());
                    w.expected = None;
                    w.image = ImageStatus::Failed {
                        version: *expected,
                        mode: DownloadMode::Predownload,
                        reset: true,
                        kind: DownloadFailureKind::NotTaken,
                        words: format!("it was to start {expected} and reports {reports}"),
                        at,
                        next_retry: *next_retry,
                        tries: *tries,
                    };
                }
            }
            Event::PredownloadWithdrawn { wtp, .. } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    w.image = ImageStatus::None;
                }
            }
            Event::WtpDiscovered { address, model, base_mac, .. } => {
                self.discovered(*address, model.as_ref(), *base_mac);
            }
            Event::WtpRefused { address, name, reason, detail } => {
                self.refused(*address, name.as_ref(), (*reason, detail), at);
            }
            Event::ClockStepped { .. }
            | Event::ConfigurationChanged { .. }
            | Event::WtpDataTransferred { .. }
            | Event::InstallAddStarted { .. }
            | Event::InstallAddProgressed { .. }
            | Event::InstallAddCompleted { .. }
            | Event::InstallAddFailed { .. }
            | Event::ImageRemoved { .. }
            | Event::VersionActivated { .. }
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
            | Event::LoggingHostStarted { .. }
            | Event::LoggingHostFailed { .. } => {}
        }
    }
}
