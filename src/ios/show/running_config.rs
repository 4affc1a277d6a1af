//! `show running-config`: every setting that is not the default. Reading it back gives the same configuration.

use crate::ios::View;
use crate::ios::setting;

/// The whole view.
pub fn show(view: &View) -> String {
    let body = format!("{}end\n", setting::lines(&view.state.config, view.secrets));
    format!("Building configuration...\n\nCurrent configuration : {} bytes\n{body}", body.len())
}
