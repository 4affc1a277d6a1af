//! The install family and the images of access points: exec commands, views, and their settings.

use capledger_schema::setting::Setting;

use super::arg::LAST_NUMBER;
use super::config::{AP as CONFIG_AP, IMAGE as CONFIG_IMAGE, config, set, to_default};
use super::exec::{SHOW, privileged, user};
use super::{Arg, Entry, Token, arg, kw};
use crate::command::{Command, Target};
use crate::ios::action::{Action, InstallPart, Show};

const SHOW_INSTALL: Token = kw("install", "Installed images");

const SHOW_OPERATION: Token = kw("operation", "Fetches, downloads, checks and upgrades, and how they went");

const INSTALL: Token = kw("install", "Package install commands");
const ADD: Token = kw("add", "Fetch an image, check it and keep it");
const ACTIVATE: Token = kw("activate", "Make a version the running one; access points that hold it restart into it");
const VERSION: Token = arg(Arg::Version, "Version, as 17.9.4.27");
const TIMER: Token = kw("auto-abort-timer", "When the committed version comes back unless this one is committed");
const MINUTES: Token = arg(Arg::Number(1, 10_080), "Minutes");
const NEVER: Token = kw("none", "Never");
const PROMPT: Token = kw("prompt-level", "What is asked before it is done");
const NOTHING: Token = kw("none", "Nothing, as without it");

const AP: Token = kw("ap", "Access point commands");
const AP_NAME: Token = kw("name", "One access point");
const AP_NAME_ARG: Token = arg(Arg::Word, "Name of the access point");
const AP_IMAGE: Token = kw("image", "Images of the access points");
const PREDOWNLOAD: Token =
    kw("predownload", "Give access points the staged version's image, else the running one's, while they serve");
const SWAP: Token = kw("swap", "Have primary and backup image change places for the next restart");
const RESET: Token = kw("reset", "Reset access points into the image that they hold");
const SITE: Token = kw("site-tag", "The access points of one site");
const SITE_ARG: Token = arg(Arg::Word, "Site: the access points' Location Data");
const MODEL: Token = kw("model", "The access points of one model");
const MODEL_ARG: Token = arg(Arg::Word, "Model, as C9105AXI");

fn predownload(target: Target) -> Action {
    Action::Run(Command::Predownload { target })
}

fn swap(target: Target) -> Action {
    Action::Run(Command::Swap { target })
}

fn reset(target: Target) -> Action {
    Action::Run(Command::Reset { target })
}

pub(super) static TABLE: &[Entry] = &[
    user(&[SHOW, SHOW_INSTALL, kw("summary", "Every version on the controller")], |_| {
        Action::Show(Show::InstallSummary)
    }),
    user(&[SHOW, SHOW_INSTALL, kw("active", "The version that runs")], |_| {
        Action::Show(Show::InstallPart(InstallPart::Active))
    }),
    user(&[SHOW, SHOW_INSTALL, kw("committed", "The version that stays, or comes back")], |_| {
        Action::Show(Show::InstallPart(InstallPart::Committed))
    }),
    user(&[SHOW, SHOW_INSTALL, kw("inactive", "The versions that do not run")], |_| {
        Action::Show(Show::InstallPart(InstallPart::Inactive))
    }),
    user(&[SHOW, SHOW_INSTALL, kw("rollback", "Where `install rollback` leads")], |_| {
        Action::Show(Show::InstallRollback)
    }),
    user(&[SHOW, SHOW_INSTALL, kw("log", "What the install commands did")], |_| Action::Show(Show::InstallLog)),
    user(&[SHOW, SHOW_OPERATION], |_| Action::Show(Show::Operations)),
    user(&[SHOW, SHOW_OPERATION, arg(Arg::Number(1, LAST_NUMBER), "Number of the operation or AP upgrade")], |a| {
        Action::Show(Show::Operation(a.number(0)))
    }),
    privileged(
        &[
            INSTALL,
            ADD,
            kw("file", "One image, from a server or from this controller"),
            arg(Arg::Word, "SCHEME://HOST[:PORT]/PATH, or a file on the controller"),
        ],
        |a| Action::Run(Command::InstallAdd { url: a.text(0) }),
    ),
    privileged(
        &[
            INSTALL,
            ADD,
            kw("profile", "The image of every family in the fleet, of one version"),
            kw("default", "The image of every family, from where the image-download profile says"),
        ],
        |_| Action::Run(Command::InstallAddProfile),
    ),
    privileged(&[INSTALL, ACTIVATE], |_| Action::ActivateAdded { auto_abort: None }),
    privileged(&[INSTALL, ACTIVATE, TIMER, MINUTES], |a| Action::ActivateAdded { auto_abort: Some(a.fit(0)) }),
    privileged(&[INSTALL, ACTIVATE, TIMER, NEVER], |_| Action::ActivateAdded { auto_abort: Some(0) }),
    privileged(&[INSTALL, ACTIVATE, PROMPT, NOTHING], |_| Action::ActivateAdded { auto_abort: None }),
    privileged(&[INSTALL, ACTIVATE, TIMER, MINUTES, PROMPT, NOTHING], |a| Action::ActivateAdded {
        auto_abort: Some(a.fit(0)),
    }),
    privileged(&[INSTALL, ACTIVATE, VERSION], |a| {
        Action::Run(Command::Activate { version: a.version(0), auto_abort: None })
    }),
    privileged(&[INSTALL, ACTIVATE, VERSION, TIMER, MINUTES], |a| {
        Action::Run(Command::Activate { version: a.version(0), auto_abort: Some(a.fit(1)) })
    }),
    privileged(&[INSTALL, ACTIVATE, VERSION, TIMER, NEVER], |a| {
        Action::Run(Command::Activate { version: a.version(0), auto_abort: Some(0) })
    }),
    privileged(&[INSTALL, kw("commit", "Let the activated version stay")], |_| Action::Run(Command::Commit)),
    privileged(&[INSTALL, kw("abort", "Go back to the committed version, or give the staged one up")], |_| {
        Action::Run(Command::AbortInstall)
    }),
    privileged(
        &[INSTALL, kw("rollback", "Go back"), kw("to", "To which version"), kw("committed", "The committed version")],
        |_| Action::Run(Command::Rollback),
    ),
    privileged(
        &[
            INSTALL,
            kw("remove", "Remove images"),
            kw("inactive", "Versions that are neither running, committed nor staged"),
        ],
        |_| Action::Run(Command::RemoveInactive),
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
    privileged(&[AP, AP_IMAGE, SWAP], |_| swap(Target::All)),
    privileged(&[AP, AP_IMAGE, SWAP, SITE, SITE_ARG], |a| swap(Target::Site(a.text(0)))),
    privileged(&[AP, AP_IMAGE, SWAP, MODEL, MODEL_ARG], |a| swap(Target::Model(a.text(0)))),
    privileged(&[AP, AP_IMAGE, RESET], |_| reset(Target::All)),
    privileged(&[AP, AP_IMAGE, RESET, SITE, SITE_ARG], |a| reset(Target::Site(a.text(0)))),
    privileged(&[AP, AP_IMAGE, RESET, MODEL, MODEL_ARG], |a| reset(Target::Model(a.text(0)))),
    privileged(&[AP, AP_NAME, AP_NAME_ARG, AP_IMAGE, PREDOWNLOAD], |a| predownload(Target::Name(a.text(0)))),
    privileged(&[AP, AP_NAME, AP_NAME_ARG, AP_IMAGE, SWAP], |a| swap(Target::Name(a.text(0)))),
    privileged(&[AP, AP_NAME, AP_NAME_ARG, RESET], |a| reset(Target::Name(a.text(0)))),
    config(
        &[
            kw("install", "Images on the controller"),
            kw("auto-abort-timer", "From `install activate` to the return to the committed version"),
            arg(Arg::Number(0, 10_080), "Minutes (120); 0 for never"),
        ],
        |a| set(Setting::InstallAutoAbort(a.fit(0))),
        2,
        |_| to_default(|c| Setting::InstallAutoAbort(c.upgrade.auto_abort)),
    ),
    config(
        &[
            CONFIG_AP,
            CONFIG_IMAGE,
            kw("max-tries", "Failed downloads of one version before an access point is left alone"),
            arg(Arg::Number(1, 1_000), "Number of tries (5)"),
        ],
        |a| set(Setting::ImageMaxTries(a.fit(0))),
        3,
        |_| to_default(|c| Setting::ImageMaxTries(c.image.max_tries)),
    ),
    config(
        &[
            CONFIG_AP,
            CONFIG_IMAGE,
            kw("predownload", "Images for access points that serve"),
            kw("limit", "Access points that are given one at once"),
            arg(Arg::Number(1, 10_000), "Number of access points (100)"),
        ],
        |a| set(Setting::PredownloadLimit(a.fit(0))),
        4,
        |_| to_default(|c| Setting::PredownloadLimit(c.image.predownload_limit)),
    ),
    config(
        &[
            CONFIG_AP,
            CONFIG_IMAGE,
            kw("predownload", "Images for access points that serve"),
            kw("bandwidth", "A ceiling for all of them together (no ceiling)"),
            arg(Arg::Number(1, 1_000_000), "How many"),
            kw("mbps", "Megabits per second, for all access points together (no ceiling)"),
        ],
        |a| set(Setting::PredownloadBandwidth(Some(a.fit(0)))),
        4,
        |_| set(Setting::PredownloadBandwidth(None)),
    ),
];
