//! TFTP (RFC 1350) with its options: the packets, and a client that reads one file.
//!
//! The client is a state machine without I/O ([`read::TftpRead`]) and a shell on a UDP socket ([`client`]). It never
//! writes to a server.

pub mod client;
pub mod error;
pub mod packet;
pub mod read;
