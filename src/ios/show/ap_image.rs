//! `show ap image`: the layout of IOS XE 17.9, and that of 17.13 when the running version is newer than 17.12.
//!
//! Scripts cut this table at fixed columns or at white space, so the widths, the words and the counters are a contract
//! (a row that breaks it is dropped by its readers without a word).

use std::fmt::Write as _;
use std::time::Duration;

use capledger_schema::event::{DownloadMethod, DownloadMode};
use capledger_schema::image::ImageVersion;
use capledger_schema::project::State;
use capledger_schema::project::fleet::{ImageStatus, Wtp};
use capledger_schema::time::Timestamp;

use crate::ios::View;

/// Columns of an AP name at most; longer ones are cut, since the columns after it are fixed.
const NAME_WIDTH: usize = 32;

/// What stands for a version that is not known: readers need four dotted numbers.
const NO_VERSION: ImageVersion = ImageVersion([0; 4]);

/// The last release whose layout is the older one.
const OLDER_LAYOUT: [u32; 2] = [17, 12];

/// One row, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// AP name, one word of at most 32 characters.
    pub name: String,
    /// The version that it runs.
    pub primary: ImageVersion,
    /// The other one that it holds.
    pub backup: ImageVersion,
    /// Predownload status.
    pub status: Status,
    /// Predownload version.
    pub version: ImageVersion,
    /// `N/A`, `0`, or the time to the next try as `00:01:30`.
    pub next_retry: String,
    /// Failed tries.
    pub retries: u32,
    /// `CAPWAP` or `N/A`.
    pub method: &'static str,
}

/// Predownload status of an AP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    fn word(self) -> &'static str {
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

/// The whole view.
pub fn show(view: &View) -> String {
    let newer = newer_layout(view.state);
    let wtps: Vec<&Wtp> = view.state.fleet.wtps.values().filter(|w| is_listed(w)).collect();
    let rows: Vec<Row> = wtps.iter().map(|w| row(w, view.now)).collect();
    let mut out = counters(&rows, wtps.iter().any(|w| in_progress(w)), newer);
    header(&mut out);
    for r in &rows {
        line(&mut out, r, newer);
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

/// The row of an AP as of `now`.
pub fn row(wtp: &Wtp, now: Timestamp) -> Row {
    // `ap image swap` has the two change places for the next reset.
    let (primary, backup) = match wtp.swapped {
        Some(next) => (Some(next), wtp.inventory.version),
        None => (wtp.inventory.version, wtp.backup()),
    };
    let mut row = Row {
        name: name(wtp),
        primary: primary.unwrap_or(NO_VERSION),
        backup: backup.unwrap_or(NO_VERSION),
        status: Status::None,
        version: wtp.image.version().unwrap_or(NO_VERSION),
        next_retry: "0".to_owned(),
        retries: wtp.image.tries(),
        method: "CAPWAP",
    };
    row.status = match &wtp.image {
        ImageStatus::None => {
            "N/A".clone_into(&mut row.next_retry);
            row.method = "N/A";
            if wtp.inventory.family.is_some() { Status::None } else { Status::NotSupported }
        }
        ImageStatus::Initiated { .. } => Status::Initiated,
        ImageStatus::Moving { mode, method: DownloadMethod::Capwap, .. } => match mode {
            DownloadMode::Join => Status::Downloading,
            DownloadMode::Predownload => Status::Predownloading,
        },
        ImageStatus::Complete { mode, method: DownloadMethod::Capwap, .. } => match mode {
            DownloadMode::Join => Status::CompleteAtJoin,
            DownloadMode::Predownload => Status::Complete,
        },
        ImageStatus::Failed { next_retry, .. } => {
            if let Some(at) = next_retry {
                row.next_retry = time_to(at.since(now));
            }
            Status::Failed
        }
    };
    row
}

/// The AP's name as one word that fits its column; without a name, its identity.
pub fn name(wtp: &Wtp) -> String {
    let word = |text: &str| -> String {
        let one = text.trim().chars().map(|c| if c.is_whitespace() || c.is_control() { '_' } else { c });
        one.take(NAME_WIDTH).collect()
    };
    let name = word(&wtp.address.name);
    if name.is_empty() { word(&wtp.address.id.to_string()) } else { name }
}

/// `HH:MM:SS`, rounded up: a retry that is pending never reads as one that is over.
fn time_to(left: Duration) -> String {
    let s = left.as_micros().div_ceil(1_000_000);
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

fn counters(rows: &[Row], in_progress: bool, newer: bool) -> String {
    let count = |status: Status| rows.iter().filter(|r| r.status == status).count().to_string();
    let mut out = format!("Total number of APs  : {}\n\n", rows.len());
    out.push_str(if newer { "Number of APs \n" } else { "Number of APs\n" });
    let yes_no = if in_progress { "Yes" } else { "No" };
    for (label, value) in [
        ("Initiated", count(Status::Initiated)),
        ("Downloading", count(Status::Downloading)),
        ("Predownloading", count(Status::Predownloading)),
        ("Completed downloading", count(Status::CompleteAtJoin)),
        ("Completed predownloading", count(Status::Complete)),
        ("Not Supported", count(Status::NotSupported)),
        ("Failed to Predownload", count(Status::Failed)),
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

fn line(out: &mut String, r: &Row, newer: bool) {
    let (name, status, next, method) = (&r.name, r.status.word(), &r.next_retry, r.method);
    let (primary, backup, version, retries) = (r.primary, r.backup, r.version, r.retries);
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
