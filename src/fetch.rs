//! Octets of an image from a URL: TFTP servers and local files, with progress, limits and typed errors.
//!
//! A fetch runs on a thread of its own, streams into the image cache, and tells the core by [`FetchReport`]s. It
//! appends nothing to the ledger and decides nothing about retries.

pub mod advice;
pub mod report;
pub mod url;

pub use advice::next_action;
pub use report::FetchReport;
pub use url::FetchUrl;
