mod any;

use std::collections::BTreeSet;

use capledger_schema::Envelope;
use capledger_schema::feed::Privilege;
use capledger_schema::project::State;
use capledger_schema::setting::{ImageDownloadMode, ImageServer};
use proptest::prelude::*;

use super::*;
use crate::ac::{Decision, decide};
use crate::command::Command;
use crate::ios::key_chain::KeyLine;
use crate::ios::shell::Shell;
use crate::ios::{View, setting, show};
use crate::secrets::Vault;
use crate::story::{Story, version};
use crate::syslog::{Log, TimeFormat};
use any::{WORDS, any_config, sealed, vault};

const EXAMPLE: &str = "\
! A controller that upgrades its access points
hostname 9120-EWC
!
software version 17.9.4.27
logging host 172.16.5.9 transport udp port 5514
logging host 172.16.5.10

capwap listen 172.16.4.26
wireless profile image-download default
 image-download-mode tftp
  tftp-image-server 172.16.5.27 port 6969
  tftp-image-path /EWC/17 9 4a/
capwap block-size 1377
end
";

#[test]
fn a_startup_configuration_is_read_whole() {
    let config = parse(EXAMPLE).expect("a configuration");
    assert_eq!(config.hostname, "9120-EWC");
    assert_eq!(config.software_version, Some(version("17.9.4.27")));
    assert_eq!(config.logging.hosts.len(), 2);
    assert_eq!(config.image.mode, Some(ImageDownloadMode::Tftp));
    assert_eq!(config.image.tftp_server, Some(ImageServer { host: "172.16.5.27".into(), port: Some(6969) }));
    assert_eq!(config.image.tftp_path.as_deref(), Some("/EWC/17 9 4a/"));
    assert_eq!(config.capwap.block_size, 1377, "a line of configuration mode ends the sub-mode before it");
}

#[test]
fn line_ends_of_every_kind_and_a_byte_order_mark_are_read() {
    let dos = format!("\u{feff}{}", EXAMPLE.replace('\n', "\r\n"));
    assert_eq!(parse(&dos), parse(EXAMPLE));
}

#[test]
fn an_error_names_line_column_what_is_wrong_and_what_is_expected() {
    for (text, wanted) in [
        (
            "hostname x\n capwap block-size 9999\n",
            "line 2, column 20: `9999` is not known here; expected <64-1377> (Octets (1024))",
        ),
        (
            "!\n!\nap join policy\n",
            "line 3, column 15: the line ends too early; expected pin (By that of its first join (default)), \
             ca (By one that the authority of `ap join ca` signed), open (By any)",
        ),
        ("capwap strict please\n", "line 1, column 15: `please` is one word too many; the command ends before it"),
        (
            "no ap image join\nap image jion defer\n",
            "line 2, column 10: `jion` is not known here; expected \
             join (What an access point that joins with another version is told), \
             local (A file to take instead of fetching), max-size (The largest file that is fetched), \
             retry-delay (Before a failed fetch or download is tried again; it doubles), \
             max-tries (Failed downloads of one version before an access point is left alone), \
             predownload (Images for access points that serve), \
             map (The image family of a model that is not known, or known wrong), \
             alias (The image family that is meant by a name that access points ask by)",
        ),
        ("end\nhostname x\n", "line 2, column 1: nothing may follow `end`"),
        ("  exit\n", "line 1, column 3: `exit` leaves a sub-mode, and there is none here"),
        ("do show clock\n", "line 1, column 1: `do` is for the terminal; a configuration holds settings"),
    ] {
        assert_eq!(parse(text).expect_err(text).to_string(), wanted);
        assert_eq!(read_file(text, &NoSecrets).expect_err("nothing of it is applied").to_string(), wanted);
    }
}

#[test]
fn an_exec_command_is_no_configuration() {
    let e = parse("show clock\n").expect_err("refused");
    assert!(e.to_string().starts_with("line 1, column 1: `show` is not known here; expected no ("), "{e}");
}

#[test]
fn a_configuration_beyond_the_limit_is_refused() {
    let e = parse(&"!\n".repeat(FILE_LIMIT / 2 + 1)).expect_err("refused");
    assert_eq!(e.message, format!("the configuration is longer than {FILE_LIMIT} octets"));
}

/// Somebody at the command line of a controller, which decides what becomes of it.
struct Operator {
    state: State,
    shell: Shell,
    changes: usize,
}

impl Operator {
    fn types(&mut self, line: &str, vault: &Vault) -> Result<(), String> {
        let (log, time, history) = (Log::default(), TimeFormat::default(), Vec::<Envelope>::new());
        let now = self.state.at;
        let state = self.state.clone();
        let view = View { state: &state, log: &log, now, time: &time, secrets: vault, history: &history };
        let output = self.shell.line(line, &view);
        if output.refused {
            return Err(format!("{line}: {}", output.text));
        }
        let _kept = vault.keep(&output.secrets).map_err(|e| e.to_string())?;
        for command in output.commands {
            let named = if let Command::Configure { changes } = &command { changes.clone() } else { Vec::new() };
            let decided = decide(&self.state, command).map_err(|refusal| format!("{line}: {refusal}"))?;
            let Decision::Facts(facts) = decided else { return Err(format!("{line}: no facts")) };
            if !facts.is_empty() {
                self.changes += 1;
                for change in &named {
                    self.state.config.set(change);
                }
            }
        }
        Ok(())
    }
}

/// What becomes of an empty controller where lines of configuration mode are typed.
fn typed(text: &str, vault: &Vault) -> Result<State, String> {
    let shell = Shell::new(Privilege::Privileged);
    let mut operator = Operator { state: State::default(), shell, changes: 0 };
    for line in std::iter::once("configure terminal").chain(text.lines()) {
        operator.types(line, vault)?;
    }
    Ok(operator.state)
}

proptest! {
    #[test]
    fn show_running_config_read_back_is_the_same_configuration(config in any_config().boxed()) {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        story.configured(Config::default().difference(&config));
        prop_assert_eq!(&story.state.config, &config);
        let time = TimeFormat::default();
        let (here, empty) = (vault(), vault());
        let _kept = here.keep(&sealed(&config)).expect("kept");
        let view = View { state: &story.state, log: &story.log, now: story.at, time: &time, secrets: &here, history: &story.envelopes };
        let shown = show::running_config::show(&view);
        // The controller that reads it knows no secret yet, and has the same key.
        let read = read_file(&shown, &empty).map_err(|e| TestCaseError::fail(format!("{e}\n{shown}")))?;
        prop_assert_eq!(read.config(), config.clone());
        prop_assert_eq!(read.secrets.iter().map(Sealed::id).collect::<BTreeSet<_>>(), config.secrets());
    }

    #[test]
    fn show_running_config_typed_in_a_session_is_the_same_configuration_and_every_line_is_accepted(
        config in any_config().boxed()
    ) {
        let (here, empty) = (vault(), vault());
        let _kept = here.keep(&sealed(&config)).expect("kept");
        let text = show::startup_config::text(&config, &here);
        for word in WORDS.iter().filter(|word| word.contains(' ')) {
            prop_assert!(!text.contains(word), "{}", text);
        }
        let state = typed(&text, &empty).map_err(TestCaseError::fail)?;
        prop_assert_eq!(&state.config, &config);
        // The same lines again change nothing.
        let mut again = Operator { state, shell: Shell::new(Privilege::Privileged), changes: 0 };
        for line in std::iter::once("configure terminal").chain(text.lines()) {
            again.types(line, &empty).map_err(TestCaseError::fail)?;
        }
        prop_assert_eq!((&again.state.config, again.changes), (&config, 0));
    }

    #[test]
    fn every_line_that_leads_from_one_configuration_to_another_reads_back(a in any_config().boxed(), b in any_config().boxed()) {
        for wanted in a.difference(&b) {
            let here = vault();
            let _kept = here.keep(&sealed(&b)).expect("kept");
            let (mode, line) = setting::line(&wanted, &here);
            let read = crate::ios::grammar::parse(mode, &line);
            match read {
                Ok(Some(Action::Configure { settings, .. })) => prop_assert_eq!(settings, vec![wanted], "{}", line),
                Ok(Some(Action::ConfigureSecret { setting, secret })) => {
                    let (read, _) = seal(setting, &secret, &here).map_err(TestCaseError::fail)?;
                    prop_assert_eq!(read, wanted, "{}", line);
                }
                Ok(Some(Action::Keys(line))) => {
                    let user = if let Setting::UserKey(user, ..) = &wanted { user.clone() } else { String::new() };
                    let mut chain = KeyChain::default();
                    let entered = chain.take(KeyLine::User(user)).map_err(TestCaseError::fail)?;
                    prop_assert_eq!(entered.1, Some(Mode::SshPubkeyUser));
                    let (settings, _) = chain.take(line).map_err(TestCaseError::fail)?;
                    prop_assert_eq!(settings, vec![wanted]);
                }
                other => prop_assert!(false, "{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn no_text_of_any_kind_makes_the_reader_panic(text in "(\\PC{0,30}|wireless profile image-download default|exit|no |tftp-image-path |\n){0,12}") {
        let _ = parse(&text);
    }
}
