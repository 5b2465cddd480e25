//! The thread that owns the doors, and the handle by which the office reaches it.

mod handle;
mod live;
mod thread;
mod turns;

pub use handle::{
    Alarm, BoardStatus, DoorsError, DoorsHandle, DoorsRequest, Live, LiveSite, ReaderStatus,
};
pub(crate) use live::{LiveInbox, LiveOutbox, live_channel};
pub(crate) use thread::{BusPlan, DoorsSetup, start};
pub(crate) use turns::{KEPT_DOOR, KEPT_PEOPLE, PlanActivation, kept_of};
