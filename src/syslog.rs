//! Syslog in the form of IOS XE: events become lines, lines become datagrams. Pure text, no socket and no clock.
//!
//! [`format`] is the one place that says which event is a line and how it reads; [`Log`] counts the lines and keeps
//! the last ones for `show logging`; [`wire`] dresses one for a collector (bare with its count, RFC 5424, RFC 3164).
//! A line never carries a fact that the ledger lacks.

pub mod collector;
mod format;
mod log;
mod operations;
mod time;
mod upgrade;
pub mod wire;

pub use format::{action_word, disjoin_words, fetch_words, format, refusal_words};
pub use log::{DEFAULT_LINES, Log};
pub use operations::{Operations, Told, told_by};
pub use time::{ClockMark, Stamp, TimeFormat};

use capledger_schema::id::Seq;
use capledger_schema::time::Timestamp;

/// How grave a line is: RFC 5424 6.2.1, and the digit in an IOS mnemonic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Severity {
    /// 0
    Emergency,
    /// 1
    Alert,
    /// 2
    Critical,
    /// 3
    Error,
    /// 4
    Warning,
    /// 5
    Notice,
    /// 6
    Informational,
    /// 7
    Debug,
}

impl Severity {
    /// The digit.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// What one event says: `%FACILITY-SEVERITY-MNEMONIC: text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IosLine {
    /// How grave.
    pub severity: Severity,
    /// The part of the system: `INSTALL`.
    pub facility: &'static str,
    /// What happened: `INSTALL_START_INFO`.
    pub mnemonic: &'static str,
    /// The rest; no control characters, at most [`TEXT_LIMIT`] octets.
    pub text: String,
}

/// Octets of a line's text at most: with every header it fits the 2,048 that RFC 5426 3.2 asks of receivers.
pub const TEXT_LIMIT: usize = 1_700;

impl IosLine {
    /// A line. Foreign words may hold anything: control characters become `?`, so that one event stays one line.
    pub fn new(severity: Severity, facility: &'static str, mnemonic: &'static str, text: &str) -> IosLine {
        let mut clean = String::with_capacity(text.len().min(TEXT_LIMIT));
        for c in text.chars().map(|c| if c.is_control() { '?' } else { c }) {
            if clean.len() + c.len_utf8() > TEXT_LIMIT {
                break;
            }
            clean.push(c);
        }
        IosLine { severity, facility, mnemonic, text: clean }
    }
}

impl std::fmt::Display for IosLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{}-{}-{}: {}", self.facility, self.severity.number(), self.mnemonic, self.text)
    }
}

/// A line in its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// 1 for the first line of the log, before any filter. A collector sees it as the message count.
    pub ordinal: u64,
    /// The event that it tells.
    pub seq: Seq,
    /// The event's moment.
    pub at: Timestamp,
    /// When the controller that wrote it had started, if that is known.
    pub started: Option<Timestamp>,
    /// What it says.
    pub line: IosLine,
}

impl Entry {
    /// As the console and `show logging` print it: `*Feb  1 17:05:37.108: %INSTALL-5-...`.
    pub fn bare(&self, time: &TimeFormat) -> String {
        format!("{}{}", time.before(self), self.line)
    }
}

#[cfg(test)]
mod tests;
