//! Old and odd access points over real sockets and real DTLS, as `capledger simulate` plays them: what they are given, and
//! what the operator of the controller sees of those that are refused.

mod support;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use support::bundle::{self, NEW, version};
use support::controller::{Controller, Place};
use support::fleet::Simulate;
use support::{PATIENCE, wait_for};

const OCTETS: u64 = 300_000;
const KEY: &str = "00112233445566778899aabbccddeeff";

/// A controller that has the new version of every family of the bundle in files.
fn serve(dir: &Path, further: &str) -> (Place, Controller) {
    let images = dir.join("images");
    let families: Vec<_> = bundle::write(&images, version(NEW), OCTETS).into_iter().map(|image| image.family).collect();
    let mut config = format!("software version {NEW}\n{further}");
    for family in families {
        let _ = writeln!(config, "ap image local {family} {}", images.join(family.as_str()).display());
    }
    let place = Place::new(dir, &config);
    let controller = place.start(place.serve());
    (place, controller)
}

fn aps(ac: SocketAddr, aps: usize, model: &str, further: &str) -> Simulate {
    let further: Vec<_> = further.split_whitespace().collect();
    Simulate::start(ac, aps, &[model], &further)
}

/// Waits until a view holds all of these words.
fn shows(place: &Place, command: &str, words: &[&str]) {
    let mut last = String::new();
    wait_for(&format!("{command} shows {words:?}"), PATIENCE, || {
        last = place.exec(&[command]);
        words.iter().all(|word| last.contains(word)).then_some(())
    });
}

/// Waits until so many access points serve on the new version.
fn upgraded(place: &Place, wanted: usize) {
    wait_for(&format!("{wanted} access points serve on {NEW}"), PATIENCE, || {
        let shown = place.exec(&["show ap summary | json"]);
        let told: serde_json::Value = serde_json::from_str(&shown).expect("a document");
        let aps = told["access_points"].as_array().expect("a list");
        let serves = |ap: &&serde_json::Value| ap["version"] == NEW && ap["state"] == "registered";
        (aps.iter().filter(serves).count() == wanted).then_some(())
    });
}

/// What is known of an access point has these lines, blanks aside.
fn is_told_of(place: &Place, name: &str, lines: &[&str]) {
    let told = place.exec(&[&format!("show ap name {name} config general")]);
    let bare: Vec<String> = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in lines {
        assert!(bare.iter().any(|b| b == line), "{line}: {told}");
    }
}

#[test]
fn dtls_1_0_is_let_in_without_a_restart_once_the_operator_turns_it_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let (place, controller) = serve(dir.path(), "");
    let old = aps(place.ac(), 2, "C9105AXI-B", "--dtls 1.0 --name-prefix OLD");
    shows(&place, "show logging", &["unsupported protocol", "see `ap dtls-version`"]);
    place.exec(&["configure terminal", "ap dtls-version all", "ap dtls-ciphersuite AES128-SHA", "end"]);
    upgraded(&place, 2);
    let agreed = ["AP DTLS Version : DTLSv1.0", "AP DTLS Ciphersuite : TLS_RSA_WITH_AES_128_CBC_SHA"];
    is_told_of(&place, "OLD-02", &agreed);
    let all = place.exec(&["show wireless dtls connections"]);
    assert_eq!(all.lines().filter(|line| line.starts_with("OLD-") && line.contains("DTLSv1.0")).count(), 2, "{all}");
    let told = place.exec(&["show ledger ap OLD-02"]);
    assert!(told.contains("speaks DTLSv1.0 with TLS_RSA_WITH_AES_128_CBC_SHA, certificate of "), "{told}");
    place.exec(&["write memory"]);
    old.stop();
    controller.stop();
    // What was agreed on outlives the session, and the controller.
    let controller = place.start(place.serve());
    is_told_of(&place, "OLD-02", &agreed);
    controller.stop();
    place.verify();
}

#[test]
fn a_pre_shared_key_lets_in_who_has_it_and_nobody_else() {
    if support::too_long(9) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (place, controller) = serve(
        dir.path(),
        &format!(
            "capwap timer wait-dtls 1500\nap dtls-ciphersuite DHE-PSK-AES128-CBC-SHA\nap dtls psk ap-42 key 0 {KEY}\n\
             ap dtls psk ap-43 key 0 {KEY}\n"
        ),
    );
    let stranger = aps(place.ac(), 1, "C9105AXI-B", "--seed 8 --psk ap-42:ffff");
    shows(&place, "show logging", &["is the key of PSK identity `ap-42` the access point's?"]);
    stranger.stop();
    let known = aps(place.ac(), 2, "C9105AXI-B", &format!("--psk ap-42:{KEY} --name-prefix KEY"));
    upgraded(&place, 2);
    let by_key = ["AP PSK Identity : ap-42", "AP DTLS Ciphersuite : TLS_DHE_PSK_WITH_AES_128_CBC_SHA"];
    is_told_of(&place, "KEY-01", &by_key);
    known.stop();
    // Who has a key of his own is not let in as somebody else.
    let other = aps(place.ac(), 1, "C9105AXI-B", &format!("--psk ap-43:{KEY}"));
    shows(&place, "show logging", &["certificate changed", "shows PSK identity `ap-43`"]);
    other.stop();
    controller.stop();
    place.verify();
}

#[test]
fn an_old_platform_speaks_its_dialect_asks_by_its_own_name_sends_no_echo_and_is_upgraded() {
    if support::too_long(9) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (place, controller) = serve(dir.path(), "");
    let habits = "--dialect cisco --quirk bare-name --quirk no-initiate --quirk no-echo --name-prefix ROOF";
    let old = aps(place.ac(), 2, "AIR-AP1131AG-A-K9", habits);
    shows(
        &place,
        "show ap image reason",
        &[
            "no image is known by `/c1130`; see `ap image alias /c1130 FAMILY`",
            "name its family: `ap image map AIR-AP1131AG-A-K9 FAMILY`",
        ],
    );
    place.exec(&["configure terminal", "ap image alias /c1130 ap1g8", "end"]);
    upgraded(&place, 2);
    let under_it = ["Boot Version : 12.4.25.0", "Hardware Version : 1.0.0.0", "AP DTLS Version : DTLSv1.2"];
    is_told_of(&place, "ROOF-01", &under_it);
    is_told_of(&place, "ROOF-01", &["AP DTLS Ciphersuite : TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]);
    old.stop();
    controller.stop();
    place.verify();
}

#[test]
fn a_full_flash_and_a_missing_data_channel_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let (place, controller) = serve(dir.path(), "capwap timer data-check 1500\n");
    let full = aps(place.ac(), 1, "C9105AXI-B", "--quirk full-flash --name-prefix FULL");
    shows(&place, "show ap image reason", &["FULL-01", "flash full", "no space for the image", "make room on the AP"]);
    let mute = aps(place.ac(), 1, "C9120AXI-B", "--seed 9 --quirk no-data-channel --name-prefix MUTE");
    shows(&place, "show logging", &["MUTE-01", "Disjoined Data channel down"]);
    let log = place.exec(&["show logging"]);
    let resets = log.lines().filter(|line| line.contains("FULL-01") && line.contains("Image Download Success")).count();
    assert_eq!(resets, 0, "{log}");
    full.stop();
    mute.stop();
    controller.stop();
    place.verify();
}

#[test]
fn an_access_point_that_comes_back_with_another_certificate_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let (place, controller) = serve(dir.path(), "");
    let wrong = aps(place.ac(), 1, "C9105AXI-B", "--quirk wrong-cert --name-prefix WRONG");
    shows(&place, "show logging", &["WRONG-01", "certificate changed", "pinned is"]);
    wrong.stop();
    controller.stop();
    place.verify();
}
