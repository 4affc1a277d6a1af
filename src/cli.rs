//! The subcommands of the `capledger` program: what they take, and what they print.

pub mod audit;
pub mod interrupt;
pub mod simulate;
pub mod top;
