//! What a standing session takes and refuses.

use super::*;

#[test]
fn garbage_never_ends_it() {
    let mut pair = Pair::connected();
    bombard(&mut pair, 3_000);
    pair.assert_alive();
}

#[test]
fn no_suite_lets_garbage_end_it() {
    for suite in ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA"] {
        let other = DtlsConfig { ciphers: suite.to_owned(), security_level: 0, ..config() };
        let mut pair = Pair::new(&other);
        pair.settle(|_| Fate::Deliver);
        assert_eq!(pair.peer().protocol().map(|(_, name)| name), Some(suite));
        bombard(&mut pair, 500);
        for len in 0..64 {
            let mut forged = vec![1, 0, 0, 0, 23, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0xFF, len, 0, len];
            forged.extend(vec![9; usize::from(len)]);
            pair.peer().feed(&forged);
            read(pair.peer());
        }
        pair.assert_alive();
        pair.client.close();
        let notify = drain(&mut pair.client);
        pair.peer().feed(&notify[0]);
        read(pair.peer());
        assert_eq!(*pair.peer().status(), Status::Closed(CloseReason::CloseNotify), "{suite}");
    }
}

#[test]
fn records_in_clear_from_a_stranger_change_nothing() {
    let mut pair = Pair::connected();
    let alert = [1, 0, 0, 0, 21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40];
    let hello = client(&config(), &self_signed()).poll_transmit().expect("a ClientHello");
    let mut forged = alert.to_vec();
    // The session's own epoch, but nobody's key.
    forged[8] = 1;
    for datagram in [&alert[..], &hello, &forged] {
        pair.peer().feed(datagram);
        assert!(read(pair.peer()).is_empty());
        pair.client.feed(datagram);
        assert!(read(&mut pair.client).is_empty());
    }
    pair.assert_alive();
}

#[test]
fn a_replayed_record_is_dropped() {
    let mut pair = Pair::connected();
    let datagram = sealed(&mut pair.client, b"once");
    pair.peer().feed(&datagram);
    assert_eq!(read(pair.peer()), [b"once"]);
    pair.peer().feed(&datagram);
    assert!(read(pair.peer()).is_empty());
    pair.assert_alive();
}

#[test]
fn records_may_arrive_out_of_order_and_several_in_one_datagram() {
    let mut pair = Pair::connected();
    let (first, second) = (sealed(&mut pair.client, b"first"), sealed(&mut pair.client, b"second"));
    let mut both = second.clone();
    both.extend_from_slice(&first[CAPWAP_DTLS_HEADER.len()..]);
    pair.peer().feed(&both);
    assert_eq!(read(pair.peer()), [&b"second"[..], b"first"]);
}

#[test]
fn a_close_notify_ends_both_ends() {
    let mut pair = Pair::connected();
    pair.client.close();
    assert_eq!(*pair.client.status(), Status::Closed(CloseReason::Local));
    let notify = drain(&mut pair.client);
    assert_eq!(notify.len(), 1);
    pair.peer().feed(&notify[0]);
    assert!(read(pair.peer()).is_empty());
    assert_eq!(*pair.peer().status(), Status::Closed(CloseReason::CloseNotify));
    assert_eq!(pair.peer().seal(b"too late", &mut Vec::new()), Err(SealError::NotConnected));
}

#[test]
fn sealing_appends_to_the_buffer_it_is_given() {
    let mut pair = Pair::connected();
    let mut out = Vec::with_capacity(4_096);
    pair.client.seal(b"first", &mut out).expect("sealed");
    let (boundary, capacity) = (out.len(), out.capacity());
    pair.client.seal(b"second", &mut out).expect("sealed");
    assert_eq!(out.capacity(), capacity);
    let (first, second) = out.split_at(boundary);
    assert!(first.starts_with(&CAPWAP_DTLS_HEADER) && second.starts_with(&CAPWAP_DTLS_HEADER));
    for (datagram, message) in [(first, &b"first"[..]), (second, b"second")] {
        pair.peer().feed(datagram);
        assert_eq!(read(pair.peer()), [message]);
    }
}

#[test]
fn a_message_longer_than_a_record_is_refused_and_the_session_goes_on() {
    let mut pair = Pair::connected();
    let refused = pair.client.seal(&vec![0; MAX_PLAINTEXT + 1], &mut Vec::new());
    assert_eq!(refused, Err(SealError::TooLong(MAX_PLAINTEXT + 1)));
    pair.assert_alive();
}

#[test]
fn its_secrets_are_logged_where_a_key_log_is_named_and_to_nobody_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("keys.log");
    let logging = DtlsConfig { key_log: Some(path.clone()), ..config() };
    let mut pair = Pair::with(server(&logging, &pki()), client(&config(), &self_signed()));
    pair.settle(|_| Fate::Deliver);
    let log = std::fs::read_to_string(&path).expect("written");
    assert!(log.starts_with("CLIENT_RANDOM "), "{log}");
    assert!(log.ends_with('\n'), "{log}");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).expect("it exists"));
    assert_eq!(mode & 0o777, 0o600);
}
