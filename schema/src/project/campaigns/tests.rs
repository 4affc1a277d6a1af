use super::*;
use crate::event::{CampaignPlan, DisjoinReason, OnError, WtpAddress, WtpInventory};
use crate::id::{MacAddr, Seq, SessionId};
use crate::project::{Projection, State};
use crate::{Cause, Source, Subject};

const OLD: ImageVersion = ImageVersion([17, 9, 4, 27]);
const NEW: ImageVersion = ImageVersion([17, 12, 1, 5]);
const CAMPAIGN: CampaignId = CampaignId(1);

fn address(n: u8) -> WtpAddress {
    let mac = MacAddr([2, 0, 0, 0, 0, n]);
    let socket = std::net::SocketAddr::from(([10, 0, 0, n], 5248));
    WtpAddress {
        id: WtpId::BaseMac(mac),
        name: format!("AP-{n}"),
        base_mac: mac,
        ethernet_mac: mac,
        wtp: socket,
        ac: socket,
    }
}

fn joined(n: u8, session: u64, site: &str, version: ImageVersion) -> Event {
    Event::WtpJoined {
        session: SessionId(session),
        wtp: address(n),
        inventory: WtpInventory {
            model: "C9105AXI".into(),
            serial: String::new(),
            family: "ap1g8".parse().ok(),
            version: Some(version),
            backup: None,
            location: site.into(),
            radios: 2,
        },
        certificate: None,
        missing: Vec::new(),
        offered: None,
    }
}

fn runs(n: u8, session: u64) -> Event {
    Event::WtpEnteredRun { session: SessionId(session), wtp: address(n) }
}

fn gone(n: u8, session: u64) -> Event {
    let reason = DisjoinReason::ResetByController;
    Event::WtpDisjoined { session: SessionId(session), wtp: address(n), reason }
}

fn reset(n: u8, session: u64) -> Event {
    Event::WtpResetRequested { session: SessionId(session), wtp: address(n), version: Some(NEW) }
}

fn started() -> Event {
    let plan = CampaignPlan { canaries: 1, percent: 50, site: None, on_error: OnError::Stop, error_threshold: 10 };
    Event::CampaignStarted { campaign: CAMPAIGN, version: NEW, plan, wtps: 2 }
}

fn chosen(n: u8, iteration: u32) -> Event {
    Event::CampaignWtpChosen { campaign: CAMPAIGN, wtp: address(n).id, iteration }
}

fn ended() -> Event {
    Event::CampaignEnded { campaign: CAMPAIGN, outcome: CampaignOutcome::Stopped, words: String::new() }
}

fn fold(events: impl IntoIterator<Item = Event>) -> State {
    let mut state = State::default();
    for (n, event) in (1..).zip(events) {
        state.apply(&Envelope {
            seq: Seq(n),
            at: Timestamp(n as i64 * 1_000_000),
            cause: Cause::Timer,
            source: Source::Local,
            subject: Subject::Controller,
            observed_at: None,
            event,
        });
    }
    state
}

fn two_in_run() -> Vec<Event> {
    vec![
        Event::VersionActivated { version: OLD },
        joined(1, 11, "A", OLD),
        runs(1, 11),
        joined(2, 12, "A", OLD),
        runs(2, 12),
        started(),
        chosen(1, 0),
        chosen(2, 1),
    ]
}

fn state_of(state: &State, n: u8) -> &MemberState {
    &state.campaigns.latest.as_ref().expect("a campaign").members[&address(n).id].state
}

#[test]
fn a_member_that_comes_back_with_the_target_is_back_once_it_serves() {
    let mut events = two_in_run();
    events.extend([reset(1, 11), gone(1, 11), joined(1, 13, "A", NEW)]);
    let state = fold(events.clone());
    assert_eq!(*state_of(&state, 1), MemberState::Reloaded, "it joined, but does not serve yet");
    events.push(runs(1, 13));
    let state = fold(events);
    assert_eq!(*state_of(&state, 1), MemberState::Back);
    let campaign = state.campaigns.active().expect("it runs");
    assert_eq!((campaign.tally().back, campaign.tally().waiting, campaign.percent()), (1, 1, 50));
}

#[test]
fn a_member_that_comes_back_with_another_version_has_failed() {
    let mut events = two_in_run();
    events.extend([reset(1, 11), gone(1, 11), joined(1, 13, "A", OLD), runs(1, 13)]);
    let state = fold(events);
    let MemberState::Failed { kind, words } = state_of(&state, 1) else { panic!("{:?}", state_of(&state, 1)) };
    assert_eq!(*kind, Some(DownloadFailureKind::NotTaken));
    assert_eq!(words, "came back with 17.9.4.27");
    assert_eq!(state.version_to_run(&address(1).id, Some(OLD)), Some(OLD), "it is left as it is");
    assert_eq!(state.campaigns.gives(&address(1).id), None);
}

#[test]
fn a_wtp_that_a_campaign_moved_is_not_taken_back_until_a_version_is_activated() {
    let mut events = two_in_run();
    events.extend([reset(1, 11), gone(1, 11)]);
    let during = fold(events.clone());
    let (one, two) = (address(1).id, address(2).id);
    assert_eq!(during.version_to_run(&one, Some(NEW)), Some(NEW));
    assert_eq!(during.version_to_hold(&two, Some(OLD)), Some(NEW), "it is given the image ahead of its turn");
    assert_eq!(during.version_to_run(&two, Some(OLD)), Some(OLD), "and would join with what it has");
    events.push(ended());
    let after = fold(events.clone());
    assert_eq!(after.version_to_run(&one, Some(NEW)), Some(NEW), "a stopped campaign takes nobody back");
    assert_eq!(after.version_to_hold(&two, Some(OLD)), Some(OLD));
    events.push(Event::VersionActivated { version: OLD });
    assert_eq!(fold(events).version_to_run(&one, Some(NEW)), Some(OLD));
}

#[test]
fn a_site_counts_who_is_down_from_the_reset_to_run_and_a_restart_counts_all() {
    let mut events = two_in_run();
    let down = |events: &[Event]| {
        let state = fold(events.to_vec());
        let standing = state.campaigns.active().expect("it runs").sites.standing("A");
        (standing.down, standing.all)
    };
    assert_eq!(down(&events), (0, 2));
    events.push(reset(1, 11));
    assert_eq!(down(&events), (1, 2), "from the moment at which it is told");
    events.extend([gone(1, 11), joined(1, 13, "A", NEW)]);
    assert_eq!(down(&events), (1, 2));
    events.push(runs(1, 13));
    assert_eq!(down(&events), (0, 2));
    events.push(joined(3, 14, "A", OLD));
    assert_eq!(down(&events), (1, 3), "a newcomer that does not serve yet");
    let controller = crate::id::ControllerId(1);
    events.push(Event::ControllerStarted { controller, software: String::new() });
    assert_eq!(down(&events), (3, 3));
}

#[test]
fn at_least_one_of_a_site_may_be_down_and_of_a_large_one_its_share() {
    let standing = |all, down| Standing { all, down };
    assert_eq!((standing(3, 0).room(25), standing(3, 1).room(25)), (1, 0));
    assert_eq!((standing(40, 4).room(25), standing(40, 12).room(25)), (6, 0));
}

#[test]
fn a_campaign_that_is_followed_by_another_is_kept_in_short() {
    let mut events = two_in_run();
    events.extend([ended(), started()]);
    let state = fold(events);
    assert_eq!(state.campaigns.past.len(), 1);
    assert_eq!(state.campaigns.past[0].tally.waiting, 2);
    assert!(state.campaigns.active().is_some_and(|c| c.members.is_empty()));
}

#[test]
fn integrity_failures_are_counted_until_the_campaign_is_resumed() {
    let failed = || Event::ImageDownloadFailed {
        operation: OperationId(20),
        wtp: address(2),
        kind: DownloadFailureKind::FlashFull,
        words: "no space".into(),
        octets: 0,
        tries: 1,
        next_retry: Some(Timestamp(1)),
    };
    let mut events = two_in_run();
    events.extend([failed(), failed()]);
    let count = |events: Vec<Event>| fold(events).campaigns.active().expect("it runs").integrity_failures;
    assert_eq!(count(events.clone()), 2);
    events.push(Event::CampaignResumed { campaign: CAMPAIGN });
    assert_eq!(count(events), 0);
}
