//! DTLS as the configuration has it, for the handshakes that begin from now on.

use std::path::Path;

use capledger_schema::id::SecretId;
use capledger_schema::project::config::Config;
use capledger_schema::setting::{CapwapTimer, DtlsVersions, JoinPolicy};

use crate::capwap::suite::{self, Suite};
use crate::net::dtls::{CookieSecrets, DtlsConfig, DtlsError, PresharedKeys, ServerContext, Version};
use crate::net::peers::PeerLimits;
use crate::net::pki::Pki;
use crate::secrets::Vault;

pub(super) fn server_context(
    config: &Config,
    pki: &Pki,
    secrets: CookieSecrets,
    key_log: Option<&Path>,
    vault: &Vault,
) -> Result<ServerContext, DtlsError> {
    let authority = config.dtls.authority.as_ref().filter(|_| config.dtls.policy == JoinPolicy::Ca);
    let suites: Vec<&Suite> = suite::SUITES.iter().filter(|s| config.dtls.ciphersuites.contains(s.name)).collect();
    let dtls = DtlsConfig {
        mtu: config.dtls.handshake_mtu,
        authority: authority.map(Into::into),
        key_log: key_log.map(Into::into),
        psk: preshared_keys(config, vault),
        psk_hint: Some(config.hostname.clone()),
        ..DtlsConfig::default()
    };
    let dtls = dtls.with_old(versions(config.dtls.versions), &suites);
    ServerContext::new(&dtls, &pki.credentials(), secrets)
}

/// The keys in clear, in memory alone. One that cannot be read keeps its access points out, and says so.
fn preshared_keys(config: &Config, vault: &Vault) -> PresharedKeys {
    let read = |(identity, secret): (&String, &SecretId)| match vault.reveal(*secret) {
        Ok(hex) => Some((identity.clone(), octets(hex.expose()))),
        Err(error) => {
            tracing::error!(identity, %error, "the key of `ap dtls psk` cannot be used");
            None
        }
    };
    config.dtls.psk.iter().filter_map(read).collect()
}

/// The octets of a key: its setting takes nothing but pairs of hexadecimal digits.
fn octets(hex: &str) -> Vec<u8> {
    let pairs = (0..hex.len()).step_by(2).map(|at| hex.get(at..at + 2).unwrap_or_default());
    pairs.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

fn versions(spoken: DtlsVersions) -> std::ops::RangeInclusive<Version> {
    match spoken {
        DtlsVersions::V1_2 => Version::Dtls1_2..=Version::Dtls1_2,
        DtlsVersions::V1_0 => Version::Dtls1_0..=Version::Dtls1_0,
        DtlsVersions::All => Version::Dtls1_0..=Version::Dtls1_2,
    }
}

pub(super) fn limits(config: &Config) -> PeerLimits {
    let half_open = config.dtls.max_half_open as usize;
    PeerLimits {
        half_open,
        // The core refuses the session too many by a Join Response that says so; here is room for the handshakes.
        sessions: config.capwap.max_sessions as usize + half_open,
        handshake: config.capwap.timer(CapwapTimer::WaitDtls),
    }
}
