//! A relay between plain DTLS and CAPWAP's: it puts the four octets of the CAPWAP DTLS header (RFC 5415 section 4.2) before
//! every datagram towards the controller, and takes them off every datagram from it.
//!
//! So a program that knows DTLS but no CAPWAP, as OpenSSL's own `s_client`, can talk to a controller. It reads nothing of
//! what it carries, and it is no gateway: whoever reaches it reaches the controller.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Preamble version 0, type 1 (CAPWAP DTLS header), and three reserved octets.
const HEADER: [u8; 4] = [1, 0, 0, 0];
/// Clients at once.
const MOST_CLIENTS: usize = 64;
/// How often it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);
/// What a UDP datagram has room for.
const LONGEST: usize = 65_535;

/// A relay that runs. Dropping it ends it.
pub struct Relay {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Carries datagrams between whoever sends to `listen` and the controller's control port.
    ///
    /// # Errors
    /// What the system says about the sockets.
    pub fn start(listen: SocketAddr, controller: SocketAddr) -> io::Result<Relay> {
        let socket = Arc::new(UdpSocket::bind(listen)?);
        socket.set_read_timeout(Some(LOOK))?;
        let address = socket.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = std::thread::Builder::new()
            .name("relay".to_owned())
            .spawn(move || to_controller(&socket, controller, &ends))?;
        Ok(Relay { address, over, thread: Some(thread) })
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until it ends, which it does by itself only if its thread panics.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // What it panicked with is on stderr already.
            let _ = thread.join();
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// From the clients to the controller, each client over a socket of its own: that is how the controller tells them apart.
fn to_controller(socket: &Arc<UdpSocket>, controller: SocketAddr, over: &Arc<AtomicBool>) {
    let mut clients: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut datagram = vec![0; LONGEST];
    datagram[..HEADER.len()].copy_from_slice(&HEADER);
    let mut threads = Vec::new();
    while !over.load(Ordering::Relaxed) {
        let Ok((len, client)) = socket.recv_from(&mut datagram[HEADER.len()..]) else { continue };
        if !clients.contains_key(&client) && clients.len() < MOST_CLIENTS {
            let Ok(own) = towards(controller) else { continue };
            let own = Arc::new(own);
            let (back, source, ends) = (Arc::clone(socket), Arc::clone(&own), Arc::clone(over));
            threads.push(std::thread::spawn(move || to_client(&source, &back, client, &ends)));
            clients.insert(client, own);
        }
        if let Some(own) = clients.get(&client) {
            // A datagram that does not get through is one that the network lost.
            let _ = own.send(&datagram[..HEADER.len() + len]);
        }
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// From the controller to one client. What has no CAPWAP DTLS header is not DTLS, so not for it.
fn to_client(source: &UdpSocket, back: &UdpSocket, client: SocketAddr, over: &AtomicBool) {
    let mut datagram = vec![0; LONGEST];
    while !over.load(Ordering::Relaxed) {
        let Ok(len) = source.recv(&mut datagram) else { continue };
        if let Some(records) = datagram[..len].strip_prefix(&HEADER) {
            let _ = back.send_to(records, client);
        }
    }
}

fn towards(controller: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match controller {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(controller)?;
    socket.set_read_timeout(Some(LOOK))?;
    Ok(socket)
}
