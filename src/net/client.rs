//! The network of simulated access points: many DTLS clients on one thread, each with an address of its own.
//!
//! It carries datagrams between an AC and the sans-IO WTPs of `wtp`, knows no CAPWAP beyond the preamble, and decides
//! nothing: a WTP's effects come in as calls, what happens to it comes out as [`ClientEvent`]s.

mod loss;
mod sockets;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub use sockets::ClientCounters;

use self::loss::Loss;
use self::sockets::Sockets;
use super::dtls::{ClientContext, CloseReason, DtlsConfig, DtlsError, Endpoint, MAX_PLAINTEXT, SealError, Status};
use super::pki::Credentials;
use super::udp::UdpError;
use super::wake::Source;

/// One access point of a [`Clients`]: its number, from 0 in the order in which they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub usize);

/// What happened to an access point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// A datagram in clear on the control channel.
    Clear {
        /// Who sent it.
        from: SocketAddr,
        /// The whole datagram.
        bytes: Vec<u8>,
    },
    /// The DTLS session that was asked for is up.
    Connected,
    /// It could not be set up: OpenSSL's words.
    ConnectFailed(String),
    /// A message or fragment from the AC, decrypted.
    Message(Vec<u8>),
    /// A datagram on the data channel.
    Data(Vec<u8>),
    /// The AC ended the session, or DTLS gave it up.
    Closed,
}

/// Any number of access points, for the thread that drives them.
pub struct Clients {
    context: ClientContext,
    sockets: Sockets,
    loss: Loss,
    aps: Vec<Client>,
    timers: BTreeSet<(Instant, ClientId)>,
    events: VecDeque<(ClientId, ClientEvent)>,
    arrived: Vec<Arrival>,
    plaintext: Box<[u8]>,
}

struct Client {
    credentials: Credentials,
    session: Option<Session>,
    /// Where its data channel ends; the AC's data port.
    data: Option<SocketAddr>,
}

struct Session {
    endpoint: Endpoint,
    ac: SocketAddr,
    /// Whether [`ClientEvent::Connected`] was told.
    told: bool,
    timer: Option<Instant>,
}

/// A datagram and the access point that it is for.
struct Arrival {
    client: ClientId,
    from: SocketAddr,
    octets: Vec<u8>,
}

/// Why the access points' network could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// DTLS.
    #[error(transparent)]
    Dtls(#[from] DtlsError),
    /// A socket.
    #[error(transparent)]
    Udp(#[from] UdpError),
    /// An access point has no socket.
    #[error("access point {number}: {source}; raise the limit on open files (ulimit -n) or simulate fewer")]
    Socket {
        /// Which one, from 1.
        number: usize,
        /// What the system said.
        source: io::Error,
    },
    /// More than there are addresses.
    #[error("at most {0} access points can be simulated against a controller on this machine")]
    TooMany(usize),
}

impl Clients {
    /// A network of access points that all join the AC at `ac`.
    ///
    /// Against an AC on IPv4 loopback they share one socket and have each an address in 127.0.0.0/8 of their own,
    /// and datagrams move in batches; against any other, each has a socket.
    pub fn new(config: &DtlsConfig, ac: SocketAddr) -> Result<Self, ClientError> {
        Ok(Self {
            context: ClientContext::new(config)?,
            sockets: Sockets::towards(ac)?,
            loss: Loss::none(),
            aps: Vec::new(),
            timers: BTreeSet::new(),
            events: VecDeque::new(),
            arrived: Vec::new(),
            plaintext: vec![0; MAX_PLAINTEXT].into_boxed_slice(),
        })
    }

    /// Adds an access point; gives its number and the address that its datagrams come from.
    pub fn add(&mut self, credentials: Credentials) -> Result<(ClientId, SocketAddr), ClientError> {
        let local = self.sockets.add()?;
        let id = ClientId(self.aps.len());
        self.aps.push(Client { credentials, session: None, data: None });
        Ok((id, local))
    }

    /// Makes the link lose so many per cent of the datagrams, each way, handshakes included. A seed loses the same ones
    /// of the same sequence.
    pub fn lose(&mut self, percent: f64, seed: u64) {
        self.loss = Loss::new(percent, seed);
    }

    /// How many datagrams [`Self::lose`] has lost.
    pub fn lost(&self) -> u64 {
        self.loss.lost()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.aps.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.aps.is_empty()
    }

    /// Has an access point show other credentials from its next handshake on.
    pub fn change_credentials(&mut self, id: ClientId, credentials: Credentials) {
        if let Some(client) = self.aps.get_mut(id.0) {
            client.credentials = credentials;
        }
    }

    /// Sends a datagram in clear: discovery.
    pub fn send_clear(&mut self, id: ClientId, to: SocketAddr, datagram: &[u8]) {
        if self.loss.passes() {
            let mut octets = self.sockets.buffer();
            octets.extend_from_slice(datagram);
            self.sockets.send(id, to, octets);
        }
    }

    /// Sends a datagram on the data channel, in clear. What comes from there is [`ClientEvent::Data`] from now on.
    pub fn send_data(&mut self, id: ClientId, to: SocketAddr, datagram: &[u8]) {
        if let Some(client) = self.aps.get_mut(id.0) {
            client.data = Some(to);
            self.send_clear(id, to, datagram);
        }
    }

    /// Begins a DTLS handshake with an AC; a session that there was is forgotten.
    pub fn connect(&mut self, id: ClientId, to: SocketAddr, now: Instant) {
        self.vanish(id);
        let Some(client) = self.aps.get_mut(id.0) else { return };
        match self.context.connect(&client.credentials) {
            Ok(endpoint) => client.session = Some(Session { endpoint, ac: to, told: false, timer: None }),
            Err(error) => self.events.push_back((id, ClientEvent::ConnectFailed(error.to_string()))),
        }
        self.attend(id, now);
    }

    /// Seals a message to the AC and sends it.
    pub fn send(&mut self, id: ClientId, message: &[u8]) -> Result<(), SealError> {
        let session = self.aps.get_mut(id.0).and_then(|client| client.session.as_mut());
        let session = session.ok_or(SealError::NotConnected)?;
        let mut octets = self.sockets.buffer();
        let sealed = session.endpoint.seal(message, &mut octets);
        let to = session.ac;
        if sealed.is_ok() && self.loss.passes() {
            self.sockets.send(id, to, octets);
        }
        sealed
    }

    /// Ends the session with a close_notify.
    pub fn disconnect(&mut self, id: ClientId) {
        let Some(client) = self.aps.get_mut(id.0) else { return };
        if let Some(session) = &mut client.session {
            session.endpoint.close();
            while let Some(octets) = session.endpoint.poll_transmit() {
                if self.loss.passes() {
                    self.sockets.send(id, session.ac, octets);
                }
            }
        }
        self.vanish(id);
    }

    /// Forgets the session without a word, as a power cut does.
    pub fn vanish(&mut self, id: ClientId) {
        let Some(session) = self.aps.get_mut(id.0).and_then(|client| client.session.take()) else { return };
        if let Some(timer) = session.timer {
            self.timers.remove(&(timer, id));
        }
    }

    /// Reads what has come for any of them; returns how many datagrams that was. Never blocks.
    pub fn receive(&mut self, now: Instant) -> io::Result<usize> {
        let mut arrived = std::mem::take(&mut self.arrived);
        let result = self.sockets.receive(self.aps.len(), &mut arrived);
        let count = arrived.len();
        for Arrival { client, from, octets } in arrived.drain(..) {
            if self.loss.passes() {
                self.dispatch(client, from, octets, now);
            }
        }
        self.arrived = arrived;
        result.map(|()| count)
    }

    /// What happened next, and to whom.
    pub fn poll_event(&mut self) -> Option<(ClientId, ClientEvent)> {
        self.events.pop_front()
    }

    /// Sends what is queued. Call it once per pass of the loop.
    pub fn flush(&mut self) {
        self.sockets.flush();
    }

    /// When [`Self::handle_timeouts`] wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Retransmits what handshakes wait for.
    pub fn handle_timeouts(&mut self, now: Instant) {
        while let Some((at, id)) = self.timers.first().copied()
            && at <= now
        {
            self.timers.pop_first();
            if let Some(session) = self.aps.get_mut(id.0).and_then(|client| client.session.as_mut()) {
                session.timer = None;
                session.endpoint.handle_timeout();
            }
            self.attend(id, now);
        }
    }

    /// What to poll before sleeping.
    pub fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        self.sockets.sources()
    }

    /// What was sent and received so far.
    pub fn counters(&self) -> ClientCounters {
        self.sockets.counters()
    }

    fn dispatch(&mut self, id: ClientId, from: SocketAddr, octets: Vec<u8>, now: Instant) {
        let Some(client) = self.aps.get_mut(id.0) else { return };
        if client.data == Some(from) {
            return self.events.push_back((id, ClientEvent::Data(octets)));
        }
        match (octets.first(), &mut client.session) {
            (Some(0), _) => self.events.push_back((id, ClientEvent::Clear { from, bytes: octets })),
            (Some(_), Some(session)) if session.ac == from => {
                session.endpoint.feed(&octets);
                self.attend(id, now);
            }
            // For a session that is over, or from a stranger.
            (Some(_) | None, _) => {}
        }
    }

    /// Sends what an endpoint has to send, reads what it has to say, and takes note of its state and timer.
    fn attend(&mut self, id: ClientId, now: Instant) {
        let Some(session) = self.aps.get_mut(id.0).and_then(|client| client.session.as_mut()) else { return };
        if !session.told && session.endpoint.is_connected() {
            session.told = true;
            self.events.push_back((id, ClientEvent::Connected));
        }
        while let Some(message) = session.endpoint.open(&mut self.plaintext) {
            self.events.push_back((id, ClientEvent::Message(message.to_vec())));
        }
        while let Some(octets) = session.endpoint.poll_transmit() {
            if self.loss.passes() {
                self.sockets.send(id, session.ac, octets);
            }
        }
        if let Some(timer) = session.timer.take() {
            self.timers.remove(&(timer, id));
        }
        match session.endpoint.status() {
            Status::Handshaking => {
                // OpenSSL may call a timer run out a little later than it said.
                let left = session.endpoint.timeout().unwrap_or(Duration::from_secs(1));
                let timer = now + left.max(Duration::from_millis(1));
                session.timer = Some(timer);
                self.timers.insert((timer, id));
            }
            Status::Connected => {}
            Status::Closed(reason) => {
                let event = match reason {
                    CloseReason::Failed(words) if !session.told => ClientEvent::ConnectFailed(words.clone()),
                    CloseReason::Failed(_) | CloseReason::CloseNotify | CloseReason::Local => ClientEvent::Closed,
                };
                self.events.push_back((id, event));
                if let Some(client) = self.aps.get_mut(id.0) {
                    client.session = None;
                }
            }
        }
    }
}
