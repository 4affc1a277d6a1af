//! `show wireless profile image-download`: where images come from, and whether that is enough to fetch one.

use std::fmt::Write as _;

use capledger_schema::setting::ImageDownloadMode;

use super::table::table;
use crate::ios::View;
use crate::ios::setting::mode_word;

/// The port of TFTP, RFC 1350.
const TFTP_PORT: u16 = 69;

/// `summary`: one line per profile; there is one.
pub fn summary(view: &View) -> String {
    let image = &view.state.config.image;
    let server = image.tftp_server.as_ref().map_or_else(|| "Not configured".to_owned(), |s| s.host.clone());
    let row = ["default".to_owned(), mode(image.mode), server];
    format!("Number of image-download profiles: 1\n\n{}", table(["Profile Name", "Mode", "Server"], &[row]))
}

/// `detailed default`: everything, and what is missing.
pub fn detailed(view: &View) -> String {
    let image = &view.state.config.image;
    let not = || "Not configured".to_owned();
    let mut out = String::new();
    let mut line = |label: &str, value: String| {
        let _ = writeln!(out, "{label:<29}: {value}");
    };
    line("Image Download Profile Name", "default".into());
    line("Image Download Mode", mode(image.mode));
    line("TFTP Image Server", image.tftp_server.as_ref().map_or_else(not, |s| s.host.clone()));
    let port = image.tftp_server.as_ref().and_then(|s| s.port).unwrap_or(TFTP_PORT);
    line("TFTP Image Server Port", port.to_string());
    line("TFTP Image Path", image.tftp_path.clone().unwrap_or_else(not));
    line("TFTP Timeout (seconds)", image.tftp_timeout.to_string());
    line("Maximum Image Size (octets)", image.max_size.to_string());
    line("Retry Delay (seconds)", image.retry_delay.to_string());
    for (family, file) in &image.local {
        line(&format!("Local Image {family}"), file.clone());
    }
    // The URL of any family shows what will be asked for.
    let example = "FAMILY".parse().ok().and_then(|family| image.url(&family));
    line("Fetched From", example.unwrap_or_else(|| missing(view)));
    out
}

/// What the profile lacks before anything can be fetched, and the command that mends it.
pub(super) fn missing(view: &View) -> String {
    match view.state.config.image.mode {
        None => "nowhere; configure image-download-mode".into(),
        Some(ImageDownloadMode::Tftp) => "nowhere; configure tftp-image-server".into(),
        Some(ImageDownloadMode::Sftp) => "nowhere; configure sftp-image-server".into(),
        Some(ImageDownloadMode::Http | ImageDownloadMode::Https) => "nowhere; configure http-image-server".into(),
    }
}

fn mode(mode: Option<ImageDownloadMode>) -> String {
    mode.map_or_else(|| "Not configured".to_owned(), |m| mode_word(m).to_uppercase())
}
