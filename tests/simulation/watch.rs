//! The watch over one controller: what every step of it, and everything that leaves it, must keep to.
//!
//! The barriers that the core gave are noted when a step is made and held against the durable ledger when the effect
//! leaves; and what an effect says is held against the facts that it follows from, whatever its barrier was.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use capledger::ac::{Ac, Effect, Held, Peer, Step, Ticket};
use capledger::capwap::MessageType;
use capledger_schema::id::{Seq, SessionId, WtpId};
use capledger_schema::project::{Projection, State};
use capledger_schema::{Envelope, Event};

use crate::share::Ledgered;
use crate::story::Story;
use crate::wire::{Peek, succeeds};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Peer(Peer),
    Address(SocketAddr),
    Ticket(Ticket),
    Work,
}

fn lane(effect: &Effect) -> Lane {
    match effect {
        Effect::Send { peer, .. } | Effect::SendBlock { peer, .. } | Effect::Close { peer } => Lane::Peer(*peer),
        Effect::SendClear { to, .. } | Effect::SendData { to, .. } => Lane::Address(*to),
        Effect::Reply { ticket, .. } => Lane::Ticket(*ticket),
        Effect::StartFetch(_)
        | Effect::CancelFetch { .. }
        | Effect::AskDisk
        | Effect::Load { .. }
        | Effect::Remove { .. }
        | Effect::ServeImages(_) => Lane::Work,
    }
}

/// What is watched over one life of a controller, and over the ledger of all of them.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The fold of everything that the core has said, durable or not.
    fold: State,
    /// The durable ledger.
    pub(crate) story: Story,
    /// Who is down where, by the same.
    pub(crate) sites: Ledgered,
    /// Envelopes between two comparisons of the whole state.
    every: u64,
    since: u64,
    held: BTreeMap<Lane, VecDeque<Seq>>,
    sessions: BTreeMap<Peer, (SessionId, WtpId)>,
}

impl Watch {
    /// A watch over an empty ledger.
    pub(crate) fn new(every: u64) -> Self {
        Watch {
            fold: State::default(),
            story: Story::default(),
            sites: Ledgered::default(),
            every,
            since: 0,
            held: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// The controller starts over this state.
    pub(crate) fn start(&mut self, fold: State) {
        assert_eq!(fold.seq, self.story.last(), "the ledger holds what was flushed, all of it and nothing else");
        self.fold = fold;
        self.held.clear();
        self.sessions.clear();
    }

    /// The core made a step, upon a message of this peer or upon something else.
    pub(crate) fn step(&mut self, ac: &Ac, from: Option<Peer>, step: &Step) {
        for envelope in &step.envelopes {
            assert_eq!(envelope.seq, self.fold.seq.next(), "a gap in what the core says");
            assert!(envelope.at >= self.fold.at, "{envelope:?}: time goes back");
            self.fold.apply(envelope);
            if let Event::WtpJoined { session, wtp, .. } = &envelope.event {
                let peer = from.expect("only a message lets a WTP join");
                assert_eq!(wtp.wtp, peer.addr);
                self.sessions.insert(peer, (*session, wtp.id.clone()));
            }
        }
        self.since += step.envelopes.len() as u64;
        if self.since >= self.every {
            self.since = 0;
            self.compare(ac);
        }
        let first = step.envelopes.first().map(|e| e.seq);
        let mut recorded = false;
        for Held { barrier, effect } in &step.effects {
            assert!(*barrier <= self.fold.seq, "{effect:?} waits for {barrier}, which nobody has recorded");
            // Once the step has recorded something, what it wants waits for that.
            let waits = first.is_some_and(|first| *barrier >= first);
            assert!(waits || !recorded, "{effect:?} waits for {barrier} only, in a step from {first:?}");
            recorded |= waits;
            self.held.entry(lane(effect)).or_default().push_back(*barrier);
        }
    }

    /// The core's state is the fold of what it said.
    pub(crate) fn compare(&self, ac: &Ac) {
        assert!(*ac.state() == self.fold, "the core's state is not the fold of its envelopes at {}", self.fold.seq);
    }

    /// These envelopes are durable.
    pub(crate) fn durable(&mut self, batch: &[Envelope]) {
        for envelope in batch {
            self.story.take(envelope);
            self.sites.take(envelope);
        }
    }

    /// An effect leaves the outbox.
    pub(crate) fn leaves(&mut self, effect: &Effect) {
        let lane = lane(effect);
        let queue = self.held.get_mut(&lane).expect("only what was held leaves");
        let barrier = queue.pop_front().expect("only what was held leaves");
        if queue.is_empty() {
            self.held.remove(&lane);
        }
        assert!(barrier <= self.story.last(), "{effect:?} leaves before {barrier} is durable");
        match effect {
            Effect::Send { peer, bytes, .. } => self.message_leaves(*peer, bytes),
            Effect::SendBlock { peer, .. } => {
                assert!(self.story.has_download(self.session(*peer)), "a block to {peer} before its download");
            }
            Effect::StartFetch(order) if order.probe => {
                assert!(self.story.count("PreflightStarted") > 0, "{order:?} before its check is in the ledger");
            }
            Effect::StartFetch(order) => {
                assert!(self.story.has_fetch(order.operation), "{order:?} before it is in the ledger");
            }
            Effect::SendClear { .. }
            | Effect::SendData { .. }
            | Effect::Close { .. }
            | Effect::CancelFetch { .. }
            | Effect::AskDisk
            | Effect::Load { .. }
            | Effect::Remove { .. }
            | Effect::ServeImages(_)
            | Effect::Reply { .. } => {}
        }
    }

    fn message_leaves(&self, peer: Peer, bytes: &[u8]) {
        let kind = Peek::at(bytes).kind;
        let story = &self.story;
        if kind == MessageType::JoinResponse && succeeds(bytes) {
            assert!(story.has_join(self.session(peer)), "{peer} is let in before its join is durable");
        } else if kind == MessageType::ImageDataResponse && succeeds(bytes) {
            assert!(story.has_download(self.session(peer)), "{peer} is promised an image before that is durable");
        } else if kind == MessageType::ResetRequest {
            assert!(story.has_reset(self.session(peer)), "{peer} is reset before that is durable");
        } else if kind == MessageType::ConfigurationUpdateRequest {
            let wtp = &self.sessions.get(&peer).expect("a session").1;
            assert!(story.has_choice(wtp), "{peer} is told to ask before its choice is durable");
        }
    }

    fn session(&self, peer: Peer) -> SessionId {
        self.sessions.get(&peer).map(|(session, _)| *session).expect("only WTPs that joined are told such things")
    }
}
