//! What old access points speak: refused as it comes, taken when it is turned on, and no less sturdy then.

use capledger_schema::event::DtlsVersion;

use super::*;
use crate::capwap::suite::{self, SUITES, Suite};

const IDENTITY: &str = "ap-42";

fn both_certificates() -> Pki {
    let dir = tempfile::tempdir().expect("a directory");
    let mut pki = Pki::load_or_create(dir.path(), "9120-EWC", times().0).expect("made");
    pki.add_rsa(dir.path(), times().0).expect("made");
    pki
}

fn keys(key: &[u8]) -> PresharedKeys {
    std::iter::once((IDENTITY.to_owned(), key.to_vec())).collect()
}

/// A client that knows one suite and one version only, as old access points do.
fn old_client(version: Version, suite: &Suite) -> DtlsConfig {
    DtlsConfig {
        ciphers: suite.name.to_owned(),
        min_version: version,
        max_version: version,
        security_level: 0,
        peer_certificate: PeerCertificate::Requested,
        psk: if suite.is_psk() { keys(b"0123456789abcdef") } else { PresharedKeys::default() },
        ..config()
    }
}

fn server_with(config: &DtlsConfig, pki: &Pki) -> ServerContext {
    let psk = keys(b"0123456789abcdef");
    let config = DtlsConfig { psk, psk_hint: Some("9120-EWC".to_owned()), ..config.clone() };
    ServerContext::new(&config, &pki.credentials(), CookieSecrets::new([3; 32], times().1)).expect("a server")
}

fn suite(name: &str) -> &'static Suite {
    suite::by_name(name).expect("in the table")
}

#[test]
fn every_suite_is_refused_until_it_is_turned_on_and_then_spoken_in_both_versions() {
    let pki = both_certificates();
    let wtp = Credentials::self_signed_rsa_wtp(WTP, times().0).expect("made");
    for suite in SUITES {
        for (version, words) in [(Version::Dtls1_0, "DTLSv1"), (Version::Dtls1_2, "DTLSv1.2")] {
            let asking = || client(&old_client(version, suite), &wtp);
            let mut refused = Pair::with(server_with(&config(), &pki), asking());
            refused.settle(|_| Fate::Deliver);
            assert!(!refused.client.is_connected(), "{} over {words}", suite.name);

            let on = config().with_old(Version::Dtls1_0..=Version::Dtls1_2, &[suite]);
            let mut taken = Pair::with(server_with(&on, &pki), asking());
            taken.settle(|_| Fate::Deliver);
            assert_eq!(taken.peer().protocol(), Some((words, suite.name)), "{:?}", taken.client.status());
            let identity = taken.peer().identity().expect("connected");
            let (psk, common_name) = if suite.is_psk() { (Some(IDENTITY), None) } else { (None, Some(WTP)) };
            assert_eq!((identity.psk_identity.as_deref(), identity.common_name.as_deref()), (psk, common_name));
            let agreed = identity.dtls.expect("it is known");
            let wanted = if version == Version::Dtls1_0 { DtlsVersion::V1_0 } else { DtlsVersion::V1_2 };
            assert_eq!((agreed.version, agreed.suite.to_string().as_str()), (wanted, suite.rfc));
            taken.assert_alive();
        }
    }
}

#[test]
fn every_modern_suite_goes_by_its_registered_name() {
    let pki = both_certificates();
    let wtp = Credentials::self_signed_rsa_wtp(WTP, times().0).expect("made");
    let modern = config().ciphers;
    for name in modern.split(':') {
        let asking = DtlsConfig { ciphers: name.to_owned(), ..config() };
        let mut pair = Pair::with(server_with(&config(), &pki), client(&asking, &wtp));
        pair.settle(|_| Fate::Deliver);
        let agreed = pair.peer().identity().and_then(|identity| identity.dtls).expect("connected");
        // OpenSSL's names are the registered ones without the marks between their parts.
        let bare = |text: &str| text.replace("TLS_", "").replace("WITH_", "").replace(['_', '-'], "");
        assert_eq!((agreed.version, bare(&agreed.suite.to_string())), (DtlsVersion::V1_2, bare(name)));
    }
}

#[test]
fn garbage_ends_no_old_session_either() {
    let pki = both_certificates();
    let wtp = Credentials::self_signed_rsa_wtp(WTP, times().0).expect("made");
    for version in [Version::Dtls1_0, Version::Dtls1_2] {
        let suite = suite("AES128-SHA");
        let on = config().with_old(version..=version, &[suite]);
        let mut pair = Pair::with(server_with(&on, &pki), client(&old_client(version, suite), &wtp));
        pair.settle(|_| Fate::Deliver);
        bombard(&mut pair, 1_000);
        let low = if version == Version::Dtls1_0 { 0xFF } else { 0xFD };
        for len in 0..96 {
            let mut forged = vec![1, 0, 0, 0, 23, 0xFE, low, 0, 1, 0, 0, 0, 0, 0xFF, len, 0, len];
            forged.extend(vec![9; usize::from(len)]);
            pair.peer().feed(&forged);
            read(pair.peer());
        }
        pair.assert_alive();
    }
}

#[test]
fn a_wrong_pre_shared_key_and_an_unknown_identity_do_not_get_through() {
    let pki = both_certificates();
    let suite = suite("PSK-AES128-CBC-SHA");
    let on = config().with_old(Version::Dtls1_2..=Version::Dtls1_2, &[suite]);
    let context = |psk: PresharedKeys| {
        let config = DtlsConfig { psk, ..old_client(Version::Dtls1_2, suite) };
        ClientContext::new(&config).expect("a client").connect_anonymous().expect("an endpoint")
    };
    let stranger = std::iter::once(("stranger".to_owned(), b"0123456789abcdef".to_vec())).collect();
    let mut unknown = Pair::with(server_with(&on, &pki), context(stranger));
    unknown.settle(|_| Fate::Deliver);
    assert_eq!(*unknown.peer().status(), Status::Closed(CloseReason::Failed("psk identity not found".to_owned())));

    // Nothing that the two send each other now can be read: neither side ever hears why.
    let mut wrong = Pair::with(server_with(&on, &pki), context(keys(b"another key")));
    for _ in 0..20 {
        for datagram in drain(&mut wrong.client) {
            wrong.deliver_to_server(&datagram);
        }
        for datagram in wrong.accepted.as_mut().map(drain).unwrap_or_default() {
            wrong.client.feed(&datagram);
        }
    }
    assert_eq!(*wrong.peer().status(), Status::Handshaking);
    assert!(!wrong.client.is_connected());
}

#[test]
fn what_is_turned_on_for_old_peers_takes_nothing_from_modern_ones() {
    let pki = both_certificates();
    let all: Vec<_> = SUITES.iter().collect();
    let on = config().with_old(Version::Dtls1_0..=Version::Dtls1_2, &all);
    let mut pair = Pair::with(server_with(&on, &pki), client(&config(), &self_signed()));
    pair.settle(|_| Fate::Deliver);
    assert_eq!(pair.client.protocol(), Some(("DTLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")));
}

#[test]
fn an_access_point_that_verifies_only_rsa_speaks_ecdhe_rsa_as_it_comes() {
    let pki = both_certificates();
    let rsa = DtlsConfig { ciphers: "ECDHE-RSA-AES128-GCM-SHA256".to_owned(), ..config() };
    let mut pair = Pair::with(server_with(&config(), &pki), client(&rsa, &self_signed()));
    pair.settle(|_| Fate::Deliver);
    assert_eq!(pair.client.protocol(), Some(("DTLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256")));
}

#[test]
fn security_is_lowered_for_old_versions_and_certificates_alone() {
    let psk = config().with_old(Version::Dtls1_2..=Version::Dtls1_2, &[suite("DHE-PSK-AES128-CBC-SHA")]);
    assert_eq!(psk.security_level, config().security_level);
    let none = config().with_old(Version::Dtls1_2..=Version::Dtls1_2, &[]);
    assert_eq!((none.security_level, none.ciphers), (config().security_level, config().ciphers));
    let old = config().with_old(Version::Dtls1_0..=Version::Dtls1_2, &[]);
    assert_eq!(old.security_level, 0);
    let rsa = config().with_old(Version::Dtls1_2..=Version::Dtls1_2, &[suite("AES128-SHA")]);
    assert_eq!(rsa.security_level, 0);
}

#[test]
fn keys_are_never_printed() {
    let printed = format!("{:?}", DtlsConfig { psk: keys(b"secret"), ..config() });
    assert!(printed.contains(IDENTITY) && !printed.contains("secret"), "{printed}");
    assert!(!printed.contains("115, 101, 99"), "{printed}");
}
