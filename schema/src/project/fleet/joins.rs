//! How often a WTP joined, left and was turned away, and those that came and never joined.
//!
//! A refusal names an address and perhaps a name: it is counted for the WTP that it can only be, else for a stranger.

use std::collections::VecDeque;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Fleet, ImageStatus, SessionState, Wtp};
use crate::event::{DisjoinReason, DownloadMode, RefusalReason, WtpAddress};
use crate::id::{MacAddr, WtpId};
use crate::time::Timestamp;

/// How many strangers are remembered; the ledger keeps them all.
const STRANGERS_KEPT: usize = 1_024;

/// What became of somebody's tries to join.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinStats {
    /// Sessions that began.
    pub joins: u64,
    /// Sessions that ended.
    pub disjoins: u64,
    /// Join Requests that were refused.
    pub refused: u64,
    /// DTLS handshakes that failed.
    pub handshakes_failed: u64,
    /// When the last session began.
    pub joined_at: Option<Timestamp>,
    /// The last thing that went wrong.
    pub last_failure: Option<JoinFailure>,
}

/// What went wrong, where, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinFailure {
    /// How far the WTP had come.
    pub phase: JoinPhase,
    /// What happened.
    pub cause: JoinFailureCause,
    /// When.
    pub at: Timestamp,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JoinFailureCause {
    /// It was turned away; with the particulars, for people.
    Refused(RefusalReason, String),
    /// Its session ended, and nobody had wanted that.
    Lost(DisjoinReason),
}

/// How far a WTP comes (RFC 5415 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinPhase {
    /// The DTLS handshake.
    Dtls,
    /// From the Join Request to Run.
    Join,
    /// An image download at join.
    ImageDownload,
    /// Serving.
    Run,
}

/// Somebody who came and never joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    /// From where, the last time.
    pub address: SocketAddr,
    /// Its name, if it gave one.
    pub name: Option<String>,
    /// Its model, if it gave one.
    pub model: Option<String>,
    /// Its Base MAC, if it gave one.
    pub base_mac: Option<MacAddr>,
    /// What became of its tries.
    pub stats: JoinStats,
}

/// Those who came and never joined, by when they were first seen; the oldest give way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strangers(VecDeque<Stranger>);

impl Strangers {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Stranger> {
        self.0.iter()
    }

    fn add(&mut self, stranger: Stranger) -> &mut Stranger {
        if self.0.len() == STRANGERS_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(stranger);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    fn discovered(&mut self, address: SocketAddr, model: Option<&String>, base_mac: Option<MacAddr>) {
        let known = self.0.iter_mut().find(|s| match base_mac {
            Some(_) => s.base_mac == base_mac,
            None => s.base_mac.is_none() && s.address == address,
        });
        if let Some(stranger) = known {
            stranger.address = address;
        } else {
            let model = model.cloned();
            self.add(Stranger { address, name: None, model, base_mac, stats: JoinStats::default() });
        }
    }

    /// The one at this address and with this name, if it gave one: a client behind the same address translation has
    /// another name or another port.
    fn at(&mut self, address: SocketAddr, name: Option<&String>) -> &mut Stranger {
        let is_it = |s: &Stranger| match (name, &s.name) {
            (Some(name), Some(known)) => name == known && s.address.ip() == address.ip(),
            _ => s.address == address,
        };
        let mut of_address = self.0.iter().enumerate().filter(|(_, s)| s.address.ip() == address.ip());
        let found = match self.0.iter().position(is_it) {
            Some(found) => Some(found),
            // A handshake that failed is tried again from another port.
            None if name.is_none() => match (of_address.next(), of_address.next()) {
                (Some((only, _)), None) => Some(only),
                (_, _) => None,
            },
            None => None,
        };
        if let Some(found) = found {
            let stranger = &mut self.0[found];
            stranger.address = address;
            stranger.name = name.cloned().or_else(|| stranger.name.take());
            stranger
        } else {
            let (name, model, base_mac) = (name.cloned(), None, None);
            self.add(Stranger { address, name, model, base_mac, stats: JoinStats::default() })
        }
    }

    /// One of them joined after all: what is known of its tries.
    pub(super) fn joined(&mut self, wtp: &WtpAddress) -> Vec<JoinStats> {
        let is_it = |s: &Stranger| match s.base_mac {
            Some(mac) => mac == wtp.base_mac,
            None => s.address == wtp.wtp || s.name.as_ref() == Some(&wtp.name),
        };
        let mut tries = Vec::new();
        self.0.retain(|s| {
            let is_it = is_it(s);
            if is_it {
                tries.push(s.stats.clone());
            }
            !is_it
        });
        tries
    }
}

impl JoinStats {
    fn turned_away(&mut self, reason: RefusalReason, detail: &str, at: Timestamp) {
        let phase = if reason == RefusalReason::HandshakeFailed { JoinPhase::Dtls } else { JoinPhase::Join };
        match phase {
            JoinPhase::Dtls => self.handshakes_failed += 1,
            JoinPhase::Join | JoinPhase::ImageDownload | JoinPhase::Run => self.refused += 1,
        }
        let cause = JoinFailureCause::Refused(reason, detail.to_owned());
        self.last_failure = Some(JoinFailure { phase, cause, at });
    }

    pub(super) fn add(&mut self, other: JoinStats) {
        self.joins += other.joins;
        self.disjoins += other.disjoins;
        self.refused += other.refused;
        self.handshakes_failed += other.handshakes_failed;
        let later = other.last_failure.filter(|f| self.last_failure.as_ref().is_none_or(|own| own.at < f.at));
        if let Some(failure) = later {
            self.last_failure = Some(failure);
        }
    }
}

impl Wtp {
    /// A session ended for this reason while the WTP still stood where it does.
    pub(super) fn lost(&mut self, reason: DisjoinReason, at: Timestamp) {
        self.stats.disjoins += 1;
        if is_failure(reason) {
            let phase = match (self.session, &self.image) {
                _ if reason == DisjoinReason::ImageDownloadFailed => JoinPhase::ImageDownload,
                (SessionState::Joined(_), ImageStatus::Moving { mode: DownloadMode::Join, .. }) => {
                    JoinPhase::ImageDownload
                }
                (SessionState::Joined(_), _) => JoinPhase::Join,
                (SessionState::Run(_) | SessionState::Disjoined, _) => JoinPhase::Run,
            };
            self.stats.last_failure = Some(JoinFailure { phase, cause: JoinFailureCause::Lost(reason), at });
        }
    }
}

/// Whether a session that ended for this reason ended against everybody's will.
fn is_failure(reason: DisjoinReason) -> bool {
    match reason {
        DisjoinReason::ImageDownloadSuccess
        | DisjoinReason::ResetByOperator
        | DisjoinReason::ResetByController
        | DisjoinReason::ReplacedByNewerSession
        | DisjoinReason::ControllerStopped => false,
        DisjoinReason::ImageDownloadFailed
        | DisjoinReason::EchoTimeout
        | DisjoinReason::DtlsClosed
        | DisjoinReason::RetransmitLimit
        | DisjoinReason::JoinTimedOut
        | DisjoinReason::ProtocolError
        | DisjoinReason::DataChannelDown => true,
    }
}

impl Fleet {
    /// Somebody asked for a controller.
    pub(super) fn discovered(&mut self, address: SocketAddr, model: Option<&String>, base_mac: Option<MacAddr>) {
        let known = match base_mac {
            Some(mac) => self.wtps.contains_key(&WtpId::BaseMac(mac)),
            None => self.wtps.values().any(|w| w.address.wtp == address),
        };
        if !known {
            self.strangers.discovered(address, model, base_mac);
        }
    }

    /// Somebody was turned away.
    pub(super) fn refused(
        &mut self,
        address: SocketAddr,
        name: Option<&String>,
        (reason, detail): (RefusalReason, &str),
        at: Timestamp,
    ) {
        let stats = match self.who(address, name).and_then(|id| self.wtps.get_mut(&id)) {
            Some(wtp) => &mut wtp.stats,
            None => &mut self.strangers.at(address, name).stats,
        };
        stats.turned_away(reason, detail, at);
    }

    /// The WTP that has this name or, where none was given, that alone can be at this address.
    fn who(&self, address: SocketAddr, name: Option<&String>) -> Option<WtpId> {
        let only = |fits: &dyn Fn(&Wtp) -> bool| {
            let mut fitting = self.wtps.values().filter(|w| fits(w));
            fitting.next().filter(|_| fitting.next().is_none()).map(|w| w.address.id.clone())
        };
        if let Some(name) = name {
            return only(&|w| w.address.name == *name);
        }
        if let Some(wtp) = only(&|w| w.address.wtp == address) {
            return Some(wtp);
        }
        let is_stranger = self.strangers.iter().any(|s| s.address == address);
        if is_stranger { None } else { only(&|w| w.address.wtp.ip() == address.ip()) }
    }
}
