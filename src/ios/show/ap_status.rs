//! `show ap status`: every AP that ever joined, whether it serves, since when, and if it does not, why.

use capledger_schema::event::{DisjoinReason, DownloadMode};
use capledger_schema::project::fleet::{ImageStatus, Wtp};
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::ap_summary::ApState;
use super::table::fixed;
use super::{ap_image, ap_reason, words};
use crate::ios::View;
use crate::syslog::{disjoin_words, refusal_words};

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How many APs ever joined.
    pub total: usize,
    /// How many of them serve.
    pub enabled: usize,
    /// By identity.
    pub access_points: Vec<Row>,
}

/// One AP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// AP name, one word of at most 32 characters.
    pub name: String,
    /// Where it stands.
    pub status: Status,
    /// Its radios.
    pub radios: u8,
    /// The regulatory domain that its model names: `-B`.
    pub regulatory_domain: Option<String>,
    /// Since when it stands there.
    pub since: Timestamp,
    /// Why its last session ended, while it has none.
    pub disconnect_reason: Option<DisjoinReason>,
    /// What is to be said of it, in words: why it left, or what it is given; empty if nothing.
    pub detail: String,
}

/// Where an AP stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It serves.
    Enabled,
    /// It joins.
    Joining,
    /// It joins, and is sent its image first.
    Downloading,
    /// It is not here, since it restarts as it was told to, or into its new image.
    Reloading,
    /// It is not here.
    Disjoined,
}

impl Status {
    /// Where this AP stands.
    pub fn of(wtp: &Wtp) -> Status {
        match ApState::of(wtp) {
            ApState::Registered => Status::Enabled,
            ApState::Downloading => Status::Downloading,
            ApState::Joining => Status::Joining,
            ApState::Disjoined if wtp.expected.as_ref().is_some_and(|e| e.sure) => Status::Reloading,
            ApState::Disjoined => Status::Disjoined,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Status::Enabled => "Enabled",
            Status::Joining => "Joining",
            Status::Downloading => "Downloading",
            Status::Reloading => "Reloading",
            Status::Disjoined => "Disjoined",
        }
    }
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let access_points: Vec<Row> = view.state.fleet.wtps.values().map(row).collect();
    let enabled = access_points.iter().filter(|r| r.status == Status::Enabled).count();
    Facts { total: access_points.len(), enabled, access_points }
}

fn row(wtp: &Wtp) -> Row {
    Row {
        name: ap_image::name(wtp),
        status: Status::of(wtp),
        radios: wtp.inventory.radios,
        regulatory_domain: regulatory_domain(&wtp.inventory.model),
        since: wtp.since,
        disconnect_reason: wtp.last_disjoin.filter(|_| wtp.live().is_none()).map(|(reason, _)| reason),
        detail: detail(wtp),
    }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let Facts { total, enabled, access_points } = facts(view);
    let cells: Vec<[String; 6]> = access_points
        .iter()
        .map(|r| {
            [
                r.name.clone(),
                r.status.word().to_owned(),
                r.radios.to_string(),
                r.regulatory_domain.clone().unwrap_or_else(|| "N/A".to_owned()),
                words::span(view.now.since(r.since)),
                r.detail.clone(),
            ]
        })
        .collect();
    let columns = [("AP Name", 32), ("Status", 11), ("Radios", 6), ("RD", 4), ("Since", 8), ("Detail", 6)];
    format!("Number of APs: {total}\nNumber of enabled APs: {enabled}\n\n{}", fixed(columns, &cells))
}

fn detail(wtp: &Wtp) -> String {
    if let Some((refusal, _, _)) = ap_reason::refused(wtp) {
        return format!("Not let in: {}", refusal_words(refusal));
    }
    if wtp.live().is_none() {
        return wtp.last_disjoin.map_or_else(String::new, |(reason, _)| disjoin_words(reason).to_owned());
    }
    match &wtp.image {
        ImageStatus::Moving { version, mode, octets, total, .. } => {
            let what = match mode {
                DownloadMode::Join => "Downloading",
                DownloadMode::Predownload => "Predownloading",
            };
            let percent = words::percent(*octets, *total).unwrap_or(0);
            format!("{what} {version}, {percent} %")
        }
        ImageStatus::Failed { version, kind, .. } => format!("Image {version} failed: {kind}"),
        ImageStatus::Initiated { version, .. } => format!("Waits for image {version}"),
        ImageStatus::Complete { version, .. } => format!("Holds image {version}"),
        ImageStatus::None => String::new(),
    }
}

/// The regulatory domain at the end of a model as the price list has it: `-B` of `C9105AXI-B` and `AIR-AP1815I-B-K9`.
pub fn regulatory_domain(model: &str) -> Option<String> {
    let model = model.trim().to_ascii_uppercase();
    let parts: Vec<&str> = model.trim_end_matches("-K9").split('-').collect();
    let (last, _) = parts.split_last().filter(|(_, rest)| !rest.is_empty())?;
    let is_domain = last.len() == 1 && last.bytes().all(|b| b.is_ascii_uppercase()) || *last == "ROW";
    is_domain.then(|| format!("-{last}"))
}
