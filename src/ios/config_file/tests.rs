use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use capledger_schema::id::SecretId;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::project::config::{AccessConfig, HttpConfig, ServeConfig, SftpConfig, UpgradeConfig, UserConfig};
use capledger_schema::setting::{
    CapwapTimer, DtlsVersions, HttpsTrust, ImageDownloadMode, ImageJoin, ImageServer, JoinPolicy, ServeLogin,
    ServeProtocol,
};
use proptest::collection::{btree_map, btree_set};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::capwap::suite::SUITES;
use crate::ios::key_chain::KeyLine;
use crate::ios::{View, setting, show};
use crate::secrets::{Key, Plain, Sealed, Vault};
use crate::story::{Story, version};
use crate::syslog::TimeFormat;

const EXAMPLE: &str = "\
! A controller that upgrades its access points
hostname 9120-EWC
!
software version 17.9.4.27
logging host 172.16.5.9 transport udp port 5514
logging host 172.16.5.10

capwap listen 172.16.4.26
wireless profile image-download default
 image-download-mode tftp
  tftp-image-server 172.16.5.27 port 6969
  tftp-image-path /EWC/17 9 4a/
capwap block-size 1377
end
";

#[test]
fn a_startup_configuration_is_read_whole() {
    let config = parse(EXAMPLE).expect("a configuration");
    assert_eq!(config.hostname, "9120-EWC");
    assert_eq!(config.software_version, Some(version("17.9.4.27")));
    assert_eq!(config.logging_hosts.len(), 2);
    assert_eq!(config.image.mode, Some(ImageDownloadMode::Tftp));
    assert_eq!(config.image.tftp_server, Some(ImageServer { host: "172.16.5.27".into(), port: Some(6969) }));
    assert_eq!(config.image.tftp_path.as_deref(), Some("/EWC/17 9 4a/"));
    assert_eq!(config.capwap.block_size, 1377, "a line of configuration mode ends the sub-mode before it");
}

#[test]
fn line_ends_of_every_kind_and_a_byte_order_mark_are_read() {
    let dos = format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n"));
    assert_eq!(parse(&dos), parse(EXAMPLE));
}

#[test]
fn an_error_names_line_column_what_is_wrong_and_what_is_expected() {
    for (text, wanted) in [
        (
            "hostname x\n capwap block-size 9999\n",
            "line 2, column 20: `9999` is not known here; expected <64-1377> (Octets (1024))",
        ),
        (
            "!\n!\nap join policy\n",
            "line 3, column 15: the line ends too early; expected pin (By that of its first join (default)), \
             ca (By one that the authority of `ap join ca` signed), open (By any)",
        ),
        ("capwap strict please\n", "line 1, column 15: `please` is one word too many; the command ends before it"),
        (
            "no ap image join\nap image jion defer\n",
            "line 2, column 10: `jion` is not known here; expected \
             join (What an access point that joins with another version is told), \
             local (A file to take instead of fetching), max-size (The largest file that is fetched), \
             retry-delay (Before a failed fetch or download is tried again; it doubles), \
             max-tries (Failed downloads of one version before an access point is left alone), \
             predownload (Images for access points that serve), \
             map (The image family of a model that is not known, or known wrong), \
             alias (The image family that is meant by a name that access points ask by)",
        ),
        ("end\nhostname x\n", "line 2, column 1: nothing may follow `end`"),
        ("  exit\n", "line 1, column 3: `exit` leaves a sub-mode, and there is none here"),
        ("do show clock\n", "line 1, column 1: `do` is for the terminal; a configuration holds settings"),
    ] {
        assert_eq!(parse(text).expect_err(text).to_string(), wanted);
        assert_eq!(read_file(text, &NoSecrets).expect_err("nothing of it is applied").to_string(), wanted);
    }
}

#[test]
fn an_exec_command_is_no_configuration() {
    let e = parse("show clock\n").expect_err("refused");
    assert!(e.to_string().starts_with("line 1, column 1: `show` is not known here; expected no ("), "{e}");
}

#[test]
fn a_configuration_beyond_the_limit_is_refused() {
    let e = parse(&"!\n".repeat(FILE_LIMIT / 2 + 1)).expect_err("refused");
    assert_eq!(e.message, format!("the configuration is longer than {FILE_LIMIT} octets"));
}

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

const WORDS: [&str; 3] = ["open sesame", "0", "7 SECRET"];

fn key() -> Key {
    Key::new(&[7; 32]).expect("a key")
}

fn vault() -> Vault {
    Vault::in_memory(key())
}

fn any_secret() -> impl Strategy<Value = SecretId> {
    proptest::sample::select(&WORDS[..]).prop_map(|word| key().seal(&Plain::new(word)).expect("sealed").id())
}

/// The secrets that a generated configuration names.
fn sealed(config: &Config) -> Vec<Sealed> {
    let all = WORDS.iter().map(|word| key().seal(&Plain::new(*word)).expect("sealed"));
    all.filter(|sealed| config.secrets().contains(&sealed.id())).collect()
}

fn any_server() -> impl Strategy<Value = ImageServer> {
    let host = prop_oneof![word(), any::<IpAddr>().prop_map(|a| a.to_string())];
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
        retry_delay in prop_oneof![Just(30), 1..=900_u32],
        sftp in any_sftp().boxed(),
        http in any_http().boxed(),
    ) -> capledger_schema::project::config::ImageConfig {
        capledger_schema::project::config::ImageConfig {
            join, local, map, aliases, mode, tftp_server, tftp_path, tftp_timeout, max_size, retry_delay, sftp, http,
            ..capledger_schema::project::config::ImageConfig::default()
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
    ) -> AccessConfig {
        let users = users.into_iter().map(|(name, (privilege, secret))| (name, UserConfig { privilege, secret }));
        let keys = keys.into_iter().map(|(name, keys)| (name, keys.into_iter().map(str::to_owned).collect()));
        AccessConfig { users: users.collect(), keys: keys.collect(), enable, port, listen, exec_timeout }
    }
}

/// Predownload limit and bandwidth, tries, and the auto abort timer.
fn any_install() -> impl Strategy<Value = (u32, Option<u32>, u32, u32)> {
    (
        prop_oneof![Just(100), 1..=10_000_u32],
        option::of(1..=1_000_000_u32),
        prop_oneof![Just(5), 1..=1_000_u32],
        prop_oneof![Just(120), 0..=10_080_u32],
    )
}

prop_compose! {
    fn any_upgrade()(
        integrity_limit in 1..=10_000_u32,
        percents in (1..=100_u8, 1..=100_u8),
        iteration_expiry in 1..=86_400_u32,
    ) -> UpgradeConfig {
        let (site_share, rejoin_percent) = percents;
        UpgradeConfig { integrity_limit, site_share, rejoin_percent, iteration_expiry, ..UpgradeConfig::default() }
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

prop_compose! {
    fn any_config()(
        hostname in prop_oneof![Just("capledger".to_owned()), word()],
        software_version in option::of(any_version()),
        logging_hosts in btree_set(address(), 0..4),
        logging_origin_id in any::<bool>(),
        listen in btree_set(address(), 0..4),
        numbers in (1..=65_535_u32, 64..=1_377_u16, any::<u8>(), 256..=1_400_u16, 1..=65_535_u32),
        strict in any::<bool>(),
        timers in btree_map(proptest::sample::select(&CapwapTimer::ALL[..]), 1..=86_400_000_u32, 0..9),
        address in option::of(any::<IpAddr>()),
        policy in proptest::sample::select(&[JoinPolicy::Pin, JoinPolicy::Ca, JoinPolicy::Open][..]),
        authority in option::of(path()),
        versions in proptest::sample::select(&[DtlsVersions::V1_2, DtlsVersions::V1_0, DtlsVersions::All][..]),
        ciphersuites in btree_set(proptest::sample::select(SUITES).prop_map(|suite| suite.name.to_owned()), 0..4),
        psk in btree_map(name(), any_secret(), 0..3),
        (image, install) in (any_image(), any_install()).boxed(),
        upgrade in any_upgrade(),
        access in any_access(),
        serve in any_serve(),
    ) -> Config {
        let mut config = Config { hostname, software_version, logging_hosts, logging_origin_id, image, upgrade, ..Config::default() };
        (config.image.predownload_limit, config.image.predownload_bandwidth) = (install.0, install.1);
        (config.image.max_tries, config.upgrade.auto_abort) = (install.2, install.3);
        config.serve = serve;
        config.capwap.listen = listen;
        config.capwap.max_sessions = numbers.0;
        config.capwap.strict = strict;
        config.capwap.block_size = numbers.1;
        for (timer, ms) in timers {
            config.set(&Setting::CapwapTimer(timer, ms));
        }
        config.capwap.max_retransmit = numbers.2;
        config.capwap.address = address;
        config.dtls.handshake_mtu = numbers.3;
        config.dtls.max_half_open = numbers.4;
        config.dtls.policy = policy;
        config.dtls.authority = authority;
        config.access = access;
        (config.dtls.versions, config.dtls.ciphersuites, config.dtls.psk) = (versions, ciphersuites, psk);
        config
    }
}

proptest! {
    #[test]
    fn show_running_config_read_back_is_the_same_configuration(config in any_config().boxed()) {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        story.configured(Config::default().difference(&config));
        prop_assert_eq!(&story.state.config, &config);
        let time = TimeFormat::default();
        let (here, empty) = (vault(), vault());
        let _kept = here.keep(&sealed(&config)).expect("kept");
        let view = View { state: &story.state, log: &story.log, now: story.at, time: &time, secrets: &here, history: &story.envelopes };
        let shown = show::running_config::show(&view);
        // The controller that reads it knows no secret yet, and has the same key.
        let read = read_file(&shown, &empty).map_err(|e| TestCaseError::fail(format!("{e}\n{shown}")))?;
        prop_assert_eq!(read.config(), config.clone());
        prop_assert_eq!(read.secrets.iter().map(Sealed::id).collect::<BTreeSet<_>>(), config.secrets());
    }

    #[test]
    fn every_line_that_leads_from_one_configuration_to_another_reads_back(a in any_config().boxed(), b in any_config().boxed()) {
        for wanted in a.difference(&b) {
            let here = vault();
            let _kept = here.keep(&sealed(&b)).expect("kept");
            let (mode, line) = setting::line(&wanted, &here);
            let read = crate::ios::grammar::parse(mode, &line);
            match read {
                Ok(Some(Action::Configure { settings, .. })) => prop_assert_eq!(settings, vec![wanted], "{}", line),
                Ok(Some(Action::ConfigureSecret { setting, secret })) => {
                    let (read, _) = seal(setting, &secret, &here).map_err(TestCaseError::fail)?;
                    prop_assert_eq!(read, wanted, "{}", line);
                }
                Ok(Some(Action::Keys(line))) => {
                    let user = if let Setting::UserKey(user, ..) = &wanted { user.clone() } else { String::new() };
                    let mut chain = KeyChain::default();
                    let entered = chain.take(KeyLine::User(user)).map_err(TestCaseError::fail)?;
                    prop_assert_eq!(entered.1, Some(Mode::SshPubkeyUser));
                    let (settings, _) = chain.take(line).map_err(TestCaseError::fail)?;
                    prop_assert_eq!(settings, vec![wanted]);
                }
                other => prop_assert!(false, "{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn no_text_of_any_kind_makes_the_reader_panic(text in "(\\PC{0,30}|wireless profile image-download default|exit|no |tftp-image-path |\n){0,12}") {
        let _ = parse(&text);
    }
}
