//! A syslog collector: a UDP socket, and every line that came with the moment of its arrival.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{now, wait_for};

/// A line as it came, and when.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Instant,
    /// The datagram: `<PRI>N: *Mmm dd ...`.
    pub(crate) text: String,
}

/// A collector. Dropping it ends it.
pub(crate) struct Collector {
    address: SocketAddr,
    lines: Arc<Mutex<Vec<Line>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    pub(crate) fn start() -> Collector {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let address = socket.local_addr().expect("bound");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let (lines, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (kept, ends) = (Arc::clone(&lines), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            let mut datagram = [0; 4_096];
            while !ends.load(Ordering::Relaxed) {
                let Ok((len, _)) = socket.recv_from(&mut datagram) else { continue };
                let text = String::from_utf8(datagram[..len].to_vec()).expect("lines are text");
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(Line { at: now(), text });
            }
        });
        Collector { address, lines, over, thread: Some(thread) }
    }

    /// The configuration line that sends the log here.
    pub(crate) fn logging_host(&self) -> String {
        format!("logging host {} transport udp port {}\n", self.address.ip(), self.address.port())
    }

    /// Every line so far, in the order of arrival.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lines that hold all of these words.
    pub(crate) fn count(&self, words: &[&str]) -> usize {
        self.lines().iter().filter(|line| words.iter().all(|word| line.text.contains(word))).count()
    }

    /// Waits until so many lines hold all of these words.
    pub(crate) fn wait_for(&self, wanted: usize, words: &[&str], patience: Duration) {
        wait_for(&format!("{wanted} lines with {words:?}"), patience, || (self.count(words) >= wanted).then_some(()));
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it panicked with is on stderr already.
            let _ = thread.join();
        }
    }
}
