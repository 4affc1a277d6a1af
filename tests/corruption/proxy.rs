//! A relay between a TFTP client and a TFTP server that flips one bit of the image on its way, behind the back of UDP's
//! checksum. One transfer at a time, as a fetch does it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use capledger::fetch::tftp::packet::{DATA_HEADER, Packet};
use nix::poll::{PollFd, PollFlags, poll};

#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    flip: Arc<Mutex<Option<(u64, u8)>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A relay to this server.
    pub(crate) fn start(server: SocketAddr) -> Proxy {
        let front = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let address = front.local_addr().expect("bound");
        let flip = Arc::new(Mutex::new(None));
        let stop = Arc::new(AtomicBool::new(false));
        let (armed, stopped) = (Arc::clone(&flip), Arc::clone(&stop));
        let thread = std::thread::spawn(move || relay(&front, server, &armed, &stopped));
        Proxy { address, flip, stop, thread: Some(thread) }
    }

    /// Where clients ask.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this bit of the image is flipped.
    pub(crate) fn flip(&self, at: u64, bit: u8) {
        *self.flip.lock().expect("no panic holds it") = Some((at, bit));
    }

    /// From now on everything passes as it is.
    pub(crate) fn pass(&self) {
        *self.flip.lock().expect("no panic holds it") = None;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic is the test's already.
            let _ = thread.join();
        }
    }
}

/// One transfer.
struct Transfer {
    client: SocketAddr,
    back: UdpSocket,
    /// The server's main port at first, then that of the transfer.
    server: SocketAddr,
    image: bool,
    block: u64,
}

fn relay(front: &UdpSocket, server: SocketAddr, flip: &Mutex<Option<(u64, u8)>>, stop: &AtomicBool) {
    let mut transfer: Option<Transfer> = None;
    let mut buffer = vec![0; 1 << 16];
    while !stop.load(Ordering::Relaxed) {
        let mut fds = vec![PollFd::new(front.as_fd(), PollFlags::POLLIN)];
        fds.extend(transfer.as_ref().map(|t| PollFd::new(t.back.as_fd(), PollFlags::POLLIN)));
        if poll(&mut fds, 50_u16).expect("sockets can be polled") == 0 {
            continue;
        }
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        if ready[0] {
            let (len, client) = front.recv_from(&mut buffer).expect("a datagram");
            if let Ok(Packet::Read(request)) = Packet::parse(&buffer[..len]) {
                let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
                let image = !request.file.ends_with("SHA256SUMS");
                let block = u64::from(request.options.blksize.unwrap_or(512));
                transfer = Some(Transfer { client, back, server, image, block });
            }
            if let Some(t) = transfer.as_ref().filter(|t| t.client == client) {
                t.back.send_to(&buffer[..len], t.server).expect("loopback takes it");
            }
        }
        if ready.get(1) == Some(&true)
            && let Some(t) = &mut transfer
        {
            let Ok((len, from)) = t.back.recv_from(&mut buffer) else { continue };
            t.server = from;
            let wanted = *flip.lock().expect("no panic holds it");
            let mut hit = None;
            match Packet::parse(&buffer[..len]) {
                Ok(Packet::OptionAck(agreed)) => t.block = u64::from(agreed.blksize.unwrap_or(512)),
                Ok(Packet::Data { block, data }) => {
                    let offset = (u64::from(block) - 1) * t.block;
                    hit = wanted
                        .filter(|(at, _)| t.image && (offset..offset + data.len() as u64).contains(at))
                        .map(|(at, bit)| (DATA_HEADER + (at - offset) as usize, bit));
                }
                Ok(_) | Err(_) => {}
            }
            if let Some((at, bit)) = hit {
                buffer[at] ^= 1 << bit;
            }
            front.send_to(&buffer[..len], t.client).expect("loopback takes it");
        }
    }
}
