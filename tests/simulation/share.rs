//! How many access points of one site may be down at once: two checkers that are no part of the product. One reads the
//! ledger, envelope by envelope; the other watches what is sent to the access points and what they do.

use std::collections::{BTreeMap, BTreeSet};

use capledger::wtp::WtpState;
use capledger_schema::id::{SessionId, WtpId};
use capledger_schema::{Envelope, Event};

use crate::world::World;

/// So many of a site, of which so many may be down in a hundred; at least one may.
fn allowed(all: usize, percent: usize) -> usize {
    (all * percent / 100).max(1)
}

/// Who serves, by the durable ledger.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledgered {
    /// In percent, from when on it matters.
    pub(crate) share: Option<usize>,
    sites: BTreeMap<String, BTreeSet<WtpId>>,
    site_of: BTreeMap<WtpId, String>,
    sessions: BTreeMap<WtpId, SessionId>,
    serving: BTreeMap<WtpId, SessionId>,
    /// The most that were down at once where a reset was asked for, in hundredths of what was allowed.
    pub(crate) fullest: usize,
}

impl Ledgered {
    /// One more envelope is durable.
    pub(crate) fn take(&mut self, envelope: &Envelope) {
        if let Event::ControllerStarted { .. } = &envelope.event {
            self.sessions.clear();
            self.serving.clear();
        } else if let Event::WtpJoined { session, wtp, inventory, .. } = &envelope.event {
            self.sessions.insert(wtp.id.clone(), *session);
            self.serving.remove(&wtp.id);
            if let Some(before) = self.site_of.insert(wtp.id.clone(), inventory.location.clone()) {
                self.sites.entry(before).or_default().remove(&wtp.id);
            }
            self.sites.entry(inventory.location.clone()).or_default().insert(wtp.id.clone());
        } else if let Event::WtpEnteredRun { session, wtp } = &envelope.event {
            self.serving.insert(wtp.id.clone(), *session);
        } else if let Event::WtpDisjoined { session, wtp, .. } = &envelope.event {
            if self.serving.get(&wtp.id) == Some(session) {
                self.serving.remove(&wtp.id);
            }
        } else if let Event::WtpResetRequested { wtp, .. } = &envelope.event {
            self.serving.remove(&wtp.id);
            self.check(&wtp.id, envelope);
        }
    }

    fn check(&mut self, wtp: &WtpId, envelope: &Envelope) {
        let Some(share) = self.share else { return };
        let site = &self.site_of[wtp];
        let members = &self.sites[site];
        let down = members.iter().filter(|m| !self.serving.contains_key(*m)).count();
        let may = allowed(members.len(), share);
        assert!(down <= may, "{envelope:?}: {down} of {} are down at {site}", members.len());
        self.fullest = self.fullest.max(down * 100 / may);
    }
}

/// Who was sent a Reset Request and does not serve again yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// In percent, from when on it matters.
    pub(crate) share: Option<usize>,
    /// The access point, and whether it was seen to be down since.
    down: BTreeMap<usize, bool>,
    /// How many of each site are, and how many there are.
    by_site: BTreeMap<usize, (usize, usize)>,
}

impl World {
    /// From now on no more than so many of a hundred may be down at a site.
    pub(crate) fn watch_sites(&mut self, share: usize) {
        self.sent_down.share = Some(share);
        for ap in 0..self.aps.len() {
            self.sent_down.by_site.entry(self.plan.site_of(ap).unwrap_or(0)).or_default().1 += 1;
        }
        self.controller.watch.sites.share = Some(share);
    }

    /// A Reset Request is sent to an access point.
    pub(crate) fn reset_is_sent(&mut self, ap: usize) {
        let Some(share) = self.sent_down.share else { return };
        if self.sent_down.down.insert(ap, false).is_some() {
            return;
        }
        let site = self.plan.site_of(ap).unwrap_or(0);
        let (down, all) = self.sent_down.by_site.entry(site).or_default();
        *down += 1;
        assert!(*down <= allowed(*all, share), "{down} of {all} are sent down at site {site}");
    }

    /// An access point may serve again.
    pub(crate) fn may_be_up(&mut self, ap: usize) {
        let state = self.aps[ap].wtp.state();
        let Some(left) = self.sent_down.down.get_mut(&ap) else { return };
        if state != WtpState::Run {
            *left = true;
        } else if *left {
            self.sent_down.down.remove(&ap);
            if let Some((down, _)) = self.sent_down.by_site.get_mut(&self.plan.site_of(ap).unwrap_or(0)) {
                *down -= 1;
            }
        }
    }
}
