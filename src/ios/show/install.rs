//! `show install ...`: the versions on the controller, as packages, and how it stands with the activated one.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use capledger_schema::image::{ImageFamily, ImageVersion};
use capledger_schema::project::State;
use capledger_schema::time::Timestamp;
use serde::Serialize;

use super::logging::Line;
use super::words;
use crate::ios::View;
use crate::ios::action::InstallPart;
use crate::syslog::Entry;

/// What `show install summary|active|committed|inactive` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The versions asked for, oldest release first.
    pub packages: Vec<Package>,
    /// When the controller goes back to the committed version by itself.
    pub auto_abort_at: Option<Timestamp>,
    /// Every image family of the fleet has an image of it, and it waits to be activated.
    pub staged_version: Option<ImageVersion>,
    /// Every image family of the fleet has an image of them, and they neither run nor are staged.
    pub ready_versions: Vec<ImageVersion>,
}

/// A version on the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Package {
    /// Which.
    pub version: ImageVersion,
    /// How it stands with it.
    pub state: PackageState,
}

/// What a package line says of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageState {
    /// `I`
    Inactive,
    /// `U`
    ActivatedUncommitted,
    /// `C`
    ActivatedCommitted,
    /// `D`
    DeactivatedUncommitted,
}

impl PackageState {
    fn of(version: ImageVersion, state: &State) -> PackageState {
        match &state.installs.trial {
            Some(trial) if trial.version == version => PackageState::ActivatedUncommitted,
            Some(trial) if trial.back_to == version => PackageState::DeactivatedUncommitted,
            Some(_) => PackageState::Inactive,
            None if state.running_version() == Some(version) => PackageState::ActivatedCommitted,
            None => PackageState::Inactive,
        }
    }

    fn letter(self) -> char {
        match self {
            PackageState::Inactive => 'I',
            PackageState::ActivatedUncommitted => 'U',
            PackageState::ActivatedCommitted => 'C',
            PackageState::DeactivatedUncommitted => 'D',
        }
    }
}

/// What `show install summary` tells; with a part, `show install active|committed|inactive`.
pub fn facts(part: Option<InstallPart>, view: &View) -> Facts {
    use PackageState::{ActivatedCommitted, ActivatedUncommitted, DeactivatedUncommitted, Inactive};
    let state = view.state;
    let catalogue = state.installs.catalogue.keys().map(|(_, v)| *v);
    let versions: BTreeSet<ImageVersion> =
        catalogue.chain(state.running_version()).chain(state.committed_version()).collect();
    let all = versions.into_iter().map(|version| Package { version, state: PackageState::of(version, state) });
    let packages = match part {
        None => all.collect(),
        Some(InstallPart::Active) => {
            all.filter(|p| matches!(p.state, ActivatedUncommitted | ActivatedCommitted)).collect()
        }
        // The one that comes back if the activated one is not committed is still the committed one.
        Some(InstallPart::Committed) => all
            .filter(|p| matches!(p.state, DeactivatedUncommitted | ActivatedCommitted))
            .map(|p| Package { state: ActivatedCommitted, ..p })
            .collect(),
        Some(InstallPart::Inactive) => all.filter(|p| matches!(p.state, Inactive | DeactivatedUncommitted)).collect(),
    };
    Facts {
        packages,
        auto_abort_at: auto_abort_at(state),
        staged_version: state.installs.staged,
        ready_versions: ready(state),
    }
}

/// The versions that could be activated for the whole fleet, but for the staged one: one that was taken back, or that
/// ran before the committed one, say.
fn ready(state: &State) -> Vec<ImageVersion> {
    let families: BTreeSet<&ImageFamily> =
        state.fleet.wtps.values().filter_map(|w| w.inventory.family.as_ref()).collect();
    let versions: BTreeSet<ImageVersion> = state.installs.catalogue.keys().map(|(_, v)| *v).collect();
    let is_ready = |version: &ImageVersion| {
        PackageState::of(*version, state) == PackageState::Inactive
            && state.installs.staged != Some(*version)
            && !families.is_empty()
            && families.iter().all(|family| state.installs.image(family, *version).is_some())
    };
    versions.into_iter().filter(is_ready).collect()
}

fn auto_abort_at(state: &State) -> Option<Timestamp> {
    state.installs.trial.as_ref().and_then(|t| t.due)
}

fn packages(title: &str, facts: &Facts, view: &View) -> String {
    let rule = "-".repeat(80);
    let mut out = format!("[ Chassis 1 R0 ] {title} Package(s) Information:\n");
    out.push_str("State (St): I - Inactive, U - Activated & Uncommitted,\n");
    out.push_str("            C - Activated & Committed, D - Deactivated & Uncommitted\n");
    let _ = writeln!(out, "{rule}\nType  St   Filename/Version\n{rule}");
    for Package { version, state } in &facts.packages {
        let _ = writeln!(out, "IMG   {}    {version}", state.letter());
    }
    let _ = writeln!(out, "\n{rule}\nAuto abort timer: {}\n{rule}", timer(facts.auto_abort_at, view));
    out
}

/// `inactive`, or when it goes back: `active on install_activate, time before rollback - 01:49:42`.
fn timer(due: Option<Timestamp>, view: &View) -> String {
    match due {
        Some(due) => {
            let left = words::clock(due.since(view.now));
            format!("active on install_activate, time before rollback - {left}")
        }
        None => "inactive".to_owned(),
    }
}

/// `show install summary`
pub fn show(view: &View) -> String {
    let facts = facts(None, view);
    let mut out = packages("Installed", &facts, view);
    if let Some(staged) = facts.staged_version {
        let _ = writeln!(out, "Staged : {staged}, for every image family of the fleet; `install activate` runs it");
    }
    for ready in facts.ready_versions {
        let _ =
            writeln!(out, "Ready  : {ready}, for every image family of the fleet; `install activate {ready}` runs it");
    }
    out
}

/// `show install active|committed|inactive`
pub fn part(part: InstallPart, view: &View) -> String {
    let title = match part {
        InstallPart::Active => "Active",
        InstallPart::Committed => "Committed",
        InstallPart::Inactive => "Inactive",
    };
    packages(title, &facts(Some(part), view), view)
}

/// What `show install rollback` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RollbackFacts {
    /// The version that comes back; none if the running one is committed.
    pub rollback_point: Option<ImageVersion>,
    /// The version that APs are to run.
    pub running_version: Option<ImageVersion>,
    /// When the one that is not committed was activated.
    pub activated_at: Option<Timestamp>,
    /// When the controller goes back by itself.
    pub auto_abort_at: Option<Timestamp>,
}

/// What `show install rollback` tells.
pub fn rollback_facts(view: &View) -> RollbackFacts {
    let trial = view.state.installs.trial.as_ref();
    RollbackFacts {
        rollback_point: trial.map(|t| t.back_to),
        running_version: trial.map(|t| t.version).or(view.state.running_version()),
        activated_at: trial.map(|t| t.since),
        auto_abort_at: auto_abort_at(view.state),
    }
}

/// `show install rollback`
pub fn rollback(view: &View) -> String {
    let f = rollback_facts(view);
    match (f.rollback_point, f.running_version, f.activated_at) {
        (Some(back), Some(running), Some(at)) => format!(
            "Rollback point : {back}, committed\nRunning        : {running}, activated {} and not committed\nAuto abort timer: {}\n",
            view.time.format(at),
            timer(f.auto_abort_at, view)
        ),
        (_, Some(version), _) => format!("No rollback point: {version} is committed.\n"),
        (_, None, _) => "No rollback point: no version is active.\n".to_owned(),
    }
}

/// What `show install log` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogFacts {
    /// The lines of the log that the install family wrote, oldest first.
    pub lines: Vec<Line>,
}

/// What `show install log` tells.
pub fn log_facts(view: &View) -> LogFacts {
    LogFacts { lines: entries(view).map(Line::of).collect() }
}

/// `show install log`
pub fn log(view: &View) -> String {
    let out = entries(view).fold(String::new(), |mut out, entry| {
        let _ = writeln!(out, "{}", entry.bare(view.time));
        out
    });
    if out.is_empty() { "The log holds nothing of the install family.\n".to_owned() } else { out }
}

fn entries<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Entry> {
    view.log.entries().filter(|e| e.line.facility == "INSTALL")
}

/// The version that `install activate` means: the staged one, else that of the image that came into the catalogue last.
pub fn next_to_activate(state: &State) -> Option<ImageVersion> {
    let last = || state.installs.catalogue.values().max_by_key(|e| (e.added_at, e.image.version));
    state.installs.staged.or_else(|| last().map(|e| e.image.version))
}

#[cfg(test)]
mod tests {
    use capledger_schema::event::RollbackReason;
    use capledger_schema::setting::Setting;
    use capledger_schema::{Cause, Event, Subject};

    use super::*;
    use crate::ios::action::Show;
    use crate::ios::show;
    use crate::secrets::NoSecrets;
    use crate::story::{Story, ap, assert_golden, image, moment, version};
    use crate::syslog::TimeFormat;

    fn tell(story: &mut Story, event: Event) {
        let cause = Cause::Operator { user: "admin".into(), from: "172.16.5.9".into() };
        story.after_ms(1_000).tell(cause, Subject::Controller, event);
    }

    /// On 17.9.4.27, with 17.12.1.5 staged and a version of which nothing is to become.
    fn staged() -> Story {
        let mut story = Story::begin("2024-02-01T17:00:00Z");
        story.configured(vec![Setting::SoftwareVersion(Some(version("17.9.4.27")))]);
        story.joined(&ap("AP-1", "2c5a.0f40.6920", "172.16.4.33:5248"), "C9105AXI", "17.9.4.27", None, None);
        for v in ["17.3.3.26", "17.9.4.27", "17.12.1.5"] {
            let url = format!("tftp://172.16.5.27/EWC/{v}/ap1g8");
            let fetch = story.after_ms(1_000).add_started(&url, "ap1g8");
            story.add_completed(fetch, &url, image("ap1g8", v));
        }
        tell(&mut story, Event::VersionStaged { version: version("17.12.1.5") });
        story
    }

    fn activated() -> Story {
        let (new, old) = (version("17.12.1.5"), version("17.9.4.27"));
        let mut story = staged();
        tell(&mut story, Event::VersionActivated { version: new });
        story.configured(vec![Setting::SoftwareVersion(Some(new))]);
        let due = moment("2024-02-01T19:00:00Z");
        tell(&mut story, Event::AutoAbortArmed { version: new, back_to: old, due });
        story.at("2024-02-01T17:10:18Z");
        story
    }

    fn shown(story: &Story, what: &Show) -> String {
        let time = TimeFormat::default();
        let view = View {
            state: &story.state,
            log: &story.log,
            now: story.at,
            time: &time,
            secrets: &NoSecrets,
            history: &story.envelopes,
        };
        show::show(what, &view, capledger_schema::feed::Privilege::Privileged)
    }

    fn states(story: &Story) -> Vec<String> {
        shown(story, &Show::InstallSummary).lines().filter(|l| l.starts_with("IMG ")).map(str::to_owned).collect()
    }

    #[test]
    fn a_version_goes_from_inactive_to_uncommitted_to_committed_and_the_one_before_it_out_of_use() {
        let mut story = staged();
        assert_eq!(states(&story), ["IMG   I    17.3.3.26", "IMG   C    17.9.4.27", "IMG   I    17.12.1.5"]);
        story = activated();
        assert_eq!(states(&story), ["IMG   I    17.3.3.26", "IMG   D    17.9.4.27", "IMG   U    17.12.1.5"]);
        tell(&mut story, Event::VersionCommitted { version: version("17.12.1.5") });
        assert_eq!(states(&story), ["IMG   I    17.3.3.26", "IMG   I    17.9.4.27", "IMG   C    17.12.1.5"]);
    }

    #[test]
    fn a_version_that_was_taken_back_is_inactive_and_the_one_before_it_committed() {
        let (new, old) = (version("17.12.1.5"), version("17.9.4.27"));
        let mut story = activated();
        tell(&mut story, Event::VersionRolledBack { from: new, to: old, reason: RollbackReason::AutoAbort });
        story.configured(vec![Setting::SoftwareVersion(Some(old))]);
        assert_eq!(states(&story), ["IMG   I    17.3.3.26", "IMG   C    17.9.4.27", "IMG   I    17.12.1.5"]);
        let text = shown(&story, &Show::InstallSummary);
        assert!(text.contains("Auto abort timer: inactive\n"));
        let line = "Ready  : 17.12.1.5, for every image family of the fleet; `install activate 17.12.1.5` runs it\n";
        assert!(text.ends_with(line) && !text.contains("Staged"), "{text}");
    }

    #[test]
    fn a_version_that_a_family_of_the_fleet_has_no_image_of_is_not_called_ready() {
        let mut story = staged();
        story.joined(&ap("AP-2", "2c5a.0f40.7000", "172.16.4.34:5248"), "C9120AXI", "17.9.4.27", None, None);
        assert!(!shown(&story, &Show::InstallSummary).contains("Ready"));
    }

    #[test]
    fn the_views_of_an_activated_version_read_as_their_golden_file() {
        let story = activated();
        let all = [
            Show::InstallSummary,
            Show::InstallPart(InstallPart::Active),
            Show::InstallPart(InstallPart::Committed),
            Show::InstallPart(InstallPart::Inactive),
            Show::InstallRollback,
            Show::InstallLog,
        ];
        let text = all.iter().fold(String::new(), |out, what| out + &format!("-- {what:?}\n") + &shown(&story, what));
        assert!(text.contains("Auto abort timer: active on install_activate, time before rollback - 01:49:42\n"));
        assert_golden("show_install_activated.txt", &text);
    }

    #[test]
    fn install_activate_means_the_staged_version_and_without_one_the_last_that_came() {
        assert_eq!(next_to_activate(&staged().state), Some(version("17.12.1.5")));
        let mut story = staged();
        tell(&mut story, Event::VersionUnstaged { version: version("17.12.1.5") });
        let url = "tftp://172.16.5.27/EWC/old/ap1g8";
        let fetch = story.after_ms(1_000).add_started(url, "ap1g8");
        story.add_completed(fetch, url, image("ap1g8", "17.9.4.27"));
        assert_eq!(next_to_activate(&story.state), Some(version("17.9.4.27")));
    }
}
