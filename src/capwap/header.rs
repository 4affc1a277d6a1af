//! The CAPWAP header and the CAPWAP DTLS header that stand before everything on both channels (RFC 5415 4.1 to 4.3).
//!
//! Whatever the header carries, known or reserved, is written again as it came. Nothing here looks into the payload.

use thiserror::Error;

use super::WBID_IEEE80211;

/// Octets of a header without optional parts.
pub const MIN_OCTETS: usize = 8;
/// Octets of the header before a DTLS record: a preamble and three reserved octets.
pub const DTLS_HEADER: [u8; 4] = [1, 0, 0, 0];
/// Most octets of optional parts: HLEN has five bits and counts four octets.
const MAX_OPTIONS: usize = 31 * 4 - MIN_OCTETS;

/// Why octets are no CAPWAP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Fewer octets than the header needs.
    #[error("CAPWAP header of {needed} octets cut at {got}")]
    Truncated {
        /// Octets that the header has.
        needed: usize,
        /// Octets that came.
        got: usize,
    },
    /// Only version 0 exists.
    #[error("CAPWAP version {0} is not supported; the only version is 0")]
    Version(u8),
    /// Neither clear (0) nor DTLS (1).
    #[error("CAPWAP payload type {0} does not exist; 0 is clear, 1 is DTLS")]
    PayloadType(u8),
    /// HLEN is less than the eight octets that every header has.
    #[error("CAPWAP header length of {0} words is less than 2")]
    HeaderLength(u8),
}

/// A datagram of either channel, told apart by its preamble.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// In clear: a header and what it carries.
    Clear {
        /// The CAPWAP header.
        header: Header,
        /// The octets behind it.
        payload: &'a [u8],
    },
    /// DTLS records, the four octets before them removed.
    Dtls(&'a [u8]),
}

impl<'a> Packet<'a> {
    /// Tells DTLS from clear and, if clear, parses the header.
    pub fn parse(datagram: &'a [u8]) -> Result<Packet<'a>, HeaderError> {
        match preamble(datagram)? {
            0 => Header::parse(datagram).map(|(header, payload)| Packet::Clear { header, payload }),
            1 => datagram
                .get(DTLS_HEADER.len()..)
                .map(Packet::Dtls)
                .ok_or(HeaderError::Truncated { needed: DTLS_HEADER.len(), got: datagram.len() }),
            other => Err(HeaderError::PayloadType(other)),
        }
    }
}

/// Gives the payload type, having checked the version.
fn preamble(datagram: &[u8]) -> Result<u8, HeaderError> {
    let first = *datagram.first().ok_or(HeaderError::Truncated { needed: 1, got: 0 })?;
    if first >> 4 == 0 { Ok(first & 0xf) } else { Err(HeaderError::Version(first >> 4)) }
}

/// The CAPWAP header.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// |CAPWAP Preamble|  HLEN   |   RID   | WBID    |T|F|L|W|M|K|Flags|
/// |          Fragment ID          |     Frag Offset         |Rsvd |
/// |          (optional) Radio MAC, (optional) Wireless Specific   |
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// RID, 0 to 31: the radio that the packet is about.
    pub radio_id: u8,
    /// WBID, 0 to 31: the wireless binding; 1 is IEEE 802.11.
    pub binding: u8,
    /// T: the payload is a native frame of the binding, not an 802.3 frame.
    pub native_frame: bool,
    /// F: the payload is a fragment.
    pub fragment: bool,
    /// L: it is the last fragment.
    pub last_fragment: bool,
    /// W: wireless-specific information is among the optional parts.
    pub has_wireless_info: bool,
    /// M: a radio MAC address is among the optional parts.
    pub has_radio_mac: bool,
    /// K: a keep-alive of the data channel.
    pub keep_alive: bool,
    /// Flags: three reserved bits, sent as zero.
    pub reserved_flags: u8,
    /// Which set a fragment belongs to.
    pub fragment_id: u16,
    /// Where a fragment belongs, in units of 8 octets, 0 to 8,191.
    pub fragment_offset: u16,
    /// Rsvd: three reserved bits, sent as zero.
    pub reserved: u8,
    /// The optional parts as they came, padding and all: a multiple of 4 octets, at most 116.
    pub(in crate::capwap) options: Vec<u8>,
}

impl Header {
    /// The header of a control message: HLEN 2, WBID 1, nothing else set.
    pub const fn control() -> Header {
        Header {
            radio_id: 0,
            binding: WBID_IEEE80211,
            native_frame: false,
            fragment: false,
            last_fragment: false,
            has_wireless_info: false,
            has_radio_mac: false,
            keep_alive: false,
            reserved_flags: 0,
            fragment_id: 0,
            fragment_offset: 0,
            reserved: 0,
            options: Vec::new(),
        }
    }

    /// Splits a packet in clear into its header and its payload.
    pub fn parse(packet: &[u8]) -> Result<(Header, &[u8]), HeaderError> {
        let payload_type = preamble(packet)?;
        if payload_type != 0 {
            return Err(HeaderError::PayloadType(payload_type));
        }
        let Some((fixed, _)) = packet.split_first_chunk::<MIN_OCTETS>() else {
            return Err(HeaderError::Truncated { needed: MIN_OCTETS, got: packet.len() });
        };
        let words = fixed[1] >> 3;
        let octets = usize::from(words) * 4;
        if octets < MIN_OCTETS {
            return Err(HeaderError::HeaderLength(words));
        }
        let Some((head, payload)) = packet.split_at_checked(octets) else {
            return Err(HeaderError::Truncated { needed: octets, got: packet.len() });
        };
        let offset_and_reserved = u16::from_be_bytes([fixed[6], fixed[7]]);
        let header = Header {
            radio_id: (fixed[1] & 0x07) << 2 | fixed[2] >> 6,
            binding: fixed[2] >> 1 & 0x1f,
            native_frame: fixed[2] & 0x01 != 0,
            fragment: fixed[3] & 0x80 != 0,
            last_fragment: fixed[3] & 0x40 != 0,
            has_wireless_info: fixed[3] & 0x20 != 0,
            has_radio_mac: fixed[3] & 0x10 != 0,
            keep_alive: fixed[3] & 0x08 != 0,
            reserved_flags: fixed[3] & 0x07,
            fragment_id: u16::from_be_bytes([fixed[4], fixed[5]]),
            fragment_offset: offset_and_reserved >> 3,
            reserved: (offset_and_reserved & 0x07) as u8,
            options: head[MIN_OCTETS..].to_vec(),
        };
        Ok((header, payload))
    }

    /// Octets that `encode` gives: 8 to 124, a multiple of 4.
    pub fn octets(&self) -> usize {
        MIN_OCTETS + self.options.len()
    }

    /// Appends the header. Bits beyond a field's width are not sent.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let bit = |flag: bool, value: u8| if flag { value } else { 0 };
        let words = (self.octets() / 4) as u8;
        out.extend_from_slice(&[
            0,
            words << 3 | (self.radio_id & 0x1f) >> 2,
            (self.radio_id & 0x03) << 6 | (self.binding & 0x1f) << 1 | bit(self.native_frame, 0x01),
            bit(self.fragment, 0x80)
                | bit(self.last_fragment, 0x40)
                | bit(self.has_wireless_info, 0x20)
                | bit(self.has_radio_mac, 0x10)
                | bit(self.keep_alive, 0x08)
                | self.reserved_flags & 0x07,
        ]);
        out.extend_from_slice(&self.fragment_id.to_be_bytes());
        out.extend_from_slice(&(self.fragment_offset << 3 | u16::from(self.reserved & 0x07)).to_be_bytes());
        out.extend_from_slice(&self.options);
    }

    /// The radio's MAC address, 6 or 8 octets from a peer that keeps to the RFC; `None` if absent or cut short.
    pub fn radio_mac(&self) -> Option<&[u8]> {
        if self.has_radio_mac { counted(&self.options) } else { None }
    }

    /// The wireless-specific information, in the binding's format; `None` if absent or cut short.
    pub fn wireless_info(&self) -> Option<&[u8]> {
        if !self.has_wireless_info {
            return None;
        }
        let before = if self.has_radio_mac { padded(1 + self.radio_mac()?.len()) } else { 0 };
        counted(self.options.get(before..)?)
    }

    /// The same header with these optional parts in place of its own, padded with zeroes.
    ///
    /// `None` if together they take more than the 116 octets that HLEN leaves them.
    #[must_use]
    pub fn with_options(mut self, radio_mac: Option<&[u8]>, wireless_info: Option<&[u8]>) -> Option<Header> {
        self.has_radio_mac = radio_mac.is_some();
        self.has_wireless_info = wireless_info.is_some();
        self.options.clear();
        for part in [radio_mac, wireless_info].into_iter().flatten() {
            self.options.push(u8::try_from(part.len()).ok()?);
            self.options.extend_from_slice(part);
            self.options.resize(padded(self.options.len()), 0);
        }
        (self.options.len() <= MAX_OPTIONS).then_some(self)
    }
}

/// The octets behind a length octet.
fn counted(octets: &[u8]) -> Option<&[u8]> {
    let (len, rest) = octets.split_first()?;
    rest.get(..usize::from(*len))
}

/// Rounded up to the four octets that HLEN counts.
fn padded(octets: usize) -> usize {
    octets.next_multiple_of(4)
}

#[cfg(test)]
mod tests;
