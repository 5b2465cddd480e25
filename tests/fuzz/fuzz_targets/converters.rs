#![no_main]
#![allow(dead_code, reason = "the other targets of the file")]

#[path = "../../src/fuzz/problems.rs"]
mod problems;
#[path = "../../src/fuzz/script.rs"]
mod script;
#[path = "../../src/fuzz/tables.rs"]
mod tables;

libfuzzer_sys::fuzz_target!(|data: &[u8]| tables::converters(data));
