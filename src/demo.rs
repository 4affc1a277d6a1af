//! The demonstration: image servers, a controller and a fleet of access points in one process, over loopback, with real
//! sockets, real SSH and real DTLS.
//!
//! It takes the fleet through an upgrade window, or plays how one fails and how it is put right, and shows what an
//! operator sees. It knows nothing that they could not know: it reads the ledger's events and types commands.

mod bundle;
mod stage;
mod story;
mod summary;
mod terminal;
mod view;
mod watch;

use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use capledger_schema::id::Seq;
use capledger_schema::image::ImageVersion;

use crate::daemon::DaemonError;
use crate::image::bundle::{MIN_OCTETS, REFERENCE_OCTETS};
use crate::simulate::SimulationError;
use crate::wtp::WtpTimers;
use stage::Stage;
pub use story::Story;
use watch::Watch;

/// The version that an access point has that was on a shelf for long.
pub const FACTORY: ImageVersion = ImageVersion([17, 3, 3, 26]);
/// The version that the fleet runs before its upgrade window.
pub const RUNNING: ImageVersion = ImageVersion([17, 9, 4, 27]);
/// The version that it is brought to in its upgrade window.
pub const NEXT: ImageVersion = ImageVersion([17, 12, 1, 5]);
/// Most access points of a demonstration.
pub const MAX_APS: usize = 1_000;
/// The largest image: what the controller takes by default.
pub const MAX_IMAGE: u64 = 1 << 30;
/// The image of a story, where the plot matters and the octets do not.
pub const STORY_OCTETS: u64 = 8_000_000;

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
    /// The image servers, or the machine.
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
    summary::prologue(config, out).map_err(DemoError::Print)?;
    let stage = Stage::build(config, out)?;
    let mut watch = Watch::new(stage.daemon.hub(), config.dashboard.as_ref(), out, interrupt.as_mut())?;
    let played = play(config, &stage, &mut watch).await;
    let seen = watch.close();
    let told = match played {
        Ok(()) => summary::epilogue(config, &stage, &seen, out),
        Err(error) => summary::aftermath(&stage, &seen, out).map_err(DemoError::Print).and(Err(error)),
    };
    let dir = stage.data_dir.clone();
    let stopped = stage.strike();
    let kept = summary::farewell(&dir, out).map_err(DemoError::Print);
    match (told, stopped) {
        // Why it ended is known once it has been waited for.
        (Err(DemoError::Ended(_) | DemoError::Simulation(_)) | Ok(_), Err(why)) => Err(why),
        (Err(error), _) => Err(error),
        (Ok(outcome), Ok(())) => kept.map(|()| outcome),
    }
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
    story::play(config.story, &config.pace, stage, watch).await?;
    watch.linger().await
}

#[cfg(test)]
mod tests;
