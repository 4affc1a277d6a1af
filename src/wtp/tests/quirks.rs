//! What WTPs do otherwise than RFC 5415 has it, and the older dialect.

use super::*;
use crate::capwap::dialect::{self, Dialect};
use crate::capwap::element::{Encryption, WtpBoardData};
use crate::capwap::element_type::ElementType;
use crate::capwap::{Header, Packet};
use crate::wtp::Quirk;

const MINUTE: Duration = Duration::from_secs(60);

fn quirky(quirks: impl IntoIterator<Item = Quirk>) -> WtpConfig {
    with(Knobs { quirks: quirks.into_iter().collect(), ..Knobs::default() })
}

#[test]
fn one_that_sends_no_echo_keeps_its_data_channel_alive() {
    let mut t = Stage::running(quirky([Quirk::NoEcho]));
    for _ in 0..10 {
        t.keep_alive();
    }
    assert!(t.now.mono > Monotonic(1_000_000) + MINUTE, "{:?}", t.now);
    assert_eq!(t.wtp.state(), WtpState::Run);
}

#[test]
fn one_without_a_data_channel_says_nothing_on_it() {
    let mut t = Stage::joined(quirky([Quirk::NoDataChannel]), None);
    let request = t.recv(MessageType::ConfigurationStatusRequest);
    t.answer(&request, Vec::new());
    let request = t.recv(MessageType::ChangeStateEventRequest);
    t.answer(&request, Vec::new());
    assert_eq!(t.wtp.state(), WtpState::Run);
    let echo = t.recv(MessageType::EchoRequest);
    t.answer(&echo, Vec::new());
    t.nothing_happens();
}

#[test]
fn one_that_lacks_initiate_download_asks_all_the_same() {
    let mut t = Stage::joined(quirky([Quirk::NoInitiate]), Some("ap1g8 17.9.4.27"));
    let request = t.recv(MessageType::ImageDataRequest);
    assert!(!request.has(ElementType::InitiateDownload));
    assert_eq!(dialect::image_name(&request).as_deref(), Some("ap1g8 17.9.4.27"));
}

#[test]
fn one_with_a_name_of_its_own_asks_by_it_whatever_the_ac_named() {
    let mut t = Stage::joined(quirky([Quirk::BareName]), Some("ap1g8 17.9.4.27"));
    let request = t.recv(MessageType::ImageDataRequest);
    assert_eq!(dialect::image_name(&request).as_deref(), Some("ap1g8"));
    let Some(Element::ImageIdentifier(named)) = request.find(ElementType::ImageIdentifier) else { panic!("a name") };
    assert_eq!(named.vendor, u32::from_be_bytes(*b"ap1g"), "no vendor id stands before it");
}

#[test]
fn one_of_an_old_platform_asks_by_its_path_for_what_the_ac_descriptor_says_there_is() {
    let config = WtpConfig { model: "AIR-AP1131AG-A-K9".to_owned(), ..quirky([Quirk::BareName]) };
    let mut t = Stage::new(config);
    t.discover();
    t.give(WtpInput::Connected);
    let request = t.recv(MessageType::JoinRequest);
    let descriptor = AcDescriptor {
        stations: 0,
        limit: 0,
        active_wtps: 0,
        max_wtps: 100,
        security: 2,
        r_mac: RMacField::Supported,
        reserved: 0,
        dtls_policy: 2,
        information: dialect::ac_information(version(NEW), version("1.0.0.0")),
    };
    t.answer(&request, vec![success(), Element::AcDescriptor(descriptor)]);
    let request = t.recv(MessageType::ImageDataRequest);
    assert_eq!(dialect::image_name(&request).as_deref(), Some("/c1130"));
}

#[test]
fn the_older_dialect_has_its_own_descriptor_and_no_board_data_in_discovery() {
    let mut t = Stage::new(with(Knobs { speaks: Dialect::Cisco, ..Knobs::default() }));
    let WtpEffect::SendClear { bytes, .. } = t.next() else { panic!("a Discovery Request") };
    let Ok(Packet::Clear { header, payload }) = Packet::parse(&bytes) else { panic!("in clear") };
    assert_eq!(header.radio_mac(), Some(&config().base_mac.0[..]));
    let request = Message::parse(payload).expect("a message");
    assert_eq!(Dialect::of(&request), Dialect::Cisco);
    let types: Vec<_> = request.elements.iter().map(Element::element_type).collect();
    let wanted = [
        ElementType::DiscoveryType,
        ElementType::WtpDescriptor,
        ElementType::WtpFrameTunnelMode,
        ElementType::WtpMacType,
        ElementType::VendorSpecific,
        ElementType::VendorSpecific,
    ];
    assert_eq!(types, wanted, "as a real one sends them");
    assert_eq!(dialect::ap_name(&request).as_deref(), Some("AP-POD-2-2"));

    t.discovery_response(&request, ac(), 3);
    t.expect(&WtpEffect::Connect { to: ac() });
    t.give(WtpInput::Connected);
    let WtpEffect::Send { bytes } = t.next() else { panic!("a Join Request") };
    let (_, payload) = Header::parse(&bytes).expect("a header");
    let join = Message::parse(payload).expect("a message");
    let descriptor = join.wtp_descriptor().expect("a descriptor");
    assert_eq!(descriptor.encryption, Encryption::Draft(1));
    assert_eq!(descriptor.active().as_deref(), Some(OLD));
    assert_eq!(dialect::backup_version(&join).as_deref(), Some(OLDER));
    assert_eq!(join.board_data().and_then(WtpBoardData::base_mac), Some(config().base_mac));
}

#[test]
fn one_with_a_name_of_its_own_asks_by_it_while_it_serves_too() {
    let mut t = Stage::running(quirky([Quirk::BareName]));
    t.ask(MessageType::ConfigurationUpdateRequest, vec![identifier("ap1g8 17.9.4.27")]);
    assert_eq!(t.recv_result(MessageType::ConfigurationUpdateResponse), ResultCode::Success);
    let request = t.recv(MessageType::ImageDataRequest);
    assert_eq!(dialect::image_name(&request).as_deref(), Some("ap1g8"));
}
