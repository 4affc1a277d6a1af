//! `show wireless ewc-ap ap image predownload status`: how far the images are that go to access points, AP by AP, how
//! fast, and how long the rest takes. The whole of it is told by [`whole`].
//!
//! Rates and times left follow from the last progress marks and the moment that is shown.

mod whole;

use std::time::Duration;

use capledger_schema::event::DownloadMethod;
use capledger_schema::image::ImageVersion;
use capledger_schema::project::State;
use capledger_schema::project::fleet::{Delivered, ImageStatus, Wtp};
use serde::Serialize;

use super::table::fixed;
use super::{ap_image, words};
use crate::ios::View;

pub use whole::{Progress, Site, Tally, Waiting, Whole, status, whole};

/// Octets of a kilobyte, as rates have it.
const KILO: u64 = 1_000;

/// What `show wireless ewc-ap ap image predownload status` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How many APs have a row.
    pub total: usize,
    /// Those that `show ap image` lists, in the same order.
    pub access_points: Vec<Row>,
}

/// One AP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// AP name, one word of at most 32 characters.
    pub name: String,
    /// The version that it runs.
    pub current_version: Option<ImageVersion>,
    /// The version that it is given.
    pub predownload_version: Option<ImageVersion>,
    /// As in `show ap image`.
    pub predownload_status: ap_image::Status,
    /// How much of it is there, 0 to 100.
    pub percent: Option<u8>,
    /// How long the rest takes, in seconds; none while nothing moves.
    pub eta_seconds: Option<u64>,
    /// Octets that the AP acknowledged.
    pub octets: Option<u64>,
    /// Of how many.
    pub total_octets: Option<u64>,
    /// Of late, or of the whole once it is there.
    pub octets_per_second: Option<u64>,
    /// Blocks that were sent again, of an image on its way as of its last progress.
    pub retransmissions: Option<u64>,
    /// How the image goes to the AP; none while nothing is asked of it.
    pub method: Option<DownloadMethod>,
}

/// What `show wireless ewc-ap ap image predownload status` tells.
pub fn facts(view: &View) -> Facts {
    let listed = view.state.fleet.wtps.values().filter(|w| ap_image::is_listed(w));
    let access_points: Vec<Row> = listed.map(|wtp| row(wtp, view)).collect();
    Facts { total: access_points.len(), access_points }
}

/// `show wireless ewc-ap ap image predownload status`
pub fn show(view: &View) -> String {
    let Facts { total, access_points } = facts(view);
    let na = || "N/A".to_owned();
    let number = |n: Option<u64>| n.map_or_else(na, |n| n.to_string());
    let cells: Vec<[String; 11]> = access_points
        .iter()
        .map(|r| {
            [
                r.name.clone(),
                r.current_version.map_or_else(na, |v| v.to_string()),
                r.predownload_version.map_or_else(na, |v| v.to_string()),
                r.predownload_status.word().to_owned(),
                r.percent.map_or_else(na, |p| p.to_string()),
                r.eta_seconds.map_or_else(na, |s| words::clock(Duration::from_secs(s))),
                number(r.octets),
                number(r.total_octets),
                number(r.octets_per_second.map(|rate| rate / KILO)),
                number(r.retransmissions),
                r.method.map_or_else(na, |DownloadMethod::Capwap| "CAPWAP".to_owned()),
            ]
        })
        .collect();
    let columns = [
        ("AP Name", 32),
        ("Current Version", 15),
        ("Predownload Version", 19),
        ("Status", 14),
        ("Percent", 7),
        ("ETA", 8),
        ("Octets", 10),
        ("Size", 10),
        ("Rate (kB/s)", 11),
        ("Retransmissions", 15),
        ("Method", 6),
    ];
    format!("Total number of APs  : {total}\n\n{}", fixed(columns, &cells))
}

/// The row of an AP.
pub(super) fn row(wtp: &Wtp, view: &View) -> Row {
    let image = ap_image::row(wtp);
    let version = wtp.image.version();
    let mut row = Row {
        name: image.name,
        current_version: wtp.inventory.version,
        predownload_version: version,
        predownload_status: image.predownload_status,
        percent: None,
        eta_seconds: None,
        octets: None,
        total_octets: version.and_then(|v| size(wtp, v, view.state)),
        octets_per_second: None,
        retransmissions: None,
        method: image.method,
    };
    match &wtp.image {
        ImageStatus::None => {}
        ImageStatus::Initiated { .. } | ImageStatus::Failed { .. } => {
            (row.percent, row.octets) = (Some(0), Some(0));
        }
        ImageStatus::Moving { octets, total, marks, retransmissions, .. } => {
            row.retransmissions = *retransmissions;
            row.octets = Some(*octets);
            row.percent = Some(words::percent(*octets, *total).unwrap_or(0));
            row.octets_per_second = marks.rate(view.now);
            row.eta_seconds = marks.eta(*total, view.now).map(|eta| eta.as_secs());
        }
        ImageStatus::Complete { version, .. } => {
            row.percent = Some(100);
            if let Some(d) = wtp.delivered.as_ref().filter(|d| d.version == *version) {
                (row.octets, row.total_octets) = (Some(d.octets), Some(d.octets));
                (row.octets_per_second, row.retransmissions) = (rate(d), Some(d.retransmissions));
            }
        }
    }
    row
}

/// Octets of the image of this version for this AP, if it is known.
fn size(wtp: &Wtp, version: ImageVersion, state: &State) -> Option<u64> {
    if let ImageStatus::Moving { total, .. } = wtp.image
        && total > 0
    {
        return Some(total);
    }
    let family = wtp.inventory.family.as_ref()?;
    let fetch = || state.installs.operations.get(&state.installs.families.get(family)?.running?)?.total;
    state.installs.image(family, version).map(|image| image.octets).or_else(fetch)
}

/// Why the last try failed, with the other side's words.
pub(super) fn failure(wtp: &Wtp) -> Option<String> {
    match &wtp.image {
        ImageStatus::Failed { kind, words, .. } if words.is_empty() => Some(kind.to_string()),
        ImageStatus::Failed { kind, words, .. } => Some(format!("{kind}: {words}")),
        ImageStatus::None
        | ImageStatus::Initiated { .. }
        | ImageStatus::Moving { .. }
        | ImageStatus::Complete { .. } => None,
    }
}

/// Octets per second of a download that is over.
pub(super) fn rate(delivered: &Delivered) -> Option<u64> {
    let rate = (u128::from(delivered.octets) * 1_000_000).checked_div(delivered.took.as_micros())?;
    u64::try_from(rate).ok()
}
