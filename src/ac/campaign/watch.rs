//! Who a campaign waits for, and for how long: WTPs that were reset, and those whose turn it is and that are not there.

use std::collections::BTreeMap;
use std::time::Duration;

use capledger_schema::event::CampaignPhase;
use capledger_schema::id::WtpId;
use capledger_schema::project::campaigns::MemberState;
use capledger_schema::project::fleet::SessionState;
use capledger_schema::time::Monotonic;
use capledger_schema::{Cause, Event, Subject};

use super::super::{Ac, Key};

/// Since when who is waited for. A controller that was down waits anew: nobody could come back to it meanwhile.
#[derive(Clone, Debug, Default)]
pub(in crate::ac) struct Waits {
    pub(super) since: BTreeMap<WtpId, Monotonic>,
    /// Since when nobody can be reset because of the share of the sites, though nobody is on the way back either.
    pub(super) stuck: Option<Monotonic>,
}

impl Ac {
    /// `ap upgrade iteration-expiry`
    pub(super) fn expiry(&self) -> Duration {
        Duration::from_secs(u64::from(self.book.state.config.upgrade.iteration_expiry))
    }

    /// Sees to it that the campaign is looked at when somebody has been waited for long enough.
    pub(super) fn watch_campaign(&mut self) {
        let active = self.book.state.campaigns.active().is_some();
        if active && self.timers.at(&Key::Campaign).is_none() {
            // Nobody who is waited for from now on is overdue before.
            let due = self.book.now.mono + self.expiry();
            self.timers.set(Key::Campaign, Some(due));
        }
    }

    /// Who has been waited for long enough is missing.
    pub(in crate::ac) fn campaign_due(&mut self) {
        let (now, expiry) = (self.book.now.mono, self.expiry());
        let state = &self.book.state;
        let Some(c) = state.campaigns.active() else { return };
        let (campaign, cause) = (c.id, Cause::Campaign(c.id));
        let turn = c.paused.is_none() && c.phase >= CampaignPhase::Predownload;
        let waited_for = |id: &WtpId, state_: &MemberState, iteration: u32| match state_ {
            MemberState::Reloaded => true,
            MemberState::Waiting | MemberState::Predownloaded => {
                let serves = state.fleet.wtps.get(id).is_some_and(|w| matches!(w.session, SessionState::Run(_)));
                turn && iteration == c.iteration && !serves
            }
            MemberState::Back | MemberState::Missing(_) | MemberState::Failed { .. } => false,
        };
        let mut waits = BTreeMap::new();
        let mut missing = Vec::new();
        for (id, member) in &c.members {
            if !waited_for(id, &member.state, member.iteration) {
                continue;
            }
            let since = self.waits.since.get(id).copied().unwrap_or(now);
            if since + expiry > now {
                waits.insert(id.clone(), since);
                continue;
            }
            let seconds = expiry.as_secs();
            let words = match member.state {
                MemberState::Reloaded => format!("reset, and not back on {} within {seconds} s", c.version),
                MemberState::Waiting
                | MemberState::Predownloaded
                | MemberState::Back
                | MemberState::Missing(_)
                | MemberState::Failed { .. } => format!("not joined for {seconds} s when its turn came"),
            };
            missing.extend(state.fleet.wtps.get(id).map(|w| (w.address.clone(), words)));
        }
        let next = waits.values().min().map(|since| *since + expiry);
        self.waits.since = waits;
        for (wtp, words) in missing {
            let event = Event::CampaignWtpMissing { campaign, wtp, words };
            self.book.record(cause.clone(), Subject::Campaign(campaign), event);
        }
        self.timers.set(Key::Campaign, next);
        self.take_turns();
        if self.waits.stuck.is_some_and(|since| since + expiry <= now) {
            self.waits.stuck = None;
            let reason = self.why_stuck();
            self.pause_campaign(&reason, &cause);
        }
        self.watch_campaign();
    }

    /// Which sites have too many down for another to be reset.
    fn why_stuck(&self) -> String {
        let share = self.book.state.config.upgrade.site_share;
        let Some(c) = self.book.state.campaigns.active() else { return String::new() };
        let full: Vec<_> = c
            .sites
            .iter()
            .filter(|(_, s)| s.room(share) == 0)
            .take(4)
            .map(|(site, s)| format!("{site} ({} of {} down)", s.down, s.all))
            .collect();
        format!("no more APs may go down at {}; ap upgrade site-share is {share} %", full.join(", "))
    }
}
