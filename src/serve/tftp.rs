//! A read-only TFTP server for one directory: RFC 1350 with RFC 2347, 2348, 2349 and 7440.
//!
//! It serves regular files below its root and nothing else: no path and no symbolic link leads out. It takes no
//! uploads, changes no line ends, and holds a limit on transfers. Each transfer has a port and a thread of its own.

pub mod send;
mod transfer;

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::files::{Refusal, Root};
use super::next_transfer;
use crate::fetch::tftp::packet::{BLOCK_SIZES, ErrorCode, ErrorPacket, Mode, Packet, Request};
use transfer::Transfer;

/// How often sleeping threads look whether the server is stopped.
const STOP_CHECKED: Duration = Duration::from_millis(100);

/// What is served, and within which limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeConfig {
    /// The directory whose files are served.
    pub root: PathBuf,
    /// Transfers at the same time; further requests are told to come back.
    pub max_transfers: usize,
    /// Largest block agreed to, in octets.
    pub max_blksize: u16,
    /// Most blocks per ACK agreed to.
    pub max_windowsize: u16,
    /// A window without ACK is sent again after this time, unless the client asks for another.
    pub interval: Duration,
    /// So often; then the client is given up.
    pub retries: u32,
    /// Times that an empty socket is polled before the thread sleeps.
    pub spin: u32,
}

impl ServeConfig {
    /// A directory, with the usual limits.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        ServeConfig {
            root: root.into(),
            max_transfers: 64,
            max_blksize: *BLOCK_SIZES.end(),
            max_windowsize: 64,
            interval: Duration::from_secs(1),
            retries: 6,
            spin: 200,
        }
    }
}

/// News of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServeReport {
    /// Which transfer: no other of this process has its number.
    pub transfer: u64,
    /// The client.
    pub peer: SocketAddr,
    /// The file as the client asked for it.
    pub file: String,
    /// Octets that the client has acknowledged.
    pub octets: u64,
    /// Length of the file; 0 if it was refused.
    pub total: u64,
    /// What happened.
    pub what: Served,
}

/// What happened to a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// It began.
    Started,
    /// Octets moved: another 1 % of the file.
    Progress,
    /// The client has it all.
    Completed,
    /// It ended before that, and why.
    Failed(String),
    /// It never began: what the client was told.
    Refused(String),
}

type Report = Arc<dyn Fn(&ServeReport) + Send + Sync>;

/// A server that runs. Dropping it stops it and ends its transfers.
pub struct TftpServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    listener: Option<JoinHandle<()>>,
}

impl TftpServer {
    /// Serves on this address; port 0 takes a free one. Reports come on the transfers' threads.
    pub fn start(
        address: SocketAddr,
        config: ServeConfig,
        report: impl Fn(&ServeReport) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let named =
            |what: &dyn fmt::Display, e: io::Error| io::Error::new(e.kind(), format!("TFTP server: {what}: {e}"));
        let root = Root::open(&config.root).map_err(|e| named(&config.root.display(), e))?;
        let socket = UdpSocket::bind(address).map_err(|e| named(&address, e))?;
        socket.set_read_timeout(Some(STOP_CHECKED))?;
        let address = socket.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let listener =
            Listener { socket, root, config, report: Arc::new(report), stop: Arc::clone(&stop), running: Vec::new() };
        let listener = thread::Builder::new().name("tftp-server".into()).spawn(move || listener.run())?;
        Ok(TftpServer { address, stop, listener: Some(listener) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TftpServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(listener) = self.listener.take() {
            // A listener that panicked has nothing left to stop.
            let _ = listener.join();
        }
    }
}

struct Listener {
    socket: UdpSocket,
    root: Root,
    config: ServeConfig,
    report: Report,
    stop: Arc<AtomicBool>,
    running: Vec<(SocketAddr, JoinHandle<()>)>,
}

impl Listener {
    fn run(mut self) {
        let mut buffer = [0; 2048];
        while !self.stop.load(Ordering::Relaxed) {
            // An error is a timeout, or news of a client that is gone; its transfer notices that by itself.
            if let Ok((len, peer)) = self.socket.recv_from(&mut buffer) {
                self.request(peer, &buffer[..len]);
            }
        }
        for (_, transfer) in self.running {
            // A transfer that panicked has nothing left to stop.
            let _ = transfer.join();
        }
    }

    fn request(&mut self, peer: SocketAddr, datagram: &[u8]) {
        self.running.retain(|(_, transfer)| !transfer.is_finished());
        let request = match Packet::parse(datagram) {
            Ok(Packet::Read(request)) => request,
            Ok(Packet::Write(request)) => {
                return self.refuse(peer, &request.file, ErrorCode::ACCESS, "this server is read-only");
            }
            // Neither errors nor strays are answered: two servers would never stop.
            Ok(Packet::Data { .. } | Packet::Ack(_) | Packet::Error(_) | Packet::OptionAck(_)) | Err(_) => return,
        };
        // The client repeated its request; its transfer repeats the answer.
        if self.running.iter().any(|(running, _)| *running == peer) {
            return;
        }
        if let Err((code, words)) = self.begin(peer, &request) {
            self.refuse(peer, &request.file, code, &words);
        }
    }

    fn begin(&mut self, peer: SocketAddr, request: &Request<'_>) -> Result<(), (ErrorCode, String)> {
        if request.mode != Mode::Octet {
            return Err((ErrorCode::UNDEFINED, "only octet mode is served".to_owned()));
        }
        if self.running.len() >= self.config.max_transfers {
            return Err((ErrorCode::UNDEFINED, "too many transfers; try again later".to_owned()));
        }
        let (file, total) = self.root.file(&request.file).map_err(|refusal| (code(refusal), refusal.to_string()))?;
        let transfer = next_transfer();
        let file_name = request.file.to_string();
        let report = ServeReport { transfer, peer, file: file_name, octets: 0, total, what: Served::Started };
        let own = |e: io::Error| (ErrorCode::UNDEFINED, format!("the server has no socket or thread left: {e}"));
        let local = self.socket.local_addr().map_err(own)?;
        let transfer = Transfer::new(local.ip(), &self.config, file, request.options, report, &self.report, &self.stop)
            .map_err(own)?;
        let transfer =
            thread::Builder::new().name("tftp-transfer".into()).spawn(move || transfer.run()).map_err(own)?;
        self.running.push((peer, transfer));
        Ok(())
    }

    fn refuse(&self, peer: SocketAddr, file: &str, code: ErrorCode, words: &str) {
        let error = Packet::Error(ErrorPacket { code, words: words.into() });
        // What does not arrive is asked for again.
        let _ = self.socket.send_to(&error.encode(), peer);
        let what = Served::Refused(words.to_owned());
        let transfer = next_transfer();
        (self.report)(&ServeReport { transfer, peer, file: file.to_owned(), octets: 0, total: 0, what });
    }
}

fn code(refusal: Refusal) -> ErrorCode {
    match refusal {
        Refusal::NotFound => ErrorCode::NOT_FOUND,
        Refusal::Permission | Refusal::Outside => ErrorCode::ACCESS,
    }
}
