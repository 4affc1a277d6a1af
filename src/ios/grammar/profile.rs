//! The image-download profile's part of the table, and its sub-modes'.
//!
//! Each mode has a sub-mode with its own commands; they are known in the profile too, and naming a server leads into the
//! sub-mode of its mode.

use capledger_schema::project::Config;
use capledger_schema::setting::{HttpsTrust, ImageDownloadMode, ImageServer, Setting};

use super::config::{UDP_PORT, UDP_PORT_ARG, config, set, to_default};
use super::secret::{self, CLEAR, SEALED, SECRET};
use super::{Arg, Args, Entry, Mode, No, Token, arg, kw};
use crate::ios::action::{Action, SecretSetting};

const PROFILE: &[Mode] = &[Mode::ImageProfile];
const PROFILE_TFTP: &[Mode] = &[Mode::ImageProfile, Mode::ImageProfileTftp];
const PROFILE_SFTP: &[Mode] = &[Mode::ImageProfile, Mode::ImageProfileSftp];
const PROFILE_HTTP: &[Mode] = &[Mode::ImageProfile, Mode::ImageProfileHttp];

const TFTP_SERVER: Token = kw("tftp-image-server", "The TFTP server that holds the images");
const SFTP_SERVER: Token = kw("sftp-image-server", "The SFTP server that holds the images");
const HTTP_SERVER: Token = kw("http-image-server", "The HTTP or HTTPS server that holds the images");
const SERVER_ARG: Token = arg(Arg::Host, "Address or name of the server");
const TCP_PORT: Token = kw("port", "TCP port");
const SFTP_PASSWORD: Token = kw("sftp-password", "The user's password");
const FOLDER: Token = arg(Arg::Line, "Folder");

const MODES: &[(&str, &str)] = &[
    ("tftp", "From a TFTP server, RFC 1350"),
    ("sftp", "From an SFTP server, over SSH"),
    ("http", "From a web server"),
    ("https", "From a web server, over TLS"),
    ("cco", "From the vendor's site, which needs an account there"),
];
const NO_CCO: &str = "The mode cco needs an account at the vendor, which this controller does not use; put the unpacked \
                      bundle on a server of yours, and use the mode tftp, sftp, http or https";
const TRUST: &[(&str, &str)] = &[
    ("check", "An authority must have signed it, for the server's name (default)"),
    ("pin", "Any at first use, later only the same"),
];

const fn tftp(tokens: &'static [Token], action: fn(&Args) -> Action, keep: usize, no: fn(&Args) -> Action) -> Entry {
    Entry { modes: PROFILE_TFTP, tokens, action, no: Some(No { keep, action: no }) }
}

const fn sftp(tokens: &'static [Token], action: fn(&Args) -> Action, keep: usize, no: fn(&Args) -> Action) -> Entry {
    Entry { modes: PROFILE_SFTP, tokens, action, no: Some(No { keep, action: no }) }
}

const fn http(tokens: &'static [Token], action: fn(&Args) -> Action, keep: usize, no: fn(&Args) -> Action) -> Entry {
    Entry { modes: PROFILE_HTTP, tokens, action, no: Some(No { keep, action: no }) }
}

fn server(a: &Args, port: Option<u16>, setting: fn(Option<ImageServer>) -> Setting, enter: Mode) -> Action {
    let server = ImageServer { host: a.text(0), port };
    Action::Configure { settings: vec![setting(Some(server))], enter: Some(enter) }
}

fn download_mode(word: &str) -> Action {
    let (mode, enter) = match word {
        "sftp" => (ImageDownloadMode::Sftp, Mode::ImageProfileSftp),
        "http" => (ImageDownloadMode::Http, Mode::ImageProfileHttp),
        "https" => (ImageDownloadMode::Https, Mode::ImageProfileHttp),
        "cco" => return Action::Refuse(NO_CCO),
        _ => (ImageDownloadMode::Tftp, Mode::ImageProfileTftp),
    };
    Action::Configure { settings: vec![Setting::ImageDownloadMode(Some(mode))], enter: Some(enter) }
}

/// Everything that the profile says, unsaid.
fn nothing() -> Vec<Setting> {
    vec![
        Setting::ImageDownloadMode(None),
        Setting::TftpImageServer(None),
        Setting::TftpImagePath(None),
        Setting::TftpTimeout(Config::default().image.tftp_timeout),
        Setting::SftpImageServer(None),
        Setting::SftpImagePath(None),
        Setting::SftpUsername(None),
        Setting::SftpPassword(None),
        Setting::SftpKey(None),
        Setting::HttpImageServer(None),
        Setting::HttpImagePath(None),
        Setting::HttpsTrust(HttpsTrust::default()),
        Setting::HttpsAuthority(None),
    ]
}

pub(super) static TABLE: &[Entry] = &[
    config(
        &[
            kw("wireless", "Wireless configuration"),
            kw("profile", "Profiles"),
            kw("image-download", "Where the images of access points come from"),
            kw("default", "The profile that there is"),
        ],
        |_| Action::Configure { settings: Vec::new(), enter: Some(Mode::ImageProfile) },
        4,
        |_| Action::Configure { settings: nothing(), enter: None },
    ),
    Entry {
        modes: PROFILE,
        tokens: &[kw("image-download-mode", "How images are fetched"), arg(Arg::Choice(MODES), "Mode")],
        action: |a| download_mode(a.choice(0)),
        no: Some(No { keep: 1, action: |_| set(Setting::ImageDownloadMode(None)) }),
    },
    tftp(
        &[TFTP_SERVER, SERVER_ARG],
        |a| server(a, None, Setting::TftpImageServer, Mode::ImageProfileTftp),
        1,
        |_| set(Setting::TftpImageServer(None)),
    ),
    tftp(
        &[TFTP_SERVER, SERVER_ARG, UDP_PORT, UDP_PORT_ARG],
        |a| server(a, Some(a.fit(1)), Setting::TftpImageServer, Mode::ImageProfileTftp),
        4,
        |_| set(Setting::TftpImageServer(None)),
    ),
    tftp(
        &[kw("tftp-image-path", "The folder on the server that holds the images"), FOLDER],
        |a| set(Setting::TftpImagePath(Some(a.text(0)))),
        1,
        |_| set(Setting::TftpImagePath(None)),
    ),
    tftp(
        &[
            kw("tftp-image-timeout", "How long a silent server, of any mode, is waited for"),
            arg(Arg::Number(1, 3_600), "Seconds (40)"),
        ],
        |a| set(Setting::TftpTimeout(a.fit(0))),
        1,
        |_| to_default(|c| Setting::TftpTimeout(c.image.tftp_timeout)),
    ),
    sftp(
        &[SFTP_SERVER, SERVER_ARG],
        |a| server(a, None, Setting::SftpImageServer, Mode::ImageProfileSftp),
        1,
        |_| set(Setting::SftpImageServer(None)),
    ),
    sftp(
        &[SFTP_SERVER, SERVER_ARG, TCP_PORT, UDP_PORT_ARG],
        |a| server(a, Some(a.fit(1)), Setting::SftpImageServer, Mode::ImageProfileSftp),
        4,
        |_| set(Setting::SftpImageServer(None)),
    ),
    sftp(
        &[kw("sftp-image-path", "The folder on the server that holds the images"), FOLDER],
        |a| set(Setting::SftpImagePath(Some(a.text(0)))),
        1,
        |_| set(Setting::SftpImagePath(None)),
    ),
    sftp(
        &[kw("sftp-username", "The user at the server"), arg(Arg::Line, "Name")],
        |a| set(Setting::SftpUsername(Some(a.text(0)))),
        1,
        |_| set(Setting::SftpUsername(None)),
    ),
    sftp(
        &[SFTP_PASSWORD, CLEAR, SECRET],
        |a| secret::clear(SecretSetting::SftpPassword, a, 0),
        1,
        |_| set(Setting::SftpPassword(None)),
    ),
    sftp(
        &[SFTP_PASSWORD, SEALED, SECRET],
        |a| secret::sealed(SecretSetting::SftpPassword, a, 0),
        1,
        |_| set(Setting::SftpPassword(None)),
    ),
    sftp(
        &[SFTP_PASSWORD, SECRET],
        |a| secret::untold(SecretSetting::SftpPassword, a, 0),
        1,
        |_| set(Setting::SftpPassword(None)),
    ),
    sftp(
        &[kw("sftp-key", "The user's private key: a file on the controller"), arg(Arg::Line, "File, OpenSSH or PEM")],
        |a| set(Setting::SftpKey(Some(a.text(0)))),
        1,
        |_| set(Setting::SftpKey(None)),
    ),
    http(
        &[HTTP_SERVER, SERVER_ARG],
        |a| server(a, None, Setting::HttpImageServer, Mode::ImageProfileHttp),
        1,
        |_| set(Setting::HttpImageServer(None)),
    ),
    http(
        &[HTTP_SERVER, SERVER_ARG, TCP_PORT, UDP_PORT_ARG],
        |a| server(a, Some(a.fit(1)), Setting::HttpImageServer, Mode::ImageProfileHttp),
        4,
        |_| set(Setting::HttpImageServer(None)),
    ),
    http(
        &[kw("http-image-path", "The folder on the server that holds the images"), FOLDER],
        |a| set(Setting::HttpImagePath(Some(a.text(0)))),
        1,
        |_| set(Setting::HttpImagePath(None)),
    ),
    http(
        &[kw("https-certificate", "How the certificate of an HTTPS server is judged"), arg(Arg::Choice(TRUST), "")],
        |a| set(Setting::HttpsTrust(if a.choice(0) == "pin" { HttpsTrust::Pin } else { HttpsTrust::Check })),
        1,
        |_| set(Setting::HttpsTrust(HttpsTrust::default())),
    ),
    http(
        &[kw("https-ca", "The authority to check it by, instead of the system's"), arg(Arg::Line, "File, PEM")],
        |a| set(Setting::HttpsAuthority(Some(a.text(0)))),
        1,
        |_| set(Setting::HttpsAuthority(None)),
    ),
];
