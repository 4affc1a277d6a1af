//! Sealing: AES-256-GCM with a nonce that comes from the secret itself (as in RFC 5297, by HMAC-SHA256). Pure.
//!
//! Two different secrets share a nonce with a chance of 2^-96, and equal ones share everything, which is meant. The id
//! is 8 octets of the same HMAC; without the key it tells nothing of the secret.

use std::fmt;
use std::str::FromStr;

use capledger_schema::id::SecretId;
use openssl::base64::{decode_block, encode_block};
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};

use super::{LONGEST, Plain, SecretError};

const NONCE: usize = 12;
const TAG: usize = 16;

/// A secret that only the holder of the key can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    id: SecretId,
    /// Nonce, ciphertext, tag.
    octets: Vec<u8>,
}

impl Sealed {
    /// What the ledger knows it by.
    pub fn id(&self) -> SecretId {
        self.id
    }
}

impl fmt::Display for Sealed {
    /// `ID.CIPHERTEXT`: what follows `6` in a configuration line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}.{}", self.id.0, encode_block(&self.octets))
    }
}

impl FromStr for Sealed {
    type Err = SecretError;

    fn from_str(s: &str) -> Result<Self, SecretError> {
        let (id, octets) = s.split_once('.').ok_or(SecretError::NotSealed)?;
        let id = parse_id(id).ok_or(SecretError::NotSealed)?;
        let octets = decode_block(octets).map_err(|_| SecretError::NotSealed)?;
        if !(NONCE + TAG + 1..=NONCE + TAG + LONGEST).contains(&octets.len()) {
            return Err(SecretError::NotSealed);
        }
        let sealed = Sealed { id, octets };
        // One form only: what reads back prints the same.
        if sealed.to_string() == s { Ok(sealed) } else { Err(SecretError::NotSealed) }
    }
}

/// An id as it is printed: 16 hexadecimal digits.
pub(super) fn parse_id(text: &str) -> Option<SecretId> {
    let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
    digits.then(|| u64::from_str_radix(text, 16).ok().map(SecretId)).flatten()
}

/// What secrets are sealed with.
#[derive(Clone)]
pub struct Key {
    naming: [u8; 32],
    sealing: [u8; 32],
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(******)")
    }
}

impl Key {
    /// The key that these octets make.
    pub fn new(master: &[u8; 32]) -> Result<Self, SecretError> {
        Ok(Key { naming: hmac(master, b"capledger: name of a secret")?, sealing: hmac(master, b"capledger: seal")? })
    }

    /// Seals a secret.
    ///
    /// # Errors
    /// [`SecretError::Form`] for text that is no secret.
    pub fn seal(&self, secret: &Plain) -> Result<Sealed, SecretError> {
        let secret = secret.expose();
        if secret.is_empty() || secret.len() > LONGEST || secret.chars().any(char::is_control) {
            return Err(SecretError::Form);
        }
        let (id, nonce) = self.name(secret)?;
        let mut tag = [0; TAG];
        let cipher = Cipher::aes_256_gcm();
        let sealed =
            encrypt_aead(cipher, &self.sealing, Some(&nonce), &id.0.to_be_bytes(), secret.as_bytes(), &mut tag)?;
        Ok(Sealed { id, octets: [&nonce[..], &sealed, &tag].concat() })
    }

    /// Opens a sealed secret.
    ///
    /// # Errors
    /// [`SecretError::OtherKey`] if it was not sealed with this key, or was changed since.
    pub fn open(&self, sealed: &Sealed) -> Result<Plain, SecretError> {
        let other = || SecretError::OtherKey { id: sealed.id };
        let (nonce, rest) = sealed.octets.split_at_checked(NONCE).ok_or_else(other)?;
        let (octets, tag) = rest.split_at_checked(rest.len().saturating_sub(TAG)).ok_or_else(other)?;
        let cipher = Cipher::aes_256_gcm();
        let opened = decrypt_aead(cipher, &self.sealing, Some(nonce), &sealed.id.0.to_be_bytes(), octets, tag);
        let secret = opened.ok().and_then(|octets| String::from_utf8(octets).ok()).ok_or_else(other)?;
        let (id, expected) = self.name(&secret)?;
        if id == sealed.id && memcmp::eq(&expected, nonce) { Ok(Plain::new(secret)) } else { Err(other()) }
    }

    /// A secret's id and nonce.
    fn name(&self, secret: &str) -> Result<(SecretId, [u8; NONCE]), SecretError> {
        let mac = hmac(&self.naming, secret.as_bytes())?;
        let (id, rest) = mac.split_first_chunk::<8>().expect("32 octets hold 8");
        let nonce = rest.first_chunk::<NONCE>().expect("24 octets hold 12");
        Ok((SecretId(u64::from_be_bytes(*id)), *nonce))
    }
}

fn hmac(key: &[u8; 32], octets: &[u8]) -> Result<[u8; 32], SecretError> {
    let key = PKey::hmac(key)?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    let mut mac = [0; 32];
    signer.update(octets)?;
    signer.sign(&mut mac)?;
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(octet: u8) -> Key {
        Key::new(&[octet; 32]).expect("a key")
    }

    proptest! {
        #[test]
        fn a_secret_comes_back_from_its_text_and_the_same_secret_is_the_same_text(secret in "[^\\p{Cc}]{1,64}") {
            let plain = Plain::new(secret.clone());
            let sealed = key(1).seal(&plain).expect("sealed");
            let read: Sealed = sealed.to_string().parse().expect("its own text");
            prop_assert_eq!(&read, &sealed);
            prop_assert_eq!(key(1).open(&read).expect("opened"), plain.clone());
            prop_assert_eq!(key(1).seal(&plain).expect("sealed").to_string(), sealed.to_string());
            prop_assert!(secret.len() < 4 || !sealed.to_string().contains(&secret));
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "[0-9a-f]{0,17}\\.?[A-Za-z0-9+/=]{0,60}") {
            let _ = text.parse::<Sealed>();
        }
    }

    #[test]
    fn another_key_opens_nothing_and_gives_other_ids() {
        let plain = Plain::new("SECRETWORD");
        let sealed = key(1).seal(&plain).expect("sealed");
        assert!(matches!(key(2).open(&sealed), Err(SecretError::OtherKey { id }) if id == sealed.id()));
        assert_ne!(key(2).seal(&plain).expect("sealed").id(), sealed.id());
    }

    #[test]
    fn every_flipped_octet_is_noticed() {
        let sealed = key(1).seal(&Plain::new("SECRETWORD")).expect("sealed");
        for at in 0..sealed.octets.len() {
            let mut damaged = sealed.clone();
            damaged.octets[at] ^= 1;
            assert!(key(1).open(&damaged).is_err(), "octet {at}");
        }
        assert!(key(1).open(&Sealed { id: SecretId(sealed.id.0 ^ 1), ..sealed }).is_err());
    }

    #[test]
    fn what_cannot_be_typed_is_no_secret() {
        for text in ["", "a\nb", &"x".repeat(LONGEST + 1)] {
            assert!(matches!(key(1).seal(&Plain::new(text)), Err(SecretError::Form)), "{text}");
        }
    }
}
