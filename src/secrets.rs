//! Secrets of the configuration: passwords and keys, which stand in no event, no log, no export and no error.
//!
//! A typed secret ([`Typed`]) is sealed ([`Sealed`]) as soon as its line is understood; from then on it is known by its
//! [`SecretId`], which is what a `Setting` and the ledger carry. The ciphertexts lie in a file of their own beside the
//! ledger ([`vault::Vault`]), from which one can be erased. Sealing draws no random octets: the same secret under the
//! same key is the same id and the same ciphertext, so a configuration that is read again changes nothing.
//!
//! How a command gets a secret: its entry of the grammar gives `Action::ConfigureSecret` (see `ios::grammar::secret`)
//! with a `SecretSetting` that says what becomes of the id. How a shell gets it back: [`vault::Vault::reveal`], at the
//! moment when it is used; a [`Plain`] is never kept, stored or printed.

pub mod password;
pub mod sealed;
pub mod vault;

use std::fmt;

use capledger_schema::id::SecretId;

pub use sealed::{Key, Sealed};
pub use vault::Vault;

/// Octets of a secret at most.
pub const LONGEST: usize = 256;

/// A secret in clear. It prints as `******`.
#[derive(Clone, PartialEq, Eq)]
pub struct Plain(String);

impl Plain {
    /// A secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Plain(secret.into())
    }

    /// In clear: for the server that asks for it, and for nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("******")
    }
}

/// A secret as it stands in a configuration line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// `0 WORD`: in clear.
    Clear(Plain),
    /// `6 TEXT`: as [`Sealed`] prints itself, or the id of a secret that is known here.
    Sealed(String),
    /// `WORD`: in clear, unless it begins with the number of a type that only other controllers know.
    Untold(Plain),
}

impl Typed {
    /// As it was typed: for whoever takes it out of the line.
    pub fn typed(&self) -> &str {
        match self {
            Typed::Clear(plain) | Typed::Untold(plain) => plain.expose(),
            Typed::Sealed(text) => text,
        }
    }
}

/// Why a secret could not be sealed, kept or revealed. It repeats nothing of the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Not the text of a sealed secret.
    #[error("this is no secret of type 6; give the secret in clear, as type 0")]
    NotSealed,
    /// It does not open.
    #[error("the secret {0:016x} was sealed with another key than this controller's; give it in clear, as type 0", id.0)]
    OtherKey {
        /// What it says that it is.
        id: SecretId,
    },
    /// Its ciphertext is not here.
    #[error("the secret {0:016x} is not among this controller's; set it again, in clear, as type 0", id.0)]
    Unknown {
        /// Which.
        id: SecretId,
    },
    /// A type that is not known here.
    #[error("secrets of type {0} are not read here; give the secret in clear, as type 0")]
    Type(String),
    /// Empty, too long, or with control characters.
    #[error("a secret has 1 to {LONGEST} octets and no control characters")]
    Form,
    /// What is being read has no key at hand.
    #[error("secrets cannot be set here")]
    NoKey,
    /// OpenSSL refused; it never does for sound keys.
    #[error("OpenSSL: {0}")]
    Crypto(#[from] openssl::error::ErrorStack),
    /// A file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is not what it should be.
    #[error("{}: line {line} is no sealed secret; remove the line, and set the secret again", path.display())]
    Damaged {
        /// Which.
        path: std::path::PathBuf,
        /// From 1.
        line: usize,
    },
    /// A key file that is not one.
    #[error("{}: not a key of 64 hexadecimal digits; remove it to have a new one made, then set every secret again", path.display())]
    BadKey {
        /// Which.
        path: std::path::PathBuf,
    },
    /// A file that others can read.
    #[error("{}: mode {mode:04o} opens it to others; run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// Which.
        path: std::path::PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// What a surface needs of the secrets: to seal one that was typed, and to print one that was sealed.
pub trait Secrets: fmt::Debug {
    /// Seals a typed secret. Nothing is stored.
    fn seal(&self, typed: &Typed) -> Result<Sealed, SecretError>;

    /// A secret's ciphertext, to print.
    fn sealed(&self, id: SecretId) -> Option<Sealed>;

    /// The salt for the password of one account, which is the same whenever it is asked for.
    fn salt(&self, whose: &str) -> Result<[u8; password::SALT], SecretError> {
        let mut salt = [0; password::SALT];
        for (n, half) in salt.chunks_exact_mut(8).enumerate() {
            // A sealed secret's id is an authenticator of its text under the controller's key.
            let sealed = self.seal(&Typed::Clear(Plain::new(format!("salt {n} of {whose}"))))?;
            half.copy_from_slice(&sealed.id().0.to_be_bytes());
        }
        Ok(salt)
    }

    /// What follows `6` in a configuration line: with the ciphertext where there is one, else the id alone.
    fn text(&self, id: SecretId) -> String {
        self.sealed(id).map_or_else(|| format!("{:016x}", id.0), |sealed| sealed.to_string())
    }
}

/// Where there are no secrets: a replay of a foreign ledger, and configurations that hold none.
#[derive(Clone, Copy, Debug)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn seal(&self, _: &Typed) -> Result<Sealed, SecretError> {
        Err(SecretError::NoKey)
    }

    fn sealed(&self, _: SecretId) -> Option<Sealed> {
        None
    }
}
