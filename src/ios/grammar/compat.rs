//! Lines that automation sends to every device and that mean nothing here: they are accepted, change nothing and say
//! nothing, and their help says so. What would promise something that is not done is not among them.

use super::config::config;
use super::logging::{LOGGING, SERVICE, TIMESTAMPS};
use super::{Arg, Args, Entry, Mode, No, Token, arg, kw};
use crate::ios::action::Action;

const LINE: Token = kw("line", "Configure a terminal line");
const EXEC_TIMEOUT: Token = kw("exec-timeout", "Accepted for compatibility: the local socket knows no timeout");
const MINUTES: Token = arg(Arg::Number(0, 35_791), "Minutes");
const IP: Token = kw("ip", "Global IP configuration subcommands");
const LEVEL: Token = arg(Arg::Word, "Severity, by its name or number");
const CONSOLE: Token = kw("console", "Accepted for compatibility: no line of the log is printed on a console");
const BUFFERED: Token = kw("buffered", "Accepted for compatibility: the ledger keeps every line");
const LOGGING_MONITOR: Token =
    kw("monitor", "Accepted for compatibility: every line is printed after `terminal monitor`");
const DEBUG: Token = kw("debug", "Accepted for compatibility: no setting says what stands before debug messages");

fn nothing(_: &Args) -> Action {
    Action::Nothing
}

/// A line of configuration mode, of whose words so many are needed behind `no`.
const fn no_op(tokens: &'static [Token], keep: usize) -> Entry {
    config(tokens, nothing, keep, nothing)
}

const fn of_line(modes: &'static [Mode], tokens: &'static [Token], keep: usize) -> Entry {
    Entry { modes, tokens, action: nothing, no: Some(No { keep, action: nothing }) }
}

const CON: &[Mode] = &[Mode::Console];
const LINES: &[Mode] = &[Mode::Line, Mode::Console];

pub(super) static TABLE: &[Entry] = &[
    Entry {
        modes: &[Mode::Config],
        tokens: &[LINE, kw("console", "The local socket"), arg(Arg::Number(0, 0), "Line number")],
        action: |_| Action::Configure { settings: Vec::new(), enter: Some(Mode::Console) },
        no: None,
    },
    of_line(CON, &[EXEC_TIMEOUT, MINUTES], 1),
    of_line(CON, &[EXEC_TIMEOUT, MINUTES, arg(Arg::Number(0, 59), "Seconds beside the minutes")], 1),
    of_line(
        LINES,
        &[LOGGING, kw("synchronous", "Accepted for compatibility: lines of the log never break what is typed")],
        2,
    ),
    of_line(
        &[Mode::Line],
        &[kw("login", "Check passwords"), kw("local", "Accepted for compatibility: `username` says who may log in")],
        2,
    ),
    of_line(
        &[Mode::Line],
        &[
            kw("transport", "Protocols of the line"),
            kw("input", "Those that come in"),
            kw("ssh", "Accepted for compatibility: there is no other"),
        ],
        2,
    ),
    no_op(&[LOGGING, CONSOLE], 2),
    no_op(&[LOGGING, CONSOLE, LEVEL], 2),
    no_op(&[LOGGING, BUFFERED], 2),
    no_op(&[LOGGING, BUFFERED, arg(Arg::Number(4_096, 2_147_483_647), "Octets")], 2),
    no_op(&[LOGGING, LOGGING_MONITOR], 2),
    no_op(&[LOGGING, LOGGING_MONITOR, LEVEL], 2),
    no_op(
        &[
            IP,
            kw("domain", "The domain name system"),
            kw("lookup", "Accepted for compatibility: a word that is no command is never looked up"),
        ],
        3,
    ),
    no_op(&[IP, kw("domain-lookup", "Accepted for compatibility: a word that is no command is never looked up")], 2),
    no_op(
        &[
            IP,
            kw("ssh", "Configure SSH options"),
            kw("version", "Version of the protocol"),
            arg(Arg::Number(2, 2), "Accepted for compatibility: there is no other"),
        ],
        3,
    ),
    no_op(
        &[SERVICE, kw("password-encryption", "Accepted for compatibility: passwords are always encrypted or hashed")],
        2,
    ),
    no_op(&[SERVICE, TIMESTAMPS, DEBUG], 3),
    no_op(&[SERVICE, TIMESTAMPS, DEBUG, kw("uptime", "The time since the controller's start")], 3),
    no_op(&[SERVICE, TIMESTAMPS, DEBUG, kw("datetime", "Their moment")], 3),
    no_op(&[SERVICE, TIMESTAMPS, DEBUG, kw("datetime", "Their moment"), arg(Arg::Line, "Its options")], 3),
];
