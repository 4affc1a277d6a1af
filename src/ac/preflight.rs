//! Looks at everything that an upgrade needs before any WTP is touched: servers, logins, paths and files, the
//! controller's disk, the WTPs' flash and models.
//!
//! One probe per image family that is not in the catalogue yet: the shell opens the file and reads its first octets, as
//! many as tell family and version. The probes run side by side; those that hang are given up, and the check ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use capledger_schema::event::{Finding, FindingSubject, Verdict};
use capledger_schema::failure::{DownloadFailureKind, FetchFailure, FetchFailureKind};
use capledger_schema::id::OperationId;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::project::State;
use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};
use capledger_schema::time::Monotonic;
use capledger_schema::{Cause, Event, Subject};

use super::io::{Effect, FetchOrder};
use super::{Ac, Key};
use crate::fetch::{FetchUrl, next_action};

/// Beyond a silent server's limit, how long a probe may take to say so.
const GRACE: Duration = Duration::from_secs(5);
/// Probes are no facts: their numbers lie where the ledger's never come, with the check's and the family's in them.
const PROBES: u64 = 1 << 63;
/// Families of one check at most: so many numbers each check has.
const FAMILIES: u64 = 256;
/// WTPs, or models, that one finding names.
const NAMED: usize = 8;

/// A check that runs.
#[derive(Clone, Debug)]
pub(super) struct Preflighting {
    operation: OperationId,
    version: Option<ImageVersion>,
    site: Option<String>,
    /// Probes that have not answered, their families and URLs.
    waiting: BTreeMap<OperationId, (ImageFamily, String)>,
    images: BTreeMap<ImageFamily, Finding>,
    /// Octets that are to be fetched, as far as the servers tell.
    octets: u64,
    disk: Disk,
    due: Monotonic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disk {
    Asked,
    Free(Option<u64>),
}

impl Ac {
    /// Starts a check for a version and, if one is named, a site; the number of the operation is that of its event.
    pub(super) fn start_preflight(
        &mut self,
        version: Option<ImageVersion>,
        site: Option<String>,
        cause: Cause,
    ) -> OperationId {
        let operation = OperationId(self.book.next().0);
        let families = families_needed(&self.book.state, site.as_deref(), version);
        let event = Event::PreflightStarted { operation, version, families: families.clone() };
        self.book.record(cause, Subject::Operation(operation), event);
        let timeout = Duration::from_secs(u64::from(self.book.state.config.image.tftp_timeout));
        let mut check = Preflighting {
            operation,
            version,
            site,
            waiting: BTreeMap::new(),
            images: BTreeMap::new(),
            octets: 0,
            disk: Disk::Asked,
            due: self.book.now.mono + timeout + GRACE,
        };
        for (n, family) in (0..FAMILIES).zip(families) {
            if let Some(version) = version
                && self.book.state.installs.image(&family, version).is_some()
            {
                let found = image_finding(&family, Verdict::Passed, format!("{version} is installed"), String::new());
                check.images.insert(family, found);
                continue;
            }
            let Some(url) = self.source(&family) else {
                let words = FetchFailureKind::NoSource.to_string();
                let action = "set wireless profile image-download default, or ap image local FAMILY FILE".to_owned();
                check.images.insert(family.clone(), image_finding(&family, Verdict::Failed, words, action));
                continue;
            };
            let probe = OperationId(PROBES | (operation.0 * FAMILIES + n));
            check.waiting.insert(probe, (family.clone(), url.clone()));
            let order = FetchOrder { probe: true, ..self.fetch_order(probe, url, Some(family), version) };
            self.book.effect(Effect::StartFetch(Box::new(order)));
        }
        self.book.effect(Effect::AskDisk);
        self.timers.set(Key::Preflight, Some(check.due));
        self.preflight = Some(check);
        operation
    }

    /// A probe found an image.
    pub(super) fn on_probed(
        &mut self,
        probe: OperationId,
        family: &ImageFamily,
        version: ImageVersion,
        octets: Option<u64>,
    ) {
        let Some(check) = &mut self.preflight else { return };
        let Some((wanted, url)) = check.waiting.remove(&probe) else { return };
        let failure = if *family != wanted {
            let words = format!("the file is an image of {family}");
            Some(FetchFailure::new(FetchFailureKind::WrongFamily, words))
        } else if check.version.is_some_and(|v| v != version) {
            Some(FetchFailure::new(FetchFailureKind::WrongVersion, format!("the file is {version}")))
        } else {
            None
        };
        let finding = if let Some(failure) = failure {
            refused(&wanted, &url, &failure)
        } else {
            check.octets += octets.unwrap_or(0);
            let size = octets.map(|n| format!(", {n} octets")).unwrap_or_default();
            image_finding(&wanted, Verdict::Passed, format!("{version}{size}"), String::new())
        };
        check.images.insert(wanted, finding);
        self.preflight_may_end();
    }

    /// A probe found none.
    pub(super) fn on_probe_failed(&mut self, probe: OperationId, failure: &FetchFailure) {
        let Some(check) = &mut self.preflight else { return };
        let Some((family, url)) = check.waiting.remove(&probe) else { return };
        let finding = refused(&family, &url, failure);
        check.images.insert(family, finding);
        self.preflight_may_end();
    }

    /// The shell says how much room the controller's disk has.
    pub(super) fn on_disk_free(&mut self, octets: Option<u64>) {
        if let Some(check) = &mut self.preflight {
            check.disk = Disk::Free(octets);
            self.preflight_may_end();
        }
    }

    /// Probes that have not answered by now will not.
    pub(super) fn preflight_due(&mut self) {
        let Some(check) = &mut self.preflight else { return };
        for (probe, (family, url)) in std::mem::take(&mut check.waiting) {
            let failure = FetchFailure::new(FetchFailureKind::TimedOut, "no answer within the limit");
            check.images.insert(family.clone(), refused(&family, &url, &failure));
            self.book.effect(Effect::CancelFetch { operation: probe });
        }
        if check.disk == Disk::Asked {
            check.disk = Disk::Free(None);
        }
        self.preflight_may_end();
    }

    fn preflight_may_end(&mut self) {
        let done = |c: &mut Preflighting| c.waiting.is_empty() && c.disk != Disk::Asked;
        let Some(check) = self.preflight.take_if(done) else { return };
        self.timers.set(Key::Preflight, None);
        let mut findings: Vec<_> = check.images.into_values().collect();
        if let Disk::Free(Some(free)) = check.disk {
            findings.push(disk_finding(free, check.octets));
        }
        findings.extend(wtp_findings(&self.book.state, check.site.as_deref(), check.version));
        let operation = check.operation;
        let event = Event::PreflightCompleted { operation, findings };
        self.book.record(Cause::Operation(operation), Subject::Operation(operation), event);
    }
}

/// Whether a fetch is one of a check's probes.
pub(super) fn is_probe(operation: OperationId) -> bool {
    operation.0 & PROBES != 0
}

/// The operation that a fetch is part of: a probe is part of its check.
pub(super) fn operation_of(fetch: OperationId) -> OperationId {
    if is_probe(fetch) { OperationId((fetch.0 & !PROBES) / FAMILIES) } else { fetch }
}

/// The WTPs that serve, of one site if one is named.
pub(super) fn joined<'a>(state: &'a State, site: Option<&'a str>) -> impl Iterator<Item = &'a Wtp> {
    let here = move |w: &&Wtp| site.is_none_or(|s| w.inventory.location.eq_ignore_ascii_case(s));
    state.fleet.wtps.values().filter(|w| matches!(w.session, SessionState::Run(_))).filter(here)
}

/// The families of the WTPs that serve and do not run the version yet.
fn families_needed(state: &State, site: Option<&str>, version: Option<ImageVersion>) -> Vec<ImageFamily> {
    let lacks = |w: &&Wtp| version.is_none_or(|v| !w.runs(v));
    let families: BTreeSet<_> = joined(state, site).filter(lacks).filter_map(|w| w.inventory.family.clone()).collect();
    families.into_iter().collect()
}

fn image_finding(family: &ImageFamily, verdict: Verdict, words: String, action: String) -> Finding {
    Finding { subject: FindingSubject::Image(family.clone()), verdict, words, action }
}

fn refused(family: &ImageFamily, url: &str, failure: &FetchFailure) -> Finding {
    let action = url.parse::<FetchUrl>().map(|url| next_action(failure.kind, &url)).unwrap_or_default();
    image_finding(family, Verdict::Failed, failure.to_string(), action)
}

fn disk_finding(free: u64, wanted: u64) -> Finding {
    let enough = free >= wanted;
    Finding {
        subject: FindingSubject::Disk,
        verdict: if enough { Verdict::Passed } else { Verdict::Failed },
        words: format!("{} MiB free, {} needed", free >> 20, wanted.div_ceil(1 << 20)),
        action: if enough { String::new() } else { "free room, or install remove inactive".to_owned() },
    }
}

/// What the WTPs themselves stand in the way with.
fn wtp_findings(state: &State, site: Option<&str>, version: Option<ImageVersion>) -> Vec<Finding> {
    let mut findings: Vec<_> = joined(state, site)
        .filter(|w| version.is_none_or(|v| !w.runs(v)))
        .filter_map(|w| match &w.image {
            ImageStatus::Failed { kind: DownloadFailureKind::FlashFull, words, .. } => Some(Finding {
                subject: FindingSubject::Flash(w.address.name.clone()),
                verdict: Verdict::Warned,
                words: words.clone(),
                action: "free its flash, or replace it; it is left out if it fails again".to_owned(),
            }),
            ImageStatus::None
            | ImageStatus::Initiated { .. }
            | ImageStatus::Moving { .. }
            | ImageStatus::Complete { .. }
            | ImageStatus::Failed { .. } => None,
        })
        .take(NAMED)
        .collect();
    let mut unknown: BTreeMap<&str, u32> = BTreeMap::new();
    for wtp in joined(state, site).filter(|w| w.inventory.family.is_none()) {
        *unknown.entry(wtp.inventory.model.as_str()).or_default() += 1;
    }
    if let Some((model, _)) = unknown.first_key_value() {
        let more = if unknown.len() > NAMED { ", ..." } else { "" };
        let named: Vec<_> = unknown.iter().take(NAMED).map(|(model, n)| format!("{model} ({n})")).collect();
        findings.push(Finding {
            subject: FindingSubject::Models,
            verdict: Verdict::Warned,
            words: format!("the image family is not known: {}{more}", named.join(", ")),
            action: format!("ap image map {model} FAMILY"),
        });
    }
    findings
}
