//! Relay boards over Modbus RTU and Modbus TCP.
//!
//! One task drives one *line*: a serial line with its boards, or one connection. What to ask next
//! is decided by the sans-IO `driver`; `line` opens the line and carries the exchanges out over
//! `link`, by tokio-modbus.

mod commands;
pub mod config;
mod driver;
mod line;
pub(crate) mod link;
pub mod profiles;

pub use commands::SendError;
pub(crate) use driver::Outcome;
pub use driver::{SILENCES_MAX, STOP_MS};
pub use line::{CONNECT_TIMEOUT, RelayLine, RelayLineHandle};
