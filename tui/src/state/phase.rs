//! Where an AP stands on its way to the running version, as one word; and what is alarming about it.

use std::time::Duration;

use capledger_schema::event::{DisjoinReason, DownloadMode};
use capledger_schema::failure::{DownloadFailureKind, FetchFailure};
use capledger_schema::image::ImageVersion;
use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};
use capledger_schema::time::Timestamp;

use crate::theme::Glyphs;
use crate::words::{self, Tone};

/// What has not moved for so long is alarming.
pub const STALL: Duration = Duration::from_secs(60);

/// A restart takes so long at most: real APs are back after three to five minutes.
pub const RESTART: Duration = Duration::from_secs(360);

/// How it stands with the image that an AP is to be given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fetching<'a> {
    /// Nothing is known of it.
    None,
    /// The controller has it.
    Here,
    /// It is being fetched; how far, from 0 to 1, where its length is known.
    Running(Option<f64>),
    /// Its last fetch failed; there is no other before this moment.
    Failed(&'a FetchFailure, Option<Timestamp>),
}

/// Where an AP stands. The order is that of urgency, which is what the table sorts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Its last download failed.
    Failed,
    /// It has no session, for no planned reason.
    Away,
    /// It takes its image before it serves.
    Downloading,
    /// It takes its image while it serves.
    Predownloading,
    /// It was chosen or told, or it asked, but there is no octet for it yet.
    Waiting,
    /// It restarts into its new image.
    Restarting,
    /// It has a session and does not serve yet.
    Joining,
    /// It holds its new image, and serves with the old one.
    Holds,
    /// It serves; there is no target, or nobody has told it of it.
    Serving,
    /// It serves with the running version.
    AtTarget,
}

impl Phase {
    /// Every phase, by urgency.
    pub const ALL: [Phase; 10] = [
        Phase::Failed,
        Phase::Away,
        Phase::Downloading,
        Phase::Predownloading,
        Phase::Waiting,
        Phase::Restarting,
        Phase::Joining,
        Phase::Holds,
        Phase::Serving,
        Phase::AtTarget,
    ];

    /// Where `wtp` stands while `target` is the running version.
    pub fn of(wtp: &Wtp, target: Option<ImageVersion>) -> Phase {
        let live = wtp.live().is_some();
        match &wtp.image {
            // It asked for octets that the controller does not have yet.
            ImageStatus::Moving { octets: 0, total: 0, .. } if live => return Phase::Waiting,
            ImageStatus::Moving { mode: DownloadMode::Join, .. } if live => return Phase::Downloading,
            ImageStatus::Moving { mode: DownloadMode::Predownload, .. } if live => return Phase::Predownloading,
            ImageStatus::Failed { .. } => return Phase::Failed,
            ImageStatus::Complete { .. } if live => return Phase::Holds,
            ImageStatus::Complete { .. } => return Phase::Restarting,
            ImageStatus::Initiated { .. } if live => return Phase::Waiting,
            ImageStatus::None | ImageStatus::Moving { .. } | ImageStatus::Initiated { .. } => {}
        }
        match wtp.session {
            SessionState::Run(_) if target.is_some_and(|v| wtp.runs(v)) => Phase::AtTarget,
            SessionState::Run(_) => Phase::Serving,
            SessionState::Joined(_) => Phase::Joining,
            SessionState::Disjoined => match wtp.last_disjoin {
                Some((
                    DisjoinReason::ImageDownloadSuccess
                    | DisjoinReason::ResetByController
                    | DisjoinReason::ResetByOperator,
                    _,
                )) => Phase::Restarting,
                Some((
                    DisjoinReason::ImageDownloadFailed
                    | DisjoinReason::EchoTimeout
                    | DisjoinReason::DtlsClosed
                    | DisjoinReason::RetransmitLimit
                    | DisjoinReason::ReplacedByNewerSession
                    | DisjoinReason::JoinTimedOut
                    | DisjoinReason::ControllerStopped
                    | DisjoinReason::ProtocolError
                    | DisjoinReason::DataChannelDown,
                    _,
                ))
                | None => Phase::Away,
            },
        }
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Failed => "failed",
            Phase::Away => "away",
            Phase::Downloading => "downloading",
            Phase::Predownloading => "predownload",
            Phase::Waiting => "waiting",
            Phase::Restarting => "restarting",
            Phase::Joining => "joining",
            Phase::Holds => "holds image",
            Phase::Serving => "serving",
            Phase::AtTarget => "at target",
        }
    }

    /// Its glyph.
    pub fn glyph(self, g: &Glyphs) -> &'static str {
        match self {
            Phase::Failed => g.failed,
            Phase::Away => g.away,
            Phase::Downloading => g.down,
            Phase::Predownloading => g.ahead,
            Phase::Waiting | Phase::Joining => g.waiting,
            Phase::Restarting => g.restart,
            Phase::Holds => g.holds,
            Phase::Serving => g.serving,
            Phase::AtTarget => g.done,
        }
    }

    /// How it is meant.
    pub fn tone(self) -> Tone {
        match self {
            Phase::Failed => Tone::Bad,
            Phase::Away => Tone::Warn,
            Phase::Downloading | Phase::Predownloading | Phase::Restarting => Tone::Busy,
            Phase::Waiting | Phase::Joining | Phase::Serving => Tone::Plain,
            Phase::Holds | Phase::AtTarget => Tone::Good,
        }
    }
}

/// How far an AP is with the image that it needs, from 0 to 1.
pub fn share(wtp: &Wtp, target: Option<ImageVersion>) -> f64 {
    match &wtp.image {
        ImageStatus::Complete { .. } => 1.0,
        ImageStatus::Moving { octets, total, .. } if *total > 0 => (*octets as f64 / *total as f64).min(1.0),
        ImageStatus::None if target.is_some_and(|v| wtp.runs(v)) => 1.0,
        ImageStatus::None | ImageStatus::Moving { .. } | ImageStatus::Initiated { .. } | ImageStatus::Failed { .. } => {
            0.0
        }
    }
}

/// Since when it stands where it stands.
pub fn since(wtp: &Wtp) -> Timestamp {
    match &wtp.image {
        ImageStatus::Moving { started_at, .. } if wtp.live().is_some() => *started_at,
        ImageStatus::Complete { at, .. } | ImageStatus::Failed { at, .. } => (*at).max(wtp.since),
        ImageStatus::None | ImageStatus::Initiated { .. } | ImageStatus::Moving { .. } => wtp.since,
    }
}

/// Why an AP in this phase, whose image is as `fetch` says, needs somebody's eye; none if it does not.
pub fn alarm(wtp: &Wtp, phase: Phase, fetch: &Fetching<'_>, now: Timestamp) -> Option<String> {
    let still = |since: Timestamp, limit: Duration| {
        let d = now.since(since);
        (d >= limit).then(|| words::span(d))
    };
    match (phase, &wtp.image) {
        (Phase::Failed, ImageStatus::Failed { kind, next_retry, tries, .. }) => {
            let next = match next_retry {
                Some(at) if *at > now => format!("next try in {}", words::span(at.since(now))),
                Some(_) if wtp.live().is_none() => "the next when it is back".to_owned(),
                Some(_) => "next try is due".to_owned(),
                None => "no further try".to_owned(),
            };
            let why = match fetch {
                // The words of the fetch say more than that there was no image.
                Fetching::Failed(failure, _) if *kind == DownloadFailureKind::ImageUnavailable => {
                    format!("no image, {}", failure.kind)
                }
                Fetching::Failed(..) | Fetching::Here | Fetching::Running(_) | Fetching::None => {
                    format!("download failed, {kind}")
                }
            };
            Some(format!("{why}; try {tries}, {next}"))
        }
        (Phase::Waiting, _) if matches!(fetch, Fetching::Failed(..)) => {
            let Fetching::Failed(failure, next) = fetch else { return None };
            let next =
                next.filter(|at| *at > now).map(|at| format!("; fetched again in {}", words::span(at.since(now))));
            Some(format!("no image, {}{}", failure.kind, next.unwrap_or_default()))
        }
        (Phase::Downloading | Phase::Predownloading, ImageStatus::Moving { moved_at, .. }) => {
            still(*moved_at, STALL).map(|d| format!("no octet moved for {d}"))
        }
        (Phase::Waiting, _) => still(wtp.since, STALL).map(|d| format!("waits for its image, {d}")),
        (Phase::Restarting, _) => still(since(wtp), RESTART).map(|d| format!("not back from its restart, {d}")),
        (Phase::Joining, _) => still(wtp.since, STALL).map(|d| format!("joined, and does not serve, {d}")),
        (Phase::Away, _) => still(wtp.since, STALL).map(|d| {
            let why = wtp.last_disjoin.map_or("unknown", |(reason, _)| words::disjoin(reason));
            format!("away for {d}: {why}")
        }),
        (
            Phase::Failed
            | Phase::Downloading
            | Phase::Predownloading
            | Phase::Holds
            | Phase::Serving
            | Phase::AtTarget,
            _,
        ) => None,
    }
}
