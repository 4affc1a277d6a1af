//! Discovery (RFC 5415 section 5): stateless answers, and one fact per WTP that is new.
//!
//! The requests are unauthenticated, so what they leave behind is bounded: a table of limited size, and a rate.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use capledger_schema::id::{MacAddr, WtpId};
use capledger_schema::time::Monotonic;
use capledger_schema::{Cause, Event, Subject};

use super::io::Effect;
use super::{Ac, messages};
use crate::capwap::control::{Message, MessageType};
use crate::capwap::element::WtpBoardData;
use crate::capwap::header::Header;

/// WTPs that are remembered as having asked.
const REMEMBERED: usize = 10_000;
/// Facts that unauthenticated datagrams may cause: one per this long, after a burst.
const PER_FACT: Duration = Duration::from_secs(1);
/// The burst.
const BURST: u64 = 100;

/// Who has asked already.
#[derive(Debug, Default)]
pub(super) struct Seen {
    macs: BTreeSet<MacAddr>,
    addresses: BTreeSet<SocketAddr>,
    rate: Rate,
}

/// A leaky bucket in front of the ledger.
#[derive(Debug, Default)]
pub(super) struct Rate {
    level: u64,
    at: Monotonic,
}

impl Rate {
    /// Whether one more may pass now.
    pub(super) fn allow(&mut self, now: Monotonic) -> bool {
        let drained = now.since(self.at).as_micros() / PER_FACT.as_micros();
        let drained = u64::try_from(drained).unwrap_or(u64::MAX);
        if drained > 0 {
            self.level = self.level.saturating_sub(drained);
            self.at = now;
        }
        if self.level >= BURST {
            return false;
        }
        self.level += 1;
        true
    }
}

impl Seen {
    fn is_new(&mut self, mac: Option<MacAddr>, from: SocketAddr, now: Monotonic) -> bool {
        if self.macs.len() + self.addresses.len() >= REMEMBERED {
            return false;
        }
        let known = match mac {
            Some(mac) => self.macs.contains(&mac),
            None => self.addresses.contains(&from),
        };
        if known || !self.rate.allow(now) {
            return false;
        }
        match mac {
            Some(mac) => self.macs.insert(mac),
            None => self.addresses.insert(from),
        }
    }
}

impl Ac {
    /// A datagram in clear on the control port.
    pub(super) fn on_clear(&mut self, from: SocketAddr, local: SocketAddr, bytes: &[u8]) {
        let parsed = Header::parse(bytes).ok().and_then(|(h, payload)| Message::parse(payload).ok().map(|m| (h, m)));
        let Some((header, message)) = parsed else {
            self.counters.malformed += 1;
            return;
        };
        if !matches!(message.message_type, MessageType::DiscoveryRequest | MessageType::PrimaryDiscoveryRequest) {
            self.counters.strangers += 1;
            return;
        }
        self.counters.discoveries += 1;
        if self.stopping {
            return;
        }
        let bytes = messages::discovery_response(&message, local, self.book.now.wall, &self.book.state);
        self.book.effect(Effect::SendClear { to: from, local, bytes });
        let board = message.board_data();
        let model = board.and_then(WtpBoardData::model);
        // In the older dialect a request has no board data: the header's radio MAC says who asks.
        let base_mac = board.and_then(WtpBoardData::base_mac).or_else(|| radio_mac(&header));
        let joined_before = base_mac.is_some_and(|m| self.book.state.fleet.wtps.contains_key(&WtpId::BaseMac(m)));
        if !joined_before && self.discovered.is_new(base_mac, from, self.book.now.mono) {
            let event = Event::WtpDiscovered {
                address: from,
                discovery_type: messages::discovery_type(&message),
                model,
                base_mac,
            };
            let subject = base_mac.map_or(Subject::Controller, |m| Subject::Wtp(WtpId::BaseMac(m)));
            self.book.record(Cause::Peer(from), subject, event);
        }
    }
}

fn radio_mac(header: &Header) -> Option<MacAddr> {
    header.radio_mac().and_then(|octets| octets.try_into().ok()).map(MacAddr).filter(|mac| *mac != MacAddr::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_strangers_is_recorded_in_a_burst_and_then_once_a_second() {
        let mut rate = Rate::default();
        let first = (0..10_000).filter(|us| rate.allow(Monotonic(*us))).count();
        assert_eq!(first, 100);
        assert!(rate.allow(Monotonic(1_100_000)));
        assert!(!rate.allow(Monotonic(1_100_001)));
    }
}
