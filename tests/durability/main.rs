//! Nothing is lost: small sizes of the benches `kill` and `power-cut`, and sick storage.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod kill;
mod power_cut;
mod sick;
