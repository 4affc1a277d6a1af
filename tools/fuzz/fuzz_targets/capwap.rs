//! See `capledger::fuzz::capwap`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| capledger::fuzz::capwap(octets));
