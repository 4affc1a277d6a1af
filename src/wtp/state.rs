//! The states of the WTP's side of RFC 5415's figure 4, and those of the machine around it.

/// Where a WTP stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WtpState {
    /// Without power.
    Off,
    /// Booting: after power came, or after a reset.
    Booting,
    /// Looking for an AC (2.3.1, transitions 1 and #).
    Discovery,
    /// Silent after discovery or DTLS failed too often (transitions ! and *).
    Sulking,
    /// Between two sessions.
    Idle,
    /// The handshake runs (DTLS Setup, Authorize and DTLS Connect of figure 4).
    DtlsSetup,
    /// Join Request sent.
    Join,
    /// Fetching the image that the Join Response named.
    ImageData,
    /// Configuration Status Request sent.
    Configure,
    /// Change State Event Request sent.
    DataCheck,
    /// Serving.
    Run,
    /// About to restart: an image is being written, or the AC asked for a reset.
    Reset,
    /// A session failed and is being taken down.
    DtlsTeardown,
}

impl WtpState {
    /// As the console names it.
    pub fn name(self) -> &'static str {
        match self {
            WtpState::Off => "Off",
            WtpState::Booting => "Booting",
            WtpState::Discovery => "Discovery",
            WtpState::Sulking => "Sulking",
            WtpState::Idle => "Idle",
            WtpState::DtlsSetup => "DTLS Setup",
            WtpState::Join => "Join",
            WtpState::ImageData => "Image Data",
            WtpState::Configure => "Configure",
            WtpState::DataCheck => "Data Check",
            WtpState::Run => "Run",
            WtpState::Reset => "Reset",
            WtpState::DtlsTeardown => "DTLS Teardown",
        }
    }

    /// As the console numbers it. The reference shows 4 and 10; the others are ours.
    pub fn number(self) -> u8 {
        match self {
            WtpState::Off | WtpState::Booting | WtpState::Idle => 1,
            WtpState::Discovery => 2,
            WtpState::DtlsSetup => 3,
            WtpState::DtlsTeardown => 4,
            WtpState::Join => 5,
            WtpState::Sulking => 7,
            WtpState::Configure => 8,
            WtpState::DataCheck => 9,
            WtpState::ImageData => 10,
            WtpState::Run => 11,
            WtpState::Reset => 12,
        }
    }

    /// Whether a DTLS session is up.
    pub fn has_session(self) -> bool {
        match self {
            WtpState::Join
            | WtpState::ImageData
            | WtpState::Configure
            | WtpState::DataCheck
            | WtpState::Run
            | WtpState::Reset => true,
            WtpState::Off
            | WtpState::Booting
            | WtpState::Discovery
            | WtpState::Sulking
            | WtpState::Idle
            | WtpState::DtlsSetup
            | WtpState::DtlsTeardown => false,
        }
    }
}
