//! `show running-config`: every setting that is not the default. Reading it back gives the same configuration.

use serde::Serialize;

use crate::ios::View;
use crate::ios::setting;

/// What the view tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Octets of `text`.
    pub bytes: usize,
    /// The configuration line by line.
    pub lines: Vec<String>,
    /// The same in one piece, to be read back.
    pub text: String,
}

/// What the view tells.
pub fn facts(view: &View) -> Facts {
    let text = format!("{}end\n", setting::lines(&view.state.config, view.secrets));
    Facts { bytes: text.len(), lines: text.lines().map(str::to_owned).collect(), text }
}

/// The whole view.
pub fn show(view: &View) -> String {
    let Facts { bytes, text, .. } = facts(view);
    format!("Building configuration...\n\nCurrent configuration : {bytes} bytes\n{text}")
}
