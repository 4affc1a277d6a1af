//! What an interactive preflight check and the commands of a campaign print. A check ends with a line that begins with
//! `SUCCESS: predownload_check` or `FAILED: predownload_check`.

use std::fmt::Write as _;

use capledger_schema::event::{Finding, FindingSubject, Verdict};
use capledger_schema::id::CampaignId;
use capledger_schema::image::ImageVersion;
use capledger_schema::time::Timestamp;

use crate::syslog::TimeFormat;

/// The head of a check.
pub fn check_started(at: Timestamp, time: &TimeFormat) -> String {
    format!("predownload_check: START {}\n", time.date(at))
}

/// The findings, one line each and the next action below where there is one, and the line at the end.
pub fn check_completed(findings: &[Finding], at: Timestamp, time: &TimeFormat) -> String {
    let subjects: Vec<String> = findings.iter().map(|f| subject(&f.subject)).collect();
    let width = subjects.iter().map(|s| s.chars().count()).max().unwrap_or(0).max("Check".len());
    let mut out = format!("{:<width$}  Result  Found\n{}\n", "Check", "-".repeat(width + 40));
    for (finding, subject) in findings.iter().zip(subjects) {
        let _ = writeln!(out, "{subject:<width$}  {:<6}  {}", verdict(finding.verdict), finding.words);
        if !finding.action.is_empty() {
            let _ = writeln!(out, "{:<width$}          -> {}", "", finding.action);
        }
    }
    let of = |verdict| findings.iter().filter(|f| f.verdict == verdict).count();
    let (warned, failed) = (of(Verdict::Warned), of(Verdict::Failed));
    let end = if failed == 0 { "SUCCESS" } else { "FAILED" };
    let _ = writeln!(out, "\nChecks: {}, warnings: {warned}, failed: {failed}", findings.len());
    let _ = writeln!(out, "{end}: predownload_check {}", time.date(at));
    out
}

/// What was looked at, in a few words.
pub fn subject(subject: &FindingSubject) -> String {
    match subject {
        FindingSubject::Image(family) => format!("Image {family}"),
        FindingSubject::Disk => "Controller disk".to_owned(),
        FindingSubject::Flash(name) => format!("Flash of {name}"),
        FindingSubject::Models => "AP models".to_owned(),
    }
}

/// How it stands, in one word.
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "PASS",
        Verdict::Warned => "WARN",
        Verdict::Failed => "FAIL",
    }
}

/// A campaign whose preflight passed.
pub fn campaign_goes_on(campaign: CampaignId, version: ImageVersion, wtps: usize) -> String {
    let aps = if wtps == 1 { "AP" } else { "APs" };
    format!("AP upgrade {campaign} to {version} has begun for {wtps} {aps}; see `show ap upgrade`\n")
}

/// A campaign that ended before it touched anyone.
pub fn campaign_ended(campaign: CampaignId, words: &str) -> String {
    format!("AP upgrade {campaign} has ended: {words}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{family, moment};

    fn finding(subject: FindingSubject, verdict: Verdict, words: &str, action: &str) -> Finding {
        Finding { subject, verdict, words: words.into(), action: action.into() }
    }

    #[test]
    fn a_check_prints_a_line_per_finding_with_the_next_action_and_ends_with_what_clients_wait_for() {
        let (at, time) = (moment("2024-02-01T17:05:37.108Z"), TimeFormat::default());
        let findings = [
            finding(FindingSubject::Image(family("ap1g8")), Verdict::Passed, "17.12.1.5, 70512640 octets", ""),
            finding(
                FindingSubject::Image(family("ap1g6a")),
                Verdict::Failed,
                "timed out: no answer",
                "UDP 69 blocked?",
            ),
            finding(FindingSubject::Models, Verdict::Warned, "not known: X1 (2)", "ap image map X1 FAMILY"),
        ];
        let text = check_completed(&findings, at, &time);
        let expected = "\
Check         Result  Found
----------------------------------------------------
Image ap1g8   PASS    17.12.1.5, 70512640 octets
Image ap1g6a  FAIL    timed out: no answer
                      -> UDP 69 blocked?
AP models     WARN    not known: X1 (2)
                      -> ap image map X1 FAMILY

Checks: 3, warnings: 1, failed: 1
FAILED: predownload_check Thu Feb  1 17:05:37 UTC 2024
";
        assert_eq!(text, expected);
        let passed = check_completed(&findings[..1], at, &time);
        assert!(passed.ends_with("failed: 0\nSUCCESS: predownload_check Thu Feb  1 17:05:37 UTC 2024\n"), "{passed}");
    }
}
