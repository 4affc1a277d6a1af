//! The rules of the install family: what can be activated, committed, taken back and removed.

use std::collections::BTreeSet;

use capledger_schema::event::RollbackReason;
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::project::State;

use super::Decision;
use crate::command::Refusal;

/// The image families of every WTP that is known.
pub(in crate::ac) fn fleet_families(state: &State) -> BTreeSet<ImageFamily> {
    state.fleet.wtps.values().filter_map(|w| w.inventory.family.clone()).collect()
}

/// The families of the fleet without an image of this version.
pub(in crate::ac) fn lacking(state: &State, version: ImageVersion) -> BTreeSet<ImageFamily> {
    fleet_families(state).into_iter().filter(|f| state.installs.image(f, version).is_none()).collect()
}

pub(super) fn add_profile(state: &State) -> Result<Decision, Refusal> {
    let families = fleet_families(state);
    let image = &state.config.image;
    if families.is_empty() {
        let words = "no AP of a known model has joined, so no image is needed; use `install add file URL`";
        return Err(Refusal::NothingToDo(words.to_owned()));
    }
    // Local files may be all that is wanted.
    let wanted = image.mode.is_some() || image.local.is_empty();
    if let Some(command) = image.lacks().filter(|_| wanted) {
        return Err(Refusal::NoSource(format!("set {command}")));
    }
    Ok(Decision::FetchProfile(families.into_iter().collect()))
}

pub(super) fn activate(state: &State, version: ImageVersion, minutes: Option<u32>) -> Result<Decision, Refusal> {
    if !state.installs.catalogue.keys().any(|(_, v)| *v == version) {
        return Err(Refusal::NotInstalled(version));
    }
    if state.running_version() == Some(version) {
        return Err(Refusal::NothingToDo(format!("{version} is the running version")));
    }
    let minutes = minutes.unwrap_or(state.config.upgrade.auto_abort);
    Ok(Decision::Activate { version, minutes })
}

pub(super) fn commit(state: &State) -> Result<Decision, Refusal> {
    match &state.installs.trial {
        Some(trial) => Ok(Decision::Commit(trial.version)),
        None => Err(Refusal::NothingToDo(committed(state))),
    }
}

/// The version that a campaign which did not come to its end left some WTPs on.
fn moved_ahead(state: &State) -> Option<(ImageVersion, ImageVersion)> {
    let running = state.running_version()?;
    state.campaigns.moved.values().find(|v| **v != running).map(|ahead| (*ahead, running))
}

/// Back to the committed version, also where only some WTPs are ahead of it; else the staged version is given up.
pub(super) fn abort(state: &State) -> Result<Decision, Refusal> {
    if let (None, Some((from, to))) = (&state.installs.trial, moved_ahead(state)) {
        return Ok(Decision::GoBack { from, to, reason: RollbackReason::Abort });
    }
    match (&state.installs.trial, state.installs.staged) {
        (Some(trial), _) => {
            Ok(Decision::GoBack { from: trial.version, to: trial.back_to, reason: RollbackReason::Abort })
        }
        (None, Some(staged)) => Ok(Decision::Unstage(staged)),
        (None, None) => {
            Err(Refusal::NothingToDo(format!("{}, and none is staged{}", committed(state), instead(state))))
        }
    }
}

pub(super) fn rollback(state: &State) -> Result<Decision, Refusal> {
    match &state.installs.trial {
        Some(trial) => {
            Ok(Decision::GoBack { from: trial.version, to: trial.back_to, reason: RollbackReason::Rollback })
        }
        None => match moved_ahead(state) {
            Some((from, to)) => Ok(Decision::GoBack { from, to, reason: RollbackReason::Rollback }),
            None => Err(Refusal::NothingToDo(format!("{}{}", committed(state), instead(state)))),
        },
    }
}

pub(super) fn remove_inactive(state: &State) -> Result<Decision, Refusal> {
    let kept = [state.running_version(), state.committed_version(), state.installs.staged];
    let inactive: Vec<ImageFacts> = state
        .installs
        .catalogue
        .values()
        .map(|e| e.image.clone())
        .filter(|image| !kept.contains(&Some(image.version)))
        .collect();
    if inactive.is_empty() {
        return Err(Refusal::NothingToDo("no image is inactive".to_owned()));
    }
    Ok(Decision::Remove(inactive))
}

/// How to come to another version where there is nothing to go back to: to the last one before the running one that the
/// whole fleet has images of, else to any other.
fn instead(state: &State) -> String {
    let running = state.running_version();
    let complete = |version: &ImageVersion| Some(*version) != running && lacking(state, *version).is_empty();
    let others: BTreeSet<ImageVersion> = state.installs.catalogue.keys().map(|(_, v)| *v).filter(complete).collect();
    let before = others.iter().rev().find(|v| running.is_some_and(|running| **v < running));
    match before.or(others.last()) {
        Some(version) => format!("; `install activate {version}` runs that one"),
        None => "; fetch another version with `install add`, then run `install activate`".to_owned(),
    }
}

fn committed(state: &State) -> String {
    match state.running_version() {
        Some(version) => format!("{version} is committed"),
        None => "no version is active".to_owned(),
    }
}
