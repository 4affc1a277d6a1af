//! The sender alone, and with the reader over a link that loses, copies and reorders.

use super::*;
use crate::fetch::tftp::packet::{ErrorCode, ErrorPacket};
use crate::fetch::tftp::read::{ReadConfig, Received, TftpRead};
use proptest::prelude::*;
use std::net::SocketAddr;

const LIMITS: SendLimits = SendLimits { blksize: 1428, windowsize: 16, interval: Duration::from_secs(1), retries: 6 };
const NOW: Monotonic = Monotonic(1);

fn numbers(send: &mut TftpSend) -> Vec<u16> {
    std::iter::from_fn(|| send.poll_transmit())
        .map(|s| match s {
            Send::Block { number, .. } => number,
            Send::Options(_) => panic!("options"),
        })
        .collect()
}

fn windowed(len: u64, windowsize: u16) -> TftpSend {
    let options = Options { blksize: Some(8), windowsize: Some(windowsize), ..Options::default() };
    let mut send = TftpSend::new(NOW, len, options, &LIMITS);
    assert!(matches!(send.poll_transmit(), Some(Send::Options(_))));
    assert_eq!(send.poll_transmit(), None, "nothing before the options are acknowledged");
    assert_eq!(send.handle(NOW, &Packet::Ack(0)), Standing::Going);
    send
}

#[test]
fn a_request_without_options_is_answered_with_the_first_block() {
    let mut send = TftpSend::new(NOW, 600, Options::default(), &LIMITS);
    assert_eq!(send.poll_transmit(), Some(Send::Block { number: 1, offset: 0, len: 512 }));
    assert_eq!(send.poll_transmit(), None);
    assert_eq!(send.handle(NOW, &Packet::Ack(1)), Standing::Going);
    assert_eq!(send.poll_transmit(), Some(Send::Block { number: 2, offset: 512, len: 88 }));
    assert_eq!(send.handle(NOW, &Packet::Ack(2)), Standing::Done);
    assert_eq!(send.octets(), 600);
}

#[test]
fn options_are_agreed_to_within_the_limits_and_others_are_not_mentioned() {
    let proposed =
        Options { blksize: Some(60_000), tsize: Some(0), windowsize: Some(100), timeout: Some(3), ignored: 2 };
    let mut send = TftpSend::new(NOW, 77, proposed, &LIMITS);
    let agreed = Options { blksize: Some(1428), tsize: Some(77), windowsize: Some(16), timeout: Some(3), ignored: 0 };
    assert_eq!(send.poll_transmit(), Some(Send::Options(agreed)));
    assert_eq!(send.deadline(), NOW + Duration::from_secs(3));
}

#[test]
fn a_file_of_whole_blocks_ends_with_an_empty_one_and_an_empty_file_is_one() {
    let mut send = windowed(16, 4);
    assert_eq!(numbers(&mut send), [1, 2, 3]);
    assert_eq!(send.handle(NOW, &Packet::Ack(3)), Standing::Done);
    assert_eq!(numbers(&mut windowed(0, 4)), [1]);
}

#[test]
fn an_ack_inside_the_window_restarts_it_there() {
    let mut send = windowed(800, 4);
    assert_eq!(numbers(&mut send), [1, 2, 3, 4]);
    assert_eq!(send.handle(NOW, &Packet::Ack(2)), Standing::Going);
    assert_eq!(numbers(&mut send), [3, 4, 5, 6]);
}

#[test]
fn a_missing_first_block_is_sent_again_once_and_copies_of_acks_double_nothing() {
    let mut send = windowed(800, 4);
    assert_eq!(numbers(&mut send), [1, 2, 3, 4]);
    assert_eq!(send.handle(NOW, &Packet::Ack(0)), Standing::Going);
    assert_eq!(numbers(&mut send), [1, 2, 3, 4]);
    assert_eq!(send.handle(NOW, &Packet::Ack(0)), Standing::Going);
    assert_eq!(numbers(&mut send), [0; 0]);
    let mut plain = TftpSend::new(NOW, 5000, Options::default(), &LIMITS);
    assert_eq!(numbers(&mut plain), [1]);
    assert_eq!(plain.handle(NOW, &Packet::Ack(1)), Standing::Going);
    assert_eq!(numbers(&mut plain), [2]);
    assert_eq!(plain.handle(NOW, &Packet::Ack(1)), Standing::Going);
    assert_eq!(numbers(&mut plain), [0; 0]);
}

#[test]
fn an_ack_of_what_was_never_sent_is_nothing() {
    let mut send = windowed(800, 4);
    assert_eq!(numbers(&mut send), [1, 2, 3, 4]);
    for number in [5, 100, 65_535] {
        assert_eq!(send.handle(NOW, &Packet::Ack(number)), Standing::Going);
        assert_eq!(send.octets(), 0);
    }
}

#[test]
fn a_silent_client_is_tried_again_and_given_up() {
    let mut send = windowed(800, 4);
    numbers(&mut send);
    for _ in 0..LIMITS.retries {
        let due = send.deadline();
        assert_eq!(send.handle_timeout(due), Standing::Going);
        assert_eq!(numbers(&mut send), [1, 2, 3, 4]);
    }
    let due = send.deadline();
    assert_eq!(send.handle_timeout(due), Standing::Silent);
}

#[test]
fn an_error_of_the_client_ends_it() {
    let error = Packet::Error(ErrorPacket { code: ErrorCode::FULL, words: "disk full".into() });
    assert_eq!(windowed(800, 4).handle(NOW, &error), Standing::Ended);
}

/// A link of both ways, with one clock. Datagrams are delivered in the order of their arrival.
struct Link {
    now: Monotonic,
    random: u64,
    loss: u64,
    copies: u64,
    jitter: u64,
    under_way: Vec<(Monotonic, bool, Vec<u8>)>,
}

impl Link {
    /// The next of a seeded stream, below `n`.
    fn below(&mut self, n: u64) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % n
    }

    fn send(&mut self, to_reader: bool, datagram: &[u8]) {
        let copies = if self.below(100) < self.copies { 2 } else { 1 };
        for _ in 0..copies {
            if self.below(100) >= self.loss {
                let delay = Duration::from_micros(5_000 + self.below(self.jitter + 1));
                self.under_way.push((self.now + delay, to_reader, datagram.to_vec()));
            }
        }
    }

    fn arrival(&self) -> Option<Monotonic> {
        self.under_way.iter().map(|(at, ..)| *at).min()
    }

    fn take(&mut self) -> Option<(bool, Vec<u8>)> {
        let at = self.under_way.iter().enumerate().min_by_key(|(_, (at, ..))| *at)?.0;
        let (_, to_reader, datagram) = self.under_way.remove(at);
        Some((to_reader, datagram))
    }
}

struct Outcome {
    received: Vec<u8>,
    datagrams: u64,
}

/// Transfers a file over the link in virtual time.
fn transfer(file: &[u8], config: ReadConfig, mut link: Link) -> Outcome {
    let server = SocketAddr::from(([10, 0, 0, 5], 69));
    let (blksize, windowsize) = (config.blksize, config.windowsize);
    // A file name means nothing here: the sender is made when the first request arrives.
    let mut read = TftpRead::new(link.now, server, config);
    let mut send: Option<TftpSend> = None;
    let mut outcome = Outcome { received: Vec::new(), datagrams: 0 };
    loop {
        while let Some(datagram) = read.poll_transmit() {
            outcome.datagrams += 1;
            link.send(false, &datagram.octets);
        }
        while let Some(what) = send.as_mut().and_then(TftpSend::poll_transmit) {
            outcome.datagrams += 1;
            link.send(
                true,
                &match what {
                    Send::Options(options) => Packet::OptionAck(options).encode(),
                    Send::Block { number, offset, len } => {
                        Packet::Data { block: number, data: &file[offset as usize..][..len] }.encode()
                    }
                },
            );
        }
        let deadline = read.deadline().expect("not over");
        let deadline = send.as_ref().map_or(deadline, |s| s.deadline().min(deadline));
        link.now = link.now.max(link.arrival().map_or(deadline, |at| at.min(deadline)));
        if link.arrival().is_none_or(|at| at > link.now) {
            read.handle_timeout(link.now).expect("the reader did not give up");
            if let Some(send) = &mut send {
                assert_eq!(send.handle_timeout(link.now), Standing::Going, "the sender did not give up");
            }
            continue;
        }
        let Some((to_reader, datagram)) = link.take() else { continue };
        if to_reader {
            match read.handle(link.now, server, &datagram).expect("no error") {
                Received::Data(octets) => outcome.received.extend_from_slice(octets),
                Received::Last(octets) => {
                    outcome.received.extend_from_slice(octets);
                    return outcome;
                }
                Received::Nothing | Received::Opened(_) => {}
            }
        } else {
            let packet = Packet::parse(&datagram).expect("a packet");
            if let Some(send) = &mut send {
                send.handle(link.now, &packet);
            } else if let Packet::Read(request) = packet {
                let limits = SendLimits { blksize, windowsize, retries: 60, ..LIMITS };
                send = Some(TftpSend::new(link.now, file.len() as u64, request.options, &limits));
            }
        }
    }
}

fn file(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn config(blksize: u16, windowsize: u16) -> ReadConfig {
    ReadConfig { blksize, windowsize, silence: Duration::from_secs(600), ..ReadConfig::new("f") }
}

fn link(seed: u64, loss: u64, copies: u64, jitter: u64) -> Link {
    Link { now: Monotonic(0), random: seed, loss, copies, jitter, under_way: Vec::new() }
}

#[test]
fn block_numbers_wrap_in_files_of_more_than_65535_blocks() {
    let file = file(8 * 140_000 + 3);
    for windowsize in [1, 16] {
        let got = transfer(&file, config(8, windowsize), link(1, 0, 0, 0));
        assert!(got.received == file, "window {windowsize}");
    }
}

#[test]
fn copied_datagrams_do_not_multiply() {
    // With one datagram in two copied, answering copies would double the traffic at each block.
    let file = file(8 * 300);
    for windowsize in [1, 4, 16] {
        let got = transfer(&file, config(8, windowsize), link(7, 0, 50, 0));
        assert_eq!(got.received, file);
        let least = 300 + 300 / u64::from(windowsize);
        assert!(got.datagrams < 3 * least, "window {windowsize}: {} datagrams for {least}", got.datagrams);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_arrives_whole_over_any_bad_link(
        len in 0usize..6000, blksize in 8u16..600, windowsize in 1u16..20,
        seed: u64, loss in 0u64..25, copies in 0u64..20, jitter in 0u64..20_000,
    ) {
        let file = file(len);
        let got = transfer(&file, config(blksize, windowsize), link(seed, loss, copies, jitter));
        prop_assert!(got.received == file);
    }
}
