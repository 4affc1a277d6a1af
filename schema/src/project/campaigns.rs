//! Campaigns: the one that runs or ran last, member by member, what earlier ones came to, and the last preflight check.
//!
//! Beside its members a campaign keeps count of how many WTPs of every site are up, since it may take down no more than
//! a share of them. WTPs that a campaign moved ahead of the fleet are remembered until a version is activated for all.

mod member;
mod sites;

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::fleet::Fleet;
use crate::envelope::Envelope;
use crate::event::{CampaignOutcome, CampaignPhase, CampaignPlan, Event, Finding};
use crate::failure::DownloadFailureKind;
use crate::id::{CampaignId, OperationId, WtpId};
use crate::image::{ImageFamily, ImageVersion};
use crate::setting::Setting;
use crate::time::Timestamp;

pub use member::{Member, MemberState, Tally};
pub use sites::{Sites, Standing};

/// How many campaigns before the last one are kept in the fold; the ledger keeps them all.
pub const PAST_KEPT: usize = 16;

/// Campaigns and preflight checks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaigns {
    /// The one that runs, or the last one.
    pub latest: Option<Campaign>,
    /// Those before it, oldest first.
    pub past: VecDeque<PastCampaign>,
    /// WTPs that a campaign reset into another version than the running one, and that version: they are left on it
    /// until a version is activated, rolled back or configured.
    pub moved: BTreeMap<WtpId, ImageVersion>,
    /// The last check, or the one that runs.
    pub preflight: Option<Preflight>,
}

/// One campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Which.
    pub id: CampaignId,
    /// To which version.
    pub version: ImageVersion,
    /// How.
    pub plan: CampaignPlan,
    /// When it began.
    pub started_at: Timestamp,
    /// How many WTPs it was about when it began; its members are chosen after the preflight.
    pub expected: u32,
    /// Where it stands.
    pub phase: CampaignPhase,
    /// With which iteration: 0 for the canaries, then from 1.
    pub iteration: u32,
    /// Since when.
    pub phase_at: Timestamp,
    /// Why it touches no further WTP, and since when.
    pub paused: Option<(String, Timestamp)>,
    /// How it ended, in words too, and when.
    pub ended: Option<(CampaignOutcome, String, Timestamp)>,
    /// Its WTPs.
    pub members: BTreeMap<WtpId, Member>,
    /// How many of each iteration stand where.
    pub iterations: BTreeMap<u32, Tally>,
    /// Flash and integrity failures since it began, or since it was last resumed.
    pub integrity_failures: u32,
    /// How many WTPs of every site are up; only while it runs.
    pub sites: Sites,
}

/// What an earlier campaign came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastCampaign {
    /// Which.
    pub id: CampaignId,
    /// To which version.
    pub version: ImageVersion,
    /// When it began.
    pub started_at: Timestamp,
    /// How it ended, and when; none if another one followed before it did.
    pub ended: Option<(CampaignOutcome, Timestamp)>,
    /// Where its WTPs stood at last.
    pub tally: Tally,
}

/// A preflight check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preflight {
    /// Which.
    pub operation: OperationId,
    /// For which version.
    pub version: Option<ImageVersion>,
    /// Of which families.
    pub families: Vec<ImageFamily>,
    /// When it began.
    pub started_at: Timestamp,
    /// What was found, and when; none while it runs.
    pub findings: Option<(Vec<Finding>, Timestamp)>,
}

impl Campaign {
    /// Whether it has not ended.
    pub fn is_active(&self) -> bool {
        self.ended.is_none()
    }

    /// Where its WTPs stand, those of all iterations up to this one together.
    pub fn tally_up_to(&self, iteration: u32) -> Tally {
        self.iterations.range(..=iteration).map(|(_, t)| *t).sum()
    }

    /// Where all of its WTPs stand.
    pub fn tally(&self) -> Tally {
        self.iterations.values().copied().sum()
    }

    /// The iteration after this one.
    pub fn next_iteration(&self, after: u32) -> Option<u32> {
        self.iterations.range(after + 1..).next().map(|(n, _)| *n)
    }

    /// How far it is, in percent: what a progress bar shows. A WTP that holds the image counts for 40 of 100, one that
    /// was reset into it for 70, one that is back, missing or has failed for all.
    pub fn percent(&self) -> u8 {
        let tally = self.tally();
        let total = u64::from(tally.total());
        if total == 0 {
            return 0;
        }
        let done = u64::from(tally.predownloaded) * 40
            + u64::from(tally.reloaded) * 70
            + u64::from(tally.back + tally.missing + tally.failed) * 100;
        u8::try_from(done / total).unwrap_or(100)
    }

    fn set(&mut self, wtp: &WtpId, state: MemberState, at: Timestamp) {
        let Some(member) = self.members.get_mut(wtp) else { return };
        let tally = self.iterations.entry(member.iteration).or_default();
        tally.remove(&member.state);
        tally.add(&state);
        (member.state, member.since) = (state, at);
    }

    fn choose(&mut self, wtp: &WtpId, iteration: u32, fleet: &Fleet, at: Timestamp) {
        if let Some(before) = self.members.remove(wtp)
            && let Some(tally) = self.iterations.get_mut(&before.iteration)
        {
            tally.remove(&before.state);
        }
        let known = fleet.wtps.get(wtp);
        let member = Member {
            name: known.map_or_else(|| wtp.to_string(), |w| w.address.name.clone()),
            site: known.map(|w| w.inventory.location.clone()).unwrap_or_default(),
            iteration,
            state: MemberState::Waiting,
            since: at,
            reports: known.and_then(|w| w.inventory.version),
        };
        self.iterations.entry(iteration).or_default().add(&member.state);
        self.members.insert(wtp.clone(), member);
    }

    /// A member holds the image.
    fn holds(&mut self, wtp: &WtpId, version: ImageVersion, at: Timestamp) {
        let waits = self.members.get(wtp).is_some_and(|m| m.state.is_before_reset());
        if version == self.version && waits {
            self.set(wtp, MemberState::Predownloaded, at);
        }
    }

    /// A member's image is of no use, or did not come.
    fn failed(&mut self, wtp: &WtpId, kind: Option<DownloadFailureKind>, words: &str, at: Timestamp) {
        if self.members.get(wtp).is_some_and(|m| m.state != MemberState::Back) {
            self.set(wtp, MemberState::Failed { kind, words: words.to_owned() }, at);
        }
    }

    /// A WTP joined and says what it runs.
    fn joined(&mut self, wtp: &WtpId, reports: Option<ImageVersion>, at: Timestamp) {
        let target = self.version;
        let Some(member) = self.members.get_mut(wtp) else { return };
        member.reports = reports;
        let was_reset = matches!(member.state, MemberState::Reloaded | MemberState::Missing(_));
        if was_reset && reports != Some(target) {
            let runs = reports.map_or_else(|| "an unknown version".to_owned(), |v| v.to_string());
            self.failed(wtp, Some(DownloadFailureKind::NotTaken), &format!("came back with {runs}"), at);
        }
    }

    /// A WTP serves.
    fn serves(&mut self, wtp: &WtpId, at: Timestamp) {
        let target = self.version;
        if self.members.get(wtp).is_some_and(|m| m.reports == Some(target) && m.state != MemberState::Back) {
            self.set(wtp, MemberState::Back, at);
        }
    }
}

impl Preflight {
    /// Whether something was found that no upgrade can begin with.
    pub fn failed(&self) -> bool {
        let failed = |f: &Finding| f.verdict == crate::event::Verdict::Failed;
        self.findings.as_ref().is_some_and(|(findings, _)| findings.iter().any(failed))
    }
}

impl Campaigns {
    /// The campaign that has not ended.
    pub fn active(&self) -> Option<&Campaign> {
        self.latest.as_ref().filter(|c| c.is_active())
    }

    /// Whether a WTP that says that it runs `version` is left on it because a campaign moved it there.
    pub fn keeps(&self, wtp: &WtpId, version: ImageVersion) -> bool {
        let moves = |c: &Campaign| c.version == version && c.members.contains_key(wtp);
        self.moved.get(wtp) == Some(&version) || self.active().is_some_and(moves)
    }

    /// The version that the campaign that runs gives a WTP ahead of its reset.
    pub fn gives(&self, wtp: &WtpId) -> Option<ImageVersion> {
        let campaign = self.active()?;
        campaign.members.get(wtp).filter(|m| m.state.is_before_reset()).map(|_| campaign.version)
    }

    fn begin(&mut self, campaign: Campaign) {
        if let Some(old) = self.latest.replace(campaign) {
            let tally = old.tally();
            let ended = old.ended.map(|(outcome, _, at)| (outcome, at));
            let (id, version, started_at) = (old.id, old.version, old.started_at);
            self.past.push_back(PastCampaign { id, version, started_at, ended, tally });
            if self.past.len() > PAST_KEPT {
                self.past.pop_front();
            }
        }
    }

    /// Takes one more fact in; `fleet` has taken it in already. Holds no rules and never fails.
    pub fn apply(&mut self, envelope: &Envelope, fleet: &Fleet) {
        let at = envelope.at;
        let active = self.latest.as_mut().filter(|c| c.is_active());
        match &envelope.event {
            Event::CampaignStarted { campaign, version, plan, wtps } => self.begin(Campaign {
                id: *campaign,
                version: *version,
                plan: plan.clone(),
                started_at: at,
                expected: *wtps,
                phase: CampaignPhase::Preflight,
                iteration: 0,
                phase_at: at,
                paused: None,
                ended: None,
                members: BTreeMap::new(),
                iterations: BTreeMap::new(),
                integrity_failures: 0,
                sites: Sites::of(fleet),
            }),
            Event::CampaignWtpChosen { wtp, iteration, .. } => {
                if let Some(c) = active {
                    c.choose(wtp, *iteration, fleet, at);
                }
            }
            Event::CampaignPhaseChanged { phase, iteration, .. } => {
                if let Some(c) = active {
                    (c.phase, c.iteration, c.phase_at) = (*phase, *iteration, at);
                }
            }
            Event::CampaignWtpMissing { wtp, words, .. } => {
                if let Some(c) = active {
                    c.set(&wtp.id, MemberState::Missing(words.clone()), at);
                }
            }
            Event::CampaignPaused { reason, .. } => {
                if let Some(c) = active {
                    c.paused = Some((reason.clone(), at));
                }
            }
            Event::CampaignResumed { .. } => {
                if let Some(c) = active {
                    (c.paused, c.integrity_failures) = (None, 0);
                }
            }
            Event::CampaignEnded { outcome, words, .. } => {
                if let Some(c) = active {
                    c.paused = None;
                    c.ended = Some((*outcome, words.clone(), at));
                    c.sites = Sites::default();
                }
            }
            Event::PreflightStarted { operation, version, families } => {
                self.preflight = Some(Preflight {
                    operation: *operation,
                    version: *version,
                    families: families.clone(),
                    started_at: at,
                    findings: None,
                });
            }
            Event::PreflightCompleted { operation, findings } => {
                if let Some(p) = self.preflight.as_mut().filter(|p| p.operation == *operation) {
                    p.findings = Some((findings.clone(), at));
                }
            }
            Event::ControllerStarted { .. } | Event::ControllerStopped { .. } => {
                // A check that ran is lost with the process.
                self.preflight.take_if(|p| p.findings.is_none());
                if let Some(c) = active {
                    c.sites.all_down();
                }
            }
            Event::WtpJoined { wtp, inventory, .. } => {
                if let Some(c) = active {
                    c.sites.place(&wtp.id, &inventory.location, false);
                }
                if let Some(c) = &mut self.latest {
                    c.joined(&wtp.id, inventory.version, at);
                    if inventory.version == Some(c.version) && c.is_active() && c.members.contains_key(&wtp.id) {
                        self.moved.insert(wtp.id.clone(), c.version);
                    }
                }
            }
            Event::WtpEnteredRun { wtp, .. } => {
                if let Some(c) = active {
                    c.sites.stand(&wtp.id, true);
                }
                if let Some(c) = &mut self.latest {
                    c.serves(&wtp.id, at);
                }
            }
            Event::WtpDisjoined { wtp, .. } => {
                let gone = fleet.wtps.get(&wtp.id).is_none_or(|w| w.live().is_none());
                if let (Some(c), true) = (active, gone) {
                    c.sites.stand(&wtp.id, false);
                }
            }
            Event::WtpResetRequested { wtp, version, .. } => {
                if let Some(c) = active {
                    c.sites.stand(&wtp.id, false);
                    let member = c.members.get(&wtp.id).is_some_and(|m| m.state.is_before_reset());
                    if member && *version == Some(c.version) {
                        c.set(&wtp.id, MemberState::Reloaded, at);
                        self.moved.insert(wtp.id.clone(), c.version);
                    }
                }
            }
            Event::ImageDownloadCompleted { wtp, image, .. } => {
                if let Some(c) = active {
                    c.holds(&wtp.id, image.version, at);
                }
            }
            Event::PredownloadAlreadyPresent { wtp, version } => {
                if let Some(c) = active {
                    c.holds(&wtp.id, *version, at);
                }
            }
            Event::ImageDownloadFailed { wtp, kind, words, next_retry, .. } => {
                if let Some(c) = active.filter(|c| c.members.contains_key(&wtp.id)) {
                    if kind.is_integrity() {
                        c.integrity_failures += 1;
                    }
                    if next_retry.is_none() {
                        c.failed(&wtp.id, Some(*kind), words, at);
                    }
                }
            }
            Event::PredownloadWithdrawn { wtp, reason } => {
                if let Some(c) = active {
                    c.failed(&wtp.id, None, reason, at);
                }
            }
            Event::ImageNotTaken { wtp, expected, reports, .. } => {
                if let Some(c) = self.latest.as_mut().filter(|c| c.version == *expected) {
                    let runs = reports.map_or_else(|| "an unknown version".to_owned(), |v| v.to_string());
                    c.failed(&wtp.id, Some(DownloadFailureKind::NotTaken), &format!("came back with {runs}"), at);
                }
            }
            Event::VersionActivated { .. } | Event::VersionRolledBack { .. } => self.moved.clear(),
            // What a startup configuration says does not take back what a campaign is doing.
            Event::ConfigurationChanged { changes, .. } if active.is_none() => {
                if changes.iter().any(|s| matches!(s, Setting::SoftwareVersion(_))) {
                    self.moved.clear();
                }
            }
            Event::ConfigurationChanged { .. }
            | Event::ClockStepped { .. }
            | Event::VersionUnstaged { .. }
            | Event::InstallActionStarted { .. }
            | Event::InstallActionFailed { .. }
            | Event::ImageServerListening { .. }
            | Event::ImageServerFailed { .. }
            | Event::OperatorLoggedIn { .. }
            | Event::OperatorLoginFailed { .. }
            | Event::OperatorLoggedOut { .. }
            | Event::OperatorCommandEntered { .. }
            | Event::ConfigurationSaved { .. }
            | Event::LogCleared {}
            | Event::LineCleared { .. }
            | Event::WtpSessionDescribed(_)
            | Event::ImageDownloadRetransmitted { .. }
            | Event::LoggingHostStarted { .. }
            | Event::LoggingHostFailed { .. }
            | Event::WtpDiscovered { .. }
            | Event::WtpRefused { .. }
            | Event::WtpMessageRejected { .. }
            | Event::WtpDataTransferred { .. }
            | Event::InstallAddStarted { .. }
            | Event::InstallAddProgressed { .. }
            | Event::InstallAddCompleted { .. }
            | Event::InstallAddFailed { .. }
            | Event::ImageRemoved { .. }
            | Event::ImageDownloadStarted { .. }
            | Event::ImageDownloadProgressed { .. }
            | Event::ImageDownloadAborted { .. }
            | Event::PredownloadRequested { .. }
            | Event::LimitReached { .. }
            | Event::ServerKeyPinned { .. }
            | Event::ServerKeyForgotten { .. }
            | Event::ImageServeStarted { .. }
            | Event::ImageServeProgressed { .. }
            | Event::ImageServeCompleted { .. }
            | Event::ImageServeFailed { .. }
            | Event::VersionStaged { .. }
            | Event::VersionCommitted { .. }
            | Event::AutoAbortArmed { .. }
            | Event::WtpImageSwapped { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
