//! `show version`: the program, the controller and its ledger.
//!
//! Clients find version, name, uptime, model and serial number by the words that stand around them on IOS; the lines
//! have these words and claim no other product.

use std::fmt::Write as _;

use capledger_schema::image::ImageVersion;
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::inventory::PRODUCT;
use super::words;
use crate::ios::View;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The program's version.
    pub software: Option<String>,
    /// The controller's name.
    pub hostname: String,
    /// How long it has run.
    pub uptime_seconds: Option<u64>,
    /// When it was started.
    pub started_at: Option<Timestamp>,
    /// The version that APs are to run.
    pub ap_running_version: Option<ImageVersion>,
    /// APs that are here.
    pub aps_joined: usize,
    /// APs that ever were.
    pub aps_known: usize,
    /// Octets of the AP images that the controller keeps.
    pub image_octets: u64,
    /// 16 hexadecimal digits.
    pub controller_id: String,
    /// The sequence number of the ledger's last event.
    pub ledger_event: u64,
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let state = view.state;
    let controller = &state.controller;
    Facts {
        software: Some(controller.software.clone()).filter(|s| !s.is_empty()),
        hostname: state.config.hostname.clone(),
        uptime_seconds: controller.started_at.map(|at| view.now.since(at).as_secs()),
        started_at: controller.started_at,
        ap_running_version: state.running_version(),
        aps_joined: state.fleet.live(),
        aps_known: state.fleet.wtps.len(),
        image_octets: state.installs.catalogue.values().map(|e| e.image.octets).sum(),
        controller_id: format!("{:016x}", controller.id.0),
        ledger_event: state.seq.0,
    }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let f = facts(view);
    let (software, host) = (f.software.as_deref().unwrap_or("unknown"), &f.hostname);
    let mut out = format!(
        "Capledger Software ({PRODUCT}), Version {software}, RELEASE SOFTWARE\n\
         Its command line is in the manner of Cisco IOS Software, Capledger Version {software}\n\n"
    );
    match f.started_at {
        Some(at) => {
            let _ = writeln!(out, "{host} uptime is {}", words::uptime(view.now.since(at)));
            let _ = writeln!(out, "System restarted at {}", view.time.clock(at));
        }
        None => {
            let _ = writeln!(out, "{host} has not started");
        }
    }
    let running = f.ap_running_version.map_or_else(|| "none; APs join as they are".to_owned(), |v| v.to_string());
    let _ = writeln!(out, "AP running version is {running}");
    let _ = writeln!(
        out,
        "\ncisco Capledger (in its command line alone) controller with {} bytes of AP image memory",
        f.image_octets
    );
    let _ = writeln!(out, "Processor board ID {}", f.controller_id);
    let _ = writeln!(out, "\n{} joined, {} known", words::plural(f.aps_joined as u64, "AP"), f.aps_known);
    let _ = writeln!(out, "Ledger at event {}", f.ledger_event);
    out
}
