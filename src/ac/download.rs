//! An image to a WTP over CAPWAP (RFC 5415 section 9.1): stop and wait, one block per Image Data Request.

use std::time::Duration;

use capledger_schema::event::{DisjoinReason, DownloadMethod, DownloadMode};
use capledger_schema::failure::DownloadFailureKind;
use capledger_schema::id::OperationId;
use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::time::Timestamp;
use capledger_schema::{Cause, Event, Subject};

use super::fetching::{Availability, back_off};
use super::io::{Effect, Mark};
use super::peer::Peer;
use super::session::{Asked, Joined, Phase, Request, Session, Transfer};
use super::{Ac, Key, Readiness, messages};
use crate::capwap::control::{Message, MessageType};
use crate::capwap::dialect;
use crate::capwap::element::{ImageDataOpcode, ResultCode};
use crate::capwap::particulars::{self, ReasonKind};
use crate::image::family::family_named;

/// Lost sessions, and vain waits for a fetch, that are taken for bad luck before a WTP is let in with what it has.
pub(super) const LUCKLESS_TRIES: u32 = 3;

impl Ac {
    /// The WTP asks for an image, or gives one up.
    pub(super) fn on_image_data_request(&mut self, peer: Peer, message: &Message) {
        let Some(session) = self.sessions.get(&peer) else { return };
        let Some(joined) = session.joined.clone() else { return };
        if message.image_data().is_some_and(|d| d.opcode == ImageDataOpcode::Abort) {
            self.respond(
                peer,
                messages::image_data_response(message.seq, ResultCode::Success, None, false),
                message.seq,
            );
            self.fail_transfer(peer, DownloadFailureKind::Rejected, "the AP aborted the download");
            return;
        }
        let mode = match session.phase {
            Phase::Joined | Phase::ImageData => DownloadMode::Join,
            Phase::Run => DownloadMode::Predownload,
            Phase::Join | Phase::ImageDone | Phase::Configure | Phase::DataCheck | Phase::Reset => {
                self.reject(peer, message, ResultCode::UnexpectedInState);
                return;
            }
        };
        let wanted = match mode {
            DownloadMode::Join => {
                joined.offered.or_else(|| self.book.state.version_to_run(&joined.address.id, joined.version))
            }
            // It was told to ask and is not to have it after all.
            DownloadMode::Predownload if session.called_off => None,
            DownloadMode::Predownload => self.wanted_predownload(&joined),
        };
        let Some(version) = wanted else {
            self.reject(peer, message, ResultCode::ImageOtherError);
            return;
        };
        let Some(family) = self.asked_family(&joined, message) else {
            self.reject_name(peer, &joined, message);
            return;
        };
        // It was told of another one before; it is told again of the one that it is to have.
        let named = messages::named_version(message);
        if mode == DownloadMode::Predownload && named.is_some_and(|named| named != version) {
            self.reject(peer, message, ResultCode::ImageOtherError);
            return;
        }
        if session.transfer.as_ref().is_some_and(|t| !t.done) {
            self.abort_transfer(peer, "the AP asked anew");
        }
        let cached = match self.availability(&family, version) {
            Availability::Cached(image) => Some(image),
            Availability::Fetchable | Availability::HeldBack | Availability::NoSource => None,
        };
        let operation = OperationId(self.book.next().0);
        let event = Event::ImageDownloadStarted {
            operation,
            session: joined.session,
            wtp: joined.address.clone(),
            mode,
            method: DownloadMethod::Capwap,
            family: family.clone(),
            from: joined.version,
            to: version,
            octets: cached.as_ref().map(|i| i.octets),
        };
        self.book.record(Cause::Wtp(joined.session), Subject::Wtp(joined.address.id.clone()), event);
        let response = messages::image_data_response(message.seq, ResultCode::Success, cached.as_ref(), joined.digests);
        self.respond(peer, response, message.seq);
        let (block, now) = (self.book.state.config.capwap.block_size, self.book.now.mono);
        let transfer = Transfer::new(operation, mode, (family.clone(), version), cached.clone(), block, now);
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.transfer = Some(transfer);
            session.ask_due = None;
            if let Some(joined) = &mut session.joined {
                joined.family = Some(family.clone());
            }
            if mode == DownloadMode::Join {
                session.phase = Phase::ImageData;
                session.phase_due = None;
            }
        }
        match cached {
            Some(image) => {
                self.load(&image);
                self.start_if_ready(peer);
            }
            None => self.pursue_image(&family, version, &Cause::Wtp(joined.session)),
        }
    }

    /// The family of the image that a WTP asks for: by the name that it asks by, which need not be the one that it was
    /// told, else by its model.
    fn asked_family(&self, joined: &Joined, message: &Message) -> Option<ImageFamily> {
        let named = dialect::image_name(message).and_then(|name| family_named(&self.book.state, &name));
        named.or_else(|| joined.family.clone())
    }

    /// It asks for an image that nobody knows, and its model tells no more: an operator can.
    fn reject_name(&mut self, peer: Peer, joined: &Joined, message: &Message) {
        let name = dialect::image_name(message).unwrap_or_default();
        let words = if name.is_empty() {
            let model = self.book.state.fleet.wtps.get(&joined.address.id).map(|w| w.inventory.model.clone());
            format!("its model is not known; see `ap image map {} FAMILY`", model.unwrap_or_default())
        } else {
            format!("no image is known by `{name}`; see `ap image alias {name} FAMILY`")
        };
        let code = ResultCode::ImageOtherError;
        self.record_rejected(peer, message, format!("{}: {words}", message.message_type), code);
        self.respond(peer, messages::image_refusal(message.seq, code, &words), message.seq);
    }

    fn wanted_predownload(&self, joined: &Joined) -> Option<ImageVersion> {
        let wtp = self.book.state.fleet.wtps.get(&joined.address.id)?;
        wtp.image.version().or_else(|| self.book.state.version_to_hold(&joined.address.id, joined.version))
    }

    /// Lets the first block go once the shell has the image open.
    pub(super) fn start_if_ready(&mut self, peer: Peer) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let Some(transfer) = session.transfer.as_mut().filter(|t| !t.ready) else { return };
        let Some(image) = transfer.image.as_ref() else { return };
        if self.images.get(&image.sha256) != Some(&Readiness::Ready) {
            return;
        }
        transfer.ready = true;
        if !transfer.announced && session.joined.as_ref().is_some_and(|j| j.digests) {
            let request = Request::Digests(image.clone());
            return self.ask(peer, request);
        }
        self.pump(peer);
    }

    /// Sends a request as soon as those before it are answered and what it follows from is durable.
    pub(super) fn ask(&mut self, peer: Peer, request: Request) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        session.queue.push_back((self.book.state.seq, request));
        self.pump(peer);
    }

    /// Sends the session's next request, if none is outstanding: what is queued first, then the next block.
    pub(super) fn pump(&mut self, peer: Peer) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.exchange.busy() {
            return;
        }
        let seq = session.exchange.next_seq();
        if let Some((event, request)) = session.queue.pop_front() {
            let (bytes, response, asked) = match request {
                Request::NameImage(family, version) => (
                    messages::configuration_update_request(seq, &family, version),
                    MessageType::ConfigurationUpdateResponse,
                    Asked::NameImage(version),
                ),
                Request::Reset(version) => {
                    let family = session.joined.as_ref().and_then(|j| j.family.as_ref());
                    let named = family.zip(version);
                    (messages::reset_request(seq, named), MessageType::ResetResponse, Asked::Reset)
                }
                Request::Digests(image) => {
                    let operation = session.transfer.as_ref().map_or(OperationId(0), |t| t.operation);
                    let bytes = messages::image_digests_request(seq, &image);
                    (bytes, MessageType::ImageDataResponse, Asked::Digests(operation))
                }
                Request::Abort => {
                    let bytes = messages::image_block_prefix(seq, ImageDataOpcode::Abort, 0);
                    (bytes, MessageType::ImageDataResponse, Asked::Abort)
                }
            };
            let effect = Effect::Send { peer, bytes, mark: Mark::Request(seq) };
            session.asked = Some(asked);
            session.exchange.begin(response, effect.clone(), false);
            self.book.effect_after(event, effect);
            return;
        }
        let now = self.book.now.mono;
        let ceiling = self.book.state.config.image.predownload_bandwidth;
        if let (Some(len), Some(mbps)) = (next_length(session), ceiling)
            && !self.bucket.take(peer, len, now, mbps)
        {
            self.timers.set(Key::Bandwidth, self.bucket.due(mbps));
            return;
        }
        if let Some((effect, operation, len)) = next_block(session, now) {
            session.asked = Some(Asked::Block(operation, len));
            session.exchange.begin(MessageType::ImageDataResponse, effect.clone(), true);
            self.book.effect(effect);
        }
    }

    /// Lets blocks go that waited for the ceiling on bandwidth, as far as it allows, or all if it was lifted.
    pub(super) fn let_blocks_go(&mut self) {
        let now = self.book.now.mono;
        while let Some(peer) = self.bucket.first() {
            let ceiling = self.book.state.config.image.predownload_bandwidth;
            let due = ceiling.and_then(|mbps| self.bucket.due(mbps));
            if let Some(due) = due.filter(|due| *due > now) {
                self.timers.set(Key::Bandwidth, Some(due));
                return;
            }
            self.pump(peer);
            if self.bucket.first() == Some(peer) {
                self.bucket.leave(peer); // It has no block to send any more, or needs no tokens.
            }
            self.arm(peer);
        }
        self.timers.set(Key::Bandwidth, None);
    }

    /// The WTP answered an Image Data Request of ours: a block, or the digests before the first.
    pub(super) fn on_image_data_response(
        &mut self,
        peer: Peer,
        message: &Message,
        operation: OperationId,
        block: Option<u16>,
    ) {
        let code = message.result_code();
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        // The download that it belongs to may be over, and another one begun.
        let Some(transfer) = session.transfer.as_mut().filter(|t| t.operation == operation) else { return };
        if !matches!(code, None | Some(ResultCode::Success)) {
            let (kind, words) = rejection(code.unwrap_or(ResultCode::Success), message);
            let at_join = session.phase == Phase::ImageData;
            self.fail_transfer(peer, kind, &words);
            if at_join {
                self.end_session(peer, DisjoinReason::ImageDownloadFailed);
            }
            return;
        }
        let Some(len) = block else { return };
        let Some(total) = transfer.image.as_ref().map(|i| i.octets) else { return };
        transfer.acknowledged += u64::from(len);
        transfer.messages += 1;
        transfer.last = len;
        if transfer.acknowledged >= total {
            self.complete_transfer(peer);
        } else if transfer.marks.due(self.book.now.mono, transfer.acknowledged, Some(total)) {
            let (operation, octets, repeats) = (transfer.operation, transfer.acknowledged, transfer.repeats());
            let (cause, subject) = of(session);
            if let Some(repeats) = repeats {
                self.book.record(cause.clone(), subject.clone(), repeats);
            }
            self.book.record(cause, subject, Event::ImageDownloadProgressed { operation, octets, total });
        }
    }

    fn complete_transfer(&mut self, peer: Peer) {
        let now = self.book.now.mono;
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let (cause, subject) = of(session);
        let Some(joined) = &session.joined else { return };
        let Some(transfer) = session.transfer.as_mut() else { return };
        let Some(image) = transfer.image.clone() else { return };
        transfer.done = true;
        let duration = transfer.began.map_or(0, |b| now.0.saturating_sub(b.0));
        let event = Event::ImageDownloadCompleted {
            operation: transfer.operation,
            wtp: joined.address.clone(),
            image,
            messages: transfer.messages,
            last: transfer.last,
            duration_us: duration,
            retransmissions: transfer.retransmissions,
        };
        let mode = transfer.mode;
        self.book.record(cause, subject, event);
        match mode {
            DownloadMode::Join => {
                session.phase = Phase::ImageDone;
                // It resets by itself. One that does not is found by the dead interval.
                session.phase_due = None;
            }
            DownloadMode::Predownload => self.predownload_over(peer),
        }
    }

    /// A WTP without room for the image that it was told of says so before it asks for it: a try that failed before its
    /// first octet.
    pub(super) fn no_room(&mut self, peer: Peer, version: ImageVersion, words: &str) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let Some((joined, family)) = session.joined.as_ref().and_then(|j| Some((j, j.family.clone()?))) else { return };
        let (operation, mode) = (OperationId(self.book.next().0), DownloadMode::Predownload);
        let event = Event::ImageDownloadStarted {
            operation,
            session: joined.session,
            wtp: joined.address.clone(),
            mode,
            method: DownloadMethod::Capwap,
            family: family.clone(),
            from: joined.version,
            to: version,
            octets: None,
        };
        let (cause, subject) = of(session);
        self.book.record(cause, subject, event);
        let (block, now) = (self.book.state.config.capwap.block_size, self.book.now.mono);
        session.transfer = Some(Transfer::new(operation, mode, (family, version), None, block, now));
        session.ask_due = None;
        self.fail_transfer(peer, DownloadFailureKind::FlashFull, words);
    }

    /// Ends a transfer that cannot go on. The session stands.
    pub(super) fn fail_transfer(&mut self, peer: Peer, kind: DownloadFailureKind, words: &str) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let Some(mut transfer) = session.transfer.take() else { return };
        if transfer.done {
            return;
        }
        let (cause, subject) = of(session);
        let Some(joined) = &session.joined else { return };
        let wtp = joined.address.clone();
        let tries = self.book.state.fleet.wtps.get(&wtp.id).map_or(0, |w| w.image.tries()) + 1;
        let next_retry = self.next_retry(transfer.mode, kind, tries, &transfer);
        if let Some(repeats) = transfer.repeats() {
            self.book.record(cause.clone(), subject.clone(), repeats);
        }
        let event = Event::ImageDownloadFailed {
            operation: transfer.operation,
            wtp,
            kind,
            words: capledger_schema::failure::clip(words.to_owned()),
            octets: transfer.acknowledged,
            tries,
            next_retry,
        };
        let mode = transfer.mode;
        self.book.record(cause, subject, event);
        if mode == DownloadMode::Predownload {
            self.predownload_over(peer);
        }
    }

    fn next_retry(&self, mode: DownloadMode, kind: DownloadFailureKind, tries: u32, t: &Transfer) -> Option<Timestamp> {
        let (delay, max_tries) = (self.retry_delay(tries), self.book.state.config.image.max_tries);
        match kind {
            // Not the WTP's doing: it never uses up its tries, and what becomes of the family's fetch decides.
            DownloadFailureKind::ImageUnavailable => {
                let now = self.book.clock();
                match self.book.state.installs.families.get(&t.family) {
                    // It comes back and waits for it again, until that has cost its clients enough.
                    Some(f) if f.running.is_some() && tries < LUCKLESS_TRIES => Some(now),
                    Some(f) if f.running.is_some() => Some(now + delay),
                    f => Some(f.and_then(|f| f.next_try).unwrap_or(now)),
                }
            }
            DownloadFailureKind::SessionLost
            | DownloadFailureKind::TimedOut
            | DownloadFailureKind::Rejected
            | DownloadFailureKind::DigestMismatch
            | DownloadFailureKind::FlashFull
            | DownloadFailureKind::CacheDamaged
            | DownloadFailureKind::VerificationFailed
            | DownloadFailureKind::NotTaken
                if tries >= max_tries =>
            {
                None
            }
            // A WTP that lost its session at join comes back and asks again: that is the retry.
            DownloadFailureKind::SessionLost | DownloadFailureKind::TimedOut
                if mode == DownloadMode::Join && tries < LUCKLESS_TRIES =>
            {
                Some(self.book.clock())
            }
            DownloadFailureKind::SessionLost
            | DownloadFailureKind::TimedOut
            | DownloadFailureKind::Rejected
            | DownloadFailureKind::DigestMismatch
            | DownloadFailureKind::FlashFull
            | DownloadFailureKind::CacheDamaged
            | DownloadFailureKind::VerificationFailed
            | DownloadFailureKind::NotTaken => Some(self.book.clock() + delay),
        }
    }

    /// How long after so many failed tries the next one comes.
    pub(super) fn retry_delay(&self, tries: u32) -> Duration {
        back_off(self.book.state.config.image.retry_delay, tries.saturating_sub(1))
    }

    pub(super) fn abort_transfer(&mut self, peer: Peer, reason: &str) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let Some(mut transfer) = session.transfer.take().filter(|t| !t.done) else { return };
        let (cause, subject) = of(session);
        let Some(joined) = &session.joined else { return };
        if let Some(repeats) = transfer.repeats() {
            self.book.record(cause.clone(), subject.clone(), repeats);
        }
        let event = Event::ImageDownloadAborted {
            operation: transfer.operation,
            wtp: joined.address.clone(),
            reason: reason.to_owned(),
            octets: transfer.acknowledged,
        };
        self.book.record(cause, subject, event);
    }
}

/// The cause and the subject of what a session's WTP did.
pub(super) fn of(session: &Session) -> (Cause, Subject) {
    let subject = session.joined.as_ref().map_or(Subject::Controller, |j| Subject::Wtp(j.address.id.clone()));
    (Cause::Wtp(session.id()), subject)
}

/// How long the next block is, if it is one of a predownload and can go out.
fn next_length(session: &Session) -> Option<u16> {
    let transfer = session.transfer.as_ref()?;
    if transfer.mode != DownloadMode::Predownload || !transfer.ready || transfer.done {
        return None;
    }
    let left = transfer.image.as_ref()?.octets - transfer.acknowledged;
    Some(u16::try_from(left).map_or(transfer.block, |left| left.min(transfer.block)))
}

fn next_block(session: &mut Session, now: capledger_schema::time::Monotonic) -> Option<(Effect, OperationId, u16)> {
    let seq = session.exchange.next_seq();
    let transfer = session.transfer.as_mut().filter(|t| t.ready && !t.done)?;
    let image = transfer.image.as_ref()?;
    transfer.began.get_or_insert(now);
    let left = image.octets - transfer.acknowledged;
    let len = u16::try_from(left).map_or(transfer.block, |left| left.min(transfer.block));
    let opcode = if u64::from(len) == left { ImageDataOpcode::Last } else { ImageDataOpcode::Data };
    let effect = Effect::SendBlock {
        peer: session.peer,
        prefix: messages::image_block_prefix(seq, opcode, len),
        image: image.sha256,
        offset: transfer.acknowledged,
        len,
        mark: Mark::Request(seq),
    };
    Some((effect, transfer.operation, len))
}

/// What a WTP's error code says about a block (RFC 5415 4.6.35), and why, where the WTP tells it.
fn rejection(code: ResultCode, response: &Message) -> (DownloadFailureKind, String) {
    let reason = particulars::find_reason(&response.elements);
    let kind = if code == ResultCode::ImageInvalidChecksum {
        DownloadFailureKind::DigestMismatch
    } else {
        match reason.as_ref().map(|r| r.kind) {
            Some(ReasonKind::NoSpace) => DownloadFailureKind::FlashFull,
            Some(ReasonKind::Verification) => DownloadFailureKind::VerificationFailed,
            Some(ReasonKind::Other | ReasonKind::Unknown(_)) | None => DownloadFailureKind::Rejected,
        }
    };
    let words = format!("result code {}: {}", code.code(), code.name());
    match reason.filter(|r| !r.words.is_empty()) {
        Some(reason) => (kind, format!("{} ({words})", reason.words)),
        None => (kind, words),
    }
}
