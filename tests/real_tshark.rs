//! The control traffic of a whole upgrade, as tshark reads it: nothing is malformed, and the messages are those of
//! RFC 5415 in their order.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use capledger::serve::tftp::{ServeConfig, TftpServer};
use capledger::wtp::{Knobs, WtpTimers};

use support::bundle::{NEW, version};
use support::controller::{Place, text};
use support::fleet::Fleet;
use support::{PATIENCE, bundle, program, skipped};

/// Octets of an image, and blocks of 1,024.
const OCTETS: u64 = 40_000;
const BLOCKS: usize = 40;

#[test]
fn tshark_finds_a_whole_upgrade_well_formed_and_in_order() {
    let Some(tshark) = program("tshark") else { return skipped("tshark is not installed") };
    let dir = tempfile::tempdir().expect("a directory");
    let capture = dir.path().join("control.pcapng");
    let place = upgrade_one(dir.path(), &capture);
    let dissected = Dissection { tshark, capture, port: place.ac().port() };

    let malformed = dissected.run(&["-Y", "_ws.malformed || _ws.expert.severity == error"]);
    assert_eq!(malformed, "", "{}", dissected.run(&["-V", "-Y", "_ws.malformed || _ws.expert.severity == error"]));
    let foreign = dissected.run(&["-Y", "!capwap"]);
    assert_eq!(foreign, "", "every packet is CAPWAP");

    let kinds = dissected.run(&["-T", "fields", "-e", "capwap.control.header.message_type"]);
    let kinds: Vec<u32> = kinds.lines().filter(|l| !l.is_empty()).map(|l| l.parse().expect("a number")).collect();
    // Echoes come when they come (RFC 5415 4.7.7).
    let kinds: Vec<_> = kinds.into_iter().filter(|kind| !matches!(kind, 13 | 14)).collect();
    let discovery_and_join = [1, 2, 3, 4];
    // The WTP's request and its answer; the digests of the image, which was not there yet; then the blocks and their
    // answers (9.1, figure 6).
    let image = [15, 16].repeat(2 + BLOCKS);
    let serving = [5, 6, 11, 12];
    let expected = [&discovery_and_join[..], &image[..], &discovery_and_join[..], &serving[..]].concat();
    assert_eq!(kinds, expected);
}

/// One access point's upgrade, from its first discovery until it serves on the new version and has sent an Echo.
fn upgrade_one(dir: &Path, capture: &Path) -> Place {
    let images = dir.join("images");
    bundle::write(&images, version(NEW), OCTETS);
    let server = TftpServer::start(([127, 0, 0, 1], 0).into(), ServeConfig::new(&images), |_| {}).expect("a server");
    let config = format!(
        "software version {NEW}\nwireless profile image-download default\n image-download-mode tftp\n  \
         tftp-image-server 127.0.0.1 port {}\n  tftp-image-path /\ncapwap timer echo-interval 1000\n",
        server.address().port()
    );
    let place = Place::new(dir, &config);
    let mut command = place.serve();
    command.arg("--capture").arg(capture);
    let controller = place.start(command);
    // Nothing is lost on loopback, so that patience keeps every message from being sent twice on a busy machine.
    let patient = WtpTimers { retransmit_interval: Duration::from_secs(20), ..WtpTimers::brisk() };
    let fleet = Fleet::start(place.ac(), 1, patient, Knobs::default());
    fleet.wait_until_all_run(version(NEW), PATIENCE);
    // Twice the EchoInterval.
    std::thread::sleep(Duration::from_secs(2));
    fleet.stop();
    controller.stop();
    place
}

struct Dissection {
    tshark: PathBuf,
    capture: PathBuf,
    port: u16,
}

impl Dissection {
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.tshark);
        command.arg("-r").arg(&self.capture).args(["-d", &format!("udp.port=={},capwap", self.port)]).args(arguments);
        text(command.output().expect("it is a program"))
    }
}
