//! Elements that the IEEE 802.11 binding adds (RFC 5416 6), as far as they concern radios rather than stations.

use capledger_schema::id::MacAddr;

use crate::capwap::wire::{Reader, Wire, layout, read_counted, write_counted};

/// Bits of `WtpRadioInformation::radio_type` (RFC 5416 6.25).
pub mod radio_type {
    /// 802.11n.
    pub const N: u32 = 0x08;
    /// 802.11g.
    pub const G: u32 = 0x04;
    /// 802.11a.
    pub const A: u32 = 0x02;
    /// 802.11b.
    pub const B: u32 = 0x01;
}

layout! {
    /// WTP Radio Information (6.25).
    pub struct WtpRadioInformation {
        /// 1 to 31; 0 from some ACs.
        pub radio_id: u8,
        /// Bits of `radio_type`.
        pub radio_type: u32,
    }
}

layout! {
    /// WTP Radio Configuration (6.23).
    pub struct WtpRadioConfiguration {
        /// 1 to 31.
        pub radio_id: u8,
        /// 1 if short preambles are supported, 0 if not.
        pub short_preamble: u8,
        /// Most BSSIDs, 1 to 16.
        pub num_bssids: u8,
        /// Beacon intervals between DTIMs.
        pub dtim_period: u8,
        /// The radio's base address.
        pub bssid: MacAddr,
        /// Beacon interval in time units.
        pub beacon_period: u16,
        /// Two letters of ISO 3166-1, the environment (space, O, I or X), one octet more.
        pub country: CountryString,
    }
}

/// The country of a radio (6.23): four octets, of which the first two are ISO 3166-1 letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountryString(pub [u8; 4]);

impl Wire for CountryString {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        r.array().map(CountryString)
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

layout! {
    /// WTP Radio Fail Alarm Indication (6.24).
    pub struct WtpRadioFailAlarm {
        /// 1 to 31.
        pub radio_id: u8,
        /// 1 receiver, 2 transmitter.
        pub kind: u8,
        /// 1 if it failed, 0 once it is well.
        pub status: u8,
        /// Sent as zero.
        pub pad: u8,
    }
}

/// Antenna (6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Antenna {
    /// 1 to 31.
    pub radio_id: u8,
    /// 1 if receiver diversity is on, 0 if not.
    pub diversity: u8,
    /// 1 left, 2 right, 3 omni, 4 MIMO.
    pub combiner: u8,
    /// For each antenna 1 internal, 2 external; at most 255.
    pub selection: Vec<u8>,
}

impl Wire for Antenna {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        Some(Antenna { radio_id: r.u8()?, diversity: r.u8()?, combiner: r.u8()?, selection: read_counted(r)? })
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.radio_id, self.diversity, self.combiner]);
        write_counted(&self.selection, out);
    }
}

layout! {
    /// Assigned WTP BSSID (6.3).
    pub struct AssignedWtpBssid {
        /// 1 to 31.
        pub radio_id: u8,
        /// 1 to 16.
        pub wlan_id: u8,
        /// What the WTP gave the WLAN.
        pub bssid: MacAddr,
    }
}

layout! {
    /// Delete WLAN (6.4).
    pub struct DeleteWlan {
        /// 1 to 31.
        pub radio_id: u8,
        /// 1 to 16.
        pub wlan_id: u8,
    }
}

layout! {
    /// Direct Sequence Control (6.5).
    pub struct DirectSequenceControl {
        /// 1 to 31.
        pub radio_id: u8,
        /// Sent as zero.
        pub reserved: u8,
        /// Channel number.
        pub current_channel: u8,
        /// Clear channel assessment: 1, 2, 4, 8 or 16.
        pub current_cca: u8,
        /// Energy detect threshold.
        pub energy_detect_threshold: u32,
    }
}

layout! {
    /// MAC Operation (6.7).
    pub struct MacOperation {
        /// 1 to 31.
        pub radio_id: u8,
        /// Sent as zero.
        pub reserved: u8,
        /// Octets.
        pub rts_threshold: u16,
        /// Attempts.
        pub short_retry: u8,
        /// Attempts.
        pub long_retry: u8,
        /// Octets.
        pub fragmentation_threshold: u16,
        /// Time units.
        pub tx_msdu_lifetime: u32,
        /// Time units.
        pub rx_msdu_lifetime: u32,
    }
}

layout! {
    /// MIC Countermeasures (6.8).
    pub struct MicCountermeasures {
        /// 1 to 31.
        pub radio_id: u8,
        /// 1 to 16.
        pub wlan_id: u8,
        /// The station whose MIC failed.
        pub station: MacAddr,
    }
}

layout! {
    /// Multi-Domain Capability (6.9).
    pub struct MultiDomainCapability {
        /// 1 to 31.
        pub radio_id: u8,
        /// Sent as zero.
        pub reserved: u8,
        /// Lowest channel of the sub-band.
        pub first_channel: u16,
        /// Channels in the sub-band.
        pub channels: u16,
        /// dBm.
        pub max_tx_power: u16,
    }
}

layout! {
    /// OFDM Control (6.10).
    pub struct OfdmControl {
        /// 1 to 31.
        pub radio_id: u8,
        /// Sent as zero.
        pub reserved: u8,
        /// Channel number.
        pub current_channel: u8,
        /// Bands, a bit each.
        pub band_support: u8,
        /// Threshold.
        pub ti_threshold: u32,
    }
}

layout! {
    /// Rate Set (6.11) and Supported Rates (6.17).
    pub struct Rates {
        /// 1 to 31.
        pub radio_id: u8,
        /// 2 to 8 rates in units of 500 kbit/s.
        pub rates: Vec<u8>,
    }
}

layout! {
    /// Tx Power (6.18).
    pub struct TxPower {
        /// 1 to 31.
        pub radio_id: u8,
        /// Sent as zero.
        pub reserved: u8,
        /// mW.
        pub current: u16,
    }
}

/// Tx Power Level (6.19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxPowerLevel {
    /// 1 to 31.
    pub radio_id: u8,
    /// mW each, at most 255.
    pub levels: Vec<u16>,
}

impl Wire for TxPowerLevel {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        Some(TxPowerLevel { radio_id: r.u8()?, levels: read_counted(r)? })
    }
    fn write(&self, out: &mut Vec<u8>) {
        out.push(self.radio_id);
        write_counted(&self.levels, out);
    }
}
