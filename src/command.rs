//! What an operator can ask of the controller: the boundary between the surfaces and the core.
//!
//! Pure data. A surface (the command line, a script) parses words into a `Command`; the core decides what becomes of
//! it and answers with events or a refusal. Nothing here checks or does anything.

use std::fmt;
use std::net::SocketAddr;

use capledger_schema::Event;
use capledger_schema::event::{CampaignPlan, LoginFailure, LoginMethod, OperatorLogin, OperatorLogout};
use capledger_schema::id::{CampaignId, Sha256};
use capledger_schema::image::ImageVersion;
use capledger_schema::project::Config;
use capledger_schema::setting::Setting;

/// One wish of an operator, whole and typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Change the configuration: all of it or, if one change is refused, none.
    Configure {
        /// In the order in which they were given.
        changes: Vec<Setting>,
    },
    /// Fetch this file: `install add file URL`.
    InstallAdd {
        /// As typed; credentials in it are masked before anything is recorded.
        url: String,
    },
    /// Fetch what the image-download profile names for every family in the fleet: `install add profile default`.
    InstallAddProfile,
    /// Make this the running version: `install activate VERSION`. WTPs that hold it are reset into it.
    Activate {
        /// It must be in the catalogue.
        version: ImageVersion,
        /// Minutes until the committed version comes back unless this one is committed; 0: never; none: as configured.
        auto_abort: Option<u32>,
    },
    /// Let the activated version stay: `install commit`.
    Commit,
    /// Go back to the committed version, or give the staged one up: `install abort`.
    AbortInstall,
    /// Go back to the committed version: `install rollback to committed`.
    Rollback,
    /// Remove every image that is neither running, committed nor staged: `install remove inactive`.
    RemoveInactive,
    /// Give WTPs in Run the staged version's image, else the running one's, ahead of their reset:
    /// `ap image predownload`.
    Predownload {
        /// Which.
        target: Target,
    },
    /// End every predownload that waits or moves: `ap image predownload abort`.
    PredownloadAbort,
    /// Have primary and backup image change places for the next reset: `ap image swap`.
    Swap {
        /// Which.
        target: Target,
    },
    /// Send a Reset Request: `ap image reset`, `ap name NAME reset`.
    Reset {
        /// Which.
        target: Target,
    },
    /// Check everything that an upgrade needs, and touch nothing: `ap image predownload check`.
    Preflight,
    /// Begin a campaign: `ap image upgrade ...`.
    Upgrade {
        /// How.
        plan: CampaignPlan,
    },
    /// Have the campaign touch no further WTP: `ap image upgrade pause`.
    UpgradePause,
    /// Let a paused campaign go on: `ap image upgrade resume`.
    UpgradeResume,
    /// End the campaign: `ap image upgrade abort`.
    UpgradeAbort,
    /// Record who used the command line, and how. Never refused but by a controller that stops.
    Record(AccessFact),
    /// Accept that an image server's key has changed: `clear image-server key HOST [port N]`.
    ForgetServerKey {
        /// As configured.
        host: String,
        /// At this port alone; none: at every one.
        port: Option<u16>,
    },
    /// Record that the running configuration was saved: `write memory`. It was if it is still this one.
    Saved {
        /// What was saved.
        config: Box<Config>,
        /// Where.
        file: String,
        /// The length of its text.
        octets: u64,
        /// Of its text.
        sha256: Sha256,
    },
    /// Have `show logging` begin anew: `clear logging`.
    ClearLog,
    /// End a session over SSH: `clear line vty N`.
    ClearLine {
        /// The line.
        vty: u16,
    },
    /// Stop the controller in order.
    Stop {
        /// In words: `signal`, `reload`, ...
        reason: String,
    },
}

/// The reason of a stop after which the controller starts again, as IOS has it.
pub const RELOAD: &str = "Reload Command";

/// What the shells around the command line have to tell of its use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessFact {
    /// Somebody logged in.
    LoggedIn {
        /// The line.
        vty: u16,
        /// As whom.
        user: String,
        /// From where.
        from: SocketAddr,
        /// The controller's port.
        port: u16,
        /// By what.
        method: LoginMethod,
        /// 0 to 15.
        privilege: u8,
    },
    /// Somebody was not let in.
    LoginFailed {
        /// As whom.
        user: String,
        /// From where.
        from: SocketAddr,
        /// The controller's port.
        port: u16,
        /// By what.
        method: LoginMethod,
        /// Failures from there that this stands for.
        tries: u32,
    },
    /// A session ended.
    LoggedOut {
        /// The line.
        vty: u16,
        /// Whose.
        user: String,
        /// From where.
        from: SocketAddr,
        /// Why, in words.
        reason: String,
        /// How long it lasted, in microseconds.
        duration_us: u64,
    },
    /// A line is about to be run.
    Entered {
        /// Its mode, as the prompt shows it.
        mode: String,
        /// As typed, with secrets masked.
        line: String,
    },
    /// A limit was reached.
    LimitReached {
        /// Which.
        limit: String,
        /// Its value.
        value: u64,
    },
}

impl From<AccessFact> for Event {
    fn from(fact: AccessFact) -> Event {
        match fact {
            AccessFact::LoggedIn { vty, user, from, port, method, privilege } => {
                Event::OperatorLoggedIn(OperatorLogin { vty, user, from, port, method, privilege })
            }
            AccessFact::LoginFailed { user, from, port, method, tries } => {
                Event::OperatorLoginFailed(LoginFailure { user, from, port, method, tries })
            }
            AccessFact::LoggedOut { vty, user, from, reason, duration_us } => {
                Event::OperatorLoggedOut(OperatorLogout { vty, user, from, reason, duration_us })
            }
            AccessFact::Entered { mode, line } => Event::OperatorCommandEntered { mode, line },
            AccessFact::LimitReached { limit, value } => Event::LimitReached { limit, value },
        }
    }
}

/// Which WTPs a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every joined one.
    All,
    /// The one with this name; letter case does not count.
    Name(String),
    /// Every one of this model, as in `C9105AXI`.
    Model(String),
    /// Every one whose Location Data is this.
    Site(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::All => f.write_str("all APs"),
            Target::Name(name) => write!(f, "AP {name}"),
            Target::Model(model) => write!(f, "APs of model {model}"),
            Target::Site(site) => write!(f, "APs of site {site}"),
        }
    }
}

/// Why a command was refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No WTP fits the target.
    #[error("No joined AP matches: {0}; see `show ap summary`")]
    NoSuchAp(String),
    /// Every WTP that fits is where the command would bring it.
    #[error("Nothing to do: {0}")]
    NothingToDo(String),
    /// No running version is set.
    #[error("No software version is set; configure `software version V`, or `install activate V`")]
    NoRunningVersion,
    /// No image of that version is in the catalogue.
    #[error("No image of version {0} is installed; use `install add` first, see `show install summary`")]
    NotInstalled(ImageVersion),
    /// The image-download profile does not say where images come from.
    #[error("The image-download profile is not complete: {0}")]
    NoSource(String),
    /// A value that the controller cannot run with.
    #[error("{0}")]
    BadValue(String),
    /// There is a campaign, and the command would cross it.
    #[error("AP upgrade {0} is in progress; see `show ap upgrade`, or end it with `ap image upgrade abort`")]
    CampaignRuns(CampaignId),
    /// There is none.
    #[error("No AP upgrade is in progress; start one with `ap image upgrade`")]
    NoCampaign,
    /// Only one check runs at a time.
    #[error("A preflight check is running already; wait for its end")]
    PreflightRuns,
    /// What was saved is not the running configuration any more.
    #[error("The configuration was changed while it was saved; save it again")]
    ConfigurationMoved,
    /// The controller stops.
    #[error("The controller is stopping")]
    Stopping,
}
