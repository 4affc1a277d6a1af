//! What an access point image is, and where the controller keeps those it has: the model table, the `info` member of
//! the tar, digests, the content-addressed cache, and generated images for tests and the demonstration.
//!
//! Nothing here knows where an image came from (see `fetch`) or which access point it goes to (see `ac`).

pub mod bundle;
pub mod cache;
pub mod digest;
pub mod family;
pub mod info;
pub mod sums;
