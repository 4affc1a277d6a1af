//! The subcommands of the `capledger` program: what they take, and what they print.

pub mod audit;
pub mod bundle;
pub mod console;
pub mod demo;
pub mod docs;
pub mod exec;
pub mod interrupt;
pub mod replay;
pub mod serve;
pub mod simulate;
pub mod top;
