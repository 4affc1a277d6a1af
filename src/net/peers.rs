//! The table of peers of the control port: which session a datagram belongs to, and when one begins and ends.
//!
//! RFC 5415 sections 2.4 and 4.1: a datagram in clear is discovery, one with a CAPWAP DTLS header belongs to an
//! endpoint or begins a handshake. A ClientHello from the address of a live peer does the stateless cookie exchange
//! beside it, and only a finished handshake replaces the session: a reboot on the same port works, and a spoofed
//! datagram does nothing. Whether a peer may join is the core's to decide; this table never looks into a message.

mod advice;
mod counters;
mod event;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::hash_map::{Entry, HashMap};
use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub use counters::PeerCounters;
pub use event::{Ended, Limit, PeerEvent, PeerLimits, SendError, Transmit};

use super::dtls::{
    CAPWAP_DTLS_HEADER, CloseReason, Endpoint, First, Listen, MAX_PLAINTEXT, ServerContext, Status, first_record,
};
use super::peer::Peer;
use waiting::WaitingRoom;

/// A handshake that has taken so long gives way to one that waits for its place.
const STALLED: Duration = Duration::from_secs(3);

/// Every session and handshake of one port.
pub struct PeerTable {
    server: ServerContext,
    limits: PeerLimits,
    slots: HashMap<SocketAddr, Slot>,
    /// The handshakes, by when they want attention. Live sessions have no timer here.
    timers: BTreeSet<(Instant, SocketAddr)>,
    /// The handshakes, by when they began: the oldest gives way once it has stalled.
    oldest: BTreeSet<(Instant, SocketAddr)>,
    waiting: WaitingRoom,
    sessions: usize,
    last_generation: u32,
    reached: BTreeSet<Limit>,
    events: VecDeque<PeerEvent>,
    transmits: VecDeque<Transmit>,
    counters: PeerCounters,
    plaintext: Box<[u8]>,
}

/// What one address has: a session, a handshake, or a handshake beside a session.
#[derive(Default)]
struct Slot {
    live: Option<Live>,
    opening: Option<Opening>,
}

struct Live {
    endpoint: Endpoint,
    generation: u32,
    local: SocketAddr,
    random: [u8; 32],
}

struct Opening {
    endpoint: Endpoint,
    local: SocketAddr,
    /// The client's random: a ClientHello that repeats it is a repetition, another one is a reboot.
    random: [u8; 32],
    began: Instant,
    timer: Instant,
}

impl PeerTable {
    /// An empty table whose handshakes `server` leads.
    pub fn new(server: ServerContext, limits: PeerLimits) -> Self {
        Self {
            server,
            limits,
            slots: HashMap::new(),
            timers: BTreeSet::new(),
            oldest: BTreeSet::new(),
            waiting: WaitingRoom::default(),
            sessions: 0,
            last_generation: 0,
            reached: BTreeSet::new(),
            events: VecDeque::new(),
            transmits: VecDeque::new(),
            counters: PeerCounters::default(),
            plaintext: vec![0; MAX_PLAINTEXT].into_boxed_slice(),
        }
    }

    /// Leads new handshakes with other settings or limits; sessions and handshakes under way stay as they are.
    pub fn reconfigure(&mut self, server: ServerContext, limits: PeerLimits) {
        self.server = server;
        self.limits = limits;
    }

    /// Takes a datagram from the port. Read [`Self::poll_event`] and [`Self::poll_transmit`] afterwards.
    pub fn receive(&mut self, from: SocketAddr, local: SocketAddr, datagram: &[u8], now: Instant) {
        match datagram.first() {
            None => self.counters.empty += 1,
            // The preamble: version 0, then the type (RFC 5415 section 4.1).
            Some(0) => {
                self.counters.clear += 1;
                self.events.push_back(PeerEvent::Clear { from, local, bytes: datagram.to_vec() });
            }
            Some(&type_dtls) if type_dtls == CAPWAP_DTLS_HEADER[0] => match first_record(datagram) {
                Some(First::ClientHello { random }) => self.client_hello(from, local, random, datagram, now),
                Some(First::ClearHandshake | First::SealedHandshake) => self.handshake(from, datagram, now),
                Some(First::Sealed) => self.sealed(from, datagram),
                None => self.counters.no_record += 1,
            },
            Some(_) => self.counters.unknown_preamble += 1,
        }
        self.admit(now);
    }

    /// Seals a message of a connected peer and appends it to `out` as one UDP payload; gives the address to send it
    /// from.
    pub fn seal(&mut self, peer: Peer, message: &[u8], out: &mut Vec<u8>) -> Result<SocketAddr, SendError> {
        let live = self
            .slots
            .get_mut(&peer.addr)
            .and_then(|slot| slot.live.as_mut())
            .filter(|live| live.generation == peer.generation)
            .ok_or(SendError::NoSession(peer))?;
        live.endpoint.seal(message, out).map_err(|source| SendError::Seal { peer, source })?;
        self.counters.sealed += 1;
        Ok(live.local)
    }

    /// Ends a peer's session with a close_notify. Says nothing where it is over already, and reports nothing.
    pub fn close(&mut self, peer: Peer) {
        let Some(slot) = self.slots.get_mut(&peer.addr) else { return };
        let Some(mut live) = slot.live.take_if(|live| live.generation == peer.generation) else { return };
        self.sessions -= 1;
        live.endpoint.close();
        drain(&mut live.endpoint, peer.addr, live.local, &mut self.transmits);
        self.forget_if_empty(peer.addr);
    }

    /// Ends every session with a close_notify and drops every handshake, as a controller does that stops.
    pub fn close_all(&mut self) {
        for (addr, mut slot) in self.slots.drain() {
            if let Some(live) = &mut slot.live {
                live.endpoint.close();
                drain(&mut live.endpoint, addr, live.local, &mut self.transmits);
            }
        }
        self.timers.clear();
        self.oldest.clear();
        self.waiting = WaitingRoom::default();
        self.sessions = 0;
    }

    /// What happened next.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    /// What to send next.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// When [`Self::handle_timeouts`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let stalled = self.oldest.first().filter(|_| !self.waiting.is_empty()).map(|(began, _)| *began + STALLED);
        self.timers.first().map(|(at, _)| *at).into_iter().chain(stalled).min()
    }

    /// Retransmits what handshakes wait for, and drops those that took too long.
    pub fn handle_timeouts(&mut self, now: Instant) {
        while let Some((at, addr)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            let Some(opening) = self.slots.get_mut(&addr).and_then(|slot| slot.opening.as_mut()) else { continue };
            if now >= opening.began + self.limits.handshake {
                let words = advice::unfinished(self.limits.handshake, &opening.endpoint);
                self.counters.handshakes_timed_out += 1;
                self.drop_opening(addr);
                self.events.push_back(PeerEvent::HandshakeFailed { from: addr, words });
                continue;
            }
            opening.endpoint.handle_timeout();
            self.attend(addr, now);
        }
        self.admit(now);
    }

    /// Handshakes under way.
    pub fn half_open(&self) -> usize {
        self.oldest.len()
    }

    /// Sessions.
    pub fn sessions(&self) -> usize {
        self.sessions
    }

    /// Version and cipher suite of a peer's session.
    pub fn protocol(&self, peer: Peer) -> Option<(&'static str, &'static str)> {
        let live = self.slots.get(&peer.addr)?.live.as_ref()?;
        if live.generation == peer.generation { live.endpoint.protocol() } else { None }
    }

    /// Our end of a peer's session.
    pub fn local(&self, peer: Peer) -> Option<SocketAddr> {
        let live = self.slots.get(&peer.addr)?.live.as_ref()?;
        (live.generation == peer.generation).then_some(live.local)
    }

    /// What was counted so far.
    pub fn counters(&self) -> &PeerCounters {
        &self.counters
    }

    fn client_hello(&mut self, from: SocketAddr, local: SocketAddr, random: [u8; 32], datagram: &[u8], now: Instant) {
        if let Some(slot) = self.slots.get(&from) {
            let repeats = |known: Option<[u8; 32]>| known == Some(random);
            if repeats(slot.opening.as_ref().map(|opening| opening.random))
                || repeats(slot.live.as_ref().map(|live| live.random))
            {
                // The network's copy, or the client missed our flight: our own timer repeats that.
                self.counters.repeated_hellos += 1;
                return;
            }
        }
        match self.server.listen(from, datagram, now) {
            Listen::Ignored => self.counters.bad_hellos += 1,
            Listen::Reply(octets) => {
                self.counters.cookies_sent += 1;
                self.transmits.push_back(Transmit { to: from, local, octets });
            }
            Listen::Accepted(endpoint) => {
                let another = self.slots.get(&from).is_none_or(|slot| slot.opening.is_none());
                if another && self.oldest.len() >= self.limits.half_open {
                    self.limit_reached(Limit::HalfOpen, self.limits.half_open);
                    if !self.waiting.enter(from, local, random, datagram, now) {
                        self.counters.waiting_full += 1;
                    }
                } else {
                    self.open(from, local, random, endpoint, now);
                }
            }
        }
    }

    /// Begins the handshakes that wait for a place, and makes places of handshakes that have stalled.
    fn admit(&mut self, now: Instant) {
        while !self.waiting.is_empty() {
            if self.oldest.len() >= self.limits.half_open {
                let Some((_, stalled)) = self.oldest.first().copied().filter(|(began, _)| *began + STALLED <= now)
                else {
                    return;
                };
                self.counters.handshakes_evicted += 1;
                self.drop_opening(stalled);
            }
            let Some(hello) = self.waiting.next(now) else { return };
            // Its cookie was good when it came; it is read again, so that nothing is kept of those that wait but this.
            match self.server.listen(hello.from, &hello.datagram, now) {
                Listen::Accepted(endpoint) => self.open(hello.from, hello.local, hello.random, endpoint, now),
                Listen::Reply(octets) => {
                    self.transmits.push_back(Transmit { to: hello.from, local: hello.local, octets });
                }
                Listen::Ignored => {}
            }
        }
    }

    /// A client that answers at its address begins a handshake, beside its session if it has one.
    fn open(&mut self, from: SocketAddr, local: SocketAddr, random: [u8; 32], endpoint: Endpoint, now: Instant) {
        let has_session = self.slots.get(&from).is_some_and(|slot| slot.live.is_some());
        if !has_session && self.sessions >= self.limits.sessions {
            self.counters.sessions_full += 1;
            return self.limit_reached(Limit::Sessions, self.limits.sessions);
        }
        if self.slots.get(&from).is_some_and(|slot| slot.opening.is_some()) {
            self.counters.handshakes_superseded += 1;
            self.drop_opening(from);
        }
        self.counters.handshakes_begun += 1;
        let opening = Opening { endpoint, local, random, began: now, timer: now };
        self.oldest.insert((now, from));
        self.timers.insert((now, from));
        self.slots.entry(from).or_default().opening = Some(opening);
        self.attend(from, now);
    }

    /// A handshake message: for the handshake if there is one, else a repetition of the session's own.
    fn handshake(&mut self, from: SocketAddr, datagram: &[u8], now: Instant) {
        let Some(slot) = self.slots.get_mut(&from) else {
            self.counters.no_session += 1;
            return;
        };
        if let Some(opening) = &mut slot.opening {
            opening.endpoint.feed(datagram);
            self.attend(from, now);
        } else {
            self.live(from, datagram);
        }
    }

    /// Application data or an alert: for the session alone. A client has none to send before it has our Finished.
    fn sealed(&mut self, from: SocketAddr, datagram: &[u8]) {
        if self.slots.get(&from).is_some_and(|slot| slot.live.is_some()) {
            self.live(from, datagram);
        } else {
            self.counters.no_session += 1;
        }
    }

    fn live(&mut self, from: SocketAddr, datagram: &[u8]) {
        let Some(live) = self.slots.get_mut(&from).and_then(|slot| slot.live.as_mut()) else { return };
        live.endpoint.feed(datagram);
        self.read(from);
    }

    /// Reads a session's plaintexts and what it has to send, and takes note of its end.
    fn read(&mut self, from: SocketAddr) {
        let Some(live) = self.slots.get_mut(&from).and_then(|slot| slot.live.as_mut()) else { return };
        let peer = Peer { addr: from, generation: live.generation };
        let mut idle = true;
        while let Some(message) = live.endpoint.open(&mut self.plaintext) {
            idle = false;
            self.counters.opened += 1;
            self.events.push_back(PeerEvent::Message { peer, bytes: message.to_vec() });
        }
        idle &= !drain(&mut live.endpoint, from, live.local, &mut self.transmits);
        if let Status::Closed(reason) = live.endpoint.status() {
            let why = match reason {
                CloseReason::CloseNotify => Ended::ByPeer,
                CloseReason::Failed(words) => Ended::Failed(words.clone()),
                CloseReason::Local => Ended::Failed("closed".to_owned()),
            };
            self.counters.closed_by_peer += 1;
            self.end(peer, why);
        } else if idle {
            self.counters.unauthentic += 1;
        }
    }

    /// Sends what a handshake has to send, and takes note of its end or its next timer.
    fn attend(&mut self, addr: SocketAddr, now: Instant) {
        let Some(opening) = self.slots.get_mut(&addr).and_then(|slot| slot.opening.as_mut()) else { return };
        drain(&mut opening.endpoint, addr, opening.local, &mut self.transmits);
        match opening.endpoint.status() {
            Status::Connected => self.finish(addr),
            Status::Closed(reason) => {
                let words = match reason {
                    CloseReason::Failed(words) => advice::failed(words),
                    CloseReason::CloseNotify | CloseReason::Local => "closed by the access point".to_owned(),
                };
                self.counters.handshakes_failed += 1;
                self.drop_opening(addr);
                self.events.push_back(PeerEvent::HandshakeFailed { from: addr, words });
            }
            Status::Handshaking => {
                let expiry = opening.began + self.limits.handshake;
                // OpenSSL may call a timer run out a little later than it said.
                let timer = opening.endpoint.timeout().map(|left| now + left.max(Duration::from_millis(1)));
                self.timers.remove(&(opening.timer, addr));
                opening.timer = timer.map_or(expiry, |timer| timer.min(expiry));
                self.timers.insert((opening.timer, addr));
            }
        }
    }

    /// A finished handshake becomes the address's session.
    fn finish(&mut self, addr: SocketAddr) {
        let Some(opening) = self.drop_opening(addr) else { return };
        let Some(identity) = opening.endpoint.identity() else { return };
        let old = self.slots.get(&addr).and_then(|slot| slot.live.as_ref()).map(|live| live.generation);
        if let Some(generation) = old {
            self.counters.replaced += 1;
            self.end(Peer { addr, generation }, Ended::Replaced);
        }
        self.counters.handshakes_completed += 1;
        self.sessions += 1;
        self.last_generation = self.last_generation.wrapping_add(1).max(1);
        let peer = Peer { addr, generation: self.last_generation };
        let Opening { endpoint, local, random, .. } = opening;
        let live = Live { endpoint, generation: peer.generation, local, random };
        self.slots.entry(addr).or_default().live = Some(live);
        self.events.push_back(PeerEvent::Connected { peer, local, identity });
    }

    fn end(&mut self, peer: Peer, why: Ended) {
        if let Some(slot) = self.slots.get_mut(&peer.addr)
            && slot.live.take().is_some()
        {
            self.sessions -= 1;
            self.events.push_back(PeerEvent::Closed { peer, why });
        }
        if self.sessions < self.limits.sessions {
            self.reached.remove(&Limit::Sessions);
        }
        self.forget_if_empty(peer.addr);
    }

    fn drop_opening(&mut self, addr: SocketAddr) -> Option<Opening> {
        let opening = self.slots.get_mut(&addr)?.opening.take()?;
        self.timers.remove(&(opening.timer, addr));
        self.oldest.remove(&(opening.began, addr));
        if self.oldest.len() < self.limits.half_open.saturating_sub(1) {
            self.reached.remove(&Limit::HalfOpen);
        }
        self.forget_if_empty(addr);
        Some(opening)
    }

    fn forget_if_empty(&mut self, addr: SocketAddr) {
        if let Entry::Occupied(entry) = self.slots.entry(addr)
            && entry.get().live.is_none()
            && entry.get().opening.is_none()
        {
            entry.remove();
        }
    }

    fn limit_reached(&mut self, limit: Limit, value: usize) {
        if self.reached.insert(limit) {
            self.events.push_back(PeerEvent::LimitReached { limit, value });
        }
    }
}

/// Queues what an endpoint has to send; whether there was anything.
fn drain(endpoint: &mut Endpoint, to: SocketAddr, local: SocketAddr, transmits: &mut VecDeque<Transmit>) -> bool {
    let before = transmits.len();
    transmits.extend(std::iter::from_fn(|| endpoint.poll_transmit()).map(|octets| Transmit { to, local, octets }));
    transmits.len() > before
}
