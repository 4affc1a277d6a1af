//! `show logging`: where lines go, and the last ones.

use std::fmt::Write as _;

use super::words;
use crate::ios::View;

/// The whole view; with `last`, only so many lines.
pub fn show(view: &View, last: Option<u32>) -> String {
    let log = view.log;
    let mut out = String::from("Syslog logging: enabled\n\n");
    let lines = words::plural(log.lines(), "message line");
    let _ = writeln!(out, "    Buffer logging:  level informational, {lines} logged");
    let _ = writeln!(out, "    Trap logging: level informational, {lines} logged");
    for host in &view.state.config.logging_hosts {
        let _ = writeln!(out, "        Logging to {} (udp port {})", host.ip(), host.port());
    }
    let _ = writeln!(out, "\nLog Buffer ({} lines):\n", log.capacity());
    let skip = last.map_or(0, |n| log.entries().len().saturating_sub(n as usize));
    for entry in log.entries().skip(skip) {
        let _ = writeln!(out, "{}", entry.bare(view.time));
    }
    out
}
