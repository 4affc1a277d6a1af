//! A setting as a configuration line: the way back from the grammar, for `show running-config`.

use std::fmt::Write as _;

use capledger_schema::project::Config;
use capledger_schema::project::config::CapwapConfig;
use capledger_schema::setting::{
    DtlsVersions, HttpsTrust, ImageDownloadMode, ImageJoin, ImageServer, JoinPolicy, LogDelivery, LogForm, LogFraming,
    LogHost, LogStamp, LogTransport, ServeProtocol, Setting,
};

use super::grammar::Mode;
use crate::secrets::Secrets;

/// The port of a collector without one: RFC 5426 3.3 over UDP, IOS's (RFC 3195) over TCP, RFC 5425 4.1 over TLS.
pub fn syslog_port(transport: LogTransport) -> u16 {
    match transport {
        LogTransport::Udp => 514,
        LogTransport::Tcp => 601,
        LogTransport::Tls => 6514,
    }
}

/// The mode where a setting is typed, and its line; a secret stands in it as its ciphertext.
pub fn line(setting: &Setting, secrets: &dyn Secrets) -> (Mode, String) {
    let global = |text: String| (Mode::Config, text);
    let tftp = |text: String| (Mode::ImageProfileTftp, text);
    let sftp = |text: String| (Mode::ImageProfileSftp, text);
    let http = |text: String| (Mode::ImageProfileHttp, text);
    match setting {
        Setting::Hostname(name) => global(format!("hostname {name}")),
        Setting::SoftwareVersion(Some(v)) => global(format!("software version {v}")),
        Setting::SoftwareVersion(None) => global("no software version".into()),
        Setting::LoggingHost(a) => global(logging_host(LogHost::udp(*a))),
        Setting::NoLoggingHost(a) => global(format!("no {}", logging_host(LogHost::udp(*a)))),
        Setting::LoggingOriginId(on) => global(format!("{}logging origin-id hostname", no(!on))),
        Setting::CapwapListen(a) => global(format!("capwap listen {}{}", a.ip(), control_port(a.port()))),
        Setting::NoCapwapListen(a) => global(format!("no capwap listen {}{}", a.ip(), control_port(a.port()))),
        Setting::CapwapMaxSessions(n) => global(format!("capwap max-sessions {n}")),
        Setting::CapwapStrict(on) => global(format!("{}capwap strict", no(!on))),
        Setting::CapwapBlockSize(n) => global(format!("capwap block-size {n}")),
        Setting::CapwapTimer(timer, ms) => global(format!("capwap timer {} {ms}", timer.word())),
        Setting::CapwapMaxRetransmit(n) => global(format!("capwap max-retransmit {n}")),
        Setting::CapwapAddress(Some(a)) => global(format!("capwap address {a}")),
        Setting::CapwapAddress(None) => global("no capwap address".into()),
        Setting::DtlsHandshakeMtu(n) => global(format!("ap dtls handshake-mtu {n}")),
        Setting::DtlsMaxHalfOpen(n) => global(format!("ap dtls max-half-open {n}")),
        Setting::JoinPolicy(p) => global(format!("ap join policy {}", policy_word(*p))),
        Setting::JoinAuthority(Some(file)) => global(format!("ap join ca {file}")),
        Setting::JoinAuthority(None) => global("no ap join ca".into()),
        Setting::ImageJoin(join) => global(format!("ap image join {}", image_join_word(*join))),
        Setting::ImageLocal(family, file) => global(format!("ap image local {family} {file}")),
        Setting::NoImageLocal(family) => global(format!("no ap image local {family}")),
        Setting::ImageMaxSize(n) => global(format!("ap image max-size {n}")),
        Setting::ImageRetryDelay(s) => global(format!("ap image retry-delay {s}")),
        Setting::ImageDownloadMode(Some(mode)) => {
            (Mode::ImageProfile, format!("image-download-mode {}", mode_word(*mode)))
        }
        Setting::ImageDownloadMode(None) => (Mode::ImageProfile, "no image-download-mode".into()),
        Setting::TftpImageServer(Some(server)) => tftp(format!("tftp-image-server {}", host_port(server))),
        Setting::TftpImageServer(None) => tftp("no tftp-image-server".into()),
        Setting::TftpImagePath(Some(path)) => tftp(format!("tftp-image-path {path}")),
        Setting::TftpImagePath(None) => tftp("no tftp-image-path".into()),
        Setting::TftpTimeout(s) => tftp(format!("tftp-image-timeout {s}")),
        Setting::SftpImageServer(Some(server)) => sftp(format!("sftp-image-server {}", host_port(server))),
        Setting::SftpImageServer(None) => sftp("no sftp-image-server".into()),
        Setting::SftpImagePath(Some(path)) => sftp(format!("sftp-image-path {path}")),
        Setting::SftpImagePath(None) => sftp("no sftp-image-path".into()),
        Setting::SftpUsername(Some(name)) => sftp(format!("sftp-username {name}")),
        Setting::SftpUsername(None) => sftp("no sftp-username".into()),
        Setting::SftpPassword(Some(secret)) => sftp(format!("sftp-password 6 {}", secrets.text(*secret))),
        Setting::SftpPassword(None) => sftp("no sftp-password".into()),
        Setting::SftpKey(Some(file)) => sftp(format!("sftp-key {file}")),
        Setting::SftpKey(None) => sftp("no sftp-key".into()),
        Setting::HttpImageServer(Some(server)) => http(format!("http-image-server {}", host_port(server))),
        Setting::HttpImageServer(None) => http("no http-image-server".into()),
        Setting::HttpImagePath(Some(path)) => http(format!("http-image-path {path}")),
        Setting::HttpImagePath(None) => http("no http-image-path".into()),
        Setting::HttpsTrust(HttpsTrust::Check) => http("https-certificate check".into()),
        Setting::HttpsTrust(HttpsTrust::Pin) => http("https-certificate pin".into()),
        Setting::HttpsAuthority(Some(file)) => http(format!("https-ca {file}")),
        Setting::HttpsAuthority(None) => http("no https-ca".into()),
        Setting::ImageServe(protocol, a, root) => {
            let word = protocol_word(*protocol);
            global(format!("image-server {word} listen {} port {} root {root}", a.ip(), a.port()))
        }
        Setting::NoImageServe(protocol, a) => {
            global(format!("no image-server {} listen {} port {}", protocol_word(*protocol), a.ip(), a.port()))
        }
        Setting::ImageServeLogin(Some(login)) => {
            global(format!("image-server login {} password 6 {}", login.user, secrets.text(login.password)))
        }
        Setting::ImageServeLogin(None) => global("no image-server login".into()),
        Setting::PredownloadLimit(n) => global(format!("ap image predownload limit {n}")),
        Setting::PredownloadBandwidth(Some(mbps)) => global(format!("ap image predownload bandwidth {mbps} mbps")),
        Setting::PredownloadBandwidth(None) => global("no ap image predownload bandwidth".into()),
        Setting::ImageMaxTries(n) => global(format!("ap image max-tries {n}")),
        Setting::InstallAutoAbort(minutes) => global(format!("install auto-abort-timer {minutes}")),
        Setting::UpgradeIntegrityLimit(n) => global(format!("ap upgrade integrity-limit {n}")),
        Setting::UpgradeSiteShare(percent) => global(format!("ap upgrade site-share {percent}")),
        Setting::UpgradeRejoinPercent(percent) => global(format!("ap upgrade rejoin-percent {percent}")),
        Setting::UpgradeIterationExpiry(seconds) => global(format!("ap upgrade iteration-expiry {seconds}")),
        Setting::DtlsVersions(versions) => global(format!("ap dtls-version {}", versions_word(*versions))),
        Setting::DtlsCiphersuite(name, on) => global(format!("{}ap dtls-ciphersuite {name}", no(!on))),
        Setting::DtlsPsk(identity, Some(key)) => {
            global(format!("ap dtls psk {} key 6 {}", word(identity), secrets.text(*key)))
        }
        Setting::DtlsPsk(identity, None) => global(format!("no ap dtls psk {}", word(identity))),
        Setting::ImageMap(model, Some(family)) => global(format!("ap image map {} {family}", word(model))),
        Setting::ImageMap(model, None) => global(format!("no ap image map {}", word(model))),
        Setting::ImageAlias(name, Some(family)) => global(format!("ap image alias {} {family}", word(name))),
        Setting::ImageAlias(name, None) => global(format!("no ap image alias {}", word(name))),
        Setting::User(name, change) => {
            let privilege = change.privilege.map(|level| format!(" privilege {level}")).unwrap_or_default();
            let secret = change.secret.map(|id| format!(" secret 6 {}", secrets.text(id))).unwrap_or_default();
            global(format!("username {name}{privilege}{secret}"))
        }
        Setting::NoUser(name) => global(format!("no username {name}")),
        Setting::UserKey(_, key, on) => (Mode::SshPubkeyUser, format!("{}key-string {key}", no(!on))),
        Setting::NoUserKeys(name) => (Mode::SshPubkey, format!("no username {name}")),
        Setting::EnableSecret(Some(secret)) => global(format!("enable secret 6 {}", secrets.text(*secret))),
        Setting::EnableSecret(None) => global("no enable secret".into()),
        Setting::SshPort(port) => global(format!("ip ssh port {port}")),
        Setting::SshListen(Some(address)) => global(format!("ip ssh listen {address}")),
        Setting::SshListen(None) => global("no ip ssh listen".into()),
        Setting::SshTimeOut(seconds) => global(format!("ip ssh time-out {seconds}")),
        Setting::SshRetries(n) => global(format!("ip ssh authentication-retries {n}")),
        Setting::ExecTimeout(s) => (Mode::Line, format!("exec-timeout {} {}", s / 60, s % 60)),
        Setting::LoggingHostForm(a, form) => {
            let host = LogHost::udp(*a);
            global(format!("{}{}", logging_host(host), delivered(&host, &LogDelivery::from(*form))))
        }
        Setting::LoggingHostOver(host, delivery) => {
            global(format!("{}{}", logging_host(*host), delivered(host, delivery)))
        }
        Setting::NoLoggingHostOver(host) => global(format!("no {}", logging_host(*host))),
        Setting::LoggingTlsAuthority(Some(file)) => global(format!("logging tls ca {file}")),
        Setting::LoggingTlsAuthority(None) => global("no logging tls ca".into()),
        Setting::LogTimestamps(None) => global("no service timestamps log".into()),
        Setting::LogTimestamps(Some(stamp)) => global(format!("service timestamps log {}", stamp_words(*stamp))),
        Setting::LogSequenceNumbers(on) => global(format!("{}service sequence-numbers", no(!on))),
        Setting::ClockTimezone(None) => global("no clock timezone".into()),
        Setting::ClockTimezone(Some(zone)) => {
            global(format!("clock timezone {} {} {}", zone.name, zone.minutes / 60, (zone.minutes % 60).abs()))
        }
    }
}

/// The word of a join policy.
pub fn policy_word(policy: JoinPolicy) -> &'static str {
    match policy {
        JoinPolicy::Pin => "pin",
        JoinPolicy::Ca => "ca",
        JoinPolicy::Open => "open",
    }
}

/// The word of what joining APs are told.
pub fn image_join_word(join: ImageJoin) -> &'static str {
    match join {
        ImageJoin::Immediate => "immediate",
        ImageJoin::Defer => "defer",
    }
}

/// The word of an image-download mode.
pub fn mode_word(mode: ImageDownloadMode) -> &'static str {
    match mode {
        ImageDownloadMode::Tftp => "tftp",
        ImageDownloadMode::Sftp => "sftp",
        ImageDownloadMode::Http => "http",
        ImageDownloadMode::Https => "https",
    }
}

/// The word of an embedded server's protocol.
pub fn protocol_word(protocol: ServeProtocol) -> &'static str {
    match protocol {
        ServeProtocol::Tftp => "tftp",
        ServeProtocol::Sftp => "sftp",
    }
}

/// The word of the versions of DTLS that are spoken.
pub fn versions_word(versions: DtlsVersions) -> &'static str {
    match versions {
        DtlsVersions::V1_2 => "dtls_1_2",
        DtlsVersions::V1_0 => "dtls_1_0",
        DtlsVersions::All => "all",
    }
}

/// The word of a form that is not IOS's own.
pub fn form_word(form: LogForm) -> Option<&'static str> {
    match form {
        LogForm::Ios => None,
        LogForm::Rfc3164 => Some("rfc3164"),
        LogForm::Rfc5424 => Some("rfc5424"),
    }
}

fn stamp_words(stamp: LogStamp) -> String {
    match stamp {
        LogStamp::Uptime => "uptime".to_owned(),
        LogStamp::Datetime { msec, localtime, show_timezone, year } => {
            let options =
                [(msec, " msec"), (localtime, " localtime"), (show_timezone, " show-timezone"), (year, " year")];
            options.iter().filter(|(on, _)| *on).fold("datetime".to_owned(), |text, (_, word)| text + word)
        }
    }
}

/// A value of one word as it is typed: one with spaces is held together by quotes.
fn word(text: &str) -> String {
    if text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text.to_owned() }
}

fn host_port(server: &ImageServer) -> String {
    let port = server.port.map(|p| format!(" port {p}")).unwrap_or_default();
    format!("{}{port}", server.host)
}

fn no(negated: bool) -> &'static str {
    if negated { "no " } else { "" }
}

fn logging_host(host: LogHost) -> String {
    let (ip, port) = (host.address.ip(), host.address.port());
    let port = if port == syslog_port(host.transport) { String::new() } else { format!(" port {port}") };
    if host.transport == LogTransport::Udp && port.is_empty() {
        return format!("logging host {ip}");
    }
    format!("logging host {ip} transport {}{port}", transport_word(host.transport))
}

/// What else a collector's line says.
fn delivered(host: &LogHost, delivery: &LogDelivery) -> String {
    let newline = host.transport == LogTransport::Tcp && delivery.framing == LogFraming::Newline;
    let framing = if newline { " framing newline" } else { "" };
    let name = delivery.name.as_ref().filter(|_| host.transport == LogTransport::Tls);
    let name = name.map(|name| format!(" name {name}")).unwrap_or_default();
    let form = form_word(delivery.form).map(|word| format!(" format {word}")).unwrap_or_default();
    format!("{framing}{name}{form}")
}

/// The word of how lines get to a collector.
pub fn transport_word(transport: LogTransport) -> &'static str {
    match transport {
        LogTransport::Udp => "udp",
        LogTransport::Tcp => "tcp",
        LogTransport::Tls => "tls",
    }
}

fn control_port(port: u16) -> String {
    if port == CapwapConfig::CONTROL_PORT { String::new() } else { format!(" port {port}") }
}

/// A configuration as a file that reads back to the same: the hostname, and every setting that is not the default.
/// No headers and no `end`.
pub fn lines(config: &Config, secrets: &dyn Secrets) -> String {
    let settings = Config::default().difference(config);
    let mut out = String::from("!\n");
    if config.hostname == Config::default().hostname {
        let _ = writeln!(out, "hostname {}", config.hostname);
    }
    let mut group = "hostname";
    let mut behind = Vec::new();
    for setting in &settings {
        let (mode, text) = line(setting, secrets);
        if mode != Mode::Config {
            behind.push((heads(setting, mode), text));
            continue;
        }
        let first = two_words(text.strip_prefix("no ").unwrap_or(&text));
        if group_of(first) != group {
            out.push_str("!\n");
            group = group_of(first);
        }
        let _ = writeln!(out, "{text}");
    }
    // Lines of the same sub-mode follow each other in the difference.
    let mut above: Vec<String> = Vec::new();
    for (heads, text) in behind {
        if above.first() != heads.first() {
            out.push_str("!\n");
        }
        for (depth, head) in heads.iter().enumerate() {
            if above.get(depth) != Some(head) && !head.is_empty() {
                above.truncate(depth);
                let _ = writeln!(out, "{}{head}", " ".repeat(depth));
            }
        }
        let _ = writeln!(out, "{}{text}", " ".repeat(heads.len()));
        above = heads;
    }
    out.push_str("!\n");
    out
}

/// The lines that lead to the mode of a setting, from configuration mode on.
fn heads(setting: &Setting, mode: Mode) -> Vec<String> {
    let profile = || "wireless profile image-download default".to_owned();
    match mode {
        Mode::ImageProfile => vec![profile()],
        // A sub-mode of the profile is entered by the line of its mode, or by a line of its own.
        Mode::ImageProfileTftp | Mode::ImageProfileSftp | Mode::ImageProfileHttp => vec![profile(), String::new()],
        Mode::Line => vec!["line vty 0 15".to_owned()],
        Mode::SshPubkey | Mode::SshPubkeyUser | Mode::SshPubkeyData => {
            let user = if let Setting::UserKey(user, ..) = setting { Some(format!("username {user}")) } else { None };
            std::iter::once("ip ssh pubkey-chain".to_owned()).chain(user).collect()
        }
        Mode::Console => vec!["line console 0".to_owned()],
        Mode::User | Mode::Privileged | Mode::Do | Mode::Config | Mode::Pipe => Vec::new(),
    }
}

/// Lines that stand together, by their first words.
fn group_of(words: (&str, &str)) -> &'static str {
    match words {
        ("hostname", _) => "hostname",
        ("software", _) => "software",
        ("logging", _) => "logging",
        ("service" | "clock", _) => "service",
        ("capwap", _) => "capwap",
        ("ap", "image") => "ap image",
        ("ap", _) => "ap",
        ("username" | "enable" | "ip", _) => "access",
        ("image-server", _) => "image-server",
        _ => "",
    }
}

fn two_words(text: &str) -> (&str, &str) {
    let mut words = text.split(' ');
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}
