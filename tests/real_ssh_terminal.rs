//! A network engineer at OpenSSH's client: help, Tab and the prompt at every level, paging, editing, history, the control
//! keys, and a window that changes its size. What the terminal shows is a golden transcript.

mod support;

use std::process::Command;

use support::session::assert_golden;
use support::ssh::{Client, Proof, stage};

/// What takes the pager's prompt away again.
const GONE: &str = "\x08\x08\x08\x08\x08\x08\x08\x08\x08        \x08\x08\x08\x08\x08\x08\x08\x08\x08";

const PROFILE: &str = "9120-EWC(config-wireless-image-download-profile)#";
const SFTP: &str = "9120-EWC(config-wireless-image-download-profile-sftp)#";

#[test]
fn help_and_tab_at_every_level_read_as_the_golden_transcript() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((_controller, place, password)) = stage(dir.path(), "enable secret 0 up we go\n") else { return };
    let key = dir.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(made.expect("it runs").success());
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("a key");
    let line = format!("key-string {}", public.trim());
    place.exec(&["configure terminal", "ip ssh pubkey-chain", "username guest", &line, "end"]);
    let guest = Client::new(dir.path(), password.port(), "guest", Proof::Key(key));
    let mut at = guest.terminal(100, 50);
    at.expect("9120-EWC>");
    at.types("?", "parameters\r\n9120-EWC>");
    at.types("en\t", "enable ");
    at.types("\r", "Password: ");
    at.types("up we go\r", "9120-EWC#");
    at.types("sh?", "9120-EWC#sh");
    at.types("\x15show privilege ?", "9120-EWC#show privilege ");
    at.types("\x15show wire\t", "show wireless ");
    at.types("pr\t", "profile ");
    at.types("im\t", "image-download ");
    at.types("\x15conf\tt\t\r", "9120-EWC(config)#");
    at.types("wire\t", "wireless ");
    at.types("?", "9120-EWC(config)#wireless ");
    at.types("prof\tim\tdef\t\r", PROFILE);
    at.types("image-download-mode ?", &format!("{PROFILE}image-download-mode "));
    let tftp = "9120-EWC(config-wireless-image-download-profile-tftp)#";
    let http = "9120-EWC(config-wireless-image-download-profile-http)#";
    for (mode, prompt, head) in
        [("tf\t", tftp, "tftp-image-p"), ("sf\t", SFTP, "sftp-u"), ("http\t", http, "http-image-s")]
    {
        at.types(&format!("{mode}\r"), prompt);
        at.types("?", prompt);
        at.types(&format!("{head}\t"), " ");
        at.types("?", " ");
        at.types("\x15exit\r", PROFILE);
        at.types("image-download-mode ", "image-download-mode ");
    }
    at.types("\x15exit\r", "9120-EWC(config)#");
    at.types("line vty ?", "9120-EWC(config)#line vty ");
    at.types("0 4\r", "9120-EWC(config-line)#");
    at.types("ex\t", "ex\x07");
    at.types("?", "9120-EWC(config-line)#ex");
    at.types("e\t", "ec-timeout ");
    at.types("\x15exit\r", "9120-EWC(config)#");
    at.types("ip ssh pub\t\r", "9120-EWC(conf-ssh-pubkey)#");
    at.types("?", "9120-EWC(conf-ssh-pubkey)#");
    at.types("user\tguest\r", "9120-EWC(conf-ssh-pubkey-user)#");
    at.types("?", "9120-EWC(conf-ssh-pubkey-user)#");
    at.types("key\t\r", "9120-EWC(conf-ssh-pubkey-data)#");
    at.types("?", "9120-EWC(conf-ssh-pubkey-data)#");
    at.types("exit\r", "9120-EWC(conf-ssh-pubkey-user)#");
    at.types("do show priv\t", "show privilege ");
    at.types("\r", "9120-EWC(conf-ssh-pubkey-user)#");
    at.types("end\r", "9120-EWC#");
    at.types("disable\r", "9120-EWC>");
    at.types("logout\r", "logout\r\n");
    assert_golden("transcript_ssh_every_level.txt", &at.ended());
}

#[test]
fn pages_history_and_control_keys_read_as_the_golden_transcript() {
    let dir = tempfile::tempdir().expect("a directory");
    let line = |n: u32| format!("logging host 127.0.9.{n} transport udp port 9\n");
    let hosts = (1..=40).fold(String::new(), |text, n| text + &line(n));
    let Some((_controller, _, client)) = stage(dir.path(), &hosts) else { return };
    let mut at = client.terminal(100, 24);
    at.expect("9120-EWC#");
    let last = |n: u32| format!("127.0.9.{n} transport udp port 9\r\n");
    let more = |n: u32| format!("{} --More-- ", last(n));
    // A line, a page, and the rest; then nothing more of it, by `q` and by Ctrl-C.
    at.types("terminal length 10\r", "9120-EWC#");
    at.types("show running-config | include logging host\r", &more(9));
    at.types("\r", &format!("{GONE}logging host 127.0.9.10 transport udp port 9\r\n --More-- "));
    at.types(" ", &more(19));
    at.types("q", &format!("{GONE}9120-EWC#"));
    at.types("\x10\r", &more(9));
    at.types("\x03", "9120-EWC#");
    // `?` is paged as well, and what was typed before it stays.
    at.types("terminal length 3\r", "9120-EWC#");
    at.types("terminal ?", " --More-- ");
    at.types("q", &format!("{GONE}9120-EWC#terminal "));
    at.types("length 0\r", "9120-EWC#");
    // The second of two, changed at its beginning, in its middle and at its end.
    at.types("show privilege\r", "15\r\n9120-EWC#");
    at.types("show clck\r", "marker.\r\n\r\n9120-EWC#");
    at.types("\x1b[A\x1b[A\x1b[B", "show clck");
    at.types("\x1b[D\x1b[Do\x01no \x01\x04\x04\x04\x05 | count UTC\r", "= 1\r\n9120-EWC#");
    at.types("show privilege nonsense\x17\x1b[D\x0b\r", "15\r\n9120-EWC#");
    at.types("nothing of this\x03", "^C\r\n9120-EWC#");
    at.types("nor of this\x15\r", "9120-EWC#");
    // Ctrl-Z behind a line runs it and leaves; Ctrl-C leaves and runs nothing.
    at.types("configure terminal\r", "9120-EWC(config)#");
    at.types("wireless profile image-download default\r", PROFILE);
    at.types("image-download-mode sftp\r", SFTP);
    at.types("sftp-image-path /by-ctrl-z\x1a", "9120-EWC#");
    at.types("configure terminal\r", "9120-EWC(config)#");
    at.types("hostname never\x03", "9120-EWC#");
    at.types("show running-config | section wireless\r", "/by-ctrl-z\r\n9120-EWC#");
    at.types("exit\r", "exit\r\n");
    assert_golden("transcript_ssh_keys.txt", &at.ended());
}

#[test]
fn a_window_of_another_size_has_other_pages() {
    let dir = tempfile::tempdir().expect("a directory");
    let line = |n: u32| format!("logging host 127.0.9.{n} transport udp port 9\n");
    let hosts = (1..=40).fold(String::new(), |text, n| text + &line(n));
    let Some((_controller, _, client)) = stage(dir.path(), &hosts) else { return };
    let mut at = client.terminal(100, 24);
    at.expect("9120-EWC#");
    at.types("show running-config | include logging host\r", "127.0.9.23 transport udp port 9\r\n --More-- ");
    at.types("q", "9120-EWC#");
    at.resize(100, 12);
    // The client tells of it when it is told; nothing else shows that it has.
    std::thread::sleep(std::time::Duration::from_millis(500));
    at.types("show running-config | include logging host\r", "127.0.9.11 transport udp port 9\r\n --More-- ");
    at.types("q", "9120-EWC#");
    at.resize(30, 12);
    std::thread::sleep(std::time::Duration::from_millis(500));
    // Each line takes two rows of the narrow window now.
    at.types("show running-config | include logging host\r", "127.0.9.5 transport udp port 9\r\n --More-- ");
    at.types("q", "9120-EWC#");
    at.types("exit\r", "exit\r\n");
    at.ended();
}
