//! The exec commands about image servers' keys.

use super::{Arg, Entry, Mode, Token, arg, kw};
use crate::command::Command;
use crate::ios::action::Action;

const PRIVILEGED: &[Mode] = &[Mode::Privileged];

pub(super) const CLEAR: Token = kw("clear", "Forget something");
const IMAGE_SERVER: Token = kw("image-server", "Servers that hold images");
const KEY: Token = kw("key", "The key that one showed at its first use: the next one that it shows is pinned");
const HOST: Token = arg(Arg::Host, "Address or name of the server, as configured");

pub(super) static TABLE: &[Entry] = &[
    Entry {
        modes: PRIVILEGED,
        tokens: &[CLEAR, IMAGE_SERVER, KEY, HOST],
        action: |a| Action::Run(Command::ForgetServerKey { host: a.text(0), port: None }),
        no: None,
    },
    Entry {
        modes: PRIVILEGED,
        tokens: &[CLEAR, IMAGE_SERVER, KEY, HOST, kw("port", "At one port alone"), arg(Arg::Number(1, 65_535), "Port")],
        action: |a| Action::Run(Command::ForgetServerKey { host: a.text(0), port: Some(a.fit(1)) }),
        no: None,
    },
];
