use super::*;
use crate::capwap::control::MessageType;
use crate::capwap::element::wtp::descriptor;
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
        information: ac_information(ImageVersion([7, 5, 102, 0]), ImageVersion([1, 0, 0, 1])),
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

#[test]
fn a_bare_name_comes_back_as_it_was_sent() {
    for name in ["/c1130", "ap3g2", "ap1", "c1", "ap1g8"] {
        let sent = request(vec![bare_image_identifier(name)]);
        let read = Message::parse(&sent.encode()).expect("a message");
        assert_eq!(image_name(&read).as_deref(), Some(name));
    }
}

proptest::proptest! {
    #[test]
    fn a_version_is_four_octets_where_they_hold_it_and_reads_back(numbers in proptest::array::uniform4(0..400_u32)) {
        let wanted = ImageVersion(numbers);
        let element = version(descriptor::ACTIVE, wanted);
        proptest::prop_assert_eq!(element.data.len() == 4, numbers.iter().all(|n| *n < 256));
        // Four octets that are all printable are read as text: such a version is no release that was ever made.
        if !element.data.iter().all(u8::is_ascii_graphic) || element.data.len() != 4 {
            proptest::prop_assert_eq!(element.version(), wanted.to_string());
        }
    }

    #[test]
    fn discovery_in_this_dialect_survives_the_wire(name in "[A-Za-z0-9.]{1,32}", seconds in 0..u32::MAX, limits: (u16, u16)) {
        let descriptor = WtpDescriptor {
            max_radios: 2,
            radios_in_use: 2,
            encryption: Encryption::Draft(limits.0 & 0xff),
            versions: vec![version(descriptor::HARDWARE, ImageVersion([1, 0, 0, 0]))],
        };
        let mut asked = vec![Element::WtpDescriptor(descriptor)];
        asked.extend(discovery_request_extras(&name));
        let asked = Message::new(MessageType::DiscoveryRequest, 7, asked);
        let read = Message::parse(&asked.encode()).expect("a message");
        proptest::prop_assert_eq!(&read, &asked);
        proptest::prop_assert_eq!(ap_name(&read), Some(name));

        let mut answered = discovery_extras(Timestamp(i64::from(seconds) * 1_000_000));
        answered.push(backup_element(ImageVersion([7, 4, 1, 0])));
        let answered = Message::new(MessageType::DiscoveryResponse, 7, answered);
        let read = Message::parse(&answered.encode()).expect("a message");
        proptest::prop_assert_eq!(&read, &answered);
        proptest::prop_assert_eq!(Dialect::of(&read), Dialect::Cisco);
        proptest::prop_assert_eq!(backup_version(&read), Some("7.4.1.0".to_owned()));
    }
}
