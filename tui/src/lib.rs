//! The terminal dashboard: folds the feed and draws it; knows nothing but the schema.
//!
//! `state` folds messages, keys and ticks; `view` draws a frame from it and changes nothing; `run` owns the terminal
//! and the one channel that everything arrives on; `plain` says the same in lines for what is no
//! terminal, and `replay` goes back and forth along a ledger. The
//! transport is the caller's: no socket is opened here.

pub mod plain;
pub mod replay;
mod run;
pub mod state;
pub mod theme;
pub mod view;
pub mod words;

pub use run::{End, Options, replay, run};
