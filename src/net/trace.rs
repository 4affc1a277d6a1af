//! A tap on the control messages as the control thread reads and sends them, for `debug capwap`.
//!
//! While nobody listens it costs one load per message. A listener that is slower than the messages loses the oldest and
//! is told how many; the control thread never waits. Blocks of images are counted per peer, since there may be tens of
//! thousands in a second. What a message holds beside its type, number and result is not looked at.

pub(super) mod words;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use capledger_schema::time::Timestamp;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::capwap::control::{Message, MessageType, PacketError};
use crate::capwap::element::ResultCode;

/// Messages that wait for a listener at most.
pub const WAITING: usize = 1_024;

/// Messages that a listener is handed at once at most.
const BATCH: usize = 64;

/// How often blocks are told of.
const SECOND: Duration = Duration::from_secs(1);

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// The access point's end.
    pub peer: SocketAddr,
    /// Whether it went to the access point, or came from it.
    pub sent: bool,
    /// Octets of the CAPWAP packet.
    pub octets: usize,
    /// What it is.
    pub what: What,
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A whole control message.
    Message {
        /// What it is for.
        message_type: MessageType,
        /// Which request, modulo 256.
        seq: u8,
        /// How it was answered, if it is an answer that says so.
        result: Option<ResultCode>,
    },
    /// A part of one.
    Fragment {
        /// Which message's.
        id: u16,
    },
    /// Nothing that can be read.
    Unreadable(PacketError),
}

/// Blocks of an image, since somebody began to listen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blocks {
    /// Sent, those that were sent again included.
    pub sent: u64,
    /// Octets in them.
    pub octets: u64,
    /// Acknowledged.
    pub acknowledged: u64,
    /// When the last of them was sent or acknowledged.
    pub last: Timestamp,
}

/// What a listener hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Message(Seen),
    /// So many messages were not taken in time, and are lost to this listener.
    Missed(u64),
    /// Blocks of the last second, by the access point's end.
    Blocks(BTreeMap<SocketAddr, Blocks>),
}

/// The tap. Shared behind an [`Arc`].
#[derive(Debug)]
pub struct Trace {
    listeners: AtomicUsize,
    messages: broadcast::Sender<Seen>,
    blocks: Mutex<BTreeMap<SocketAddr, Blocks>>,
}

impl Default for Trace {
    fn default() -> Self {
        let (messages, _) = broadcast::channel(WAITING);
        Trace { listeners: AtomicUsize::new(0), messages, blocks: Mutex::default() }
    }
}

impl Trace {
    /// Whether anybody listens.
    pub fn is_on(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
    }

    /// Takes a packet in clear. An answered block is counted, anything else is told.
    pub fn packet(&self, at: Timestamp, peer: SocketAddr, sent: bool, packet: &[u8]) {
        if !self.is_on() {
            return;
        }
        let what = match Message::from_packet(packet) {
            Ok(message) => {
                let result = message.result_code();
                let good = result.is_none_or(|code| code == ResultCode::Success);
                if !sent && good && message.message_type == MessageType::ImageDataResponse {
                    let mut blocks = self.blocks();
                    let count = blocks.entry(peer).or_default();
                    (count.acknowledged, count.last) = (count.acknowledged + 1, at);
                    return;
                }
                What::Message { message_type: message.message_type, seq: message.seq, result }
            }
            Err(PacketError::Fragment { id }) => What::Fragment { id },
            Err(error @ (PacketError::Header(_) | PacketError::Message(_))) => What::Unreadable(error),
        };
        // Whoever listened may have left.
        let _ = self.messages.send(Seen { at, peer, sent, octets: packet.len(), what });
    }

    /// Counts a block of an image that was sent.
    pub fn block(&self, at: Timestamp, peer: SocketAddr, octets: u16) {
        if self.is_on() {
            let mut blocks = self.blocks();
            let count = blocks.entry(peer).or_default();
            (count.sent, count.octets, count.last) = (count.sent + 1, count.octets + u64::from(octets), at);
        }
    }

    /// Begins to listen.
    pub fn listen(self: &Arc<Self>) -> Listener {
        let messages = self.messages.subscribe();
        self.listeners.fetch_add(1, Ordering::Relaxed);
        let known = self.blocks().clone();
        let mut second = interval(SECOND);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Listener { messages, known, second, trace: Arc::clone(self) }
    }

    fn blocks(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Blocks>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who listens, for as long as it is kept.
pub struct Listener {
    messages: broadcast::Receiver<Seen>,
    known: BTreeMap<SocketAddr, Blocks>,
    second: Interval,
    trace: Arc<Trace>,
}

impl Listener {
    /// What is heard next: at least one, at most a few dozen. Losing the future loses nothing.
    pub async fn next(&mut self) -> Vec<Heard> {
        loop {
            tokio::select! {
                heard = self.messages.recv() => match heard {
                    Ok(seen) => return self.more(Heard::Message(seen)),
                    Err(RecvError::Lagged(n)) => return self.more(Heard::Missed(n)),
                    // The tap outlives its listeners, who hold it.
                    Err(RecvError::Closed) => return std::future::pending().await,
                },
                _ = self.second.tick() => {
                    let moved = self.moved();
                    if !moved.is_empty() {
                        return vec![Heard::Blocks(moved)];
                    }
                }
            }
        }
    }

    fn more(&mut self, first: Heard) -> Vec<Heard> {
        let mut out = vec![first];
        while out.len() < BATCH {
            out.push(match self.messages.try_recv() {
                Ok(seen) => Heard::Message(seen),
                Err(TryRecvError::Lagged(n)) => Heard::Missed(n),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            });
        }
        out
    }

    /// The blocks since the last look.
    fn moved(&mut self) -> BTreeMap<SocketAddr, Blocks> {
        let now = self.trace.blocks().clone();
        let moved = now.iter().filter_map(|(peer, now)| {
            let before = self.known.get(peer).copied().unwrap_or_default();
            let moved = Blocks {
                sent: now.sent.saturating_sub(before.sent),
                octets: now.octets.saturating_sub(before.octets),
                acknowledged: now.acknowledged.saturating_sub(before.acknowledged),
                last: now.last,
            };
            (moved.sent + moved.acknowledged > 0).then_some((*peer, moved))
        });
        let moved = moved.collect();
        self.known = now;
        moved
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.trace.listeners.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Peers come and go: nothing is kept while nobody wants it.
            self.trace.blocks().clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capwap::element::Element;

    fn peer(n: u8) -> SocketAddr {
        SocketAddr::from(([172, 16, 4, n], 5248))
    }

    fn message(message_type: MessageType, result: Option<ResultCode>) -> Vec<u8> {
        Message::new(message_type, 7, result.map(Element::ResultCode).into_iter().collect()).to_packet()
    }

    fn block_on<F: Future>(f: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(f)
    }

    #[test]
    fn a_listener_hears_every_message_in_its_order() {
        block_on(async {
            let trace = Arc::new(Trace::default());
            trace.packet(Timestamp(1), peer(1), false, &message(MessageType::EchoRequest, None));
            let mut listener = trace.listen();
            let join = message(MessageType::JoinRequest, None);
            let answer = message(MessageType::JoinResponse, Some(ResultCode::Success));
            trace.packet(Timestamp(2), peer(1), false, &join);
            trace.packet(Timestamp(3), peer(1), true, &answer);
            trace.packet(Timestamp(4), peer(1), false, &[0x10, 0]);
            let heard = listener.next().await;
            let [Heard::Message(first), Heard::Message(second), Heard::Message(third)] = &heard[..] else {
                panic!("{heard:?}");
            };
            let what = |message_type, result| What::Message { message_type, seq: 7, result };
            assert_eq!((first.sent, first.octets), (false, join.len()));
            assert_eq!(first.what, what(MessageType::JoinRequest, None));
            assert_eq!(second.what, what(MessageType::JoinResponse, Some(ResultCode::Success)));
            assert!(second.sent && matches!(third.what, What::Unreadable(_)));
        });
    }

    #[test]
    fn a_slow_listener_loses_the_oldest_and_is_told_how_many() {
        block_on(async {
            let trace = Arc::new(Trace::default());
            let mut listener = trace.listen();
            let echo = message(MessageType::EchoRequest, None);
            for n in 0..WAITING as i64 + 10 {
                trace.packet(Timestamp(n), peer(1), false, &echo);
            }
            let heard = listener.next().await;
            assert_eq!(heard[0], Heard::Missed(10));
            assert!(matches!(heard[1], Heard::Message(Seen { at: Timestamp(10), .. })), "{:?}", heard[1]);
            assert_eq!(heard.len(), BATCH);
        });
    }

    #[test]
    fn blocks_are_told_once_a_second_with_their_number() {
        block_on(async {
            let trace = Arc::new(Trace::default());
            let mut listener = trace.listen();
            let good = message(MessageType::ImageDataResponse, Some(ResultCode::Success));
            for _ in 0..50_000 {
                trace.block(Timestamp(1), peer(1), 1_377);
                trace.packet(Timestamp(1), peer(1), false, &good);
            }
            trace.block(Timestamp(1), peer(2), 601);
            let blocks =
                |sent, octets, acknowledged, last| Blocks { sent, octets, acknowledged, last: Timestamp(last) };
            let wanted = [(peer(1), blocks(50_000, 68_850_000, 50_000, 1)), (peer(2), blocks(1, 601, 0, 1))];
            assert_eq!(listener.next().await, [Heard::Blocks(wanted.into())]);
            trace.packet(Timestamp(2), peer(2), false, &good);
            assert_eq!(listener.next().await, [Heard::Blocks([(peer(2), blocks(0, 0, 1, 2))].into())]);
            let bad = message(MessageType::ImageDataResponse, Some(ResultCode::ImageOtherError));
            trace.packet(Timestamp(3), peer(2), false, &bad);
            assert!(matches!(listener.next().await[..], [Heard::Message(_)]), "an error is a line of its own");
        });
    }

    #[test]
    fn nothing_is_kept_while_nobody_listens() {
        block_on(async {
            let trace = Arc::new(Trace::default());
            drop(trace.listen());
            trace.block(Timestamp(1), peer(1), 5);
            assert!(!trace.is_on() && trace.blocks().is_empty());
            let first = trace.listen();
            trace.block(Timestamp(1), peer(1), 5);
            drop(first);
            assert!(trace.blocks().is_empty());
        });
    }
}
