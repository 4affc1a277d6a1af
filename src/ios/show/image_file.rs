//! `show ap image file summary`: the images that the controller holds, what each is for, and those on their way.

use capledger_schema::id::Sha256;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::project::State;
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::table::fixed;
use crate::ios::View;

/// Digits of a digest that are printed: enough to tell any two images apart by eye.
const DIGEST_DIGITS: usize = 12;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// How many images the controller holds.
    pub total: usize,
    /// All of them together.
    pub total_octets: u64,
    /// By image name and version, then those on their way.
    pub images: Vec<Row>,
}

/// One image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The image name: what the models that run it have in common.
    pub family: Option<ImageFamily>,
    /// Its version; none while it is not known what comes.
    pub version: Option<ImageVersion>,
    /// Its size; none while the server has not told.
    pub octets: Option<u64>,
    /// What it is for.
    pub state: FileState,
    /// Access points of that image name, joined or not.
    pub access_points: usize,
    /// Of the whole file; none while it is on its way.
    pub sha256: Option<Sha256>,
    /// When it was complete; none while it is on its way.
    pub fetched_at: Option<Timestamp>,
    /// How much of it is here, 0 to 100; none if that is not known.
    pub percent: Option<u8>,
    /// Where it came from, with credentials masked.
    pub source: String,
}

/// What an image on the controller is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// Of the running version, which is committed.
    Running,
    /// Of the running version, which is on trial.
    Uncommitted,
    /// Of the version that comes back unless the running one is committed.
    Committed,
    /// Of the version that is to run next.
    Staged,
    /// Of a version that does not run.
    Inactive,
    /// On its way.
    Fetching,
}

impl FileState {
    fn of(version: ImageVersion, state: &State) -> FileState {
        let on_trial = state.installs.trial.as_ref();
        if state.running_version() == Some(version) {
            if on_trial.is_some() { FileState::Uncommitted } else { FileState::Running }
        } else if on_trial.is_some_and(|t| t.back_to == version) {
            FileState::Committed
        } else if state.installs.staged == Some(version) {
            FileState::Staged
        } else {
            FileState::Inactive
        }
    }

    fn word(self) -> &'static str {
        match self {
            FileState::Running => "Running",
            FileState::Uncommitted => "Uncommitted",
            FileState::Committed => "Committed",
            FileState::Staged => "Staged",
            FileState::Inactive => "Inactive",
            FileState::Fetching => "Fetching",
        }
    }
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let state = view.state;
    let aps = |family: &ImageFamily| state.fleet.of_family(family).count();
    let here = state.installs.catalogue.values().map(|entry| Row {
        family: Some(entry.image.family.clone()),
        version: Some(entry.image.version),
        octets: Some(entry.image.octets),
        state: FileState::of(entry.image.version, state),
        access_points: aps(&entry.image.family),
        sha256: Some(entry.image.sha256),
        fetched_at: Some(entry.added_at),
        percent: Some(100),
        source: entry.url.clone(),
    });
    let coming = state.installs.operations.values().filter(|op| op.outcome.is_none()).map(|op| Row {
        family: op.family.clone(),
        version: op.version,
        octets: op.total,
        state: FileState::Fetching,
        access_points: op.family.as_ref().map_or(0, aps),
        sha256: None,
        fetched_at: None,
        percent: op.total.and_then(|total| super::words::percent(op.octets, total)),
        source: op.url.clone(),
    });
    let (total, total_octets) =
        (here.len(), state.installs.catalogue.values().map(|e| e.image.octets).fold(0, u64::saturating_add));
    Facts { total, total_octets, images: here.chain(coming).collect() }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let Facts { total, total_octets, images } = facts(view);
    let na = || "N/A".to_owned();
    let cells: Vec<[String; 8]> = images
        .into_iter()
        .map(|r| {
            let fetched = match (r.fetched_at, r.percent) {
                (Some(at), _) => view.time.format(at),
                (None, Some(percent)) => format!("{percent} % so far"),
                (None, None) => na(),
            };
            [
                r.family.map_or_else(na, |f| f.to_string()),
                r.version.map_or_else(na, |v| v.to_string()),
                r.octets.map_or_else(na, |n| n.to_string()),
                r.state.word().to_owned(),
                r.access_points.to_string(),
                r.sha256.map_or_else(na, |d| d.to_string().chars().take(DIGEST_DIGITS).collect()),
                fetched,
                r.source,
            ]
        })
        .collect();
    let columns = [
        ("AP Image Type", 13),
        ("Capwap Version", 15),
        ("Size (octets)", 13),
        ("State", 11),
        ("APs", 5),
        ("SHA-256", DIGEST_DIGITS),
        ("Fetched", 21),
        ("Source", 6),
    ];
    format!("Number of AP images : {total}\nTotal size (octets) : {total_octets}\n\n{}", fixed(columns, &cells))
}
