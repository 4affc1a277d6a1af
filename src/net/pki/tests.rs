use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// 2026-01-01T00:00:00Z.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}

fn data_dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory can be made")
}

fn text(certificate: &X509) -> String {
    String::from_utf8(certificate.to_text().expect("it prints")).expect("it prints as text")
}

#[test]
fn the_first_start_makes_an_identity_and_the_second_finds_it() {
    let dir = data_dir();
    let first = Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("made");
    let second = Pki::load_or_create(dir.path(), "another name", now()).expect("loaded");
    assert_eq!(first.controller().fingerprint(), second.controller().fingerprint());
    assert_eq!(first.ca_pem(), second.ca_pem());
    assert_eq!(common_name(second.controller().certificate()).as_deref(), Some("9120-EWC"));
}

#[test]
fn the_controller_may_act_as_an_ac_and_an_access_point_as_a_wtp() {
    let pki = Pki::make("9120-EWC", now()).expect("made");
    assert!(text(pki.controller().certificate()).contains("TLS Web Server Authentication, Ctrl/provision WAP Access"));
    let wtp = pki.issue_wtp("C9105AXI-2c5a0f406920", now()).expect("issued");
    assert!(text(wtp.certificate()).contains("TLS Web Client Authentication, Ctrl/Provision WAP Termination"));
}

#[test]
fn what_the_authority_issues_verifies_against_it() {
    let pki = Pki::make("9120-EWC", now()).expect("made");
    let wtp = pki.issue_wtp("C9105AXI-2c5a0f406920", now()).expect("issued");
    let ca_key = pki.ca.certificate.public_key().expect("it has a key");
    for certificate in [wtp.certificate(), pki.controller().certificate()] {
        assert!(certificate.verify(&ca_key).expect("checked"));
    }
    let stranger = Credentials::self_signed_wtp("C9105AXI-2c5a0f406920", now()).expect("made");
    assert!(!stranger.certificate().verify(&ca_key).expect("checked"));
}

#[test]
fn private_keys_are_closed_to_others() {
    let dir = data_dir();
    Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("made");
    for key in [CA_KEY, CONTROLLER_KEY] {
        let mode = fs::metadata(dir.path().join("pki").join(key)).expect("it exists").mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}

#[test]
fn an_exposed_key_is_refused_and_the_error_says_what_to_run() {
    let dir = data_dir();
    Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("made");
    let key = dir.path().join("pki").join(CONTROLLER_KEY);
    fs::set_permissions(&key, Permissions::from_mode(0o640)).expect("mode set");
    let error = Pki::load_or_create(dir.path(), "9120-EWC", now()).expect_err("refused").to_string();
    assert!(error.contains("mode 0640"), "{error}");
    assert!(error.contains(&format!("chmod 600 {}", key.display())), "{error}");
}

#[test]
fn a_missing_key_is_named_and_never_made_anew() {
    let dir = data_dir();
    Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("made");
    let key = dir.path().join("pki").join(CONTROLLER_KEY);
    fs::remove_file(&key).expect("removed");
    let error = Pki::load_or_create(dir.path(), "9120-EWC", now()).expect_err("refused");
    assert!(matches!(error, PkiError::Read { .. }), "{error}");
    assert!(error.to_string().starts_with(&key.display().to_string()), "{error}");
    assert!(!key.exists());
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let dir = data_dir();
    Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("made");
    let pki = dir.path().join("pki");
    fs::copy(pki.join(CA_KEY), pki.join(CONTROLLER_KEY)).expect("copied");
    let error = Pki::load_or_create(dir.path(), "9120-EWC", now()).expect_err("refused");
    assert!(matches!(error, PkiError::Mismatch { .. }), "{error}");
}

#[test]
fn a_truncated_certificate_is_refused_by_name() {
    let dir = data_dir();
    Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("made");
    let path = dir.path().join("pki").join(CA_CERTIFICATE);
    let pem = fs::read(&path).expect("read");
    fs::write(&path, &pem[..pem.len() / 2]).expect("cut");
    let error = Pki::load_or_create(dir.path(), "9120-EWC", now()).expect_err("refused");
    assert!(matches!(error, PkiError::Parse { what: "certificate", .. }), "{error}");
}

#[test]
fn a_start_that_was_cut_short_leaves_nothing_that_counts() {
    let dir = data_dir();
    let staging = dir.path().join(".pki.new");
    fs::create_dir(&staging).expect("made");
    fs::write(staging.join(CA_KEY), "half a k").expect("written");
    Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("made");
    assert!(!staging.exists());
    Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("loaded");
}

#[test]
fn the_rsa_certificate_is_made_once_and_its_key_is_closed_to_others() {
    let dir = data_dir();
    let mut pki = Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("made");
    assert_eq!(pki.credentials().len(), 1);
    assert!(pki.add_rsa(dir.path(), now()).expect("made"));
    let [_, rsa] = pki.credentials()[..] else { panic!("two certificates") };
    assert_eq!(rsa.key().id(), Id::RSA);
    assert_eq!(common_name(rsa.certificate()).as_deref(), Some("9120-EWC"));
    assert!(rsa.certificate().verify(&pki.ca.certificate.public_key().expect("it has a key")).expect("checked"));
    assert!(text(rsa.certificate()).contains("Digital Signature, Key Encipherment"));
    let mode = fs::metadata(dir.path().join("pki").join(RSA_KEY)).expect("it exists").mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut again = Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("loaded");
    assert!(!again.add_rsa(dir.path(), now()).expect("loaded"));
    assert_eq!(again.credentials()[1].fingerprint(), rsa.fingerprint());
}

#[test]
fn an_rsa_key_whose_certificate_was_not_written_any_more_is_given_one() {
    let dir = data_dir();
    let mut pki = Pki::load_or_create(dir.path(), "9120-EWC", now()).expect("made");
    pki.add_rsa(dir.path(), now()).expect("made");
    let key = fs::read(dir.path().join("pki").join(RSA_KEY)).expect("there");
    fs::remove_file(dir.path().join("pki").join(RSA_CERTIFICATE)).expect("removed");
    fs::write(dir.path().join("pki").join(".controller-rsa.pem.new"), "half a c").expect("written");
    assert!(pki.add_rsa(dir.path(), now()).expect("made"));
    assert_eq!(fs::read(dir.path().join("pki").join(RSA_KEY)).expect("there"), key);
    assert!(!pki.add_rsa(dir.path(), now()).expect("loaded"));
}

#[test]
fn an_unwritable_data_directory_is_an_error_that_names_it() {
    let error = Pki::load_or_create(Path::new("/proc/capledger"), "9120-EWC", now()).expect_err("refused").to_string();
    assert!(error.contains("/proc/capledger"), "{error}");
    assert!(error.contains("make the data directory writable"), "{error}");
}

#[test]
fn saving_never_replaces_a_key() {
    let dir = data_dir();
    let (certificate, key) = (dir.path().join("wtp.pem"), dir.path().join("wtp.key"));
    let first = Credentials::self_signed_wtp("C9120AXI-0a0b0c0d0e0f", now()).expect("made");
    first.save(&certificate, &key).expect("saved");
    let second = Credentials::self_signed_wtp("C9120AXI-0a0b0c0d0e0f", now()).expect("made");
    second.save(&certificate, &key).expect_err("refused");
    assert_eq!(Credentials::load(&certificate, &key).expect("loaded").fingerprint(), first.fingerprint());
}
