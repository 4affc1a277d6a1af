//! Reads the startup configuration from its file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::ios::config_file::{self, FILE_LIMIT};
use crate::secrets::Secrets;

/// A configuration file, whole or not at all; its secrets are sealed by `secrets`.
///
/// # Errors
/// Words that name the file, the line and what is wrong with it.
pub fn read_config(path: &Path, secrets: &dyn Secrets) -> Result<config_file::File, String> {
    let mut text = String::new();
    // One octet more than is allowed tells a file that is too long.
    File::open(path)
        .and_then(|file| file.take(FILE_LIMIT as u64 + 1).read_to_string(&mut text))
        .map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    config_file::read_file(&text, secrets).map_err(|e| format!("{}, {e}", path.display()))
}
