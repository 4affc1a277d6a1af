//! Message elements (RFC 5415 4.6, RFC 5416 6): one variant for each, and a place for all that is none of them.
//!
//! An element writes exactly the octets that it was read from. What a peer fills with nonsense becomes `Malformed` and
//! is kept: only the message's framing can refuse a message.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::element_type::ElementType;
use super::wire::Wire;

pub mod ac;
pub mod dot11;
pub mod image;
pub mod network;
pub mod radio;
pub mod station;
pub mod text;
pub mod transfer;
pub mod wtp;

pub use ac::{AcDescriptor, AcNameWithPriority, CapwapTimers, RMacField, SubElement, WtpFallback};
pub use image::{ImageData, ImageDataOpcode, ImageIdentifier, ImageInformation, ResultCode, ReturnedMessageElement};
pub use network::{ControlIpv4Address, ControlIpv6Address, EcnSupport, TransportProtocol, WtpStaticIpAddress};
pub use radio::{RadioAdministrativeState, RadioOperationalState};
pub use text::display_text;
pub use transfer::{DataTransferData, DataTransferMode};
pub use wtp::{BoardItem, DiscoveryType, Encryption, SessionKey, WtpBoardData, WtpDescriptor, WtpMacType};

macro_rules! elements {
    ($($(#[$meta:meta])* $variant:ident($kind:ty),)*) => {
        /// A message element.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Element {
            $($(#[$meta])* $variant($kind),)*
            /// The WTP asks the AC to begin a download; it carries nothing (4.6.29).
            InitiateDownload,
            /// What a vendor adds (4.6.39).
            VendorSpecific {
                /// The vendor's private enterprise number; some peers put their OUI there, shifted left by 8.
                vendor: u32,
                /// The vendor's number for it.
                element: u16,
                /// Its content, at most 2,048 octets from a peer that keeps to the RFC.
                data: Vec<u8>,
            },
            /// Of a type that no RFC defines.
            Unknown {
                /// Its type.
                element_type: u16,
                /// Its value as it came.
                value: Vec<u8>,
            },
            /// Of a known type, but with a value that does not have its form.
            Malformed {
                /// Its type.
                element_type: ElementType,
                /// Its value as it came.
                value: Vec<u8>,
            },
        }

        impl Element {
            /// The element of this type and value; whatever does not parse is kept as it came.
            pub fn parse(element_type: u16, value: &[u8]) -> Element {
                let known = ElementType::from(element_type);
                let parsed = match known {
                    $(ElementType::$variant => <$kind>::read_whole(value).map(Element::$variant),)*
                    ElementType::InitiateDownload => value.is_empty().then_some(Element::InitiateDownload),
                    ElementType::VendorSpecific => vendor_specific(value),
                    ElementType::Unknown(element_type) => {
                        return Element::Unknown { element_type, value: value.to_vec() };
                    }
                };
                parsed.unwrap_or_else(|| Element::Malformed { element_type: known, value: value.to_vec() })
            }

            /// What the element is.
            pub fn element_type(&self) -> ElementType {
                match self {
                    $(Element::$variant(_) => ElementType::$variant,)*
                    Element::InitiateDownload => ElementType::InitiateDownload,
                    Element::VendorSpecific { .. } => ElementType::VendorSpecific,
                    Element::Unknown { element_type, .. } => ElementType::from(*element_type),
                    Element::Malformed { element_type, .. } => *element_type,
                }
            }

            /// Appends the value, without type and length.
            fn write_value(&self, out: &mut Vec<u8>) {
                match self {
                    $(Element::$variant(value) => value.write(out),)*
                    Element::InitiateDownload => {}
                    Element::VendorSpecific { vendor, element, data } => {
                        out.extend_from_slice(&vendor.to_be_bytes());
                        out.extend_from_slice(&element.to_be_bytes());
                        out.extend_from_slice(data);
                    }
                    Element::Unknown { value, .. } | Element::Malformed { value, .. } => out.extend_from_slice(value),
                }
            }
        }
    };
}

elements! {
    /// The AC's load, policies and versions (4.6.1).
    AcDescriptor(AcDescriptor),
    /// ACs to join, at most 1,024 (4.6.2). Real ACs send it empty too.
    AcIpv4List(Vec<Ipv4Addr>),
    /// ACs to join, at most 1,024 (4.6.3).
    AcIpv6List(Vec<Ipv6Addr>),
    /// The AC's name, at most 512 octets (4.6.4).
    AcName(String),
    /// A preferred AC (4.6.5).
    AcNameWithPriority(AcNameWithPriority),
    /// The AC's time: seconds since 1900-01-01T00:00:00Z (4.6.6); see `ac::ntp_seconds`.
    AcTimestamp(u32),
    /// Stations to refuse (4.6.7).
    AddMacAclEntry(station::MacList),
    /// A station to serve (4.6.8).
    AddStation(station::AddStation),
    /// An interface of the AC and how many WTPs it has (4.6.9).
    ControlIpv4Address(ControlIpv4Address),
    /// An interface of the AC and how many WTPs it has (4.6.10).
    ControlIpv6Address(ControlIpv6Address),
    /// MaxDiscoveryInterval and EchoInterval (4.6.13).
    CapwapTimers(CapwapTimers),
    /// A piece of a crash log or a memory dump (4.6.15).
    DataTransferData(DataTransferData),
    /// What the AC wants to have, or the WTP is about to send (4.6.16).
    DataTransferMode(DataTransferMode),
    /// Stations whose frames did not decrypt (4.6.17).
    DecryptionErrorReport(station::DecryptionErrorReport),
    /// How often to report them (4.6.18).
    DecryptionErrorReportPeriod(radio::DecryptionErrorReportPeriod),
    /// Stations no longer to refuse (4.6.19).
    DeleteMacAclEntry(station::MacList),
    /// A station no longer to serve (4.6.20).
    DeleteStation(station::DeleteStation),
    /// How the WTP came to know of the AC (4.6.21).
    DiscoveryType(DiscoveryType),
    /// Another device uses the WTP's address (4.6.22).
    DuplicateIpv4Address(network::DuplicateIpv4Address),
    /// Another device uses the WTP's address (4.6.23).
    DuplicateIpv6Address(network::DuplicateIpv6Address),
    /// Seconds after which an idle station is dropped (4.6.24).
    IdleTimeout(u32),
    /// A block of an image (4.6.26).
    ImageData(ImageData),
    /// The software that a WTP is to run, or asks for (4.6.27).
    ImageIdentifier(ImageIdentifier),
    /// Size and MD5 of an image (4.6.28).
    ImageInformation(ImageInformation),
    /// Where the WTP stands, at most 1,024 octets (4.6.30).
    LocationData(String),
    /// The longest message that the sender takes, in octets (4.6.31).
    MaximumMessageLength(u16),
    /// The sender's own address, to find middleboxes (4.6.11).
    LocalIpv4Address(Ipv4Addr),
    /// Whether a radio, or the WTP, shall work (4.6.33).
    RadioAdministrativeState(RadioAdministrativeState),
    /// Whether a radio works, and why not (4.6.34).
    RadioOperationalState(RadioOperationalState),
    /// The result of the request (4.6.35).
    ResultCode(ResultCode),
    /// An element that could not be applied (4.6.36).
    ReturnedMessageElement(ReturnedMessageElement),
    /// What ties the data channel to the control channel (4.6.37).
    SessionId(SessionKey),
    /// Seconds between statistics (4.6.38).
    StatisticsTimer(u16),
    /// Model, serial number and Base MAC (4.6.40).
    WtpBoardData(WtpBoardData),
    /// Radios, encryption and versions (4.6.41).
    WtpDescriptor(WtpDescriptor),
    /// Whether the WTP goes back to its primary AC by itself (4.6.42).
    WtpFallback(WtpFallback),
    /// How user frames may be tunnelled: bits of `wtp::tunnel` (4.6.43).
    WtpFrameTunnelMode(u8),
    /// Local MAC, Split MAC or both (4.6.44).
    WtpMacType(WtpMacType),
    /// The WTP's name, at most 512 octets (4.6.45).
    WtpName(String),
    /// Why a radio failed and how often (4.6.46).
    WtpRadioStatistics(radio::WtpRadioStatistics),
    /// Why the WTP rebooted and how often (4.6.47).
    WtpRebootStatistics(wtp::WtpRebootStatistics),
    /// A fixed address for the WTP (4.6.48).
    WtpStaticIpAddress(WtpStaticIpAddress),
    /// The sender's own address, to find middleboxes (4.6.12).
    LocalIpv6Address(Ipv6Addr),
    /// UDP or UDP-Lite for the data channel over IPv6 (4.6.14).
    TransportProtocol(TransportProtocol),
    /// Octets of 0xFF that make a message long (4.6.32).
    MtuDiscoveryPadding(Vec<u8>),
    /// Limited or full ECN (4.6.25).
    EcnSupport(EcnSupport),
    /// A WLAN to serve, as it came (RFC 5416 6.1).
    AddWlan(Vec<u8>),
    /// Antennas of a radio (RFC 5416 6.2).
    Antenna(dot11::Antenna),
    /// The BSSID that the WTP gave a WLAN (RFC 5416 6.3).
    AssignedWtpBssid(dot11::AssignedWtpBssid),
    /// A WLAN no longer to serve (RFC 5416 6.4).
    DeleteWlan(dot11::DeleteWlan),
    /// Channel of an 802.11b radio (RFC 5416 6.5).
    DirectSequenceControl(dot11::DirectSequenceControl),
    /// An information element of beacons or probe responses, as it came (RFC 5416 6.6).
    InformationElement(Vec<u8>),
    /// Thresholds and lifetimes of a radio (RFC 5416 6.7).
    MacOperation(dot11::MacOperation),
    /// A MIC failure (RFC 5416 6.8).
    MicCountermeasures(dot11::MicCountermeasures),
    /// Channels and power that a regulator allows (RFC 5416 6.9).
    MultiDomainCapability(dot11::MultiDomainCapability),
    /// Channel of an 802.11a radio (RFC 5416 6.10).
    OfdmControl(dot11::OfdmControl),
    /// Rates to offer (RFC 5416 6.11).
    RateSet(dot11::Rates),
    /// Counters of a station's RSN errors, as they came (RFC 5416 6.12).
    RsnaErrorReport(Vec<u8>),
    /// A station's 802.11 parameters, as they came (RFC 5416 6.13).
    Station(Vec<u8>),
    /// A station's QoS profile, as it came (RFC 5416 6.14).
    StationQosProfile(Vec<u8>),
    /// A station's key, as it came (RFC 5416 6.15).
    StationSessionKey(Vec<u8>),
    /// Counters of a radio, as they came (RFC 5416 6.16).
    Statistics(Vec<u8>),
    /// Rates that a radio can do (RFC 5416 6.17).
    SupportedRates(dot11::Rates),
    /// Power of a radio (RFC 5416 6.18).
    TxPower(dot11::TxPower),
    /// Powers that a radio can do (RFC 5416 6.19).
    TxPowerLevel(dot11::TxPowerLevel),
    /// A station's changed QoS, as it came (RFC 5416 6.20).
    UpdateStationQos(Vec<u8>),
    /// A changed WLAN, as it came (RFC 5416 6.21).
    UpdateWlan(Vec<u8>),
    /// QoS of a radio, as it came (RFC 5416 6.22).
    WtpQualityOfService(Vec<u8>),
    /// BSSIDs, beacons and country of a radio (RFC 5416 6.23).
    WtpRadioConfiguration(dot11::WtpRadioConfiguration),
    /// A radio failed or is well again (RFC 5416 6.24).
    WtpRadioFailAlarm(dot11::WtpRadioFailAlarm),
    /// What a radio can do (RFC 5416 6.25).
    WtpRadioInformation(dot11::WtpRadioInformation),
}

fn vendor_specific(value: &[u8]) -> Option<Element> {
    let (vendor, rest) = value.split_first_chunk()?;
    let (element, data) = rest.split_first_chunk()?;
    Some(Element::VendorSpecific {
        vendor: u32::from_be_bytes(*vendor),
        element: u16::from_be_bytes(*element),
        data: data.to_vec(),
    })
}

/// Appends type, length and value. A value beyond the 65,535 octets that the length can say is cut.
pub(crate) fn encode(element: &Element, out: &mut Vec<u8>) {
    out.extend_from_slice(&element.element_type().code().to_be_bytes());
    let length_at = out.len();
    out.extend_from_slice(&[0, 0]);
    let start = out.len();
    element.write_value(out);
    let length = u16::try_from(out.len() - start).unwrap_or_else(|_| {
        debug_assert!(false, "an element longer than its length can say");
        out.truncate(start + usize::from(u16::MAX));
        u16::MAX
    });
    out[length_at..start].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests;
