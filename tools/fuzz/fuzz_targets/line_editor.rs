//! See `capledger::fuzz::line_editor`.
#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| capledger::fuzz::line_editor(octets));
