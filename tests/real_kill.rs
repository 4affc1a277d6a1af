//! `kill -9` of `capledger serve`, again and again, in the middle of upgrades: what was told to anyone is in the ledger
//! afterwards, nothing is missing from it, and the upgrades finish.
//!
//! It needs no other program; with `CAPLEDGER_REQUIRE_PEERS=1` it kills fifty times, otherwise five.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use capledger::net::feed::Client;
use capledger::net::feed::client::Since;
use capledger::serve::tftp::{ServeConfig, TftpServer};
use capledger::syslog::wire;
use capledger::syslog::{Log, TimeFormat};
use capledger::wtp::{Knobs, WtpTimers};
use capledger_schema::feed::ServerMessage;
use capledger_schema::id::Seq;
use capledger_schema::image::ImageVersion;
use capledger_schema::setting::Setting;
use capledger_schema::{Envelope, Event};

use support::collector::Collector;
use support::controller::Place;
use support::fleet::Fleet;
use support::{PATIENCE, bundle, now, peers_are_required};

const APS: usize = 20;
/// Octets of an image: 64 blocks.
const OCTETS: u64 = 65_536;
/// The moments of the kills follow from it.
const SEED: u64 = 17;
/// Events of one access point's upgrade at most: join, download, its progress and end, disjoin, join, Run.
const EVENTS_EACH: u64 = 8;

#[test]
fn what_anyone_was_told_survives_every_kill_and_the_upgrades_finish() {
    let dir = tempfile::tempdir().expect("a directory");
    let images = dir.path().join("images");
    std::fs::create_dir(&images).expect("a directory");
    let server = TftpServer::start(([127, 0, 0, 1], 0).into(), ServeConfig::new(&images), |_| {}).expect("a server");
    let collector = Collector::start();
    let mut target = put_release(&images, 1);
    let config = format!(
        "{}software version {target}\nwireless profile image-download default\n image-download-mode tftp\n  \
         tftp-image-server 127.0.0.1 port {}\n  tftp-image-path /{target}\nap image retry-delay 1\n\
         capwap timer echo-interval 1000\n",
        collector.logging_host(),
        server.address().port(),
    );
    let place = Place::new(dir.path(), &config);
    let fleet = Fleet::start(place.ac(), APS, hasty(), Knobs::default());
    let mut chance = Chance(SEED);
    let mut seen = Vec::new();
    let mut releases = 1;
    let mut controller = place.start(place.serve());
    let kills = if peers_are_required() { 50 } else { 5 };
    for _ in 0..kills {
        // Mostly while access points come back, each fourth time anywhere in an upgrade.
        let most = if chance.below(4) == 0 { EVENTS_EACH * APS as u64 } else { APS as u64 };
        let events = 1 + chance.below(most);
        let watcher = Watcher::start(&place, seen.last().map_or(Seq(0), |e: &Envelope| e.seq));
        watcher.watch(&mut seen, events, || fleet.all_run(target));
        controller.kill();
        watcher.finish(&mut seen);
        controller = place.start(place.serve_again());
        check(&place, &seen, &collector, target);
        // Once all are through, the next release: whoever joins from now on is to run it.
        if fleet.all_run(target) {
            releases += 1;
            target = put_release(&images, releases);
            release(&place, target);
        }
    }
    fleet.wait_until_all_run(target, PATIENCE * 2);
    let history = check(&place, &seen, &collector, target);
    fleet.stop();
    controller.stop();
    place.verify();
    let starts = history.iter().filter(|e| matches!(e.event, Event::ControllerStarted { .. })).count();
    assert_eq!(starts, kills + 1);
    all_lines_came(&collector);
    eprintln!("{kills} kills, {releases} releases, {} events, {} lines", history.len(), collector.lines().len());
}

/// Access points that notice within a second or two that their controller is gone, and boot at once.
fn hasty() -> WtpTimers {
    let ms = Duration::from_millis;
    WtpTimers {
        discovery_interval: ms(20),
        max_discovery_interval: ms(100),
        max_discoveries: 1_000,
        silent_interval: ms(200),
        wait_dtls: ms(5_000),
        max_failed_dtls: 1_000,
        session_delete: ms(200),
        retransmit_interval: ms(200),
        max_retransmit: 2,
        echo_interval: ms(500),
        keep_alive: ms(2_000),
        data_dead: ms(10_000),
        image_data_start: ms(5_000),
        rejoin: ms(50),
        precheck: ms(10),
        store: ms(50),
        reboot: ms(100),
    }
}

/// Puts the bundle of the Nth release on the server, in a folder named by its version.
fn put_release(images: &Path, number: u32) -> ImageVersion {
    let version = ImageVersion([17, 9, 4, number]);
    bundle::write(&images.join(version.to_string()), version, OCTETS);
    version
}

/// Has an operator name another release; what was answered is durable.
fn release(place: &Place, version: ImageVersion) {
    let path = format!("tftp-image-path /{version}");
    let profile = ["wireless profile image-download default", "image-download-mode tftp", &path, "exit", "exit"];
    let wanted = format!("software version {version}");
    place.exec(&[&["configure terminal"], &profile[..], &[&wanted, "end"]].concat());
}

/// A subscriber of the daemon's feed, on a thread of its own.
struct Watcher {
    told: Receiver<Vec<Envelope>>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Subscribes to what follows an event.
    fn start(place: &Place, after: Seq) -> Watcher {
        let client = Client::connect(&place.data_dir()).expect("it runs");
        let feed = client.subscribe(Since::After(after)).expect("a subscription");
        let (tell, told) = channel();
        // It ends with the daemon: a killed one says no goodbye.
        let thread = thread::spawn(move || {
            for message in feed.map_while(Result::ok) {
                let ServerMessage::Events(batch) = message else { panic!("{message:?} where events are due") };
                tell.send(batch).expect("the test listens until the feed ends");
            }
        });
        Watcher { told, thread }
    }

    /// Takes so many events in; fewer, if nothing comes any more and nothing is left to do.
    fn watch(&self, seen: &mut Vec<Envelope>, events: u64, is_over: impl Fn() -> bool) {
        let (enough, end) = (seen.len() + events as usize, now() + PATIENCE);
        while seen.len() < enough {
            match self.told.recv_timeout(Duration::from_millis(300)) {
                Ok(batch) => seen.extend(batch),
                Err(RecvTimeoutError::Timeout) if is_over() => return,
                Err(RecvTimeoutError::Timeout) => {
                    assert!(now() < end, "{} events are still to come", enough - seen.len());
                }
                Err(RecvTimeoutError::Disconnected) => panic!("the daemon ended the feed by itself"),
            }
        }
    }

    /// Takes what came until the daemon was gone.
    fn finish(self, seen: &mut Vec<Envelope>) {
        self.thread.join().expect("the feed is in order");
        seen.extend(self.told.iter().flatten());
    }
}

/// Holds a restarted ledger against what was told to the subscriber, the collector and the operator.
fn check(place: &Place, seen: &[Envelope], collector: &Collector, promised: ImageVersion) -> Vec<Envelope> {
    let lines = collector.lines();
    let client = Client::connect(&place.data_dir()).expect("it runs");
    let history: Vec<_> =
        client.history(Seq(0)).expect("a history").collect::<Result<_, _>>().expect("the whole history");
    for (envelope, seq) in history.iter().zip(1..) {
        assert_eq!(envelope.seq, Seq(seq), "no gap");
    }
    assert!(history.len() >= seen.len(), "the last {} events are lost", seen.len() - history.len());
    for (kept, told) in history.iter().zip(seen) {
        assert_eq!(kept, told, "as the subscriber has it");
    }
    let mut log = Log::new(1);
    let time = TimeFormat::default();
    let written: BTreeSet<_> =
        history.iter().filter_map(|e| log.push(e).map(|entry| wire::ios(entry, None, &time))).collect();
    for line in &lines {
        assert!(written.contains(&line.text), "not in the ledger: {}", line.text);
    }
    let changes = history
        .iter()
        .filter_map(|e| if let Event::ConfigurationChanged { changes, .. } = &e.event { Some(changes) } else { None });
    let version = changes
        .flatten()
        .filter_map(|s| if let Setting::SoftwareVersion(version) = s { Some(*version) } else { None })
        .next_back();
    assert_eq!(version, Some(Some(promised)), "as the operator was told");
    history
}

/// Nothing was lost on the way to the collector either: each line came once at least, after each kill a few again.
fn all_lines_came(collector: &Collector) {
    let mut came = BTreeMap::new();
    for line in collector.lines() {
        let ordinal = line.text.split_once('>').and_then(|(_, rest)| rest.split_once(": "));
        let ordinal: u64 = ordinal.and_then(|(n, _)| n.parse().ok()).expect("`<PRI>N: line`");
        *came.entry(ordinal).or_insert(0) += 1;
    }
    let (Some(first), Some(last)) = (came.keys().next().copied(), came.keys().last().copied()) else {
        panic!("no line came");
    };
    assert!(first <= 2, "the first line that came is {first}");
    let missing: Vec<_> = (first..=last).filter(|n| !came.contains_key(n)).collect();
    assert!(missing.is_empty(), "of {last} lines these never came: {missing:?}");
}

/// Numbers that follow from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }
}
