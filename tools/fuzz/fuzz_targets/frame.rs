//! See `capledger::fuzz::frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| capledger::fuzz::frame(octets));
