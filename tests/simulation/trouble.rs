//! One kind of trouble per test, on a fleet that is large enough for it to strike at different moments.

use std::time::Duration;

use capledger::wtp::Knobs;
use capledger_schema::Event;
use capledger_schema::failure::{DownloadFailureKind, FetchFailureKind};
use capledger_schema::project::fleet::ImageStatus;

use crate::faults::Fault;
use crate::link::LinkPlan;
use crate::plan::{Plan, factory, seeds};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn ten_access_points_are_upgraded_where_nothing_goes_wrong() {
    for seed in seeds([1]) {
        let mut world = World::new(Plan::new(seed, 10));
        world.finish(3 * MINUTE);
        let story = &world.controller.watch.story;
        let kinds = ["WtpJoined", "WtpSessionDescribed", "ImageDownloadCompleted", "WtpEnteredRun"];
        let counts = kinds.map(|kind| story.count(kind));
        assert_eq!(counts, [20, 20, 10, 10], "each joins, downloads, joins anew and serves, and nothing is done twice");
        let kinds = ["ImageDownloadFailed", "InstallAddFailed", "ImageDownloadRetransmitted"];
        assert_eq!(kinds.map(|kind| story.count(kind)), [0; 3]);
    }
}

#[test]
fn a_power_loss_of_a_tenth_of_the_fleet_costs_it_the_time_of_a_reboot() {
    for seed in seeds([2]) {
        let mut world = World::new(Plan::new(seed, 200).on(LinkPlan::lossy(1)));
        for ap in 0..20 {
            let at = world.rng.between(Duration::from_secs(8), Duration::from_secs(30));
            let dark = world.rng.between(Duration::from_millis(100), Duration::from_secs(60));
            world.plan_fault(at, Fault::PowerCut { ap });
            world.plan_fault(at + dark, Fault::PowerOn { ap });
        }
        world.finish(10 * MINUTE);
    }
}

#[test]
fn partitions_of_any_length_end_in_the_target_for_all() {
    for seed in seeds([3]) {
        let mut world = World::new(Plan::new(seed, 100).on(LinkPlan::lossy(2)));
        for ap in 0..100 {
            let at = world.rng.between(Duration::from_secs(5), Duration::from_secs(90));
            let lasts = world.rng.between(Duration::from_secs(1), Duration::from_secs(150));
            world.plan_fault(at, Fault::Partition { ap, lasts });
        }
        world.run(4 * MINUTE);
        world.finish(30 * MINUTE);
        let repeats = world.controller.watch.story.count("ImageDownloadRetransmitted");
        assert!(repeats > 0, "a download that a partition ends tells how often it tried");
    }
}

#[test]
fn an_image_that_comes_at_the_third_fetch_still_reaches_everyone() {
    for seed in seeds([4]) {
        let mut world = World::new(Plan { fail_fetches: 2, ..Plan::new(seed, 40) });
        world.finish(20 * MINUTE);
        let failed = world.controller.watch.story.count("InstallAddFailed");
        assert_eq!(failed, 16, "two per family, however many WTPs wait for it");
    }
}

#[test]
fn a_fetch_that_outlasts_the_access_points_patience_still_reaches_everyone() {
    // They wait 30 s at a time: the image comes in the second wait, in the third, and long after.
    for (seed, fetch) in [(14, Duration::from_secs(45)), (15, Duration::from_secs(70)), (16, 10 * MINUTE)] {
        for seed in seeds([seed]) {
            let mut world = World::new(Plan { fetch, ..Plan::new(seed, 40) });
            world.run(fetch + 2 * MINUTE);
            let story = &world.controller.watch.story;
            assert_eq!((story.count("InstallAddStarted"), story.count("InstallAddCompleted")), (8, 8));
            let gave_up = story.count("ImageDownloadFailed");
            assert!((1..=3 * 40).contains(&gave_up), "some wait in vain, and none more than thrice: {gave_up}");
            world.finish(20 * MINUTE);
        }
    }
}

#[test]
fn an_image_that_rots_in_the_cache_is_never_run() {
    for seed in seeds([6]) {
        let mut world = World::new(Plan::new(seed, 16));
        let all: Vec<_> = world.library.all();
        world.library.rotten = all;
        world.run(4 * MINUTE);
        assert!(world.aps.iter().all(|ap| ap.wtp.active_version() == factory()));
        assert!(world.aps.iter().all(|ap| ap.wtp.counters().images_stored == 0));
        let mismatch =
            |e: &Event| matches!(e, Event::ImageDownloadFailed { kind: DownloadFailureKind::DigestMismatch, .. });
        assert!(world.envelopes().iter().filter(|e| mismatch(&e.event)).count() >= 16);
        // The shell finds it out, and the images are fetched anew.
        for image in world.library.all() {
            world.damaged(image);
        }
        world.finish(60 * MINUTE);
    }
}

#[test]
fn an_image_whose_signature_is_bad_is_given_up_and_never_run() {
    for seed in seeds([7]) {
        let knobs = Knobs { bad_signature: true, ..Knobs::default() };
        let mut world = World::new(Plan { knobs, ..Plan::new(seed, 8) });
        world.run(120 * MINUTE);
        for ap in &world.aps {
            assert_eq!((ap.wtp.active_version(), ap.wtp.counters().images_stored), (factory(), 0));
        }
        let fleet = world.state().fleet;
        for wtp in fleet.wtps.values() {
            let given_up = matches!(wtp.image, ImageStatus::Failed { next_retry: None, .. });
            assert!(given_up, "{wtp:?}");
        }
    }
}

#[test]
fn an_access_point_without_room_says_so_and_is_named_by_its_wired_address() {
    for seed in seeds([8]) {
        let knobs = Knobs { flash_full: true, ..Knobs::default() };
        let mut world = World::new(Plan { knobs, ..Plan::new(seed, 8) });
        world.run(5 * MINUTE);
        let mut told = 0;
        for envelope in world.envelopes() {
            if let Event::ImageDownloadFailed { kind, words, .. } = &envelope.event {
                assert_eq!(*kind, DownloadFailureKind::FlashFull);
                assert!(words.starts_with("no space for the image"), "{words}");
                told += 1;
            }
            if let Event::WtpJoined { wtp, .. } = &envelope.event {
                let ap = world.aps.iter().find(|ap| ap.wtp.config().base_mac == wtp.base_mac);
                assert_eq!(Some(wtp.ethernet_mac), ap.map(|ap| ap.wtp.config().ethernet_mac));
            }
        }
        assert!(told >= 8, "{told}");
    }
}

#[test]
fn a_full_disk_stops_the_controller_and_room_on_it_lets_the_upgrade_go_on() {
    for seed in seeds([10]) {
        let mut world = World::new(Plan::new(seed, 50).on(LinkPlan::lossy(2)));
        let at = world.rng.between(Duration::from_secs(5), Duration::from_secs(60));
        world.plan_fault(at, Fault::Disk { full: true });
        world.run_until(5 * MINUTE, "the controller stops", |w| !w.controller.is_up());
        world.finish(30 * MINUTE);
        assert_eq!(world.controller.life, 2);
    }
}

#[test]
fn a_cache_that_was_lost_while_the_controller_was_down_is_fetched_anew() {
    for seed in seeds([11]) {
        let mut world = World::new(Plan::new(seed, 30));
        world.run(Duration::from_secs(25));
        world.strike(Fault::Crash { down: Duration::from_secs(5) });
        world.controller.cache.clear();
        world.finish(30 * MINUTE);
        assert!(world.controller.watch.story.count("ImageRemoved") > 0);
    }
}

#[test]
fn everything_at_once_ends_in_the_target_for_all_once_it_is_over() {
    for seed in seeds(100..110) {
        let mut world = World::new(Plan { fail_fetches: 1, ..Plan::new(seed, 60).on(LinkPlan::lossy(10)) });
        for _ in 0..60 {
            let at = world.rng.between(Duration::from_secs(2), 5 * MINUTE);
            let lasts = world.rng.between(Duration::from_millis(200), MINUTE);
            let ap = world.rng.below(60) as usize;
            match world.rng.below(8) {
                0..4 => world.plan_fault(at, Fault::Partition { ap, lasts }),
                4..7 => {
                    world.plan_fault(at, Fault::PowerCut { ap });
                    world.plan_fault(at + lasts, Fault::PowerOn { ap });
                }
                _ => world.plan_fault(at, Fault::Crash { down: lasts / 4 }),
            }
        }
        let step = 2_000_000 + world.rng.below(20_000_000) as i64;
        world.plan_fault(2 * MINUTE, Fault::ClockStep(step));
        world.plan_fault(3 * MINUTE, Fault::ClockStep(-step));
        world.plan_fault(4 * MINUTE, Fault::Disk { full: true });
        world.run(6 * MINUTE);
        world.heal();
        world.finish(60 * MINUTE);
    }
}

#[test]
fn a_failure_of_every_kind_on_the_server_is_outlived() {
    let kinds = [
        FetchFailureKind::NotFound,
        FetchFailureKind::TimedOut,
        FetchFailureKind::NotAnImage,
        FetchFailureKind::WrongVersion,
        FetchFailureKind::CutShort,
        FetchFailureKind::DiskFull,
    ];
    for seed in seeds([13]) {
        let mut world = World::new(Plan::new(seed, 8));
        for failures in world.library.failures.values_mut() {
            failures.extend(kinds);
        }
        world.finish(120 * MINUTE);
        assert_eq!(world.controller.watch.story.count("InstallAddFailed"), 8 * kinds.len() as u64);
    }
}

#[test]
fn a_step_of_the_wall_clock_forth_or_back_is_recorded_and_stops_nothing() {
    for seed in seeds([8, 9]) {
        for by in [Duration::from_secs(3_600), Duration::from_secs(7 * 86_400)] {
            for sign in [1, -1] {
                let mut world = World::new(Plan { fail_fetches: 1, ..Plan::new(seed, 20) }.on(LinkPlan::lossy(2)));
                let at = world.rng.between(Duration::from_secs(5), Duration::from_secs(60));
                world.plan_fault(at, Fault::ClockStep(sign * by.as_micros() as i64));
                world.note(format!("clock step by {sign} * {by:?} after {at:?}"));
                world.finish(30 * MINUTE);
                assert_eq!(world.controller.watch.story.count("ClockStepped"), 1);
            }
        }
    }
}
