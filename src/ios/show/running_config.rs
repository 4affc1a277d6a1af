//! `show running-config`: every setting that is not the default. Reading it back gives the same configuration.

use serde::Serialize;

use super::startup_config;
use crate::ios::View;

/// What the view tells, and `show startup-config` likewise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Octets of `text`.
    pub bytes: usize,
    /// The configuration line by line.
    pub lines: Vec<String>,
    /// The same in one piece, to be read back.
    pub text: String,
}

impl From<String> for Facts {
    fn from(text: String) -> Facts {
        Facts { bytes: text.len(), lines: text.lines().map(str::to_owned).collect(), text }
    }
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    startup_config::text(&view.state.config, view.secrets).into()
}

/// The whole view.
pub fn show(view: &View) -> String {
    let Facts { bytes, text, .. } = facts(view);
    format!("Building configuration...\n\nCurrent configuration : {bytes} bytes\n{text}")
}
