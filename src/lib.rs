//! Capledger: an event-sourced CAPWAP controller (RFC 5415) for upgrading access points.
//!
//! Every fact is an event in an embedded ledger; state, views, syslog and the dashboard are folds of it.
//! `ac` is the core and touches no machine; `net`, `fetch`, `ledger` and `serve` are its shells.
pub mod ac;
pub mod bundle;
pub mod capwap;
pub mod cli;
pub mod command;
pub mod daemon;
pub mod demo;
pub mod fetch;
pub mod fuzz;
pub mod image;
pub mod ios;
pub mod ledger;
pub mod net;
pub mod secrets;
pub mod serve;
pub mod simulate;
pub mod syslog;
pub mod wtp;

#[cfg(test)]
mod story;
