//! See `capledger::fuzz::configuration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| capledger::fuzz::configuration(octets));
