//! Carrying commands out: what [`decide`] names is recorded, and what follows from it is asked of the shells.

use capledger_schema::event::{CampaignOutcome, InstallAction};
use capledger_schema::image::ImageVersion;
use capledger_schema::setting::Setting;
use capledger_schema::{Cause, Event, Subject};

use super::Ac;
use super::decide::{Decision, decide};
use super::install::action_of;
use super::io::{Accepted, Effect, Ticket};
use super::serving;
use super::session::Phase;
use crate::command::{Command, Refusal};

impl Ac {
    pub(super) fn on_command(&mut self, command: Command, user: String, from: String, ticket: Ticket) {
        let cause = Cause::Operator { user, from };
        let action = action_of(&command);
        let result = if self.stopping { Err(Refusal::Stopping) } else { decide(&self.book.state, command) };
        if let (Some((action, version)), false) = (action, self.stopping) {
            self.record_action(action, version, result.as_ref().err(), &cause);
        }
        let result = result.map(|decision| self.carry_out(decision, &cause));
        self.book.effect(Effect::Reply { ticket, result });
    }

    /// What an operator has the install family do, or what kept it from that. A fetch tells of its start by itself.
    fn record_action(
        &mut self,
        action: InstallAction,
        version: Option<ImageVersion>,
        refusal: Option<&Refusal>,
        cause: &Cause,
    ) {
        let event = match (refusal, action) {
            (Some(refusal), _) => Event::InstallActionFailed { action, version, words: refusal.to_string() },
            (None, InstallAction::Add) => return,
            (None, _) => Event::InstallActionStarted { action, version },
        };
        self.book.record(cause.clone(), Subject::Controller, event);
    }

    pub(super) fn carry_out(&mut self, decision: Decision, cause: &Cause) -> Accepted {
        let mut accepted = Accepted::default();
        match decision {
            Decision::Facts(facts) => {
                let remapped = facts.iter().any(|(_, event)| names_families(event));
                let mut chosen = Vec::new();
                for (subject, event) in facts {
                    if let Event::PredownloadRequested { wtp, version, .. } = &event {
                        accepted.wtps += 1;
                        if let Some(peer) = self.by_wtp.get(&wtp.id).copied() {
                            self.retract_other(peer, *version);
                            self.hungry.insert(peer);
                            chosen.push(peer);
                        }
                    }
                    accepted.wtps += usize::from(matches!(event, Event::WtpImageSwapped { .. }));
                    let serves = serving::is_changed_by(&event);
                    let sources = changes_of_sources(&event);
                    self.book.record(cause.clone(), subject, event);
                    self.sources_changed(&sources, cause);
                    if serves {
                        self.serve_images();
                    }
                }
                if remapped {
                    self.adopt_families();
                }
                if chosen.is_empty() {
                    self.let_blocks_go();
                    self.pursue_fleet();
                }
                for peer in chosen {
                    self.pursue_wtp(peer);
                }
            }
            Decision::Fetch(url) => accepted.operations.push(self.start_fetch(url, None, None, cause.clone())),
            Decision::FetchProfile(families) => accepted.operations = self.fetch_profile(families, None, cause),
            Decision::FetchAndPredownload(families, target) => {
                accepted.operations = self.fetch_profile(families, Some(target), cause);
            }
            Decision::Activate { version, minutes } => return self.activate(version, minutes, cause),
            Decision::Commit(version) => return self.commit(version, cause),
            Decision::GoBack { from, to, reason } => return self.go_back(from, to, reason, cause),
            Decision::Unstage(version) => return self.unstage(version, cause),
            Decision::Remove(images) => return self.remove_images(images, cause),
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
                    self.abort_predownload(&wtp, "aborted by operator", cause);
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

    /// Sessions follow what `ap image map` says now of their models.
    fn adopt_families(&mut self) {
        for (peer, session) in &mut self.sessions {
            let Some(joined) = &mut session.joined else { continue };
            let known = self.book.state.fleet.wtps.get(&joined.address.id).and_then(|w| w.inventory.family.clone());
            if known.is_some() && joined.family != known {
                joined.family = known;
                if session.phase == Phase::Run {
                    self.hungry.insert(*peer);
                }
            }
        }
    }
}

fn names_families(event: &Event) -> bool {
    let Event::ConfigurationChanged { changes, .. } = event else { return false };
    changes.iter().any(|change| matches!(change, Setting::ImageMap(..)))
}

/// The settings by which images may come from elsewhere, if an event changes any.
fn changes_of_sources(event: &Event) -> Vec<Setting> {
    if let Event::ConfigurationChanged { changes, .. } = event
        && changes.iter().any(Setting::changes_image_source)
    {
        changes.clone()
    } else {
        Vec::new()
    }
}
