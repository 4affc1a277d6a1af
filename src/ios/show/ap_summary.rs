//! `show ap summary`: every AP that ever joined, whether it is here, and what it runs.

use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};

use super::table::table;
use super::{ap_image, words};
use crate::ios::View;

/// The whole view.
pub fn show(view: &View) -> String {
    let rows: Vec<[String; 9]> = view.state.fleet.wtps.values().map(|w| row(w, view)).collect();
    let headers =
        ["AP Name", "Slots", "AP Model", "Ethernet MAC", "Radio MAC", "IP Address", "State", "Version", "Since"];
    format!("Number of APs: {}\n\n{}", rows.len(), table(headers, &rows))
}

fn row(wtp: &Wtp, view: &View) -> [String; 9] {
    [
        ap_image::name(wtp),
        wtp.inventory.radios.to_string(),
        one_word(&wtp.inventory.model),
        wtp.address.ethernet_mac.to_string(),
        wtp.address.base_mac.to_string(),
        wtp.address.wtp.ip().to_string(),
        state(wtp).to_owned(),
        wtp.inventory.version.map_or_else(|| "N/A".to_owned(), |v| v.to_string()),
        words::span(view.now.since(wtp.since)),
    ]
}

/// Where an AP stands, in one word.
pub fn state(wtp: &Wtp) -> &'static str {
    match wtp.session {
        SessionState::Run(_) => "Registered",
        SessionState::Disjoined => "Disjoined",
        SessionState::Joined(_) => match wtp.image {
            ImageStatus::Moving { .. } => "Downloading",
            ImageStatus::None
            | ImageStatus::Initiated { .. }
            | ImageStatus::Complete { .. }
            | ImageStatus::Failed { .. } => "Joining",
        },
    }
}

fn one_word(text: &str) -> String {
    let word: String =
        text.trim().chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c }).take(32).collect();
    if word.is_empty() { "N/A".to_owned() } else { word }
}
