//! What the product does, row by row: through the API of the running daemon, at a real reader.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod doors;
#[path = "../end_to_end/house.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod house;
mod keys;
mod people;
mod schedules;
mod structure;
#[path = "../end_to_end/table.rs"]
#[allow(dead_code, reason = "shared with the end-to-end tests")]
mod table;
