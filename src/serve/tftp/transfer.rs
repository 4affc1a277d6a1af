//! The shell of [`TftpSend`]: the transfer's own port, its file and the clock.

use std::fs::File;
use std::io;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use capledger_schema::time::Monotonic;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::send::{Send, SendLimits, Standing, TftpSend};
use super::{Report, STOP_CHECKED, ServeConfig, ServeReport, Served};
use crate::fetch::tftp::packet::{DATA_HEADER, ErrorCode, ErrorPacket, Options, Packet};

pub(super) struct Transfer {
    /// Connected, so that the kernel drops what others send.
    socket: UdpSocket,
    file: File,
    started: Instant,
    send: TftpSend,
    news: ServeReport,
    report: Report,
    stop: Arc<AtomicBool>,
    spin: u32,
}

impl Transfer {
    pub(super) fn new(
        local: IpAddr,
        config: &ServeConfig,
        file: File,
        options: Options,
        news: ServeReport,
        report: &Report,
        stop: &Arc<AtomicBool>,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind((local, 0))?;
        socket.connect(news.peer)?;
        socket.set_nonblocking(true)?;
        let limits = SendLimits {
            blksize: config.max_blksize,
            windowsize: config.max_windowsize,
            interval: config.interval,
            retries: config.retries,
        };
        Ok(Transfer {
            socket,
            file,
            started: now(),
            send: TftpSend::new(Monotonic(0), news.total, options, &limits),
            news,
            report: Arc::clone(report),
            stop: Arc::clone(stop),
            spin: config.spin,
        })
    }

    pub(super) fn run(mut self) {
        self.tell(Served::Started);
        let what = match self.serve() {
            Ok(()) => Served::Completed,
            Err(why) => Served::Failed(why),
        };
        self.news.octets = self.send.octets();
        self.tell(what);
    }

    fn serve(&mut self) -> Result<(), String> {
        let mut received = [0; 600];
        let mut datagram = Vec::new();
        loop {
            if self.stop.load(Ordering::Relaxed) {
                self.abort("the server stops");
                return Err("the server stops".to_owned());
            }
            while let Some(send) = self.send.poll_transmit() {
                if let Err(e) = self.compose(send, &mut datagram).and_then(|()| self.transmit(&datagram)) {
                    self.abort("the server cannot read the file further");
                    return Err(e.to_string());
                }
            }
            let standing = match self.wait(&mut received).map_err(|e| e.to_string())? {
                Some(len) => match Packet::parse(&received[..len]) {
                    Ok(packet) => {
                        let standing = self.send.handle(self.now(), &packet);
                        if let Packet::Error(error) = packet {
                            return Err(format!("the client ended it: {}", error.words));
                        }
                        standing
                    }
                    Err(_) => Standing::Going,
                },
                None => self.send.handle_timeout(self.now()),
            };
            self.progress();
            match standing {
                Standing::Going => {}
                Standing::Done => return Ok(()),
                Standing::Ended => return Err("the client ended it".to_owned()),
                Standing::Silent => {
                    self.abort("no ACK came");
                    return Err("the client is silent".to_owned());
                }
            }
        }
    }

    fn compose(&self, send: Send, datagram: &mut Vec<u8>) -> io::Result<()> {
        match send {
            Send::Options(options) => *datagram = Packet::OptionAck(options).encode(),
            Send::Block { number, offset, len } => {
                *datagram = Packet::Data { block: number, data: &[] }.encode();
                datagram.resize(DATA_HEADER + len, 0);
                self.file.read_exact_at(&mut datagram[DATA_HEADER..], offset)?;
            }
        }
        Ok(())
    }

    fn transmit(&self, datagram: &[u8]) -> io::Result<()> {
        loop {
            match self.socket.send(datagram) {
                Ok(_) => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.poll(PollFlags::POLLOUT, Monotonic(u64::MAX))?;
                    if self.stop.load(Ordering::Relaxed) {
                        return Ok(());
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Waits for a datagram until something is due, or a while.
    fn wait(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut polls = self.spin;
        loop {
            match self.socket.recv(buffer) {
                Ok(len) => return Ok(Some(len)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
            if polls > 0 {
                polls -= 1;
                // The other side may need this very core: between two that spin on one, a transfer crawls.
                thread::yield_now();
            } else if !self.poll(PollFlags::POLLIN, self.send.deadline())? {
                return Ok(None);
            }
        }
    }

    /// Whether the socket became ready before the deadline, or the next look at the stop flag.
    fn poll(&self, flags: PollFlags, deadline: Monotonic) -> io::Result<bool> {
        let left = deadline.since(self.now()).min(STOP_CHECKED);
        if left.is_zero() {
            return Ok(false);
        }
        // Rounded up, so that the deadline has passed when it returns.
        let timeout = PollTimeout::from(left.as_millis() as u16 + 1);
        match poll(&mut [PollFd::new(self.socket.as_fd(), flags)], timeout) {
            Ok(ready) => Ok(ready > 0),
            Err(nix::Error::EINTR) => Ok(true),
            Err(e) => Err(e.into()),
        }
    }

    fn abort(&self, words: &str) {
        let error = Packet::Error(ErrorPacket { code: ErrorCode::UNDEFINED, words: words.into() });
        // It is over either way; a client that does not hear it waits for its own limit.
        let _ = self.socket.send(&error.encode());
    }

    fn progress(&mut self) {
        let octets = self.send.octets();
        if octets - self.news.octets >= (self.news.total / 100).max(1) && octets < self.news.total {
            self.news.octets = octets;
            self.tell(Served::Progress);
        }
    }

    fn tell(&mut self, what: Served) {
        self.news.what = what;
        (self.report)(&self.news);
    }

    fn now(&self) -> Monotonic {
        Monotonic(0) + self.started.elapsed()
    }
}

#[allow(clippy::disallowed_methods, reason = "this shell gives the state machine its time")]
fn now() -> Instant {
    Instant::now()
}
