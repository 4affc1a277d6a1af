//! The rules of commands: `decide` looks at the state and names the facts that would follow, or refuses.
//!
//! It changes nothing; the caller records what it names.

use capledger_schema::event::{CampaignPlan, DownloadMode, WtpAddress};
use capledger_schema::image::ImageVersion;
use capledger_schema::project::State;
use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};
use capledger_schema::setting::Setting;
use capledger_schema::{Event, Subject};

use super::campaign::candidates;
use crate::command::{Command, Refusal, Target};

/// What a command leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// These facts, and nothing that goes out to anyone.
    Facts(Vec<(Subject, Event)>),
    /// A fetch of this URL, of any family and version.
    Fetch(String),
    /// A fetch of the running version for every family of the fleet that lacks it.
    FetchProfile(ImageVersion),
    /// These WTPs are to reset, into that version if they hold it.
    Reset(Vec<(WtpAddress, Option<ImageVersion>)>),
    /// Running predownloads of these WTPs end, and those that wait are withdrawn.
    Abort(Vec<WtpAddress>),
    /// A check of all that an upgrade to this version needs.
    Preflight(Option<ImageVersion>),
    /// A campaign to this version.
    Campaign(ImageVersion, CampaignPlan),
    /// The campaign touches no further WTP.
    CampaignPause,
    /// The campaign goes on.
    CampaignResume,
    /// The campaign ends.
    CampaignAbort,
    /// The controller stops.
    Stop(String),
}

/// Decides a command.
///
/// # Errors
/// A [`Refusal`] that says what stands in the way and what to do about it.
pub fn decide(state: &State, command: Command) -> Result<Decision, Refusal> {
    match command {
        Command::Configure { changes } => configure(state, changes),
        Command::Record(fact) => Ok(Decision::Facts(vec![(Subject::Controller, fact.into())])),
        Command::InstallAdd { url } => Ok(Decision::Fetch(url)),
        Command::InstallAddProfile => {
            let version = state.running_version().ok_or(Refusal::NoRunningVersion)?;
            if state.config.image.mode.is_none() {
                return Err(Refusal::NoSource("set image-download-mode".to_owned()));
            }
            if state.config.image.tftp_server.is_none() {
                return Err(Refusal::NoSource("set tftp-image-server".to_owned()));
            }
            Ok(Decision::FetchProfile(version))
        }
        Command::Activate { version } => activate(state, version),
        Command::Predownload { target } => predownload(state, &target),
        Command::PredownloadAbort => {
            let affected: Vec<_> =
                state.fleet.wtps.values().filter(|w| waits_or_moves(w)).map(|w| w.address.clone()).collect();
            if affected.is_empty() {
                return Err(Refusal::NothingToDo("no predownload is in progress".to_owned()));
            }
            Ok(Decision::Abort(affected))
        }
        Command::Reset { target } => {
            let wtps = matching(state, &target)?;
            let running = state.running_version();
            Ok(Decision::Reset(
                wtps.iter().map(|w| (w.address.clone(), running.filter(|v| w.backup() == Some(*v)))).collect(),
            ))
        }
        Command::Preflight => {
            no_check_runs(state)?;
            Ok(Decision::Preflight(state.next_version()))
        }
        Command::Upgrade { plan } => upgrade(state, plan),
        Command::UpgradePause => match state.campaigns.active() {
            None => Err(Refusal::NoCampaign),
            Some(c) if c.paused.is_some() => Err(Refusal::NothingToDo("the AP upgrade is paused".to_owned())),
            Some(_) => Ok(Decision::CampaignPause),
        },
        Command::UpgradeResume => match state.campaigns.active() {
            None => Err(Refusal::NoCampaign),
            Some(c) if c.paused.is_none() => Err(Refusal::NothingToDo("the AP upgrade is not paused".to_owned())),
            Some(_) => Ok(Decision::CampaignResume),
        },
        Command::UpgradeAbort => match state.campaigns.active() {
            None => Err(Refusal::NoCampaign),
            Some(_) => Ok(Decision::CampaignAbort),
        },
        Command::Stop { reason } => Ok(Decision::Stop(reason)),
    }
}

fn configure(state: &State, changes: Vec<Setting>) -> Result<Decision, Refusal> {
    let mut wanted = state.config.clone();
    for change in &changes {
        check(change)?;
        wanted.set(change);
    }
    if wanted == state.config {
        return Ok(Decision::Facts(Vec::new()));
    }
    Ok(Decision::Facts(vec![(Subject::Config, Event::ConfigurationChanged { changes, startup: false })]))
}

/// Refuses a value that the controller cannot run with, whoever sends it.
fn check(setting: &Setting) -> Result<(), Refusal> {
    let range = |what: &str, value: u64, low: u64, high: u64| {
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(Refusal::BadValue(format!("{what} {value} is out of range; use {low} to {high}")))
        }
    };
    match setting {
        Setting::CapwapBlockSize(n) => range("capwap block-size", u64::from(*n), 64, 1377),
        Setting::DtlsHandshakeMtu(n) => range("ap dtls handshake-mtu", u64::from(*n), 256, 1400),
        Setting::DtlsMaxHalfOpen(n) => range("ap dtls max-half-open", u64::from(*n), 1, 100_000),
        Setting::CapwapMaxSessions(n) => range("capwap max-sessions", u64::from(*n), 1, 100_000),
        Setting::CapwapTimer(timer, ms) => {
            range(&format!("capwap timer {}", timer.word()), u64::from(*ms), 10, 86_400_000)
        }
        Setting::CapwapMaxRetransmit(n) => range("capwap max-retransmit", u64::from(*n), 1, 20),
        Setting::ImageRetryDelay(s) => range("ap image retry-delay", u64::from(*s), 1, 86_400),
        Setting::TftpTimeout(s) => range("tftp-image-timeout", u64::from(*s), 1, 3_600),
        Setting::ImageMaxSize(n) => range("ap image max-size", *n, 1, 1 << 40),
        Setting::Hostname(name) => {
            let fits = !name.is_empty() && name.len() <= 63 && name.bytes().all(|b| b.is_ascii_graphic());
            if fits { Ok(()) } else { Err(Refusal::BadValue("a hostname has 1 to 63 printable characters".to_owned())) }
        }
        Setting::SoftwareVersion(_)
        | Setting::LoggingHost(_)
        | Setting::NoLoggingHost(_)
        | Setting::LoggingOriginId(_)
        | Setting::CapwapListen(_)
        | Setting::NoCapwapListen(_)
        | Setting::CapwapStrict(_)
        | Setting::CapwapAddress(_)
        | Setting::JoinPolicy(_)
        | Setting::JoinAuthority(_)
        | Setting::ImageJoin(_)
        | Setting::ImageLocal(..)
        | Setting::NoImageLocal(_)
        | Setting::ImageDownloadMode(_)
        | Setting::TftpImageServer(_)
        | Setting::TftpImagePath(_)
        | Setting::SftpImageServer(_)
        | Setting::SftpImagePath(_)
        | Setting::SftpUsername(_)
        | Setting::SftpPassword(_)
        | Setting::SftpKey(_)
        | Setting::HttpImageServer(_)
        | Setting::HttpImagePath(_)
        | Setting::HttpsTrust(_)
        | Setting::HttpsAuthority(_)
        | Setting::ImageServe(..)
        | Setting::NoImageServe(..)
        | Setting::ImageServeLogin(_)
        | Setting::DtlsVersions(_)
        | Setting::DtlsCiphersuite(..)
        | Setting::DtlsPsk(..)
        | Setting::ImageMap(..)
        | Setting::ImageAlias(..)
        | Setting::NoUser(_)
        | Setting::UserKey(..)
        | Setting::NoUserKeys(_)
        | Setting::EnableSecret(_)
        | Setting::SshPort(_)
        | Setting::SshListen(_) => Ok(()),
        Setting::User(_, change) => {
            range("username NAME privilege", change.privilege.unwrap_or_default().into(), 0, 15)
        }
        Setting::ExecTimeout(s) => range("exec-timeout", u64::from(*s), 0, 2_147_483),
        Setting::PredownloadLimit(n) => range("ap image predownload limit", u64::from(*n), 1, 10_000),
        Setting::PredownloadBandwidth(Some(n)) => range("ap image predownload bandwidth", u64::from(*n), 1, 1_000_000),
        Setting::PredownloadBandwidth(None) => Ok(()),
        Setting::ImageMaxTries(n) => range("ap image max-tries", u64::from(*n), 1, 1_000),
        Setting::InstallAutoAbort(n) => range("install auto-abort-timer", u64::from(*n), 0, 10_080),
        Setting::UpgradeIntegrityLimit(n) => range("ap upgrade integrity-limit", u64::from(*n), 1, 10_000),
        Setting::UpgradeSiteShare(n) => range("ap upgrade site-share", u64::from(*n), 1, 100),
        Setting::UpgradeRejoinPercent(n) => range("ap upgrade rejoin-percent", u64::from(*n), 1, 100),
        Setting::UpgradeIterationExpiry(n) => range("ap upgrade iteration-expiry", u64::from(*n), 1, 86_400),
    }
}

fn no_check_runs(state: &State) -> Result<(), Refusal> {
    let runs = state.campaigns.preflight.as_ref().is_some_and(|p| p.findings.is_none());
    if runs { Err(Refusal::PreflightRuns) } else { Ok(()) }
}

/// What would cross a campaign is refused while there is one.
fn no_campaign(state: &State) -> Result<(), Refusal> {
    state.campaigns.active().map_or(Ok(()), |c| Err(Refusal::CampaignRuns(c.id)))
}

fn upgrade(state: &State, plan: CampaignPlan) -> Result<Decision, Refusal> {
    no_campaign(state)?;
    no_check_runs(state)?;
    let range = |what: &str, n: u8| {
        let fits = (1..=100).contains(&n);
        if fits { Ok(()) } else { Err(Refusal::BadValue(format!("{what} {n} is out of range; use 1 to 100"))) }
    };
    range("iteration", plan.percent)?;
    range("error-threshold", plan.error_threshold)?;
    let version = state.next_version().ok_or(Refusal::NoRunningVersion)?;
    if let Some(site) = &plan.site {
        matching(state, &Target::Site(site.clone()))?;
    }
    if candidates(state, version, plan.site.as_deref()).next().is_none() {
        let words = format!("every joined AP of a known model runs {version}");
        return Err(Refusal::NothingToDo(words));
    }
    Ok(Decision::Campaign(version, plan))
}

fn activate(state: &State, version: ImageVersion) -> Result<Decision, Refusal> {
    if !state.installs.catalogue.keys().any(|(_, v)| *v == version) {
        return Err(Refusal::NotInstalled(version));
    }
    let mut facts = vec![(Subject::Controller, Event::VersionActivated { version })];
    if state.config.software_version.is_some_and(|v| v != version) {
        // A configured version would go on to win over the activated one.
        let changes = vec![Setting::SoftwareVersion(Some(version))];
        facts.push((Subject::Config, Event::ConfigurationChanged { changes, startup: false }));
    }
    Ok(Decision::Facts(facts))
}

fn predownload(state: &State, target: &Target) -> Result<Decision, Refusal> {
    let version = state.running_version().ok_or(Refusal::NoRunningVersion)?;
    let wtps = matching(state, target)?;
    let facts: Vec<_> = wtps
        .iter()
        .filter(|w| !w.runs(version) && !waits_or_moves(w))
        .filter_map(|w| {
            let (wtp, family) = (w.address.clone(), w.inventory.family.clone()?);
            let subject = Subject::Wtp(wtp.id.clone());
            Some((subject, Event::PredownloadRequested { wtp, family, version, reset: false }))
        })
        .collect();
    if facts.is_empty() {
        let words = format!("every AP that matches runs {version}, is being given it, or is of an unknown model");
        return Err(Refusal::NothingToDo(words));
    }
    Ok(Decision::Facts(facts))
}

/// The WTPs in Run that a target names.
fn matching<'a>(state: &'a State, target: &Target) -> Result<Vec<&'a Wtp>, Refusal> {
    let found: Vec<_> = state
        .fleet
        .wtps
        .values()
        .filter(|w| matches!(w.session, SessionState::Run(_)))
        .filter(|w| match target {
            Target::All => true,
            Target::Name(name) => w.address.name.eq_ignore_ascii_case(name),
            Target::Model(model) => w.inventory.model.eq_ignore_ascii_case(model),
            Target::Site(site) => w.inventory.location.eq_ignore_ascii_case(site),
        })
        .collect();
    if found.is_empty() { Err(Refusal::NoSuchAp(target.to_string())) } else { Ok(found) }
}

fn waits_or_moves(wtp: &Wtp) -> bool {
    match wtp.image {
        ImageStatus::Initiated { mode, .. } | ImageStatus::Moving { mode, .. } => mode == DownloadMode::Predownload,
        ImageStatus::None | ImageStatus::Complete { .. } | ImageStatus::Failed { .. } => false,
    }
}
