//! What an operator may do at any moment, and what must then neither be lost nor come too early.

use std::time::Duration;

use capledger::command::{Command, Target};
use capledger::wtp::Knobs;
use capledger_schema::setting::{ImageJoin, Setting};

use crate::link::LinkPlan;
use crate::plan::{Plan, factory, seeds, target};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

fn all_hold_the_image(world: &World) -> bool {
    world.aps.iter().all(|ap| [ap.wtp.backup_version(), Some(ap.wtp.active_version())].contains(&Some(target())))
}

#[test]
fn with_join_defer_every_access_point_serves_first_and_changes_when_an_operator_says_so() {
    for seed in seeds([5]) {
        let plan = Plan::new(seed, 150).with(Setting::ImageJoin(ImageJoin::Defer));
        let mut world = World::new(plan);
        world.run_until(20 * MINUTE, "every access point holds the image", all_hold_the_image);
        world.run(MINUTE);
        assert!(world.aps.iter().all(|ap| ap.wtp.active_version() == factory()), "nobody is reset unasked");
        assert_eq!(world.aps.iter().map(|ap| ap.wtp.counters().joins).max(), Some(1), "nor loses its session");
        let accepted = world.command(Command::Reset { target: Target::All }).expect("there are WTPs to reset");
        assert_eq!(accepted.wtps, 150);
        world.finish(20 * MINUTE);
    }
}

#[test]
fn a_predownload_that_an_operator_aborts_can_be_asked_for_again() {
    for seed in seeds([12]) {
        let knobs = Knobs { slow_flash: Some(Duration::from_millis(500)), ..Knobs::default() };
        let plan = Plan { knobs, ..Plan::new(seed, 8) }.with(Setting::ImageJoin(ImageJoin::Defer));
        let mut world = World::new(plan);
        world.run_until(5 * MINUTE, "octets move to everyone", |w| {
            w.aps.iter().all(|ap| ap.wtp.progress().is_some_and(|(octets, _)| octets > 4_096))
        });
        world.command(Command::PredownloadAbort).expect("predownloads run");
        world.run(Duration::from_secs(5));
        world.command(Command::Predownload { target: Target::All }).expect("nothing is moving any more");
        world.run_until(5 * MINUTE, "every access point holds the image", all_hold_the_image);
        // The controller has to learn of it too: it names the image only to those that it knows to hold it.
        world.run(MINUTE);
        world.command(Command::Reset { target: Target::All }).expect("all can be reset");
        world.finish(10 * MINUTE);
    }
}

#[test]
fn an_operator_who_keeps_changing_his_mind_gets_his_upgrade_in_the_end_on_a_slow_disk_too() {
    // In the last one the end of a download crosses its abort: the controller learns of the image by being refused.
    for seed in seeds((20..24).chain([11_863_225_634_496_406_939])) {
        let knobs = Knobs { slow_flash: Some(Duration::from_millis(80)), ..Knobs::default() };
        let flush = (Duration::from_millis(50), Duration::from_millis(400));
        let plan = Plan { flush, knobs, ..Plan::new(seed, 30).on(LinkPlan::lossy(2)) };
        let mut world = World::new(plan.with(Setting::ImageJoin(ImageJoin::Defer)));
        world.run_until(5 * MINUTE, "octets move", |w| w.aps.iter().any(|ap| ap.wtp.progress().is_some()));
        for _ in 0..60 {
            let wait = world.rng.between(Duration::ZERO, Duration::from_secs(4));
            world.run(wait);
            let target = match world.rng.below(8) {
                0 => Target::All,
                1 => Target::Model("C9105AXI-B".to_owned()),
                _ => Target::Name(format!("AP-{}", world.rng.below(30))),
            };
            let command = match world.rng.below(4) {
                0 => Command::PredownloadAbort,
                1 => Command::Reset { target },
                _ => Command::Predownload { target },
            };
            // Whether it is refused depends on the moment; what matters is what is broken by it: nothing.
            drop(world.command(command));
        }
        // Those that were aborted, or given up on, are chosen once more.
        for _ in 0..10 {
            drop(world.command(Command::Predownload { target: Target::All }));
            world.run(3 * MINUTE);
        }
        world.run_until(MINUTE, "every access point holds the image", all_hold_the_image);
        world.run(MINUTE);
        drop(world.command(Command::Reset { target: Target::All }));
        world.finish(10 * MINUTE);
    }
}
