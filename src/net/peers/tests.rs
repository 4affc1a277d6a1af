use std::time::SystemTime;

use super::*;
use crate::net::dtls::{ClientContext, CookieSecrets, DtlsConfig};
use crate::net::peer::Trust;
use crate::net::pki::{Credentials, Pki};

#[expect(clippy::disallowed_methods, reason = "certificates are dated by, and OpenSSL's timers run on, this clock")]
fn times() -> (SystemTime, Instant) {
    (SystemTime::now(), Instant::now())
}

fn now() -> Instant {
    times().1
}

fn local() -> SocketAddr {
    "198.51.100.1:5246".parse().expect("an address")
}

fn wtp(n: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 40_000 + n))
}

struct World {
    table: PeerTable,
    context: ClientContext,
    credentials: Credentials,
}

impl World {
    fn new() -> Self {
        Self::with(PeerLimits::default())
    }

    fn with(limits: PeerLimits) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let pki = Pki::load_or_create(dir.path(), "9120-EWC", times().0).expect("made");
        let config = DtlsConfig::default();
        let secrets = CookieSecrets::new([3; 32], now());
        let server = ServerContext::new(&config, &[pki.controller()], secrets).expect("a server");
        Self {
            table: PeerTable::new(server, limits),
            context: ClientContext::new(&config).expect("a client"),
            credentials: Credentials::self_signed_wtp("C9105AXI-2c5a0f406920", times().0).expect("made"),
        }
    }

    fn client(&self) -> Endpoint {
        self.context.connect(&self.credentials).expect("an endpoint")
    }

    /// A client that showed its cookie and now ignores the server's flight.
    fn half_open(&mut self, addr: SocketAddr) -> Endpoint {
        let mut client = self.client();
        let hello = client.poll_transmit().expect("a ClientHello");
        self.table.receive(addr, local(), &hello, now());
        let verify = self.sent().remove(0);
        client.feed(&verify);
        let hello = client.poll_transmit().expect("a second ClientHello");
        self.table.receive(addr, local(), &hello, now());
        client
    }

    fn sent(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.table.poll_transmit()).map(|transmit| transmit.octets).collect()
    }

    fn events(&mut self) -> Vec<PeerEvent> {
        std::iter::from_fn(|| self.table.poll_event()).collect()
    }

    /// Passes datagrams both ways until neither side has more.
    fn settle(&mut self, addr: SocketAddr, client: &mut Endpoint) {
        loop {
            let to_table: Vec<_> = std::iter::from_fn(|| client.poll_transmit()).collect();
            for datagram in &to_table {
                self.table.receive(addr, local(), datagram, now());
            }
            let to_client = self.sent();
            for datagram in &to_client {
                client.feed(datagram);
            }
            if to_table.is_empty() && to_client.is_empty() {
                return;
            }
        }
    }

    fn connect(&mut self, addr: SocketAddr) -> (Endpoint, Peer) {
        let mut client = self.client();
        self.settle(addr, &mut client);
        let peer = match self.events().pop() {
            Some(PeerEvent::Connected { peer, local: reached, identity }) => {
                assert_eq!(reached, local());
                assert_eq!(identity.fingerprint, Some(self.credentials.fingerprint()));
                assert_eq!(identity.trust, Trust::NotChecked);
                peer
            }
            other => panic!("{other:?}"),
        };
        (client, peer)
    }

    fn assert_alive(&mut self, client: &mut Endpoint, peer: Peer) {
        let mut datagram = Vec::new();
        client.seal(b"a request", &mut datagram).expect("sealed");
        self.table.receive(peer.addr, local(), &datagram, now());
        assert_eq!(self.events(), [PeerEvent::Message { peer, bytes: b"a request".to_vec() }]);
        let mut datagram = Vec::new();
        assert_eq!(self.table.seal(peer, b"a response", &mut datagram), Ok(local()));
        client.feed(&datagram);
        assert_eq!(client.open(&mut vec![0; MAX_PLAINTEXT]), Some(&b"a response"[..]));
    }
}

#[test]
fn a_datagram_in_clear_is_handed_on_whole() {
    let mut world = World::new();
    world.table.receive(wtp(1), local(), &[0, 16, 2, 0, 9], now());
    let expected = PeerEvent::Clear { from: wtp(1), local: local(), bytes: vec![0, 16, 2, 0, 9] };
    assert_eq!(world.events(), [expected]);
}

#[test]
fn a_handshake_makes_a_peer_with_which_messages_can_be_exchanged() {
    let mut world = World::new();
    let (mut client, peer) = world.connect(wtp(1));
    assert_eq!(peer, Peer { addr: wtp(1), generation: 1 });
    assert_eq!((world.table.sessions(), world.table.half_open()), (1, 0));
    assert_eq!(world.table.deadline(), None);
    world.assert_alive(&mut client, peer);
}

#[test]
fn a_reboot_on_the_same_port_replaces_the_session_once_its_handshake_is_done() {
    let mut world = World::new();
    let (mut old, first) = world.connect(wtp(1));
    let mut rebooted = world.half_open(wtp(1));
    assert_eq!((world.table.sessions(), world.table.half_open()), (1, 1));
    let flight = world.sent();
    world.assert_alive(&mut old, first);
    for datagram in &flight {
        rebooted.feed(datagram);
    }
    world.settle(wtp(1), &mut rebooted);
    let second = Peer { addr: wtp(1), generation: 2 };
    match &world.events()[..] {
        [PeerEvent::Closed { peer, why: Ended::Replaced }, PeerEvent::Connected { peer: new, .. }] => {
            assert_eq!((*peer, *new), (first, second));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.table.seal(first, b"late", &mut Vec::new()), Err(SendError::NoSession(first)));
    world.assert_alive(&mut rebooted, second);
}

#[test]
fn a_spoofed_client_hello_does_nothing_to_a_live_peer() {
    let mut world = World::new();
    let (mut client, peer) = world.connect(wtp(1));
    for _ in 0..100 {
        let hello = world.client().poll_transmit().expect("a ClientHello");
        world.table.receive(wtp(1), local(), &hello, now());
    }
    assert_eq!(world.sent().len(), 100);
    assert_eq!(world.table.half_open(), 0);
    assert_eq!(world.table.counters().cookies_sent, 101);
    world.assert_alive(&mut client, peer);
}

#[test]
fn a_flood_of_client_hellos_from_everywhere_leaves_no_state() {
    let mut world = World::new();
    let hello = world.client().poll_transmit().expect("a ClientHello");
    for n in 0..1_000 {
        world.table.receive(wtp(n), local(), &hello, now());
    }
    assert_eq!((world.table.sessions(), world.table.half_open(), world.table.slots.len()), (0, 0, 0));
    assert!(world.events().is_empty());
}

#[test]
fn a_repeated_client_hello_is_dropped_in_and_after_its_handshake() {
    let mut world = World::new();
    let mut client = world.client();
    let first = client.poll_transmit().expect("a ClientHello");
    world.table.receive(wtp(1), local(), &first, now());
    client.feed(&world.sent()[0]);
    let second = client.poll_transmit().expect("a ClientHello");
    world.table.receive(wtp(1), local(), &second, now());
    world.table.receive(wtp(1), local(), &second, now());
    world.table.receive(wtp(1), local(), &first, now());
    assert_eq!(world.table.counters().repeated_hellos, 2);
    assert_eq!(world.table.half_open(), 1);
    let flight = world.sent();
    for datagram in &flight {
        client.feed(datagram);
    }
    world.settle(wtp(1), &mut client);
    world.table.receive(wtp(1), local(), &second, now());
    assert_eq!(world.table.counters().repeated_hellos, 3);
    assert!(world.sent().is_empty());
}

#[test]
fn a_client_beyond_the_limit_waits_and_is_served_when_a_handshake_ends() {
    let mut world = World::with(PeerLimits { half_open: 1, ..PeerLimits::default() });
    let mut first = world.half_open(wtp(1));
    let flight = world.sent();
    let mut second = world.half_open(wtp(2));
    assert!(world.sent().is_empty(), "the second waits");
    assert_eq!(world.events(), [PeerEvent::LimitReached { limit: Limit::HalfOpen, value: 1 }]);
    for datagram in flight {
        first.feed(&datagram);
    }
    // The first's last flight frees its place, and the second's is sent with the answer to it.
    for datagram in std::iter::from_fn(|| first.poll_transmit()) {
        world.table.receive(wtp(1), local(), &datagram, now());
    }
    assert_eq!((world.table.sessions(), world.table.half_open()), (1, 1));
    while let Some(transmit) = world.table.poll_transmit() {
        if transmit.to == wtp(2) {
            second.feed(&transmit.octets);
        }
    }
    world.settle(wtp(2), &mut second);
    assert_eq!((world.table.sessions(), world.table.counters().handshakes_evicted), (2, 0));
}

#[test]
fn a_handshake_that_has_stalled_gives_way_to_one_that_waits_and_the_limit_is_told_once() {
    let mut world = World::with(PeerLimits { half_open: 3, ..PeerLimits::default() });
    for n in 0..5 {
        world.half_open(wtp(n));
        world.sent();
    }
    assert_eq!((world.table.half_open(), world.table.counters().handshakes_evicted), (3, 0));
    let due = world.table.deadline().expect("one waits");
    world.table.handle_timeouts(due.max(now() + STALLED));
    assert_eq!((world.table.half_open(), world.table.counters().handshakes_evicted), (3, 2));
    assert_eq!(world.events(), [PeerEvent::LimitReached { limit: Limit::HalfOpen, value: 3 }]);
    assert!(!world.table.slots.contains_key(&wtp(1)) && world.table.slots.contains_key(&wtp(4)));
}

#[test]
fn a_second_handshake_from_one_address_supersedes_the_first() {
    let mut world = World::new();
    world.half_open(wtp(1));
    world.sent();
    let mut client = world.half_open(wtp(1));
    assert_eq!((world.table.half_open(), world.table.counters().handshakes_superseded), (1, 1));
    for datagram in world.sent() {
        client.feed(&datagram);
    }
    world.settle(wtp(1), &mut client);
    assert_eq!(world.table.sessions(), 1);
}

#[test]
fn no_session_is_begun_beyond_the_limit_and_one_may_still_be_replaced() {
    let mut world = World::with(PeerLimits { sessions: 2, ..PeerLimits::default() });
    world.connect(wtp(1));
    let (_, second) = world.connect(wtp(2));
    world.half_open(wtp(3));
    assert_eq!(world.events(), [PeerEvent::LimitReached { limit: Limit::Sessions, value: 2 }]);
    assert_eq!((world.table.half_open(), world.table.counters().sessions_full), (0, 1));
    world.connect(wtp(1));
    world.table.close(second);
    world.connect(wtp(3));
}

#[test]
fn a_handshake_that_takes_too_long_is_dropped_and_reported() {
    let mut world = World::new();
    world.half_open(wtp(1));
    let deadline = world.table.deadline().expect("a handshake has a timer");
    assert!(deadline < now() + Duration::from_secs(2), "the flight is repeated after a second");
    world.table.handle_timeouts(now() + Duration::from_secs(61));
    match &world.events()[..] {
        [PeerEvent::HandshakeFailed { from, words }] => {
            assert_eq!((*from, words.as_str()), (wtp(1), "not finished within 60 s"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((world.table.half_open(), world.table.deadline()), (0, None));
    assert!(world.table.slots.is_empty());
}

#[test]
fn a_handshake_that_fails_is_reported_with_the_reason_and_forgotten() {
    let mut world = World::new();
    let strict = DtlsConfig { ciphers: "ECDHE-RSA-AES128-GCM-SHA256".to_owned(), ..DtlsConfig::default() };
    let mut client = ClientContext::new(&strict).and_then(|context| context.connect(&world.credentials));
    world.settle(wtp(1), client.as_mut().expect("an endpoint"));
    match &world.events()[..] {
        [PeerEvent::HandshakeFailed { words, .. }] => assert!(words.starts_with("no shared cipher; "), "{words}"),
        other => panic!("{other:?}"),
    }
    assert!(world.table.slots.is_empty());
}

#[test]
fn a_close_notify_of_the_peer_ends_its_session() {
    let mut world = World::new();
    let (mut client, peer) = world.connect(wtp(1));
    client.close();
    world.settle(wtp(1), &mut client);
    assert_eq!(world.events(), [PeerEvent::Closed { peer, why: Ended::ByPeer }]);
    assert!(world.table.slots.is_empty());
    assert_eq!(world.table.sessions(), 0);
}

#[test]
fn closing_a_peer_tells_it_and_reports_nothing() {
    let mut world = World::new();
    let (mut client, peer) = world.connect(wtp(1));
    world.table.close(Peer { generation: 7, ..peer });
    world.assert_alive(&mut client, peer);
    world.table.close(peer);
    world.settle(wtp(1), &mut client);
    assert!(client.open(&mut vec![0; MAX_PLAINTEXT]).is_none());
    assert_eq!(*client.status(), Status::Closed(CloseReason::CloseNotify));
    assert!(world.events().is_empty());
    assert!(world.table.slots.is_empty());
}

#[test]
fn stopping_tells_every_peer() {
    let mut world = World::new();
    let clients: Vec<Endpoint> = (1..=3).map(|n| world.connect(wtp(n)).0).collect();
    world.half_open(wtp(9));
    world.sent();
    world.table.close_all();
    assert_eq!(world.sent().len(), clients.len());
    assert_eq!((world.table.sessions(), world.table.half_open(), world.table.deadline()), (0, 0, None));
}

#[test]
fn every_dropped_datagram_is_counted_by_its_reason() {
    let mut world = World::new();
    let (mut client, peer) = world.connect(wtp(1));
    let mut record = Vec::new();
    client.seal(b"x", &mut record).expect("sealed");
    let mut damaged = record.clone();
    damaged[20] ^= 1;
    let mut hello = world.client().poll_transmit().expect("a ClientHello");
    hello.truncate(80);
    let before = *world.table.counters();
    for (from, datagram) in [
        (wtp(1), &[][..]),
        (wtp(1), &[0x12, 0, 0, 0]),
        (wtp(1), &[1, 0, 0, 0, 99]),
        (wtp(2), &record),
        (wtp(2), &hello),
        (wtp(1), &damaged),
    ] {
        world.table.receive(from, local(), datagram, now());
    }
    let counted: Vec<&str> = world
        .table
        .counters()
        .iter()
        .zip(before.iter())
        .filter(|(after, before)| after.1 > before.1)
        .map(|(after, _)| after.0)
        .collect();
    assert_eq!(counted, ["empty", "unknown_preamble", "no_record", "no_session", "unauthentic", "bad_hellos"]);
    assert!(world.events().is_empty());
    world.assert_alive(&mut client, peer);
}

#[test]
fn a_forged_record_in_the_middle_of_a_handshake_is_dropped() {
    let mut world = World::new();
    let mut client = world.half_open(wtp(1));
    for len in [2, 40] {
        let mut forged = vec![1, 0, 0, 0, 23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 9, 0, len];
        forged.extend(vec![7; usize::from(len)]);
        world.table.receive(wtp(1), local(), &forged, now());
        // As a Finished, too: that reaches the handshake.
        forged[4] = 22;
        world.table.receive(wtp(1), local(), &forged, now());
    }
    assert_eq!(world.table.counters().no_session, 2);
    for datagram in world.sent() {
        client.feed(&datagram);
    }
    world.settle(wtp(1), &mut client);
    assert!(matches!(world.events()[..], [PeerEvent::Connected { .. }]));
}
