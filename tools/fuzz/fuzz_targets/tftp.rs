//! See `capledger::fuzz::tftp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| capledger::fuzz::tftp(octets));
