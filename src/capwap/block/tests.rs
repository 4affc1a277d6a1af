use proptest::prelude::*;

use super::*;
use crate::capwap::control::Message;
use crate::capwap::element::{Element, ImageData};

fn spliced(seq: u8, opcode: ImageDataOpcode, data: &[u8]) -> Vec<u8> {
    let mut packet = image_block_prefix(seq, opcode, data.len() as u16).to_vec();
    packet.extend_from_slice(data);
    packet
}

#[test]
fn the_largest_block_that_a_length_can_say_still_encodes() {
    let prefix = image_block_prefix(0, ImageDataOpcode::Data, MAX_BLOCK);
    assert_eq!(prefix[13..15], [0xff, 0xff]);
}

#[test]
fn a_block_in_another_message_is_no_block() {
    let mut packet = spliced(1, ImageDataOpcode::Data, &[1, 2, 3]);
    packet[11] = 16;
    assert_eq!(parse_image_block(&packet), None);
}

#[test]
fn a_fragment_is_no_block() {
    let mut packet = spliced(1, ImageDataOpcode::Data, &[1, 2, 3]);
    packet[3] |= 0x80;
    assert_eq!(parse_image_block(&packet), None);
}

#[test]
fn a_result_code_of_another_length_is_no_acknowledgement() {
    let malformed = Element::Malformed { element_type: ElementType::ResultCode, value: vec![0; 5] };
    let message = Message::new(MessageType::ImageDataResponse, 3, vec![malformed]);
    assert_eq!(parse_image_ack(&message.to_packet()), None);
}

proptest! {
    #[test]
    fn a_spliced_block_is_the_message_that_it_stands_for(
        seq in any::<u8>(),
        code in any::<u8>(),
        data in prop::collection::vec(any::<u8>(), 0..1500),
    ) {
        let opcode = ImageDataOpcode::from(code);
        let element = Element::ImageData(ImageData { opcode, data: data.clone() });
        let message = Message::new(MessageType::ImageDataRequest, seq, vec![element]);
        let packet = spliced(seq, opcode, &data);
        prop_assert_eq!(&message.to_packet(), &packet);
        prop_assert_eq!(parse_image_block(&packet), Some(ImageBlock { seq, opcode, data: &data }));
    }

    #[test]
    fn an_acknowledgement_is_the_message_that_it_stands_for(seq in any::<u8>(), code in any::<u32>()) {
        let result = ResultCode::from(code);
        let message = Message::new(MessageType::ImageDataResponse, seq, vec![Element::ResultCode(result)]);
        let packet = image_ack(seq, result);
        prop_assert_eq!(&message.to_packet(), &packet);
        prop_assert_eq!(parse_image_ack(&packet), Some(ImageAck { seq, result }));
    }

    #[test]
    fn a_block_is_found_only_in_what_parses_as_a_message(octets in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut packet = spliced(1, ImageDataOpcode::Data, &[]);
        packet.truncate(12);
        packet.extend(octets);
        if parse_image_block(&packet).is_some() {
            prop_assert!(Message::from_packet(&packet).is_ok());
        }
    }
}
