//! `show ap image reason`: each AP that is not at the running version, why, and what to do about it.

use std::fmt::Write as _;

use capledger_schema::event::{DownloadMode, RefusalReason};
use capledger_schema::failure::{DownloadFailureKind, FetchFailure};
use capledger_schema::id::MacAddr;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::project::State;
use capledger_schema::project::fleet::{ImageStatus, JoinFailureCause, Wtp};
use capledger_schema::setting::ImageJoin;
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::ap_summary::ApState;
use super::{ap_image, image_download, words};
use crate::fetch::{FetchUrl, advice};
use crate::ios::View;
use crate::syslog::{disjoin_words, fetch_words, refusal_words};

/// After so long without an octet, a transfer that should move is said to stand still.
const STALLED_SECS: u64 = 60;

/// What the view tells. Without a running version no AP is told of, since all keep what they run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The version that APs are to run.
    pub running_version: Option<ImageVersion>,
    /// The version that APs are to hold.
    pub staged_version: Option<ImageVersion>,
    /// How many APs are known.
    pub total: usize,
    /// How many of them do not run the version that they are to run.
    pub not_running: usize,
    /// How many of the others do not hold the staged one.
    pub without_staged: usize,
    /// Those APs, by identity.
    pub access_points: Vec<Row>,
}

/// One AP that lacks a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// AP name, one word of at most 32 characters.
    pub name: String,
    /// Base MAC address of its radios. Only the JSON has it.
    pub radio_mac: MacAddr,
    /// As it says.
    pub model: String,
    /// The image family of that model; none if the model is not known.
    pub family: Option<ImageFamily>,
    /// Where it stands.
    pub state: ApState,
    /// The version that it runs.
    pub version: Option<ImageVersion>,
    /// The version that it lacks.
    pub lacks: ImageVersion,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
}

/// Why an AP is not at the running version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What is the matter.
    pub why: String,
    /// The other side's own words, where there are any.
    pub words: Option<String>,
    /// What happens next by itself, or what to do.
    pub next: String,
    /// Since when.
    pub since: Timestamp,
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let (state, wtps) = (view.state, &view.state.fleet.wtps);
    let running_version = state.running_version();
    let lacking = wtps.values().filter(|_| running_version.is_some());
    let access_points: Vec<Row> = lacking.filter_map(|w| Some(row(w, lacks(w, state)?, view))).collect();
    let not_running = access_points.iter().filter(|r| Some(r.lacks) == running_version).count();
    Facts {
        running_version,
        staged_version: state.installs.staged,
        total: wtps.len(),
        not_running,
        without_staged: access_points.len() - not_running,
        access_points,
    }
}

fn row(wtp: &Wtp, lacks: ImageVersion, view: &View) -> Row {
    let reason = reason(wtp, lacks, view);
    Row {
        name: ap_image::name(wtp),
        radio_mac: wtp.address.base_mac,
        model: wtp.inventory.model.clone(),
        family: wtp.inventory.family.clone(),
        state: ApState::of(wtp),
        version: wtp.inventory.version,
        lacks,
        reason: Reason { words: reason.words.filter(|w| !w.is_empty()), ..reason },
    }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let facts = facts(view);
    let Some(running) = facts.running_version else {
        return "No running version is set, so APs keep what they run.\n\
                Configure `software version V`, or add an image and run `install activate`.\n"
            .to_owned();
    };
    let all = facts.total;
    let mut out = format!("Running version : {running}\nAPs not at it   : {} of {all}\n", facts.not_running);
    if let Some(staged) = facts.staged_version {
        let _ = writeln!(out, "Staged version  : {staged}\nWithout it      : {} of {all}", facts.without_staged);
    }
    for row in &facts.access_points {
        let runs = row.version.map_or_else(|| "unknown".to_owned(), |v| v.to_string());
        let family = row.family.as_ref().map_or("no known family", ImageFamily::as_str);
        let _ = writeln!(out, "\n{} ({}, {family}): {}", row.name, row.model, row.state.word());
        let mut line = |label: &str, value: &str| {
            let _ = writeln!(out, "    {label:<8}: {}", one_line(value));
        };
        let reason = &row.reason;
        line("Runs", &runs);
        line("Why", &reason.why);
        if let Some(words) = &reason.words {
            line("Words", words);
        }
        line("Next", &reason.next);
        let ago = words::span(view.now.since(reason.since));
        line("Since", &format!("{} ({ago} ago)", view.time.format(reason.since)));
    }
    out
}

/// The version that this AP does not run and is to, else the staged one if it does not hold it.
fn lacks(wtp: &Wtp, state: &State) -> Option<ImageVersion> {
    let to_run = state.version_to_run(&wtp.address.id, wtp.inventory.version).filter(|v| !wtp.runs(*v));
    let staged = || state.installs.staged.filter(|v| !wtp.runs(*v) && wtp.backup() != Some(*v));
    to_run.or_else(staged)
}

/// Why this AP does not run `running`.
pub fn reason(wtp: &Wtp, running: ImageVersion, view: &View) -> Reason {
    if let Some(reason) = turned_away(wtp) {
        return reason;
    }
    let Some(family) = &wtp.inventory.family else {
        return Reason {
            why: format!("the model {} is in no image family that is known here", wtp.inventory.model),
            words: wtp.rejected.as_ref().map(|(message, _)| message.clone()),
            next: format!("name its family: `ap image map {} FAMILY`", wtp.inventory.model),
            since: wtp.since,
        };
    };
    match &wtp.image {
        // It asked and waits: what it waits for is the fetch, which may have failed.
        ImageStatus::Moving { octets: 0, started_at, .. } if view.state.installs.image(family, running).is_none() => {
            not_cached(family, running, *started_at, view).unwrap_or_else(|| Reason {
                why: "it waits for its image".into(),
                words: None,
                next: "nothing to do".into(),
                since: *started_at,
            })
        }
        ImageStatus::Moving { octets, total, moved_at, started_at, .. } => {
            let still = view.now.since(*moved_at).as_secs();
            let progress = words::progress(*octets, (*total > 0).then_some(*total));
            if still >= STALLED_SECS {
                Reason {
                    why: format!("the download stands still at {progress}"),
                    words: None,
                    next: "it fails when the AP answers no more, and is tried again; check the path to the AP".into(),
                    since: *moved_at,
                }
            } else {
                Reason {
                    why: format!("it is being sent the image: {progress}"),
                    words: None,
                    next: "nothing to do".into(),
                    since: *started_at,
                }
            }
        }
        ImageStatus::Complete { version, mode, at, reset, .. } => Reason {
            why: format!("it holds {version} and has not come back with it yet"),
            words: None,
            next: match (mode, reset) {
                (DownloadMode::Join, _) => "it resets into it by itself".into(),
                (DownloadMode::Predownload, true) => "the controller resets it".into(),
                (DownloadMode::Predownload, false) => {
                    format!("run `ap name {} reset`, or `ap image reset` for all", typed_name(wtp))
                }
            },
            since: *at,
        },
        ImageStatus::Failed { kind: DownloadFailureKind::ImageUnavailable, mode, at, next_retry, words, .. } => {
            not_cached(family, running, wtp.since, view).unwrap_or_else(|| Reason {
                why: "its image was not there to send".into(),
                words: Some(words.clone()),
                next: retry(*next_retry, view, again(wtp, *mode)),
                since: *at,
            })
        }
        ImageStatus::Failed { kind, words, at, next_retry, tries, mode, .. } => Reason {
            why: format!("try {tries} of the download failed: {kind}"),
            words: Some(words.clone()),
            next: match next_retry {
                Some(_) => format!("{}; {}", retry(*next_retry, view, ""), download_advice(*kind)),
                None => format!("no further try by itself; {}, then {}", download_advice(*kind), again(wtp, *mode)),
            },
            since: *at,
        },
        ImageStatus::Initiated { mode, .. } => not_cached(family, running, wtp.since, view).unwrap_or_else(|| Reason {
            why: match mode {
                DownloadMode::Join => "it was told of the image and has not asked for it yet".into(),
                DownloadMode::Predownload => "it waits for its turn".into(),
            },
            words: None,
            next: "nothing to do".into(),
            since: wtp.since,
        }),
        ImageStatus::None if wtp.live().is_none() => Reason {
            why: match wtp.last_disjoin {
                Some((reason, _)) => format!("it is not joined; it left by: {}", disjoin_words(reason)),
                None => "it is not joined".into(),
            },
            words: None,
            next: "it is given the image when it joins; check its power and the network".into(),
            since: wtp.since,
        },
        ImageStatus::None if view.state.installs.staged == Some(running) => Reason {
            why: format!("{running} is staged and nobody gave it to the AP"),
            words: None,
            next: again(wtp, DownloadMode::Predownload).into(),
            since: wtp.since,
        },
        ImageStatus::None => not_cached(family, running, wtp.since, view).unwrap_or_else(|| Reason {
            why: match view.state.config.image.join {
                ImageJoin::Defer => "it joined as it is, by `ap image join defer`".into(),
                ImageJoin::Immediate => "it joined before this version was the running one".into(),
            },
            words: None,
            next: again(wtp, DownloadMode::Predownload).into(),
            since: wtp.since,
        }),
    }
}

/// Why it is not let in, with the particulars, and when it last tried; none if it is here, or has not tried.
pub(super) fn refused(wtp: &Wtp) -> Option<(RefusalReason, &str, Timestamp)> {
    let failure = wtp.stats.last_failure.as_ref().filter(|f| wtp.live().is_none() && f.at >= wtp.since)?;
    match &failure.cause {
        JoinFailureCause::Refused(refusal, detail) => Some((*refusal, detail, failure.at)),
        JoinFailureCause::Lost(_) => None,
    }
}

/// Whether it would be here, and is not let in.
fn turned_away(wtp: &Wtp) -> Option<Reason> {
    let (refusal, detail, at) = refused(wtp)?;
    let next = match refusal {
        RefusalReason::CertificateChanged => "find out whether it is that AP; `ap join policy open` would let it in",
        RefusalReason::CertificateUntrusted => "have the authority of `ap join ca` sign its certificate",
        RefusalReason::NoIdentity => "give the AP a certificate or a key of its own",
        RefusalReason::TooManySessions => "raise `capwap max-sessions`, or have it join another controller",
        RefusalReason::MissingElements => "`no capwap strict` lets an AP in that leaves something out",
        RefusalReason::HandshakeFailed => "see the AP's console for what it says of the handshake",
    };
    Some(Reason {
        why: format!("it is not let in: {}", refusal_words(refusal)),
        words: Some(detail.to_owned()),
        next: next.to_owned(),
        since: at,
    })
}

/// Why the image itself is not at hand; none if it is in the cache. Without a fetch of it, that holds since `otherwise`.
fn not_cached(family: &ImageFamily, running: ImageVersion, otherwise: Timestamp, view: &View) -> Option<Reason> {
    let installs = &view.state.installs;
    if installs.image(family, running).is_some() {
        return None;
    }
    let image = &view.state.config.image;
    let source = image.local.get(family).cloned().or_else(|| image.url(family));
    let fetch = installs.families.get(family);
    let (why, words, next, since);
    if let Some(op) = fetch.and_then(|f| f.running).and_then(|id| installs.operations.get(&id)) {
        why = format!("its image is being fetched from {}: {}", op.url, words::progress(op.octets, op.total));
        (words, next, since) = (None, "it is sent to the AP when it is here".to_owned(), op.started_at);
    } else if let Some((failure, at)) = fetch.and_then(|f| f.last.as_ref()) {
        let from = source.as_deref().unwrap_or("the server");
        why = format!("its image could not be fetched from {from}: {}", fetch_words(failure));
        words = Some(failure.words.clone());
        let when = match fetch.and_then(|f| f.next_try) {
            Some(at) => retry(Some(at), view, ""),
            None => "it is tried again on the next demand".to_owned(),
        };
        next = format!("{when}; {}", fetch_advice(failure, source.as_deref()));
        since = *at;
    } else if let Some(from) = source {
        why = format!("its image is not on the controller; it comes from {from}");
        (words, next) =
            (None, "it is fetched on the next demand, or now with `install add profile default`".to_owned());
        since = otherwise;
    } else {
        why = format!("its image is not on the controller and comes from {}", image_download::missing(view));
        words = None;
        next = format!("complete `wireless profile image-download default`, or set `ap image local {family} FILE`");
        since = otherwise;
    }
    Some(Reason { why, words, next, since })
}

/// When it is tried again, else what to do by hand.
fn retry(at: Option<Timestamp>, view: &View, by_hand: &str) -> String {
    match at {
        Some(at) if at > view.now => format!("next try in {}", words::span(at.since(view.now))),
        Some(_) => "next try is due".to_owned(),
        None => format!("no further try by itself; {by_hand}"),
    }
}

fn again(wtp: &Wtp, mode: DownloadMode) -> &'static str {
    match (mode, wtp.live()) {
        (DownloadMode::Predownload, _) | (DownloadMode::Join, Some(_)) => "run `ap image predownload`",
        (DownloadMode::Join, None) => "let the AP join again",
    }
}

/// What to do about a failed fetch from this source.
fn fetch_advice(failure: &FetchFailure, source: Option<&str>) -> String {
    match source.and_then(|source| source.parse::<FetchUrl>().ok()) {
        Some(url) => advice::next_action(failure.kind, &url),
        None => advice::no_source(),
    }
}

pub(super) fn download_advice(kind: DownloadFailureKind) -> &'static str {
    match kind {
        DownloadFailureKind::SessionLost => "check the AP's power and the path to it",
        DownloadFailureKind::TimedOut => "check the path to the AP for loss",
        DownloadFailureKind::Rejected => "see the AP's console",
        DownloadFailureKind::DigestMismatch => "see the AP's console; its flash may be failing",
        DownloadFailureKind::FlashFull => "make room on the AP",
        DownloadFailureKind::ImageUnavailable => "see why the fetch failed",
        DownloadFailureKind::CacheDamaged => "check the controller's disk; the image is fetched anew",
        DownloadFailureKind::VerificationFailed => "compare the file with the vendor's; see the AP's console",
        DownloadFailureKind::NotTaken => "see the AP's console for why it did not start the image",
    }
}

/// The AP's name as it is typed in a command.
fn typed_name(wtp: &Wtp) -> String {
    let name = one_line(&wtp.address.name);
    if name.contains(char::is_whitespace) { format!("\"{name}\"") } else { name }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
