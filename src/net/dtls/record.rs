//! What the first record of a datagram says in clear: enough to send the datagram to the right endpoint.
//!
//! RFC 6347 sections 4.1 and 4.2.2. Nothing here is authenticated, so nothing here may change a session's state.

use std::ops::Range;

use super::queue::CAPWAP_DTLS_HEADER;

/// Octets of a record's header: type, version, epoch, sequence number, length.
pub(super) const RECORD_HEADER: usize = 13;
/// Where its sequence number stands.
pub(super) const RECORD_NUMBER: Range<usize> = 5..11;
const HANDSHAKE_HEADER: usize = 12;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CLIENT_HELLO: u8 = 1;

/// What the first record of a datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The beginning of a ClientHello in clear. Retransmissions, and the second one that carries the cookie, repeat
    /// the random of the first (RFC 6347 section 4.2.1).
    ClientHello {
        /// The client's random.
        random: [u8; 32],
    },
    /// Another handshake message, a ChangeCipherSpec or an alert in clear.
    ClearHandshake,
    /// An encrypted handshake message: Finished.
    SealedHandshake,
    /// Encrypted application data or an encrypted alert.
    Sealed,
}

/// Reads the first record's header behind the CAPWAP DTLS header; none where it is no DTLS record.
pub fn first_record(datagram: &[u8]) -> Option<First> {
    let record = datagram.strip_prefix(&CAPWAP_DTLS_HEADER[..1])?.get(CAPWAP_DTLS_HEADER.len() - 1..)?;
    let (header, body) = record.split_at_checked(RECORD_HEADER)?;
    if header[1] != 0xFE {
        return None;
    }
    let clear = header[3..5] == [0, 0];
    match (header[0], clear) {
        (HANDSHAKE, true) => Some(client_hello(body).unwrap_or(First::ClearHandshake)),
        (CHANGE_CIPHER_SPEC | ALERT, true) => Some(First::ClearHandshake),
        (HANDSHAKE, false) => Some(First::SealedHandshake),
        (APPLICATION_DATA | ALERT, false) => Some(First::Sealed),
        // Application data in clear, or a type that no handshake of ours negotiates.
        (_, _) => None,
    }
}

/// Whether the record that begins here is encrypted, and the length that it states.
pub(super) fn record_header(records: &[u8]) -> Option<(bool, usize)> {
    let header = records.get(..RECORD_HEADER)?;
    let sealed = header[3..5] != [0, 0];
    Some((sealed, usize::from(u16::from_be_bytes([header[11], header[12]]))))
}

/// The sequence number of the record that begins here; 0 where none does.
pub(super) fn record_number(records: &[u8]) -> u64 {
    let digits = records.get(RECORD_NUMBER).unwrap_or_default();
    digits.iter().fold(0, |number, octet| number << 8 | u64::from(*octet))
}

fn client_hello(body: &[u8]) -> Option<First> {
    let (header, message) = body.split_at_checked(HANDSHAKE_HEADER)?;
    let first_fragment = header[6..9] == [0, 0, 0];
    if header[0] != CLIENT_HELLO || !first_fragment {
        return None;
    }
    // Behind the client's version.
    let random = message.get(2..34)?.try_into().ok()?;
    Some(First::ClientHello { random })
}
