//! Relay boards: which Modbus registers do what, and the frames that carry them.
//!
//! A [`BoardProfile`] is read from TOML text (shipped ones: `config/boards/`, also built in) and
//! maps outputs and inputs, as printed on the board, to [`ModbusRequest`]s and back. [`rtu`] and
//! [`mbap`] find the replies among the bytes of a serial line or a TCP connection.

mod built_in;
mod debounce;
pub mod mbap;
mod modbus;
mod parse;
mod profile;
pub mod rtu;
#[cfg(test)]
mod tests;

pub use built_in::{BUILT_IN, built_in};
pub use debounce::Debounce;
pub use modbus::{ModbusRequest, PDU_BYTES_MAX, Pdu, ReplyError, ReplyValue};
pub use profile::{BoardProfile, LoopFaults, OutputState, Transport};

pub use crate::document::Problems as ProfileErrors;

/// The most outputs of one board.
pub const OUTPUTS_MAX: u16 = 64;
/// The most inputs of one board: their levels fit into a `u64`.
pub const INPUTS_MAX: u16 = 64;
/// The largest profile read, in bytes.
pub const PROFILE_BYTES_MAX: usize = 64 * 1024;
