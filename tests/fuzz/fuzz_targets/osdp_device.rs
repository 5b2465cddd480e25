#![no_main]
#![allow(dead_code, reason = "the other targets of the file")]

#[path = "../../src/fuzz/script.rs"]
mod script;
#[path = "../../src/fuzz/osdp.rs"]
mod osdp;

libfuzzer_sys::fuzz_target!(|data: &[u8]| osdp::osdp_device(data));
