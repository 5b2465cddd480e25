//! Secure Channel (SIA OSDP 2.2, annex D).

mod keys;
mod nonces;
mod session;

pub use keys::Scbk;
pub(crate) use nonces::Nonces;
pub(crate) use session::{OpenError, Session, SessionKeys, is_same};
