//! Passwords of operators: only their Argon2id hashes (RFC 9106) are kept, and those as secrets.
//!
//! The salt comes from the controller's key and the account's name, not from chance, so that a configuration that is
//! read again changes nothing; two accounts, and two controllers, never share one.

use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params};

use super::{Plain, SecretError};

/// Octets of a salt.
pub const SALT: usize = 16;

/// KiB of memory that checking one password may take: a hash that was made elsewhere can ask for gigabytes.
const MEMORY_LIMIT: u32 = 64 << 10;

/// Passes that checking one password may take.
const TIME_LIMIT: u32 = 16;

/// The hash of a password, as a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`. Takes tens of milliseconds.
pub fn hash(password: &Plain, salt: [u8; SALT]) -> Result<Plain, SecretError> {
    let fits = !password.expose().is_empty() && password.expose().len() <= super::LONGEST;
    if !fits || password.expose().chars().any(char::is_control) {
        return Err(SecretError::Form);
    }
    let hash = Argon2::default().hash_password_with_salt(password.expose().as_bytes(), &salt);
    // Lengths and parameters are our own.
    hash.map(|hash| Plain::new(hash.to_string())).map_err(|_| SecretError::Form)
}

/// Whether it is a hash that [`verify`] can check within its limits.
pub fn is_hash(text: &Plain) -> bool {
    parse(text).is_some()
}

/// Whether a password is the one of a hash. Takes as long for a wrong one as for the right one, and no time at all for
/// what is no hash.
pub fn verify(password: &str, hash: &Plain) -> bool {
    parse(hash).is_some_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// A hash that no password has: so that an account that is not there takes as long to refuse as one that is.
pub fn nobodys() -> Plain {
    Plain::new(NOBODYS)
}

const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn parse(text: &Plain) -> Option<PasswordHash> {
    let hash = PasswordHash::new(text.expose()).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let fits = params.m_cost() <= MEMORY_LIMIT && params.t_cost() <= TIME_LIMIT && params.p_cost() <= 4;
    (hash.algorithm.as_str() == "argon2id" && hash.hash.is_some() && fits).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash_and_another_is_not() {
        let hashed = hash(&Plain::new("open sesame"), [7; SALT]).expect("a hash");
        assert!(hashed.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(is_hash(&hashed));
        assert!(verify("open sesame", &hashed));
        assert!(!verify("open sesam", &hashed));
        assert!(!verify("", &hashed));
    }

    #[test]
    fn the_same_password_under_another_salt_is_another_hash() {
        let with = |salt| hash(&Plain::new("x"), [salt; SALT]).expect("a hash");
        assert_eq!(with(1).expose(), with(1).expose());
        assert_ne!(with(1).expose(), with(2).expose());
    }

    #[test]
    fn nobody_s_hash_is_one_and_takes_no_password() {
        assert!(is_hash(&nobodys()));
        assert!(!verify("nobody", &nobodys()));
    }

    #[test]
    fn what_is_no_hash_or_asks_for_too_much_memory_is_refused() {
        for text in ["", "open sesame", "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA", "$1$abc$def"] {
            assert!(!is_hash(&Plain::new(text)), "{text}");
            assert!(!verify("open sesame", &Plain::new(text)));
        }
        assert!(!is_hash(&Plain::new(NOBODYS.replace("m=19456", "m=4000000"))));
        assert!(!is_hash(&Plain::new(NOBODYS.replace("t=2", "t=100000"))));
        assert!(!is_hash(&Plain::new(NOBODYS.replace("argon2id", "argon2i"))));
    }

    #[test]
    fn a_password_that_cannot_be_typed_is_refused() {
        for text in ["", "a\u{7}b", &"x".repeat(300)] {
            assert!(hash(&Plain::new(text), [1; SALT]).is_err());
        }
    }
}
