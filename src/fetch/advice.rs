//! What an operator does next about a failed fetch: the one place where this is said, for views, checks and errors.

use capledger_schema::failure::FetchFailureKind;

use super::url::{FetchUrl, Scheme};

/// One sentence for the operator, without a full stop, to stand behind the failure's words.
pub fn next_action(kind: FetchFailureKind, url: &FetchUrl) -> String {
    let (host, port, path) = (url.host(), url.port(), url.path());
    let Some(Remote { server, path_setting, transport, program }) = remote(url.scheme()) else {
        return about_a_file(kind, path);
    };
    match kind {
        FetchFailureKind::NotFound => {
            format!("check {path_setting}, and that {host} holds `{path}`; bundle not unpacked?")
        }
        FetchFailureKind::Permission => format!("let the {program} on {host} read `{path}`"),
        FetchFailureKind::TimedOut => {
            let answers =
                if url.scheme() == Scheme::Tftp { ", or the ports that the server answers from?" } else { "" };
            format!("check {server} and the route to {host}; {transport} {port} blocked?{answers}")
        }
        FetchFailureKind::Refused => {
            format!("start the {program} on {host} port {port}, or set address and port with {server}")
        }
        FetchFailureKind::WrongVersion => format!(
            "set {path_setting} to the bundle of the version wanted, or software version to what the server holds"
        ),
        FetchFailureKind::CutShort => {
            "check the path to the server, then copy the file there again and compare its MD5 with the bundle's".into()
        }
        FetchFailureKind::Protocol => format!("check which program serves {} on {host}", url.scheme().as_str()),
        FetchFailureKind::Local => format!("check that {host} resolves, and the controller's network and disk"),
        FetchFailureKind::AuthenticationFailed => match url.scheme() {
            Scheme::Sftp => format!("check sftp-username, and sftp-password or sftp-key, at {host}"),
            Scheme::Tftp | Scheme::Http | Scheme::Https | Scheme::File => {
                format!("give user and password in the URL, or let {host} serve `{path}` without them")
            }
        },
        FetchFailureKind::HostKeyChanged => {
            format!(
                "find out why the key of {host} changed; if it is right, `clear image-server key {host} port {port}`"
            )
        }
        FetchFailureKind::CertificateUntrusted => {
            "set https-ca to the authority of the server's certificate, or https-certificate pin".into()
        }
        FetchFailureKind::NotAnImage
        | FetchFailureKind::WrongFamily
        | FetchFailureKind::TooLarge
        | FetchFailureKind::DiskFull
        | FetchFailureKind::Corrupt
        | FetchFailureKind::NoSource
        | FetchFailureKind::Cancelled => anywhere(kind, path),
    }
}

/// What to do where the configuration names no source at all.
pub fn no_source() -> String {
    anywhere(FetchFailureKind::NoSource, "")
}

/// How a scheme's settings and servers are called.
struct Remote {
    server: &'static str,
    path_setting: &'static str,
    transport: &'static str,
    program: &'static str,
}

fn remote(scheme: Scheme) -> Option<Remote> {
    let (server, path_setting, transport, program) = match scheme {
        Scheme::Tftp => ("tftp-image-server", "tftp-image-path", "UDP", "TFTP server"),
        Scheme::Sftp => ("sftp-image-server", "sftp-image-path", "TCP", "SSH server"),
        Scheme::Http | Scheme::Https => ("http-image-server", "http-image-path", "TCP", "web server"),
        Scheme::File => return None,
    };
    Some(Remote { server, path_setting, transport, program })
}

/// What does not depend on where the file comes from.
fn anywhere(kind: FetchFailureKind, path: &str) -> String {
    match kind {
        FetchFailureKind::NotAnImage => {
            format!(
                "`{path}` must be one file of the unpacked AP bundle, named as its image type; bundle not unpacked?"
            )
        }
        FetchFailureKind::WrongFamily => {
            "put the file of the right image type under this name; were the bundle's files renamed?".into()
        }
        FetchFailureKind::TooLarge => "check that this is an AP image; if it is, raise ap image max-size".into(),
        FetchFailureKind::DiskFull => {
            "free room on the controller's disk, or remove images with install remove inactive".into()
        }
        FetchFailureKind::Corrupt => format!(
            "put `{path}` there again from the vendor's bundle, with its SHA256SUMS (capledger bundle unpack); if it is \
             right there, check the controller's disk"
        ),
        FetchFailureKind::NoSource => {
            "complete wireless profile image-download default, or set ap image local FAMILY FILE".into()
        }
        FetchFailureKind::Cancelled => "start it again when it is wanted".into(),
        FetchFailureKind::NotFound
        | FetchFailureKind::Permission
        | FetchFailureKind::TimedOut
        | FetchFailureKind::Refused
        | FetchFailureKind::WrongVersion
        | FetchFailureKind::CutShort
        | FetchFailureKind::Protocol
        | FetchFailureKind::Local
        | FetchFailureKind::AuthenticationFailed
        | FetchFailureKind::HostKeyChanged
        | FetchFailureKind::CertificateUntrusted => "check the source of the image".into(),
    }
}

fn about_a_file(kind: FetchFailureKind, path: &str) -> String {
    match kind {
        FetchFailureKind::NotFound => format!("check the path `{path}`"),
        FetchFailureKind::Permission => format!("let the controller's user read `{path}`"),
        FetchFailureKind::WrongVersion => {
            "use the file of the version wanted, or set software version to what the file is".into()
        }
        FetchFailureKind::CutShort => "copy the file there again and compare its MD5 with the bundle's".into(),
        FetchFailureKind::TimedOut
        | FetchFailureKind::Refused
        | FetchFailureKind::Protocol
        | FetchFailureKind::Local
        | FetchFailureKind::AuthenticationFailed
        | FetchFailureKind::HostKeyChanged
        | FetchFailureKind::CertificateUntrusted => "check the disk that holds the file".into(),
        FetchFailureKind::NotAnImage
        | FetchFailureKind::WrongFamily
        | FetchFailureKind::TooLarge
        | FetchFailureKind::DiskFull
        | FetchFailureKind::Corrupt
        | FetchFailureKind::NoSource
        | FetchFailureKind::Cancelled => anywhere(kind, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_failures_name_what_to_check() {
        for (url, kind, words) in [
            ("tftp://u:pw@10.0.0.5/EWC/ap1g6", FetchFailureKind::TimedOut, "UDP 69 blocked?"),
            ("tftp://u:pw@10.0.0.5/EWC/ap1g6", FetchFailureKind::NotFound, "tftp-image-path"),
            ("tftp://u:pw@10.0.0.5/EWC/ap1g6", FetchFailureKind::NotAnImage, "bundle not unpacked?"),
            ("tftp://u:pw@10.0.0.5/EWC/ap1g6", FetchFailureKind::Refused, "10.0.0.5 port 69"),
            ("sftp://u:pw@10.0.0.5/EWC/ap1g6", FetchFailureKind::TimedOut, "TCP 22 blocked?"),
            ("sftp://u:pw@10.0.0.5:2022/EWC/ap1g6", FetchFailureKind::TimedOut, "TCP 2022 blocked?"),
            ("sftp://u:pw@10.0.0.5/EWC/ap1g6", FetchFailureKind::NotFound, "sftp-image-path"),
            ("sftp://u:pw@10.0.0.5/EWC/ap1g6", FetchFailureKind::AuthenticationFailed, "sftp-password"),
            (
                "sftp://u:pw@10.0.0.5/EWC/ap1g6",
                FetchFailureKind::HostKeyChanged,
                "`clear image-server key 10.0.0.5 port 22`",
            ),
            ("https://10.0.0.5/EWC/ap1g6", FetchFailureKind::CertificateUntrusted, "https-ca"),
            ("/srv/ap1g6", FetchFailureKind::NotFound, "`/srv/ap1g6`"),
        ] {
            let action = next_action(kind, &url.parse().expect("url"));
            assert!(action.contains(words), "{kind}: {action}");
            assert!(!action.contains("pw"), "{action}");
        }
    }
}
