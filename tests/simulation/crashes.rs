//! A crash of the controller at every single event of an upgrade: as soon as it is recorded, once it is durable, and
//! once what follows from it has left.

use std::collections::BTreeSet;
use std::time::Duration;

use capledger_schema::id::Seq;
use capledger_schema::setting::{ImageJoin, Setting};

use crate::faults::{CrashPoint, Moment};
use crate::plan::{Plan, seeds};
use crate::story::kind;
use crate::world::World;

/// Three times the longest wait of an access point for a controller that is gone.
const LIMIT: Duration = Duration::from_secs(600);

/// Crashes a world at every event of its ledger, and gives the kinds of event that it was crashed at.
fn crash_everywhere(plan: &Plan) -> BTreeSet<String> {
    let mut undisturbed = World::new(plan.clone());
    undisturbed.finish(LIMIT);
    let last = undisturbed.controller.ledger.last_seq();
    for seq in 1..=last.0 {
        for moment in [Moment::Recorded, Moment::Durable, Moment::Acted] {
            let mut world = World::new_with_crash(plan.clone(), CrashPoint::new(Seq(seq), moment));
            world.note(format!("crash at event {seq}, {moment:?}: {:?}", undisturbed.envelopes()[seq as usize - 1]));
            world.finish(LIMIT);
            // After the very last event nothing may follow that the crash could wait for.
            let lives = world.controller.life;
            assert!(lives == 2 || (seq == last.0 && moment == Moment::Acted), "it did not crash");
        }
    }
    undisturbed.envelopes().iter().map(|e| kind(&e.event)).collect()
}

fn assert_holds(kinds: &BTreeSet<String>, expected: &[&str]) {
    for kind in expected {
        assert!(kinds.contains(*kind), "{kind} is not among {kinds:?}");
    }
}

#[test]
fn a_crash_at_any_event_of_a_join_and_a_download_delays_the_upgrade_and_breaks_nothing() {
    for seed in seeds([7]) {
        let plan = Plan { fetch: Duration::from_secs(3), ..Plan::new(seed, 2) };
        let expected = [
            "ControllerStarted",
            "ConfigurationChanged",
            "WtpDiscovered",
            "WtpJoined",
            "InstallAddStarted",
            "InstallAddProgressed",
            "InstallAddCompleted",
            "ImageDownloadStarted",
            "ImageDownloadProgressed",
            "ImageDownloadCompleted",
            "WtpDisjoined",
            "WtpEnteredRun",
        ];
        assert_holds(&crash_everywhere(&plan), &expected);
    }
}

#[test]
fn a_crash_at_any_event_of_a_predownload_and_its_reset_delays_the_upgrade_and_breaks_nothing() {
    for seed in seeds([8]) {
        // A WTP that is refused its image at join is given it while it serves, and reset.
        let plan = Plan { fail_fetches: 2, ..Plan::new(seed, 1) }.with(Setting::ImageJoin(ImageJoin::Immediate));
        let expected = [
            "InstallAddFailed",
            "ImageDownloadFailed",
            "PredownloadRequested",
            "ImageDownloadCompleted",
            "WtpResetRequested",
            "WtpDisjoined",
            "WtpEnteredRun",
        ];
        assert_holds(&crash_everywhere(&plan), &expected);
    }
}
