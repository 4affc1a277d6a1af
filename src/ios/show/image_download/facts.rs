//! What the views of the image-download profile tell, as data: the text and the JSON of each are made of it. Neither a
//! user's name nor a password is in it, only whether there is one.

use capledger_schema::event::ServerKeyKind;
use capledger_schema::id::Sha256;
use capledger_schema::image::ImageFamily;
use capledger_schema::project::config::{HttpConfig, ImageConfig, SftpConfig};
use capledger_schema::setting::{HttpsTrust, ImageDownloadMode, ImageServer};
use capledger_schema::time::Timestamp;
use serde::Serialize;

use crate::fetch::Scheme;
use crate::ios::View;

/// The one profile that there is.
const PROFILE: &str = "default";

/// What `show wireless profile image-download summary` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SummaryFacts {
    /// Every profile.
    pub profiles: Vec<Profile>,
}

/// A profile in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Its name.
    pub name: &'static str,
    /// How images are fetched.
    pub mode: Option<ImageDownloadMode>,
    /// From which host.
    pub server: Option<String>,
}

/// What `show wireless profile image-download detailed default` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The profile's name.
    pub name: &'static str,
    /// How images are fetched.
    pub mode: Option<ImageDownloadMode>,
    /// The sub-mode of TFTP.
    pub tftp: Tftp,
    /// The sub-mode of SFTP, while it is the mode or has settings.
    pub sftp: Option<Sftp>,
    /// The sub-mode of HTTP and HTTPS, while either is the mode or it has settings.
    pub http: Option<Http>,
    /// The largest file that is fetched.
    pub max_image_octets: u64,
    /// From the start of a failed try to the next.
    pub retry_delay_seconds: u32,
    /// Files that are taken instead of fetching.
    pub local_images: Vec<Local>,
    /// Keys that servers showed at their first use.
    pub pinned_keys: Vec<PinnedKey>,
    /// What is asked for, `FAMILY` standing for the image family; none while the profile is not complete.
    pub fetched_from: Option<String>,
    /// The command that the profile lacks before anything can be fetched.
    pub missing: Option<&'static str>,
}

/// A server and where it keeps images.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Its name or address.
    #[serde(rename = "server")]
    pub host: Option<String>,
    /// As configured, else the mode's own.
    pub port: u16,
    /// The folder that holds the images.
    pub path: Option<String>,
}

/// The sub-mode of TFTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tftp {
    /// Where images are.
    #[serde(flatten)]
    pub server: Server,
    /// How long a silent server is asked again.
    pub timeout_seconds: u32,
}

/// The sub-mode of SFTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sftp {
    /// Where images are.
    #[serde(flatten)]
    pub server: Server,
    /// Whether a user is configured.
    pub has_username: bool,
    /// Whether a password is configured.
    pub has_password: bool,
    /// The user's private key: a file on the controller.
    pub key_file: Option<String>,
}

/// The sub-mode of HTTP and HTTPS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Http {
    /// Where images are.
    #[serde(flatten)]
    pub server: Server,
    /// How a server's certificate is judged.
    pub https_certificate: HttpsTrust,
    /// The authority to judge it by instead of the system's: a PEM file.
    pub https_authority_file: Option<String>,
}

/// A file that is taken instead of fetching.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Local {
    /// Of which image family.
    pub family: ImageFamily,
    /// Its path on the controller.
    pub file: String,
}

/// A key that a server showed at its first use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinnedKey {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whose key it is: the SSH host's, or that of a certificate.
    pub kind: ServerKeyKind,
    /// `ssh-ed25519`, `x509`, ...
    pub algorithm: String,
    /// Digest of the key or certificate, in hexadecimal.
    pub sha256: Sha256,
    /// When it was first seen.
    pub pinned_at: Timestamp,
}

/// What `show wireless profile image-download summary` tells.
pub fn summary_facts(view: &View) -> SummaryFacts {
    let image = &view.state.config.image;
    let server = match image.mode {
        None | Some(ImageDownloadMode::Tftp) => &image.tftp_server,
        Some(ImageDownloadMode::Sftp) => &image.sftp.server,
        Some(ImageDownloadMode::Http | ImageDownloadMode::Https) => &image.http.server,
    };
    let server = server.as_ref().map(|s| s.host.clone());
    SummaryFacts { profiles: vec![Profile { name: PROFILE, mode: image.mode, server }] }
}

/// What `show wireless profile image-download detailed default` tells.
pub fn facts(view: &View) -> Facts {
    let image = &view.state.config.image;
    let tftp = server(image.tftp_server.as_ref(), image.tftp_path.as_ref(), Scheme::Tftp);
    let local = |(family, file): (&ImageFamily, &String)| Local { family: family.clone(), file: file.clone() };
    let pins = view.state.servers.pins.iter().map(|((host, port, kind), pin)| PinnedKey {
        host: host.clone(),
        port: *port,
        kind: *kind,
        algorithm: pin.algorithm.clone(),
        sha256: pin.fingerprint,
        pinned_at: pin.at,
    });
    Facts {
        name: PROFILE,
        mode: image.mode,
        tftp: Tftp { server: tftp, timeout_seconds: image.tftp_timeout },
        sftp: sftp(image),
        http: http(image),
        max_image_octets: image.max_size,
        retry_delay_seconds: image.retry_delay,
        local_images: image.local.iter().map(local).collect(),
        pinned_keys: pins.collect(),
        // The URL of any family shows what will be asked for.
        fetched_from: "FAMILY".parse().ok().and_then(|family| image.url(&family)),
        missing: image.lacks(),
    }
}

fn sftp(image: &ImageConfig) -> Option<Sftp> {
    let config = &image.sftp;
    let shown = image.mode == Some(ImageDownloadMode::Sftp) || *config != SftpConfig::default();
    shown.then(|| Sftp {
        server: server(config.server.as_ref(), config.path.as_ref(), Scheme::Sftp),
        has_username: config.username.is_some(),
        has_password: config.password.is_some(),
        key_file: config.key.clone(),
    })
}

fn http(image: &ImageConfig) -> Option<Http> {
    let config = &image.http;
    let scheme = if image.mode == Some(ImageDownloadMode::Http) { Scheme::Http } else { Scheme::Https };
    let is_mode = matches!(image.mode, Some(ImageDownloadMode::Http | ImageDownloadMode::Https));
    (is_mode || *config != HttpConfig::default()).then(|| Http {
        server: server(config.server.as_ref(), config.path.as_ref(), scheme),
        https_certificate: config.trust,
        https_authority_file: config.authority.clone(),
    })
}

fn server(server: Option<&ImageServer>, path: Option<&String>, scheme: Scheme) -> Server {
    Server {
        host: server.map(|s| s.host.clone()),
        port: server.and_then(|s| s.port).or(scheme.port()).unwrap_or_default(),
        path: path.cloned(),
    }
}
