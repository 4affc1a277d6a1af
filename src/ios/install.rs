//! What an interactive `install add` and `install activate` print. Clients wait for `SUCCESS: install_` or
//! `FAILED: install_`.

use capledger_schema::failure::FetchFailure;
use capledger_schema::image::{ImageFacts, ImageVersion};
use capledger_schema::time::Timestamp;

use crate::syslog::{TimeFormat, fetch_words};

/// The head of an `install add`.
pub fn add_started(at: Timestamp, time: &TimeFormat) -> String {
    format!(
        "install_add: START {}\ninstall_add: Adding IMG\n--- Starting Add ---\nPerforming Add on all members\n",
        time.date(at)
    )
}

/// The end of an `install add` that left an image.
pub fn add_completed(image: &ImageFacts, at: Timestamp, time: &TimeFormat) -> String {
    format!(
        "  [1] Finished Add on Chassis 1\nAdd: Passed on [1]\nFinished Add\n\nImage {} {}, {} octets\nSUCCESS: install_add {}\n",
        image.family,
        image.version,
        image.octets,
        time.date(at)
    )
}

/// The end of an `install add` that failed.
pub fn add_failed(url: &str, failure: &FetchFailure, at: Timestamp, time: &TimeFormat) -> String {
    let words = fetch_words(failure);
    format!(
        "  [1] Failed Add on Chassis 1\nAdd: Failed on [1]\n\nError: Failed to download file {url}: {words}\nFAILED: install_add {}\n",
        time.date(at)
    )
}

/// A whole `install activate`.
pub fn activated(version: ImageVersion, at: Timestamp, time: &TimeFormat) -> String {
    let date = time.date(at);
    format!(
        "install_activate: START {date}\ninstall_activate: Activating IMG {version}\nSUCCESS: install_activate {date}\n"
    )
}

/// A refused `install activate` or `install add`, `operation` being its name.
pub fn refused(operation: &str, words: &str, at: Timestamp, time: &TimeFormat) -> String {
    format!("FAILED: install_{operation} {words} {}\n", time.date(at))
}

#[cfg(test)]
mod tests {
    use capledger_schema::failure::FetchFailureKind;

    use super::*;
    use crate::story::{image, moment, version};

    #[test]
    fn an_add_ends_with_the_words_that_clients_wait_for() {
        let (at, time) = (moment("2024-02-01T17:05:37.108Z"), TimeFormat::default());
        assert_eq!(add_started(at, &time).lines().next(), Some("install_add: START Thu Feb  1 17:05:37 UTC 2024"));
        let done = add_completed(&image("ap1g8", "17.9.4.27"), at, &time);
        assert!(done.contains("Add: Passed on [1]\n"));
        assert!(done.ends_with("SUCCESS: install_add Thu Feb  1 17:05:37 UTC 2024\n"));
        let failure = FetchFailure::new(FetchFailureKind::NotFound, "File not found");
        let failed = add_failed("tftp://10.0.0.5/ap1g8", &failure, at, &time);
        assert!(failed.contains("tftp://10.0.0.5/ap1g8: No such file or directory\nFAILED: install_add "), "{failed}");
        let activated = activated(version("17.9.4.27"), at, &time);
        assert!(activated.lines().last().is_some_and(|l| l.starts_with("SUCCESS: install_activate ")), "{activated}");
        assert!(refused("activate", "no such image", at, &time).starts_with("FAILED: install_activate no such image"));
    }
}
