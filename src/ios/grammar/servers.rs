//! The exec commands about image servers' keys.

use super::exec::privileged;
use super::{Arg, Entry, Token, arg, kw};
use crate::command::Command;
use crate::ios::action::Action;

pub(super) const CLEAR: Token = kw("clear", "Forget something");
const IMAGE_SERVER: Token = kw("image-server", "Servers that hold images");
const KEY: Token = kw("key", "The key that one showed at its first use: the next one that it shows is pinned");
const HOST: Token = arg(Arg::Host, "Address or name of the server, as configured");

pub(super) static TABLE: &[Entry] = &[
    privileged(&[CLEAR, IMAGE_SERVER, KEY, HOST], |a| {
        Action::Run(Command::ForgetServerKey { host: a.text(0), port: None })
    }),
    privileged(
        &[CLEAR, IMAGE_SERVER, KEY, HOST, kw("port", "At one port alone"), arg(Arg::Number(1, 65_535), "Port")],
        |a| Action::Run(Command::ForgetServerKey { host: a.text(0), port: Some(a.fit(1)) }),
    ),
];
