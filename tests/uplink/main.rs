//! The uplink against the real broker, and against a broker that is odd.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod appliance;
mod mosquitto;
mod odd_broker;
mod order;
mod refusals;
mod schemas;
mod state;
mod wire;
