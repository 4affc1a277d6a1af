//! The folds. Each is total: it accepts any envelope in any order and never refuses one.
//!
//! `State` is what the core, every view, the dashboard and a replay share; two folds of one ledger are equal.

pub mod campaigns;
pub mod collectors;
pub mod config;
pub mod fleet;
pub mod installs;
pub mod lines;
pub mod servers;
pub mod serves;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::envelope::Envelope;
use crate::event::Event;
use crate::id::{ControllerId, SecretId, Seq, WtpId};
use crate::image::ImageVersion;
use crate::setting::Setting;
use crate::time::Timestamp;

pub use campaigns::Campaigns;
pub use collectors::Collectors;
pub use config::Config;
pub use fleet::Fleet;
pub use installs::Installs;
pub use lines::Lines;
pub use servers::Servers;
pub use serves::Serves;

/// A fold of the ledger.
pub trait Projection {
    /// Takes one more fact in. Holds no rules and never fails.
    fn apply(&mut self, envelope: &Envelope);
}

/// Everything that the ledger says of the present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The last envelope taken in; 0 for none.
    pub seq: Seq,
    /// Its moment.
    pub at: Timestamp,
    /// The controller that wrote it.
    pub controller: Controller,
    /// The running configuration.
    pub config: Config,
    /// Whether it was changed at run time since it was last that of the startup configuration.
    pub unsaved: bool,
    /// The startup configuration, as it was last read at a start or saved; none: there has never been one.
    pub saved: Option<Box<Saved>>,
    /// The WTPs.
    pub fleet: Fleet,
    /// Fetches and the catalogue of images.
    pub installs: Installs,
    /// Keys of image servers.
    pub servers: Servers,
    /// Campaigns and preflight checks.
    pub campaigns: Campaigns,
    /// The embedded image servers.
    pub serves: Serves,
    /// The lines of the command line that are taken over SSH.
    pub lines: Lines,
    /// The collectors of the log that are served over streams.
    pub collectors: Collectors,
}

/// The startup configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// All of it.
    pub config: Config,
    /// Where it was saved; none: it was read at a start.
    pub file: Option<String>,
}

/// The controller itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controller {
    /// Drawn at the first start.
    pub id: ControllerId,
    /// Its software, as of the last start.
    pub software: String,
    /// When it last started.
    pub started_at: Option<Timestamp>,
    /// When it last stopped in order; none while it runs, or if it was cut off.
    pub stopped_at: Option<Timestamp>,
    /// Why, in words.
    pub stopped_for: Option<String>,
}

impl State {
    /// The secrets that the running configuration or the startup configuration names.
    pub fn secrets(&self) -> BTreeSet<SecretId> {
        let saved = self.saved.iter().flat_map(|saved| saved.config.secrets());
        self.config.secrets().into_iter().chain(saved).collect()
    }

    /// The version that WTPs are to run: `software version`, else the last one activated.
    pub fn running_version(&self) -> Option<ImageVersion> {
        self.config.software_version.or(self.installs.activated)
    }

    /// The version that this WTP is to run now: the running one, or that of a campaign which moved the WTP ahead of the
    /// others, if it is what the WTP `reports` to run. What a join offers, and what a view calls up to date, follow it.
    pub fn version_to_run(&self, wtp: &WtpId, reports: Option<ImageVersion>) -> Option<ImageVersion> {
        reports.filter(|v| self.campaigns.keeps(wtp, *v)).or_else(|| self.running_version())
    }

    /// The version that this WTP is on its way to: that of the campaign that it belongs to, whatever became of it there,
    /// else the one that it is to run. What the dashboard measures it by.
    pub fn version_wanted(&self, wtp: &fleet::Wtp) -> Option<ImageVersion> {
        let (id, reports) = (&wtp.address.id, wtp.inventory.version);
        let campaign = self.campaigns.active().filter(|c| c.members.contains_key(id));
        campaign.map(|c| c.version).or_else(|| self.version_to_run(id, reports))
    }

    /// The version that this WTP is to hold ahead of its next reset: that of the campaign that is about to move it, else
    /// the one that it is to run.
    pub fn version_to_hold(&self, wtp: &WtpId, reports: Option<ImageVersion>) -> Option<ImageVersion> {
        self.campaigns.gives(wtp).or_else(|| self.version_to_run(wtp, reports))
    }

    /// The version that stays, or comes back, if the running one is not committed.
    pub fn committed_version(&self) -> Option<ImageVersion> {
        self.installs.trial.as_ref().map(|t| t.back_to).or(self.running_version())
    }

    /// The version that WTPs are given ahead of their reset: the staged one, else the running one.
    pub fn next_version(&self) -> Option<ImageVersion> {
        self.installs.staged.or(self.running_version())
    }
}

impl Projection for State {
    fn apply(&mut self, envelope: &Envelope) {
        self.seq = envelope.seq;
        self.at = envelope.at;
        match &envelope.event {
            Event::ControllerStarted { controller, software } => {
                self.controller = Controller {
                    id: *controller,
                    software: software.clone(),
                    started_at: Some(envelope.at),
                    stopped_at: None,
                    stopped_for: None,
                };
            }
            Event::ControllerStopped { reason } => {
                self.controller.stopped_at = Some(envelope.at);
                self.controller.stopped_for = Some(reason.clone());
            }
            Event::ConfigurationChanged { startup, .. } => self.unsaved = !startup,
            Event::ConfigurationSaved { .. } => self.unsaved = false,
            Event::VersionActivated { version } => {
                if let Some(running) = self.running_version() {
                    self.installs.try_out(*version, running, envelope.at);
                }
            }
            Event::ClockStepped { .. }
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
            | Event::LogCleared {}
            | Event::LineCleared { .. }
            | Event::WtpSessionDescribed(_)
            | Event::ImageDownloadRetransmitted { .. }
            | Event::LoggingHostStarted { .. }
            | Event::LoggingHostFailed { .. } => {}
        }
        self.config.apply(envelope);
        let mut keep = |file| self.saved = Some(Box::new(Saved { config: self.config.clone(), file }));
        if let Event::ConfigurationSaved { file, .. } = &envelope.event {
            keep(Some(file.clone()));
        } else if let Event::ConfigurationChanged { startup: true, .. } = &envelope.event {
            keep(None);
        }
        self.fleet.apply(envelope);
        if let Event::ConfigurationChanged { changes, .. } = &envelope.event
            && changes.iter().any(|change| matches!(change, Setting::ImageMap(..)))
        {
            // A WTP that joined before the operator named its family need not join anew.
            for wtp in self.fleet.wtps.values_mut() {
                if let Some(family) = self.config.image.mapped(&wtp.inventory.model) {
                    wtp.inventory.family = Some(family.clone());
                }
            }
        }
        self.installs.apply(envelope);
        self.servers.apply(envelope);
        self.campaigns.apply(envelope, &self.fleet);
        self.serves.apply(envelope);
        self.lines.apply(envelope);
        self.collectors.apply(envelope);
    }
}
