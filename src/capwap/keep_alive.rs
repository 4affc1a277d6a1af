//! The data channel's keep-alive (RFC 5415 4.4.1): a header with the K flag, a length, and the Session ID.

use super::element::{self, Element, SessionKey};
use super::header::Header;

/// Octets of the Message Element Length, which in a keep-alive counts itself and the elements.
const LENGTH: usize = 2;

/// The Session ID of a keep-alive; none if the datagram is anything else.
pub fn parse(datagram: &[u8]) -> Option<SessionKey> {
    let (header, payload) = Header::parse(datagram).ok()?;
    if !header.keep_alive {
        return None;
    }
    let mut rest = payload.get(LENGTH..)?;
    while let Some((&[t1, t0, l1, l0], behind)) = rest.split_first_chunk::<4>() {
        let value = behind.get(..usize::from(u16::from_be_bytes([l1, l0])))?;
        if let Element::SessionId(key) = Element::parse(u16::from_be_bytes([t1, t0]), value) {
            return Some(key);
        }
        rest = &behind[value.len()..];
    }
    None
}

/// The whole datagram of a keep-alive.
pub fn encode(session: &SessionKey) -> Vec<u8> {
    let mut elements = Vec::new();
    element::encode(&Element::SessionId(session.clone()), &mut elements);
    let mut out = Vec::with_capacity(32);
    let mut header = Header::control();
    header.keep_alive = true;
    header.encode(&mut out);
    out.extend_from_slice(&((LENGTH + elements.len()) as u16).to_be_bytes());
    out.extend_from_slice(&elements);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keep_alive_carries_its_session_there_and_back() {
        let key = SessionKey::new(&[7; 16]).expect("16 octets");
        let datagram = encode(&key);
        assert_eq!(parse(&datagram), Some(key));
        for cut in 0..datagram.len() {
            assert_eq!(parse(&datagram[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn a_datagram_without_the_flag_is_no_keep_alive() {
        let mut datagram = encode(&SessionKey::new(&[7; 4]).expect("4 octets"));
        datagram[3] &= !0x08;
        assert_eq!(parse(&datagram), None);
    }
}
