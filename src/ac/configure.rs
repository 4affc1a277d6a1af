//! From the Join Response to Run: Configuration Status, Change State, and the data channel (RFC 5415 sections 8 and 4.4.1).

use std::net::SocketAddr;

use capledger_schema::Event;
use capledger_schema::setting::CapwapTimer;

use super::io::Effect;
use super::peer::Peer;
use super::session::Phase;
use super::{Ac, download, messages};
use crate::capwap::control::Message;

impl Ac {
    pub(super) fn on_configuration_status(&mut self, peer: Peer, message: &Message) {
        let due = self.book.now.mono + self.timer(CapwapTimer::ChangeStatePending);
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        session.phase = Phase::Configure;
        session.phase_due = Some(due);
        // It was told to download and configures itself instead: it is given the image while it serves.
        if let Some(joined) = session.joined.as_mut().filter(|j| j.offered.is_some()) {
            joined.deferred = true;
        }
        let local = session.local;
        let response = messages::configuration_status_response(message, local, &self.book.state.config.capwap);
        self.respond(peer, response, message.seq);
    }

    pub(super) fn on_change_state(&mut self, peer: Peer, message: &Message) {
        let due = self.book.now.mono + self.timer(CapwapTimer::DataCheck);
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.phase == Phase::Configure {
            session.phase = Phase::DataCheck;
            session.phase_due = Some(due);
        }
        self.respond(peer, messages::change_state_response(message.seq), message.seq);
    }

    /// A datagram on the data port: a keep-alive is answered, anything else is WLAN traffic and none of our trade.
    pub(super) fn on_data(&mut self, from: SocketAddr, local: SocketAddr, bytes: &[u8]) {
        let Some(capwap_id) = messages::keep_alive_session(bytes) else {
            self.counters.strangers += 1;
            return;
        };
        let peer = self.by_capwap_id.get(&capwap_id).copied();
        // The session's own host alone may speak for it: the data channel is in clear.
        let Some(peer) = peer.filter(|p| p.addr.ip() == from.ip()) else {
            self.counters.strangers += 1;
            return;
        };
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        // Some WTPs send no Echo: what comes on the data channel is their sign of life.
        session.last_heard = self.book.now.mono;
        let entered = session.phase == Phase::DataCheck;
        if entered {
            session.phase = Phase::Run;
            session.phase_due = None;
        } else if session.phase != Phase::Run {
            return;
        }
        if entered && let Some(joined) = session.joined.clone() {
            let (cause, subject) = download::of(session);
            let event = Event::WtpEnteredRun { session: joined.session, wtp: joined.address };
            self.book.record(cause, subject, event);
        }
        self.book.effect(Effect::SendData { to: from, local, bytes: bytes::Bytes::copy_from_slice(bytes) });
        if entered {
            self.hungry.insert(peer);
            self.pursue_wtp(peer);
        }
        self.arm(peer);
    }
}
