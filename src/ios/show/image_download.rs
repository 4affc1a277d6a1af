//! `show wireless profile image-download`: where images come from, and whether that is enough to fetch one.

use std::fmt::Write as _;

use capledger_schema::event::ServerKeyKind;
use capledger_schema::project::config::{HttpConfig, SftpConfig};
use capledger_schema::setting::{HttpsTrust, ImageDownloadMode, ImageServer};

use super::table::table;
use crate::fetch::{Scheme, ServerPin};
use crate::ios::View;
use crate::ios::setting::mode_word;

/// `summary`: one line per profile; there is one.
pub fn summary(view: &View) -> String {
    let image = &view.state.config.image;
    let server = match image.mode {
        None | Some(ImageDownloadMode::Tftp) => &image.tftp_server,
        Some(ImageDownloadMode::Sftp) => &image.sftp.server,
        Some(ImageDownloadMode::Http | ImageDownloadMode::Https) => &image.http.server,
    };
    let server = server.as_ref().map_or_else(not, |s| s.host.clone());
    let row = ["default".to_owned(), mode(image.mode), server];
    format!("Number of image-download profiles: 1\n\n{}", table(["Profile Name", "Mode", "Server"], &[row]))
}

/// `detailed default`: everything, and what is missing. A mode's settings are shown while it is the mode, and while
/// there are any; TFTP's always, as IOS does.
pub fn detailed(view: &View) -> String {
    let image = &view.state.config.image;
    let (sftp, http) = (&image.sftp, &image.http);
    let mut out = String::new();
    let mut line = |label: &str, value: String| {
        let _ = writeln!(out, "{label:<29}: {value}");
    };
    line("Image Download Profile Name", "default".into());
    line("Image Download Mode", mode(image.mode));
    for (label, value) in server("TFTP", image.tftp_server.as_ref(), image.tftp_path.as_deref(), Scheme::Tftp) {
        line(&label, value);
    }
    let of_mode = |of: &[ImageDownloadMode]| image.mode.is_some_and(|mode| of.contains(&mode));
    if of_mode(&[ImageDownloadMode::Sftp]) || *sftp != SftpConfig::default() {
        for (label, value) in server("SFTP", sftp.server.as_ref(), sftp.path.as_deref(), Scheme::Sftp) {
            line(&label, value);
        }
        let set = |is: bool| if is { "******".to_owned() } else { not() };
        line("SFTP Username", set(sftp.username.is_some()));
        line("SFTP Password", set(sftp.password.is_some()));
        line("SFTP Key", sftp.key.clone().unwrap_or_else(not));
    }
    if of_mode(&[ImageDownloadMode::Http, ImageDownloadMode::Https]) || *http != HttpConfig::default() {
        let scheme = if image.mode == Some(ImageDownloadMode::Http) { Scheme::Http } else { Scheme::Https };
        let name = if scheme == Scheme::Http { "HTTP" } else { "HTTPS" };
        for (label, value) in server(name, http.server.as_ref(), http.path.as_deref(), scheme) {
            line(&label, value);
        }
        line(
            "HTTPS Certificate",
            match http.trust {
                HttpsTrust::Check => "checked".into(),
                HttpsTrust::Pin => "pinned at first use".into(),
            },
        );
        line("HTTPS Authority", http.authority.clone().unwrap_or_else(|| "the system's".into()));
    }
    line("TFTP Timeout (seconds)", image.tftp_timeout.to_string());
    line("Maximum Image Size (octets)", image.max_size.to_string());
    line("Retry Delay (seconds)", image.retry_delay.to_string());
    for (family, file) in &image.local {
        line(&format!("Local Image {family}"), file.clone());
    }
    for ((host, port, kind), pin) in &view.state.servers.pins {
        let scheme = match kind {
            ServerKeyKind::Ssh => "SSH",
            ServerKeyKind::Tls => "TLS",
        };
        let pin = ServerPin { algorithm: pin.algorithm.clone(), fingerprint: pin.fingerprint };
        line(&format!("{scheme} Key of Server"), format!("{host} port {port}, {pin}"));
    }
    // The URL of any family shows what will be asked for.
    let example = "FAMILY".parse().ok().and_then(|family| image.url(&family));
    line("Fetched From", example.unwrap_or_else(|| missing(view)));
    out
}

/// The lines of a mode's server.
fn server(name: &str, server: Option<&ImageServer>, path: Option<&str>, scheme: Scheme) -> [(String, String); 3] {
    let port = server.and_then(|s| s.port).or(scheme.port()).unwrap_or_default();
    [
        (format!("{name} Image Server"), server.map_or_else(not, |s| s.host.clone())),
        (format!("{name} Image Server Port"), port.to_string()),
        (format!("{name} Image Path"), path.map_or_else(not, str::to_owned)),
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
