//! Requests and responses of one session (RFC 5415 section 4.5.3).
//!
//! One request is outstanding each way. The last response is kept and resent when its request is repeated; an older
//! request is ignored. A request that goes unanswered is sent again, unaltered, until its time is up.

use std::time::Duration;

use bytes::Bytes;
use capledger_schema::time::Monotonic;

use super::io::{Effect, Mark};
use super::rtt::Rtt;
use crate::capwap::control::MessageType;

/// How often and how long an unanswered request is repeated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// RetransmitInterval (RFC 5415 4.7.12).
    pub(super) interval: Duration,
    /// Half the EchoInterval: the ceiling of the doubling (4.5.3).
    pub(super) ceiling: Duration,
    /// MaxRetransmit (4.8.7).
    pub(super) retransmits: u8,
}

impl Patience {
    /// How long a request may stay unanswered in all: every wait of the doubling schedule added up.
    fn total(&self) -> Duration {
        (0..=u32::from(self.retransmits)).map(|n| self.wait(n)).sum()
    }

    fn wait(&self, tries: u32) -> Duration {
        self.interval.saturating_mul(1 << tries.min(16)).min(self.ceiling.max(self.interval))
    }
}

/// A request of ours that waits for its response.
#[derive(Debug)]
struct Outstanding {
    seq: u8,
    response: MessageType,
    effect: Effect,
    block: bool,
    first_sent: Option<Monotonic>,
    tries: u32,
    due: Option<Monotonic>,
}

/// The last request of theirs, and how we answered it.
#[derive(Debug)]
struct Answered {
    seq: u8,
    response: Option<Bytes>,
    held: bool,
}

/// What to do with a request that came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// It is new.
    New,
    /// It was answered; say it again.
    Repeat(Bytes),
    /// It is old, or its answer is still on its way.
    Drop,
}

/// What to do at a deadline.
#[derive(Debug)]
pub(super) enum Overdue {
    /// Not yet.
    No,
    /// Send this again.
    Again {
        /// The same octets.
        effect: Effect,
        /// Whether it is a block of an image.
        block: bool,
    },
    /// Its time is up.
    GiveUp,
}

/// Both directions of a session.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    next: u8,
    out: Option<Outstanding>,
    last: Option<Answered>,
}

impl Exchange {
    /// The sequence number of the next request of ours.
    pub(super) fn next_seq(&self) -> u8 {
        self.next
    }

    /// Whether a request of ours is unanswered.
    pub(super) fn busy(&self) -> bool {
        self.out.is_some()
    }

    /// A request of ours goes out; its timer starts when the shell says that it is sent.
    pub(super) fn begin(&mut self, response: MessageType, effect: Effect, block: bool) {
        let seq = self.next;
        self.next = self.next.wrapping_add(1);
        self.out = Some(Outstanding { seq, response, effect, block, first_sent: None, tries: 0, due: None });
    }

    /// The shell sent something of ours.
    pub(super) fn sent(&mut self, mark: Mark, now: Monotonic, patience: &Patience, rtt: &Rtt) {
        match mark {
            Mark::None => {}
            Mark::Response(seq) => {
                if let Some(last) = self.last.as_mut().filter(|l| l.seq == seq) {
                    last.held = false;
                }
            }
            Mark::Request(seq) => {
                if let Some(out) = self.out.as_mut().filter(|o| o.seq == seq) {
                    out.first_sent.get_or_insert(now);
                    let wait = if out.block { rtt.interval(patience.interval) } else { patience.wait(out.tries) };
                    out.due = Some(now + wait);
                }
            }
        }
    }

    /// A response came. True if it answers our request, which is then done; a round trip that can be trusted is noted.
    pub(super) fn answered(&mut self, seq: u8, kind: MessageType, now: Monotonic, rtt: &mut Rtt) -> bool {
        match &self.out {
            Some(out) if out.seq == seq && out.response == kind => {
                if let (0, true, Some(sent)) = (out.tries, out.block, out.first_sent) {
                    rtt.sample(now.since(sent));
                }
                self.out = None;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Gives an unanswered block up: its octets cannot be read any more, so it never goes out, or not again. Its number
    /// is not used a second time, since it may have arrived.
    pub(super) fn withdraw_block(&mut self) {
        self.out.take_if(|out| out.block);
    }

    /// A request came.
    pub(super) fn incoming(&self, seq: u8) -> Incoming {
        match &self.last {
            Some(last) if last.seq == seq => match &last.response {
                Some(bytes) if !last.held => Incoming::Repeat(bytes.clone()),
                Some(_) | None => Incoming::Drop,
            },
            // Modulo 256, the 127 numbers behind the last one are old.
            Some(last) if last.seq.wrapping_sub(seq) < 128 => Incoming::Drop,
            Some(_) | None => Incoming::New,
        }
    }

    /// Keeps the response to a request; `held` while it waits for the ledger.
    pub(super) fn keep(&mut self, seq: u8, response: Option<Bytes>, held: bool) {
        self.last = Some(Answered { seq, response, held });
    }

    /// When the outstanding request is due.
    pub(super) fn deadline(&self) -> Option<Monotonic> {
        self.out.as_ref()?.due
    }

    /// Looks at the outstanding request at a deadline.
    pub(super) fn overdue(&mut self, now: Monotonic, patience: &Patience, rtt: &mut Rtt) -> Overdue {
        let Some(out) = &mut self.out else { return Overdue::No };
        if out.due.is_none_or(|due| due > now) {
            return Overdue::No;
        }
        let waited = out.first_sent.map_or(Duration::ZERO, |sent| now.since(sent));
        let spent = if out.block { waited >= patience.total() } else { out.tries >= u32::from(patience.retransmits) };
        if spent {
            return Overdue::GiveUp;
        }
        out.tries += 1;
        out.due = None;
        if out.block {
            rtt.back_off();
        }
        Overdue::Again { effect: out.effect.clone(), block: out.block }
    }
}
