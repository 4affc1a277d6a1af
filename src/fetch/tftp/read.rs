//! Reading one file by TFTP, as a state machine: datagrams and the time go in; octets, datagrams and a deadline come
//! out.
//!
//! RFC 1350 with RFC 2347, 2348, 2349 and 7440. A server that knows no options is read plainly. It opens no socket,
//! reads no clock, and trusts no address but the one that answered first.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use capledger_schema::time::Monotonic;

use super::error::TftpError;
use super::packet::{DEFAULT_BLOCK, ErrorCode, ErrorPacket, Mode, Options, Packet, Request};

/// Until the first packet, or the first round trip is measured, a request or ACK is repeated after this time.
const FIRST_INTERVAL: Duration = Duration::from_secs(1);
/// A repetition comes no sooner, however short the round trip.
const LEAST_INTERVAL: Duration = Duration::from_millis(250);
/// Each repetition doubles the interval up to this.
const LONGEST_INTERVAL: Duration = Duration::from_secs(8);
/// A block that comes again sooner than this after its ACK was copied on the way or answers a copied ACK. Answering it
/// would double every packet from then on (the Sorcerer's Apprentice, RFC 1123 4.2.3.1).
const REPEATED: Duration = Duration::from_millis(100);
/// So many packets from foreign ports are answered with ERROR 5; further ones are only counted.
const STRANGERS_ANSWERED: u64 = 16;

/// What to read and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadConfig {
    /// As the server names it.
    pub file: String,
    /// Octets per block to propose. 1,428 fits an Ethernet frame with room for a tunnel's header.
    pub blksize: u16,
    /// Blocks per ACK to propose; 1 proposes none.
    pub windowsize: u16,
    /// The server may bring nothing new for so long.
    pub silence: Duration,
}

impl ReadConfig {
    /// A file, with the usual settings.
    pub fn new(file: impl Into<String>) -> Self {
        ReadConfig { file: file.into(), blksize: 1428, windowsize: 16, silence: Duration::from_secs(40) }
    }
}

/// What a datagram brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Nothing new.
    Nothing,
    /// The server agreed to send, and said how long the file is if it knows.
    Opened(Option<u64>),
    /// The next octets of the file.
    Data(&'a [u8]),
    /// The last octets of the file, maybe none. The transfer is over once what is to be sent has been sent.
    Last(&'a [u8]),
}

/// A datagram to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: SocketAddr,
    /// The datagram.
    pub octets: Vec<u8>,
}

/// What happened besides the transfer itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets from addresses that are no part of the transfer.
    pub strangers: u64,
    /// Packets that are no TFTP.
    pub malformed: u64,
    /// Blocks that had come already.
    pub repeated: u64,
    /// Times that a block was missing before the one that came.
    pub gaps: u64,
    /// Requests and ACKs sent again because nothing came.
    pub resent: u64,
}

/// The reading of one file.
#[derive(Debug)]
pub struct TftpRead {
    config: ReadConfig,
    /// The address that is asked.
    server: SocketAddr,
    state: State,
    out: VecDeque<Transmit>,
    /// When the last new octets, or the first answer, came.
    moved_at: Monotonic,
    resend_at: Monotonic,
    interval: Duration,
    counters: Counters,
}

#[derive(Debug)]
enum State {
    /// The request is out. With `plain`, without options, because the server at `deaf` would not have them.
    Asking { plain: bool, deaf: Option<SocketAddr> },
    /// The server sends.
    Open(Open),
    /// Ended, well or not.
    Over,
}

#[derive(Debug)]
struct Open {
    /// The server's port for this transfer.
    peer: SocketAddr,
    blksize: usize,
    windowsize: u16,
    /// Number of the last block that came in order, modulo 65,536.
    last: u16,
    /// Blocks in order since the last ACK.
    unacked: u16,
    /// A gap was reported, and the missing block has not come yet.
    gap_reported: bool,
    acked_at: Monotonic,
    /// Whether the next new block answers an ACK that was sent once, so that it measures the round trip.
    measuring: bool,
    /// Smoothed time from ACK to next block.
    round_trip: Option<Duration>,
    octets: u64,
}

impl TftpRead {
    /// Asks the server for the file.
    pub fn new(now: Monotonic, server: SocketAddr, config: ReadConfig) -> Self {
        let mut read = TftpRead {
            config,
            server,
            state: State::Asking { plain: false, deaf: None },
            out: VecDeque::new(),
            moved_at: now,
            resend_at: now,
            interval: FIRST_INTERVAL,
            counters: Counters::default(),
        };
        read.ask(now, false);
        read
    }

    /// Takes a datagram. After an error there may be a last datagram to send; nothing else follows.
    pub fn handle<'a>(
        &mut self,
        now: Monotonic,
        from: SocketAddr,
        datagram: &'a [u8],
    ) -> Result<Received<'a>, TftpError> {
        match &self.state {
            State::Over => return Ok(Received::Nothing),
            State::Asking { deaf, .. } => {
                if *deaf == Some(from) {
                    self.counters.repeated += 1;
                    return Ok(Received::Nothing);
                }
                // The port is the server's choice (RFC 1350 section 4), the host is not.
                if from.ip() != self.server.ip() {
                    self.turn_away(from);
                    return Ok(Received::Nothing);
                }
            }
            State::Open(open) => {
                if open.peer != from {
                    self.turn_away(from);
                    return Ok(Received::Nothing);
                }
            }
        }
        let Ok(packet) = Packet::parse(datagram) else {
            self.counters.malformed += 1;
            return Ok(Received::Nothing);
        };
        match packet {
            Packet::Data { block, data } => self.data(now, from, block, data),
            Packet::OptionAck(options) => self.options(now, from, options),
            Packet::Error(error) => self.error(now, from, &error),
            Packet::Read(_) | Packet::Write(_) | Packet::Ack(_) => Err(self.fail(
                Some(from),
                ErrorCode::ILLEGAL,
                TftpError::protocol("it sent a request or ACK to a reader"),
            )),
        }
    }

    /// Does what is due by now.
    pub fn handle_timeout(&mut self, now: Monotonic) -> Result<(), TftpError> {
        if matches!(self.state, State::Over) {
            return Ok(());
        }
        if now >= self.moved_at + self.config.silence {
            let octets = self.octets();
            let e = TftpError::Silent { server: self.peer(), silence: self.config.silence, octets };
            let answered = matches!(self.state, State::Open(_)).then(|| self.peer());
            return Err(self.fail(answered, ErrorCode::UNDEFINED, e));
        }
        if now < self.resend_at {
            return Ok(());
        }
        self.counters.resent += 1;
        let interval = (self.interval * 2).min(LONGEST_INTERVAL);
        match &mut self.state {
            State::Asking { plain, .. } => {
                let plain = *plain;
                self.ask(now, plain);
            }
            State::Open(open) => {
                // The server starts again behind the block that this names.
                (open.unacked, open.measuring, open.gap_reported) = (0, false, false);
                self.ack(now);
            }
            State::Over => {}
        }
        self.interval = interval;
        self.resend_at = now + interval;
        Ok(())
    }

    /// The host answered that nothing listens at `at` (an ICMP port unreachable).
    pub fn handle_refused(&mut self, at: SocketAddr) -> Result<(), TftpError> {
        let concerned = match &self.state {
            State::Asking { .. } => at == self.server,
            State::Open(open) => at == open.peer,
            State::Over => false,
        };
        if concerned {
            let error = TftpError::Refused { server: at, octets: self.octets() };
            return Err(self.fail(None, ErrorCode::UNDEFINED, error));
        }
        Ok(())
    }

    /// When to call [`TftpRead::handle_timeout`]; none once it is over.
    pub fn deadline(&self) -> Option<Monotonic> {
        match self.state {
            State::Over => None,
            State::Asking { .. } | State::Open(_) => Some(self.resend_at.min(self.moved_at + self.config.silence)),
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front()
    }

    /// Ends the transfer and tells the server why.
    pub fn abort(&mut self, code: ErrorCode, words: &str) {
        if let State::Open(open) = &self.state {
            let peer = open.peer;
            self.end(peer, code, words);
        }
        self.state = State::Over;
    }

    /// What happened besides the transfer itself.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Octets of the file so far.
    pub fn octets(&self) -> u64 {
        match &self.state {
            State::Open(open) => open.octets,
            State::Asking { .. } | State::Over => 0,
        }
    }

    /// Octets per block and blocks per ACK as agreed; none before the server answered.
    pub fn agreed(&self) -> Option<(usize, u16)> {
        match &self.state {
            State::Open(open) => Some((open.blksize, open.windowsize)),
            State::Asking { .. } | State::Over => None,
        }
    }

    fn peer(&self) -> SocketAddr {
        match &self.state {
            State::Open(open) => open.peer,
            State::Asking { .. } | State::Over => self.server,
        }
    }

    fn proposed(&self) -> Options {
        Options {
            blksize: Some(self.config.blksize),
            tsize: Some(0),
            windowsize: (self.config.windowsize > 1).then_some(self.config.windowsize),
            ..Options::default()
        }
    }

    fn ask(&mut self, now: Monotonic, plain: bool) {
        let options = if plain { Options::default() } else { self.proposed() };
        let request = Request { file: self.config.file.as_str().into(), mode: Mode::Octet, options };
        self.out.push_back(Transmit { to: self.server, octets: Packet::Read(request).encode() });
        self.resend_at = now + self.interval;
    }

    fn options(&mut self, now: Monotonic, from: SocketAddr, options: Options) -> Result<Received<'static>, TftpError> {
        let plain = match &self.state {
            State::Asking { plain, .. } => *plain,
            State::Open(open) => {
                self.counters.repeated += 1;
                if open.octets == 0 && now.since(open.acked_at) >= REPEATED {
                    self.ack(now);
                }
                return Ok(Received::Nothing);
            }
            State::Over => return Ok(Received::Nothing),
        };
        let proposed = if plain { Options::default() } else { self.proposed() };
        // A server may agree to less than was proposed, and to nothing that was not (RFC 2347, 2348, 7440).
        let fits = options.ignored == 0
            && options.timeout.is_none()
            && options.blksize <= proposed.blksize
            && options.windowsize <= proposed.windowsize
            && (options.tsize.is_none() || proposed.tsize.is_some());
        if !fits {
            let e = TftpError::protocol("it agreed to options that were not proposed");
            return Err(self.fail(Some(from), ErrorCode::OPTIONS, e));
        }
        self.open(now, from, options.blksize.unwrap_or(DEFAULT_BLOCK), options.windowsize.unwrap_or(1));
        self.ack(now);
        // Zero is what was sent in the request: such a server does not know the length.
        Ok(Received::Opened(options.tsize.filter(|n| *n > 0)))
    }

    fn open(&mut self, now: Monotonic, peer: SocketAddr, blksize: u16, windowsize: u16) {
        self.state = State::Open(Open {
            peer,
            blksize: usize::from(blksize),
            windowsize,
            last: 0,
            unacked: 0,
            gap_reported: false,
            acked_at: now,
            measuring: false,
            round_trip: None,
            octets: 0,
        });
        self.moved_at = now;
        self.interval = FIRST_INTERVAL;
        self.resend_at = now + FIRST_INTERVAL;
    }

    fn data<'a>(
        &mut self,
        now: Monotonic,
        from: SocketAddr,
        block: u16,
        data: &'a [u8],
    ) -> Result<Received<'a>, TftpError> {
        if matches!(self.state, State::Asking { .. }) {
            if block != 1 {
                self.counters.repeated += 1;
                return Ok(Received::Nothing);
            }
            // It took no notice of the options (RFC 2347): the file comes as RFC 1350 says.
            self.open(now, from, DEFAULT_BLOCK, 1);
        }
        let State::Open(open) = &mut self.state else { return Ok(Received::Nothing) };
        let expected = open.last.wrapping_add(1);
        // Some servers count on from 1 after 65,535. With one block per ACK nothing else can be meant.
        let from_one = expected == 0 && block == 1 && open.windowsize == 1;
        if block != expected && !from_one {
            return Ok(self.out_of_order(now, block));
        }
        if data.len() > open.blksize {
            let e = TftpError::protocol(format!("a block of {} octets, {} were agreed", data.len(), open.blksize));
            return Err(self.fail(Some(from), ErrorCode::UNDEFINED, e));
        }
        open.last = block;
        open.unacked += 1;
        open.gap_reported = false;
        open.octets += data.len() as u64;
        if std::mem::take(&mut open.measuring) {
            let took = now.since(open.acked_at);
            open.round_trip = Some(open.round_trip.map_or(took, |smoothed| (smoothed * 7 + took) / 8));
        }
        self.interval = open.round_trip.map_or(FIRST_INTERVAL, |t| (t * 4).clamp(LEAST_INTERVAL, FIRST_INTERVAL * 2));
        self.moved_at = now;
        self.resend_at = now + self.interval;
        let last = data.len() < open.blksize;
        if last || open.unacked >= open.windowsize {
            open.measuring = true;
            self.ack(now);
        }
        if last {
            self.state = State::Over;
            return Ok(Received::Last(data));
        }
        Ok(Received::Data(data))
    }

    /// A block that is not the next one: it came already, or one before it is missing.
    fn out_of_order(&mut self, now: Monotonic, block: u16) -> Received<'static> {
        let State::Open(open) = &mut self.state else { return Received::Nothing };
        let ahead = block.wrapping_sub(open.last.wrapping_add(1));
        if ahead < open.windowsize {
            self.counters.gaps += 1;
            // Once per gap: what is still under way of this window shows the same gap (RFC 7440 section 4).
            if !std::mem::replace(&mut open.gap_reported, true) {
                open.measuring = false;
                self.resend_at = now + self.interval;
                self.ack(now);
            }
        } else {
            self.counters.repeated += 1;
            // The last block again, after it was acknowledged: that ACK was lost.
            if block == open.last && open.unacked == 0 && now.since(open.acked_at) >= REPEATED {
                open.measuring = false;
                self.ack(now);
            }
        }
        Received::Nothing
    }

    fn error(
        &mut self,
        now: Monotonic,
        from: SocketAddr,
        error: &ErrorPacket<'_>,
    ) -> Result<Received<'static>, TftpError> {
        if let State::Asking { plain: plain @ false, deaf } = &mut self.state
            && matches!(error.code, ErrorCode::OPTIONS | ErrorCode::ILLEGAL)
        {
            // RFC 2347 says 8; servers older than it call a request with options illegal.
            (*plain, *deaf) = (true, Some(from));
            self.interval = FIRST_INTERVAL;
            self.ask(now, true);
            return Ok(Received::Nothing);
        }
        self.state = State::Over;
        Err(TftpError::Server { code: error.code, words: error.words.trim().to_owned() })
    }

    /// Acknowledges all that came in order.
    fn ack(&mut self, now: Monotonic) {
        let State::Open(open) = &mut self.state else { return };
        open.unacked = 0;
        open.acked_at = now;
        self.out.push_back(Transmit { to: open.peer, octets: Packet::Ack(open.last).encode() });
    }

    fn turn_away(&mut self, stranger: SocketAddr) {
        self.counters.strangers += 1;
        if self.counters.strangers <= STRANGERS_ANSWERED {
            let error = ErrorPacket { code: ErrorCode::UNKNOWN_ID, words: "Unknown transfer ID".into() };
            self.out.push_back(Transmit { to: stranger, octets: Packet::Error(error).encode() });
        }
    }

    /// Ends with an error of ours; a server that has answered is told.
    fn fail(&mut self, answered: Option<SocketAddr>, code: ErrorCode, error: TftpError) -> TftpError {
        if let Some(peer) = answered {
            self.end(peer, code, &error.to_string());
        }
        self.state = State::Over;
        error
    }

    fn end(&mut self, peer: SocketAddr, code: ErrorCode, words: &str) {
        self.out.clear();
        let error = ErrorPacket { code, words: words.chars().take(200).collect::<String>().into() };
        self.out.push_back(Transmit { to: peer, octets: Packet::Error(error).encode() });
    }
}

#[cfg(test)]
mod tests;
