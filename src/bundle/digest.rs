//! The digest that a vendor publishes beside a download, and whether a file has it.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use super::BundleError;

/// A digest in hexadecimal; its length says which: MD5 32 digits, SHA-256 64, SHA-512 128.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownDigest {
    algorithm: Algorithm,
    hex: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha256,
    Sha512,
}

/// What is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a digest; give the 32 (MD5), 64 (SHA-256) or 128 (SHA-512) hexadecimal digits that the vendor publishes")]
pub struct BadDigest;

impl FromStr for KnownDigest {
    type Err = BadDigest;
    fn from_str(s: &str) -> Result<Self, BadDigest> {
        let algorithm = match s.len() {
            32 => Algorithm::Md5,
            64 => Algorithm::Sha256,
            128 => Algorithm::Sha512,
            _ => return Err(BadDigest),
        };
        if !s.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(BadDigest);
        }
        Ok(KnownDigest { algorithm, hex: s.to_ascii_lowercase() })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl Algorithm {
    fn words(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512 => "SHA-512",
        }
    }
}

impl KnownDigest {
    /// Reads the whole file and compares.
    ///
    /// # Errors
    /// [`BundleError::WrongDigest`], or what the file system says.
    pub fn verify(&self, path: &Path) -> Result<(), BundleError> {
        let mut file = File::open(path).map_err(BundleError::io(path))?;
        let found = match self.algorithm {
            Algorithm::Md5 => hex(&mut file, md5::Md5::default()),
            Algorithm::Sha256 => hex(&mut file, sha2::Sha256::default()),
            Algorithm::Sha512 => hex(&mut file, sha2::Sha512::default()),
        };
        let found = found.map_err(BundleError::io(path))?;
        if found == self.hex {
            return Ok(());
        }
        let algorithm = self.algorithm.words();
        Err(BundleError::WrongDigest { path: path.to_owned(), algorithm, found, wanted: self.hex.clone() })
    }
}

fn hex<D: sha2::Digest>(content: &mut impl Read, mut digest: D) -> std::io::Result<String> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match content.read(&mut buffer)? {
            0 => break,
            len => digest.update(&buffer[..len]),
        }
    }
    let mut text = String::new();
    for octet in digest.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_says_which_digest_it_is() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("abc");
        std::fs::write(&path, b"abc").expect("a file");
        // RFC 1321 A.5, FIPS 180-4 B.1 and C.1.
        for digest in [
            "900150983cd24fb0d6963f7d28e17f72",
            "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ] {
            let known: KnownDigest = digest.parse().expect("a digest");
            known.verify(&path).expect("the same");
        }
        let other: KnownDigest = "900150983cd24fb0d6963f7d28e17f73".parse().expect("a digest");
        let e = other.verify(&path).expect_err("another");
        assert!(e.to_string().contains("its MD5 is 900150983cd24fb0d6963f7d28e17f72, not 9001"), "{e}");
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for bad in ["", "90", &"g".repeat(32), &"a".repeat(65)] {
            assert_eq!(bad.parse::<KnownDigest>(), Err(BadDigest), "{bad}");
        }
    }
}
