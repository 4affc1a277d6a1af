//! What an operator can do about a handshake that failed: the setting that lets an old access point in.

use std::time::Duration;

use crate::net::dtls::Endpoint;

/// OpenSSL's words for a failure, and what to do about it.
pub(super) fn failed(words: &str) -> String {
    let advice = if words.contains("unsupported protocol") || words.contains("version too low") {
        "it speaks a version of DTLS that is off: see `ap dtls-version`"
    } else if words.contains("no shared cipher") {
        "it offers no cipher suite that is on: see `ap dtls-ciphersuite`"
    } else if words.contains("psk identity not found") {
        "its pre-shared key's identity is not configured: see `ap dtls psk`"
    } else {
        return words.to_owned();
    };
    format!("{words}; {advice}")
}

/// A handshake that was never finished. With a pre-shared key that is another than ours nothing that comes can be read,
/// and nothing says so (RFC 6347 section 4.1.2.7).
pub(super) fn unfinished(within: Duration, endpoint: &Endpoint) -> String {
    let words = format!("not finished within {} s", within.as_secs());
    match endpoint.psk_identity() {
        Some(identity) => {
            format!("{words}; is the key of PSK identity `{identity}` the access point's? see `ap dtls psk`")
        }
        None => words,
    }
}
