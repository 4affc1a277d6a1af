mod authority;
mod handshake;
mod listening;
mod old_peers;
mod session;
mod settings;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::net::peer::{Identity, Trust};
use crate::net::pki::{Credentials, Pki};

const WTP: &str = "C9105AXI-2c5a0f406920";

fn addr() -> SocketAddr {
    "192.0.2.7:40000".parse().expect("an address")
}

#[expect(clippy::disallowed_methods, reason = "certificates are dated by, and OpenSSL's timers run on, this clock")]
fn times() -> (SystemTime, Instant) {
    (SystemTime::now(), Instant::now())
}

fn pki() -> Pki {
    let dir = tempfile::tempdir().expect("a directory");
    Pki::load_or_create(dir.path(), "9120-EWC", times().0).expect("made")
}

fn self_signed() -> Credentials {
    Credentials::self_signed_wtp(WTP, times().0).expect("made")
}

/// Quick timers, for tests that lose datagrams.
fn config() -> DtlsConfig {
    DtlsConfig { retransmit: Duration::from_millis(30), ..DtlsConfig::default() }
}

fn server(config: &DtlsConfig, pki: &Pki) -> ServerContext {
    ServerContext::new(config, &[pki.controller()], CookieSecrets::new([3; 32], times().1)).expect("a server")
}

fn client(config: &DtlsConfig, credentials: &Credentials) -> Endpoint {
    ClientContext::new(config).expect("a client").connect(credentials).expect("an endpoint")
}

/// What the network does to the next datagram.
#[derive(Clone, Copy)]
enum Fate {
    Deliver,
    Lose,
    Duplicate,
    /// Behind the next one.
    Delay,
}

/// A server and a client with a network between them.
struct Pair {
    server: ServerContext,
    client: Endpoint,
    accepted: Option<Endpoint>,
    longest: usize,
}

impl Pair {
    fn new(config: &DtlsConfig) -> Self {
        Self::with(server(config, &pki()), client(config, &self_signed()))
    }

    fn with(server: ServerContext, client: Endpoint) -> Self {
        Self { server, client, accepted: None, longest: 0 }
    }

    fn connected() -> Self {
        let mut pair = Self::new(&config());
        pair.settle(|_| Fate::Deliver);
        assert!(pair.client.is_connected() && pair.peer().is_connected());
        pair
    }

    fn peer(&mut self) -> &mut Endpoint {
        self.accepted.as_mut().expect("the server accepted the client")
    }

    /// Passes datagrams until neither side has more, waiting for timers until both are connected or closed.
    fn settle(&mut self, mut fate: impl FnMut(&[u8]) -> Fate) {
        let started = times().1;
        while times().1 - started < Duration::from_secs(10) {
            let from_client = drain(&mut self.client);
            let from_server = self.accepted.as_mut().map(drain).unwrap_or_default();
            let lengths = from_client.iter().chain(&from_server).map(Vec::len);
            self.longest = lengths.fold(self.longest, usize::max);
            if from_client.is_empty() && from_server.is_empty() {
                let peer_busy = self.accepted.as_ref().is_none_or(|peer| *peer.status() == Status::Handshaking);
                if *self.client.status() != Status::Handshaking && !peer_busy {
                    return;
                }
                if matches!(self.client.status(), Status::Closed(_)) {
                    return;
                }
                self.wait();
                continue;
            }
            for datagram in shuffled(from_client, &mut fate) {
                self.deliver_to_server(&datagram);
            }
            for datagram in shuffled(from_server, &mut fate) {
                self.client.feed(&datagram);
                read(&mut self.client);
            }
        }
        panic!("no end within 10 s: client {:?}, server {:?}", self.client.status(), self.accepted);
    }

    fn deliver_to_server(&mut self, datagram: &[u8]) {
        if let Some(peer) = &mut self.accepted {
            peer.feed(datagram);
            read(peer);
            return;
        }
        match self.server.listen(addr(), datagram, times().1) {
            Listen::Ignored => {}
            Listen::Reply(reply) => {
                self.longest = self.longest.max(reply.len());
                self.client.feed(&reply);
            }
            Listen::Accepted(endpoint) => self.accepted = Some(endpoint),
        }
    }

    fn wait(&mut self) {
        let peer = self.accepted.as_ref().and_then(Endpoint::timeout);
        let left = [self.client.timeout(), peer].into_iter().flatten().min().unwrap_or_default();
        std::thread::sleep(left.max(Duration::from_millis(1)));
        self.client.handle_timeout();
        if let Some(peer) = &mut self.accepted {
            peer.handle_timeout();
        }
    }

    /// Sends a message through a session that must stand, in both directions.
    fn assert_alive(&mut self) {
        let peer = self.accepted.as_mut().expect("accepted");
        exchange(&mut self.client, peer);
        exchange(peer, &mut self.client);
    }
}

fn drain(endpoint: &mut Endpoint) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| endpoint.poll_transmit()).collect()
}

fn shuffled(datagrams: Vec<Vec<u8>>, fate: &mut impl FnMut(&[u8]) -> Fate) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    let mut late = VecDeque::new();
    for datagram in datagrams {
        match fate(&datagram) {
            Fate::Lose => {}
            Fate::Deliver => out.push(datagram),
            Fate::Duplicate => out.extend([datagram.clone(), datagram]),
            Fate::Delay => {
                late.push_back(datagram);
                continue;
            }
        }
        out.extend(late.drain(..));
    }
    out.extend(late);
    out
}

fn read(endpoint: &mut Endpoint) -> Vec<Vec<u8>> {
    let mut buf = vec![0; MAX_PLAINTEXT];
    std::iter::from_fn(|| endpoint.open(&mut buf).map(<[u8]>::to_vec)).collect()
}

fn sealed(endpoint: &mut Endpoint, plaintext: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    endpoint.seal(plaintext, &mut out).expect("sealed");
    out
}

fn exchange(from: &mut Endpoint, to: &mut Endpoint) {
    let datagram = sealed(from, b"a control message");
    to.feed(&datagram);
    assert_eq!(read(to), [b"a control message"]);
}

/// Feeds the server records that were damaged on the way.
fn bombard(pair: &mut Pair, count: usize) {
    let mut numbers = Numbers(5);
    for _ in 0..count {
        let mut datagram = sealed(&mut pair.client, b"a control message");
        for _ in 0..=numbers.below(3) {
            let at = numbers.below(datagram.len());
            datagram[at] ^= 1 << numbers.below(8);
        }
        if numbers.below(4) == 0 {
            datagram.truncate(numbers.below(datagram.len()));
        }
        pair.peer().feed(&datagram);
        read(pair.peer());
        assert!(pair.peer().is_connected(), "{:?} after {datagram:02x?}", pair.accepted);
    }
}

/// A small reproducible stream of numbers (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}
