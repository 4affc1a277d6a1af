//! Access points that do not do what RFC 5415 says, and are upgraded all the same, or refused with a reason.

use std::time::Duration;

use capledger::capwap::dialect::Dialect;
use capledger::command::Command;
use capledger::wtp::{Knobs, Quirk, WtpState};
use capledger_schema::Event;
use capledger_schema::event::{DisjoinReason, RejectedMessage};
use capledger_schema::failure::DownloadFailureKind;
use capledger_schema::setting::{ImageJoin, Setting};

use crate::link::LinkPlan;
use crate::plan::{Plan, factory, seeds, target};
use crate::world::World;

const MINUTE: Duration = Duration::from_secs(60);

fn quirky(quirks: impl IntoIterator<Item = Quirk>) -> Knobs {
    Knobs { quirks: quirks.into_iter().collect(), ..Knobs::default() }
}

fn configure(world: &mut World, setting: Setting) {
    world.command(Command::Configure { changes: vec![setting] }).expect("a setting");
}

fn disjoined(world: &World, wanted: DisjoinReason) -> usize {
    let is = |e: &Event| matches!(e, Event::WtpDisjoined { reason, .. } if *reason == wanted);
    world.envelopes().iter().filter(|e| is(&e.event)).count()
}

#[test]
fn those_that_send_no_echo_are_alive_by_their_data_channel() {
    for seed in seeds([31]) {
        let mut world = World::new(Plan { knobs: quirky([Quirk::NoEcho]), ..Plan::new(seed, 16) });
        world.finish(3 * MINUTE);
        world.run(20 * MINUTE);
        assert!(world.aps.iter().all(|ap| ap.wtp.state() == WtpState::Run));
        assert_eq!(disjoined(&world, DisjoinReason::EchoTimeout), 0);
        // The data channel is all that tells that they are there: without it they are given up.
        for ap in 0..16 {
            world.strike(crate::faults::Fault::PowerCut { ap });
        }
        world.run(3 * MINUTE);
        assert_eq!(disjoined(&world, DisjoinReason::EchoTimeout), 16);
    }
}

#[test]
fn those_without_a_data_channel_get_their_image_at_join_and_never_serve() {
    for seed in seeds([32]) {
        let mut world = World::new(Plan { knobs: quirky([Quirk::NoDataChannel]), ..Plan::new(seed, 8) });
        world.run(10 * MINUTE);
        assert!(world.aps.iter().all(|ap| ap.wtp.active_version() == target()));
        assert!(disjoined(&world, DisjoinReason::DataChannelDown) >= 8);
        assert_eq!(world.controller.watch.story.count("WtpEnteredRun"), 0);
    }
}

#[test]
fn those_that_ask_by_a_bare_family_and_lack_initiate_download_are_upgraded_at_join_and_while_they_serve() {
    for (seed, join) in [(33, ImageJoin::Immediate), (34, ImageJoin::Defer)] {
        for seed in seeds([seed]) {
            // By the AC Descriptor one with a name of its own knows at once what there is, deferred or not.
            let named = (join == ImageJoin::Immediate).then_some(Quirk::BareName);
            let knobs = quirky(named.into_iter().chain([Quirk::NoInitiate]));
            let plan = Plan { knobs, ..Plan::new(seed, 16).on(LinkPlan::lossy(1)) }.with(Setting::ImageJoin(join));
            let mut world = World::new(plan);
            if join == ImageJoin::Defer {
                let holds = |w: &World| w.aps.iter().all(|ap| ap.wtp.backup_version() == Some(target()));
                world.run_until(10 * MINUTE, "every access point holds the image", holds);
                world.run(MINUTE);
                let target = capledger::command::Target::All;
                world.command(Command::Reset { target }).expect("all can be reset");
            }
            world.finish(10 * MINUTE);
        }
    }
}

#[test]
fn an_old_platform_that_asks_by_its_path_is_refused_with_a_reason_until_an_alias_names_its_family() {
    for seed in seeds([35]) {
        let (models, knobs) = (vec!["AIR-AP1131AG-A-K9"], quirky([Quirk::BareName, Quirk::NoInitiate]));
        let mut world = World::new(Plan { models, knobs, ..Plan::new(seed, 4) });
        world.run(2 * MINUTE);
        let reasons: Vec<_> = world.envelopes().iter().filter_map(|e| rejected(&e.event)).collect();
        assert!(!reasons.is_empty());
        for reason in reasons {
            assert_eq!(reason, "Image Data Request: no image is known by `/c1130`; see `ap image alias /c1130 FAMILY`");
        }
        assert!(world.aps.iter().all(|ap| ap.wtp.active_version() == factory()));
        configure(&mut world, Setting::ImageAlias("/c1130".to_owned(), "ap1g4".parse().ok()));
        world.finish(5 * MINUTE);
    }
}

fn rejected(event: &Event) -> Option<String> {
    if let Event::WtpMessageRejected(RejectedMessage { message, .. }) = event { Some(message.clone()) } else { None }
}

#[test]
fn a_model_that_the_table_lacks_serves_as_it_is_until_it_is_mapped_and_is_then_upgraded() {
    for seed in seeds([36]) {
        let mut world = World::new(Plan { models: vec!["C9999AXI-B"], ..Plan::new(seed, 4) });
        world.run(2 * MINUTE);
        assert!(world.aps.iter().all(|ap| (ap.wtp.state(), ap.wtp.active_version()) == (WtpState::Run, factory())));
        configure(&mut world, Setting::ImageMap("C9999".to_owned(), "ap1g8".parse().ok()));
        world.finish(5 * MINUTE);
        assert!(world.aps.iter().all(|ap| ap.wtp.active_image().is_some_and(|i| i.family.as_str() == "ap1g8")));
    }
}

#[test]
fn those_without_room_in_their_flash_are_never_reset_into_the_image() {
    for (seed, join) in [(37, ImageJoin::Immediate), (38, ImageJoin::Defer)] {
        for seed in seeds([seed]) {
            let knobs = Knobs { flash_full: true, ..Knobs::default() };
            let mut world = World::new(Plan { knobs, ..Plan::new(seed, 8) }.with(Setting::ImageJoin(join)));
            world.run(10 * MINUTE);
            for ap in &world.aps {
                assert_eq!((ap.wtp.active_version(), ap.wtp.counters().boots), (factory(), 1), "{join:?}");
            }
            assert_eq!(world.controller.watch.story.count("WtpResetRequested"), 0);
            for envelope in world.envelopes() {
                if let Event::ImageDownloadFailed { kind, .. } = &envelope.event {
                    assert_eq!(*kind, DownloadFailureKind::FlashFull);
                }
            }
        }
    }
}

#[test]
fn the_older_dialect_is_discovered_joined_and_upgraded() {
    for seed in seeds([39]) {
        let knobs = Knobs { speaks: Dialect::Cisco, ..quirky([Quirk::NoEcho, Quirk::BareName]) };
        let mut world = World::new(Plan { knobs, ..Plan::new(seed, 16).on(LinkPlan::lossy(1)) });
        world.finish(5 * MINUTE);
    }
}
