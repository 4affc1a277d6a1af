//! `show ap image`: the layout of IOS XE 17.9, and that of 17.13 when the running version is newer than 17.12.
//!
//! Scripts cut this table at fixed columns or at white space, so the widths, the words and the counters are a contract
//! (a row that breaks it is dropped by its readers without a word).

use std::fmt::Write as _;
use std::time::Duration;

use capledger_schema::event::{DownloadMethod, DownloadMode};
use capledger_schema::id::MacAddr;
use capledger_schema::image::ImageVersion;
use capledger_schema::project::State;
use capledger_schema::project::fleet::{ImageStatus, Wtp};
use capledger_schema::time::Timestamp;
use serde::Serialize;

use crate::ios::View;

/// Columns of an AP name at most; longer ones are cut, since the columns after it are fixed.
const NAME_WIDTH: usize = 32;

/// What stands for a version that is not known: readers need four dotted numbers.
const NO_VERSION: ImageVersion = ImageVersion([0; 4]);

/// The last release whose layout is the older one.
const OLDER_LAYOUT: [u32; 2] = [17, 12];

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How many APs have a row.
    pub total: usize,
    /// How many of them stand where.
    pub counters: Counters,
    /// Whether a predownload is queued, moves, or will be tried again.
    pub predownload_in_progress: bool,
    /// By identity.
    pub access_points: Vec<Row>,
}

/// How many APs stand where; those at [`Status::None`] are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// [`Status::Initiated`]
    pub initiated: usize,
    /// [`Status::Downloading`]
    pub downloading: usize,
    /// [`Status::Predownloading`]
    pub predownloading: usize,
    /// [`Status::CompleteAtJoin`]
    pub completed_downloading: usize,
    /// [`Status::Complete`]
    pub completed_predownloading: usize,
    /// [`Status::NotSupported`]
    pub not_supported: usize,
    /// [`Status::Failed`]
    pub failed_to_predownload: usize,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// AP name, one word of at most 32 characters.
    pub name: String,
    /// Base MAC address of its radios: names may be cut, or the same. Only the JSON has it.
    pub radio_mac: MacAddr,
    /// The version that it runs.
    pub primary_image: Option<ImageVersion>,
    /// The other one that it holds.
    pub backup_image: Option<ImageVersion>,
    /// Predownload status.
    pub predownload_status: Status,
    /// Predownload version.
    pub predownload_version: Option<ImageVersion>,
    /// When a failed download is tried again by itself.
    pub next_retry_at: Option<Timestamp>,
    /// Failed tries.
    pub retry_count: u32,
    /// How the image goes to the AP; none while nothing is asked of it.
    pub method: Option<DownloadMethod>,
}

/// Predownload status of an AP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing is asked of it.
    None,
    /// Queued.
    Initiated,
    /// Octets move, at join.
    Downloading,
    /// Octets move, while it serves.
    Predownloading,
    /// It holds the image that it was sent at join.
    CompleteAtJoin,
    /// It holds the image that it was sent while it served.
    Complete,
    /// Its image family is not known.
    NotSupported,
    /// The last try failed.
    Failed,
}

impl Status {
    /// As it is printed.
    pub fn word(self) -> &'static str {
        match self {
            Status::None => "None",
            Status::Initiated => "Initiated",
            Status::Downloading => "Downloading",
            Status::Predownloading => "Predownloading",
            Status::CompleteAtJoin | Status::Complete => "Complete",
            Status::NotSupported => "Not Supported",
            Status::Failed => "Failed",
        }
    }
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let wtps = || view.state.fleet.wtps.values().filter(|w| is_listed(w));
    let access_points: Vec<Row> = wtps().map(row).collect();
    let count = |status| access_points.iter().filter(|r| r.predownload_status == status).count();
    let counters = Counters {
        initiated: count(Status::Initiated),
        downloading: count(Status::Downloading),
        predownloading: count(Status::Predownloading),
        completed_downloading: count(Status::CompleteAtJoin),
        completed_predownloading: count(Status::Complete),
        not_supported: count(Status::NotSupported),
        failed_to_predownload: count(Status::Failed),
    };
    let (total, predownload_in_progress) = (access_points.len(), wtps().any(in_progress));
    Facts { total, counters, predownload_in_progress, access_points }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let newer = newer_layout(view.state);
    let facts = facts(view);
    let mut out = counters(&facts, newer);
    header(&mut out);
    for row in &facts.access_points {
        line(&mut out, row, view.now, newer);
    }
    out
}

/// Whether an AP has a row: it is joined, or left in the middle of an upgrade (resetting, or failed).
pub fn is_listed(wtp: &Wtp) -> bool {
    wtp.live().is_some() || wtp.image != ImageStatus::None
}

fn newer_layout(state: &State) -> bool {
    state.running_version().is_some_and(|v| [v.0[0], v.0[1]] > OLDER_LAYOUT)
}

/// Whether a predownload of this AP is queued, moves, or will be tried again.
fn in_progress(wtp: &Wtp) -> bool {
    match &wtp.image {
        ImageStatus::None | ImageStatus::Complete { .. } => false,
        ImageStatus::Initiated { mode, .. } | ImageStatus::Moving { mode, .. } => *mode == DownloadMode::Predownload,
        ImageStatus::Failed { mode, next_retry, .. } => *mode == DownloadMode::Predownload && next_retry.is_some(),
    }
}

/// The row of an AP.
pub fn row(wtp: &Wtp) -> Row {
    // `ap image swap` has the two change places for the next reset.
    let (primary_image, backup_image) = match wtp.swapped {
        Some(next) => (Some(next), wtp.inventory.version),
        None => (wtp.inventory.version, wtp.backup()),
    };
    let capwap = Some(DownloadMethod::Capwap);
    let (predownload_status, method, next_retry_at) = match &wtp.image {
        ImageStatus::None if wtp.inventory.family.is_none() => (Status::NotSupported, None, None),
        ImageStatus::None => (Status::None, None, None),
        ImageStatus::Initiated { .. } => (Status::Initiated, capwap, None),
        ImageStatus::Moving { mode: DownloadMode::Join, method, .. } => (Status::Downloading, Some(*method), None),
        ImageStatus::Moving { mode: DownloadMode::Predownload, method, .. } => {
            (Status::Predownloading, Some(*method), None)
        }
        ImageStatus::Complete { mode: DownloadMode::Join, method, .. } => (Status::CompleteAtJoin, Some(*method), None),
        ImageStatus::Complete { mode: DownloadMode::Predownload, method, .. } => {
            (Status::Complete, Some(*method), None)
        }
        ImageStatus::Failed { next_retry, .. } => (Status::Failed, capwap, *next_retry),
    };
    Row {
        name: name(wtp),
        radio_mac: wtp.address.base_mac,
        primary_image,
        backup_image,
        predownload_status,
        predownload_version: wtp.image.version(),
        next_retry_at,
        retry_count: wtp.image.tries(),
        method,
    }
}

/// The AP's name as one word that fits its column; without a name, its identity.
pub fn name(wtp: &Wtp) -> String {
    let name = one_word(&wtp.address.name);
    if name.is_empty() { one_word(&wtp.address.id.to_string()) } else { name }
}

/// A name as one word that fits its column; empty if there is nothing of it.
pub fn one_word(text: &str) -> String {
    let one = text.trim().chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c });
    one.take(NAME_WIDTH).collect()
}

/// `HH:MM:SS`, rounded up: a retry that is pending never reads as one that is over.
fn time_to(left: Duration) -> String {
    let s = left.as_micros().div_ceil(1_000_000);
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

fn counters(facts: &Facts, newer: bool) -> String {
    let mut out = format!("Total number of APs  : {}\n\n", facts.total);
    out.push_str(if newer { "Number of APs \n" } else { "Number of APs\n" });
    let c = &facts.counters;
    let yes_no = if facts.predownload_in_progress { "Yes" } else { "No" };
    for (label, value) in [
        ("Initiated", c.initiated.to_string()),
        ("Downloading", c.downloading.to_string()),
        ("Predownloading", c.predownloading.to_string()),
        ("Completed downloading", c.completed_downloading.to_string()),
        ("Completed predownloading", c.completed_predownloading.to_string()),
        ("Not Supported", c.not_supported.to_string()),
        ("Failed to Predownload", c.failed_to_predownload.to_string()),
        ("Predownload in progress", yes_no.to_owned()),
    ] {
        let _ = writeln!(out, "        {label:<27}: {value}");
    }
    if !newer {
        out.push('\n');
    }
    out
}

fn header(out: &mut String) {
    let _ = writeln!(
        out,
        "{:<32}  {:<21}  {:<22}  {:<19}  {:<19}  {:<16}  {:<12}  Method",
        "AP Name",
        "Primary Image",
        "Backup Image",
        "Predownload Status",
        "Predownload Version",
        "Next Retry Time",
        "Retry Count",
    );
    let _ = writeln!(out, "{}", "-".repeat(162));
}

fn line(out: &mut String, r: &Row, now: Timestamp, newer: bool) {
    let (name, status, retries) = (&r.name, r.predownload_status.word(), r.retry_count);
    let [primary, backup, version] =
        [r.primary_image, r.backup_image, r.predownload_version].map(|v| v.unwrap_or(NO_VERSION));
    let method = match r.method {
        None => "N/A",
        Some(DownloadMethod::Capwap) => "CAPWAP",
    };
    let next = match (r.next_retry_at, r.method) {
        (Some(at), _) => time_to(at.since(now)),
        (None, Some(_)) => "0".to_owned(),
        (None, None) => "N/A".to_owned(),
    };
    let _ = if newer {
        writeln!(
            out,
            "{name:<32}  {primary:<21}  {backup:<25}  {status:<20}  {version:<18}  {next:<18}  {retries:<10}  {method}"
        )
    } else {
        writeln!(
            out,
            "{name:<32}  {primary:<21}  {backup:<25}  {status:<20}  {version:<20}  {next:<16}  {retries:<16}  {method}"
        )
    };
}

#[cfg(test)]
mod tests;
