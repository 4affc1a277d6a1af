//! `show version`: the program, the controller and its ledger.

use std::fmt::Write as _;

use super::words;
use crate::ios::View;

/// The whole view.
pub fn show(view: &View) -> String {
    let state = view.state;
    let software = if state.controller.software.is_empty() { "unknown" } else { &state.controller.software };
    let host = &state.config.hostname;
    let mut out = format!("Capledger Software, Version {software}\n\n");
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
    let (joined, known) = (state.fleet.live(), state.fleet.wtps.len());
    let _ = writeln!(out, "\n{} joined, {known} known", words::plural(joined as u64, "AP"));
    let _ = writeln!(out, "Controller ID {:016x}", state.controller.id.0);
    let _ = writeln!(out, "Ledger at event {}", state.seq);
    out
}
