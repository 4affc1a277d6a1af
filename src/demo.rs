//! The demonstration: a TFTP server, a controller and a fleet of access points in one process, over loopback, with
//! real sockets and real DTLS.
//!
//! It brings the fleet from one version to another, or plays how that fails and how it is put right, and shows what an
//! operator sees. It knows nothing that they could not know: it reads the ledger's events and types commands.

mod bundle;
mod stage;
mod story;
mod view;
mod watch;

use std::fmt::Write as _;
use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use capledger_schema::Event;
use capledger_schema::id::Seq;
use capledger_schema::image::ImageVersion;

use crate::daemon::DaemonError;
use crate::image::bundle::{MIN_OCTETS, REFERENCE_OCTETS};
use crate::simulate::SimulationError;
use crate::wtp::WtpTimers;
use stage::Stage;
pub use story::Story;
use watch::{Seen, Watch};

/// The version that the access points run at first.
pub const FROM: ImageVersion = ImageVersion([17, 3, 3, 26]);
/// The version that they are brought to.
pub const TARGET: ImageVersion = ImageVersion([17, 9, 4, 27]);
/// Most access points of a demonstration.
pub const MAX_APS: usize = 1_000;
/// The largest image: what the controller takes by default.
pub const MAX_IMAGE: u64 = 1 << 30;
/// The image of a story, where the plot matters and the octets do not.
pub const STORY_OCTETS: u64 = 8_000_000;

/// Lines of the log that are printed at the end at most.
const LOG_LINES: usize = 60;

/// What is shown.
#[derive(Clone, Debug)]
pub struct DemoConfig {
    /// Where the ledger goes: a directory that is empty or does not exist; none: a new one among the temporary files.
    pub data_dir: Option<PathBuf>,
    /// How many access points, 1 to [`MAX_APS`].
    pub aps: usize,
    /// Octets of the C9105's image; the others' are smaller. [`MIN_OCTETS`] to [`MAX_IMAGE`].
    pub image_octets: u64,
    /// What fails; none: nothing does.
    pub story: Option<Story>,
    /// Shows the dashboard instead of lines while it lasts.
    pub dashboard: Option<capledger_tui::Options>,
    /// How long everything waits.
    pub pace: Pace,
}

impl DemoConfig {
    /// The demonstration as it is without any option: a dozen access points and images of the reference's size.
    pub fn new() -> Self {
        DemoConfig {
            data_dir: None,
            aps: 12,
            image_octets: REFERENCE_OCTETS,
            story: None,
            dashboard: None,
            pace: Pace::real(),
        }
    }
}

impl Default for DemoConfig {
    fn default() -> Self {
        DemoConfig::new()
    }
}

/// How long everything waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Of the access points.
    pub timers: WtpTimers,
    /// `ap image retry-delay`, in seconds.
    pub retry_delay: u32,
    /// `tftp-image-timeout`, in seconds.
    pub tftp_timeout: u32,
    /// How long the power is gone in the story of that name.
    pub power_cut: Duration,
    /// How much later than its time something may come on a busy machine.
    pub slack: Duration,
}

impl Pace {
    /// The protocol's and the product's own timers; only what an access point waits for by itself (its discovery, its
    /// flash, its boot) is cut short.
    pub fn real() -> Self {
        Pace {
            timers: WtpTimers::brisk(),
            retry_delay: 30,
            tftp_timeout: 40,
            power_cut: Duration::from_secs(5),
            slack: Duration::from_secs(5),
        }
    }

    /// The same in proportion, thirty times as fast: for tests.
    pub fn quick() -> Self {
        let ms = Duration::from_millis;
        let timers = WtpTimers {
            discovery_interval: ms(20),
            max_discovery_interval: ms(60),
            image_data_start: ms(1_000),
            rejoin: ms(200),
            precheck: ms(20),
            store: ms(60),
            reboot: ms(60),
            session_delete: ms(200),
            ..WtpTimers::brisk()
        };
        Pace { timers, retry_delay: 1, tftp_timeout: 2, power_cut: ms(150), slack: Duration::from_secs(20) }
    }
}

/// Why a demonstration did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The directory holds something already.
    #[error(
        "{dir} is not empty; name a new directory (an earlier ledger there is looked at with `capledger replay --data-dir \
         {dir} \"show ap image\"`)",
        dir = .0.display()
    )]
    Occupied(PathBuf),
    /// A setting out of its range.
    #[error("{0}")]
    Setting(String),
    /// A file or directory.
    #[error("{path}: {source}; name another directory with --data-dir, or use a smaller --image-size", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The TFTP server, or the machine.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The controller did not start.
    #[error("the controller did not start: {0}")]
    Daemon(#[from] DaemonError),
    /// The controller ended.
    #[error("the controller ended: {0}")]
    Ended(String),
    /// The access points.
    #[error("the access points: {0}")]
    Simulation(#[from] SimulationError),
    /// An operator's command was refused.
    #[error("`{command}` was refused: {refusal}")]
    Refused {
        /// As typed.
        command: String,
        /// In the controller's words.
        refusal: String,
    },
    /// What was waited for did not come.
    #[error("waited {} s in vain until {what}", .after.as_secs())]
    Late {
        /// What.
        what: String,
        /// How long.
        after: Duration,
    },
    /// It came, but not as documented.
    #[error("{what}: expected {expected}, but {happened}")]
    Otherwise {
        /// What happened.
        what: String,
        /// As documented.
        expected: String,
        /// As it was.
        happened: String,
    },
    /// Whoever watches stopped it.
    #[error("interrupted")]
    Interrupted,
    /// Standard output cannot be written to.
    #[error("cannot print: {0}")]
    Print(io::Error),
}

/// How a demonstration went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Where the ledger is.
    pub data_dir: PathBuf,
    /// The last envelope that the printed table shows.
    pub seq: Seq,
    /// Access points that run the target.
    pub at_target: usize,
    /// Access points.
    pub aps: usize,
}

/// Shows it, and prints to `out`. `interrupt` ends it early; it is waited for on a tokio runtime with time and I/O.
///
/// # Errors
/// [`DemoError`]: it did not end as documented. The ledger is kept all the same, and `out` says where.
pub async fn run(
    config: &DemoConfig,
    out: &mut dyn Write,
    interrupt: impl Future<Output = ()>,
) -> Result<Outcome, DemoError> {
    check(config)?;
    let mut interrupt = std::pin::pin!(interrupt);
    prologue(config, out).map_err(DemoError::Print)?;
    let stage = Stage::build(config, out)?;
    let mut watch = Watch::new(stage.daemon.hub(), config.dashboard.as_ref(), out, interrupt.as_mut())?;
    let played = play(config, &stage, &mut watch).await;
    let seen = watch.close();
    let told = match played {
        Ok(()) => epilogue(config, &stage, &seen, out),
        Err(error) => aftermath(&stage, &seen, out).map_err(DemoError::Print).and(Err(error)),
    };
    let dir = stage.data_dir.clone();
    let stopped = stage.strike();
    let kept = farewell(&dir, out).map_err(DemoError::Print);
    match (told, stopped) {
        // Why it ended is known once it has been waited for.
        (Err(DemoError::Ended(_) | DemoError::Simulation(_)) | Ok(_), Err(why)) => Err(why),
        (Err(error), _) => Err(error),
        (Ok(outcome), Ok(())) => kept.map(|()| outcome),
    }
}

fn prologue(config: &DemoConfig, out: &mut dyn Write) -> io::Result<()> {
    let aps = plural(config.aps as u64, "access point");
    writeln!(out, "capledger demo: {aps}, from {FROM} to {TARGET}\n")?;
    if let Some(story) = config.story {
        writeln!(out, "{}", story.programme(&config.pace))?;
    }
    out.flush()
}

fn check(config: &DemoConfig) -> Result<(), DemoError> {
    let least = config.story.map_or(1, Story::least_aps);
    let wrong = |text: String| Err(DemoError::Setting(text));
    if !(least..=MAX_APS).contains(&config.aps) {
        return wrong(format!("{} access points: give {least} to {MAX_APS}", config.aps));
    }
    if !(MIN_OCTETS..=MAX_IMAGE).contains(&config.image_octets) {
        return wrong(format!("an image of {} octets: give {MIN_OCTETS} to {MAX_IMAGE}", config.image_octets));
    }
    Ok(())
}

async fn play(config: &DemoConfig, stage: &Stage, watch: &mut Watch<'_>) -> Result<(), DemoError> {
    if let Some(story) = config.story {
        return story::play(story, &config.pace, stage, watch).await;
    }
    let aps = config.aps;
    let what = format!("all {aps} access points serve on {TARGET}");
    watch.until(stage, &what, stage.patience, |seen| seen.all_serve(aps, TARGET).then_some(())).await?;
    watch.linger().await
}

/// What an operator asks for at the end.
fn epilogue(config: &DemoConfig, stage: &Stage, seen: &Seen, out: &mut dyn Write) -> Result<Outcome, DemoError> {
    let at_target = seen.state.fleet.wtps.values().filter(|w| w.runs(TARGET)).count();
    let mut text = String::new();
    let _ = write!(text, "\n{}show ap image\n{}\n", stage.prompt(), stage.show_ap_image(&seen.state));
    let _ = write!(text, "{}show logging\n{}", stage.prompt(), stage.log_tail(LOG_LINES));
    let _ = write!(text, "\n{at_target} of {} run {TARGET}{}", plural(config.aps as u64, "access point"), totals(seen));
    out.write_all(text.as_bytes()).map_err(DemoError::Print)?;
    Ok(Outcome { data_dir: stage.data_dir.clone(), seq: seen.state.seq, at_target, aps: config.aps })
}

/// How long it took, and what was moved; the largest transfer stands for all.
fn totals(seen: &Seen) -> String {
    let began = seen.envelopes.first().map(|e| e.at).unwrap_or_default();
    let ended = seen.envelopes.iter().rev().find(|e| matches!(e.event, Event::WtpEnteredRun { .. })).map(|e| e.at);
    let mut text = format!(" after {:.1} s\n", ended.unwrap_or(began).since(began).as_secs_f64());
    let (mut images, mut octets, mut again, mut largest) = (0, 0, 0, None);
    for envelope in &seen.envelopes {
        let Event::ImageDownloadCompleted { wtp, image, messages, last, duration_us, retransmissions, .. } =
            &envelope.event
        else {
            continue;
        };
        (images, octets, again) = (images + 1, octets + image.octets, again + retransmissions);
        if largest.as_ref().is_none_or(|(most, _)| *most < image.octets) {
            let line = format!(
                "{} took {} octets of {} in {messages} messages, {last} octets in the last, within {:.1} s",
                wtp.name,
                image.octets,
                image.family,
                Duration::from_micros(*duration_us).as_secs_f64()
            );
            largest = Some((image.octets, line));
        }
    }
    let moved = stage::megabytes(octets);
    let _ = writeln!(
        text,
        "{} over CAPWAP, {moved} in all; {} sent again",
        plural(images, "image"),
        plural(again, "block")
    );
    if let Some((_, line)) = largest {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// What an operator would look at when it did not go well.
fn aftermath(stage: &Stage, seen: &Seen, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "\n{}show ap image reason\n{}\n", stage.prompt(), stage.show_ap_reason(&seen.state))?;
    write!(out, "{}show logging\n{}", stage.prompt(), stage.log_tail(LOG_LINES))
}

/// Where it all is.
fn farewell(dir: &Path, out: &mut dyn Write) -> io::Result<()> {
    let dir = dir.display();
    writeln!(out, "\nThe ledger, the fetched images and the access points' consoles are kept in {dir}")?;
    writeln!(out, "Look at any moment of it, check it, read what the access points said:")?;
    writeln!(out, "  capledger replay --data-dir {dir} \"show ap image\"")?;
    writeln!(out, "  capledger audit verify --data-dir {dir}")?;
    writeln!(out, "  less {dir}/consoles/*.log")?;
    out.flush()
}

/// `1 image`, `12 images`
fn plural(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

#[cfg(test)]
mod tests;
