//! One change of the configuration, typed. The configuration is the fold of these.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::SecretId;
use crate::image::{ImageFamily, ImageVersion};

/// A setting as it was set. Like an event's variants, these are only ever added to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// `hostname NAME`
    Hostname(String),
    /// `software version V`; none: `no software version`
    SoftwareVersion(Option<ImageVersion>),
    /// `logging host A [transport udp port N]`
    LoggingHost(SocketAddr),
    /// `no logging host A [transport udp port N]`
    NoLoggingHost(SocketAddr),
    /// `logging origin-id hostname`
    LoggingOriginId(bool),
    /// `capwap listen ADDR port N`: the control channel; the data channel is one port above.
    CapwapListen(SocketAddr),
    /// `no capwap listen ADDR port N`
    NoCapwapListen(SocketAddr),
    /// `capwap max-sessions N`
    CapwapMaxSessions(u32),
    /// `capwap strict`
    CapwapStrict(bool),
    /// `capwap block-size N`: octets of data per Image Data Request, 64 to 1,377
    CapwapBlockSize(u16),
    /// `capwap timer NAME MILLISECONDS`
    CapwapTimer(CapwapTimer, u32),
    /// `capwap max-retransmit N`
    CapwapMaxRetransmit(u8),
    /// `capwap discovery A`: an address that Discovery and Join Responses name beside the listening one
    CapwapAddress(Option<IpAddr>),
    /// `ap dtls handshake-mtu N`: octets, 256 to 1,400
    DtlsHandshakeMtu(u16),
    /// `ap dtls max-half-open N`
    DtlsMaxHalfOpen(u32),
    /// `ap join policy pin|ca|open`
    JoinPolicy(JoinPolicy),
    /// `ap join ca FILE`: the authority for the policy `ca`, PEM
    JoinAuthority(Option<String>),
    /// `ap image join immediate|defer`
    ImageJoin(ImageJoin),
    /// `ap image local FAMILY FILE`
    ImageLocal(ImageFamily, String),
    /// `no ap image local FAMILY`
    NoImageLocal(ImageFamily),
    /// `image-download-mode tftp`; none: no mode
    ImageDownloadMode(Option<ImageDownloadMode>),
    /// `tftp-image-server A [port N]`
    TftpImageServer(Option<ImageServer>),
    /// `tftp-image-path PATH`
    TftpImagePath(Option<String>),
    /// `ap image max-size OCTETS`: the largest file that is fetched
    ImageMaxSize(u64),
    /// `ap image retry-delay SECONDS`: before the second try of a failed fetch or download; it doubles up to 15 minutes
    ImageRetryDelay(u32),
    /// `tftp-image-timeout SECONDS`: how long a silent server is asked again
    TftpTimeout(u32),
    /// `sftp-image-server A [port N]`
    SftpImageServer(Option<ImageServer>),
    /// `sftp-image-path PATH`
    SftpImagePath(Option<String>),
    /// `sftp-username NAME`
    SftpUsername(Option<String>),
    /// `sftp-password 0|6 WORD`
    SftpPassword(Option<SecretId>),
    /// `sftp-key FILE`: a private key on the controller, OpenSSH or PEM
    SftpKey(Option<String>),
    /// `http-image-server A [port N]`, for the modes `http` and `https`
    HttpImageServer(Option<ImageServer>),
    /// `http-image-path PATH`
    HttpImagePath(Option<String>),
    /// `https-certificate check|pin`
    HttpsTrust(HttpsTrust),
    /// `https-ca FILE`: the authority for `check` instead of the system's, PEM
    HttpsAuthority(Option<String>),
    /// `image-server tftp|sftp listen ADDR [port N] root DIR`
    ImageServe(ServeProtocol, SocketAddr, String),
    /// `no image-server tftp|sftp listen ADDR [port N]`
    NoImageServe(ServeProtocol, SocketAddr),
    /// `image-server sftp username NAME password 0|6 WORD`: who may read from the embedded SFTP server
    ImageServeLogin(Option<ServeLogin>),
    /// `ap image predownload limit N`: WTPs that are given an image at once while they serve
    PredownloadLimit(u32),
    /// `ap image predownload bandwidth N`: megabits per second for all of them together; none: no ceiling
    PredownloadBandwidth(Option<u32>),
    /// `ap image max-tries N`: failed downloads of one version to one WTP before it is left alone
    ImageMaxTries(u32),
    /// `install auto-abort-timer MINUTES`: from `install activate` to the return to the committed version; 0: never
    InstallAutoAbort(u32),
    /// `ap upgrade integrity-limit N`: flash and integrity failures after which a campaign pauses
    UpgradeIntegrityLimit(u32),
    /// `ap upgrade site-share PERCENT`: how much of one site may be down at once in a campaign (at least one WTP)
    UpgradeSiteShare(u8),
    /// `ap upgrade rejoin-percent PERCENT`: of an iteration's WTPs, before the next begins
    UpgradeRejoinPercent(u8),
    /// `ap upgrade iteration-expiry SECONDS`: how long an iteration's WTPs may take to rejoin
    UpgradeIterationExpiry(u32),
    /// `ap dtls-version dtls_1_0|dtls_1_2|all`
    DtlsVersions(DtlsVersions),
    /// `ap dtls-ciphersuite NAME`, and `no`: a suite that is off by default, by OpenSSL's name
    DtlsCiphersuite(String, bool),
    /// `ap dtls psk IDENTITY key 0|6 HEX`; none: `no`
    DtlsPsk(String, Option<SecretId>),
    /// `ap image map MODEL FAMILY`; none: `no`
    ImageMap(String, Option<ImageFamily>),
    /// `ap image alias NAME FAMILY`: a name that WTPs ask by; none: `no`
    ImageAlias(String, Option<ImageFamily>),
    /// `username NAME [privilege N] [secret 0|6|9 WORD]`
    User(String, UserChange),
    /// `no username NAME`
    NoUser(String),
    /// `key-string KEY` of a user in `ip ssh pubkey-chain`, and `no`: `ALGORITHM BASE64`
    UserKey(String, String, bool),
    /// `no username NAME` in `ip ssh pubkey-chain`: all keys of a user
    NoUserKeys(String),
    /// `enable secret 0|6|9 WORD`; none: `no`
    EnableSecret(Option<SecretId>),
    /// `ip ssh port N`
    SshPort(u16),
    /// `ip ssh listen ADDR`; none: every address
    SshListen(Option<IpAddr>),
    /// `exec-timeout MINUTES [SECONDS]` of `line vty`: seconds without input before a session ends; 0: never
    ExecTimeout(u32),
    /// `logging host A [transport udp port N] format rfc3164|rfc5424`
    LoggingHostForm(SocketAddr, LogForm),
    /// `service timestamps log ...`; none: `no service timestamps log`
    LogTimestamps(Option<LogStamp>),
    /// `service sequence-numbers`
    LogSequenceNumbers(bool),
    /// `clock timezone NAME HOURS [MINUTES]`; none: `no clock timezone`
    ClockTimezone(Option<Timezone>),
    /// `ip ssh time-out SECONDS`: how long a client may take to log in
    SshTimeOut(u8),
    /// `ip ssh authentication-retries N`: wrong passwords of one connection; 0 allows one, as 1 does
    SshRetries(u8),
    /// `logging host A transport tcp|tls [port N] ...`
    LoggingHostOver(LogHost, LogDelivery),
    /// `no logging host A transport tcp|tls [port N]`
    NoLoggingHostOver(LogHost),
    /// `logging tls ca FILE`: the authority for collectors over TLS instead of the system's, PEM
    LoggingTlsAuthority(Option<String>),
}

impl Setting {
    /// Whether it says where images come from, so that an earlier failure to fetch one tells nothing any more.
    pub fn changes_image_source(&self) -> bool {
        matches!(
            self,
            Setting::SoftwareVersion(_)
                | Setting::ImageLocal(..)
                | Setting::NoImageLocal(_)
                | Setting::ImageDownloadMode(_)
                | Setting::TftpImageServer(_)
                | Setting::TftpImagePath(_)
                | Setting::SftpImageServer(_)
                | Setting::SftpImagePath(_)
                | Setting::SftpUsername(_)
                | Setting::SftpPassword(_)
                | Setting::SftpKey(_)
                | Setting::HttpImageServer(_)
                | Setting::HttpImagePath(_)
                | Setting::HttpsTrust(_)
                | Setting::HttpsAuthority(_)
        )
    }
}

/// The timers of RFC 5415 4.7 that the controller keeps, and its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapwapTimer {
    /// WaitDTLS (4.7.15): a handshake.
    WaitDtls,
    /// WaitJoin (4.7.16): from the handshake to the Join Request.
    WaitJoin,
    /// ChangeStatePendingTimer (4.7.1).
    ChangeStatePending,
    /// DataCheckTimer (4.7.4).
    DataCheck,
    /// EchoInterval (4.7.7), told to the WTP.
    EchoInterval,
    /// RetransmitInterval (4.7.12).
    Retransmit,
    /// DataChannelDeadInterval (4.7.2).
    DataChannelDead,
    /// A session without an authenticated packet for so long is dead (ours; 96 s).
    Dead,
    /// How long the controller waits for the WTP's Image Data Request after a Join Response that named an image (ours).
    ImageDataStart,
}

/// Which WTPs may join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinPolicy {
    /// Any at first; later only with the certificate of the first join.
    #[default]
    Pin,
    /// Those whose certificate the configured authority signed.
    Ca,
    /// Any.
    Open,
}

/// What a WTP that joins with another version is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageJoin {
    /// To download before it serves.
    #[default]
    Immediate,
    /// To serve with what it has; it is given the image while it serves.
    Defer,
}

/// The scheme of the image-download profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImageDownloadMode {
    /// `image-download-mode tftp`
    Tftp,
    /// `image-download-mode sftp`
    Sftp,
    /// `image-download-mode http`
    Http,
    /// `image-download-mode https`
    Https,
}

/// A server and its port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageServer {
    /// An address or a name.
    pub host: String,
    /// None: the scheme's own.
    pub port: Option<u16>,
}

/// How the certificate of an HTTPS server is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HttpsTrust {
    /// An authority must have signed it, for the server's name.
    #[default]
    Check,
    /// Any at first use; later only the same.
    Pin,
}

/// What an embedded server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServeProtocol {
    /// RFC 1350 and its options.
    Tftp,
    /// SFTP version 3 over SSH.
    Sftp,
}

/// Who may read from the embedded SFTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServeLogin {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: SecretId,
}

/// Which versions of DTLS are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DtlsVersions {
    /// Only 1.2 (RFC 6347).
    #[default]
    V1_2,
    /// Only 1.0 (RFC 4347), for access points that know no other.
    V1_0,
    /// Both.
    All,
}

/// What is set of an operator's account; what is none stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UserChange {
    /// 0 to 15. An account that is new has 1.
    pub privilege: Option<u8>,
    /// The hash of the password.
    pub secret: Option<SecretId>,
}

/// In which form a collector has the lines of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogForm {
    /// IOS's own, the message count first.
    #[default]
    Ios,
    /// IOS's own behind the header of RFC 3164.
    Rfc3164,
    /// RFC 5424, with structured data.
    Rfc5424,
}

/// How lines get to a collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogTransport {
    /// One line per datagram (RFC 5426).
    #[default]
    Udp,
    /// A stream (RFC 6587).
    Tcp,
    /// A stream over TLS (RFC 5425).
    Tls,
}

/// A collector. One address may be several, by different transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct LogHost {
    /// Where it listens.
    pub address: SocketAddr,
    /// How lines get there.
    pub transport: LogTransport,
}

impl LogHost {
    /// A collector over UDP.
    pub fn udp(address: SocketAddr) -> LogHost {
        LogHost { address, transport: LogTransport::Udp }
    }
}

/// How a stream of lines is cut (RFC 6587 section 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFraming {
    /// Before each line stand its octets, in decimal, and a space.
    #[default]
    OctetCounting,
    /// After each line stands a line feed.
    Newline,
}

/// How a collector has the lines of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LogDelivery {
    /// In which form.
    pub form: LogForm,
    /// How they are cut; TCP alone has a choice.
    pub framing: LogFraming,
    /// The name that its certificate must show; none: its address. TLS alone looks at it.
    pub name: Option<String>,
}

impl From<LogForm> for LogDelivery {
    fn from(form: LogForm) -> LogDelivery {
        LogDelivery { form, ..LogDelivery::default() }
    }
}

/// What stands before a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogStamp {
    /// `uptime`: the time since the controller's start.
    Uptime,
    /// `datetime`: the moment.
    Datetime {
        /// `msec`: with milliseconds.
        msec: bool,
        /// `localtime`: in the zone of `clock timezone`.
        localtime: bool,
        /// `show-timezone`: with the zone's name.
        show_timezone: bool,
        /// `year`: with the year.
        year: bool,
    },
}

impl Default for LogStamp {
    fn default() -> Self {
        LogStamp::Datetime { msec: true, localtime: false, show_timezone: false, year: false }
    }
}

/// The zone of the controller's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timezone {
    /// As it is shown: `CET`.
    pub name: String,
    /// Minutes east of UTC, -1,439 to 1,439; west of it, at least an hour.
    pub minutes: i16,
}
