//! `show history` and `show terminal`: what a session knows of itself.

use std::fmt::Write as _;

use serde::Serialize;

use crate::ios::shell::Terminal;

/// What `show history` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct History<'a> {
    /// What was typed last, oldest first, as it is recorded: without passwords.
    pub lines: &'a [String],
}

/// The text of `show history`.
pub fn history(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "  {line}");
        out
    })
}

/// The text of `show terminal`.
pub fn terminal(now: Terminal) -> String {
    format!("Length: {} lines, Width: {} columns\n", now.length, now.width)
}
