//! Who may join, and what a WTP that joins is told (RFC 5415 sections 6 and 9.1).

use capledger_schema::event::{DisjoinReason, RefusalReason, SessionDescription, WtpAddress, WtpInventory};
use capledger_schema::failure::DownloadFailureKind;
use capledger_schema::id::{MacAddr, SessionId, Sha256, WtpId};
use capledger_schema::image::ImageVersion;
use capledger_schema::project::fleet::ImageStatus;
use capledger_schema::setting::{CapwapTimer, ImageJoin, JoinPolicy};
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Event, Subject};

use super::download::LUCKLESS_TRIES;
use super::fetching::Availability;
use super::messages::JoinRequest;
use super::peer::{Identity, Peer, Trust};
use super::session::{Joined, Phase};
use super::{Ac, messages};
use crate::capwap::control::Message;
use crate::capwap::element::ResultCode;
use crate::image::family::family_in;

/// A refusal: why, in words, and the result code that says so.
struct Refused(RefusalReason, String, ResultCode);

impl Ac {
    pub(super) fn on_join_request(&mut self, peer: Peer, message: &Message) {
        let Some(session) = self.sessions.get(&peer) else { return };
        let request = JoinRequest::read(message);
        let identity = session.identity.clone();
        let local = session.local;
        let id = match self.admit(peer, &request, &identity) {
            Ok(id) => id,
            Err(Refused(reason, detail, code)) => {
                self.refuse(peer.addr, request.name, reason, detail);
                let response = messages::join_response(message, code, None, None, local, &self.book.state);
                self.respond(peer, response, message.seq);
                self.drop_session(peer);
                return;
            }
        };
        // The same WTP under another session: it restarted, or its address changed.
        if let Some(old) = self.by_wtp.get(&id).copied().filter(|old| *old != peer) {
            self.end_session(old, DisjoinReason::ReplacedByNewerSession);
        }
        let base_mac = request.base_mac.unwrap_or_default();
        let family = family_in(&self.book.state.config.image, &request.model);
        let number = SessionId(self.book.next().0);
        let address = WtpAddress {
            id: id.clone(),
            name: request.name.clone().unwrap_or_else(|| default_name(base_mac, &id)),
            base_mac,
            ethernet_mac: request.ethernet_mac.unwrap_or(base_mac),
            wtp: peer.addr,
            ac: local,
        };
        let not_taken = self.not_taken(&id, request.version);
        let barred = not_taken.as_ref().map(|(version, _, next_retry)| (*version, *next_retry));
        let (offered, deferred) = self.offer(&id, family.as_ref(), (request.version, request.backup), barred);
        let event = Event::WtpJoined {
            session: number,
            wtp: address.clone(),
            inventory: WtpInventory {
                model: request.model.clone(),
                serial: request.serial.clone(),
                family: family.clone(),
                version: request.version,
                backup: request.backup,
                location: request.location.clone(),
                radios: request.radios,
            },
            certificate: identity.credential().map(Sha256),
            missing: request.missing.clone(),
            offered,
        };
        self.book.record(Cause::Wtp(number), Subject::Wtp(id.clone()), event);
        let event = Event::WtpSessionDescribed(describe(number, &request, &identity));
        self.book.record(Cause::Wtp(number), Subject::Wtp(id.clone()), event);
        if let Some((expected, tries, next_retry)) = not_taken {
            let reports = request.version;
            let event = Event::ImageNotTaken { wtp: address.clone(), expected, reports, tries, next_retry };
            self.book.record(Cause::Wtp(number), Subject::Wtp(id.clone()), event);
        }
        let to_run = self.book.state.version_to_run(&id, request.version);
        self.by_wtp.insert(id, peer);
        self.by_capwap_id.insert(request.session_id.clone(), peer);
        let named = offered.zip(family.clone());
        let response = messages::join_response(message, ResultCode::Success, named, to_run, local, &self.book.state);
        let timer = if offered.is_some() { CapwapTimer::ImageDataStart } else { CapwapTimer::ChangeStatePending };
        let due = self.book.now.mono + self.timer(timer);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.phase = Phase::Joined;
            session.phase_due = Some(due);
            session.joined = Some(Joined {
                session: number,
                address,
                family,
                version: request.version,
                capwap_id: request.session_id,
                digests: request.digests,
                offered,
                deferred,
            });
        }
        self.respond(peer, response, message.seq);
    }

    /// The join policy. `pin` holds a WTP to the certificate of its first join.
    fn admit(&mut self, peer: Peer, request: &JoinRequest, identity: &Identity) -> Result<WtpId, Refused> {
        let config = &self.book.state.config;
        let id = request
            .base_mac
            .map(WtpId::BaseMac)
            .or_else(|| identity.common_name.clone().map(WtpId::CommonName))
            .or_else(|| identity.psk_identity.clone().map(WtpId::PskIdentity))
            .ok_or_else(|| {
                let words = "no Base MAC, no certificate name, no PSK identity".to_owned();
                Refused(RefusalReason::NoIdentity, words, ResultCode::JoinUnknownSource)
            })?;
        // Without it the data channel could never be matched, so the session could not go on.
        if request.session_id.is_empty() {
            let words = "missing Session ID".to_owned();
            return Err(Refused(RefusalReason::MissingElements, words, ResultCode::MissingMandatoryElement));
        }
        if config.capwap.strict && !request.missing.is_empty() {
            let words = format!("missing {}", request.missing.join(", "));
            return Err(Refused(RefusalReason::MissingElements, words, ResultCode::MissingMandatoryElement));
        }
        if config.dtls.policy == JoinPolicy::Ca
            && let Trust::Untrusted(why) = &identity.trust
        {
            return Err(Refused(RefusalReason::CertificateUntrusted, why.clone(), ResultCode::JoinUnknownSource));
        }
        if config.dtls.policy == JoinPolicy::Pin {
            let pinned = self.book.state.fleet.wtps.get(&id).and_then(|w| w.certificate);
            let shown = identity.credential().map(Sha256);
            if pinned.is_some() && pinned != shown {
                let show = |c: Option<Sha256>| c.map_or("none".to_owned(), |c| c.to_string());
                let what = match &identity.psk_identity {
                    Some(psk) => format!("PSK identity `{psk}`,"),
                    None => "certificate".to_owned(),
                };
                let words = format!("{id} shows {what} {}, pinned is {}", show(shown), show(pinned));
                return Err(Refused(RefusalReason::CertificateChanged, words, ResultCode::JoinUnknownSource));
            }
        }
        let others = self.by_wtp.len() - usize::from(self.by_wtp.contains_key(&id));
        if others >= config.capwap.max_sessions as usize {
            let words = format!("{others} sessions; capwap max-sessions is {}", config.capwap.max_sessions);
            return Err(Refused(RefusalReason::TooManySessions, words, ResultCode::JoinResourceDepletion));
        }
        if self.by_capwap_id.get(&request.session_id).is_some_and(|p| *p != peer && self.by_wtp.get(&id) != Some(p)) {
            let words = "its Session ID is another AP's".to_owned();
            return Err(Refused(RefusalReason::NoIdentity, words, ResultCode::JoinSessionIdInUse));
        }
        Ok(id)
    }

    /// The image that the WTP was to come back with and did not, failed tries, and when the next one is due.
    ///
    /// A WTP that is known to have restarted for it is believed at once; one that may have lost its session for another
    /// reason is given a few joins.
    fn not_taken(&self, id: &WtpId, reports: Option<ImageVersion>) -> Option<(ImageVersion, u32, Option<Timestamp>)> {
        let state = &self.book.state;
        let wtp = state.fleet.wtps.get(id)?;
        let expected = wtp.expected.as_ref().filter(|e| reports != Some(e.version))?;
        let version = expected.version;
        let wanted = state.version_to_run(id, reports) == Some(version);
        if !(expected.sure || wanted && expected.joins >= LUCKLESS_TRIES) {
            return None;
        }
        let tries = wtp.image.tries_of(version) + 1;
        let again = tries < state.config.image.max_tries && (wanted || state.campaigns.gives(id) == Some(version));
        Some((version, tries, again.then(|| self.book.clock() + self.retry_delay(tries))))
    }

    /// The image that the Join Response names, and whether the WTP is let in with another version on purpose.
    fn offer(
        &self,
        id: &WtpId,
        family: Option<&capledger_schema::image::ImageFamily>,
        (version, backup): (Option<ImageVersion>, Option<ImageVersion>),
        barred: Option<(ImageVersion, Option<Timestamp>)>,
    ) -> (Option<ImageVersion>, bool) {
        let state = &self.book.state;
        let Some(running) = state.version_to_run(id, version).filter(|running| version != Some(*running)) else {
            return (None, false);
        };
        // Its turn comes once `ap image map` names its family.
        let Some(family) = family else { return (None, true) };
        if state.config.image.join == ImageJoin::Defer {
            return (None, true);
        }
        let pending = |next_retry: Option<Timestamp>| next_retry.is_none_or(|at| at > self.book.clock());
        let failed = match state.fleet.wtps.get(id).map(|w| &w.image) {
            Some(ImageStatus::Failed { version, next_retry, kind, .. }) if *version == running => {
                Some((*kind, *next_retry))
            }
            Some(_) | None => None,
        };
        // What it did not start, or found bad, it is not told to start again before its time.
        let is_bad = |kind: DownloadFailureKind| kind.is_integrity() || kind == DownloadFailureKind::NotTaken;
        if barred.is_some_and(|(version, at)| version == running && pending(at))
            || failed.is_some_and(|(kind, at)| is_bad(kind) && pending(at))
        {
            return (None, true);
        }
        // It holds the image and resets into it by itself (figure 7).
        if backup == Some(running) {
            return (Some(running), false);
        }
        let held_back = failed.is_some_and(|(_, at)| pending(at));
        match self.availability(family, running) {
            Availability::Cached(_) | Availability::Fetchable if !held_back => (Some(running), false),
            Availability::Cached(_) | Availability::Fetchable | Availability::HeldBack | Availability::NoSource => {
                (None, true)
            }
        }
    }

    /// Records that a WTP was turned away; a flood of them is recorded once a second.
    pub(super) fn refuse(
        &mut self,
        address: std::net::SocketAddr,
        name: Option<String>,
        reason: RefusalReason,
        detail: String,
    ) {
        self.counters.refused += 1;
        if self.refusals.allow(self.book.now.mono) {
            let event = Event::WtpRefused { address, name, reason, detail };
            self.book.record(Cause::Peer(address), Subject::Controller, event);
        }
    }
}

/// What is known of a session beside what its `WtpJoined` tells.
fn describe(session: SessionId, request: &JoinRequest, identity: &Identity) -> SessionDescription {
    let versions = &request.versions;
    SessionDescription {
        session,
        dtls: identity.dtls,
        common_name: identity.common_name.clone(),
        psk_identity: identity.psk_identity.clone(),
        hardware: versions.hardware.clone(),
        boot: versions.boot.clone(),
        software: versions.active.clone(),
        other: versions.other.clone(),
    }
}

/// IOS's name for an access point that was given none: `AP` and its MAC.
fn default_name(mac: MacAddr, id: &WtpId) -> String {
    if mac == MacAddr::default() { format!("AP-{id}") } else { format!("AP{}", mac.to_string().to_uppercase()) }
}
