//! Elements that describe a WTP (RFC 5415 4.6.21, 4.6.37, 4.6.40, 4.6.41, 4.6.43, 4.6.44, 4.6.47).

use std::fmt;

use capledger_schema::id::MacAddr;

use super::ac::SubElement;
use super::text::display_text;
use crate::capwap::WBID_IEEE80211;
use crate::capwap::wire::{
    Reader, Wire, codes, layout, read_counted, read_sized, sequences, write_counted, write_sized,
};

codes! {
    /// How the WTP came to know of the AC (4.6.21).
    DiscoveryType: u8 {
        NotKnown = 0 "Unknown",
        StaticConfiguration = 1 "Static Configuration",
        Dhcp = 2 "DHCP",
        Dns = 3 "DNS",
        AcReferral = 4 "AC Referral",
    }
}

codes! {
    /// Where 802.11 MAC functions live (4.6.44).
    WtpMacType: u8 {
        LocalMac = 0 "Local MAC",
        SplitMac = 1 "Split MAC",
        Both = 2 "Both",
    }
}

/// Bits of WTP Frame Tunnel Mode (4.6.43).
pub mod tunnel {
    /// N: native frames go to the AC.
    pub const NATIVE: u8 = 0x08;
    /// E: 802.3 frames go to the AC.
    pub const IEEE8023: u8 = 0x04;
    /// L: frames are bridged at the WTP.
    pub const LOCAL: u8 = 0x02;
}

/// Session ID (4.6.37): what ties the data channel to the control channel.
///
/// The RFC has 16 octets; real peers send 4 to 16.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(Vec<u8>);

impl SessionKey {
    /// A session id of 4 to 16 octets; `None` for any other length.
    pub fn new(octets: &[u8]) -> Option<SessionKey> {
        (4..=16).contains(&octets.len()).then(|| SessionKey(octets.to_vec()))
    }

    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<[u8; 16]> for SessionKey {
    fn from(octets: [u8; 16]) -> Self {
        SessionKey(octets.to_vec())
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl Wire for SessionKey {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        SessionKey::new(r.rest())
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// Types of `WtpBoardData::items` (4.6.40).
pub mod board {
    /// Model number; mandatory.
    pub const MODEL: u16 = 0;
    /// Serial number; mandatory.
    pub const SERIAL: u16 = 1;
    /// Board id.
    pub const BOARD_ID: u16 = 2;
    /// Board revision.
    pub const REVISION: u16 = 3;
    /// Base MAC address.
    pub const BASE_MAC: u16 = 4;
}

layout! {
    /// WTP Board Data (4.6.40).
    pub struct WtpBoardData {
        /// Private enterprise number of the maker.
        pub vendor: u32,
        /// Model, serial number, Base MAC and more.
        pub items: Vec<BoardItem>,
    }
}

/// A sub-element of WTP Board Data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardItem {
    /// One of `board`.
    pub kind: u16,
    /// At most 1,024 octets.
    pub data: Vec<u8>,
}

impl Wire for BoardItem {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        Some(BoardItem { kind: r.u16()?, data: read_sized(r)?.to_vec() })
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.kind.write(out);
        write_sized(&self.data, out);
    }
}
sequences!(BoardItem);

impl WtpBoardData {
    /// Board data with the sub-elements that this product's own WTPs send.
    pub fn new(vendor: u32, model: &str, serial: &str, base_mac: MacAddr) -> WtpBoardData {
        let item = |kind, data: &[u8]| BoardItem { kind, data: data.to_vec() };
        let items = vec![
            item(board::MODEL, model.as_bytes()),
            item(board::SERIAL, serial.as_bytes()),
            item(board::BASE_MAC, &base_mac.0),
        ];
        WtpBoardData { vendor, items }
    }

    /// The model, fit to be shown.
    pub fn model(&self) -> Option<String> {
        self.find(board::MODEL).map(display_text)
    }

    /// The serial number, fit to be shown.
    pub fn serial(&self) -> Option<String> {
        self.find(board::SERIAL).map(display_text)
    }

    /// The Base MAC, of six octets or written out as text; `None` if absent, zero or anything else.
    pub fn base_mac(&self) -> Option<MacAddr> {
        let data = self.find(board::BASE_MAC)?;
        let mac = match <[u8; 6]>::try_from(data) {
            Ok(octets) => MacAddr(octets),
            Err(_) => std::str::from_utf8(data).ok()?.parse().ok()?,
        };
        (mac != MacAddr::default()).then_some(mac)
    }

    fn find(&self, kind: u16) -> Option<&[u8]> {
        self.items.iter().find(|item| item.kind == kind).map(|item| item.data.as_slice())
    }
}

/// Types of `WtpDescriptor::versions` (4.6.41).
pub mod descriptor {
    /// Hardware version; mandatory.
    pub const HARDWARE: u16 = 0;
    /// Version of the software that runs; mandatory.
    pub const ACTIVE: u16 = 1;
    /// Version of the boot loader; mandatory.
    pub const BOOT: u16 = 2;
    /// Version of the software that does not run: the backup image.
    pub const OTHER: u16 = 3;
}

/// A bit of `EncryptionCapability::capabilities` (RFC 5416 8.1): AES-CCMP.
pub const AES_CCMP: u16 = 0x0008;
/// A bit of `EncryptionCapability::capabilities` (RFC 5416 8.1): TKIP and Michael.
pub const TKIP: u16 = 0x0004;

layout! {
    /// What a WTP can encrypt for one binding (4.6.41).
    pub struct EncryptionCapability {
        /// The binding in the low five bits; 1 is IEEE 802.11.
        pub binding: u8,
        /// For IEEE 802.11: bits `AES_CCMP` and `TKIP`.
        pub capabilities: u16,
    }
}

/// The one field that the RFC and the drafts before it lay out differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// The RFC's: a count, then one entry per binding, at most 255.
    PerBinding(Vec<EncryptionCapability>),
    /// Of draft 7 and the Cisco dialect: 16 bits, no count.
    Draft(u16),
}

/// WTP Descriptor (4.6.41), in the RFC's form or in that of draft 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WtpDescriptor {
    /// Radios that the WTP has.
    pub max_radios: u8,
    /// Radios in use.
    pub radios_in_use: u8,
    /// What it can encrypt; tells the form.
    pub encryption: Encryption,
    /// Versions of hardware and software.
    pub versions: Vec<SubElement>,
}

impl WtpDescriptor {
    /// The RFC's form for 802.11 with the three mandatory versions; it encrypts with AES-CCMP.
    ///
    /// The RFC has at least 33 octets, so each version needs at least one.
    pub fn new(radios: u8, hardware: &str, active: &str, boot: &str, backup: Option<&str>) -> WtpDescriptor {
        let mut versions = vec![
            SubElement::text(descriptor::HARDWARE, hardware),
            SubElement::text(descriptor::ACTIVE, active),
            SubElement::text(descriptor::BOOT, boot),
        ];
        versions.extend(backup.map(|version| SubElement::text(descriptor::OTHER, version)));
        let encryption =
            Encryption::PerBinding(vec![EncryptionCapability { binding: WBID_IEEE80211, capabilities: AES_CCMP }]);
        WtpDescriptor { max_radios: radios, radios_in_use: radios, encryption, versions }
    }

    /// The hardware version.
    pub fn hardware(&self) -> Option<String> {
        self.version(descriptor::HARDWARE)
    }

    /// The version of the software that runs.
    pub fn active(&self) -> Option<String> {
        self.version(descriptor::ACTIVE)
    }

    /// The version of the boot loader.
    pub fn boot(&self) -> Option<String> {
        self.version(descriptor::BOOT)
    }

    /// The version of the backup image.
    pub fn backup(&self) -> Option<String> {
        self.version(descriptor::OTHER)
    }

    /// With vendor 0 by the RFC; real peers put their own id beside the same types.
    fn version(&self, kind: u16) -> Option<String> {
        let of = |rfc: bool| self.versions.iter().find(move |v| v.kind == kind && (v.vendor == 0) == rfc);
        of(true).or_else(|| of(false)).map(SubElement::version)
    }

    /// The RFC's form fits if the versions behind it end where the element ends; else draft 7's form may.
    fn read_form(r: &mut Reader<'_>, per_binding: bool) -> Option<WtpDescriptor> {
        let (max_radios, radios_in_use) = (r.u8()?, r.u8()?);
        let encryption =
            if per_binding { Encryption::PerBinding(read_counted(r)?) } else { Encryption::Draft(r.u16()?) };
        Some(WtpDescriptor { max_radios, radios_in_use, encryption, versions: Vec::read(r)? })
    }
}

impl Wire for WtpDescriptor {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let octets = r.rest();
        Self::read_form(&mut Reader::new(octets), true).or_else(|| Self::read_form(&mut Reader::new(octets), false))
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.max_radios, self.radios_in_use]);
        match &self.encryption {
            Encryption::PerBinding(entries) => write_counted(entries, out),
            Encryption::Draft(bits) => bits.write(out),
        }
        self.versions.write(out);
    }
}

codes! {
    /// The last failure of a WTP (4.6.47).
    RebootFailureType: u8 {
        NotSupported = 0 "Not Supported",
        AcInitiated = 1 "AC Initiated",
        LinkFailure = 2 "Link Failure",
        SoftwareFailure = 3 "Software Failure",
        HardwareFailure = 4 "Hardware Failure",
        OtherFailure = 5 "Other Failure",
        NotKnown = 255 "Unknown",
    }
}

layout! {
    /// WTP Reboot Statistics (4.6.47). 65,535 in the first two means that the WTP does not count.
    pub struct WtpRebootStatistics {
        /// Reboots after a crash.
        pub reboot_count: u16,
        /// Reboots that the AC asked for.
        pub ac_initiated_count: u16,
        /// Connections lost with the link.
        pub link_failures: u16,
        /// Connections lost to software.
        pub software_failures: u16,
        /// Connections lost to hardware.
        pub hardware_failures: u16,
        /// Connections lost for other known reasons.
        pub other_failures: u16,
        /// Connections lost for unknown reasons.
        pub unknown_failures: u16,
        /// The last failure.
        pub last_failure: RebootFailureType,
    }
}
