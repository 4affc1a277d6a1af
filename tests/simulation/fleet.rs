//! A thousand access points, one datagram of twenty lost each way, and a controller that crashes in the middle.

use std::time::Duration;

use capledger_schema::codec::encode_envelope;

use crate::faults::Fault;
use crate::link::LinkPlan;
use crate::plan::{Plan, seeds};
use crate::world::World;

/// From the first WTP's discovery to the last one's reboot something is going on in the fleet: the crash falls into it.
const BUSY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(80));

fn upgrade(seed: u64, wtps: usize) -> World {
    let mut world = World::new(Plan::new(seed, wtps).on(LinkPlan::lossy(5)));
    let at = world.rng.between(BUSY.0, BUSY.1);
    let down = world.rng.between(Duration::from_secs(1), Duration::from_secs(10));
    world.plan_fault(at, Fault::Crash { down });
    world.finish(Duration::from_secs(1_800));
    assert_eq!(world.controller.watch.story.count("ControllerStarted"), 2);
    let lost = world.carried.lost as f64 / world.carried.sent as f64;
    assert!((0.04..0.06).contains(&lost), "{:?}", world.carried);
    world
}

fn thousand(own: impl IntoIterator<Item = u64>) {
    for seed in seeds(own) {
        upgrade(seed, 1_000);
    }
}

#[test]
fn a_thousand_access_points_are_upgraded_over_lossy_links_through_a_crash_seeds_1_to_5() {
    thousand(1..=5);
}

#[test]
fn a_thousand_access_points_are_upgraded_over_lossy_links_through_a_crash_seeds_6_to_10() {
    thousand(6..=10);
}

#[test]
fn a_thousand_access_points_are_upgraded_over_lossy_links_through_a_crash_seeds_11_to_15() {
    thousand(11..=15);
}

#[test]
fn a_thousand_access_points_are_upgraded_over_lossy_links_through_a_crash_seeds_16_to_20() {
    thousand(16..=20);
}

#[test]
fn two_runs_of_one_seed_write_the_same_ledger_to_the_octet_and_another_seed_another() {
    let octets = |seed| {
        let world = upgrade(seed, 100);
        let mut octets = Vec::new();
        for envelope in world.envelopes() {
            encode_envelope(envelope, &mut octets).expect("envelopes of the core can be written");
        }
        octets
    };
    for seed in seeds([42]) {
        let first = octets(seed);
        assert!(first == octets(seed), "two runs of seed {seed} differ");
        assert!(first != octets(seed ^ 1), "the seed changes nothing");
    }
}
