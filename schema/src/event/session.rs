//! What the description of a session is made of: the DTLS that its handshake agreed on, and a WTP's words on itself.
//!
//! A cipher suite is kept as its number. Its name, of the registry of TLS parameters (RFC 5246 appendix A.5, RFC 5289,
//! RFC 4279), is for views.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::SessionId;

/// What is known of a session beside who and what joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionDescription {
    /// Which: that of the `WtpJoined` before it.
    pub session: SessionId,
    /// What the handshake agreed on; none where nothing was encrypted.
    pub dtls: Option<DtlsSession>,
    /// The common name of the certificate that the WTP showed.
    pub common_name: Option<String>,
    /// The identity that its pre-shared key proved.
    pub psk_identity: Option<String>,
    /// WTP Descriptor: hardware version (RFC 5415 4.6.40).
    pub hardware: Option<String>,
    /// WTP Descriptor: boot version.
    pub boot: Option<String>,
    /// WTP Descriptor: active software version, where its words are not the inventory's four numbers.
    pub software: Option<String>,
    /// WTP Descriptor: other (backup) software version, where its words are not the inventory's four numbers.
    pub other: Option<String>,
}

/// What a DTLS handshake agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct DtlsSession {
    /// The version.
    pub version: DtlsVersion,
    /// The cipher suite.
    pub suite: CipherSuite,
}

/// A version of DTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DtlsVersion {
    /// RFC 4347
    V1_0,
    /// RFC 6347
    V1_2,
}

impl fmt::Display for DtlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DtlsVersion::V1_0 => "DTLSv1.0",
            DtlsVersion::V1_2 => "DTLSv1.2",
        })
    }
}

/// A cipher suite by its registered number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CipherSuite(pub u16);

/// Every suite that a controller can be made to accept, by number.
const NAMES: &[(u16, &str)] = &[
    (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    (0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    (0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x008c, "TLS_PSK_WITH_AES_128_CBC_SHA"),
    (0x008d, "TLS_PSK_WITH_AES_256_CBC_SHA"),
    (0x0090, "TLS_DHE_PSK_WITH_AES_128_CBC_SHA"),
    (0x0091, "TLS_DHE_PSK_WITH_AES_256_CBC_SHA"),
    (0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
];

impl CipherSuite {
    /// Its registered name; none if this controller would not have accepted it.
    pub fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(number, _)| *number == self.0).map(|(_, name)| *name)
    }
}

impl fmt::Display for CipherSuite {
    /// Its name, else its number as `0x1301`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#06x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_named_or_else_numbered() {
        assert_eq!(CipherSuite(0xc02b).to_string(), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
        assert_eq!(CipherSuite(0x002f).to_string(), "TLS_RSA_WITH_AES_128_CBC_SHA");
        assert_eq!(CipherSuite(0x000a).to_string(), "0x000a");
    }

    #[test]
    fn the_table_of_suites_is_in_the_order_of_their_numbers() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }
}
