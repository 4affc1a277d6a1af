//! The dialect of older Cisco access points and controllers: CAPWAP draft 7 and vendor elements, as seen on the wire.
//!
//! Discovery of such peers is understood and answered. Their joins need the maker's certificates, and the messages of
//! the maker's own predownload are not public: neither is here.

use capledger_schema::image::ImageVersion;
use capledger_schema::time::Timestamp;

use super::control::Message;
use super::element::{Element, Encryption, ImageIdentifier, SubElement, display_text};
use super::element_type::ElementType;

/// The vendor id that they send: the OUI 00:40:96, shifted left by 8.
pub const CISCO: u32 = 0x0040_9600;

/// Numbers of their vendor elements.
pub mod cisco {
    /// The AP's name.
    pub const AP_NAME: u16 = 5;
    /// The controller's time: seconds since 1970 (four octets), a type (one).
    pub const AP_TIME_SYNC: u16 = 151;
    /// Version of the software that does not run.
    pub const BACKUP_VERSION: u16 = 183;
    /// Antennas, FlexConnect, AP type, join priority.
    pub const BOARD_DATA_OPTIONS: u16 = 207;
    /// What kind of controller answers.
    pub const CONTROLLER_TYPE: u16 = 208;
    /// Type of the hardware version in their AC Descriptor; the RFC has 4.
    pub const AC_HARDWARE: u16 = 0;
    /// Type of the software version in their AC Descriptor; the RFC has 5.
    pub const AC_SOFTWARE: u16 = 1;
    /// Image Data with a checksum before the block.
    pub const IMAGE_DATA: u8 = 3;
}

/// The DTLS Policy of their AC Descriptor, as a controller of theirs sends it: a data channel in clear.
pub const DTLS_POLICY: u8 = 0x03;

/// How a peer speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// As RFC 5415 has it.
    #[default]
    Rfc,
    /// As older Cisco peers do.
    Cisco,
}

impl Dialect {
    /// The dialect of a message: Cisco's if a descriptor has the draft's form or anything in it is Cisco's.
    pub fn of(message: &Message) -> Dialect {
        if message.elements.iter().any(is_cisco) { Dialect::Cisco } else { Dialect::Rfc }
    }
}

fn is_cisco(element: &Element) -> bool {
    let theirs = |versions: &[SubElement]| versions.iter().any(|v| v.vendor == CISCO);
    if let Element::VendorSpecific { vendor, .. } = element {
        *vendor == CISCO
    } else if let Element::WtpDescriptor(d) = element {
        matches!(d.encryption, Encryption::Draft(_)) || theirs(&d.versions)
    } else if let Element::AcDescriptor(d) = element {
        theirs(&d.information)
    } else {
        false
    }
}

/// The name that an AP of this dialect gives itself before it joins.
pub fn ap_name(message: &Message) -> Option<String> {
    vendor_data(message, cisco::AP_NAME).map(display_text)
}

/// The version of the software that does not run, where the WTP Descriptor does not tell it.
pub fn backup_version(message: &Message) -> Option<String> {
    let data = vendor_data(message, cisco::BACKUP_VERSION)?;
    Some(SubElement { vendor: CISCO, kind: 0, data: data.to_vec() }.version())
}

/// The element that tells it.
pub fn backup_element(version: ImageVersion) -> Element {
    Element::VendorSpecific { vendor: CISCO, element: cisco::BACKUP_VERSION, data: self::version(0, version).data }
}

fn vendor_data(message: &Message, wanted: u16) -> Option<&[u8]> {
    message.elements.iter().find_map(|e| {
        if let Element::VendorSpecific { vendor: CISCO, element, data } = e
            && *element == wanted
        {
            return Some(data.as_slice());
        }
        None
    })
}

/// The image that a message names, however the peer lays it out: behind a vendor id, or (`/c1130`, `ap3g2`) without.
pub fn image_name(message: &Message) -> Option<String> {
    message.elements.iter().find_map(|e| {
        let name = if let Element::ImageIdentifier(identifier) = e {
            name_of(identifier)
        } else if let Element::Malformed { element_type: ElementType::ImageIdentifier, value } = e {
            display_text(value)
        } else {
            return None;
        };
        (!name.is_empty()).then_some(name)
    })
}

/// An Image Identifier that is a name and nothing else: no vendor id stands before it.
pub fn bare_image_identifier(name: &str) -> Element {
    match name.as_bytes().split_first_chunk() {
        Some((vendor, rest)) if name.is_char_boundary(4) => Element::ImageIdentifier(ImageIdentifier {
            vendor: u32::from_be_bytes(*vendor),
            name: String::from_utf8_lossy(rest).into_owned(),
        }),
        Some(_) | None => {
            Element::Malformed { element_type: ElementType::ImageIdentifier, value: name.as_bytes().to_vec() }
        }
    }
}

/// Four octets that are all letters, digits or marks begin a name: no enterprise number is that large.
fn name_of(identifier: &ImageIdentifier) -> String {
    let before = identifier.vendor.to_be_bytes();
    if before.iter().all(u8::is_ascii_graphic) {
        display_text(&[&before, identifier.name.as_bytes()].concat())
    } else {
        display_text(identifier.name.as_bytes())
    }
}

/// The versions of an AC Descriptor in this dialect.
pub fn ac_information(software: ImageVersion, hardware: ImageVersion) -> Vec<SubElement> {
    vec![version(cisco::AC_SOFTWARE, software), version(cisco::AC_HARDWARE, hardware)]
}

/// A version in this dialect: four octets, or text where a number does not fit one.
pub fn version(kind: u16, version: ImageVersion) -> SubElement {
    let octets: Result<Vec<u8>, _> = version.0.iter().map(|n| u8::try_from(*n)).collect();
    SubElement { vendor: CISCO, kind, data: octets.unwrap_or_else(|_| version.to_string().into_bytes()) }
}

/// What a Discovery Request of this dialect carries behind the RFC's elements: board data options, and the AP's name.
pub fn discovery_request_extras(name: &str) -> Vec<Element> {
    let vendor = |element, data| Element::VendorSpecific { vendor: CISCO, element, data };
    vec![vendor(cisco::BOARD_DATA_OPTIONS, vec![1, 0, 0, 1]), vendor(cisco::AP_NAME, name.as_bytes().to_vec())]
}

/// What a Discovery Response of this dialect carries beside the RFC's elements: controller type and time.
pub fn discovery_extras(at: Timestamp) -> Vec<Element> {
    let seconds = at.0.div_euclid(1_000_000) as u32;
    let [a, b, c, d] = seconds.to_be_bytes();
    let vendor = |element, data| Element::VendorSpecific { vendor: CISCO, element, data };
    vec![vendor(cisco::CONTROLLER_TYPE, vec![0]), vendor(cisco::AP_TIME_SYNC, vec![a, b, c, d, 0])]
}

/// The checksum of a block in this dialect: the ones' complement of the ones'-complement sum of its 16-bit words, an
/// odd octet counted as the upper half of one.
pub fn checksum(block: &[u8]) -> u16 {
    let mut sum: u64 = block.chunks(2).map(|w| u64::from(w[0]) << 8 | w.get(1).map_or(0, |b| u64::from(*b))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests;
