//! The running configuration, as the fold of every `ConfigurationChanged`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Projection;
use crate::envelope::Envelope;
use crate::event::Event;
use crate::image::{ImageFamily, ImageVersion};
use crate::setting::{CapwapTimer, ImageDownloadMode, ImageJoin, ImageServer, JoinPolicy, Setting};

/// Every setting that the daemon knows, with its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `hostname`; the prompt and the syslog origin.
    pub hostname: String,
    /// `software version`
    pub software_version: Option<ImageVersion>,
    /// `logging host`
    pub logging_hosts: BTreeSet<SocketAddr>,
    /// `logging origin-id hostname`
    pub logging_origin_id: bool,
    /// `capwap ...`
    pub capwap: CapwapConfig,
    /// `ap dtls ...`, `ap join ...`
    pub dtls: DtlsConfig,
    /// `ap image ...` and the image-download profile
    pub image: ImageConfig,
}

/// `capwap ...`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapwapConfig {
    /// The control channel; the data channel is one port above. Default: every IPv4 address, port 5246.
    pub listen: BTreeSet<SocketAddr>,
    /// Sessions at most (6,000).
    pub max_sessions: u32,
    /// Whether a Join Request that lacks a mandatory element is refused.
    pub strict: bool,
    /// Octets of data per Image Data Request (1,024; up to 1,377).
    pub block_size: u16,
    /// Timers that differ from their defaults, in milliseconds.
    pub timers: BTreeMap<CapwapTimer, u32>,
    /// MaxRetransmit (5).
    pub max_retransmit: u8,
    /// An address to name in responses beside the listening one.
    pub address: Option<IpAddr>,
}

/// `ap dtls ...`, `ap join ...`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DtlsConfig {
    /// Octets of a handshake datagram at most (1,300).
    pub handshake_mtu: u16,
    /// Handshakes under way at most (256).
    pub max_half_open: u32,
    /// Which WTPs may join.
    pub policy: JoinPolicy,
    /// The authority's certificate, for the policy `ca`: a PEM file.
    pub authority: Option<String>,
}

/// `ap image ...` and `wireless profile image-download default`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// What a WTP that joins with another version is told.
    pub join: ImageJoin,
    /// Files to take instead of fetching.
    pub local: BTreeMap<ImageFamily, String>,
    /// Where images are fetched from.
    pub mode: Option<ImageDownloadMode>,
    /// The profile's TFTP sub-mode.
    pub tftp_server: Option<ImageServer>,
    /// The profile's TFTP sub-mode.
    pub tftp_path: Option<String>,
    /// How long a silent TFTP server is asked again, in seconds (40).
    pub tftp_timeout: u32,
    /// The largest file that is fetched, in octets (1 GiB).
    pub max_size: u64,
    /// From the start of a failed try to the next, in seconds (30); it doubles with every failure, up to 15 minutes.
    pub retry_delay: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            hostname: "capledger".to_owned(),
            software_version: None,
            logging_hosts: BTreeSet::new(),
            logging_origin_id: false,
            capwap: CapwapConfig::default(),
            dtls: DtlsConfig::default(),
            image: ImageConfig::default(),
        }
    }
}

impl Default for CapwapConfig {
    fn default() -> Self {
        CapwapConfig {
            listen: BTreeSet::new(),
            max_sessions: 6000,
            strict: false,
            block_size: 1024,
            timers: BTreeMap::new(),
            max_retransmit: 5,
            address: None,
        }
    }
}

impl CapwapConfig {
    /// The port of RFC 5415 section 3.1.
    pub const CONTROL_PORT: u16 = 5246;

    /// Where the control channel listens: as configured, else every IPv4 address.
    pub fn listening(&self) -> Vec<SocketAddr> {
        if self.listen.is_empty() {
            vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), Self::CONTROL_PORT)]
        } else {
            self.listen.iter().copied().collect()
        }
    }

    /// A timer's value: as configured, else its default.
    pub fn timer(&self, timer: CapwapTimer) -> Duration {
        let ms = self.timers.get(&timer).copied().unwrap_or_else(|| timer.default_ms());
        Duration::from_millis(u64::from(ms))
    }
}

impl CapwapTimer {
    /// Every timer.
    pub const ALL: [CapwapTimer; 9] = [
        CapwapTimer::WaitDtls,
        CapwapTimer::WaitJoin,
        CapwapTimer::ChangeStatePending,
        CapwapTimer::DataCheck,
        CapwapTimer::EchoInterval,
        CapwapTimer::Retransmit,
        CapwapTimer::DataChannelDead,
        CapwapTimer::Dead,
        CapwapTimer::ImageDataStart,
    ];

    /// The default of RFC 5415 4.7 (or ours), in milliseconds.
    pub fn default_ms(self) -> u32 {
        match self {
            CapwapTimer::WaitDtls | CapwapTimer::WaitJoin | CapwapTimer::DataChannelDead => 60_000,
            CapwapTimer::ChangeStatePending => 25_000,
            CapwapTimer::DataCheck | CapwapTimer::EchoInterval => 30_000,
            CapwapTimer::Retransmit => 3_000,
            CapwapTimer::Dead => 96_000,
            CapwapTimer::ImageDataStart => 60_000,
        }
    }

    /// Its word in `capwap timer NAME MILLISECONDS`.
    pub fn word(self) -> &'static str {
        match self {
            CapwapTimer::WaitDtls => "wait-dtls",
            CapwapTimer::WaitJoin => "wait-join",
            CapwapTimer::ChangeStatePending => "change-state-pending",
            CapwapTimer::DataCheck => "data-check",
            CapwapTimer::EchoInterval => "echo-interval",
            CapwapTimer::Retransmit => "retransmit-interval",
            CapwapTimer::DataChannelDead => "data-channel-dead",
            CapwapTimer::Dead => "dead-interval",
            CapwapTimer::ImageDataStart => "image-data-start",
        }
    }
}

impl Default for DtlsConfig {
    fn default() -> Self {
        DtlsConfig { handshake_mtu: 1300, max_half_open: 256, policy: JoinPolicy::Pin, authority: None }
    }
}

impl Default for ImageConfig {
    fn default() -> Self {
        ImageConfig {
            join: ImageJoin::Immediate,
            local: BTreeMap::new(),
            mode: None,
            tftp_server: None,
            tftp_path: None,
            tftp_timeout: 40,
            max_size: 1 << 30,
            retry_delay: 30,
        }
    }
}

impl ImageConfig {
    /// The URL of a family's file by the image-download profile, as it is printed: `tftp://HOST[:PORT]/PATH/FAMILY`.
    /// None while the profile is not complete.
    pub fn url(&self, family: &ImageFamily) -> Option<String> {
        match self.mode? {
            ImageDownloadMode::Tftp => {
                let server = self.tftp_server.as_ref()?;
                let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
                let port = server.port.map(|p| format!(":{p}")).unwrap_or_default();
                let path = self.tftp_path.as_deref().unwrap_or_default().trim_matches('/');
                let slash = if path.is_empty() { "" } else { "/" };
                Some(format!("tftp://{host}{port}/{path}{slash}{family}"))
            }
        }
    }
}

impl Config {
    /// Takes one setting in.
    pub fn set(&mut self, setting: &Setting) {
        match setting.clone() {
            Setting::Hostname(name) => self.hostname = name,
            Setting::SoftwareVersion(v) => self.software_version = v,
            Setting::LoggingHost(a) => {
                self.logging_hosts.insert(a);
            }
            Setting::NoLoggingHost(a) => {
                self.logging_hosts.remove(&a);
            }
            Setting::LoggingOriginId(on) => self.logging_origin_id = on,
            Setting::CapwapListen(a) => {
                self.capwap.listen.insert(a);
            }
            Setting::NoCapwapListen(a) => {
                self.capwap.listen.remove(&a);
            }
            Setting::CapwapMaxSessions(n) => self.capwap.max_sessions = n,
            Setting::CapwapStrict(on) => self.capwap.strict = on,
            Setting::CapwapBlockSize(n) => self.capwap.block_size = n,
            Setting::CapwapTimer(timer, ms) if ms == timer.default_ms() => {
                self.capwap.timers.remove(&timer);
            }
            Setting::CapwapTimer(timer, ms) => {
                self.capwap.timers.insert(timer, ms);
            }
            Setting::CapwapMaxRetransmit(n) => self.capwap.max_retransmit = n,
            Setting::CapwapAddress(a) => self.capwap.address = a,
            Setting::DtlsHandshakeMtu(n) => self.dtls.handshake_mtu = n,
            Setting::DtlsMaxHalfOpen(n) => self.dtls.max_half_open = n,
            Setting::JoinPolicy(p) => self.dtls.policy = p,
            Setting::JoinAuthority(f) => self.dtls.authority = f,
            Setting::ImageJoin(j) => self.image.join = j,
            Setting::ImageLocal(family, file) => {
                self.image.local.insert(family, file);
            }
            Setting::NoImageLocal(family) => {
                self.image.local.remove(&family);
            }
            Setting::ImageDownloadMode(m) => self.image.mode = m,
            Setting::TftpImageServer(s) => self.image.tftp_server = s,
            Setting::TftpImagePath(p) => self.image.tftp_path = p,
            Setting::ImageMaxSize(n) => self.image.max_size = n,
            Setting::ImageRetryDelay(s) => self.image.retry_delay = s,
            Setting::TftpTimeout(s) => self.image.tftp_timeout = s,
        }
    }

    /// The settings that lead from this configuration to `wanted`: empty if they are equal.
    pub fn difference(&self, wanted: &Config) -> Vec<Setting> {
        let mut out = Vec::new();
        let mut put = |differs: bool, setting: Setting| {
            if differs {
                out.push(setting);
            }
        };
        put(self.hostname != wanted.hostname, Setting::Hostname(wanted.hostname.clone()));
        put(self.software_version != wanted.software_version, Setting::SoftwareVersion(wanted.software_version));
        for gone in self.logging_hosts.difference(&wanted.logging_hosts) {
            put(true, Setting::NoLoggingHost(*gone));
        }
        for new in wanted.logging_hosts.difference(&self.logging_hosts) {
            put(true, Setting::LoggingHost(*new));
        }
        put(self.logging_origin_id != wanted.logging_origin_id, Setting::LoggingOriginId(wanted.logging_origin_id));

        let (a, b) = (&self.capwap, &wanted.capwap);
        for gone in a.listen.difference(&b.listen) {
            put(true, Setting::NoCapwapListen(*gone));
        }
        for new in b.listen.difference(&a.listen) {
            put(true, Setting::CapwapListen(*new));
        }
        put(a.max_sessions != b.max_sessions, Setting::CapwapMaxSessions(b.max_sessions));
        put(a.strict != b.strict, Setting::CapwapStrict(b.strict));
        put(a.block_size != b.block_size, Setting::CapwapBlockSize(b.block_size));
        for timer in CapwapTimer::ALL {
            let ms = b.timers.get(&timer).copied().unwrap_or_else(|| timer.default_ms());
            put(a.timers.get(&timer) != b.timers.get(&timer), Setting::CapwapTimer(timer, ms));
        }
        put(a.max_retransmit != b.max_retransmit, Setting::CapwapMaxRetransmit(b.max_retransmit));
        put(a.address != b.address, Setting::CapwapAddress(b.address));

        let (a, b) = (&self.dtls, &wanted.dtls);
        put(a.handshake_mtu != b.handshake_mtu, Setting::DtlsHandshakeMtu(b.handshake_mtu));
        put(a.max_half_open != b.max_half_open, Setting::DtlsMaxHalfOpen(b.max_half_open));
        put(a.policy != b.policy, Setting::JoinPolicy(b.policy));
        put(a.authority != b.authority, Setting::JoinAuthority(b.authority.clone()));

        let (a, b) = (&self.image, &wanted.image);
        put(a.join != b.join, Setting::ImageJoin(b.join));
        for gone in a.local.keys().filter(|f| !b.local.contains_key(*f)) {
            put(true, Setting::NoImageLocal(gone.clone()));
        }
        for (family, file) in &b.local {
            put(a.local.get(family) != Some(file), Setting::ImageLocal(family.clone(), file.clone()));
        }
        put(a.mode != b.mode, Setting::ImageDownloadMode(b.mode));
        put(a.tftp_server != b.tftp_server, Setting::TftpImageServer(b.tftp_server.clone()));
        put(a.tftp_path != b.tftp_path, Setting::TftpImagePath(b.tftp_path.clone()));
        put(a.tftp_timeout != b.tftp_timeout, Setting::TftpTimeout(b.tftp_timeout));
        put(a.max_size != b.max_size, Setting::ImageMaxSize(b.max_size));
        put(a.retry_delay != b.retry_delay, Setting::ImageRetryDelay(b.retry_delay));
        out
    }
}

impl Projection for Config {
    fn apply(&mut self, envelope: &Envelope) {
        if let Event::ConfigurationChanged { changes, .. } = &envelope.event {
            for change in changes {
                self.set(change);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_settings() -> Vec<Setting> {
        let family: ImageFamily = "ap1g8".parse().expect("family");
        vec![
            Setting::Hostname("9120-EWC".into()),
            Setting::SoftwareVersion("17.9.4.27".parse().ok()),
            Setting::LoggingHost("127.0.0.1:5514".parse().expect("address")),
            Setting::CapwapListen("127.0.0.1:5246".parse().expect("address")),
            Setting::CapwapTimer(CapwapTimer::Dead, 5_000),
            Setting::ImageLocal(family, "images/ap1g8".into()),
            Setting::ImageDownloadMode(Some(ImageDownloadMode::Tftp)),
            Setting::TftpImageServer(Some(ImageServer { host: "172.16.5.27".into(), port: None })),
            Setting::TftpImagePath(Some("/EWC/17_9_4a/".into())),
        ]
    }

    #[test]
    fn the_difference_leads_from_one_configuration_to_the_other_and_back() {
        let mut b = Config::default();
        for s in some_settings() {
            b.set(&s);
        }
        for (from, to) in [(Config::default(), b.clone()), (b, Config::default())] {
            let mut walked = from.clone();
            for s in from.difference(&to) {
                walked.set(&s);
            }
            assert_eq!(walked, to);
            assert!(walked.difference(&to).is_empty());
        }
    }

    #[test]
    fn the_url_is_scheme_server_path_and_family() {
        let mut c = Config::default();
        for s in some_settings() {
            c.set(&s);
        }
        let family = "ap1g6".parse().expect("family");
        assert_eq!(c.image.url(&family).as_deref(), Some("tftp://172.16.5.27/EWC/17_9_4a/ap1g6"));
        c.set(&Setting::TftpImageServer(Some(ImageServer { host: "::1".into(), port: Some(6969) })));
        c.set(&Setting::TftpImagePath(None));
        assert_eq!(c.image.url(&family).as_deref(), Some("tftp://[::1]:6969/ap1g6"));
        c.set(&Setting::ImageDownloadMode(None));
        assert_eq!(c.image.url(&family), None);
    }
}
