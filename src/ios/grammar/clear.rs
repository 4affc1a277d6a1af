//! What is cleared by hand, in the table. No fact goes: each of these is one.

use super::exec::privileged;
use super::servers::CLEAR;
use super::{Arg, Entry, arg, kw};
use crate::command::Command;
use crate::ios::action::Action;

pub(super) static TABLE: &[Entry] = &[
    privileged(&[CLEAR, kw("logging", "The lines that `show logging` has; the ledger keeps them")], |_| {
        Action::Confirm("Clear logging buffer [confirm]", Command::ClearLog)
    }),
    privileged(
        &[
            CLEAR,
            kw("line", "End a session"),
            kw("vty", "Of a virtual terminal"),
            arg(Arg::Number(0, 15), "Line number, see `show users`"),
        ],
        |a| Action::Confirm("[confirm]", Command::ClearLine { vty: a.fit(0) }),
    ),
];
