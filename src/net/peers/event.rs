//! What a table of peers is told, and what it tells.

use std::net::SocketAddr;
use std::time::Duration;

use crate::net::dtls::SealError;
use crate::net::peer::{Identity, Peer};

/// The limits of a table.
#[derive(Debug, Clone, Copy)]
pub struct PeerLimits {
    /// Handshakes that are under way at once; a further one takes the place of the oldest.
    pub half_open: usize,
    /// Sessions at once; further handshakes are refused, save those that replace a session.
    pub sessions: usize,
    /// How long a handshake may take (RFC 5415 section 4.7.15, WaitDTLS).
    pub handshake: Duration,
}

impl Default for PeerLimits {
    fn default() -> Self {
        Self { half_open: 256, sessions: 6_000, handshake: Duration::from_secs(60) }
    }
}

/// What a table reports, in the order in which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerEvent {
    /// A datagram in clear: discovery, or noise.
    Clear {
        /// Who sent it.
        from: SocketAddr,
        /// The address that it reached.
        local: SocketAddr,
        /// The whole datagram.
        bytes: Vec<u8>,
    },
    /// A handshake is done.
    Connected {
        /// The new peer.
        peer: Peer,
        /// The address that it reached.
        local: SocketAddr,
        /// What it showed.
        identity: Identity,
    },
    /// A message or fragment of a connected peer, decrypted.
    Message {
        /// From whom.
        peer: Peer,
        /// A CAPWAP header and what follows it.
        bytes: Vec<u8>,
    },
    /// A session is over, and not because [`PeerTable::close`](super::PeerTable::close) was called.
    Closed {
        /// Whose.
        peer: Peer,
        /// Why.
        why: Ended,
    },
    /// A handshake came to nothing.
    HandshakeFailed {
        /// Whose.
        from: SocketAddr,
        /// Why, in words.
        words: String,
    },
    /// A limit was reached, for the first time since the count was below it.
    LimitReached {
        /// Which.
        limit: Limit,
        /// Its value.
        value: usize,
    },
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The peer sent a close_notify.
    ByPeer,
    /// A new handshake from the same address was finished.
    Replaced,
    /// A fatal alert of the peer, or OpenSSL gave up: its words.
    Failed(String),
}

/// A limit of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// [`PeerLimits::half_open`].
    HalfOpen,
    /// [`PeerLimits::sessions`].
    Sessions,
}

/// A datagram to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// The address of ours to send it from.
    pub local: SocketAddr,
    /// The UDP payload.
    pub octets: Vec<u8>,
}

/// Why a message to a peer was not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The session is over, or a newer one has its address.
    #[error("{0} has no DTLS session")]
    NoSession(Peer),
    /// DTLS refused.
    #[error("{peer}: {source}")]
    Seal {
        /// To whom.
        peer: Peer,
        /// Why.
        source: SealError,
    },
}
