//! OSDP buses on serial lines, driven by the sans-IO control panel of `doorward-wire`.

mod bus;
mod card;
mod signal;
mod timer;

pub(crate) use bus::{Bus, BusReader, BusSetup, FeedbackSender};
pub use card::CardReader;
