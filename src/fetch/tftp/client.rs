//! The shell of [`TftpRead`]: a UDP socket and a clock. It blocks its thread, so a fetch has one of its own.
//!
//! It polls its socket for a while before it sleeps: over one network card queue or loopback that makes a transfer
//! with small windows several times as fast, and it ends with the transfer.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::{Duration, Instant};

use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::time::Monotonic;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};

use super::packet::ErrorCode;
use super::read::{Counters, ReadConfig, Received, TftpRead};
use crate::fetch::{Cancel, Sink};

/// How often a sleeping client looks whether it is still wanted.
const CANCEL_CHECKED: Duration = Duration::from_millis(100);
/// Room for windows that arrive while the disk is busy; the system may give less.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Larger than any datagram.
const DATAGRAM: usize = 65_536;

/// How the client works, beside what it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Octets per block to propose, 8 to 65,464.
    pub blksize: u16,
    /// Blocks per ACK to propose, from 1.
    pub windowsize: u16,
    /// The server may bring nothing new for so long.
    pub silence: Duration,
    /// Times that an empty socket is polled before the thread sleeps.
    pub spin: u32,
}

impl Default for ClientConfig {
    fn default() -> Self {
        let read = ReadConfig::new("");
        ClientConfig { blksize: read.blksize, windowsize: read.windowsize, silence: read.silence, spin: 2000 }
    }
}

/// Reads `file` from the TFTP server at `host` into the sink.
///
/// The name is resolved by the system, and its addresses are tried in turn while each refuses at once; the limit of
/// silence holds for all of them together.
pub fn fetch(
    host: &str,
    port: u16,
    file: &str,
    config: &ClientConfig,
    cancel: &Cancel,
    sink: &mut dyn Sink,
) -> Result<Counters, FetchFailure> {
    let clock = Clock::start();
    let servers = (host, port).to_socket_addrs().map_err(|e| local(host, &e))?;
    let mut refused = None;
    for server in servers {
        let read = ReadConfig {
            file: file.to_owned(),
            blksize: config.blksize,
            windowsize: config.windowsize,
            silence: config.silence.saturating_sub(clock.now().since(Monotonic(0))),
        };
        let mut shell = Shell::new(server, &clock, config.spin).map_err(|e| local(host, &e))?;
        let mut read = TftpRead::new(clock.now(), server, read);
        let outcome = shell.run(&mut read, cancel, sink);
        let Counters { strangers, malformed, repeated, gaps, resent } = read.counters();
        tracing::debug!(%server, file, strangers, malformed, repeated, gaps, resent, "TFTP transfer ended");
        match outcome {
            Ok(()) => return Ok(read.counters()),
            Err(failure) if failure.kind == FetchFailureKind::Refused && !shell.answered => refused = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(refused.unwrap_or_else(|| FetchFailure::new(FetchFailureKind::Local, format!("{host}: has no address"))))
}

fn local(host: &str, e: &io::Error) -> FetchFailure {
    FetchFailure::new(FetchFailureKind::Local, format!("{host}: {e}"))
}

/// The monotonic clock, from the start of the fetch.
struct Clock(Instant);

impl Clock {
    #[allow(clippy::disallowed_methods, reason = "this shell gives the state machine its time")]
    fn start() -> Self {
        Clock(Instant::now())
    }

    fn now(&self) -> Monotonic {
        Monotonic(0) + self.0.elapsed()
    }
}

struct Shell<'a> {
    socket: UdpSocket,
    clock: &'a Clock,
    spin: u32,
    /// Whether any datagram of the server's host came.
    answered: bool,
    /// What the network last said of the way there; told if nothing ever comes.
    unreachable: Option<io::Error>,
}

/// What waiting gave.
enum Waited {
    Datagram(usize, SocketAddr),
    Timeout,
    /// Nothing listens at this address.
    Refused(SocketAddr),
}

impl<'a> Shell<'a> {
    fn new(server: SocketAddr, clock: &'a Clock, spin: u32) -> io::Result<Self> {
        // The socket is not connected: the answer comes from another port than the one that is asked, and foreign
        // ports are to be told. Errors from the network are asked for, as an unconnected socket is told none.
        let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.set_nonblocking(true)?;
        if server.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        }
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        Ok(Shell { socket, clock, spin, answered: false, unreachable: None })
    }

    fn run(&mut self, read: &mut TftpRead, cancel: &Cancel, sink: &mut dyn Sink) -> Result<(), FetchFailure> {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            if cancel.is_cancelled() {
                let failure = FetchFailure::new(FetchFailureKind::Cancelled, "the fetch was cancelled");
                return Err(self.abort(read, failure));
            }
            self.transmit(read);
            let Some(deadline) = read.deadline() else {
                let ended = "the transfer ended without its last block";
                return Err(FetchFailure::new(FetchFailureKind::Protocol, ended));
            };
            let outcome = match self.wait(deadline, &mut buffer) {
                Ok(Waited::Datagram(len, from)) => read.handle(self.clock.now(), from, &buffer[..len]),
                Ok(Waited::Timeout) => read.handle_timeout(self.clock.now()).map(|()| Received::Nothing),
                Ok(Waited::Refused(at)) => read.handle_refused(at).map(|()| Received::Nothing),
                Err(e) => {
                    let failure = FetchFailure::new(FetchFailureKind::Local, format!("UDP socket: {e}"));
                    return Err(self.abort(read, failure));
                }
            };
            // ACKs first: the server sends on while the sink is busy.
            self.transmit(read);
            let taken = match outcome {
                Ok(Received::Nothing) => continue,
                Ok(Received::Opened(total)) => total.map_or(Ok(()), |total| sink.announce(total)),
                Ok(Received::Data(octets)) => sink.take(octets),
                Ok(Received::Last(octets)) => return sink.take(octets),
                Err(e) => return Err(self.told(e.failure())),
            };
            self.answered = true;
            if let Err(failure) = taken {
                return Err(self.abort(read, failure));
            }
        }
    }

    /// Adds what the network said to a failure that only knows of silence.
    fn told(&self, failure: FetchFailure) -> FetchFailure {
        match &self.unreachable {
            Some(e) if failure.kind == FetchFailureKind::TimedOut && !self.answered => {
                FetchFailure::new(failure.kind, format!("{} ({e})", failure.words))
            }
            Some(_) | None => failure,
        }
    }

    fn abort(&mut self, read: &mut TftpRead, failure: FetchFailure) -> FetchFailure {
        let full = matches!(failure.kind, FetchFailureKind::DiskFull | FetchFailureKind::TooLarge);
        let code = if full { ErrorCode::FULL } else { ErrorCode::UNDEFINED };
        read.abort(code, &failure.words);
        self.transmit(read);
        failure
    }

    fn transmit(&mut self, read: &mut TftpRead) {
        while let Some(datagram) = read.poll_transmit() {
            // An error here may be an earlier datagram's, so it is sent again once. What cannot be sent counts as
            // lost: it is repeated in time, and the limit of silence ends it.
            if self.socket.send_to(&datagram.octets, datagram.to).is_err()
                && let Err(e) = self.socket.send_to(&datagram.octets, datagram.to)
            {
                self.unreachable = Some(e);
            }
        }
    }

    /// Waits for a datagram until the deadline, or a while.
    fn wait(&mut self, deadline: Monotonic, buffer: &mut [u8]) -> io::Result<Waited> {
        let mut polls = self.spin;
        loop {
            match self.socket.recv_from(buffer) {
                Ok((len, from)) => return Ok(Waited::Datagram(len, from)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => match self.network_error(e)? {
                    Some(at) => return Ok(Waited::Refused(at)),
                    None => continue,
                },
            }
            if polls > 0 {
                polls -= 1;
                // The other side may need this very core: between two that spin on one, a transfer crawls.
                thread::yield_now();
                continue;
            }
            let left = deadline.since(self.clock.now());
            if left.is_zero() {
                return Ok(Waited::Timeout);
            }
            let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            // Rounded up, so that the deadline has passed when it returns.
            let millis = left.min(CANCEL_CHECKED).as_millis() as u16 + 1;
            match poll(&mut fds, PollTimeout::from(millis)) {
                Ok(0) => return Ok(Waited::Timeout),
                Ok(_) | Err(nix::Error::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// An error that the network sent: where nothing listens, if it says that; other errors may pass.
    fn network_error(&mut self, error: io::Error) -> io::Result<Option<SocketAddr>> {
        let mut control = nix::cmsg_space!([u8; 256]);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        // The queue says whose datagram the error answers: the server's, or a stranger's that was turned away.
        let concerned = match recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut [], Some(&mut control), flags) {
            Ok(message) => message.address.and_then(|address| socket_address(&address)),
            Err(nix::Error::EAGAIN) => None,
            Err(e) => return Err(e.into()),
        };
        let refused = error.kind() == io::ErrorKind::ConnectionRefused;
        self.unreachable = Some(error);
        Ok(concerned.filter(|_| refused))
    }
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|a| SocketAddr::from((a.ip(), a.port())));
    v4.or_else(|| address.as_sockaddr_in6().map(|a| SocketAddrV6::new(a.ip(), a.port(), 0, a.scope_id()).into()))
}
