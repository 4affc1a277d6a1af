//! `debug`, `undebug` and what a session debugs, in the table.

use super::exec::{SHOW, privileged, user};
use super::{Entry, Token, kw};
use crate::ios::action::{Action, Show};
use crate::ios::debug::Debugs;

const DEBUG: Token = kw("debug", "Debugging functions, printed on this terminal (see also `undebug`)");
const UNDEBUG: Token = kw("undebug", "Disable debugging functions (see also `debug`)");
const NO: Token = kw("no", "Disable debugging functions");
const CAPWAP: Token = kw("capwap", "CAPWAP: access points' events and control messages");
const EVENTS: Token = kw("events", "What the ledger says of access points, progress included");
const MESSAGES: Token = kw("messages", "Control messages, decrypted: type, peer, sequence number, result, octets");
const ALL: Token = kw("all", "All debugging");

fn off(these: Debugs) -> Action {
    Action::Debug { these, on: false }
}

pub(super) static TABLE: &[Entry] = &[
    privileged(&[DEBUG, CAPWAP], |_| Action::Debug { these: Debugs::CAPWAP, on: true }),
    privileged(&[DEBUG, CAPWAP, EVENTS], |_| Action::Debug { these: Debugs::EVENTS, on: true }),
    privileged(&[DEBUG, CAPWAP, MESSAGES], |_| Action::Debug { these: Debugs::MESSAGES, on: true }),
    privileged(&[UNDEBUG, CAPWAP], |_| off(Debugs::CAPWAP)),
    privileged(&[UNDEBUG, CAPWAP, EVENTS], |_| off(Debugs::EVENTS)),
    privileged(&[UNDEBUG, CAPWAP, MESSAGES], |_| off(Debugs::MESSAGES)),
    privileged(&[UNDEBUG, ALL], |_| Action::UndebugAll),
    privileged(&[NO, DEBUG, CAPWAP], |_| off(Debugs::CAPWAP)),
    privileged(&[NO, DEBUG, CAPWAP, EVENTS], |_| off(Debugs::EVENTS)),
    privileged(&[NO, DEBUG, CAPWAP, MESSAGES], |_| off(Debugs::MESSAGES)),
    privileged(&[NO, DEBUG, ALL], |_| Action::UndebugAll),
    user(&[SHOW, kw("debugging", "What is debugged on this terminal")], |_| {
        Action::Show(Show::Debugging { on: Debugs::NONE })
    }),
];
