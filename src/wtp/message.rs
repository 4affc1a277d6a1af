//! The messages that a WTP sends, each with every element that RFC 5415 (sections 5 to 9) and RFC 5416 (section 5) ask
//! for. Nothing here decides when.

use std::net::IpAddr;

use bytes::Bytes;
use capledger_schema::image::ImageVersion;

use super::board;
use super::config::{Digests, Knobs, Quirk, WtpConfig};
use super::counters::RebootRecord;
use super::flash::Flash;
use crate::capwap::control::{Message, MessageType};
use crate::capwap::dialect::{self, Dialect};
use crate::capwap::element::ac::SubElement;
use crate::capwap::element::dot11::{WtpRadioInformation, radio_type};
use crate::capwap::element::radio::{
    RadioAdministrativeState, RadioCause, RadioFailureType, RadioOperationalState, RadioState, WHOLE_WTP,
    WtpRadioStatistics,
};
use crate::capwap::element::transfer::{DataTransferData, DataTransferMode, DataTransferType};
use crate::capwap::element::wtp::{
    DiscoveryType, Encryption, EncryptionCapability, SessionKey, WtpBoardData, WtpDescriptor, WtpMacType, descriptor,
    tunnel,
};
use crate::capwap::element::{EcnSupport, Element, ResultCode, TransportProtocol, wtp::WtpRebootStatistics};
use crate::capwap::particulars::{self, ReasonKind};
use crate::capwap::{Header, digest, keep_alive};

/// The private enterprise number of the maker of the access points that are simulated (ciscoSystems).
const MAKER: u32 = 9;
/// Every model is given two radios: 2.4 GHz and 5 GHz.
const RADIOS: [(u8, u32); 2] = [(1, radio_type::B | radio_type::G | radio_type::N), (2, radio_type::A | radio_type::N)];
/// StatisticsTimer (4.7.14), in seconds.
const STATISTICS_TIMER: u16 = 120;
/// The longest message that it takes: more than the 4,096 octets that section 4 demands.
const MAX_MESSAGE: u16 = 16_384;
/// Encryption Capabilities of IEEE 802.11 (RFC 5416 8.1): AES-CCMP and TKIP.
const AES_CCMP_AND_TKIP: u16 = 0x000c;
/// Octets of a crash log in one Data Transfer Request: small enough for a DTLS record on any path.
pub(super) const CRASH_LOG_PIECE: usize = 1_024;

/// A Discovery Request in its packet. In the older dialect the header says who asks: a request has no board data.
pub(super) fn clear_packet(config: &WtpConfig, message: &Message) -> Bytes {
    let header = match config.knobs.speaks {
        Dialect::Rfc => None,
        Dialect::Cisco => Header::control().with_options(Some(&config.base_mac.0), None),
    };
    let Some(header) = header else { return packet(message) };
    let mut out = Vec::new();
    header.encode(&mut out);
    out.extend_from_slice(&message.encode());
    Bytes::from(out)
}

/// A message in its packet.
pub(super) fn packet(message: &Message) -> Bytes {
    Bytes::from(message.to_packet())
}

fn board_data(config: &WtpConfig) -> Element {
    let maker = match config.knobs.speaks {
        Dialect::Rfc => MAKER,
        Dialect::Cisco => dialect::CISCO,
    };
    Element::WtpBoardData(WtpBoardData::new(maker, &config.model, &config.serial, config.base_mac))
}

fn descriptor(config: &WtpConfig, flash: &Flash) -> Element {
    if config.knobs.speaks == Dialect::Cisco {
        return draft_descriptor(config, flash);
    }
    let mut versions = vec![
        SubElement::text(descriptor::HARDWARE, board::hardware(&config.model)),
        SubElement::text(descriptor::ACTIVE, &flash.active().to_string()),
        SubElement::text(descriptor::BOOT, &board::boot(&config.model).to_string()),
    ];
    versions.extend(flash.backup().map(|v| SubElement::text(descriptor::OTHER, &v.to_string())));
    Element::WtpDescriptor(WtpDescriptor {
        max_radios: RADIOS.len() as u8,
        radios_in_use: RADIOS.len() as u8,
        encryption: Encryption::PerBinding(vec![EncryptionCapability {
            binding: crate::capwap::WBID_IEEE80211,
            capabilities: AES_CCMP_AND_TKIP,
        }]),
        versions,
    })
}

/// The form of draft 7; the version of the other partition goes beside it.
fn draft_descriptor(config: &WtpConfig, flash: &Flash) -> Element {
    Element::WtpDescriptor(WtpDescriptor {
        max_radios: RADIOS.len() as u8,
        radios_in_use: RADIOS.len() as u8,
        encryption: Encryption::Draft(1),
        versions: vec![
            dialect::version(descriptor::HARDWARE, ImageVersion([1, 0, 0, 0])),
            dialect::version(descriptor::ACTIVE, flash.active()),
            dialect::version(descriptor::BOOT, board::boot(&config.model)),
        ],
    })
}

fn radio_information() -> impl Iterator<Item = Element> {
    RADIOS
        .into_iter()
        .map(|(radio_id, radio_type)| Element::WtpRadioInformation(WtpRadioInformation { radio_id, radio_type }))
}

/// Local MAC with local bridging: what suits an access point whose clients this product does not carry.
fn mac_and_tunnel() -> [Element; 2] {
    [Element::WtpFrameTunnelMode(tunnel::LOCAL), Element::WtpMacType(WtpMacType::LocalMac)]
}

/// Whoever asks everybody knows of nobody (4.6.21).
fn discovery_type(config: &WtpConfig) -> DiscoveryType {
    match config.ac.ip() {
        IpAddr::V4(to) if to.is_broadcast() || to.octets()[3] == 255 => DiscoveryType::NotKnown,
        ip if ip.is_multicast() => DiscoveryType::NotKnown,
        IpAddr::V4(_) | IpAddr::V6(_) => DiscoveryType::StaticConfiguration,
    }
}

/// Discovery Request (5.1).
pub(super) fn discovery_request(config: &WtpConfig, flash: &Flash, seq: u8) -> Message {
    if config.knobs.speaks == Dialect::Cisco {
        let mut elements = vec![Element::DiscoveryType(DiscoveryType::NotKnown), draft_descriptor(config, flash)];
        elements.extend([Element::WtpFrameTunnelMode(tunnel::IEEE8023), Element::WtpMacType(WtpMacType::SplitMac)]);
        elements.extend(dialect::discovery_request_extras(&config.name));
        return Message::new(MessageType::DiscoveryRequest, seq, elements);
    }
    let mut elements =
        vec![Element::DiscoveryType(discovery_type(config)), board_data(config), descriptor(config, flash)];
    elements.extend(mac_and_tunnel());
    elements.extend(radio_information());
    Message::new(MessageType::DiscoveryRequest, seq, elements)
}

/// Join Request (6.1).
pub(super) fn join_request(
    config: &WtpConfig,
    flash: &Flash,
    record: &RebootRecord,
    session_id: [u8; 16],
    seq: u8,
) -> Message {
    let mut elements = vec![
        Element::LocationData(config.location.clone()),
        board_data(config),
        descriptor(config, flash),
        Element::WtpName(config.name.clone()),
        Element::SessionId(SessionKey::from(session_id)),
    ];
    elements.extend(mac_and_tunnel());
    elements.extend(radio_information());
    elements.push(Element::EcnSupport(EcnSupport::Limited));
    match config.local.ip() {
        IpAddr::V4(address) => elements.push(Element::LocalIpv4Address(address)),
        IpAddr::V6(address) => {
            elements.push(Element::LocalIpv6Address(address));
            elements.push(Element::TransportProtocol(TransportProtocol::Udp));
        }
    }
    elements.push(Element::MaximumMessageLength(MAX_MESSAGE));
    elements.push(reboot_statistics(record));
    elements.push(particulars::ethernet_mac(config.ethernet_mac));
    if config.knobs.digests == Digests::Both {
        elements.push(digest::support());
    }
    if let (Dialect::Cisco, Some(version)) = (config.knobs.speaks, flash.backup()) {
        elements.push(dialect::backup_element(version));
    }
    Message::new(MessageType::JoinRequest, seq, elements)
}

fn reboot_statistics(record: &RebootRecord) -> Element {
    Element::WtpRebootStatistics(WtpRebootStatistics {
        reboot_count: record.crashes,
        ac_initiated_count: record.ac_initiated,
        link_failures: record.link_failures,
        software_failures: 0,
        hardware_failures: 0,
        other_failures: record.other_failures,
        unknown_failures: 0,
        last_failure: record.last,
    })
}

/// Configuration Status Request (8.2); RFC 5416 5.7 adds the radios.
pub(super) fn configuration_status_request(ac_name: &str, record: &RebootRecord, seq: u8) -> Message {
    let state =
        |radio_id| Element::RadioAdministrativeState(RadioAdministrativeState { radio_id, state: RadioState::Enabled });
    let mut elements = vec![Element::AcName(ac_name.to_owned()), state(WHOLE_WTP)];
    elements.extend(RADIOS.into_iter().map(|(radio_id, _)| state(radio_id)));
    elements.push(Element::StatisticsTimer(STATISTICS_TIMER));
    elements.push(reboot_statistics(record));
    elements.extend(radio_information());
    Message::new(MessageType::ConfigurationStatusRequest, seq, elements)
}

/// Change State Event Request (8.6): all radios work and the configuration is applied.
pub(super) fn change_state_event_request(seq: u8) -> Message {
    let state = |(radio_id, _)| {
        Element::RadioOperationalState(RadioOperationalState {
            radio_id,
            state: RadioState::Enabled,
            cause: RadioCause::Normal,
        })
    };
    let mut elements: Vec<_> = RADIOS.into_iter().map(state).collect();
    elements.push(Element::ResultCode(ResultCode::Success));
    Message::new(MessageType::ChangeStateEventRequest, seq, elements)
}

/// Image Data Request (9.1.1) that asks for an image.
pub(super) fn image_data_request(identifier: Element, knobs: &Knobs, seq: u8) -> Message {
    let mut elements = vec![identifier];
    if !knobs.quirks.contains(&Quirk::NoInitiate) {
        elements.push(Element::InitiateDownload);
    }
    if knobs.digests == Digests::Both {
        elements.push(digest::support());
    }
    Message::new(MessageType::ImageDataRequest, seq, elements)
}

/// Echo Request (7.1).
pub(super) fn echo_request(seq: u8) -> Message {
    Message::new(MessageType::EchoRequest, seq, Vec::new())
}

/// WTP Event Request (9.4) with the radios' statistics.
pub(super) fn wtp_event_request(events: u16, seq: u8) -> Message {
    let statistics = |(radio_id, _)| {
        Element::WtpRadioStatistics(WtpRadioStatistics {
            radio_id,
            last_failure: RadioFailureType::NotSupported,
            reset_count: 0,
            software_failures: 0,
            hardware_failures: 0,
            other_failures: 0,
            unknown_failures: 0,
            config_updates: 0,
            channel_changes: events,
            band_changes: 0,
            noise_floor: -92,
        })
    };
    Message::new(MessageType::WtpEventRequest, seq, RADIOS.into_iter().map(statistics).collect())
}

/// Data Transfer Request (9.6.1) with the part of a crash log that begins at `from`.
pub(super) fn data_transfer_request(log: &[u8], from: usize, seq: u8) -> Message {
    let rest = log.get(from..).unwrap_or_default();
    let piece = &rest[..rest.len().min(CRASH_LOG_PIECE)];
    let kind = if piece.len() == rest.len() { DataTransferType::Last } else { DataTransferType::Data };
    let element =
        Element::DataTransferData(DataTransferData { kind, mode: DataTransferMode::CrashData, data: piece.to_vec() });
    Message::new(MessageType::DataTransferRequest, seq, vec![element])
}

/// An Image Data Response (9.1.2) that says what is wrong with the image.
pub(super) fn image_data_response(seq: u8, code: ResultCode, kind: ReasonKind, words: &str) -> Message {
    let elements = vec![Element::ResultCode(code), particulars::reason(kind, words)];
    Message::new(MessageType::ImageDataResponse, seq, elements)
}

/// The Data Channel Keep-Alive (4.4.1).
pub(super) fn keep_alive(session_id: [u8; 16]) -> Bytes {
    Bytes::from(keep_alive::encode(&SessionKey::from(session_id)))
}

/// Whether these octets are the AC's echo of that Keep-Alive.
pub(super) fn is_keep_alive(bytes: &[u8], session_id: [u8; 16]) -> bool {
    keep_alive::parse(bytes).is_some_and(|key| key.as_bytes() == session_id)
}
