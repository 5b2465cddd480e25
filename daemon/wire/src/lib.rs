//! OSDP, card formats and relay-board maps, without I/O.
pub mod board;
pub mod card;
pub mod document;
pub mod osdp;
pub mod wiegand;

pub use document::{PROBLEMS_MAX, Problem, Problems};
