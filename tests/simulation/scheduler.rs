//! Predownload: how many at once, who is next, how fast, how often again, and what becomes of images that are not taken.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use capledger::command::{Command, Target};
use capledger::wtp::{FlashDamage, FlashMoment, Knobs};
use capledger_schema::event::DownloadMode;
use capledger_schema::failure::DownloadFailureKind;
use capledger_schema::id::{OperationId, WtpId};
use capledger_schema::project::fleet::ImageStatus;
use capledger_schema::setting::{ImageJoin, Setting};
use capledger_schema::{Envelope, Event};

use crate::ap::Ap;
use crate::faults::Fault;
use crate::link::LinkPlan;
use crate::plan::{Plan, factory, seeds, target};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

fn deferred(plan: Plan) -> Plan {
    plan.with(Setting::ImageJoin(ImageJoin::Defer))
}

fn all_hold_or_run_it(world: &World) -> bool {
    world.aps.iter().all(|ap| ap.wtp.backup_version() == Some(target()) || ap.wtp.active_version() == target())
}

/// How many predownloads run after each event, and for whom.
fn running(envelopes: &[Envelope]) -> Vec<BTreeMap<OperationId, WtpId>> {
    let mut now = BTreeMap::new();
    let each = |e: &Envelope| {
        if let Event::ControllerStarted { .. } = &e.event {
            now.clear();
        } else if let Event::ImageDownloadStarted { operation, wtp, mode: DownloadMode::Predownload, .. } = &e.event {
            now.insert(*operation, wtp.id.clone());
        } else if let Event::ImageDownloadCompleted { operation, .. }
        | Event::ImageDownloadFailed { operation, .. }
        | Event::ImageDownloadAborted { operation, .. } = &e.event
        {
            now.remove(operation);
        }
        now.clone()
    };
    envelopes.iter().map(each).collect()
}

#[test]
fn no_more_than_the_limit_are_given_an_image_at_once_and_the_next_starts_as_one_ends() {
    for seed in seeds([50, 51]) {
        let plan = deferred(Plan::new(seed, 60).on(LinkPlan::lossy(2))).with(Setting::PredownloadLimit(4));
        let mut world = World::new(plan);
        world.run_until(30 * MINUTE, "every access point holds the image", all_hold_or_run_it);
        world.run(MINUTE);
        let most = running(world.envelopes()).iter().map(BTreeMap::len).max();
        assert_eq!(most, Some(4));
        let completed = world.controller.watch.story.count("ImageDownloadCompleted");
        assert!(completed >= 60, "{completed}");
    }
}

#[test]
fn a_small_site_does_not_wait_for_a_large_one() {
    for seed in seeds([52]) {
        // Everybody is in line long before the first ones are through.
        let knobs = Knobs { slow_flash: Some(Duration::from_millis(300)), ..Knobs::default() };
        let plan = deferred(Plan { sites: 1, knobs, ..Plan::new(seed, 66) }).with(Setting::PredownloadLimit(2));
        let branch = Plan { sites: 0, ..plan.clone() };
        let mut world = World::new(plan);
        // Every eleventh stands elsewhere.
        for ap in (0..66).step_by(11) {
            world.aps[ap] = Ap::new(ap, &branch, &mut world.rng);
        }
        world.run_until(30 * MINUTE, "every access point holds the image", all_hold_or_run_it);
        let state = world.state();
        let site = |wtp: &WtpId| state.fleet.wtps[wtp].inventory.location.clone();
        let order: Vec<_> =
            world
                .envelopes()
                .iter()
                .filter_map(|e| {
                    if let Event::ImageDownloadStarted { wtp, .. } = &e.event { Some(site(&wtp.id)) } else { None }
                })
                .collect();
        let last = order.iter().rposition(|s| s == "default location").expect("the branch is served");
        assert_eq!(order.iter().filter(|s| *s == "default location").count(), 6);
        assert!(last < 20, "the six of the branch are among the first twenty: {order:?}");
    }
}

#[test]
fn the_ceiling_on_bandwidth_is_held_and_used() {
    for seed in seeds([53]) {
        let plan = deferred(Plan { blocks: 256, ..Plan::new(seed, 40) }.on(LinkPlan::lossy(1)));
        let mut world = World::new(plan.with(Setting::PredownloadBandwidth(Some(4))));
        world.run_until(30 * MINUTE, "every access point holds the image", all_hold_or_run_it);
        world.run(MINUTE);
        let at = |wanted: fn(&Event) -> bool| world.envelopes().iter().filter(move |e| wanted(&e.event)).map(|e| e.at);
        let began = at(|e| matches!(e, Event::ImageDownloadStarted { .. })).min().expect("they begin");
        let ended = at(|e| matches!(e, Event::ImageDownloadCompleted { .. })).max().expect("they end");
        let took = ended.since(began).as_secs_f64();
        let least = 40.0 * 256.0 * 1024.0 / (4.0 * 125_000.0);
        assert!(took > least - 0.2, "{took} s, where the ceiling allows {least} s");
        // The last of them may be held up by a run of losses of its own: nine tenths show whether the ceiling is used.
        let mut ends: Vec<_> = at(|e| matches!(e, Event::ImageDownloadCompleted { .. })).collect();
        ends.sort_unstable();
        let most = ends[35].since(began).as_secs_f64();
        assert!(most < least * 1.3 + 1.0, "{most} s, where the ceiling allows {least} s");
        assert_eq!(world.controller.watch.story.count("ImageDownloadFailed"), 0, "nobody starves");
    }
}

#[test]
fn tries_end_at_the_configured_number_each_later_than_the_one_before() {
    for seed in seeds([54]) {
        let knobs = Knobs { bad_signature: true, ..Knobs::default() };
        let plan = deferred(Plan { knobs, ..Plan::new(seed, 8) }).with(Setting::ImageMaxTries(3));
        let mut world = World::new(plan);
        world.run(30 * MINUTE);
        let mut tries: BTreeMap<WtpId, Vec<(u32, Option<Duration>)>> = BTreeMap::new();
        for e in world.envelopes() {
            if let Event::ImageDownloadFailed { wtp, tries: n, next_retry, kind, .. } = &e.event {
                assert_eq!(*kind, DownloadFailureKind::VerificationFailed);
                tries.entry(wtp.id.clone()).or_default().push((*n, next_retry.map(|at| at.since(e.at))));
            }
        }
        assert_eq!(tries.len(), 8);
        for of_one in tries.values() {
            let seconds: Vec<_> = of_one.iter().map(|(n, wait)| (*n, wait.map(|w| w.as_secs()))).collect();
            assert_eq!(seconds, [(1, Some(30)), (2, Some(60)), (3, None)]);
        }
        assert_eq!(world.controller.watch.story.count("WtpResetRequested"), 0, "a bad image is never started");
        // An operator may try once more; it fails once more.
        world.command(Command::Reset { target: Target::Name("AP-0".to_owned()) }).map_or_else(
            |refusal| assert!(refusal.to_string().contains("bad"), "{refusal}"),
            |accepted| assert_eq!(accepted.wtps, 1),
        );
        world.run(10 * MINUTE);
        assert!(world.aps.iter().all(|ap| ap.wtp.active_version() == factory()));
    }
}

#[test]
fn a_controller_that_crashes_in_mid_predownload_goes_on_where_it_stood() {
    for seed in seeds([55, 56, 57]) {
        let knobs = Knobs { slow_flash: Some(Duration::from_millis(30)), ..Knobs::default() };
        let plan = deferred(Plan { knobs, ..Plan::new(seed, 40).on(LinkPlan::lossy(2)) });
        let mut world = World::new(plan.with(Setting::PredownloadLimit(8)));
        world.run_until(5 * MINUTE, "a few hold it", |w| w.controller.watch.story.count("ImageDownloadCompleted") >= 5);
        world.strike(Fault::Crash { down: Duration::from_secs(3) });
        world.run_until(60 * MINUTE, "every access point holds the image", all_hold_or_run_it);
        world.run(MINUTE);
        let state = world.state();
        let done = |image: &ImageStatus| matches!(image, ImageStatus::Complete { reset: false, .. });
        assert!(state.fleet.wtps.values().all(|w| done(&w.image)), "{:?}", state.fleet.wtps.values().next());
        assert!(world.aps.iter().all(|ap| ap.wtp.active_version() == factory()), "and nobody was reset");
        world.check_rest();
    }
}

#[test]
fn an_image_that_rots_in_an_access_point_s_flash_is_a_failure_with_its_reason_and_then_taken() {
    for seed in seeds([58]) {
        let damage = FlashDamage { at_octet: 9, bit: 1, when: FlashMoment::AtRest };
        let knobs = Knobs { flash_damage: Some(damage), ..Knobs::default() };
        let mut world = World::new(Plan { knobs, ..Plan::new(seed, 8) });
        world.finish(20 * MINUTE);
        let mut seen = BTreeSet::new();
        for e in world.envelopes() {
            if let Event::ImageNotTaken { wtp, expected, reports, tries, next_retry } = &e.event {
                assert_eq!((*expected, *reports, *tries), (target(), Some(factory()), 1));
                assert!(next_retry.is_some_and(|at| at > e.at));
                assert!(seen.insert(wtp.id.clone()), "once each");
            }
        }
        assert_eq!(seen.len(), 8);
    }
}

#[test]
fn an_access_point_that_never_starts_the_image_is_left_alone_after_its_tries_and_serves() {
    for (seed, join) in [(59, ImageJoin::Immediate), (60, ImageJoin::Defer)] {
        for seed in seeds([seed]) {
            let knobs = Knobs { stubborn: true, ..Knobs::default() };
            let plan = Plan { knobs, ..Plan::new(seed, 8) }.with(Setting::ImageMaxTries(3));
            let mut world = World::new(plan.with(Setting::ImageJoin(join)));
            world.run(10 * MINUTE);
            if join == ImageJoin::Defer {
                world.command(Command::Reset { target: Target::All }).expect("they hold the image");
            }
            world.run(120 * MINUTE);
            let state = world.state();
            for wtp in state.fleet.wtps.values() {
                let given_up = matches!(
                    &wtp.image,
                    ImageStatus::Failed { kind: DownloadFailureKind::NotTaken, next_retry: None, tries: 3, .. }
                );
                assert!(given_up, "{join:?} {wtp:?}");
                assert!(wtp.live().is_some(), "it serves with what it has");
            }
            let joins = world.aps.iter().map(|ap| ap.wtp.counters().joins).max().expect("access points");
            assert!(joins <= 8, "{join:?}: its clients lose it {joins} times at most");
        }
    }
}
