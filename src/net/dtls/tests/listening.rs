//! What a server does with datagrams of strangers.

use super::*;

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
