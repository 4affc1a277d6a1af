//! Elements about radios that are the same for every binding (RFC 5415 4.6.18, 4.6.33, 4.6.34, 4.6.46).

use crate::capwap::wire::{codes, layout};

/// The Radio ID that means the whole WTP in Radio Administrative State (4.6.33).
pub const WHOLE_WTP: u8 = 0xff;

codes! {
    /// Whether something shall work, or does (4.6.33, 4.6.34).
    RadioState: u8 {
        Enabled = 1 "Enabled",
        Disabled = 2 "Disabled",
    }
}

codes! {
    /// Why a radio does not work (4.6.34).
    RadioCause: u8 {
        Normal = 0 "Normal",
        RadioFailure = 1 "Radio Failure",
        SoftwareFailure = 2 "Software Failure",
        AdministrativelySet = 3 "Administratively Set",
    }
}

layout! {
    /// Radio Administrative State (4.6.33).
    pub struct RadioAdministrativeState {
        /// 1 to 31, or `WHOLE_WTP`.
        pub radio_id: u8,
        /// Whether it shall work.
        pub state: RadioState,
    }
}

layout! {
    /// Radio Operational State (4.6.34).
    pub struct RadioOperationalState {
        /// 1 to 31.
        pub radio_id: u8,
        /// Whether it works.
        pub state: RadioState,
        /// Why it does not.
        pub cause: RadioCause,
    }
}

layout! {
    /// Decryption Error Report Period (4.6.18).
    pub struct DecryptionErrorReportPeriod {
        /// 1 to 31.
        pub radio_id: u8,
        /// Seconds between reports; the RFC's default is 120.
        pub report_interval: u16,
    }
}

codes! {
    /// The last failure of a radio (4.6.46).
    RadioFailureType: u8 {
        NotSupported = 0 "Statistic Not Supported",
        SoftwareFailure = 1 "Software Failure",
        HardwareFailure = 2 "Hardware Failure",
        OtherFailure = 3 "Other Failure",
        NotKnown = 255 "Unknown",
    }
}

layout! {
    /// WTP Radio Statistics (4.6.46). Counters roll over.
    pub struct WtpRadioStatistics {
        /// 1 to 31.
        pub radio_id: u8,
        /// The last failure.
        pub last_failure: RadioFailureType,
        /// Resets of the radio.
        pub reset_count: u16,
        /// Failures due to software.
        pub software_failures: u16,
        /// Failures due to hardware.
        pub hardware_failures: u16,
        /// Failures for other known reasons.
        pub other_failures: u16,
        /// Failures for unknown reasons.
        pub unknown_failures: u16,
        /// Updates of the configuration.
        pub config_updates: u16,
        /// Changes of the channel.
        pub channel_changes: u16,
        /// Changes of the band.
        pub band_changes: u16,
        /// Noise floor in dBm.
        pub noise_floor: i16,
    }
}
