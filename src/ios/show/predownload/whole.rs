//! `show wireless ewc-ap predownload status`: the predownload as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use capledger_schema::event::DownloadMode;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::project::fleet::{ImageStatus, Wtp};
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::{KILO, row};
use crate::ios::View;
use crate::ios::show::table::table;
use crate::ios::show::words;

/// The predownload as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Whole {
    /// How it stands with it.
    pub status: Progress,
    /// To which versions: more than one while an order follows on another.
    pub versions: BTreeSet<ImageVersion>,
    /// When the first of the APs was chosen.
    pub since: Option<Timestamp>,
    /// When the last of them held it; none while one is still to hold it, or none does.
    pub completed_at: Option<Timestamp>,
    /// All of them together.
    pub access_points: Tally,
    /// How much of all octets is there, 0 to 100.
    pub percent: u8,
    /// Octets that are there.
    pub octets: u64,
    /// Of how many; none while the size of one of the images is not known.
    pub total_octets: Option<u64>,
    /// Of late.
    pub octets_per_second: Option<u64>,
    /// How long the rest takes at that rate, in seconds; none while nothing moves or a size is not known.
    pub eta_seconds: Option<u64>,
    /// APs that are given an image at once.
    pub limit: u32,
    /// Megabits per second for all of them together.
    pub bandwidth_mbps: Option<u32>,
    /// The APs of every site.
    pub sites: Vec<Site>,
    /// Images that are not on the controller yet, and how many APs wait for each.
    pub waiting_for_image: Vec<Waiting>,
}

/// How it stands with a predownload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// No AP is given an image, or holds one that it does not run.
    None,
    /// Some of the APs are still to hold it.
    InProgress,
    /// All of them hold it.
    Complete,
    /// None is to hold it that does not, but some should have.
    Failed,
}

/// The APs of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Site {
    /// Their Location Data.
    pub site: String,
    /// How many of them stand where.
    pub access_points: Tally,
}

/// APs that wait for an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Which.
    pub family: ImageFamily,
    /// How many.
    pub access_points: u64,
}

/// How many APs stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Queued.
    pub initiated: u64,
    /// Octets move.
    pub predownloading: u64,
    /// They hold the image.
    pub complete: u64,
    /// The last try failed, and another follows.
    pub to_be_retried: u64,
    /// The last try failed.
    pub failed: u64,
}

impl Tally {
    fn add(&mut self, image: &ImageStatus) {
        match image {
            ImageStatus::None => {}
            ImageStatus::Initiated { .. } => self.initiated += 1,
            ImageStatus::Moving { .. } => self.predownloading += 1,
            ImageStatus::Complete { .. } => self.complete += 1,
            ImageStatus::Failed { next_retry: Some(_), .. } => self.to_be_retried += 1,
            ImageStatus::Failed { next_retry: None, .. } => self.failed += 1,
        }
    }

    fn total(&self) -> u64 {
        self.initiated + self.predownloading + self.complete + self.to_be_retried + self.failed
    }

    fn is_over(&self) -> bool {
        self.initiated + self.predownloading + self.to_be_retried == 0
    }
}

/// Whether an AP was chosen for a predownload that is not over, or that it has not been restarted for yet.
fn is_predownload(wtp: &Wtp) -> bool {
    match &wtp.image {
        ImageStatus::None => false,
        ImageStatus::Initiated { mode, .. }
        | ImageStatus::Moving { mode, .. }
        | ImageStatus::Complete { mode, .. }
        | ImageStatus::Failed { mode, .. } => *mode == DownloadMode::Predownload,
    }
}

/// How it stands with the predownload as a whole.
pub fn whole(view: &View) -> Whole {
    let state = view.state;
    let mut sum = Sum { size: Some(0), to_go: Some(0), ..Sum::default() };
    for wtp in state.fleet.wtps.values().filter(|w| is_predownload(w)) {
        sum.add(wtp, view);
    }
    let total = sum.all.total();
    let percent = match sum.size.filter(|size| *size > 0) {
        Some(size) => words::percent(sum.octets, size).unwrap_or(0),
        None => u8::try_from(sum.percents.checked_div(total).unwrap_or(0)).unwrap_or(100),
    };
    let status = match (total, sum.all.is_over(), sum.all.failed) {
        (0, _, _) => Progress::None,
        (_, false, _) => Progress::InProgress,
        (_, true, 0) => Progress::Complete,
        (_, true, _) => Progress::Failed,
    };
    Whole {
        status,
        versions: sum.versions,
        since: sum.since,
        completed_at: sum.completed_at.filter(|_| sum.all.is_over()),
        access_points: sum.all,
        percent,
        octets: sum.octets,
        total_octets: sum.size,
        octets_per_second: sum.rate,
        eta_seconds: sum.to_go.zip(sum.rate).map(|(octets, rate)| octets.div_ceil(rate).max(sum.longest)),
        limit: state.config.image.predownload_limit,
        bandwidth_mbps: state.config.image.predownload_bandwidth,
        sites: sum.sites.into_iter().map(|(site, access_points)| Site { site, access_points }).collect(),
        waiting_for_image: sum
            .waiting
            .into_iter()
            .map(|(family, access_points)| Waiting { family, access_points })
            .collect(),
    }
}

/// What its APs come to together.
#[derive(Debug, Default)]
struct Sum {
    versions: BTreeSet<ImageVersion>,
    since: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    all: Tally,
    sites: BTreeMap<String, Tally>,
    waiting: BTreeMap<ImageFamily, u64>,
    /// Octets that are there.
    octets: u64,
    /// Of how many, while that is known.
    size: Option<u64>,
    /// Octets that are still to move, while that is known.
    to_go: Option<u64>,
    rate: Option<u64>,
    /// The longest time that one of them takes, in seconds.
    longest: u64,
    /// Of all of them, where sizes are not known.
    percents: u64,
}

impl Sum {
    fn add(&mut self, wtp: &Wtp, view: &View) {
        let Some(version) = wtp.image.version() else { return };
        let row = row(wtp, view);
        self.versions.insert(version);
        self.since = [self.since, wtp.asked_at].into_iter().flatten().min();
        self.all.add(&wtp.image);
        self.sites.entry(wtp.inventory.location.clone()).or_default().add(&wtp.image);
        self.percents += u64::from(row.percent.unwrap_or(0));
        let is_here = match &wtp.image {
            ImageStatus::Complete { at, .. } => {
                self.completed_at = self.completed_at.max(Some(*at));
                true
            }
            ImageStatus::None
            | ImageStatus::Initiated { .. }
            | ImageStatus::Moving { .. }
            | ImageStatus::Failed { .. } => false,
        };
        let octets = if is_here { row.total_octets } else { row.octets }.unwrap_or(0);
        self.octets = self.octets.saturating_add(octets);
        self.size = self.size.zip(row.total_octets).map(|(sum, size)| sum.saturating_add(size));
        if matches!(wtp.image, ImageStatus::Moving { .. }) {
            self.rate = [self.rate, row.octets_per_second].into_iter().flatten().reduce(u64::saturating_add);
            self.longest = self.longest.max(row.eta_seconds.unwrap_or(0));
        }
        if is_here || matches!(wtp.image, ImageStatus::Failed { next_retry: None, .. }) {
            return;
        }
        // What has come since the last mark is reckoned in.
        let left = row.eta_seconds.zip(row.octets_per_second).map(|(eta, rate)| eta.saturating_mul(rate));
        let left = left.or_else(|| row.total_octets.map(|size| size.saturating_sub(octets)));
        self.to_go = self.to_go.zip(left).map(|(sum, left)| sum.saturating_add(left));
        if let (ImageStatus::Initiated { .. }, Some(family)) = (&wtp.image, &wtp.inventory.family)
            && view.state.installs.image(family, version).is_none()
        {
            *self.waiting.entry(family.clone()).or_default() += 1;
        }
    }
}

/// `show wireless ewc-ap predownload status`
pub fn status(view: &View) -> String {
    let whole = whole(view);
    let total = whole.access_points.total();
    let na = || "N/A".to_owned();
    let mut out = String::new();
    let mut line = |label: &str, value: String| {
        let _ = writeln!(out, "{label:<27}: {value}");
    };
    let status = match whole.status {
        Progress::None => "None",
        Progress::InProgress => "In progress",
        Progress::Complete => "Complete",
        Progress::Failed => "Ended with failures",
    };
    line("Predownload status", status.to_owned());
    if total > 0 {
        let versions: Vec<String> = whole.versions.iter().map(ToString::to_string).collect();
        line("Predownload version", versions.join(", "));
        if let Some(since) = whole.since {
            line("Since", format!("{} ({} ago)", view.time.date(since), words::span(view.now.since(since))));
        }
        if let Some(at) = whole.completed_at {
            let took = whole.since.map(|since| format!(" (took {})", words::clock(at.since(since))));
            line("Completed", view.time.date(at) + &took.unwrap_or_default());
        }
        line("APs complete", format!("{} of {total}", whole.access_points.complete));
        line("Percent", whole.percent.to_string());
        let of = whole.total_octets.map(|size| format!(" of {size}")).unwrap_or_default();
        line("Octets", format!("{}{of}", whole.octets));
        line("Rate (kB/s)", whole.octets_per_second.map_or_else(na, |rate| (rate / KILO).to_string()));
        line("ETA", whole.eta_seconds.map_or_else(na, |s| words::clock(Duration::from_secs(s))));
    }
    line("APs at once", whole.limit.to_string());
    line("Bandwidth ceiling (Mbit/s)", whole.bandwidth_mbps.map_or_else(|| "none".to_owned(), |n| n.to_string()));
    for Waiting { family, access_points } in &whole.waiting_for_image {
        line("Waiting for image", format!("{family}, {}", words::plural(*access_points, "AP")));
    }
    if total > 0 {
        let mut rows: Vec<[String; 7]> =
            whole.sites.iter().map(|s| cells(site_name(&s.site), &s.access_points)).collect();
        rows.push(cells("total", &whole.access_points));
        let headers = ["Site", "APs", "Initiated", "Predownloading", "Complete", "To be retried", "Failed"];
        let _ = write!(out, "\n{}", table(headers, &rows));
    }
    out
}

fn cells(name: &str, t: &Tally) -> [String; 7] {
    let counts = [t.total(), t.initiated, t.predownloading, t.complete, t.to_be_retried, t.failed];
    let mut row = [const { String::new() }; 7];
    name.clone_into(&mut row[0]);
    for (cell, count) in row[1..].iter_mut().zip(counts) {
        *cell = count.to_string();
    }
    row
}

fn site_name(site: &str) -> &str {
    if site.trim().is_empty() { "(no location)" } else { site }
}
