//! `capledger serve` and `capledger simulate` as their users run them: twenty access points upgrade from a real
//! tftpd-hpa, and what they were shown is shown again from the ledger.

mod support;

use std::net::SocketAddr;

use support::bundle::{MODELS, NEW, OLD, version};
use support::collector::Collector;
use support::controller::Place;
use support::fleet::Simulate;
use support::tftpd::Tftpd;
use support::{PATIENCE, bundle, wait_for};

/// Octets of an image: some hundred blocks.
const OCTETS: u64 = 300_000;
const SUCCESS: &str = "Disjoined Image Download Success";
const FAILED: &str = "Disjoined Image Download Failed";

/// The image-download profile as operators write it.
fn profile(server: SocketAddr, path: &str) -> String {
    format!(
        "software version {NEW}\nwireless profile image-download default\n image-download-mode tftp\n  \
         tftp-image-server {} port {}\n  tftp-image-path {path}\n",
        server.ip(),
        server.port()
    )
}

#[test]
fn twenty_access_points_of_five_models_upgrade_from_tftpd_hpa() {
    let Some(tftpd) = Tftpd::start() else { return };
    bundle::write(&tftpd.root().join("EWC/17_9_4a"), version(NEW), OCTETS);
    let collector = Collector::start();
    let dir = tempfile::tempdir().expect("a directory");
    let place =
        Place::new(dir.path(), &format!("{}{}", collector.logging_host(), profile(tftpd.address(), "/EWC/17_9_4a")));
    let controller = place.start(place.serve());
    let models = MODELS.map(|(model, _)| model);
    let simulate = Simulate::start(place.ac(), 20, &models, &[]);

    collector.wait_for(20, &["Ethernet MAC: ", "Joined"], PATIENCE * 2);
    let (seq, image, summary) = settled(&place);
    assert_eq!(rows(&image), 20, "{image}");
    assert!(image.contains("Total number of APs  : 20\n"), "{image}");
    // 17.9.4.27 runs, 17.3.3.26 is the other partition's.
    assert_eq!(image.lines().filter(|row| row.contains(NEW) && row.contains(OLD)).count(), 20, "{image}");
    assert!(summary.contains("Number of APs: 20\n"), "{summary}");
    assert_eq!(rows(&summary), 20, "{summary}");

    for (_, family) in MODELS {
        let url = format!("Completed install add tftp://{}/EWC/17_9_4a/{family}", tftpd.address());
        assert_eq!(collector.lines().iter().filter(|line| line.text.ends_with(&url)).count(), 1, "{url}");
    }
    assert_eq!(collector.count(&["Started install add"]), 5, "one fetch per family");
    assert_eq!(collector.count(&[SUCCESS]), 20);
    assert_eq!(collector.count(&["Ethernet MAC: ", "Joined"]), 20);
    assert_eq!(collector.count(&["%INSTALL-3-"]) + collector.count(&[FAILED]), 0);

    assert_eq!(place.replay(&[], "show ap image"), image, "from the running daemon's ledger");
    let summed_up = simulate.stop();
    assert!(summed_up.contains("20 of 20 access points serve"), "{summed_up}");
    controller.stop();
    assert_eq!(place.replay(&["--seq", &seq], "show ap image"), image, "from the store");
    let replayed = place.replay(&["--seq", &seq], "show ap summary");
    assert_eq!(replayed, summary, "from the store");
    place.verify();
}

/// `show ap image` and `show ap summary` of one moment at which nothing happens, and the number of its last event.
fn settled(place: &Place) -> (String, String, String) {
    wait_for("a moment without an event", PATIENCE, || {
        let before = place.last();
        let shown = (place.exec(&["show ap image"]), place.exec(&["show ap summary"]));
        place.rests_since(before).then(|| (before.to_string(), shown.0, shown.1))
    })
}

/// Rows below a table's rule.
fn rows(table: &str) -> usize {
    table.lines().skip_while(|line| !line.starts_with("----")).skip(1).filter(|line| !line.trim().is_empty()).count()
}
