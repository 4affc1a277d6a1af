use capledger_schema::project::config::CapwapConfig;
use capledger_schema::setting::{
    CapwapTimer, ImageServer, LogDelivery, LogForm, LogFraming, LogHost, LogTransport, Setting,
};

use super::help::syntax;
use super::*;
use crate::command::{Command, Target};
use crate::ios::action::Show;
use crate::story::assert_golden;

/// A word that an argument accepts.
pub(super) fn example(arg: Arg) -> String {
    match arg {
        Arg::Number(min, _) => min.to_string(),
        Arg::Share => "15".into(),
        Arg::Address => "10.0.0.5".into(),
        Arg::Host => "tftp.example".into(),
        Arg::Hostname => "9120-EWC".into(),
        Arg::Zone => "CET".into(),
        Arg::Hours => "-5".into(),
        Arg::Version => "17.9.4.27".into(),
        Arg::Family => "ap1g8".into(),
        Arg::Word => "AP-1".into(),
        Arg::Line => "show clock".into(),
        Arg::Key => "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwdaGbzsK3ZG6e1Ee8cF5mvhU5Q6uMHRWpFrX0sN5Wq".into(),
        Arg::Choice(words) => words[0].0.into(),
    }
}

pub(super) fn spelled(tokens: &[Token]) -> String {
    let words: Vec<String> = tokens
        .iter()
        .map(|t| match t {
            Token::Keyword { word, .. } => (*word).to_owned(),
            Token::Arg { arg, .. } => example(*arg),
        })
        .collect();
    words.join(" ")
}

fn action(mode: Mode, line: &str) -> Action {
    parse(mode, line).unwrap_or_else(|e| panic!("{line}: {e}")).expect("a command")
}

fn error(mode: Mode, line: &str) -> ParseError {
    parse(mode, line).expect_err(line)
}

fn set(setting: Setting) -> Action {
    Action::Configure { settings: vec![setting], enter: None }
}

#[test]
fn every_entry_is_reached_by_its_own_words_in_each_of_its_modes() {
    for entry in table() {
        let line = spelled(entry.tokens);
        let wanted = (entry.action)(&Args(
            entry
                .tokens
                .iter()
                .filter_map(|t| match t {
                    Token::Keyword { .. } => None,
                    Token::Arg { arg: Arg::Choice(words), .. } => Some(Value::Choice(words[0].0)),
                    Token::Arg { arg, .. } => arg.accept(&example(*arg)),
                })
                .collect(),
        ));
        for mode in entry.modes {
            assert_eq!(action(*mode, &line), wanted, "{line}");
        }
    }
}

#[test]
fn every_no_form_is_reached_with_and_without_what_it_does_not_need() {
    for entry in table() {
        let Some(no) = entry.no else { continue };
        assert!((1..=entry.tokens.len()).contains(&no.keep), "{}", syntax(entry.tokens));
        for mode in entry.modes {
            let short = action(*mode, &format!("no {}", spelled(&entry.tokens[..no.keep])));
            let long = action(*mode, &format!("no {}", spelled(entry.tokens)));
            assert_eq!(short, long, "{}", syntax(entry.tokens));
        }
    }
}

#[test]
fn the_largest_number_of_every_range_fits_its_setting() {
    for entry in table() {
        let largest: Vec<String> = entry
            .tokens
            .iter()
            .map(|t| match t {
                Token::Keyword { word, .. } => (*word).to_owned(),
                Token::Arg { arg: Arg::Number(_, max), .. } => max.to_string(),
                Token::Arg { arg, .. } => example(*arg),
            })
            .collect();
        action(entry.modes[0], &largest.join(" "));
    }
}

#[test]
fn no_two_entries_of_a_mode_are_the_same_command() {
    for mode in Mode::ALL {
        let mut seen = std::collections::BTreeSet::new();
        for entry in entries(mode) {
            assert!(seen.insert(syntax(entry.tokens)), "{mode:?}: {}", syntax(entry.tokens));
        }
    }
}

#[test]
fn the_same_keyword_in_the_same_place_has_the_same_help() {
    let mut seen: std::collections::BTreeMap<(Mode, String), &str> = std::collections::BTreeMap::new();
    for mode in Mode::ALL {
        for entry in entries(mode) {
            for (i, token) in entry.tokens.iter().enumerate() {
                let Token::Keyword { help, .. } = token else { continue };
                let place = (mode, syntax(&entry.tokens[..=i]));
                assert_eq!(*seen.entry(place.clone()).or_insert(help), *help, "{place:?}");
            }
        }
    }
}

#[test]
fn the_timers_of_the_table_are_those_of_the_settings() {
    for timer in CapwapTimer::ALL {
        let line = format!("capwap timer {} 77", timer.word());
        assert_eq!(action(Mode::Config, &line), set(Setting::CapwapTimer(timer, 77)));
        let told = timer.default_ms().to_string();
        let help = help(Mode::Config, "capwap timer ");
        let line = help.lines().find(|l| l.trim_start().starts_with(timer.word())).expect("a line");
        assert!(line.ends_with(&format!("({told})")), "{line}: the default is {told}");
    }
}

#[test]
fn keywords_may_be_cut_to_what_is_unique() {
    assert_eq!(action(Mode::Privileged, "sh ap im"), Action::Show(Show::ApImage));
    assert_eq!(action(Mode::User, "SH AP SUM"), Action::Show(Show::ApSummary));
    assert_eq!(
        action(Mode::Privileged, "config term"),
        Action::Configure { settings: Vec::new(), enter: Some(Mode::Config) }
    );
    assert_eq!(action(Mode::Privileged, "term len 0"), Action::TerminalLength(0));
    assert_eq!(action(Mode::User, "en"), Action::Enable);
    assert_eq!(action(Mode::Config, "cap str"), set(Setting::CapwapStrict(true)));
    assert_eq!(action(Mode::Config, "n cap str"), set(Setting::CapwapStrict(false)));
}

#[test]
fn a_word_that_may_be_several_is_ambiguous_and_names_them() {
    let e = error(Mode::Privileged, "show lo ap");
    assert_eq!(e.kind, ParseErrorKind::Invalid, "`lo` is `logging` alone; `ap` is wrong after it");
    let e = error(Mode::Config, "capwap max 6");
    assert_eq!(e.kind, ParseErrorKind::Ambiguous);
    assert_eq!(e.ios(9, "capwap max 6"), "% Ambiguous command:  \"capwap max 6\"\n\n");
    assert_eq!(
        e.to_string(),
        "`max` is cut too short; it may be max-sessions (Sessions at most), \
         max-retransmit (How often a request is sent again, RFC 5415 4.8.7)"
    );
}

#[test]
fn the_caret_stands_under_the_first_character_that_fits_no_command() {
    for (line, under) in [
        ("xyz", "x"),
        ("show ap xyz", "xyz"),
        ("show versoin", "oin"),
        ("  show  clocks", "s"),
        ("show clock now", "now"),
        ("terminal length 513", "513"),
        ("install activate 17.9.4", "17.9.4"),
    ] {
        let e = error(Mode::Privileged, line);
        assert_eq!(e.kind, ParseErrorKind::Invalid, "{line}");
        assert_eq!(&line[e.column..], &line[line.rfind(under).expect("there")..], "{line}");
    }
    let text = error(Mode::Privileged, "show ap xyz").ios("9120-EWC#".len(), "show ap xyz");
    assert_eq!(text, "                 ^\n% Invalid input detected at '^' marker.\n\n");
}

#[test]
fn a_caret_counts_characters_and_not_octets() {
    assert_eq!(error(Mode::Privileged, "ap name é foo").column, "ap name é ".chars().count());
}

#[test]
fn a_line_that_ends_too_early_is_incomplete_and_says_what_is_missing() {
    for line in ["show", "show ap", "ap name AP-1", "install add file", "terminal length"] {
        let e = error(Mode::Privileged, line);
        assert_eq!(e.kind, ParseErrorKind::Incomplete, "{line}");
        assert_eq!(e.ios(9, line), "% Incomplete command.\n\n");
    }
    let e = error(Mode::Config, "capwap block-size");
    assert_eq!(e.to_string(), "the line ends too early; expected <64-1377> (Octets (1024))");
}

#[test]
fn a_line_that_is_too_long_is_refused_and_one_at_the_limit_is_read() {
    assert_eq!(error(Mode::Privileged, &"x".repeat(LINE_LIMIT + 1)).kind, ParseErrorKind::TooLong);
    let line = format!("show clock{}", " ".repeat(LINE_LIMIT - 10));
    assert_eq!(action(Mode::Privileged, &line), Action::Show(Show::Clock));
}

#[test]
fn empty_lines_and_comments_mean_nothing() {
    for line in ["", "   ", "!", " ! software version x", "!x"] {
        assert_eq!(parse(Mode::Config, line), Ok(None), "{line:?}");
    }
}

#[test]
fn privileged_commands_are_unknown_to_a_user() {
    assert_eq!(error(Mode::User, "configure terminal").kind, ParseErrorKind::Invalid);
    assert_eq!(error(Mode::User, "show running-config").kind, ParseErrorKind::Invalid);
    assert_eq!(action(Mode::User, "show ap image"), Action::Show(Show::ApImage));
}

#[test]
fn the_rest_of_a_line_keeps_its_spaces_and_a_quoted_word_is_one() {
    assert_eq!(
        action(Mode::Config, "ap image local ap1g8  my images/ap1g8 x  "),
        set(Setting::ImageLocal("ap1g8".parse().expect("family"), "my images/ap1g8 x".into()))
    );
    assert_eq!(
        action(Mode::Privileged, "ap image predownload site-tag \"first floor\" start"),
        Action::Run(Command::Predownload { target: Target::Site("first floor".into()) })
    );
}

#[test]
fn a_server_is_an_address_of_either_kind_or_a_name_with_or_without_a_port() {
    for (line, host, port) in [
        ("tftp-image-server 172.16.5.27", "172.16.5.27", None),
        ("tftp-image-server 2001:db8::5 port 6969", "2001:db8::5", Some(6969)),
        ("tftp-i-s images.example", "images.example", None),
    ] {
        let server = Setting::TftpImageServer(Some(ImageServer { host: host.into(), port }));
        let wanted = Action::Configure { settings: vec![server], enter: Some(Mode::ImageProfileTftp) };
        if line.starts_with("tftp-image-server") {
            assert_eq!(action(Mode::ImageProfile, line), wanted);
            assert_eq!(action(Mode::ImageProfileTftp, line), wanted);
        } else {
            assert_eq!(error(Mode::ImageProfile, line).kind, ParseErrorKind::Invalid, "cut within its parts");
        }
    }
    for bad in ["tftp-image-server a/b", "tftp-image-server x port 0", "tftp-image-server x port 65536"] {
        assert_eq!(error(Mode::ImageProfileTftp, bad).kind, ParseErrorKind::Invalid, "{bad}");
    }
}

#[test]
fn what_is_kept_in_clear_takes_no_password_and_cco_names_the_modes_that_work() {
    let refused = |mode, line| {
        let Action::Refuse(words) = action(mode, line) else { panic!("{line} is not refused") };
        words
    };
    let words = refused(Mode::Config, "ap image local ap1g8 sftp://bob:SECRETWORD@10.0.0.5/ap1g8");
    assert!(words.contains("no password"), "{words}");
    let words = refused(Mode::ImageProfile, "image-download-mode cco");
    assert!(words.contains("account") && words.contains("tftp, sftp, http or https"), "{words}");
}

#[test]
fn ports_that_are_left_out_are_the_standards() {
    let at = |port| std::net::SocketAddr::new("10.0.0.5".parse().expect("address"), port);
    assert_eq!(action(Mode::Config, "logging host 10.0.0.5"), set(Setting::LoggingHost(at(514))));
    assert_eq!(
        action(Mode::Config, "no logging host 10.0.0.5 transport udp port 5514"),
        set(Setting::NoLoggingHost(at(5514)))
    );
    assert_eq!(
        action(Mode::Config, "capwap listen 10.0.0.5"),
        set(Setting::CapwapListen(at(CapwapConfig::CONTROL_PORT)))
    );
}

#[test]
fn a_collector_over_a_stream_is_typed_as_ios_has_it() {
    let host = |transport, port| LogHost { address: std::net::SocketAddr::new([10, 0, 0, 5].into(), port), transport };
    let plain = LogDelivery::default();
    for (line, host, delivery) in [
        ("transport tcp", host(LogTransport::Tcp, 601), plain.clone()),
        ("transport tcp port 1514", host(LogTransport::Tcp, 1514), plain.clone()),
        (
            "transport tcp port 1514 framing newline format rfc5424",
            host(LogTransport::Tcp, 1514),
            LogDelivery { framing: LogFraming::Newline, ..LogForm::Rfc5424.into() },
        ),
        ("transport tcp framing octet-counting", host(LogTransport::Tcp, 601), plain.clone()),
        ("transport tls", host(LogTransport::Tls, 6514), plain.clone()),
        (
            "transport tls port 7 name log.example format rfc3164",
            host(LogTransport::Tls, 7),
            LogDelivery { name: Some("log.example".into()), ..LogForm::Rfc3164.into() },
        ),
    ] {
        let line = format!("logging host 10.0.0.5 {line}");
        assert_eq!(action(Mode::Config, &line), set(Setting::LoggingHostOver(host, delivery)), "{line}");
        assert_eq!(action(Mode::Config, &format!("no {line}")), set(Setting::NoLoggingHostOver(host)), "no {line}");
    }
    let at = host(LogTransport::Udp, 514).address;
    assert_eq!(action(Mode::Config, "logging host 10.0.0.5 transport udp"), set(Setting::LoggingHost(at)));
    assert_eq!(
        action(Mode::Config, "logging tls ca /etc/log ca.pem"),
        set(Setting::LoggingTlsAuthority(Some("/etc/log ca.pem".into())))
    );
    assert_eq!(
        help(Mode::Config, "logging host 10.0.0.5 transport tcp "),
        "  format   How lines look there, if not as IOS sends them\n  framing  How lines are told apart\n  \
         port     TCP port (601)\n  <cr>\n"
    );
}

#[test]
fn help_lists_what_may_come_next() {
    assert_golden(
        "help_every_mode.txt",
        &Mode::ALL.iter().fold(String::new(), |out, mode| out + mode.prompt() + "?\n" + &help(*mode, "") + "\n"),
    );
    assert_eq!(help(Mode::Config, "capwap listen 10.0.0.5 "), "  port  UDP port of the control channel\n  <cr>\n");
    assert_eq!(help(Mode::Config, "capwap block-size "), "  <64-1377>  Octets (1024)\n");
    assert_eq!(help(Mode::User, "show clock "), "  |     Output modifiers\n  <cr>\n");
    assert!(help(Mode::User, "show clock | ").contains("  include  Include lines that match\n"));
}

#[test]
fn a_form_of_a_value_that_means_something_of_its_own_is_told_so() {
    let told = help(Mode::Privileged, "ap image upgrade iteration ");
    assert_eq!(told, "  <1-100>   Percent of them (15)\n  one-shot  All at once\n");
}

#[test]
fn help_within_a_word_lists_how_it_may_go_on() {
    assert_eq!(help(Mode::Config, "capwap ma"), "max-retransmit  max-sessions\n");
    assert_eq!(help(Mode::Config, "capwap block-size 1"), "<64-1377>\n");
    assert_eq!(help(Mode::Privileged, "xyz"), "% Unrecognized command\n");
    assert_eq!(help(Mode::Privileged, "xyz "), "% Unrecognized command\n");
    assert_eq!(help(Mode::Config, "capwap max "), "% Ambiguous command:  \"capwap max\"\n");
}

#[test]
fn tab_completes_a_word_that_is_unique() {
    assert_eq!(complete(Mode::Privileged, "sh ap im").as_deref(), Some("sh ap image "));
    assert_eq!(complete(Mode::Privileged, "sho").as_deref(), Some("show "));
    assert_eq!(complete(Mode::Config, "capwap max"), None);
    assert_eq!(complete(Mode::Config, "capwap timer dea").as_deref(), Some("capwap timer dead-interval "));
    assert_eq!(complete(Mode::Privileged, "show "), None);
    assert_eq!(complete(Mode::Privileged, "ap name AP-"), None);
    assert_eq!(complete(Mode::Privileged, "show clock | inc").as_deref(), Some("show clock | include "));
}

proptest::proptest! {
    #[test]
    fn no_line_of_any_kind_makes_the_grammar_panic(line in "\\PC{0,60}|([a-z!\"| ]{0,6}[ \t\"é\u{0}-]?){0,9}") {
        for mode in Mode::ALL {
            let _ = parse(mode, &line);
            let _ = help(mode, &line);
            let _ = complete(mode, &line);
        }
    }
}

#[test]
fn an_account_takes_its_password_as_it_takes_its_secret() {
    for rest in ["0 hunter2", "hunter2", "7 0822455D0A16"] {
        for account in ["username admin", "username admin privilege 15"] {
            let (password, secret) = (format!("{account} password {rest}"), format!("{account} secret {rest}"));
            assert_eq!(action(Mode::Config, &password), action(Mode::Config, &secret), "{password}");
        }
    }
}

#[test]
fn the_only_version_of_ssh_may_be_asked_for_and_no_other() {
    assert_eq!(action(Mode::Config, "ip ssh version 2"), Action::Nothing);
    assert_eq!(action(Mode::Config, "no ip ssh version"), Action::Nothing);
    let e = error(Mode::Config, "ip ssh version 1");
    assert_eq!((e.kind, e.column), (ParseErrorKind::Invalid, 15));
}

#[test]
fn dotted_numbers_that_are_no_address_are_no_server() {
    for wrong in ["10.0.5", "10.0.0.5.1", "10.0.0.256", "10.0.0."] {
        let e = error(Mode::ImageProfileTftp, &format!("tftp-image-server {wrong}"));
        assert_eq!((e.kind, e.word.as_str()), (ParseErrorKind::Invalid, wrong));
    }
    for right in ["10.0.0.5", "2001:db8::5", "tftp", "1.tftp.example", "5"] {
        action(Mode::ImageProfileTftp, &format!("tftp-image-server {right}"));
    }
}
