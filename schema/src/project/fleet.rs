//! The WTPs: who they are, whether they are joined, what they hold, and how their downloads go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Projection;
use crate::envelope::{Envelope, Subject};
use crate::event::{DisjoinReason, DownloadMethod, DownloadMode, Event, WtpAddress, WtpInventory};
use crate::failure::DownloadFailureKind;
use crate::id::{OperationId, SessionId, Sha256, WtpId};
use crate::image::{ImageFamily, ImageVersion};
use crate::time::Timestamp;

/// Every WTP that ever joined, by identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// By identity.
    pub wtps: BTreeMap<WtpId, Wtp>,
    /// Whose download an operation is; running ones only.
    pub downloads: BTreeMap<OperationId, WtpId>,
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
    /// Where its session stands.
    pub session: SessionState,
    /// Since when.
    pub since: Timestamp,
    /// Why its last session ended, and when.
    pub last_disjoin: Option<(DisjoinReason, Timestamp)>,
    /// The last message of its session that was turned away, with what was the matter, and when.
    pub rejected: Option<(String, Timestamp)>,
    /// How many sessions it has had.
    pub joins: u64,
    /// The image that it is being given, or was last given.
    pub image: ImageStatus,
    /// The backup version that a completed download, or the answer that it holds it, implies, until it reports its own.
    pub inferred_backup: Option<ImageVersion>,
    /// What its next reset starts, where an operator had primary and backup change places.
    pub swapped: Option<ImageVersion>,
    /// The image that it is to come back with.
    pub expected: Option<Expected>,
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

/// How it stands with the image of a WTP: the right half of a row of `show ap image`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageStatus {
    /// Nothing is asked of it.
    #[default]
    None,
    /// Chosen, or told, but no octet has moved.
    Initiated {
        /// To which version.
        version: ImageVersion,
        /// At join or ahead.
        mode: DownloadMode,
        /// Whether it is reset as soon as it holds the image.
        reset: bool,
        /// Failed tries so far.
        tries: u32,
    },
    /// Octets move.
    Moving {
        /// Which download.
        operation: OperationId,
        /// To which version.
        version: ImageVersion,
        /// At join or ahead.
        mode: DownloadMode,
        /// How.
        method: DownloadMethod,
        /// Whether it is reset as soon as it holds the image.
        reset: bool,
        /// When the WTP asked.
        started_at: Timestamp,
        /// Acknowledged so far.
        octets: u64,
        /// Of how many; 0 while that is not known.
        total: u64,
        /// When octets last moved, as far as events tell.
        moved_at: Timestamp,
        /// Failed tries before this one.
        tries: u32,
    },
    /// The WTP holds it, ahead of its reset.
    Complete {
        /// Which version.
        version: ImageVersion,
        /// At join or ahead.
        mode: DownloadMode,
        /// How it came.
        method: DownloadMethod,
        /// Whether it is reset as soon as it holds the image.
        reset: bool,
        /// When.
        at: Timestamp,
        /// Failed tries before it.
        tries: u32,
    },
    /// The last try failed.
    Failed {
        /// Which version.
        version: ImageVersion,
        /// At join or ahead.
        mode: DownloadMode,
        /// Whether it is reset as soon as it holds the image.
        reset: bool,
        /// Why.
        kind: DownloadFailureKind,
        /// In the other side's words.
        words: String,
        /// When.
        at: Timestamp,
        /// When it is tried again; none if never.
        next_retry: Option<Timestamp>,
        /// Failed tries.
        tries: u32,
    },
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

impl ImageStatus {
    /// Failed tries of this version.
    pub fn tries_of(&self, version: ImageVersion) -> u32 {
        if self.version() == Some(version) { self.tries() } else { 0 }
    }

    /// Failed tries of the version at hand.
    pub fn tries(&self) -> u32 {
        match self {
            ImageStatus::None => 0,
            ImageStatus::Initiated { tries, .. }
            | ImageStatus::Moving { tries, .. }
            | ImageStatus::Complete { tries, .. }
            | ImageStatus::Failed { tries, .. } => *tries,
        }
    }

    /// The version at hand.
    pub fn version(&self) -> Option<ImageVersion> {
        match self {
            ImageStatus::None => None,
            ImageStatus::Initiated { version, .. }
            | ImageStatus::Moving { version, .. }
            | ImageStatus::Complete { version, .. }
            | ImageStatus::Failed { version, .. } => Some(*version),
        }
    }

    /// Whether the WTP is to be reset as soon as it holds the image.
    pub fn resets(&self) -> bool {
        match self {
            ImageStatus::None => false,
            ImageStatus::Initiated { reset, .. }
            | ImageStatus::Moving { reset, .. }
            | ImageStatus::Complete { reset, .. }
            | ImageStatus::Failed { reset, .. } => *reset,
        }
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
            session: SessionState::Joined(*session),
            since: envelope.at,
            last_disjoin: None,
            rejected: None,
            joins: 1,
            image: ImageStatus::None,
            inferred_backup: None,
            swapped: None,
            expected: None,
        };
        if let Some(old) = known {
            new.certificate = old.certificate.or(new.certificate);
            new.last_disjoin = old.last_disjoin;
            new.joins = old.joins + 1;
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
                    if let Some(expected) = &mut w.expected {
                        expected.sure |= is_restart(*reason);
                    }
                    if w.live() == Some(*session) {
                        Fleet::session_over(w, at);
                    }
                }
            }
            Event::WtpMessageRejected { message, .. } => {
                if let Subject::Wtp(id) = &envelope.subject
                    && let Some(w) = self.wtps.get_mut(id)
                {
                    w.rejected = Some((message.clone(), at));
                }
            }
            Event::PredownloadRequested { wtp, version, reset, .. } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    let tries = w.image.tries_of(*version);
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
                        tries,
                    };
                    self.downloads.insert(*operation, wtp.id.clone());
                }
            }
            Event::ImageDownloadProgressed { operation, octets: done, total: of } => {
                if let Some(w) = self.of_operation(*operation)
                    && let ImageStatus::Moving { octets, total, moved_at, .. } = &mut w.image
                {
                    (*octets, *total, *moved_at) = (*done, *of, at);
                }
            }
            Event::ImageDownloadCompleted { operation, image, .. } => {
                if let Some(w) = self.of_operation(*operation) {
                    let reset = w.image.resets();
                    if let ImageStatus::Moving { mode, method, tries, .. } = w.image {
                        w.image = ImageStatus::Complete { version: image.version, mode, method, reset, at, tries };
                        if mode == DownloadMode::Join {
                            w.expected = Some(Expected { version: image.version, sure: false, joins: 0 });
                        }
                    }
                    w.inferred_backup = Some(image.version);
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
            Event::ClockStepped { .. }
            | Event::ConfigurationChanged { .. }
            | Event::WtpDiscovered { .. }
            | Event::WtpRefused { .. }
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
            | Event::OperatorCommandEntered { .. } => {}
        }
    }
}
