//! The install family: staging, activation, commit and the ways back, with access points that follow.

use std::time::Duration;

use capledger::command::{Command, Target};
use capledger_schema::Event;
use capledger_schema::event::{InstallAction, RollbackReason};
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::image::ImageVersion;
use capledger_schema::project::fleet::{ImageStatus, SessionState};
use capledger_schema::setting::Setting;

use crate::faults::Fault;
use crate::link::LinkPlan;
use crate::plan::{Plan, seeds, target};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

/// What comes after the target.
pub(crate) fn next_release() -> ImageVersion {
    ImageVersion([17, 12, 1, 5])
}

impl World {
    /// Whether every access point runs a version, serves, and the controller knows it.
    pub(crate) fn all_run(&self, version: ImageVersion) -> bool {
        let known = self.controller.ac().map(|ac| &ac.state().fleet.wtps);
        self.aps.iter().all(|ap| ap.wtp.active_version() == version)
            && self.controller.is_quiet()
            && known
                .is_some_and(|wtps| wtps.values().all(|w| matches!(w.session, SessionState::Run(_)) && w.runs(version)))
    }

    /// Whether the controller knows that every access point holds a version ahead of its reset.
    pub(crate) fn all_hold(&self, version: ImageVersion) -> bool {
        let known = self.controller.ac().map(|ac| &ac.state().fleet.wtps);
        known.is_some_and(|wtps| {
            wtps.values().all(|w| matches!(w.image, ImageStatus::Complete { version: v, .. } if v == version))
        })
    }

    /// The next bundle is on the server.
    pub(crate) fn unpack_next_release(&mut self) {
        let (octets, seed) = (self.plan.blocks * 1024, self.rng.next());
        self.library.unpack(next_release(), octets, seed);
    }

    pub(crate) fn staged(&self) -> Option<ImageVersion> {
        self.state().installs.staged
    }
}

/// A fleet that runs the target, to which the next release was given.
pub(crate) fn fleet_that_holds_the_next(plan: Plan) -> World {
    let mut world = World::new(plan);
    world.finish(20 * MINUTE);
    world.unpack_next_release();
    world.command(Command::InstallAddProfile).expect("the profile is complete");
    world.run_until(MINUTE, "the next release is staged", |w| w.staged() == Some(next_release()));
    world.command(Command::Predownload { target: Target::All }).expect("nobody has it");
    world.run_until(20 * MINUTE, "everybody holds it", |w| w.all_hold(next_release()));
    world
}

fn activate(world: &mut World, minutes: Option<u32>) {
    let command = Command::Activate { version: next_release(), auto_abort: minutes };
    let accepted = world.command(command).expect("it is staged");
    assert_eq!(accepted.wtps, world.aps.len(), "everybody holds it and is reset");
    assert!(accepted.notes.is_empty(), "{accepted:?}");
}

#[test]
fn a_release_is_added_predownloaded_activated_and_committed() {
    for seed in seeds([30, 31]) {
        let mut world = fleet_that_holds_the_next(Plan::new(seed, 40).on(LinkPlan::lossy(2)));
        assert!(world.aps.iter().all(|ap| ap.wtp.active_version() == target()), "nobody is reset ahead of activation");
        activate(&mut world, None);
        world.run_until(20 * MINUTE, "everybody runs it", |w| w.all_run(next_release()));
        world.command(Command::Commit).expect("it is on trial");
        world.run(200 * MINUTE);
        assert!(world.all_run(next_release()), "no timer takes back what is committed");
        let state = world.state();
        assert_eq!(
            (state.installs.staged, state.installs.trial.clone(), state.running_version()),
            (None, None, Some(next_release()))
        );
        world.command(Command::RemoveInactive).expect("the old images are of no use");
        let state = world.state();
        assert!(state.installs.catalogue.values().all(|e| e.image.version == next_release()));
        assert_eq!(world.controller.cache.len(), state.installs.catalogue.len(), "the files are gone too");
        world.check_rest();
    }
}

#[test]
fn what_is_not_committed_is_taken_back_when_its_time_is_up_also_by_a_controller_that_crashed_meanwhile() {
    for seed in seeds([32, 33, 34]) {
        let mut world = fleet_that_holds_the_next(Plan::new(seed, 30).on(LinkPlan::lossy(1)));
        activate(&mut world, Some(30));
        world.run_until(15 * MINUTE, "everybody runs it", |w| w.all_run(next_release()));
        // It comes back before its time, or after.
        let down = if seed % 2 == 0 { Duration::from_secs(5) } else { 40 * MINUTE };
        world.strike(Fault::Crash { down });
        world.run(down);
        world.run_until(40 * MINUTE, "everybody is back", |w| w.all_run(target()));
        let back = |e: &Event| matches!(e, Event::VersionRolledBack { reason: RollbackReason::AutoAbort, .. });
        assert_eq!(world.envelopes().iter().filter(|e| back(&e.event)).count(), 1);
        world.check_rest();
    }
}

#[test]
fn an_operator_takes_an_activated_version_back_and_everybody_follows_also_who_does_not_hold_the_old_one() {
    for seed in seeds([35]) {
        let mut world = fleet_that_holds_the_next(Plan::new(seed, 30));
        activate(&mut world, None);
        world.run_until(15 * MINUTE, "everybody runs it", |w| w.all_run(next_release()));
        world.command(Command::Rollback).expect("it is on trial");
        world.run_until(15 * MINUTE, "everybody is back", |w| w.all_run(target()));
        assert_eq!(world.controller.watch.story.count("ImageDownloadStarted"), 60, "nobody had to be sent it again");
        let refusal = world.command(Command::Rollback).expect_err("nothing is on trial");
        let words = refusal.to_string();
        assert!(words.contains("17.9.4.27 is committed; `install activate 17.12.1.5` runs that one"), "{words}");
        world.check_rest();
    }
}

#[test]
fn a_version_that_was_staged_and_is_given_up_is_taken_off_its_way() {
    for seed in seeds([36]) {
        let mut world = World::new(Plan::new(seed, 30));
        world.finish(10 * MINUTE);
        world.unpack_next_release();
        world.command(Command::InstallAddProfile).expect("the profile is complete");
        world.run_until(MINUTE, "the next release is staged", |w| w.staged() == Some(next_release()));
        world.command(Command::Predownload { target: Target::All }).expect("nobody has it");
        world.run(Duration::from_millis(300));
        world.command(Command::AbortInstall).expect("it is staged");
        world.run(10 * MINUTE);
        let state = world.state();
        assert_eq!(state.installs.staged, None);
        let waits = state
            .fleet
            .wtps
            .values()
            .filter(|w| matches!(w.image, ImageStatus::Initiated { .. } | ImageStatus::Moving { .. }));
        assert_eq!(waits.count(), 0);
        assert!(world.all_run(target()));
        world.check_rest();
    }
}

#[test]
fn families_that_do_not_agree_are_named_and_nothing_is_staged() {
    for seed in seeds([37]) {
        let mut world = World::new(Plan::new(seed, 30));
        world.finish(10 * MINUTE);
        world.unpack_next_release();
        world.library.odd.insert("ap1g7".parse().expect("a family"), target());
        world.command(Command::InstallAddProfile).expect("the profile is complete");
        world.run(MINUTE);
        assert_eq!(world.staged(), None);
        let words = world.envelopes().iter().rev().find_map(|e| {
            if let Event::InstallActionFailed { action: InstallAction::Add, words, .. } = &e.event {
                Some(words.clone())
            } else {
                None
            }
        });
        let words = words.expect("it is said why");
        assert!(words.contains("ap1g7 is 17.9.4.27") && words.contains("ap1g8 is 17.12.1.5"), "{words}");
        // A fetch that fails is named too, and keeps the version from being staged.
        world.library.odd.clear();
        let family = "ap1g8".parse().expect("a family");
        world.library.failures.entry(family).or_default().push_back(FetchFailureKind::NotFound);
        world.command(Command::InstallAddProfile).expect("the profile is complete");
        world.run(MINUTE);
        // It was fetched whole the first time, so it is there all the same.
        assert_eq!(world.staged(), Some(next_release()));
    }
}

#[test]
fn a_profile_that_is_corrected_while_its_fetches_run_begins_them_anew_from_there() {
    for seed in seeds([38]) {
        let mut world = World::new(Plan { fetch: 5 * MINUTE, ..Plan::new(seed, 16) });
        // Longer than the longest random wait before a discovery, and shorter than an access point's patience.
        world.run(Duration::from_secs(29));
        assert_eq!(world.controller.watch.story.count("InstallAddStarted"), 8);
        world.plan.fetch = Duration::from_secs(2);
        let path = Setting::TftpImagePath(Some("/EWC/elsewhere".to_owned()));
        world.command(Command::Configure { changes: vec![path] }).expect("a path");
        world.finish(3 * MINUTE);
        let story = &world.controller.watch.story;
        assert_eq!((story.count("InstallAddStarted"), story.count("InstallAddCompleted")), (16, 8));
        let counted = world.state().installs.families.values().map(|f| f.failures).sum::<u32>();
        assert_eq!(counted, 0, "that a fetch was called off tells nothing of where it came from");
    }
}

#[test]
fn save_and_download_fetches_what_nobody_has_named_and_gives_it_to_everyone() {
    for seed in seeds([39]) {
        let mut world = World::new(Plan::new(seed, 24));
        world.finish(10 * MINUTE);
        world.unpack_next_release();
        let accepted = world.command(Command::Predownload { target: Target::All }).expect("the profile is complete");
        assert_eq!((accepted.operations.len(), accepted.wtps), (8, 0));
        world.run_until(10 * MINUTE, "everybody holds it", |w| w.all_hold(next_release()));
        assert_eq!(world.staged(), Some(next_release()));
        world.check_rest();
    }
}
