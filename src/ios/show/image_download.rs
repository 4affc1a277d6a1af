//! `show wireless profile image-download`: where images come from, and whether that is enough to fetch one.

mod facts;

use std::fmt::Write as _;

use capledger_schema::event::ServerKeyKind;
use capledger_schema::setting::{HttpsTrust, ImageDownloadMode};

use super::table::table;
use crate::fetch::ServerPin;
use crate::ios::View;
use crate::ios::setting::mode_word;

pub use facts::{Facts, Http, Local, PinnedKey, Profile, Server, Sftp, SummaryFacts, Tftp, facts, summary_facts};

/// `summary`: one line per profile; there is one.
pub fn summary(view: &View) -> String {
    let profiles = summary_facts(view).profiles;
    let rows: Vec<[String; 3]> =
        profiles.into_iter().map(|p| [p.name.to_owned(), mode(p.mode), p.server.unwrap_or_else(not)]).collect();
    format!("Number of image-download profiles: {}\n\n{}", rows.len(), table(["Profile Name", "Mode", "Server"], &rows))
}

/// `detailed default`: everything, and what is missing. A mode's settings are shown while it is the mode, and while
/// there are any; TFTP's always, as IOS does.
pub fn detailed(view: &View) -> String {
    let f = facts(view);
    let mut out = String::new();
    let mut line = |label: &str, value: String| {
        let _ = writeln!(out, "{label:<29}: {value}");
    };
    line("Image Download Profile Name", f.name.into());
    line("Image Download Mode", mode(f.mode));
    for (label, value) in server("TFTP", &f.tftp.server) {
        line(&label, value);
    }
    if let Some(sftp) = &f.sftp {
        for (label, value) in server("SFTP", &sftp.server) {
            line(&label, value);
        }
        let set = |is: bool| if is { "******".to_owned() } else { not() };
        line("SFTP Username", set(sftp.has_username));
        line("SFTP Password", set(sftp.has_password));
        line("SFTP Key", sftp.key_file.clone().unwrap_or_else(not));
    }
    if let Some(http) = &f.http {
        let name = if f.mode == Some(ImageDownloadMode::Http) { "HTTP" } else { "HTTPS" };
        for (label, value) in server(name, &http.server) {
            line(&label, value);
        }
        line(
            "HTTPS Certificate",
            match http.https_certificate {
                HttpsTrust::Check => "checked".into(),
                HttpsTrust::Pin => "pinned at first use".into(),
            },
        );
        line("HTTPS Authority", http.https_authority_file.clone().unwrap_or_else(|| "the system's".into()));
    }
    line("TFTP Timeout (seconds)", f.tftp.timeout_seconds.to_string());
    line("Maximum Image Size (octets)", f.max_image_octets.to_string());
    line("Retry Delay (seconds)", f.retry_delay_seconds.to_string());
    for local in &f.local_images {
        line(&format!("Local Image {}", local.family), local.file.clone());
    }
    for key in f.pinned_keys {
        let scheme = match key.kind {
            ServerKeyKind::Ssh => "SSH",
            ServerKeyKind::Tls => "TLS",
        };
        let pin = ServerPin { algorithm: key.algorithm, fingerprint: key.sha256 };
        line(&format!("{scheme} Key of Server"), format!("{} port {}, {pin}", key.host, key.port));
    }
    line("Fetched From", f.fetched_from.unwrap_or_else(|| missing(view)));
    out
}

/// The lines of a mode's server.
fn server(name: &str, server: &Server) -> [(String, String); 3] {
    [
        (format!("{name} Image Server"), server.host.clone().unwrap_or_else(not)),
        (format!("{name} Image Server Port"), server.port.to_string()),
        (format!("{name} Image Path"), server.path.clone().unwrap_or_else(not)),
    ]
}

fn not() -> String {
    "Not configured".to_owned()
}

/// What the profile lacks before anything can be fetched, and the command that mends it.
pub(super) fn missing(view: &View) -> String {
    match view.state.config.image.lacks() {
        Some(command) => format!("nowhere; configure {command}"),
        None => "nowhere".into(),
    }
}

fn mode(mode: Option<ImageDownloadMode>) -> String {
    mode.map_or_else(not, |m| mode_word(m).to_uppercase())
}
