use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

use super::*;
use crate::net::dtls::{CookieSecrets, ServerContext};
use crate::net::peer::Peer;
use crate::net::peers::{Ended, PeerEvent, PeerLimits, PeerTable};
use crate::net::pki::Pki;
use crate::net::udp::{Binding, Receiver, Sender, UdpConfig};
use crate::net::wake::Poller;

#[expect(clippy::disallowed_methods, reason = "these tests run over real sockets, in real time")]
fn times() -> (SystemTime, Instant) {
    (SystemTime::now(), Instant::now())
}

/// A controller's port that answers every message with itself.
struct Echo {
    addr: SocketAddr,
    receiver: Receiver,
    sender: Sender,
    table: PeerTable,
    events: Vec<PeerEvent>,
}

impl Echo {
    fn at(addr: SocketAddr) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let pki = Pki::load_or_create(dir.path(), "9120-EWC", times().0).expect("made");
        let secrets = CookieSecrets::new([9; 32], times().1);
        let server = ServerContext::new(&DtlsConfig::default(), &[pki.controller()], secrets).expect("a server");
        let binding = Binding::new(&[addr], &UdpConfig::default()).expect("bound");
        let addr = binding.local_addrs()[0];
        let (receiver, sender) = binding.open();
        let table = PeerTable::new(server, PeerLimits::default());
        Self { addr, receiver, sender, table, events: Vec::new() }
    }

    fn pass(&mut self) {
        let (table, sender) = (&mut self.table, &mut self.sender);
        self.receiver
            .receive(|datagram| table.receive(datagram.from, datagram.local, datagram.octets, times().1))
            .expect("received");
        while let Some(event) = table.poll_event() {
            match &event {
                PeerEvent::Clear { from, local, bytes } => sender.send(*from, *local, bytes.clone()),
                PeerEvent::Message { peer, bytes } => {
                    let mut out = sender.buffer();
                    let local = table.seal(*peer, bytes, &mut out).expect("sealed");
                    sender.send(peer.addr, local, out);
                }
                PeerEvent::Connected { .. }
                | PeerEvent::Closed { .. }
                | PeerEvent::HandshakeFailed { .. }
                | PeerEvent::LimitReached { .. } => self.events.push(event),
            }
        }
        while let Some(transmit) = table.poll_transmit() {
            sender.send(transmit.to, transmit.local, transmit.octets);
        }
        sender.flush();
    }
}

struct World {
    echo: Echo,
    clients: Clients,
    poller: Poller,
    seen: Vec<(ClientId, ClientEvent)>,
}

impl World {
    fn at(addr: impl Into<SocketAddr>) -> Self {
        let echo = Echo::at(addr.into());
        let clients = Clients::new(&DtlsConfig::default(), echo.addr).expect("clients");
        Self { echo, clients, poller: Poller::new(0).expect("a poller"), seen: Vec::new() }
    }

    fn add(&mut self) -> ClientId {
        let name = format!("C9105AXI-{:012x}", self.clients.len());
        let credentials = Credentials::self_signed_wtp(&name, times().0).expect("made");
        self.clients.add(credentials).expect("added").0
    }

    /// Passes until `done`, for at most 20 s.
    fn until(&mut self, done: impl Fn(&Self) -> bool) {
        let start = times().1;
        while !done(self) {
            assert!(times().1 - start < Duration::from_secs(20), "events so far: {:?}", self.seen);
            self.echo.pass();
            let count = self.clients.receive(times().1).expect("received");
            self.clients.handle_timeouts(times().1);
            while let Some(event) = self.clients.poll_event() {
                self.seen.push(event);
            }
            self.clients.flush();
            let wait = Some(Duration::from_millis(2));
            self.poller.pass(count > 0, self.clients.sources(), wait).expect("waited");
        }
    }

    fn count(&self, wanted: &ClientEvent) -> usize {
        self.seen.iter().filter(|(_, event)| event == wanted).count()
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

#[test]
fn many_access_points_connect_and_exchange_messages_over_one_socket() {
    let mut world = World::at(loopback());
    let ids: Vec<ClientId> = (0..50).map(|_| world.add()).collect();
    let ac = world.echo.addr;
    for id in &ids {
        world.clients.connect(*id, ac, times().1);
    }
    world.until(|world| world.count(&ClientEvent::Connected) == ids.len());
    for id in &ids {
        let message = id.0.to_be_bytes();
        world.clients.send(*id, &message).expect("sealed");
    }
    world.seen.clear();
    world.until(|world| world.seen.len() == ids.len());
    for id in &ids {
        assert!(world.seen.contains(&(*id, ClientEvent::Message(id.0.to_be_bytes().to_vec()))), "{id:?}");
    }
    assert_eq!(world.echo.table.sessions(), ids.len());
}

#[test]
fn towards_another_machine_each_has_a_socket_of_its_own() {
    // IPv6 loopback stands for the other machine.
    let mut world = World::at((Ipv6Addr::LOCALHOST, 0));
    let ids = [world.add(), world.add()];
    let ac = world.echo.addr;
    for id in ids {
        world.clients.connect(id, ac, times().1);
    }
    world.until(|world| world.count(&ClientEvent::Connected) == 2);
    for id in ids {
        world.clients.send(id, b"a request").expect("sealed");
    }
    world.until(|world| world.count(&ClientEvent::Message(b"a request".to_vec())) == 2);
}

#[test]
fn discovery_is_in_clear_and_the_data_channel_is_told_from_it() {
    let mut world = World::at(loopback());
    let id = world.add();
    let (ac, data) = (world.echo.addr, Echo::at(loopback()));
    world.clients.send_clear(id, ac, &[0, 16, 1]);
    world.until(|world| world.seen == [(id, ClientEvent::Clear { from: ac, bytes: vec![0, 16, 1] })]);
    let control = std::mem::replace(&mut world.echo, data);
    let to = world.echo.addr;
    world.clients.send_data(id, to, &[0, 16, 2]);
    world.until(|world| world.count(&ClientEvent::Data(vec![0, 16, 2])) == 1);
    drop(control);
}

#[test]
fn a_power_cut_says_nothing_and_the_reboot_replaces_the_session() {
    let mut world = World::at(loopback());
    let id = world.add();
    let ac = world.echo.addr;
    world.clients.connect(id, ac, times().1);
    world.until(|world| world.count(&ClientEvent::Connected) == 1);
    world.clients.vanish(id);
    assert_eq!(world.clients.send(id, b"x"), Err(SealError::NotConnected));
    world.clients.connect(id, ac, times().1);
    world.until(|world| world.count(&ClientEvent::Connected) == 2);
    let ended = |event: &PeerEvent| matches!(event, PeerEvent::Closed { why: Ended::Replaced, .. });
    world.until(|world| world.echo.events.iter().any(ended));
    assert_eq!(world.echo.table.sessions(), 1);
}

#[test]
fn either_end_can_close() {
    let mut world = World::at(loopback());
    let ids = [world.add(), world.add()];
    let ac = world.echo.addr;
    for id in ids {
        world.clients.connect(id, ac, times().1);
    }
    world.until(|world| world.echo.table.sessions() == 2 && world.count(&ClientEvent::Connected) == 2);
    world.clients.disconnect(ids[0]);
    world.until(|world| world.echo.table.sessions() == 1);
    let mut open = Vec::new();
    for event in &world.echo.events {
        if let PeerEvent::Connected { peer, .. } = event {
            open.push(*peer);
        }
        if let PeerEvent::Closed { peer, why } = event {
            assert_eq!(*why, Ended::ByPeer);
            open.retain(|other| other != peer);
        }
    }
    assert_eq!(open.len(), 1);
    let other: Peer = open[0];
    world.echo.table.close(other);
    world.until(|world| world.seen.last() == Some(&(ids[1], ClientEvent::Closed)));
}

#[test]
fn a_handshake_that_nobody_answers_is_repeated_and_then_given_up() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("bound");
    let mut world = World::at(loopback());
    let quick = DtlsConfig { retransmit: Duration::from_micros(1), ..DtlsConfig::default() };
    world.clients = Clients::new(&quick, world.echo.addr).expect("clients");
    let id = world.add();
    world.clients.connect(id, silent.local_addr().expect("bound"), times().1);
    world.until(|world| matches!(world.seen[..], [(_, ClientEvent::ConnectFailed(_))]));
    assert_eq!(world.clients.deadline(), None);
    assert!(world.clients.counters().sent > 5);
}
