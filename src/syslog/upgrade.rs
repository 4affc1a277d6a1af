//! The lines of campaigns and their preflight checks. IOS has none that a script could know; these are in its manner.

use capledger_schema::event::{CampaignOutcome, CampaignPhase, Finding, Verdict, WtpAddress};
use capledger_schema::id::CampaignId;
use capledger_schema::image::ImageVersion;

use super::{IosLine, Severity};
use crate::ios::upgrade::subject;

pub(super) fn started(campaign: CampaignId, version: ImageVersion, wtps: u32) -> IosLine {
    line(Severity::Notice, "UPGRADE_START", &format!("AP upgrade {campaign} to {version} started for {wtps} APs"))
}

pub(super) fn phase(campaign: CampaignId, phase: CampaignPhase, iteration: u32) -> IosLine {
    let word = match phase {
        CampaignPhase::Preflight => "preflight",
        CampaignPhase::Fetch => "fetch",
        CampaignPhase::Predownload => "predownload",
        CampaignPhase::Activate => "activate",
        CampaignPhase::Rejoin => "rejoin",
    };
    let of = if iteration == 0 { "canaries".to_owned() } else { format!("iteration {iteration}") };
    line(Severity::Informational, "UPGRADE_PHASE", &format!("AP upgrade {campaign}: {word}, {of}"))
}

pub(super) fn missing(campaign: CampaignId, wtp: &WtpAddress, words: &str) -> IosLine {
    let text = format!("AP upgrade {campaign}: AP Name: {} Mac: {} is missing: {words}", wtp.name, wtp.base_mac);
    line(Severity::Warning, "UPGRADE_AP_MISSING", &text)
}

pub(super) fn paused(campaign: CampaignId, reason: &str) -> IosLine {
    line(Severity::Warning, "UPGRADE_PAUSED", &format!("AP upgrade {campaign} paused: {reason}"))
}

pub(super) fn resumed(campaign: CampaignId) -> IosLine {
    line(Severity::Notice, "UPGRADE_RESUMED", &format!("AP upgrade {campaign} resumed"))
}

pub(super) fn ended(campaign: CampaignId, outcome: CampaignOutcome, words: &str) -> IosLine {
    let (severity, mnemonic, word) = match outcome {
        CampaignOutcome::Completed => (Severity::Notice, "UPGRADE_COMPLETED", "completed"),
        CampaignOutcome::Aborted => (Severity::Warning, "UPGRADE_ABORTED", "aborted"),
        CampaignOutcome::Stopped => (Severity::Error, "UPGRADE_STOPPED", "stopped"),
        CampaignOutcome::PreflightFailed => (Severity::Error, "UPGRADE_STOPPED", "not begun"),
    };
    line(severity, mnemonic, &format!("AP upgrade {campaign} {word}: {words}"))
}

/// The first thing that stands in an upgrade's way; none if nothing does.
pub(super) fn checked(findings: &[Finding]) -> Option<IosLine> {
    let failed = |f: &&Finding| f.verdict == Verdict::Failed;
    let first = findings.iter().find(failed)?;
    let others = match findings.iter().filter(failed).count() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    let action = if first.action.is_empty() { String::new() } else { format!("; {}", first.action) };
    let text = format!("Predownload check failed: {}: {}{action}{others}", subject(&first.subject), first.words);
    Some(line(Severity::Error, "PREDOWNLOAD_CHECK", &text))
}

fn line(severity: Severity, mnemonic: &'static str, text: &str) -> IosLine {
    IosLine::new(severity, "APMGR", mnemonic, &format!("Chassis 1 R0/0: wncd: {text}"))
}
