//! The thread that owns the doors, and the handle by which the office reaches it.

mod handle;
mod live;

pub use handle::{
    Alarm, BoardStatus, DoorsError, DoorsHandle, DoorsRequest, Live, LiveSite, ReaderStatus,
};
pub(crate) use live::LiveOutbox;
