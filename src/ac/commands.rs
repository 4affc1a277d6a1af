//! Carrying commands out: what [`decide`] names is recorded, and what follows from it is asked of the shells.

use std::collections::BTreeSet;

use capledger_schema::event::CampaignOutcome;
use capledger_schema::{Cause, Event, Subject};

use super::Ac;
use super::decide::{Decision, decide};
use super::io::{Accepted, Effect, Ticket};
use crate::command::{Command, Refusal};

impl Ac {
    pub(super) fn on_command(&mut self, command: Command, user: String, from: String, ticket: Ticket) {
        let cause = Cause::Operator { user, from };
        let result = if self.stopping { Err(Refusal::Stopping) } else { decide(&self.book.state, command) };
        let result = result.map(|decision| self.carry_out(decision, &cause));
        self.book.effect(Effect::Reply { ticket, result });
    }

    pub(super) fn carry_out(&mut self, decision: Decision, cause: &Cause) -> Accepted {
        let mut accepted = Accepted::default();
        match decision {
            Decision::Facts(facts) => {
                for (subject, event) in facts {
                    if let Event::PredownloadRequested { wtp, .. } = &event {
                        accepted.wtps += 1;
                        self.hungry.extend(self.by_wtp.get(&wtp.id));
                    }
                    self.book.record(cause.clone(), subject, event);
                }
                self.pursue_fleet();
            }
            Decision::Fetch(url) => accepted.operations.push(self.start_fetch(url, None, None, cause.clone())),
            Decision::FetchProfile(version) => {
                let fleet = self.book.state.fleet.wtps.values();
                let families: BTreeSet<_> = fleet.filter_map(|w| w.inventory.family.clone()).collect();
                for family in families {
                    if self.book.state.installs.image(&family, version).is_some() {
                        continue;
                    }
                    let running = self.book.state.installs.families.get(&family).and_then(|f| f.running);
                    let operation = match (running, self.source(&family)) {
                        (Some(running), _) => Some(running),
                        (None, Some(url)) => Some(self.start_fetch(url, Some(family), Some(version), cause.clone())),
                        (None, None) => None,
                    };
                    accepted.operations.extend(operation);
                }
            }
            Decision::Reset(wtps) => {
                for (wtp, version) in wtps {
                    if let Some(peer) = self.by_wtp.get(&wtp.id).copied() {
                        accepted.wtps += 1;
                        self.request_reset(peer, version, cause);
                        self.arm(peer);
                    }
                }
            }
            Decision::Abort(wtps) => {
                for wtp in wtps {
                    accepted.wtps += 1;
                    self.abort_predownload(&wtp, cause);
                }
            }
            Decision::Preflight(version) => {
                accepted.operations.push(self.start_preflight(version, None, cause.clone()));
            }
            Decision::Campaign(version, plan) => {
                accepted.operations.push(self.start_campaign(version, plan, cause));
                accepted.wtps = self.book.state.campaigns.active().map_or(0, |c| c.expected as usize);
            }
            Decision::CampaignPause => self.pause_campaign("by operator", cause),
            Decision::CampaignResume => self.resume_campaign(cause),
            Decision::CampaignAbort => {
                self.end_campaign(CampaignOutcome::Aborted, "by operator".to_owned(), cause);
            }
            Decision::Stop(reason) => {
                self.stopping = true;
                self.book.record(cause.clone(), Subject::Controller, Event::ControllerStopped { reason });
                let running: Vec<_> = self.fetches.keys().copied().collect();
                for operation in running {
                    self.book.effect(Effect::CancelFetch { operation });
                }
                let peers: Vec<_> = self.sessions.keys().copied().collect();
                for peer in peers {
                    self.drop_session(peer);
                }
            }
        }
        accepted
    }
}
