//! The stateless cookie of a HelloVerifyRequest (RFC 6347 section 4.2.1): a MAC over the client's address.
//!
//! The secret changes with time, so that a cookie that was seen once cannot be used for ever; the last one stays
//! valid for one more interval. Nothing is kept per client.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Octets of a cookie; DTLS 1.0 allows 32.
pub(super) const COOKIE_LEN: usize = 16;

/// How long a secret makes cookies. It verifies them for as long again.
const INTERVAL: Duration = Duration::from_secs(120);

/// Keyed BLAKE3 over the address, with a key per interval that is derived from one seed.
#[derive(Clone)]
pub struct CookieSecrets {
    seed: [u8; 32],
    since: Instant,
}

/// The cookies that one address may show at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cookies {
    pub(super) current: [u8; COOKIE_LEN],
    pub(super) previous: [u8; COOKIE_LEN],
}

impl CookieSecrets {
    /// `seed` must be unpredictable and is the caller's to make; `now` is the start of the first interval.
    pub fn new(seed: [u8; 32], now: Instant) -> Self {
        Self { seed, since: now }
    }

    pub(super) fn cookies(&self, client: SocketAddr, now: Instant) -> Cookies {
        // Counted from 1: the first interval has a predecessor too, whose cookies nobody was given.
        let interval = now.saturating_duration_since(self.since).as_secs() / INTERVAL.as_secs() + 1;
        Cookies { current: self.cookie(client, interval), previous: self.cookie(client, interval - 1) }
    }

    fn cookie(&self, client: SocketAddr, interval: u64) -> [u8; COOKIE_LEN] {
        let mut mac = blake3::Hasher::new_keyed(&self.seed);
        mac.update(&interval.to_be_bytes());
        match client.ip() {
            IpAddr::V4(ip) => mac.update(&ip.octets()),
            IpAddr::V6(ip) => mac.update(&ip.octets()),
        };
        mac.update(&client.port().to_be_bytes());
        let mut cookie = [0; COOKIE_LEN];
        mac.finalize_xof().fill(&mut cookie);
        cookie
    }
}

impl Cookies {
    pub(super) fn accept(&self, shown: &[u8]) -> bool {
        shown.len() == COOKIE_LEN
            && (openssl::memcmp::eq(shown, &self.current) || openssl::memcmp::eq(shown, &self.previous))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "192.0.2.7:5247";

    fn secrets() -> (CookieSecrets, Instant) {
        #[expect(clippy::disallowed_methods, reason = "only differences of it matter")]
        let start = Instant::now();
        (CookieSecrets::new([7; 32], start), start)
    }

    fn client(addr: &str) -> SocketAddr {
        addr.parse().expect("an address")
    }

    #[test]
    fn a_cookie_is_good_for_its_address_and_port_alone() {
        let (secrets, start) = secrets();
        let given = secrets.cookies(client(CLIENT), start).current;
        assert!(secrets.cookies(client(CLIENT), start).accept(&given));
        assert!(!secrets.cookies(client("192.0.2.7:5248"), start).accept(&given));
        assert!(!secrets.cookies(client("192.0.2.8:5247"), start).accept(&given));
        assert!(!secrets.cookies(client("[2001:db8::7]:5247"), start).accept(&given));
    }

    #[test]
    fn a_cookie_outlives_one_change_of_the_secret_and_not_two() {
        let (secrets, start) = secrets();
        let given = secrets.cookies(client(CLIENT), start).current;
        assert!(secrets.cookies(client(CLIENT), start + INTERVAL).accept(&given));
        assert!(!secrets.cookies(client(CLIENT), start + 2 * INTERVAL).accept(&given));
    }

    #[test]
    fn a_cookie_of_another_seed_or_length_is_refused() {
        let (secrets, start) = secrets();
        let cookies = secrets.cookies(client(CLIENT), start);
        let other = CookieSecrets::new([8; 32], start).cookies(client(CLIENT), start).current;
        assert!(!cookies.accept(&other));
        assert!(!cookies.accept(&cookies.current[..COOKIE_LEN - 1]));
        assert!(!cookies.accept(&[]));
    }
}
