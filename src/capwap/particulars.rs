//! Vendor elements in which a WTP says what RFC 5415 has no element for: its wired address, and why it failed.
//!
//! A Result Code tells that an image was refused, not why (4.6.35); an operator wants to know. Peers that do not know
//! the elements skip them. The vendor id is that of the digests.

use capledger_schema::id::MacAddr;

use super::digest::VENDOR;
use super::element::{Element, display_text};

/// Element "my wired interface's MAC address", in a Join Request: six octets.
pub const ETHERNET_MAC: u16 = 3;
/// Element "why", in a response whose Result Code is an error: UTF-8, at most 512 octets.
pub const REASON: u16 = 4;
/// Most octets of a reason.
const REASON_LIMIT: usize = 512;

/// The element that names the wired interface.
pub fn ethernet_mac(mac: MacAddr) -> Element {
    Element::VendorSpecific { vendor: VENDOR, element: ETHERNET_MAC, data: mac.0.to_vec() }
}

/// The wired interface's address among these elements.
pub fn find_ethernet_mac(elements: &[Element]) -> Option<MacAddr> {
    data(elements, ETHERNET_MAC).find_map(|data| data.try_into().ok()).map(MacAddr)
}

/// The element that says why something failed, cut at 512 octets.
pub fn reason(words: &str) -> Element {
    let words = cut(words, REASON_LIMIT);
    Element::VendorSpecific { vendor: VENDOR, element: REASON, data: words.as_bytes().to_vec() }
}

/// The reason among these elements, fit to be shown; none if there is none or an empty one.
pub fn find_reason(elements: &[Element]) -> Option<String> {
    data(elements, REASON).map(display_text).find(|words| !words.is_empty())
}

/// At most so many octets of a text, ending between two characters.
pub(crate) fn cut(text: &str, octets: usize) -> &str {
    let end = (0..=octets.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

fn data(elements: &[Element], wanted: u16) -> impl Iterator<Item = &[u8]> {
    elements.iter().filter_map(move |e| {
        if let Element::VendorSpecific { vendor: VENDOR, element, data } = e
            && *element == wanted
        {
            Some(data.as_slice())
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ethernet_mac_and_a_reason_are_found_among_other_elements() {
        let mac = MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x30]);
        let elements = [Element::InitiateDownload, ethernet_mac(mac), reason("no space for the image")];
        assert_eq!(find_ethernet_mac(&elements), Some(mac));
        assert_eq!(find_reason(&elements).as_deref(), Some("no space for the image"));
        assert_eq!((find_ethernet_mac(&elements[..1]), find_reason(&elements[..2])), (None, None));
    }

    #[test]
    fn a_reason_is_cut_between_characters_and_shown_without_control_characters() {
        let long = "é".repeat(400);
        let found = find_reason(&[reason(&long)]).expect("a reason");
        assert_eq!(found.chars().count(), 256);
        assert_eq!(find_reason(&[reason("a\nb")]).as_deref(), Some("a?b"));
        assert_eq!(find_reason(&[reason("")]), None);
    }
}
