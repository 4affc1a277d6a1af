//! The install family carried out: which version is staged, activated, committed, taken back.
//!
//! `install add profile` fetches whatever version the server holds for every family of the fleet; where they agree, that
//! version is staged. An activated version is on trial until it is committed: its deadline is in the ledger, so it
//! outlives the process.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use capledger_schema::event::{CampaignOutcome, InstallAction, RollbackReason};
use capledger_schema::id::OperationId;
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};
use capledger_schema::setting::Setting;
use capledger_schema::{Cause, Event, Subject};

use super::decide::install::{fleet_families, lacking};
use super::decide::{Decision, decide, is_known_bad};
use super::io::{Accepted, Effect};
use super::{Ac, Key};
use crate::command::{Command, Target};

/// An `install add profile` that runs.
#[derive(Clone, Debug)]
pub(super) struct Staging {
    /// Its fetches that have not ended.
    waiting: BTreeMap<OperationId, ImageFamily>,
    found: BTreeMap<ImageFamily, ImageVersion>,
    failed: BTreeMap<ImageFamily, String>,
    cause: Cause,
    /// Who is given the version once it is staged.
    then: Option<Target>,
}

/// The action of the install family that a command is, and its version.
pub(super) fn action_of(command: &Command) -> Option<(InstallAction, Option<ImageVersion>)> {
    match command {
        Command::InstallAddProfile => Some((InstallAction::Add, None)),
        Command::Activate { version, .. } => Some((InstallAction::Activate, Some(*version))),
        Command::Commit => Some((InstallAction::Commit, None)),
        Command::AbortInstall => Some((InstallAction::Abort, None)),
        Command::Rollback => Some((InstallAction::Rollback, None)),
        Command::RemoveInactive => Some((InstallAction::Remove, None)),
        Command::Configure { .. }
        | Command::InstallAdd { .. }
        | Command::Predownload { .. }
        | Command::PredownloadAbort
        | Command::Swap { .. }
        | Command::Reset { .. }
        | Command::Preflight
        | Command::Upgrade { .. }
        | Command::UpgradePause
        | Command::UpgradeResume
        | Command::UpgradeAbort
        | Command::ForgetServerKey { .. }
        | Command::ClearLog
        | Command::ClearLine { .. }
        | Command::Record(_)
        | Command::Saved { .. }
        | Command::Stop { .. } => None,
    }
}

impl Ac {
    /// Fetches every family's image from where the profile says, of whatever version.
    pub(super) fn fetch_profile(
        &mut self,
        families: Vec<ImageFamily>,
        then: Option<Target>,
        cause: &Cause,
    ) -> Vec<OperationId> {
        let mut staging = Staging {
            waiting: BTreeMap::new(),
            found: BTreeMap::new(),
            failed: BTreeMap::new(),
            cause: cause.clone(),
            then: then.or_else(|| self.staging.take().and_then(|s| s.then)),
        };
        for family in families {
            match self.fetch_any(&family, cause) {
                Some(operation) => {
                    staging.waiting.insert(operation, family);
                }
                None => {
                    staging.failed.insert(family, "nowhere to fetch it from".to_owned());
                }
            }
        }
        let operations = staging.waiting.keys().copied().collect();
        self.staging = Some(staging);
        self.conclude_staging();
        operations
    }

    /// One family's fetch without a version demand. One that runs and would take any version is joined; one that
    /// demands a version may fail for what the operator wants, and is begun anew.
    fn fetch_any(&mut self, family: &ImageFamily, cause: &Cause) -> Option<OperationId> {
        let url = self.source(family)?;
        let installs = &self.book.state.installs;
        let running = installs.families.get(family).and_then(|f| f.running);
        if let Some(operation) = running {
            if installs.operations.get(&operation).is_some_and(|op| op.version.is_none()) {
                return Some(operation);
            }
            self.cancel_fetch(operation, "any version is wanted now");
        }
        Some(self.start_fetch(url, Some(family.clone()), None, cause.clone()))
    }

    /// A fetch is gone and another has taken its place.
    pub(super) fn staging_moves(&mut self, from: OperationId, to: OperationId) {
        if let Some(staging) = &mut self.staging
            && let Some(family) = staging.waiting.remove(&from)
        {
            staging.waiting.insert(to, family);
        }
    }

    /// Whether a fetch belongs to an `install add profile`.
    pub(super) fn is_staging(&self, operation: OperationId) -> bool {
        self.staging.as_ref().is_some_and(|s| s.waiting.contains_key(&operation))
    }

    /// A fetch ended, with an image or with what kept it from coming.
    pub(super) fn staging_hears(&mut self, operation: OperationId, result: Result<&ImageFacts, String>) {
        let belongs = self.staging.as_mut().and_then(|s| s.waiting.remove(&operation).map(|family| (s, family)));
        match (belongs, result) {
            (Some((staging, family)), Ok(image)) => {
                staging.found.insert(family, image.version);
                self.conclude_staging();
            }
            (Some((staging, family)), Err(words)) => {
                staging.failed.insert(family, words);
                self.conclude_staging();
            }
            // A file that an operator added by hand may have been the last one that was lacking.
            (None, Ok(image)) => {
                let by_hand = self.book.state.installs.operations.get(&operation).is_some_and(|op| op.family.is_none());
                if by_hand && lacking(&self.book.state, image.version).is_empty() {
                    self.stage(image.version, Cause::Operation(operation));
                }
            }
            (None, Err(_)) => {}
        }
    }

    /// Once every fetch has ended: the version on which all families agree is staged.
    fn conclude_staging(&mut self) {
        let Some(staging) = self.staging.take_if(|s| s.waiting.is_empty()) else { return };
        match agreement(&staging, |family, version| self.book.state.installs.image(family, version).is_some()) {
            Ok(version) => {
                self.stage(version, staging.cause.clone());
                if let Some(target) = staging.then {
                    let decision = decide(&self.book.state, Command::Predownload { target });
                    // A second round of fetches would bring the same; what is refused has nothing to do.
                    if let Ok(facts @ Decision::Facts(_)) = decision {
                        self.carry_out(facts, &staging.cause);
                    }
                }
            }
            Err(words) => {
                let event = Event::InstallActionFailed { action: InstallAction::Add, version: None, words };
                self.book.record(staging.cause, Subject::Controller, event);
            }
        }
    }

    fn stage(&mut self, version: ImageVersion, cause: Cause) {
        let state = &self.book.state;
        let known = state.running_version() == Some(version) || state.installs.staged == Some(version);
        if !known && !fleet_families(state).is_empty() {
            self.book.record(cause, Subject::Controller, Event::VersionStaged { version });
        }
    }

    /// A version becomes the running one; WTPs that hold it are reset into it, those that are being given it follow.
    pub(super) fn activate(&mut self, version: ImageVersion, minutes: u32, cause: &Cause) -> Accepted {
        let mut accepted = Accepted { version: Some(version), ..Accepted::default() };
        for family in lacking(&self.book.state, version) {
            let aps = self.book.state.fleet.of_family(&family).count();
            accepted.notes.push(format!("no image of {family} {version} is installed; {aps} APs need it"));
        }
        self.make_running(version, minutes, cause);
        accepted.wtps = self.move_fleet(version, false, cause);
        accepted
    }

    /// A version becomes the running one, on trial for so many minutes; nobody is reset.
    pub(super) fn make_running(&mut self, version: ImageVersion, minutes: u32, cause: &Cause) {
        self.book.record(cause.clone(), Subject::Controller, Event::VersionActivated { version });
        self.follow_in_configuration(version, cause);
        if let (Some(trial), 1..) = (&self.book.state.installs.trial, minutes) {
            let due = self.book.clock() + Duration::from_secs(u64::from(minutes) * 60);
            let event = Event::AutoAbortArmed { version, back_to: trial.back_to, due };
            self.book.record(cause.clone(), Subject::Controller, event);
        }
        self.arm_auto_abort();
    }

    pub(super) fn commit(&mut self, version: ImageVersion, cause: &Cause) -> Accepted {
        self.book.record(cause.clone(), Subject::Controller, Event::VersionCommitted { version });
        self.arm_auto_abort();
        Accepted { version: Some(version), ..Accepted::default() }
    }

    /// The committed version becomes the running one again, and all WTPs follow: those that hold it by a reset, the
    /// others once they have been given it.
    pub(super) fn go_back(
        &mut self,
        from: ImageVersion,
        to: ImageVersion,
        reason: RollbackReason,
        cause: &Cause,
    ) -> Accepted {
        let event = Event::VersionRolledBack { from, to, reason };
        self.book.record(cause.clone(), Subject::Controller, event);
        self.follow_in_configuration(to, cause);
        self.arm_auto_abort();
        self.call_off(from, "the version was taken back", cause);
        let wtps = self.move_fleet(to, true, cause);
        Accepted { wtps, version: Some(to), ..Accepted::default() }
    }

    pub(super) fn unstage(&mut self, version: ImageVersion, cause: &Cause) -> Accepted {
        self.book.record(cause.clone(), Subject::Controller, Event::VersionUnstaged { version });
        let wtps = self.call_off(version, "the version is no longer to be activated", cause);
        let notes = vec![format!("version {version} is no longer staged; {wtps} predownloads of it were called off")];
        Accepted { wtps, notes, ..Accepted::default() }
    }

    /// Images leave the catalogue and the cache, but for those that are on their way to a WTP.
    pub(super) fn remove_images(&mut self, images: Vec<ImageFacts>, cause: &Cause) -> Accepted {
        let mut accepted = Accepted::default();
        for image in images {
            if !self.users_of(image.sha256).is_empty() {
                accepted.notes.push(format!("{} {} is being sent to an AP and stays", image.family, image.version));
                continue;
            }
            self.images.remove(&image.sha256);
            self.book.effect(Effect::Remove { sha256: image.sha256 });
            accepted.notes.push(format!("removed {} {}", image.family, image.version));
            let event = Event::ImageRemoved { image, reason: "removed by operator".to_owned() };
            self.book.record(cause.clone(), Subject::Controller, event);
        }
        accepted
    }

    /// A configured version would go on to win over the activated one.
    fn follow_in_configuration(&mut self, version: ImageVersion, cause: &Cause) {
        if self.book.state.config.software_version.is_some_and(|v| v != version) {
            let changes = vec![Setting::SoftwareVersion(Some(version))];
            let event = Event::ConfigurationChanged { changes, startup: false };
            self.book.record(cause.clone(), Subject::Config, event);
        }
    }

    /// Resets WTPs in Run that hold a version into it; those that are being given it are reset when they hold it, and
    /// so, if `all`, are those that do not hold it and are given it now. Gives how many it concerns.
    fn move_fleet(&mut self, version: ImageVersion, all: bool, cause: &Cause) -> usize {
        let behind: Vec<Wtp> = self
            .book
            .state
            .fleet
            .wtps
            .values()
            .filter(|w| matches!(w.session, SessionState::Run(_)) && !w.runs(version))
            .cloned()
            .collect();
        let mut moved = 0;
        for wtp in behind {
            let Some(peer) = self.by_wtp.get(&wtp.address.id).copied() else { continue };
            let on_its_way = is_on_its_way(&wtp, version);
            let given_up =
                matches!(&wtp.image, ImageStatus::Failed { version: v, next_retry: None, .. } if *v == version);
            if wtp.backup() == Some(version) && !is_known_bad(&wtp, version) && !given_up && !on_its_way {
                self.request_reset(peer, Some(version), cause);
            } else if let (true, Some(family)) = (on_its_way || all, wtp.inventory.family.clone()) {
                let subject = Subject::Wtp(wtp.address.id.clone());
                let event = Event::PredownloadRequested { wtp: wtp.address, family, version, reset: true };
                self.book.record(cause.clone(), subject, event);
                self.hungry.insert(peer);
            } else {
                continue;
            }
            moved += 1;
            self.arm(peer);
        }
        self.pursue_fleet();
        moved
    }

    /// Ends the predownloads of a version that wait, move or are to be tried again. Gives how many.
    fn call_off(&mut self, version: ImageVersion, reason: &str, cause: &Cause) -> usize {
        let fleet = self.book.state.fleet.wtps.values();
        let of_version = fleet.filter(|w| w.image.version() == Some(version) && super::decide::is_in_progress(w));
        let affected: Vec<_> = of_version.map(|w| w.address.clone()).collect();
        for wtp in &affected {
            self.abort_predownload(wtp, reason, cause);
        }
        affected.len()
    }

    /// Sets the timer of the version on trial, or stops it.
    pub(super) fn arm_auto_abort(&mut self) {
        let due = self.book.state.installs.trial.as_ref().and_then(|t| t.due);
        let at = due.map(|due| self.book.mono_at(due));
        self.timers.set(Key::AutoAbort, at);
    }

    /// The time of the version on trial is up.
    pub(super) fn auto_abort(&mut self) {
        let Some(trial) = self.book.state.installs.trial.clone() else { return };
        match trial.due {
            Some(due) if due <= self.book.clock() => {
                self.end_campaign(CampaignOutcome::Aborted, "the auto abort timer expired".to_owned(), &Cause::Timer);
                self.go_back(trial.version, trial.back_to, RollbackReason::AutoAbort, &Cause::Timer);
            }
            Some(_) | None => self.arm_auto_abort(),
        }
    }
}

/// Whether a WTP is being given this version.
fn is_on_its_way(wtp: &Wtp, version: ImageVersion) -> bool {
    match &wtp.image {
        ImageStatus::Initiated { version: v, .. } | ImageStatus::Moving { version: v, .. } => *v == version,
        ImageStatus::None | ImageStatus::Complete { .. } | ImageStatus::Failed { .. } => false,
    }
}

/// The version on which the families of an `install add profile` agree, or the words that say which do not.
fn agreement(staging: &Staging, has: impl Fn(&ImageFamily, ImageVersion) -> bool) -> Result<ImageVersion, String> {
    let versions: BTreeSet<ImageVersion> = staging.found.values().copied().collect();
    let failed = |version: Option<ImageVersion>| {
        let lacks = |family: &ImageFamily| version.is_none_or(|v| !has(family, v));
        staging.failed.iter().filter(|(f, _)| lacks(f)).map(|(f, words)| format!("{f}: {words}")).collect::<Vec<_>>()
    };
    let mut versions = versions.into_iter();
    match (versions.next(), versions.next()) {
        (Some(version), None) => {
            let failed = failed(Some(version));
            if failed.is_empty() {
                Ok(version)
            } else {
                Err(format!("{version} is not complete; {}", failed.join("; ")))
            }
        }
        (None, _) => Err(format!("no image came; {}", failed(None).join("; "))),
        (Some(_), Some(_)) => {
            let held: Vec<_> = staging.found.iter().map(|(f, v)| format!("{f} is {v}")).collect();
            let words = "point the image-download profile at one bundle and add it again";
            Err(format!("the families do not agree on a version: {}; {words}", held.join(", ")))
        }
    }
}
