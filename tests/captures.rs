//! Captures of real access points and controllers decode as far as they are readable.
//!
//! They are other people's data and no part of this repository: the environment variable `CAPLEDGER_CAPTURES` names the
//! folder that holds them. Without it, or without one of the files, the test says SKIPPED and why.

use std::collections::BTreeMap;
use std::path::PathBuf;

use capledger::ac::{Ac, Effect, Identity, Input, Peer, Seed};
use capledger::capwap::dialect::{self, Dialect};
use capledger::capwap::element::{Element, Encryption, ResultCode};
use capledger::capwap::{CONTROL_PORT, DATA_PORT, ElementType, Header, Message, MessageType, Packet, keep_alive};
use capledger_schema::id::{MacAddr, WtpId};
use capledger_schema::image::ImageVersion;
use capledger_schema::project::State;
use capledger_schema::time::{Monotonic, Now, Timestamp};
use capledger_schema::{Event, Subject};

#[path = "captures/reader.rs"]
mod reader;
use reader::Datagram;

/// The datagrams of a capture, or `None` once the reason for skipping is printed.
fn capture(file: &str) -> Option<Vec<Datagram>> {
    let Some(folder) = std::env::var_os("CAPLEDGER_CAPTURES") else {
        println!("SKIPPED {file}: CAPLEDGER_CAPTURES is not set; it names the folder of the captures");
        return None;
    };
    let path = PathBuf::from(folder).join(file);
    match std::fs::read(&path) {
        Ok(octets) => Some(reader::datagrams(&octets).unwrap_or_else(|e| panic!("{}: {e}", path.display()))),
        Err(error) => {
            println!("SKIPPED {file}: {}: {error}", path.display());
            None
        }
    }
}

/// The control messages that are in clear, each checked to be written as it was read.
fn control_messages(datagrams: &[Datagram]) -> Vec<Message> {
    let mut messages = Vec::new();
    for (n, datagram) in datagrams.iter().enumerate().filter(|(_, d)| d.is_on(CONTROL_PORT)) {
        match Packet::parse(&datagram.payload).unwrap_or_else(|e| panic!("datagram {n}: {e}")) {
            Packet::Dtls(_) => {}
            Packet::Clear { header, payload } => {
                let message = Message::parse(payload).unwrap_or_else(|e| panic!("datagram {n}: {e}"));
                let mut again = Vec::new();
                header.encode(&mut again);
                again.extend_from_slice(&message.encode());
                assert_eq!(again, datagram.payload, "datagram {n} is not written as it was read");
                messages.push(message);
            }
        }
    }
    messages
}

fn count(messages: &[Message]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for message in messages {
        *counts.entry(message.message_type.name()).or_default() += 1;
    }
    counts
}

fn first(messages: &[Message], wanted: MessageType) -> &Message {
    messages.iter().find(|m| m.message_type == wanted).unwrap_or_else(|| panic!("no {wanted}"))
}

fn malformed(message: &Message) -> Vec<ElementType> {
    let types = message.elements.iter().filter(|e| matches!(e, Element::Malformed { .. }));
    types.map(Element::element_type).collect()
}

#[test]
fn a_fortinet_access_point_and_its_cloud_controller_are_understood() {
    let Some(datagrams) = capture("gocapwap_open-connect.pcapng") else { return };
    let messages = control_messages(&datagrams);
    let counts = count(&messages);
    println!("{counts:#?}");
    assert_eq!(counts["Configuration Update Request"], 78);
    assert!(!counts.contains_key("Unknown"));

    let join = first(&messages, MessageType::JoinRequest);
    let board = join.board_data().expect("board data");
    assert_eq!(board.model().as_deref(), Some("PS323C"));
    assert_eq!(board.serial().as_deref(), Some("PS323C3U15000018"));
    assert_eq!(board.base_mac(), Some(MacAddr([0x08, 0x5b, 0x0e, 0xe9, 0xe6, 0x74])));
    let descriptor = join.wtp_descriptor().expect("a descriptor");
    assert!(matches!(&descriptor.encryption, Encryption::PerBinding(one) if one.len() == 1));
    assert_eq!(descriptor.active().as_deref(), Some("PS323C-v5.4-build0121"));
    assert_eq!(descriptor.backup().as_deref(), Some("PS323C-v5.4-build0121"));
    assert_eq!(descriptor.boot().as_deref(), Some("04000001"));
    assert_eq!(join.session_id().map(|s| s.as_bytes().len()), Some(16));
    assert_eq!(Dialect::of(join), Dialect::Rfc);

    let response = first(&messages, MessageType::JoinResponse);
    assert_eq!(response.seq, join.seq);
    assert_eq!(response.result_code(), Some(ResultCode::Success));
    assert_eq!(malformed(response), [ElementType::ControlIpv4Address], "it is sent empty");
    assert_eq!(response.missing(), [ElementType::ControlIpv4Address]);
    let status = first(&messages, MessageType::ConfigurationStatusResponse);
    assert_eq!(status.missing(), [], "an empty AC IPv4 List is a list");
}

#[test]
fn what_a_fortinet_access_point_tells_of_itself_is_kept_in_its_own_words() {
    let Some(datagrams) = capture("gocapwap_open-connect.pcapng") else { return };
    let messages = control_messages(&datagrams);
    let bytes = first(&messages, MessageType::JoinRequest).to_packet();
    let now = Now { mono: Monotonic(0), wall: Timestamp(0x54c7_045f * 1_000_000) };
    let peer = Peer { addr: "192.168.10.10:12380".parse().expect("an address"), generation: 1 };
    let local = "192.168.10.9:5246".parse().expect("an address");
    let mut ac = Ac::new(Seed(1), State::default());
    ac.handle(now, Input::Connected { peer, local, identity: Identity::default() });
    let step = ac.handle(now, Input::Message { peer, bytes });
    let described = step.envelopes.iter().find_map(|e| {
        if let Event::WtpSessionDescribed(described) = &e.event { Some(described.clone()) } else { None }
    });
    let described = described.unwrap_or_else(|| panic!("it joins: {:?}", step.envelopes));
    assert_eq!((described.hardware.as_deref(), described.boot.as_deref()), (Some("0"), Some("04000001")));
    let build = Some("PS323C-v5.4-build0121");
    assert_eq!((described.software.as_deref(), described.other.as_deref()), (build, build));
}

#[test]
fn the_data_channel_of_a_fortinet_access_point_names_its_session() {
    let Some(datagrams) = capture("gocapwap_open-connect.pcapng") else { return };
    let data: Vec<_> = datagrams.iter().filter(|d| d.is_on(DATA_PORT)).collect();
    let alive: Vec<_> = data.iter().filter_map(|d| keep_alive::parse(&d.payload)).collect();
    assert!(!alive.is_empty());
    assert!(alive.iter().all(|session| session.as_bytes().len() == 16));
    let frames = data.iter().filter(|d| Header::parse(&d.payload).is_ok_and(|(h, _)| !h.keep_alive)).count();
    assert_eq!(frames + alive.len(), data.len(), "each is a keep-alive or a frame");
}

#[test]
fn a_cisco_access_point_and_its_controller_are_known_by_their_dialect() {
    let Some(datagrams) = capture("ndpi_capwap.pcap") else { return };
    let messages = control_messages(&datagrams);
    println!("{:#?}", count(&messages));

    let request = first(&messages, MessageType::DiscoveryRequest);
    assert_eq!(Dialect::of(request), Dialect::Cisco);
    let descriptor = request.wtp_descriptor().expect("a descriptor");
    assert_eq!(descriptor.encryption, Encryption::Draft(1));
    assert_eq!(descriptor.active().as_deref(), Some("7.5.102.0"));
    assert_eq!(descriptor.boot().as_deref(), Some("12.4.25.0"));
    assert_eq!(dialect::ap_name(request).as_deref(), Some("APb838.61f3.05ac"));
    assert_eq!(malformed(request), []);

    let response = first(&messages, MessageType::DiscoveryResponse);
    assert_eq!(Dialect::of(response), Dialect::Cisco);
    let Some(Element::AcDescriptor(ac)) = response.find(ElementType::AcDescriptor) else { panic!("no AC Descriptor") };
    assert_eq!(ac.software().as_deref(), Some("7.5.102.0"));
    assert_eq!(ac.information, dialect::ac_information(ImageVersion([7, 5, 102, 0]), ImageVersion([1, 0, 0, 1])));
    assert_eq!(malformed(response), []);
    assert_eq!(response.missing(), []);

    let dtls = datagrams.iter().filter(|d| d.is_on(CONTROL_PORT));
    let dtls = dtls.filter(|d| matches!(Packet::parse(&d.payload), Ok(Packet::Dtls(_)))).count();
    assert!(dtls > 10, "the handshake and what follows it are DTLS: {dtls}");

    for datagram in datagrams.iter().filter(|d| d.is_on(DATA_PORT)) {
        Header::parse(&datagram.payload).expect("the data channel is in clear");
    }
}

#[test]
fn a_cisco_access_point_is_answered_in_kind() {
    let Some(datagrams) = capture("ndpi_capwap.pcap") else { return };
    let of_type = |wanted: MessageType| {
        let is_wanted = |d: &&Datagram| match Packet::parse(&d.payload) {
            Ok(Packet::Clear { payload, .. }) => Message::parse(payload).is_ok_and(|m| m.message_type == wanted),
            Ok(Packet::Dtls(_)) | Err(_) => false,
        };
        let found = datagrams.iter().filter(|d| d.is_on(CONTROL_PORT)).find(is_wanted);
        found.unwrap_or_else(|| panic!("no {wanted}")).payload.clone()
    };
    let (asked, theirs) = (of_type(MessageType::DiscoveryRequest), of_type(MessageType::DiscoveryResponse));

    // A controller that is called, and runs, what that one is and did.
    let mut state = State::default();
    state.config.hostname = "Cisco2504".to_owned();
    state.config.software_version = Some(ImageVersion([7, 5, 102, 0]));
    state.config.capwap.max_sessions = 5;
    let now = Now { mono: Monotonic(0), wall: Timestamp(0x54c7_045f * 1_000_000) };
    let local = "192.168.10.9:5246".parse().expect("an address");
    let from = "192.168.10.10:12380".parse().expect("an address");
    let step = Ac::new(Seed(1), state).handle(now, Input::Clear { from, local, bytes: asked });
    let answer = step.effects.iter().find_map(|held| {
        if let Effect::SendClear { to, bytes, .. } = &held.effect { (*to == from).then(|| bytes.clone()) } else { None }
    });
    let mut ours = Message::from_packet(&answer.expect("an answer")).expect("a message");
    for element in &mut ours.elements {
        if let Element::AcDescriptor(ac) = element {
            // What no answer of ours says: how many stations it could serve, and what its hardware is.
            ac.limit = 1_000;
            ac.information = dialect::ac_information(ImageVersion([7, 5, 102, 0]), ImageVersion([1, 0, 0, 1]));
        }
    }
    assert_eq!(ours.to_packet(), theirs, "the same elements, in the same order and form");

    let discovered = step
        .envelopes
        .iter()
        .any(|e| e.subject == Subject::Wtp(WtpId::BaseMac(MacAddr([0x58, 0x0a, 0x20, 0x69, 0x0e, 0x20]))));
    assert!(discovered, "the radio MAC of the header says who asks: {:?}", step.envelopes);
}

#[test]
fn a_lone_discovery_request_is_understood() {
    let Some(datagrams) = capture("fuzzer_sample_discovery_request.pcap") else { return };
    let messages = control_messages(&datagrams);
    assert_eq!(count(&messages), BTreeMap::from([("Discovery Request", 1)]));
    let board = messages[0].board_data().expect("board data");
    assert_eq!((board.vendor, board.items.len()), (23_456, 2));
    assert!(messages[0].wtp_descriptor().is_some_and(|d| matches!(d.encryption, Encryption::PerBinding(_))));
    assert_eq!(malformed(&messages[0]), []);
}
