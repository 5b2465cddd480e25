//! The whole path with every real peer: libosdp readers, pymodbus boards, mosquitto, systemd's
//! notices, curl, and the command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod buses;
mod changes;
mod denials;
mod doors;
mod guard;
mod house;
mod keys;
mod lines;
#[path = "../uplink/mosquitto.rs"]
#[allow(dead_code, reason = "shared with the tests of the uplink")]
mod mosquitto;
mod outage;
mod passage;
mod process;
mod table;
