use capledger_schema::event::{CampaignPhase, CampaignPlan, Event, OnError};
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::id::{CampaignId, OperationId, WtpId};
use capledger_schema::setting::{ServeProtocol, Setting};
use capledger_schema::{Cause, Subject};
use serde_json::Value;

use super::*;
use crate::ios::Shell;
use crate::ios::action::LedgerView;
use crate::ios::grammar::{Mode, Token, entries, parse};
use crate::ios::show;
use crate::secrets::NoSecrets;
use crate::story::{Story, assert_golden, moment, version};
use crate::syslog::TimeFormat;

/// An upgrade in its middle, a campaign that touched two APs, a failed fetch, and an embedded server that is read.
fn busy() -> Story {
    let mut story = show::tests::middle_of_an_upgrade();
    story.number_from_the_ledger();
    let url = "tftp://172.16.5.27/EWC/17_9_4a/ap1g6b";
    let fetch = story.after_ms(1_000).add_started(url, "ap1g6b");
    let retry = Some(moment("2024-02-01T17:03:00Z"));
    story.after_ms(1_000).add_failed(fetch, url, "ap1g6b", FetchFailureKind::TimedOut, "no answer in 40 s", retry);

    let campaign = CampaignId(story.envelopes.len() as u64 + 1);
    let plan = CampaignPlan { canaries: 1, percent: 50, site: None, on_error: OnError::Stop, error_threshold: 10 };
    let aps: Vec<WtpId> = story.state.fleet.wtps.keys().take(2).cloned().collect();
    let version = version("17.9.4.27");
    for event in [
        Event::CampaignStarted { campaign, version, plan, wtps: 2 },
        Event::CampaignWtpChosen { campaign, wtp: aps[0].clone(), iteration: 0 },
        Event::CampaignWtpChosen { campaign, wtp: aps[1].clone(), iteration: 1 },
        Event::CampaignPhaseChanged { campaign, phase: CampaignPhase::Predownload, iteration: 0 },
    ] {
        story.after_ms(500).tell(Cause::Campaign(campaign), Subject::Campaign(campaign), event);
    }

    let listen = "172.16.4.26:69".parse().expect("an address");
    story.configured(vec![Setting::ImageServe(ServeProtocol::Tftp, listen, "/srv/images".into())]);
    let event = Event::ImageServerListening { protocol: ServeProtocol::Tftp, listen };
    story.tell(Cause::Start, Subject::Controller, event);
    let operation = OperationId(story.envelopes.len() as u64 + 1);
    let (protocol, client) = (ServeProtocol::Tftp, "172.16.4.99:40000".parse().expect("an address"));
    let file = "17_9_4a/ap1g8".to_owned();
    for event in [
        Event::ImageServeStarted { operation, protocol, client, user: None, file, octets: Some(70_512_640) },
        Event::ImageServeProgressed { operation, octets: 35_256_320 },
    ] {
        story.after_ms(2_000).tell(Cause::Operation(operation), Subject::Operation(operation), event);
    }
    story
}

fn said(story: &Story, line: &str, privilege: Privilege) -> String {
    let time = TimeFormat::default();
    let view = View {
        state: &story.state,
        log: &story.log,
        now: story.at,
        time: &time,
        secrets: &NoSecrets,
        history: &story.envelopes,
    };
    let output = Shell::new(privilege).line(line, &view);
    // A view may say that there is no such thing; every line is understood.
    let understood = !output.text.contains("% Invalid") && !output.text.contains("% Incomplete");
    assert!(understood, "{line}: {}", output.text);
    output.text
}

fn shown(story: &Story, line: &str) -> String {
    said(story, line, Privilege::Privileged)
}

fn value(story: &Story, line: &str) -> Value {
    let text = shown(story, &format!("{line} | json"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{line}: {e}\n{text}"))
}

/// Every `show` of the grammar, with `number` for each number; so a new view is looked at without a line here.
fn every_show(number: u64) -> Vec<(String, Show)> {
    let mut all = Vec::new();
    for entry in entries(Mode::Privileged) {
        let words: Vec<String> = entry
            .tokens
            .iter()
            .map(|t| match t {
                Token::Keyword { word, .. } => (*word).to_owned(),
                Token::Arg { arg, .. } if arg.accept(&number.to_string()).is_some() => number.to_string(),
                Token::Arg { arg, .. } => arg.labels()[0].clone(),
            })
            .collect();
        let line = words.join(" ");
        if let Ok(Some(crate::ios::action::Action::Show(what))) = parse(Mode::Privileged, &line) {
            all.push((line, what));
        }
    }
    assert!(all.len() >= 22, "{all:?}");
    all
}

/// What of a view's text is one row, and which list of its JSON holds the same rows.
enum Rows {
    /// The view has no rows.
    None,
    /// The lines below a table's header and its rule, up to an empty line; the list's rows, and a sum below them.
    Table { header: &'static str, list: &'static str, sum: bool },
    /// Every line that begins so.
    Lines { begin: &'static str, list: &'static str },
}

fn rows(what: &Show) -> Rows {
    let table = |header, list| Rows::Table { header, list, sum: false };
    let lines = |begin, list| Rows::Lines { begin, list };
    match what {
        Show::ApImage | Show::ApStatus | Show::ApSummary | Show::ApUpgradeList | Show::Predownloads => {
            table("AP Name ", "/access_points")
        }
        Show::DtlsConnections => table("AP Name ", "/connections"),
        Show::ApImageFiles => table("AP Image Type ", "/images"),
        Show::ApJoins => table("Base MAC ", "/access_points"),
        Show::PredownloadStatus => Rows::Table { header: "Site ", list: "/sites", sum: true },
        Show::ApImageReason => lines("    Why     : ", "/access_points"),
        Show::ApImageHistory(_) => table("Operation ", "/downloads"),
        Show::TechSupport | Show::Debugging { .. } | Show::IpSsh | Show::Terminal { .. } => Rows::None,
        Show::History { .. } => lines("  ", "/lines"),
        Show::Ledger(LedgerView::Summary) => table("Kind ", "/kinds"),
        Show::Ledger(LedgerView::Last(_) | LedgerView::Ap(_) | LedgerView::Operation(_)) => table("Event ", "/events"),
        Show::ApUpgrade => Rows::Table { header: "Iteration ", list: "/upgrade/iterations", sum: true },
        Show::ApUpgradeSummary => table("Upgrade ", "/upgrades"),
        Show::ImageServer => table("Server ", "/servers"),
        Show::InstallSummary | Show::InstallPart(_) => lines("IMG ", "/packages"),
        Show::InstallLog | Show::Operation(_) | Show::Logging { .. } => lines("*", "/lines"),
        Show::Operations => table("Operation ", "/operations"),
        Show::RunningConfig => table("Current configuration ", "/lines"),
        Show::StartupConfig => table("Using ", "/lines"),
        Show::ProfileSummary => table("Profile Name ", "/profiles"),
        Show::Inventory => lines("PID: ", "/items"),
        Show::IpInterfaces => table("Interface ", "/interfaces"),
        Show::Users { .. } => table("    Line ", "/users"),
        Show::Hosts => table("Host ", "/hosts"),
        Show::Vlans => table("VLAN Name ", "/vlans"),
        Show::ApConfig(_)
        | Show::Clock
        | Show::InstallRollback
        | Show::Privilege
        | Show::ProfileDetailed
        | Show::SwitchVirtual
        | Show::Version => Rows::None,
    }
}

fn is_rule(line: &str) -> bool {
    line.starts_with("---")
}

#[test]
fn every_show_answers_one_json_document_with_as_many_rows_as_its_text() {
    let mut counted = 0;
    for story in [Story::begin("2024-02-01T16:00:00Z"), busy()] {
        let last = story.log.operations().all().next_back().map_or(7, |(number, _)| number);
        for (line, what) in every_show(last) {
            let (text, value) = (shown(&story, &line), value(&story, &line));
            assert!(value.is_object(), "{line}: {value}");
            let list = |pointer| value.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
            let (in_text, in_json) = match rows(&what) {
                Rows::None => continue,
                Rows::Lines { begin, list: pointer } => {
                    (text.lines().filter(|l| l.starts_with(begin)).count(), list(pointer))
                }
                Rows::Table { header, list: pointer, sum } => {
                    let below = text.lines().skip_while(|l| !l.starts_with(header)).skip(1).skip_while(|l| is_rule(l));
                    let n = below.take_while(|l| !l.is_empty() && !is_rule(l)).count();
                    (n - usize::from(sum && n > 0), list(pointer))
                }
            };
            assert_eq!(in_text, in_json, "{line}:\n{text}\n{value:#}");
            counted += in_text;
        }
    }
    assert!(counted > 100, "{counted} rows were compared");
}

#[test]
fn every_key_is_snake_case_and_every_moment_is_utc() {
    fn look(value: &Value, line: &str) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                    assert!(key.chars().all(snake), "{line}: {key}");
                    let is_moment = key == "time" || key == "since" || key.ends_with("_at");
                    if is_moment && !value.is_null() {
                        let text = value.as_str().unwrap_or_default();
                        assert!(text.ends_with('Z') && text.parse::<Timestamp>().is_ok(), "{line}: {key} {value}");
                    }
                    look(value, line);
                }
            }
            Value::Array(all) => all.iter().for_each(|v| look(v, line)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let story = busy();
    for (line, _) in every_show(1) {
        look(&value(&story, &line), &line);
    }
}

#[test]
fn the_main_views_read_as_their_golden_documents() {
    let story = busy();
    let fetch = story.log.operations().all().next().expect("an operation").0;
    for (line, name) in [
        ("show ap image", "ap_image"),
        ("show ap image file summary", "ap_image_file_summary"),
        ("show ap image reason", "ap_image_reason"),
        ("show ap name AP-moves config general", "ap_config_general"),
        ("show ap status", "ap_status"),
        ("show wireless ewc-ap ap image predownload status", "ap_image_predownload_status"),
        ("show wireless ewc-ap predownload status", "predownload_status"),
        ("show wireless dtls connections", "dtls_connections"),
        ("show wireless stats ap join summary", "ap_join_summary"),
        ("show ap summary", "ap_summary"),
        ("show ap upgrade", "ap_upgrade"),
        ("show ap upgrade ap-list", "ap_upgrade_list"),
        ("show image-server", "image_server"),
        ("show install summary", "install_summary"),
        ("show operation", "operations"),
        (&format!("show operation {fetch}"), "operation"),
        ("show logging last 5", "logging"),
        ("show running-config", "running_config"),
        ("show version", "version"),
        ("show wireless profile image-download detailed default", "image_download_detailed"),
    ] {
        assert_golden(&format!("json/{name}.json"), &shown(&story, &format!("{line} | json")));
    }
}

#[test]
fn json_is_answered_in_user_exec_behind_do_and_by_its_shortest_form() {
    let story = busy();
    let full = shown(&story, "show ap image | json");
    assert!(full.starts_with("{\n  \"total\": 10,\n") && full.ends_with("}\n"), "{full}");
    assert_eq!(shown(&story, "sh ap im | j"), full);
    let as_user = |line| said(&story, line, Privilege::User);
    assert_eq!(as_user("show ap image|json"), full);
    assert_eq!(as_user("show privilege | json"), "{\n  \"level\": 1\n}\n");
    assert_eq!(shown(&story, "show privilege | json"), "{\n  \"level\": 15\n}\n");
    let time = TimeFormat::default();
    let view = View {
        state: &story.state,
        log: &story.log,
        now: story.at,
        time: &time,
        secrets: &NoSecrets,
        history: &story.envelopes,
    };
    let mut shell = Shell::new(Privilege::Privileged);
    shell.line("configure terminal", &view);
    assert_eq!(shell.line("do show ap image | json", &view).text, full);
}

#[test]
fn an_operation_that_is_not_known_is_an_error_in_json_too() {
    let text = shown(&busy(), "show operation 99999 | json");
    let wanted = "{\n  \"error\": \"Operation 99999 is not known, or too old; see `show operation`\"\n}\n";
    assert_eq!(text, wanted);
}

#[test]
fn no_secret_is_in_json_that_is_not_in_the_text() {
    let mut story = busy();
    story.configured(vec![Setting::SftpUsername(Some("upgrader-of-aps".into()))]);
    // An event is told whole, as an export tells it: it holds no secret.
    let views = every_show(1).into_iter().filter(|(_, what)| !matches!(what, Show::Ledger(_) | Show::TechSupport));
    for (line, _) in views {
        let named = |text: String| text.contains("upgrader-of-aps");
        let (in_json, in_text) = (named(shown(&story, &format!("{line} | json"))), named(shown(&story, &line)));
        assert_eq!(in_json, in_text, "{line}");
    }
}
