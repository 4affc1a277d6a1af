use std::net::UdpSocket;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use capledger_schema::id::MacAddr;

use super::fleet::FleetSpec;
use super::*;
use crate::capwap::control::Message;
use crate::capwap::element::{Element, WtpBoardData};
use crate::wtp::{Dialect, Knobs, WtpTimers};

/// A controller that hears everything and says nothing.
struct Silent(UdpSocket);

impl Silent {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        socket.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        Silent(socket)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("bound")
    }

    /// Who asks next, by the Base MAC of its board data.
    fn hear(&self) -> MacAddr {
        let mut buffer = [0; 2_000];
        let length = self.0.recv(&mut buffer).expect("a datagram within 20 s");
        let request = Message::from_packet(&buffer[..length]).expect("a control message");
        let board = request.elements.iter().find_map(|e| if let Element::WtpBoardData(b) = e { Some(b) } else { None });
        board.and_then(WtpBoardData::base_mac).expect("a Base MAC")
    }
}

fn spec(ac: SocketAddr, aps: usize) -> FleetSpec {
    FleetSpec {
        ac,
        aps,
        models: vec!["C9105AXI-B".to_owned()],
        name_prefix: Some("AP".to_owned()),
        site: String::new(),
        version: ImageVersion([17, 3, 3, 26]),
        backup: None,
        seed: 1,
        console: Some(Dialect::Replica),
        knobs: Knobs::default(),
        faulty: 0,
        timers: WtpTimers { max_discovery_interval: Duration::from_millis(2), ..WtpTimers::brisk() },
    }
}

fn config(ac: SocketAddr, aps: usize) -> SimulationConfig {
    SimulationConfig::new(ac, spec(ac, aps).members())
}

fn started(config: &SimulationConfig) -> (Simulation, Receiver<String>) {
    let (told, heard) = channel();
    let report = move |report: Report<'_>| {
        let text = match report {
            Report::Console { name, line, .. } => format!("{name}: {line}"),
            Report::State { name, state, active, .. } => format!("{name} {} {active}", state.name()),
        };
        // A test that has seen enough does not listen to the end.
        let _ = told.send(text);
    };
    (Simulation::start(config, report).expect("started"), heard)
}

fn until(heard: &Receiver<String>, wanted: &str) {
    loop {
        let text = heard.recv_timeout(Duration::from_secs(20)).expect(wanted);
        if text.contains(wanted) {
            return;
        }
    }
}

#[test]
fn consoles_say_that_their_access_points_ask_a_controller_that_does_not_answer() {
    let ac = Silent::new();
    let (simulation, heard) = started(&config(ac.address(), 2));
    until(&heard, "Discovery Request sent to 127.0.0.1, discovery type STATIC_CONFIG(1)");
    // Both have asked in vain, in whichever order their jitter made.
    let mut sulking = std::collections::BTreeSet::new();
    while sulking.len() < 2 {
        let text = heard.recv_timeout(Duration::from_secs(20)).expect("both give up");
        if text.ends_with(" Sulking 17.3.3.26") {
            sulking.insert(text);
        }
    }
    let totals = simulation.stop().expect("stopped in order");
    assert!(totals.sent >= 20, "ten requests each: {totals:?}");
    assert_eq!((totals.received, totals.lost), (0, 0));
}

fn base_mac_with(dir: &Path, seed: u64) -> MacAddr {
    let ac = Silent::new();
    let aps = FleetSpec { seed, ..spec(ac.address(), 1) }.members();
    let config = SimulationConfig { image_state: Some(dir.to_owned()), ..SimulationConfig::new(ac.address(), aps) };
    let (simulation, _heard) = started(&config);
    let mac = ac.hear();
    simulation.stop().expect("stopped in order");
    mac
}

#[test]
fn access_points_that_are_kept_are_the_same_in_the_next_simulation_whatever_its_seed() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = base_mac_with(dir.path(), 1);
    assert_eq!(base_mac_with(dir.path(), 2), first);
    let other = tempfile::tempdir().expect("a directory");
    assert_ne!(base_mac_with(other.path(), 2), first);
}

#[test]
fn a_kept_access_point_does_not_turn_into_another_model() {
    let dir = tempfile::tempdir().expect("a directory");
    base_mac_with(dir.path(), 1);
    let ac = Silent::new().address();
    let aps = FleetSpec { models: vec!["C9120AXI-B".to_owned()], ..spec(ac, 1) }.members();
    let config = SimulationConfig { image_state: Some(dir.path().to_owned()), ..SimulationConfig::new(ac, aps) };
    let error = Simulation::start(&config, |_| {}).expect_err("another model").to_string();
    assert!(error.contains("access point 1 in") && error.contains("is a C9105AXI-B, not a C9120AXI-B"), "{error}");
}

#[test]
fn a_link_that_loses_everything_carries_nothing() {
    let ac = Silent::new();
    let config = SimulationConfig { loss: 100.0, ..config(ac.address(), 1) };
    let (simulation, heard) = started(&config);
    until(&heard, "AP-01 Sulking 17.3.3.26");
    let totals = simulation.stop().expect("stopped in order");
    assert_eq!((totals.sent, totals.lost), (0, 10));
}

#[test]
fn power_can_be_cut_and_restored_from_outside() {
    let ac = Silent::new();
    let (simulation, heard) = started(&config(ac.address(), 1));
    simulation.happen(0, Happening::PowerCut);
    until(&heard, "AP-01 Off 17.3.3.26");
    simulation.happen(7, Happening::PowerCut);
    simulation.happen(0, Happening::PowerOn);
    until(&heard, "AP-01 Booting 17.3.3.26");
    assert!(simulation.is_running());
    simulation.stop().expect("stopped in order");
}
