//! The rules of a campaign one by one, on small fleets: what it stops, pauses and waits for, and whom it leaves alone.

use std::time::Duration;

use capledger::command::{Command, Refusal, Target};
use capledger::wtp::Knobs;
use capledger_schema::event::{CampaignOutcome, CampaignPhase, CampaignPlan, OnError, Verdict};
use capledger_schema::failure::{DownloadFailureKind, FetchFailureKind};
use capledger_schema::project::campaigns::{MemberState, Tally};
use capledger_schema::setting::{ImageJoin, Setting};

use crate::campaign::{a_model, fleet, plan, staged_rollout};
use crate::faults::Fault;
use crate::install::next_release;
use crate::plan::{Plan, seeds, target};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

/// All at once, whatever fails.
fn one_shot() -> CampaignPlan {
    CampaignPlan { canaries: 0, percent: 100, site: None, on_error: OnError::Continue, error_threshold: 10 }
}

fn paused_for(world: &World) -> Option<String> {
    world.campaign()?.paused.as_ref().map(|(reason, _)| reason.clone())
}

#[test]
fn a_campaign_whose_preflight_fails_touches_nobody_and_says_what_to_do() {
    for seed in seeds([200]) {
        let plan = plan(seed, 16, 2).with(Setting::ImageJoin(ImageJoin::Defer));
        let mut world = fleet(plan);
        // Nothing is staged: the image has to come from the server, and one family's file is not there.
        world.command(Command::AbortInstall).expect("it is staged");
        world.command(Command::RemoveInactive).expect("it is of no use");
        let wanted = vec![Setting::SoftwareVersion(Some(next_release()))];
        world.command(Command::Configure { changes: wanted }).expect("a version");
        let family = "ap1g8".parse().expect("a family");
        world.library.failures.entry(family).or_default().push_back(FetchFailureKind::NotFound);
        world.upgrade(staged_rollout());
        let refusal = world.command(Command::Preflight).expect_err("one check at a time");
        assert_eq!(refusal, Refusal::PreflightRuns);
        assert_eq!(world.ends(MINUTE), CampaignOutcome::PreflightFailed);
        let state = world.state();
        let findings = state.campaigns.preflight.and_then(|p| p.findings).expect("it is over").0;
        let failed: Vec<_> = findings.iter().filter(|f| f.verdict == Verdict::Failed).collect();
        assert_eq!(failed.len(), 1, "{findings:?}");
        assert!(failed[0].action.contains("tftp-image-path"), "{:?}", failed[0]);
        world.run(10 * MINUTE);
        let story = &world.controller.watch.story;
        assert_eq!((story.count("PredownloadRequested"), story.count("WtpResetRequested")), (0, 0));
        assert!(world.all_run(target()));
        // It is put right: the next check finds nothing, and so the next campaign begins.
        world.command(Command::Preflight).expect("no other runs");
        world.run(Duration::from_secs(5));
        world.upgrade(one_shot());
        assert_eq!(world.ends(30 * MINUTE), CampaignOutcome::Completed);
        world.run_until(10 * MINUTE, "all are back", |w| w.all_run(next_release()));
    }
}

#[test]
fn a_probe_that_hangs_does_not_hold_up_the_check_for_ever() {
    for seed in seeds([201]) {
        // The server does not answer for ten minutes; the check gives it the silence timeout and a little more.
        let plan = plan(seed, 8, 1).with(Setting::ImageJoin(ImageJoin::Defer));
        let mut world = fleet(plan);
        world.command(Command::AbortInstall).expect("it is staged");
        world.command(Command::RemoveInactive).expect("it is of no use");
        world
            .command(Command::Configure { changes: vec![Setting::SoftwareVersion(Some(next_release()))] })
            .expect("it");
        world.plan.fetch = 200 * MINUTE;
        world.command(Command::Preflight).expect("no other runs");
        world.run(46 * Duration::from_secs(1));
        let findings = world.state().campaigns.preflight.and_then(|p| p.findings).expect("it is over").0;
        let late = findings.iter().filter(|f| f.words.contains("timed out") && f.action.contains("UDP 69 blocked?"));
        assert_eq!(late.count(), 8, "{findings:?}");
    }
}

#[test]
fn with_on_error_continue_those_that_fail_are_left_as_they_are_and_the_others_go_on() {
    for seed in seeds([202]) {
        let mut world = fleet(Plan { spoiled: a_model(), ..plan(seed, 64, 4) });
        world.upgrade(CampaignPlan { on_error: OnError::Continue, ..staged_rollout() });
        assert_eq!(world.ends(120 * MINUTE), CampaignOutcome::Completed);
        assert_eq!(world.tally(), Tally { back: 56, failed: 8, ..Tally::default() });
        let campaign = world.campaign().expect("it has ended");
        for member in campaign.members.values() {
            if let MemberState::Failed { kind, .. } = &member.state {
                assert_eq!((*kind, member.reports), (Some(DownloadFailureKind::NotTaken), Some(target())));
            }
        }
        assert_eq!(world.moved(), 56, "nobody is tried again within the campaign");
        assert_eq!(world.state().running_version(), Some(next_release()));
    }
}

#[test]
fn after_so_many_integrity_failures_a_campaign_pauses_and_resets_nobody() {
    for seed in seeds([203]) {
        let knobs = Knobs { bad_signature: true, ..Knobs::default() };
        let mut world = fleet(Plan { knobs, ..plan(seed, 16, 2) });
        world.upgrade(staged_rollout());
        world.run_until(10 * MINUTE, "it pauses", |w| paused_for(w).is_some());
        assert!(paused_for(&world).is_some_and(|reason| reason.contains("could not store or verify")));
        let refusal = world.command(Command::UpgradePause).expect_err("it is paused already");
        assert!(refusal.to_string().contains("paused"), "{refusal}");
        world.run(20 * MINUTE);
        assert_eq!(world.count_resets(), 0);
        world.command(Command::UpgradeAbort).expect("it runs");
        assert_eq!(world.outcome(), Some(CampaignOutcome::Aborted));
        world.run(5 * MINUTE);
        world.check_rest();
        assert!(world.all_run(target()));
    }
}

#[test]
fn a_paused_campaign_touches_nobody_further_and_goes_on_when_it_is_resumed_also_after_a_crash() {
    for seed in seeds([204]) {
        let mut world = fleet(plan(seed, 64, 4));
        world.upgrade(staged_rollout());
        world.run_until(30 * MINUTE, "an iteration", |w| w.phase() == Some((CampaignPhase::Rejoin, 1)));
        world.command(Command::UpgradePause).expect("it runs");
        let resets = world.count_resets();
        world.run(10 * MINUTE);
        assert_eq!(world.tally().reloaded, 0, "those that were reset have come back");
        world.strike(Fault::Crash { down: Duration::from_secs(2) });
        world.run(20 * MINUTE);
        assert_eq!(world.count_resets(), resets, "nobody further was touched");
        assert_eq!(world.moved(), resets as usize, "nor taken back, though everybody joined anew");
        for crossing in [
            Command::Activate { version: next_release(), auto_abort: None },
            Command::Rollback,
            Command::Reset { target: Target::All },
            Command::PredownloadAbort,
            Command::Configure { changes: vec![Setting::SoftwareVersion(None)] },
        ] {
            let refusal = world.command(crossing.clone()).expect_err("there is a campaign");
            assert!(matches!(refusal, Refusal::CampaignRuns(_)), "{crossing:?}: {refusal}");
        }
        world.command(Command::UpgradeResume).expect("it is paused");
        assert_eq!(world.ends(120 * MINUTE), CampaignOutcome::Completed);
        world.run_until(10 * MINUTE, "all are back", |w| w.all_run(next_release()));
        world.check_completed();
    }
}

#[test]
fn who_does_not_come_back_is_missing_and_one_that_comes_back_late_is_not() {
    for seed in seeds([205]) {
        let mut world = fleet(plan(seed, 40, 2));
        world.command(Command::Predownload { target: Target::All }).expect("it is staged");
        world.run_until(5 * MINUTE, "all hold it", |w| w.all_hold(next_release()));
        world.upgrade(one_shot());
        // Two lose their power, one of them for good.
        world.strike(Fault::PowerCut { ap: 5 });
        world.strike(Fault::PowerCut { ap: 20 });
        world.plan_fault(45 * MINUTE, Fault::PowerOn { ap: 20 });
        assert_eq!(world.ends(60 * MINUTE), CampaignOutcome::Completed);
        assert_eq!(world.tally(), Tally { back: 38, missing: 2, ..Tally::default() });
        let words = world.campaign().and_then(|c| c.ended.clone()).expect("it has ended").1;
        assert!(words.contains("2 missing"), "{words}");
        world.run(60 * MINUTE);
        assert_eq!(world.tally().missing, 1, "the other one is given the image when it joins");
        assert_eq!(world.moved(), 39);
    }
}

#[test]
fn a_site_that_has_lost_too_many_already_is_left_alone_until_they_are_back() {
    for seed in seeds([206]) {
        let mut world = fleet(plan(seed, 8, 1));
        // All hold the image and none was reset: two of eight may be down.
        world.command(Command::Predownload { target: Target::All }).expect("it is staged");
        world.run_until(5 * MINUTE, "all hold it", |w| w.all_hold(next_release()));
        world.upgrade(one_shot());
        world.strike(Fault::PowerCut { ap: 0 });
        world.strike(Fault::PowerCut { ap: 1 });
        world.run_until(60 * MINUTE, "it pauses", |w| paused_for(w).is_some());
        let reason = paused_for(&world).expect("a reason");
        assert!(reason.contains("site 0 (2 of 8 down)") && reason.contains("site-share"), "{reason}");
        world.strike(Fault::PowerOn { ap: 0 });
        world.strike(Fault::PowerOn { ap: 1 });
        world.run(3 * MINUTE);
        world.command(Command::UpgradeResume).expect("it is paused");
        assert_eq!(world.ends(60 * MINUTE), CampaignOutcome::Completed);
        assert!(world.tally().back >= 6);
    }
}

#[test]
fn a_campaign_of_one_site_leaves_the_others_and_the_running_version_as_they_are() {
    for seed in seeds([207]) {
        let mut world = fleet(plan(seed, 32, 2));
        world.upgrade(CampaignPlan { site: Some("site 1".to_owned()), ..one_shot() });
        assert_eq!(world.ends(60 * MINUTE), CampaignOutcome::Completed);
        world.run(5 * MINUTE);
        assert_eq!((world.moved(), world.state().running_version()), (16, Some(target())));
        // They stay there through a power cut, though the running version is another.
        let moved = (0..32).find(|n| world.aps[*n].wtp.active_version() == next_release()).expect("one of sixteen");
        world.strike(Fault::PowerCut { ap: moved });
        world.run(MINUTE);
        world.strike(Fault::PowerOn { ap: moved });
        world.run(10 * MINUTE);
        assert_eq!(world.moved(), 16);
        world.upgrade(one_shot());
        assert_eq!(world.ends(60 * MINUTE), CampaignOutcome::Completed);
        world.run_until(10 * MINUTE, "all are back", |w| w.all_run(next_release()));
        world.check_completed();
        assert_eq!(world.state().campaigns.past.len(), 1);
    }
}
