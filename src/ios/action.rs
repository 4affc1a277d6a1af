//! What a line of the command line means, typed: the right-hand side of every entry of the grammar.

use capledger_schema::setting::Setting;

use super::grammar::Mode;
use super::pipe::Filter;
use crate::command::Command;

/// What a line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Print a view.
    Show(Show),
    /// Ask the core.
    Run(Command),
    /// `install activate` without a version: the image that was added last.
    ActivateAdded,
    /// Change settings, enter a mode, or both.
    Configure {
        /// In the order in which they take effect.
        settings: Vec<Setting>,
        /// The mode to be in afterwards; none to stay.
        enter: Option<Mode>,
    },
    /// `exit`: one mode up; the session ends in an exec mode.
    Exit,
    /// `end`: back to privileged exec.
    End,
    /// `do LINE`: an exec command from a configuration mode.
    Do(String),
    /// `enable`
    Enable,
    /// `disable`
    Disable,
    /// `terminal length N`: lines of a page; 0 for no paging.
    TerminalLength(u16),
    /// `terminal width N`: columns; 0 for no limit.
    TerminalWidth(u16),
    /// What follows `|`.
    Filter(Filter),
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// `show ap image`
    ApImage,
    /// `show ap image reason`
    ApImageReason,
    /// `show ap summary`
    ApSummary,
    /// `show clock`
    Clock,
    /// `show install summary`
    InstallSummary,
    /// `show logging [last N]`
    Logging {
        /// Only so many lines.
        last: Option<u32>,
    },
    /// `show privilege`
    Privilege,
    /// `show running-config`
    RunningConfig,
    /// `show version`
    Version,
    /// `show wireless profile image-download summary`
    ProfileSummary,
    /// `show wireless profile image-download [detailed default]`
    ProfileDetailed,
}
