//! The CAPWAP wire format of RFC 5415 and RFC 5416: headers, fragments, control messages and their elements.
//!
//! Octets become values and values become octets, here and nowhere else. Parsing takes whatever the network sends:
//! it never panics and allocates in proportion to its input. Nothing here keeps time, state or sockets.

pub mod block;
pub mod control;
pub mod dialect;
pub mod digest;
pub mod element;
pub mod element_type;
pub mod fragment;
pub mod header;
pub mod keep_alive;
mod mandatory;
pub mod particulars;
pub mod suite;
mod wire;

pub use control::{Message, MessageType, PacketError, ParseError};
pub use element::Element;
pub use element_type::ElementType;
pub use header::{Header, HeaderError, Packet};
pub use mandatory::{mandatory, one_of};

/// UDP port of the control channel at the AC (RFC 5415 3.1).
pub const CONTROL_PORT: u16 = 5246;
/// UDP port of the data channel at the AC (RFC 5415 3.1).
pub const DATA_PORT: u16 = 5247;
/// Wireless binding identifier of IEEE 802.11 (RFC 5415 4.3).
pub const WBID_IEEE80211: u8 = 1;
