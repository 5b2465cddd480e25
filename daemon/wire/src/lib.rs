//! OSDP, card formats and relay-board maps, without I/O.
pub mod osdp;
