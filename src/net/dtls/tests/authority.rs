//! Certificates that are checked against an authority.

use super::*;

fn trust_of(credentials: &Credentials, pki: &Pki) -> Trust {
    let dir = tempfile::tempdir().expect("a directory");
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, pki.ca_pem()).expect("written");
    let checking = DtlsConfig { authority: Some(ca), ..config() };
    let mut pair = Pair::with(server(&checking, pki), client(&checking, credentials));
    pair.settle(|_| Fate::Deliver);
    assert_eq!(pair.client.identity().expect("connected").trust, Trust::Trusted, "of the controller");
    let identity = pair.peer().identity().expect("connected");
    assert_eq!(identity.fingerprint, Some(credentials.fingerprint()));
    identity.trust
}

#[test]
fn a_certificate_that_it_signed_is_trusted() {
    let pki = pki();
    let issued = pki.issue_wtp(WTP, times().0).expect("issued");
    assert_eq!(trust_of(&issued, &pki), Trust::Trusted);
}

#[test]
fn a_certificate_that_it_did_not_sign_is_reported_and_still_names_its_owner() {
    let reason = match trust_of(&self_signed(), &pki()) {
        Trust::Untrusted(reason) => reason,
        other @ (Trust::Trusted | Trust::NotChecked) => panic!("{other:?}"),
    };
    assert!(reason.contains("self-signed"), "{reason}");
}

#[test]
fn a_controllers_certificate_does_not_make_an_access_point() {
    let pki = pki();
    let reason = match trust_of(pki.controller(), &pki) {
        Trust::Untrusted(reason) => reason,
        other @ (Trust::Trusted | Trust::NotChecked) => panic!("{other:?}"),
    };
    assert!(reason.contains("1.3.6.1.5.5.7.3.19 (CAPWAP WTP)"), "{reason}");
}

#[test]
fn an_expired_certificate_is_not_trusted() {
    let pki = pki();
    let expired = pki.issue_wtp(WTP, SystemTime::UNIX_EPOCH).expect("issued");
    assert_eq!(trust_of(&expired, &pki), Trust::Untrusted("certificate has expired".to_owned()));
}

#[test]
fn a_file_that_is_none_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, "no certificate").expect("written");
    let checking = DtlsConfig { authority: Some(path.clone()), ..config() };
    let error = ClientContext::new(&checking).err().expect("refused").to_string();
    assert!(error.starts_with(&path.display().to_string()), "{error}");
}
