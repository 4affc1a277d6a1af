//! `ip ssh pubkey-chain`: whose keys are being typed, and a key that comes in several lines.
//!
//! A key is kept as `ALGORITHM BASE64`, whatever it was typed as; its comment is dropped.

use capledger_schema::setting::Setting;
use russh::keys::PublicKey;

use super::grammar::Mode;

/// Octets of a key at most: RSA of 16,384 bits.
const KEY_LIMIT: usize = 4_096;

/// Words that are looked at: pieces of the key, and its comment.
const PIECES: usize = 64;

const WRONG: &str = "SSH: Failed to decode the Key Value";

/// How a key begins that was typed without its algorithm: the name of the algorithm, with its length, in Base64.
const ALGORITHMS: [(&str, &str); 5] = [
    ("AAAAC3NzaC1lZDI1NTE5", "ssh-ed25519"),
    ("AAAAB3NzaC1yc2E", "ssh-rsa"),
    ("AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY", "ecdsa-sha2-nistp256"),
    ("AAAAE2VjZHNhLXNoYTItbmlzdHAzODQ", "ecdsa-sha2-nistp384"),
    ("AAAAE2VjZHNhLXNoYTItbmlzdHA1MjE", "ecdsa-sha2-nistp521"),
];

/// A line of `ip ssh pubkey-chain` and its sub-modes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyLine {
    /// `username NAME`
    User(String),
    /// `no username NAME`
    NoUser(String),
    /// `key-string`: the key follows, line by line, until `exit`.
    Begin,
    /// One of these lines.
    Data(String),
    /// `exit` after them.
    End,
    /// `key-string KEY`
    Whole(String),
    /// `no key-string KEY`
    Remove(String),
}

/// What a session has typed of it.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyChain {
    user: String,
    key: String,
}

impl KeyChain {
    /// Takes a line in: the settings that it makes, and the mode that follows.
    pub(super) fn take(&mut self, line: KeyLine) -> Result<(Vec<Setting>, Option<Mode>), &'static str> {
        let set = |key: String, on| Setting::UserKey(self.user.clone(), key, on);
        Ok(match line {
            KeyLine::User(name) => {
                self.user = name;
                (Vec::new(), Some(Mode::SshPubkeyUser))
            }
            KeyLine::NoUser(name) => (vec![Setting::NoUserKeys(name)], None),
            KeyLine::Begin => {
                self.key.clear();
                (Vec::new(), Some(Mode::SshPubkeyData))
            }
            KeyLine::Data(data) => {
                if self.key.len() + data.len() > KEY_LIMIT {
                    return Err(WRONG);
                }
                self.key.push(' ');
                self.key.push_str(&data);
                (Vec::new(), None)
            }
            KeyLine::End => {
                let typed = std::mem::take(&mut self.key);
                if typed.trim().is_empty() {
                    return Ok((Vec::new(), Some(Mode::SshPubkeyUser)));
                }
                (vec![set(key(&typed).ok_or(WRONG)?, true)], Some(Mode::SshPubkeyUser))
            }
            KeyLine::Whole(typed) => (vec![set(key(&typed).ok_or(WRONG)?, true)], None),
            KeyLine::Remove(typed) => (vec![set(key(&typed).ok_or(WRONG)?, false)], None),
        })
    }
}

/// A key as it is kept, if it is one: as OpenSSH writes it, or in pieces, or without its algorithm; a comment may follow.
fn key(typed: &str) -> Option<String> {
    let words: Vec<&str> = typed.split_whitespace().take(PIECES).collect();
    let (first, rest) = words.split_first()?;
    let (algorithm, pieces) = match ALGORITHMS.iter().find(|(start, _)| first.starts_with(start)) {
        Some((_, algorithm)) => (*algorithm, &words[..]),
        None => (*first, rest),
    };
    // What is no piece any more is the comment: the longest key that can be read is the one that was meant.
    let read = (1..=pieces.len()).rev().find_map(|n| {
        let whole = format!("{algorithm} {}", pieces[..n].concat());
        PublicKey::from_openssh(&whole).ok()
    })?;
    let bare = PublicKey::new(read.key_data().clone(), "");
    bare.to_openssh().ok().map(|text| text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIBwdaGbzsK3ZG6e1Ee8cF5mvhU5Q6uMHRWpFrX0sN5Wq";

    #[test]
    fn a_key_is_kept_the_same_however_it_was_typed() {
        let kept = Some(format!("ssh-ed25519 {BLOB}"));
        let (first, second) = BLOB.split_at(40);
        assert_eq!(key(&format!("ssh-ed25519 {BLOB}")), kept);
        assert_eq!(key(&format!("ssh-ed25519 {BLOB} admin@laptop in the lab")), kept);
        assert_eq!(key(BLOB), kept);
        assert_eq!(key(&format!(" {first} {second} ")), kept);
        assert_eq!(key(&format!("ssh-ed25519 {first}  {second}")), kept);
        assert_eq!(key(&format!("ssh-ed25519 {first} {second} admin")), kept);
    }

    #[test]
    fn what_is_no_key_is_refused_and_the_next_one_is_read() {
        let mut chain = KeyChain::default();
        assert_eq!(chain.take(KeyLine::User("admin".into())), Ok((Vec::new(), Some(Mode::SshPubkeyUser))));
        for line in [KeyLine::Begin, KeyLine::Data("AAAA nonsense".into())] {
            assert!(chain.take(line).is_ok());
        }
        assert_eq!(chain.take(KeyLine::End), Err(WRONG));
        assert_eq!(chain.take(KeyLine::Whole("ssh-ed25519 AAAA".into())), Err(WRONG));
        assert_eq!(chain.take(KeyLine::Begin), Ok((Vec::new(), Some(Mode::SshPubkeyData))));
        for part in [&BLOB[..20], &BLOB[20..]] {
            assert_eq!(chain.take(KeyLine::Data(part.into())), Ok((Vec::new(), None)));
        }
        let set = Setting::UserKey("admin".into(), format!("ssh-ed25519 {BLOB}"), true);
        assert_eq!(chain.take(KeyLine::End), Ok((vec![set], Some(Mode::SshPubkeyUser))));
    }

    #[test]
    fn a_key_without_end_is_given_up_at_the_limit() {
        let mut chain = KeyChain::default();
        let line = KeyLine::Data("A".repeat(1_000));
        let taken = (0..10).take_while(|_| chain.take(line.clone()).is_ok()).count();
        assert_eq!(taken, 4);
    }
}
