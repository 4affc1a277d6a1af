//! What is on the stage: the image servers with their bundles, the controller, the access points, and an operator's
//! hands.

mod startup;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use capledger_schema::image::ImageFamily;
use capledger_schema::project::State;
use tempfile::TempDir;

use super::bundle::{self, folder};
use super::story::versions;
use super::terminal::{Typing, type_lines};
use super::{DemoConfig, DemoError, FACTORY, RUNNING, Story};
use crate::daemon::Daemon;
use crate::image::bundle::ImageSpec;
use crate::image::family::family_of;
use crate::ios::show::{ap_image, ap_reason};
use crate::ios::{NoHistory, Shell, View};
use crate::net::clock::Clock;
use crate::serve::tftp::{ServeConfig, TftpServer};
use crate::simulate::{Report, Simulation, SimulationConfig, SimulationError};
use crate::syslog::TimeFormat;
use crate::wtp::{FlashDamage, FlashMoment, PowerCut, WtpConfig};

/// Octets per Image Data Request: what the reference's access points take.
const BLOCK: u16 = 1_377;
/// Octets per second that even a busy machine moves.
const SLOWEST: u64 = 2_000_000;

/// Who may read from the controller's SFTP server.
const SFTP_USER: &str = "images";
/// With which password.
pub(super) const SFTP_PASSWORD: &str = "Upgrade-Window-1";
/// What somebody types who is in a hurry.
pub(super) const WRONG_PASSWORD: &str = "Upgrade-Widnow-1";
/// Where an SFTP server of this program keeps its host key, in the data directory.
const HOST_KEY: &str = "ssh_host_ed25519_key";

/// Everything that runs.
pub(super) struct Stage {
    /// Where the ledger is.
    pub(super) data_dir: PathBuf,
    /// The controller.
    pub(super) daemon: Daemon,
    /// The access points: names and image families, in order.
    pub(super) cast: Vec<(String, ImageFamily)>,
    /// The images that the fleet is brought to.
    pub(super) images: Vec<ImageSpec>,
    /// How long the whole may take.
    pub(super) patience: Duration,
    /// Where the controller's own SFTP server is to listen.
    pub(super) sftp: SocketAddr,
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
        let data_dir = startup::data_dir(config.data_dir.as_deref())?;
        let (from, target) = versions(config.story);
        let images = bundle::images(config, target);
        let mut say = |label: &str, text: &str| {
            writeln!(out, "  {label:<15}{text}").and_then(|()| out.flush()).map_err(DemoError::Print)
        };
        say("Data", &data_dir.display().to_string())?;

        let bundle = tempfile::Builder::new().prefix("bundle-").tempdir_in(&data_dir);
        let bundle = bundle.map_err(|source| DemoError::File { path: data_dir.clone(), source })?;
        bundle::unpack(bundle.path(), &images)?;
        if config.story == Some(Story::Corrupt) {
            bundle::cut_short(bundle.path(), target, &images[1].family)?;
        }
        let octets: u64 = images.iter().map(|i| i.octets).sum();
        say("Bundle", &format!("{} images, {}, in {}", images.len(), megabytes(octets), folder(target)))?;

        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = TftpServer::start(loopback, ServeConfig::new(bundle.path()), |_| {})
            .map_err(|source| DemoError::Io { what: "serve the bundle", source })?;
        say("TFTP server", &server.address().to_string())?;
        let bind = |source| DemoError::Io { what: "bind a socket", source };
        let silent = UdpSocket::bind(loopback).map_err(bind)?;
        // Free now, and asked for in a moment.
        let sftp = TcpListener::bind(loopback).and_then(|socket| socket.local_addr()).map_err(bind)?;

        let source = match config.story {
            Some(Story::Unreachable) => silent.local_addr().map_err(bind)?,
            Some(
                Story::WrongPath
                | Story::Corrupt
                | Story::PowerCut
                | Story::WrongPassword
                | Story::HostKey
                | Story::FlashFull
                | Story::Canary,
            )
            | None => server.address(),
        };
        let (daemon, address) = startup::start_controller(config, &data_dir, source)?;
        say("Controller", &format!("{address}, {BLOCK} octets per block"))?;

        let aps = cast(config, address, &images);
        let cast: Vec<_> = aps.iter().filter_map(|ap| Some((ap.name.clone(), family_of(&ap.model)?))).collect();
        if let (None, Some((_, family))) = (config.story, cast.last()) {
            // What the newcomer is given when it joins.
            let first = bundle::images(config, RUNNING).into_iter().filter(|i| i.family == *family);
            bundle::unpack(bundle.path(), &first.collect::<Vec<_>>())?;
        }
        let moved = cast.iter().filter_map(|(_, family)| images.iter().find(|i| i.family == *family));
        let patience = Duration::from_secs(120 + moved.map(|i| i.octets).sum::<u64>() / SLOWEST);
        let models = images.len();
        let simulation = start_access_points(&data_dir, &SimulationConfig::new(address, aps))?;
        let models = if models == 1 { "one model".to_owned() } else { format!("{models} models") };
        say("Access points", &format!("{} of {models}, with {from}, over DTLS 1.2\n", config.aps))?;
        let (time, clock) = (TimeFormat::default(), Clock::new());
        Ok(Stage {
            data_dir,
            daemon,
            cast,
            images,
            patience,
            sftp,
            server,
            simulation,
            bundle,
            _silent: silent,
            time,
            clock,
        })
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

    /// Types commands as an operator does.
    pub(super) fn types(&self, lines: &[&str]) -> Result<Typing, DemoError> {
        type_lines(self.daemon.command_line(), lines)
            .map_err(|source| DemoError::Io { what: "open a terminal", source })
    }

    /// How an operator names the TFTP server that holds the bundle, and its folder.
    pub(super) fn tftp_profile(&self) -> Vec<String> {
        let server = self.server.address();
        vec![
            "configure terminal".to_owned(),
            "wireless profile image-download default".to_owned(),
            "image-download-mode tftp".to_owned(),
            format!("tftp-image-server {} port {}", server.ip(), server.port()),
            format!("tftp-image-path {}", self.folder()),
            "end".to_owned(),
        ]
    }

    /// How an operator has the controller itself hand out the bundles.
    pub(super) fn serve_sftp(&self) -> Vec<String> {
        vec![
            "configure terminal".to_owned(),
            format!("image-server login {SFTP_USER} password 0 {SFTP_PASSWORD}"),
            self.image_server(),
            "end".to_owned(),
        ]
    }

    /// `image-server sftp ...`
    pub(super) fn image_server(&self) -> String {
        let (sftp, root) = (self.sftp, self.bundle.path().display());
        format!("image-server sftp listen {} port {} root {root}", sftp.ip(), sftp.port())
    }

    /// How an operator names that server in the image-download profile.
    pub(super) fn sftp_profile(&self, password: &str) -> Vec<String> {
        vec![
            "configure terminal".to_owned(),
            "wireless profile image-download default".to_owned(),
            "image-download-mode sftp".to_owned(),
            format!("sftp-image-server {} port {}", self.sftp.ip(), self.sftp.port()),
            format!("sftp-image-path {}", self.folder()),
            format!("sftp-username {SFTP_USER}"),
            format!("sftp-password 0 {password}"),
            "end".to_owned(),
        ]
    }

    /// The SFTP server's host key is lost, as when a server is set up anew: the next that is started makes another.
    pub(super) fn lose_host_key(&self) -> Result<(), DemoError> {
        let path = self.data_dir.join(HOST_KEY);
        fs::remove_file(&path).map_err(|source| DemoError::File { path, source })
    }

    /// The bundle is unpacked anew.
    pub(super) fn repair_bundle(&self) -> Result<(), DemoError> {
        bundle::unpack(self.bundle.path(), &self.images)
    }

    /// The prompt of an operator.
    pub(super) fn prompt(&self) -> String {
        let privilege = capledger_schema::feed::Privilege::Privileged;
        Shell::new(privilege).prompt(&self.daemon.hub().state())
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

    fn folder(&self) -> String {
        self.images.first().map(|i| folder(i.version)).unwrap_or_default()
    }

    fn with_view<T>(&self, state: &State, look: impl FnOnce(&View) -> T) -> T {
        let log = self.daemon.log().lock().unwrap_or_else(PoisonError::into_inner);
        let (now, secrets) = (self.clock.now().wall, &**self.daemon.vault());
        look(&View { state, log: &log, now, time: &self.time, secrets, history: &NoHistory })
    }
}

/// The access points, with the faults that the story asks for.
fn cast(config: &DemoConfig, address: SocketAddr, images: &[ImageSpec]) -> Vec<WtpConfig> {
    let (from, _) = versions(config.story);
    let backup = (from != FACTORY).then_some(FACTORY);
    let mut aps = bundle::fleet(config, address, from, backup);
    match (config.story, &mut aps[..]) {
        (None, [.., newcomer]) => (newcomer.version, newcomer.backup) = (FACTORY, None),
        (Some(Story::Corrupt), [first, ..]) => first.knobs.bad_signature = true,
        (Some(Story::PowerCut), [first, ..]) => {
            let at_octet = images[0].octets / 2;
            first.knobs.power_cut = Some(PowerCut { at_octet, lasts: config.pace.power_cut });
        }
        (Some(Story::FlashFull), [first, ..]) => first.knobs.flash_full = true,
        // The first is the one that a campaign chooses as its canary: none has a lower address.
        (Some(Story::Canary), [first, ..]) => {
            let at_octet = images[0].octets / 2;
            first.knobs.flash_damage = Some(FlashDamage { at_octet, bit: 3, when: FlashMoment::AtRest });
        }
        (Some(Story::WrongPath | Story::Unreachable | Story::WrongPassword | Story::HostKey), _) | (_, []) => {}
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
