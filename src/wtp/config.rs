//! What one simulated access point is, how long it waits, and what is wrong with it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use capledger_schema::id::MacAddr;
use capledger_schema::image::ImageVersion;

use crate::capwap::dialect;

/// One access point, as it leaves its box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WtpConfig {
    /// As the price list names it (`C9105AXI-B`); it decides the image family.
    pub model: String,
    /// WTP Name (RFC 5415 4.6.45), at most 512 octets; an empty one becomes `AP` and the Ethernet MAC, as on real ones.
    pub name: String,
    /// Location Data (4.6.30), the site, at most 1,024 octets; an empty one becomes `default location`.
    pub location: String,
    /// The radios' MAC address and the WTP's identity: Base MAC of the WTP Board Data (4.6.40).
    pub base_mac: MacAddr,
    /// The wired interface's MAC address.
    pub ethernet_mac: MacAddr,
    /// Serial number of the WTP Board Data.
    pub serial: String,
    /// The version that runs.
    pub version: ImageVersion,
    /// The version in the other partition.
    pub backup: Option<ImageVersion>,
    /// The AC's control address; its data port is the next one.
    pub ac: SocketAddr,
    /// The WTP's own address and port, for CAPWAP Local Address (4.6.11, 4.6.12) and for the console.
    pub local: SocketAddr,
    /// Seed of its jitter, its session ids and its irregularities.
    pub seed: u64,
    /// The dialect of its console log; none keeps it silent, which is cheaper.
    pub console: Option<Dialect>,
    /// What is unusual about it.
    pub knobs: Knobs,
    /// How long it waits for what.
    pub timers: WtpTimers,
}

impl WtpConfig {
    /// An access point with this model and identity that runs `version`, on defaults.
    pub fn new(model: &str, name: &str, base_mac: MacAddr, version: ImageVersion, ac: SocketAddr) -> Self {
        let MacAddr([a, b, c, d, e, f]) = base_mac;
        let local = match ac {
            SocketAddr::V4(_) => SocketAddr::from(([127, 0, 0, 1], 5248)),
            SocketAddr::V6(_) => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 5248)),
        };
        WtpConfig {
            model: model.to_owned(),
            name: name.to_owned(),
            location: String::new(),
            base_mac,
            // Vendors number the interfaces of a device close together.
            ethernet_mac: MacAddr([a, b, c, d, e, f ^ 0x10]),
            serial: format!("FCW{:02}{:02}{:04X}", a % 30, b % 53, u16::from_be_bytes([e, f])),
            version,
            backup: None,
            ac,
            local,
            seed: base_mac.0.iter().fold(0, |seed, b| seed << 8 | u64::from(*b)),
            console: None,
            knobs: Knobs::default(),
            timers: WtpTimers::default(),
        }
    }
}

impl WtpConfig {
    /// Makes what the RFC does not allow to be empty non-empty, and what it limits no longer than that.
    pub(crate) fn settle(&mut self) {
        if self.name.is_empty() {
            let MacAddr([a, b, c, d, e, f]) = self.ethernet_mac;
            self.name = format!("AP{a:02X}{b:02X}.{c:02X}{d:02X}.{e:02X}{f:02X}");
        }
        if self.location.is_empty() {
            "default location".clone_into(&mut self.location);
        }
        clip(&mut self.name, 512);
        clip(&mut self.location, 1_024);
        clip(&mut self.model, 1_024);
        clip(&mut self.serial, 1_024);
    }
}

/// Cuts text to so many octets, between characters.
fn clip(text: &mut String, octets: usize) {
    text.truncate(crate::capwap::particulars::cut(text, octets).len());
}

/// Which release's words the console speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The newer one: `replicaStatus`.
    Replica,
    /// The older one: `slaveStatus`.
    Slave,
}

impl std::str::FromStr for Dialect {
    type Err = BadDialect;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "replica" => Ok(Dialect::Replica),
            "slave" => Ok(Dialect::Slave),
            _ => Err(BadDialect(s.chars().take(40).collect())),
        }
    }
}

/// A console dialect that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no console dialect; choose replica or slave")]
pub struct BadDialect(pub String);

/// What a WTP does that a healthy one does not, or need not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Knobs {
    /// How long the flash needs for a block before it is acknowledged.
    pub slow_flash: Option<Duration>,
    /// Power is lost when so many octets of an image have come: the first time only.
    pub power_cut: Option<PowerCut>,
    /// The image's signature is found bad after the last block.
    pub bad_signature: bool,
    /// A bit of the image in the flash changes: the first time only.
    pub flash_damage: Option<FlashDamage>,
    /// It starts the image that ran before, whichever it was told to start.
    pub stubborn: bool,
    /// There is no room for an image.
    pub flash_full: bool,
    /// Which digests it understands.
    pub digests: Digests,
    /// Something happens every so often that is worth a WTP Event Request; the interval is a mean.
    pub events: Option<Duration>,
    /// How it speaks on the wire.
    pub speaks: dialect::Dialect,
    /// What it does otherwise than RFC 5415 has it.
    pub quirks: BTreeSet<Quirk>,
    /// What it left behind when it crashed last; sent once it runs, and when the AC asks.
    pub crash_log: Option<Vec<u8>>,
    /// Whether image octets are handed out ([`super::WtpEffect::Store`]) for a shell that keeps them.
    pub hand_out_octets: bool,
}

/// What a WTP does otherwise than RFC 5415 has it, as real ones do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quirk {
    /// It sends no Echo Request (7.1); what comes on its data channel is its only sign of life.
    NoEcho,
    /// Its Image Data Request lacks Initiate Download (4.6.29).
    NoInitiate,
    /// It ignores the Image Identifier that the AC names, and asks by its platform's name or path, without a vendor id
    /// (4.6.27). Which version there is to have it takes from the AC Descriptor.
    BareName,
    /// It sends no Data Channel Keep-Alive (4.4.1).
    NoDataChannel,
    /// It shows another certificate at every handshake, meant for an AC: a matter of the shell that drives it.
    WrongCertificate,
}

/// A loss of power in mid-download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerCut {
    /// Once so many octets have come.
    pub at_octet: u64,
    /// Power comes back after this.
    pub lasts: Duration,
}

/// A bit of a stored image that is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashDamage {
    /// In which octet of the image; behind its end nothing happens.
    pub at_octet: u64,
    /// Which bit of it, 0 to 7.
    pub bit: u8,
    /// When it changes.
    pub when: FlashMoment,
}

/// When a bit in the flash changes, and so what finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlashMoment {
    /// As it is written: what was written is read again and compared before the last block is answered.
    Written,
    /// Afterwards: an image is verified again before it is booted.
    AtRest,
}

/// What a WTP can check a received image with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digests {
    /// The MD5 of Image Information, and the SHA-256 of a controller that sends it.
    #[default]
    Both,
    /// Only RFC 5415's own: the MD5 of Image Information (4.6.28).
    Md5,
    /// None: it believes what it gets.
    None,
}

/// How long a WTP waits for what. The defaults are RFC 5415's (4.7), or what the reference's access points show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WtpTimers {
    /// DiscoveryInterval (4.7.5): from the first Discovery Response to DTLS. 5 s.
    pub discovery_interval: Duration,
    /// MaxDiscoveryInterval (4.7.10): the longest random wait before a Discovery Request. 20 s.
    pub max_discovery_interval: Duration,
    /// MaxDiscoveries (4.8.5): Discovery Requests before it sulks. 10.
    pub max_discoveries: u32,
    /// SilentInterval (4.7.13): how long it sulks. 30 s.
    pub silent_interval: Duration,
    /// WaitDTLS (4.7.15): from the first handshake message to the Join Response. 60 s.
    pub wait_dtls: Duration,
    /// MaxFailedDTLSSessionRetry (4.8.6). 3.
    pub max_failed_dtls: u32,
    /// DTLSSessionDelete (4.7.6): how long it waits for the AC to end the session after a Reset Response. 5 s.
    pub session_delete: Duration,
    /// RetransmitInterval (4.7.12). 3 s.
    pub retransmit_interval: Duration,
    /// MaxRetransmit (4.8.7). 5.
    pub max_retransmit: u32,
    /// EchoInterval (4.7.7), until the AC sets another. 30 s.
    pub echo_interval: Duration,
    /// DataChannelKeepAlive (4.7.2). 30 s.
    pub keep_alive: Duration,
    /// DataChannelDeadInterval (4.7.3). 60 s.
    pub data_dead: Duration,
    /// ImageDataStartTimer (4.7.9), also between two blocks. 30 s.
    pub image_data_start: Duration,
    /// From the end of a failed session to the next handshake. 2.8 s, so that the next try begins about 3 s after.
    pub rejoin: Duration,
    /// How long the upgrade script looks for room before a download. 350 ms.
    pub precheck: Duration,
    /// How long the upgrade script verifies and writes a whole image. 7.6 s.
    pub store: Duration,
    /// From the reset to the first Discovery Request's random wait. 45 s.
    pub reboot: Duration,
}

impl Default for WtpTimers {
    fn default() -> Self {
        WtpTimers {
            discovery_interval: Duration::from_secs(5),
            max_discovery_interval: Duration::from_secs(20),
            max_discoveries: 10,
            silent_interval: Duration::from_secs(30),
            wait_dtls: Duration::from_secs(60),
            max_failed_dtls: 3,
            session_delete: Duration::from_secs(5),
            retransmit_interval: Duration::from_secs(3),
            max_retransmit: 5,
            echo_interval: Duration::from_secs(30),
            keep_alive: Duration::from_secs(30),
            data_dead: Duration::from_secs(60),
            image_data_start: Duration::from_secs(30),
            rejoin: Duration::from_millis(2_800),
            precheck: Duration::from_millis(350),
            store: Duration::from_millis(7_600),
            reboot: Duration::from_secs(45),
        }
    }
}

impl WtpTimers {
    /// Local waits cut short for a demonstration: discovery, storing and booting take about four seconds in all. What
    /// the AC sees of the protocol (retransmission, Echo, ImageDataStartTimer, the rejoin) keeps its defaults.
    pub fn brisk() -> Self {
        WtpTimers {
            discovery_interval: Duration::from_millis(300),
            max_discovery_interval: Duration::from_millis(700),
            session_delete: Duration::from_secs(1),
            store: Duration::from_millis(1_500),
            reboot: Duration::from_secs(2),
            ..WtpTimers::default()
        }
    }
}
