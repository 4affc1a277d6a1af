use capledger_schema::event::{CampaignPlan, Event};
use capledger_schema::id::{CampaignId, OperationId, SessionId};
use capledger_schema::{Cause, Subject};

use super::*;
use crate::secrets::NoSecrets;
use crate::story::{Story, ap, family, version};
use crate::syslog::TimeFormat;

const CAMPAIGN: CampaignId = CampaignId(9);

fn told(story: &mut Story, event: Event) {
    story.tell(Cause::Campaign(CAMPAIGN), Subject::Campaign(CAMPAIGN), event);
}

/// Two canaries, one of which did not take the image, and four others of which one is missing.
fn campaign() -> Story {
    let mut story = Story::begin("2024-02-01T17:05:37Z");
    let aps: Vec<_> =
        (1..=6).map(|n| ap(&format!("AP-{n}"), &format!("2c5a.0f40.692{n}"), "172.16.4.31:5272")).collect();
    let sessions: Vec<SessionId> = aps.iter().map(|a| story.joined(a, "C9105AXI", "17.9.4.27", None, None)).collect();
    for (wtp, session) in aps.iter().zip(&sessions) {
        story.tell(
            Cause::Wtp(*session),
            Subject::Wtp(wtp.id.clone()),
            Event::WtpEnteredRun { session: *session, wtp: wtp.clone() },
        );
    }
    let plan = CampaignPlan { canaries: 2, percent: 50, site: None, on_error: OnError::Stop, error_threshold: 10 };
    story.after_ms(10_000);
    told(&mut story, Event::CampaignStarted { campaign: CAMPAIGN, version: version("17.12.1.5"), plan, wtps: 6 });
    for (n, wtp) in aps.iter().enumerate() {
        let iteration = [0, 0, 1, 1, 2, 2][n];
        told(&mut story, Event::CampaignWtpChosen { campaign: CAMPAIGN, wtp: wtp.id.clone(), iteration });
    }
    for wtp in &aps[..5] {
        let event = Event::PredownloadAlreadyPresent { wtp: wtp.clone(), version: version("17.12.1.5") };
        told(&mut story, event);
    }
    told(&mut story, Event::CampaignPhaseChanged { campaign: CAMPAIGN, phase: CampaignPhase::Rejoin, iteration: 1 });
    for (n, runs) in [(0, "17.12.1.5"), (1, "17.9.4.27"), (2, "17.12.1.5")] {
        let (wtp, session) = (aps[n].clone(), sessions[n]);
        let at = Some(version("17.12.1.5"));
        told(&mut story, Event::WtpResetRequested { session, wtp: wtp.clone(), version: at });
        let session = story.joined(&wtp, "C9105AXI", runs, None, None);
        told(&mut story, Event::WtpEnteredRun { session, wtp });
    }
    let words = "reset, and not back on 17.12.1.5 within 540 s".to_owned();
    told(&mut story, Event::CampaignWtpMissing { campaign: CAMPAIGN, wtp: aps[3].clone(), words });
    story.after_ms(65_000);
    story
}

fn view<'a>(story: &'a Story, time: &'a TimeFormat) -> View<'a> {
    View { state: &story.state, log: &story.log, now: story.at, time, secrets: &NoSecrets, history: &story.envelopes }
}

#[test]
fn a_campaign_tells_state_progress_and_how_every_iteration_stands() {
    let (story, time) = (campaign(), TimeFormat::default());
    let expected = "\
AP upgrade 9 to 17.12.1.5

State           : In progress
Started         : Thu Feb  1 17:05:47 UTC 2024
Phase           : Rejoin, iteration 1 of 2
Progress        : 73 % [###############.....]
Plan            : 2 canaries, 50 % per iteration, every site, on error stop at 10 %

Iteration  APs  Waiting  Predownloaded  Reloaded  Joined-back  Missing  Failed
------------------------------------------------------------------------------
canary     2    0        0              0         1            0        1
1          2    0        0              0         1            1        0
2          2    1        1              0         0            0        0
total      6    1        1              0         2            1        1
";
    assert_eq!(show(&view(&story, &time)), expected);
}

#[test]
fn every_access_point_is_listed_with_what_became_of_it() {
    let (story, time) = (campaign(), TimeFormat::default());
    let text = list(&view(&story, &time));
    let rows: Vec<Vec<&str>> = text.lines().skip(4).map(|l| l.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 6);
    let states: Vec<_> = rows.iter().map(|r| (r[0], r[3])).collect();
    let expected = [
        ("AP-1", "Joined-back"),
        ("AP-2", "Failed"),
        ("AP-3", "Joined-back"),
        ("AP-4", "Missing"),
        ("AP-5", "Predownloaded"),
        ("AP-6", "Waiting"),
    ];
    let expected: Vec<_> = expected.to_vec();
    assert_eq!(states, expected, "{text}");
    assert!(text.contains("came back with another version: came back with 17.9.4.27"), "{text}");
    assert!(text.contains("not back on 17.12.1.5 within 540 s"), "{text}");
}

#[test]
fn a_paused_and_an_ended_campaign_say_why_and_the_summary_keeps_earlier_ones() {
    let (mut story, time) = (campaign(), TimeFormat::default());
    told(&mut story, Event::CampaignPaused { campaign: CAMPAIGN, reason: "by operator".into() });
    let text = show(&view(&story, &time));
    assert!(text.contains("State           : Paused\n"), "{text}");
    assert!(text.contains("Paused          : by operator (00:00:00 ago)\n"), "{text}");
    let outcome = CampaignOutcome::Stopped;
    let words = "2 of 4 APs failed or are missing".to_owned();
    told(&mut story, Event::CampaignEnded { campaign: CAMPAIGN, outcome, words });
    let text = show(&view(&story, &time));
    assert!(text.contains("State           : Stopped\n"), "{text}");
    assert!(text.contains("Outcome         : 2 of 4 APs failed or are missing\n"), "{text}");
    let plan = CampaignPlan { canaries: 0, percent: 100, site: None, on_error: OnError::Continue, error_threshold: 10 };
    let campaign = CampaignId(90);
    told(&mut story, Event::CampaignStarted { campaign, version: version("17.12.1.5"), plan, wtps: 6 });
    let text = summary(&view(&story, &time));
    assert!(text.lines().any(|l| l.starts_with("9 ") && l.contains("Stopped")), "{text}");
    assert!(text.lines().last().is_some_and(|l| l.starts_with("90 ") && l.contains("In progress")), "{text}");
}

#[test]
fn a_campaign_that_failed_its_preflight_shows_what_was_found() {
    let mut story = Story::begin("2024-02-01T17:05:37Z");
    let plan = CampaignPlan { canaries: 0, percent: 15, site: None, on_error: OnError::Stop, error_threshold: 10 };
    told(&mut story, Event::CampaignStarted { campaign: CAMPAIGN, version: version("17.12.1.5"), plan, wtps: 2 });
    let operation = OperationId(10);
    let families = vec![family("ap1g8")];
    told(&mut story, Event::PreflightStarted { operation, version: Some(version("17.12.1.5")), families });
    let findings = vec![capledger_schema::event::Finding {
        subject: capledger_schema::event::FindingSubject::Image(family("ap1g8")),
        verdict: capledger_schema::event::Verdict::Failed,
        words: "timed out".into(),
        action: "UDP 69 blocked?".into(),
    }];
    told(&mut story, Event::PreflightCompleted { operation, findings });
    let outcome = CampaignOutcome::PreflightFailed;
    told(&mut story, Event::CampaignEnded { campaign: CAMPAIGN, outcome, words: "no AP was touched".into() });
    let text = show(&view(&story, &TimeFormat::default()));
    assert!(text.contains("State           : Preflight failed\n"), "{text}");
    assert!(text.contains("Image ap1g8  FAIL    timed out\n") && text.contains("-> UDP 69 blocked?\n"), "{text}");
}

#[test]
fn without_a_campaign_every_view_says_so() {
    let (story, time) = (Story::begin("2024-02-01T17:05:37Z"), TimeFormat::default());
    for text in [show(&view(&story, &time)), list(&view(&story, &time)), summary(&view(&story, &time))] {
        assert_eq!(text, NONE);
    }
}
