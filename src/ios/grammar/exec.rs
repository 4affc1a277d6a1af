//! The exec modes' part of the table.

use super::{Arg, Args, Entry, Mode, Token, arg, kw};
use crate::ios::action::{Action, Show};

pub(super) const SHOW: Token = kw("show", "Show running system information");
pub(super) const SHOW_AP: Token = kw("ap", "Access points");
pub(super) const SHOW_AP_IMAGE: Token = kw("image", "Images of the access points and their predownload");
pub(super) const SHOW_WIRELESS: Token = kw("wireless", "Wireless information");
const SHOW_PROFILE: Token = kw("profile", "Profiles");
const SHOW_DOWNLOAD: Token = kw("image-download", "Image-download profile");

const HELP: &str = "\
Type ? anywhere: behind a space it lists what may come next, within a word how the word may go on.
Tab completes a word, and words may be cut to what is unique: `sh ap im` is `show ap image`.
Behind a `show`, `| include WORDS` picks lines, and `| json` prints the same facts for a program.
Every command with its arguments is printed by `capledger docs cli`, on any machine.
";

const EXEC: &[Mode] = &[Mode::User, Mode::Privileged];

const MONITOR: Token = kw("monitor", "Print new lines of the log on this terminal");
const TERMINAL: Token = kw("terminal", "Set terminal line parameters");

/// What anyone may do.
pub(super) const fn user(tokens: &'static [Token], action: fn(&Args) -> Action) -> Entry {
    Entry { modes: &[Mode::User, Mode::Privileged, Mode::Do], tokens, action, no: None }
}

/// What only level 15 may do.
pub(super) const fn privileged(tokens: &'static [Token], action: fn(&Args) -> Action) -> Entry {
    Entry { modes: &[Mode::Privileged, Mode::Do], tokens, action, no: None }
}

/// What leads to another mode or out: `do` cannot.
const fn leading(modes: &'static [Mode], tokens: &'static [Token], action: fn(&Args) -> Action) -> Entry {
    Entry { modes, tokens, action, no: None }
}

pub(super) static TABLE: &[Entry] = &[
    user(&[SHOW, SHOW_AP, SHOW_AP_IMAGE], |_| Action::Show(Show::ApImage)),
    user(&[SHOW, SHOW_AP, SHOW_AP_IMAGE, kw("reason", "Why an access point is not at the running version")], |_| {
        Action::Show(Show::ApImageReason)
    }),
    user(&[SHOW, SHOW_AP, kw("summary", "All access points")], |_| Action::Show(Show::ApSummary)),
    user(&[SHOW, kw("clock", "The system clock")], |_| Action::Show(Show::Clock)),
    user(&[SHOW, kw("logging", "The last lines of the log")], |_| Action::Show(Show::Logging { last: None })),
    user(
        &[
            SHOW,
            kw("logging", "The last lines of the log"),
            kw("last", "Only so many of them"),
            arg(Arg::Number(1, 1_000_000), "Number of lines"),
        ],
        |a| Action::Show(Show::Logging { last: Some(a.fit(0)) }),
    ),
    user(&[SHOW, kw("privilege", "Your privilege level")], |_| Action::Show(Show::Privilege)),
    privileged(&[SHOW, kw("running-config", "The configuration that is in force")], |_| {
        Action::Show(Show::RunningConfig)
    }),
    user(&[SHOW, kw("version", "Software and uptime")], |_| Action::Show(Show::Version)),
    user(&[SHOW, SHOW_WIRELESS, SHOW_PROFILE, SHOW_DOWNLOAD], |_| Action::Show(Show::ProfileDetailed)),
    user(&[SHOW, SHOW_WIRELESS, SHOW_PROFILE, SHOW_DOWNLOAD, kw("summary", "All profiles")], |_| {
        Action::Show(Show::ProfileSummary)
    }),
    user(
        &[
            SHOW,
            SHOW_WIRELESS,
            SHOW_PROFILE,
            SHOW_DOWNLOAD,
            kw("detailed", "One profile"),
            kw("default", "The profile that there is"),
        ],
        |_| Action::Show(Show::ProfileDetailed),
    ),
    leading(
        &[Mode::Privileged],
        &[kw("configure", "Enter configuration mode"), kw("terminal", "Configure from the terminal")],
        |_| Action::Configure { settings: Vec::new(), enter: Some(Mode::Config) },
    ),
    leading(&[Mode::Privileged], &[kw("configure", "Enter configuration mode")], |_| Action::Configure {
        settings: Vec::new(),
        enter: Some(Mode::Config),
    }),
    leading(EXEC, &[kw("enable", "Turn on privileged commands")], |_| Action::Enable),
    leading(EXEC, &[kw("disable", "Turn off privileged commands")], |_| Action::Disable),
    leading(EXEC, &[kw("exit", "Exit from the EXEC")], |_| Action::Exit),
    user(&[kw("help", "How to find what may be typed")], |_| Action::Say(HELP)),
    leading(EXEC, &[kw("logout", "Exit from the EXEC")], |_| Action::Exit),
    user(
        &[TERMINAL, kw("length", "Lines on a page"), arg(Arg::Number(0, 512), "Number of lines; 0 for no paging")],
        |a| Action::TerminalLength(a.fit(0)),
    ),
    user(
        &[TERMINAL, kw("width", "Columns of the terminal"), arg(Arg::Number(0, 512), "Number of columns; 0 for any")],
        |a| Action::TerminalWidth(a.fit(0)),
    ),
    user(&[TERMINAL, MONITOR], |_| Action::TerminalMonitor(true)),
    user(&[TERMINAL, kw("no", "Negate a setting of the terminal"), MONITOR], |_| Action::TerminalMonitor(false)),
];
