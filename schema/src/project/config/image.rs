//! `ap image ...` and `wireless profile image-download default`: where images come from, and how they go to WTPs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::SecretId;
use crate::image::ImageFamily;
use crate::setting::{HttpsTrust, ImageDownloadMode, ImageJoin, ImageServer};

/// `ap image ...` and `wireless profile image-download default`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// What a WTP that joins with another version is told.
    pub join: ImageJoin,
    /// Files to take instead of fetching.
    pub local: BTreeMap<ImageFamily, String>,
    /// Families of models that the built-in table lacks, or that it is wrong about.
    pub map: BTreeMap<String, ImageFamily>,
    /// Families of names that WTPs ask by.
    pub aliases: BTreeMap<String, ImageFamily>,
    /// Where images are fetched from.
    pub mode: Option<ImageDownloadMode>,
    /// The profile's TFTP sub-mode.
    pub tftp_server: Option<ImageServer>,
    /// The profile's TFTP sub-mode.
    pub tftp_path: Option<String>,
    /// How long a silent server is asked again, or waited for, in seconds (40).
    pub tftp_timeout: u32,
    /// The profile's SFTP sub-mode.
    pub sftp: SftpConfig,
    /// The profile's HTTP sub-mode.
    pub http: HttpConfig,
    /// The largest file that is fetched, in octets (1 GiB).
    pub max_size: u64,
    /// From the start of a failed try to the next, in seconds (30); it doubles with every failure, up to 15 minutes.
    pub retry_delay: u32,
    /// Failed downloads of one version to one WTP before it is left alone (5).
    pub max_tries: u32,
    /// WTPs that are given an image at once while they serve (100).
    pub predownload_limit: u32,
    /// Megabits per second for all of them together; none: no ceiling.
    pub predownload_bandwidth: Option<u32>,
}

/// `image-download-mode sftp`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SftpConfig {
    /// The server; port 22 by default.
    pub server: Option<ImageServer>,
    /// The folder that holds the images.
    pub path: Option<String>,
    /// The user.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<SecretId>,
    /// The user's private key: a file on the controller.
    pub key: Option<String>,
}

/// `image-download-mode http`, `image-download-mode https`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpConfig {
    /// The server; port 80 or 443 by default.
    pub server: Option<ImageServer>,
    /// The folder that holds the images.
    pub path: Option<String>,
    /// How an HTTPS server's certificate is judged.
    pub trust: HttpsTrust,
    /// The authority to judge it by instead of the system's: a PEM file.
    pub authority: Option<String>,
}

impl Default for ImageConfig {
    fn default() -> Self {
        ImageConfig {
            join: ImageJoin::Immediate,
            local: BTreeMap::new(),
            map: BTreeMap::new(),
            aliases: BTreeMap::new(),
            mode: None,
            tftp_server: None,
            tftp_path: None,
            tftp_timeout: 40,
            sftp: SftpConfig::default(),
            http: HttpConfig::default(),
            max_size: 1 << 30,
            retry_delay: 30,
            max_tries: 5,
            predownload_limit: 100,
            predownload_bandwidth: None,
        }
    }
}

impl ImageConfig {
    /// The family that `ap image map` gives a model: by the longest entry that the model begins with. Letter case does
    /// not count.
    pub fn mapped(&self, model: &str) -> Option<&ImageFamily> {
        let begins = |with: &str| model.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
        self.map.iter().filter(|(name, _)| begins(name)).max_by_key(|(name, _)| name.len()).map(|(_, family)| family)
    }

    /// The family that `ap image alias` gives a name that a WTP asks by. Letter case does not count.
    pub fn alias(&self, name: &str) -> Option<&ImageFamily> {
        self.aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name)).map(|(_, family)| family)
    }

    /// The command that the image-download profile lacks before anything can be fetched; none if it is complete.
    pub fn lacks(&self) -> Option<&'static str> {
        match self.mode {
            None => Some("image-download-mode"),
            Some(ImageDownloadMode::Tftp) => self.tftp_server.is_none().then_some("tftp-image-server"),
            Some(ImageDownloadMode::Sftp) if self.sftp.server.is_none() => Some("sftp-image-server"),
            Some(ImageDownloadMode::Sftp) => self.sftp.username.is_none().then_some("sftp-username"),
            Some(ImageDownloadMode::Http | ImageDownloadMode::Https) => {
                self.http.server.is_none().then_some("http-image-server")
            }
        }
    }

    /// The URL of a family's file by the image-download profile, as it is printed: `tftp://HOST[:PORT]/PATH/FAMILY`,
    /// with `******@` where the server asks for a user. None while the profile is not complete.
    pub fn url(&self, family: &ImageFamily) -> Option<String> {
        let (scheme, server, path) = match self.mode? {
            ImageDownloadMode::Tftp => ("tftp://", &self.tftp_server, &self.tftp_path),
            ImageDownloadMode::Sftp if self.sftp.username.is_some() => {
                ("sftp://******@", &self.sftp.server, &self.sftp.path)
            }
            ImageDownloadMode::Sftp => ("sftp://", &self.sftp.server, &self.sftp.path),
            ImageDownloadMode::Http => ("http://", &self.http.server, &self.http.path),
            ImageDownloadMode::Https => ("https://", &self.http.server, &self.http.path),
        };
        let server = server.as_ref()?;
        let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.clone() };
        let port = server.port.map(|p| format!(":{p}")).unwrap_or_default();
        let path = path.as_deref().unwrap_or_default().trim_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        Some(format!("{scheme}{host}{port}/{path}{slash}{family}"))
    }
}
