//! One WTP's session, from its finished handshake to its end: the AC's half of RFC 5415's state machine (2.3).

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;

use capledger_schema::Event;
use capledger_schema::event::{DownloadMode, WtpAddress};
use capledger_schema::id::{OperationId, Seq, SessionId};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::time::Monotonic;

use super::exchange::Exchange;
use super::peer::{Identity, Peer};
use super::progress::Marks;
use super::rtt::Rtt;
/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The handshake is done; WaitJoin runs.
    Join,
    /// The Join Response is out; the WTP configures itself, or asks for an image.
    Joined,
    /// It asked for an image at join.
    ImageData,
    /// It holds the whole image and resets by itself.
    ImageDone,
    /// Configuration Status is answered; ChangeStatePending runs.
    Configure,
    /// Change State is answered; the data channel is awaited.
    DataCheck,
    /// It serves.
    Run,
    /// It was told to reset.
    Reset,
}

impl Phase {
    /// RFC 5415's name of the state.
    pub(super) fn name(self) -> &'static str {
        match self {
            Phase::Join | Phase::Joined => "Join",
            Phase::ImageData | Phase::ImageDone => "Image Data",
            Phase::Configure => "Configure",
            Phase::DataCheck => "Data Check",
            Phase::Run => "Run",
            Phase::Reset => "Reset",
        }
    }
}

/// A request that waits for the one before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Configuration Update Request with an Image Identifier: the WTP is to ask for it.
    NameImage(ImageFamily, ImageVersion),
    /// Reset Request with an Image Identifier.
    Reset(Option<ImageVersion>),
    /// Image Data Request with the digests of an image that was fetched after the WTP asked.
    Digests(ImageFacts),
    /// Image Data Request of type 5: the download is over, the rest will not come (RFC 5415 4.6.26).
    Abort,
}

/// What a request of ours was for, so that its response is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// See [`Request::NameImage`].
    NameImage(ImageVersion),
    /// See [`Request::Reset`].
    Reset,
    /// See [`Request::Digests`].
    Digests(OperationId),
    /// A block of that many octets of that download.
    Block(OperationId, u16),
    /// See [`Request::Abort`].
    Abort,
}

/// An image on its way to the WTP.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    pub(super) operation: OperationId,
    pub(super) mode: DownloadMode,
    pub(super) family: ImageFamily,
    pub(super) version: ImageVersion,
    /// Known once it is in the cache.
    pub(super) image: Option<ImageFacts>,
    /// Whether the shell has it verified and open.
    pub(super) ready: bool,
    /// Whether the response to the WTP's request carried the digests.
    pub(super) announced: bool,
    /// Octets of data in a block.
    pub(super) block: u16,
    pub(super) acknowledged: u64,
    pub(super) messages: u64,
    pub(super) last: u16,
    pub(super) retransmissions: u64,
    /// How many of them the ledger tells.
    pub(super) told: u64,
    pub(super) began: Option<Monotonic>,
    pub(super) marks: Marks,
    /// The last octet is acknowledged.
    pub(super) done: bool,
}

impl Transfer {
    /// One of which nothing has been sent.
    pub(super) fn new(
        operation: OperationId,
        mode: DownloadMode,
        (family, version): (ImageFamily, ImageVersion),
        image: Option<ImageFacts>,
        block: u16,
        now: Monotonic,
    ) -> Self {
        Transfer {
            operation,
            mode,
            family,
            version,
            announced: image.is_some(),
            image,
            ready: false,
            block,
            acknowledged: 0,
            messages: 0,
            last: 0,
            retransmissions: 0,
            told: 0,
            began: None,
            marks: Marks::new(now),
            done: false,
        }
    }

    /// Blocks that were sent again, where the ledger does not tell all of them; from now on it does.
    pub(super) fn repeats(&mut self) -> Option<Event> {
        let (operation, retransmissions) = (self.operation, self.retransmissions);
        let before = std::mem::replace(&mut self.told, retransmissions);
        (retransmissions > before).then_some(Event::ImageDownloadRetransmitted { operation, retransmissions })
    }
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) peer: Peer,
    /// Our end of the control channel.
    pub(super) local: SocketAddr,
    pub(super) identity: Identity,
    pub(super) phase: Phase,
    /// When the phase is over, if it has a timer.
    pub(super) phase_due: Option<Monotonic>,
    /// From the Join Request on.
    pub(super) joined: Option<Joined>,
    pub(super) exchange: Exchange,
    pub(super) asked: Option<Asked>,
    /// Each with the last event before it, from which it may follow.
    pub(super) queue: VecDeque<(Seq, Request)>,
    pub(super) rtt: Rtt,
    pub(super) transfer: Option<Transfer>,
    pub(super) last_heard: Monotonic,
    /// Message types that were turned away, so that each is recorded once.
    pub(super) rejected: BTreeSet<u32>,
    /// Until when it is to ask for the image that a Configuration Update Request named.
    pub(super) ask_due: Option<Monotonic>,
    /// The image that a Configuration Update Request named is not to be given to it after all.
    pub(super) called_off: bool,
    /// It was told to reset: by an operator (true), or by the controller.
    pub(super) reset_by: Option<bool>,
    /// Octets of a crash log that is coming in.
    pub(super) incoming_data: Option<super::data_transfer::Incoming>,
}

/// What is known of a WTP once it joined.
#[derive(Clone, Debug)]
pub(super) struct Joined {
    pub(super) session: SessionId,
    pub(super) address: WtpAddress,
    pub(super) family: Option<ImageFamily>,
    pub(super) version: Option<ImageVersion>,
    /// CAPWAP Session ID (RFC 5415 4.6.37): by it the data channel is matched.
    pub(super) capwap_id: Vec<u8>,
    /// Whether it reads Capledger's digest element.
    pub(super) digests: bool,
    /// The version that the Join Response named.
    pub(super) offered: Option<ImageVersion>,
    /// It runs another version and was let in all the same: it is given the image while it serves.
    pub(super) deferred: bool,
}

impl Session {
    pub(super) fn new(peer: Peer, local: SocketAddr, identity: Identity, now: Monotonic, due: Monotonic) -> Self {
        Session {
            peer,
            local,
            identity,
            phase: Phase::Join,
            phase_due: Some(due),
            joined: None,
            exchange: Exchange::default(),
            asked: None,
            queue: VecDeque::new(),
            rtt: Rtt::new(),
            transfer: None,
            last_heard: now,
            rejected: BTreeSet::new(),
            ask_due: None,
            called_off: false,
            reset_by: None,
            incoming_data: None,
        }
    }

    /// The session's number in the ledger, once it joined.
    pub(super) fn id(&self) -> SessionId {
        self.joined.as_ref().map_or(SessionId(0), |j| j.session)
    }
}
