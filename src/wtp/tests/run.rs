//! What a WTP does in Run: it shows that it lives, tells what happens, and does as it is told.

use super::*;
use crate::capwap::element::transfer::{DataTransferMode, DataTransferType};
use crate::capwap::element_type::ElementType;
use crate::capwap::fragment;
use crate::capwap::header::Header;
use crate::wtp::WtpTimers;

#[test]
fn an_echo_goes_out_every_thirty_seconds_and_the_data_channel_is_kept_alive() {
    let mut t = Stage::running(config());
    let began = t.now.wall;
    let mut echoes = Vec::new();
    let mut kept = Vec::new();
    while t.elapsed_since(began) < Duration::from_secs(100) {
        match t.told() {
            Told::Message(message) => {
                assert_eq!(message.message_type, MessageType::EchoRequest);
                echoes.push(t.elapsed_since(began).as_secs());
                t.answer(&message, Vec::new());
            }
            Told::KeepAlive(bytes) => {
                kept.push(t.elapsed_since(began).as_secs());
                t.give(WtpInput::Data { bytes: &bytes });
            }
            Told::Goodbye => panic!("the session ended"),
        }
    }
    assert_eq!((echoes, kept), (vec![30, 60, 90, 120], vec![30, 60, 90]));
}

#[test]
fn an_ac_that_answers_nothing_is_dead_after_five_repetitions() {
    let mut t = Stage::running(config());
    let echo = t.recv(MessageType::EchoRequest);
    let began = t.now.wall;
    let mut sends = 0;
    loop {
        match t.told() {
            Told::Message(again) => {
                assert_eq!(again, echo);
                sends += 1;
            }
            Told::KeepAlive(bytes) => t.give(WtpInput::Data { bytes: &bytes }),
            Told::Goodbye => break,
        }
    }
    assert_eq!(sends, 5);
    assert_eq!(t.elapsed_since(began).as_secs(), 3 + 6 + 12 + 15 + 15 + 15);
    assert_eq!(t.wtp.state(), WtpState::DtlsTeardown);
}

#[test]
fn a_dead_data_channel_ends_the_session_after_a_minute() {
    let mut t = Stage::running(config());
    let bytes = loop {
        match t.told() {
            Told::KeepAlive(bytes) => break bytes,
            Told::Message(echo) => t.answer(&echo, Vec::new()),
            Told::Goodbye => panic!("the session ended"),
        }
    };
    let began = t.now.wall;
    let mut repeated = 0;
    loop {
        match t.told() {
            Told::KeepAlive(again) => {
                assert_eq!(again, bytes);
                repeated += 1;
            }
            Told::Message(echo) => t.answer(&echo, Vec::new()),
            Told::Goodbye => break,
        }
    }
    assert_eq!(t.elapsed_since(began), WtpTimers::default().data_dead);
    assert!(repeated >= 3, "a Keep-Alive is repeated like a request, not {repeated} times");
}

#[test]
fn a_keep_alive_of_another_session_keeps_nothing_alive() {
    let mut t = Stage::joined(config(), None);
    let request = t.recv(MessageType::ConfigurationStatusRequest);
    t.answer(&request, Vec::new());
    let request = t.recv(MessageType::ChangeStateEventRequest);
    t.answer(&request, Vec::new());
    let mut foreign = t.recv_keep_alive().to_vec();
    *foreign.last_mut().expect("octets") ^= 1;
    t.give(WtpInput::Data { bytes: &foreign });
    let began = t.now.wall;
    t.recv_keep_alive();
    assert_eq!(t.elapsed_since(began), Duration::from_secs(3));
}

#[test]
fn a_lost_session_is_set_up_again_with_the_same_ac() {
    let mut t = Stage::running(config());
    t.give(WtpInput::Closed);
    assert_eq!(t.wtp.state(), WtpState::DtlsTeardown);
    t.expect(&WtpEffect::Connect { to: ac() });
    t.join(None);
    t.configure();
    assert_eq!(t.wtp.counters().failures, 1);
}

#[test]
fn an_event_is_told_in_run_and_waits_for_the_request_before_it() {
    let mut t = Stage::running(config());
    t.give(WtpInput::Event);
    t.give(WtpInput::Event);
    let first = t.recv(MessageType::WtpEventRequest);
    assert!(first.has(ElementType::WtpRadioStatistics));
    t.nothing_happens();
    t.answer(&first, Vec::new());
    let second = t.recv(MessageType::WtpEventRequest);
    assert_eq!(second.seq, first.seq.wrapping_add(1));
}

#[test]
fn events_of_its_own_come_irregularly() {
    let mean = Duration::from_secs(20);
    let mut t = Stage::running(with(Knobs { events: Some(mean), ..Knobs::default() }));
    let mut at = Vec::new();
    while at.len() < 20 {
        match t.told() {
            Told::Message(message) => {
                if message.message_type == MessageType::WtpEventRequest {
                    at.push(t.now.wall);
                }
                t.answer(&message, Vec::new());
            }
            Told::KeepAlive(bytes) => t.give(WtpInput::Data { bytes: &bytes }),
            Told::Goodbye => panic!("the session ended"),
        }
    }
    let gaps: Vec<_> = at.windows(2).map(|w| w[1].since(w[0])).collect();
    assert!(gaps.iter().all(|gap| (mean / 10..mean * 2).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().max() > gaps.iter().min());
}

#[test]
fn a_crash_log_is_sent_in_pieces_once_it_runs_and_again_when_asked_for() {
    let log: Vec<u8> = (0..2_500u32).map(|n| n as u8).collect();
    let mut t = Stage::running(with(Knobs { crash_log: Some(log.clone()), ..Knobs::default() }));
    for asked in [false, true] {
        if asked {
            t.ask(MessageType::DataTransferRequest, vec![Element::DataTransferMode(DataTransferMode::CrashData)]);
            assert_eq!(t.recv_result(MessageType::DataTransferResponse), ResultCode::Success);
        }
        let mut got = Vec::new();
        for last in [false, false, true] {
            let request = t.recv(MessageType::DataTransferRequest);
            let [Element::DataTransferData(piece)] = request.elements.as_slice() else { panic!("{request:?}") };
            assert_eq!(piece.kind == DataTransferType::Last, last);
            got.extend_from_slice(&piece.data);
            t.answer(&request, vec![success()]);
        }
        assert_eq!(got, log);
        t.nothing_happens();
    }
}

#[test]
fn a_wtp_that_never_crashed_has_nothing_to_transfer() {
    let mut t = Stage::running(config());
    t.ask(MessageType::DataTransferRequest, vec![Element::DataTransferMode(DataTransferMode::CrashData)]);
    assert_eq!(t.recv_result(MessageType::DataTransferResponse), ResultCode::NoInformationToTransfer);
}

#[test]
fn a_reset_request_is_answered_and_answered_again_until_the_ac_ends_the_session() {
    let mut t = Stage::running(config());
    let packet = t.ask(MessageType::ResetRequest, vec![identifier("")]);
    assert_eq!(t.recv_result(MessageType::ResetResponse), ResultCode::Success);
    t.wait(Duration::from_secs(1));
    t.give(WtpInput::Message { bytes: &packet });
    assert_eq!(t.recv_result(MessageType::ResetResponse), ResultCode::Success);
    t.give(WtpInput::Closed);
    assert_eq!(t.wtp.state(), WtpState::Booting);
    t.discover();
    assert_eq!(t.wtp.active_version(), version(OLD));
}

#[test]
fn an_ac_that_does_not_end_the_session_after_a_reset_is_not_waited_for_longer_than_five_seconds() {
    let mut t = Stage::running(config());
    t.ask(MessageType::ResetRequest, vec![identifier("ap1g8 8.10.130.0")]);
    t.recv_result(MessageType::ResetResponse);
    let began = t.now.wall;
    t.expect(&WtpEffect::Disconnect);
    assert_eq!(t.elapsed_since(began), Duration::from_secs(5));
    t.discover();
    assert_eq!(t.wtp.active_version(), version(OLDER));
}

#[test]
fn a_reset_into_an_image_that_it_does_not_hold_restarts_it_as_it_is_and_says_so() {
    let mut t = Stage::running(config());
    t.ask(MessageType::ResetRequest, vec![identifier("ap1g8 17.9.4.27")]);
    assert_eq!(t.recv_result(MessageType::ResetResponse), ResultCode::ResetFirmwareWriteError);
    t.give(WtpInput::Closed);
    t.discover();
    assert_eq!(t.wtp.active_version(), version(OLD));
}

#[test]
fn a_reset_request_outside_run_is_unexpected() {
    let mut t = Stage::joined(config(), None);
    t.recv(MessageType::ConfigurationStatusRequest);
    t.ask(MessageType::ResetRequest, vec![identifier("")]);
    assert_eq!(t.recv_result(MessageType::ResetResponse), ResultCode::UnexpectedInState);
    assert_eq!(t.wtp.state(), WtpState::Configure);
}

#[test]
fn a_request_of_an_unknown_type_is_answered_with_the_next_number() {
    let mut t = Stage::running(config());
    t.ask(MessageType::from(4711), Vec::new());
    assert_eq!(t.recv_result(MessageType::from(4712)), ResultCode::UnrecognizedRequest);
    t.give(WtpInput::Message { bytes: &Message::new(MessageType::from(4714), 9, Vec::new()).to_packet() });
    t.nothing_happens();
}

#[test]
fn a_configuration_update_may_rename_the_wtp() {
    let mut t = Stage::running(config());
    t.ask(MessageType::ConfigurationUpdateRequest, vec![Element::WtpName("lobby".to_owned())]);
    assert_eq!(t.recv_result(MessageType::ConfigurationUpdateResponse), ResultCode::Success);
    assert_eq!(t.wtp.config().name, "lobby");
}

#[test]
fn a_fragmented_request_is_put_together() {
    let mut t = Stage::running(config());
    let location = "x".repeat(600);
    let message =
        Message::new(MessageType::ConfigurationUpdateRequest, 0, vec![Element::LocationData(location.clone())]);
    let packets = fragment::split(&Header::control(), &message.encode(), 7, 256).expect("fragments");
    assert!(packets.len() > 2);
    for packet in packets.iter().rev() {
        t.nothing_happens();
        t.give(WtpInput::Message { bytes: packet });
    }
    t.recv(MessageType::ConfigurationUpdateResponse);
    assert_eq!(t.wtp.config().location, location);
}

#[test]
fn noise_in_a_session_is_counted_and_nothing_else() {
    let mut t = Stage::running(config());
    for noise in [&b""[..], b"\0", b"\x10\x10\x02\0\0\0\0\0", b"\0\x10\x02\0\0\0\0\0\0\0\0\x0f\0\xff\xff\0"] {
        t.give(WtpInput::Message { bytes: noise });
        t.give(WtpInput::Data { bytes: noise });
    }
    t.nothing_happens();
    assert_eq!((t.wtp.state(), t.wtp.counters().malformed), (WtpState::Run, 4));
}

#[test]
fn power_cut_by_hand_vanishes_without_a_word_and_power_brings_it_back() {
    let mut t = Stage::running(config());
    t.give(WtpInput::PowerCut);
    t.expect(&WtpEffect::Vanish);
    assert_eq!((t.wtp.state(), t.wtp.deadline()), (WtpState::Off, None));
    t.give(WtpInput::Closed);
    t.give(WtpInput::PowerOn);
    assert_eq!(t.wtp.state(), WtpState::Booting);
    t.discover();
    t.join(None);
    t.configure();
}
