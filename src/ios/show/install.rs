//! `show install ...`: the versions on the controller, as packages, and how it stands with the activated one.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use capledger_schema::image::ImageVersion;
use capledger_schema::project::State;

use super::words;
use crate::ios::View;
use crate::ios::action::InstallPart;

/// What a package line says of a version: `I`, `U`, `C` or `D`.
fn letter(version: ImageVersion, state: &State) -> char {
    let on_trial = state.installs.trial.as_ref();
    match on_trial {
        Some(trial) if trial.version == version => 'U',
        Some(trial) if trial.back_to == version => 'D',
        Some(_) => 'I',
        None if state.running_version() == Some(version) => 'C',
        None => 'I',
    }
}

fn versions(state: &State) -> BTreeSet<ImageVersion> {
    let catalogue = state.installs.catalogue.keys().map(|(_, v)| *v);
    catalogue.chain(state.running_version()).chain(state.committed_version()).collect()
}

fn packages(title: &str, rows: impl Iterator<Item = (char, ImageVersion)>, view: &View) -> String {
    let rule = "-".repeat(80);
    let mut out = format!("[ Chassis 1 R0 ] {title} Package(s) Information:\n");
    out.push_str("State (St): I - Inactive, U - Activated & Uncommitted,\n");
    out.push_str("            C - Activated & Committed, D - Deactivated & Uncommitted\n");
    let _ = writeln!(out, "{rule}\nType  St   Filename/Version\n{rule}");
    for (state, version) in rows {
        let _ = writeln!(out, "IMG   {state}    {version}");
    }
    let _ = writeln!(out, "\n{rule}\nAuto abort timer: {}\n{rule}", timer(view));
    out
}

/// `inactive`, or when it goes back: `active on install_activate, time before rollback - 01:49:42`.
fn timer(view: &View) -> String {
    match view.state.installs.trial.as_ref().and_then(|t| t.due) {
        Some(due) => {
            let left = words::clock(due.since(view.now));
            format!("active on install_activate, time before rollback - {left}")
        }
        None => "inactive".to_owned(),
    }
}

/// `show install summary`
pub fn show(view: &View) -> String {
    let state = view.state;
    let rows = versions(state).into_iter().map(|v| (letter(v, state), v));
    let mut out = packages("Installed", rows, view);
    if let Some(staged) = state.installs.staged {
        let _ = writeln!(out, "Staged : {staged}, for every image family of the fleet; `install activate` runs it");
    }
    out
}

/// `show install active|committed|inactive`
pub fn part(part: InstallPart, view: &View) -> String {
    let state = view.state;
    let rows = |wanted: &'static [char]| {
        versions(state).into_iter().map(|v| (letter(v, state), v)).filter(move |(l, _)| wanted.contains(l))
    };
    match part {
        InstallPart::Active => packages("Active", rows(&['U', 'C']), view),
        InstallPart::Committed => packages("Committed", rows(&['D', 'C']).map(|(_, v)| ('C', v)), view),
        InstallPart::Inactive => packages("Inactive", rows(&['I', 'D']), view),
    }
}

/// `show install rollback`
pub fn rollback(view: &View) -> String {
    match &view.state.installs.trial {
        Some(trial) => format!(
            "Rollback point : {}, committed\nRunning        : {}, activated {} and not committed\nAuto abort timer: {}\n",
            trial.back_to,
            trial.version,
            view.time.format(trial.since),
            timer(view)
        ),
        None => match view.state.running_version() {
            Some(version) => format!("No rollback point: {version} is committed.\n"),
            None => "No rollback point: no version is active.\n".to_owned(),
        },
    }
}

/// `show install log`: the lines of the log that the install family wrote.
pub fn log(view: &View) -> String {
    let lines = view.log.entries().filter(|e| e.line.facility == "INSTALL");
    let out = lines.fold(String::new(), |mut out, entry| {
        let _ = writeln!(out, "{}", entry.bare(view.time));
        out
    });
    if out.is_empty() { "The log holds nothing of the install family.\n".to_owned() } else { out }
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
        let view = View { state: &story.state, log: &story.log, now: story.at, time: &time, secrets: &NoSecrets };
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
        assert!(shown(&story, &Show::InstallSummary).contains("Auto abort timer: inactive\n"));
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
