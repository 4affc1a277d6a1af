//! What a server does with datagrams of strangers.

use super::*;
use crate::net::dtls::record::record_number;

/// The client's first ClientHello and the one that answers the server's cookie.
fn hellos(server: &mut ServerContext, client: &mut Endpoint) -> (Vec<u8>, Vec<u8>) {
    let first = client.poll_transmit().expect("a ClientHello");
    let Listen::Reply(reply) = server.listen(addr(), &first, times().1) else { panic!("no HelloVerifyRequest") };
    assert!(reply.len() < first.len(), "no amplification: {} for {}", reply.len(), first.len());
    client.feed(&reply);
    (first, client.poll_transmit().expect("a ClientHello with a cookie"))
}

#[test]
fn a_flood_of_spoofed_client_hellos_leaves_nothing_behind() {
    let mut server = server(&config(), &pki());
    let first = client(&config(), &self_signed()).poll_transmit().expect("a ClientHello");
    for port in 1..=2_000 {
        let spoofed = SocketAddr::new(addr().ip(), port);
        assert!(matches!(server.listen(spoofed, &first, times().1), Listen::Reply(_)), "{port}");
    }
    let mut pair = Pair::with(server, client(&config(), &self_signed()));
    pair.settle(|_| Fate::Deliver);
    pair.assert_alive();
}

#[test]
fn a_cookie_shown_from_another_address_is_answered_with_another_cookie() {
    let mut server = server(&config(), &pki());
    let (_, second) = hellos(&mut server, &mut client(&config(), &self_signed()));
    let elsewhere = "198.51.100.9:40000".parse().expect("an address");
    assert!(matches!(server.listen(elsewhere, &second, times().1), Listen::Reply(_)));
    assert!(matches!(server.listen(addr(), &second, times().1), Listen::Accepted(_)));
}

#[test]
fn an_old_cookie_is_refused() {
    let mut server = server(&config(), &pki());
    let (_, second) = hellos(&mut server, &mut client(&config(), &self_signed()));
    let later = times().1 + Duration::from_secs(600);
    assert!(matches!(server.listen(addr(), &second, later), Listen::Reply(_)));
}

#[test]
fn garbage_is_ignored_and_listening_goes_on() {
    let mut server = server(&config(), &pki());
    let mut joining = client(&config(), &self_signed());
    let (first, second) = hellos(&mut server, &mut joining);
    let mut numbers = Numbers(11);
    let mut answered = 0;
    for _ in 0..3_000 {
        let mut datagram = if numbers.below(2) == 0 { first.clone() } else { second.clone() };
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(datagram.len());
            datagram[at] = numbers.next() as u8;
        }
        datagram.truncate(datagram.len() - numbers.below(3) * numbers.below(datagram.len()) / 3);
        answered += usize::from(!matches!(server.listen(addr(), &datagram, times().1), Listen::Ignored));
    }
    assert!(answered > 0, "the garbage was too bad to test anything");
    assert!(matches!(server.listen(addr(), &second, times().1), Listen::Accepted(_)));
}

#[test]
fn what_is_no_client_hello_is_ignored() {
    let mut server = server(&config(), &pki());
    let mut pair = Pair::connected();
    let record = sealed(&mut pair.client, b"of another session");
    for datagram in [&record[..], &[], &[1], &[1, 0, 0, 0], &[0; 64], &[1, 0, 0, 0, 22, 0xFE, 0xFD]] {
        assert!(matches!(server.listen(addr(), datagram, times().1), Listen::Ignored));
    }
}

/// A client that had to ask twice before the cookie came, the endpoint that its answer made, and the number of the record
/// that it answered with.
fn asked_twice(server: &mut ServerContext, client: &mut Endpoint) -> (Endpoint, u64) {
    let mut replies = Vec::new();
    while replies.len() < 2 {
        for hello in drain(client) {
            let Listen::Reply(reply) = server.listen(addr(), &hello, times().1) else { panic!("no cookie") };
            replies.push(reply);
        }
        std::thread::sleep(client.timeout().expect("a flight is under way"));
        client.handle_timeout();
    }
    drain(client);
    for reply in replies {
        client.feed(&reply);
    }
    let hello = drain(client).into_iter().next().expect("the cookie comes back");
    let number = record_number(&hello[CAPWAP_DTLS_HEADER.len()..]);
    assert!(number > 1);
    let Listen::Accepted(peer) = server.listen(addr(), &hello, times().1) else { panic!("a good cookie") };
    (peer, number)
}

#[test]
fn the_first_record_has_the_number_of_the_client_hello_that_it_answers() {
    let (mut server, mut client) = (server(&config(), &pki()), client(&config(), &self_signed()));
    let (mut peer, number) = asked_twice(&mut server, &mut client);
    let flight = drain(&mut peer);
    let numbers: Vec<u64> = flight.iter().map(|d| record_number(&d[CAPWAP_DTLS_HEADER.len()..])).collect();
    assert_eq!(numbers, (number..).take(flight.len()).collect::<Vec<_>>());
    let mut pair = Pair { server, client, accepted: Some(peer), longest: 0 };
    for datagram in flight {
        pair.client.feed(&datagram);
    }
    let unheard = drain(&mut pair.client);
    assert!(!unheard.is_empty(), "the flight was heard the first time");
    for datagram in unheard {
        pair.deliver_to_server(&datagram);
    }
    pair.settle(|_| Fate::Deliver);
    pair.assert_alive();
}

#[test]
fn a_client_that_asked_twice_hears_that_it_is_refused() {
    let other = DtlsConfig { ciphers: "ECDHE-ECDSA-CHACHA20-POLY1305".into(), ..config() };
    let one = DtlsConfig { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256".into(), ..config() };
    let (mut server, mut client) = (server(&one, &pki()), client(&other, &self_signed()));
    let (mut peer, _) = asked_twice(&mut server, &mut client);
    assert!(matches!(peer.status(), Status::Closed(_)));
    for alert in drain(&mut peer) {
        client.feed(&alert);
    }
    assert!(matches!(client.status(), Status::Closed(_)), "{:?}", client.status());
}
