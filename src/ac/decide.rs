//! The rules of commands: `decide` looks at the state and names the facts that would follow, or refuses.
//!
//! It changes nothing; the caller records what it names.

pub(super) mod install;

use capledger_schema::event::{CampaignPlan, DownloadMode, RollbackReason, WtpAddress};
use capledger_schema::image::{ImageFacts, ImageFamily, ImageVersion};
use capledger_schema::project::State;
use capledger_schema::project::fleet::{ImageStatus, SessionState, Wtp};
use capledger_schema::setting::Setting;
use capledger_schema::{Event, Subject};

use super::campaign::candidates;
use crate::capwap::suite;
use crate::command::{Command, Refusal, Target};
use crate::fetch::url::mask_credentials;

/// What a command leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// These facts, and nothing that goes out to anyone.
    Facts(Vec<(Subject, Event)>),
    /// A fetch of this URL, of any family and version.
    Fetch(String),
    /// A fetch for every one of these families, of whatever version the profile's server holds.
    FetchProfile(Vec<ImageFamily>),
    /// The same, and what comes of it is given to the WTPs that this names.
    FetchAndPredownload(Vec<ImageFamily>, Target),
    /// This version becomes the running one, for so many minutes unless it is committed (0: for good).
    Activate {
        /// Which.
        version: ImageVersion,
        /// How long.
        minutes: u32,
    },
    /// This version, which is running, stays.
    Commit(ImageVersion),
    /// The committed version becomes the running one again.
    GoBack {
        /// The running one.
        from: ImageVersion,
        /// The committed one.
        to: ImageVersion,
        /// What led to it.
        reason: RollbackReason,
    },
    /// This version is not to be activated after all.
    Unstage(ImageVersion),
    /// These images leave the catalogue and the cache.
    Remove(Vec<ImageFacts>),
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
        Command::InstallAddProfile => install::add_profile(state),
        Command::Activate { version, auto_abort } => {
            no_campaign(state)?;
            install::activate(state, version, auto_abort)
        }
        Command::Commit => install::commit(state),
        Command::AbortInstall => no_campaign(state).and_then(|()| install::abort(state)),
        Command::Rollback => no_campaign(state).and_then(|()| install::rollback(state)),
        Command::RemoveInactive => install::remove_inactive(state),
        Command::Predownload { target } => predownload(state, &target),
        Command::PredownloadAbort => {
            no_campaign(state)?;
            let affected: Vec<_> =
                state.fleet.wtps.values().filter(|w| is_in_progress(w)).map(|w| w.address.clone()).collect();
            if affected.is_empty() {
                return Err(Refusal::NothingToDo("no predownload is in progress".to_owned()));
            }
            Ok(Decision::Abort(affected))
        }
        Command::Swap { target } => swap(state, &target),
        // One by its name may be reset at any time; a campaign sees to it that no site loses too many at once.
        Command::Reset { target: target @ Target::Name(_) } => reset(state, &target),
        Command::Reset { target } => no_campaign(state).and_then(|()| reset(state, &target)),
        Command::Preflight => {
            no_check_runs(state)?;
            Ok(Decision::Preflight(version_to_check(state)))
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
        Command::ForgetServerKey { host, port } => forget_server_key(state, &host, port),
        Command::ClearLog => Ok(Decision::Facts(vec![(Subject::Controller, Event::LogCleared {})])),
        Command::ClearLine { vty } => clear_line(state, vty),
        Command::Saved { config, file, octets, sha256 } => {
            if *config != state.config {
                return Err(Refusal::ConfigurationMoved);
            }
            Ok(Decision::Facts(vec![(Subject::Config, Event::ConfigurationSaved { file, octets, sha256 })]))
        }
        Command::Stop { reason } => Ok(Decision::Stop(reason)),
    }
}

fn clear_line(state: &State, vty: u16) -> Result<Decision, Refusal> {
    let Some(line) = state.lines.vty.get(&vty) else {
        return Err(Refusal::NothingToDo(format!("nobody has line vty {vty}; see `show users`")));
    };
    let event = Event::LineCleared { vty, user: line.user.clone(), from: line.from };
    Ok(Decision::Facts(vec![(Subject::Controller, event)]))
}

fn forget_server_key(state: &State, host: &str, port: Option<u16>) -> Result<Decision, Refusal> {
    let pins = state
        .servers
        .pins
        .keys()
        .filter(|(pinned, at, _)| pinned.eq_ignore_ascii_case(host) && port.is_none_or(|port| port == *at));
    let facts: Vec<_> = pins
        .map(|(host, port, kind)| {
            let event = Event::ServerKeyForgotten { host: host.clone(), port: *port, kind: *kind };
            (Subject::Controller, event)
        })
        .collect();
    if facts.is_empty() {
        let at = port.map(|port| format!(" at port {port}")).unwrap_or_default();
        let words = format!("no key of {host}{at} is known; see `show wireless profile image-download`");
        return Err(Refusal::NothingToDo(words));
    }
    Ok(Decision::Facts(facts))
}

fn configure(state: &State, changes: Vec<Setting>) -> Result<Decision, Refusal> {
    let mut wanted = state.config.clone();
    for change in &changes {
        check(change)?;
        if let Setting::SoftwareVersion(_) = change {
            no_campaign(state)?;
        }
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
        Setting::ImageLocal(_, file) if mask_credentials(file) != *file => {
            let words =
                "the place of a local image is kept in clear; set user and password in the image-download profile";
            Err(Refusal::BadValue(words.to_owned()))
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
        | Setting::ImageMap(..)
        | Setting::ImageAlias(..)
        | Setting::NoUser(_)
        | Setting::UserKey(..)
        | Setting::NoUserKeys(_)
        | Setting::EnableSecret(_)
        | Setting::SshPort(_)
        | Setting::SshListen(_)
        | Setting::LoggingHostForm(..)
        | Setting::LogTimestamps(_)
        | Setting::LogSequenceNumbers(_)
        | Setting::LoggingHostOver(..)
        | Setting::NoLoggingHostOver(_)
        | Setting::LoggingTlsAuthority(_)
        | Setting::ClockTimezone(None) => Ok(()),
        Setting::ClockTimezone(Some(zone)) => {
            // Half an hour west is no zone, and could not be typed.
            let fits = (-1_439..=1_439).contains(&zone.minutes) && !(-59..=-1).contains(&zone.minutes);
            let fits =
                fits && (1..=7).contains(&zone.name.len()) && zone.name.bytes().all(|b| b.is_ascii_alphanumeric());
            let words = "clock timezone takes a name of 1 to 7 letters and digits, and -23 to 23 hours";
            if fits { Ok(()) } else { Err(Refusal::BadValue(words.to_owned())) }
        }
        Setting::User(_, change) => {
            range("username NAME privilege", change.privilege.unwrap_or_default().into(), 0, 15)
        }
        Setting::SshTimeOut(seconds) => range("ip ssh time-out", u64::from(*seconds), 1, 120),
        Setting::SshRetries(n) => range("ip ssh authentication-retries", u64::from(*n), 0, 5),
        Setting::ExecTimeout(s) => range("exec-timeout", u64::from(*s), 0, 2_147_483),
        Setting::DtlsCiphersuite(name, _) => {
            let known: Vec<_> = suite::SUITES.iter().map(|s| s.name).collect();
            let words = format!("ap dtls-ciphersuite {name}: no suite to be turned on; use {}", known.join(", "));
            if known.contains(&name.as_str()) { Ok(()) } else { Err(Refusal::BadValue(words)) }
        }
        Setting::DtlsPsk(identity, _) => {
            let fits = (1..=128).contains(&identity.len()) && !identity.contains(|c: char| c == '\0' || c.is_control());
            let words = "a PSK identity has 1 to 128 octets of printable text";
            if fits { Ok(()) } else { Err(Refusal::BadValue(words.to_owned())) }
        }
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

/// The staged version, else the running one. Where nothing is staged and all run the running version, it is whatever the
/// profile's server holds, as `install add profile` takes it.
fn version_to_check(state: &State) -> Option<ImageVersion> {
    let staged = state.installs.staged.is_some();
    state.next_version().filter(|v| staged || candidates(state, *v, None).next().is_some())
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

/// The staged version, else the running one, for those that neither run it nor are being given it. Where nothing is
/// staged and all run the running version, it is whatever the profile's server holds (`Save & Download`).
fn predownload(state: &State, target: &Target) -> Result<Decision, Refusal> {
    let wtps = matching(state, target)?;
    let Some(version) = state.next_version() else {
        return match install::add_profile(state) {
            Ok(Decision::FetchProfile(families)) => Ok(Decision::FetchAndPredownload(families, target.clone())),
            Ok(_) | Err(_) => Err(Refusal::NoRunningVersion),
        };
    };
    let facts = requests(&wtps, version);
    if !facts.is_empty() {
        return Ok(Decision::Facts(facts));
    }
    let all_run_it = wtps.iter().all(|w| w.runs(version));
    match install::add_profile(state) {
        Ok(Decision::FetchProfile(families)) if all_run_it && state.installs.staged.is_none() => {
            Ok(Decision::FetchAndPredownload(families, target.clone()))
        }
        Ok(_) | Err(_) => {
            let words = format!("every AP that matches runs {version}, is being given it, or is of an unknown model");
            Err(Refusal::NothingToDo(words))
        }
    }
}

/// The facts by which these WTPs, where they need it, are to be given a version.
fn requests(wtps: &[&Wtp], version: ImageVersion) -> Vec<(Subject, Event)> {
    wtps.iter()
        .filter(|w| !(w.runs(version) || waits_or_moves(w) && w.image.version() == Some(version)))
        .filter_map(|w| {
            let (wtp, family) = (w.address.clone(), w.inventory.family.clone()?);
            let subject = Subject::Wtp(wtp.id.clone());
            Some((subject, Event::PredownloadRequested { wtp, family, version, reset: false }))
        })
        .collect()
}

fn swap(state: &State, target: &Target) -> Result<Decision, Refusal> {
    let facts: Vec<_> = matching(state, target)?
        .iter()
        .filter_map(|w| {
            let next = if w.swapped.is_some() { w.inventory.version? } else { w.backup()? };
            let subject = Subject::Wtp(w.address.id.clone());
            Some((subject, Event::WtpImageSwapped { wtp: w.address.clone(), next }))
        })
        .collect();
    if facts.is_empty() {
        return Err(Refusal::NothingToDo("no AP that matches is known to hold a backup image".to_owned()));
    }
    Ok(Decision::Facts(facts))
}

/// Into the image that `ap image swap` chose, else into the running version where they hold it. A WTP that found this
/// image bad is not reset into it.
fn reset(state: &State, target: &Target) -> Result<Decision, Refusal> {
    let wtps = matching(state, target)?;
    let into = |w: &Wtp| {
        let running = state.version_to_hold(&w.address.id, w.inventory.version);
        w.swapped.or(running.filter(|v| w.backup() == Some(*v)))
    };
    let (bad, good): (Vec<_>, Vec<_>) =
        wtps.iter().map(|w| (w, into(w))).partition(|(w, into)| into.is_some_and(|v| is_known_bad(w, v)));
    if let (Some((wtp, Some(version))), true) = (bad.first(), good.is_empty()) {
        let words = format!("{} found its image of {version} bad; see `show ap image reason`", wtp.address.name);
        return Err(Refusal::NothingToDo(words));
    }
    Ok(Decision::Reset(good.into_iter().map(|(w, into)| (w.address.clone(), into)).collect()))
}

/// Whether the last try to give a WTP this version ended with its flash, or with what it stored there.
pub(super) fn is_known_bad(wtp: &Wtp, version: ImageVersion) -> bool {
    match &wtp.image {
        ImageStatus::Failed { version: failed, kind, .. } => *failed == version && kind.is_integrity(),
        ImageStatus::None
        | ImageStatus::Initiated { .. }
        | ImageStatus::Moving { .. }
        | ImageStatus::Complete { .. } => false,
    }
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

/// Whether a predownload of this WTP waits, moves, or will be tried again.
pub(super) fn is_in_progress(wtp: &Wtp) -> bool {
    let retries = match &wtp.image {
        ImageStatus::Failed { mode, next_retry, .. } => *mode == DownloadMode::Predownload && next_retry.is_some(),
        ImageStatus::None
        | ImageStatus::Initiated { .. }
        | ImageStatus::Moving { .. }
        | ImageStatus::Complete { .. } => false,
    };
    retries || waits_or_moves(wtp)
}

fn waits_or_moves(wtp: &Wtp) -> bool {
    match wtp.image {
        ImageStatus::Initiated { mode, .. } | ImageStatus::Moving { mode, .. } => mode == DownloadMode::Predownload,
        ImageStatus::None | ImageStatus::Complete { .. } | ImageStatus::Failed { .. } => false,
    }
}
