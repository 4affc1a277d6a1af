//! `show version`: the program, the controller and its ledger.
//!
//! Clients find version, name, uptime, model and serial number by the words that stand around them on IOS; the lines
//! have these words and claim no other product.

use std::fmt::Write as _;

use super::inventory::PRODUCT;
use super::words;
use crate::ios::View;

/// The whole view.
pub fn show(view: &View) -> String {
    let state = view.state;
    let software = if state.controller.software.is_empty() { "unknown" } else { &state.controller.software };
    let host = &state.config.hostname;
    let mut out = format!(
        "Capledger Software ({PRODUCT}), Version {software}, RELEASE SOFTWARE\n\
         Its command line is in the manner of Cisco IOS Software, Capledger Version {software}\n\n"
    );
    match state.controller.started_at {
        Some(at) => {
            let _ = writeln!(out, "{host} uptime is {}", words::uptime(view.now.since(at)));
            let _ = writeln!(out, "System restarted at {}", view.time.clock(at));
        }
        None => {
            let _ = writeln!(out, "{host} has not started");
        }
    }
    let running = state.running_version().map_or_else(|| "none; APs join as they are".to_owned(), |v| v.to_string());
    let _ = writeln!(out, "AP running version is {running}");
    let octets: u64 = state.installs.catalogue.values().map(|e| e.image.octets).sum();
    let _ = writeln!(
        out,
        "\ncisco Capledger (in its command line alone) controller with {octets} bytes of AP image memory"
    );
    let _ = writeln!(out, "Processor board ID {:016x}", state.controller.id.0);
    let (joined, known) = (state.fleet.live(), state.fleet.wtps.len());
    let _ = writeln!(out, "\n{} joined, {known} known", words::plural(joined as u64, "AP"));
    let _ = writeln!(out, "Ledger at event {}", state.seq);
    out
}
