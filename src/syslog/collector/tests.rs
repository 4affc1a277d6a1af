//! Collectors on loopback sockets.

mod stream;
mod tls;

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capledger_schema::failure::FetchFailureKind;
use capledger_schema::id::Seq;
use capledger_schema::project::State;
use capledger_schema::setting::{LogForm, LogStamp, Setting};
use capledger_schema::{Cause, Envelope, Event, Subject};
use tempfile::TempDir;

use super::*;
use crate::story::{Story, version};
use crate::syslog::Log;

/// What is told of a collector over a stream.
type News = (LogHost, Option<CollectorFailure>);

/// A ledger in memory and what follows it.
struct World {
    dir: TempDir,
    story: Story,
    store: Arc<Mutex<Vec<Envelope>>>,
    hub: Arc<Hub>,
    collectors: Option<Collectors>,
    told: Arc<Mutex<Vec<News>>>,
}

impl World {
    fn new() -> World {
        let (dir, story) = (tempfile::tempdir().expect("a directory"), Story::begin("2024-02-01T17:05:37.108Z"));
        let store = Arc::new(Mutex::new(Vec::new()));
        let mut world = World { dir, hub: hub(&store), story, store, collectors: None, told: Arc::default() };
        world.publish();
        world
    }

    fn start(&mut self) -> Result<(), CollectorError> {
        let lines = self.story.log.lines();
        let told = Arc::clone(&self.told);
        let tell = Box::new(move |host, failure| told.lock().expect("the news").push((host, failure)));
        self.collectors = Some(Collectors::start(self.dir.path(), Arc::clone(&self.hub), lines, tell)?);
        Ok(())
    }

    /// The daemon ends, and another one folds the ledger.
    fn restart(&mut self) {
        self.collectors = None;
        self.hub = hub(&self.store);
        let all = self.store.lock().expect("the store").clone();
        self.hub.publish(&all);
        self.start().expect("collectors");
    }

    fn publish(&mut self) {
        let known = self.hub.seq();
        let new: Vec<_> = self.story.envelopes.iter().filter(|e| e.seq > known).cloned().collect();
        self.store.lock().expect("the store").extend(new.iter().cloned());
        self.hub.publish(&new);
    }

    /// So many events, each of which is a line, and as many that are none.
    fn lines(&mut self, n: u32) {
        for i in 0..n {
            let event = Event::VersionActivated { version: version(&format!("17.9.4.{i}")) };
            self.story.tell(Cause::Timer, Subject::Controller, event);
            let silent =
                Event::InstallAddProgressed { operation: capledger_schema::id::OperationId(1), octets: 1, total: None };
            self.story.tell(Cause::Timer, Subject::Controller, silent);
        }
        self.publish();
    }

    fn configure(&mut self, change: Setting) {
        self.story.configured(vec![change]);
        self.publish();
    }

    /// The first such news of a collector.
    fn wait_for_news(&self, wanted: impl Fn(&News) -> bool) -> Option<CollectorFailure> {
        for _ in 0..4_000 {
            if let Some((_, failure)) = self.told.lock().expect("the news").iter().find(|news| wanted(news)) {
                return failure.clone();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("no such news: {:?}", self.told.lock().expect("the news"));
    }

    /// What the log says on the wire, line by line.
    fn expected(&self) -> Vec<String> {
        let log: &Log = &self.story.log;
        log.entries().map(wire).collect()
    }
}

#[test]
fn a_collector_has_each_line_in_the_form_that_is_configured_when_it_leaves() {
    let (mut world, collector) = (World::new(), Collector::new());
    world.start().expect("collectors");
    let at = collector.addr();
    world.configure(Setting::LoggingHostForm(at, LogForm::Rfc5424));
    let line = collector.take(1).remove(0);
    assert!(line.starts_with("<189>1 2024-02-01T"), "{line}");
    assert!(line.contains(" CONFIG_I [meta sequenceId=\""), "{line}");
    world.configure(Setting::LoggingHostForm(at, LogForm::Rfc3164));
    let line = collector.take(1).remove(0);
    assert!(line.starts_with("<189>Feb  1 ") && line.contains(": *Feb  1 "), "{line}");
    world.configure(Setting::LoggingHost(at));
    let line = collector.take(1).remove(0);
    assert!(line.contains(": *Feb  1 "), "{line}");
    world.configure(Setting::LogTimestamps(None));
    let line = collector.take(1).remove(0);
    assert!(line.contains(": %SYS-5-CONFIG_I: "), "{line}");
    world.configure(Setting::LogTimestamps(Some(LogStamp::Uptime)));
    let line = collector.take(1).remove(0);
    assert!(line.contains(": 00:00:0"), "{line}");
}

fn wire(entry: &crate::syslog::Entry) -> String {
    crate::syslog::wire::ios(entry, None, &crate::syslog::TimeFormat::default())
}

fn hub(store: &Arc<Mutex<Vec<Envelope>>>) -> Arc<Hub> {
    let store = Arc::clone(store);
    let reread = move |after: Seq, limit: usize| {
        let store = store.lock().expect("the store");
        Ok(store.iter().filter(|e| e.seq > after).take(limit).cloned().collect())
    };
    Arc::new(Hub::new(State::default(), Arc::new(reread)))
}

struct Collector(UdpSocket);

impl Collector {
    fn new() -> Collector {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        Collector(socket)
    }

    fn addr(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }

    fn take(&self, n: usize) -> Vec<String> {
        let mut buf = [0; 4_096];
        let mut line = || {
            let n = self.0.recv(&mut buf).expect("a line in time");
            String::from_utf8(buf[..n].to_vec()).expect("text")
        };
        (0..n).map(|_| line()).collect()
    }

    fn is_silent(&self) -> bool {
        self.0.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        self.0.recv(&mut [0; 4_096]).is_err()
    }
}

#[test]
fn a_new_collector_gets_every_line_from_the_change_that_configured_it_on() {
    let mut world = World::new();
    world.lines(3);
    world.start().expect("collectors");
    let collector = Collector::new();
    world.configure(Setting::LoggingHost(collector.addr()));
    world.lines(100);
    let got = collector.take(101);
    // The start and three versions came before.
    assert_eq!(got, world.expected()[4..]);
    assert!(got[0].starts_with("<189>5: *Feb  1 17:05:37.108: %SYS-5-CONFIG_I"), "{}", got[0]);
}

#[test]
fn after_a_restart_what_was_appended_meanwhile_is_sent_and_nothing_twice() {
    let mut world = World::new();
    let collector = Collector::new();
    world.configure(Setting::LoggingHost(collector.addr()));
    world.start().expect("collectors");
    world.lines(10);
    collector.take(10);
    world.collectors = None;
    world.lines(10);
    world.restart();
    assert_eq!(collector.take(10), world.expected()[12..]);
    world.restart();
    assert!(collector.is_silent());
}

#[test]
fn what_is_published_before_the_end_is_still_sent() {
    let mut world = World::new();
    let collector = Collector::new();
    world.configure(Setting::LoggingHost(collector.addr()));
    world.start().expect("collectors");
    world.lines(150);
    world.collectors = None;
    assert_eq!(collector.take(150), world.expected()[2..]);
    world.restart();
    assert!(collector.is_silent());
}

#[test]
fn a_collector_that_was_lost_from_the_configuration_gets_no_more() {
    let mut world = World::new();
    let (gone, stays) = (Collector::new(), Collector::new());
    world.configure(Setting::LoggingHost(gone.addr()));
    world.configure(Setting::LoggingHost(stays.addr()));
    world.start().expect("collectors");
    world.configure(Setting::NoLoggingHost(gone.addr()));
    stays.take(1);
    world.lines(5);
    stays.take(5);
    // The line of its own removal may or may not have left before it.
    gone.0.set_nonblocking(true).expect("a socket");
    let got = std::iter::from_fn(|| gone.0.recv(&mut [0; 4_096]).ok()).count();
    assert!(got <= 1, "{got} lines");
    let status = world.collectors.as_ref().expect("collectors").status();
    assert_eq!(status.keys().copied().collect::<Vec<_>>(), [LogHost::udp(stays.addr())]);
}

#[test]
fn a_collector_that_nobody_runs_is_counted_and_holds_no_other_up() {
    let mut world = World::new();
    let (alive, dead) = (Collector::new(), Collector::new());
    let nobody = dead.addr();
    drop(dead);
    world.configure(Setting::LoggingHost(nobody));
    world.configure(Setting::LoggingHost(alive.addr()));
    world.start().expect("collectors");
    let status = |world: &World| world.collectors.as_ref().expect("collectors").status();
    // The refusal of one line is told with a later one.
    let told = (0..1_000).any(|_| {
        world.lines(1);
        alive.take(1);
        std::thread::sleep(Duration::from_millis(5));
        status(&world)[&LogHost::udp(nobody)].failed > 0
    });
    assert!(told, "no refusal was counted");
    let status = status(&world);
    assert!(status[&LogHost::udp(nobody)].last_error.as_ref().is_some_and(|e| e.contains("refused")), "{status:?}");
    assert_eq!(
        (status[&LogHost::udp(alive.addr())].failed, status[&LogHost::udp(alive.addr())].last_error.as_ref()),
        (0, None)
    );
}

#[test]
fn the_origin_is_the_hostname_where_it_is_configured() {
    let mut world = World::new();
    let collector = Collector::new();
    world.configure(Setting::LoggingHost(collector.addr()));
    world.configure(Setting::Hostname("9120-EWC".into()));
    world.configure(Setting::LoggingOriginId(true));
    world.start().expect("collectors");
    world.lines(1);
    let line = &collector.take(1)[0];
    assert!(line.starts_with("<189>5: 9120-EWC: *Feb  1 17:05:37.108: %INSTALL-5-"), "{line}");
}

#[test]
fn a_damaged_file_of_places_is_refused_by_name_and_line() {
    let mut world = World::new();
    std::fs::write(world.dir.path().join("collectors"), "# fine\nudp 127.0.0.1:514 five 3\n").expect("a file");
    let error = world.start().expect_err("damaged").to_string();
    assert!(error.contains("collectors: `udp 127.0.0.1:514 five 3` is not a collector's place"), "{error}");
}

#[test]
fn a_place_beyond_the_ledger_is_another_ledgers_and_does_not_count() {
    let mut world = World::new();
    let collector = Collector::new();
    world.configure(Setting::LoggingHost(collector.addr()));
    let text = format!("udp {} 900 800\n", collector.addr());
    std::fs::write(world.dir.path().join("collectors"), text).expect("a file");
    world.start().expect("collectors");
    world.lines(2);
    assert_eq!(collector.take(2), world.expected()[2..]);
}

#[test]
fn the_priority_follows_the_severity_and_a_collector_may_be_on_ipv6() {
    let mut world = World::new();
    let collector = Collector(UdpSocket::bind("[::1]:0").expect("a socket"));
    collector.0.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    world.configure(Setting::LoggingHost(collector.addr()));
    world.start().expect("collectors");
    let url = "tftp://172.16.5.27/Wrong-Path/ap1g6";
    let fetch = world.story.add_started(url, "ap1g6");
    world.story.add_failed(fetch, url, "ap1g6", FetchFailureKind::NotFound, "File not found (1)", None);
    world.publish();
    world.collectors.take().expect("collectors").finish();
    assert_eq!(
        collector.take(2),
        [
            "<189>3: *Feb  1 17:05:37.108: %INSTALL-5-INSTALL_START_INFO: Chassis 1 R0/0: install_engine: Started \
             install add tftp://172.16.5.27/Wrong-Path/ap1g6",
            "<187>4: *Feb  1 17:05:37.108: %INSTALL-3-OPERATION_ERROR_MESSAGE: Chassis 1 R0/0: install_engine: Failed \
             to install_add package tftp://172.16.5.27/Wrong-Path/ap1g6, Error: Failed to download file \
             tftp://172.16.5.27/Wrong-Path/ap1g6: No such file or directory",
        ]
    );
}

#[test]
fn a_collector_that_comes_back_gets_the_next_line_whole() {
    let mut world = World::new();
    let place = Collector::new().addr();
    world.configure(Setting::LoggingHost(place));
    world.start().expect("collectors");
    let status = |world: &World| world.collectors.as_ref().expect("collectors").status()[&LogHost::udp(place)].clone();
    let wait = |world: &World, sent: u64| {
        let done = (0..2_000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            status(world).sent >= sent
        });
        assert!(done, "{:?}", status(world));
    };
    for n in 1..=3 {
        world.lines(1);
        wait(&world, n);
    }
    assert!(status(&world).failed > 0);
    let collector = Collector(UdpSocket::bind(place).expect("the same port"));
    collector.0.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    world.lines(2);
    assert_eq!(collector.take(2), world.expected()[5..]);
}
