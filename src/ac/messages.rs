//! The AC's messages, built; the WTP's, read. The only file of the core that knows elements.
//!
//! Every element that RFC 5415 makes mandatory is sent, and every one that real WTPs insist on: some refuse a Join
//! Response without AC Descriptor, AC Name, ECN Support, CAPWAP Control and Local Addresses, or a Configuration Status
//! Response without CAPWAP Timers, Decryption Error Report Period, Idle Timeout, WTP Fallback and an AC List.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use capledger_schema::id::MacAddr;
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::project::State;
use capledger_schema::project::config::CapwapConfig;
use capledger_schema::setting::CapwapTimer;
use capledger_schema::time::Timestamp;

use crate::capwap::block;
use crate::capwap::control::{Message, MessageType};
use crate::capwap::dialect::{self, Dialect};
use crate::capwap::digest::{self, ImageDigest};
use crate::capwap::element::ac::{dtls_policy, information, security};
use crate::capwap::element::dot11::WtpRadioInformation;
use crate::capwap::element::radio::DecryptionErrorReportPeriod;
use crate::capwap::element::transfer::DataTransferType;
use crate::capwap::element::{
    AcDescriptor, CapwapTimers, ControlIpv4Address, ControlIpv6Address, EcnSupport, Element, ImageDataOpcode,
    ImageIdentifier, ImageInformation, RMacField, ResultCode, SubElement, WtpDescriptor, WtpFallback, display_text,
};
use crate::capwap::keep_alive;
use crate::capwap::particulars::{self, ReasonKind};

/// The vendor in our Image Identifiers: none, since the names are the platform's own.
const IMAGE_VENDOR: u32 = 0;
/// IdleTimeout for stations, in seconds (RFC 5415 4.7.8).
const IDLE_TIMEOUT: u32 = 300;
/// Decryption Error Report Period, in seconds (4.6.18).
const DECRYPTION_REPORT: u16 = 120;
/// Characters of a WTP's name that are kept.
const NAME_LIMIT: usize = 64;
/// Characters of a version that are kept.
const VERSION_LIMIT: usize = 64;
/// MaxDiscoveryInterval, in seconds (4.7.10).
const DISCOVERY_INTERVAL: u8 = 20;

fn packet(kind: MessageType, seq: u8, elements: Vec<Element>) -> Bytes {
    Message::new(kind, seq, elements).to_packet().into()
}

/// A response that carries nothing but a result code; none to what is no request.
pub(super) fn result_response(request: &Message, code: ResultCode) -> Option<Bytes> {
    request.response(vec![Element::ResultCode(code)]).map(|m| m.to_packet().into())
}

/// Answers a Discovery or Primary Discovery Request (RFC 5415 5.2, 5.4).
///
/// It speaks as the request does; `now` is told to WTPs that set their clock by it.
pub(super) fn discovery_response(request: &Message, local: SocketAddr, now: Timestamp, state: &State) -> Bytes {
    let kind = if request.message_type == MessageType::PrimaryDiscoveryRequest {
        MessageType::PrimaryDiscoveryResponse
    } else {
        MessageType::DiscoveryResponse
    };
    let dialect = Dialect::of(request);
    let mut elements =
        vec![ac_descriptor(dialect, state.running_version(), state), Element::AcName(state.config.hostname.clone())];
    elements.extend(radio_information(dialect, request));
    elements.extend(control_addresses(local, state));
    if dialect == Dialect::Cisco {
        elements.extend(dialect::discovery_extras(now));
    }
    packet(kind, request.seq, elements)
}

/// Answers a Join Request (RFC 5415 6.2). What the WTP is to run stands in the AC Descriptor too: some WTPs look there.
pub(super) fn join_response(
    request: &Message,
    code: ResultCode,
    image: Option<(ImageVersion, ImageFamily)>,
    to_run: Option<ImageVersion>,
    local: SocketAddr,
    state: &State,
) -> Bytes {
    let dialect = Dialect::of(request);
    let name = Element::AcName(state.config.hostname.clone());
    let mut elements = vec![Element::ResultCode(code), ac_descriptor(dialect, to_run, state), name];
    elements.extend(radio_information(dialect, request));
    elements.push(Element::EcnSupport(EcnSupport::Limited));
    elements.extend(control_addresses(local, state));
    elements.push(match local.ip() {
        IpAddr::V4(a) => Element::LocalIpv4Address(a),
        IpAddr::V6(a) => Element::LocalIpv6Address(a),
    });
    if let Some((version, family)) = image {
        elements.push(image_identifier(&family, version));
    }
    packet(MessageType::JoinResponse, request.seq, elements)
}

/// Answers a Configuration Status Request (RFC 5415 8.3).
pub(super) fn configuration_status_response(request: &Message, local: SocketAddr, config: &CapwapConfig) -> Bytes {
    let echo = config.timer(CapwapTimer::EchoInterval).as_millis().div_ceil(1000);
    let echo_request = u8::try_from(echo).unwrap_or(u8::MAX).max(1);
    let timers = CapwapTimers { discovery: DISCOVERY_INTERVAL, echo_request };
    let mut elements = vec![Element::CapwapTimers(timers)];
    let radios = radio_ids(request);
    for radio in radios {
        elements.push(Element::DecryptionErrorReportPeriod(DecryptionErrorReportPeriod {
            radio_id: radio,
            report_interval: DECRYPTION_REPORT,
        }));
    }
    elements.push(Element::IdleTimeout(IDLE_TIMEOUT));
    elements.push(Element::WtpFallback(WtpFallback::Enabled));
    elements.push(match local.ip() {
        IpAddr::V4(a) => Element::AcIpv4List(vec![a]),
        IpAddr::V6(a) => Element::AcIpv6List(vec![a]),
    });
    packet(MessageType::ConfigurationStatusResponse, request.seq, elements)
}

pub(super) fn change_state_response(seq: u8) -> Bytes {
    packet(MessageType::ChangeStateEventResponse, seq, Vec::new())
}

pub(super) fn echo_response(seq: u8) -> Bytes {
    packet(MessageType::EchoResponse, seq, Vec::new())
}

pub(super) fn wtp_event_response(seq: u8) -> Bytes {
    packet(MessageType::WtpEventResponse, seq, Vec::new())
}

/// Answers a WTP's Image Data Request; with the image's size and MD5 once they are known (RFC 5415 9.1.2).
pub(super) fn image_data_response(seq: u8, code: ResultCode, image: Option<&ImageFacts>, digests: bool) -> Bytes {
    let mut elements = vec![Element::ResultCode(code)];
    if let Some(image) = image {
        let size = u32::try_from(image.octets).unwrap_or(u32::MAX);
        elements.push(Element::ImageInformation(ImageInformation { size, hash: image.md5 }));
        if digests {
            elements.push(image_digest(image));
        }
    }
    packet(MessageType::ImageDataResponse, seq, elements)
}

/// Answers an Image Data Request for an image that is not to be had, and says why.
pub(super) fn image_refusal(seq: u8, code: ResultCode, words: &str) -> Bytes {
    let elements = vec![Element::ResultCode(code), particulars::reason(ReasonKind::Other, words)];
    packet(MessageType::ImageDataResponse, seq, elements)
}

/// Tells a WTP in Run which image to ask for (RFC 5415 9.1, figure 8).
pub(super) fn configuration_update_request(seq: u8, family: &ImageFamily, version: ImageVersion) -> Bytes {
    packet(MessageType::ConfigurationUpdateRequest, seq, vec![image_identifier(family, version)])
}

/// Reset Request (RFC 5415 9.2). The Image Identifier is mandatory; one without a name leaves the choice to the WTP.
pub(super) fn reset_request(seq: u8, image: Option<(&ImageFamily, ImageVersion)>) -> Bytes {
    let element = match image {
        Some((family, version)) => image_identifier(family, version),
        None => Element::ImageIdentifier(ImageIdentifier { vendor: IMAGE_VENDOR, name: String::new() }),
    };
    packet(MessageType::ResetRequest, seq, vec![element])
}

/// The digests of an image that was not there yet when the WTP asked.
pub(super) fn image_digests_request(seq: u8, image: &ImageFacts) -> Bytes {
    packet(MessageType::ImageDataRequest, seq, vec![image_digest(image)])
}

/// Everything before the octets of a block.
pub(super) fn image_block_prefix(seq: u8, opcode: ImageDataOpcode, len: u16) -> Bytes {
    Bytes::copy_from_slice(&block::image_block_prefix(seq, opcode, len))
}

/// The name that stands in an Image Identifier: family and version, as in `ap1g8 17.9.4.27`.
pub(crate) fn image_name(family: &ImageFamily, version: ImageVersion) -> String {
    format!("{family} {version}")
}

fn image_identifier(family: &ImageFamily, version: ImageVersion) -> Element {
    Element::ImageIdentifier(ImageIdentifier { vendor: IMAGE_VENDOR, name: image_name(family, version) })
}

fn image_digest(image: &ImageFacts) -> Element {
    digest::element(&ImageDigest { sha256: image.sha256, md5: image.md5, size: image.octets })
}

fn ac_descriptor(dialect: Dialect, software: Option<ImageVersion>, state: &State) -> Element {
    let active = u16::try_from(state.fleet.live()).unwrap_or(u16::MAX);
    let max_wtps = u16::try_from(state.config.capwap.max_sessions).unwrap_or(u16::MAX);
    let psk = if state.config.dtls.psk.is_empty() { 0 } else { security::PSK };
    let (dtls_policy, information) = match dialect {
        Dialect::Rfc => {
            let software = software.map_or_else(|| state.controller.software.clone(), |v| v.to_string());
            let hardware = SubElement::text(information::HARDWARE, "capledger");
            (dtls_policy::CLEAR_DATA, vec![hardware, SubElement::text(information::SOFTWARE, &software)])
        }
        Dialect::Cisco => {
            let software = software.or_else(|| three_or_four_numbers(&state.controller.software));
            (dialect::DTLS_POLICY, dialect::ac_information(software.unwrap_or_default(), ImageVersion([1, 0, 0, 0])))
        }
    };
    Element::AcDescriptor(AcDescriptor {
        stations: 0,
        limit: 0,
        active_wtps: active,
        max_wtps,
        security: security::X509 | psk,
        r_mac: RMacField::Supported,
        reserved: 0,
        dtls_policy,
        information,
    })
}

/// A release of our own as a version: `0.1.0` is 0.1.0.0.
fn three_or_four_numbers(text: &str) -> Option<ImageVersion> {
    text.parse().or_else(|_| format!("{text}.0").parse()).ok()
}

fn control_addresses(local: SocketAddr, state: &State) -> Vec<Element> {
    let wtp_count = u16::try_from(state.fleet.live()).unwrap_or(u16::MAX);
    let mut addresses = vec![local.ip()];
    addresses.extend(state.config.capwap.address.filter(|a| *a != local.ip()));
    addresses
        .into_iter()
        .map(|address| match address {
            IpAddr::V4(address) => Element::ControlIpv4Address(ControlIpv4Address { address, wtp_count }),
            IpAddr::V6(address) => Element::ControlIpv6Address(ControlIpv6Address { address, wtp_count }),
        })
        .collect()
}

/// The WTP's radios, said back to it (RFC 5416 6.25); one of no known kind if it named none.
fn radio_information(dialect: Dialect, request: &Message) -> Vec<Element> {
    let named: Vec<_> =
        request.elements.iter().filter(|e| matches!(e, Element::WtpRadioInformation(_))).cloned().collect();
    if named.is_empty() {
        let radio = match dialect {
            Dialect::Rfc => WtpRadioInformation { radio_id: 1, radio_type: 0x0f },
            Dialect::Cisco => WtpRadioInformation { radio_id: 0, radio_type: 0 },
        };
        vec![Element::WtpRadioInformation(radio)]
    } else {
        named
    }
}

fn radio_ids(request: &Message) -> Vec<u8> {
    let mut ids: Vec<u8> = request
        .elements
        .iter()
        .filter_map(|e| if let Element::RadioAdministrativeState(r) = e { Some(r.radio_id) } else { None })
        .filter(|id| *id != 0xff && *id != 0)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() { vec![1] } else { ids }
}

/// What a Join Request says.
#[derive(Clone, Debug, Default)]
pub(super) struct JoinRequest {
    pub(super) name: Option<String>,
    pub(super) location: String,
    pub(super) model: String,
    pub(super) serial: String,
    pub(super) base_mac: Option<MacAddr>,
    pub(super) ethernet_mac: Option<MacAddr>,
    pub(super) version: Option<ImageVersion>,
    pub(super) backup: Option<ImageVersion>,
    pub(super) radios: u8,
    pub(super) session_id: Vec<u8>,
    pub(super) digests: bool,
    pub(super) missing: Vec<String>,
    pub(super) versions: Versions,
}

/// The versions of a WTP Descriptor in the WTP's words (RFC 5415 4.6.40), at most 64 characters each.
#[derive(Clone, Debug, Default)]
pub(super) struct Versions {
    pub(super) hardware: Option<String>,
    pub(super) boot: Option<String>,
    /// Only where the four numbers do not say all of it.
    pub(super) active: Option<String>,
    /// Likewise.
    pub(super) other: Option<String>,
}

impl Versions {
    fn read(descriptor: &WtpDescriptor) -> Versions {
        let short = |text: String| text.trim().chars().take(VERSION_LIMIT).collect::<String>();
        let told = |text: Option<String>| text.map(short).filter(|text| !text.is_empty());
        let odd = |text: &String| four_numbers(text).is_none_or(|numbers| numbers.to_string() != *text);
        Versions {
            hardware: told(descriptor.hardware()),
            boot: told(descriptor.boot()),
            active: told(descriptor.active()).filter(odd),
            other: told(descriptor.backup()).filter(odd),
        }
    }
}

impl JoinRequest {
    pub(super) fn read(message: &Message) -> Self {
        let mut join = JoinRequest {
            name: dialect::ap_name(message).map(|name| one_word(&name)).filter(|name| !name.is_empty()),
            missing: message.missing().iter().map(|e| e.name().to_owned()).collect(),
            digests: digest::is_supported(&message.elements),
            ethernet_mac: particulars::find_ethernet_mac(&message.elements),
            ..JoinRequest::default()
        };
        for element in &message.elements {
            if let Element::WtpName(name) = element {
                join.name = Some(one_word(name)).filter(|n| !n.is_empty()).or(join.name);
            } else if let Element::LocationData(location) = element {
                join.location = display_text(location.trim().as_bytes());
            } else if let Element::SessionId(id) = element {
                join.session_id = id.as_bytes().to_vec();
            } else if let Element::WtpBoardData(board) = element {
                join.model = board.model().unwrap_or_default();
                join.serial = board.serial().unwrap_or_default();
                join.base_mac = board.base_mac();
            } else if let Element::WtpDescriptor(descriptor) = element {
                join.version = descriptor.active().and_then(|v| four_numbers(&v));
                join.backup = descriptor.backup().and_then(|v| four_numbers(&v));
                join.radios = descriptor.radios_in_use;
                join.versions = Versions::read(descriptor);
            }
        }
        if join.backup.is_none() {
            join.backup = dialect::backup_version(message).and_then(|v| four_numbers(&v));
        }
        join
    }
}

/// A WTP's name as it can stand in a table and a log line: no blanks, no control characters, at most 64 characters.
fn one_word(name: &str) -> String {
    let shown = display_text(name.trim().as_bytes());
    shown.chars().map(|c| if c.is_whitespace() { '_' } else { c }).take(NAME_LIMIT).collect()
}

/// A version as peers write it: the four numbers, whatever stands around them.
fn four_numbers(text: &str) -> Option<ImageVersion> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(|part| part.parse().ok())
}

/// The version in the name of the image that a WTP asks for, if it names one.
pub(super) fn named_version(message: &Message) -> Option<ImageVersion> {
    message.elements.iter().find_map(|e| if let Element::ImageIdentifier(i) = e { four_numbers(&i.name) } else { None })
}

/// How the WTP came to know of us (RFC 5415 4.6.21).
pub(super) fn discovery_type(message: &Message) -> u8 {
    let found =
        message.elements.iter().find_map(|e| if let Element::DiscoveryType(t) = e { Some(t.code()) } else { None });
    found.unwrap_or(0)
}

/// The Session ID of a data channel keep-alive (RFC 5415 4.4.1); none if the datagram is anything else.
pub(super) fn keep_alive_session(datagram: &[u8]) -> Option<Vec<u8>> {
    keep_alive::parse(datagram).map(|id| id.as_bytes().to_vec())
}

/// What a piece of a Data Transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transferred {
    More,
    Last,
    Aborted,
}

/// A piece of a Data Transfer.
pub(super) struct Piece<'a> {
    pub(super) kind: Transferred,
    pub(super) mode: u8,
    pub(super) data: &'a [u8],
}

/// The pieces in a Data Transfer Request.
pub(super) fn transferred(message: &Message) -> impl Iterator<Item = Piece<'_>> {
    message.elements.iter().filter_map(|e| {
        let Element::DataTransferData(d) = e else { return None };
        let kind = match d.kind {
            DataTransferType::Data => Transferred::More,
            DataTransferType::Last => Transferred::Last,
            DataTransferType::Abort | DataTransferType::Unknown(_) => Transferred::Aborted,
        };
        Some(Piece { kind, mode: d.mode.code(), data: &d.data })
    })
}
