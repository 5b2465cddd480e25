//! The logs and the store prove themselves: through the programs, as somebody who doubts would.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests stop at the first surprise"
)]

mod backup;
mod claims;
#[path = "../console/daemon.rs"]
#[allow(dead_code, reason = "shared with the tests of the console")]
mod daemon;
mod proof;
