//! Identifiers and digests: one type each, so that none can stand where another is meant.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// The place of an event in the ledger: 1 for the first, without gaps.
    Seq
);
number!(
    /// One DTLS session of one WTP, from its Join to its end: the sequence number of its `WtpJoined`.
    SessionId
);
number!(
    /// One install add, image download, preflight or transfer of the embedded servers: the sequence number of the event
    /// that began it.
    OperationId
);
number!(
    /// One fleet-wide upgrade: the sequence number of its `CampaignStarted`.
    CampaignId
);
number!(
    /// A controller, drawn once when its ledger is made.
    ControllerId
);
number!(
    /// One import of foreign records.
    ImportId
);
number!(
    /// A secret of the configuration. The secret itself lies beside the ledger and never in it.
    SecretId
);

impl Seq {
    /// The sequence number after this one.
    #[must_use]
    pub fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

macro_rules! octets {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = BadHex;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                let bad = || BadHex { expected: $len, got: s.chars().take(80).collect() };
                if s.len() != 2 * $len || !s.is_ascii() {
                    return Err(bad());
                }
                let mut out = [0; $len];
                for (i, b) in out.iter_mut().enumerate() {
                    *b = u8::from_str_radix(&s[2 * i..2 * i + 2], 16).map_err(|_| bad())?;
                }
                Ok($name(out))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.collect_str(self) } else { self.0.serialize(s) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    String::deserialize(d)?.parse().map_err(de::Error::custom)
                } else {
                    <[u8; $len]>::deserialize(d).map($name)
                }
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": format!("^[0-9a-f]{{{}}}$", 2 * $len)})
            }
        }
    };
}

/// Hexadecimal digits that are not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{got}` is not {expected} octets in hexadecimal")]
pub struct BadHex {
    /// How many octets were expected.
    pub expected: usize,
    /// What was given, cut at 80 characters.
    pub got: String,
}

octets!(
    /// A SHA-256 digest: of an image, or of a certificate in DER.
    Sha256, 32
);
octets!(
    /// An MD5 digest, as RFC 5415's Image Information (4.6.28) carries it.
    Md5, 16
);

/// An IEEE 802 address. Printed as IOS prints it: `2c5a.0f40.6920`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MacAddr(pub [u8; 6]);

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}{b:02x}.{c:02x}{d:02x}.{e:02x}{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An address that is not twelve hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a MAC address; write it as 2c5a.0f40.6920 or 2c:5a:0f:40:69:20")]
pub struct BadMac(pub String);

impl FromStr for MacAddr {
    type Err = BadMac;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = || BadMac(s.chars().take(40).collect());
        let mut digits = s.chars().filter(|c| !matches!(c, '.' | ':' | '-'));
        let mut out = [0u8; 6];
        for b in &mut out {
            let mut digit = || digits.next().and_then(|c| c.to_digit(16)).ok_or_else(bad);
            *b = u8::try_from(digit()? << 4 | digit()?).map_err(|_| bad())?;
        }
        if digits.next().is_some() { Err(bad()) } else { Ok(MacAddr(out)) }
    }
}

impl Serialize for MacAddr {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { self.0.serialize(s) }
    }
}

impl<'de> Deserialize<'de> for MacAddr {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(de::Error::custom)
        } else {
            <[u8; 6]>::deserialize(d).map(MacAddr)
        }
    }
}

impl JsonSchema for MacAddr {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MacAddr".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9a-f]{4}\\.[0-9a-f]{4}\\.[0-9a-f]{4}$"})
    }
}

/// Who a WTP is, across sessions: its Base MAC, else its certificate's CN, else its PSK identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WtpId {
    /// Base MAC of the WTP Board Data (RFC 5415 4.6.40, sub-element 4).
    BaseMac(MacAddr),
    /// Common name of the certificate that the WTP showed.
    CommonName(String),
    /// Identity of the pre-shared key that it used.
    PskIdentity(String),
}

impl fmt::Display for WtpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WtpId::BaseMac(mac) => mac.fmt(f),
            WtpId::CommonName(name) | WtpId::PskIdentity(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_reads_in_every_usual_form_and_prints_as_ios_does() {
        for form in ["2c5a.0f40.6920", "2C:5A:0F:40:69:20", "2c-5a-0f-40-69-20", "2c5a0f406920"] {
            assert_eq!(form.parse::<MacAddr>().expect(form).to_string(), "2c5a.0f40.6920");
        }
    }

    #[test]
    fn a_mac_address_of_a_wrong_length_is_refused() {
        for form in ["", "2c5a.0f40.692", "2c5a.0f40.69200", "zz5a.0f40.6920"] {
            assert!(form.parse::<MacAddr>().is_err(), "{form}");
        }
    }

    #[test]
    fn a_digest_is_hexadecimal_in_json_and_raw_octets_in_the_ledger() {
        let d = Md5([0xab; 16]);
        assert_eq!(serde_json::to_string(&d).expect("json"), format!("\"{}\"", "ab".repeat(16)));
        assert_eq!(bincode::serialize(&d).expect("bincode"), vec![0xab; 16]);
        assert!("é".repeat(16).parse::<Md5>().is_err());
    }
}
