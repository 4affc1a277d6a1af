//! The SFTP client against OpenSSH's sshd, an ordinary process on a port of its own.
//!
//! It is skipped, and says so, where the server is not installed; with `CAPLEDGER_REQUIRE_PEERS=1` it fails there.

mod support;

use std::fs::{self, Permissions};
use std::io::BufWriter;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use capledger::fetch::tftp::client::ClientConfig;
use capledger::fetch::{Cancel, FetchReport, FetchRequest, Login, ServerKey, ServerPin, spawn};
use capledger::image::bundle::{ImageSpec, REFERENCE_OCTETS};
use capledger::image::cache::{ImageCache, Reconciled};
use capledger::secrets::Plain;
use capledger_schema::event::ServerKeyKind;
use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::id::{OperationId, Sha256};
use capledger_schema::image::{ImageFacts, ImageVersion};

use support::sshd::{Sshd, free_port};

/// A cache, and what a fetch from a server is asked with.
struct Client {
    _data: tempfile::TempDir,
    cache: ImageCache,
}

impl Client {
    fn new() -> Client {
        let data = tempfile::tempdir().expect("a directory");
        let cache = ImageCache::open(data.path()).expect("a cache");
        Client { _data: data, cache }
    }

    fn fetch(&self, request: FetchRequest) -> Vec<FetchReport> {
        self.fetch_and(request, Cancel::new(), |_| ())
    }

    fn fetch_and(&self, request: FetchRequest, cancel: Cancel, mut see: impl FnMut(&FetchReport)) -> Vec<FetchReport> {
        let (to, reports) = mpsc::channel();
        let report = move |report| to.send(report).expect("the test listens");
        spawn(request, self.cache.clone(), ClientConfig::default(), cancel, report).expect("a thread");
        reports.iter().inspect(|report| see(report)).collect()
    }
}

fn request(address: SocketAddr, path: &str, login: Login) -> FetchRequest {
    FetchRequest {
        family: Some("ap1g8".parse().expect("family")),
        version: Some(ImageVersion([17, 9, 4, 27])),
        timeout: Duration::from_secs(20),
        login: Some(login),
        ..FetchRequest::new(OperationId(1), format!("sftp://******@{address}/{path}").parse().expect("url"))
    }
}

fn by_key(key: impl AsRef<Path>) -> Login {
    Login { user: Sshd::user(), password: None, key: Some(key.as_ref().to_owned()) }
}

fn write_image(to: &Path, octets: u64) -> ImageSpec {
    let spec =
        ImageSpec { family: "ap1g8".parse().expect("family"), version: ImageVersion([17, 9, 4, 27]), octets, seed: 1 };
    spec.write(BufWriter::new(fs::File::create(to).expect("a file"))).expect("an image");
    fs::set_permissions(to, Permissions::from_mode(0o644)).expect("permissions");
    spec
}

fn image(reports: &[FetchReport]) -> ImageFacts {
    match reports.last() {
        Some(FetchReport::Done { image, .. }) => image.clone(),
        other => panic!("not done: {other:?}"),
    }
}

fn failure(reports: &[FetchReport]) -> FetchFailure {
    match reports.last() {
        Some(FetchReport::Failed { failure, .. }) => failure.clone(),
        other => panic!("not failed: {other:?}"),
    }
}

fn key(reports: &[FetchReport]) -> Option<ServerKey> {
    reports
        .iter()
        .find_map(|report| if let FetchReport::ServerKey { key, .. } = report { Some(key.clone()) } else { None })
}

#[test]
fn the_reference_image_comes_from_sshd_by_key_and_the_host_key_is_told_once() {
    let Some(server) = Sshd::start() else { return };
    let client = Client::new();
    fs::create_dir(server.root().join("EWC")).expect("a directory");
    let spec = write_image(&server.root().join("EWC/ap1g8"), REFERENCE_OCTETS);

    // Below the directory where the login begins.
    let reports = client.fetch(request(server.address(), "EWC/ap1g8", by_key(server.key())));
    assert_eq!(image(&reports), spec.facts().expect("facts"));
    let told = key(&reports).expect("the key of the first use");
    assert_eq!((told.host.as_str(), told.port), ("127.0.0.1", server.address().port()));
    assert_eq!((told.kind, told.algorithm.as_str()), (ServerKeyKind::Ssh, "ssh-ed25519"));
    assert!(matches!(reports[1], FetchReport::Progress { total: Some(REFERENCE_OCTETS), .. }), "{:?}", reports[1]);

    // The whole path does as well, and a known key is told no more. A look at it takes no more than a look.
    let path = server.root().join("EWC/ap1g8").display().to_string();
    let pin = Some(ServerPin { algorithm: told.algorithm, fingerprint: told.fingerprint });
    let login = by_key(server.key());
    let reports = client.fetch(FetchRequest { pin, probe: true, ..request(server.address(), &path[1..], login) });
    let [FetchReport::Probed { version, octets: Some(REFERENCE_OCTETS), .. }] = &reports[..] else {
        panic!("{reports:?}");
    };
    assert_eq!(*version, ImageVersion([17, 9, 4, 27]));
}

#[test]
fn a_changed_host_key_ends_it_before_anything_is_sent() {
    let Some(server) = Sshd::start() else { return };
    write_image(&server.root().join("ap1g8"), 100_000);
    let pin = Some(ServerPin { algorithm: "ssh-ed25519".into(), fingerprint: Sha256([7; 32]) });
    let login = Login { password: Some(Plain::new("SECRETWORD")), ..by_key(server.key()) };
    let reports = Client::new().fetch(FetchRequest { pin, ..request(server.address(), "ap1g8", login) });
    let failure = failure(&reports);
    assert_eq!(failure.kind, FetchFailureKind::HostKeyChanged, "{failure}");
    assert!(failure.words.contains("SHA256:BwcHBwcH"), "it names the pinned one: {failure}");
    assert_eq!(key(&reports), None, "the new key is not pinned");
    let log = server.log();
    assert!(!log.contains("Accepted") && !log.contains("Failed") && !log.contains(&Sshd::user()), "{log}");
}

#[test]
fn a_wrong_key_a_wrong_password_and_none_at_all_are_failed_logins() {
    let Some(server) = Sshd::start() else { return };
    write_image(&server.root().join("ap1g8"), 100_000);
    let client = Client::new();
    let user = Sshd::user();
    let password = |word: &str| Login { user: user.clone(), password: Some(Plain::new(word)), key: None };
    for (login, words) in [
        (by_key(server.strange_key()), "did not take the user's key (it takes "),
        (password("SECRETWORD"), "did not take the user's password (it takes "),
        (Login { password: Some(Plain::new("SECRETWORD")), ..by_key(server.strange_key()) }, "key or password"),
        (Login { user: user.clone(), password: None, key: None }, "none is set"),
        (by_key("/no/such/key"), "sftp-key /no/such/key: No such file or directory"),
        (by_key(server.root().join("ap1g8")), "sftp-key "),
    ] {
        let failure = failure(&client.fetch(request(server.address(), "ap1g8", login)));
        assert_eq!(failure.kind, FetchFailureKind::AuthenticationFailed, "{failure}");
        assert!(failure.words.contains(words), "{failure}");
        assert!(!failure.words.contains(&user) && !failure.words.contains("SECRETWORD"), "{failure}");
    }
}

#[test]
fn a_missing_file_an_unreadable_one_and_a_directory_are_told_apart() {
    let Some(server) = Sshd::start() else { return };
    let client = Client::new();
    write_image(&server.root().join("closed"), 100_000);
    fs::set_permissions(server.root().join("closed"), Permissions::from_mode(0o000)).expect("permissions");
    fs::create_dir(server.root().join("folder")).expect("a directory");
    fs::write(server.root().join("bundle.zip"), b"PK\x03\x04 and more").expect("a file");
    for (path, kind, words) in [
        ("Wrong-Path/ap1g8", FetchFailureKind::NotFound, "No such file or directory"),
        ("closed", FetchFailureKind::Permission, "Permission denied"),
        ("folder", FetchFailureKind::NotAnImage, "it is a directory"),
        ("bundle.zip", FetchFailureKind::NotAnImage, "is the AP bundle not unpacked?"),
    ] {
        let failure = failure(&client.fetch(request(server.address(), path, by_key(server.key()))));
        assert_eq!(failure.kind, kind, "{path}: {failure}");
        assert!(failure.words.contains(words), "{path}: {failure}");
    }
}

#[test]
fn a_port_without_a_server_refuses_and_a_silent_server_is_timed_out() {
    let client = Client::new();
    let failed = |address: SocketAddr, timeout: Duration| {
        let login = Login { user: "nobody".into(), password: Some(Plain::new("SECRETWORD")), key: None };
        failure(&client.fetch(FetchRequest { timeout, ..request(address, "ap1g8", login) }))
    };
    let refused = failed(free_port(), Duration::from_secs(20));
    assert_eq!(refused.kind, FetchFailureKind::Refused, "{refused}");
    assert!(refused.words.contains("Connection refused"), "{refused}");
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let timed_out = failed(silent.local_addr().expect("its address"), Duration::from_millis(600));
    assert_eq!(timed_out.kind, FetchFailureKind::TimedOut, "{timed_out}");
}

#[test]
fn a_server_that_is_killed_in_mid_transfer_cuts_the_file_short_and_a_cancel_ends_it_at_once() {
    let Some(mut server) = Sshd::start() else { return };
    let client = Client::new();
    write_image(&server.root().join("ap1g8"), 3 * REFERENCE_OCTETS);
    let order = request(server.address(), "ap1g8", by_key(server.key()));

    let cancel = Cancel::new();
    let mut cancelled_at = None;
    let reports = client.fetch_and(order.clone(), cancel.clone(), |report| {
        if let FetchReport::Progress { octets: 1.., .. } = report {
            cancelled_at.get_or_insert_with(now);
            cancel.cancel();
        }
    });
    assert_eq!(failure(&reports).kind, FetchFailureKind::Cancelled);
    assert!(cancelled_at.expect("octets came").elapsed() < Duration::from_secs(5));

    let reports = client.fetch_and(order, Cancel::new(), |report| {
        if let FetchReport::Progress { octets: 1.., .. } = report {
            server.kill();
        }
    });
    let failure = failure(&reports);
    assert_eq!(failure.kind, FetchFailureKind::CutShort, "{failure}");
    assert!(matches!(reports.last(), Some(FetchReport::Failed { octets: 1.., .. })), "{reports:?}");
    assert_eq!(client.cache.reconcile([]).expect("reconciled"), Reconciled::default(), "nothing of it is left");
}

#[allow(clippy::disallowed_methods, reason = "this test is about real time")]
fn now() -> Instant {
    Instant::now()
}
