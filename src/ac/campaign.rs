//! Fleet-wide upgrades with a staged roll-out: who is given the image when, who is reset when, and when to stop.
//!
//! All that a campaign knows is in the fold, so it goes on after a restart where it stood; here are its rules. It takes a
//! turn after every step that recorded something. The images go to all of its WTPs ahead, while they serve; then the
//! iterations are reset one after the other, canaries first, and never more of one site than `ap upgrade site-share`.
//!
//! ```text
//!   Preflight -> Fetch -> [ Predownload -> Activate -> Rejoin ] per iteration -> the target becomes the running version
//! ```

mod spread;
mod watch;

use capledger_schema::event::{CampaignOutcome, CampaignPhase, CampaignPlan, OnError, WtpAddress};
use capledger_schema::id::{CampaignId, OperationId, Seq, WtpId};
use capledger_schema::image::ImageVersion;
use capledger_schema::project::State;
use capledger_schema::project::campaigns::{Campaign, MemberState};
use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};
use capledger_schema::{Cause, Event, Subject};

use super::preflight::joined;
use super::{Ac, Key};
use spread::spread;

pub(super) use watch::Waits;

/// Failed tries of one family's fetch after which a campaign does not wait for it any longer.
const FETCH_TRIES: u32 = 3;

/// What became of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It led to the next.
    Again,
    /// It waits for something to happen.
    Waits,
}

impl Ac {
    /// Starts a campaign: first of all its preflight. The number of the campaign is that of its first event.
    pub(super) fn start_campaign(&mut self, version: ImageVersion, plan: CampaignPlan, cause: &Cause) -> OperationId {
        let campaign = CampaignId(self.book.next().0);
        let wtps = candidates(&self.book.state, version, plan.site.as_deref()).count();
        let wtps = u32::try_from(wtps).unwrap_or(u32::MAX);
        let site = plan.site.clone();
        let event = Event::CampaignStarted { campaign, version, plan, wtps };
        self.book.record(cause.clone(), Subject::Campaign(campaign), event);
        self.waits = Waits::default();
        self.start_preflight(Some(version), site, Cause::Campaign(campaign))
    }

    /// Lets the campaign touch no further WTP until it is resumed.
    pub(super) fn pause_campaign(&mut self, reason: &str, cause: &Cause) {
        let Some(campaign) = self.book.state.campaigns.active().map(|c| c.id) else { return };
        let event = Event::CampaignPaused { campaign, reason: reason.to_owned() };
        self.book.record(cause.clone(), Subject::Campaign(campaign), event);
    }

    /// Lets a paused campaign go on.
    pub(super) fn resume_campaign(&mut self, cause: &Cause) {
        let Some(campaign) = self.book.state.campaigns.active().map(|c| c.id) else { return };
        self.book.record(cause.clone(), Subject::Campaign(campaign), Event::CampaignResumed { campaign });
        self.waits.stuck = None;
        self.give_to_all();
    }

    /// Ends the campaign: those that wait for their image are given none.
    pub(super) fn end_campaign(&mut self, outcome: CampaignOutcome, words: String, cause: &Cause) {
        let Some(c) = self.book.state.campaigns.active() else { return };
        let (campaign, version) = (c.id, c.version);
        let waiting: Vec<WtpAddress> = c
            .members
            .iter()
            .filter(|(_, m)| m.state == MemberState::Waiting)
            .filter_map(|(id, _)| self.book.state.fleet.wtps.get(id))
            .filter(|w| is_given(w, version))
            .map(|w| w.address.clone())
            .collect();
        if outcome == CampaignOutcome::Completed && self.covers_the_fleet() {
            // WTPs that join from now on are given it; those that failed are left alone until then.
            let minutes = self.book.state.config.upgrade.auto_abort;
            self.make_running(version, minutes, &Cause::Campaign(campaign));
        }
        let event = Event::CampaignEnded { campaign, outcome, words };
        self.book.record(cause.clone(), Subject::Campaign(campaign), event);
        for wtp in waiting {
            self.abort_predownload(&wtp, "the AP upgrade is over", cause);
        }
        self.waits = Waits::default();
        self.timers.set(Key::Campaign, None);
    }

    /// Whether a WTP's predownload waits because its campaign is paused.
    pub(super) fn is_paused(&self, wtp: &WtpId) -> bool {
        let campaigns = &self.book.state.campaigns;
        campaigns.active().is_some_and(|c| c.paused.is_some()) && campaigns.gives(wtp).is_some()
    }

    /// The campaign's turn, after a step that recorded something.
    pub(super) fn pursue_campaign(&mut self) {
        if self.book.recorded().is_empty() || self.book.state.campaigns.active().is_none() {
            return;
        }
        let serve_now: Vec<WtpId> = self
            .book
            .recorded()
            .iter()
            .filter_map(|e| if let Event::WtpEnteredRun { wtp, .. } = &e.event { Some(wtp.id.clone()) } else { None })
            .collect();
        for wtp in serve_now {
            self.give(&wtp);
        }
        self.take_turns();
        self.watch_campaign();
    }

    pub(super) fn take_turns(&mut self) {
        while self.campaign_turn() == Turn::Again {}
    }

    fn campaign_turn(&mut self) -> Turn {
        let limits = &self.book.state.config.upgrade;
        let (limit, rejoin_percent) = (limits.integrity_limit, limits.rejoin_percent);
        let Some(c) = self.book.state.campaigns.active() else { return Turn::Waits };
        if c.paused.is_some() {
            return Turn::Waits;
        }
        if c.integrity_failures >= limit {
            let reason = format!(
                "{} APs could not store or verify the image; see `show ap image reason`, then `ap image upgrade resume` \
                 or `abort`",
                c.integrity_failures
            );
            let cause = Cause::Campaign(c.id);
            self.pause_campaign(&reason, &cause);
            return Turn::Waits;
        }
        if let Some(words) = stops(c) {
            let cause = Cause::Campaign(c.id);
            self.end_campaign(CampaignOutcome::Stopped, words, &cause);
            return Turn::Waits;
        }
        let tally = c.iterations.get(&c.iteration).copied().unwrap_or_default();
        match c.phase {
            CampaignPhase::Preflight => self.turn_of_preflight(),
            CampaignPhase::Fetch => self.turn_of_fetch(),
            CampaignPhase::Predownload if tally.waiting == 0 => self.go_on(CampaignPhase::Activate, c.iteration),
            CampaignPhase::Predownload => Turn::Waits,
            CampaignPhase::Activate if tally.waiting + tally.predownloaded == 0 => {
                self.go_on(CampaignPhase::Rejoin, c.iteration)
            }
            CampaignPhase::Activate => {
                self.reset_those_that_may();
                let left = self.book.state.campaigns.active().and_then(|c| c.iterations.get(&c.iteration));
                let done = left.is_some_and(|t| t.waiting + t.predownloaded == 0);
                if done { Turn::Again } else { Turn::Waits }
            }
            CampaignPhase::Rejoin if is_done(c, rejoin_percent) => {
                if let Some(next) = c.next_iteration(c.iteration) {
                    return self.go_on(CampaignPhase::Predownload, next);
                }
                let (words, cause) = (sum_up(c), Cause::Campaign(c.id));
                self.end_campaign(CampaignOutcome::Completed, words, &cause);
                Turn::Waits
            }
            CampaignPhase::Rejoin => Turn::Waits,
        }
    }

    fn go_on(&mut self, phase: CampaignPhase, iteration: u32) -> Turn {
        let Some(campaign) = self.book.state.campaigns.active().map(|c| c.id) else { return Turn::Waits };
        let event = Event::CampaignPhaseChanged { campaign, phase, iteration };
        self.book.record(Cause::Campaign(campaign), Subject::Campaign(campaign), event);
        self.waits.stuck = None;
        Turn::Again
    }

    fn turn_of_preflight(&mut self) -> Turn {
        let state = &self.book.state;
        let Some(c) = state.campaigns.active() else { return Turn::Waits };
        let (version, site, cause) = (c.version, c.plan.site.clone(), Cause::Campaign(c.id));
        if self.preflight.is_some() {
            return Turn::Waits;
        }
        // A campaign of an earlier life of the controller waits for its WTPs to come back.
        let missing = candidates(state, version, site.as_deref()).count() < c.expected as usize;
        if Seq(c.id.0) < self.life.begun && missing && self.book.now.mono < self.life.since + self.expiry() {
            return Turn::Waits;
        }
        let Some(checked) = state.campaigns.preflight.as_ref().filter(|p| p.operation.0 > c.id.0) else {
            self.start_preflight(Some(version), site, cause);
            return Turn::Waits;
        };
        if checked.findings.is_none() {
            return Turn::Waits;
        }
        if checked.failed() {
            let words = "the preflight check failed: no AP was touched".to_owned();
            self.end_campaign(CampaignOutcome::PreflightFailed, words, &cause);
            return Turn::Waits;
        }
        let (id, chosen) = (c.id, spread(candidates(state, version, site.as_deref()), &c.plan));
        let Some(first) = chosen.first().map(|(_, iteration)| *iteration) else {
            self.end_campaign(CampaignOutcome::Completed, format!("every AP runs {version} already"), &cause);
            return Turn::Waits;
        };
        for (wtp, iteration) in chosen {
            let event = Event::CampaignWtpChosen { campaign: id, wtp, iteration };
            self.book.record(cause.clone(), Subject::Campaign(id), event);
        }
        self.go_on(CampaignPhase::Fetch, first)
    }

    fn turn_of_fetch(&mut self) -> Turn {
        let state = &self.book.state;
        let Some(c) = state.campaigns.active() else { return Turn::Waits };
        let (version, first, cause) = (c.version, c.iteration, Cause::Campaign(c.id));
        let mut families: Vec<_> = c
            .members
            .keys()
            .filter_map(|id| state.fleet.wtps.get(id)?.inventory.family.clone())
            .filter(|family| state.installs.image(family, version).is_none())
            .collect();
        families.sort();
        families.dedup();
        for family in &families {
            let record = state.installs.families.get(family);
            if let Some(f) = record.filter(|f| f.running.is_none() && f.failures >= FETCH_TRIES) {
                let why = f.last.as_ref().map_or_else(String::new, |(failure, _)| format!(": {failure}"));
                let words = format!("the image of {family} could not be fetched{why}");
                self.end_campaign(CampaignOutcome::Stopped, words, &cause);
                return Turn::Waits;
            }
        }
        for family in &families {
            self.pursue_image(family, version, &cause);
        }
        if !families.is_empty() {
            return Turn::Waits;
        }
        let turn = self.go_on(CampaignPhase::Predownload, first);
        self.give_to_all();
        turn
    }

    /// Sees to it that every WTP that still waits for its image is given it.
    fn give_to_all(&mut self) {
        let Some(c) = self.book.state.campaigns.active() else { return };
        let waiting = c.members.iter().filter(|(_, m)| m.state == MemberState::Waiting);
        let waiting: Vec<WtpId> = waiting.map(|(id, _)| id.clone()).collect();
        for wtp in waiting {
            self.ask_for(&wtp);
        }
        self.pursue_fleet();
    }

    /// The same for one that serves from now on.
    fn give(&mut self, wtp: &WtpId) {
        if self.ask_for(wtp)
            && let Some(peer) = self.by_wtp.get(wtp).copied()
        {
            self.pursue_wtp(peer);
        }
    }

    /// Has a WTP wait for its image, unless it does; whether it waits now.
    fn ask_for(&mut self, wtp: &WtpId) -> bool {
        let state = &self.book.state;
        let Some(c) = state.campaigns.active() else { return false };
        if c.paused.is_some() || c.phase < CampaignPhase::Predownload {
            return false;
        }
        let (Some(member), Some(known)) = (c.members.get(wtp), state.fleet.wtps.get(wtp)) else { return false };
        let serves = matches!(known.session, SessionState::Run(_));
        let Some(family) = known.inventory.family.clone().filter(|_| serves) else { return false };
        let lost_it = member.state == MemberState::Predownloaded && known.backup() != Some(c.version);
        if member.state != MemberState::Waiting && !lost_it {
            return false;
        }
        if lost_it || !is_given(known, c.version) {
            let (version, cause) = (c.version, Cause::Campaign(c.id));
            let event = Event::PredownloadRequested { wtp: known.address.clone(), family, version, reset: false };
            self.book.record(cause, Subject::Wtp(wtp.clone()), event);
        }
        self.hungry.extend(self.by_wtp.get(wtp));
        true
    }

    /// Resets as many of the iteration's WTPs as their sites can spare.
    fn reset_those_that_may(&mut self) {
        let Some(c) = self.book.state.campaigns.active() else { return };
        let (version, cause) = (c.version, Cause::Campaign(c.id));
        let ready = |m: &MemberState| *m == MemberState::Predownloaded;
        let turn: Vec<_> = c
            .members
            .iter()
            .filter(|(_, m)| m.iteration == c.iteration && ready(&m.state))
            .map(|(id, m)| (id.clone(), m.site.clone()))
            .collect();
        let share = self.book.state.config.upgrade.site_share;
        let now = self.book.now.mono;
        let mut held_up = false;
        for (wtp, site) in turn {
            let state = &self.book.state;
            let Some(known) = state.fleet.wtps.get(&wtp) else { continue };
            if !matches!(known.session, SessionState::Run(_)) {
                continue; // It is waited for, for a while.
            }
            if known.backup() != Some(version) {
                self.give(&wtp);
                continue;
            }
            let Some(c) = state.campaigns.active() else { return };
            if c.sites.standing(&site).room(share) == 0 {
                held_up = true;
                continue;
            }
            if let Some(peer) = self.by_wtp.get(&wtp).copied() {
                self.request_reset(peer, Some(version), &cause);
                self.arm(peer);
                self.waits.since.insert(wtp, now);
            }
        }
        let under_way = self.book.state.campaigns.active().is_some_and(|c| c.tally().reloaded > 0);
        match (held_up && !under_way, self.waits.stuck) {
            (true, None) => self.waits.stuck = Some(now),
            (true, Some(_)) => {}
            (false, _) => self.waits.stuck = None,
        }
    }

    /// Whether the target of a campaign that is through is to become the running version: a site's own campaign leaves
    /// the others as they are.
    fn covers_the_fleet(&self) -> bool {
        let state = &self.book.state;
        let Some(c) = state.campaigns.active().filter(|c| state.running_version() != Some(c.version)) else {
            return false;
        };
        c.plan.site.is_none() || candidates(state, c.version, None).next().is_none()
    }
}

/// The WTPs that a campaign to this version is about: those that serve, are of a known model and do not run it.
pub(super) fn candidates<'a>(
    state: &'a State,
    version: ImageVersion,
    site: Option<&'a str>,
) -> impl Iterator<Item = &'a Wtp> {
    joined(state, site).filter(move |w| w.inventory.family.is_some() && !w.runs(version))
}

/// Whether a WTP is being given this version, or will be, and is left alone when it holds it.
fn is_given(wtp: &Wtp, of: ImageVersion) -> bool {
    match &wtp.image {
        ImageStatus::Initiated { version, reset, .. } | ImageStatus::Moving { version, reset, .. } => {
            *version == of && !reset
        }
        ImageStatus::Failed { version, next_retry, reset, .. } => *version == of && next_retry.is_some() && !reset,
        ImageStatus::None | ImageStatus::Complete { .. } => false,
    }
}

/// Why a campaign stops by itself, if it does.
fn stops(c: &Campaign) -> Option<String> {
    match c.plan.on_error {
        OnError::Continue => return None,
        OnError::Stop => {}
    }
    let tried = c.tally_up_to(c.iteration);
    let (errors, total) = (tried.errors(), tried.total());
    if c.iteration == 0 && c.plan.canaries > 0 {
        // Every canary tells something: the others are waited for.
        let over = tried.waiting + tried.predownloaded + tried.reloaded == 0;
        return (over && errors > 0).then(|| format!("{errors} of {total} canaries did not come to run {}", c.version));
    }
    let reached = u64::from(errors) * 100 >= u64::from(c.plan.error_threshold) * u64::from(total);
    (errors > 0 && reached).then(|| {
        format!(
            "{errors} of {total} APs failed or are missing: the threshold of {} % is reached",
            c.plan.error_threshold
        )
    })
}

/// Whether enough of the iteration's WTPs are back for the next one, or, at the end, nobody is waited for any longer.
fn is_done(c: &Campaign, rejoin_percent: u8) -> bool {
    let tally = c.iterations.get(&c.iteration).copied().unwrap_or_default();
    if c.next_iteration(c.iteration).is_none() {
        return c.tally().reloaded == 0;
    }
    let enough = u64::from(tally.back) * 100 >= u64::from(rejoin_percent) * u64::from(tally.total() - tally.failed);
    tally.reloaded == 0 || (c.iteration > 0 && enough)
}

fn sum_up(c: &Campaign) -> String {
    let tally = c.tally();
    let words = format!("{} of {} APs run {}", tally.back, tally.total(), c.version);
    if tally.errors() == 0 { words } else { format!("{words}; {} missing, {} failed", tally.missing, tally.failed) }
}
