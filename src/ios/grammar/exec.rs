//! The exec modes' part of the table.

use super::{Arg, Args, Entry, Mode, Token, arg, kw};
use crate::command::{Command, Target};
use crate::ios::action::{Action, Show};

const USER: &[Mode] = &[Mode::User, Mode::Privileged];
const PRIVILEGED: &[Mode] = &[Mode::Privileged];

const SHOW: Token = kw("show", "Show running system information");
const SHOW_AP: Token = kw("ap", "Access points");
const SHOW_AP_IMAGE: Token = kw("image", "Images of the access points and their predownload");
const SHOW_WIRELESS: Token = kw("wireless", "Wireless information");
const SHOW_PROFILE: Token = kw("profile", "Profiles");
const SHOW_DOWNLOAD: Token = kw("image-download", "Image-download profile");

const INSTALL: Token = kw("install", "Package install commands");
const INSTALL_ADD: Token = kw("add", "Fetch an image, check it and keep it");

const AP: Token = kw("ap", "Access point commands");
const AP_NAME: Token = kw("name", "One access point");
const AP_NAME_ARG: Token = arg(Arg::Word, "Name of the access point");
const AP_IMAGE: Token = kw("image", "Images of the access points");
const PREDOWNLOAD: Token = kw("predownload", "Give access points the running version's image while they serve");
const RESET: Token = kw("reset", "Reset access points into the image that they hold");
const SITE: Token = kw("site-tag", "The access points of one site");
const SITE_ARG: Token = arg(Arg::Word, "Site: the access points' Location Data");
const MODEL: Token = kw("model", "The access points of one model");
const MODEL_ARG: Token = arg(Arg::Word, "Model, as C9105AXI");

const MONITOR: Token = kw("monitor", "Print new lines of the log on this terminal");
const TERMINAL: Token = kw("terminal", "Set terminal line parameters");

const fn user(tokens: &'static [Token], action: fn(&Args) -> Action) -> Entry {
    Entry { modes: USER, tokens, action, no: None }
}

const fn privileged(tokens: &'static [Token], action: fn(&Args) -> Action) -> Entry {
    Entry { modes: PRIVILEGED, tokens, action, no: None }
}

fn predownload(target: Target) -> Action {
    Action::Run(Command::Predownload { target })
}

fn reset(target: Target) -> Action {
    Action::Run(Command::Reset { target })
}

pub(super) static TABLE: &[Entry] = &[
    user(&[SHOW, SHOW_AP, SHOW_AP_IMAGE], |_| Action::Show(Show::ApImage)),
    user(&[SHOW, SHOW_AP, SHOW_AP_IMAGE, kw("reason", "Why an access point is not at the running version")], |_| {
        Action::Show(Show::ApImageReason)
    }),
    user(&[SHOW, SHOW_AP, kw("summary", "All access points")], |_| Action::Show(Show::ApSummary)),
    user(&[SHOW, kw("clock", "The system clock")], |_| Action::Show(Show::Clock)),
    user(&[SHOW, kw("install", "Installed images"), kw("summary", "All of them")], |_| {
        Action::Show(Show::InstallSummary)
    }),
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
    privileged(
        &[
            INSTALL,
            INSTALL_ADD,
            kw("file", "One file"),
            arg(Arg::Word, "tftp://HOST[:PORT]/PATH, or a file on the controller"),
        ],
        |a| Action::Run(Command::InstallAdd { url: a.text(0) }),
    ),
    privileged(
        &[
            INSTALL,
            INSTALL_ADD,
            kw("profile", "The image of every family in the fleet"),
            kw("default", "From where the image-download profile says"),
        ],
        |_| Action::Run(Command::InstallAddProfile),
    ),
    privileged(&[INSTALL, kw("activate", "Make a version the running one")], |_| Action::ActivateAdded),
    privileged(
        &[INSTALL, kw("activate", "Make a version the running one"), arg(Arg::Version, "Version, as 17.9.4.27")],
        |a| Action::Run(Command::Activate { version: a.version(0) }),
    ),
    privileged(&[AP, AP_IMAGE, PREDOWNLOAD], |_| predownload(Target::All)),
    privileged(&[AP, AP_IMAGE, PREDOWNLOAD, kw("abort", "End every predownload that waits or moves")], |_| {
        Action::Run(Command::PredownloadAbort)
    }),
    privileged(&[AP, AP_IMAGE, PREDOWNLOAD, SITE, SITE_ARG], |a| predownload(Target::Site(a.text(0)))),
    privileged(&[AP, AP_IMAGE, PREDOWNLOAD, SITE, SITE_ARG, kw("start", "Start it")], |a| {
        predownload(Target::Site(a.text(0)))
    }),
    privileged(&[AP, AP_IMAGE, PREDOWNLOAD, MODEL, MODEL_ARG], |a| predownload(Target::Model(a.text(0)))),
    privileged(&[AP, AP_IMAGE, RESET], |_| reset(Target::All)),
    privileged(&[AP, AP_IMAGE, RESET, SITE, SITE_ARG], |a| reset(Target::Site(a.text(0)))),
    privileged(&[AP, AP_IMAGE, RESET, MODEL, MODEL_ARG], |a| reset(Target::Model(a.text(0)))),
    privileged(&[AP, AP_NAME, AP_NAME_ARG, AP_IMAGE, PREDOWNLOAD], |a| predownload(Target::Name(a.text(0)))),
    privileged(&[AP, AP_NAME, AP_NAME_ARG, RESET], |a| reset(Target::Name(a.text(0)))),
    privileged(&[kw("configure", "Enter configuration mode"), kw("terminal", "Configure from the terminal")], |_| {
        Action::Configure { settings: Vec::new(), enter: Some(Mode::Config) }
    }),
    user(&[kw("enable", "Turn on privileged commands")], |_| Action::Enable),
    user(&[kw("disable", "Turn off privileged commands")], |_| Action::Disable),
    user(&[kw("exit", "Exit from the EXEC")], |_| Action::Exit),
    user(&[kw("logout", "Exit from the EXEC")], |_| Action::Exit),
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
