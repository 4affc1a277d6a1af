//! Passwords of operators: only their Argon2id hashes (RFC 9106) are kept, and those as secrets.
//!
//! The salt comes from the controller's key and the account's name, not from chance, so that a configuration that is
//! read again changes nothing; two accounts, and two controllers, never share one.

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::{Plain, SecretError};

/// Octets of a salt.
pub const SALT: usize = 16;

/// KiB of memory that checking one password may take: a hash that was made elsewhere can ask for gigabytes.
const MEMORY_LIMIT: u32 = 64 << 10;

/// The memory of the one password that is hashed at a time. It is kept: given back and taken anew by one thread after
/// another, it would stay with each of them.
static MEMORY: Mutex<Vec<Block>> = Mutex::new(Vec::new());

/// Passes that checking one password may take.
const TIME_LIMIT: u32 = 16;

/// The hash of a password, as a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`. Takes tens of milliseconds.
pub fn hash(password: &Plain, salt: [u8; SALT]) -> Result<Plain, SecretError> {
    let fits = !password.expose().is_empty() && password.expose().len() <= super::LONGEST;
    if !fits || password.expose().chars().any(char::is_control) {
        return Err(SecretError::Form);
    }
    let params = Params::DEFAULT;
    let hash = derive(password.expose(), &salt, Params::DEFAULT_OUTPUT_LEN, &params).and_then(|hash| {
        Some(PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&params).ok()?,
            salt: Some(Salt::new(&salt).ok()?),
            hash: Some(hash),
        })
    });
    // Lengths and parameters are our own.
    hash.map(|hash| Plain::new(hash.to_string())).ok_or(SecretError::Form)
}

/// Whether it is a hash that [`verify`] can check within its limits.
pub fn is_hash(text: &Plain) -> bool {
    parse(text).is_some()
}

/// Whether a password is the one of a hash. Takes as long for a wrong one as for the right one, and no time at all for
/// what is no hash.
pub fn verify(password: &str, hash: &Plain) -> bool {
    let right = parse(hash).and_then(|(hash, params)| {
        let (salt, wanted) = (hash.salt?, hash.hash?);
        // They are compared in a time that tells nothing.
        Some(derive(password, &salt, wanted.len(), &params)? == wanted)
    });
    right == Some(true)
}

fn derive(password: &str, salt: &[u8], octets: usize, params: &Params) -> Option<Output> {
    let mut out = vec![0; octets];
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    let (usual, blocks) = (Params::DEFAULT.block_count(), params.block_count());
    memory.resize(usual.max(blocks), Block::new());
    let derived = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone()).hash_password_into_with_memory(
        password.as_bytes(),
        salt,
        &mut out,
        &mut memory[..blocks],
    );
    // Nothing of a password stays behind.
    memory.fill(Block::new());
    memory.truncate(usual);
    memory.shrink_to(usual);
    derived.ok()?;
    Output::new(&out).ok()
}

/// A hash that no password has: so that an account that is not there takes as long to refuse as one that is.
pub fn nobodys() -> Plain {
    Plain::new(NOBODYS)
}

const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn parse(text: &Plain) -> Option<(PasswordHash, Params)> {
    let hash = PasswordHash::new(text.expose()).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let fits = params.m_cost() <= MEMORY_LIMIT && params.t_cost() <= TIME_LIMIT && params.p_cost() <= 4;
    let known = hash.algorithm == Algorithm::Argon2id.ident() && hash.version == Some(Version::V0x13.into());
    (known && hash.salt.is_some() && hash.hash.is_some() && fits).then_some((hash, params))
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
