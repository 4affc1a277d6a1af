//! Campaigns in the table: `ap image upgrade`, the preflight check, their views and their settings.

use capledger_schema::event::{CampaignPlan, OnError};
use capledger_schema::setting::Setting;

use super::config::{config, set, to_default};
use super::exec::{SHOW, SHOW_AP, privileged, user};
use super::{Arg, Args, Entry, Token, arg, kw};
use crate::command::Command;
use crate::ios::action::{Action, Show};

const AP: Token = kw("ap", "Access point commands");
const IMAGE: Token = kw("image", "Images of the access points");
const UPGRADE: Token = kw("upgrade", "Upgrade the fleet in stages");
const PREDOWNLOAD: Token =
    kw("predownload", "Give access points the staged version's image, else the running one's, while they serve");

const CANARIES: Token = kw("canary", "Some access points go first, alone");
const CANARIES_ARG: Token = arg(Arg::Number(1, 1_000), "How many");
const ITERATION: Token = kw("iteration", "How many of the others go at a time");
const ITERATION_ARG: Token = arg(Arg::Share, "Percent of them (15)");
const SITE: Token = kw("site", "Only the access points of one site");
const SITE_ARG: Token = arg(Arg::Word, "Site: the access points' Location Data");
const ON_ERROR: Token = kw("on-error", "What failed or missing access points lead to");
const ON_ERROR_ARG: Token = arg(
    Arg::Choice(&[("stop", "The upgrade stops at the error threshold (default)"), ("continue", "It goes on")]),
    "What",
);
const THRESHOLD: Token = kw("error-threshold", "How many may fail or be missing");
const THRESHOLD_ARG: Token = arg(Arg::Number(1, 100), "Percent of those that were tried (10)");

const SHOW_UPGRADE: Token = kw("upgrade", "The upgrade of the fleet");

const CONFIG_AP: Token = kw("ap", "Access points");
const CONFIG_UPGRADE: Token = kw("upgrade", "How upgrades of the fleet go about it");

/// `ap image upgrade` with those of its options whose bits are set, in the order of the table.
fn plan<const OPTIONS: u8>(args: &Args) -> Action {
    let mut place = 0..;
    let mut at = |bit: u8| if OPTIONS & (1 << bit) == 0 { None } else { place.next() };
    let plan = CampaignPlan {
        canaries: at(0).map_or(0, |i| args.fit(i)),
        percent: at(1).map_or(15, |i| args.fit(i)),
        site: at(2).map(|i| args.text(i)),
        on_error: at(3)
            .map_or(OnError::Stop, |i| if args.choice(i) == "continue" { OnError::Continue } else { OnError::Stop }),
        error_threshold: at(4).map_or(10, |i| args.fit(i)),
    };
    Action::Run(Command::Upgrade { plan })
}

/// How the command reference tells of an entry of [`BEGIN`]: once, with its options in brackets. Its words without the
/// options, and the options; none for any other entry.
pub(super) fn with_options(entry: &'static Entry) -> Option<(&'static [Token], Vec<&'static [Token]>)> {
    let whole = std::ptr::eq(entry, BEGIN.last()?);
    let (words, options) = entry.tokens.split_at_checked(BEGIN_WORDS).filter(|_| whole)?;
    Some((words, options.chunks(2).collect()))
}

/// Whether an entry is one of [`BEGIN`] that lacks some of the options.
pub(super) fn is_shortened(entry: &'static Entry) -> bool {
    BEGIN.split_last().is_some_and(|(_, others)| others.iter().any(|e| std::ptr::eq(e, entry)))
}

macro_rules! begin {
    ($options:literal $(, $token:expr)*) => {
        privileged(&[AP, IMAGE, UPGRADE $(, $token)*], plan::<$options>)
    };
}

pub(super) static TABLE: &[Entry] = &[
    privileged(&[AP, IMAGE, PREDOWNLOAD, kw("check", "Check all that an upgrade needs, and touch nothing")], |_| {
        Action::Run(Command::Preflight)
    }),
    privileged(&[AP, IMAGE, UPGRADE, kw("pause", "Touch no further access point")], |_| {
        Action::Run(Command::UpgradePause)
    }),
    privileged(&[AP, IMAGE, UPGRADE, kw("resume", "Go on")], |_| Action::Run(Command::UpgradeResume)),
    privileged(&[AP, IMAGE, UPGRADE, kw("abort", "End it; who was reset stays on the new version")], |_| {
        Action::Run(Command::UpgradeAbort)
    }),
    user(&[SHOW, SHOW_AP, SHOW_UPGRADE], |_| Action::Show(Show::ApUpgrade)),
    user(&[SHOW, SHOW_AP, SHOW_UPGRADE, kw("ap-list", "Every access point of it")], |_| {
        Action::Show(Show::ApUpgradeList)
    }),
    user(&[SHOW, SHOW_AP, SHOW_UPGRADE, kw("summary", "This one and those before it")], |_| {
        Action::Show(Show::ApUpgradeSummary)
    }),
    config(
        &[
            CONFIG_AP,
            CONFIG_UPGRADE,
            kw("integrity-limit", "Flash and integrity failures after which an upgrade pauses"),
            arg(Arg::Number(1, 10_000), "Number of failures (3)"),
        ],
        |a| set(Setting::UpgradeIntegrityLimit(a.fit(0))),
        3,
        |_| to_default(|c| Setting::UpgradeIntegrityLimit(c.upgrade.integrity_limit)),
    ),
    config(
        &[
            CONFIG_AP,
            CONFIG_UPGRADE,
            kw("site-share", "How much of a site may be down at once; at least one access point"),
            arg(Arg::Number(1, 100), "Percent (25)"),
        ],
        |a| set(Setting::UpgradeSiteShare(a.fit(0))),
        3,
        |_| to_default(|c| Setting::UpgradeSiteShare(c.upgrade.site_share)),
    ),
    config(
        &[
            CONFIG_AP,
            CONFIG_UPGRADE,
            kw("rejoin-percent", "How many of an iteration must be back before the next begins"),
            arg(Arg::Number(1, 100), "Percent (90)"),
        ],
        |a| set(Setting::UpgradeRejoinPercent(a.fit(0))),
        3,
        |_| to_default(|c| Setting::UpgradeRejoinPercent(c.upgrade.rejoin_percent)),
    ),
    config(
        &[
            CONFIG_AP,
            CONFIG_UPGRADE,
            kw("iteration-expiry", "How long an access point may take to be back"),
            arg(Arg::Number(1, 86_400), "Seconds (540)"),
        ],
        |a| set(Setting::UpgradeIterationExpiry(a.fit(0))),
        3,
        |_| to_default(|c| Setting::UpgradeIterationExpiry(c.upgrade.iteration_expiry)),
    ),
];

/// The words before the options.
const BEGIN_WORDS: usize = 3;

/// `ap image upgrade` with its options, which stand in one order and may be left out: the last entry has all of them.
pub(super) static BEGIN: &[Entry] = &[
    begin!(0),
    begin!(1, CANARIES, CANARIES_ARG),
    begin!(2, ITERATION, ITERATION_ARG),
    begin!(3, CANARIES, CANARIES_ARG, ITERATION, ITERATION_ARG),
    begin!(4, SITE, SITE_ARG),
    begin!(5, CANARIES, CANARIES_ARG, SITE, SITE_ARG),
    begin!(6, ITERATION, ITERATION_ARG, SITE, SITE_ARG),
    begin!(7, CANARIES, CANARIES_ARG, ITERATION, ITERATION_ARG, SITE, SITE_ARG),
    begin!(8, ON_ERROR, ON_ERROR_ARG),
    begin!(9, CANARIES, CANARIES_ARG, ON_ERROR, ON_ERROR_ARG),
    begin!(10, ITERATION, ITERATION_ARG, ON_ERROR, ON_ERROR_ARG),
    begin!(11, CANARIES, CANARIES_ARG, ITERATION, ITERATION_ARG, ON_ERROR, ON_ERROR_ARG),
    begin!(12, SITE, SITE_ARG, ON_ERROR, ON_ERROR_ARG),
    begin!(13, CANARIES, CANARIES_ARG, SITE, SITE_ARG, ON_ERROR, ON_ERROR_ARG),
    begin!(14, ITERATION, ITERATION_ARG, SITE, SITE_ARG, ON_ERROR, ON_ERROR_ARG),
    begin!(15, CANARIES, CANARIES_ARG, ITERATION, ITERATION_ARG, SITE, SITE_ARG, ON_ERROR, ON_ERROR_ARG),
    begin!(16, THRESHOLD, THRESHOLD_ARG),
    begin!(17, CANARIES, CANARIES_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(18, ITERATION, ITERATION_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(19, CANARIES, CANARIES_ARG, ITERATION, ITERATION_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(20, SITE, SITE_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(21, CANARIES, CANARIES_ARG, SITE, SITE_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(22, ITERATION, ITERATION_ARG, SITE, SITE_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(23, CANARIES, CANARIES_ARG, ITERATION, ITERATION_ARG, SITE, SITE_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(24, ON_ERROR, ON_ERROR_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(25, CANARIES, CANARIES_ARG, ON_ERROR, ON_ERROR_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(26, ITERATION, ITERATION_ARG, ON_ERROR, ON_ERROR_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(27, CANARIES, CANARIES_ARG, ITERATION, ITERATION_ARG, ON_ERROR, ON_ERROR_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(28, SITE, SITE_ARG, ON_ERROR, ON_ERROR_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(29, CANARIES, CANARIES_ARG, SITE, SITE_ARG, ON_ERROR, ON_ERROR_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(30, ITERATION, ITERATION_ARG, SITE, SITE_ARG, ON_ERROR, ON_ERROR_ARG, THRESHOLD, THRESHOLD_ARG),
    begin!(
        31,
        CANARIES,
        CANARIES_ARG,
        ITERATION,
        ITERATION_ARG,
        SITE,
        SITE_ARG,
        ON_ERROR,
        ON_ERROR_ARG,
        THRESHOLD,
        THRESHOLD_ARG
    ),
];
