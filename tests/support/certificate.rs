//! An authority, and a certificate for 127.0.0.1 that it signed.

use std::fs;
use std::path::Path;

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

/// Writes `ca.pem`, `certificate.pem` and `key.pem`.
pub(crate) fn write(dir: &Path, authority: &str) {
    let (ca_key, key) = (key(), key());
    let ca = signed(authority, &ca_key, None);
    let certificate = signed("collector", &key, Some((&ca, &ca_key)));
    fs::write(dir.join("ca.pem"), ca.to_pem().expect("PEM")).expect("written");
    fs::write(dir.join("certificate.pem"), certificate.to_pem().expect("PEM")).expect("written");
    fs::write(dir.join("key.pem"), key.private_key_to_pem_pkcs8().expect("PEM")).expect("written");
}

fn key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("a curve");
    PKey::from_ec_key(EcKey::generate(&group).expect("a key")).expect("a key")
}

fn signed(name: &str, key: &PKey<Private>, by: Option<(&X509, &PKey<Private>)>) -> X509 {
    let mut subject = X509NameBuilder::new().expect("a name");
    subject.append_entry_by_nid(Nid::COMMONNAME, name).expect("a name");
    let subject = subject.build();
    let mut builder = X509Builder::new().expect("a certificate");
    builder.set_version(2).expect("a version");
    let mut serial = BigNum::new().expect("a number");
    serial.rand(64, MsbOption::MAYBE_ZERO, false).expect("a number");
    builder.set_serial_number(&serial.to_asn1_integer().expect("a number")).expect("set");
    builder.set_subject_name(&subject).expect("a subject");
    builder.set_issuer_name(by.map_or(&*subject, |(ca, _)| ca.subject_name())).expect("an issuer");
    builder.set_pubkey(key).expect("a key");
    builder.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("a time");
    builder.set_not_after(&Asn1Time::days_from_now(1).expect("a time")).expect("a time");
    let extension = match by {
        None => BasicConstraints::new().critical().ca().build(),
        Some(_) => SubjectAlternativeName::new().ip("127.0.0.1").build(&builder.x509v3_context(None, None)),
    };
    builder.append_extension(extension.expect("an extension")).expect("an extension");
    builder.sign(by.map_or(key, |(_, ca_key)| ca_key), MessageDigest::sha256()).expect("signed");
    builder.build()
}
