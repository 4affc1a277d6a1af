//! What an operator does next about a failed fetch.

use capledger_schema::failure::FetchFailureKind;

use super::url::{FetchUrl, Scheme};

/// One sentence for the operator, without a full stop, to stand behind the failure's words.
pub fn next_action(kind: FetchFailureKind, url: &FetchUrl) -> String {
    let host = url.host();
    let port = url.port();
    match (kind, url.scheme()) {
        (FetchFailureKind::NotFound, Scheme::Tftp) => {
            format!("check tftp-image-path, and that {host} holds `{}`; is the AP bundle unpacked there?", url.path())
        }
        (FetchFailureKind::NotFound, Scheme::File) => format!("check the path `{}`", url.path()),
        (FetchFailureKind::Permission, Scheme::Tftp) => {
            format!("let the TFTP server on {host} read `{}` (for most servers it must be readable by all)", url.path())
        }
        (FetchFailureKind::Permission, Scheme::File) => {
            format!("let the controller's user read `{}`", url.path())
        }
        (FetchFailureKind::TimedOut, Scheme::Tftp) => format!(
            "check tftp-image-server and the route to {host}; is UDP {port} blocked on the way, or are the ports that \
             the server answers from?"
        ),
        (FetchFailureKind::TimedOut, Scheme::File) => "check the file system that holds the file".to_owned(),
        (FetchFailureKind::Refused, Scheme::Tftp) => {
            format!("start a TFTP server on {host} port {port}, or set the port with tftp-image-server")
        }
        (FetchFailureKind::Refused, Scheme::File) => "check the path".to_owned(),
        (FetchFailureKind::NotAnImage, _) => format!(
            "`{}` must be one file of the unpacked AP bundle, named as its image type, without an extension; is the \
             bundle not unpacked?",
            url.path()
        ),
        (FetchFailureKind::WrongFamily, _) => {
            "put the file of the right image type under this name; were the bundle's files renamed?".to_owned()
        }
        (FetchFailureKind::WrongVersion, Scheme::Tftp) => {
            "set tftp-image-path to the bundle of the version wanted, or software version to what the server holds"
                .to_owned()
        }
        (FetchFailureKind::WrongVersion, Scheme::File) => {
            "use the file of the version wanted, or set software version to what the file is".to_owned()
        }
        (FetchFailureKind::TooLarge, _) => {
            "check that this is an AP image; if it is, raise ap image max-size".to_owned()
        }
        (FetchFailureKind::CutShort, _) => {
            "copy the file to the server again and compare its length and MD5 with the bundle's".to_owned()
        }
        (FetchFailureKind::DiskFull, _) => {
            "free room on the controller's disk, or remove images with install remove inactive".to_owned()
        }
        (FetchFailureKind::Corrupt, _) => "check the controller's disk, then add the image again".to_owned(),
        (FetchFailureKind::Protocol, _) => format!("check which program serves {} on {host}", url.scheme().as_str()),
        (FetchFailureKind::NoSource, _) => {
            "set wireless profile image-download default, or ap image local FAMILY FILE".to_owned()
        }
        (FetchFailureKind::Local, Scheme::Tftp) => {
            format!("check that {host} resolves, and the controller's network and disk")
        }
        (FetchFailureKind::Local, Scheme::File) => "check the controller's disk".to_owned(),
        (FetchFailureKind::Cancelled, _) => "start it again when it is wanted".to_owned(),
        (FetchFailureKind::AuthenticationFailed, _) => {
            format!("check sftp-username and sftp-password, or sftp-key, at {host}")
        }
        (FetchFailureKind::HostKeyChanged, _) => format!(
            "find out why the key of {host} changed; if it is right, `clear image-server key {host} port {port}`"
        ),
        (FetchFailureKind::CertificateUntrusted, _) => {
            "set https-ca to the authority of the server's certificate, or https-certificate pin".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_failures_name_what_to_check() {
        let url: FetchUrl = "tftp://u:pw@10.0.0.5/EWC/ap1g6".parse().expect("url");
        for (kind, words) in [
            (FetchFailureKind::TimedOut, "UDP 69 blocked"),
            (FetchFailureKind::NotFound, "tftp-image-path"),
            (FetchFailureKind::NotAnImage, "not unpacked?"),
            (FetchFailureKind::Refused, "10.0.0.5 port 69"),
        ] {
            let action = next_action(kind, &url);
            assert!(action.contains(words), "{kind}: {action}");
            assert!(!action.contains("pw"), "{action}");
        }
    }
}
