//! The cipher suites of RFC 5415 section 2.4.4, which an operator may turn on beside the modern ones.
//!
//! Old access points know nothing else: RSA key exchange or DHE with AES-CBC and SHA-1, or a pre-shared key. Nothing
//! here encrypts; the names are for the configuration and for whoever sets OpenSSL up.

/// What both ends prove who they are by, and how they agree on keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyExchange {
    /// An RSA certificate; who records a session and gets its key later reads it.
    Rsa,
    /// An RSA certificate, with forward secrecy.
    DheRsa,
    /// A pre-shared key.
    Psk,
    /// A pre-shared key, with forward secrecy.
    DhePsk,
}

/// A suite that is off until an operator turns it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// OpenSSL's name, by which the configuration knows it.
    pub name: &'static str,
    /// RFC 5415's name.
    pub rfc: &'static str,
    /// How keys are agreed on.
    pub key_exchange: KeyExchange,
}

impl Suite {
    /// Whether it takes a pre-shared key and no certificate.
    pub const fn is_psk(&self) -> bool {
        matches!(self.key_exchange, KeyExchange::Psk | KeyExchange::DhePsk)
    }
}

const fn suite(name: &'static str, rfc: &'static str, key_exchange: KeyExchange) -> Suite {
    Suite { name, rfc, key_exchange }
}

/// Every suite that can be turned on, the better ones first: forward secrecy, then the longer key.
pub const SUITES: &[Suite] = &[
    suite("DHE-RSA-AES256-SHA", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", KeyExchange::DheRsa),
    suite("DHE-RSA-AES128-SHA", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", KeyExchange::DheRsa),
    suite("AES256-SHA", "TLS_RSA_WITH_AES_256_CBC_SHA", KeyExchange::Rsa),
    suite("AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", KeyExchange::Rsa),
    suite("DHE-PSK-AES256-CBC-SHA", "TLS_DHE_PSK_WITH_AES_256_CBC_SHA", KeyExchange::DhePsk),
    suite("DHE-PSK-AES128-CBC-SHA", "TLS_DHE_PSK_WITH_AES_128_CBC_SHA", KeyExchange::DhePsk),
    suite("PSK-AES256-CBC-SHA", "TLS_PSK_WITH_AES_256_CBC_SHA", KeyExchange::Psk),
    suite("PSK-AES128-CBC-SHA", "TLS_PSK_WITH_AES_128_CBC_SHA", KeyExchange::Psk),
];

/// The suite of this name, in any letter case.
pub fn by_name(name: &str) -> Option<&'static Suite> {
    SUITES.iter().find(|suite| suite.name.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_of_the_rfc_is_known_by_openssls_name() {
        assert_eq!(SUITES.len(), 8, "section 2.4.4 has four with certificates and four with pre-shared keys");
        for suite in SUITES {
            assert_eq!(by_name(&suite.name.to_lowercase()), Some(suite));
            assert_eq!(suite.rfc.contains("_PSK_"), suite.is_psk(), "{suite:?}");
            assert_eq!(suite.rfc.contains("_DHE_"), suite.name.starts_with("DHE-"), "{suite:?}");
        }
        assert_eq!(by_name("RC4-SHA"), None);
    }
}
