//! `show ap upgrade`, `show ap upgrade ap-list`, `show ap upgrade summary`: the campaign that runs or ran last, its
//! access points, and the campaigns before it.

mod facts;

use std::fmt::Write as _;

use capledger_schema::event::{CampaignOutcome, CampaignPhase, CampaignPlan, OnError};
use capledger_schema::project::campaigns::{Campaign, MemberState};
use serde::Serialize;

use super::table::table;
use super::words;
use crate::ios::{View, upgrade};

pub use facts::{
    ApUpgradeState, Check, Counts, Facts, Iteration, ListFacts, Paused, Row, Summary, SummaryFacts, Upgrade, facts,
    list_facts, summary_facts,
};

const NONE: &str = "There has been no AP upgrade\n";

/// The state of a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeState {
    /// It is under way.
    InProgress,
    /// It touches no further AP until it is resumed.
    Paused,
    /// It came to its end.
    Completed,
    /// It stopped by itself.
    Stopped,
    /// An operator ended it.
    Aborted,
    /// It ended before it touched an AP.
    PreflightFailed,
    /// Another one followed before it ended.
    Replaced,
}

impl UpgradeState {
    /// The state of this one.
    pub fn of(c: &Campaign) -> UpgradeState {
        match (&c.ended, &c.paused) {
            (Some((outcome, _, _)), _) => (*outcome).into(),
            (None, Some(_)) => UpgradeState::Paused,
            (None, None) => UpgradeState::InProgress,
        }
    }

    /// In IOS's words.
    pub fn word(self) -> &'static str {
        match self {
            UpgradeState::InProgress => "In progress",
            UpgradeState::Paused => "Paused",
            UpgradeState::Completed => "Completed",
            UpgradeState::Stopped => "Stopped",
            UpgradeState::Aborted => "Aborted",
            UpgradeState::PreflightFailed => "Preflight failed",
            UpgradeState::Replaced => "Replaced",
        }
    }
}

impl From<CampaignOutcome> for UpgradeState {
    fn from(outcome: CampaignOutcome) -> UpgradeState {
        match outcome {
            CampaignOutcome::Completed => UpgradeState::Completed,
            CampaignOutcome::Stopped => UpgradeState::Stopped,
            CampaignOutcome::Aborted => UpgradeState::Aborted,
            CampaignOutcome::PreflightFailed => UpgradeState::PreflightFailed,
        }
    }
}

/// `show ap upgrade`
pub fn show(view: &View) -> String {
    let Some(u) = facts(view).upgrade else { return NONE.to_owned() };
    let mut out = format!("AP upgrade {} to {}\n\n", u.id, u.version);
    let mut line = |label: &str, value: String| {
        let _ = writeln!(out, "{label:<16}: {value}");
    };
    line("State", u.state.word().to_owned());
    line("Started", view.time.date(u.started_at));
    match (u.ended_at, &u.outcome) {
        (Some(at), Some(words)) => {
            line("Ended", view.time.date(at));
            line("Outcome", words.clone());
        }
        (None, _) | (_, None) => line("Phase", format!("{}, {}", phase(u.phase), iteration(&u))),
    }
    if let Some(paused) = &u.paused {
        line("Paused", format!("{} ({} ago)", paused.reason, words::span(view.now.since(paused.since))));
    }
    line("Progress", format!("{} % [{}]", u.percent, bar(u.percent)));
    line("Plan", plan(&u.plan));
    if u.total.aps > 0 {
        let mut rows: Vec<[String; 8]> = u.iterations.iter().map(|i| row(&number(i.iteration), &i.counts)).collect();
        rows.push(row("total", &u.total));
        let headers = ["Iteration", "APs", "Waiting", "Predownloaded", "Reloaded", "Joined-back", "Missing", "Failed"];
        let _ = write!(out, "\n{}", table(headers, &rows));
    }
    if let Some(check) = &u.failed_check {
        let _ = write!(out, "\n{}", upgrade::check_completed(&check.findings, check.at, view.time));
    }
    out
}

/// `show ap upgrade ap-list`
pub fn list(view: &View) -> String {
    let facts = list_facts(view);
    let (Some(id), Some(version), Some(state)) = (facts.upgrade, facts.version, facts.state) else {
        return NONE.to_owned();
    };
    let rows: Vec<[String; 7]> = facts
        .access_points
        .into_iter()
        .map(|r| {
            [
                r.name,
                r.site,
                number(r.iteration),
                r.state.word().to_owned(),
                r.version.map_or_else(|| "N/A".to_owned(), |v| v.to_string()),
                words::span(view.now.since(r.since)),
                r.reason.unwrap_or_default(),
            ]
        })
        .collect();
    let headers = ["AP Name", "Site", "Iteration", "State", "Version", "Since", "Reason"];
    format!("AP upgrade {id} to {version}: {}\n\n{}", state.word(), table(headers, &rows))
}

/// `show ap upgrade summary`
pub fn summary(view: &View) -> String {
    let rows: Vec<[String; 7]> = summary_facts(view)
        .upgrades
        .iter()
        .map(|s| {
            [
                s.id.to_string(),
                s.version.to_string(),
                view.time.date(s.started_at),
                s.state.word().to_owned(),
                s.counts.aps.to_string(),
                s.counts.joined_back.to_string(),
                (s.counts.missing + s.counts.failed).to_string(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return NONE.to_owned();
    }
    table(["Upgrade", "Version", "Started", "State", "APs", "Joined-back", "Missing or failed"], &rows)
}

fn phase(phase: CampaignPhase) -> &'static str {
    match phase {
        CampaignPhase::Preflight => "Preflight",
        CampaignPhase::Fetch => "Fetch",
        CampaignPhase::Predownload => "Predownload",
        CampaignPhase::Activate => "Activate",
        CampaignPhase::Rejoin => "Rejoin",
    }
}

fn iteration(u: &Upgrade) -> String {
    let last = u.iterations.last().map_or(0, |i| i.iteration);
    match u.iteration {
        _ if u.iterations.is_empty() => format!("{} expected", words::plural(u64::from(u.expected), "AP")),
        0 => "canaries".to_owned(),
        n => format!("iteration {n} of {last}"),
    }
}

/// An iteration in a column.
fn number(iteration: u32) -> String {
    if iteration == 0 { "canary".to_owned() } else { iteration.to_string() }
}

fn plan(plan: &CampaignPlan) -> String {
    let canaries = match plan.canaries {
        0 => "no canaries".to_owned(),
        1 => "1 canary".to_owned(),
        n => format!("{n} canaries"),
    };
    let pace = if plan.percent == 100 { "one-shot".to_owned() } else { format!("{} % per iteration", plan.percent) };
    let site = plan.site.as_ref().map_or_else(|| "every site".to_owned(), |s| format!("site {s}"));
    let error = match plan.on_error {
        OnError::Stop => format!("on error stop at {} %", plan.error_threshold),
        OnError::Continue => "on error continue".to_owned(),
    };
    format!("{canaries}, {pace}, {site}, {error}")
}

fn bar(percent: u8) -> String {
    (0..20).map(|n| if n * 5 < percent { '#' } else { '.' }).collect()
}

fn row(name: &str, c: &Counts) -> [String; 8] {
    let counts = [c.aps, c.waiting, c.predownloaded, c.reloaded, c.joined_back, c.missing, c.failed];
    let mut cells = [const { String::new() }; 8];
    name.clone_into(&mut cells[0]);
    for (cell, count) in cells[1..].iter_mut().zip(counts) {
        *cell = count.to_string();
    }
    cells
}

impl ApUpgradeState {
    /// In IOS's words.
    pub fn word(self) -> &'static str {
        match self {
            ApUpgradeState::Waiting => "Waiting",
            ApUpgradeState::Predownloaded => "Predownloaded",
            ApUpgradeState::Reloaded => "Reloaded",
            ApUpgradeState::JoinedBack => "Joined-back",
            ApUpgradeState::Missing => "Missing",
            ApUpgradeState::Failed => "Failed",
        }
    }
}

fn member_state(state: &MemberState) -> ApUpgradeState {
    match state {
        MemberState::Waiting => ApUpgradeState::Waiting,
        MemberState::Predownloaded => ApUpgradeState::Predownloaded,
        MemberState::Reloaded => ApUpgradeState::Reloaded,
        MemberState::Back => ApUpgradeState::JoinedBack,
        MemberState::Missing(_) => ApUpgradeState::Missing,
        MemberState::Failed { .. } => ApUpgradeState::Failed,
    }
}

fn reason(state: &MemberState) -> Option<String> {
    match state {
        MemberState::Waiting | MemberState::Predownloaded | MemberState::Reloaded | MemberState::Back => None,
        MemberState::Missing(words) => Some(words.clone()),
        MemberState::Failed { kind: Some(kind), words } => Some(format!("{kind}: {words}")),
        MemberState::Failed { kind: None, words } => Some(words.clone()),
    }
}

#[cfg(test)]
mod tests;
