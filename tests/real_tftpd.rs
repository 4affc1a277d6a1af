//! The TFTP client against tftpd-hpa, the TFTP server of Debian and others.
//!
//! It is skipped, and says so, where the server is not installed or cannot be started (it needs root to change its
//! root directory); with `CAPLEDGER_REQUIRE_PEERS=1` it fails there instead.

mod support;

use std::fs::{self, Permissions};
use std::io::BufWriter;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use capledger::fetch::tftp::client::ClientConfig;
use capledger::fetch::{Cancel, FetchReport, FetchRequest, spawn};
use capledger::image::bundle::{ImageSpec, REFERENCE_OCTETS};
use capledger::image::cache::ImageCache;
use capledger_schema::failure::FetchFailureKind;
use capledger_schema::id::OperationId;
use capledger_schema::image::ImageVersion;

use support::tftpd::Tftpd;

fn fetch(server: &Tftpd, path: &str, cache: &ImageCache) -> Vec<FetchReport> {
    let request = FetchRequest {
        family: Some("ap1g8".parse().expect("family")),
        version: Some(ImageVersion([17, 9, 4, 27])),
        max_size: 1 << 30,
        timeout: Duration::from_secs(20),
        ..FetchRequest::new(OperationId(1), format!("tftp://{}/{path}", server.address()).parse().expect("url"))
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
    let Some(server) = Tftpd::start() else { return };
    let data = tempfile::tempdir().expect("a directory");
    let cache = ImageCache::open(data.path()).expect("a cache");
    fs::create_dir(server.root().join("EWC")).expect("a directory");
    let spec = write_image(&server.root().join("EWC/ap1g8"), REFERENCE_OCTETS);

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

    let secret = server.root().join("EWC/secret");
    write_image(&secret, 100_000);
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("permissions");
    let denied = failed("EWC/secret");
    assert_eq!(denied.kind, FetchFailureKind::Permission, "{denied}");
    assert!(!denied.words.is_empty());
    eprintln!("tftpd-hpa says: {}; {}", missing.words, denied.words);
}
