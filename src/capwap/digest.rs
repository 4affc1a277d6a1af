//! The vendor elements by which a Capledger AC and a WTP that understands it agree on an image's SHA-256.
//!
//! RFC 5415's Image Information has an MD5 and a 32-bit size (4.6.28). A WTP that sends `support` in its Join Request
//! and in its Image Data Request is given the full digests beside them; any other WTP skips the element.

use capledger_schema::id::{Md5, Sha256};

use super::element::Element;

/// The vendor id of these elements. It is private: no enterprise number that IANA assigned or is near to assigning.
pub const VENDOR: u32 = 0xFE43_504C;
/// Element "I understand digests", WTP to AC. Its data is the version of this scheme, one octet.
pub const SUPPORT: u16 = 1;
/// Element "the image's digests", AC to WTP: version, SHA-256 (32 octets), MD5 (16), size (8, big endian).
pub const DIGEST: u16 = 2;
/// The version of this scheme.
pub const VERSION: u8 = 1;

/// What the AC says of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageDigest {
    /// Of the whole image.
    pub sha256: Sha256,
    /// Of the whole image, as in Image Information.
    pub md5: Md5,
    /// Octets of the image, also beyond the 4 GiB that Image Information can say.
    pub size: u64,
}

/// The element by which a WTP says that it understands digests.
pub fn support() -> Element {
    Element::VendorSpecific { vendor: VENDOR, element: SUPPORT, data: vec![VERSION] }
}

/// Whether the sender of these elements understands digests.
pub fn is_supported(elements: &[Element]) -> bool {
    ours(elements, SUPPORT).any(|data| data.first() == Some(&VERSION))
}

/// The element that carries an image's digests.
pub fn element(digest: &ImageDigest) -> Element {
    let mut data = Vec::with_capacity(57);
    data.push(VERSION);
    data.extend_from_slice(&digest.sha256.0);
    data.extend_from_slice(&digest.md5.0);
    data.extend_from_slice(&digest.size.to_be_bytes());
    Element::VendorSpecific { vendor: VENDOR, element: DIGEST, data }
}

/// The digests among these elements, if they are there and of this scheme's version.
pub fn find(elements: &[Element]) -> Option<ImageDigest> {
    ours(elements, DIGEST).find_map(parse)
}

fn parse(data: &[u8]) -> Option<ImageDigest> {
    let (&[VERSION], rest) = data.split_first_chunk()? else { return None };
    let (sha256, rest) = rest.split_first_chunk()?;
    let (md5, rest) = rest.split_first_chunk()?;
    let size = u64::from_be_bytes(rest.try_into().ok()?);
    Some(ImageDigest { sha256: Sha256(*sha256), md5: Md5(*md5), size })
}

/// The data of our vendor elements of this number.
pub(super) fn ours(elements: &[Element], wanted: u16) -> impl Iterator<Item = &[u8]> {
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
    fn a_wtp_that_says_nothing_is_given_no_digest() {
        assert!(!is_supported(&[Element::InitiateDownload]));
        assert!(is_supported(&[Element::InitiateDownload, support()]));
    }

    #[test]
    fn digests_survive_the_wire() {
        let digest = ImageDigest { sha256: Sha256([7; 32]), md5: Md5([9; 16]), size: 5_000_000_000 };
        assert_eq!(find(&[Element::InitiateDownload, element(&digest)]), Some(digest));
    }

    #[test]
    fn another_version_or_another_vendor_is_no_digest_of_ours() {
        let digest = ImageDigest { sha256: Sha256([7; 32]), md5: Md5([9; 16]), size: 1 };
        let Element::VendorSpecific { data, .. } = element(&digest) else { panic!("a vendor element") };
        let other = Element::VendorSpecific { vendor: VENDOR + 1, element: DIGEST, data: data.clone() };
        let mut newer = data.clone();
        newer[0] = VERSION + 1;
        let newer = Element::VendorSpecific { vendor: VENDOR, element: DIGEST, data: newer };
        let cut = Element::VendorSpecific { vendor: VENDOR, element: DIGEST, data: data[..56].to_vec() };
        assert_eq!(find(&[other, newer, cut]), None);
    }
}
