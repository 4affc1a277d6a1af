//! Configurations of every kind: every setting that can be typed, with values from all of its range.

use std::net::{IpAddr, SocketAddr};

use capledger_schema::id::SecretId;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::project::Config;
use capledger_schema::project::config::{
    AccessConfig, CapwapConfig, DtlsConfig, HttpConfig, ImageConfig, LoggingConfig, ServeConfig, SftpConfig,
    UpgradeConfig, UserConfig,
};
use capledger_schema::setting::{
    CapwapTimer, DtlsVersions, HttpsTrust, ImageDownloadMode, ImageJoin, ImageServer, JoinPolicy, LogDelivery, LogForm,
    LogFraming, LogHost, LogStamp, LogTransport, ServeLogin, ServeProtocol, Timezone,
};
use proptest::collection::{btree_map, btree_set};
use proptest::option;
use proptest::prelude::*;

use crate::capwap::suite::SUITES;
use crate::secrets::{Key, Plain, Sealed, Vault};

fn word() -> impl Strategy<Value = String> {
    "[A-Za-z0-9][A-Za-z0-9._-]{0,30}"
}

/// A model, or what an access point asks by: it may have spaces within.
fn name() -> impl Strategy<Value = String> {
    "[A-Za-z0-9/.é][A-Za-z0-9/._ -]{0,20}[A-Za-z0-9/.é]"
}

fn path() -> impl Strategy<Value = String> {
    "[A-Za-z0-9/._!|\"é][A-Za-z0-9/._ !|\"é]{0,40}[A-Za-z0-9/._!|\"é]"
}

fn address() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), 1..=65_534_u16).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn any_version() -> impl Strategy<Value = ImageVersion> {
    [0..1_000_000_000_u32, 0..99, 0..99, 0..999].prop_map(ImageVersion)
}

fn any_family() -> impl Strategy<Value = ImageFamily> {
    "[a-z0-9_-]{1,32}".prop_map(|s| s.parse().expect("a family"))
}

const MODES: [ImageDownloadMode; 4] =
    [ImageDownloadMode::Tftp, ImageDownloadMode::Sftp, ImageDownloadMode::Http, ImageDownloadMode::Https];

pub(super) const WORDS: [&str; 3] = ["open sesame", "0", "7 SECRET"];

fn key() -> Key {
    Key::new(&[7; 32]).expect("a key")
}

pub(super) fn vault() -> Vault {
    Vault::in_memory(key())
}

fn any_secret() -> impl Strategy<Value = SecretId> {
    proptest::sample::select(&WORDS[..]).prop_map(|word| key().seal(&Plain::new(word)).expect("sealed").id())
}

/// The secrets that a generated configuration names.
pub(super) fn sealed(config: &Config) -> Vec<Sealed> {
    let all = WORDS.iter().map(|word| key().seal(&Plain::new(*word)).expect("sealed"));
    all.filter(|sealed| config.secrets().contains(&sealed.id())).collect()
}

fn any_server() -> impl Strategy<Value = ImageServer> {
    // Dotted numbers are an address or nothing.
    let name = "[A-Za-z][A-Za-z0-9._-]{0,30}";
    let host = prop_oneof![name, any::<IpAddr>().prop_map(|a| a.to_string())];
    (host, option::of(1..=65_535_u16)).prop_map(|(host, port)| ImageServer { host, port })
}

prop_compose! {
    fn any_sftp()(
        server in option::of(any_server()),
        path in option::of(path()),
        username in option::of(path()),
        password in option::of(any_secret()),
        key in option::of(path()),
    ) -> SftpConfig {
        SftpConfig { server, path, username, password, key }
    }
}

prop_compose! {
    fn any_http()(
        server in option::of(any_server()),
        path in option::of(path()),
        trust in prop_oneof![Just(HttpsTrust::Check), Just(HttpsTrust::Pin)],
        authority in option::of(path()),
    ) -> HttpConfig {
        HttpConfig { server, path, trust, authority }
    }
}

prop_compose! {
    fn any_image()(
        join in prop_oneof![Just(ImageJoin::Immediate), Just(ImageJoin::Defer)],
        local in btree_map(any_family(), path(), 0..4),
        mode in option::of(proptest::sample::select(&MODES[..])),
        tftp_server in option::of(any_server()),
        tftp_path in option::of(path()),
        tftp_timeout in prop_oneof![Just(40), 1..=3_600_u32],
        (map, aliases) in (btree_map(name(), any_family(), 0..3), btree_map(name(), any_family(), 0..3)),
        max_size in prop_oneof![Just(1 << 30), 1..=(1_u64 << 40)],
        (retry_delay, max_tries) in (prop_oneof![Just(30), 1..=900_u32], prop_oneof![Just(5), 1..=1_000_u32]),
        (predownload_limit, predownload_bandwidth) in
            (prop_oneof![Just(100), 1..=10_000_u32], option::of(1..=1_000_000_u32)),
        sftp in any_sftp().boxed(),
        http in any_http().boxed(),
    ) -> ImageConfig {
        ImageConfig {
            join, local, map, aliases, mode, tftp_server, tftp_path, tftp_timeout, sftp, http, max_size, retry_delay,
            max_tries, predownload_limit, predownload_bandwidth,
        }
    }
}

const KEYS: [&str; 2] = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwdaGbzsK3ZG6e1Ee8cF5mvhU5Q6uMHRWpFrX0sN5Wq",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti",
];

prop_compose! {
    fn any_access()(
        users in btree_map(word(), (0..=15_u8, option::of(any_secret())), 0..3),
        keys in btree_map(word(), btree_set(proptest::sample::select(&KEYS[..]), 1..3), 0..3),
        enable in option::of(any_secret()),
        port in 1..=65_535_u16,
        listen in option::of(any::<IpAddr>()),
        exec_timeout in prop_oneof![Just(600), 0..=2_147_483_u32],
        (time_out, retries) in (prop_oneof![Just(60), 1..=120_u8], 0..=5_u8),
    ) -> AccessConfig {
        let users = users.into_iter().map(|(name, (privilege, secret))| (name, UserConfig { privilege, secret }));
        let keys = keys.into_iter().map(|(name, keys)| (name, keys.into_iter().map(str::to_owned).collect()));
        AccessConfig { users: users.collect(), keys: keys.collect(), enable, port, listen, exec_timeout, time_out, retries }
    }
}

prop_compose! {
    fn any_upgrade()(
        auto_abort in prop_oneof![Just(120), 0..=10_080_u32],
        integrity_limit in 1..=10_000_u32,
        (site_share, rejoin_percent) in (1..=100_u8, 1..=100_u8),
        iteration_expiry in 1..=86_400_u32,
    ) -> UpgradeConfig {
        UpgradeConfig { auto_abort, integrity_limit, site_share, rejoin_percent, iteration_expiry }
    }
}

prop_compose! {
    fn any_serve()(
        listen in btree_map(
            (prop_oneof![Just(ServeProtocol::Tftp), Just(ServeProtocol::Sftp)], address()), path(), 0..3
        ),
        login in option::of((word(), any_secret())),
    ) -> ServeConfig {
        ServeConfig { listen, login: login.map(|(user, password)| ServeLogin { user, password }) }
    }
}

fn any_stamp() -> impl Strategy<Value = LogStamp> {
    let moment = any::<[bool; 4]>().prop_map(|[msec, localtime, show_timezone, year]| LogStamp::Datetime {
        msec,
        localtime,
        show_timezone,
        year,
    });
    prop_oneof![Just(LogStamp::Uptime), moment]
}

fn any_timezone() -> impl Strategy<Value = Timezone> {
    let minutes = prop_oneof![-1_439..=-60_i16, 0..=1_439_i16];
    ("[A-Za-z0-9]{1,7}", minutes).prop_map(|(name, minutes)| Timezone { name, minutes })
}

const FORMS: [LogForm; 3] = [LogForm::Ios, LogForm::Rfc3164, LogForm::Rfc5424];

/// A transport, and what a line with it may say.
fn any_delivery() -> impl Strategy<Value = (LogTransport, LogDelivery)> {
    let form = proptest::sample::select(&FORMS[..]);
    let framing = prop_oneof![Just(LogFraming::OctetCounting), Just(LogFraming::Newline)];
    let name = option::of("[A-Za-z][A-Za-z0-9._-]{0,30}");
    prop_oneof![
        form.clone().prop_map(|form| (LogTransport::Udp, LogDelivery::from(form))),
        (form.clone(), framing)
            .prop_map(|(form, framing)| (LogTransport::Tcp, LogDelivery { form, framing, name: None })),
        (form, name).prop_map(|(form, name)| (LogTransport::Tls, LogDelivery { name, ..LogDelivery::from(form) })),
    ]
}

prop_compose! {
    fn any_logging()(
        hosts in btree_map(address(), any_delivery(), 0..4),
        authority in option::of(path()),
        (origin_id, numbers) in any::<(bool, bool)>(),
        stamp in option::of(any_stamp()),
        timezone in option::of(any_timezone()),
    ) -> LoggingConfig {
        let hosts = hosts.into_iter().map(|(address, (transport, delivery))| (LogHost { address, transport }, delivery));
        LoggingConfig { hosts: hosts.collect(), authority, origin_id, stamp, numbers, timezone }
    }
}

prop_compose! {
    fn any_capwap()(
        listen in btree_set(address(), 0..4),
        max_sessions in 1..=65_535_u32,
        strict in any::<bool>(),
        block_size in 64..=1_377_u16,
        timers in btree_map(proptest::sample::select(&CapwapTimer::ALL[..]), 10..=86_400_000_u32, 0..9),
        max_retransmit in 1..=20_u8,
        address in option::of(any::<IpAddr>()),
    ) -> CapwapConfig {
        // A timer that has its default is not configured.
        let timers = timers.into_iter().filter(|(timer, ms)| *ms != timer.default_ms()).collect();
        CapwapConfig { listen, max_sessions, strict, block_size, timers, max_retransmit, address }
    }
}

prop_compose! {
    fn any_dtls()(
        handshake_mtu in 256..=1_400_u16,
        max_half_open in 1..=65_535_u32,
        policy in proptest::sample::select(&[JoinPolicy::Pin, JoinPolicy::Ca, JoinPolicy::Open][..]),
        authority in option::of(path()),
        versions in proptest::sample::select(&[DtlsVersions::V1_2, DtlsVersions::V1_0, DtlsVersions::All][..]),
        ciphersuites in btree_set(proptest::sample::select(SUITES).prop_map(|suite| suite.name.to_owned()), 0..4),
        psk in btree_map(name(), any_secret(), 0..3),
    ) -> DtlsConfig {
        DtlsConfig { handshake_mtu, max_half_open, policy, authority, versions, ciphersuites, psk }
    }
}

prop_compose! {
    /// Every field of every part is named: a new one breaks the build here, where it is to be generated.
    pub(super) fn any_config()(
        hostname in prop_oneof![Just("capledger".to_owned()), word()],
        software_version in option::of(any_version()),
        logging in any_logging().boxed(),
        capwap in any_capwap().boxed(),
        dtls in any_dtls().boxed(),
        image in any_image().boxed(),
        serve in any_serve().boxed(),
        upgrade in any_upgrade().boxed(),
        access in any_access().boxed(),
    ) -> Config {
        Config { hostname, software_version, logging, capwap, dtls, image, serve, upgrade, access }
    }
}
