//! Vendor elements in which a WTP says what RFC 5415 has no element for: its wired address, and why it failed.
//!
//! A Result Code tells that an image was refused, not why (4.6.35); an operator wants to know. Peers that do not know
//! the elements skip them. The vendor id is that of the digests.

use capledger_schema::id::MacAddr;

use super::digest::{VENDOR, ours};
use super::element::{Element, display_text};
use super::wire::codes;

/// Element "my wired interface's MAC address", in a Join Request: six octets.
pub const ETHERNET_MAC: u16 = 3;
/// Element "why", in a response whose Result Code is an error: a `ReasonKind`, then at most 512 octets of UTF-8.
pub const REASON: u16 = 4;
/// Most octets of a reason's words.
const REASON_LIMIT: usize = 512;

codes! {
    /// What a reason is about, for programs.
    ReasonKind: u8 {
        Other = 0 "Other",
        NoSpace = 1 "No space",
        Verification = 2 "Verification failed",
    }
}

/// Why something failed, as a WTP tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// For programs.
    pub kind: ReasonKind,
    /// For people, fit to be shown; may be empty.
    pub words: String,
}

/// The element that names the wired interface.
pub fn ethernet_mac(mac: MacAddr) -> Element {
    Element::VendorSpecific { vendor: VENDOR, element: ETHERNET_MAC, data: mac.0.to_vec() }
}

/// The wired interface's address among these elements.
pub fn find_ethernet_mac(elements: &[Element]) -> Option<MacAddr> {
    ours(elements, ETHERNET_MAC).find_map(|data| data.try_into().ok()).map(MacAddr)
}

/// The element that says why something failed; the words are cut at 512 octets.
pub fn reason(kind: ReasonKind, words: &str) -> Element {
    let mut data = vec![kind.code()];
    data.extend_from_slice(cut(words, REASON_LIMIT).as_bytes());
    Element::VendorSpecific { vendor: VENDOR, element: REASON, data }
}

/// The reason among these elements.
pub fn find_reason(elements: &[Element]) -> Option<Reason> {
    let (kind, words) = ours(elements, REASON).find_map(<[u8]>::split_first)?;
    Some(Reason { kind: ReasonKind::from(*kind), words: display_text(words) })
}

/// At most so many octets of a text, ending between two characters.
pub(crate) fn cut(text: &str, octets: usize) -> &str {
    let end = (0..=octets.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ethernet_mac_and_a_reason_are_found_among_other_elements() {
        let mac = MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x30]);
        let elements =
            [Element::InitiateDownload, ethernet_mac(mac), reason(ReasonKind::NoSpace, "no space for the image")];
        assert_eq!(find_ethernet_mac(&elements), Some(mac));
        let words = "no space for the image".to_owned();
        assert_eq!(find_reason(&elements), Some(Reason { kind: ReasonKind::NoSpace, words }));
        assert_eq!((find_ethernet_mac(&elements[..1]), find_reason(&elements[..2])), (None, None));
    }

    #[test]
    fn a_reason_is_cut_between_characters_and_shown_without_control_characters() {
        let long = "é".repeat(400);
        let words = |words| find_reason(&[reason(ReasonKind::Other, words)]).expect("a reason").words;
        assert_eq!(words(&long).chars().count(), 256);
        assert_eq!(words("a\nb"), "a?b");
        assert_eq!(words(""), "");
    }
}
