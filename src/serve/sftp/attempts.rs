//! Failed logins by host: after so many within a while a host is turned away for as long.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Failed logins of one host before it is turned away.
const FAILURES: u32 = 12;
/// Within which they count, and for how long a host is turned away.
const WHILE: Duration = Duration::from_secs(120);
/// Hosts that are remembered.
const HOSTS: usize = 1_024;

/// Who has failed to log in, and how often.
#[derive(Debug, Default)]
pub(super) struct Attempts(Mutex<BTreeMap<IpAddr, (u32, Instant)>>);

impl Attempts {
    /// Whether a host is to be turned away.
    pub(super) fn is_barred(&self, host: IpAddr) -> bool {
        self.barred_at(host, now())
    }

    /// A host failed to log in.
    pub(super) fn failed(&self, host: IpAddr) {
        self.failed_at(host, now());
    }

    fn barred_at(&self, host: IpAddr, now: Instant) -> bool {
        self.lock().get(&host).is_some_and(|(failures, last)| *failures >= FAILURES && now < *last + WHILE)
    }

    fn failed_at(&self, host: IpAddr, now: Instant) {
        let mut hosts = self.lock();
        hosts.retain(|_, (_, last)| now < *last + WHILE);
        if hosts.len() >= HOSTS && !hosts.contains_key(&host) {
            // Whoever has this many addresses is not stopped by a table; the delay of each attempt is.
            return;
        }
        let (failures, last) = hosts.entry(host).or_insert((0, now));
        (*failures, *last) = (failures.saturating_add(1), now);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<IpAddr, (u32, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "this shell delays logins by the clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_turned_away_after_too_many_failures_and_let_in_again_later() {
        let (attempts, began) = (Attempts::default(), now());
        let [one, other] = [1, 2].map(|n| IpAddr::from([10, 0, 0, n]));
        for _ in 0..FAILURES {
            assert!(!attempts.barred_at(one, began));
            attempts.failed_at(one, began);
        }
        assert!(attempts.barred_at(one, began) && !attempts.barred_at(other, began));
        assert!(!attempts.barred_at(one, began + WHILE));
    }
}
