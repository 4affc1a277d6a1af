//! `show ap summary`: every AP that ever joined, whether it is here, and where; with the columns of IOS XE 17.9, by which
//! clients read it. What an AP runs is in `show ap image`; the JSON has both.

use std::net::IpAddr;

use capledger_schema::id::MacAddr;
use capledger_schema::image::ImageVersion;
use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::ap_status::regulatory_domain;
use super::table::table;
use super::{ap_image, words};
use crate::ios::View;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How many APs ever joined.
    pub total: usize,
    /// By identity.
    pub access_points: Vec<Row>,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// AP name, one word of at most 32 characters.
    pub name: String,
    /// Radios.
    pub slots: u8,
    /// As it says, in one word; none if it says nothing.
    pub model: Option<String>,
    /// Ethernet MAC address.
    pub ethernet_mac: MacAddr,
    /// Base MAC address of its radios.
    pub radio_mac: MacAddr,
    /// Its end of the control channel.
    pub ip_address: IpAddr,
    /// Where it stands.
    pub state: ApState,
    /// The version that it runs.
    pub version: Option<ImageVersion>,
    /// Since when it stands there.
    pub since: Timestamp,
    /// Of its model: `-B`.
    pub regulatory_domain: Option<String>,
    /// Its Location Data, which is its site.
    pub location: Option<String>,
}

/// Where an AP stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApState {
    /// It serves.
    Registered,
    /// It is not here.
    Disjoined,
    /// It joins, and is sent its image first.
    Downloading,
    /// It joins.
    Joining,
}

impl ApState {
    /// Where this AP stands.
    pub fn of(wtp: &Wtp) -> ApState {
        match wtp.session {
            SessionState::Run(_) => ApState::Registered,
            SessionState::Disjoined => ApState::Disjoined,
            SessionState::Joined(_) => match wtp.image {
                ImageStatus::Moving { .. } => ApState::Downloading,
                ImageStatus::None
                | ImageStatus::Initiated { .. }
                | ImageStatus::Complete { .. }
                | ImageStatus::Failed { .. } => ApState::Joining,
            },
        }
    }

    /// In one word.
    pub fn word(self) -> &'static str {
        match self {
            ApState::Registered => "Registered",
            ApState::Disjoined => "Disjoined",
            ApState::Downloading => "Downloading",
            ApState::Joining => "Joining",
        }
    }
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let access_points: Vec<Row> = view.state.fleet.wtps.values().map(row).collect();
    Facts { total: access_points.len(), access_points }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let facts = facts(view);
    let rows: Vec<[String; 10]> = facts.access_points.iter().map(cells).collect();
    let headers =
        ["AP Name", "Slots", "AP Model", "Ethernet MAC", "Radio MAC", "CC", "RD", "IP Address", "State", "Location"];
    format!("Number of APs: {}\n\nCC = Country Code\nRD = Regulatory Domain\n\n{}", facts.total, table(headers, &rows))
}

fn row(wtp: &Wtp) -> Row {
    Row {
        name: ap_image::name(wtp),
        slots: wtp.inventory.radios,
        model: one_word(&wtp.inventory.model),
        ethernet_mac: wtp.address.ethernet_mac,
        radio_mac: wtp.address.base_mac,
        ip_address: wtp.address.wtp.ip(),
        state: ApState::of(wtp),
        version: wtp.inventory.version,
        since: wtp.since,
        regulatory_domain: regulatory_domain(&wtp.inventory.model),
        location: words::one_line(&wtp.inventory.location),
    }
}

fn cells(r: &Row) -> [String; 10] {
    let not = || "N/A".to_owned();
    [
        r.name.clone(),
        r.slots.to_string(),
        r.model.clone().unwrap_or_else(not),
        r.ethernet_mac.to_string(),
        r.radio_mac.to_string(),
        // No AP says in which country it stands.
        not(),
        r.regulatory_domain.clone().unwrap_or_else(not),
        r.ip_address.to_string(),
        r.state.word().to_owned(),
        r.location.clone().unwrap_or_else(not),
    ]
}

fn one_word(text: &str) -> Option<String> {
    let word: String =
        text.trim().chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c }).take(32).collect();
    (!word.is_empty()).then_some(word)
}
