//! `capledger simulate`: access points against a controller, with their consoles on standard output.
//!
//! Exit codes: 0 stopped, or every access point runs the version waited for; 1 it was not reached in time, or something
//! failed; 2 the arguments are wrong; 130 interrupted before it was reached.

mod habits;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use capledger_schema::image::ImageVersion;
use capledger_schema::project::config::CapwapConfig;
use clap::{Args, ValueEnum};
use tokio::sync::watch;

use self::habits::HabitArgs;
use super::interrupt::interrupted;
use crate::image::family::family_of;
use crate::simulate::fleet::{FleetSpec, MAX_APS};
use crate::simulate::{Report, Simulation, SimulationConfig};
use crate::wtp::{Dialect, Digests, FlashDamage, FlashMoment, Knobs, PowerCut, WtpState, WtpTimers};

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const INTERRUPTED: u8 = 130;

/// `capledger simulate ...`
#[derive(Debug, Args)]
pub struct SimulateArgs {
    /// The controller: an address or a name, with a port unless it is 5246; a broadcast address asks whoever hears it
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = controller)]
    ac: SocketAddr,
    /// How many access points
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MAX_APS as i64))]
    aps: u32,
    /// Their models, in turn
    #[arg(long, value_name = "MODEL[,MODEL...]", value_delimiter = ',', default_value = "C9105AXI-B")]
    model: Vec<String>,
    /// Names them PREFIX-01, PREFIX-02, ... (default: by their Ethernet MAC, as AP6C41.0E16.E79C)
    #[arg(long, value_name = "PREFIX")]
    name_prefix: Option<String>,
    /// Location Data of all of them
    #[arg(long, default_value = "")]
    site: String,
    /// The version that they run
    #[arg(long, value_name = "VERSION", default_value = "17.3.3.26")]
    version: ImageVersion,
    /// The version in their other partition
    #[arg(long, value_name = "VERSION")]
    backup: Option<ImageVersion>,
    /// Keep certificates, versions and received images here, so that the next simulation is of the same access points
    ///
    /// Without it, each run is of new access points: a controller that pins certificates takes no old name with a new one.
    #[arg(long, value_name = "DIR")]
    image_state: Option<PathBuf>,
    /// Addresses, jitter and losses follow from it (default: drawn)
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Verify the controller's certificate against this authority (PEM)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Console in the words of the newer release (replica) or of the older one (slave)
    #[arg(long, value_enum, default_value_t = ConsoleArg::Replica)]
    console: ConsoleArg,
    /// Print no consoles
    #[arg(long, short)]
    quiet: bool,
    /// End as soon as every access point serves on this version
    #[arg(long, value_name = "VERSION")]
    until_version: Option<ImageVersion>,
    /// Give up after this time (exit code 1 with --until-version)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,

    /// Cut short what only the access point waits for: discovery, storing, booting (6 s instead of a minute)
    #[arg(long)]
    fast_timers: bool,
    /// How long a reboot takes
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    reboot: Option<Duration>,
    /// ImageDataStartTimer: how long an access point waits for the next octets of its image (30)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    image_timer: Option<Duration>,
    /// Per cent of the datagrams that the link loses, each way
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    loss: f64,

    #[command(flatten)]
    habits: HabitArgs,
    #[command(flatten)]
    knobs: KnobArgs,
}

/// What is unusual about the access points.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults and habits")]
struct KnobArgs {
    /// Only the first N access points have the faults below (default: all)
    #[arg(long, value_name = "N")]
    faulty: Option<usize>,
    /// The flash takes so long for each block
    #[arg(long, value_name = "MS")]
    slow_flash: Option<u64>,
    /// Power is lost, once, when so many octets of an image have come
    #[arg(long, value_name = "OCTETS")]
    power_cut: Option<u64>,
    /// For so long
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    power_cut_lasts: Duration,
    /// The image's signature is found bad
    #[arg(long)]
    bad_signature: bool,
    /// A bit of this octet of the image flips, once, as it is written to the flash
    #[arg(long, value_name = "OCTET", conflicts_with = "flash_rot")]
    flash_flip: Option<u64>,
    /// A bit of the image flips, once, after it was stored and verified
    #[arg(long)]
    flash_rot: bool,
    /// There is no room for an image
    #[arg(long)]
    flash_full: bool,
    /// They start the image that ran before, whichever they are told to start
    #[arg(long)]
    stubborn: bool,
    /// Which digests they check an image with
    #[arg(long, value_enum, default_value_t = DigestsArg::Both)]
    digests: DigestsArg,
    /// They send a WTP Event every so often
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    events: Option<Duration>,
    /// They hand over this file as the log of their last crash
    #[arg(long, value_name = "FILE")]
    crash_log: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ConsoleArg {
    Replica,
    Slave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DigestsArg {
    /// The MD5 of RFC 5415, and SHA-256 where the controller sends it
    Both,
    /// The MD5 of RFC 5415 alone
    Md5,
    /// None
    None,
}

/// Does what was asked and says how it went.
pub fn run(args: &SimulateArgs) -> ExitCode {
    match config(args) {
        Ok(config) => ExitCode::from(simulate(args, &config)),
        Err(words) => {
            eprintln!("capledger simulate: {words}");
            ExitCode::from(USAGE)
        }
    }
}

fn config(args: &SimulateArgs) -> Result<SimulationConfig, String> {
    for model in &args.model {
        if family_of(model).is_none() {
            eprintln!("capledger simulate: note: no image is known for model {model}; no controller will upgrade it");
        }
    }
    let seed = match args.seed {
        Some(seed) => seed,
        None => drawn()?,
    };
    let console = match args.console {
        ConsoleArg::Replica => Dialect::Replica,
        ConsoleArg::Slave => Dialect::Slave,
    };
    let aps = args.aps as usize;
    let mut knobs = knobs(&args.knobs)?;
    args.habits.turn(&mut knobs);
    let spec = FleetSpec {
        ac: args.ac,
        aps,
        models: args.model.clone(),
        name_prefix: args.name_prefix.clone(),
        site: args.site.clone(),
        version: args.version,
        backup: args.backup,
        seed,
        console: (!args.quiet).then_some(console),
        knobs,
        faulty: args.knobs.faulty.unwrap_or(aps),
        timers: timers(args),
    };
    let mut config = SimulationConfig::new(args.ac, spec.members());
    config.image_state.clone_from(&args.image_state);
    (config.loss, config.loss_seed) = (args.loss, seed);
    (config.dtls, config.rsa) = (args.habits.dtls(args.ca.clone()), args.habits.rsa());
    Ok(config)
}

fn timers(args: &SimulateArgs) -> WtpTimers {
    let mut timers = if args.fast_timers { WtpTimers::brisk() } else { WtpTimers::default() };
    timers.reboot = args.reboot.unwrap_or(timers.reboot);
    timers.image_data_start = args.image_timer.unwrap_or(timers.image_data_start);
    timers
}

fn flash_damage(args: &KnobArgs) -> Option<FlashDamage> {
    match (args.flash_flip, args.flash_rot) {
        (Some(at_octet), _) => Some(FlashDamage { at_octet, bit: 0, when: FlashMoment::Written }),
        (None, true) => Some(FlashDamage { at_octet: 0, bit: 0, when: FlashMoment::AtRest }),
        (None, false) => None,
    }
}

fn knobs(args: &KnobArgs) -> Result<Knobs, String> {
    let read = |path: &PathBuf| std::fs::read(path).map_err(|e| format!("--crash-log {}: {e}", path.display()));
    Ok(Knobs {
        slow_flash: args.slow_flash.map(Duration::from_millis),
        power_cut: args.power_cut.map(|at_octet| PowerCut { at_octet, lasts: args.power_cut_lasts }),
        bad_signature: args.bad_signature,
        flash_damage: flash_damage(args),
        stubborn: args.stubborn,
        flash_full: args.flash_full,
        digests: match args.digests {
            DigestsArg::Both => Digests::Both,
            DigestsArg::Md5 => Digests::Md5,
            DigestsArg::None => Digests::None,
        },
        events: args.events,
        crash_log: args.crash_log.as_ref().map(read).transpose()?,
        ..Knobs::default()
    })
}

/// What every access point last reported.
type Fleet = BTreeMap<usize, (WtpState, ImageVersion)>;

/// How the simulation came to its end.
enum End {
    Reached,
    TimedOut,
    Interrupted,
    /// It ended by itself: an error, or nobody reads the consoles any more.
    Over,
}

fn simulate(args: &SimulateArgs, config: &SimulationConfig) -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let (watched, fleet) = watch::channel(Fleet::new());
    let prefixed = config.aps.len() > 1;
    // The sender goes with the closure, hence with the thread: a closed channel is the simulation's end.
    let mut watched = Some(watched);
    let report = move |report: Report<'_>| match report {
        Report::Console { name, line, .. } => {
            if watched.is_some() && print(prefixed.then_some(name), line).is_err() {
                watched = None; // whoever read along has seen enough
            }
        }
        Report::State { ap, state, active, .. } => {
            if let Some(watched) = &watched {
                watched.send_modify(|fleet| {
                    fleet.insert(ap, (state, active));
                });
            }
        }
    };
    let simulation = match Simulation::start(config, report) {
        Ok(simulation) => simulation,
        Err(error) => return failed(&error),
    };
    let end = runtime.block_on(watch_over(args, fleet.clone()));
    let result = simulation.stop();
    if let Err(error) = result {
        return failed(&error);
    }
    let summary = summary(args, &fleet.borrow());
    eprintln!("capledger simulate: {summary}");
    match end {
        End::Reached | End::Over => 0,
        End::Interrupted if args.until_version.is_none() => 0,
        End::Interrupted => INTERRUPTED,
        End::TimedOut if args.until_version.is_none() => 0,
        End::TimedOut => FAILED,
    }
}

async fn watch_over(args: &SimulateArgs, mut fleet: watch::Receiver<Fleet>) -> End {
    let reached = async {
        let aps = args.aps as usize;
        let done = |fleet: &Fleet| args.until_version.is_some_and(|wanted| serving(fleet, wanted) == aps);
        match fleet.wait_for(done).await {
            Ok(_) => End::Reached,
            Err(_) => End::Over,
        }
    };
    let timeout = async {
        match args.timeout {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        end = reached => end,
        () = timeout => End::TimedOut,
        _ = interrupted() => End::Interrupted,
    }
}

fn serving(fleet: &Fleet, wanted: ImageVersion) -> usize {
    fleet.values().filter(|(state, version)| *state == WtpState::Run && *version == wanted).count()
}

/// `18 of 20 access points serve on 17.9.4.27; Discovery 2`
fn summary(args: &SimulateArgs, fleet: &Fleet) -> String {
    let mut states: BTreeMap<WtpState, usize> = BTreeMap::new();
    for (state, _) in fleet.values() {
        *states.entry(*state).or_default() += 1;
    }
    let running = states.remove(&WtpState::Run).unwrap_or(0);
    let (serving, which) = match args.until_version {
        Some(wanted) => (serving(fleet, wanted), format!(" on {wanted}")),
        None => (running, String::new()),
    };
    let mut text = format!("{serving} of {} access points serve{which}", args.aps);
    if serving < running {
        let _ = write!(text, "; {} serve on another version", running - serving);
    }
    for (state, count) in &states {
        let _ = write!(text, "; {count} in state {}", state.name());
    }
    let lonely = [WtpState::Discovery, WtpState::Sulking, WtpState::DtlsSetup].iter().filter_map(|s| states.get(s));
    if running == 0 && lonely.sum::<usize>() == args.aps as usize {
        let _ = write!(text, "; no controller answers at {}: is one listening there?", args.ac);
    }
    text
}

fn print(name: Option<&str>, line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match name {
        Some(name) => writeln!(out, "{name}: {line}"),
        None => writeln!(out, "{line}"),
    }
}

fn failed(error: &dyn std::error::Error) -> u8 {
    eprintln!("capledger simulate: {error}");
    FAILED
}

/// An address or a name, with a port or on CAPWAP's own.
fn controller(text: &str) -> Result<SocketAddr, String> {
    let default = CapwapConfig::CONTROL_PORT;
    // The longer reading first: an IPv6 address has colons without having a port.
    let whole = text.trim_start_matches('[').trim_end_matches(']').parse().map(|ip| SocketAddr::new(ip, default));
    let address = match whole {
        Ok(address) => address,
        Err(_) if text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok()) => resolve(text)?,
        Err(_) => resolve(&format!("{text}:{default}"))?,
    };
    if address.ip().is_unspecified() || address.port() == 0 {
        return Err("that is nobody's address; name the controller's, like 127.0.0.1:5246".to_owned());
    }
    Ok(address)
}

fn resolve(text: &str) -> Result<SocketAddr, String> {
    let addresses = text.to_socket_addrs().map_err(|e| format!("it cannot be resolved ({e})"))?;
    addresses.into_iter().next().ok_or_else(|| "it has no address".to_owned())
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        Ok(_) | Err(_) => Err("give a number from 0 to 100".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|s| *s >= 0.001);
    seconds.and_then(|s| Duration::try_from_secs_f64(s).ok()).ok_or_else(|| "give seconds, like 5 or 0.5".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "the command's own entropy, for a run that nobody wants to repeat")]
fn drawn() -> Result<u64, String> {
    let mut seed = [0; 8];
    openssl::rand::rand_bytes(&mut seed).map_err(|e| format!("cannot draw a seed: {e}"))?;
    Ok(u64::from_be_bytes(seed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::dtls::{DtlsConfig, Version};
    use crate::wtp::Quirk;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: SimulateArgs,
    }

    fn line(rest: &str) -> Result<SimulateArgs, String> {
        let words = std::iter::once("simulate").chain(rest.split_whitespace());
        Line::try_parse_from(words).map(|line| line.args).map_err(|e| e.to_string())
    }

    fn address(text: &str) -> SocketAddr {
        controller(text).expect(text)
    }

    #[test]
    fn the_controllers_port_is_capwaps_unless_it_is_named() {
        assert_eq!(address("127.0.0.1"), "127.0.0.1:5246".parse().expect("an address"));
        assert_eq!(address("127.0.0.1:6000"), "127.0.0.1:6000".parse().expect("an address"));
        assert_eq!(address("::1"), "[::1]:5246".parse().expect("an address"));
        assert_eq!(address("[::1]"), "[::1]:5246".parse().expect("an address"));
        assert_eq!(address("[::1]:6000"), "[::1]:6000".parse().expect("an address"));
        assert_eq!(address("localhost:6000").port(), 6000);
    }

    #[test]
    fn an_address_that_is_nobodys_is_refused() {
        for bad in ["0.0.0.0", "127.0.0.1:0", "[::]:5246", "no such host", "127.0.0.1:70000"] {
            let error = line(&format!("--ac {}", bad.replace(' ', "."))).expect_err(bad);
            assert!(error.contains("--ac <ADDR[:PORT]>"), "{error}");
        }
    }

    #[test]
    fn knobs_and_timers_reach_the_access_points() {
        let args = line(
            "--ac 127.0.0.1 --aps 3 --model C9105AXI-B,C9120AXI-B --version 17.3.3.26 --backup 8.10.130.0 \
             --slow-flash 7 --power-cut 5000 --power-cut-lasts 0.5 --bad-signature --faulty 1 --fast-timers \
             --reboot 1.5 --image-timer 2 --digests md5 --seed 9 --site lab --name-prefix AP --loss 2.5",
        );
        let config = config(&args.expect("arguments")).expect("a configuration");
        let [first, second, third] = &config.aps[..] else { panic!("three: {config:?}") };
        assert_eq!((first.name.as_str(), third.name.as_str()), ("AP-01", "AP-03"));
        assert_eq!((second.model.as_str(), third.model.as_str()), ("C9120AXI-B", "C9105AXI-B"));
        assert_eq!((first.location.as_str(), first.backup), ("lab", "8.10.130.0".parse().ok()));
        let cut = PowerCut { at_octet: 5_000, lasts: Duration::from_millis(500) };
        assert_eq!((first.knobs.slow_flash, first.knobs.power_cut), (Some(Duration::from_millis(7)), Some(cut)));
        assert!(first.knobs.bad_signature && !second.knobs.bad_signature);
        assert_eq!(second.knobs.digests, Digests::Md5);
        let waits = (first.timers.reboot, first.timers.image_data_start);
        assert_eq!(waits, (Duration::from_millis(1_500), Duration::from_secs(2)));
        assert_eq!(first.timers.discovery_interval, WtpTimers::brisk().discovery_interval);
        assert_eq!((config.loss, config.loss_seed), (2.5, 9));
    }

    #[test]
    fn old_and_odd_habits_reach_the_access_points() {
        let args = line(
            "--ac 127.0.0.1 --aps 2 --dialect cisco --dtls 1.0 --quirk no-echo --quirk bare-name --quirk full-flash \
             --faulty 1",
        );
        let config = config(&args.expect("arguments")).expect("a configuration");
        let [odd, even] = &config.aps[..] else { panic!("two: {config:?}") };
        assert_eq!(odd.knobs.quirks, [Quirk::NoEcho, Quirk::BareName].into());
        assert!(odd.knobs.flash_full && !even.knobs.flash_full && even.knobs.quirks.is_empty());
        assert_eq!(even.knobs.speaks, crate::capwap::dialect::Dialect::Cisco, "a habit is no fault");
        assert!(config.rsa);
        assert_eq!((config.dtls.max_version, config.dtls.security_level), (Version::Dtls1_0, 0));
        assert!(config.dtls.ciphers.contains("AES128-SHA") && !config.dtls.ciphers.contains("PSK"));

        let args = line("--ac 127.0.0.1 --psk ap-42:00ff");
        let config = super::config(&args.expect("arguments")).expect("a configuration");
        assert!(!config.rsa && !config.dtls.psk.is_empty());
        assert_eq!(config.dtls.max_version, Version::Dtls1_2);
        assert!(config.dtls.ciphers.split(':').all(|suite| suite.contains("PSK")), "{}", config.dtls.ciphers);
        assert_eq!(
            super::config(&line("--ac 127.0.0.1").expect("arguments")).expect("one").dtls.ciphers,
            DtlsConfig::default().ciphers
        );
    }

    #[test]
    fn numbers_out_of_range_are_refused_with_a_reason() {
        for (bad, reason) in [
            ("--ac 127.0.0.1 --aps 0", "0 is not in 1..=65535"),
            ("--ac 127.0.0.1 --loss 101", "from 0 to 100"),
            ("--ac 127.0.0.1 --reboot soon", "give seconds"),
            ("--ac 127.0.0.1 --version 17.9", "four dotted numbers"),
            ("", "--ac <ADDR[:PORT]>"),
        ] {
            let error = line(bad).expect_err(bad);
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn the_summary_says_what_is_missing_and_why_nothing_moves() {
        let args = line("--ac 127.0.0.1 --aps 3 --until-version 17.9.4.27").expect("arguments");
        let (old, new) = (ImageVersion([17, 3, 3, 26]), ImageVersion([17, 9, 4, 27]));
        let mut fleet = Fleet::from([(0, (WtpState::Run, new)), (1, (WtpState::Run, old)), (2, (WtpState::Join, old))]);
        assert_eq!(
            summary(&args, &fleet),
            "1 of 3 access points serve on 17.9.4.27; 1 serve on another version; 1 in state Join"
        );
        fleet = (0..3).map(|ap| (ap, (WtpState::Discovery, old))).collect();
        assert_eq!(
            summary(&args, &fleet),
            "0 of 3 access points serve on 17.9.4.27; 3 in state Discovery; no controller answers at 127.0.0.1:5246: is \
             one listening there?"
        );
    }
}
