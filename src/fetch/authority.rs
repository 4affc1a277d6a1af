//! Whose signature makes the certificate of a server good: a file of the configuration, else the system's authorities.

use std::path::{Path, PathBuf};

use openssl::error::ErrorStack;
use openssl::ssl::SslConnectorBuilder;
use openssl::x509::store::X509StoreBuilder;

/// Where distributions keep the authorities that they trust.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Authorities cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    /// The file.
    #[error("{} holds no certificate that can be read: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What OpenSSL said.
        source: ErrorStack,
    },
    /// OpenSSL itself.
    #[error("TLS: {0}")]
    Local(ErrorStack),
}

/// Has a client trust this authority and no other, or without one those of the system.
pub(crate) fn trust(builder: &mut SslConnectorBuilder, file: Option<&Path>) -> Result<(), AuthorityError> {
    let file = match file {
        Some(file) => {
            builder.set_cert_store(X509StoreBuilder::new().map_err(AuthorityError::Local)?.build());
            Some(file.to_owned())
        }
        None => SYSTEM.iter().map(PathBuf::from).find(|file| file.is_file()),
    };
    match file {
        Some(path) => builder.set_ca_file(&path).map_err(|source| AuthorityError::Unreadable { path, source }),
        None => Ok(()),
    }
}
