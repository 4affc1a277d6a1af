//! What is on the stage: the TFTP server with its bundle, the controller, the access points, and an operator's hands.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use capledger_schema::feed::Privilege;
use capledger_schema::image::ImageFamily;
use capledger_schema::project::State;
use tempfile::TempDir;

use super::bundle::{self, FOLDER};
use super::{DemoConfig, DemoError, Story, TARGET};
use crate::daemon::{Daemon, DaemonError, Options};
use crate::image::bundle::ImageSpec;
use crate::image::family::family_of;
use crate::ios::show::{ap_image, ap_reason};
use crate::ios::{Shell, View, config_file};
use crate::net::clock::Clock;
use crate::serve::tftp::{ServeConfig, TftpServer};
use crate::simulate::{Report, Simulation, SimulationConfig, SimulationError};
use crate::syslog::TimeFormat;
use crate::wtp::{PowerCut, WtpConfig};

/// Octets per Image Data Request: what the reference's access points take.
const BLOCK: u16 = 1_377;
/// Tries to find two free ports in a row.
const PORT_TRIES: usize = 16;
/// Octets per second that even a busy machine moves.
const SLOWEST: u64 = 2_000_000;

/// Everything that runs.
pub(super) struct Stage {
    /// Where the ledger is.
    pub(super) data_dir: PathBuf,
    /// The controller.
    pub(super) daemon: Daemon,
    /// The access points: names and image families, in order.
    pub(super) cast: Vec<(String, ImageFamily)>,
    /// The images on the server.
    pub(super) images: Vec<ImageSpec>,
    /// How long the whole may take.
    pub(super) patience: Duration,
    server: TftpServer,
    simulation: Simulation,
    bundle: TempDir,
    /// An address where nobody answers; held so that nobody else takes it.
    _silent: UdpSocket,
    time: TimeFormat,
    clock: Clock,
}

impl Stage {
    /// Puts everything up, and says so.
    pub(super) fn build(config: &DemoConfig, out: &mut dyn Write) -> Result<Stage, DemoError> {
        let data_dir = data_dir(config.data_dir.as_deref())?;
        let images = bundle::images(config);
        let octets: u64 = images.iter().map(|i| i.octets).sum();
        let mut say = |label: &str, text: &str| {
            writeln!(out, "  {label:<15}{text}").and_then(|()| out.flush()).map_err(DemoError::Print)
        };
        say("Data", &data_dir.display().to_string())?;

        let bundle = tempfile::Builder::new().prefix("bundle-").tempdir_in(&data_dir);
        let bundle = bundle.map_err(|source| DemoError::File { path: data_dir.clone(), source })?;
        bundle::unpack(bundle.path(), &images)?;
        if config.story == Some(Story::Corrupt) {
            bundle::cut_short(bundle.path(), &images[1].family)?;
        }
        say("Bundle", &format!("{} images, {}, in {FOLDER}", images.len(), megabytes(octets)))?;

        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = TftpServer::start(loopback, ServeConfig::new(bundle.path()), |_| {})
            .map_err(|source| DemoError::Io { what: "serve the bundle", source })?;
        say("TFTP server", &server.address().to_string())?;
        let silent = UdpSocket::bind(loopback).map_err(|source| DemoError::Io { what: "bind a socket", source })?;

        let source = match config.story {
            Some(Story::Unreachable) => silent.local_addr(),
            Some(Story::WrongPath | Story::Corrupt | Story::PowerCut) | None => Ok(server.address()),
        };
        let source = source.map_err(|source| DemoError::Io { what: "bind a socket", source })?;
        let (daemon, address) = start_controller(config, &data_dir, source)?;
        say("Controller", &format!("{address}, {BLOCK} octets per block"))?;

        let aps = cast(config, address, &images);
        let cast = aps.iter().filter_map(|ap| Some((ap.name.clone(), family_of(&ap.model)?))).collect();
        let moved =
            aps.iter().filter_map(|ap| images.iter().find(|i| Some(&i.family) == family_of(&ap.model).as_ref()));
        let patience = Duration::from_secs(120 + moved.map(|i| i.octets).sum::<u64>() / SLOWEST);
        let models = images.len();
        let simulation = start_access_points(&data_dir, &SimulationConfig::new(address, aps))?;
        let models = if models == 1 { "one model".to_owned() } else { format!("{models} models") };
        say("Access points", &format!("{} of {models}, over DTLS 1.2\n", config.aps))?;
        let (time, clock) = (TimeFormat::default(), Clock::new());
        Ok(Stage { data_dir, daemon, cast, images, patience, server, simulation, bundle, _silent: silent, time, clock })
    }

    /// Whether everything runs on.
    pub(super) fn alive(&self) -> Result<(), DemoError> {
        if !self.daemon.is_running() {
            return Err(DemoError::Ended("without a word".to_owned()));
        }
        if !self.simulation.is_running() {
            return Err(DemoError::Simulation(SimulationError::Panicked));
        }
        Ok(())
    }

    /// Types commands as an operator does; what the terminal shows of it.
    pub(super) fn operate(&self, lines: &[&str]) -> Result<String, DemoError> {
        let mut shell = Shell::new(Privilege::Privileged);
        let mut transcript = String::new();
        for line in lines {
            let state = self.daemon.hub().state();
            let _ = writeln!(transcript, "{}{line}", shell.prompt(&state));
            let said = self.with_view(&state, |view| shell.line(line, view));
            let refused = |refusal: String| DemoError::Refused { command: (*line).to_owned(), refusal };
            if said.refused {
                return Err(refused(said.text.trim().to_owned()));
            }
            transcript.push_str(&said.text);
            let kept = self.daemon.vault().keep(&said.secrets);
            let _kept = kept.map_err(|e| refused(e.to_string()))?;
            for command in said.commands {
                let done = self.daemon.handle().command(command, "operator", "127.0.0.1");
                done.map_err(|refusal| refused(refusal.to_string()))?;
            }
        }
        Ok(transcript)
    }

    /// The operator names the server that holds the bundle, and its folder.
    pub(super) fn correct_profile(&self) -> Result<String, DemoError> {
        let server = format!("tftp-image-server {} port {}", self.server.address().ip(), self.server.address().port());
        self.operate(&[
            "configure terminal",
            "wireless profile image-download default",
            "image-download-mode tftp",
            &server,
            &format!("tftp-image-path {FOLDER}"),
            "end",
        ])
    }

    /// The operator has the images fetched that the fleet needs and the controller lacks.
    pub(super) fn install_add(&self) -> Result<String, DemoError> {
        self.operate(&["install add profile default"])
    }

    /// The bundle is unpacked anew.
    pub(super) fn repair_bundle(&self) -> Result<(), DemoError> {
        bundle::unpack(self.bundle.path(), &self.images)
    }

    /// The prompt of an operator.
    pub(super) fn prompt(&self) -> String {
        Shell::new(Privilege::Privileged).prompt(&self.daemon.hub().state())
    }

    /// `show ap image`
    pub(super) fn show_ap_image(&self, state: &State) -> String {
        self.with_view(state, ap_image::show)
    }

    /// `show ap image reason`
    pub(super) fn show_ap_reason(&self, state: &State) -> String {
        self.with_view(state, ap_reason::show)
    }

    /// The last lines of the log.
    pub(super) fn log_tail(&self, lines: usize) -> String {
        let log = self.daemon.log().lock().unwrap_or_else(PoisonError::into_inner);
        let skipped = log.entries().len().saturating_sub(lines);
        let mut text = String::new();
        if skipped > 0 {
            let _ = writeln!(text, "({skipped} lines before these)");
        }
        for entry in log.entries().skip(skipped) {
            let _ = writeln!(text, "{}", entry.bare(&self.time));
        }
        text
    }

    /// Ends it all in order.
    pub(super) fn strike(self) -> Result<(), DemoError> {
        let stopped = self.daemon.stop("the demonstration is over").map_err(DemoError::Ended);
        let ended = self.simulation.stop().map_err(DemoError::Simulation);
        // Whatever is left of a bundle that cannot be removed is in the data directory, which is named.
        let _ = self.bundle.close();
        stopped?;
        ended.map(|_| ())
    }

    fn with_view<T>(&self, state: &State, look: impl FnOnce(&View) -> T) -> T {
        let log = self.daemon.log().lock().unwrap_or_else(PoisonError::into_inner);
        let (now, secrets) = (self.clock.now().wall, &**self.daemon.vault());
        look(&View { state, log: &log, now, time: &self.time, secrets })
    }
}

/// A directory that is ours alone. What somebody has there already is not touched.
fn data_dir(wanted: Option<&Path>) -> Result<PathBuf, DemoError> {
    let Some(dir) = wanted else {
        let made = tempfile::Builder::new().prefix("capledger-demo-").tempdir();
        return made.map(TempDir::keep).map_err(|source| DemoError::File { path: std::env::temp_dir(), source });
    };
    let failed = |source| DemoError::File { path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(failed)?;
    if fs::read_dir(dir).map_err(failed)?.next().is_some() {
        return Err(DemoError::Occupied(dir.to_owned()));
    }
    dir.canonicalize().map_err(failed)
}

/// The startup configuration, as an operator would write it.
fn startup(config: &DemoConfig, port: u16, server: SocketAddr) -> String {
    let folder = if config.story == Some(Story::WrongPath) { "Wrong-Path" } else { FOLDER };
    let pace = &config.pace;
    format!(
        "hostname demo\n\
         software version {TARGET}\n\
         capwap listen 127.0.0.1 port {port}\n\
         capwap block-size {BLOCK}\n\
         ap image retry-delay {retry}\n\
         wireless profile image-download default\n \
          image-download-mode tftp\n  \
           tftp-image-server {host} port {tftp}\n  \
           tftp-image-path {folder}\n  \
           tftp-image-timeout {timeout}\n\
         end\n",
        retry = pace.retry_delay,
        host = server.ip(),
        tftp = server.port(),
        timeout = pace.tftp_timeout,
    )
}

/// Starts the controller on two free ports in a row; others may take them between the look and the start.
fn start_controller(
    config: &DemoConfig,
    data_dir: &Path,
    server: SocketAddr,
) -> Result<(Daemon, SocketAddr), DemoError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let address = free_pair().map_err(|source| DemoError::Io { what: "find two free ports", source })?;
        let text = startup(config, address.port(), server);
        let path = data_dir.join("startup.cfg");
        fs::write(&path, &text).map_err(|source| DemoError::File { path: path.clone(), source })?;
        let parsed = config_file::parse(&text).expect("the demonstration's own configuration is in the grammar");
        let options = Options { data_dir: data_dir.to_owned(), config: Some(parsed), ..Options::default() };
        match Daemon::start(&options) {
            Ok(daemon) => return Ok((daemon, address)),
            Err(DaemonError::Udp(_)) if tries < PORT_TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A free control port whose neighbour, the data port, is free too.
fn free_pair() -> io::Result<SocketAddr> {
    let mut last = None;
    for _ in 0..PORT_TRIES {
        let control = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = control.local_addr()?;
        let Some(data) = address.port().checked_add(1) else { continue };
        match UdpSocket::bind((Ipv4Addr::LOCALHOST, data)) {
            Ok(_) => return Ok(address),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

/// The access points, with the faults that the story asks for.
fn cast(config: &DemoConfig, address: SocketAddr, images: &[ImageSpec]) -> Vec<WtpConfig> {
    let mut aps = bundle::fleet(config, address);
    if let (Some(story), [first, ..]) = (config.story, &mut aps[..]) {
        match story {
            Story::Corrupt => first.knobs.bad_signature = true,
            Story::PowerCut => {
                let at_octet = images[0].octets / 2;
                first.knobs.power_cut = Some(PowerCut { at_octet, lasts: config.pace.power_cut });
            }
            Story::WrongPath | Story::Unreachable => {}
        }
    }
    aps
}

/// Switches the access points on, each with its console in a file.
fn start_access_points(data_dir: &Path, config: &SimulationConfig) -> Result<Simulation, DemoError> {
    let dir = data_dir.join("consoles");
    fs::create_dir(&dir).map_err(|source| DemoError::File { path: dir.clone(), source })?;
    let mut consoles = Vec::with_capacity(config.aps.len());
    for ap in &config.aps {
        let path = dir.join(format!("{}.log", ap.name));
        let file = File::create(&path).map_err(|source| DemoError::File { path, source })?;
        consoles.push(BufWriter::new(file));
    }
    let report = move |report: Report<'_>| {
        if let Report::Console { ap, line, .. } = report
            && let Some(console) = consoles.get_mut(ap)
        {
            // A console that is not kept is a pity and no more: what counts is in the ledger.
            let _ = writeln!(console, "{line}");
        }
    };
    Ok(Simulation::start(config, report)?)
}

/// Octets for people, as they are sold.
pub(super) fn megabytes(octets: u64) -> String {
    format!("{:.1} MB", octets as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_holds_something_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        assert!(data_dir(Some(dir.path())).is_ok());
        fs::write(dir.path().join("ledger.head"), "x").expect("written");
        let error = data_dir(Some(dir.path())).expect_err("occupied").to_string();
        assert!(error.contains("is not empty; name a new directory"), "{error}");
        assert_eq!(fs::read(dir.path().join("ledger.head")).expect("there"), b"x");
    }

    #[test]
    fn the_startup_configuration_is_in_the_grammar_and_says_where_images_are() {
        let family = "ap1g8".parse().expect("a family");
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 6969));
        let url = |story| {
            let config = DemoConfig { story, ..DemoConfig::new() };
            let parsed = config_file::parse(&startup(&config, 5246, server)).expect("in the grammar");
            assert_eq!((parsed.software_version, parsed.capwap.block_size), (Some(TARGET), 1_377));
            parsed.image.url(&family).expect("a profile")
        };
        assert_eq!(url(None), "tftp://127.0.0.1:6969/EWC/17_9_4_27/ap1g8");
        assert_eq!(url(Some(Story::WrongPath)), "tftp://127.0.0.1:6969/Wrong-Path/ap1g8");
    }

    #[test]
    fn the_ports_that_are_found_are_free() {
        let address = free_pair().expect("ports");
        let control = UdpSocket::bind(address).expect("free");
        let data = UdpSocket::bind((Ipv4Addr::LOCALHOST, address.port() + 1)).expect("free");
        drop((control, data));
    }
}
