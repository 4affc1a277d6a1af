//! OpenSSL's own `s_client` against a controller, through the relay that adds and takes off the CAPWAP DTLS header: what old
//! access points speak is refused as the controller comes, and spoken once an operator turns it on, without a restart.
//!
//! It is skipped, and says so, where `openssl` is not installed; with `CAPLEDGER_REQUIRE_PEERS=1` it fails there instead.

mod support;

#[allow(dead_code, unreachable_pub, reason = "it is a module of the tools, which depend on this package")]
#[path = "../tools/src/relay.rs"]
mod relay;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use capledger::capwap::suite::SUITES;
use capledger::net::pki::Credentials;
use relay::Relay;
use support::controller::Place;
use support::{PATIENCE, program, skipped, wait_for};

const KEY: &str = "00112233445566778899aabbccddeeff";

/// A client's certificate and key, as files.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Files {
    #[expect(clippy::disallowed_methods, reason = "a certificate is dated, and OpenSSL looks at the clock")]
    fn new(dir: &Path) -> Files {
        let files = Files { certificate: dir.join("ap.pem"), key: dir.join("ap.key") };
        let rsa = Credentials::self_signed_rsa_wtp("AP3G2-580a20690e20", std::time::SystemTime::now());
        rsa.expect("made").save(&files.certificate, &files.key).expect("saved");
        files
    }
}

/// What `s_client` says of the session: protocol and cipher; none where there is none.
type Session = Option<(String, String)>;

struct Client<'a> {
    openssl: &'a Path,
    relay: &'a Relay,
    files: &'a Files,
}

impl Client<'_> {
    fn connect(&self, version: &str, arguments: &[&str]) -> Session {
        let mut command = Command::new(self.openssl);
        command.args(["s_client", version, "-connect", &self.relay.address().to_string(), "-mtu", "1200"]);
        command.arg("-cert").arg(&self.files.certificate).arg("-key").arg(&self.files.key).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("openssl runs");
        // With a key that is not ours nobody answers, and it repeats itself for minutes.
        let ended = std::iter::repeat_with(|| {
            std::thread::sleep(Duration::from_millis(50));
            process.try_wait().expect("our own child").is_some()
        });
        if !ended.take(80).any(|over| over) {
            process.kill().expect("our own child");
        }
        let out = process.wait_with_output().expect("our own child");
        if !out.status.success() {
            // It may have heard of a cipher by then: the handshake was not finished.
            return None;
        }
        let said = String::from_utf8_lossy(&out.stdout);
        let value = |label: &str| {
            let line = said.lines().map(str::trim).find(|line| line.starts_with(label))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let cipher = value("Cipher ").filter(|cipher| cipher != "0000" && cipher != "(NONE)")?;
        Some((value("Protocol ")?, cipher))
    }

    /// One suite and no other, at a level that lets old ones pass on the client's own side.
    fn offer(&self, version: &str, suite: &str) -> Session {
        let only = format!("{suite}:@SECLEVEL=0");
        if suite.contains("PSK") {
            return self.connect(version, &["-cipher", &only, "-psk", KEY, "-psk_identity", "ap-42"]);
        }
        self.connect(version, &["-cipher", &only])
    }
}

#[test]
fn every_suite_of_old_access_points_is_refused_by_default_and_spoken_when_it_is_turned_on() {
    if support::too_long(25) {
        return;
    }
    let Some(openssl) = program("openssl") else { return skipped("openssl is not installed") };
    let dir = tempfile::tempdir().expect("a directory");
    let files = Files::new(dir.path());
    let place = Place::new(dir.path(), "capwap timer wait-dtls 2000\n");
    let controller = place.start(place.serve());
    let relay = Relay::start(([127, 0, 0, 1], 0).into(), place.ac()).expect("a relay");
    let client = Client { openssl: &openssl, relay: &relay, files: &files };
    let versions = [("-dtls1", "DTLSv1"), ("-dtls1_2", "DTLSv1.2")];

    let modern = client.connect("-dtls1_2", &[]);
    assert_eq!(modern, Some(("DTLSv1.2".to_owned(), "ECDHE-ECDSA-AES128-GCM-SHA256".to_owned())));
    let rsa = client.connect("-dtls1_2", &["-cipher", "ECDHE-RSA-AES128-GCM-SHA256"]);
    assert_eq!(rsa, Some(("DTLSv1.2".to_owned(), "ECDHE-RSA-AES128-GCM-SHA256".to_owned())));
    for suite in SUITES {
        for (flag, _) in versions {
            assert_eq!(client.offer(flag, suite.name), None, "{} {flag} by default", suite.name);
        }
    }
    let log = place.exec(&["show logging"]);
    for advice in ["see `ap dtls-version`", "see `ap dtls-ciphersuite`"] {
        assert!(log.contains(advice), "{advice}: {log}");
    }

    let mut lines = vec!["configure terminal".to_owned(), "ap dtls-version all".to_owned()];
    lines.extend(SUITES.iter().map(|suite| format!("ap dtls-ciphersuite {}", suite.name)));
    lines.extend([format!("ap dtls psk ap-42 key 0 {KEY}"), "end".to_owned()]);
    place.exec(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    for suite in SUITES {
        for (flag, protocol) in versions {
            let spoken = Some((protocol.to_owned(), suite.name.to_owned()));
            assert_eq!(client.offer(flag, suite.name), spoken, "{} {flag} when it is on", suite.name);
        }
    }
    let shown = place.exec(&["show running-config"]);
    assert!(shown.contains("ap dtls psk ap-42 key 6 ") && !shown.contains(KEY), "{shown}");

    let psk = ["-cipher", "PSK-AES128-CBC-SHA:@SECLEVEL=0", "-psk_identity"];
    let with = |identity: &str, key: &str| [&psk[..], &[identity, "-psk", key]].concat().join(" ");
    let connect = |arguments: String| client.connect("-dtls1_2", &arguments.split(' ').collect::<Vec<_>>());
    assert_eq!(connect(with("ap-42", "ffeeddccbbaa99887766554433221100")), None, "a wrong key");
    assert_eq!(connect(with("ap-43", KEY)), None, "an identity that is not configured");
    wait_for("the log tells both", PATIENCE, || {
        let log = place.exec(&["show logging"]);
        let told = ["is the key of PSK identity `ap-42` the access point's?", "identity is not configured"];
        told.iter().all(|words| log.contains(words)).then_some(())
    });

    place.exec(&["configure terminal", "no ap dtls-version", "no ap dtls-ciphersuite AES128-SHA", "end"]);
    assert_eq!(client.offer("-dtls1", "AES256-SHA"), None, "off again");
    assert_eq!(client.offer("-dtls1_2", "AES128-SHA"), None, "off again");
    controller.stop();
    place.verify();
}
