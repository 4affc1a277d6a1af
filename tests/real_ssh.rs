//! OpenSSH's own client logs in, by password and by key, and finds the command line: every mode and prompt, help, Tab,
//! paging, history, Ctrl-Z, single commands with an exit status. What the terminal shows is a golden transcript.

mod support;

use std::io::Read as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::controller::Place;
use support::ssh::{Client, PASSWORD, Proof, Terminal, stage};
use support::{PATIENCE, now, program, skipped, wait_until};

fn golden(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    if std::env::var_os("CAPLEDGER_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("written");
    }
    let wanted = std::fs::read_to_string(&path).expect("a golden file; CAPLEDGER_UPDATE_GOLDEN=1 makes it");
    assert_eq!(text, wanted, "{file} differs; CAPLEDGER_UPDATE_GOLDEN=1 accepts it");
}

#[test]
fn every_mode_and_prompt_help_tab_history_and_ctrl_z_read_as_the_golden_transcript() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((_controller, _, client)) = stage(dir.path(), "") else { return };
    let mut at = client.terminal(80, 24);
    at.expect("9120-EWC#");
    at.types("disable\r", "9120-EWC>");
    at.types("conf t\r", "marker.\r\n\r\n9120-EWC>");
    at.types("enable\r", "9120-EWC#");
    at.types("sh ap xyz\r", "marker.\r\n\r\n9120-EWC#");
    at.types("sh\r", "command.\r\n\r\n9120-EWC#");
    at.types("s\r", "9120-EWC#");
    at.types("show ap im?", "9120-EWC#show ap im");
    at.types("\t\r", "9120-EWC#");
    at.types("conf\t", "configure ");
    at.types("t\t\r", "9120-EWC(config)#");
    at.types("wireless pro image-d default\r", "9120-EWC(config-wireless-image-download-profile)#");
    at.types("tftp-?", "tftp-");
    at.types("\x15\r", "profile)#");
    at.types("image-download-mode tftp\r", "9120-EWC(config-wireless-image-download-profile-tftp)#");
    at.types("tftp-image-server 172.16.5.27\r", "tftp)#");
    at.types("tftp-image-path /EWC/17_9_4\x1b[D\x1b[DX\x08\x05a\r", "tftp)#");
    at.types("do show privilege\r", "tftp)#");
    at.types("tftp-image-timeout 0\r", "marker.\r\n\r\n9120-EWC(config-wireless-image-download-profile-tftp)#");
    at.types("exit\r", "profile)#");
    at.types("\x1a", "9120-EWC#");
    at.types("show running-config | section wireless\r", "17_9_4a\r\n9120-EWC#");
    at.types("configure terminal\r", "9120-EWC(config)#");
    at.types("line vty 0 4\r", "9120-EWC(config-line)#");
    at.types("exec-timeout 0\r", "9120-EWC(config-line)#");
    at.types("ip ssh pubkey-chain\r", "9120-EWC(conf-ssh-pubkey)#");
    at.types("username admin\r", "9120-EWC(conf-ssh-pubkey-user)#");
    at.types("key-string\r", "9120-EWC(conf-ssh-pubkey-data)#");
    at.types("exit\r", "9120-EWC(conf-ssh-pubkey-user)#");
    at.types("end\r", "9120-EWC#");
    at.types("\x10\x10\x03", "^C\r\n9120-EWC#");
    at.types("exit\r", "exit\r\n");
    golden("transcript_ssh.txt", &at.ended());
}

#[test]
fn the_console_is_the_same_shell_on_the_local_socket() {
    let dir = tempfile::tempdir().expect("a directory");
    if program("script").is_none() {
        return skipped("script(1) is not installed");
    }
    let place = Place::new(dir.path(), "");
    let controller = place.start(place.serve());
    let mut at = console(&place);
    at.expect("9120-EWC#");
    at.types("sh priv\t\x03", "9120-EWC#");
    at.types("conf t\r", "9120-EWC(config)#");
    at.types("hostname NEW\x1a", "NEW#");
    at.types("terminal monitor\r", "NEW#");
    at.types("show pri", "show pri");
    place.exec(&["configure terminal", "hostname NEWER", "end"]);
    at.expect("%SYS-5-CONFIG_I: Configured from console by ");
    at.expect("\r\nNEW#show pri");
    at.types("v\r", "level is 15\r\nNEWER#");
    at.types("exit\r", "exit\r\n");
    at.ended();
    let mut at = console(&place);
    at.expect("NEWER#");
    controller.stop();
    at.expect("the controller stops.");
}

fn console(place: &Place) -> Terminal {
    let dir = place.data_dir();
    Terminal::running(&format!("{} console --data-dir {}", env!("CARGO_BIN_EXE_capledger"), dir.display()), 80, 24)
}

#[test]
fn a_file_of_lines_is_one_session() {
    let dir = tempfile::tempdir().expect("a directory");
    let place = Place::new(dir.path(), "");
    let _controller = place.start(place.serve());
    let file = dir.path().join("changes");
    std::fs::write(&file, "! two changes\nconfigure terminal\nhostname FROM-FILE\nend\nshow privilege\n")
        .expect("written");
    let said = place.exec(&["-f", file.to_str().expect("text")]);
    assert!(said.ends_with("Current privilege level is 15\n"), "{said}");
    assert!(place.exec(&["show running-config | include hostname"]).contains("FROM-FILE"));
}

#[test]
fn long_output_is_paged_and_terminal_length_0_ends_that() {
    let dir = tempfile::tempdir().expect("a directory");
    let line = |n: u32| format!("logging host 127.0.9.{n} transport udp port 9\n");
    let hosts = (1..=40).fold(String::new(), |text, n| text + &line(n));
    let Some((_controller, _, client)) = stage(dir.path(), &hosts) else { return };
    let mut at = client.terminal(80, 24);
    at.expect("9120-EWC#");
    let more = " --More-- ";
    let gone = "\x08".repeat(9) + "        " + &"\x08".repeat(9);
    at.types("show running-config | include logging\r", &format!("127.0.9.23 transport udp port 9\r\n{more}"));
    at.types("\r", &format!("{gone}logging host 127.0.9.24 transport udp port 9\r\n{more}"));
    at.types(" ", &format!("{gone}logging host 127.0.9.25"));
    at.expect("127.0.9.40 transport udp port 9\r\n9120-EWC#");
    at.types("show running-config | include logging\r", more);
    at.types("q", &format!("{gone}9120-EWC#"));
    at.types("terminal length 0\r", "9120-EWC#");
    at.types("show running-config | include logging\r", "127.0.9.40 transport udp port 9\r\n9120-EWC#");
    assert_eq!(at.text().matches("--More--").count(), 3);
}

#[test]
fn a_command_s_output_and_status_are_those_of_the_session() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((_controller, place, client)) = stage(dir.path(), "") else { return };
    let (out, status) = client.says("show privilege");
    assert_eq!((out.as_str(), status), ("Current privilege level is 15\n", Some(0)));
    let (out, status) = client.says("show ap image");
    assert!(out.starts_with("Total number of APs  : 0\n"), "{out}");
    assert_eq!(status, Some(0));
    let (out, status) = client.says("show ap image | json");
    let facts: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}"));
    assert_eq!((&facts["total"], status), (&0.into(), Some(0)));
    let (out, status) = client.says("show xyz");
    let caret = " ".repeat("9120-EWC#show ".len());
    assert_eq!(out, format!("9120-EWC#show xyz\n{caret}^\n% Invalid input detected at '^' marker.\n\n"));
    assert_eq!(status, Some(1));
    let (out, status) =
        client.says("configure terminal\nhostname RENAMED\nend\nshow running-config | include hostname");
    assert!(out.ends_with("hostname RENAMED\n"), "{out}");
    assert_eq!(status, Some(0));
    let log = place.exec(&["show logging"]);
    assert!(log.contains("%SYS-5-CONFIG_I: Configured from console by admin on vty0 (127.0.0.1)"), "{log}");
    assert!(log.contains("%SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: admin] [Source: 127.0.0.1]"), "{log}");
    assert!(log.contains("%SYS-6-LOGOUT: User admin has exited tty session 0(127.0.0.1)"), "{log}");
}

#[test]
fn a_key_of_the_chain_lets_in_and_another_does_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((_controller, place, client)) = stage(dir.path(), "") else { return };
    let file = |name: &str| dir.path().join(name);
    for (name, kind) in [("known", "ed25519"), ("long", "rsa"), ("stranger", "ed25519")] {
        let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-f"]).arg(file(name)).status();
        assert!(made.expect("it runs").success());
    }
    let public = |name: &str| std::fs::read_to_string(file(name).with_extension("pub")).expect("a key");
    let rsa = public("long");
    let middle = rsa.len() / 2;
    place.exec(&[
        "configure terminal",
        "ip ssh pubkey-chain",
        "username admin",
        &format!("key-string {}", public("known").trim()),
        "key-string",
        &rsa[..middle],
        rsa[middle..].trim(),
        "exit",
        "end",
    ]);
    let with = |name: &str| Client::new(dir.path(), client.port(), "admin", Proof::Key(file(name)));
    for name in ["known", "long"] {
        assert_eq!(
            with(name).says("show privilege"),
            ("Current privilege level is 15\n".to_owned(), Some(0)),
            "{name}"
        );
    }
    assert_eq!(with("stranger").says("show privilege").1, Some(255));
    let nobody = Client::new(dir.path(), client.port(), "nobody", Proof::Key(file("known")));
    assert_eq!(nobody.says("show privilege").1, Some(255));
    place.exec(&["configure terminal", "ip ssh pubkey-chain", "no username admin", "end"]);
    assert_eq!(with("known").says("show privilege").1, Some(255), "a key that was taken away lets nobody in");
}

#[test]
fn a_wrong_password_is_delayed_limited_and_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((_controller, place, client)) = stage(dir.path(), "") else { return };
    for user in ["admin", "nobody"] {
        let wrong = Client::new(dir.path(), client.port(), user, Proof::Password("mellon"));
        let begun = now();
        let out = wrong.run(&["-o", "NumberOfPasswordPrompts=9"], "show clock");
        let took = begun.elapsed();
        assert_eq!(out.status.code(), Some(255));
        assert!(
            took >= Duration::from_secs(6) && took < Duration::from_secs(20),
            "three tries of two seconds: {took:?}"
        );
    }
    let log = place.exec(&["show logging"]);
    assert_eq!(log.matches("%SEC_LOGIN-4-LOGIN_FAILED").count(), 6, "{log}");
    assert!(!log.contains("mellon"));
    place.exec(&["configure terminal", "ip ssh authentication-retries 1", "end"]);
    let wrong = Client::new(dir.path(), client.port(), "admin", Proof::Password("mellon"));
    assert_eq!(wrong.run(&["-o", "NumberOfPasswordPrompts=9"], "show clock").status.code(), Some(255));
    assert_eq!(place.exec(&["show logging"]).matches("%SEC_LOGIN-4-LOGIN_FAILED").count(), 7);
}

#[test]
fn who_does_not_log_in_within_the_time_out_is_cut_off() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((_controller, place, client)) = stage(dir.path(), "") else { return };
    place.exec(&["configure terminal", "ip ssh time-out 1", "end"]);
    let mut silent = TcpStream::connect(("127.0.0.1", client.port())).expect("a connection");
    silent.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let (begun, mut heard) = (now(), Vec::new());
    silent.read_to_end(&mut heard).expect("the end, and no timeout");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(heard.starts_with(b"SSH-2.0-"), "{heard:?}");
}

#[test]
fn who_may_only_look_rises_by_the_password_of_enable_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((_controller, place, client)) = stage(dir.path(), "") else { return };
    let guest = Client::new(dir.path(), client.port(), "guest", Proof::Password("guest"));
    let mut at = guest.terminal(80, 24);
    at.expect("9120-EWC>");
    at.types("enable\r", "% No password set\r\n9120-EWC>");
    place.exec(&["configure terminal", "enable secret 0 up we go", "end"]);
    at.types("enable\r", "Password: ");
    at.types("wrong\r", "Password: ");
    at.types("up we go\r", "9120-EWC#");
    at.types("show privilege\r", "level is 15\r\n9120-EWC#");
    at.types("exit\r", "exit\r\n");
    assert!(!at.ended().contains("up we go"));
    let log = place.exec(&["show logging"]);
    let told =
        log.matches("%SYS-5-PRIV_AUTH_FAIL: Authentication to Privilege level 15 failed by guest on vty0 (127.0.0.1)");
    assert_eq!(told.count(), 1, "{log}");
}

#[test]
fn a_line_that_is_cleared_ends_and_a_log_that_is_cleared_begins_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((controller, place, client)) = stage(dir.path(), "") else { return };
    let mut bob = client.terminal(80, 24);
    bob.expect("#");
    assert!(place.exec(&["show logging"]).contains("%SEC_LOGIN-5-LOGIN_SUCCESS"));

    // At a terminal it is asked whether that is meant.
    let mut console = console(&place);
    console.types("clear logging\r", "Clear logging buffer [confirm]");
    console.types("n", "#");
    assert!(place.exec(&["show logging"]).contains("%SEC_LOGIN-5-LOGIN_SUCCESS"));
    console.types("clear logging\r", "Clear logging buffer [confirm]");
    console.types("\r", "#");
    wait_until("the log is empty", PATIENCE, || !place.exec(&["show logging"]).contains("LOGIN_SUCCESS"));
    console.types("clear line vty 9\r", "[confirm]");
    console.types("y", "nobody has line vty 9; see `show users`");
    console.types("clear line vty 0\r", "[confirm]");
    console.types("\r", "[OK]");
    bob.ended();
    wait_until("his logout is told", PATIENCE, || place.exec(&["show logging"]).contains("%SYS-6-LOGOUT: User admin"));

    // Both are facts with who did it, and a program that sends lines is not asked.
    place.exec(&["clear logging"]);
    let told = place.exec(&["show ledger last 20"]);
    assert_eq!(told.matches("the log begins anew by ").count(), 2, "{told}");
    assert!(
        told.contains("line vty 0 of admin was cleared by ") && told.contains(": cleared by an operator"),
        "{told}"
    );
    let cleared = told.lines().find(|l| l.contains("the log begins anew")).and_then(|l| l.split(' ').next());
    let cleared: u64 = cleared.and_then(|n| n.parse().ok()).expect("the number of an event");
    controller.stop();
    // What was cleared is in the ledger.
    let shown = |seq: u64| place.replay(&["--seq", &seq.to_string()], "show logging");
    assert!(shown(cleared - 1).contains("LOGIN_SUCCESS") && !shown(cleared).contains("LOGIN_SUCCESS"));
}

#[test]
fn forwarding_and_subsystems_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((_controller, _, client)) = stage(dir.path(), "") else { return };
    let out = client.run(&["-W", "127.0.0.1:22"], "");
    assert_eq!(out.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&out.stderr).contains("forwarding failed"), "{out:?}");
    let out = client.run(&["-s"], "sftp");
    assert_ne!(out.status.code(), Some(0));
    let out = client.run(&["-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"], "show clock");
    assert_eq!(out.status.code(), Some(255), "{out:?}");
}

#[test]
fn no_password_is_found_in_the_data_directory_or_the_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((controller, place, client)) = stage(dir.path(), "") else { return };
    client.says("configure terminal\nusername other secret 0 xyzzy-plugh\nenable secret xyzzy-plugh\nxyzzy-plugh\nend");
    let shown = place.exec(&["show running-config"]);
    assert!(shown.contains("username other privilege 1 secret 6 "), "{shown}");
    let log = place.exec(&["show logging", "show logging | json", "show running-config | json", "show tech-support"]);
    controller.stop();
    place.verify();
    let mut seen = format!("{shown}{log}{}", place.said()).into_bytes();
    for entry in walk(&place.data_dir()) {
        seen.extend(std::fs::read(entry).expect("a file"));
    }
    for secret in ["xyzzy-plugh", PASSWORD] {
        let found = seen.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!found, "{secret} is written down");
    }
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            out.extend(walk(&path));
        } else {
            out.push(path);
        }
    }
    out
}
