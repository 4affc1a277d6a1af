//! The configuration modes' part of the table: one entry per form of every `Setting`.

use std::net::{IpAddr, SocketAddr};

use capledger_schema::project::Config;
use capledger_schema::project::config::CapwapConfig;
use capledger_schema::setting::{CapwapTimer, ImageJoin, JoinPolicy, Setting};

use super::{Arg, Args, Entry, Mode, No, Token, arg, kw};
use crate::fetch::url::mask_credentials;
use crate::ios::action::Action;

const NO_LOGIN_HERE: &str = "The place of a local image is kept in clear: it takes no user and no password; set them in the \
                             image-download profile";

const CONFIG: &[Mode] = &[Mode::Config];
const ANY: &[Mode] = &[
    Mode::Config,
    Mode::ImageProfile,
    Mode::ImageProfileTftp,
    Mode::ImageProfileSftp,
    Mode::ImageProfileHttp,
    Mode::Line,
    Mode::Console,
    Mode::SshPubkey,
    Mode::SshPubkeyUser,
];

pub(super) const UDP_PORT: Token = kw("port", "UDP port");
pub(super) const UDP_PORT_ARG: Token = arg(Arg::Number(1, 65_535), "Port number");

const CAPWAP: Token = kw("capwap", "CAPWAP, RFC 5415");
const LISTEN: Token = kw("listen", "An address where access points are served");
const LISTEN_ADDRESS: Token = arg(Arg::Address, "Address of the controller");

pub(super) const AP: Token = kw("ap", "Access points");
pub(super) const DTLS: Token = kw("dtls", "DTLS with access points");
const JOIN: Token = kw("join", "Which access points may join");
pub(super) const IMAGE: Token = kw("image", "Images of the access points");

const TIMERS: &[(&str, &str)] = &[
    ("wait-dtls", "A DTLS handshake (60000)"),
    ("wait-join", "From the handshake to the Join Request (60000)"),
    ("change-state-pending", "Until the Change State Event Request (25000)"),
    ("data-check", "Until the data channel is up (30000)"),
    ("echo-interval", "Between an access point's Echo Requests (30000)"),
    ("retransmit-interval", "Before a request is sent again (3000)"),
    ("data-channel-dead", "A data channel without keep-alive is dead (60000)"),
    ("dead-interval", "A session without an authenticated packet is dead (96000)"),
    ("image-data-start", "Until an access point asks for the image that it was told of (60000)"),
];

pub(super) const fn config(
    tokens: &'static [Token],
    action: fn(&Args) -> Action,
    keep: usize,
    no: fn(&Args) -> Action,
) -> Entry {
    Entry { modes: CONFIG, tokens, action, no: Some(No { keep, action: no }) }
}

pub(super) fn set(setting: Setting) -> Action {
    Action::Configure { settings: vec![setting], enter: None }
}

pub(super) fn to_default(setting: impl Fn(&Config) -> Setting) -> Action {
    set(setting(&Config::default()))
}

fn socket(a: &Args, port: u16) -> SocketAddr {
    SocketAddr::new(a.address(0), port)
}

fn timer(a: &Args) -> CapwapTimer {
    let word = a.choice(0);
    CapwapTimer::ALL.into_iter().find(|t| t.word() == word).expect("the table's words are the timers'")
}

fn policy(word: &str) -> JoinPolicy {
    match word {
        "ca" => JoinPolicy::Ca,
        "open" => JoinPolicy::Open,
        _ => JoinPolicy::Pin,
    }
}

fn image_join(word: &str) -> ImageJoin {
    if word == "defer" { ImageJoin::Defer } else { ImageJoin::Immediate }
}

pub(super) static TABLE: &[Entry] = &[
    config(
        &[kw("hostname", "Set the system's name"), arg(Arg::Hostname, "This system's name")],
        |a| set(Setting::Hostname(a.text(0))),
        1,
        |_| to_default(|c| Setting::Hostname(c.hostname.clone())),
    ),
    config(
        &[
            kw("software", "Software of the access points"),
            kw("version", "The version that they are to run"),
            arg(Arg::Version, "Version, as 17.9.4.27"),
        ],
        |a| set(Setting::SoftwareVersion(Some(a.version(0)))),
        2,
        |_| set(Setting::SoftwareVersion(None)),
    ),
    config(
        &[CAPWAP, LISTEN, LISTEN_ADDRESS],
        |a| set(Setting::CapwapListen(socket(a, CapwapConfig::CONTROL_PORT))),
        3,
        |a| set(Setting::NoCapwapListen(socket(a, CapwapConfig::CONTROL_PORT))),
    ),
    config(
        &[
            CAPWAP,
            LISTEN,
            LISTEN_ADDRESS,
            kw("port", "UDP port of the control channel"),
            arg(Arg::Number(1, 65_534), "Port number; the data channel has the next one"),
        ],
        |a| set(Setting::CapwapListen(socket(a, a.fit(1)))),
        5,
        |a| set(Setting::NoCapwapListen(socket(a, a.fit(1)))),
    ),
    config(
        &[CAPWAP, kw("max-sessions", "Sessions at most"), arg(Arg::Number(1, 65_535), "Number of sessions (6000)")],
        |a| set(Setting::CapwapMaxSessions(a.fit(0))),
        2,
        |_| to_default(|c| Setting::CapwapMaxSessions(c.capwap.max_sessions)),
    ),
    config(
        &[CAPWAP, kw("strict", "Refuse a Join Request that lacks a mandatory element")],
        |_| set(Setting::CapwapStrict(true)),
        2,
        |_| set(Setting::CapwapStrict(false)),
    ),
    config(
        &[
            CAPWAP,
            kw("block-size", "Octets of an image in one Image Data Request"),
            arg(Arg::Number(64, 1_377), "Octets (1024)"),
        ],
        |a| set(Setting::CapwapBlockSize(a.fit(0))),
        2,
        |_| to_default(|c| Setting::CapwapBlockSize(c.capwap.block_size)),
    ),
    config(
        &[
            CAPWAP,
            kw("timer", "Timers, RFC 5415 4.7"),
            arg(Arg::Choice(TIMERS), "Timer"),
            arg(Arg::Number(10, 86_400_000), "Milliseconds"),
        ],
        |a| set(Setting::CapwapTimer(timer(a), a.fit(1))),
        3,
        |a| set(Setting::CapwapTimer(timer(a), timer(a).default_ms())),
    ),
    config(
        &[
            CAPWAP,
            kw("max-retransmit", "How often a request is sent again, RFC 5415 4.8.7"),
            arg(Arg::Number(1, 20), "Times (5)"),
        ],
        |a| set(Setting::CapwapMaxRetransmit(a.fit(0))),
        2,
        |_| to_default(|c| Setting::CapwapMaxRetransmit(c.capwap.max_retransmit)),
    ),
    config(
        &[
            CAPWAP,
            kw("address", "An address to name to access points beside the listening one"),
            arg(Arg::Address, "Address"),
        ],
        |a| set(Setting::CapwapAddress(Some::<IpAddr>(a.address(0)))),
        2,
        |_| set(Setting::CapwapAddress(None)),
    ),
    config(
        &[
            AP,
            DTLS,
            kw("handshake-mtu", "Octets of a handshake datagram at most"),
            arg(Arg::Number(256, 1_400), "Octets (1300)"),
        ],
        |a| set(Setting::DtlsHandshakeMtu(a.fit(0))),
        3,
        |_| to_default(|c| Setting::DtlsHandshakeMtu(c.dtls.handshake_mtu)),
    ),
    config(
        &[
            AP,
            DTLS,
            kw("max-half-open", "Handshakes under way at most"),
            arg(Arg::Number(1, 65_535), "Number of handshakes (256)"),
        ],
        |a| set(Setting::DtlsMaxHalfOpen(a.fit(0))),
        3,
        |_| to_default(|c| Setting::DtlsMaxHalfOpen(c.dtls.max_half_open)),
    ),
    config(
        &[
            AP,
            JOIN,
            kw("policy", "By which certificate"),
            arg(
                Arg::Choice(&[
                    ("pin", "By that of its first join (default)"),
                    ("ca", "By one that the authority of `ap join ca` signed"),
                    ("open", "By any"),
                ]),
                "Policy",
            ),
        ],
        |a| set(Setting::JoinPolicy(policy(a.choice(0)))),
        3,
        |_| to_default(|c| Setting::JoinPolicy(c.dtls.policy)),
    ),
    config(
        &[AP, JOIN, kw("ca", "The authority for the policy `ca`"), arg(Arg::Line, "PEM file on the controller")],
        |a| set(Setting::JoinAuthority(Some(a.text(0)))),
        3,
        |_| set(Setting::JoinAuthority(None)),
    ),
    config(
        &[
            AP,
            IMAGE,
            kw("join", "What an access point that joins with another version is told"),
            arg(
                Arg::Choice(&[
                    ("immediate", "To download before it serves (default)"),
                    ("defer", "To serve as it is, and be given the image meanwhile"),
                ]),
                "What",
            ),
        ],
        |a| set(Setting::ImageJoin(image_join(a.choice(0)))),
        3,
        |_| to_default(|c| Setting::ImageJoin(c.image.join)),
    ),
    config(
        &[
            AP,
            IMAGE,
            kw("local", "A file to take instead of fetching"),
            arg(Arg::Family, "Image family, as ap1g8"),
            arg(Arg::Line, "File on the controller"),
        ],
        |a| match a.text(1) {
            file if mask_credentials(&file) == file => set(Setting::ImageLocal(a.family(0), file)),
            _ => Action::Refuse(NO_LOGIN_HERE),
        },
        4,
        |a| set(Setting::NoImageLocal(a.family(0))),
    ),
    config(
        &[
            AP,
            IMAGE,
            kw("max-size", "The largest file that is fetched"),
            arg(Arg::Number(1, 1 << 40), "Octets (1073741824)"),
        ],
        |a| set(Setting::ImageMaxSize(a.number(0))),
        3,
        |_| to_default(|c| Setting::ImageMaxSize(c.image.max_size)),
    ),
    config(
        &[
            AP,
            IMAGE,
            kw("retry-delay", "Before a failed fetch or download is tried again; it doubles"),
            arg(Arg::Number(1, 900), "Seconds (30)"),
        ],
        |a| set(Setting::ImageRetryDelay(a.fit(0))),
        3,
        |_| to_default(|c| Setting::ImageRetryDelay(c.image.retry_delay)),
    ),
    Entry {
        modes: ANY,
        tokens: &[kw("do", "Run an exec command"), arg(Arg::Line, "Exec command")],
        action: |a| Action::Do(a.text(0)),
        no: None,
    },
    Entry { modes: ANY, tokens: &[kw("end", "Leave configuration mode")], action: |_| Action::End, no: None },
    Entry { modes: ANY, tokens: &[kw("exit", "Leave this mode")], action: |_| Action::Exit, no: None },
];
