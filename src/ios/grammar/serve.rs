//! The embedded image servers: `image-server ...` and `show image-server`.

use std::net::SocketAddr;

use capledger_schema::setting::{ServeProtocol, Setting};

use super::config::{config, set};
use super::exec;
use super::secret::{self, CLEAR, SEALED, SECRET};
use super::{Arg, Args, Entry, Token, arg, kw};
use crate::ios::action::{Action, SecretSetting, Show};

/// The port of TFTP, RFC 1350.
const TFTP_PORT: u16 = 69;
/// The port of SSH, RFC 4251.
const SSH_PORT: u16 = 22;

const IMAGE_SERVER: Token = kw("image-server", "Hand out images from this controller");
const PROTOCOL: Token =
    arg(Arg::Choice(&[("tftp", "Trivial File Transfer Protocol"), ("sftp", "SSH File Transfer Protocol")]), "Protocol");
const LISTEN: Token = kw("listen", "An address where clients are served");
const ADDRESS: Token = arg(Arg::Address, "Address of the controller");
const PORT: Token = kw("port", "UDP or TCP port (69 for TFTP, 22 for SFTP)");
const PORT_ARG: Token = arg(Arg::Number(1, 65_535), "Port number");
const ROOT: Token = kw("root", "The directory that is handed out, read-only");
const ROOT_ARG: Token = arg(Arg::Line, "Directory on the controller");
const LOGIN: Token = kw("login", "Who may read from the SFTP server");
const USER: Token = arg(Arg::Word, "User name");
const PASSWORD: Token = kw("password", "The user's password");

fn protocol(a: &Args) -> ServeProtocol {
    if a.choice(0) == "tftp" { ServeProtocol::Tftp } else { ServeProtocol::Sftp }
}

fn default_port(protocol: ServeProtocol) -> u16 {
    match protocol {
        ServeProtocol::Tftp => TFTP_PORT,
        ServeProtocol::Sftp => SSH_PORT,
    }
}

fn serve(a: &Args, port: u16, root: usize) -> Action {
    set(Setting::ImageServe(protocol(a), SocketAddr::new(a.address(1), port), a.text(root)))
}

fn no_serve(a: &Args, port: u16) -> Action {
    set(Setting::NoImageServe(protocol(a), SocketAddr::new(a.address(1), port)))
}

fn login(a: &Args) -> SecretSetting {
    SecretSetting::ImageServeLogin { user: a.text(0) }
}

fn no_login(_: &Args) -> Action {
    set(Setting::ImageServeLogin(None))
}

pub(super) static TABLE: &[Entry] = &[
    exec::user(&[exec::SHOW, kw("image-server", "The embedded image servers and their transfers")], |_| {
        Action::Show(Show::ImageServer)
    }),
    config(
        &[IMAGE_SERVER, PROTOCOL, LISTEN, ADDRESS, ROOT, ROOT_ARG],
        |a| serve(a, default_port(protocol(a)), 2),
        4,
        |a| no_serve(a, default_port(protocol(a))),
    ),
    config(
        &[IMAGE_SERVER, PROTOCOL, LISTEN, ADDRESS, PORT, PORT_ARG, ROOT, ROOT_ARG],
        |a| serve(a, a.fit(2), 3),
        6,
        |a| no_serve(a, a.fit(2)),
    ),
    config(&[IMAGE_SERVER, LOGIN, USER, PASSWORD, CLEAR, SECRET], |a| secret::clear(login(a), a, 1), 2, no_login),
    config(&[IMAGE_SERVER, LOGIN, USER, PASSWORD, SEALED, SECRET], |a| secret::sealed(login(a), a, 1), 2, no_login),
    config(&[IMAGE_SERVER, LOGIN, USER, PASSWORD, SECRET], |a| secret::untold(login(a), a, 1), 2, no_login),
];
