//! How fast images go to access points, beside the raw limit: the same datagrams and the same cipher on the same cores,
//! with no controller and no access point behind them.
//!
//! Pin the whole process (`taskset -c 0,1` or `taskset -c 0`): a stop-and-wait transfer is several times as fast on one
//! core as across two, so figures mean something only beside others of the same run and placement.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime};

use capledger::capwap::block::{image_ack, image_block_prefix};
use capledger::capwap::element::{ImageDataOpcode, ResultCode};
use capledger::command::Command;
use capledger::daemon::{Daemon, Options};
use capledger::image::bundle::ImageSpec;
use capledger::ios::config_file;
use capledger::net::client::{ClientEvent, Clients};
use capledger::net::dtls::{CookieSecrets, DtlsConfig, ServerContext};
use capledger::net::peers::{PeerEvent, PeerLimits, PeerTable};
use capledger::net::pki::{Credentials, Pki};
use capledger::net::udp::{Binding, UdpConfig};
use capledger::net::wake::Poller;
use capledger::simulate::fleet::FleetSpec;
use capledger::simulate::{Report, Simulation, SimulationConfig};
use capledger::wtp::{Knobs, WtpTimers};
use capledger_schema::Event;
use capledger_schema::id::Seq;
use capledger_schema::image::ImageVersion;
use clap::Parser;

/// Octets of a block, as newer access points take them.
const BLOCK: u16 = 1377;
/// Passes without work before a loop sleeps: the product's own.
const SPIN: u32 = 400;

type Failed = Box<dyn std::error::Error>;

#[derive(Parser)]
#[command(name = "image_bench", about = "Time image transfers on loopback beside the raw limit; pin it with taskset")]
struct Arguments {
    /// Runs of each; the median is printed
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Octets of the image for one access point; each of many gets a sixteenth of it
    #[arg(long, default_value_t = 70_512_640)]
    octets: u64,
    /// How many access points the second half has
    #[arg(long, default_value_t = 64)]
    many: usize,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("image_bench: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failed> {
    println!("{} runs each, medians, blocks of {BLOCK} octets, window 1, MB = 10^6 octets", arguments.runs);
    println!("{:>5} {:>12} {:>12} {:>12} {:>7}", "APs", "octets each", "raw MB/s", "ours MB/s", "ratio");
    for (aps, octets) in [(1, arguments.octets), (arguments.many, arguments.octets / 16)] {
        let (mut raws, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..arguments.runs {
            raws.push(raw(aps, octets)?);
            ours.push(capledger(aps, octets)?);
        }
        let total = octets as f64 * aps as f64 / 1e6;
        let (raw, our) = (total / median(&mut raws).as_secs_f64(), total / median(&mut ours).as_secs_f64());
        println!("{aps:>5} {octets:>12} {raw:>12.1} {our:>12.1} {:>7.2}", our / raw);
    }
    Ok(())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Two free UDP ports in a row, the first of which is given.
fn free_ports() -> Result<SocketAddr, Failed> {
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
fn raw(aps: usize, octets: u64) -> Result<Duration, Failed> {
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
        while stopped.try_recv() != Err(std::sync::mpsc::TryRecvError::Disconnected) {
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

/// A daemon and simulated access points; the time from the first download's start to the last one's end, as the
/// ledger tells it.
fn capledger(aps: usize, octets: u64) -> Result<Duration, Failed> {
    let dir = tempfile::tempdir()?;
    let version: ImageVersion = "17.9.4.27".parse()?;
    let file = image(dir.path(), version, octets)?;
    let addr = free_ports()?;
    let config = format!(
        "capwap listen 127.0.0.1 port {}\ncapwap block-size {BLOCK}\nap join policy open\nap image local ap1g8 {}\n",
        addr.port(),
        file.display()
    );
    let options = Options {
        data_dir: dir.path().join("ledger"),
        config: Some(config_file::parse(&config)?),
        ..Options::default()
    };
    let daemon = Daemon::start(&options)?;
    // The image is in the cache before anyone asks for it.
    daemon.handle().command(Command::InstallAdd { url: file.display().to_string() }, "bench", "console")?;
    wait(|| daemon.hub().state().installs.catalogue.len() == 1)?;
    daemon.handle().command(Command::Activate { version }, "bench", "console")?;
    let spec = FleetSpec {
        ac: addr,
        aps,
        models: vec!["C9105AXI".to_owned()],
        name_prefix: None,
        site: String::new(),
        version: "17.3.3.26".parse()?,
        backup: None,
        seed: 1,
        console: None,
        knobs: Knobs::default(),
        faulty: 0,
        timers: WtpTimers::brisk(),
    };
    let simulation = Simulation::start(&SimulationConfig::new(addr, spec.members()), |_: Report<'_>| {})?;
    let run = wait(|| {
        let state = daemon.hub().state();
        state.fleet.wtps.len() == aps && state.fleet.wtps.values().all(|w| w.runs(version))
    });
    let took = longest(&daemon, aps);
    simulation.stop()?;
    daemon.stop("bench")?;
    run?;
    took
}

/// From the first `ImageDownloadStarted` to the last `ImageDownloadCompleted`.
fn longest(daemon: &Daemon, aps: usize) -> Result<Duration, Failed> {
    let (mut first, mut last, mut ended) = (None, None, 0);
    let mut after = Seq(0);
    loop {
        let batch = daemon.hub().read(after, 512)?;
        let Some(end) = batch.last() else { break };
        after = end.seq;
        for e in &batch {
            if let Event::ImageDownloadStarted { .. } = e.event {
                first.get_or_insert(e.at);
            } else if let Event::ImageDownloadCompleted { .. } = e.event {
                last = Some(e.at);
                ended += 1;
            }
        }
    }
    match (first, last) {
        (Some(first), Some(last)) if ended == aps => Ok(last.since(first)),
        _ => Err(format!("{ended} of {aps} downloads completed").into()),
    }
}

fn image(dir: &Path, version: ImageVersion, octets: u64) -> Result<std::path::PathBuf, Failed> {
    let path = dir.join("ap1g8");
    let spec = ImageSpec { family: "ap1g8".parse()?, version, octets, seed: 1 };
    spec.write(std::io::BufWriter::new(std::fs::File::create(&path)?))?;
    Ok(path)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn wait(mut until: impl FnMut() -> bool) -> Result<(), Failed> {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !until() {
        if Instant::now() > deadline {
            return Err("not within five minutes".into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
