//! Fetches, and the catalogue of images that they left.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Projection;
use crate::envelope::Envelope;
use crate::event::Event;
use crate::failure::{FetchFailure, FetchFailureKind};
use crate::id::OperationId;
use crate::image::{ImageFacts, ImageFamily, ImageVersion};
use crate::setting::Setting;
use crate::time::Timestamp;

/// How many finished fetches are kept in the fold; the ledger keeps them all.
pub const FINISHED_KEPT: usize = 64;

/// Fetches and images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installs {
    /// Those that run, and the last that ended.
    pub operations: BTreeMap<OperationId, InstallAdd>,
    /// What is in the cache.
    pub catalogue: BTreeMap<(ImageFamily, ImageVersion), CatalogueEntry>,
    /// How the fetches of a family went since its last success.
    pub families: BTreeMap<ImageFamily, FamilyFetch>,
    /// The last version activated.
    pub activated: Option<ImageVersion>,
    /// Every family of the fleet has an image of it; it waits to be activated.
    pub staged: Option<ImageVersion>,
    /// The running version is not committed yet.
    pub trial: Option<Trial>,
}

/// An activated version that is not committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// Which.
    pub version: ImageVersion,
    /// The committed one.
    pub back_to: ImageVersion,
    /// When it was activated.
    pub since: Timestamp,
    /// When the controller goes back by itself; none if never.
    pub due: Option<Timestamp>,
}

/// One fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallAdd {
    /// Where from, with credentials masked.
    pub url: String,
    /// The family asked for.
    pub family: Option<ImageFamily>,
    /// The version wanted.
    pub version: Option<ImageVersion>,
    /// When it began.
    pub started_at: Timestamp,
    /// Octets so far.
    pub octets: u64,
    /// Of how many, if known.
    pub total: Option<u64>,
    /// When octets last moved, as far as events tell.
    pub moved_at: Timestamp,
    /// How it ended; none while it runs.
    pub outcome: Option<Outcome>,
}

/// How a fetch ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// With an image.
    Completed(ImageFacts, Timestamp),
    /// With a failure.
    Failed(FetchFailure, Timestamp),
    /// The controller was cut off.
    Lost(Timestamp),
}

/// An image in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueEntry {
    /// What it is.
    pub image: ImageFacts,
    /// Where it came from.
    pub url: String,
    /// When.
    pub added_at: Timestamp,
}

/// How the fetches of a family went since its last success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyFetch {
    /// The one that runs.
    pub running: Option<OperationId>,
    /// Failures in a row.
    pub failures: u32,
    /// The last of them.
    pub last: Option<(FetchFailure, Timestamp)>,
    /// No try before this moment.
    pub next_try: Option<Timestamp>,
}

impl Installs {
    /// The image of a family and version, if it is in the cache.
    pub fn image(&self, family: &ImageFamily, version: ImageVersion) -> Option<&ImageFacts> {
        self.catalogue.get(&(family.clone(), version)).map(|e| &e.image)
    }

    /// An activated version is on trial until it is committed; what was committed before stays that.
    pub(super) fn try_out(&mut self, version: ImageVersion, running: ImageVersion, at: Timestamp) {
        let back_to = self.trial.as_ref().map_or(running, |t| t.back_to);
        self.trial = (version != back_to).then_some(Trial { version, back_to, since: at, due: None });
    }

    fn end(&mut self, operation: OperationId, outcome: Outcome) {
        if let Some(op) = self.operations.get_mut(&operation) {
            op.outcome = Some(outcome);
            if let Some(family) = op.family.clone().and_then(|f| self.families.get_mut(&f)) {
                family.running = None;
            }
        }
        let finished: Vec<_> =
            self.operations.iter().filter(|(_, op)| op.outcome.is_some()).map(|(id, _)| *id).collect();
        if finished.len() > FINISHED_KEPT {
            self.operations.remove(&finished[0]); // the oldest: ids grow with the ledger
        }
    }
}

impl Projection for Installs {
    fn apply(&mut self, envelope: &Envelope) {
        let at = envelope.at;
        match &envelope.event {
            Event::ControllerStarted { .. } => {
                let lost: Vec<_> =
                    self.operations.iter().filter(|(_, op)| op.outcome.is_none()).map(|(id, _)| *id).collect();
                for id in lost {
                    self.end(id, Outcome::Lost(at));
                }
            }
            Event::InstallAddStarted { operation, url, family, version } => {
                if let Some(family) = family {
                    self.families.entry(family.clone()).or_default().running = Some(*operation);
                }
                self.operations.insert(
                    *operation,
                    InstallAdd {
                        url: url.clone(),
                        family: family.clone(),
                        version: *version,
                        started_at: at,
                        octets: 0,
                        total: None,
                        moved_at: at,
                        outcome: None,
                    },
                );
            }
            Event::InstallAddProgressed { operation, octets, total } => {
                if let Some(op) = self.operations.get_mut(operation) {
                    (op.octets, op.total, op.moved_at) = (*octets, *total, at);
                }
            }
            Event::InstallAddCompleted { operation, url, image, .. } => {
                if let Some(op) = self.operations.get_mut(operation) {
                    (op.octets, op.total) = (image.octets, Some(image.octets));
                }
                self.end(*operation, Outcome::Completed(image.clone(), at));
                self.families.remove(&image.family);
                let entry = CatalogueEntry { image: image.clone(), url: url.clone(), added_at: at };
                self.catalogue.insert((image.family.clone(), image.version), entry);
            }
            Event::InstallAddFailed { operation, family, failure, next_try, .. } => {
                self.end(*operation, Outcome::Failed(failure.clone(), at));
                if let Some(family) = family {
                    let f = self.families.entry(family.clone()).or_default();
                    f.running = None;
                    // That one was called off tells nothing of where it came from.
                    if failure.kind != FetchFailureKind::Cancelled {
                        f.failures += 1;
                        f.last = Some((failure.clone(), at));
                        f.next_try = *next_try;
                    }
                }
            }
            Event::ImageRemoved { image, .. } => {
                self.catalogue.remove(&(image.family.clone(), image.version));
            }
            Event::VersionActivated { version } => {
                self.activated = Some(*version);
                self.staged.take_if(|staged| staged == version);
            }
            Event::VersionStaged { version } => self.staged = Some(*version),
            Event::VersionUnstaged { .. } => self.staged = None,
            Event::AutoAbortArmed { due, .. } => {
                if let Some(trial) = &mut self.trial {
                    trial.due = Some(*due);
                }
            }
            Event::VersionCommitted { .. } => self.trial = None,
            Event::VersionRolledBack { to, .. } => {
                self.activated = Some(*to);
                self.trial = None;
            }
            // A changed profile deserves a try at once: what failed was the old one.
            Event::ConfigurationChanged { changes, .. } if changes.iter().any(Setting::changes_image_source) => {
                for f in self.families.values_mut() {
                    f.failures = 0;
                    f.next_try = None;
                }
                for change in changes {
                    if let Setting::SoftwareVersion(version) = change {
                        // Who configures a version wants that one and no trial of another.
                        self.trial.take_if(|trial| Some(trial.version) != *version);
                        self.staged.take_if(|staged| Some(*staged) == *version);
                    }
                }
            }
            Event::ControllerStopped { .. }
            | Event::ClockStepped { .. }
            | Event::ConfigurationChanged { .. }
            | Event::WtpDiscovered { .. }
            | Event::WtpJoined { .. }
            | Event::WtpRefused { .. }
            | Event::WtpEnteredRun { .. }
            | Event::WtpDisjoined { .. }
            | Event::WtpMessageRejected { .. }
            | Event::WtpDataTransferred { .. }
            | Event::ImageDownloadStarted { .. }
            | Event::ImageDownloadProgressed { .. }
            | Event::ImageDownloadCompleted { .. }
            | Event::ImageDownloadFailed { .. }
            | Event::ImageDownloadAborted { .. }
            | Event::PredownloadRequested { .. }
            | Event::PredownloadAlreadyPresent { .. }
            | Event::WtpResetRequested { .. }
            | Event::LimitReached { .. }
            | Event::PredownloadWithdrawn { .. }
            | Event::ServerKeyPinned { .. }
            | Event::ServerKeyForgotten { .. }
            | Event::ImageServeStarted { .. }
            | Event::ImageServeProgressed { .. }
            | Event::ImageServeCompleted { .. }
            | Event::ImageServeFailed { .. }
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
            | Event::CampaignEnded { .. }
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
            | Event::LoggingHostFailed { .. } => {}
        }
    }
}
