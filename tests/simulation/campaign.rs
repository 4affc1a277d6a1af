//! Campaigns over two thousand access points in forty sites, one of them far away: they end with everybody on the target,
//! or stop where they must; a crash of the controller in any phase costs them time and nothing else; and no site ever
//! loses more access points at once than it may.

use std::time::Duration;

use capledger::command::Command;
use capledger::image::family::models_of;
use capledger_schema::event::{CampaignOutcome, CampaignPhase, CampaignPlan, OnError};
use capledger_schema::project::campaigns::{Campaign, Tally};
use capledger_schema::setting::Setting;

use crate::faults::Fault;
use crate::install::next_release;
use crate::link::LinkPlan;
use crate::plan::{Plan, seeds, target};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);
/// `ap upgrade site-share`
const SHARE: usize = 25;
/// Eight canaries, then a quarter of the others at a time.
pub(crate) fn staged_rollout() -> CampaignPlan {
    CampaignPlan { canaries: 8, percent: 25, site: None, on_error: OnError::Stop, error_threshold: 10 }
}

pub(crate) fn plan(seed: u64, wtps: usize, sites: usize) -> Plan {
    let blocks = 8;
    Plan { sites, blocks, runs: target(), wan: Some((1, LinkPlan::wan())), ..Plan::new(seed, wtps) }
}

/// A fleet that serves with the running version, with the next one staged.
pub(crate) fn fleet(plan: Plan) -> World {
    let mut world = World::new(plan);
    world.run_until(5 * MINUTE, "every access point serves", |w| {
        w.controller.ac().is_some_and(|ac| ac.state().fleet.wtps.len() == w.aps.len()) && w.all_run(target())
    });
    world.unpack_next_release();
    world.command(Command::InstallAddProfile).expect("the profile is complete");
    world.run_until(MINUTE, "the next release is staged", |w| w.staged() == Some(next_release()));
    let share = |s: &Setting| if let Setting::UpgradeSiteShare(share) = s { Some(usize::from(*share)) } else { None };
    let configured = world.plan.settings.iter().rev().find_map(share);
    world.watch_sites(configured.unwrap_or(SHARE));
    world
}

impl World {
    /// The campaign that runs or ran last, as the core has it.
    pub(crate) fn campaign(&self) -> Option<&Campaign> {
        self.controller.ac()?.state().campaigns.latest.as_ref()
    }

    /// How it ended.
    pub(crate) fn outcome(&self) -> Option<CampaignOutcome> {
        self.campaign()?.ended.as_ref().map(|(outcome, _, _)| *outcome)
    }

    /// Where its access points stand.
    pub(crate) fn tally(&self) -> Tally {
        self.campaign().expect("a campaign").tally()
    }

    /// Phase and iteration while it runs.
    pub(crate) fn phase(&self) -> Option<(CampaignPhase, u32)> {
        self.campaign().filter(|c| c.is_active()).map(|c| (c.phase, c.iteration))
    }

    /// It begins.
    pub(crate) fn upgrade(&mut self, plan: CampaignPlan) {
        self.command(Command::Upgrade { plan }).expect("a campaign can begin");
    }

    /// Waits for its end.
    pub(crate) fn ends(&mut self, limit: Duration) -> CampaignOutcome {
        self.run_until(limit, "the campaign ends", |w| w.outcome().is_some() && w.controller.is_quiet());
        self.outcome().expect("it has ended")
    }

    /// How many run the next release.
    pub(crate) fn moved(&self) -> usize {
        self.aps.iter().filter(|ap| ap.wtp.active_version() == next_release()).count()
    }

    /// The image of one family is lost, and has to be fetched anew.
    fn forget_an_image(&mut self) {
        let family = "ap1g8".parse().expect("a family");
        let image = self.library.facts(&family, next_release()).expect("it was unpacked").sha256;
        self.damaged(image);
        self.run(Duration::from_millis(100));
    }

    /// How many resets were asked for.
    pub(crate) fn count_resets(&self) -> u64 {
        self.controller.watch.story.count("WtpResetRequested")
    }

    /// Everybody runs the next release, and it is the running version.
    pub(crate) fn check_completed(&self) {
        assert!(self.all_run(next_release()), "{}", self.describe());
        let state = self.state();
        assert_eq!(state.running_version(), Some(next_release()));
        assert!(state.campaigns.moved.is_empty());
        assert!(state.installs.trial.is_some(), "it is on trial until it is committed");
        self.check_rest();
    }
}

/// The first model of a family: an eighth of the simulated fleet.
pub(crate) fn a_model() -> Option<&'static str> {
    models_of(&"ap1g7".parse().expect("a family")).first().copied()
}

/// The phases of a campaign, and the iteration in which its controller crashes there.
const PHASES: [(CampaignPhase, u32); 8] = [
    (CampaignPhase::Preflight, 0),
    (CampaignPhase::Fetch, 0),
    (CampaignPhase::Predownload, 0),
    (CampaignPhase::Activate, 0),
    (CampaignPhase::Rejoin, 0),
    (CampaignPhase::Activate, 2),
    (CampaignPhase::Rejoin, 3),
    (CampaignPhase::Rejoin, 4),
];

/// Everybody is upgraded, though the controller crashes in this phase.
fn succeeds(plan: Plan, crash: Option<(CampaignPhase, u32)>) {
    let wtps = plan.wtps;
    let mut world = fleet(plan);
    // The first phases are over within one step unless an image has to be fetched.
    if crash.is_some_and(|(phase, _)| phase <= CampaignPhase::Fetch) {
        world.forget_an_image();
    }
    world.upgrade(staged_rollout());
    if let Some(at) = crash {
        world.note(format!("crash in {at:?}"));
        world.run_until(60 * MINUTE, "the phase of the crash", |w| {
            w.phase().is_some_and(|(phase, iteration)| (iteration, phase) >= (at.1, at.0))
        });
        let wait = world.rng.between(Duration::ZERO, Duration::from_millis(500));
        world.run(wait);
        world.strike(Fault::Crash { down: Duration::from_secs(2) });
        world.run(Duration::from_secs(3));
    }
    let outcome = world.ends(240 * MINUTE);
    assert_eq!(outcome, CampaignOutcome::Completed, "{:?}", world.campaign().map(|c| &c.ended));
    world.run_until(10 * MINUTE, "all are back", |w| w.all_run(next_release()));
    world.check_completed();
    assert_eq!(world.tally(), Tally { back: wtps as u32, ..Tally::default() });
    // By the second of those that a site may lose.
    let fullest = world.controller.watch.sites.fullest;
    assert!(fullest > 50, "the share was made use of: {fullest}");
}

/// An image that one model cannot start is found by the canaries, and nobody else is touched.
fn stops_after_the_canaries(plan: Plan) {
    let mut world = fleet(Plan { spoiled: a_model(), ..plan });
    world.upgrade(staged_rollout());
    assert_eq!(world.ends(60 * MINUTE), CampaignOutcome::Stopped);
    let tally = world.tally();
    assert_eq!((tally.back, tally.failed, world.count_resets()), (7, 1, 8), "a canary of each model");
    world.run(30 * MINUTE);
    assert_eq!((world.moved(), world.count_resets()), (7, 8), "nobody is touched, nor taken back, unasked");
    assert_eq!(world.state().running_version(), Some(target()));
    world.command(Command::Rollback).expect("some are ahead");
    world.run_until(20 * MINUTE, "everybody runs the old version", |w| w.all_run(target()));
    world.check_rest();
}

/// Without canaries the same is found while the first iteration is reset, and the rest of it is spared.
fn stops_at_the_threshold_in_mid_iteration(plan: Plan) {
    let plan = Plan { spoiled: a_model(), ..plan }.with(Setting::UpgradeSiteShare(10));
    let mut world = fleet(plan);
    world.upgrade(CampaignPlan { canaries: 0, error_threshold: 6, ..staged_rollout() });
    assert_eq!(world.ends(60 * MINUTE), CampaignOutcome::Stopped);
    let campaign = world.campaign().expect("it has ended");
    let (first, words) = (campaign.iterations[&1], campaign.ended.as_ref().map(|(_, words, _)| words.clone()));
    assert!(words.is_some_and(|w| w.contains("the threshold of 6 % is reached")));
    assert!(first.failed * 100 >= first.total() * 6, "{first:?}");
    assert!(first.predownloaded > 0, "some of the iteration were not reset any more: {first:?}");
    let resets = world.count_resets();
    world.run(30 * MINUTE);
    assert_eq!(world.count_resets(), resets);
    world.check_rest();
}

/// One kind of world per seed.
fn play(seed: u64, wtps: usize, sites: usize) {
    let plan = plan(seed, wtps, sites);
    match seed % 4 {
        0 => succeeds(plan, None),
        1 => stops_after_the_canaries(plan),
        2 => stops_at_the_threshold_in_mid_iteration(plan),
        _ => succeeds(plan, Some(PHASES[(seed / 4) as usize % PHASES.len()])),
    }
}

#[test]
fn two_thousand_access_points_in_forty_sites_are_upgraded_and_no_site_loses_more_than_its_share() {
    for seed in seeds([0]) {
        succeeds(plan(seed, 2_000, 40), None);
    }
}

#[test]
fn of_two_thousand_access_points_only_the_canaries_get_an_image_that_does_not_start() {
    for seed in seeds([1]) {
        stops_after_the_canaries(plan(seed, 2_000, 40));
    }
}

#[test]
fn a_campaign_of_two_thousand_stops_in_mid_iteration_at_its_error_threshold() {
    for seed in seeds([2]) {
        stops_at_the_threshold_in_mid_iteration(plan(seed, 2_000, 40));
    }
}

#[test]
fn sixteen_other_seeds_on_a_smaller_fleet() {
    for seed in seeds(4..20) {
        play(seed, 320, 20);
    }
}

#[test]
#[ignore = "takes two minutes: the seeds of the tests above, all at full size"]
fn twenty_seeds_of_two_thousand_access_points() {
    for seed in seeds(0..20) {
        play(seed, 2_000, 40);
    }
}

#[test]
fn a_crash_in_any_phase_costs_a_campaign_nothing_but_time() {
    for seed in seeds([70]) {
        for (n, crash) in PHASES.into_iter().enumerate() {
            // One of sixteen at a time: every phase takes its time.
            let plan = plan(seed.wrapping_add(n as u64), 64, 4).with(Setting::UpgradeSiteShare(7));
            succeeds(plan, Some(crash));
        }
    }
}
