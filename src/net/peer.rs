//! Who is at the other end. The types are the core's; this is their name for the shells.

pub use crate::ac::{Identity, Peer, Trust};
