//! The shells: everything between the network and the core, which itself opens no socket and knows no cipher.
//!
//! `udp` moves datagrams in batches, `dtls` is one OpenSSL endpoint per peer without I/O, `peers` is the table of the
//! control port, `client` the same for access points, `pki` the keys, `wake` the way into a loop that sleeps. `hub` is
//! where durable envelopes come out, `feed` the local socket over which they leave, `ssh` the command line for operators.

pub mod capture;
pub mod client;
pub mod clock;
pub mod control;
pub mod dtls;
pub mod feed;
pub mod hub;
pub mod peer;
pub mod peers;
pub mod pki;
pub mod ssh;
mod terminal;
pub mod trace;
pub mod udp;
pub mod wake;
