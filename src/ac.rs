//! The core: an AC in RFC 5415's words, as a function of its inputs.
//!
//! [`Ac::handle`] takes one [`Input`] and gives a [`Step`]: the facts that follow from it, and the effects that wait for
//! them. It never fails, calls no clock, opens no socket, spawns no task and reads no file; two cores that are given the
//! same inputs write the same ledger. Image octets never pass through it.
//!
//! ```text
//!                 Input                                   Step
//!   net, fetch ──────────▶  Ac  { Book: State + rules } ──────────▶ ledger, then Outbox ──▶ net, fetch
//! ```

mod bandwidth;
mod book;
mod campaign;
mod collecting;
mod commands;
mod configure;
mod data_transfer;
mod deadlines;
mod decide;
mod discovery;
mod download;
mod exchange;
mod fetching;
mod install;
mod io;
mod join;
mod messages;
mod outbox;
mod peer;
mod predownload;
mod preflight;
mod progress;
mod rtt;
mod scheduler;
mod serving;
mod session;
mod timers;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use capledger_schema::event::{DisjoinReason, RefusalReason, RejectedMessage};
use capledger_schema::failure::DownloadFailureKind;
use capledger_schema::id::{ControllerId, OperationId, Seq, Sha256, WtpId};
use capledger_schema::image::ImageFacts;
use capledger_schema::project::State;
use capledger_schema::setting::{CapwapTimer, Setting};
use capledger_schema::time::{Monotonic, Now};
use capledger_schema::{Cause, Event, Subject};

use bandwidth::Bucket;
use book::Book;
use campaign::Waits;
use exchange::Incoming;
use fetching::Fetching;
use preflight::Preflighting;
use scheduler::Scheduler;
use session::{Asked, Phase, Session};
use timers::Timers;

use crate::capwap::control::{Message, MessageType};
use crate::capwap::element::ResultCode;
use crate::capwap::fragment::{Limits, Reassembler};
use crate::capwap::header::Header;

pub use decide::{Decision, decide};
pub use io::{Accepted, CloseReason, Effect, FetchOrder, Held, Input, Login, Mark, Step, Ticket};
pub use outbox::Outbox;
pub use peer::{Identity, Peer, Trust};
pub use serving::ServeNews;

/// Messages in fragments that may be incomplete at once, of all peers together.
const FRAGMENT_SETS: usize = 1024;

/// Where the core's few random choices come from: the controller's id at its first start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

/// What has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Session(Peer),
    Hungry(Peer),
    Families,
    Preflight,
    Campaign,
    AutoAbort,
    Bandwidth,
}

/// Whether the shell has a cached image open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    Loading,
    Ready,
}

/// When this process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Life {
    begun: Seq,
    since: Monotonic,
}

/// What is counted and not recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams and messages that could not be read.
    pub malformed: u64,
    /// Messages with an old sequence number, or a response to nothing.
    pub stale: u64,
    /// Messages of a peer that has no session.
    pub strangers: u64,
    /// Discovery Requests.
    pub discoveries: u64,
    /// WTPs turned away.
    pub refused: u64,
    /// Fragments dropped at a limit.
    pub fragments: u64,
}

/// The controller.
#[derive(Debug)]
pub struct Ac {
    book: Book,
    seed: Seed,
    sessions: BTreeMap<Peer, Session>,
    by_wtp: BTreeMap<WtpId, Peer>,
    by_capwap_id: BTreeMap<Vec<u8>, Peer>,
    /// WTPs in Run that wait for an image.
    hungry: BTreeSet<Peer>,
    /// Those of them whose image is there: in line for a place, or at one.
    scheduler: Scheduler,
    bucket: Bucket,
    images: BTreeMap<Sha256, Readiness>,
    fetches: BTreeMap<OperationId, Fetching>,
    preflight: Option<Preflighting>,
    waits: Waits,
    life: Life,
    /// The `install add profile` that runs.
    staging: Option<install::Staging>,
    /// Transfers of the embedded image servers, by the shell's numbers.
    servings: BTreeMap<u64, serving::Serving>,
    timers: Timers<Key>,
    fragments: Reassembler<Peer>,
    discovered: discovery::Seen,
    refusals: discovery::Rate,
    counters: Counters,
    stopping: bool,
}

impl Ac {
    /// A core over the folded state of its ledger.
    pub fn new(seed: Seed, state: State) -> Self {
        Ac {
            book: Book::new(state),
            seed,
            sessions: BTreeMap::new(),
            by_wtp: BTreeMap::new(),
            by_capwap_id: BTreeMap::new(),
            hungry: BTreeSet::new(),
            scheduler: Scheduler::default(),
            bucket: Bucket::default(),
            images: BTreeMap::new(),
            fetches: BTreeMap::new(),
            preflight: None,
            waits: Waits::default(),
            life: Life::default(),
            staging: None,
            servings: BTreeMap::new(),
            timers: Timers::new(),
            fragments: Reassembler::new(Limits { sets: FRAGMENT_SETS, ..Limits::default() }),
            discovered: discovery::Seen::default(),
            refusals: discovery::Rate::default(),
            counters: Counters::default(),
            stopping: false,
        }
    }

    /// The fold of every envelope handed out so far.
    pub fn state(&self) -> &State {
        &self.book.state
    }

    /// What was counted and not recorded.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Monotonic> {
        self.timers.first()
    }

    /// Takes one input in. `now` never goes back in its monotonic half.
    pub fn handle(&mut self, now: Now, input: Input) -> Step {
        self.book.begin(now);
        match input {
            Input::Start { software, changes, adopted, missing } => self.start(software, changes, adopted, missing),
            Input::Clear { from, local, bytes } => self.on_clear(from, local, &bytes),
            Input::Connected { peer, local, identity } => self.on_connected(peer, local, identity),
            Input::Message { peer, bytes } => self.on_datagram(peer, &bytes),
            Input::Data { from, local, bytes } => self.on_data(from, local, &bytes),
            Input::Sent { peer, mark } => self.on_sent(peer, mark),
            Input::Closed { peer, why } => self.on_closed(peer, why),
            Input::Command { command, user, from, ticket } => self.on_command(command, user, from, ticket),
            Input::Fetch(report) => self.on_fetch(report),
            Input::Serve(news) => self.on_serve(news),
            Input::Loaded { sha256, result } => self.on_loaded(sha256, result),
            Input::Damaged { sha256, words } => self.on_damaged(sha256, &words),
            Input::HandshakeFailed { from, words } => self.refuse(from, None, RefusalReason::HandshakeFailed, words),
            Input::LimitReached { limit, value } => {
                let event = Event::LimitReached { limit: limit.to_owned(), value };
                self.book.record(Cause::Timer, Subject::Controller, event);
            }
            Input::Collector { host, failure } => self.on_collector(host, failure),
            Input::DiskFree { octets } => self.on_disk_free(octets),
            Input::Tick => {}
        }
        self.run_timers();
        self.pursue_campaign();
        self.fill_places();
        self.book.end()
    }

    fn start(&mut self, software: String, changes: Vec<Setting>, adopted: bool, missing: Vec<ImageFacts>) {
        self.life = Life { begun: self.book.next(), since: self.book.now.mono };
        let known = self.book.state.controller.id;
        let controller = if known == ControllerId(0) { ControllerId(self.seed.0.max(1)) } else { known };
        self.book.record(Cause::Start, Subject::Controller, Event::ControllerStarted { controller, software });
        if adopted || !changes.is_empty() {
            let event = Event::ConfigurationChanged { changes, startup: true };
            self.book.record(Cause::Start, Subject::Config, event);
        }
        for image in missing {
            let event = Event::ImageRemoved { image, reason: "not in the cache any more".to_owned() };
            self.book.record(Cause::Start, Subject::Controller, event);
        }
        self.campaign_due();
        self.arm_auto_abort();
        if !self.book.state.config.serve.listen.is_empty() {
            self.serve_images();
        }
    }

    fn on_connected(&mut self, peer: Peer, local: SocketAddr, identity: Identity) {
        if self.stopping {
            self.book.effect(Effect::Close { peer });
            return;
        }
        let now = self.book.now.mono;
        let due = now + self.timer(CapwapTimer::WaitJoin);
        self.sessions.insert(peer, Session::new(peer, local, identity, now, due));
        self.arm(peer);
    }

    /// A decrypted datagram: reassemble, parse, and hand on as a request or a response.
    fn on_datagram(&mut self, peer: Peer, bytes: &[u8]) {
        let now = self.book.now.mono;
        let Some(session) = self.sessions.get_mut(&peer) else {
            self.counters.strangers += 1;
            return;
        };
        session.last_heard = now;
        let Ok((header, payload)) = Header::parse(bytes) else {
            self.counters.malformed += 1;
            return;
        };
        let payload = match self.fragments.push(&peer, &header, payload, now) {
            Ok(Some(payload)) => payload,
            Ok(None) => return,
            Err(_) => {
                self.counters.fragments += 1;
                return;
            }
        };
        match Message::parse(&payload) {
            Ok(message) if message.is_request() => self.on_request(peer, &message),
            Ok(message) => self.on_response(peer, &message),
            Err(_) => self.counters.malformed += 1,
        }
        self.arm(peer);
    }

    fn on_request(&mut self, peer: Peer, message: &Message) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        match session.exchange.incoming(message.seq) {
            Incoming::New => {}
            Incoming::Repeat(bytes) => {
                self.book.effect(Effect::Send { peer, bytes, mark: Mark::None });
                return;
            }
            Incoming::Drop => {
                self.counters.stale += 1;
                return;
            }
        }
        session.exchange.keep(message.seq, None, false);
        let phase = session.phase;
        match (message.message_type, phase) {
            (MessageType::JoinRequest, Phase::Join) => self.on_join_request(peer, message),
            // Nothing else is understood of a peer that has not joined.
            (_, Phase::Join) => self.counters.strangers += 1,
            (MessageType::EchoRequest, _) => {
                let response = messages::echo_response(message.seq);
                self.respond(peer, response, message.seq);
            }
            (MessageType::ImageDataRequest, _) => self.on_image_data_request(peer, message),
            (MessageType::ConfigurationStatusRequest, Phase::Joined | Phase::Configure) => {
                self.on_configuration_status(peer, message);
            }
            (MessageType::ChangeStateEventRequest, Phase::Configure | Phase::DataCheck | Phase::Run) => {
                self.on_change_state(peer, message);
            }
            (MessageType::WtpEventRequest, _) => {
                self.respond(peer, messages::wtp_event_response(message.seq), message.seq);
            }
            (MessageType::DataTransferRequest, Phase::Run | Phase::Configure | Phase::DataCheck) => {
                self.on_data_transfer(peer, message);
            }
            (MessageType::Unknown(_), _) => self.reject(peer, message, ResultCode::UnrecognizedRequest),
            (_, _) => self.reject(peer, message, ResultCode::UnexpectedInState),
        }
    }

    fn on_response(&mut self, peer: Peer, message: &Message) {
        let now = self.book.now.mono;
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if !session.exchange.answered(message.seq, message.message_type, now, &mut session.rtt) {
            self.counters.stale += 1;
            return;
        }
        let Some(asked) = session.asked.take() else { return };
        match asked {
            Asked::NameImage(version) => {
                self.on_named(peer, version, message);
            }
            Asked::Reset => {
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.phase = Phase::Reset;
                }
            }
            Asked::Digests(operation) => self.on_image_data_response(peer, message, operation, None),
            Asked::Block(operation, len) => self.on_image_data_response(peer, message, operation, Some(len)),
            Asked::Abort => {}
        }
        self.pump(peer);
    }

    /// Answers a request; the answer is kept for its repetition.
    fn respond(&mut self, peer: Peer, bytes: Bytes, seq: u8) {
        self.book.effect(Effect::Send { peer, bytes: bytes.clone(), mark: Mark::Response(seq) });
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.exchange.keep(seq, Some(bytes), true);
        }
    }

    /// Answers a request that is not served, and records it once per session and type.
    fn reject(&mut self, peer: Peer, message: &Message, code: ResultCode) {
        self.record_rejected(peer, message, message.message_type.to_string(), code);
        if let Some(response) = messages::result_response(message, code) {
            self.respond(peer, response, message.seq);
        }
    }

    fn record_rejected(&mut self, peer: Peer, message: &Message, what: String, code: ResultCode) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.rejected.len() < 64 && session.rejected.insert(message.message_type.code()) {
            let (cause, subject) = download::of(session);
            let event = Event::WtpMessageRejected(RejectedMessage {
                session: session.id(),
                message: what,
                state: session.phase.name().to_owned(),
                result: Some(code.code()),
            });
            self.book.record(cause, subject, event);
        }
    }

    fn on_sent(&mut self, peer: Peer, mark: Mark) {
        let now = self.book.now.mono;
        let patience = self.patience();
        if let Some(session) = self.sessions.get_mut(&peer) {
            session.exchange.sent(mark, now, &patience, &session.rtt);
            self.arm(peer);
        }
    }

    fn on_closed(&mut self, peer: Peer, why: CloseReason) {
        let reason = match why {
            CloseReason::ByPeer | CloseReason::Error => DisjoinReason::DtlsClosed,
            CloseReason::Replaced => DisjoinReason::ReplacedByNewerSession,
        };
        self.end_session(peer, reason);
    }

    /// Ends a session: what it was in the middle of says more than how its channel closed.
    fn end_session(&mut self, peer: Peer, reason: DisjoinReason) {
        let Some(session) = self.sessions.get(&peer) else { return };
        let done = session.transfer.as_ref().is_some_and(|t| t.done);
        let reason = match session.phase {
            Phase::ImageDone => DisjoinReason::ImageDownloadSuccess,
            Phase::ImageData => DisjoinReason::ImageDownloadFailed,
            Phase::Reset => match session.reset_by {
                Some(true) => DisjoinReason::ResetByOperator,
                Some(false) | None => DisjoinReason::ResetByController,
            },
            Phase::Join | Phase::Joined | Phase::Configure | Phase::DataCheck | Phase::Run => reason,
        };
        if let (false, Some(transfer)) = (done, &session.transfer) {
            let (kind, words) = if transfer.image.is_none() {
                (DownloadFailureKind::ImageUnavailable, self.why_unavailable(&transfer.family.clone()))
            } else if reason == DisjoinReason::RetransmitLimit {
                (DownloadFailureKind::TimedOut, "the AP stopped answering".to_owned())
            } else {
                (DownloadFailureKind::SessionLost, "the AP's session ended in mid-download".to_owned())
            };
            self.fail_transfer(peer, kind, &words);
        }
        let Some(session) = self.sessions.get(&peer) else { return };
        if let Some(joined) = session.joined.clone() {
            let (_, subject) = download::of(session);
            let event = Event::WtpDisjoined { session: joined.session, wtp: joined.address, reason };
            self.book.record(Cause::Wtp(joined.session), subject, event);
        }
        self.drop_session(peer);
    }

    fn why_unavailable(&self, family: &capledger_schema::image::ImageFamily) -> String {
        match self.book.state.installs.families.get(family) {
            Some(f) if f.running.is_some() => "the image was still being fetched".to_owned(),
            Some(f) => f.last.as_ref().map_or_else(|| "no image".to_owned(), |(failure, _)| failure.to_string()),
            None => "no image, and nowhere to fetch it from".to_owned(),
        }
    }

    fn drop_session(&mut self, peer: Peer) {
        if let Some(session) = self.sessions.remove(&peer)
            && let Some(joined) = session.joined
        {
            self.by_wtp.forget(&joined.address.id, peer);
            self.by_capwap_id.forget(&joined.capwap_id, peer);
        }
        self.hungry.remove(&peer);
        self.scheduler.leave(peer);
        self.bucket.leave(peer);
        self.fragments.forget(&peer);
        self.timers.set(Key::Session(peer), None);
        self.timers.set(Key::Hungry(peer), None);
        self.book.effect(Effect::Close { peer });
    }
}

/// Removal of an index entry only while it still points at the session that ends.
trait Forget<K> {
    fn forget(&mut self, key: &K, peer: Peer);
}

impl<K: Ord> Forget<K> for BTreeMap<K, Peer> {
    fn forget(&mut self, key: &K, peer: Peer) {
        if self.get(key) == Some(&peer) {
            self.remove(key);
        }
    }
}
