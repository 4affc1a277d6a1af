//! The TFTP client against tftpd-hpa, the TFTP server of Debian and others.
//!
//! It is skipped, and says so, where the server is not installed or cannot be started (it needs root to change its
//! root directory); with `CAPLEDGER_REQUIRE_PEERS=1` it fails there instead.

use std::fs::{self, Permissions};
use std::io::BufWriter;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use capledger::fetch::tftp::client::ClientConfig;
use capledger::fetch::{Cancel, FetchReport, FetchRequest, spawn};
use capledger::image::bundle::{ImageSpec, REFERENCE_OCTETS};
use capledger::image::cache::ImageCache;
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::id::OperationId;
use capledger_schema::image::ImageVersion;

const SERVER: &str = "in.tftpd";

/// A running server, and the directory that it serves.
struct Tftpd {
    process: Child,
    port: u16,
    root: tempfile::TempDir,
}

impl Drop for Tftpd {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts the server, or says why this test is skipped.
fn tftpd() -> Option<Tftpd> {
    let skipped = |why: &str| {
        assert!(std::env::var_os("CAPLEDGER_REQUIRE_PEERS").is_none_or(|v| v != "1"), "{why}");
        eprintln!("SKIPPED: {why}");
        None
    };
    let Some(program) = installed() else {
        return skipped("in.tftpd (Debian's tftpd-hpa) is not installed");
    };
    if !nix::unistd::geteuid().is_root() {
        return skipped("in.tftpd needs root to change its root directory");
    }
    let root = tempfile::tempdir().expect("a directory");
    // The server serves as `nobody`.
    fs::set_permissions(root.path(), Permissions::from_mode(0o755)).expect("permissions");
    let free = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = free.local_addr().expect("its address").port();
    drop(free);
    let process = Command::new(program)
        .args(["--foreground", "--address", &format!("127.0.0.1:{port}"), "--secure"])
        .arg(root.path())
        .stdin(Stdio::null())
        .spawn()
        .expect("the server starts");
    let server = Tftpd { process, port, root };
    let cache = tempfile::tempdir().expect("a directory");
    let cache = ImageCache::open(cache.path()).expect("a cache");
    // Until it listens, the port refuses.
    for _ in 0..100 {
        match fetch(&server, "ready?", &cache).pop() {
            Some(FetchReport::Failed { failure, .. }) if failure.kind == FetchFailureKind::Refused => {
                thread::sleep(Duration::from_millis(50));
            }
            Some(_) => return Some(server),
            None => panic!("a fetch ended without a report"),
        }
    }
    panic!("in.tftpd did not listen on port {port} within 5 s");
}

fn installed() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Ordinary users do not have the directory of servers in their path.
    let directories = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut named = directories.map(|directory| directory.join(SERVER)).filter(|program| program.is_file());
    // Another server of Debian's has the same name.
    named.find(|program| {
        let version = Command::new(program).arg("--version").output();
        version.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("tftp-hpa"))
    })
}

fn fetch(server: &Tftpd, path: &str, cache: &ImageCache) -> Vec<FetchReport> {
    let request = FetchRequest {
        operation: OperationId(1),
        url: format!("tftp://127.0.0.1:{}/{path}", server.port).parse().expect("url"),
        family: Some("ap1g8".parse().expect("family")),
        version: Some(ImageVersion([17, 9, 4, 27])),
        max_size: 1 << 30,
        timeout: Duration::from_secs(20),
    };
    let (to, reports) = mpsc::channel();
    let report = move |report| to.send(report).expect("the test listens");
    spawn(request, cache.clone(), ClientConfig::default(), Cancel::new(), report).expect("a thread");
    reports.iter().collect()
}

fn write_image(to: &Path, octets: u64) -> ImageSpec {
    let spec =
        ImageSpec { family: "ap1g8".parse().expect("family"), version: ImageVersion([17, 9, 4, 27]), octets, seed: 1 };
    let file = fs::File::create(to).expect("a file");
    spec.write(BufWriter::new(file)).expect("an image");
    spec
}

#[test]
fn tftpd_hpa_serves_the_reference_image_and_its_refusals_are_told_apart() {
    let Some(server) = tftpd() else { return };
    let data = tempfile::tempdir().expect("a directory");
    let cache = ImageCache::open(data.path()).expect("a cache");
    fs::create_dir(server.root.path().join("EWC")).expect("a directory");
    let spec = write_image(&server.root.path().join("EWC/ap1g8"), REFERENCE_OCTETS);

    let reports = fetch(&server, "EWC/ap1g8", &cache);
    let Some(FetchReport::Done { image, .. }) = reports.last() else { panic!("{:?}", reports.last()) };
    assert_eq!(*image, spec.facts().expect("facts"));
    assert_eq!(image.octets, REFERENCE_OCTETS);
    assert!(
        matches!(reports.first(), Some(FetchReport::Progress { total: Some(REFERENCE_OCTETS), .. })),
        "the server told the length"
    );

    let failed = |path: &str| match fetch(&server, path, &cache).pop() {
        Some(FetchReport::Failed { failure, .. }) => failure,
        other => panic!("{path}: {other:?}"),
    };
    let missing = failed("Wrong-Path/ap1g8");
    assert_eq!((missing.kind, missing.words.as_str()), (FetchFailureKind::NotFound, "File not found"));

    let secret = server.root.path().join("EWC/secret");
    write_image(&secret, 100_000);
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("permissions");
    let denied = failed("EWC/secret");
    assert_eq!(denied.kind, FetchFailureKind::Permission, "{denied}");
    assert!(!denied.words.is_empty());
    eprintln!("tftpd-hpa says: {}; {}", missing.words, denied.words);
}
