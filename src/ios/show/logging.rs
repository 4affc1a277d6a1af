//! `show logging`: where lines go, and the last ones.

use std::fmt::Write as _;
use std::net::IpAddr;

use capledger_schema::setting::{LogDelivery, LogHost};
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::words;
use crate::ios::View;
use crate::ios::setting::{form_word, transport_word};
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
    /// How lines get there: `udp`, `tcp` or `tls`.
    pub transport: &'static str,
    /// Whether they do: `up` or `down`; none: it is not known, as over UDP, or was not tried yet.
    pub link: Option<&'static str>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What keeps them from it.
    pub failure: Option<String>,
    /// Lines that wait for it while the link is down.
    pub waiting: Option<u64>,
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
        hosts: hosts.map(|(host, delivery)| host_facts(view, host, delivery)).collect(),
        lines: entries(view, last).map(Line::of).collect(),
    }
}

fn host_facts(view: &View, host: &LogHost, delivery: &LogDelivery) -> Host {
    let link = view.state.collectors.links.get(host);
    let failure = link.and_then(|link| link.failure.as_ref());
    Host {
        address: host.address.ip(),
        port: host.address.port(),
        transport: transport_word(host.transport),
        link: link.map(|link| if link.failure.is_none() { "up" } else { "down" }),
        since: link.map(|link| link.since),
        failure: failure.map(|failure| failure.words.clone()),
        waiting: failure.map(|failure| view.log.lines().saturating_sub(failure.lines)),
        format: form_word(delivery.form).unwrap_or("ios"),
    }
}

/// The whole view; with `last`, only so many lines.
pub fn show(view: &View, last: Option<u32>) -> String {
    let log = view.log;
    let mut out = String::from("Syslog logging: enabled\n\n");
    let lines = words::plural(log.lines(), "message line");
    let _ = writeln!(out, "    Buffer logging:  level informational, {lines} logged");
    let _ = writeln!(out, "    Trap logging: level informational, {lines} logged");
    for (host, delivery) in &view.state.config.logging.hosts {
        let facts = host_facts(view, host, delivery);
        let form = form_word(delivery.form).map(|word| format!(", format {word}")).unwrap_or_default();
        let link = facts.link.map(|link| format!(", link {link}")).unwrap_or_default();
        let _ =
            writeln!(out, "        Logging to {} ({} port {}{form}{link})", facts.address, facts.transport, facts.port);
        if let (Some(words), Some(since), Some(waiting)) = (facts.failure, facts.since, facts.waiting) {
            let waiting = words::plural(waiting, "message line");
            let _ = writeln!(out, "            since {}: {words}; {waiting} waiting", view.time.format(since));
        }
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
