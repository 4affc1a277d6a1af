//! `show startup-config`: the configuration as it was last saved, or read at the start. A fold like any other, so a replay
//! tells what was saved then.

use capledger_schema::project::Config;

use super::running_config::Facts;
use crate::ios::config_file::FILE_LIMIT;
use crate::ios::{View, setting};
use crate::secrets::Secrets;

/// What the view tells, or in which words there is nothing to tell.
pub fn facts(view: &View) -> Result<Facts, String> {
    let saved = view.state.saved.as_ref().ok_or("startup-config is not present")?;
    Ok(text(&saved.config, view.secrets).into())
}

/// The whole view.
pub fn show(view: &View) -> String {
    match facts(view) {
        Ok(Facts { bytes, text, .. }) => format!("Using {bytes} out of {FILE_LIMIT} bytes\n{text}"),
        Err(words) => format!("{words}\n"),
    }
}

/// A configuration as its file holds it: reading it back gives the same.
pub fn text(config: &Config, secrets: &dyn Secrets) -> String {
    format!("{}end\n", setting::lines(config, secrets))
}
