//! Secure Channel (SIA OSDP 2.2, annex D).

mod keys;

pub use keys::Scbk;
