//! How a session comes to stand, and how it does not.

use capledger_schema::event::{CipherSuite, DtlsSession, DtlsVersion};

use super::*;

#[test]
fn both_ends_speak_dtls_1_2_with_the_preferred_suite_and_know_each_other() {
    let (pki, own) = (pki(), self_signed());
    let mut pair = Pair::with(server(&config(), &pki), client(&config(), &own));
    pair.settle(|_| Fate::Deliver);
    assert_eq!(pair.client.protocol(), Some(("DTLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")));
    let expected = Identity {
        common_name: Some(WTP.to_owned()),
        fingerprint: Some(own.fingerprint()),
        psk_identity: None,
        trust: Trust::NotChecked,
        dtls: Some(DtlsSession { version: DtlsVersion::V1_2, suite: CipherSuite(0xc02b) }),
    };
    assert_eq!(pair.peer().identity(), Some(expected));
    let controller = pair.client.identity().expect("connected");
    assert_eq!(controller.common_name.as_deref(), Some("9120-EWC"));
    assert_eq!(controller.fingerprint, Some(pki.controller().fingerprint()));
    pair.assert_alive();
}

#[test]
fn it_gets_through_loss_duplication_and_reordering() {
    for seed in 1..=6 {
        let mut numbers = Numbers(seed * 0x9E37_79B9);
        let mut pair = Pair::new(&DtlsConfig { mtu: 300, ..config() });
        pair.settle(|_| match numbers.below(10) {
            0 | 1 => Fate::Lose,
            2 => Fate::Duplicate,
            3 | 4 => Fate::Delay,
            _ => Fate::Deliver,
        });
        assert!(pair.client.is_connected(), "seed {seed}: {:?}", pair.client.status());
        pair.assert_alive();
    }
}

#[test]
fn a_lost_last_flight_is_sent_again_when_the_client_repeats_its_own() {
    let mut pair = Pair::new(&config());
    // The server's last flight alone begins with a ChangeCipherSpec.
    let mut last_flights = 0;
    pair.settle(|datagram| {
        let last = datagram[CAPWAP_DTLS_HEADER.len()] == 20;
        last_flights += usize::from(last);
        if last && last_flights == 1 { Fate::Lose } else { Fate::Deliver }
    });
    assert!(last_flights > 1, "it was not lost");
    assert!(pair.client.is_connected());
    pair.assert_alive();
}

#[test]
fn no_datagram_of_it_exceeds_the_mtu() {
    for mtu in [300, 1_300, 1_500] {
        let mut pair = Pair::new(&DtlsConfig { mtu, ..config() });
        pair.settle(|_| Fate::Deliver);
        assert!(pair.client.is_connected());
        assert!(pair.longest <= usize::from(mtu), "{} octets at an MTU of {mtu}", pair.longest);
        assert!(pair.longest > 200, "the test saw no handshake");
    }
}

#[test]
fn records_are_not_bound_by_the_handshakes_mtu() {
    let mut pair = Pair::connected();
    let message = vec![7; 9_000];
    let datagram = sealed(&mut pair.client, &message);
    pair.peer().feed(&datagram);
    assert_eq!(read(pair.peer()), [message]);
}

#[test]
fn a_client_without_a_certificate_is_refused_where_one_is_required() {
    let mut pair = Pair::with(server(&config(), &pki()), {
        let context = ClientContext::new(&config()).expect("a client");
        context.connect_anonymous().expect("an endpoint")
    });
    pair.settle(|_| Fate::Deliver);
    assert!(matches!(pair.peer().status(), Status::Closed(CloseReason::Failed(_))), "{:?}", pair.accepted);
    assert!(matches!(pair.client.status(), Status::Closed(CloseReason::Failed(_))));
}

#[test]
fn a_client_without_a_certificate_has_an_identity_without_a_fingerprint_where_one_is_requested() {
    let asking = DtlsConfig { peer_certificate: PeerCertificate::Requested, ..config() };
    let mut pair = Pair::with(server(&asking, &pki()), {
        let context = ClientContext::new(&config()).expect("a client");
        context.connect_anonymous().expect("an endpoint")
    });
    pair.settle(|_| Fate::Deliver);
    let identity = pair.peer().identity().expect("connected");
    assert!(identity.dtls.is_some());
    assert_eq!(identity, Identity { dtls: identity.dtls, ..Identity::default() });
}

#[test]
fn without_a_common_suite_it_fails_and_says_so() {
    let strict = DtlsConfig { ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384".to_owned(), ..config() };
    let mut pair = Pair::with(server(&strict, &pki()), {
        let other = DtlsConfig { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256".to_owned(), ..config() };
        client(&other, &self_signed())
    });
    pair.settle(|_| Fate::Deliver);
    assert_eq!(*pair.peer().status(), Status::Closed(CloseReason::Failed("no shared cipher".to_owned())));
}

#[test]
fn an_old_client_is_refused_by_default_and_served_once_the_operator_allows_it() {
    let old = DtlsConfig {
        min_version: Version::Dtls1_0,
        max_version: Version::Dtls1_0,
        ciphers: "ECDHE-ECDSA-AES128-SHA".to_owned(),
        security_level: 0,
        ..config()
    };
    let mut pair = Pair::with(server(&config(), &pki()), client(&old, &self_signed()));
    pair.settle(|_| Fate::Deliver);
    assert!(!pair.client.is_connected());

    let both = DtlsConfig { max_version: Version::Dtls1_2, ciphers: "ALL".to_owned(), ..old.clone() };
    let mut pair = Pair::with(server(&both, &pki()), client(&old, &self_signed()));
    pair.settle(|_| Fate::Deliver);
    assert_eq!(pair.client.protocol(), Some(("DTLSv1", "ECDHE-ECDSA-AES128-SHA")));
    pair.assert_alive();
}

#[test]
fn it_is_given_up_when_nobody_answers() {
    // So short an interval has always run out.
    let hurried = DtlsConfig { retransmit: Duration::from_micros(1), ..config() };
    let mut client = client(&hurried, &self_signed());
    assert!(matches!(client.status(), Status::Closed(CloseReason::Failed(_))), "{:?}", client.status());
    assert_eq!(drain(&mut client).len(), 13, "a ClientHello and a dozen repetitions");
}
