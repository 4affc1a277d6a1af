//! The WTPs: who they are, whether they are joined, what they hold, and how their downloads go.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Projection;
use crate::envelope::Envelope;
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
    /// How many sessions it has had.
    pub joins: u64,
    /// The image that it is being given, or was last given.
    pub image: ImageStatus,
    /// The backup version that a completed download, or the answer that it holds it, implies, until it reports its own.
    pub inferred_backup: Option<ImageVersion>,
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
    /// Failed tries of the version at hand.
    pub fn tries(&self) -> u32 {
        match self {
            ImageStatus::None | ImageStatus::Complete { .. } => 0,
            ImageStatus::Initiated { tries, .. }
            | ImageStatus::Moving { tries, .. }
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
            joins: 1,
            image: ImageStatus::None,
            inferred_backup: None,
        };
        if let Some(old) = known {
            new.certificate = old.certificate.or(new.certificate);
            new.last_disjoin = old.last_disjoin;
            new.joins = old.joins + 1;
            new.image = old.image;
        }
        // What the WTP reports now settles what was open: it runs the version, or holds it, or neither.
        let at_hand = new.image.version();
        if at_hand.is_some() && at_hand == inventory.version {
            new.image = ImageStatus::None;
        }
        if let Some(version) = *offered {
            let tries = if at_hand == Some(version) { new.image.tries() } else { 0 };
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
                    if w.live() == Some(*session) {
                        Fleet::session_over(w, at);
                    }
                }
            }
            Event::PredownloadRequested { wtp, version, reset, .. } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    let tries = if w.image.version() == Some(*version) { w.image.tries() } else { 0 };
                    w.image = ImageStatus::Initiated {
                        version: *version,
                        mode: DownloadMode::Predownload,
                        reset: *reset,
                        tries,
                    };
                }
            }
            Event::PredownloadAlreadyPresent { wtp, version } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    let reset = w.image.resets();
                    if !w.runs(*version) {
                        w.inferred_backup = Some(*version);
                    }
                    w.image = ImageStatus::Complete {
                        version: *version,
                        mode: DownloadMode::Predownload,
                        method: DownloadMethod::Capwap,
                        reset,
                        at,
                    };
                }
            }
            Event::ImageDownloadStarted { operation, wtp, mode, method, to, octets, .. } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    let tries = if w.image.version() == Some(*to) { w.image.tries() } else { 0 };
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
                    if let ImageStatus::Moving { mode, method, .. } = w.image {
                        w.image = ImageStatus::Complete { version: image.version, mode, method, reset, at };
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
            Event::PredownloadWithdrawn { wtp, .. } => {
                if let Some(w) = self.wtps.get_mut(&wtp.id) {
                    w.image = ImageStatus::None;
                }
            }
            Event::ClockStepped { .. }
            | Event::ConfigurationChanged { .. }
            | Event::WtpDiscovered { .. }
            | Event::WtpRefused { .. }
            | Event::WtpMessageRejected { .. }
            | Event::WtpDataTransferred { .. }
            | Event::InstallAddStarted { .. }
            | Event::InstallAddProgressed { .. }
            | Event::InstallAddCompleted { .. }
            | Event::InstallAddFailed { .. }
            | Event::ImageRemoved { .. }
            | Event::VersionActivated { .. }
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
            | Event::ImageNotTaken { .. }
            | Event::PreflightStarted { .. }
            | Event::PreflightCompleted { .. }
            | Event::CampaignStarted { .. }
            | Event::CampaignWtpChosen { .. }
            | Event::CampaignPhaseChanged { .. }
            | Event::CampaignWtpMissing { .. }
            | Event::CampaignPaused { .. }
            | Event::CampaignResumed { .. }
            | Event::CampaignEnded { .. } => {}
        }
    }
}
