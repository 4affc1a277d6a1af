use proptest::prelude::*;

use super::*;
use crate::capwap::element::{EcnSupport, ResultCode};

#[test]
fn the_length_counts_itself_and_the_flags() {
    let message = Message::new(MessageType::EchoRequest, 0x41, vec![]);
    assert_eq!(message.encode(), [0, 0, 0, 13, 0x41, 0, 3, 0]);
    let message = Message::new(MessageType::JoinResponse, 7, vec![Element::ResultCode(ResultCode::Success)]);
    assert_eq!(message.encode(), [0, 0, 0, 4, 7, 0, 11, 0, 0, 33, 0, 4, 0, 0, 0, 0]);
}

#[test]
fn every_request_has_the_response_of_the_next_number() {
    for request in MessageType::ALL.iter().filter(|t| t.is_request()) {
        let response = request.response().expect("a response");
        assert_eq!(response.code(), request.code() + 1);
        assert_eq!(response.name(), request.name().replace("Request", "Response"));
        assert_eq!(response.response(), None);
    }
    assert_eq!(MessageType::Unknown(27).response(), Some(MessageType::Unknown(28)));
    assert_eq!(MessageType::Unknown(u32::MAX).response(), None);
    assert_eq!(MessageType::WlanConfigurationRequest.enterprise(), 13_277);
}

#[test]
fn broken_framing_is_refused_by_name() {
    let parse = Message::parse;
    assert_eq!(parse(&[0; 7]), Err(ParseError::Truncated { got: 7 }));
    assert_eq!(parse(&[0, 0, 0, 1, 0, 0, 2, 0]), Err(ParseError::LengthTooSmall(2)));
    assert_eq!(parse(&[0, 0, 0, 1, 0, 0, 9, 0, 1, 2]), Err(ParseError::ElementsCut { claimed: 6, available: 2 }));
    assert_eq!(parse(&[0, 0, 0, 1, 0, 0, 6, 0, 0, 20, 0]), Err(ParseError::ElementHeaderCut(3)));
    assert_eq!(
        parse(&[0, 0, 0, 1, 0, 0, 8, 0, 0, 20, 0, 2, 1]),
        Err(ParseError::ElementCut { element_type: 20, claimed: 2, available: 1 })
    );
}

#[test]
fn octets_behind_the_length_are_no_part_of_the_message() {
    let message = Message::parse(&[0, 0, 0, 14, 5, 0, 3, 0, 0xde, 0xad]).expect("an Echo Response");
    assert_eq!(message, Message::new(MessageType::EchoResponse, 5, vec![]));
}

#[test]
fn a_message_of_too_many_elements_is_refused() {
    let with = |n: usize| Message::new(MessageType::EchoRequest, 0, vec![Element::InitiateDownload; n]).encode();
    assert!(Message::parse(&with(MAX_ELEMENTS)).is_ok());
    assert_eq!(Message::parse(&with(MAX_ELEMENTS + 1)), Err(ParseError::TooManyElements));
}

#[test]
fn a_fragment_is_no_message() {
    let mut packet = Message::new(MessageType::EchoRequest, 0, vec![]).to_packet();
    packet[3] |= 0x80;
    packet[5] = 9;
    assert_eq!(Message::from_packet(&packet), Err(PacketError::Fragment { id: 9 }));
}

#[test]
fn sequence_numbers_are_ordered_modulo_256_as_the_rfc_says() {
    for s1 in 0..=255u8 {
        for s2 in 0..=255u8 {
            let smaller = (s1 < s2 && s2 - s1 < 128) || (s1 > s2 && s1 - s2 > 128);
            assert_eq!(compare_seq(s1, s2) == Ordering::Less, smaller, "{s1} {s2}");
            assert_eq!(compare_seq(s1, s2) == Ordering::Equal, s1 == s2);
        }
    }
}

#[test]
fn what_a_join_request_lacks_is_told_in_the_rfcs_order() {
    let empty = Message::new(MessageType::JoinRequest, 1, vec![]);
    let mut all = mandatory(MessageType::JoinRequest).to_vec();
    all.push(ElementType::LocalIpv4Address);
    assert_eq!(empty.missing(), all);
    let v6 = Message::new(
        MessageType::JoinRequest,
        1,
        vec![Element::LocalIpv6Address("::1".parse().expect("an address")), Element::EcnSupport(EcnSupport::Limited)],
    );
    assert!(!v6.missing().contains(&ElementType::LocalIpv4Address));
    assert!(!v6.missing().contains(&ElementType::EcnSupport));
}

#[test]
fn a_mandatory_element_that_cannot_be_read_is_missing() {
    let malformed = Element::Malformed { element_type: ElementType::ResultCode, value: vec![1] };
    let message = Message::new(MessageType::ConfigurationUpdateResponse, 1, vec![malformed]);
    assert_eq!(message.missing(), [ElementType::ResultCode]);
}

#[test]
fn a_response_answers_its_request_and_no_response() {
    let request = Message::new(MessageType::EchoRequest, 77, vec![]);
    let response = request.response(vec![]).expect("a response");
    assert_eq!((response.message_type, response.seq), (MessageType::EchoResponse, 77));
    assert_eq!(response.response(vec![]), None);
}

proptest! {
    #[test]
    fn arbitrary_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Message::parse(&octets);
        let _ = Message::from_packet(&octets);
    }

    #[test]
    fn a_message_of_arbitrary_elements_comes_back_octet_for_octet(
        message_type in any::<u32>(),
        seq in any::<u8>(),
        elements in prop::collection::vec((0..60u16, prop::collection::vec(any::<u8>(), 0..24)), 0..12),
    ) {
        let mut body = Vec::new();
        for (element_type, value) in &elements {
            body.extend_from_slice(&element_type.to_be_bytes());
            body.extend_from_slice(&(value.len() as u16).to_be_bytes());
            body.extend_from_slice(value);
        }
        let mut octets = message_type.to_be_bytes().to_vec();
        octets.push(seq);
        octets.extend_from_slice(&(body.len() as u16 + 3).to_be_bytes());
        octets.push(0);
        octets.extend_from_slice(&body);

        let message = Message::parse(&octets).expect("the framing is whole");
        prop_assert_eq!(message.elements.len(), elements.len());
        prop_assert_eq!(message.encode(), octets);
        prop_assert_eq!(Message::from_packet(&message.to_packet()), Ok(message));
    }
}
