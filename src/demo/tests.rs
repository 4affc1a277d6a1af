use super::*;

/// Plays a demonstration of tiny images, in a directory that goes with it; what it printed and how it ended.
fn played(config: &DemoConfig) -> (Result<Outcome, DemoError>, String, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let config = DemoConfig { data_dir: Some(dir.path().join("data")), ..config.clone() };
    let mut out = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let result = runtime.block_on(run(&config, &mut out, std::future::pending()));
    (result, String::from_utf8(out).expect("text"), dir)
}

fn story(story: Story, aps: usize) -> (Outcome, String) {
    let mut config =
        DemoConfig { aps, image_octets: 60_000, story: Some(story), pace: Pace::quick(), ..DemoConfig::new() };
    if story == Story::WrongPassword {
        // The server takes two seconds to refuse a login, and the reason is looked at before the next try.
        (config.pace.tftp_timeout, config.pace.retry_delay) = (20, 30);
    }
    let (result, text, _dir) = played(&config);
    let outcome = result.unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(text.contains(&format!("{} ended as documented", story.name())), "{text}");
    (outcome, text)
}

#[test]
fn a_wrong_path_costs_two_tries_then_the_fleet_serves_and_is_upgraded_once_the_path_is_right() {
    let (outcome, text) = story(Story::WrongPath, 2);
    assert_eq!((outcome.at_target, outcome.aps), (2, 2));
    let order = [
        "Started install add tftp://127.0.0.1:",
        "/Wrong-Path/ap1g8: No such file or directory",
        "Disjoined Image Download Failed",
        "Configured from console by operator",
        "/EWC/17_9_4_27/ap1g8",
        "Completed install add",
    ];
    let log = text.split("show logging").nth(1).expect("a log");
    let mut rest = log;
    for words in order {
        let (_, after) = rest.split_once(words).unwrap_or_else(|| panic!("{words} is not in its place:\n{log}"));
        rest = after;
    }
}

#[test]
fn an_unreachable_server_times_out_and_the_fleet_is_upgraded_from_the_right_one() {
    let (outcome, text) = story(Story::Unreachable, 2);
    assert_eq!(outcome.at_target, 2);
    assert!(text.contains("ap1g8: Timed out"), "{text}");
}

#[test]
fn a_corrupt_image_reaches_nobody_and_a_bad_signature_leaves_an_ap_as_it_was() {
    let (outcome, text) = story(Story::Corrupt, 4);
    assert_eq!((outcome.at_target, outcome.aps), (3, 4));
    let bad = text.lines().rfind(|line| line.starts_with("AP-9105-01 ")).expect("a row");
    assert!(bad.contains("17.3.3.26"), "{bad}");
}

#[test]
fn an_ap_that_loses_power_in_mid_download_comes_back_and_finishes() {
    let (outcome, text) = story(Story::PowerCut, 2);
    assert_eq!(outcome.at_target, 2);
    assert!(text.contains("AP-9105-01 joined with 17.3.3.26"), "{text}");
}

#[test]
fn a_refused_login_touches_nobody_and_the_fleet_is_upgraded_once_the_password_is_right() {
    let (outcome, text) = story(Story::WrongPassword, 2);
    assert_eq!(outcome.at_target, 2);
    assert!(text.contains("check sftp-username, and sftp-password or sftp-key, at 127.0.0.1"), "{text}");
    for secret in [super::stage::SFTP_PASSWORD, super::stage::WRONG_PASSWORD] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[test]
fn a_changed_host_key_is_refused_until_an_operator_has_it_forgotten() {
    let (outcome, text) = story(Story::HostKey, 2);
    assert_eq!(outcome.at_target, 2);
    let (_, refused) = text.split_once("Host key verification failed").expect("refused");
    assert!(refused.contains("demo#clear image-server key 127.0.0.1\n"), "{text}");
}

#[test]
fn an_ap_with_a_full_flash_is_not_reset_and_the_others_are_not_kept_waiting() {
    let (outcome, text) = story(Story::FlashFull, 3);
    assert_eq!((outcome.at_target, outcome.aps), (2, 3));
    assert!(text.contains("Words   : no space for the image"), "{text}");
}

#[test]
fn a_canary_that_comes_back_on_its_old_version_stops_the_upgrade_before_anyone_else_is_reset() {
    let (outcome, text) = story(Story::Canary, 3);
    assert_eq!((outcome.at_target, outcome.aps), (0, 3));
    assert!(text.contains("State           : Stopped"), "{text}");
}

#[test]
fn settings_out_of_their_range_are_refused_before_anything_is_made() {
    for config in [
        DemoConfig { aps: 0, ..DemoConfig::new() },
        DemoConfig { aps: 2, story: Some(Story::Corrupt), ..DemoConfig::new() },
        DemoConfig { aps: 1, story: Some(Story::Canary), ..DemoConfig::new() },
        DemoConfig { image_octets: 100, ..DemoConfig::new() },
    ] {
        let (result, text, dir) = played(&config);
        assert!(matches!(result, Err(DemoError::Setting(_))), "{result:?}");
        assert!(text.is_empty() && !dir.path().join("data").exists());
    }
}

#[test]
fn an_interrupt_ends_it_in_order_and_the_ledger_is_kept() {
    let dir = tempfile::tempdir().expect("a directory");
    let data_dir = Some(dir.path().join("data"));
    let config = DemoConfig { data_dir, aps: 1, image_octets: 60_000, pace: Pace::quick(), ..DemoConfig::new() };
    let mut out = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let result = runtime.block_on(run(&config, &mut out, std::future::ready(())));
    assert!(matches!(result, Err(DemoError::Interrupted)), "{result:?}");
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains("capledger replay --data-dir"), "{text}");
    assert!(dir.path().join("data/ledger/db").exists());
}
