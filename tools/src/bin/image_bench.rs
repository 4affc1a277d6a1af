//! How fast images go to access points, beside the raw limit: the same datagrams and the same cipher on the same cores,
//! with no controller and no access point behind them.
//!
//! Pin the whole process (`taskset -c 0,1` or `taskset -c 0`): a stop-and-wait transfer is several times as fast on one
//! core as across two, so figures mean something only beside others of the same run and placement.

use std::process::ExitCode;
use std::time::Duration;

use capledger::command::Command;
use capledger::daemon::{Daemon, Options};
use capledger::ios::config_file;
use capledger::simulate::fleet::FleetSpec;
use capledger::simulate::{Report, Simulation, SimulationConfig};
use capledger::wtp::{Knobs, WtpTimers};
use capledger_schema::Event;
use capledger_schema::id::Seq;
use capledger_schema::image::ImageVersion;
use capledger_tools::raw::{BLOCK, Failed, free_ports, image, median, raw, wait};
use clap::Parser;

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
    daemon.handle().command(Command::Activate { version, auto_abort: None }, "bench", "console")?;
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
