//! A TFTP server that answers the first blocks of a transfer (RFC 1350, no options) and then no more.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use capledger::image::bundle::ImageSpec;

use super::bundle::{NEW, version};

const BLOCK: usize = 512;

pub(crate) struct Server {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    requests: AtomicUsize,
    acknowledged: AtomicUsize,
    over: AtomicBool,
}

impl Server {
    /// Serves so many blocks of each transfer.
    pub(crate) fn start(blocks: u16) -> Server {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a timeout");
        let (address, counts) = (socket.local_addr().expect("bound"), Arc::new(Counts::default()));
        let shared = Arc::clone(&counts);
        thread::spawn(move || {
            let mut datagram = [0; 1_024];
            while !shared.over.load(Ordering::Relaxed) {
                let Ok((len, client)) = socket.recv_from(&mut datagram) else { continue };
                assert_eq!(datagram[..2], [0, 1], "a read request: {:?}", &datagram[..len]);
                shared.requests.fetch_add(1, Ordering::Relaxed);
                let counts = Arc::clone(&shared);
                thread::spawn(move || transfer(client, blocks, &counts));
            }
        });
        Server { address, counts }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests that came, and blocks that were acknowledged.
    pub(crate) fn served(&self) -> (usize, usize) {
        let count = |of: &AtomicUsize| of.load(Ordering::Relaxed);
        (count(&self.counts.requests), count(&self.counts.acknowledged))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.counts.over.store(true, Ordering::Relaxed);
    }
}

/// One transfer, from a port of its own (RFC 1350 section 4).
fn transfer(client: SocketAddr, blocks: u16, counts: &Counts) {
    let family = "ap1g6".parse().expect("a family");
    let image = ImageSpec { family, version: version(NEW), octets: 300_000, seed: 1 }.to_vec().expect("an image");
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.connect(client).expect("loopback");
    for (number, octets) in (1..=blocks).zip(image.chunks(BLOCK)) {
        let mut data = vec![0, 3];
        data.extend_from_slice(&number.to_be_bytes());
        data.extend_from_slice(octets);
        socket.send(&data).expect("loopback takes it");
        let mut answer = [0; 16];
        loop {
            let Ok(len) = socket.recv(&mut answer) else { return };
            if answer[..len] == [[0, 4], number.to_be_bytes()].concat() {
                break;
            }
        }
        counts.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    // The port stays open and silent: nothing tells the client that its repetitions are in vain.
    while !counts.over.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(50));
    }
}
