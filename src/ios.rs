//! The surfaces in the manner of IOS XE: the command line and its `show` views. Pure: words and folds in, text and
//! typed wishes out.
//!
//! Nothing here asks the core, a clock or a file. A `show` reads the [`View`] that it is handed, so the same command
//! answers from the live fold and from any moment of history.

pub mod action;
pub mod config_file;
pub mod debug;
pub mod grammar;
pub mod history;
pub mod install;
pub mod key_chain;
pub mod line_editor;
pub mod pager;
pub mod pipe;
pub mod setting;
pub mod shell;
pub mod show;
pub mod upgrade;

use capledger_schema::project::State;
use capledger_schema::time::Timestamp;

use crate::secrets::Secrets;
use crate::syslog::{Log, TimeFormat};

pub use history::{Envelopes, NoHistory};
pub use shell::{Output, Shell};

/// What a `show` may look at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The fold of the ledger up to the moment that is shown.
    pub state: &'a State,
    /// The log up to the same moment.
    pub log: &'a Log,
    /// The moment itself: `show clock`, and times that are told from now.
    pub now: Timestamp,
    /// How moments are printed.
    pub time: &'a TimeFormat,
    /// What seals secrets, and how sealed ones are printed.
    pub secrets: &'a dyn Secrets,
    /// The ledger up to the moment that is shown.
    pub history: &'a dyn Envelopes,
}
