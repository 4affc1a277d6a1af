//! Who is at the other end: an address with a generation, and what its DTLS handshake proved about it.
//!
//! Plain data without OpenSSL types, so that the core, a simulation and a recorded session can speak of peers.
//! Nothing here decides whether a peer may join: the join policy is the core's.

use std::fmt;
use std::net::SocketAddr;

use capledger_schema::event::DtlsSession;
use sha2::{Digest as _, Sha256};

/// One DTLS session with one address.
///
/// A WTP that reboots comes back from the same address and port: the generation, which a table never uses twice for
/// one address, tells the new session from the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// Where its datagrams come from and go to.
    pub addr: SocketAddr,
    /// Counts sessions, from 1; greater is newer. 0 is for an address without a session (discovery).
    pub generation: u32,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.addr, self.generation)
    }
}

/// What a finished handshake says about the other end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Common name of its certificate; real WTPs show `AP3G2-<mac>` or a bare MAC (RFC 5415 section 2.4.4.3).
    pub common_name: Option<String>,
    /// SHA-256 of its certificate in DER; none where it showed no certificate.
    pub fingerprint: Option<[u8; 32]>,
    /// The identity it gave with a pre-shared key (RFC 5415 section 2.4.4.4).
    pub psk_identity: Option<String>,
    /// Whether the certificate was checked against an authority, and with what result.
    pub trust: Trust,
    /// Version and cipher suite; none in a simulation that encrypts nothing.
    pub dtls: Option<DtlsSession>,
}

impl Identity {
    /// What the policy `pin` holds a WTP to: SHA-256 of its certificate, else of the identity that its key proved.
    pub fn credential(&self) -> Option<[u8; 32]> {
        let of_psk = |identity: &String| Sha256::digest(format!("PSK identity {identity}")).into();
        self.fingerprint.or_else(|| self.psk_identity.as_ref().map(of_psk))
    }
}

/// The result of checking a certificate against the configured authority.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// No authority is configured: any certificate passes, and its fingerprint is what identifies it.
    #[default]
    NotChecked,
    /// Signed by the authority, in its validity, and meant for the peer's role.
    Trusted,
    /// Not so; the reason is for people.
    Untrusted(String),
}
