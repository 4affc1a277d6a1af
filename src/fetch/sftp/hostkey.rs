//! The host key of an SSH server: compared with the pinned one, or noted if there is none.

use std::sync::{Arc, Mutex, PoisonError};

use capledger_schema::event::ServerKeyKind;
use capledger_schema::failure::{FetchFailure, FetchFailureKind};
use capledger_schema::id::Sha256;
use russh::client::{DisconnectReason, Handler};
use russh::keys::PublicKeyOrCertificate;
use russh::keys::{Algorithm, HashAlg};

use crate::fetch::url::FetchUrl;
use crate::fetch::{ServerKey, ServerPin};

/// The part of the client that SSH asks about the server.
pub(super) struct KeyCheck {
    pin: Option<ServerPin>,
    notes: Arc<Mutex<Notes>>,
}

/// What was seen of the server, for the fetch to read.
#[derive(Clone)]
pub(super) struct Checked(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    seen: Option<ServerPin>,
    /// What it should have been.
    refused: Option<ServerPin>,
    /// The server's last words.
    goodbye: Option<String>,
}

impl KeyCheck {
    pub(super) fn new(pin: Option<ServerPin>) -> Self {
        KeyCheck { pin, notes: Arc::default() }
    }

    pub(super) fn checked(&self) -> Checked {
        Checked(Arc::clone(&self.notes))
    }

    fn note(&self, note: impl FnOnce(&mut Notes)) {
        note(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Handler for KeyCheck {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = key else { return Ok(false) };
        let fingerprint = key.fingerprint(HashAlg::Sha256);
        let Ok(fingerprint) = <[u8; 32]>::try_from(fingerprint.as_bytes()) else { return Ok(false) };
        let seen = ServerPin { algorithm: name(&key.algorithm()), fingerprint: Sha256(fingerprint) };
        let fits = self.pin.as_ref().is_none_or(|pin| pin.fingerprint == seen.fingerprint);
        self.note(|notes| {
            notes.refused = self.pin.clone().filter(|_| !fits);
            notes.seen = Some(seen);
        });
        Ok(fits)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(told) => {
                self.note(|notes| notes.goodbye = Some(told.message));
                Ok(())
            }
            DisconnectReason::Error(e) => Err(e),
        }
    }
}

impl Checked {
    fn look<T>(&self, look: impl FnOnce(&Notes) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key that the server showed.
    pub(super) fn seen(&self, url: &FetchUrl) -> Option<ServerKey> {
        let seen = self.look(|notes| notes.seen.clone())?;
        let (host, port, kind) = (url.host().to_owned(), url.port(), ServerKeyKind::Ssh);
        Some(ServerKey { host, port, kind, algorithm: seen.algorithm, fingerprint: seen.fingerprint })
    }

    /// Why the server was left, if it was because of its key.
    pub(super) fn refusal(&self) -> Option<FetchFailure> {
        self.look(|notes| {
            let (seen, pinned) = (notes.seen.as_ref()?, notes.refused.as_ref()?);
            let words = format!("the server shows the key {seen}, pinned is {pinned}; nothing was sent to it");
            Some(FetchFailure::new(FetchFailureKind::HostKeyChanged, words))
        })
    }

    /// What the server said when it ended the session.
    pub(super) fn goodbye(&self) -> Option<String> {
        self.look(|notes| notes.goodbye.clone().filter(|words| !words.is_empty()))
    }
}

/// Algorithms of host keys, the pinned one's before all others.
pub(super) fn first(pinned: &str, all: &[Algorithm]) -> Vec<Algorithm> {
    let (mut first, rest): (Vec<_>, Vec<_>) = all.iter().cloned().partition(|a| name(a) == pinned);
    first.extend(rest);
    first
}

/// An algorithm's name. An RSA key is one key, whatever hash it signs with.
fn name(algorithm: &Algorithm) -> String {
    let rsa = matches!(algorithm, Algorithm::Rsa { .. });
    if rsa { Algorithm::Rsa { hash: None }.to_string() } else { algorithm.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_algorithm_of_the_pinned_key_is_asked_for_first() {
        let all = russh::Preferred::DEFAULT.key;
        let ordered = first("ssh-rsa", &all);
        assert!(ordered[..3].iter().all(|a| name(a) == "ssh-rsa"), "{ordered:?}");
        assert_eq!(ordered.len(), all.len());
        assert_eq!(first("ssh-ed25519", &all), all.to_vec());
    }
}
