//! Elements that describe the AC and what it sets on every WTP (RFC 5415 4.6.1, 4.6.5, 4.6.6, 4.6.13, 4.6.42).

use capledger_schema::time::Timestamp;

use super::text::display_text;
use crate::capwap::wire::{Reader, Wire, codes, layout, read_sized, sequences, write_sized};

/// Bits of `AcDescriptor::security` (4.6.1).
pub mod security {
    /// S: pre-shared keys.
    pub const PSK: u8 = 0x04;
    /// X: certificates.
    pub const X509: u8 = 0x02;
}

/// Bits of `AcDescriptor::dtls_policy` (4.6.1).
pub mod dtls_policy {
    /// D: a data channel in DTLS.
    pub const DTLS_DATA: u8 = 0x04;
    /// C: a data channel in clear.
    pub const CLEAR_DATA: u8 = 0x02;
}

/// Types of `AcDescriptor::information` with vendor 0 (4.6.1).
pub mod information {
    /// The AC's hardware.
    pub const HARDWARE: u16 = 4;
    /// The AC's software.
    pub const SOFTWARE: u16 = 5;
}

codes! {
    /// Whether the AC understands the radio MAC address in the CAPWAP header (4.6.1).
    RMacField: u8 {
        Supported = 1 "Supported",
        NotSupported = 2 "Not Supported",
    }
}

layout! {
    /// AC Descriptor (4.6.1).
    pub struct AcDescriptor {
        /// Stations served now.
        pub stations: u16,
        /// Most stations.
        pub limit: u16,
        /// WTPs attached now.
        pub active_wtps: u16,
        /// Most WTPs.
        pub max_wtps: u16,
        /// Bits of `security`.
        pub security: u8,
        /// Whether radio MAC addresses are understood.
        pub r_mac: RMacField,
        /// Sent as zero.
        pub reserved: u8,
        /// Bits of `dtls_policy`.
        pub dtls_policy: u8,
        /// Hardware and software version; both are mandatory.
        pub information: Vec<SubElement>,
    }
}

impl AcDescriptor {
    /// The hardware version, in either dialect.
    pub fn hardware(&self) -> Option<String> {
        self.version(information::HARDWARE, 0)
    }

    /// The software version, in either dialect.
    pub fn software(&self) -> Option<String> {
        self.version(information::SOFTWARE, 1)
    }

    /// By the RFC's type and vendor 0, else by the type that the older dialect gives it beside a vendor.
    fn version(&self, rfc: u16, older: u16) -> Option<String> {
        let wanted = |s: &&SubElement| if s.vendor == 0 { s.kind == rfc } else { s.kind == older || s.kind == rfc };
        self.information.iter().find(wanted).map(SubElement::version)
    }
}

/// A sub-element of the AC Descriptor or the WTP Descriptor: a version, mostly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubElement {
    /// 0 for the RFC's types, else the vendor whose types they are.
    pub vendor: u32,
    /// What it is.
    pub kind: u16,
    /// UTF-8 by the RFC; four octets in the Cisco dialect. At most 1,024 octets.
    pub data: Vec<u8>,
}

impl SubElement {
    /// One of the RFC's types, with text.
    pub fn text(kind: u16, text: &str) -> SubElement {
        SubElement { vendor: 0, kind, data: text.as_bytes().to_vec() }
    }

    /// The version in words: text as text, a vendor's four octets as four dotted numbers.
    pub fn version(&self) -> String {
        match self.data.as_slice() {
            [a, b, c, d] if self.vendor != 0 && !self.data.iter().all(u8::is_ascii_graphic) => {
                format!("{a}.{b}.{c}.{d}")
            }
            octets => display_text(octets),
        }
    }
}

impl Wire for SubElement {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        Some(SubElement { vendor: r.u32()?, kind: r.u16()?, data: read_sized(r)?.to_vec() })
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.vendor.write(out);
        self.kind.write(out);
        write_sized(&self.data, out);
    }
}
sequences!(SubElement);

layout! {
    /// AC Name with Priority (4.6.5).
    pub struct AcNameWithPriority {
        /// 1 for the primary AC, 2 for the secondary, up to 255.
        pub priority: u8,
        /// At most 512 octets.
        pub name: String,
    }
}

/// What AC Timestamp carries (4.6.6): the upper 32 bits of NTP's time, which begin anew in 2036.
pub fn ntp_seconds(at: Timestamp) -> u32 {
    const FROM_1900_TO_1970: i64 = 2_208_988_800;
    at.0.div_euclid(1_000_000).wrapping_add(FROM_1900_TO_1970) as u32
}

layout! {
    /// CAPWAP Timers (4.6.13).
    pub struct CapwapTimers {
        /// MaxDiscoveryInterval in seconds, 2 to 180.
        pub discovery: u8,
        /// EchoInterval in seconds.
        pub echo_request: u8,
    }
}

codes! {
    /// Whether the WTP goes back to its primary AC by itself (4.6.42).
    WtpFallback: u8 {
        Enabled = 1 "Enabled",
        Disabled = 2 "Disabled",
    }
}
