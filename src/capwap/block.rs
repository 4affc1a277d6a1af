//! The image path without allocation: what stands before a block's octets, and what is read out of a block's packet
//! and of its acknowledgement (RFC 5415 4.6.26, 9.1.1, 9.1.2).
//!
//! A sender splices a block's octets behind the prefix; both sides give the same octets as `Message` would.

use super::control::{self, LENGTH_OVERHEAD, MessageType};
use super::element::{ImageDataOpcode, ResultCode};
use super::element_type::ElementType;
use super::header::{Header, MIN_OCTETS};

/// Octets before a block: CAPWAP header, control header, element header, opcode.
pub const PREFIX_OCTETS: usize = MIN_OCTETS + control::HEADER_OCTETS + ELEMENT_HEADER + 1;
/// Octets of a whole acknowledgement: CAPWAP header, control header, Result Code.
pub const ACK_OCTETS: usize = MIN_OCTETS + control::HEADER_OCTETS + ELEMENT_HEADER + 4;
/// Most octets that one block can say that it has. A datagram holds fewer.
pub const MAX_BLOCK: u16 = u16::MAX - LENGTH_OVERHEAD - ELEMENT_HEADER as u16 - 1;
/// Octets of an element's type and length.
const ELEMENT_HEADER: usize = 4;
/// The CAPWAP header of a control message, as `Header::control` encodes it.
const CONTROL: [u8; MIN_OCTETS] = [0, 0x10, 0x02, 0, 0, 0, 0, 0];

/// The octets of an Image Data Request up to, and excluding, the block of `data_len` octets.
///
/// # Panics
///
/// If `data_len` is beyond `MAX_BLOCK`, which no block that fits a datagram is.
pub fn image_block_prefix(seq: u8, opcode: ImageDataOpcode, data_len: u16) -> [u8; PREFIX_OCTETS] {
    assert!(data_len <= MAX_BLOCK, "a block of {data_len} octets does not fit a message");
    let mut out = packet_start(MessageType::ImageDataRequest, seq, ElementType::ImageData, data_len + 1);
    out[PREFIX_OCTETS - 1] = opcode.code();
    out
}

/// A whole Image Data Response that carries a Result Code and nothing else.
pub fn image_ack(seq: u8, result: ResultCode) -> [u8; ACK_OCTETS] {
    let mut out: [u8; ACK_OCTETS] = packet_start(MessageType::ImageDataResponse, seq, ElementType::ResultCode, 4);
    out[ACK_OCTETS - 4..].copy_from_slice(&result.code().to_be_bytes());
    out
}

/// CAPWAP header, control header and the header of the only element; zeroes behind.
fn packet_start<const N: usize>(message: MessageType, seq: u8, element: ElementType, value_len: u16) -> [u8; N] {
    let mut out = [0; N];
    let [len_hi, len_lo] = (value_len + ELEMENT_HEADER as u16 + LENGTH_OVERHEAD).to_be_bytes();
    let [type_hi, type_lo] = element.code().to_be_bytes();
    let [value_hi, value_lo] = value_len.to_be_bytes();
    out[..8].copy_from_slice(&CONTROL);
    out[8..12].copy_from_slice(&message.code().to_be_bytes());
    out[12..20].copy_from_slice(&[seq, len_hi, len_lo, 0, type_hi, type_lo, value_hi, value_lo]);
    out
}

/// A block as it lies in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageBlock<'a> {
    /// The request's sequence number.
    pub seq: u8,
    /// Data, last block or abort.
    pub opcode: ImageDataOpcode,
    /// The block's octets, in place.
    pub data: &'a [u8],
}

/// The block of a packet in clear; `None` if the packet is not a whole Image Data Request with an Image Data element,
/// which is then `Message::from_packet`'s to judge.
pub fn parse_image_block(packet: &[u8]) -> Option<ImageBlock<'_>> {
    let (seq, value) = find(packet, MessageType::ImageDataRequest, ElementType::ImageData)?;
    let (opcode, data) = value.split_first()?;
    Some(ImageBlock { seq, opcode: ImageDataOpcode::from(*opcode), data })
}

/// An acknowledgement as it lies in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageAck {
    /// The sequence number of the request that is answered.
    pub seq: u8,
    /// How the WTP took the block.
    pub result: ResultCode,
}

/// The acknowledgement in a packet in clear; `None` if the packet is not a whole Image Data Response with a Result
/// Code.
pub fn parse_image_ack(packet: &[u8]) -> Option<ImageAck> {
    let (seq, value) = find(packet, MessageType::ImageDataResponse, ElementType::ResultCode)?;
    let code = u32::from_be_bytes(value.try_into().ok()?);
    Some(ImageAck { seq, result: ResultCode::from(code) })
}

/// Sequence number of a message of this type, and the value of its first element of that type.
///
/// Every element is walked over, so that a packet is taken here only if `Message` takes it too.
fn find(packet: &[u8], message: MessageType, element: ElementType) -> Option<(u8, &[u8])> {
    let (header, payload) = Header::parse(packet).ok()?;
    if header.fragment {
        return None;
    }
    let (message_type, seq, mut elements) = control::split(payload).ok()?;
    if message_type != message {
        return None;
    }
    let mut found = None;
    for _ in 0..control::MAX_ELEMENTS {
        if elements.is_empty() {
            return found.map(|value| (seq, value));
        }
        let (element_type, value) = control::next_element(&mut elements).ok()?;
        if element_type == element.code() && found.is_none() {
            found = Some(value);
        }
    }
    if elements.is_empty() { found.map(|value| (seq, value)) } else { None }
}

#[cfg(test)]
mod tests;
