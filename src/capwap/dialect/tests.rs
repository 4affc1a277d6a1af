use super::*;
use crate::capwap::control::MessageType;
use crate::capwap::element::{AcDescriptor, RMacField, WtpDescriptor};

fn request(elements: Vec<Element>) -> Message {
    Message::new(MessageType::ImageDataRequest, 1, elements)
}

fn vendor(element: u16, data: &[u8]) -> Element {
    Element::VendorSpecific { vendor: CISCO, element, data: data.to_vec() }
}

#[test]
fn a_message_of_the_rfcs_elements_is_the_rfcs() {
    assert_eq!(Dialect::of(&request(vec![Element::InitiateDownload])), Dialect::Rfc);
    let other = Element::VendorSpecific { vendor: 12_356, element: 5, data: vec![] };
    assert_eq!(Dialect::of(&request(vec![other])), Dialect::Rfc);
}

#[test]
fn a_draft_descriptor_or_a_vendors_version_tells_the_dialect() {
    let draft = WtpDescriptor { max_radios: 2, radios_in_use: 2, encryption: Encryption::Draft(1), versions: vec![] };
    assert_eq!(Dialect::of(&request(vec![Element::WtpDescriptor(draft)])), Dialect::Cisco);
    let controller = AcDescriptor {
        stations: 0,
        limit: 1000,
        active_wtps: 0,
        max_wtps: 5,
        security: 2,
        r_mac: RMacField::Supported,
        reserved: 0,
        dtls_policy: 3,
        information: ac_information([7, 5, 102, 0], [1, 0, 0, 1]),
    };
    assert_eq!(controller.software().as_deref(), Some("7.5.102.0"));
    assert_eq!(controller.hardware().as_deref(), Some("1.0.0.1"));
    assert_eq!(Dialect::of(&request(vec![Element::AcDescriptor(controller)])), Dialect::Cisco);
}

#[test]
fn name_and_backup_version_come_from_vendor_elements() {
    let message = request(vec![vendor(cisco::BACKUP_VERSION, &[7, 4, 1, 0]), vendor(cisco::AP_NAME, b"APb838\0")]);
    assert_eq!(ap_name(&message).as_deref(), Some("APb838"));
    assert_eq!(backup_version(&message).as_deref(), Some("7.4.1.0"));
    assert_eq!(Dialect::of(&message), Dialect::Cisco);
}

#[test]
fn an_image_is_named_with_and_without_a_vendor_id() {
    let named = |octets: &[u8]| image_name(&request(vec![Element::parse(25, octets)]));
    assert_eq!(named(b"/c1130").as_deref(), Some("/c1130"));
    assert_eq!(named(b"ap3g2").as_deref(), Some("ap3g2"));
    assert_eq!(named(b"\0\x40\x96\0ap3g2").as_deref(), Some("ap3g2"));
    assert_eq!(named(b"\0\0\0\x0917.9.4.27").as_deref(), Some("17.9.4.27"));
    assert_eq!(named(b"c1").as_deref(), Some("c1"));
    assert_eq!(named(b""), None);
}

#[test]
fn a_discovery_response_carries_the_time_in_seconds() {
    let extras = discovery_extras(Timestamp(0x54c7_045f * 1_000_000));
    assert_eq!(extras, [vendor(208, &[0]), vendor(151, &[0x54, 0xc7, 0x04, 0x5f, 0])]);
}

#[test]
fn a_block_and_its_checksum_sum_to_all_ones() {
    assert_eq!(checksum(&[]), 0xffff);
    assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), 0x220d);
    assert_eq!(checksum(&[0xab]), !0xab00);
    assert_eq!(checksum(&[0xff; 2000]), 0);
}
