use std::fmt::Write as _;

use super::*;
use crate::command::Target;
use crate::ios::grammar::LINE_LIMIT;
use crate::secrets::{Key, NoSecrets, Vault};
use crate::story::{Story, ap, assert_golden, image, moment, version};
use crate::syslog::TimeFormat;

/// A session whose wishes come true at once if they are settings, and are only noted if they are not.
struct Session {
    story: Story,
    shell: Shell,
    text: String,
    commands: Vec<Command>,
}

impl Session {
    fn new(privilege: Privilege) -> Session {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        story.configured(vec![Setting::Hostname("9120-EWC".into())]);
        story.log = crate::syslog::Log::default();
        Session { story, shell: Shell::new(privilege), text: String::new(), commands: Vec::new() }
    }

    fn output(&mut self, line: &str) -> Output {
        let time = TimeFormat::default();
        let view = View {
            state: &self.story.state,
            log: &self.story.log,
            now: self.story.at,
            time: &time,
            secrets: &NoSecrets,
            history: &self.story.envelopes,
        };
        self.shell.line(line, &view)
    }

    fn prompt(&self) -> String {
        self.shell.prompt(&self.story.state)
    }

    fn type_line(&mut self, line: &str) -> Output {
        self.story.after_ms(1_000);
        let _ = writeln!(self.text, "{}{line}", self.prompt());
        let output = self.output(line);
        self.text.push_str(&output.text);
        for command in &output.commands {
            if let Command::Configure { changes } = command {
                self.story.configured(changes.clone());
            }
            let _ = writeln!(self.text, "    => {command:?}");
            self.commands.push(command.clone());
        }
        if output.close {
            self.text.push_str("    => the session ends\n");
        }
        output
    }
}

#[test]
fn a_configuration_session_reads_as_its_golden_transcript() {
    let mut session = Session::new(Privilege::Privileged);
    for line in [
        "configure terminal",
        "software version 17.9.4",
        "software version 17.9.4.27",
        "wireless profile image-download default",
        "image-download-mode tftp",
        "tftp-image-server 172.16.5.27",
        "tftp-image-path",
        "tftp-image-path /EWC/17_9_4a",
        "do show wireless profile image-download detailed default",
        "exit",
        "exit",
        "exit",
        "show wireless profile image-download",
        "show wireless profile image-download summary",
        "conf t",
        "logging host 172.16.5.9",
        "logging origin-id hostname",
        "capwap block-size 9999",
        "capwap block-size 1377",
        "capwap max 9",
        "wireless profile image-download default",
        "tftp-image-server 172.16.5.28 port 6969",
        "tftp-image-timeout 20",
        "ap image local ap1g8 images/ap1g8",
        "wireless profile image-download default",
        "no tftp-image-path",
        "do sh ap xyz",
        "do configure terminal",
        "end",
        "show running-config",
        "show running-config | section wireless",
        "show logging | include CONFIG_I",
        "show clock | xyz",
        "show clock | include (",
        "show privilege",
        "ap image predownload",
        "install activate",
        "install add file tftp://172.16.5.27/EWC/17_9_4a/ap1g8",
        "disable",
        "configure terminal",
        "show privilege",
        "enable",
        "exit",
    ] {
        session.type_line(line);
    }
    assert_golden("transcript_configuration.txt", &session.text);
}

#[test]
fn what_automation_sends_to_every_device_is_accepted_changes_nothing_and_says_nothing() {
    let mut session = Session::new(Privilege::Privileged);
    session.type_line("configure terminal");
    let before = session.text.len();
    for line in [
        "no logging console",
        "logging console",
        "logging console informational",
        "logging buffered 64000",
        "no logging buffered",
        "logging monitor",
        "no ip domain lookup",
        "ip domain-lookup",
        "no ip domain-lookup",
        "service password-encryption",
        "no service password-encryption",
        "service timestamps debug datetime msec",
        "line console 0",
        "exec-timeout 0",
        "exec-timeout 0 0",
        "logging synchronous",
        "no exec-timeout",
        "line vty 0 4",
        "logging synchronous",
        "transport input ssh",
        "login local",
        "end",
    ] {
        let output = session.type_line(line);
        assert_eq!((output.text.as_str(), output.commands.len(), output.refused), ("", 0, false), "{line}");
    }
    assert!(session.text[before..].contains("9120-EWC(config-line)#exec-timeout 0 0\n"), "{}", session.text);
    assert_eq!(session.shell.mode(), Mode::Privileged);
}

#[test]
fn a_line_of_the_vtys_sets_their_timeout_and_one_of_the_console_does_not() {
    let mut session = Session::new(Privilege::Privileged);
    for line in ["configure terminal", "line console 0", "exec-timeout 5", "line vty 0 4", "exec-timeout 0 30", "end"] {
        session.type_line(line);
    }
    assert_eq!(session.commands, [Command::Configure { changes: vec![Setting::ExecTimeout(30)] }]);
}

#[test]
fn a_session_that_ends_in_a_sub_mode_hands_over_what_it_held_and_only_once() {
    let mut session = Session::new(Privilege::Privileged);
    for line in ["configure terminal", "wireless profile image-download default", "image-download-mode tftp"] {
        session.type_line(line);
    }
    assert_eq!(session.commands, []);
    let held = Command::Configure {
        changes: vec![Setting::ImageDownloadMode(Some(capledger_schema::setting::ImageDownloadMode::Tftp))],
    };
    assert_eq!(session.shell.close().commands, [held]);
    assert_eq!(session.shell.close().commands, []);
}

#[test]
fn the_prompt_names_each_mode_as_the_reference_does() {
    let mut session = Session::new(Privilege::Privileged);
    for (line, prompt) in [
        ("", "9120-EWC#"),
        ("configure terminal", "9120-EWC(config)#"),
        ("wireless profile image-download default", "9120-EWC(config-wireless-image-download-profile)#"),
        ("image-download-mode tftp", "9120-EWC(config-wireless-image-download-profile-tftp)#"),
        ("end", "9120-EWC#"),
        ("disable", "9120-EWC>"),
        ("enable", "9120-EWC#"),
        ("conf t", "9120-EWC(config)#"),
        ("hostname lab-1", "lab-1(config)#"),
    ] {
        session.type_line(line);
        assert_eq!(session.prompt(), prompt, "after {line:?}");
    }
}

fn configure(changes: Vec<Setting>) -> Command {
    Command::Configure { changes }
}

fn mode_and_path() -> Vec<Setting> {
    use capledger_schema::setting::ImageDownloadMode;
    vec![Setting::ImageDownloadMode(Some(ImageDownloadMode::Tftp)), Setting::TftpImagePath(Some("/EWC".into()))]
}

#[test]
fn a_sub_mode_is_committed_as_one_change_however_it_is_left() {
    for (leave, then) in [
        ("exit", None),
        ("end", None),
        ("hostname x", Some(configure(vec![Setting::Hostname("x".into())]))),
        ("wireless profile image-download default", None),
        ("no image-download-mode", None),
    ] {
        let mut session = Session::new(Privilege::Privileged);
        for line in ["configure terminal", "wireless profile image-download default", "image-download-mode tftp"] {
            session.type_line(line);
        }
        session.type_line("tftp-image-path /EWC");
        assert!(session.commands.is_empty(), "nothing is committed before the sub-mode is left");
        assert_eq!(session.shell.pending(), mode_and_path());
        session.type_line(leave);
        let mut wanted = vec![configure(mode_and_path())];
        wanted.extend(then);
        assert_eq!(session.commands, wanted, "{leave}");
    }
}

#[test]
fn a_line_that_is_refused_changes_nothing_and_leaves_no_mode() {
    let mut session = Session::new(Privilege::Privileged);
    for line in ["configure terminal", "wireless profile image-download default", "image-download-mode tftp"] {
        session.type_line(line);
    }
    let before = session.shell.pending().to_vec();
    for line in ["tftp-image-timeout 0", "hostname a b", "xyz", "do xyz", "do end", "tftp-image-path"] {
        let output = session.type_line(line);
        assert!(output.refused && output.commands.is_empty(), "{line}");
        assert_eq!(session.shell.pending(), before);
        assert_eq!(session.shell.mode(), Mode::ImageProfileTftp);
    }
}

#[test]
fn do_runs_an_exec_command_without_leaving_the_sub_mode() {
    let mut session = Session::new(Privilege::Privileged);
    for line in ["configure terminal", "wireless profile image-download default", "image-download-mode tftp"] {
        session.type_line(line);
    }
    let output = session.type_line("do ap name AP-1 reset");
    assert_eq!(output.commands, [Command::Reset { target: Target::Name("AP-1".into()) }]);
    let output = session.type_line("do show clock | count UTC");
    assert_eq!(output.text, "Number of lines which match regexp = 1\n");
    assert_eq!(session.shell.mode(), Mode::ImageProfileTftp);
    assert_eq!(session.shell.pending().len(), 1);
}

#[test]
fn the_caret_counts_the_prompt_and_what_stands_before_the_command() {
    let mut session = Session::new(Privilege::Privileged);
    let caret = |output: &Output| output.text.find('^').expect("a caret");
    let wrong = session.type_line("show ap xyz");
    assert_eq!(caret(&wrong), "9120-EWC#show ap ".len());
    let wrong = session.type_line("show clock | xyz");
    assert_eq!(caret(&wrong), "9120-EWC#show clock | ".len());
    session.type_line("configure terminal");
    let wrong = session.type_line(" do  show ap xyz");
    assert_eq!(caret(&wrong), "9120-EWC(config)# do  show ap ".len());
}

#[test]
fn in_a_sub_mode_the_caret_stands_under_the_wrong_word_of_a_command_of_configuration_mode() {
    let mut session = Session::new(Privilege::Privileged);
    for line in ["configure terminal", "wireless profile image-download default", "image-download-mode tftp"] {
        session.type_line(line);
    }
    let prompt = session.prompt();
    let said = |session: &mut Session, line: &str| session.type_line(line).text;
    let caret = |text: &str| text.find('^').expect("a caret");
    assert_eq!(caret(&said(&mut session, "hostname a b")), format!("{prompt}hostname a ").len());
    assert_eq!(caret(&said(&mut session, "line vty 0 99")), format!("{prompt}line vty 0 ").len());
    assert_eq!(said(&mut session, "ip ssh port"), "% Incomplete command.\n\n");
    // What both modes fail at in the same word is told as the sub-mode sees it.
    assert_eq!(caret(&said(&mut session, "tftp-image-xyz")), format!("{prompt}tftp-image-").len());
}

#[test]
fn a_session_that_was_granted_little_cannot_rise() {
    let mut session = Session::new(Privilege::User);
    assert_eq!(session.prompt(), "9120-EWC>");
    let output = session.type_line("enable");
    assert_eq!(output, Output { enable: true, ..Output::default() }, "its driver asks for the password");
    assert!(session.type_line("configure terminal").refused);
    assert!(session.type_line("ap image predownload").refused);
    assert!(session.type_line("show running-config").refused);
    assert!(session.commands.is_empty());
}

#[test]
fn the_right_password_of_enable_gives_every_privilege_until_the_session_ends() {
    let mut session = Session::new(Privilege::User);
    assert!(session.type_line("enable").enable);
    session.shell.grant();
    assert_eq!(session.prompt(), "9120-EWC#");
    session.type_line("disable");
    assert_eq!(session.prompt(), "9120-EWC>");
    assert!(!session.type_line("enable").enable);
    assert_eq!(session.prompt(), "9120-EWC#");
}

#[test]
fn a_line_is_recorded_without_its_secret_and_without_what_is_not_understood() {
    let mut session = Session::new(Privilege::Privileged);
    for (line, recorded) in [
        ("", None),
        ("  ", None),
        ("! hunter2", None),
        (" show  ap image ", Some("show  ap image")),
        ("show ap hunter2", Some("show ap ...")),
        ("hunter2", Some("...")),
        ("show", Some("show")),
        ("show clock | include x", Some("show clock | include x")),
        (
            "install add file sftp://admin:hunter2@10.0.0.5:22/a/b",
            Some("install add file sftp://******@10.0.0.5:22/a/b"),
        ),
        (
            "install add file \"sftp://admin:hunt/er2 x@10.0.0.5:22/a/b\"",
            Some("install add file \"sftp://******@10.0.0.5:22/a/b\""),
        ),
    ] {
        assert_eq!(session.shell.recorded(line).as_deref(), recorded, "{line}");
    }
    session.type_line("configure terminal");
    for (line, recorded) in [
        ("username admin privilege 15 secret 0 hunter2 x ", "username admin privilege 15 secret 0 ******"),
        ("username admin secret hunter2", "username admin secret ******"),
        ("username admin privilege 15 password 0 hunter2", "username admin privilege 15 password 0 ******"),
        ("username admin password hunter2", "username admin password ******"),
        ("username admin secrte 0 hunter2", "username admin ..."),
        ("enable secret 9 $argon2id$v=19$abc", "enable secret 9 ******"),
        ("do show clock", "do show clock"),
    ] {
        assert_eq!(session.shell.recorded(line).as_deref(), Some(recorded), "{line}");
    }
}

#[test]
fn keys_are_typed_in_one_line_or_in_several() {
    let blob = "AAAAC3NzaC1lZDI1NTE5AAAAIBwdaGbzsK3ZG6e1Ee8cF5mvhU5Q6uMHRWpFrX0sN5Wq";
    let mut session = Session::new(Privilege::Privileged);
    let mut prompts = Vec::new();
    for line in [
        "configure terminal",
        "ip ssh pubkey-chain",
        "username admin",
        "key-string",
        &format!("ssh-ed25519 {}", &blob[..30]),
        &blob[30..],
        "exit",
        "username guest",
        &format!("key-string {blob}"),
        "no username admin",
        "end",
    ] {
        session.type_line(line);
        prompts.push(session.prompt());
    }
    let shown: Vec<&str> = prompts.iter().map(|p| p.strip_prefix("9120-EWC").expect("the name")).collect();
    let (chain, user, data) = ("(conf-ssh-pubkey)#", "(conf-ssh-pubkey-user)#", "(conf-ssh-pubkey-data)#");
    assert_eq!(shown, ["(config)#", chain, user, data, data, data, user, user, user, chain, "#"]);
    let key = |user: &str| Setting::UserKey(user.into(), format!("ssh-ed25519 {blob}"), true);
    let wanted = [vec![key("admin")], vec![key("guest")], vec![Setting::NoUserKeys("admin".into())]];
    assert_eq!(session.commands, wanted.map(configure));
}

#[test]
fn a_key_that_cannot_be_read_is_refused_and_the_lines_are_left() {
    let mut session = Session::new(Privilege::Privileged);
    for line in ["configure terminal", "ip ssh pubkey-chain", "username admin", "key-string", "ssh-ed25519 AAAA"] {
        session.type_line(line);
    }
    let output = session.type_line("exit");
    assert_eq!((output.refused, output.text.as_str()), (true, "% SSH: Failed to decode the Key Value\n"));
    assert_eq!(session.prompt(), "9120-EWC(conf-ssh-pubkey-user)#");
}

#[test]
fn install_activate_takes_the_image_that_was_added_last() {
    let mut session = Session::new(Privilege::Privileged);
    assert_eq!(
        session.type_line("install activate").text,
        "% No image to activate; fetch one with `install add file URL`\n"
    );
    for v in ["17.12.1.5", "17.9.4.27"] {
        let url = "tftp://172.16.5.27/ap1g8";
        let fetch = session.story.add_started(url, "ap1g8");
        session.story.after_ms(1_000).add_completed(fetch, url, image("ap1g8", v));
    }
    let output = session.type_line("install activate");
    assert_eq!(output.commands, [Command::Activate { version: version("17.9.4.27"), auto_abort: None }]);
}

#[test]
fn terminal_settings_are_the_session_s_own() {
    let mut session = Session::new(Privilege::User);
    for line in ["terminal length 0", "term wid 511"] {
        assert_eq!(session.type_line(line), Output::default());
    }
    assert_eq!(session.shell.terminal(), Terminal { length: 0, width: 511 });
}

#[test]
fn nul_octets_are_passed_over() {
    let mut session = Session::new(Privilege::User);
    assert_eq!(session.output("\0"), Output::default());
    assert_eq!(session.output("sh\0ow clock").text, session.output("show clock").text);
}

#[test]
fn help_and_tab_know_the_mode_and_what_do_changes() {
    let mut session = Session::new(Privilege::Privileged);
    session.type_line("configure terminal");
    assert_eq!(
        session.shell.help("do show ap "),
        "  image    Images of the access points and their predownload\n  name     One access point\n  status   Whether the access points serve, and if not, why\n  summary  All access points\n  upgrade  The upgrade of the fleet\n"
    );
    assert_eq!(session.shell.complete("do sh ap im").as_deref(), Some("do sh ap image "));
    // What leads to another mode is neither told nor completed.
    let told = session.shell.help("do ");
    assert!(told.contains("  show ") && !told.contains("configure") && !told.contains("exit"), "{told}");
    assert_eq!(session.shell.complete("do conf"), None);
    assert_eq!(session.shell.complete("host").as_deref(), Some("hostname "));
}

#[test]
fn a_pipe_in_the_value_of_a_setting_is_no_filter() {
    let mut session = Session::new(Privilege::Privileged);
    session.type_line("configure terminal");
    session.type_line("ap join ca a | include b");
    assert_eq!(session.commands, [configure(vec![Setting::JoinAuthority(Some("a | include b".into()))])]);
}

#[test]
fn a_view_of_an_ap_follows_the_moment_that_it_is_asked_for() {
    let mut session = Session::new(Privilege::User);
    let wtp = ap("AP-1", "2c5a.0f40.6920", "172.16.4.33:5248");
    session.story.joined(&wtp, "C9105AXI", "17.3.3.26", None, None);
    session.story.at = moment("2024-02-01T17:30:00Z");
    assert!(session.output("show ap summary | include AP-1").text.contains(" Joining "));
}

proptest::proptest! {
    #[test]
    fn no_sequence_of_lines_makes_a_session_panic_or_print_without_a_line_end(
        lines in proptest::collection::vec(
            "\\PC{0,30}|conf t|wireless profile image-download default|image-download-mode tftp|exit|end|do .{0,9}|(show|no|\\|) [a-z |]{0,9}",
            0..12,
        )
    ) {
        let mut session = Session::new(Privilege::Privileged);
        for line in lines {
            assert!(line.len() <= LINE_LIMIT);
            let output = session.type_line(&line);
            assert!(output.text.is_empty() || output.text.ends_with('\n'));
            assert!(!output.refused || output.commands.is_empty());
        }
    }
}

#[test]
fn a_secret_is_sealed_when_it_is_typed_and_handed_over_when_its_sub_mode_is_left() {
    let vault = Vault::in_memory(Key::new(&[7; 32]).expect("a key"));
    let story = Story::begin("2024-02-01T17:00:00Z");
    let time = TimeFormat::default();
    let view = View {
        state: &story.state,
        log: &story.log,
        now: story.at,
        time: &time,
        secrets: &vault,
        history: &story.envelopes,
    };
    let mut shell = Shell::new(Privilege::Privileged);
    for line in ["configure terminal", "wireless profile image-download default"] {
        assert_eq!(shell.line(line, &view).commands, []);
    }
    let typed = shell.line("sftp-password 0 SECRET WORD", &view);
    assert_eq!((typed.commands.len(), typed.secrets.len(), typed.refused), (0, 0, false));
    let left = shell.line("exit", &view);
    let [sealed] = &left.secrets[..] else { panic!("{left:?}") };
    assert_eq!(left.commands, [Command::Configure { changes: vec![Setting::SftpPassword(Some(sealed.id()))] }]);
    let _kept = vault.keep(&left.secrets).expect("kept");
    assert_eq!(vault.reveal(sealed.id()).expect("revealed").expose(), "SECRET WORD");
    assert!(!format!("{shell:?} {typed:?} {left:?}").contains("SECRET"), "no debug form shows it");
}

#[test]
fn a_secret_that_cannot_be_read_is_refused_at_its_own_line() {
    let vault = Vault::in_memory(Key::new(&[7; 32]).expect("a key"));
    let story = Story::begin("2024-02-01T17:00:00Z");
    let time = TimeFormat::default();
    let view = View {
        state: &story.state,
        log: &story.log,
        now: story.at,
        time: &time,
        secrets: &vault,
        history: &story.envelopes,
    };
    let mut shell = Shell::new(Privilege::Privileged);
    for line in ["configure terminal", "wireless profile image-download default"] {
        shell.line(line, &view);
    }
    for (line, words) in [
        ("sftp-password 6 00112233", "% this is no secret of type 6; give the secret in clear, as type 0\n"),
        ("sftp-password 7 SECRETWORD", "% secrets of type 7 are not read here; give the secret in clear, as type 0\n"),
    ] {
        let output = shell.line(line, &view);
        assert_eq!((output.text.as_str(), output.refused), (words, true));
    }
    assert_eq!(shell.line("end", &view).commands, [], "nothing of it was taken");
}

#[test]
fn a_session_debugs_what_it_switched_on_until_it_switches_it_off() {
    use crate::ios::debug::Debugs;
    let mut session = Session::new(Privilege::Privileged);
    assert_eq!(session.output("deb cap ev").text, "CAPWAP events debugging is on\n");
    assert_eq!(session.shell.debugs(), Debugs::EVENTS);
    session.output("debug capwap");
    assert_eq!(session.shell.debugs(), Debugs::CAPWAP);
    assert!(session.output("show debugging").text.contains("  CAPWAP messages debugging is on\n"));
    assert_eq!(session.output("no debug capwap events").text, "CAPWAP events debugging is off\n");
    assert_eq!(session.output("show debugging | json").text.matches("true").count(), 1);
    session.output("configure terminal");
    assert_eq!(session.output("do un all").text, "All possible debugging has been turned off\n");
    assert_eq!(session.shell.debugs(), Debugs::NONE);
    assert!(Session::new(Privilege::User).output("debug capwap").refused);
}

#[test]
fn a_view_of_what_is_not_there_is_a_refused_line_in_text_and_in_json() {
    let mut session = Session::new(Privilege::Privileged);
    for line in ["show ap name nosuch config general", "show ap name nosuch image history", "show operation 99999"] {
        assert!(session.output(line).refused, "{line}");
        assert!(session.output(&format!("{line} | json")).refused, "{line}");
    }
    assert!(!session.output("show ap image").refused);
    assert!(!session.output("show ap image | json").refused);
    assert!(!session.output("show logging").refused);
}

#[test]
fn a_session_tells_what_was_typed_in_it_without_passwords_and_how_its_terminal_is_set() {
    let mut session = Session::new(Privilege::Privileged);
    session.output("terminal width 132");
    assert_eq!(session.output("show terminal").text, "Length: 24 lines, Width: 132 columns\n");
    session.output("configure terminal");
    session.output("username admin secret 0 a-long-password");
    session.output("end");
    let typed = session.output("show history").text;
    assert!(
        typed.contains("  configure terminal\n  username admin secret 0 ******\n  end\n  show history\n"),
        "{typed}"
    );
    for n in 0..30 {
        session.output(&format!("show logging last {}", n + 1));
    }
    let typed = session.output("show history").text;
    assert!(typed.starts_with("  show logging last 12\n"), "{typed}");
    assert_eq!(typed.lines().count(), 20);
}
