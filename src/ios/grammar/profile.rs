//! The image-download profile's part of the table, and its sub-modes'.

use capledger_schema::project::Config;
use capledger_schema::setting::{ImageDownloadMode, ImageServer, Setting};

use super::config::{UDP_PORT, UDP_PORT_ARG, config, set, to_default};
use super::secret::{self, CLEAR, SEALED, SECRET};
use super::{Arg, Args, Entry, Mode, No, Token, arg, kw};
use crate::ios::action::{Action, SecretSetting};

const PROFILE: &[Mode] = &[Mode::ImageProfile];
const PROFILE_SFTP: &[Mode] = &[Mode::ImageProfile, Mode::ImageProfileSftp];
const PROFILE_TFTP: &[Mode] = &[Mode::ImageProfile, Mode::ImageProfileTftp];

const TFTP_SERVER: Token = kw("tftp-image-server", "The TFTP server that holds the images");
const TFTP_SERVER_ARG: Token = arg(Arg::Host, "Address or name of the server");

const fn tftp(tokens: &'static [Token], action: fn(&Args) -> Action, keep: usize, no: fn(&Args) -> Action) -> Entry {
    Entry { modes: PROFILE_TFTP, tokens, action, no: Some(No { keep, action: no }) }
}

const SFTP_PASSWORD: Token = kw("sftp-password", "The user's password");

const fn sftp(tokens: &'static [Token], action: fn(&Args) -> Action, keep: usize, no: fn(&Args) -> Action) -> Entry {
    Entry { modes: PROFILE_SFTP, tokens, action, no: Some(No { keep, action: no }) }
}

/// The server's commands are known in the profile too, and lead into the mode's own sub-mode.
fn server(host: String, port: Option<u16>) -> Action {
    let server = Some(ImageServer { host, port });
    Action::Configure { settings: vec![Setting::TftpImageServer(server)], enter: Some(Mode::ImageProfileTftp) }
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
        |_| Action::Configure {
            settings: vec![
                Setting::ImageDownloadMode(None),
                Setting::TftpImageServer(None),
                Setting::TftpImagePath(None),
                Setting::TftpTimeout(Config::default().image.tftp_timeout),
            ],
            enter: None,
        },
    ),
    Entry {
        modes: PROFILE,
        tokens: &[
            kw("image-download-mode", "How images are fetched"),
            arg(Arg::Choice(&[("tftp", "From a TFTP server, RFC 1350")]), "Mode"),
        ],
        action: |_| Action::Configure {
            settings: vec![Setting::ImageDownloadMode(Some(ImageDownloadMode::Tftp))],
            enter: Some(Mode::ImageProfileTftp),
        },
        no: Some(No { keep: 1, action: |_| set(Setting::ImageDownloadMode(None)) }),
    },
    tftp(&[TFTP_SERVER, TFTP_SERVER_ARG], |a| server(a.text(0), None), 1, |_| set(Setting::TftpImageServer(None))),
    tftp(
        &[TFTP_SERVER, TFTP_SERVER_ARG, UDP_PORT, UDP_PORT_ARG],
        |a| server(a.text(0), Some(a.fit(1))),
        4,
        |_| set(Setting::TftpImageServer(None)),
    ),
    tftp(
        &[kw("tftp-image-path", "The folder on the server that holds the images"), arg(Arg::Line, "Folder")],
        |a| set(Setting::TftpImagePath(Some(a.text(0)))),
        1,
        |_| set(Setting::TftpImagePath(None)),
    ),
    tftp(
        &[
            kw("tftp-image-timeout", "How long a silent server is asked again"),
            arg(Arg::Number(1, 3_600), "Seconds (40)"),
        ],
        |a| set(Setting::TftpTimeout(a.fit(0))),
        1,
        |_| to_default(|c| Setting::TftpTimeout(c.image.tftp_timeout)),
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
];
