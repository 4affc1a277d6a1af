//! The startup configuration, as an operator keeps it: `write memory`, `copy running-config startup-config`, `reload`, and
//! what a restart makes of them.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

use capledger::daemon::{Daemon, DaemonError, Options, read_config};
use capledger::net::feed::client::Since;
use capledger::net::feed::{Client, Keys};
use capledger::secrets::Vault;
use capledger_schema::feed::ServerMessage;
use capledger_schema::id::Seq;
use capledger_schema::project::Config;
use capledger_schema::{Cause, Event};
use support::controller::{Place, capledger, text};
use support::fleet::Simulate;
use support::ssh::free_port;
use support::{PATIENCE, free_ports, now, wait_until};

const SECRET: &str = "correct-horse-battery";

/// A daemon's directory and the file that it starts with.
struct Home {
    dir: tempfile::TempDir,
    file: PathBuf,
}

impl Home {
    fn new() -> Home {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("startup.cfg");
        let at = free_ports();
        let text = format!("hostname 9120-EWC\ncapwap listen {} port {}\n", at.ip(), at.port());
        fs::write(&file, text).expect("written");
        Home { dir, file }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn options(&self) -> Options {
        let vault = Vault::open(&self.data()).expect("a vault");
        let file = read_config(&self.file, &vault).expect("a configuration");
        Options {
            data_dir: self.data(),
            config: Some(file.config()),
            config_file: Some(self.file.clone()),
            secrets: file.secrets,
            ..Options::default()
        }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).expect("a file")
    }

    fn say(&self, lines: &[&str]) -> (String, bool) {
        say(&self.data(), lines)
    }
}

/// What lines print, and whether the last was accepted.
fn say(dir: &Path, lines: &[&str]) -> (String, bool) {
    let mut client = Client::connect(dir).expect("a daemon");
    let (mut said, mut ok) = (String::new(), true);
    for line in lines {
        let reply = client.command(line, |text| said.push_str(text)).expect("a reply");
        said.push_str(&reply.text);
        ok = reply.ok;
    }
    (said, ok)
}

const CHANGE: [&str; 7] = [
    "configure terminal",
    "software version 17.9.4.27",
    "wireless profile image-download default",
    "image-download-mode sftp",
    "sftp-image-server 172.16.5.62",
    "sftp-password 0 correct-horse-battery",
    "end",
];

#[test]
fn what_was_written_to_memory_is_what_the_next_start_with_the_same_file_finds() {
    let home = Home::new();
    let daemon = Daemon::start(&home.options()).expect("started");
    let first = home.say(&["show startup-config"]).0;
    assert!(first.starts_with("Using ") && first.contains("hostname 9120-EWC"), "{first}");
    home.say(&CHANGE);
    assert_eq!(home.say(&["show startup-config"]).0, first, "nothing is saved yet");
    let running = home.say(&["show running-config"]).0;
    assert_eq!(home.say(&["write terminal"]).0, running);
    daemon.stop("test").expect("stopped in order");
    let refused = Daemon::start(&home.options()).err().expect("refused");
    assert!(matches!(&refused, DaemonError::Unsaved(changes) if changes.len() == 4), "{refused}");

    // Started without the file, the changes are there and can be saved, but not in the file.
    let without = Options { config: None, config_file: None, ..home.options() };
    let daemon = Daemon::start(&without).expect("started");
    assert_eq!(home.say(&["write memory"]), ("Building configuration...\n[OK]\n".to_owned(), true));
    daemon.stop("test").expect("stopped in order");
    assert!(matches!(Daemon::start(&home.options()), Err(DaemonError::Unsaved(_))), "the file would undo them");

    let daemon = Daemon::start(&Options { replace: true, ..home.options() }).expect("started");
    assert_eq!(home.say(&["show startup-config"]).0, first);
    home.say(&CHANGE);
    assert_eq!(home.say(&["write memory"]), ("Building configuration...\n[OK]\n".to_owned(), true));
    let saved = home.say(&["show startup-config"]).0;
    assert_eq!(saved.split_once('\n').expect("lines").1, home.text());
    daemon.stop("test").expect("stopped in order");

    let daemon = Daemon::start(&home.options()).expect("started with the same file");
    assert_eq!(home.say(&["show running-config"]).0, running);
    assert_eq!(home.say(&["show startup-config"]).0, saved);
    daemon.stop("test").expect("stopped in order");
    assert_eq!(fs::metadata(&home.file).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(home.text().contains("sftp-password 6 ") && !home.text().contains(SECRET), "{}", home.text());
}

#[test]
fn without_a_file_the_configuration_is_saved_in_the_data_directory_and_never_before() {
    let home = Home::new();
    let options = Options { config_file: None, ..home.options() };
    let daemon = Daemon::start(&Options { config: None, ..options.clone() });
    // Port 5246 on every address may be another's: then there is nothing to see here.
    if let Ok(daemon) = daemon {
        assert_eq!(home.say(&["show startup-config"]).0, "startup-config is not present\n");
        daemon.stop("test").expect("stopped in order");
    }
    let daemon = Daemon::start(&options).expect("started");
    home.say(&CHANGE);
    for line in ["write", "write memory", "copy running-config startup-config", "wr", "copy run start"] {
        let copy = home.data().join("startup-config");
        let _ = fs::remove_file(&copy);
        assert_eq!(home.say(&[line]), ("Building configuration...\n[OK]\n".to_owned(), true), "{line}");
        let shown = home.say(&["show startup-config"]).0;
        assert_eq!(shown.split_once('\n').expect("lines").1, fs::read_to_string(&copy).expect("a copy"));
    }
    daemon.stop("test").expect("stopped in order");
    // What the ledger holds goes on.
    let goes_on = Options { config: None, ..options };
    let daemon = Daemon::start(&goes_on).expect("started");
    home.say(&[
        "configure terminal",
        "software version 17.9.4.28",
        "no wireless profile image-download default",
        "end",
    ]);
    daemon.stop("test").expect("stopped in order");
    let daemon = Daemon::start(&goes_on).expect("started");
    assert!(home.say(&["show running-config"]).0.contains("software version 17.9.4.28"));
    daemon.stop("test").expect("stopped in order");
    // Unless it is given up, as by `no` to the question of a reload: then it is what was saved, with its password.
    let daemon = Daemon::start(&Options { replace: true, ..goes_on }).expect("started");
    let running = home.say(&["show running-config"]).0;
    assert!(running.contains("software version 17.9.4.27") && running.contains("sftp-password 6 "), "{running}");
    let secret = daemon.hub().state().config.image.sftp.password.expect("a password");
    assert_eq!(daemon.vault().reveal(secret).expect("it is kept").expose(), SECRET);
    daemon.stop("test").expect("stopped in order");
}

#[test]
fn a_configuration_that_cannot_be_written_is_not_saved_and_the_operator_is_told_what_to_do() {
    let home = Home::new();
    // A directory where not even root can make a file.
    let options = Options { config_file: Some("/sys/startup.cfg".into()), ..home.options() };
    let daemon = Daemon::start(&options).expect("started");
    let before = home.say(&["show startup-config"]).0;
    home.say(&CHANGE);
    let (said, ok) = home.say(&["write memory"]);
    assert!(!ok && said.contains("%Error writing /sys/startup.cfg ("), "{said}");
    assert!(said.ends_with("the controller must be able to write to that directory\n"), "{said}");
    // Full as a disk can be.
    assert_eq!(home.say(&["show startup-config"]).0, before);
    assert!(daemon.hub().state().unsaved);
    daemon.stop("test").expect("stopped in order");
}

#[test]
fn saving_from_within_a_sub_mode_saves_its_lines_too() {
    let home = Home::new();
    let daemon = Daemon::start(&home.options()).expect("started");
    home.say(&["configure terminal", "wireless profile image-download default", "image-download-mode tftp", "do wr"]);
    assert!(home.text().contains("image-download-mode tftp"), "{}", home.text());
    assert!(!daemon.hub().state().unsaved);
    daemon.stop("test").expect("stopped in order");
}

/// A session at a terminal.
struct Terminal {
    keys: Keys,
    shown: Receiver<String>,
    text: String,
}

impl Terminal {
    fn open(dir: &Path) -> Terminal {
        let (keys, screen) = Client::connect(dir).expect("a daemon").terminal(80, 24).expect("a terminal");
        let (tell, shown) = channel();
        std::thread::spawn(move || {
            for octets in screen {
                let Ok(octets) = octets else { break };
                if tell.send(String::from_utf8_lossy(&octets).into_owned()).is_err() {
                    break;
                }
            }
        });
        let mut terminal = Terminal { keys, shown, text: String::new() };
        terminal.until("9120-EWC#");
        terminal
    }

    fn until(&mut self, end: &str) {
        let late = now() + PATIENCE;
        while !self.text.ends_with(end) {
            let left = late.saturating_duration_since(now());
            match self.shown.recv_timeout(left) {
                Ok(text) => self.text.push_str(&text),
                Err(e) => panic!("waited for {end:?}: {e}; there is {:?}", self.text),
            }
        }
    }

    fn types(&mut self, keys: &str, until: &str) {
        self.text.clear();
        self.keys.typed(keys.as_bytes()).expect("typed");
        self.until(until);
    }
}

#[test]
fn at_a_terminal_a_copy_asks_for_its_destination_and_enter_accepts() {
    let home = Home::new();
    let daemon = Daemon::start(&home.options()).expect("started");
    home.say(&CHANGE);
    let mut at = Terminal::open(&home.data());
    at.types("copy running-config startup-config\r", "Destination filename [startup-config]? ");
    at.types("other\r", "startup-config alone)\r\n9120-EWC#");
    assert!(at.text.contains("%Error opening other ("), "{}", at.text);
    at.types("copy running-config startup-config\r", "? ");
    at.types("\x03", "9120-EWC#");
    assert!(daemon.hub().state().unsaved);
    at.types("copy running-config startup-config\r", "? ");
    at.types("\r", "9120-EWC#");
    assert!(at.text.ends_with("\r\nBuilding configuration...\r\n[OK]\r\n9120-EWC#"), "{:?}", at.text);
    assert!(!daemon.hub().state().unsaved);
    drop(at);
    daemon.stop("test").expect("stopped in order");
}

#[test]
fn a_reload_starts_the_same_process_again_tells_every_session_and_the_access_points_rejoin() {
    let dir = tempfile::tempdir().expect("a directory");
    let place = Place::new(dir.path(), "software version 17.3.3.26\nap dtls-version all\n");
    let mut command = place.serve();
    let capture = dir.path().join("control.pcapng");
    command.arg("--capture").arg(&capture);
    let controller = place.start(command);
    let (pid, data) = (controller.pid(), place.data_dir());
    let aps = Simulate::start(place.ac(), 2, &["C9105AXI"], &[]);
    let shows = |line: &str, words: &str| {
        // It may stop before it has answered.
        let reply = Client::connect(&data).and_then(|mut client| client.command(line, |_| {}));
        reply.is_ok_and(|reply| reply.text.contains(words))
    };
    let joined = || shows("show ap summary", "Number of APs: 2");
    wait_until("two access points joined", PATIENCE, joined);

    place.exec(&["configure terminal", "software version 17.3.3.27", "end"]);
    let (said, ok) = say(&data, &["reload"]);
    assert!(!ok && said.contains("`write memory` first"), "{said}");

    let (mut at, mut other) = (Terminal::open(&data), Terminal::open(&data));
    at.types("reload\r", "System configuration has been modified. Save? [yes/no]: ");
    at.types("perhaps\r", "Save? [yes/no]: ");
    at.types("yes\r", "Proceed with reload? [confirm]");
    assert!(at.text.contains("Building configuration...\r\n[OK]\r\n"), "{:?}", at.text);
    at.types("n", "9120-EWC#");
    let before = place.last();
    at.types("reload\r", "Proceed with reload? [confirm]");
    at.types("\r", "the controller stops.\r\n");
    other.until("the controller stops.\r\n");
    for told in [&at.text, &other.text] {
        assert!(told.contains(": %SYS-5-RELOAD: Reload requested by "), "{told:?}");
        assert!(told.contains(" on console. Reload Reason: Reload Command.\r\n"), "{told:?}");
    }
    wait_until("it answers again", PATIENCE, || Client::connect(&data).is_ok_and(|c| c.daemon().seq > before));
    wait_until("the access points rejoined", PATIENCE, joined);
    assert_eq!(controller.pid(), pid);
    let log = place.exec(&["show logging"]);
    assert_eq!(log.matches("%SYS-5-RESTART").count(), 2, "{log}");
    assert!(place.exec(&["show running-config"]).contains("software version 17.3.3.27"));
    drop(aps);

    // What is given up is what the file does not have.
    place.exec(&["configure terminal", "software version 17.3.3.28", "end"]);
    let mut at = Terminal::open(&data);
    at.types("reload\r", "Save? [yes/no]: ");
    at.types("no\r", "[confirm]");
    at.types("y", "the controller stops.\r\n");
    wait_until("it is back to what was saved", PATIENCE, || shows("show running-config", "software version 17.3.3.27"));
    // Nobody is asked who is no terminal.
    assert_eq!(place.exec(&["reload"]), "");
    let begins_a_section = |octets: &&[u8]| **octets == [0x0A, 0x0D, 0x0D, 0x0A];
    wait_until("the capture goes on behind the third reload", PATIENCE, || {
        fs::read(&capture).expect("a capture").windows(4).filter(begins_a_section).count() == 4
    });
    wait_until("it answers again", PATIENCE, || Client::connect(&data).is_ok());
    controller.stop();
    place.verify();
}

#[test]
fn what_was_typed_in_a_sub_mode_is_applied_when_its_session_breaks_off() {
    let home = Home::new();
    let daemon = Daemon::start(&home.options()).expect("started");
    let has = |line: &str| home.say(&["show running-config"]).0.contains(line);
    let (enter, profile) = ("configure terminal", "wireless profile image-download default");
    // A program that leaves without `end`.
    home.say(&[enter, profile, "image-download-mode sftp", "sftp-password 0 correct-horse-battery"]);
    wait_until("the program's lines are applied", PATIENCE, || has("sftp-password 6 "));
    // A terminal whose connection breaks.
    let mut at = Terminal::open(&home.data());
    for (line, until) in [(enter, "(config)#"), (profile, "profile)#"), ("sftp-image-server 172.16.5.62", "-sftp)#")] {
        at.types(&format!("{line}\r"), until);
    }
    assert!(!has("sftp-image-server"), "a sub-mode is applied as a whole, when it is left");
    at.keys.all().expect("typed");
    wait_until("the terminal's line is applied", PATIENCE, || has("sftp-image-server 172.16.5.62"));
    // Who it was is in the ledger.
    let events = daemon.hub().read(Seq(0), 1_000).expect("the ledger");
    let last = events.iter().rev().find(|e| matches!(e.event, Event::ConfigurationChanged { .. })).expect("a change");
    assert!(matches!(&last.cause, Cause::Operator { from, .. } if from == "console"), "{last:?}");
    daemon.stop("test").expect("stopped in order");
}

#[test]
fn exec_applies_what_it_typed_in_a_sub_mode_before_it_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let place = Place::new(dir.path(), "");
    let controller = place.start(place.serve());
    let profile = "wireless profile image-download default";
    place.exec(&["configure terminal", profile, "image-download-mode tftp", "tftp-image-path /one"]);
    assert!(place.exec(&["show running-config"]).contains("tftp-image-path /one"));
    // The lines before one that is refused stay, as with IOS; the one that is refused changes nothing.
    let lines = ["configure terminal", profile, "tftp-image-path /two", "tftp-image-server", "tftp-image-path /three"];
    let said = capledger().arg("exec").arg("--data-dir").arg(place.data_dir()).args(lines).output().expect("it runs");
    let out = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.code() == Some(1) && out.contains("% Incomplete command."), "{out}");
    assert!(place.exec(&["show running-config"]).contains("tftp-image-path /two"));

    // What was saved at a moment is what a replay of that moment shows.
    let unsaved = place.last().to_string();
    assert!(!place.exec(&["show startup-config"]).contains("tftp-image-path"));
    place.exec(&["write memory"]);
    let saved = place.exec(&["show startup-config"]);
    controller.stop();
    assert_eq!(place.replay(&[], "show startup-config"), saved);
    assert!(saved.contains("tftp-image-path /two"), "{saved}");
    assert!(!place.replay(&["--seq", &unsaved], "show startup-config").contains("tftp-image-path"));
}

/// A configuration of every part, as an operator types it.
const EVERYTHING: &str = "\
software version 17.9.4.27
clock timezone NST -3 30
service timestamps log datetime show-timezone msec localtime
service sequence-numbers
logging origin-id hostname
logging host 127.0.0.1 transport udp port 5514
logging host 127.0.0.1 transport udp port 5515 format rfc5424
capwap strict
capwap timer dead-interval 90000
ap dtls-version all
ap dtls-ciphersuite AES128-SHA
ap dtls psk \"ap 1\" key 0 00112233
ap join policy open
ap image join defer
ap image local ap1g8 /srv/images/ap1g8
ap image map C9999 ap1g7
ap image alias \"/a name\" ap1g8
ap image predownload limit 7
ap image predownload bandwidth 50 mbps
install auto-abort-timer 30
ap upgrade site-share 10
username guest privilege 1 secret 0 another-secret-word
enable secret 0 correct-horse-battery
ip ssh pubkey-chain
username guest
key-string ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBwdaGbzsK3ZG6e1Ee8cF5mvhU5Q6uMHRWpFrX0sN5Wq
exit
exit
line vty 0 15
exec-timeout 5 30
wireless profile image-download default
image-download-mode sftp
sftp-image-server 172.16.5.62 port 2022
sftp-image-path /EWC/17 9 4a
sftp-username images
sftp-password 0 correct-horse-battery
image-download-mode tftp
tftp-image-server 172.16.5.27
end
";

#[test]
fn show_running_config_fed_to_an_empty_controller_with_the_same_key_by_exec_is_the_same_configuration() {
    let [first, second] = [1, 2].map(|_| tempfile::tempdir().expect("a directory"));
    let port = free_port();
    let quiet = format!("ip ssh listen 127.0.0.1\nip ssh port {port}\n");
    let place = Place::new(first.path(), &quiet);
    let controller = place.start(place.serve());
    let typed = first.path().join("typed.txt");
    fs::write(&typed, format!("configure terminal\n{EVERYTHING}")).expect("written");
    let feed = |place: &Place, file: &Path| {
        let mut command = capledger();
        command.arg("exec").arg("--data-dir").arg(place.data_dir()).arg("-f").arg(file);
        text(command.output().expect("it runs"))
    };
    feed(&place, &typed);
    let shown = place.exec(&["show running-config"]);
    let config = snapshot(&place);
    assert!(!shown.contains(SECRET) && shown.contains("sftp-password 6 "), "{shown}");
    controller.stop();

    // The other one listens where the first did, since that is a part of the configuration.
    fs::create_dir_all(second.path().join("ledger")).expect("a directory");
    let key = |dir: &Path| dir.join("ledger/secrets.key");
    fs::copy(key(first.path()), key(second.path())).expect("copied");
    let other = place.elsewhere(second.path());
    let controller = other.start(other.serve());
    let lines = second.path().join("lines.txt");
    let body: Vec<&str> = shown.lines().skip_while(|line| *line != "!").collect();
    fs::write(&lines, format!("configure terminal\n{}\n", body.join("\n"))).expect("written");
    assert_eq!(feed(&other, &lines).lines().filter(|line| line.starts_with('%')).count(), 0);
    assert_eq!(other.exec(&["show running-config"]), shown);
    assert_eq!(snapshot(&other), config);
    controller.stop();
}

fn snapshot(place: &Place) -> Config {
    let client = Client::connect(&place.data_dir()).expect("the daemon runs");
    for message in client.subscribe(Since::Now).expect("subscribed") {
        if let ServerMessage::Snapshot(state) = message.expect("a message") {
            return state.config;
        }
    }
    panic!("no snapshot came");
}
