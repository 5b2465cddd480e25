//! OSDP buses on serial lines, driven by the sans-IO control panel of `doorward-wire`; and Wiegand
//! readers behind converters.

mod bus;
mod card;
mod converters;
mod keys;
mod signal;
mod timer;
mod wiegand;

pub(crate) use bus::{Bus, BusReader, BusSetup, FeedbackSender};
pub use card::CardReader;
pub(crate) use converters::Converters;
pub(crate) use keys::KeyLine;
pub(crate) use wiegand::{WiegandPlan, WiegandReader, WiegandSetup};
