//! What the end-to-end tests and benches share: real peers, and a line to meet them on.

pub mod appliance;
pub mod attacks;
pub mod bench;
pub mod broker;
pub mod card_peer;
pub mod converter;
pub mod daemon;
pub mod fuzz;
pub mod kill;
pub mod modbus_board;
pub mod osdp_bus;
pub mod osdp_device;
pub mod osdp_peer;
pub mod peer;
pub mod power_cut;
pub mod safe_relay;
