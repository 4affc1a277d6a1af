//! The settings of DTLS, and OpenSSL contexts made of them.
//!
//! The defaults are what a controller should speak today: DTLS 1.2, ECDHE, AES-GCM. Access points that know only
//! DTLS 1.0 with CBC suites (RFC 5415 section 2.4.4.1) need the version, the suites and security level 0 to be set.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{
    SslContext, SslContextBuilder, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509, X509PurposeId, store::X509StoreBuilder};

use super::queue::CAPWAP_DTLS_HEADER;
use crate::capwap::suite::Suite;

/// A version of DTLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// RFC 4347; with [`DtlsConfig::security_level`] 0 alone.
    Dtls1_0,
    /// RFC 6347.
    Dtls1_2,
}

/// Whether the other end has to show a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerCertificate {
    /// It is not asked for one.
    Ignored,
    /// It is asked, and may have none.
    Requested,
    /// A handshake without one fails.
    Required,
}

/// The settings of a server's or a client's side.
#[derive(Debug, Clone)]
pub struct DtlsConfig {
    /// The oldest version that is spoken.
    pub min_version: Version,
    /// The newest version that is spoken.
    pub max_version: Version,
    /// Cipher suites in OpenSSL's notation, the preferred ones first.
    pub ciphers: String,
    /// OpenSSL's security level, 0 to 5.
    pub security_level: u32,
    /// The longest UDP payload of a handshake, in octets: 300 to 1,500.
    pub mtu: u16,
    /// What is asked of the other end.
    pub peer_certificate: PeerCertificate,
    /// PEM file of the authorities that sign the other end's certificate. Without one any certificate passes, and
    /// the identity that is reported is its fingerprint.
    pub authority: Option<PathBuf>,
    /// File (NSS key log format, mode 0600) to which the secrets of every session are appended, for a packet
    /// analyser. Whoever reads it reads the sessions.
    pub key_log: Option<PathBuf>,
    /// The first interval of the handshake's retransmission timer, which doubles up to 60 s.
    pub retransmit: Duration,
    /// Pre-shared keys. A server takes any of them; a client offers the first.
    pub psk: PresharedKeys,
    /// What a server names itself to clients that choose among several pre-shared keys (RFC 5415 section 2.4.4.4).
    pub psk_hint: Option<String>,
}

/// Pre-shared keys by their identities. Printing it shows no key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PresharedKeys(Arc<BTreeMap<String, Vec<u8>>>);

impl PresharedKeys {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of an identity.
    pub(super) fn key(&self, identity: &[u8]) -> Option<&[u8]> {
        self.0.get(std::str::from_utf8(identity).ok()?).map(Vec::as_slice)
    }

    /// The identity and the key that a client offers.
    pub(super) fn first(&self) -> Option<(&str, &[u8])> {
        self.0.first_key_value().map(|(identity, key)| (identity.as_str(), key.as_slice()))
    }
}

impl FromIterator<(String, Vec<u8>)> for PresharedKeys {
    fn from_iter<I: IntoIterator<Item = (String, Vec<u8>)>>(keys: I) -> Self {
        PresharedKeys(Arc::new(keys.into_iter().collect()))
    }
}

impl fmt::Debug for PresharedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The handshake's UDP payloads that some access points still take are 1,300 octets long; about 1,500 breaks one.
const DEFAULT_MTU: u16 = 1_300;
const MTU_RANGE: std::ops::RangeInclusive<u16> = 300..=1_500;

const MODERN_CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
                              ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";

impl Default for DtlsConfig {
    fn default() -> Self {
        Self {
            min_version: Version::Dtls1_2,
            max_version: Version::Dtls1_2,
            ciphers: MODERN_CIPHERS.to_owned(),
            security_level: 2,
            mtu: DEFAULT_MTU,
            peer_certificate: PeerCertificate::Required,
            authority: None,
            key_log: None,
            retransmit: Duration::from_secs(1),
            psk: PresharedKeys::default(),
            psk_hint: None,
        }
    }
}

/// Why DTLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum DtlsError {
    /// OpenSSL refused a setting.
    #[error("DTLS: OpenSSL refuses {what} `{value}`: {source}; correct the setting")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Its value.
        value: String,
        /// What OpenSSL said.
        source: ErrorStack,
    },
    /// The MTU is out of its range.
    #[error("DTLS: a handshake MTU of {0} is not within {min} to {max} octets", min = MTU_RANGE.start(), max = MTU_RANGE.end())]
    Mtu(u16),
    /// The authorities' file cannot be used.
    #[error("{path}: {reason}; name a PEM file of the authorities that sign the access points' certificates")]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key log cannot be written.
    #[error("{path}: {source}; name a key log file that can be written, or none")]
    KeyLog {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// OpenSSL cannot make an object, as when memory is short.
    #[error("DTLS: OpenSSL cannot make an endpoint: {0}")]
    OpenSsl(#[from] ErrorStack),
}

impl DtlsConfig {
    /// These settings with what was turned on for old peers: other versions, and suites beside the modern ones.
    ///
    /// DTLS 1.0 signs with SHA-1, and so do the certificates of access points that know only RSA suites: OpenSSL takes
    /// neither above security level 0. Pre-shared keys alone change no level.
    #[must_use]
    pub fn with_old(mut self, versions: std::ops::RangeInclusive<Version>, suites: &[&Suite]) -> Self {
        (self.min_version, self.max_version) = versions.into_inner();
        for suite in suites {
            self.ciphers.push(':');
            self.ciphers.push_str(suite.name);
        }
        if self.min_version < Version::Dtls1_2 || suites.iter().any(|suite| !suite.is_psk()) {
            self.security_level = 0;
        }
        self
    }

    /// The MTU that OpenSSL is given: without our header.
    pub(super) fn record_mtu(&self) -> u32 {
        u32::from(self.mtu) - CAPWAP_DTLS_HEADER.len() as u32
    }

    /// A context with everything that both sides set; the caller adds its certificate and callbacks.
    pub(super) fn context(&self, method: SslMethod) -> Result<SslContextBuilder, DtlsError> {
        if !MTU_RANGE.contains(&self.mtu) {
            return Err(DtlsError::Mtu(self.mtu));
        }
        let mut context = SslContext::builder(method)?;
        // The level comes first: it limits what the following settings may be.
        context.set_security_level(self.security_level);
        context
            .set_min_proto_version(Some(self.min_version.into()))
            .and_then(|()| context.set_max_proto_version(Some(self.max_version.into())))
            .map_err(|source| DtlsError::Setting {
                what: "the versions",
                value: format!("{:?} to {:?}", self.min_version, self.max_version),
                source,
            })?;
        context.set_cipher_list(&self.ciphers).map_err(|source| DtlsError::Setting {
            what: "the cipher list",
            value: self.ciphers.clone(),
            source,
        })?;
        // P-256 first: its assembly is the fastest key exchange that every peer knows.
        context.set_groups_list("P-256:X25519:P-384")?;
        context.set_options(
            SslOptions::NO_QUERY_MTU
                | SslOptions::NO_TICKET
                | SslOptions::NO_COMPRESSION
                | SslOptions::NO_RENEGOTIATION
                | SslOptions::CIPHER_SERVER_PREFERENCE
                | no_encrypt_then_mac(),
        );
        // A resumed session shows no certificate; a rejoin is rare and a handshake is cheap.
        context.set_session_cache_mode(SslSessionCacheMode::OFF);
        self.set_verification(&mut context)?;
        if let Some(path) = &self.key_log {
            set_key_log(&mut context, path)?;
        }
        Ok(context)
    }

    /// The handshake goes through whatever the certificate is: the check's result is reported with the identity, so
    /// that a refusal can name who was refused.
    fn set_verification(&self, context: &mut SslContextBuilder) -> Result<(), DtlsError> {
        let mode = match self.peer_certificate {
            PeerCertificate::Ignored => SslVerifyMode::NONE,
            PeerCertificate::Requested => SslVerifyMode::PEER,
            PeerCertificate::Required => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        };
        context.set_verify_callback(mode, |_, _| true);
        if let Some(path) = &self.authority {
            let mut store = X509StoreBuilder::new()?;
            for certificate in authorities(path)? {
                store.add_cert(certificate)?;
            }
            // An intermediate authority in the file is enough of an anchor.
            store.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
            context.set_cert_store(store.build());
            // CAPWAP's key usages are not TLS's: `Endpoint::identity` checks them (RFC 5415 section 2.4.4.3).
            context.verify_param_mut().set_purpose(X509PurposeId::ANY)?;
        }
        Ok(())
    }
}

/// With encrypt-then-MAC (RFC 7366) OpenSSL 3 ends a DTLS session at the first record with a bad MAC, which anybody
/// can forge. It concerns the CBC suites of old access points alone, none of which is known to offer it.
fn no_encrypt_then_mac() -> SslOptions {
    SslOptions::from_bits_retain(1 << 19)
}

fn authorities(path: &Path) -> Result<Vec<X509>, DtlsError> {
    let refused = |reason: String| DtlsError::Authority { path: path.to_owned(), reason };
    let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let certificates = X509::stack_from_pem(&pem).map_err(|error| refused(error.to_string()))?;
    if certificates.is_empty() {
        return Err(refused("holds no certificate".to_owned()));
    }
    Ok(certificates)
}

fn set_key_log(context: &mut SslContextBuilder, path: &Path) -> Result<(), DtlsError> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| DtlsError::KeyLog { path: path.to_owned(), source })?;
    let file = Mutex::new(file);
    let path = path.to_owned();
    context.set_keylog_callback(move |_, line| {
        let Ok(mut file) = file.lock() else { return };
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(path = %path.display(), %error, "a DTLS session's secrets could not be logged");
        }
    });
    Ok(())
}

impl From<Version> for SslVersion {
    fn from(version: Version) -> Self {
        match version {
            Version::Dtls1_0 => Self::DTLS1,
            Version::Dtls1_2 => Self::DTLS1_2,
        }
    }
}
