//! Control messages: the control header and the elements behind it (RFC 5415 4.5.1).
//!
//! A message survives with every element that it carried, known or not; only broken framing refuses it. Which message
//! is due when is the sessions' business, not this module's.

use std::cmp::Ordering;

use thiserror::Error;

use super::element::{self, Element};
use super::element_type::ElementType;
use super::header::{Header, HeaderError};
use super::mandatory::{mandatory, one_of};
use super::wire::{Reader, codes};

mod access;

/// Octets of the control header: message type, sequence number, element length, flags.
pub const HEADER_OCTETS: usize = 8;
/// What Message Element Length counts beside the elements: itself and the flags (4.5.1.3).
pub(crate) const LENGTH_OVERHEAD: u16 = 3;
/// Most elements in one message. A full Configuration Status Response of a real peer has about 60.
pub const MAX_ELEMENTS: usize = 1024;

codes! {
    /// What a control message is for (RFC 5415 4.5.1.1, RFC 5416 3). Requests are odd, responses even.
    MessageType: u32 {
        DiscoveryRequest = 1 "Discovery Request",
        DiscoveryResponse = 2 "Discovery Response",
        JoinRequest = 3 "Join Request",
        JoinResponse = 4 "Join Response",
        ConfigurationStatusRequest = 5 "Configuration Status Request",
        ConfigurationStatusResponse = 6 "Configuration Status Response",
        ConfigurationUpdateRequest = 7 "Configuration Update Request",
        ConfigurationUpdateResponse = 8 "Configuration Update Response",
        WtpEventRequest = 9 "WTP Event Request",
        WtpEventResponse = 10 "WTP Event Response",
        ChangeStateEventRequest = 11 "Change State Event Request",
        ChangeStateEventResponse = 12 "Change State Event Response",
        EchoRequest = 13 "Echo Request",
        EchoResponse = 14 "Echo Response",
        ImageDataRequest = 15 "Image Data Request",
        ImageDataResponse = 16 "Image Data Response",
        ResetRequest = 17 "Reset Request",
        ResetResponse = 18 "Reset Response",
        PrimaryDiscoveryRequest = 19 "Primary Discovery Request",
        PrimaryDiscoveryResponse = 20 "Primary Discovery Response",
        DataTransferRequest = 21 "Data Transfer Request",
        DataTransferResponse = 22 "Data Transfer Response",
        ClearConfigurationRequest = 23 "Clear Configuration Request",
        ClearConfigurationResponse = 24 "Clear Configuration Response",
        StationConfigurationRequest = 25 "Station Configuration Request",
        StationConfigurationResponse = 26 "Station Configuration Response",
        WlanConfigurationRequest = 3_398_913 "IEEE 802.11 WLAN Configuration Request",
        WlanConfigurationResponse = 3_398_914 "IEEE 802.11 WLAN Configuration Response",
    }
}

impl MessageType {
    /// Whether a response is due: its number is odd, known or not.
    pub const fn is_request(self) -> bool {
        self.code() % 2 == 1
    }

    /// The response to this request, also to one that no RFC defines; `None` for a response.
    pub fn response(self) -> Option<MessageType> {
        if self.is_request() { self.code().checked_add(1).map(MessageType::from) } else { None }
    }

    /// The enterprise that assigned the number: 0 for RFC 5415, 13,277 for RFC 5416.
    pub const fn enterprise(self) -> u32 {
        self.code() >> 8
    }
}

/// Orders the sequence numbers of two requests, modulo 256 (RFC 5415 4.5.3): `Less` if `a` is the older one.
///
/// Two numbers that are 128 apart are ordered by neither rule of the RFC; `a` then counts as the newer one.
pub fn compare_seq(a: u8, b: u8) -> Ordering {
    match b.wrapping_sub(a) {
        0 => Ordering::Equal,
        1..128 => Ordering::Less,
        128..=255 => Ordering::Greater,
    }
}

/// Why octets are no control message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Fewer octets than a control header has.
    #[error("control header of 8 octets cut at {got}")]
    Truncated {
        /// Octets that came.
        got: usize,
    },
    /// Message Element Length counts at least itself and the flags.
    #[error("message element length {0} is less than 3")]
    LengthTooSmall(u16),
    /// Message Element Length says more than came.
    #[error("message element length says {claimed} octets of elements, {available} came")]
    ElementsCut {
        /// Octets of elements that the length promises.
        claimed: usize,
        /// Octets of elements that came.
        available: usize,
    },
    /// Behind the last whole element stand one to three octets.
    #[error("{0} octets behind the last element are no element header")]
    ElementHeaderCut(usize),
    /// An element says that it is longer than what is left of the message.
    #[error("element {element_type} says {claimed} octets, {available} are left")]
    ElementCut {
        /// The element's type.
        element_type: u16,
        /// Octets of value that it promises.
        claimed: usize,
        /// Octets that are left.
        available: usize,
    },
    /// More elements than any peer has a reason to send.
    #[error("more than {MAX_ELEMENTS} elements in one message")]
    TooManyElements,
}

/// Why a packet holds no control message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// The CAPWAP header is broken.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It is a fragment: give it to a `Reassembler` first.
    #[error("a fragment (set {id}) stands alone; it must be reassembled first")]
    Fragment {
        /// Its fragment id.
        id: u16,
    },
    /// The control message is broken.
    #[error(transparent)]
    Message(#[from] ParseError),
}

/// A control message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is for.
    pub message_type: MessageType,
    /// Pairs a response with its request, modulo 256.
    pub seq: u8,
    /// What it carries, in the order of the wire.
    pub elements: Vec<Element>,
}

impl Message {
    /// A message with these elements.
    pub fn new(message_type: MessageType, seq: u8, elements: Vec<Element>) -> Message {
        Message { message_type, seq, elements }
    }

    /// Parses a control header and the elements behind it.
    ///
    /// Octets behind the length that the header gives are no part of the message and are ignored, as the flags are.
    pub fn parse(octets: &[u8]) -> Result<Message, ParseError> {
        let (message_type, seq, mut r) = split(octets)?;
        let mut elements = Vec::new();
        while !r.is_empty() {
            if elements.len() == MAX_ELEMENTS {
                return Err(ParseError::TooManyElements);
            }
            let (element_type, value) = next_element(&mut r)?;
            elements.push(Element::parse(element_type, value));
        }
        Ok(Message { message_type, seq, elements })
    }

    /// Parses a whole packet in clear: CAPWAP header, control header, elements.
    pub fn from_packet(packet: &[u8]) -> Result<Message, PacketError> {
        let (header, payload) = Header::parse(packet)?;
        if header.fragment {
            return Err(PacketError::Fragment { id: header.fragment_id });
        }
        Ok(Message::parse(payload)?)
    }

    /// The control header and the elements.
    ///
    /// Elements beyond the 65,532 octets that the length can say are left out; nothing that fits a datagram has them.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        self.encode_into(&mut out);
        out
    }

    /// The whole packet: a CAPWAP header (HLEN 2, WBID 1) and then what `encode` gives.
    pub fn to_packet(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        Header::control().encode(&mut out);
        self.encode_into(&mut out);
        out
    }

    fn encode_into(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.message_type.code().to_be_bytes());
        out.extend_from_slice(&[self.seq, 0, 0, 0]);
        let body = out.len();
        for element in &self.elements {
            let before = out.len();
            element::encode(element, out);
            if out.len() - body > usize::from(u16::MAX - LENGTH_OVERHEAD) {
                debug_assert!(false, "a message longer than its length can say");
                out.truncate(before);
                break;
            }
        }
        let length = (out.len() - body) as u16 + LENGTH_OVERHEAD;
        out[start + 5..start + 7].copy_from_slice(&length.to_be_bytes());
    }

    /// Whether a response is due.
    pub fn is_request(&self) -> bool {
        self.message_type.is_request()
    }

    /// The response to this request with these elements: its type and its sequence number follow from the request.
    ///
    /// `None` if this is a response.
    pub fn response(&self, elements: Vec<Element>) -> Option<Message> {
        Some(Message::new(self.message_type.response()?, self.seq, elements))
    }

    /// The mandatory elements that are absent, or present and malformed, in the RFC's order.
    ///
    /// Where one of several would do and none is there, the first of them stands for all.
    pub fn missing(&self) -> Vec<ElementType> {
        let readable = |wanted: ElementType| {
            self.elements.iter().any(|e| e.element_type() == wanted && !matches!(e, Element::Malformed { .. }))
        };
        let alone = mandatory(self.message_type).iter().copied().filter(|wanted| !readable(*wanted));
        let groups = one_of(self.message_type)
            .iter()
            .filter(|group| !group.iter().any(|wanted| readable(*wanted)))
            .filter_map(|group| group.first().copied());
        alone.chain(groups).collect()
    }
}

/// Checks the control header and gives message type, sequence number and the octets of the elements.
pub(crate) fn split(octets: &[u8]) -> Result<(MessageType, u8, Reader<'_>), ParseError> {
    let Some((header, rest)) = octets.split_first_chunk::<HEADER_OCTETS>() else {
        return Err(ParseError::Truncated { got: octets.len() });
    };
    let [a, b, c, d, seq, hi, lo, _flags] = *header;
    let length = u16::from_be_bytes([hi, lo]);
    let Some(claimed) = length.checked_sub(LENGTH_OVERHEAD).map(usize::from) else {
        return Err(ParseError::LengthTooSmall(length));
    };
    let elements = rest.get(..claimed).ok_or(ParseError::ElementsCut { claimed, available: rest.len() })?;
    Ok((MessageType::from(u32::from_be_bytes([a, b, c, d])), seq, Reader::new(elements)))
}

/// Takes one element's type and value.
pub(crate) fn next_element<'a>(r: &mut Reader<'a>) -> Result<(u16, &'a [u8]), ParseError> {
    let left = r.len();
    let (Some(element_type), Some(length)) = (r.u16(), r.u16()) else {
        return Err(ParseError::ElementHeaderCut(left));
    };
    let (claimed, available) = (usize::from(length), r.len());
    let value = r.take(claimed).ok_or(ParseError::ElementCut { element_type, claimed, available })?;
    Ok((element_type, value))
}

#[cfg(test)]
mod tests;
