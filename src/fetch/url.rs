//! Where an image comes from, as operators write it and as IOS prints it.
//!
//! The form is that of IOS, not of RFC 3986: a path is taken letter by letter, so `%` and spaces stand for themselves.
//! After the `/` that ends the server, the rest is the file name as the server gets it (RFC 3617 section 3), so
//! `tftp://10.0.0.5/EWC/ap1g6` asks for `EWC/ap1g6` and `tftp://10.0.0.5//srv/ap1g6` for `/srv/ap1g6`.
//! User and password never leave this type except by the accessors made for it: every printed form has `******`.

use std::fmt;
use std::str::FromStr;

use capledger_schema::event::ServerKeyKind;
use capledger_schema::image::ImageFamily;
use capledger_schema::setting::ImageServer;

/// Longest URL and path that is taken, in octets. A TFTP request must fit one datagram of 512 octets.
pub const LONGEST: usize = 400;

/// What stands for user and password wherever a URL is printed (IOS XE 17.9).
pub const MASK: &str = "******";

/// A URL as it is printed: user and password are `******`. Text that is no URL may hold a password all the same, so
/// whatever stands before an `@` goes, unless it can only be part of a path.
pub fn mask_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.split('/').next().unwrap_or(rest);
    let end = match authority.rfind('@') {
        Some(at) => Some(at),
        // What looks like a port may be the half of a password with a slash in it.
        None if !authority.starts_with('[') && authority.contains(':') => rest.rfind('@'),
        None => None,
    };
    match end {
        Some(at) => format!("{scheme}://{MASK}{}", &rest[at..]),
        None => url.to_owned(),
    }
}

/// How the octets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// RFC 1350 and its options.
    Tftp,
    /// SFTP version 3 over SSH.
    Sftp,
    /// HTTP/1.1.
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// A file of the controller's own machine.
    File,
}

impl Scheme {
    /// Every scheme that has a server.
    const REMOTE: [Scheme; 4] = [Scheme::Tftp, Scheme::Sftp, Scheme::Http, Scheme::Https];

    /// What kind of key its servers show; none if they show none.
    pub fn key_kind(self) -> Option<ServerKeyKind> {
        match self {
            Scheme::Sftp => Some(ServerKeyKind::Ssh),
            Scheme::Https => Some(ServerKeyKind::Tls),
            Scheme::Tftp | Scheme::Http | Scheme::File => None,
        }
    }

    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Tftp => "tftp",
            Scheme::Sftp => "sftp",
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::File => "file",
        }
    }

    /// The port that is meant when none is given; none for files.
    pub fn port(self) -> Option<u16> {
        match self {
            Scheme::Tftp => Some(69),
            Scheme::Sftp => Some(22),
            Scheme::Http => Some(80),
            Scheme::Https => Some(443),
            Scheme::File => None,
        }
    }
}

/// A place to fetch an image from.
#[derive(Clone, PartialEq, Eq)]
pub struct FetchUrl {
    scheme: Scheme,
    /// `user` or `user:password`, as given.
    credentials: Option<String>,
    /// Name or address, without brackets; empty for files.
    host: String,
    port: Option<u16>,
    path: String,
}

impl FetchUrl {
    /// Another file in the same folder of the same source.
    #[must_use]
    pub(super) fn beside(&self, name: &str) -> Self {
        let folder = self.path.rfind('/').map_or("", |slash| &self.path[..=slash]);
        FetchUrl { path: format!("{folder}{name}"), ..self.clone() }
    }
}

/// Text that is no place to fetch an image from. It repeats nothing of the text that could be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Another scheme, or none and no leading `/`.
    #[error(
        "`{0}` is not a way to fetch an image; write tftp://SERVER/PATH, sftp://USER@SERVER/PATH, http://SERVER/PATH or https://SERVER/PATH, or the path of a local file from `/` on"
    )]
    Scheme(String),
    /// No server between the slashes.
    #[error("the URL names no server; write tftp://SERVER/PATH")]
    NoHost,
    /// Characters that no server name has.
    #[error("`{0}` is not the name or address of a server")]
    Host(String),
    /// Not 1 to 65535.
    #[error("`{0}` is not a port; use 1 to 65535")]
    Port(String),
    /// A user or password with a `/`.
    #[error("user and password in a URL cannot hold a `/`; set them in the image-download profile instead")]
    Credentials,
    /// No file name.
    #[error("the URL names no file; write tftp://SERVER/PATH")]
    NoPath,
    /// Control characters in the path.
    #[error("the path has a control character")]
    Path,
    /// Longer than [`LONGEST`].
    #[error("the URL is longer than {LONGEST} octets")]
    TooLong,
}

impl FetchUrl {
    /// What an image-download profile names: server, path and image, as in `tftp://172.16.5.27/EWC/17_9_4a/ap1g6`.
    pub fn tftp(server: &ImageServer, path: &str, family: &ImageFamily) -> Result<Self, BadUrl> {
        let path = path.trim_end_matches('/');
        // A path written with its leading slash means the same as without, as on IOS; two of them ask for one.
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = if path.is_empty() { family.to_string() } else { format!("{path}/{family}") };
        let host = server.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        FetchUrl { scheme: Scheme::Tftp, credentials: None, host, port: server.port, path }.checked()
    }

    /// A file of the controller's own machine.
    pub fn file(path: &str) -> Result<Self, BadUrl> {
        let path = path.to_owned();
        FetchUrl { scheme: Scheme::File, credentials: None, host: String::new(), port: None, path }.checked()
    }

    /// How the octets come.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Name or address of the server, an IPv6 address without brackets; empty for files.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The server's port: the one given, or the scheme's own.
    pub fn port(&self) -> u16 {
        self.port.or(self.scheme.port()).unwrap_or(0)
    }

    /// The file as the server, or the file system, is asked for it.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `user` or `user:password`, in clear. Not for printing.
    pub fn credentials(&self) -> Option<&str> {
        self.credentials.as_deref()
    }

    fn checked(self) -> Result<Self, BadUrl> {
        if self.path.is_empty() || self.path.ends_with('/') {
            return Err(BadUrl::NoPath);
        }
        if self.path.chars().any(char::is_control) {
            return Err(BadUrl::Path);
        }
        if self.path.len() + self.host.len() > LONGEST {
            return Err(BadUrl::TooLong);
        }
        if self.scheme != Scheme::File {
            if self.host.is_empty() {
                return Err(BadUrl::NoHost);
            }
            let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%');
            if !self.host.chars().all(fits) {
                return Err(BadUrl::Host(self.host));
            }
        }
        Ok(self)
    }
}

impl FromStr for FetchUrl {
    type Err = BadUrl;

    fn from_str(s: &str) -> Result<Self, BadUrl> {
        let Some((scheme, rest)) = s.split_once("://") else {
            return if s.starts_with('/') { FetchUrl::file(s) } else { Err(BadUrl::Scheme(shown_scheme(s))) };
        };
        if scheme.eq_ignore_ascii_case("file") {
            return FetchUrl::file(rest);
        }
        let known = Scheme::REMOTE.into_iter().find(|s| scheme.eq_ignore_ascii_case(s.as_str()));
        let Some(scheme) = known else { return Err(BadUrl::Scheme(shown_scheme(scheme))) };
        // The credentials end at the last `@` before the path, so that a password may hold one.
        let (server, path) = rest.split_once('/').ok_or(BadUrl::NoPath)?;
        let (credentials, server) = match server.rsplit_once('@') {
            Some((credentials, server)) => (Some(credentials.to_owned()), server),
            None => (None, server),
        };
        // With an `@` further on, what stands here may be the half of a password: it is not repeated.
        let (host, port) =
            host_and_port(server).map_err(|e| if path.contains('@') { BadUrl::Credentials } else { e })?;
        FetchUrl { scheme, credentials, host: host.to_owned(), port, path: path.to_owned() }.checked()
    }
}

/// As much of a scheme as can be shown: nothing that could belong to credentials.
fn shown_scheme(s: &str) -> String {
    s.chars().take_while(char::is_ascii_alphanumeric).take(16).collect()
}

fn host_and_port(server: &str) -> Result<(&str, Option<u16>), BadUrl> {
    let number = |port: &str| match port.parse::<u16>() {
        Ok(n) if n > 0 && port.bytes().all(|b| b.is_ascii_digit()) => Ok(Some(n)),
        Ok(_) | Err(_) => Err(BadUrl::Port(port.chars().take(16).collect())),
    };
    if let Some(rest) = server.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| BadUrl::Host(server.to_owned()))?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, number(port)?)),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(BadUrl::Host(server.to_owned())),
        };
    }
    match server.split_once(':') {
        // More than one colon and no brackets: an IPv6 address without a port.
        Some((_, rest)) if rest.contains(':') => Ok((server, None)),
        Some((host, port)) => Ok((host, number(port)?)),
        None => Ok((server, None)),
    }
}

impl fmt::Display for FetchUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scheme == Scheme::File {
            return f.write_str(&self.path);
        }
        write!(f, "{}://", self.scheme.as_str())?;
        if self.credentials.is_some() {
            write!(f, "{MASK}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.path)
    }
}

impl fmt::Debug for FetchUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FetchUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(s: &str) -> FetchUrl {
        s.parse().expect(s)
    }

    fn server(host: &str, port: Option<u16>) -> ImageServer {
        ImageServer { host: host.to_owned(), port }
    }

    #[test]
    fn a_profile_gives_the_url_that_ios_prints() {
        let family = "ap1g6".parse().expect("family");
        for path in ["EWC/17_9_4a", "/EWC/17_9_4a", "EWC/17_9_4a/", "/EWC/17_9_4a//"] {
            let url = FetchUrl::tftp(&server("172.16.5.27", None), path, &family).expect(path);
            assert_eq!(url.to_string(), "tftp://172.16.5.27/EWC/17_9_4a/ap1g6");
            assert_eq!((url.path(), url.port()), ("EWC/17_9_4a/ap1g6", 69));
        }
        for (path, asked) in [("", "ap1g6"), ("/", "ap1g6"), ("//srv/tftp", "/srv/tftp/ap1g6")] {
            let url = FetchUrl::tftp(&server("h", Some(6969)), path, &family).expect(path);
            assert_eq!(url.path(), asked);
            assert_eq!(url.to_string().parse::<FetchUrl>().expect("its own form"), url);
        }
    }

    #[test]
    fn server_port_and_path_are_told_apart() {
        for (text, host, port, path) in [
            ("tftp://10.0.0.5/a/b", "10.0.0.5", 69, "a/b"),
            ("TFTP://tftp.example.com:6969/b", "tftp.example.com", 6969, "b"),
            ("tftp://[2001:db8::5]:70/b", "2001:db8::5", 70, "b"),
            ("tftp://2001:db8::5/b", "2001:db8::5", 69, "b"),
            ("tftp://[fe80::1%eth0]/b", "fe80::1%eth0", 69, "b"),
            ("tftp://10.0.0.5//srv/a b%20c", "10.0.0.5", 69, "/srv/a b%20c"),
        ] {
            let url = url(text);
            assert_eq!((url.host(), url.port(), url.path()), (host, port, path), "{text}");
        }
        assert_eq!((url("/srv/ap1g6").scheme(), url("/srv/ap1g6").path()), (Scheme::File, "/srv/ap1g6"));
        assert_eq!(url("file:///srv/ap1g6"), url("/srv/ap1g6"));
        assert_eq!(url("/srv/ap1g6").to_string(), "/srv/ap1g6");
    }

    #[test]
    fn credentials_are_masked_in_every_printed_form() {
        let url = url("tftp://admin:p@ss:w0rd@10.0.0.5:69/EWC/ap1g6");
        assert_eq!(url.credentials(), Some("admin:p@ss:w0rd"));
        assert_eq!(url.to_string(), "tftp://******@10.0.0.5:69/EWC/ap1g6");
        assert_eq!(format!("{url:?}"), "FetchUrl(tftp://******@10.0.0.5:69/EWC/ap1g6)");
    }

    #[test]
    fn user_and_password_are_masked_wherever_a_url_is_printed() {
        for (url, printed) in [
            ("sftp://bob:p@ss@10.0.0.5/x@y", "sftp://******@10.0.0.5/x@y"),
            ("sftp://bob:se/cret@10.0.0.5/x", "sftp://******@10.0.0.5/x"),
            ("tftp://10.0.0.5/a@b", "tftp://10.0.0.5/a@b"),
            ("sftp://bob:12/34@10.0.0.5/x", "sftp://******@10.0.0.5/x"),
            ("tftp://[::1]:69/a@b", "tftp://[::1]:69/a@b"),
            ("flash:/ap1g8", "flash:/ap1g8"),
        ] {
            assert_eq!(mask_credentials(url), printed);
        }
        assert_eq!("sftp://bob:se/cret@10.0.0.5/x".parse::<FetchUrl>(), Err(BadUrl::Credentials));
    }

    #[test]
    fn what_is_no_url_is_refused_and_no_secret_repeated() {
        for (text, error) in [
            ("ap1g6", BadUrl::Scheme("ap1g6".into())),
            ("ftp://u:secret@h/ap1g6", BadUrl::Scheme("ftp".into())),
            ("tftp:///ap1g6", BadUrl::NoHost),
            ("tftp://h", BadUrl::NoPath),
            ("tftp://h/", BadUrl::NoPath),
            ("tftp://h/a/", BadUrl::NoPath),
            ("tftp://u:secret@h:0/a", BadUrl::Port("0".into())),
            ("tftp://h:70000/a", BadUrl::Port("70000".into())),
            ("tftp://h:+70/a", BadUrl::Port("+70".into())),
            ("tftp://h h/a", BadUrl::Host("h h".into())),
            ("tftp://[::1/a", BadUrl::Host("[::1".into())),
            ("tftp://h/a\0b", BadUrl::Path),
        ] {
            assert_eq!(text.parse::<FetchUrl>(), Err(error.clone()), "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert_eq!(format!("tftp://h/{}", "a".repeat(LONGEST)).parse::<FetchUrl>(), Err(BadUrl::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_printed_without_credentials_reads_back(text in "(tftp://)?[a-z:@\\[\\]/.%0-9]{0,40}") {
            if let Ok(url) = text.parse::<FetchUrl>()
                && url.credentials().is_none()
            {
                prop_assert_eq!(url.to_string().parse::<FetchUrl>(), Ok(url));
            }
        }
    }
}
