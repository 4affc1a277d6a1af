//! See `capledger::fuzz::image`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| capledger::fuzz::image(octets));
