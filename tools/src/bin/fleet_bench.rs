//! A fleet that joins at once, as after a power cut, and is then given an image while it serves: joins per second beside
//! bare DTLS handshakes on the same cores, what the controller holds in memory, and how fast the image goes.
//!
//! The controller is a process of its own, so that its memory and its time are its own; the access points are this one.
//! Pin both (`taskset -c 0,1`): the figures of one run and placement are comparable, others are not.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitCode, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capledger::daemon::{Daemon, Options};
use capledger::ios::config_file;
use capledger::net::feed::Client;
use capledger::net::feed::client::{Since, Subscription};
use capledger::simulate::fleet::FleetSpec;
use capledger::simulate::{Report, Simulation, SimulationConfig};
use capledger::wtp::{Knobs, WtpTimers};
use capledger_schema::feed::ServerMessage;
use capledger_schema::id::Seq;
use capledger_schema::image::ImageVersion;
use capledger_schema::time::Timestamp;
use capledger_schema::{Envelope, Event};
use capledger_tools::raw::{BLOCK, Failed, bare_handshakes, free_ports, image, median, raw};
use clap::Parser;

#[derive(Parser)]
#[command(name = "fleet_bench", about = "Join a whole fleet at once and give it an image; pin it with taskset")]
struct Arguments {
    /// Access points
    #[arg(long, default_value_t = 2000)]
    aps: usize,
    /// Runs; medians are printed
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Octets of the image
    #[arg(long, default_value_t = 1_000_000)]
    octets: u64,
    /// Access points that are given it at once
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Further lines of the controller's configuration
    #[arg(long, value_name = "LINE")]
    config: Vec<String>,
    /// Be the controller of this data directory (the benchmark starts itself so)
    #[arg(long, hide = true, value_name = "DIR")]
    controller: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match &arguments.controller {
        Some(dir) => controller(dir),
        None => run(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("fleet_bench: {e}");
            ExitCode::FAILURE
        }
    }
}

/// What one run gave.
#[derive(Debug)]
struct Measured {
    bare: Duration,
    /// From the moment when the access points were switched on to the last one that serves.
    joined: Duration,
    /// From the first Join Request to the last.
    joins: Duration,
    /// Of the controller's CPU time until then.
    join_cpu: Duration,
    idle_rss: u64,
    joined_rss: u64,
    peak_rss: u64,
    image: Duration,
    image_cpu: Duration,
    raw: Duration,
}

fn run(a: &Arguments) -> Result<(), Failed> {
    let mut all = Vec::new();
    for n in 0..a.runs {
        let measured = once(a)?;
        eprintln!("run {}: {measured:?}", n + 1);
        all.push(measured);
    }
    let mid = |of: fn(&Measured) -> Duration| median(&mut all.iter().map(of).collect::<Vec<_>>()).as_secs_f64();
    let aps = a.aps as f64;
    let megabytes = aps * a.octets as f64 / 1e6;
    let per_s = |of: fn(&Measured) -> Duration| aps / mid(of);
    println!("{} access points, {} runs, medians", a.aps, a.runs);
    println!("bare handshakes                 {:>8.0}/s", per_s(|m| m.bare));
    println!(
        "joins, first to last            {:>8.0}/s   {:.2} of bare",
        per_s(|m| m.joins),
        mid(|m| m.bare) / mid(|m| m.joins)
    );
    println!(
        "power on to all in Run          {:>8.2} s   controller's CPU {:.2} s",
        mid(|m| m.joined),
        mid(|m| m.join_cpu)
    );
    let last = all.last().ok_or("no run")?;
    let per_session = (last.joined_rss.saturating_sub(last.idle_rss)) as f64 / aps;
    println!(
        "controller's RSS                {:>8.1} MB idle, {:.1} MB joined ({per_session:.1} KB per session), {:.1} MB at most",
        last.idle_rss as f64 / 1e3,
        last.joined_rss as f64 / 1e3,
        last.peak_rss as f64 / 1e3,
    );
    let (ours, raw) = (megabytes / mid(|m| m.image), megabytes / mid(|m| m.raw));
    println!("raw blocks, {:>4} at once       {raw:>9.1} MB/s", a.limit);
    println!(
        "predownload of {} octets   {ours:>9.1} MB/s   {:.2} of raw, controller's CPU {:.2} s",
        a.octets,
        ours / raw,
        mid(|m| m.image_cpu)
    );
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn once(a: &Arguments) -> Result<Measured, Failed> {
    let bare = bare_handshakes(a.aps)?;
    let dir = tempfile::tempdir()?;
    let version: ImageVersion = "17.12.1.5".parse()?;
    let file = image(dir.path(), version, a.octets)?;
    let addr = free_ports()?;
    let mut config = format!(
        "capwap listen 127.0.0.1 port {}\ncapwap block-size {BLOCK}\nap join policy open\nap image join defer\n",
        addr.port(),
    );
    if a.limit != 100 {
        writeln!(config, "ap image predownload limit {}", a.limit)?;
    }
    for line in &a.config {
        writeln!(config, "{line}")?;
    }
    std::fs::write(dir.path().join("startup"), config)?;
    let child = Controller::start(dir.path())?;
    let mut operator = Client::connect(&child.ledger)?;
    // The image is in the cache before the fleet comes.
    tell(&mut operator, &format!("install add file {}", file.display()))?;
    let mut events = Events::from(Client::connect(&child.ledger)?.subscribe(Since::After(Seq(0)))?);
    let idle_rss = child.memory("VmRSS")?;
    let before = child.cpu()?;

    let began = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let simulation = Simulation::start(&SimulationConfig::new(addr, spec(addr, a.aps).members()), |_: Report<'_>| {})?;
    let (mut first, mut last, mut serving) = (None, None, 0);
    let mut run = Timestamp(0);
    while serving < a.aps {
        let e = events.next()?;
        if let Event::WtpJoined { .. } = e.event {
            first.get_or_insert(e.at);
            last = Some(e.at);
        } else if let Event::WtpEnteredRun { .. } = e.event {
            serving += 1;
            run = e.at;
        }
    }
    let switched_on = Timestamp(i64::try_from(began.as_micros())?);
    let (first, last) = first.zip(last).ok_or("nobody joined")?;
    let (join_cpu, joined_rss) = (child.cpu()?.saturating_sub(before), child.memory("VmRSS")?);

    let before = child.cpu()?;
    for line in ["configure terminal", &format!("software version {version}"), "end", "ap image predownload"] {
        tell(&mut operator, line)?;
    }
    let (mut started, mut ended, mut done) = (None, Timestamp(0), 0);
    while done < a.aps {
        let e = events.next()?;
        if let Event::ImageDownloadStarted { .. } = e.event {
            started.get_or_insert(e.at);
        } else if let Event::ImageDownloadCompleted { .. } = e.event {
            done += 1;
            ended = e.at;
        } else if let Event::ImageDownloadFailed { kind, words, .. } = e.event {
            return Err(format!("a download failed: {kind}: {words}").into());
        }
    }
    let image_cpu = child.cpu()?.saturating_sub(before);
    let peak_rss = child.memory("VmHWM")?;
    simulation.stop()?;
    child.stop()?;
    // As many at once as the controller serves, and as many octets in all.
    let at_once = a.limit.min(a.aps);
    let raw = raw(at_once, a.octets * a.aps as u64 / at_once as u64)?;
    Ok(Measured {
        bare,
        joined: run.since(switched_on),
        joins: last.since(first),
        join_cpu,
        idle_rss,
        joined_rss,
        peak_rss,
        image: ended.since(started.ok_or("no download began")?),
        image_cpu,
        raw,
    })
}

fn spec(ac: SocketAddr, aps: usize) -> FleetSpec {
    FleetSpec {
        ac,
        aps,
        models: vec!["C9105AXI".to_owned()],
        name_prefix: None,
        site: String::new(),
        version: "17.9.4.27".parse().expect("a version"),
        backup: None,
        seed: 1,
        console: None,
        knobs: Knobs::default(),
        faulty: 0,
        timers: WtpTimers::brisk(),
    }
}

fn tell(operator: &mut Client, line: &str) -> Result<(), Failed> {
    let mut said = String::new();
    let reply = operator.command(line, |text| said.push_str(text))?;
    if reply.ok { Ok(()) } else { Err(format!("{line}: {said}{}", reply.text).into()) }
}

/// The daemon's envelopes, one by one.
struct Events {
    subscription: Subscription,
    batch: std::collections::VecDeque<Envelope>,
}

impl From<Subscription> for Events {
    fn from(subscription: Subscription) -> Self {
        Events { subscription, batch: std::collections::VecDeque::new() }
    }
}

impl Events {
    fn next(&mut self) -> Result<Envelope, Failed> {
        loop {
            if let Some(e) = self.batch.pop_front() {
                return Ok(e);
            }
            if let ServerMessage::Events(batch) = self.subscription.next().ok_or("the controller is gone")?? {
                self.batch.extend(batch);
            }
        }
    }
}

/// The controller's process.
struct Controller {
    child: Child,
    ledger: PathBuf,
}

impl Controller {
    fn start(dir: &Path) -> Result<Controller, Failed> {
        let mut child = Process::new(std::env::current_exe()?)
            .arg("--controller")
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut ready = String::new();
        BufReader::new(child.stdout.take().ok_or("no pipe")?).read_line(&mut ready)?;
        let controller = Controller { child, ledger: dir.join("ledger") };
        if ready.trim() == "ready" { Ok(controller) } else { Err("the controller did not start".into()) }
    }

    /// A figure of its memory, in kilobytes.
    fn memory(&self, what: &str) -> Result<u64, Failed> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|l| l.starts_with(what)).ok_or("no such figure")?;
        Ok(line.split_whitespace().nth(1).ok_or("no figure")?.parse()?)
    }

    /// Its CPU time so far, in user and system mode.
    fn cpu(&self) -> Result<Duration, Failed> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<_> = stat.rsplit(')').next().ok_or("no figures")?.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10)) // 100 ticks a second, as Linux tells every program
    }

    fn stop(mut self) -> Result<(), Failed> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the controller ended with {status}").into()) }
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        // After `stop` there is nobody left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn controller(dir: &Path) -> Result<(), Failed> {
    let options = Options {
        data_dir: dir.join("ledger"),
        config: Some(config_file::parse(&std::fs::read_to_string(dir.join("startup"))?)?),
        ..Options::default()
    };
    let daemon = Daemon::start(&options)?;
    println!("ready");
    // Until the other end of the pipe is closed.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(daemon.stop("bench")?)
}
