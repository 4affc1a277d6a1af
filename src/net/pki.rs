//! The controller's certificate authority and certificate, made on first start, and certificates for access points.
//!
//! RFC 5415 section 2.4.4.3: an AC's certificate carries the extended key usage 1.3.6.1.5.5.7.3.18, a WTP's
//! 1.3.6.1.5.5.7.3.19. Keys are ECDSA P-256, and RSA for peers that know nothing else; their files have mode 0600.
//! Nothing here overwrites a key that exists.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};

/// Extended key usage of a certificate that acts as an AC (RFC 5415 section 2.4.4.3, `id-kp-capwapAC`).
pub const EKU_AC: &str = "1.3.6.1.5.5.7.3.18";
/// Extended key usage of a certificate that acts as a WTP (RFC 5415 section 2.4.4.3, `id-kp-capwapWTP`).
pub const EKU_WTP: &str = "1.3.6.1.5.5.7.3.19";

const CA_CERTIFICATE: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
const CONTROLLER_CERTIFICATE: &str = "controller.pem";
const CONTROLLER_KEY: &str = "controller.key";
const RSA_CERTIFICATE: &str = "controller-rsa.pem";
const RSA_KEY: &str = "controller-rsa.key";
/// What every peer takes, and the least that OpenSSL's security level 2 lets pass.
const RSA_BITS: u32 = 2_048;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Access points boot with clocks that are a little wrong.
const BACKDATED: Duration = DAY;
const CA_LIFETIME: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
const LEAF_LIFETIME: Duration = Duration::from_secs(20 * 365 * 24 * 60 * 60);
/// A PEM file of ours is about 1 KiB; a longer one than this is something else.
const MAX_PEM: u64 = 256 * 1024;

/// Why the controller's keys could not be made or loaded.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A file could not be written.
    #[error("{path}: {source}; make the data directory writable and start again")]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be read.
    #[error(
        "{path}: {source}; restore it from a backup, or move its directory away to start with a new identity \
         (access points that verify the controller will then refuse it)"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what its name says.
    #[error("{path}: not a PEM {what} ({source}); restore it from a backup")]
    Parse {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        what: &'static str,
        /// What OpenSSL said.
        source: ErrorStack,
    },
    /// A private key is open to others.
    #[error("{path}: mode {mode:04o} opens the private key to others; run: chmod 600 {path}")]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A certificate and a key that do not belong together.
    #[error("{certificate}: does not belong to the key {key}; restore both from the same backup")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// OpenSSL refused to make a key or a certificate.
    #[error("cannot make the certificate of {subject}: {source}")]
    Make {
        /// The common name asked for.
        subject: String,
        /// What OpenSSL said.
        source: ErrorStack,
    },
}

/// A certificate with its private key.
#[derive(Debug, Clone)]
pub struct Credentials {
    certificate: X509,
    key: PKey<Private>,
}

/// The authority and the controller's own credentials, as they lie in `<data-dir>/pki/`.
#[derive(Debug, Clone)]
pub struct Pki {
    ca: Credentials,
    controller: Credentials,
    rsa: Option<Credentials>,
}

impl Pki {
    /// Loads `<data_dir>/pki/`, or makes it with an authority and a certificate for `controller` (a host name or a
    /// MAC address) where the directory does not exist yet. `now` dates the certificates.
    ///
    /// A crash leaves either the whole directory or none: it is made under another name, synced, and renamed.
    pub fn load_or_create(data_dir: &Path, controller: &str, now: SystemTime) -> Result<Self, PkiError> {
        let dir = data_dir.join("pki");
        if dir.exists() {
            return Self::load(&dir);
        }
        let made = Self::make(controller, now)?;
        made.store(data_dir, &dir)?;
        Ok(made)
    }

    /// The controller's certificate and key.
    pub fn controller(&self) -> &Credentials {
        &self.controller
    }

    /// Loads the controller's RSA key and certificate too, or makes them; whether they had to be made, which takes up to
    /// a second. `now` dates the certificate.
    ///
    /// A key without its certificate, as a crash leaves it, is given one: a key is never made twice.
    pub fn add_rsa(&mut self, data_dir: &Path, now: SystemTime) -> Result<bool, PkiError> {
        let dir = data_dir.join("pki");
        let (certificate, key) = (dir.join(RSA_CERTIFICATE), dir.join(RSA_KEY));
        if certificate.exists() {
            self.rsa = Some(Credentials::load(&certificate, &key)?);
            return Ok(false);
        }
        let subject = common_name(self.controller.certificate()).unwrap_or_default();
        let failed = |source| PkiError::Make { subject: subject.clone(), source };
        let private = if key.exists() {
            parse_key(&key)?
        } else {
            let made = new_rsa_key().map_err(failed)?;
            let pem = made.private_key_to_pem_pkcs8().map_err(failed)?;
            write_whole(&dir, RSA_KEY, 0o600, &pem)?;
            made
        };
        let rsa = leaf(private, &subject, Role::Ac, Some(&self.ca), now).map_err(failed)?;
        write_whole(&dir, RSA_CERTIFICATE, 0o644, &rsa.certificate_pem())?;
        self.rsa = Some(rsa);
        Ok(true)
    }

    /// Everything that the controller can show: its own certificate, and the RSA one where it was added.
    pub fn credentials(&self) -> Vec<&Credentials> {
        std::iter::once(&self.controller).chain(&self.rsa).collect()
    }

    /// The authority's certificate in PEM: what access points are given to verify the controller.
    pub fn ca_pem(&self) -> Vec<u8> {
        self.ca.certificate_pem()
    }

    /// Issues a certificate for an access point, e.g. `C9105AXI-2c5a0f406920`, signed by the authority.
    pub fn issue_wtp(&self, common_name: &str, now: SystemTime) -> Result<Credentials, PkiError> {
        new_key()
            .and_then(|key| leaf(key, common_name, Role::Wtp, Some(&self.ca), now))
            .map_err(|source| PkiError::Make { subject: common_name.to_owned(), source })
    }

    fn make(controller: &str, now: SystemTime) -> Result<Self, PkiError> {
        let ca = authority(now).map_err(|source| PkiError::Make { subject: "the authority".to_owned(), source })?;
        let controller = new_key()
            .and_then(|key| leaf(key, controller, Role::Ac, Some(&ca), now))
            .map_err(|source| PkiError::Make { subject: controller.to_owned(), source })?;
        Ok(Self { ca, controller, rsa: None })
    }

    fn load(dir: &Path) -> Result<Self, PkiError> {
        Ok(Self {
            ca: Credentials::load(&dir.join(CA_CERTIFICATE), &dir.join(CA_KEY))?,
            controller: Credentials::load(&dir.join(CONTROLLER_CERTIFICATE), &dir.join(CONTROLLER_KEY))?,
            rsa: None,
        })
    }

    fn store(&self, data_dir: &Path, dir: &Path) -> Result<(), PkiError> {
        let staging = data_dir.join(".pki.new");
        if staging.exists() {
            // Left by a start that was cut short: nothing has used these keys.
            fs::remove_dir_all(&staging).map_err(|source| write_error(&staging, source))?;
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&staging)
            .map_err(|source| write_error(&staging, source))?;
        self.ca.save(&staging.join(CA_CERTIFICATE), &staging.join(CA_KEY))?;
        self.controller.save(&staging.join(CONTROLLER_CERTIFICATE), &staging.join(CONTROLLER_KEY))?;
        sync_dir(&staging)?;
        fs::rename(&staging, dir).map_err(|source| write_error(dir, source))?;
        sync_dir(data_dir)
    }
}

impl Credentials {
    /// Makes a certificate for an access point that no authority signed: what policy `pin` expects to meet.
    pub fn self_signed_wtp(common_name: &str, now: SystemTime) -> Result<Self, PkiError> {
        new_key()
            .and_then(|key| leaf(key, common_name, Role::Wtp, None, now))
            .map_err(|source| PkiError::Make { subject: common_name.to_owned(), source })
    }

    /// As [`Self::self_signed_wtp`], with an RSA key: what an old access point has. Takes up to a second.
    pub fn self_signed_rsa_wtp(common_name: &str, now: SystemTime) -> Result<Self, PkiError> {
        new_rsa_key()
            .and_then(|key| leaf(key, common_name, Role::Wtp, None, now))
            .map_err(|source| PkiError::Make { subject: common_name.to_owned(), source })
    }

    /// As [`Self::self_signed_wtp`], for the wrong role: an AC's certificate, which no AC takes from an access point.
    pub fn self_signed_ac(common_name: &str, now: SystemTime) -> Result<Self, PkiError> {
        new_key()
            .and_then(|key| leaf(key, common_name, Role::Ac, None, now))
            .map_err(|source| PkiError::Make { subject: common_name.to_owned(), source })
    }

    /// Loads a certificate and its key from PEM files. The key must be closed to other users and fit the certificate.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, PkiError> {
        let loaded = Self {
            certificate: X509::from_pem(&read(certificate)?).map_err(|source| PkiError::Parse {
                path: certificate.to_owned(),
                what: "certificate",
                source,
            })?,
            key: parse_key(key)?,
        };
        let fits = loaded.certificate.public_key().is_ok_and(|public| public.public_eq(&loaded.key));
        if fits {
            Ok(loaded)
        } else {
            Err(PkiError::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() })
        }
    }

    /// Writes both as PEM, the key first and with mode 0600. Each file is synced; a file that exists is left alone
    /// and is an error.
    pub fn save(&self, certificate: &Path, key: &Path) -> Result<(), PkiError> {
        write_new(key, 0o600, &self.key_pem())?;
        write_new(certificate, 0o644, &self.certificate_pem())
    }

    /// The certificate.
    pub fn certificate(&self) -> &X509 {
        &self.certificate
    }

    /// The private key.
    pub fn key(&self) -> &PKey<Private> {
        &self.key
    }

    /// SHA-256 of the certificate in DER: the digest that the join policy pins.
    pub fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.certificate)
    }

    fn certificate_pem(&self) -> Vec<u8> {
        self.certificate.to_pem().expect("a parsed or signed certificate has a PEM form")
    }

    fn key_pem(&self) -> Vec<u8> {
        self.key.private_key_to_pem_pkcs8().expect("a private key in memory has a PEM form")
    }
}

/// SHA-256 of a certificate in DER.
pub(super) fn fingerprint(certificate: &openssl::x509::X509Ref) -> [u8; 32] {
    let digest = certificate.digest(MessageDigest::sha256()).expect("a certificate in memory can be hashed");
    digest.as_ref().try_into().expect("a SHA-256 digest has 32 octets")
}

/// The common name of a certificate's subject.
pub(super) fn common_name(certificate: &openssl::x509::X509Ref) -> Option<String> {
    let entry = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next()?;
    entry.data().to_string().ok()
}

#[derive(Clone, Copy)]
enum Role {
    Ac,
    Wtp,
}

fn authority(now: SystemTime) -> Result<Credentials, ErrorStack> {
    let key = new_key()?;
    let mut tag = BigNum::new()?;
    tag.rand(32, MsbOption::ONE, false)?;
    let subject = name(&format!("Capledger CA {}", tag.to_hex_str()?.to_lowercase()))?;
    let mut builder = started(&subject, &subject, &key, now, CA_LIFETIME)?;
    builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(identifier)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok(Credentials { certificate: builder.build(), key })
}

fn leaf(
    key: PKey<Private>,
    common_name: &str,
    role: Role,
    issuer: Option<&Credentials>,
    now: SystemTime,
) -> Result<Credentials, ErrorStack> {
    let subject = name(common_name)?;
    let issued_by = issuer.map_or(&*subject, |ca| ca.certificate.subject_name());
    let mut builder = started(&subject, issued_by, &key, now, LEAF_LIFETIME)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    let mut key_usage = KeyUsage::new();
    key_usage.critical().digital_signature();
    if key.id() == Id::RSA {
        // RSA key exchange: the peer encrypts its secret to this key.
        key_usage.key_encipherment();
    }
    builder.append_extension(key_usage.build()?)?;
    let usage = match role {
        Role::Ac => ExtendedKeyUsage::new().server_auth().other(EKU_AC).build()?,
        Role::Wtp => ExtendedKeyUsage::new().client_auth().other(EKU_WTP).build()?,
    };
    builder.append_extension(usage)?;
    let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(identifier)?;
    if let Some(ca) = issuer {
        let authority =
            AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(Some(&ca.certificate), None))?;
        builder.append_extension(authority)?;
    }
    builder.sign(issuer.map_or(&key, |ca| &ca.key), MessageDigest::sha256())?;
    Ok(Credentials { certificate: builder.build(), key })
}

fn started(
    subject: &openssl::x509::X509NameRef,
    issuer: &openssl::x509::X509NameRef,
    key: &PKey<Private>,
    now: SystemTime,
    lifetime: Duration,
) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
    builder.set_subject_name(subject)?;
    builder.set_issuer_name(issuer)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(&*asn1(now.checked_sub(BACKDATED).unwrap_or(UNIX_EPOCH))?)?;
    builder.set_not_after(&*asn1(now + lifetime)?)?;
    Ok(builder)
}

fn asn1(time: SystemTime) -> Result<Asn1Time, ErrorStack> {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Asn1Time::from_unix(seconds.cast_signed())
}

fn name(common_name: &str) -> Result<X509Name, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::ORGANIZATIONNAME, "Capledger")?;
    name.append_entry_by_nid(Nid::COMMONNAME, common_name)?;
    Ok(name.build())
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn new_rsa_key() -> Result<PKey<Private>, ErrorStack> {
    PKey::from_rsa(Rsa::generate(RSA_BITS)?)
}

fn parse_key(path: &Path) -> Result<PKey<Private>, PkiError> {
    PKey::private_key_from_pem(&read_key(path)?).map_err(|source| PkiError::Parse {
        path: path.to_owned(),
        what: "private key",
        source,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, PkiError> {
    read_checked(path, |_| Ok(()))
}

fn read_key(path: &Path) -> Result<Vec<u8>, PkiError> {
    read_checked(path, |file| {
        let metadata = file.metadata().map_err(|source| read_error(path, source))?;
        let mode = metadata.mode() & 0o7777;
        // Nothing for the group, nothing for others: the lower six bits.
        if mode.trailing_zeros() >= 6 { Ok(()) } else { Err(PkiError::Exposed { path: path.to_owned(), mode }) }
    })
}

fn read_checked(path: &Path, check: impl FnOnce(&File) -> Result<(), PkiError>) -> Result<Vec<u8>, PkiError> {
    let file = File::open(path).map_err(|source| read_error(path, source))?;
    check(&file)?;
    let mut octets = Vec::new();
    file.take(MAX_PEM).read_to_end(&mut octets).map_err(|source| read_error(path, source))?;
    Ok(octets)
}

fn write_new(path: &Path, mode: u32, octets: &[u8]) -> Result<(), PkiError> {
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(octets)?;
        file.sync_all()
    };
    write().map_err(|source| write_error(path, source))
}

/// A file of this name in a directory, or none: it is written under another name, synced, and renamed.
fn write_whole(dir: &Path, name: &str, mode: u32, octets: &[u8]) -> Result<(), PkiError> {
    let (path, staging) = (dir.join(name), dir.join(format!(".{name}.new")));
    if staging.exists() {
        fs::remove_file(&staging).map_err(|source| write_error(&staging, source))?;
    }
    write_new(&staging, mode, octets)?;
    fs::rename(&staging, &path).map_err(|source| write_error(&path, source))?;
    sync_dir(dir)
}

fn sync_dir(path: &Path) -> Result<(), PkiError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|source| write_error(path, source))
}

fn read_error(path: &Path, source: io::Error) -> PkiError {
    PkiError::Read { path: path.to_owned(), source }
}

fn write_error(path: &Path, source: io::Error) -> PkiError {
    PkiError::Write { path: path.to_owned(), source }
}

#[cfg(test)]
#[path = "pki/tests.rs"]
mod tests;
