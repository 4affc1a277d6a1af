//! Datagrams in batches: up to 64 per system call, each way, with buffers that are used again.
//!
//! One unconnected socket per address family serves every peer. A socket on a wildcard address reports to which of
//! the machine's addresses a datagram came, so that the answer leaves from there. CAPWAP's discovery groups
//! (RFC 5415 section 3.3) are joined on every interface. What cannot be sent is counted, never waited for.

mod bind;
mod receive;
mod send;
#[cfg(test)]
mod tests;

pub use bind::{Binding, UdpConfig, UdpError};
pub use receive::{Arrived, ReceiveCounters, Receiver};
pub use send::{SendCounters, Sender};

/// Datagrams per system call.
pub const BATCH: usize = 64;

/// The longest datagram that is taken, in octets: a jumbo frame. Longer ones are dropped and counted.
pub const MAX_DATAGRAM: usize = 9_216;
