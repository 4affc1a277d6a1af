//! Image downloads at join and in Run, and everything that can be wrong with one.

use super::*;
use crate::capwap::digest::{self, ImageDigest};
use crate::capwap::element_type::ElementType;
use crate::capwap::particulars::{self, ReasonKind};
use crate::wtp::{Digests, FlashDamage, FlashMoment, PowerCut, WtpTimers};
use capledger_schema::id::Sha256;

const NAMED: &str = "ap1g8 17.9.4.27";

fn new_image() -> Vec<u8> {
    image("ap1g8", NEW, 65_536)
}

/// A WTP that has asked for the new image and was told its digest.
fn downloading(config: WtpConfig, image: &[u8]) -> Stage {
    let mut t = Stage::joined(config, Some(NAMED));
    t.accept_image_request(vec![information(image)]);
    t
}

/// The image is sent and refused; what the WTP says, and that it keeps what it had.
fn refused(mut t: Stage, image: &[u8]) -> (ResultCode, Stage) {
    let code = t.send_image(image, 1_024);
    assert_eq!((t.wtp.active_version(), t.wtp.backup_version()), (version(OLD), Some(version(OLDER))));
    assert_eq!(t.wtp.counters().images_stored, 0);
    (code, t)
}

#[test]
fn a_wtp_fetches_the_named_image_at_join_and_comes_back_with_it() {
    let image = new_image();
    let mut t = Stage::joined(config(), Some(NAMED));
    assert_eq!(t.wtp.state(), WtpState::ImageData);
    let request = t.accept_image_request(vec![information(&image)]);
    assert_eq!(request.elements[..2], [identifier(NAMED), Element::InitiateDownload]);
    assert_eq!(t.send_image(&image, 1_024), ResultCode::Success);
    assert_eq!(t.wtp.state(), WtpState::Reset);
    assert_eq!(t.wtp.active_version(), version(OLD), "what runs does not change under it");
    t.expect(&WtpEffect::Disconnect);
    assert_eq!(t.wtp.state(), WtpState::Booting);
    t.discover();
    assert_eq!((t.wtp.active_version(), t.wtp.backup_version()), (version(NEW), Some(version(OLD))));
    let stored = t.wtp.active_image().expect("it was received").clone();
    assert_eq!((stored.md5, stored.octets, stored.family.as_str()), (md5(&image), 65_536, "ap1g8"));
    t.join(Some(NAMED));
    t.configure();
}

#[test]
fn a_lost_answer_to_the_last_block_is_sent_again_while_the_image_is_written() {
    let image = new_image();
    let mut t = downloading(config(), &image);
    let (head, last) = image.split_at(image.len() - 512);
    for data in head.chunks(1_024) {
        t.block(ImageDataOpcode::Data, data);
        t.recv_result(MessageType::ImageDataResponse);
    }
    let packet = t.block(ImageDataOpcode::Last, last);
    let answer = t.next();
    t.wait(Duration::from_secs(3));
    t.give(WtpInput::Message { bytes: &packet });
    t.expect(&answer);
    assert_eq!(t.wtp.counters().images_stored, 1);
    t.expect(&WtpEffect::Disconnect);
}

#[test]
fn a_repeated_block_is_answered_from_memory_and_an_old_one_is_ignored() {
    let image = new_image();
    let mut t = downloading(config(), &image);
    let zero = t.block(ImageDataOpcode::Data, &image[..1_024]);
    t.recv_result(MessageType::ImageDataResponse);
    let one = t.block(ImageDataOpcode::Data, &image[1_024..2_048]);
    let answer = t.next();
    t.give(WtpInput::Message { bytes: &one });
    t.expect(&answer);
    t.give(WtpInput::Message { bytes: &zero });
    t.nothing_happens();
    assert_eq!(t.wtp.progress(), Some((2_048, 2)));
    assert_eq!((t.wtp.counters().repeated, t.wtp.counters().stale), (1, 1));
}

#[test]
fn more_than_256_blocks_go_round_the_sequence_numbers() {
    let image = image("ap1g8", NEW, 200_000);
    let mut t = downloading(config(), &image);
    assert_eq!(t.send_image(&image, 300), ResultCode::Success);
    assert_eq!(t.wtp.counters().stale, 0);
}

#[test]
fn an_image_whose_md5_is_not_the_announced_one_is_refused_with_code_14() {
    let good = new_image();
    let mut bad = good.clone();
    bad[40_000] ^= 1;
    let (code, mut t) = refused(downloading(config(), &good), &bad);
    assert_eq!(code, ResultCode::ImageInvalidChecksum);
    // The AC ends the session; about three seconds later the WTP is back with what it had.
    t.give(WtpInput::Closed);
    t.expect(&WtpEffect::Connect { to: ac() });
    t.join(None);
    t.configure();
}

#[test]
fn a_wtp_that_refused_an_image_ends_the_session_itself_if_the_ac_does_not() {
    let good = new_image();
    let (_, mut t) = refused(downloading(config(), &good), &good[..60_000]);
    let began = t.now.wall;
    t.expect(&WtpEffect::Disconnect);
    assert_eq!(t.elapsed_since(began), WtpTimers::default().session_delete);
}

#[test]
fn an_image_of_another_length_than_the_announced_one_is_refused_with_code_15() {
    let image = new_image();
    let (code, _) = refused(downloading(config(), &image), &image[..60_000]);
    assert_eq!(code, ResultCode::ImageInvalidLength);
}

#[test]
fn an_image_of_another_family_is_refused_in_words() {
    let image = image("ap1g7", NEW, 65_536);
    let mut t = downloading(config(), &image);
    let (head, last) = image.split_at(65_000);
    for data in head.chunks(1_000) {
        t.block(ImageDataOpcode::Data, data);
        t.recv_result(MessageType::ImageDataResponse);
    }
    t.block(ImageDataOpcode::Last, last);
    let response = t.recv(MessageType::ImageDataResponse);
    assert_eq!(response.result_code(), Some(ResultCode::ImageOtherError));
    let why = particulars::find_reason(&response.elements).expect("a reason");
    assert_eq!(why.words, "an image of family ap1g7; this access point runs ap1g8");
}

#[test]
fn octets_that_are_no_image_are_refused() {
    let noise = vec![0x55; 50_000];
    let (code, _) = refused(downloading(config(), &noise), &noise);
    assert_eq!(code, ResultCode::ImageOtherError);
}

#[test]
fn digests_that_come_late_in_a_request_of_their_own_are_checked() {
    let image = new_image();
    for (sha256, expected) in [
        (Sha256(sha2::Sha256::digest(&image).into()), ResultCode::Success),
        (Sha256([7; 32]), ResultCode::ImageInvalidChecksum),
    ] {
        let mut t = Stage::joined(config(), Some(NAMED));
        t.accept_image_request(Vec::new());
        t.wait(Duration::from_secs(20));
        let digests = ImageDigest { sha256, md5: md5(&image), size: 65_536 };
        t.ask(MessageType::ImageDataRequest, vec![digest::element(&digests)]);
        assert_eq!(t.recv_result(MessageType::ImageDataResponse), ResultCode::Success);
        t.wait(Duration::from_secs(8));
        assert_eq!(t.recv(MessageType::EchoRequest).elements, []);
        assert_eq!(t.send_image(&image, 1_024), expected);
        assert_eq!(t.wtp.counters().images_stored, u64::from(expected == ResultCode::Success));
    }
}

#[test]
fn a_wtp_without_digests_believes_what_it_gets() {
    let good = new_image();
    let mut bad = good.clone();
    bad[40_000] ^= 1;
    let mut t = downloading(with(Knobs { digests: Digests::None, ..Knobs::default() }), &good);
    assert_eq!(t.send_image(&bad, 1_024), ResultCode::Success);
}

#[test]
fn a_bad_signature_is_found_after_the_last_block_and_refused_with_code_16() {
    let image = new_image();
    let t = downloading(with(Knobs { bad_signature: true, ..Knobs::default() }), &image);
    let (code, mut t) = refused(t, &image);
    assert_eq!(code, ResultCode::ImageOtherError);
    t.expect(&WtpEffect::Disconnect);
    t.expect(&WtpEffect::Connect { to: ac() });
}

/// The whole image in blocks; the answer to the last.
fn last_answer(t: &mut Stage, image: &[u8]) -> Message {
    let (head, last) = image.split_at(image.len() - 512);
    for data in head.chunks(1_024) {
        t.block(ImageDataOpcode::Data, data);
        t.recv_result(MessageType::ImageDataResponse);
    }
    t.block(ImageDataOpcode::Last, last);
    t.recv(MessageType::ImageDataResponse)
}

#[test]
fn a_bit_that_flips_as_it_is_written_is_found_when_the_flash_is_read_again() {
    let image = new_image();
    for at_octet in [0, 1_023, 1_024, 40_000, image.len() as u64 - 1] {
        let damage = FlashDamage { at_octet, bit: 3, when: FlashMoment::Written };
        let mut t = downloading(with(Knobs { flash_damage: Some(damage), ..Knobs::default() }), &image);
        let response = last_answer(&mut t, &image);
        assert_eq!(response.result_code(), Some(ResultCode::ImageOtherError), "{at_octet}");
        let why = particulars::find_reason(&response.elements).expect("a reason");
        assert_eq!(why.kind, ReasonKind::Verification);
        assert!(why.words.ends_with(&format!("{} was written", md5(&image))), "{}", why.words);
        assert_eq!((t.wtp.active_version(), t.wtp.backup_version()), (version(OLD), Some(version(OLDER))));
    }
}

#[test]
fn an_image_that_rots_after_it_was_verified_is_not_booted() {
    let image = new_image();
    let damage = FlashDamage { at_octet: 9, bit: 0, when: FlashMoment::AtRest };
    let mut t = downloading(with(Knobs { flash_damage: Some(damage), ..Knobs::default() }), &image);
    assert_eq!(t.send_image(&image, 1_024), ResultCode::Success);
    t.expect(&WtpEffect::Disconnect);
    t.discover();
    assert_eq!((t.wtp.active_version(), t.wtp.backup_version()), (version(OLD), None));
}

#[test]
fn a_full_flash_is_told_in_the_answer_to_the_first_block() {
    let image = new_image();
    let mut t = downloading(with(Knobs { flash_full: true, ..Knobs::default() }), &image);
    t.block(ImageDataOpcode::Data, &image[..1_024]);
    let response = t.recv(MessageType::ImageDataResponse);
    assert_eq!(response.result_code(), Some(ResultCode::ImageOtherError));
    let reason = particulars::find_reason(&response.elements).expect("a reason");
    assert_eq!((reason.kind, reason.words.as_str()), (ReasonKind::NoSpace, "no space for the image"));
    t.give(WtpInput::Closed);
    t.expect(&WtpEffect::Connect { to: ac() });
}

#[test]
fn a_slow_flash_delays_every_answer_and_a_repetition_in_between_has_none() {
    let image = new_image();
    let slow = Duration::from_millis(40);
    let mut t = downloading(with(Knobs { slow_flash: Some(slow), ..Knobs::default() }), &image);
    let began = t.now.wall;
    let packet = t.block(ImageDataOpcode::Data, &image[..1_024]);
    t.wait(slow / 2);
    t.give(WtpInput::Message { bytes: &packet });
    t.nothing_happens();
    t.recv_result(MessageType::ImageDataResponse);
    assert_eq!(t.elapsed_since(began), slow);
    t.give(WtpInput::Message { bytes: &packet });
    t.recv_result(MessageType::ImageDataResponse);
    assert_eq!(t.wtp.progress(), Some((1_024, 1)));
}

#[test]
fn an_image_that_does_not_start_within_thirty_seconds_ends_the_session() {
    let mut t = Stage::joined(config(), Some(NAMED));
    t.accept_image_request(Vec::new());
    let began = t.now.wall;
    // The Echo goes on during a download.
    let echo = t.recv(MessageType::EchoRequest);
    t.answer(&echo, Vec::new());
    t.expect(&WtpEffect::Disconnect);
    assert_eq!(t.elapsed_since(began), Duration::from_secs(30));
    t.expect(&WtpEffect::Connect { to: ac() });
    assert_eq!(t.elapsed_since(began), Duration::from_millis(32_800));
    assert_eq!(t.wtp.counters().images_failed, 1);
}

#[test]
fn a_transfer_that_stalls_between_two_blocks_ends_the_session_thirty_seconds_later() {
    let image = new_image();
    let mut t = downloading(config(), &image);
    t.block(ImageDataOpcode::Data, &image[..1_024]);
    t.recv_result(MessageType::ImageDataResponse);
    let began = t.now.wall;
    let echo = t.recv(MessageType::EchoRequest);
    t.answer(&echo, Vec::new());
    t.expect(&WtpEffect::Disconnect);
    assert_eq!(t.elapsed_since(began), Duration::from_secs(30));
}

#[test]
fn an_abort_by_the_ac_is_acknowledged_and_ends_the_session() {
    let image = new_image();
    let mut t = downloading(config(), &image);
    t.block(ImageDataOpcode::Abort, &[]);
    assert_eq!(t.recv_result(MessageType::ImageDataResponse), ResultCode::Success);
    t.expect(&WtpEffect::Disconnect);
}

#[test]
fn a_rejected_image_data_request_ends_the_session() {
    let mut t = Stage::joined(config(), Some(NAMED));
    let request = t.recv(MessageType::ImageDataRequest);
    t.answer(&request, vec![Element::ResultCode(ResultCode::ImageOtherError)]);
    t.expect(&WtpEffect::Disconnect);
}

#[test]
fn a_block_that_nobody_asked_for_is_unexpected() {
    let mut t = Stage::running(config());
    t.block(ImageDataOpcode::Data, b"x");
    assert_eq!(t.recv_result(MessageType::ImageDataResponse), ResultCode::UnexpectedInState);
    assert_eq!(t.wtp.progress(), None);
}

#[test]
fn when_the_answer_that_tells_the_digest_is_lost_the_last_block_waits_for_it() {
    let good = new_image();
    let mut bad = good.clone();
    bad[40_000] ^= 1;
    let mut t = Stage::joined(config(), Some(NAMED));
    let request = t.recv(MessageType::ImageDataRequest);
    // The AC has answered, but the answer is lost; the request is repeated as soon as a block shows that.
    t.block(ImageDataOpcode::Data, &bad[..60_000]);
    assert_eq!(t.recv(MessageType::ImageDataRequest), request);
    t.recv_result(MessageType::ImageDataResponse);
    let last = t.block(ImageDataOpcode::Last, &bad[60_000..]);
    assert_eq!(t.recv(MessageType::ImageDataRequest), request);
    t.give(WtpInput::Message { bytes: &last });
    assert_eq!(t.recv(MessageType::ImageDataRequest), request);
    t.answer(&request, vec![success(), information(&good)]);
    assert_eq!(t.recv_result(MessageType::ImageDataResponse), ResultCode::ImageInvalidChecksum);
}

#[test]
fn power_lost_in_mid_download_leaves_the_old_image_and_happens_once() {
    let image = new_image();
    let cut = PowerCut { at_octet: 10_000, lasts: Duration::from_secs(90) };
    let mut t = downloading(with(Knobs { power_cut: Some(cut), ..Knobs::default() }), &image);
    for data in image.chunks(1_024).take(10) {
        t.block(ImageDataOpcode::Data, data);
        if t.wtp.state() != WtpState::Off {
            t.recv_result(MessageType::ImageDataResponse);
        }
    }
    t.expect(&WtpEffect::Vanish);
    let began = t.now.wall;
    t.discover();
    assert!(t.elapsed_since(began) > cut.lasts);
    t.join(Some(NAMED));
    t.accept_image_request(vec![information(&image)]);
    assert_eq!(t.send_image(&image, 1_024), ResultCode::Success);
}

#[test]
fn octets_are_handed_out_in_order_with_a_verdict() {
    let image = new_image();
    let mut t = downloading(with(Knobs { hand_out_octets: true, ..Knobs::default() }), &image);
    let mut kept = Vec::new();
    let blocks = image.chunks(8_192);
    let count = blocks.len();
    for (n, data) in blocks.enumerate() {
        t.block(if n + 1 == count { ImageDataOpcode::Last } else { ImageDataOpcode::Data }, data);
        let effect = t.next();
        let WtpEffect::Store { offset, bytes } = effect else { panic!("octets expected: {effect:?}") };
        assert_eq!(offset, kept.len() as u64);
        kept.extend_from_slice(&bytes);
        if n + 1 == count {
            t.expect(&WtpEffect::StoreDone);
        }
        t.recv_result(MessageType::ImageDataResponse);
    }
    assert_eq!(kept, image);
}

#[test]
fn a_predownload_goes_to_the_backup_partition_while_the_wtp_serves() {
    let image = new_image();
    let mut t = Stage::running(config());
    t.ask(MessageType::ConfigurationUpdateRequest, vec![identifier(NAMED)]);
    assert_eq!(t.recv_result(MessageType::ConfigurationUpdateResponse), ResultCode::Success);
    t.accept_image_request(vec![information(&image)]);
    assert_eq!(t.send_image(&image, 1_024), ResultCode::Success);
    t.wait(Duration::from_secs(10));
    assert_eq!(t.wtp.state(), WtpState::Run);
    assert_eq!((t.wtp.active_version(), t.wtp.backup_version()), (version(OLD), Some(version(NEW))));
    // Named again, it is held already; then the reset activates it.
    t.ask(MessageType::ConfigurationUpdateRequest, vec![identifier(NAMED)]);
    assert_eq!(t.recv_result(MessageType::ConfigurationUpdateResponse), ResultCode::ImageAlreadyPresent);
    t.ask(MessageType::ResetRequest, vec![identifier(NAMED)]);
    assert_eq!(t.recv_result(MessageType::ResetResponse), ResultCode::Success);
    t.give(WtpInput::Closed);
    t.discover();
    assert_eq!((t.wtp.active_version(), t.wtp.backup_version()), (version(NEW), Some(version(OLD))));
}

#[test]
fn a_predownload_that_fails_leaves_the_wtp_serving() {
    let good = new_image();
    let mut bad = good.clone();
    bad[40_000] ^= 1;
    let mut t = Stage::running(config());
    t.ask(MessageType::ConfigurationUpdateRequest, vec![identifier(NAMED)]);
    t.recv_result(MessageType::ConfigurationUpdateResponse);
    t.accept_image_request(vec![information(&good)]);
    assert_eq!(t.send_image(&bad, 1_024), ResultCode::ImageInvalidChecksum);
    assert_eq!((t.wtp.state(), t.wtp.backup_version()), (WtpState::Run, Some(version(OLDER))));
    // And the next try is as good as the first.
    t.ask(MessageType::ConfigurationUpdateRequest, vec![identifier(NAMED)]);
    assert_eq!(t.recv_result(MessageType::ConfigurationUpdateResponse), ResultCode::Success);
    t.accept_image_request(vec![information(&good)]);
    assert_eq!(t.send_image(&good, 1_024), ResultCode::Success);
}

#[test]
fn a_predownload_that_never_starts_is_forgotten_and_the_wtp_serves_on() {
    let mut t = Stage::running(config());
    t.ask(MessageType::ConfigurationUpdateRequest, vec![identifier(NAMED)]);
    t.recv_result(MessageType::ConfigurationUpdateResponse);
    t.accept_image_request(Vec::new());
    t.wait(Duration::from_secs(31));
    assert_eq!((t.wtp.state(), t.wtp.progress()), (WtpState::Run, None));
}

#[test]
fn a_predownload_without_room_is_refused_at_once() {
    let mut t = Stage::running(with(Knobs { flash_full: true, ..Knobs::default() }));
    t.ask(MessageType::ConfigurationUpdateRequest, vec![identifier(NAMED)]);
    let response = t.recv(MessageType::ConfigurationUpdateResponse);
    assert_eq!(response.result_code(), Some(ResultCode::ImageOtherError));
    let reason = particulars::find_reason(&response.elements).expect("a reason");
    assert_eq!((reason.kind, reason.words.as_str()), (ReasonKind::NoSpace, "no space for the image"));
    assert_eq!(t.wtp.progress(), None);
}

#[test]
fn another_version_named_during_a_predownload_replaces_it() {
    let image = image("ap1g8", "17.12.1.5", 65_536);
    let mut t = Stage::running(config());
    t.ask(MessageType::ConfigurationUpdateRequest, vec![identifier(NAMED)]);
    t.recv_result(MessageType::ConfigurationUpdateResponse);
    t.accept_image_request(Vec::new());
    t.block(ImageDataOpcode::Data, &new_image()[..1_024]);
    t.recv_result(MessageType::ImageDataResponse);
    t.ask(MessageType::ConfigurationUpdateRequest, vec![identifier("ap1g8 17.12.1.5")]);
    assert_eq!(t.recv_result(MessageType::ConfigurationUpdateResponse), ResultCode::Success);
    let request = t.accept_image_request(vec![information(&image)]);
    assert!(request.has(ElementType::InitiateDownload));
    assert_eq!(t.send_image(&image, 1_024), ResultCode::Success);
    assert_eq!(t.wtp.backup_version(), Some(version("17.12.1.5")));
}
