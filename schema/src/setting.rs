//! One change of the configuration, typed. The configuration is the fold of these.

use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

/// A server and its port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageServer {
    /// An address or a name.
    pub host: String,
    /// None: the scheme's own.
    pub port: Option<u16>,
}
