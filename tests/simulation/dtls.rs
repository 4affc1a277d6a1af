//! DTLS as far as CAPWAP sees it: a handshake of four flights that may be lost and are repeated, sessions with a
//! generation, records with a number. There is no cipher.
//!
//! As in OpenSSL, a record that is more than 64 behind the newest is dropped. A doubled one within that window is not:
//! OpenSSL drops it, so the core meets more repetitions here than on a real socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use capledger::ac::Peer;

/// The receiver's window, in records (RFC 6347 4.1.2.6).
const WINDOW: u64 = 64;
/// The first repetition of a handshake flight; it doubles (RFC 6347 4.2.4.1).
pub(crate) const FLIGHT: Duration = Duration::from_secs(1);

/// What goes over a link, in either direction.
#[derive(Clone, Debug)]
pub(crate) enum Datagram {
    /// On the control port, in clear.
    Clear(Bytes),
    /// On the data port.
    Data(Bytes),
    /// The first flight of the handshake of this number, or the answer to it.
    Hello(u64),
    /// The client's last flight.
    Finished(u64),
    /// The server's last flight: the handshake's session.
    Accepted { handshake: u64, session: u64 },
    /// A record of a session.
    Sealed { session: u64, record: u64, bytes: Bytes },
    /// close_notify.
    Goodbye { session: u64 },
}

/// One end of a session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Unlike a generation, never used twice.
    pub(crate) id: u64,
    sent: u64,
    newest: u64,
}

impl Session {
    /// A session that has carried nothing yet.
    pub(crate) fn new(id: u64) -> Self {
        Session { id, sent: 0, newest: 0 }
    }

    /// Makes a record.
    pub(crate) fn seal(&mut self, bytes: Bytes) -> Datagram {
        self.sent += 1;
        Datagram::Sealed { session: self.id, record: self.sent, bytes }
    }

    /// Whether a record belongs to this session and is not too old.
    pub(crate) fn opens(&mut self, session: u64, record: u64) -> bool {
        if session != self.id || record + WINDOW <= self.newest {
            return false;
        }
        self.newest = self.newest.max(record);
        true
    }
}

/// The access point's end.
#[derive(Clone, Debug, Default)]
pub(crate) enum Client {
    /// No session and no handshake.
    #[default]
    Idle,
    /// The first flight is out.
    Greeting { handshake: u64, wait: Duration },
    /// The last flight is out.
    Finishing { handshake: u64, wait: Duration },
    /// The session is up.
    Open(Session),
}

impl Client {
    /// The flight to repeat when its time has passed, and the wait after it; none if the handshake has gone on since.
    pub(crate) fn overdue(&mut self, number: u64, finishing: bool) -> Option<(Datagram, Duration)> {
        match self {
            Client::Greeting { handshake, wait } if *handshake == number && !finishing => {
                *wait *= 2;
                Some((Datagram::Hello(number), *wait))
            }
            Client::Finishing { handshake, wait } if *handshake == number && finishing => {
                *wait *= 2;
                Some((Datagram::Finished(number), *wait))
            }
            Client::Idle | Client::Greeting { .. } | Client::Finishing { .. } | Client::Open(_) => None,
        }
    }
}

/// The controller's end of one address.
#[derive(Debug, Default)]
struct Slot {
    /// The newest handshake that has begun.
    opening: u64,
    live: Option<Live>,
}

#[derive(Debug)]
struct Live {
    handshake: u64,
    generation: u32,
    session: Session,
}

/// The controller's peers, as `net::peers` keeps them: lost in a crash, and so is the count of generations.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: BTreeMap<SocketAddr, Slot>,
    last_generation: u32,
}

/// What the client's last flight leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Nothing: that handshake is not known.
    Ignored,
    /// It had been done: the server's last flight again.
    Again { session: u64 },
    /// A session, perhaps in the place of another.
    New { replaced: Option<Peer>, peer: Peer },
}

impl Table {
    /// A ClientHello. True if it is answered.
    pub(crate) fn hello(&mut self, addr: SocketAddr, handshake: u64) -> bool {
        let slot = self.slots.entry(addr).or_default();
        if handshake < slot.opening || slot.live.as_ref().is_some_and(|live| handshake <= live.handshake) {
            return false;
        }
        slot.opening = handshake;
        true
    }

    /// The client's last flight; `session` is the number that a new session gets.
    pub(crate) fn finished(&mut self, addr: SocketAddr, handshake: u64, session: u64) -> Finish {
        let Some(slot) = self.slots.get_mut(&addr) else { return Finish::Ignored };
        if let Some(live) = slot.live.as_ref().filter(|live| live.handshake == handshake) {
            return Finish::Again { session: live.session.id };
        }
        if slot.opening != handshake {
            return Finish::Ignored;
        }
        self.last_generation += 1;
        let generation = self.last_generation;
        let live = Live { handshake, generation, session: Session::new(session) };
        let replaced = slot.live.replace(live).map(|old| Peer { addr, generation: old.generation });
        Finish::New { replaced, peer: Peer { addr, generation } }
    }

    /// The peer whose record this is.
    pub(crate) fn open(&mut self, addr: SocketAddr, session: u64, record: u64) -> Option<Peer> {
        let live = self.slots.get_mut(&addr)?.live.as_mut()?;
        live.session.opens(session, record).then_some(Peer { addr, generation: live.generation })
    }

    /// A close_notify from this address: whose session it ended.
    pub(crate) fn goodbye(&mut self, addr: SocketAddr, session: u64) -> Option<Peer> {
        let live = self.slots.get_mut(&addr)?.live.take_if(|live| live.session.id == session)?;
        Some(Peer { addr, generation: live.generation })
    }

    /// A live peer's session.
    pub(crate) fn session(&mut self, peer: Peer) -> Option<&mut Session> {
        let live = self.slots.get_mut(&peer.addr)?.live.as_mut()?;
        (live.generation == peer.generation).then_some(&mut live.session)
    }

    /// Ends a peer's session: the number of it, if it was live.
    pub(crate) fn close(&mut self, peer: Peer) -> Option<u64> {
        let slot = self.slots.get_mut(&peer.addr)?;
        slot.live.take_if(|live| live.generation == peer.generation).map(|live| live.session.id)
    }
}
