//! The install family at the terminal: what an action did, and an `install add` until it has ended.

use std::collections::BTreeSet;

use capledger_schema::event::InstallAction;
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::id::{OperationId, Seq};
use capledger_schema::image::ImageFamily;
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};

use super::{LOOK, Operator};
use crate::ac::Accepted;
use crate::command::{Command, Refusal};
use crate::ios::install;
use crate::net::feed::Output;
use crate::syslog::TimeFormat;

/// The action of the install family that a command is.
pub(super) fn action(command: &Command) -> Option<InstallAction> {
    match command {
        Command::InstallAdd { .. } | Command::InstallAddProfile => Some(InstallAction::Add),
        Command::Activate { .. } => Some(InstallAction::Activate),
        Command::Commit => Some(InstallAction::Commit),
        Command::AbortInstall => Some(InstallAction::Abort),
        Command::Rollback => Some(InstallAction::Rollback),
        Command::RemoveInactive => Some(InstallAction::Remove),
        Command::Configure { .. }
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

/// What an action of the install family did, one sentence each.
fn notes(action: InstallAction, accepted: &Accepted) -> Vec<String> {
    let aps = if accepted.wtps == 1 { "1 AP".to_owned() } else { format!("{} APs", accepted.wtps) };
    let first = accepted.version.map(|version| match action {
        InstallAction::Activate => format!("Version {version} is the running one; {aps} restart into it"),
        InstallAction::Commit => format!("Version {version} is committed"),
        InstallAction::Abort | InstallAction::Rollback => format!("Back to {version}; {aps} follow"),
        InstallAction::Add | InstallAction::Remove => format!("Version {version}"),
    });
    first.into_iter().chain(accepted.notes.iter().cloned()).collect()
}

impl Operator {
    /// What is printed of an action that was accepted or refused.
    pub(super) fn installed(
        &self,
        action: InstallAction,
        before: Seq,
        result: Result<Accepted, Refusal>,
        out: &mut dyn Output,
    ) -> Result<String, String> {
        let now = self.clock.now().wall;
        match result {
            Ok(accepted) if action == InstallAction::Add => self.watch_add(before, &accepted, out),
            Ok(accepted) => {
                let end = install::completed(action, &notes(action, &accepted), now, &self.time);
                Ok(install::started(action, now, &self.time) + &end)
            }
            Err(refusal) => Err(install::refused(action, &refusal.to_string(), now, &self.time)),
        }
    }

    /// Stays with an `install add` until every fetch of it has ended and it is known which version is staged, or the
    /// operator leaves.
    fn watch_add(&self, before: Seq, accepted: &Accepted, out: &mut dyn Output) -> Result<String, String> {
        // Whoever is gone is noticed below.
        let _ = out.write(&install::started(InstallAction::Add, self.clock.now().wall, &self.time));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|e| format!("% cannot follow the operation: {e}\n"))?;
        let mut follower = self.hub.follow(before);
        let mut added = Added::new(accepted);
        // What follows from the last fetch is published with its end.
        while !added.open.is_empty() || follower.after() < self.hub.seq() {
            if out.is_gone() {
                return Err(String::new());
            }
            let next = runtime.block_on(async { tokio::time::timeout(LOOK, follower.next()).await });
            let Ok(batch) = next else { continue };
            for envelope in &batch.map_err(|e| format!("% cannot follow the operation: {e}\n"))? {
                added.take(envelope);
            }
        }
        added.end(&self.time, self.clock.now().wall)
    }
}

/// What becomes of an `install add`.
#[derive(Default)]
struct Added {
    open: BTreeSet<OperationId>,
    /// Families whose fetch was called off and begins anew.
    replaced: BTreeSet<ImageFamily>,
    notes: Vec<String>,
    errors: Vec<String>,
    at: Option<Timestamp>,
}

impl Added {
    fn new(accepted: &Accepted) -> Added {
        Added { open: accepted.operations.iter().copied().collect(), notes: accepted.notes.clone(), ..Added::default() }
    }

    fn take(&mut self, envelope: &Envelope) {
        let event = &envelope.event;
        let ours = if let Event::InstallAddCompleted { operation, image, .. } = event {
            let ours = self.open.remove(operation);
            self.notes.extend(ours.then(|| install::image_added(image)));
            ours
        } else if let Event::InstallAddFailed { operation, url, family, failure, .. } = event {
            let ours = self.open.remove(operation);
            match (ours, family, failure.kind) {
                (true, Some(family), FetchFailureKind::Cancelled) => {
                    self.replaced.insert(family.clone());
                }
                (true, _, _) => self.errors.push(install::fetch_failed(url, failure)),
                (false, _, _) => {}
            }
            ours
        } else if let Event::InstallAddStarted { operation, family: Some(family), .. } = event {
            self.replaced.remove(family) && self.open.insert(*operation)
        } else if let Event::VersionStaged { version } = event {
            self.notes.push(install::staged(*version));
            true
        } else if let Event::InstallActionFailed { action: InstallAction::Add, words, .. } = event {
            self.errors.push(words.clone());
            true
        } else {
            false
        };
        if ours {
            self.at = Some(envelope.at);
        }
    }

    fn end(self, time: &TimeFormat, now: Timestamp) -> Result<String, String> {
        let at = self.at.unwrap_or(now);
        if self.errors.is_empty() {
            return Ok(install::completed(InstallAction::Add, &self.notes, at, time));
        }
        let came = self.notes.iter().fold(String::new(), |out, note| out + note + "\n");
        Err(came + &install::failed(InstallAction::Add, &self.errors, at, time))
    }
}
