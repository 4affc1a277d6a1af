//! Effects that wait for the ledger: first in, first out per peer and per ticket.
//!
//! Invariant 4: what follows from an event leaves after that event is durable. An effect's barrier is the later of its
//! own and that of the one before it in its lane, so nothing overtakes within a lane; lanes do not wait for each other.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use capledger_schema::id::Seq;

use super::io::{Effect, Held, Ticket};
use super::peer::Peer;

/// What keeps its order among itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Peer(Peer),
    Address(SocketAddr),
    Ticket(Ticket),
    Work,
}

/// The queue between the core and the shells.
#[derive(Debug, Default)]
pub struct Outbox {
    durable: Seq,
    lanes: BTreeMap<Lane, VecDeque<Held>>,
    /// Lanes by the barrier of their first effect.
    waiting: BTreeMap<Seq, Vec<Lane>>,
}

impl Outbox {
    /// An outbox over a ledger that is durable up to `durable`.
    pub fn new(durable: Seq) -> Self {
        Outbox { durable, ..Outbox::default() }
    }

    /// Takes effects in; hands out at once those that wait for nothing.
    pub fn push(&mut self, effects: impl IntoIterator<Item = Held>, out: &mut Vec<Effect>) {
        for held in effects {
            let lane = lane(&held.effect);
            match self.lanes.get_mut(&lane) {
                Some(queue) => queue.push_back(held),
                None if held.barrier <= self.durable => out.push(held.effect),
                None => {
                    self.waiting.entry(held.barrier).or_default().push(lane);
                    self.lanes.insert(lane, VecDeque::from([held]));
                }
            }
        }
    }

    /// The ledger is durable up to `seq`: hands out what waited for it.
    pub fn durable(&mut self, seq: Seq, out: &mut Vec<Effect>) {
        self.durable = self.durable.max(seq);
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.durable {
                break;
            }
            for lane in entry.remove() {
                self.drain(lane, out);
            }
        }
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// How many effects wait.
    pub fn len(&self) -> usize {
        self.lanes.values().map(VecDeque::len).sum()
    }

    fn drain(&mut self, lane: Lane, out: &mut Vec<Effect>) {
        let Some(queue) = self.lanes.get_mut(&lane) else { return };
        while let Some(held) = queue.front() {
            if held.barrier > self.durable {
                self.waiting.entry(held.barrier).or_default().push(lane);
                return;
            }
            out.extend(queue.pop_front().map(|h| h.effect));
        }
        self.lanes.remove(&lane);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(ticket: u64, barrier: u64) -> Held {
        let effect = Effect::Reply { ticket: Ticket(ticket), result: Ok(super::super::io::Accepted::default()) };
        Held { barrier: Seq(barrier), effect }
    }

    fn tickets(effects: &[Effect]) -> Vec<u64> {
        effects
            .iter()
            .filter_map(|e| if let Effect::Reply { ticket, .. } = e { Some(ticket.0) } else { None })
            .collect()
    }

    #[test]
    fn an_effect_leaves_only_once_its_event_is_durable() {
        let (mut outbox, mut out) = (Outbox::default(), Vec::new());
        outbox.push([reply(1, 5)], &mut out);
        outbox.durable(Seq(4), &mut out);
        assert!(out.is_empty());
        outbox.durable(Seq(5), &mut out);
        assert_eq!(tickets(&out), [1]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn an_effect_that_follows_from_nothing_still_waits_behind_its_lane() {
        let (mut outbox, mut out) = (Outbox::default(), Vec::new());
        outbox.push([reply(1, 5), reply(1, 0), reply(2, 0)], &mut out);
        assert_eq!(tickets(&out), [2], "another lane waits for nothing");
        outbox.durable(Seq(9), &mut out);
        assert_eq!(tickets(&out), [2, 1, 1]);
    }

    #[test]
    fn a_lane_stops_at_the_first_effect_that_must_still_wait() {
        let (mut outbox, mut out) = (Outbox::default(), Vec::new());
        outbox.push([reply(1, 2), reply(1, 4), reply(1, 0)], &mut out);
        outbox.durable(Seq(3), &mut out);
        assert_eq!((tickets(&out).len(), outbox.len()), (1, 2));
        outbox.durable(Seq(4), &mut out);
        assert_eq!(tickets(&out).len(), 3);
    }
}
