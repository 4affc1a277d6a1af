//! Campaigns over a fleet in many sites, and the faults that they must stop at or outlive.

use std::time::Duration;

use capledger::command::Command;
use capledger_schema::event::{CampaignOutcome, CampaignPlan, OnError};
use capledger_schema::setting::{ImageJoin, Setting};

use crate::plan::{Plan, factory, seeds};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

/// Five canaries, then a quarter of the others at a time.
fn upgrade() -> CampaignPlan {
    CampaignPlan { canaries: 5, percent: 25, site: None, on_error: OnError::Stop, error_threshold: 10 }
}

/// A fleet that serves with the old version, and a controller that is about to give it the new one.
fn fleet(seed: u64, wtps: usize, sites: usize) -> World {
    let plan = Plan { sites, blocks: 8, ..Plan::new(seed, wtps) }.with(Setting::ImageJoin(ImageJoin::Defer));
    let mut world = World::new(plan);
    world.run_until(3 * MINUTE, "every access point serves", |w| {
        w.controller.ac().is_some_and(|ac| {
            let fleet = &ac.state().fleet.wtps;
            fleet.len() == w.aps.len() && fleet.values().all(|w| w.live().is_some())
        })
    });
    world.run(Duration::from_secs(5));
    assert!(world.aps.iter().all(|ap| ap.wtp.active_version() == factory()));
    world
}

fn outcome(world: &World) -> Option<CampaignOutcome> {
    let campaigns = &world.controller.ac()?.state().campaigns;
    campaigns.latest.as_ref()?.ended.as_ref().map(|(outcome, _, _)| *outcome)
}

#[test]
fn a_campaign_upgrades_a_fleet_site_by_site_share() {
    for seed in seeds([1]) {
        let mut world = fleet(seed, 100, 5);
        world.command(Command::Upgrade { plan: upgrade() }).expect("a campaign begins");
        world.run_until(60 * MINUTE, "the campaign ends", |w| outcome(w).is_some());
        assert_eq!(outcome(&world), Some(CampaignOutcome::Completed));
        world.finish(Duration::from_secs(1));
    }
}
