//! Images that the fleet needs and the cache lacks: one fetch per family, however many WTPs wait for it.
//!
//! After a failure the next try is held back: from the start of the failed one, `ap image retry-delay`, doubled with each
//! failure in a row, up to 15 minutes. While a family is held back, or fails for the third time and more, WTPs that need
//! it join with what they have and are given it once it is there: one outage for its clients is enough to learn that a
//! path is wrong.

use std::collections::btree_map::Entry;
use std::time::Duration;

use capledger_schema::failure::{DownloadFailureKind, FetchFailure};
use capledger_schema::id::{OperationId, Sha256};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::time::Monotonic;
use capledger_schema::{Cause, Event, Subject};

use super::io::{Effect, FetchOrder};
use super::progress::Marks;
use super::session::{Phase, Request};
use super::{Ac, Readiness};
use crate::fetch::report::FetchReport;

/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// Failures in a row after which WTPs are no longer made to wait for the next try.
const PATIENT_FAILURES: u32 = 2;

/// A fetch that runs.
#[derive(Clone, Debug)]
pub(super) struct Fetching {
    began: Monotonic,
    marks: Marks,
}

/// How it stands with an image that a WTP needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Availability {
    /// In the cache.
    Cached(ImageFacts),
    /// It is being fetched, or can be at once.
    Fetchable,
    /// Not before the next try of the family's fetch.
    HeldBack,
    /// The configuration does not say where it comes from.
    NoSource,
}

impl Ac {
    /// Whether a WTP can be promised this image now.
    pub(super) fn availability(&self, family: &ImageFamily, version: ImageVersion) -> Availability {
        let state = &self.book.state;
        if let Some(image) = state.installs.image(family, version) {
            return Availability::Cached(image.clone());
        }
        if self.source(family).is_none() {
            return Availability::NoSource;
        }
        match state.installs.families.get(family) {
            Some(f) if f.failures >= PATIENT_FAILURES => Availability::HeldBack,
            Some(f) if f.running.is_none() && f.next_try.is_some_and(|t| t > self.book.clock()) => {
                Availability::HeldBack
            }
            Some(_) | None => Availability::Fetchable,
        }
    }

    /// Where a family's file is: as configured for it alone, else by the profile.
    pub(super) fn source(&self, family: &ImageFamily) -> Option<String> {
        let image = &self.book.state.config.image;
        image.local.get(family).cloned().or_else(|| image.url(family))
    }

    /// Sees to it that an image comes: starts the family's fetch unless it runs, is held back, or has no source.
    pub(super) fn pursue_image(&mut self, family: &ImageFamily, version: ImageVersion, cause: &Cause) {
        let state = &self.book.state;
        if state.installs.image(family, version).is_some() {
            return;
        }
        let record = state.installs.families.get(family);
        if record.is_some_and(|f| f.running.is_some()) {
            return;
        }
        if let Some(next) = record.and_then(|f| f.next_try)
            && next > self.book.clock()
        {
            self.wake_families_at(self.book.mono_at(next));
            return;
        }
        if let Some(url) = self.source(family) {
            self.start_fetch(url, Some(family.clone()), Some(version), cause.clone());
        }
    }

    /// Starts a fetch; the number of the operation is that of its first event.
    pub(super) fn start_fetch(
        &mut self,
        url: String,
        family: Option<ImageFamily>,
        version: Option<ImageVersion>,
        cause: Cause,
    ) -> OperationId {
        let operation = OperationId(self.book.next().0);
        let masked = mask_credentials(&url);
        let event = Event::InstallAddStarted { operation, url: masked, family: family.clone(), version };
        self.book.record(cause, Subject::Operation(operation), event);
        let began = self.book.now.mono;
        self.fetches.insert(operation, Fetching { began, marks: Marks::new(began) });
        let image = &self.book.state.config.image;
        let (max_size, timeout) = (image.max_size, Duration::from_secs(u64::from(image.tftp_timeout)));
        let order = FetchOrder { operation, url, family, version, max_size, timeout };
        self.book.effect(Effect::StartFetch(order));
        operation
    }

    pub(super) fn on_fetch(&mut self, report: FetchReport) {
        match report {
            FetchReport::Progress { operation, octets, total } => {
                let now = self.book.now.mono;
                if self.fetches.get_mut(&operation).is_some_and(|f| f.marks.due(now, octets, total)) {
                    let event = Event::InstallAddProgressed { operation, octets, total };
                    self.book.record(Cause::Operation(operation), Subject::Operation(operation), event);
                }
            }
            FetchReport::Done { operation, image } => self.fetched(operation, &image),
            FetchReport::Failed { operation, failure, octets } => self.fetch_failed(operation, failure, octets),
        }
    }

    fn fetched(&mut self, operation: OperationId, image: &ImageFacts) {
        let duration = self.fetch_over(operation);
        let Some(op) = self.book.state.installs.operations.get(&operation) else { return };
        let url = op.url.clone();
        let event = Event::InstallAddCompleted {
            operation,
            url,
            image: image.clone(),
            duration_us: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
        };
        self.book.record(Cause::Operation(operation), Subject::Operation(operation), event);
        self.provide(image);
        self.pursue_fleet();
    }

    fn fetch_failed(&mut self, operation: OperationId, failure: FetchFailure, octets: u64) {
        let began = self.book.clock() - self.fetch_over(operation);
        let state = &self.book.state;
        let Some(op) = state.installs.operations.get(&operation) else { return };
        let (url, family) = (op.url.clone(), op.family.clone());
        let failures = family.as_ref().and_then(|f| state.installs.families.get(f)).map_or(0, |f| f.failures);
        let next_try = family.as_ref().map(|_| began + back_off(state.config.image.retry_delay, failures));
        let event = Event::InstallAddFailed { operation, url, family: family.clone(), failure, octets, next_try };
        self.book.record(Cause::Operation(operation), Subject::Operation(operation), event);
        self.pursue_fleet();
    }

    /// Forgets a fetch that has ended: how long it took.
    fn fetch_over(&mut self, operation: OperationId) -> Duration {
        self.fetches.remove(&operation).map_or(Duration::ZERO, |f| self.book.now.mono.since(f.began))
    }

    /// An image is in the cache: whoever waits for it is served once the shell has it open.
    pub(super) fn provide(&mut self, image: &ImageFacts) {
        let waiting: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, s)| {
                s.transfer
                    .as_ref()
                    .is_some_and(|t| t.image.is_none() && t.family == image.family && t.version == image.version)
            })
            .map(|(peer, _)| *peer)
            .collect();
        for peer in waiting {
            if let Some(transfer) = self.sessions.get_mut(&peer).and_then(|s| s.transfer.as_mut()) {
                transfer.image = Some(image.clone());
                self.load(image);
                self.start_if_ready(peer);
            }
        }
    }

    /// Has the shell verify and open an image, once.
    pub(super) fn load(&mut self, image: &ImageFacts) {
        if let Entry::Vacant(place) = self.images.entry(image.sha256) {
            place.insert(Readiness::Loading);
            self.book.effect(Effect::Load { image: image.clone() });
        }
    }

    pub(super) fn on_loaded(&mut self, sha256: Sha256, result: Result<(), String>) {
        match result {
            Ok(()) => {
                self.images.insert(sha256, Readiness::Ready);
                for peer in self.users_of(sha256) {
                    self.start_if_ready(peer);
                }
            }
            Err(words) => self.on_damaged(sha256, &words),
        }
    }

    /// A cached image is not what it was: out of the catalogue with it, and every transfer of it ends.
    pub(super) fn on_damaged(&mut self, sha256: Sha256, words: &str) {
        self.images.remove(&sha256);
        let image =
            self.book.state.installs.catalogue.values().find(|e| e.image.sha256 == sha256).map(|e| e.image.clone());
        if let Some(image) = image {
            let event = Event::ImageRemoved { image, reason: format!("damaged in the cache: {words}") };
            self.book.record(Cause::Start, Subject::Controller, event);
            self.book.effect(Effect::Remove { sha256 });
        }
        for peer in self.users_of(sha256) {
            self.fail_transfer(peer, DownloadFailureKind::CacheDamaged, words);
            if self.sessions.get(&peer).is_some_and(|s| s.phase == Phase::ImageData) {
                self.end_session(peer, capledger_schema::event::DisjoinReason::ImageDownloadFailed);
            } else {
                self.ask(peer, Request::Abort);
            }
        }
        self.pursue_fleet();
    }

    fn users_of(&self, sha256: Sha256) -> Vec<super::Peer> {
        let uses = |t: &super::session::Transfer| !t.done && t.image.as_ref().is_some_and(|i| i.sha256 == sha256);
        self.sessions.iter().filter(|(_, s)| s.transfer.as_ref().is_some_and(uses)).map(|(p, _)| *p).collect()
    }
}

/// The wait from the start of a try to the next, after so many failures before it.
pub(super) fn back_off(seconds: u32, failures: u32) -> Duration {
    Duration::from_secs(u64::from(seconds)).saturating_mul(1 << failures.min(16)).min(LONGEST)
}

/// A URL as it is printed: user and password are `******` (IOS XE 17.9).
pub(super) fn mask_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority_end = rest.find('/').unwrap_or(rest.len());
    match rest[..authority_end].rfind('@') {
        Some(at) => format!("{scheme}://******{}", &rest[at..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_with_every_failure_up_to_a_quarter_of_an_hour() {
        assert_eq!(back_off(30, 0), Duration::from_secs(30));
        assert_eq!(back_off(30, 1), Duration::from_secs(60));
        assert_eq!(back_off(30, 40), LONGEST);
    }

    #[test]
    fn user_and_password_are_masked_wherever_a_url_is_printed() {
        assert_eq!(mask_credentials("sftp://bob:p@ss@10.0.0.5/x@y"), "sftp://******@10.0.0.5/x@y");
        assert_eq!(mask_credentials("tftp://10.0.0.5/a@b"), "tftp://10.0.0.5/a@b");
        assert_eq!(mask_credentials("flash:/ap1g8"), "flash:/ap1g8");
    }
}
