use super::*;
use capledger_schema::failure::FetchFailureKind;

const SERVER: ([u8; 4], u16) = ([10, 0, 0, 5], 69);
const PEER: ([u8; 4], u16) = ([10, 0, 0, 5], 40_000);

/// One client, time, and what it sent.
struct Talk {
    now: Monotonic,
    read: TftpRead,
}

impl Talk {
    fn new(blksize: u16, windowsize: u16) -> Self {
        let config = ReadConfig { blksize, windowsize, ..ReadConfig::new("EWC/ap1g6") };
        let now = Monotonic(5_000_000);
        Talk { now, read: TftpRead::new(now, SERVER.into(), config) }
    }

    /// A client whose request was sent and answered with these options.
    fn opened(blksize: u16, windowsize: u16, tsize: Option<u64>) -> Self {
        let mut talk = Talk::new(blksize, windowsize);
        talk.sent();
        let options = Options {
            blksize: Some(blksize),
            windowsize: (windowsize > 1).then_some(windowsize),
            tsize,
            ..Options::default()
        };
        assert_eq!(talk.hears(&Packet::OptionAck(options)), Ok(Received::Opened(tsize)));
        assert_eq!(talk.sent(), [(PEER.into(), Packet::Ack(0).encode())]);
        talk
    }

    fn hears(&mut self, packet: &Packet<'_>) -> Result<Received<'static>, TftpError> {
        self.hears_from(PEER.into(), packet)
    }

    /// The octets received are leaked: tests are short.
    fn hears_from(&mut self, from: SocketAddr, packet: &Packet<'_>) -> Result<Received<'static>, TftpError> {
        let datagram: &'static [u8] = packet.encode().leak();
        self.read.handle(self.now, from, datagram)
    }

    fn block(&mut self, block: u16, data: &'static [u8]) -> Result<Received<'static>, TftpError> {
        self.hears(&Packet::Data { block, data })
    }

    fn sent(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        std::iter::from_fn(|| self.read.poll_transmit()).map(|t| (t.to, t.octets)).collect()
    }

    /// The number of the one ACK that was sent, if any.
    fn acked(&mut self) -> Option<u16> {
        let sent = self.sent();
        assert!(sent.len() <= 1, "{sent:?}");
        sent.first().map(|(to, octets)| {
            assert_eq!(*to, PEER.into());
            match Packet::parse(octets) {
                Ok(Packet::Ack(n)) => n,
                other => panic!("not an ACK: {other:?}"),
            }
        })
    }

    fn passes(&mut self, time: Duration) -> Result<(), TftpError> {
        self.now = self.now + time;
        self.read.handle_timeout(self.now)
    }
}

fn error(code: u16, words: &'static str) -> Packet<'static> {
    Packet::Error(ErrorPacket { code: ErrorCode(code), words: words.into() })
}

/// What the only datagram sent says of an error.
fn told(talk: &mut Talk) -> (SocketAddr, u16) {
    let sent = talk.sent();
    assert_eq!(sent.len(), 1, "{sent:?}");
    match Packet::parse(&sent[0].1) {
        Ok(Packet::Error(e)) => (sent[0].0, e.code.0),
        other => panic!("not an ERROR: {other:?}"),
    }
}

#[test]
fn the_request_proposes_block_size_length_and_window() {
    let sent = Talk::new(1428, 16).sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0, SERVER.into());
    assert_eq!(sent[0].1, b"\0\x01EWC/ap1g6\0octet\0blksize\x001428\0tsize\x000\0windowsize\x0016\0");
}

#[test]
fn a_server_without_options_is_read_in_blocks_of_512() {
    let mut talk = Talk::new(1428, 16);
    talk.sent();
    assert_eq!(talk.block(1, &[1; 512]), Ok(Received::Data(&[1; 512])));
    assert_eq!(talk.acked(), Some(1));
    assert_eq!(talk.read.agreed(), Some((512, 1)));
    assert_eq!(talk.block(2, &[2; 5]), Ok(Received::Last(&[2; 5])));
    assert_eq!(talk.acked(), Some(2));
    assert_eq!(talk.read.deadline(), None);
}

#[test]
fn a_file_of_whole_blocks_ends_with_an_empty_one() {
    let mut talk = Talk::opened(8, 1, Some(8));
    assert_eq!(talk.block(1, &[1; 8]), Ok(Received::Data(&[1; 8])));
    assert_eq!(talk.acked(), Some(1));
    assert_eq!(talk.block(2, &[]), Ok(Received::Last(&[])));
    assert_eq!(talk.acked(), Some(2));
}

#[test]
fn a_window_is_acknowledged_with_its_last_block() {
    let mut talk = Talk::opened(8, 4, None);
    for window in 0..3 {
        for block in 1..4 {
            assert!(matches!(talk.block(window * 4 + block, &[1; 8]), Ok(Received::Data(_))));
            assert_eq!(talk.acked(), None);
        }
        assert!(matches!(talk.block(window * 4 + 4, &[1; 8]), Ok(Received::Data(_))));
        assert_eq!(talk.acked(), Some(window * 4 + 4));
    }
}

#[test]
fn a_missing_block_is_reported_once_and_the_window_starts_again_behind_it() {
    let mut talk = Talk::opened(8, 4, None);
    assert!(matches!(talk.block(1, &[1; 8]), Ok(Received::Data(_))));
    assert_eq!(talk.block(3, &[3; 8]), Ok(Received::Nothing));
    assert_eq!(talk.acked(), Some(1));
    assert_eq!(talk.block(4, &[4; 8]), Ok(Received::Nothing));
    assert_eq!(talk.acked(), None, "the same gap");
    for block in 2..5 {
        assert!(matches!(talk.block(block, &[1; 8]), Ok(Received::Data(_))));
        assert_eq!(talk.acked(), None);
    }
    assert!(matches!(talk.block(5, &[1; 8]), Ok(Received::Data(_))));
    assert_eq!(talk.acked(), Some(5), "a window counts from the last ACK");
    assert_eq!(talk.read.counters().gaps, 2);
}

#[test]
fn a_block_that_comes_again_is_acknowledged_only_after_the_server_waited() {
    let mut talk = Talk::opened(8, 1, None);
    assert!(matches!(talk.block(1, &[1; 8]), Ok(Received::Data(_))));
    assert_eq!(talk.acked(), Some(1));
    assert_eq!(talk.block(1, &[1; 8]), Ok(Received::Nothing));
    assert_eq!(talk.acked(), None, "a copy on the way");
    talk.now = talk.now + REPEATED;
    assert_eq!(talk.block(1, &[1; 8]), Ok(Received::Nothing));
    assert_eq!(talk.acked(), Some(1), "the ACK was lost");
    assert_eq!(talk.read.counters().repeated, 2);
}

#[test]
fn block_numbers_go_on_at_zero_after_65535_or_at_one() {
    for (windowsize, after) in [(1, 0u16), (1, 1), (16, 0)] {
        let mut talk = Talk::opened(8, windowsize, None);
        for block in 1..=65_535u16 {
            assert!(matches!(talk.block(block, &[1; 8]), Ok(Received::Data(_))));
            talk.sent();
        }
        assert!(matches!(talk.block(after, &[2; 8]), Ok(Received::Data(_))));
        talk.sent();
        assert_eq!(talk.block(after + 1, &[3; 2]), Ok(Received::Last(&[3; 2])));
        assert_eq!(talk.acked(), Some(after + 1));
    }
}

#[test]
fn the_request_is_repeated_with_growing_pauses_until_the_limit_of_silence() {
    let mut talk = Talk::new(1428, 16);
    let begin = talk.now;
    let mut moments = Vec::new();
    let silent = loop {
        let sent = talk.sent().len();
        moments.extend(std::iter::repeat_n(talk.now.since(begin).as_secs(), sent));
        talk.now = talk.read.deadline().expect("still asking");
        if let Err(e) = talk.read.handle_timeout(talk.now) {
            break e;
        }
    };
    assert_eq!(moments, [0, 1, 3, 7, 15, 23, 31, 39]);
    assert_eq!(talk.now.since(begin), Duration::from_secs(40));
    assert_eq!(silent.failure().kind, FetchFailureKind::TimedOut);
    assert_eq!(talk.sent(), [], "nobody ever answered, so nobody is told");
}

#[test]
fn a_server_that_stops_sending_is_asked_again_and_then_given_up_and_told() {
    let mut talk = Talk::opened(8, 4, None);
    assert!(matches!(talk.block(1, &[1; 8]), Ok(Received::Data(_))));
    assert_eq!(talk.passes(Duration::from_secs(2)), Ok(()));
    assert_eq!(talk.acked(), Some(1), "what has come of the window");
    // Blocks that came already are no progress.
    talk.now = talk.now + Duration::from_secs(37);
    assert_eq!(talk.block(1, &[1; 8]), Ok(Received::Nothing));
    talk.sent();
    let e = talk.passes(Duration::from_secs(1)).expect_err("silent");
    assert_eq!(e.failure().kind, FetchFailureKind::TimedOut);
    assert!(e.to_string().contains("after 8 octets"), "{e}");
    assert_eq!(told(&mut talk).0, PEER.into());
}

#[test]
fn only_the_port_that_answered_first_is_trusted() {
    let mut talk = Talk::opened(8, 1, None);
    for stranger in [([10, 0, 0, 5], 40_001), ([10, 0, 0, 6], 40_000)] {
        let got = talk.hears_from(stranger.into(), &Packet::Data { block: 1, data: &[9; 8] });
        assert_eq!(got, Ok(Received::Nothing));
        assert_eq!(told(&mut talk), (stranger.into(), 5));
        // Nor can it end the transfer.
        assert_eq!(talk.hears_from(stranger.into(), &error(1, "File not found")), Ok(Received::Nothing));
        talk.sent();
    }
    assert_eq!(talk.read.counters().strangers, 4);
    assert_eq!(talk.block(1, &[1; 2]), Ok(Received::Last(&[1; 2])));
}

#[test]
fn another_host_cannot_answer_the_request() {
    let mut talk = Talk::new(8, 1);
    talk.sent();
    let stranger = SocketAddr::from(([10, 0, 0, 6], 69));
    assert_eq!(talk.hears_from(stranger, &Packet::Data { block: 1, data: &[9; 8] }), Ok(Received::Nothing));
    assert_eq!(told(&mut talk), (stranger, 5));
    for _ in 0..100 {
        assert_eq!(talk.hears_from(stranger, &error(0, "no")), Ok(Received::Nothing));
    }
    assert_eq!(talk.sent().len() as u64, STRANGERS_ANSWERED - 1, "a flood is not answered with a flood");
    assert_eq!(talk.block(1, &[1; 5]), Ok(Received::Last(&[1; 5])));
}

#[test]
fn a_server_that_will_not_have_options_is_asked_without() {
    for code in [8, 4] {
        let mut talk = Talk::new(1428, 16);
        talk.sent();
        assert_eq!(talk.hears(&error(code, "no options, please")), Ok(Received::Nothing));
        assert_eq!(talk.sent(), [(SERVER.into(), b"\0\x01EWC/ap1g6\0octet\0".to_vec())]);
        // A copy of that error is not the answer to the second request; one from a new port is.
        assert_eq!(talk.hears(&error(code, "no options, please")), Ok(Received::Nothing));
        let again = SocketAddr::from(([10, 0, 0, 5], 40_001));
        let e = talk.hears_from(again, &error(code, "no")).expect_err("the second no");
        assert_eq!(e.failure().kind, FetchFailureKind::Protocol);
    }
}

#[test]
fn an_error_of_the_server_ends_the_transfer_with_its_words() {
    let mut talk = Talk::new(1428, 16);
    let e = talk.hears(&error(1, "File not found")).expect_err("not found");
    assert_eq!(e.failure(), capledger_schema::failure::FetchFailure::new(FetchFailureKind::NotFound, "File not found"));
    assert_eq!(talk.read.deadline(), None);
}

#[test]
fn options_beyond_what_was_proposed_are_a_broken_protocol() {
    let beyond = [
        Options { blksize: Some(1429), ..Options::default() },
        Options { windowsize: Some(17), ..Options::default() },
        Options { timeout: Some(3), ..Options::default() },
        Options { ignored: 1, ..Options::default() },
    ];
    for options in beyond {
        let mut talk = Talk::new(1428, 16);
        talk.sent();
        // `ignored` has no form of its own on the wire.
        let datagram =
            if options.ignored > 0 { b"\0\x06new\x001\0".to_vec() } else { Packet::OptionAck(options).encode() };
        let e = talk.read.handle(talk.now, PEER.into(), &datagram).expect_err("beyond");
        assert_eq!(e.failure().kind, FetchFailureKind::Protocol);
        assert_eq!(told(&mut talk), (PEER.into(), 8));
    }
}

#[test]
fn a_block_larger_than_agreed_is_a_broken_protocol() {
    let mut talk = Talk::opened(8, 1, None);
    let e = talk.block(1, &[1; 9]).expect_err("too large");
    assert_eq!(e.failure().kind, FetchFailureKind::Protocol);
    assert_eq!(told(&mut talk), (PEER.into(), 0));
}

#[test]
fn a_server_that_sends_what_only_clients_send_is_no_server() {
    for packet in
        [Packet::Ack(0), Packet::Read(Request { file: "f".into(), mode: Mode::Octet, options: Options::default() })]
    {
        let mut talk = Talk::new(8, 1);
        talk.sent();
        assert_eq!(talk.hears(&packet).expect_err("no server").failure().kind, FetchFailureKind::Protocol);
        assert_eq!(told(&mut talk), (PEER.into(), 4));
    }
}

#[test]
fn what_is_no_tftp_is_counted_and_disturbs_nothing() {
    let mut talk = Talk::opened(8, 1, None);
    for datagram in [&b""[..], b"\0", b"\xff\xff\0\0", b"\0\x03"] {
        assert_eq!(talk.read.handle(talk.now, PEER.into(), datagram), Ok(Received::Nothing));
    }
    assert_eq!(talk.read.counters().malformed, 4);
    assert_eq!(talk.block(1, &[]), Ok(Received::Last(&[])));
}

#[test]
fn a_lost_first_ack_is_repeated_when_the_options_come_again() {
    let mut talk = Talk::opened(8, 4, Some(100));
    let options = Options { blksize: Some(8), windowsize: Some(4), tsize: Some(100), ..Options::default() };
    talk.now = talk.now + Duration::from_millis(900);
    assert_eq!(talk.hears(&Packet::OptionAck(options)), Ok(Received::Nothing));
    assert_eq!(talk.acked(), Some(0));
}

#[test]
fn a_refused_port_ends_it_only_if_it_is_the_servers() {
    let mut talk = Talk::new(8, 1);
    assert_eq!(talk.read.handle_refused(([10, 0, 0, 5], 40_001).into()), Ok(()));
    let e = talk.read.handle_refused(SERVER.into()).expect_err("refused");
    assert_eq!(e.failure().kind, FetchFailureKind::Refused);
    assert_eq!(e.to_string(), "10.0.0.5:69: Connection refused");
}

#[test]
fn an_abort_tells_the_server_and_ends_everything() {
    let mut talk = Talk::opened(8, 1, None);
    talk.read.abort(ErrorCode::FULL, "disk full");
    assert_eq!(told(&mut talk), (PEER.into(), 3));
    assert_eq!(talk.block(1, &[1; 8]), Ok(Received::Nothing));
    assert_eq!((talk.read.deadline(), talk.sent()), (None, vec![]));
}

#[test]
fn repetitions_follow_the_measured_round_trip() {
    let mut talk = Talk::opened(8, 1, None);
    for block in 1..50 {
        talk.now = talk.now + Duration::from_millis(120);
        assert!(matches!(talk.block(block, &[1; 8]), Ok(Received::Data(_))));
        talk.sent();
    }
    let interval = talk.read.deadline().expect("open").since(talk.now);
    assert_eq!(interval, Duration::from_millis(480));
}
