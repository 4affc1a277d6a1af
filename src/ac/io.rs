//! What goes into the core and what comes out of it.
//!
//! The shells translate the machine into [`Input`]s and carry out [`Effect`]s; a simulation does the same without one.

use std::net::SocketAddr;

use bytes::Bytes;
use capledger_schema::Envelope;
use capledger_schema::id::{OperationId, SecretId, Seq, Sha256};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::project::collectors::CollectorFailure;
use capledger_schema::project::config::ServeConfig;
use capledger_schema::setting::{HttpsTrust, LogHost, Setting};

use super::peer::{Identity, Peer};
use super::serving::ServeNews;
use crate::command::{Command, Refusal};
use crate::fetch::report::{FetchReport, ServerPin};

/// A command's mark, by which the shell finds who waits for the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Everything that can happen to the core.
#[derive(Clone, Debug)]
pub enum Input {
    /// The daemon starts: the first input of all.
    Start {
        /// Capledger's version.
        software: String,
        /// What the startup configuration changes.
        changes: Vec<Setting>,
        /// Whether that is the running configuration even if nothing changes, which the ledger does not say yet.
        adopted: bool,
        /// Images that the ledger knows and the cache lacks.
        missing: Vec<ImageFacts>,
    },
    /// A datagram in clear on the control port: a Discovery or Primary Discovery Request, or noise.
    Clear {
        /// Who sent it.
        from: SocketAddr,
        /// The address that it reached.
        local: SocketAddr,
        /// The whole datagram.
        bytes: Vec<u8>,
    },
    /// A DTLS handshake is done.
    Connected {
        /// The new peer.
        peer: Peer,
        /// The address that it reached.
        local: SocketAddr,
        /// What it showed.
        identity: Identity,
    },
    /// A datagram from a connected peer, decrypted: a CAPWAP header and what follows it.
    Message {
        /// From whom.
        peer: Peer,
        /// The plaintext.
        bytes: Vec<u8>,
    },
    /// A datagram on the data port.
    Data {
        /// Who sent it.
        from: SocketAddr,
        /// The address that it reached.
        local: SocketAddr,
        /// The whole datagram.
        bytes: Vec<u8>,
    },
    /// A marked effect went out.
    Sent {
        /// To whom.
        peer: Peer,
        /// Which.
        mark: Mark,
    },
    /// A peer's DTLS session is over.
    Closed {
        /// Whose.
        peer: Peer,
        /// Why.
        why: CloseReason,
    },
    /// Someone wants something.
    Command {
        /// What.
        command: Command,
        /// The user's name.
        user: String,
        /// Where from: an address, or `console`.
        from: String,
        /// For the reply.
        ticket: Ticket,
    },
    /// News of a fetch.
    Fetch(FetchReport),
    /// News of the embedded image servers.
    Serve(ServeNews),
    /// A cached image is verified and ready to be sent, or is not.
    Loaded {
        /// Which.
        sha256: Sha256,
        /// What is wrong with it.
        result: Result<(), String>,
    },
    /// A cached image that was ready changed while it was sent.
    Damaged {
        /// Which.
        sha256: Sha256,
        /// What is wrong with it.
        words: String,
    },
    /// A handshake failed, or was turned away before it began.
    HandshakeFailed {
        /// Whose.
        from: SocketAddr,
        /// Why.
        words: String,
    },
    /// A limit of a shell was reached (the first time since the count was below it).
    LimitReached {
        /// The configuration's word for it.
        limit: &'static str,
        /// Its value.
        value: u64,
    },
    /// News of a collector over TCP or TLS.
    Collector {
        /// Which.
        host: LogHost,
        /// Why it does not have the log; none: it does.
        failure: Option<CollectorFailure>,
    },
    /// How much room the controller's disk has: the answer to [`Effect::AskDisk`].
    DiskFree {
        /// Octets; none if it cannot be told.
        octets: Option<u64>,
    },
    /// Nothing but the passing of time.
    Tick,
}

/// Why a peer's DTLS session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// The WTP said close_notify.
    ByPeer,
    /// A new handshake from the same address was finished.
    Replaced,
    /// OpenSSL gave up on it.
    Error,
}

/// What of a sent effect the core wants to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing.
    None,
    /// A request: its retransmission timer starts now.
    Request(u8),
    /// A response to the request of that sequence number: a repetition of it may be answered from now on.
    Response(u8),
}

/// What the shells are to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Encrypt and send.
    Send {
        /// To whom.
        peer: Peer,
        /// A CAPWAP header and what follows it.
        bytes: Bytes,
        /// What to report.
        mark: Mark,
    },
    /// Splice a block of an image behind these octets, encrypt and send.
    SendBlock {
        /// To whom.
        peer: Peer,
        /// All octets before the block's.
        prefix: Bytes,
        /// Of which image.
        image: Sha256,
        /// From where.
        offset: u64,
        /// How many.
        len: u16,
        /// What to report.
        mark: Mark,
    },
    /// Send in clear on the control port.
    SendClear {
        /// To whom.
        to: SocketAddr,
        /// From which of our addresses.
        local: SocketAddr,
        /// The whole datagram.
        bytes: Bytes,
    },
    /// Send on the data port.
    SendData {
        /// To whom.
        to: SocketAddr,
        /// From which of our addresses.
        local: SocketAddr,
        /// The whole datagram.
        bytes: Bytes,
    },
    /// End a peer's DTLS session.
    Close {
        /// Whose.
        peer: Peer,
    },
    /// Fetch an image.
    StartFetch(Box<FetchOrder>),
    /// Give a fetch up.
    CancelFetch {
        /// Which.
        operation: OperationId,
    },
    /// Say how much room there is for images.
    AskDisk,
    /// Verify a cached image and make it ready.
    Load {
        /// Which.
        image: ImageFacts,
    },
    /// Remove an image from the cache.
    Remove {
        /// Which.
        sha256: Sha256,
    },
    /// Have the embedded image servers be these and no others.
    ServeImages(ServeConfig),
    /// Answer a command.
    Reply {
        /// Which.
        ticket: Ticket,
        /// What became of it.
        result: Result<Accepted, Refusal>,
    },
}

/// A fetch to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchOrder {
    /// Its number in the ledger.
    pub operation: OperationId,
    /// From where: a URL or a path, with whatever credentials it needs.
    pub url: String,
    /// The family that it must be of.
    pub family: Option<ImageFamily>,
    /// The version that it must be.
    pub version: Option<ImageVersion>,
    /// Octets at most.
    pub max_size: u64,
    /// How long a silent server is asked again.
    pub timeout: std::time::Duration,
    /// Whether only its first octets are looked at: up to where family and version are known, and nothing is kept. It
    /// ends with [`FetchReport::Probed`] in the place of `Done`.
    pub probe: bool,
    /// Who asks, where the URL does not say it.
    pub login: Option<Login>,
    /// The key or certificate that the server must show; none: any, which is reported.
    pub pin: Option<ServerPin>,
    /// How an HTTPS server's certificate is judged.
    pub trust: HttpsTrust,
    /// The authority to judge it by instead of the system's: a PEM file.
    pub authority: Option<String>,
}

/// Who asks an image server for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The user's password.
    pub password: Option<SecretId>,
    /// The user's private key: a file on the controller.
    pub key: Option<String>,
}

/// What became of an accepted command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The fetches that it started or joined.
    pub operations: Vec<OperationId>,
    /// How many WTPs it concerns.
    pub wtps: usize,
    /// The version that it is about.
    pub version: Option<ImageVersion>,
    /// What else there is to say, one sentence each.
    pub notes: Vec<String>,
}

/// What one input led to.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// The facts, in order.
    pub envelopes: Vec<Envelope>,
    /// What to do, each once its barrier is durable.
    pub effects: Vec<Held>,
}

/// An effect and the event that it follows from.
#[derive(Clone, Debug)]
pub struct Held {
    /// It may leave once this is durable; 0: at once.
    pub barrier: Seq,
    /// What to do.
    pub effect: Effect,
}
