//! What Capledger writes down and what it sends: events, envelopes, the folds and the feed.
//!
//! Nothing here touches the machine: no clock, no socket, no file. A reader of a ledger needs this crate alone.

pub mod codec;
pub mod envelope;
pub mod event;
pub mod failure;
pub mod feed;
#[cfg(any(test, feature = "proptest"))]
pub mod generate;
pub mod id;
pub mod image;
pub mod project;
pub mod setting;
pub mod time;

pub use envelope::{Cause, Envelope, Source, Subject};
pub use event::Event;
