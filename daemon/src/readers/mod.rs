//! OSDP buses on serial lines, driven by the sans-IO control panel of `doorward-wire`; and Wiegand
//! readers behind converters.

mod bus;
mod card;
mod converters;
mod edges;
mod figures;
mod jobs;
mod keys;
mod orders;
mod signal;
mod timer;
mod wiegand;

pub(crate) use bus::{Bus, BusReader, BusSetup, FeedbackSender};
pub use card::CardReader;
pub(crate) use converters::Converters;
pub(crate) use jobs::KEPT_BAUD;
pub(crate) use keys::KeyLine;
pub use orders::{BusOrder, BusRefusal, Buses};
pub(crate) use wiegand::{WiegandPlan, WiegandReader, WiegandSetup};
