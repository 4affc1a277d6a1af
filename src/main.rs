//! The `capledger` program: arguments only; the work is in the library.

fn main() {}
