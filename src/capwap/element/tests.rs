use std::collections::BTreeSet;

use capledger_schema::id::{MacAddr, Md5};
use proptest::prelude::*;

use super::*;
use crate::capwap::element::dot11::CountryString;
use crate::capwap::element::image::ReturnedReason;
use crate::capwap::element::radio::{RadioCause, RadioFailureType, RadioState};
use crate::capwap::element::station::{MacAddress, MacList};
use crate::capwap::element::wtp::RebootFailureType;

fn value_of(element: &Element) -> Vec<u8> {
    let mut out = Vec::new();
    encode(element, &mut out);
    out.split_off(4)
}

/// One valid element of every type that is defined, and one of a type that is not.
fn samples() -> Vec<Element> {
    let mac = MacAddress::Eui48(MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x20]));
    let long = MacAddress::Eui64([1, 2, 3, 4, 5, 6, 7, 8]);
    let (v4, v6) = (Ipv4Addr::new(10, 0, 0, 5), Ipv6Addr::LOCALHOST);
    vec![
        Element::AcDescriptor(AcDescriptor {
            stations: 1,
            limit: 2,
            active_wtps: 3,
            max_wtps: 6000,
            security: ac::security::X509,
            r_mac: RMacField::NotSupported,
            reserved: 0,
            dtls_policy: ac::dtls_policy::CLEAR_DATA,
            information: vec![
                SubElement::text(ac::information::HARDWARE, "hw"),
                SubElement::text(ac::information::SOFTWARE, "17.9.4.27"),
            ],
        }),
        Element::AcIpv4List(vec![v4, v4]),
        Element::AcIpv6List(vec![v6]),
        Element::AcName("9120-EWC".into()),
        Element::AcNameWithPriority(AcNameWithPriority { priority: 1, name: "ac".into() }),
        Element::AcTimestamp(7),
        Element::AddMacAclEntry(MacList(vec![mac, long])),
        Element::AddStation(station::AddStation { radio_id: 1, mac, vlan_name: "v".into() }),
        Element::ControlIpv4Address(ControlIpv4Address { address: v4, wtp_count: 9 }),
        Element::ControlIpv6Address(ControlIpv6Address { address: v6, wtp_count: 9 }),
        Element::CapwapTimers(CapwapTimers { discovery: 20, echo_request: 30 }),
        Element::DataTransferData(DataTransferData {
            kind: transfer::DataTransferType::Last,
            mode: DataTransferMode::CrashData,
            data: vec![1, 2, 3],
        }),
        Element::DataTransferMode(DataTransferMode::MemoryDump),
        Element::DecryptionErrorReport(station::DecryptionErrorReport { radio_id: 1, stations: MacList(vec![mac]) }),
        Element::DecryptionErrorReportPeriod(radio::DecryptionErrorReportPeriod { radio_id: 1, report_interval: 120 }),
        Element::DeleteMacAclEntry(MacList(vec![])),
        Element::DeleteStation(station::DeleteStation { radio_id: 1, mac }),
        Element::DiscoveryType(DiscoveryType::Dhcp),
        Element::DuplicateIpv4Address(network::DuplicateIpv4Address { address: v4, status: 1, offender: mac }),
        Element::DuplicateIpv6Address(network::DuplicateIpv6Address { address: v6, status: 0, offender: long }),
        Element::IdleTimeout(300),
        Element::ImageData(ImageData { opcode: ImageDataOpcode::Abort, data: vec![] }),
        Element::ImageIdentifier(ImageIdentifier { vendor: 9, name: "ap1g8".into() }),
        Element::ImageInformation(ImageInformation { size: 70_512_640, hash: Md5([3; 16]) }),
        Element::InitiateDownload,
        Element::LocationData("Halle 3, Säule 4".into()),
        Element::MaximumMessageLength(1485),
        Element::LocalIpv4Address(v4),
        Element::RadioAdministrativeState(RadioAdministrativeState {
            radio_id: radio::WHOLE_WTP,
            state: RadioState::Enabled,
        }),
        Element::RadioOperationalState(RadioOperationalState {
            radio_id: 1,
            state: RadioState::Disabled,
            cause: RadioCause::RadioFailure,
        }),
        Element::ResultCode(ResultCode::ImageAlreadyPresent),
        Element::ReturnedMessageElement(ReturnedMessageElement {
            reason: ReturnedReason::UnknownValue,
            element: vec![0, 20, 0, 1, 9],
        }),
        Element::SessionId(SessionKey::from([7; 16])),
        Element::StatisticsTimer(120),
        Element::VendorSpecific { vendor: 0x0040_9600, element: 207, data: vec![1, 0, 0, 1] },
        Element::WtpBoardData(WtpBoardData::new(9, "C9105AXI-B", "FGL1", MacAddr([2; 6]))),
        Element::WtpDescriptor(WtpDescriptor::new(2, "1.0", "17.3.3.26", "1.1.2.4", Some("17.9.4.27"))),
        Element::WtpFallback(WtpFallback::Enabled),
        Element::WtpFrameTunnelMode(wtp::tunnel::LOCAL),
        Element::WtpMacType(WtpMacType::Both),
        Element::WtpName("AP2C5A.0F40.6920".into()),
        Element::WtpRadioStatistics(radio::WtpRadioStatistics {
            radio_id: 1,
            last_failure: RadioFailureType::NotKnown,
            reset_count: 1,
            software_failures: 2,
            hardware_failures: 3,
            other_failures: 4,
            unknown_failures: 5,
            config_updates: 6,
            channel_changes: 7,
            band_changes: 8,
            noise_floor: -95,
        }),
        Element::WtpRebootStatistics(wtp::WtpRebootStatistics {
            reboot_count: 1,
            ac_initiated_count: 2,
            link_failures: 3,
            software_failures: 4,
            hardware_failures: 5,
            other_failures: 6,
            unknown_failures: 7,
            last_failure: RebootFailureType::LinkFailure,
        }),
        Element::WtpStaticIpAddress(WtpStaticIpAddress { address: v4, netmask: v4, gateway: v4, enabled: 1 }),
        Element::LocalIpv6Address(v6),
        Element::TransportProtocol(TransportProtocol::Udp),
        Element::MtuDiscoveryPadding(vec![0xff; 40]),
        Element::EcnSupport(EcnSupport::Limited),
        Element::AddWlan(vec![1; 30]),
        Element::Antenna(dot11::Antenna { radio_id: 1, diversity: 1, combiner: 3, selection: vec![2, 2] }),
        Element::AssignedWtpBssid(dot11::AssignedWtpBssid { radio_id: 1, wlan_id: 1, bssid: MacAddr([1; 6]) }),
        Element::DeleteWlan(dot11::DeleteWlan { radio_id: 1, wlan_id: 16 }),
        Element::DirectSequenceControl(dot11::DirectSequenceControl {
            radio_id: 1,
            reserved: 0,
            current_channel: 6,
            current_cca: 4,
            energy_detect_threshold: 100,
        }),
        Element::InformationElement(vec![1, 1, 0x80, 0]),
        Element::MacOperation(dot11::MacOperation {
            radio_id: 1,
            reserved: 0,
            rts_threshold: 2346,
            short_retry: 7,
            long_retry: 4,
            fragmentation_threshold: 2346,
            tx_msdu_lifetime: 512,
            rx_msdu_lifetime: 512,
        }),
        Element::MicCountermeasures(dot11::MicCountermeasures { radio_id: 1, wlan_id: 1, station: MacAddr([1; 6]) }),
        Element::MultiDomainCapability(dot11::MultiDomainCapability {
            radio_id: 1,
            reserved: 0,
            first_channel: 36,
            channels: 4,
            max_tx_power: 23,
        }),
        Element::OfdmControl(dot11::OfdmControl {
            radio_id: 1,
            reserved: 0,
            current_channel: 36,
            band_support: 7,
            ti_threshold: 9,
        }),
        Element::RateSet(dot11::Rates { radio_id: 1, rates: vec![2, 4, 11, 22] }),
        Element::RsnaErrorReport(vec![0; 40]),
        Element::Station(vec![0; 20]),
        Element::StationQosProfile(vec![0; 8]),
        Element::StationSessionKey(vec![0; 30]),
        Element::Statistics(vec![0; 80]),
        Element::SupportedRates(dot11::Rates { radio_id: 2, rates: vec![12, 24] }),
        Element::TxPower(dot11::TxPower { radio_id: 1, reserved: 0, current: 100 }),
        Element::TxPowerLevel(dot11::TxPowerLevel { radio_id: 1, levels: vec![1, 300] }),
        Element::UpdateStationQos(vec![0; 8]),
        Element::UpdateWlan(vec![0; 9]),
        Element::WtpQualityOfService(vec![0; 34]),
        Element::WtpRadioConfiguration(dot11::WtpRadioConfiguration {
            radio_id: 1,
            short_preamble: 1,
            num_bssids: 8,
            dtim_period: 1,
            bssid: MacAddr([1; 6]),
            beacon_period: 100,
            country: CountryString(*b"US \0"),
        }),
        Element::WtpRadioFailAlarm(dot11::WtpRadioFailAlarm { radio_id: 1, kind: 1, status: 1, pad: 0 }),
        Element::WtpRadioInformation(dot11::WtpRadioInformation { radio_id: 1, radio_type: dot11::radio_type::N }),
        Element::Unknown { element_type: 9, value: vec![1, 2, 3] },
    ]
}

#[test]
fn every_defined_type_has_a_sample_that_survives_the_wire() {
    let mut seen = BTreeSet::new();
    for element in samples() {
        let element_type = element.element_type();
        assert_eq!(Element::parse(element_type.code(), &value_of(&element)), element, "{element_type}");
        seen.insert(element_type);
    }
    let unseen: Vec<_> = ElementType::ALL.iter().filter(|t| !seen.contains(t)).collect();
    assert_eq!(unseen, [] as [&ElementType; 0]);
}

#[test]
fn a_value_of_the_wrong_form_is_kept_and_named() {
    for (element_type, value) in [
        (ElementType::ControlIpv4Address, vec![]),
        (ElementType::ResultCode, vec![0; 5]),
        (ElementType::SessionId, vec![0; 3]),
        (ElementType::SessionId, vec![0; 17]),
        (ElementType::WtpName, vec![0xff, 0xfe]),
        (ElementType::InitiateDownload, vec![0]),
        (ElementType::VendorSpecific, vec![0; 5]),
        (ElementType::AcIpv4List, vec![0; 5]),
        (ElementType::DeleteStation, vec![1, 7, 0, 0, 0, 0, 0, 0, 0]),
        (ElementType::AddMacAclEntry, vec![2, 6, 1, 2, 3, 4, 5, 6]),
        (ElementType::WtpBoardData, vec![0, 0, 0, 9, 0, 0, 0, 5, 1]),
    ] {
        let element = Element::parse(element_type.code(), &value);
        assert_eq!(element, Element::Malformed { element_type, value: value.clone() });
        assert_eq!(value_of(&element), value);
    }
}

#[test]
fn an_element_lies_on_the_wire_as_the_rfc_draws_it() {
    let mut out = Vec::new();
    encode(&Element::ImageIdentifier(ImageIdentifier { vendor: 9, name: "x".into() }), &mut out);
    assert_eq!(out, [0, 25, 0, 5, 0, 0, 0, 9, b'x']);
    out.clear();
    encode(&Element::WtpMacType(WtpMacType::SplitMac), &mut out);
    assert_eq!(out, [0, 44, 0, 1, 1]);
}

#[test]
fn result_codes_14_to_17_are_the_image_errors() {
    assert_eq!(ResultCode::from(14), ResultCode::ImageInvalidChecksum);
    assert_eq!(ResultCode::from(17).name(), "Image Data Error (Image Already Present)");
    assert_eq!(ResultCode::from(23).to_string(), "Unknown (23)");
    assert!(ResultCode::from(2).is_success() && !ResultCode::from(17).is_success());
    assert_eq!(ResultCode::ALL.len(), 23);
}

#[test]
fn both_forms_of_the_wtp_descriptor_are_told_apart() {
    let draft = [2, 2, 0, 1, 0, 0x40, 0x96, 0, 0, 1, 0, 4, 7, 5, 0x66, 0];
    let Element::WtpDescriptor(d) = Element::parse(39, &draft) else { panic!("a descriptor") };
    assert_eq!((&d.encryption, d.active().as_deref()), (&Encryption::Draft(1), Some("7.5.102.0")));
    let rfc = [2, 2, 1, 1, 0, 12, 0, 0, 0, 0, 0, 1, 0, 9, b'1', b'7', b'.', b'3', b'.', b'3', b'.', b'2', b'6'];
    let Element::WtpDescriptor(d) = Element::parse(39, &rfc) else { panic!("a descriptor") };
    assert!(matches!(&d.encryption, Encryption::PerBinding(one) if one.len() == 1));
    assert_eq!(d.active().as_deref(), Some("17.3.3.26"));
    assert_eq!(d.backup(), None);
}

#[test]
fn a_new_wtp_descriptor_is_as_long_as_the_rfc_demands_and_gives_its_versions_back() {
    let bare = WtpDescriptor::new(1, "0", "1", "2", None);
    assert_eq!(value_of(&Element::WtpDescriptor(bare.clone())).len(), 33);
    assert_eq!(bare.backup(), None);
    let full = WtpDescriptor::new(2, "1.0", "17.3.3.26", "1.1.2.4", Some("17.9.4.27"));
    let versions = [full.hardware(), full.active(), full.boot(), full.backup()];
    assert_eq!(versions.map(Option::unwrap_or_default), ["1.0", "17.3.3.26", "1.1.2.4", "17.9.4.27"]);
}

#[test]
fn board_data_gives_model_serial_and_base_mac() {
    let mac = MacAddr([0x2c, 0x5a, 0x0f, 0x40, 0x69, 0x20]);
    let board = WtpBoardData::new(9, "C9105AXI-B\0", "FGL2542L0X1", mac);
    assert_eq!(board.model().as_deref(), Some("C9105AXI-B"));
    assert_eq!(board.serial().as_deref(), Some("FGL2542L0X1"));
    assert_eq!(board.base_mac(), Some(mac));
    let text = BoardItem { kind: wtp::board::BASE_MAC, data: b"2c:5a:0f:40:69:20".to_vec() };
    assert_eq!(WtpBoardData { vendor: 1, items: vec![text] }.base_mac(), Some(mac));
    assert_eq!(WtpBoardData::new(9, "m", "s", MacAddr::default()).base_mac(), None);
}

#[test]
fn shown_text_has_no_control_characters_and_an_end() {
    assert_eq!(display_text(b"AP\n1\x1b[0m \0\0"), "AP?1?[0m");
    assert_eq!(display_text(&[b'a'; 2000]).len(), text::DISPLAY_LIMIT);
    assert_eq!(display_text(&[b'a', 0xff]), "a\u{fffd}");
}

#[test]
fn the_ac_timestamp_counts_from_1900() {
    use capledger_schema::time::Timestamp;
    assert_eq!(ac::ntp_seconds(Timestamp(0)), 2_208_988_800);
    let after_the_era: Timestamp = "2036-02-07T06:28:16Z".parse().expect("a moment");
    assert_eq!(ac::ntp_seconds(after_the_era), 0);
}

fn any_type() -> impl Strategy<Value = u16> {
    prop_oneof![prop::sample::select(ElementType::ALL).prop_map(ElementType::code), any::<u16>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_its_value_an_element_is_written_as_it_was_read(
        element_type in any_type(),
        value in prop::collection::vec(prop_oneof![0..8u8, any::<u8>()], 0..48),
    ) {
        let element = Element::parse(element_type, &value);
        prop_assert_eq!(element.element_type().code(), element_type);
        prop_assert_eq!(value_of(&element), value);
    }

    #[test]
    fn a_sample_with_octets_changed_or_cut_is_written_as_it_was_read(
        sample in prop::sample::select(samples()),
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
        keep in 0..80usize,
    ) {
        let mut value = value_of(&sample);
        if !value.is_empty() {
            let at = at.index(value.len());
            value[at] = octet;
        }
        value.truncate(keep);
        let element = Element::parse(sample.element_type().code(), &value);
        prop_assert_eq!(value_of(&element), value);
    }
}
