//! DTLS for CAPWAP (RFC 5415 section 2.4, RFC 6347) over OpenSSL, without I/O: datagrams in, datagrams out.
//!
//! A [`ServerContext`] answers ClientHellos without keeping state and turns one with a valid cookie into an
//! [`Endpoint`]; a [`ClientContext`] makes endpoints that begin a handshake. Every datagram that passes is a whole
//! UDP payload: the four octets of the CAPWAP DTLS header (section 4.2) and one or more records. Nothing here owns a
//! socket or decides who may join.

mod config;
mod context;
mod cookie;
mod endpoint;
mod ffi;
mod queue;
mod record;
#[cfg(test)]
mod tests;

pub use config::{DtlsConfig, DtlsError, PeerCertificate, PresharedKeys, Version};
pub use context::{ClientContext, Listen, ServerContext};
pub use cookie::CookieSecrets;
pub use endpoint::{CloseReason, Endpoint, SealError, Status};
pub use queue::CAPWAP_DTLS_HEADER;
pub use record::{First, first_record};

/// The longest plaintext of one record (RFC 6347 section 4.1), and what a buffer for [`Endpoint::open`] must hold.
pub const MAX_PLAINTEXT: usize = 16_384;
