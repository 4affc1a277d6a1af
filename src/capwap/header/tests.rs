use proptest::prelude::*;

use super::*;

fn encoded(header: &Header) -> Vec<u8> {
    let mut out = Vec::new();
    header.encode(&mut out);
    out
}

#[test]
fn a_control_message_has_a_header_of_two_words_and_binding_one() {
    assert_eq!(encoded(&Header::control()), [0, 0x10, 0x02, 0, 0, 0, 0, 0]);
}

#[test]
fn a_real_header_with_a_radio_mac_and_odd_padding_comes_back_as_it_was() {
    let packet = [0x00, 0x20, 0x02, 0x10, 0, 0, 0, 0, 0x06, 0x58, 0x0a, 0x20, 0x69, 0x0e, 0x20, 0xe8, 0xaa];
    let (header, payload) = Header::parse(&packet).expect("a header");
    assert_eq!(payload, [0xaa]);
    assert_eq!(header.radio_mac(), Some([0x58, 0x0a, 0x20, 0x69, 0x0e, 0x20].as_slice()));
    assert_eq!(encoded(&header), packet[..16]);
}

#[test]
fn a_preamble_of_type_one_is_dtls() {
    assert_eq!(Packet::parse(&[1, 0, 0, 0, 22, 254]), Ok(Packet::Dtls(&[22, 254])));
    assert_eq!(Packet::parse(&[1, 0]), Err(HeaderError::Truncated { needed: 4, got: 2 }));
}

#[test]
fn another_version_or_payload_type_is_refused_by_name() {
    assert_eq!(Packet::parse(&[0x10, 0x10, 0, 0, 0, 0, 0, 0]), Err(HeaderError::Version(1)));
    assert_eq!(Packet::parse(&[0x02, 0x10, 0, 0, 0, 0, 0, 0]), Err(HeaderError::PayloadType(2)));
    assert_eq!(Header::parse(&[0x01, 0x10, 0, 0, 0, 0, 0, 0]), Err(HeaderError::PayloadType(1)));
}

#[test]
fn a_header_length_that_lies_is_refused() {
    assert_eq!(Header::parse(&[0, 0x08, 0, 0, 0, 0, 0, 0]), Err(HeaderError::HeaderLength(1)));
    assert_eq!(Header::parse(&[0, 0x18, 0, 0, 0, 0, 0, 0]), Err(HeaderError::Truncated { needed: 12, got: 8 }));
}

#[test]
fn an_optional_part_that_runs_out_of_the_header_is_not_given_out() {
    let (header, _) = Header::parse(&[0, 0x18, 0x02, 0x30, 0, 0, 0, 0, 9, 1, 2, 3]).expect("a header");
    assert_eq!(header.radio_mac(), None);
    assert_eq!(header.wireless_info(), None);
}

#[test]
fn optional_parts_that_do_not_fit_are_refused() {
    assert!(Header::control().with_options(Some(&[0; 6]), Some(&[0; 107])).is_some());
    assert!(Header::control().with_options(Some(&[0; 6]), Some(&[0; 108])).is_none());
    assert!(Header::control().with_options(None, Some(&[0; 256])).is_none());
}

proptest! {
    #[test]
    fn a_header_in_any_octets_is_written_as_it_was_read(packet in arbitrary_packet()) {
        if let Ok((header, payload)) = Header::parse(&packet) {
            let mut again = encoded(&header);
            prop_assert_eq!(again.len(), header.octets());
            again.extend_from_slice(payload);
            prop_assert_eq!(again, packet);
            let _ = (header.radio_mac(), header.wireless_info());
        }
    }

    #[test]
    fn optional_parts_are_found_again(mac in proptest::option::of(prop::collection::vec(any::<u8>(), 0..9)),
                                      info in proptest::option::of(prop::collection::vec(any::<u8>(), 0..40))) {
        let header = Header::control().with_options(mac.as_deref(), info.as_deref()).expect("they fit");
        let octets = encoded(&header);
        let (again, payload) = Header::parse(&octets).expect("a header");
        prop_assert_eq!(payload, &[] as &[u8]);
        prop_assert_eq!(again.radio_mac(), mac.as_deref());
        prop_assert_eq!(again.wireless_info(), info.as_deref());
    }
}

/// Octets of which most begin with a preamble that is understood.
fn arbitrary_packet() -> impl Strategy<Value = Vec<u8>> {
    (prop_oneof![4 => Just(0u8), 1 => any::<u8>()], prop::collection::vec(any::<u8>(), 0..160)).prop_map(
        |(first, rest)| {
            let mut packet = vec![first];
            packet.extend(rest);
            packet
        },
    )
}
