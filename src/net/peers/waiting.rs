//! Clients that answered from their address while every handshake's place was taken. A fleet that comes back after a
//! power cut asks all at once: each is served as soon as a place is free, instead of after its own timer has doubled.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How many wait at most; the others ask again by their own timers.
const MOST: usize = 8_192;
/// A client that asked so long ago has given up or asked again.
const STALE: Duration = Duration::from_secs(20);

/// A ClientHello with a good cookie.
pub(super) struct Hello {
    /// Who sent it.
    pub(super) from: SocketAddr,
    /// The address that it reached.
    pub(super) local: SocketAddr,
    /// The client's random octets.
    pub(super) random: [u8; 32],
    /// The whole datagram.
    pub(super) datagram: Vec<u8>,
    came: Instant,
}

/// First come, first served; one place per address.
#[derive(Default)]
pub(super) struct WaitingRoom {
    queue: VecDeque<Hello>,
    addresses: BTreeSet<SocketAddr>,
}

impl WaitingRoom {
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Takes a client in; whether there was room. One that waits already keeps its place.
    pub(super) fn enter(
        &mut self,
        from: SocketAddr,
        local: SocketAddr,
        random: [u8; 32],
        datagram: &[u8],
        now: Instant,
    ) -> bool {
        if self.addresses.contains(&from) {
            return true;
        }
        if self.queue.len() >= MOST {
            return false;
        }
        self.addresses.insert(from);
        self.queue.push_back(Hello { from, local, random, datagram: datagram.to_vec(), came: now });
        true
    }

    /// Whose turn it is.
    pub(super) fn next(&mut self, now: Instant) -> Option<Hello> {
        while let Some(hello) = self.queue.pop_front() {
            self.addresses.remove(&hello.from);
            if hello.came + STALE > now {
                return Some(hello);
            }
        }
        None
    }
}
