//! Images that the fleet needs and the cache lacks: one fetch per family, however many WTPs wait for it.
//!
//! After a failure the next try is held back: from the start of the failed one, `ap image retry-delay`, doubled with each
//! failure in a row, up to 15 minutes. While a family is held back, or fails for the third time and more, WTPs that need
//! it join with what they have and are given it once it is there: one outage for its clients is enough to learn that a
//! path is wrong.

use std::collections::btree_map::Entry;
use std::time::Duration;

use capledger_schema::event::ServerKeyKind;
use capledger_schema::failure::{DownloadFailureKind, FetchFailure, FetchFailureKind};
use capledger_schema::id::{OperationId, Sha256};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::project::config::SftpConfig;
use capledger_schema::setting::{HttpsTrust, Setting};
use capledger_schema::time::Monotonic;
use capledger_schema::{Cause, Event, Subject};

use super::io::{Effect, FetchOrder, Login};
use super::progress::Marks;
use super::session::{Phase, Request};
use super::{Ac, Readiness, preflight};
use crate::fetch::report::{FetchReport, ServerKey, ServerPin};
use crate::fetch::url::{FetchUrl, MASK, Scheme, mask_credentials};

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
        let order = self.fetch_order(operation, url, family, version);
        self.book.effect(Effect::StartFetch(Box::new(order)));
        operation
    }

    /// What the shell needs for a fetch, or for a probe of the same: settings, login, and the key that was pinned.
    pub(super) fn fetch_order(
        &self,
        operation: OperationId,
        url: String,
        family: Option<ImageFamily>,
        version: Option<ImageVersion>,
    ) -> FetchOrder {
        let state = &self.book.state;
        let image = &state.config.image;
        // A URL that cannot be read is the shell's to refuse, in words.
        let parsed = url.parse::<FetchUrl>().ok();
        let kind = parsed.as_ref().and_then(|url| url.scheme().key_kind());
        let pin = parsed.as_ref().zip(kind).and_then(|(url, kind)| state.servers.pin(url.host(), url.port(), kind));
        let pinned = match kind {
            Some(ServerKeyKind::Ssh) => true,
            Some(ServerKeyKind::Tls) => image.http.trust == HttpsTrust::Pin,
            None => false,
        };
        FetchOrder {
            operation,
            login: parsed.as_ref().and_then(|url| login(&image.sftp, url)),
            url,
            family,
            version,
            max_size: image.max_size,
            timeout: Duration::from_secs(u64::from(image.tftp_timeout)),
            probe: false,
            pin: pin
                .filter(|_| pinned)
                .map(|pin| ServerPin { algorithm: pin.algorithm.clone(), fingerprint: pin.fingerprint }),
            trust: image.http.trust,
            authority: image.http.authority.clone(),
        }
    }

    /// A server showed its key and none was pinned: this one is from now on.
    fn on_server_key(&mut self, operation: OperationId, key: ServerKey) {
        let ServerKey { host, port, kind, algorithm, fingerprint } = key;
        match self.book.state.servers.pin(&host, port, kind) {
            None => {
                let event = Event::ServerKeyPinned { host, port, kind, algorithm, fingerprint };
                self.book.record(Cause::Operation(preflight::operation_of(operation)), Subject::Controller, event);
            }
            Some(pin) if pin.fingerprint == fingerprint => {}
            // Two fetches began before either had seen a key, and saw different ones: neither is believed further.
            Some(_) => self.book.effect(Effect::CancelFetch { operation }),
        }
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
            FetchReport::ServerKey { operation, key } => self.on_server_key(operation, key),
            FetchReport::Done { operation, image } => self.fetched(operation, &image),
            FetchReport::Probed { operation, family, version, octets } => {
                self.on_probed(operation, &family, version, octets);
            }
            FetchReport::Failed { operation, failure, .. } if preflight::is_probe(operation) => {
                self.on_probe_failed(operation, &failure);
            }
            FetchReport::Failed { operation, failure, octets } => self.fetch_failed(operation, failure, octets),
        }
    }

    fn fetched(&mut self, operation: OperationId, image: &ImageFacts) {
        let Some(duration) = self.fetch_over(operation) else {
            // It was called off when it was all but over.
            if !self.book.state.installs.catalogue.values().any(|e| e.image.sha256 == image.sha256) {
                self.book.effect(Effect::Remove { sha256: image.sha256 });
            }
            return;
        };
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
        self.staging_hears(operation, Ok(image));
        self.pursue_family(&image.family);
    }

    fn fetch_failed(&mut self, operation: OperationId, failure: FetchFailure, octets: u64) {
        let Some(duration) = self.fetch_over(operation) else { return };
        let began = self.book.clock() - duration;
        let state = &self.book.state;
        let Some(op) = state.installs.operations.get(&operation) else { return };
        let (url, family) = (op.url.clone(), op.family.clone());
        let failures = family.as_ref().and_then(|f| state.installs.families.get(f)).map_or(0, |f| f.failures);
        let next_try = family.as_ref().map(|_| began + back_off(state.config.image.retry_delay, failures));
        let words = crate::syslog::fetch_words(&failure);
        let event = Event::InstallAddFailed { operation, url, family: family.clone(), failure, octets, next_try };
        self.book.record(Cause::Operation(operation), Subject::Operation(operation), event);
        self.staging_hears(operation, Err(words));
        if let Some(family) = family {
            self.pursue_family(&family);
        }
    }

    /// Forgets a fetch that has ended: how long it took; none if it was called off before.
    fn fetch_over(&mut self, operation: OperationId) -> Option<Duration> {
        self.fetches.remove(&operation).map(|f| self.book.now.mono.since(f.began))
    }

    /// Gives a fetch up. Its shell reports it too, later, and is not heard.
    pub(super) fn cancel_fetch(&mut self, operation: OperationId, words: &str) {
        if self.fetch_over(operation).is_none() {
            return;
        }
        let Some(op) = self.book.state.installs.operations.get(&operation) else { return };
        let (url, family, octets) = (op.url.clone(), op.family.clone(), op.octets);
        let failure = FetchFailure::new(FetchFailureKind::Cancelled, words);
        let event = Event::InstallAddFailed { operation, url, family, failure, octets, next_try: None };
        self.book.record(Cause::Operation(operation), Subject::Operation(operation), event);
        self.book.effect(Effect::CancelFetch { operation });
    }

    /// The profile was corrected: a fetch from where it pointed before is given up, and begun anew from there.
    pub(super) fn sources_changed(&mut self, changes: &[Setting], cause: &Cause) {
        if changes.is_empty() {
            return;
        }
        let login = changes.iter().any(changes_login);
        let running: Vec<_> = self.fetches.keys().copied().collect();
        for operation in running {
            let Some(op) = self.book.state.installs.operations.get(&operation) else { continue };
            let (family, version) = (op.family.clone(), op.version);
            let Some(family) = family else { continue };
            let source = self.source(&family);
            let same = source.as_deref().map(mask_credentials).is_some_and(|url| url == op.url);
            if same && !(login && op.url.contains("://") && !op.url.starts_with("tftp:")) {
                continue;
            }
            let staging = self.is_staging(operation);
            self.cancel_fetch(operation, "the image-download profile was changed");
            match source {
                Some(url) => {
                    let wanted = if staging { None } else { version };
                    let next = self.start_fetch(url, Some(family), wanted, cause.clone());
                    self.staging_moves(operation, next);
                }
                None => self.staging_hears(operation, Err("nowhere to fetch it from".to_owned())),
            }
        }
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
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.exchange.withdraw_block();
                }
                self.ask(peer, Request::Abort);
            }
        }
        self.pursue_fleet();
    }

    pub(super) fn users_of(&self, sha256: Sha256) -> Vec<super::Peer> {
        let uses = |t: &super::session::Transfer| !t.done && t.image.as_ref().is_some_and(|i| i.sha256 == sha256);
        self.sessions.iter().filter(|(_, s)| s.transfer.as_ref().is_some_and(uses)).map(|(p, _)| *p).collect()
    }
}

/// Whether a setting is about how a server is logged in to or trusted, which the URL does not show.
fn changes_login(setting: &Setting) -> bool {
    matches!(
        setting,
        Setting::SftpUsername(_)
            | Setting::SftpPassword(_)
            | Setting::SftpKey(_)
            | Setting::HttpsTrust(_)
            | Setting::HttpsAuthority(_)
    )
}

/// The wait from the start of a try to the next, after so many failures before it.
pub(super) fn back_off(seconds: u32, failures: u32) -> Duration {
    Duration::from_secs(u64::from(seconds)).saturating_mul(1 << failures.min(16)).min(LONGEST)
}

/// Who asks the server of a URL, where the URL does not say it: the profile's user, at the profile's own server alone.
fn login(profile: &SftpConfig, url: &FetchUrl) -> Option<Login> {
    let server = profile.server.as_ref().filter(|_| url.scheme() == Scheme::Sftp)?;
    let its_own = server.host.eq_ignore_ascii_case(url.host()) && server.port.unwrap_or(22) == url.port();
    let user = profile.username.clone().filter(|_| its_own)?;
    match url.credentials() {
        // As the profile's URL is printed, or without a user.
        None | Some(MASK) => {}
        Some(named) if named == user => {}
        Some(_) => return None,
    }
    Some(Login { user, password: profile.password, key: profile.key.clone() })
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
}
