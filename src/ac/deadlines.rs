//! What happens when nothing happens: dead peers, phases that take too long, unanswered requests, tries that are due.

use std::time::Duration;

use capledger_schema::event::{DisjoinReason, DownloadMode};
use capledger_schema::setting::CapwapTimer;
use capledger_schema::time::Monotonic;

use super::exchange::{Overdue, Patience};
use super::io::Effect;
use super::peer::Peer;
use super::session::Phase;
use super::{Ac, Key};

impl Ac {
    pub(super) fn run_timers(&mut self) {
        let now = self.book.now.mono;
        while let Some(key) = self.timers.pop(now) {
            match key {
                Key::Session(peer) => self.session_due(peer),
                Key::Hungry(peer) => self.pursue_wtp(peer),
                Key::Families => {
                    self.pursue_fleet();
                    self.take_turns();
                }
                Key::Preflight => self.preflight_due(),
                Key::Campaign => self.campaign_due(),
                Key::AutoAbort => self.auto_abort(),
                Key::Bandwidth => self.let_blocks_go(),
            }
        }
    }

    pub(super) fn session_due(&mut self, peer: Peer) {
        let now = self.book.now.mono;
        let patience = self.patience();
        let dead = self.timer(CapwapTimer::Dead);
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        if session.last_heard + dead <= now {
            self.end_session(peer, DisjoinReason::EchoTimeout);
            return;
        }
        if session.phase_due.is_some_and(|due| due <= now) {
            let reason = if session.phase == Phase::DataCheck {
                DisjoinReason::DataChannelDown
            } else {
                DisjoinReason::JoinTimedOut
            };
            self.end_session(peer, reason);
            return;
        }
        if session.ask_due.is_some_and(|due| due <= now) {
            self.withdraw(peer, "the AP did not ask for the image that it was told of");
        }
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        match session.exchange.overdue(now, &patience, &mut session.rtt) {
            Overdue::No => {}
            Overdue::Again { effect, block } => {
                if let (true, Some(transfer)) = (block, &mut session.transfer) {
                    transfer.retransmissions += 1;
                    if let (DownloadMode::Predownload, Effect::SendBlock { len, .. }, Some(mbps)) =
                        (transfer.mode, &effect, self.book.state.config.image.predownload_bandwidth)
                    {
                        self.bucket.spend(*len, now, mbps);
                    }
                }
                self.book.effect(effect);
            }
            Overdue::GiveUp => {
                self.end_session(peer, DisjoinReason::RetransmitLimit);
                return;
            }
        }
        self.arm(peer);
    }

    /// Sets a session's next deadline anew.
    pub(super) fn arm(&mut self, peer: Peer) {
        let dead = self.timer(CapwapTimer::Dead);
        let Some(session) = self.sessions.get(&peer) else { return };
        let candidates =
            [Some(session.last_heard + dead), session.phase_due, session.ask_due, session.exchange.deadline()];
        let due = candidates.into_iter().flatten().min();
        self.timers.set(Key::Session(peer), due);
    }

    pub(super) fn wake_families_at(&mut self, at: Monotonic) {
        let earlier = self.timers.at(&Key::Families).is_some_and(|t| t <= at);
        if !earlier {
            self.timers.set(Key::Families, Some(at));
        }
    }

    pub(super) fn timer(&self, timer: CapwapTimer) -> Duration {
        self.book.state.config.capwap.timer(timer)
    }

    pub(super) fn patience(&self) -> Patience {
        Patience {
            interval: self.timer(CapwapTimer::Retransmit),
            ceiling: self.timer(CapwapTimer::EchoInterval) / 2,
            retransmits: self.book.state.config.capwap.max_retransmit,
        }
    }
}
