//! Discovery, DTLS, Join, Configure, and what follows when one of them fails.

use super::*;
use crate::capwap::digest;
use crate::capwap::element_type::ElementType;
use crate::wtp::{Digests, WtpTimers};

#[test]
fn a_wtp_goes_from_discovery_to_run() {
    let mut t = Stage::new(config());
    assert_eq!(t.wtp.state(), WtpState::Discovery);
    t.discover();
    assert_eq!(t.wtp.state(), WtpState::DtlsSetup);
    t.join(None);
    assert_eq!(t.wtp.state(), WtpState::Configure);
    t.configure();
    assert_eq!((t.wtp.counters().joins, t.wtp.counters().runs), (1, 1));
}

#[test]
fn a_join_request_tells_who_the_wtp_is_and_what_it_runs() {
    let mut t = Stage::new(config());
    t.discover();
    t.give(WtpInput::Connected);
    let join = t.recv(MessageType::JoinRequest);
    let Some(Element::WtpBoardData(board)) = join.find(ElementType::WtpBoardData) else { panic!("board data") };
    assert_eq!(board.model().as_deref(), Some("C9105AXI-B"));
    assert_eq!(board.base_mac(), Some(config().base_mac));
    let Some(Element::WtpDescriptor(descriptor)) = join.find(ElementType::WtpDescriptor) else { panic!("descriptor") };
    assert_eq!((descriptor.active().as_deref(), descriptor.backup().as_deref()), (Some(OLD), Some(OLDER)));
    assert_eq!(join.find(ElementType::WtpName), Some(&Element::WtpName("AP-POD-2-2".to_owned())));
    assert!(join.has(ElementType::WtpRebootStatistics) && join.has(ElementType::LocalIpv4Address));
    assert!(digest::is_supported(&join.elements));
}

#[test]
fn a_wtp_without_sha256_does_not_claim_it_and_one_over_ipv6_names_its_ipv6_address() {
    let to = "[2001:db8::1]:5246".parse().expect("an address");
    let config = WtpConfig {
        knobs: Knobs { digests: Digests::Md5, ..Knobs::default() },
        ..WtpConfig::new("C9120AXI-B", "", config().base_mac, version(OLD), to)
    };
    let mut t = Stage::new(config);
    let WtpEffect::SendClear { bytes, .. } = t.next() else { panic!("a Discovery Request") };
    let request = Message::from_packet(&bytes).expect("a message");
    t.discovery_response(&request, to, 0);
    t.expect(&WtpEffect::Connect { to });
    t.give(WtpInput::Connected);
    let join = t.recv(MessageType::JoinRequest);
    assert!(!digest::is_supported(&join.elements));
    assert!(join.has(ElementType::LocalIpv6Address) && !join.has(ElementType::LocalIpv4Address));
    assert_eq!(join.find(ElementType::WtpName), Some(&Element::WtpName("AP2C5A.0F40.6930".to_owned())));
}

#[test]
fn discovery_waits_for_further_acs_and_takes_the_one_that_serves_the_fewest() {
    let mut t = Stage::new(config());
    let WtpEffect::SendClear { bytes, .. } = t.next() else { panic!("a Discovery Request") };
    let request = Message::from_packet(&bytes).expect("a message");
    let began = t.now.wall;
    let other = "172.16.4.27:5246".parse().expect("an address");
    t.discovery_response(&request, ac(), 50);
    t.discovery_response(&request, other, 7);
    t.discovery_response(&request, "172.16.4.28:5246".parse().expect("an address"), 80);
    t.expect(&WtpEffect::Connect { to: other });
    assert_eq!(t.elapsed_since(began), Duration::from_secs(5));
}

#[test]
fn without_an_answer_ten_requests_go_out_and_then_thirty_silent_seconds() {
    let mut t = Stage::new(config());
    let mut sent = Vec::new();
    for _ in 0..10 {
        let effect = t.next();
        assert!(matches!(effect, WtpEffect::SendClear { .. }), "{effect:?}");
        sent.push(t.now.wall);
    }
    assert!(sent.windows(2).all(|w| (5..20).contains(&w[1].since(w[0]).as_secs())), "{sent:?}");
    while t.wtp.state() == WtpState::Discovery {
        t.step_to(t.wtp.deadline().expect("a deadline"));
    }
    assert_eq!(t.wtp.state(), WtpState::Sulking);
    let began = t.now.wall;
    t.next();
    let silent = t.elapsed_since(began).as_secs();
    assert!((30..50).contains(&silent), "{silent}");
}

#[test]
fn two_wtps_of_different_seeds_do_not_ask_at_the_same_time() {
    let first = |seed| {
        let mut t = Stage::new(WtpConfig { seed, ..config() });
        t.next();
        t.now.mono
    };
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

#[test]
fn a_discovery_response_to_another_request_is_ignored() {
    let mut t = Stage::new(config());
    let WtpEffect::SendClear { bytes, .. } = t.next() else { panic!("a Discovery Request") };
    let mut request = Message::from_packet(&bytes).expect("a message");
    request.seq = request.seq.wrapping_add(9);
    t.discovery_response(&request, ac(), 0);
    t.give(WtpInput::Clear { from: ac(), bytes: b"\0noise" });
    assert!(matches!(t.next(), WtpEffect::SendClear { .. }));
    assert_eq!((t.wtp.counters().stale, t.wtp.counters().malformed), (1, 1));
}

#[test]
fn a_third_failed_handshake_makes_it_sulk() {
    let mut t = Stage::new(config());
    for _ in 0..2 {
        t.discover();
        t.give(WtpInput::ConnectFailed);
        assert_eq!(t.wtp.state(), WtpState::Idle);
    }
    t.discover();
    t.give(WtpInput::ConnectFailed);
    assert_eq!(t.wtp.state(), WtpState::Sulking);
}

#[test]
fn a_handshake_that_takes_more_than_a_minute_is_given_up() {
    let mut t = Stage::new(config());
    t.discover();
    let began = t.now.wall;
    t.expect(&WtpEffect::Disconnect);
    assert_eq!(t.elapsed_since(began), WtpTimers::default().wait_dtls);
    assert_eq!(t.wtp.state(), WtpState::Idle);
}

#[test]
fn an_unanswered_join_request_is_repeated_unaltered_and_given_up_with_wait_dtls() {
    let mut t = Stage::new(config());
    t.discover();
    t.give(WtpInput::Connected);
    let (began, first) = (t.now.wall, t.next());
    let mut after = Vec::new();
    loop {
        let effect = t.next();
        if effect == WtpEffect::Disconnect {
            break;
        }
        assert_eq!(effect, first);
        after.push(t.elapsed_since(began).as_secs());
    }
    assert_eq!(after, [3, 9, 21, 36, 51]);
    assert_eq!(t.elapsed_since(began), Duration::from_secs(60));
    assert_eq!(t.wtp.counters().retransmitted, 5);
}

#[test]
fn a_rejected_join_ends_the_session_and_is_tried_again_after_about_three_seconds() {
    let mut t = Stage::new(config());
    t.discover();
    t.give(WtpInput::Connected);
    let request = t.recv(MessageType::JoinRequest);
    let began = t.now.wall;
    t.answer(&request, vec![Element::ResultCode(ResultCode::JoinResourceDepletion)]);
    t.expect(&WtpEffect::Disconnect);
    assert_eq!(t.wtp.state(), WtpState::DtlsTeardown);
    t.expect(&WtpEffect::Connect { to: ac() });
    assert_eq!(t.elapsed_since(began), WtpTimers::default().rejoin);
    t.join(None);
    t.configure();
}

#[test]
fn the_sessions_of_one_wtp_have_different_ids() {
    let mut t = Stage::new(config());
    t.discover();
    let mut ids = Vec::new();
    for _ in 0..2 {
        t.give(WtpInput::Connected);
        let request = t.recv(MessageType::JoinRequest);
        ids.push(request.find(ElementType::SessionId).cloned());
        t.give(WtpInput::Closed);
        t.expect(&WtpEffect::Connect { to: ac() });
    }
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn an_ac_that_wants_the_running_version_leads_straight_to_configure() {
    let mut t = Stage::joined(config(), Some("ap1g8 17.3.3.26"));
    assert_eq!(t.wtp.state(), WtpState::Configure);
    t.configure();
}

#[test]
fn an_image_identifier_without_a_version_is_no_wish() {
    let mut t = Stage::joined(config(), Some("/c1130"));
    t.configure();
}

#[test]
fn a_version_that_the_backup_partition_holds_is_reset_into_without_a_download() {
    let mut t = Stage::joined(config(), Some("ap1g8 8.10.130.0"));
    t.expect(&WtpEffect::Disconnect);
    assert_eq!(t.wtp.state(), WtpState::Booting);
    let began = t.now.wall;
    t.discover();
    assert!(t.elapsed_since(began) > WtpTimers::default().reboot);
    assert_eq!((t.wtp.active_version(), t.wtp.backup_version()), (version(OLDER), Some(version(OLD))));
    t.join(Some("ap1g8 8.10.130.0"));
    t.configure();
}

#[test]
fn a_change_of_echo_interval_by_the_ac_is_kept() {
    let mut t = Stage::joined(config(), None);
    let request = t.recv(MessageType::ConfigurationStatusRequest);
    t.answer(&request, vec![Element::CapwapTimers(CapwapTimers { discovery: 20, echo_request: 7 })]);
    let request = t.recv(MessageType::ChangeStateEventRequest);
    t.answer(&request, Vec::new());
    t.keep_alive();
    let began = t.now.wall;
    t.recv(MessageType::EchoRequest);
    assert_eq!(t.elapsed_since(began), Duration::from_secs(7));
}

#[test]
fn a_wtp_without_power_does_nothing() {
    let mut wtp = Wtp::new(config());
    assert_eq!((wtp.state(), wtp.deadline()), (WtpState::Off, None));
    assert_eq!(wtp.handle(Now::default(), WtpInput::Connected), Vec::new());
    assert_eq!(wtp.handle(Now::default(), WtpInput::PowerCut), Vec::new());
}
