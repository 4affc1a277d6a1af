//! The keep-alive of the data channel (RFC 5415 4.4.1): the session id, sent by the WTP and sent back by the AC.
//!
//! The AC answers with the octets that it received; `encode` is the WTP's, and `parse` is both sides'.

use thiserror::Error;

use super::control::{ParseError, next_element};
use super::element::{self, Element, SessionKey};
use super::header::{Header, HeaderError};
use super::wire::Reader;

/// Octets of the length field.
const LENGTH: usize = 2;

/// Why a packet of the data channel is no keep-alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeepAliveError {
    /// The CAPWAP header is broken.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The K flag is not set: it carries a frame.
    #[error("the packet carries a frame and is no keep-alive")]
    NotKeepAlive,
    /// The elements are broken.
    #[error(transparent)]
    Elements(#[from] ParseError),
    /// Without a session id it names no session.
    #[error("a keep-alive without a session id of 4 to 16 octets")]
    NoSessionId,
}

/// The packet that keeps the data channel of a session alive.
pub fn encode(session: &SessionKey) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    // All fields but HLEN and K are zero, the binding too.
    Header { keep_alive: true, ..Header::default() }.encode(&mut out);
    let start = out.len();
    out.extend_from_slice(&[0; LENGTH]);
    element::encode(&Element::SessionId(session.clone()), &mut out);
    let length = (out.len() - start) as u16;
    out[start..start + LENGTH].copy_from_slice(&length.to_be_bytes());
    out
}

/// The session that a packet of the data channel keeps alive; `None` if the packet is anything else.
pub fn parse(packet: &[u8]) -> Option<SessionKey> {
    read(packet).ok()
}

/// As `parse`, with the reason why a packet is no keep-alive. Other elements, such as a vendor's, are skipped.
pub fn read(packet: &[u8]) -> Result<SessionKey, KeepAliveError> {
    let (header, payload) = Header::parse(packet)?;
    if !header.keep_alive {
        return Err(KeepAliveError::NotKeepAlive);
    }
    let mut r = Reader::new(payload);
    let claimed = usize::from(r.u16().ok_or(ParseError::Truncated { got: payload.len() })?);
    // The length counts itself ("octets following the header"); a peer that does not count it is understood too.
    if claimed > payload.len() {
        return Err(ParseError::ElementsCut { claimed, available: payload.len() }.into());
    }
    let mut session = None;
    while session.is_none() && !r.is_empty() {
        let (element_type, value) = next_element(&mut r)?;
        if let Element::SessionId(key) = Element::parse(element_type, value) {
            session = Some(key);
        }
    }
    session.ok_or(KeepAliveError::NoSessionId)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_keep_alive_lies_on_the_wire_as_real_peers_send_it() {
        let packet = encode(&SessionKey::from([0xab; 16]));
        assert_eq!(packet[..14], [0, 0x10, 0, 0x08, 0, 0, 0, 0, 0, 22, 0, 35, 0, 16]);
        assert_eq!(packet[14..], [0xab; 16]);
    }

    #[test]
    fn a_keep_alive_that_is_cut_is_none() {
        let packet = encode(&SessionKey::from([7; 16]));
        for cut in 0..packet.len() {
            assert_eq!(parse(&packet[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_is_no_keep_alive() {
        let mut packet = encode(&SessionKey::from([1; 16]));
        packet[3] = 0;
        assert_eq!(read(&packet), Err(KeepAliveError::NotKeepAlive));
    }

    #[test]
    fn a_keep_alive_that_names_no_session_is_refused() {
        assert_eq!(read(&[0, 0x10, 0, 8, 0, 0, 0, 0, 0, 2]), Err(KeepAliveError::NoSessionId));
        let cut = ParseError::ElementsCut { claimed: 9, available: 2 };
        assert_eq!(read(&[0, 0x10, 0, 8, 0, 0, 0, 0, 0, 9]), Err(KeepAliveError::Elements(cut)));
    }

    proptest! {
        #[test]
        fn a_session_id_of_any_length_comes_back(octets in prop::collection::vec(any::<u8>(), 4..=16)) {
            let session = SessionKey::new(&octets).expect("a good length");
            prop_assert_eq!(parse(&encode(&session)), Some(session));
        }

        #[test]
        fn arbitrary_octets_never_panic(mut octets in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&octets);
            octets.splice(0..0, [0, 0x10, 0, 8, 0, 0, 0, 0]);
            let _ = read(&octets);
        }
    }
}
