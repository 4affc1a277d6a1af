//! What may be seen on the wire of one session (RFC 5415 4.5.3, 9.1): one request outstanding each way, numbered one by
//! one, repeated without a change; blocks of an image in order and without a hole.

use bytes::Bytes;
use capledger::capwap::header::{Header, MIN_OCTETS};
use capledger::capwap::{Message, MessageType};
use capledger_schema::id::Sha256;

/// What stands at the beginning of a control message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Peek {
    /// What it is.
    pub(crate) kind: MessageType,
    /// Its sequence number.
    pub(crate) seq: u8,
}

impl Peek {
    /// Looks at a packet that one of the two ends has made: anything but a whole control message is a fault of it.
    pub(crate) fn at(packet: &[u8]) -> Peek {
        assert_eq!(packet.first(), Some(&0), "a control packet in clear text begins with a zero: {packet:02x?}");
        let payload = if packet.get(1) == Some(&0x10) {
            &packet[MIN_OCTETS..]
        } else {
            let (header, payload) = Header::parse(packet).expect("what an end sends has a CAPWAP header");
            assert!(!header.fragment, "nothing here is long enough to be cut");
            payload
        };
        let kind = u32::from_be_bytes(*payload.first_chunk().expect("a control header"));
        Peek { kind: MessageType::from(kind), seq: payload[4] }
    }

    /// Whether this answers that.
    fn answers(self, request: Peek) -> bool {
        self.seq == request.seq && request.kind.response() == Some(self.kind)
    }
}

/// A block of an image, as it is asked to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) image: Sha256,
    pub(crate) offset: u64,
    pub(crate) len: u16,
}

/// Whether a request carries an Image Data element of type 5, abort (RFC 5415 4.6.26).
fn is_abort(octets: &[u8]) -> bool {
    octets.windows(5).any(|w| w == [0, 24, 0, 1, 5])
}

/// One direction: the requests of one end.
#[derive(Debug, Default)]
struct Requests {
    outstanding: Option<(Peek, Bytes)>,
    next: u8,
}

impl Requests {
    /// The end sends this. True if it is a new request.
    fn sent(&mut self, who: &str, peek: Peek, octets: &Bytes) -> bool {
        if !peek.kind.is_request() {
            return false;
        }
        // A block whose octets can no longer be read cannot be repeated: the request that calls the download off follows.
        let calls_off = |before: &Peek| *before != peek && before.kind == peek.kind && is_abort(octets);
        if let Some((before, same)) = self.outstanding.as_ref().filter(|(before, _)| !calls_off(before)) {
            assert_eq!(*before, peek, "{who} sends a request while another one is outstanding");
            assert_eq!(same, octets, "{who} repeats a request, but alters it");
            return false;
        }
        assert_eq!(peek.seq, self.next, "{who} numbers its requests one by one");
        self.next = peek.seq.wrapping_add(1);
        self.outstanding = Some((peek, octets.clone()));
        true
    }

    /// The end receives this.
    fn received(&mut self, peek: Peek) {
        self.outstanding.take_if(|(request, _)| peek.answers(*request));
    }
}

/// One session's wire.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    of_ac: Requests,
    of_wtp: Requests,
    block: Option<Block>,
    block_outstanding: bool,
}

impl Wire {
    /// The controller sends a message.
    pub(crate) fn ac_sends(&mut self, octets: &Bytes) -> Peek {
        let peek = Peek::at(octets);
        if self.of_ac.sent("the controller", peek, octets) {
            self.block_outstanding = false;
        }
        peek
    }

    /// The controller sends a block behind these octets.
    pub(crate) fn ac_sends_block(&mut self, prefix: &Bytes, block: Block) {
        let peek = Peek::at(prefix);
        assert_eq!(peek.kind, MessageType::ImageDataRequest);
        if self.of_ac.sent("the controller", peek, prefix) {
            self.block_outstanding = true;
            let follows =
                self.block.is_some_and(|b| b.image == block.image && block.offset == b.offset + u64::from(b.len));
            assert!(block.offset == 0 || follows, "{block:?} after {:?}", self.block);
            self.block = Some(block);
        } else {
            assert!(self.block_outstanding && self.block == Some(block), "{block:?} repeats {:?}", self.block);
        }
    }

    /// The access point sends a message.
    pub(crate) fn wtp_sends(&mut self, octets: &Bytes) {
        self.of_wtp.sent("the access point", Peek::at(octets), octets);
    }

    /// A message reaches the controller.
    pub(crate) fn ac_receives(&mut self, octets: &[u8]) {
        self.of_ac.received(Peek::at(octets));
    }

    /// A message reaches the access point.
    pub(crate) fn wtp_receives(&mut self, octets: &[u8]) {
        self.of_wtp.received(Peek::at(octets));
    }
}

/// Whether a response says that all is well: without a Result Code it does.
pub(crate) fn succeeds(packet: &[u8]) -> bool {
    let message = Message::from_packet(packet).expect("what an end sends is a control message");
    message.result_code().is_none_or(capledger::capwap::element::ResultCode::is_success)
}
