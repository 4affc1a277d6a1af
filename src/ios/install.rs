//! What the interactive commands of the install family print. Clients wait for `SUCCESS: install_` or
//! `FAILED: install_`, and for one of them only.

use std::fmt::Write as _;

use capledger_schema::event::InstallAction;
use capledger_schema::failure::FetchFailure;
use capledger_schema::image::{ImageFacts, ImageVersion};
use capledger_schema::time::Timestamp;

use crate::syslog::{TimeFormat, action_word, fetch_words};

/// The head of an action.
pub fn started(action: InstallAction, at: Timestamp, time: &TimeFormat) -> String {
    let (word, date) = (action_word(action), time.date(at));
    let (doing, title) = words(action);
    let mut out = format!("install_{word}: START {date}\n");
    if action != InstallAction::Remove {
        let _ = writeln!(out, "install_{word}: {doing} IMG");
    }
    let _ = writeln!(out, "--- Starting {title} ---\nPerforming {title} on all members");
    out
}

/// The end of an action that did what it was to do, `notes` being what else there is to say.
pub fn completed(action: InstallAction, notes: &[String], at: Timestamp, time: &TimeFormat) -> String {
    let (word, date) = (action_word(action), time.date(at));
    let (_, title) = words(action);
    let mut out = format!("  [1] Finished {title} on Chassis 1\n{title}: Passed on [1]\nFinished {title}\n\n");
    for note in notes {
        let _ = writeln!(out, "{note}");
    }
    let _ = writeln!(out, "SUCCESS: install_{word} {date}");
    out
}

/// The end of an action that failed after it had begun.
pub fn failed(action: InstallAction, errors: &[String], at: Timestamp, time: &TimeFormat) -> String {
    let (word, date) = (action_word(action), time.date(at));
    let (_, title) = words(action);
    let mut out = format!("  [1] Failed {title} on Chassis 1\n{title}: Failed on [1]\n\n");
    for error in errors {
        let _ = writeln!(out, "Error: {error}");
    }
    let _ = writeln!(out, "FAILED: install_{word} {date}");
    out
}

/// An action that was refused before it began.
pub fn refused(action: InstallAction, words: &str, at: Timestamp, time: &TimeFormat) -> String {
    format!("Error: {words}\nFAILED: install_{} {}\n", action_word(action), time.date(at))
}

/// An image that an `install add` left.
pub fn image_added(image: &ImageFacts) -> String {
    format!("Image {} {}, {} octets", image.family, image.version, image.octets)
}

/// A fetch of an `install add` that failed.
pub fn fetch_failed(url: &str, failure: &FetchFailure) -> String {
    format!("Failed to download file {url}: {}", fetch_words(failure))
}

/// What can be done with a version that an `install add` made the staged one.
pub fn staged(version: ImageVersion) -> String {
    format!("Version {version} is staged: `ap image predownload` gives it to the APs, `install activate` runs it")
}

/// The word for doing it, and its name as a step.
fn words(action: InstallAction) -> (&'static str, &'static str) {
    match action {
        InstallAction::Add => ("Adding", "Add"),
        InstallAction::Activate => ("Activating", "Activate"),
        InstallAction::Commit => ("Committing", "Commit"),
        InstallAction::Abort => ("Aborting", "Abort"),
        InstallAction::Rollback => ("Rolling back", "Rollback"),
        InstallAction::Remove => ("Removing", "Remove"),
    }
}

#[cfg(test)]
mod tests {
    use capledger_schema::failure::FetchFailureKind;

    use super::*;
    use crate::story::{image, moment};

    #[test]
    fn an_add_ends_with_the_words_that_clients_wait_for() {
        let (at, time) = (moment("2024-02-01T17:05:37.108Z"), TimeFormat::default());
        let text = started(InstallAction::Add, at, &time);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "install_add: START Thu Feb  1 17:05:37 UTC 2024",
                "install_add: Adding IMG",
                "--- Starting Add ---",
                "Performing Add on all members",
            ]
        );
        let done = completed(InstallAction::Add, &[image_added(&image("ap1g8", "17.9.4.27"))], at, &time);
        assert!(done.starts_with("  [1] Finished Add on Chassis 1\nAdd: Passed on [1]\n"), "{done}");
        assert!(done.ends_with("\nSUCCESS: install_add Thu Feb  1 17:05:37 UTC 2024\n"), "{done}");
        let failure = FetchFailure::new(FetchFailureKind::NotFound, "File not found");
        let failed = failed(InstallAction::Add, &[fetch_failed("tftp://10.0.0.5/ap1g8", &failure)], at, &time);
        assert!(failed.contains("tftp://10.0.0.5/ap1g8: No such file or directory\nFAILED: install_add "), "{failed}");
    }

    #[test]
    fn every_action_says_once_whether_it_succeeded_and_names_itself() {
        let (at, time) = (moment("2024-02-01T17:05:37.108Z"), TimeFormat::default());
        for (action, word) in [
            (InstallAction::Add, "add"),
            (InstallAction::Activate, "activate"),
            (InstallAction::Commit, "commit"),
            (InstallAction::Abort, "abort"),
            (InstallAction::Rollback, "rollback"),
            (InstallAction::Remove, "remove"),
        ] {
            let text = started(action, at, &time) + &completed(action, &["a note".to_owned()], at, &time);
            assert!(text.starts_with(&format!("install_{word}: START ")), "{text}");
            assert_eq!(text.matches(&format!("SUCCESS: install_{word} ")).count(), 1, "{text}");
            assert_eq!(text.matches("FAILED: install_").count(), 0, "{text}");
            let text = failed(action, &["its words".to_owned()], at, &time);
            assert!(text.contains("Error: its words\n") && !text.contains("SUCCESS: install_"), "{text}");
            // The line that clients wait for has the form that it has after a failure; the reason has its own.
            assert_eq!(
                refused(action, "no such image", at, &time),
                format!("Error: no such image\nFAILED: install_{word} Thu Feb  1 17:05:37 UTC 2024\n")
            );
        }
    }
}
