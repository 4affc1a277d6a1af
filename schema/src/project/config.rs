//! The running configuration, as the fold of every `ConfigurationChanged`.

mod access;
mod image;
mod logging;
mod upgrade;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Projection;
use crate::envelope::Envelope;
use crate::event::Event;
use crate::id::SecretId;
use crate::image::ImageVersion;
use crate::setting::{CapwapTimer, DtlsVersions, JoinPolicy, LogDelivery, LogHost, Setting};

pub use access::{AccessConfig, UserConfig};
pub use image::{HttpConfig, ImageConfig, SftpConfig};
pub use logging::LoggingConfig;
pub use upgrade::{ServeConfig, UpgradeConfig};

/// Every setting that the daemon knows, with its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// `hostname`; the prompt and the syslog origin.
    pub hostname: String,
    /// `software version`
    pub software_version: Option<ImageVersion>,
    /// `logging ...`, `service ...`, `clock timezone`
    pub logging: LoggingConfig,
    /// `capwap ...`
    pub capwap: CapwapConfig,
    /// `ap dtls ...`, `ap join ...`
    pub dtls: DtlsConfig,
    /// `ap image ...` and the image-download profile
    pub image: ImageConfig,
    /// `image-server ...`
    pub serve: ServeConfig,
    /// `install ...`, `ap upgrade ...`
    pub upgrade: UpgradeConfig,
    /// `username ...`, `enable secret`, `ip ssh ...`, `line vty`
    pub access: AccessConfig,
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
    /// Which versions of DTLS are spoken.
    pub versions: DtlsVersions,
    /// Cipher suites beside the modern ones, by OpenSSL's names.
    pub ciphersuites: BTreeSet<String>,
    /// Pre-shared keys, by identity.
    pub psk: BTreeMap<String, SecretId>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            hostname: "capledger".to_owned(),
            software_version: None,
            logging: LoggingConfig::default(),
            capwap: CapwapConfig::default(),
            dtls: DtlsConfig::default(),
            image: ImageConfig::default(),
            serve: ServeConfig::default(),
            upgrade: UpgradeConfig::default(),
            access: AccessConfig::default(),
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
        DtlsConfig {
            handshake_mtu: 1300,
            max_half_open: 256,
            policy: JoinPolicy::Pin,
            authority: None,
            versions: DtlsVersions::V1_2,
            ciphersuites: BTreeSet::new(),
            psk: BTreeMap::new(),
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
                self.logging.hosts.insert(LogHost::udp(a), LogDelivery::default());
            }
            Setting::NoLoggingHost(a) => {
                self.logging.hosts.remove(&LogHost::udp(a));
            }
            Setting::LoggingOriginId(on) => self.logging.origin_id = on,
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
            Setting::SftpImageServer(s) => self.image.sftp.server = s,
            Setting::SftpImagePath(p) => self.image.sftp.path = p,
            Setting::SftpUsername(name) => self.image.sftp.username = name,
            Setting::SftpPassword(secret) => self.image.sftp.password = secret,
            Setting::SftpKey(file) => self.image.sftp.key = file,
            Setting::HttpImageServer(s) => self.image.http.server = s,
            Setting::HttpImagePath(p) => self.image.http.path = p,
            Setting::HttpsTrust(trust) => self.image.http.trust = trust,
            Setting::HttpsAuthority(file) => self.image.http.authority = file,
            Setting::ImageServe(protocol, listen, root) => {
                self.serve.listen.insert((protocol, listen), root);
            }
            Setting::NoImageServe(protocol, listen) => {
                self.serve.listen.remove(&(protocol, listen));
            }
            Setting::ImageServeLogin(login) => self.serve.login = login,
            Setting::PredownloadLimit(n) => self.image.predownload_limit = n,
            Setting::PredownloadBandwidth(mbps) => self.image.predownload_bandwidth = mbps,
            Setting::ImageMaxTries(n) => self.image.max_tries = n,
            Setting::InstallAutoAbort(minutes) => self.upgrade.auto_abort = minutes,
            Setting::UpgradeIntegrityLimit(n) => self.upgrade.integrity_limit = n,
            Setting::UpgradeSiteShare(percent) => self.upgrade.site_share = percent,
            Setting::UpgradeRejoinPercent(percent) => self.upgrade.rejoin_percent = percent,
            Setting::UpgradeIterationExpiry(seconds) => self.upgrade.iteration_expiry = seconds,
            Setting::DtlsVersions(versions) => self.dtls.versions = versions,
            Setting::DtlsCiphersuite(name, true) => {
                self.dtls.ciphersuites.insert(name);
            }
            Setting::DtlsCiphersuite(name, false) => {
                self.dtls.ciphersuites.remove(&name);
            }
            Setting::DtlsPsk(identity, key) => put(&mut self.dtls.psk, identity, key),
            Setting::ImageMap(model, family) => put(&mut self.image.map, model, family),
            Setting::ImageAlias(name, family) => put(&mut self.image.aliases, name, family),
            Setting::User(name, change) => self.access.change_user(name, change),
            Setting::NoUser(name) => {
                self.access.users.remove(&name);
            }
            Setting::UserKey(name, key, on) => self.access.change_key(&name, key, on),
            Setting::NoUserKeys(name) => {
                self.access.keys.remove(&name);
            }
            Setting::EnableSecret(secret) => self.access.enable = secret,
            Setting::SshPort(port) => self.access.port = port,
            Setting::SshListen(address) => self.access.listen = address,
            Setting::ExecTimeout(seconds) => self.access.exec_timeout = seconds,
            Setting::LoggingHostForm(a, form) => {
                self.logging.hosts.insert(LogHost::udp(a), form.into());
            }
            Setting::LogTimestamps(stamp) => self.logging.stamp = stamp,
            Setting::LogSequenceNumbers(on) => self.logging.numbers = on,
            Setting::ClockTimezone(zone) => self.logging.timezone = zone,
            Setting::SshTimeOut(seconds) => self.access.time_out = seconds,
            Setting::SshRetries(n) => self.access.retries = n,
            Setting::LoggingHostOver(host, delivery) => {
                self.logging.hosts.insert(host, delivery);
            }
            Setting::NoLoggingHostOver(host) => {
                self.logging.hosts.remove(&host);
            }
            Setting::LoggingTlsAuthority(file) => self.logging.authority = file,
        }
    }

    /// The secrets that it names.
    pub fn secrets(&self) -> BTreeSet<SecretId> {
        let login = self.serve.login.as_ref().map(|login| login.password);
        let psk = self.dtls.psk.values().copied();
        self.image.sftp.password.into_iter().chain(login).chain(psk).chain(self.access.secrets()).collect()
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
        for setting in self.logging.difference(&wanted.logging) {
            put(true, setting);
        }

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
        put(a.versions != b.versions, Setting::DtlsVersions(b.versions));
        for gone in a.ciphersuites.difference(&b.ciphersuites) {
            put(true, Setting::DtlsCiphersuite(gone.clone(), false));
        }
        for new in b.ciphersuites.difference(&a.ciphersuites) {
            put(true, Setting::DtlsCiphersuite(new.clone(), true));
        }
        for (identity, key) in changed(&a.psk, &b.psk) {
            put(true, Setting::DtlsPsk(identity, key));
        }

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
        put(a.predownload_limit != b.predownload_limit, Setting::PredownloadLimit(b.predownload_limit));
        put(a.predownload_bandwidth != b.predownload_bandwidth, Setting::PredownloadBandwidth(b.predownload_bandwidth));
        put(a.max_tries != b.max_tries, Setting::ImageMaxTries(b.max_tries));
        for (model, family) in changed(&a.map, &b.map) {
            put(true, Setting::ImageMap(model, family));
        }
        for (name, family) in changed(&a.aliases, &b.aliases) {
            put(true, Setting::ImageAlias(name, family));
        }

        let (a, b) = (&self.image.sftp, &wanted.image.sftp);
        put(a.server != b.server, Setting::SftpImageServer(b.server.clone()));
        put(a.path != b.path, Setting::SftpImagePath(b.path.clone()));
        put(a.username != b.username, Setting::SftpUsername(b.username.clone()));
        put(a.password != b.password, Setting::SftpPassword(b.password));
        put(a.key != b.key, Setting::SftpKey(b.key.clone()));

        let (a, b) = (&self.image.http, &wanted.image.http);
        put(a.server != b.server, Setting::HttpImageServer(b.server.clone()));
        put(a.path != b.path, Setting::HttpImagePath(b.path.clone()));
        put(a.trust != b.trust, Setting::HttpsTrust(b.trust));
        put(a.authority != b.authority, Setting::HttpsAuthority(b.authority.clone()));

        let (a, b) = (&self.serve, &wanted.serve);
        for (protocol, listen) in a.listen.keys().filter(|l| !b.listen.contains_key(l)) {
            put(true, Setting::NoImageServe(*protocol, *listen));
        }
        for ((protocol, listen), root) in &b.listen {
            let known = a.listen.get(&(*protocol, *listen)) == Some(root);
            put(!known, Setting::ImageServe(*protocol, *listen, root.clone()));
        }
        put(a.login != b.login, Setting::ImageServeLogin(b.login.clone()));

        let (a, b) = (&self.upgrade, &wanted.upgrade);
        put(a.auto_abort != b.auto_abort, Setting::InstallAutoAbort(b.auto_abort));
        put(a.integrity_limit != b.integrity_limit, Setting::UpgradeIntegrityLimit(b.integrity_limit));
        put(a.site_share != b.site_share, Setting::UpgradeSiteShare(b.site_share));
        put(a.rejoin_percent != b.rejoin_percent, Setting::UpgradeRejoinPercent(b.rejoin_percent));
        put(a.iteration_expiry != b.iteration_expiry, Setting::UpgradeIterationExpiry(b.iteration_expiry));
        out.extend(self.access.difference(&wanted.access));
        out
    }
}

/// Sets or removes an entry.
fn put<V>(map: &mut BTreeMap<String, V>, key: String, value: Option<V>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

/// What leads from one map to the other: the new value of every key that differs, none where it is gone.
fn changed<V: Clone + PartialEq>(from: &BTreeMap<String, V>, to: &BTreeMap<String, V>) -> Vec<(String, Option<V>)> {
    let gone = from.keys().filter(|k| !to.contains_key(*k)).map(|k| (k.clone(), None));
    let new = to.iter().filter(|(k, v)| from.get(*k) != Some(v)).map(|(k, v)| (k.clone(), Some(v.clone())));
    gone.chain(new).collect()
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
    use crate::image::ImageFamily;
    use crate::setting::{
        HttpsTrust, ImageDownloadMode, ImageServer, LogForm, LogFraming, LogTransport, ServeLogin, ServeProtocol,
        Timezone, UserChange,
    };

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
            Setting::SftpImageServer(Some(ImageServer { host: "172.16.5.62".into(), port: Some(2022) })),
            Setting::SftpPassword(Some(SecretId(7))),
            Setting::HttpsTrust(HttpsTrust::Pin),
            Setting::ImageServe(ServeProtocol::Sftp, "127.0.0.1:2022".parse().expect("address"), "images".into()),
            Setting::ImageServeLogin(Some(ServeLogin { user: "ap".into(), password: SecretId(8) })),
            Setting::PredownloadBandwidth(Some(50)),
            Setting::UpgradeSiteShare(10),
            Setting::DtlsVersions(DtlsVersions::All),
            Setting::DtlsCiphersuite("AES128-SHA".into(), true),
            Setting::DtlsPsk("ap-1".into(), Some(SecretId(9))),
            Setting::ImageMap("C9999".into(), "ap1g9".parse().ok()),
            Setting::ImageAlias("/c1130".into(), "ap1g9".parse().ok()),
            Setting::User("admin".into(), UserChange { privilege: Some(15), secret: Some(SecretId(10)) }),
            Setting::User("guest".into(), UserChange::default()),
            Setting::UserKey("admin".into(), "ssh-ed25519 AAAA".into(), true),
            Setting::EnableSecret(Some(SecretId(11))),
            Setting::SshPort(2022),
            Setting::SshListen("127.0.0.1".parse().ok()),
            Setting::ExecTimeout(0),
            Setting::LoggingHostForm("127.0.0.1:5515".parse().expect("address"), LogForm::Rfc5424),
            Setting::LogTimestamps(None),
            Setting::LogSequenceNumbers(true),
            Setting::ClockTimezone(Some(Timezone { name: "CET".into(), minutes: 60 })),
            Setting::SshTimeOut(20),
            Setting::SshRetries(5),
            Setting::LoggingHostOver(
                LogHost { address: "127.0.0.1:5515".parse().expect("address"), transport: LogTransport::Tcp },
                LogDelivery { framing: LogFraming::Newline, ..LogDelivery::default() },
            ),
            Setting::LoggingHostOver(
                LogHost { address: "127.0.0.1:5515".parse().expect("address"), transport: LogTransport::Tls },
                LogDelivery { name: Some("log.example".into()), ..LogDelivery::default() },
            ),
            Setting::LoggingTlsAuthority(Some("log-ca.pem".into())),
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
    fn a_model_has_the_family_of_the_longest_entry_that_it_begins_with() {
        let mut c = Config::default();
        for (model, family) in [("C9999", "ap1g9"), ("C9999AXW", "ap2g9"), ("AIR-AP1131AG", "c1130")] {
            c.set(&Setting::ImageMap(model.into(), family.parse().ok()));
        }
        let family = |model| c.image.mapped(model).map(ImageFamily::as_str);
        assert_eq!(family("C9999AXI-B"), Some("ap1g9"));
        assert_eq!(family("c9999axw-e"), Some("ap2g9"));
        assert_eq!(family("AIR-AP1131AG"), Some("c1130"));
        assert_eq!((family("C999"), family("")), (None, None));
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
        c.set(&Setting::ImageDownloadMode(Some(ImageDownloadMode::Sftp)));
        c.set(&Setting::SftpImagePath(Some("/Documents/EWC".into())));
        assert_eq!(c.image.url(&family).as_deref(), Some("sftp://172.16.5.62:2022/Documents/EWC/ap1g6"));
        c.set(&Setting::SftpUsername(Some("admin".into())));
        assert_eq!(c.image.url(&family).as_deref(), Some("sftp://******@172.16.5.62:2022/Documents/EWC/ap1g6"));
        c.set(&Setting::ImageDownloadMode(None));
        assert_eq!(c.image.url(&family), None);
    }
}
