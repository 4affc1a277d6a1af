use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::*;
use crate::net::wake::Poller;

/// A datagram as the tests keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    from: SocketAddr,
    local: SocketAddr,
    octets: Vec<u8>,
}

struct Port {
    addr: SocketAddr,
    receiver: Receiver,
    sender: Sender,
    poller: Poller,
}

impl Port {
    fn bind(addr: &str) -> Self {
        Self::with(addr, &UdpConfig::default())
    }

    fn with(addr: &str, config: &UdpConfig) -> Self {
        let binding = Binding::new(&[addr.parse().expect("an address")], config).expect("bound");
        let addr = binding.local_addrs()[0];
        let (receiver, sender) = binding.open();
        Self { addr, receiver, sender, poller: Poller::new(0).expect("a poller") }
    }

    /// Waits until `count` datagrams have come.
    fn receive(&mut self, count: usize) -> Vec<Kept> {
        let mut kept = Vec::new();
        for _ in 0..1_000 {
            self.receiver
                .receive(|datagram| {
                    let Arrived { from, local, octets } = datagram;
                    kept.push(Kept { from, local, octets: octets.to_vec() });
                })
                .expect("received");
            if kept.len() >= count {
                return kept;
            }
            self.poller.pass(false, self.sender.sources(), Some(Duration::from_millis(10))).expect("waited");
        }
        panic!("{} of {count} datagrams within 10 s", kept.len());
    }
}

fn peer(addr: &str) -> UdpSocket {
    let socket = UdpSocket::bind(addr).expect("bound");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
    socket
}

fn port_of(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("bound").port()
}

#[test]
fn datagrams_go_both_ways_over_ipv4_and_ipv6() {
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        let mut port = Port::bind(loopback);
        let peer = peer(loopback);
        peer.send_to(b"to the port", port.addr).expect("sent");
        let kept = port.receive(1).remove(0);
        assert_eq!(kept.octets, b"to the port");
        port.sender.send(kept.from, kept.local, b"and back".to_vec());
        port.sender.flush();
        let mut buf = [0; 64];
        let (len, from) = peer.recv_from(&mut buf).expect("received");
        assert_eq!((&buf[..len], from), (&b"and back"[..], port.addr));
    }
}

#[test]
fn two_families_share_one_port_object_and_each_answer_takes_its_own_socket() {
    let addrs = ["127.0.0.1:0", "[::1]:0"].map(|addr| addr.parse().expect("an address"));
    let binding = Binding::new(&addrs, &UdpConfig::default()).expect("bound");
    let locals = binding.local_addrs();
    let (mut receiver, mut sender) = binding.open();
    let mut poller = Poller::new(0).expect("a poller");
    let peers = [peer("127.0.0.1:0"), peer("[::1]:0")];
    for (peer, to) in peers.iter().zip(&locals) {
        peer.send_to(b"hello", to).expect("sent");
    }
    let mut answered = 0;
    while answered < 2 {
        answered += receiver
            .receive(|datagram| sender.send(datagram.from, datagram.local, b"answer".to_vec()))
            .expect("received");
        sender.flush();
        poller.pass(false, sender.sources(), Some(Duration::from_millis(10))).expect("waited");
    }
    for (peer, from) in peers.iter().zip(&locals) {
        let mut buf = [0; 64];
        assert_eq!(peer.recv_from(&mut buf).expect("received"), (6, *from));
    }
}

#[test]
fn an_answer_leaves_from_the_address_that_was_asked() {
    let mut port = Port::bind("0.0.0.0:0");
    let peers: Vec<UdpSocket> = (0..3).map(|_| peer("127.0.0.1:0")).collect();
    let asked = |n: usize| Ipv4Addr::new(127, 0, 0, 2 + n as u8);
    for (n, peer) in peers.iter().enumerate() {
        peer.send_to(&[n as u8], (asked(n), port.addr.port())).expect("sent");
    }
    // One flush with three origins.
    for kept in port.receive(3) {
        let n = usize::from(kept.octets[0]);
        assert_eq!(kept.local, SocketAddr::from((asked(n), port.addr.port())));
        port.sender.send(kept.from, kept.local, b"answer".to_vec());
    }
    port.sender.flush();
    for (n, peer) in peers.iter().enumerate() {
        let (_, from) = peer.recv_from(&mut [0; 64]).expect("received");
        assert_eq!(from, SocketAddr::from((asked(n), port.addr.port())));
    }
}

#[test]
fn an_ipv6_answer_leaves_from_the_address_that_was_asked() {
    let mut port = Port::bind("[::]:0");
    let peer = peer("[::1]:0");
    peer.send_to(b"hello", ("::1", port.addr.port())).expect("sent");
    let kept = port.receive(1).remove(0);
    assert_eq!(kept.local, SocketAddr::from((Ipv6Addr::LOCALHOST, port.addr.port())));
    port.sender.send(kept.from, kept.local, b"answer".to_vec());
    port.sender.flush();
    let (_, from) = peer.recv_from(&mut [0; 64]).expect("received");
    assert_eq!(from, kept.local);
}

#[test]
fn more_than_a_batch_arrives_whole_and_in_order() {
    let mut port = Port::bind("127.0.0.1:0");
    let mut other = Port::bind("127.0.0.1:0");
    let count = 3 * BATCH + 5;
    for n in 0..count {
        let mut buffer = other.sender.buffer();
        buffer.extend_from_slice(&(n as u32).to_be_bytes());
        other.sender.send(port.addr, port.addr, buffer);
    }
    other.sender.flush();
    let numbers: Vec<u32> = port
        .receive(count)
        .iter()
        .map(|kept| u32::from_be_bytes(kept.octets[..].try_into().expect("four octets")))
        .collect();
    assert_eq!(numbers, (0..count as u32).collect::<Vec<_>>());
    assert_eq!(other.sender.counters().datagrams, count as u64);
    assert_eq!(port.receiver.counters().octets, 4 * count as u64);
}

#[test]
fn sent_buffers_are_used_again() {
    let mut port = Port::bind("127.0.0.1:0");
    let mut buffer = port.sender.buffer();
    buffer.reserve(2_000);
    let capacity = buffer.capacity();
    buffer.push(1);
    port.sender.send(port.addr, port.addr, buffer);
    port.sender.flush();
    let again = port.sender.buffer();
    assert_eq!((again.len(), again.capacity()), (0, capacity));
}

#[test]
fn a_datagram_longer_than_the_limit_is_dropped_and_counted() {
    let mut port = Port::bind("127.0.0.1:0");
    let peer = peer("127.0.0.1:0");
    peer.send_to(&vec![1; MAX_DATAGRAM + 1], port.addr).expect("sent");
    peer.send_to(&vec![2; MAX_DATAGRAM], port.addr).expect("sent");
    let kept = port.receive(1);
    assert_eq!(kept[0].octets, vec![2; MAX_DATAGRAM]);
    assert_eq!(port.receiver.counters().too_long, 1);
}

#[test]
fn a_refused_datagram_is_counted_and_does_not_hold_up_the_others() {
    let mut port = Port::bind("127.0.0.1:0");
    let peer = peer("127.0.0.1:0");
    let to = peer.local_addr().expect("bound");
    // Longer than any UDP datagram, and to a family without a socket.
    port.sender.send(to, port.addr, vec![0; 70_000]);
    port.sender.send("[::1]:9".parse().expect("an address"), port.addr, vec![0]);
    port.sender.send(to, port.addr, b"goes through".to_vec());
    port.sender.flush();
    let mut buf = [0; 64];
    assert_eq!(peer.recv(&mut buf).expect("received"), 12);
    let counters = port.sender.counters();
    assert_eq!((counters.refused, counters.no_socket, counters.datagrams), (1, 1, 1));
}

#[test]
fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let holder = peer("127.0.0.1:0");
    let addr = holder.local_addr().expect("bound");
    let error = Binding::new(&[addr], &UdpConfig::default()).expect_err("refused").to_string();
    assert!(error.starts_with(&format!("UDP {addr}: ")), "{error}");
    assert!(error.contains("another program holds the port"), "{error}");
}

#[test]
fn two_addresses_of_one_family_are_refused() {
    let addrs = ["127.0.0.1:0", "127.0.0.2:0"].map(|addr| addr.parse().expect("an address"));
    let error = Binding::new(&addrs, &UdpConfig::default()).expect_err("refused").to_string();
    assert!(error.contains("one address per family"), "{error}");
}

#[test]
fn the_discovery_group_is_heard_and_answered_from_an_address_of_our_own() {
    let mut port = Port::with("0.0.0.0:0", &UdpConfig { discovery_groups: true, ..UdpConfig::default() });
    let asking = peer("0.0.0.0:0");
    if asking.send_to(b"discovery", ("224.0.1.140", port.addr.port())).is_err() {
        eprintln!("SKIPPED: no interface here takes multicast");
        return;
    }
    let kept = port.receive(1).remove(0);
    assert_eq!(kept.octets, b"discovery");
    let local = kept.local.ip();
    assert!(!local.is_multicast() && !local.is_unspecified(), "{local}");
    port.sender.send(kept.from, kept.local, b"answer".to_vec());
    port.sender.flush();
    let (_, from) = asking.recv_from(&mut [0; 64]).expect("received");
    assert_eq!(from, kept.local);
    assert_ne!(port_of(&asking), port.addr.port());
}
