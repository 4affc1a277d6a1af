//! What an operator should know of a change that was accepted: that it is not in force yet, or does what he may not mean.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use capledger_schema::project::config::{AccessConfig, UserConfig};
use capledger_schema::setting::Setting;

/// The level that may do everything.
const ALL: u8 = 15;

/// One line for each, below the command; mostly there is none.
pub(super) fn notes(changes: &[Setting], before: &AccessConfig, after: &AccessConfig) -> String {
    let mut out = String::new();
    let mut note = |words: &dyn std::fmt::Display| {
        // To a string, it cannot fail.
        let _ = writeln!(out, "Note: {words}");
    };
    let addresses = |s: &Setting| matches!(s, Setting::CapwapListen(_) | Setting::NoCapwapListen(_));
    if changes.iter().any(addresses) {
        note(&"access points are served at these addresses from the next start: `write memory`, then `reload`.");
    }
    for change in changes {
        if let Setting::ImageLocal(family, file) = change
            && !file.contains("://")
            && let Err(e) = std::fs::metadata(Path::new(file))
        {
            note(&format_args!("{family} cannot be taken from {file} now: {e}."));
        }
    }
    if may_do_everything(&before.users) && !may_do_everything(&after.users) {
        note(&"no account of level 15 is left; only `capledger console` on this machine may configure it now.");
    }
    out
}

fn may_do_everything(users: &BTreeMap<String, UserConfig>) -> bool {
    users.values().any(|user| user.privilege == ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_the_last_account_that_may_do_everything_is_told_what_is_left() {
        let admin = UserConfig { privilege: ALL, secret: None };
        let before = AccessConfig { users: [("admin".to_owned(), admin)].into(), ..AccessConfig::default() };
        let after = AccessConfig::default();
        let gone = [Setting::NoUser("admin".into())];
        assert!(notes(&gone, &before, &after).contains("`capledger console`"));
        assert_eq!(notes(&gone, &before, &before), "");
        // Where there was none before, nothing was taken.
        assert_eq!(notes(&gone, &after, &after), "");
    }

    #[test]
    fn a_local_image_that_is_not_there_and_an_address_that_waits_for_the_next_start_are_told() {
        let access = AccessConfig::default();
        let local = |file: &str| [Setting::ImageLocal("ap1g8".parse().expect("a family"), file.to_owned())];
        let text = notes(&local("/nowhere/ap1g8"), &access, &access);
        assert!(text.contains("ap1g8 cannot be taken from /nowhere/ap1g8 now: No such file"), "{text}");
        assert_eq!(notes(&local("."), &access, &access), "");
        let listen = [Setting::CapwapListen("127.0.0.1:5246".parse().expect("an address"))];
        assert!(notes(&listen, &access, &access).contains("from the next start"));
    }
}
