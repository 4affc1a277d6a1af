//! `show ap upgrade`, `show ap upgrade ap-list`, `show ap upgrade summary`: the campaign that runs or ran last, its
//! access points, and the campaigns before it.

use std::fmt::Write as _;

use capledger_schema::event::{CampaignOutcome, CampaignPhase, OnError};
use capledger_schema::project::campaigns::{Campaign, Member, MemberState, Tally};

use super::table::table;
use super::words;
use crate::ios::{View, upgrade};

const NONE: &str = "There has been no AP upgrade\n";

/// `show ap upgrade`
pub fn show(view: &View) -> String {
    let Some(c) = &view.state.campaigns.latest else { return NONE.to_owned() };
    let mut out = format!("AP upgrade {} to {}\n\n", c.id, c.version);
    let mut line = |label: &str, value: String| {
        let _ = writeln!(out, "{label:<16}: {value}");
    };
    line("State", state(c).to_owned());
    line("Started", view.time.date(c.started_at));
    match &c.ended {
        Some((_, words, at)) => {
            line("Ended", view.time.date(*at));
            line("Outcome", words.clone());
        }
        None => line("Phase", format!("{}, {}", phase(c.phase), iteration(c))),
    }
    if let Some((reason, at)) = &c.paused {
        line("Paused", format!("{reason} ({} ago)", words::span(view.now.since(*at))));
    }
    line("Progress", format!("{} % [{}]", c.percent(), bar(c.percent())));
    line("Plan", plan(c));
    let tally = c.tally();
    if tally.total() > 0 {
        let mut rows: Vec<[String; 8]> = c
            .iterations
            .iter()
            .map(|(n, t)| row(&if *n == 0 { "canary".to_owned() } else { n.to_string() }, t))
            .collect();
        rows.push(row("total", &tally));
        let headers = ["Iteration", "APs", "Waiting", "Predownloaded", "Reloaded", "Joined-back", "Missing", "Failed"];
        let _ = write!(out, "\n{}", table(headers, &rows));
    }
    let checked = view.state.campaigns.preflight.as_ref().filter(|p| p.operation.0 > c.id.0 && p.failed());
    if let Some((findings, at)) = checked.and_then(|p| p.findings.as_ref()) {
        let _ = write!(out, "\n{}", upgrade::check_completed(findings, *at, view.time));
    }
    out
}

/// `show ap upgrade ap-list`
pub fn list(view: &View) -> String {
    let Some(c) = &view.state.campaigns.latest else { return NONE.to_owned() };
    let mut members: Vec<&Member> = c.members.values().collect();
    members.sort_by(|a, b| (a.iteration, &a.site, &a.name).cmp(&(b.iteration, &b.site, &b.name)));
    let rows: Vec<[String; 7]> = members
        .into_iter()
        .map(|m| {
            [
                m.name.clone(),
                m.site.clone(),
                if m.iteration == 0 { "canary".to_owned() } else { m.iteration.to_string() },
                member_state(&m.state).to_owned(),
                m.reports.map_or_else(|| "N/A".to_owned(), |v| v.to_string()),
                words::span(view.now.since(m.since)),
                reason(&m.state),
            ]
        })
        .collect();
    let headers = ["AP Name", "Site", "Iteration", "State", "Version", "Since", "Reason"];
    format!("AP upgrade {} to {}: {}\n\n{}", c.id, c.version, state(c), table(headers, &rows))
}

/// `show ap upgrade summary`
pub fn summary(view: &View) -> String {
    let campaigns = &view.state.campaigns;
    let Some(latest) = &campaigns.latest else { return NONE.to_owned() };
    let line = |id: String, version: String, at, state: &str, t: &Tally| {
        let total = t.total().to_string();
        [id, version, view.time.date(at), state.to_owned(), total, t.back.to_string(), t.errors().to_string()]
    };
    let mut rows: Vec<[String; 7]> = campaigns
        .past
        .iter()
        .map(|p| {
            let state = p.ended.map_or("Replaced", |(outcome, _)| outcome_word(outcome));
            line(p.id.to_string(), p.version.to_string(), p.started_at, state, &p.tally)
        })
        .collect();
    rows.push(line(
        latest.id.to_string(),
        latest.version.to_string(),
        latest.started_at,
        state(latest),
        &latest.tally(),
    ));
    table(["Upgrade", "Version", "Started", "State", "APs", "Joined-back", "Missing or failed"], &rows)
}

/// The state of a campaign, in IOS's words.
pub fn state(c: &Campaign) -> &'static str {
    match (&c.ended, &c.paused) {
        (Some((outcome, _, _)), _) => outcome_word(*outcome),
        (None, Some(_)) => "Paused",
        (None, None) => "In progress",
    }
}

fn outcome_word(outcome: CampaignOutcome) -> &'static str {
    match outcome {
        CampaignOutcome::Completed => "Completed",
        CampaignOutcome::Stopped => "Stopped",
        CampaignOutcome::Aborted => "Aborted",
        CampaignOutcome::PreflightFailed => "Preflight failed",
    }
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

fn iteration(c: &Campaign) -> String {
    let last = c.iterations.keys().next_back().copied().unwrap_or(0);
    match c.iteration {
        _ if c.iterations.is_empty() => format!("{} expected", words::plural(u64::from(c.expected), "AP")),
        0 => "canaries".to_owned(),
        n => format!("iteration {n} of {last}"),
    }
}

fn plan(c: &Campaign) -> String {
    let plan = &c.plan;
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

fn row(name: &str, t: &Tally) -> [String; 8] {
    let counts = [t.total(), t.waiting, t.predownloaded, t.reloaded, t.back, t.missing, t.failed];
    let mut cells = [const { String::new() }; 8];
    name.clone_into(&mut cells[0]);
    for (cell, count) in cells[1..].iter_mut().zip(counts) {
        *cell = count.to_string();
    }
    cells
}

fn member_state(state: &MemberState) -> &'static str {
    match state {
        MemberState::Waiting => "Waiting",
        MemberState::Predownloaded => "Predownloaded",
        MemberState::Reloaded => "Reloaded",
        MemberState::Back => "Joined-back",
        MemberState::Missing(_) => "Missing",
        MemberState::Failed { .. } => "Failed",
    }
}

fn reason(state: &MemberState) -> String {
    match state {
        MemberState::Waiting | MemberState::Predownloaded | MemberState::Reloaded | MemberState::Back => String::new(),
        MemberState::Missing(words) => words.clone(),
        MemberState::Failed { kind: Some(kind), words } => format!("{kind}: {words}"),
        MemberState::Failed { kind: None, words } => words.clone(),
    }
}

#[cfg(test)]
mod tests;
