//! What the views of campaigns tell, as data: the text and the JSON of each are made of it.

use capledger_schema::event::{CampaignPhase, CampaignPlan, Finding};
use capledger_schema::image::ImageVersion;
use capledger_schema::project::campaigns::{Campaign, Member, PastCampaign, Tally};
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::{UpgradeState, member_state, reason};
use crate::ios::View;

/// What `show ap upgrade` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The campaign that runs or ran last.
    pub upgrade: Option<Upgrade>,
}

/// The campaign that runs or ran last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Upgrade {
    /// Its operation number.
    pub id: u64,
    /// To which version.
    pub version: ImageVersion,
    /// How it stands with it.
    pub state: UpgradeState,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended, in words.
    pub outcome: Option<String>,
    /// Where it stands, or stood at last.
    pub phase: CampaignPhase,
    /// With which iteration: 0 for the canaries, then from 1.
    pub iteration: u32,
    /// Why it touches no further AP.
    pub paused: Option<Paused>,
    /// How far it is.
    pub percent: u8,
    /// How it goes about it.
    pub plan: CampaignPlan,
    /// How many APs it was about when it began; its iterations are made after the preflight.
    pub expected: u32,
    /// Where its APs stand, by iteration.
    pub iterations: Vec<Iteration>,
    /// Where they stand, all together.
    pub total: Counts,
    /// The check that stopped it, if one did.
    pub failed_check: Option<Check>,
}

/// A campaign's pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// Where the APs of an iteration stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Iteration {
    /// 0 for the canaries, then from 1.
    pub iteration: u32,
    /// How many stand where.
    #[serde(flatten)]
    pub counts: Counts,
}

/// How many APs stand where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All of them.
    pub aps: u32,
    /// They do not hold the image yet.
    pub waiting: u32,
    /// They hold it.
    pub predownloaded: u32,
    /// They were reset into it.
    pub reloaded: u32,
    /// They serve on it.
    pub joined_back: u32,
    /// They did not come back in time.
    pub missing: u32,
    /// They will not run it.
    pub failed: u32,
}

impl From<Tally> for Counts {
    fn from(t: Tally) -> Counts {
        Counts {
            aps: t.total(),
            waiting: t.waiting,
            predownloaded: t.predownloaded,
            reloaded: t.reloaded,
            joined_back: t.back,
            missing: t.missing,
            failed: t.failed,
        }
    }
}

/// A preflight check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// When it ended.
    pub at: Timestamp,
    /// What it found.
    pub findings: Vec<Finding>,
}

/// What `show ap upgrade` tells.
pub fn facts(view: &View) -> Facts {
    let campaigns = &view.state.campaigns;
    let failed_check = |c: &Campaign| {
        let checked = campaigns.preflight.as_ref().filter(|p| p.operation.0 > c.id.0 && p.failed())?;
        checked.findings.as_ref().map(|(findings, at)| Check { at: *at, findings: findings.clone() })
    };
    Facts {
        upgrade: campaigns.latest.as_ref().map(|c| Upgrade {
            id: c.id.0,
            version: c.version,
            state: UpgradeState::of(c),
            started_at: c.started_at,
            ended_at: c.ended.as_ref().map(|(_, _, at)| *at),
            outcome: c.ended.as_ref().map(|(_, words, _)| words.clone()),
            phase: c.phase,
            iteration: c.iteration,
            paused: c.paused.as_ref().map(|(reason, since)| Paused { reason: reason.clone(), since: *since }),
            percent: c.percent(),
            plan: c.plan.clone(),
            expected: c.expected,
            iterations: c.iterations.iter().map(|(n, t)| Iteration { iteration: *n, counts: (*t).into() }).collect(),
            total: c.tally().into(),
            failed_check: failed_check(c),
        }),
    }
}

/// What `show ap upgrade ap-list` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListFacts {
    /// The operation number of the campaign that runs or ran last.
    pub upgrade: Option<u64>,
    /// To which version.
    pub version: Option<ImageVersion>,
    /// How it stands with it.
    pub state: Option<UpgradeState>,
    /// Its APs, by iteration, site and name.
    pub access_points: Vec<Row>,
}

/// One AP of a campaign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Its site.
    pub site: String,
    /// 0 for the canaries, then from 1.
    pub iteration: u32,
    /// Where it stands.
    pub state: ApUpgradeState,
    /// The version that it said it runs when it joined last.
    pub version: Option<ImageVersion>,
    /// Since when it stands there.
    pub since: Timestamp,
    /// Why it is missing, or has failed.
    pub reason: Option<String>,
}

/// Where an AP of a campaign stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApUpgradeState {
    /// It does not hold the image yet.
    Waiting,
    /// It holds it.
    Predownloaded,
    /// It was reset into it.
    Reloaded,
    /// It serves on it.
    JoinedBack,
    /// It did not come back in time.
    Missing,
    /// It will not run it.
    Failed,
}

/// What `show ap upgrade ap-list` tells.
pub fn list_facts(view: &View) -> ListFacts {
    let Some(c) = &view.state.campaigns.latest else {
        return ListFacts { upgrade: None, version: None, state: None, access_points: Vec::new() };
    };
    let mut members: Vec<&Member> = c.members.values().collect();
    members.sort_by(|a, b| (a.iteration, &a.site, &a.name).cmp(&(b.iteration, &b.site, &b.name)));
    let row = |m: &Member| Row {
        name: m.name.clone(),
        site: m.site.clone(),
        iteration: m.iteration,
        state: member_state(&m.state),
        version: m.reports,
        since: m.since,
        reason: reason(&m.state),
    };
    ListFacts {
        upgrade: Some(c.id.0),
        version: Some(c.version),
        state: Some(UpgradeState::of(c)),
        access_points: members.into_iter().map(row).collect(),
    }
}

/// What `show ap upgrade summary` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SummaryFacts {
    /// The last campaigns, oldest first.
    pub upgrades: Vec<Summary>,
}

/// One campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Its operation number.
    pub id: u64,
    /// To which version.
    pub version: ImageVersion,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it stands with it.
    pub state: UpgradeState,
    /// Where its APs stand.
    #[serde(flatten)]
    pub counts: Counts,
}

/// What `show ap upgrade summary` tells.
pub fn summary_facts(view: &View) -> SummaryFacts {
    let campaigns = &view.state.campaigns;
    let past = |p: &PastCampaign| Summary {
        id: p.id.0,
        version: p.version,
        started_at: p.started_at,
        ended_at: p.ended.map(|(_, at)| at),
        state: p.ended.map_or(UpgradeState::Replaced, |(outcome, _)| outcome.into()),
        counts: p.tally.into(),
    };
    let latest = campaigns.latest.as_ref().map(|c| Summary {
        id: c.id.0,
        version: c.version,
        started_at: c.started_at,
        ended_at: c.ended.as_ref().map(|(_, _, at)| *at),
        state: UpgradeState::of(c),
        counts: c.tally().into(),
    });
    SummaryFacts { upgrades: campaigns.past.iter().map(past).chain(latest).collect() }
}
