//! A password on its way: typed at the command line, sent to the right server alone, and found nowhere else.

mod support;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use capledger::daemon::{Daemon, Options};
use capledger::image::bundle::ImageSpec;
use capledger::ios::config_file::{self, File};
use capledger::net::feed::Client;
use capledger::secrets::{Secrets, Vault};
use capledger_schema::Event;
use capledger_schema::id::Seq;
use capledger_schema::image::ImageVersion;

use support::free_ports;
use support::password_server::PasswordServer;

const SECRET: &str = "SECRETWORD";

fn image() -> Vec<u8> {
    let family = "ap1g8".parse().expect("family");
    let spec = ImageSpec { family, version: ImageVersion([17, 9, 4, 27]), octets: 200_000, seed: 1 };
    spec.to_vec().expect("an image")
}

fn listening() -> String {
    let at = free_ports();
    format!("hostname 9120-EWC\ncapwap listen 127.0.0.1 port {}\n", at.port())
}

/// A daemon with this configuration, as `serve --config` starts it.
fn start(dir: &Path, text: &str) -> Daemon {
    let vault = Vault::open(dir).expect("a vault");
    let file = config_file::read_file(text, &vault).expect("a configuration");
    start_with(dir, Some(file))
}

fn start_with(dir: &Path, file: Option<File>) -> Daemon {
    let (config, secrets) = file.map(|file| (file.config(), file.secrets)).unzip();
    let options =
        Options { data_dir: dir.to_owned(), config, secrets: secrets.unwrap_or_default(), ..Options::default() };
    Daemon::start(&options).expect("started")
}

fn say(dir: &Path, lines: &[&str]) -> String {
    let mut client = Client::connect(dir).expect("a daemon");
    let mut said = String::new();
    for line in lines {
        let reply = client.command(line, |_| ()).expect("a reply");
        said.push_str(&reply.text);
    }
    said
}

fn profile(server: SocketAddr, password: &str) -> Vec<String> {
    [
        "configure terminal",
        "wireless profile image-download default",
        "image-download-mode sftp",
        &format!("sftp-image-server {} port {}", server.ip(), server.port()),
        "sftp-image-path /",
        "sftp-username bob",
        &format!("sftp-password {password}"),
        "end",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn type_all(dir: &Path, lines: &[String]) -> String {
    say(dir, &lines.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Every file below a directory that holds the word.
fn holding(dir: &Path, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(holding(&entry, word));
        } else if fs::read(&entry).is_ok_and(|octets| octets.windows(word.len()).any(|w| w == word.as_bytes())) {
            found.push(entry.display().to_string());
        }
    }
    found
}

fn capledger(arguments: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_capledger")).args(arguments).output().expect("it runs");
    String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned()
}

#[test]
fn a_password_reaches_its_server_and_stands_in_no_file_log_export_or_view() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = PasswordServer::start(1, SECRET, "ap1g8", image());
    let other = PasswordServer::start(2, "another", "ap1g8", image());
    let daemon = start(dir.path(), &listening());
    let url = |server: &PasswordServer| format!("install add file sftp://{}/ap1g8", server.address());
    let mut said = type_all(dir.path(), &profile(server.address(), &format!("0 {SECRET}")));

    let added = say(dir.path(), &[&url(&server)]);
    assert!(added.contains("SUCCESS: install_add"), "{added}");
    // Once: the list of digests beside the image is read in the same login.
    assert_eq!(server.tried(), [SECRET]);
    // A server that is not the profile's is told nothing.
    let refused = say(dir.path(), &[&url(&other)]);
    assert!(refused.contains("FAILED: install_add"), "{refused}");
    assert_eq!(other.tried(), [""; 0]);
    // With a password in the URL: it is taken, and masked.
    let own = format!("install add file sftp://bob:{SECRET}@{}/nothing", server.address());
    let missing = say(dir.path(), &[&own]);
    assert!(missing.contains("No such file or directory"), "{missing}");
    let wrong = say(dir.path(), &[&own.replace(SECRET, &format!("x{SECRET}/x"))]);
    assert!(wrong.contains("FAILED: install_add"), "{wrong}");
    let typed = type_all(dir.path(), &profile(other.address(), SECRET));
    let failed = say(dir.path(), &[&url(&other)]);
    assert!(failed.contains("FAILED: install_add") && other.tried() == [SECRET], "{failed}");
    let unknown = type_all(dir.path(), &profile(other.address(), &format!("7 {SECRET}")));
    assert!(unknown.contains("secrets of type 7 are not read here"), "{unknown}");
    let shown = say(
        dir.path(),
        &["show running-config", "show logging", "show wireless profile image-download", "show install summary"],
    );
    assert!(shown.contains("sftp-password 6 "), "{shown}");
    for text in [added, refused, missing, wrong, typed, failed, unknown, shown] {
        said.push_str(&text);
    }
    daemon.stop("test").expect("stopped in order");

    let data_dir = dir.path().to_str().expect("a plain path");
    for arguments in [
        &["audit", "export", "--data-dir", data_dir, "--format", "jsonl"][..],
        &["audit", "verify", "--data-dir", data_dir],
        &["replay", "--data-dir", data_dir, "show running-config", "show logging"],
    ] {
        let printed = capledger(arguments);
        assert!(!printed.is_empty(), "{arguments:?}");
        said.push_str(&printed);
    }
    assert!(said.contains("server_key_pinned"), "the export has the facts");
    assert!(!said.contains(SECRET), "{}", said.lines().filter(|l| l.contains(SECRET)).collect::<Vec<_>>().join("\n"));
    assert_eq!(holding(dir.path(), SECRET), [""; 0]);
}

#[test]
fn a_configuration_with_a_password_reads_back_into_another_controller_with_the_same_key() {
    let [first, second] = [1, 2].map(|_| tempfile::tempdir().expect("a directory"));
    let server = PasswordServer::start(1, SECRET, "ap1g8", image());
    let text = listening() + &profile(server.address(), &format!("0 {SECRET}"))[1..].join("\n");
    let daemon = start(first.path(), &text);
    let shown = say(first.path(), &["show running-config"]);
    daemon.stop("test").expect("stopped in order");
    // The same startup configuration is no change.
    let daemon = start(first.path(), &text);
    assert_eq!(say(first.path(), &["show running-config"]), shown);
    let changed = daemon.hub().read(Seq(0), 100).expect("the ledger");
    let changed = changed.iter().filter(|e| matches!(e.event, Event::ConfigurationChanged { .. })).count();
    assert_eq!(changed, 1);
    daemon.stop("test").expect("stopped in order");

    let refused = config_file::read_file(&shown, &Vault::open(second.path()).expect("a vault of its own"));
    let words = refused.expect_err("another key").to_string();
    assert!(words.contains("was sealed with another key"), "{words}");
    fs::copy(first.path().join("secrets.key"), second.path().join("secrets.key")).expect("copied");
    let daemon = start(second.path(), &shown);
    assert_eq!(say(second.path(), &["show running-config"]), shown);
    let added = say(second.path(), &[&format!("install add file sftp://{}/ap1g8", server.address())]);
    assert!(added.contains("SUCCESS: install_add"), "{added}");

    // What no setting names any more is erased.
    let secret = daemon.hub().state().config.image.sftp.password.expect("a password");
    assert!(daemon.vault().sealed(secret).is_some());
    let lines = ["configure terminal", "no wireless profile image-download default", "end"];
    say(second.path(), &lines);
    assert!(daemon.vault().sealed(secret).is_some(), "the startup configuration names it");
    assert!(say(second.path(), &["write memory"]).ends_with("[OK]\n"));
    assert!(daemon.vault().sealed(secret).is_none());
    daemon.stop("test").expect("stopped in order");
}

#[test]
fn a_server_that_changes_its_key_is_refused_until_the_old_one_is_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let old = PasswordServer::start(1, SECRET, "ap1g8", image());
    let daemon = start(dir.path(), &listening());
    type_all(dir.path(), &profile(old.address(), &format!("0 {SECRET}")));
    let add = format!("install add file sftp://{}/ap1g8", old.address());
    assert!(say(dir.path(), &[&add]).contains("SUCCESS: install_add"));
    let pin = daemon.hub().state().servers.pins.clone();
    assert_eq!(pin.len(), 1);
    let shown = say(dir.path(), &["show wireless profile image-download"]);
    assert!(shown.contains("SSH Key of Server") && shown.contains("ssh-ed25519 SHA256:"), "{shown}");

    // As if it had shown another key when it was first met.
    let (host, port, kind) = pin.keys().next().cloned().expect("a pin");
    let forget = format!("clear image-server key {host} port {port}");
    assert!(say(dir.path(), &[&forget]).contains("is forgotten"));
    assert!(say(dir.path(), &[&forget]).contains("no key of 127.0.0.1 at port"), "only once");
    daemon.handle().input(capledger::ac::Input::Fetch(capledger::fetch::FetchReport::ServerKey {
        operation: capledger_schema::id::OperationId(1),
        key: capledger::fetch::ServerKey {
            host: host.clone(),
            port,
            kind,
            algorithm: "ssh-ed25519".to_owned(),
            fingerprint: capledger_schema::id::Sha256([7; 32]),
        },
    }));
    let tried = old.tried().len();
    let refused = say(dir.path(), &[&add]);
    assert!(refused.contains("the server shows the key ssh-ed25519 SHA256:"), "{refused}");
    assert_eq!(old.tried().len(), tried, "no password was sent");

    assert!(say(dir.path(), &[&forget]).contains("is forgotten"));
    assert!(say(dir.path(), &[&add]).contains("SUCCESS: install_add"));
    assert_eq!(
        daemon.hub().state().servers.pins.values().next().map(|p| p.fingerprint),
        pin.values().next().map(|p| p.fingerprint)
    );
    daemon.stop("test").expect("stopped in order");
}
