//! Logins: passwords against their hashes, keys against the configured ones, and failures that are counted.
//!
//! A wrong password takes two seconds, whether the account is there or not, and no more than [`AT_ONCE`] passwords are
//! checked at the same time, since each takes memory.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::keys::{Algorithm, PublicKey};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::net::hub::Hub;
use crate::secrets::{Vault, password};

/// Passwords that are checked at once.
pub(super) const AT_ONCE: usize = 1;

/// How long a wrong password takes.
pub(super) const DELAY: Duration = Duration::from_secs(2);

/// Failures are recorded no faster than this; those between are counted.
const RECORD_EVERY: Duration = Duration::from_secs(1);

/// Failures that may be recorded faster.
const RECORD_BURST: u32 = 10;

/// Addresses whose failures are counted.
const ADDRESSES: usize = 256;

/// Checks who wants to log in.
pub(super) struct Logins {
    hub: Arc<Hub>,
    vault: Arc<Vault>,
    slots: Semaphore,
    failures: Mutex<Failures>,
}

impl Logins {
    pub(super) fn new(hub: Arc<Hub>, vault: Arc<Vault>) -> Logins {
        Logins { hub, vault, slots: Semaphore::new(AT_ONCE), failures: Mutex::default() }
    }

    /// The privilege level of a user whose password this is.
    pub(super) async fn password(&self, user: &str, typed: &str) -> Option<u8> {
        let account = self.hub.state().config.access.users.get(user).copied();
        let hash = account.and_then(|a| a.secret).and_then(|id| match self.vault.reveal(id) {
            Ok(hash) => Some(hash),
            Err(error) => {
                tracing::error!(%error, user, "the password of an account cannot be checked");
                None
            }
        });
        let known = hash.is_some();
        let (hash, typed) = (hash.unwrap_or_else(password::nobodys), typed.to_owned());
        let _slot = self.slots.acquire().await.ok()?;
        let right = tokio::task::spawn_blocking(move || password::verify(&typed, &hash)).await.unwrap_or(false);
        account.filter(|_| known && right).map(|a| a.privilege)
    }

    /// The privilege level of a user who has this key.
    pub(super) fn key(&self, user: &str, key: &PublicKey, algorithm: &Algorithm) -> Option<u8> {
        if matches!(algorithm, Algorithm::Rsa { hash: None }) {
            // A signature over SHA-1 proves nothing any more.
            return None;
        }
        let state = self.hub.state();
        let account = state.config.access.users.get(user)?;
        let keys = state.config.access.keys.get(user)?;
        let bare = PublicKey::new(key.key_data().clone(), "").to_openssh().ok()?;
        keys.contains(bare.trim_end()).then_some(account.privilege)
    }

    /// Wrong passwords of one connection, as configured now.
    pub(super) fn tries(&self) -> u32 {
        u32::from(self.hub.state().config.access.retries).max(1)
    }

    /// Counts a failure: how many are to be recorded with it, if it is to be recorded.
    pub(super) fn failed(&self, from: IpAddr) -> Option<u32> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).count(from, Instant::now())
    }
}

/// Failures that were not recorded yet, by address.
#[derive(Debug, Default)]
struct Failures {
    waiting: BTreeMap<IpAddr, u32>,
    /// Records that may be made now, and when that was true.
    budget: Option<(u32, Instant)>,
}

impl Failures {
    fn count(&mut self, from: IpAddr, now: Instant) -> Option<u32> {
        let (left, since) = self.budget.unwrap_or((RECORD_BURST, now));
        let gained = (now.saturating_duration_since(since).as_secs() / RECORD_EVERY.as_secs()) as u32;
        let left = left.saturating_add(gained).min(RECORD_BURST);
        let since = if gained > 0 { now } else { since };
        let tries = self.waiting.get(&from).copied().unwrap_or(0).saturating_add(1);
        if left > 0 {
            self.waiting.remove(&from);
            self.budget = Some((left - 1, since));
            return Some(tries);
        }
        self.budget = Some((left, since));
        if self.waiting.contains_key(&from) || self.waiting.len() < ADDRESSES {
            self.waiting.insert(from, tries);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn failures_beyond_a_burst_are_counted_and_recorded_once_a_second() {
        let mut failures = Failures::default();
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([10, 0, 0, 1]));
        let start = Instant::now();
        for _ in 0..RECORD_BURST {
            assert_eq!(failures.count(here, start), Some(1));
        }
        for _ in 0..5 {
            assert_eq!(failures.count(here, start), None);
        }
        assert_eq!(failures.count(here, start + Duration::from_secs(1)), Some(6));
        assert_eq!(failures.count(there, start + Duration::from_secs(1)), None);
        assert_eq!(failures.count(there, start + Duration::from_secs(2)), Some(2));
    }

    #[tokio::test]
    async fn failures_from_everywhere_take_a_bounded_memory() {
        let mut failures = Failures::default();
        let start = Instant::now();
        for n in 0..10_000_u32 {
            failures.count(IpAddr::from(n.to_be_bytes()), start);
        }
        assert_eq!(failures.waiting.len(), ADDRESSES);
    }
}
