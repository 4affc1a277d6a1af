//! What the ledger knows of an image: its family, its version and its digests.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::id::{Md5, Sha256};

/// A software version: exactly four dotted numbers, as `show ap image` and its parsers need it (`17.9.4.27`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ImageVersion(pub [u32; 4]);

impl fmt::Display for ImageVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        f.pad(&format!("{a}.{b}.{c}.{d}"))
    }
}

impl fmt::Debug for ImageVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A version that is not four dotted numbers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a software version; write four dotted numbers, like 17.9.4.27")]
pub struct BadVersion(pub String);

impl FromStr for ImageVersion {
    type Err = BadVersion;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = || BadVersion(s.chars().take(60).collect());
        let mut out = [0u32; 4];
        let mut parts = s.split('.');
        for n in &mut out {
            let part = parts.next().ok_or_else(bad)?;
            if part.is_empty() || part.len() > 10 || !part.bytes().all(|b| b.is_ascii_digit()) {
                return Err(bad());
            }
            *n = part.parse().map_err(|_| bad())?;
        }
        if parts.next().is_some() { Err(bad()) } else { Ok(ImageVersion(out)) }
    }
}

impl Serialize for ImageVersion {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() { s.collect_str(self) } else { self.0.serialize(s) }
    }
}

impl<'de> Deserialize<'de> for ImageVersion {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?.parse().map_err(de::Error::custom)
        } else {
            <[u32; 4]>::deserialize(d).map(ImageVersion)
        }
    }
}

impl JsonSchema for ImageVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ImageVersion".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^[0-9]{1,10}(\\.[0-9]{1,10}){3}$"})
    }
}

/// The name of an image type, shared by the models that run it: `ap1g8`. It is a file name, so it holds letters,
/// digits, `-` and `_` only, at most 32.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct ImageFamily(String);

impl ImageFamily {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ImageFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A family name that could not be a file name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an image family; use letters, digits, `-` and `_`, at most 32, like ap1g8")]
pub struct BadFamily(pub String);

impl FromStr for ImageFamily {
    type Err = BadFamily;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let fits =
            !s.is_empty() && s.len() <= 32 && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if fits { Ok(ImageFamily(s.to_owned())) } else { Err(BadFamily(s.chars().take(60).collect())) }
    }
}

impl<'de> Deserialize<'de> for ImageFamily {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

/// An image that was checked whole: what it is and how to tell it from every other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageFacts {
    /// As its `info.ver` says.
    pub family: ImageFamily,
    /// As its `info.ver` says.
    pub version: ImageVersion,
    /// Length of the file.
    pub octets: u64,
    /// Of the whole file; the key in the catalogue.
    pub sha256: Sha256,
    /// Of the whole file; for RFC 5415's Image Information.
    pub md5: Md5,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_exactly_four_dotted_numbers() {
        assert_eq!("17.9.4.27".parse::<ImageVersion>().expect("version").to_string(), "17.9.4.27");
        for bad in ["17.9.4", "17.9.4.27.1", "17.9..27", "17.9.4.x", "", "17.9.4.-1", "17.9.4.+1", "17.9.4.9999999999"]
        {
            assert!(bad.parse::<ImageVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_compare_by_number_and_not_by_letter() {
        let v = |s: &str| s.parse::<ImageVersion>().expect("version");
        assert!(v("17.12.1.5") > v("17.9.4.27"));
    }

    #[test]
    fn a_family_is_a_safe_file_name() {
        assert!("ap1g6a".parse::<ImageFamily>().is_ok());
        for bad in ["", "../x", "a/b", "ap 1", ".", &"a".repeat(33)] {
            assert!(bad.parse::<ImageFamily>().is_err(), "{bad}");
        }
    }
}
