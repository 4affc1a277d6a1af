//! How simulated access points differ from the RFC's: what they speak, what they leave out, and what is wrong with them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::capwap::dialect::Dialect;
use crate::capwap::suite::{SUITES, Suite};
use crate::net::dtls::{DtlsConfig, Version};
use crate::wtp::{Knobs, Quirk};

/// What the access points speak, and their oddities.
#[derive(Debug, Args)]
#[command(next_help_heading = "Old and odd access points")]
pub(super) struct HabitArgs {
    /// What they speak: RFC 5415, or the dialect of older Cisco access points
    #[arg(long, value_enum, default_value_t = DialectArg::Rfc)]
    dialect: DialectArg,
    /// The version of DTLS: 1.2 with today's cipher suites, or 1.0 with the suites of RFC 5415 and an RSA certificate
    #[arg(long, value_enum, default_value_t = DtlsArg::Modern, value_name = "VERSION")]
    dtls: DtlsArg,
    /// Prove who they are by this pre-shared key and show no certificate
    #[arg(long, value_name = "IDENTITY:HEX", value_parser = preshared_key)]
    psk: Option<(String, Vec<u8>)>,
    /// What they do otherwise than RFC 5415 has it; may be given several times
    #[arg(long, value_enum, value_name = "QUIRK")]
    quirk: Vec<QuirkArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DialectArg {
    Rfc,
    Cisco,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DtlsArg {
    #[value(name = "1.0")]
    Old,
    #[value(name = "1.2")]
    Modern,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum QuirkArg {
    /// They send no Echo Request
    NoEcho,
    /// Their Image Data Request lacks Initiate Download
    NoInitiate,
    /// They ask for their image by their platform's name or path, whatever the controller named
    BareName,
    /// They send nothing on the data channel
    NoDataChannel,
    /// Their flash has no room for an image
    FullFlash,
    /// They show another certificate at every handshake, meant for a controller
    WrongCert,
}

impl HabitArgs {
    /// Adds what was asked for to the knobs.
    pub(super) fn turn(&self, knobs: &mut Knobs) {
        knobs.speaks = match self.dialect {
            DialectArg::Rfc => Dialect::Rfc,
            DialectArg::Cisco => Dialect::Cisco,
        };
        let mut quirks = BTreeSet::new();
        for quirk in &self.quirk {
            quirks.insert(match quirk {
                QuirkArg::NoEcho => Quirk::NoEcho,
                QuirkArg::NoInitiate => Quirk::NoInitiate,
                QuirkArg::BareName => Quirk::BareName,
                QuirkArg::NoDataChannel => Quirk::NoDataChannel,
                QuirkArg::WrongCert => Quirk::WrongCertificate,
                QuirkArg::FullFlash => {
                    knobs.flash_full = true;
                    continue;
                }
            });
        }
        knobs.quirks = quirks;
    }

    /// Whether their certificates have RSA keys.
    pub(super) fn rsa(&self) -> bool {
        self.dtls == DtlsArg::Old && self.psk.is_none()
    }

    /// DTLS as they speak it.
    pub(super) fn dtls(&self, authority: Option<PathBuf>) -> DtlsConfig {
        let base = DtlsConfig { authority, ..DtlsConfig::default() };
        let version = match self.dtls {
            DtlsArg::Old => Version::Dtls1_0,
            DtlsArg::Modern => Version::Dtls1_2,
        };
        let suites: Vec<&Suite> = match (self.dtls, &self.psk) {
            (DtlsArg::Modern, None) => return base,
            (_, psk) => SUITES.iter().filter(|suite| suite.is_psk() == psk.is_some()).collect(),
        };
        let mut dtls = base.with_old(version..=version, &suites);
        dtls.ciphers = suites.iter().map(|suite| suite.name).collect::<Vec<_>>().join(":");
        dtls.psk = self.psk.iter().cloned().collect();
        dtls
    }
}

/// `IDENTITY:HEX`: the key is what stands behind the last colon.
fn preshared_key(text: &str) -> Result<(String, Vec<u8>), String> {
    let usage = || "give IDENTITY:HEX, like ap-42:00112233445566778899aabbccddeeff".to_owned();
    let (identity, hex) = text.rsplit_once(':').filter(|(identity, _)| !identity.is_empty()).ok_or_else(usage)?;
    if hex.is_empty() || hex.len() % 2 != 0 || hex.len() > 128 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(usage());
    }
    let octet = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).map_err(|_| usage());
    let key: Result<Vec<u8>, String> = (0..hex.len()).step_by(2).map(octet).collect();
    Ok((identity.to_owned(), key?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pre_shared_key_is_hexadecimal_behind_the_last_colon() {
        assert_eq!(preshared_key("site:ap-1:00ff"), Ok(("site:ap-1".to_owned(), vec![0, 255])));
        for bad in ["ap-1", ":00ff", "ap-1:", "ap-1:0", "ap-1:zz", "ap-1:+1", "ap-1:é0"] {
            assert!(preshared_key(bad).is_err(), "{bad}");
        }
    }
}
