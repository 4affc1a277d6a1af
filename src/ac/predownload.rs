//! Images to WTPs that serve (RFC 5415 section 9.1, figures 8 and 9): who is next, and what follows.
//!
//! WTPs that were let in with another version, and those that an operator chose, wait here in `hungry`. Those whose
//! image is in the cache line up for a place; a place that becomes free is given away at the end of the step.

use capledger_schema::event::{DownloadMode, WtpAddress};
use capledger_schema::failure::DownloadFailureKind;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};
use capledger_schema::setting::{CapwapTimer, ImageJoin};
use capledger_schema::{Cause, Event, Subject};

use super::fetching::Availability;
use super::peer::Peer;
use super::session::{Asked, Joined, Phase, Request};
use super::{Ac, Key};
use crate::capwap::control::Message;
use crate::capwap::element::ResultCode;
use crate::capwap::particulars::{self, ReasonKind};

/// Seconds between two blocks to one WTP at least, if the ceiling is shared evenly: it would give up after some more.
const BLOCK_PATIENCE: u64 = 5;

impl Ac {
    /// Looks at every WTP that waits for an image while it serves.
    pub(super) fn pursue_fleet(&mut self) {
        let hungry: Vec<_> = self.hungry.iter().copied().collect();
        for peer in hungry {
            self.pursue_wtp(peer);
        }
    }

    /// Looks at those of one family: its fetch has ended.
    pub(super) fn pursue_family(&mut self, family: &ImageFamily) {
        let of_family = |peer: &&Peer| {
            let joined = self.sessions.get(peer).and_then(|s| s.joined.as_ref());
            joined.is_some_and(|j| j.family.as_ref() == Some(family))
        };
        let hungry: Vec<_> = self.hungry.iter().filter(of_family).copied().collect();
        for peer in hungry {
            self.pursue_wtp(peer);
        }
    }

    /// Takes one WTP the next step towards the image that it is to have.
    pub(super) fn pursue_wtp(&mut self, peer: Peer) {
        let Some(session) = self.sessions.get(&peer).filter(|s| s.phase == Phase::Run) else { return };
        let Some(joined) = session.joined.clone() else { return };
        let Some(wtp) = self.book.state.fleet.wtps.get(&joined.address.id) else { return };
        let Some(family) = joined.family.clone() else { return };
        if self.is_paused(&joined.address.id) {
            return;
        }
        match wtp.image.clone() {
            ImageStatus::Initiated { version, mode: DownloadMode::Predownload, .. } => {
                match self.availability(&family, version) {
                    Availability::Cached(_) => self.scheduler.line_up(peer, &wtp.inventory.location),
                    Availability::Fetchable | Availability::HeldBack => {
                        self.pursue_image(&family, version, &Cause::Timer);
                    }
                    Availability::NoSource => {}
                }
            }
            ImageStatus::None if joined.deferred => self.choose(peer, &joined),
            // The controller was to reset it and did not come to it.
            ImageStatus::Complete { reset: true, version, .. }
                if self.goal(wtp) == Some(version) && !wtp.runs(version) && wtp.backup() == Some(version) =>
            {
                self.hungry.remove(&peer);
                self.request_reset(peer, Some(version), &Cause::Timer);
            }
            // Its image's fetch decides when: an operator may have corrected what kept it from coming.
            ImageStatus::Failed { kind: DownloadFailureKind::ImageUnavailable, next_retry: Some(_), .. } => {
                self.choose(peer, &joined);
            }
            ImageStatus::Failed { next_retry: Some(at), .. } => {
                if at <= self.book.clock() {
                    self.choose(peer, &joined);
                } else {
                    self.timers.set(Key::Hungry(peer), Some(self.book.mono_at(at)));
                }
            }
            ImageStatus::None
            | ImageStatus::Failed { next_retry: None, .. }
            | ImageStatus::Initiated { mode: DownloadMode::Join, .. }
            | ImageStatus::Moving { .. }
            | ImageStatus::Complete { .. } => {
                self.hungry.remove(&peer);
            }
        }
    }

    /// The version that a WTP is to hold by the controller's own doing.
    fn goal(&self, wtp: &Wtp) -> Option<ImageVersion> {
        let state = &self.book.state;
        match &wtp.image {
            // An operator asked for it; the retry is of the same.
            ImageStatus::Failed { version, mode: DownloadMode::Predownload, .. }
                if state.installs.staged == Some(*version) =>
            {
                Some(*version)
            }
            ImageStatus::None
            | ImageStatus::Initiated { .. }
            | ImageStatus::Moving { .. }
            | ImageStatus::Complete { .. }
            | ImageStatus::Failed { .. } => state.version_to_hold(&wtp.address.id, wtp.inventory.version),
        }
    }

    /// The turn of a WTP that waits for no order: it is chosen once its image is in the cache.
    fn choose(&mut self, peer: Peer, joined: &Joined) {
        let state = &self.book.state;
        let Some(wtp) = state.fleet.wtps.get(&joined.address.id) else { return };
        let Some((version, family)) = self.goal(wtp).zip(joined.family.clone()) else { return };
        if joined.version == Some(version) {
            self.hungry.remove(&peer);
            return;
        }
        if !matches!(self.availability(&family, version), Availability::Cached(_)) {
            self.pursue_image(&family, version, &Cause::Timer);
            return;
        }
        let intent = match &wtp.image {
            ImageStatus::Failed { mode: DownloadMode::Predownload, reset, .. } => *reset,
            ImageStatus::None
            | ImageStatus::Initiated { .. }
            | ImageStatus::Moving { .. }
            | ImageStatus::Complete { .. }
            | ImageStatus::Failed { .. } => state.config.image.join == ImageJoin::Immediate,
        };
        // A campaign resets its WTPs itself, when it is their turn.
        let reset = intent && state.campaigns.gives(&joined.address.id).is_none();
        let (wtp, site) = (joined.address.clone(), wtp.inventory.location.clone());
        let subject = Subject::Wtp(wtp.id.clone());
        self.book.record(Cause::Timer, subject, Event::PredownloadRequested { wtp, family, version, reset });
        self.scheduler.line_up(peer, &site);
    }

    /// Gives the places that are free to those in line.
    pub(super) fn fill_places(&mut self) {
        let limit = self.places();
        while let Some(peer) = self.scheduler.next(limit) {
            if !self.tell_to_ask(peer) {
                self.scheduler.leave(peer);
            }
        }
    }

    /// How many may be served at once: as configured, but no more than the ceiling on bandwidth keeps busy.
    fn places(&self) -> usize {
        let image = &self.book.state.config.image;
        let block = u64::from(self.book.state.config.capwap.block_size).max(1);
        let kept_busy = image.predownload_bandwidth.map(|mbps| u64::from(mbps) * 125_000 * BLOCK_PATIENCE / block);
        let limit = u64::from(image.predownload_limit).min(kept_busy.unwrap_or(u64::MAX)).max(1);
        usize::try_from(limit).unwrap_or(usize::MAX)
    }

    /// Configuration Update Request with the Image Identifier, unless what the WTP stood in line for has changed.
    fn tell_to_ask(&mut self, peer: Peer) -> bool {
        let Some(session) = self.sessions.get(&peer).filter(|s| s.phase == Phase::Run) else { return false };
        let Some(joined) = &session.joined else { return false };
        let (id, family) = (joined.address.id.clone(), joined.family.clone());
        let image = self.book.state.fleet.wtps.get(&id).map(|w| &w.image);
        let Some(ImageStatus::Initiated { version, mode: DownloadMode::Predownload, .. }) = image else { return false };
        let (Some(family), version) = (family, *version) else { return false };
        if self.is_paused(&id) || !matches!(self.availability(&family, version), Availability::Cached(_)) {
            return false;
        }
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.called_off = false;
        }
        self.ask(peer, Request::NameImage(family, version));
        true
    }

    /// The WTP answered that it will ask, that it has the image already (result code 17), or that it will not.
    pub(super) fn on_named(&mut self, peer: Peer, version: ImageVersion, message: &Message) {
        let due = self.book.now.mono + self.timer(CapwapTimer::ImageDataStart);
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        match message.result_code() {
            Some(ResultCode::ImageAlreadyPresent) => {
                let (cause, subject) = super::download::of(session);
                let Some(joined) = &session.joined else { return };
                let event = Event::PredownloadAlreadyPresent { wtp: joined.address.clone(), version };
                self.book.record(cause, subject, event);
                self.predownload_over(peer);
            }
            Some(_) | None if session.called_off => {}
            Some(code) if !code.is_success() => {
                let reason = particulars::find_reason(&message.elements);
                let no_room = reason.as_ref().is_some_and(|r| r.kind == ReasonKind::NoSpace);
                let told = reason.map(|r| r.words).filter(|w| !w.is_empty());
                let words = told.as_deref().unwrap_or(code.name());
                if no_room {
                    self.no_room(peer, version, words);
                } else {
                    self.withdraw(peer, words);
                }
            }
            // It may have asked already, before its answer came.
            Some(_) | None if session.transfer.as_ref().is_some_and(|t| !t.done) => {}
            Some(_) | None => session.ask_due = Some(due),
        }
    }

    /// A WTP that was told of an image does not ask for it: it is left as it is until an operator says otherwise.
    pub(super) fn withdraw(&mut self, peer: Peer, reason: &str) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        session.ask_due = None;
        let (cause, subject) = super::download::of(session);
        let Some(joined) = session.joined.as_mut() else { return };
        joined.deferred = false;
        let event = Event::PredownloadWithdrawn { wtp: joined.address.clone(), reason: reason.to_owned() };
        self.book.record(cause, subject, event);
        self.predownload_over(peer);
    }

    /// A WTP's place is free; it is reset if that was the intent and it holds the image.
    pub(super) fn predownload_over(&mut self, peer: Peer) {
        self.scheduler.leave(peer);
        let status = self
            .sessions
            .get(&peer)
            .and_then(|s| s.joined.as_ref())
            .and_then(|j| self.book.state.fleet.wtps.get(&j.address.id).map(|w| (w.image.clone(), w.session)));
        match status {
            Some((ImageStatus::Complete { reset: true, version, .. }, SessionState::Run(_))) => {
                self.hungry.remove(&peer);
                self.request_reset(peer, Some(version), &Cause::Timer);
            }
            Some((ImageStatus::Failed { next_retry: Some(_), .. }, _)) => {
                self.hungry.insert(peer);
                self.pursue_wtp(peer);
            }
            Some(_) | None => {
                self.hungry.remove(&peer);
            }
        }
    }

    /// Calls off what waits for a WTP, or moves to it.
    pub(super) fn abort_predownload(&mut self, wtp: &WtpAddress, reason: &str, cause: &Cause) {
        let status = self.book.state.fleet.wtps.get(&wtp.id).map(|w| w.image.clone());
        let peer = self.by_wtp.get(&wtp.id).copied();
        match (status, peer) {
            (Some(ImageStatus::Moving { .. }), Some(peer)) => {
                self.abort_transfer(peer, reason);
                self.scheduler.leave(peer);
                self.ask(peer, Request::Abort);
            }
            (Some(ImageStatus::Initiated { .. } | ImageStatus::Failed { next_retry: Some(_), .. }), peer) => {
                let event = Event::PredownloadWithdrawn { wtp: wtp.clone(), reason: reason.to_owned() };
                self.book.record(cause.clone(), Subject::Wtp(wtp.id.clone()), event);
                if let Some(peer) = peer {
                    self.untell(peer);
                }
            }
            (_, _) => {}
        }
        if let Some(peer) = peer {
            self.hungry.remove(&peer);
            if let Some(joined) = self.sessions.get_mut(&peer).and_then(|s| s.joined.as_mut()) {
                joined.deferred = false;
            }
        }
    }

    /// A WTP that was told of an image is not to have it; if it was told already, it will ask all the same.
    fn untell(&mut self, peer: Peer) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        session.called_off = session.ask_due.take().is_some() || matches!(session.asked, Some(Asked::NameImage(_)));
        session.queue.retain(|(_, r)| !matches!(r, Request::NameImage(..)));
        self.scheduler.leave(peer);
    }

    /// A WTP is to be given this version: what it was being given of another ends.
    pub(super) fn retract_other(&mut self, peer: Peer, version: ImageVersion) {
        let Some(session) = self.sessions.get(&peer) else { return };
        let Some(joined) = &session.joined else { return };
        let at_hand = self.book.state.fleet.wtps.get(&joined.address.id).and_then(|w| w.image.version());
        if at_hand.is_none_or(|v| v == version) {
            return;
        }
        if session.transfer.as_ref().is_some_and(|t| !t.done) {
            self.abort_transfer(peer, "another version is wanted");
            self.scheduler.leave(peer);
            self.ask(peer, Request::Abort);
        } else {
            self.untell(peer);
        }
    }

    /// Reset Request: the WTP restarts, into the image named if it holds it (RFC 5415 9.2).
    pub(super) fn request_reset(&mut self, peer: Peer, version: Option<ImageVersion>, cause: &Cause) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.queue.iter().any(|(_, r)| matches!(r, Request::Reset(_))) || session.phase != Phase::Run {
            return;
        }
        let Some(joined) = &session.joined else { return };
        let wtp = joined.address.clone();
        let (subject, id) = (Subject::Wtp(wtp.id.clone()), joined.session);
        self.book.record(cause.clone(), subject, Event::WtpResetRequested { session: id, wtp, version });
        let operator = matches!(cause, Cause::Operator { .. });
        session.reset_by = Some(operator);
        self.abort_transfer(peer, "the AP is reset");
        self.ask(peer, Request::Reset(version));
    }
}
