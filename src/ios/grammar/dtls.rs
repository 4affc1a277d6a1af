//! The part of the table that lets old and odd access points in: versions and suites of DTLS, pre-shared keys, and the
//! families of models and names that the built-in table lacks.

use capledger_schema::setting::{DtlsVersions, Setting};

use super::config::{AP, DTLS, IMAGE, config, set};
use super::secret::{self, CLEAR, SEALED, SECRET};
use super::{Arg, Args, Entry, Token, arg, kw};
use crate::ios::action::{Action, SecretSetting};

const SUITES: &[(&str, &str)] = &[
    ("DHE-RSA-AES256-SHA", "RSA certificates, forward secrecy"),
    ("DHE-RSA-AES128-SHA", "RSA certificates, forward secrecy"),
    ("AES256-SHA", "RSA key exchange"),
    ("AES128-SHA", "RSA key exchange"),
    ("DHE-PSK-AES256-CBC-SHA", "Pre-shared key, forward secrecy"),
    ("DHE-PSK-AES128-CBC-SHA", "Pre-shared key, forward secrecy"),
    ("PSK-AES256-CBC-SHA", "Pre-shared key"),
    ("PSK-AES128-CBC-SHA", "Pre-shared key"),
];

const PSK: Token = kw("psk", "A pre-shared key of access points; it needs an `ap dtls-ciphersuite`");
const IDENTITY: Token = arg(Arg::Word, "The identity that the access point names");
const KEY: Token = kw("key", "The key, in hexadecimal digits");

fn psk(a: &Args) -> SecretSetting {
    SecretSetting::DtlsPsk { identity: a.text(0) }
}

fn no_psk(a: &Args) -> Action {
    set(Setting::DtlsPsk(a.text(0), None))
}

fn versions(word: &str) -> DtlsVersions {
    match word {
        "dtls_1_0" => DtlsVersions::V1_0,
        "all" => DtlsVersions::All,
        _ => DtlsVersions::V1_2,
    }
}

pub(super) static TABLE: &[Entry] = &[
    config(
        &[
            AP,
            kw("dtls-version", "Versions of DTLS that are spoken"),
            arg(
                Arg::Choice(&[
                    ("dtls_1_2", "RFC 6347 (default)"),
                    ("dtls_1_0", "RFC 4347, for access points that know no other; it needs an `ap dtls-ciphersuite`"),
                    ("all", "Both"),
                ]),
                "Version",
            ),
        ],
        |a| set(Setting::DtlsVersions(versions(a.choice(0)))),
        2,
        |_| set(Setting::DtlsVersions(DtlsVersions::default())),
    ),
    config(
        &[
            AP,
            kw("dtls-ciphersuite", "A suite of RFC 5415 2.4.4 to speak beside the modern ones"),
            arg(Arg::Choice(SUITES), "Suite"),
        ],
        |a| set(Setting::DtlsCiphersuite(a.choice(0).to_owned(), true)),
        3,
        |a| set(Setting::DtlsCiphersuite(a.choice(0).to_owned(), false)),
    ),
    config(&[AP, DTLS, PSK, IDENTITY, KEY, CLEAR, SECRET], |a| secret::clear(psk(a), a, 1), 4, no_psk),
    config(&[AP, DTLS, PSK, IDENTITY, KEY, SEALED, SECRET], |a| secret::sealed(psk(a), a, 1), 4, no_psk),
    config(&[AP, DTLS, PSK, IDENTITY, KEY, SECRET], |a| secret::untold(psk(a), a, 1), 4, no_psk),
    config(
        &[
            AP,
            IMAGE,
            kw("map", "The image family of a model that is not known, or known wrong"),
            arg(Arg::Word, "Model, as the access point names it"),
            arg(Arg::Family, "Image family, as ap1g8"),
        ],
        |a| set(Setting::ImageMap(a.text(0), Some(a.family(1)))),
        4,
        |a| set(Setting::ImageMap(a.text(0), None)),
    ),
    config(
        &[
            AP,
            IMAGE,
            kw("alias", "The image family that is meant by a name that access points ask by"),
            arg(Arg::Word, "Name, as /c1130"),
            arg(Arg::Family, "Image family, as ap1g8"),
        ],
        |a| set(Setting::ImageAlias(a.text(0), Some(a.family(1)))),
        4,
        |a| set(Setting::ImageAlias(a.text(0), None)),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capwap::suite;

    #[test]
    fn every_suite_that_can_be_turned_on_is_offered() {
        let offered: Vec<_> = SUITES.iter().map(|(name, _)| *name).collect();
        let known: Vec<_> = suite::SUITES.iter().map(|suite| suite.name).collect();
        assert_eq!(offered, known);
    }
}
