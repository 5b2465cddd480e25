//! OSDP buses on serial lines, driven by the sans-IO control panel of `doorward-wire`.

mod bus;
mod card;
mod keys;
mod signal;
mod timer;

pub(crate) use bus::{Bus, BusReader, BusSetup, FeedbackSender};
pub use card::CardReader;
pub(crate) use keys::KeyLine;
