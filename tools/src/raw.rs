//! What the benchmarks measure the product against: the same datagrams and the same cipher on the same cores, with no
//! controller and no access point behind them.

use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{TryRecvError, channel};
use std::time::{Duration, Instant, SystemTime};

use capledger::capwap::block::{image_ack, image_block_prefix};
use capledger::capwap::element::{ImageDataOpcode, ResultCode};
use capledger::image::bundle::ImageSpec;
use capledger::net::client::{ClientEvent, Clients};
use capledger::net::dtls::{CookieSecrets, DtlsConfig, ServerContext};
use capledger::net::peers::{PeerEvent, PeerLimits, PeerTable};
use capledger::net::pki::{Credentials, Pki};
use capledger::net::udp::{Binding, UdpConfig};
use capledger::net::wake::Poller;
use capledger_schema::image::ImageVersion;

/// Octets of a block, as newer access points take them.
pub const BLOCK: u16 = 1377;
/// Passes without work before a loop sleeps: the product's own.
const SPIN: u32 = 400;

/// Why a benchmark ended early.
pub type Failed = Box<dyn std::error::Error>;

/// The middle one.
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Two free UDP ports in a row, the first of which is given.
pub fn free_ports() -> Result<SocketAddr, Failed> {
    for _ in 0..100 {
        let addr = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        if UdpSocket::bind((addr.ip(), addr.port().wrapping_add(1))).is_ok() {
            return Ok(addr);
        }
    }
    Err("no two free ports in a row".into())
}

/// Blocks and acknowledgements, sealed and opened, and nothing else; the time from the first block to the last
/// acknowledgement.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub fn raw(aps: usize, octets: u64) -> Result<Duration, Failed> {
    let addr = free_ports()?;
    let dir = tempfile::tempdir()?;
    let pki = Pki::load_or_create(dir.path(), "bench", SystemTime::now())?;
    let binding = Binding::new(&[addr], &UdpConfig::default())?;
    let server = std::thread::spawn(move || raw_server(binding, &pki, aps, octets).map_err(|e| e.to_string()));
    let (stop, stopped) = channel::<()>();
    let client = std::thread::spawn(move || {
        let mut poller = Poller::new(SPIN)?;
        let mut clients = Clients::new(&DtlsConfig::default(), addr)?;
        for n in 0..aps {
            let (id, _) = clients.add(Credentials::self_signed_wtp(&format!("raw-{n}"), SystemTime::now())?)?;
            clients.connect(id, addr, Instant::now());
        }
        while stopped.try_recv() != Err(TryRecvError::Disconnected) {
            let mut busy = clients.receive(Instant::now())? > 0;
            while let Some((id, event)) = clients.poll_event() {
                busy = true;
                if let ClientEvent::Message(bytes) = event {
                    // The sequence number lies behind CAPWAP's header and the message type.
                    clients.send(id, &image_ack(bytes.get(12).copied().unwrap_or(0), ResultCode::Success))?;
                }
            }
            clients.handle_timeouts(Instant::now());
            clients.flush();
            poller.pass(busy, clients.sources(), Some(Duration::from_millis(20)))?;
        }
        Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    });
    let took = server.join().map_err(|_| "the raw server panicked")??;
    drop(stop);
    client.join().map_err(|_| "the raw client panicked")?.map_err(|e| e.to_string())?;
    Ok(took)
}

/// DTLS handshakes of so many clients that begin at once, and nothing else; the time from the first datagram to the last
/// handshake's end. Two threads, as the product and its simulated access points have.
///
/// # Errors
/// The machine's.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
pub fn bare_handshakes(clients: usize) -> Result<Duration, Failed> {
    let addr = free_ports()?;
    let dir = tempfile::tempdir()?;
    let pki = Pki::load_or_create(dir.path(), "bench", SystemTime::now())?;
    let binding = Binding::new(&[addr], &UdpConfig::default())?;
    let mut network = Clients::new(&DtlsConfig::default(), addr)?;
    let mut ids = Vec::new();
    for n in 0..clients {
        ids.push(network.add(Credentials::self_signed_wtp(&format!("bare-{n}"), SystemTime::now())?)?.0);
    }
    let (stop, stopped) = channel::<()>();
    let server = std::thread::spawn(move || {
        let secrets = CookieSecrets::new([7; 32], Instant::now());
        let limits = PeerLimits { half_open: usize::MAX, sessions: usize::MAX, ..PeerLimits::default() };
        let context =
            ServerContext::new(&DtlsConfig::default(), &[pki.controller()], secrets).map_err(|e| e.to_string())?;
        let mut table = PeerTable::new(context, limits);
        let (mut receiver, mut sender) = binding.open();
        let mut poller = Poller::new(SPIN).map_err(|e| e.to_string())?;
        while stopped.try_recv() != Err(TryRecvError::Disconnected) {
            let heard = receiver
                .receive(|a| table.receive(a.from, a.local, a.octets, Instant::now()))
                .map_err(|e| e.to_string())?;
            table.handle_timeouts(Instant::now());
            while table.poll_event().is_some() {}
            while let Some(t) = table.poll_transmit() {
                sender.send(t.to, t.local, t.octets);
            }
            sender.flush();
            poller.pass(heard > 0, sender.sources(), Some(Duration::from_millis(20))).map_err(|e| e.to_string())?;
        }
        Ok::<(), String>(())
    });
    let mut poller = Poller::new(SPIN)?;
    let began = Instant::now();
    for id in ids {
        network.connect(id, addr, Instant::now());
    }
    let mut connected = 0;
    while connected < clients {
        let heard = network.receive(Instant::now())?;
        while let Some((_, event)) = network.poll_event() {
            match event {
                ClientEvent::Connected => connected += 1,
                ClientEvent::ConnectFailed(words) => return Err(words.into()),
                ClientEvent::Clear { .. } | ClientEvent::Message(_) | ClientEvent::Data(_) | ClientEvent::Closed => {}
            }
        }
        network.handle_timeouts(Instant::now());
        network.flush();
        poller.pass(heard > 0, network.sources(), Some(Duration::from_millis(20)))?;
    }
    let took = began.elapsed();
    drop(stop);
    server.join().map_err(|_| "the server panicked")??;
    Ok(took)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn raw_server(binding: Binding, pki: &Pki, aps: usize, octets: u64) -> Result<Duration, Failed> {
    let secrets = CookieSecrets::new([7; 32], Instant::now());
    let mut table = PeerTable::new(
        ServerContext::new(&DtlsConfig::default(), &[pki.controller()], secrets)?,
        PeerLimits::default(),
    );
    let (mut receiver, mut sender) = binding.open();
    let mut poller = Poller::new(SPIN)?;
    let mut block = Vec::new();
    let mut peers = std::collections::HashMap::new();
    let (mut started, mut done) = (None, 0);
    let data = vec![0x5a; usize::from(BLOCK)];
    loop {
        let mut busy = receiver.receive(|a| table.receive(a.from, a.local, a.octets, Instant::now()))? > 0;
        table.handle_timeouts(Instant::now());
        let mut next = Vec::new();
        while let Some(event) = table.poll_event() {
            busy = true;
            if let PeerEvent::Connected { peer, .. } = event {
                peers.insert(peer, 0_u64);
                // All begin together, as they would after a power cut.
                if peers.len() == aps {
                    started = Some(Instant::now());
                    next.extend(peers.keys().copied());
                }
            } else if let PeerEvent::Message { peer, .. } = event {
                let sent = peers.get_mut(&peer).ok_or("an acknowledgement of a stranger")?;
                *sent += u64::from(BLOCK);
                if *sent >= octets {
                    done += 1;
                } else {
                    next.push(peer);
                }
            }
        }
        for peer in next {
            let sent = peers[&peer];
            let len = u16::try_from((octets - sent).min(u64::from(BLOCK)))?;
            block.clear();
            let seq = (sent / u64::from(BLOCK)) as u8;
            block.extend_from_slice(&image_block_prefix(seq, ImageDataOpcode::Data, len));
            block.extend_from_slice(&data[..usize::from(len)]);
            let mut datagram = sender.buffer();
            let local = table.seal(peer, &block, &mut datagram)?;
            sender.send(peer.addr, local, datagram);
        }
        while let Some(t) = table.poll_transmit() {
            sender.send(t.to, t.local, t.octets);
        }
        sender.flush();
        if let (true, Some(started)) = (done == aps, started) {
            return Ok(started.elapsed());
        }
        poller.pass(busy, sender.sources(), Some(Duration::from_millis(20)))?;
    }
}

/// Writes an image of the family ap1g8 and of this size.
pub fn image(dir: &Path, version: ImageVersion, octets: u64) -> Result<PathBuf, Failed> {
    let path = dir.join("ap1g8");
    let spec = ImageSpec { family: "ap1g8".parse()?, version, octets, seed: 1 };
    spec.write(std::io::BufWriter::new(std::fs::File::create(&path)?))?;
    Ok(path)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
/// Waits, five minutes at most.
pub fn wait(mut until: impl FnMut() -> bool) -> Result<(), Failed> {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !until() {
        if Instant::now() > deadline {
            return Err("not within five minutes".into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
