//! `show logging`: where lines go, and the last ones.

use std::fmt::Write as _;
use std::net::IpAddr;

use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::words;
use crate::ios::View;
use crate::ios::setting::form_word;
use crate::syslog::Entry;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Lines that there have been.
    pub lines_logged: u64,
    /// Lines that are kept at most.
    pub buffer_lines: usize,
    /// Where lines are sent.
    pub hosts: Vec<Host>,
    /// Those that are kept, or as many as were asked for; oldest first.
    pub lines: Vec<Line>,
}

/// A collector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Host {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// How lines get there.
    pub transport: &'static str,
    /// How they look there: `ios`, `rfc3164` or `rfc5424`.
    pub format: &'static str,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// 1 for the first line of the log; the message count that a collector sees.
    pub sequence: u64,
    /// The event that it tells.
    pub event: u64,
    /// When.
    pub time: Timestamp,
    /// The part of the system: `INSTALL`.
    pub facility: &'static str,
    /// 0 to 7, 0 being the gravest.
    pub severity: u8,
    /// What happened: `INSTALL_START_INFO`.
    pub mnemonic: &'static str,
    /// The rest.
    pub text: String,
}

impl Line {
    /// An entry of the log.
    pub fn of(entry: &Entry) -> Line {
        Line {
            sequence: entry.ordinal,
            event: entry.seq.0,
            time: entry.at,
            facility: entry.line.facility,
            severity: entry.line.severity.number(),
            mnemonic: entry.line.mnemonic,
            text: entry.line.text.clone(),
        }
    }
}

/// What the view tells; with `last`, of only so many lines.
pub fn facts(view: &View, last: Option<u32>) -> Facts {
    let hosts = view.state.config.logging.hosts.iter();
    Facts {
        lines_logged: view.log.lines(),
        buffer_lines: view.log.capacity(),
        hosts: hosts
            .map(|(h, form)| {
                let format = form_word(*form).unwrap_or("ios");
                Host { address: h.ip(), port: h.port(), transport: "udp", format }
            })
            .collect(),
        lines: entries(view, last).map(Line::of).collect(),
    }
}

/// The whole view; with `last`, only so many lines.
pub fn show(view: &View, last: Option<u32>) -> String {
    let log = view.log;
    let mut out = String::from("Syslog logging: enabled\n\n");
    let lines = words::plural(log.lines(), "message line");
    let _ = writeln!(out, "    Buffer logging:  level informational, {lines} logged");
    let _ = writeln!(out, "    Trap logging: level informational, {lines} logged");
    for (host, form) in &view.state.config.logging.hosts {
        let form = form_word(*form).map(|word| format!(", format {word}")).unwrap_or_default();
        let _ = writeln!(out, "        Logging to {} (udp port {}{form})", host.ip(), host.port());
    }
    let _ = writeln!(out, "\nLog Buffer ({} lines):\n", log.capacity());
    for entry in entries(view, last) {
        let _ = writeln!(out, "{}", entry.bare(view.time));
    }
    out
}

fn entries<'a>(view: &View<'a>, last: Option<u32>) -> impl Iterator<Item = &'a Entry> {
    let entries = view.log.entries();
    let skip = last.map_or(0, |n| entries.len().saturating_sub(n as usize));
    entries.skip(skip)
}
