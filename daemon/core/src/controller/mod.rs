//! The one state machine that owns the doors.

mod io;

pub use io::{
    BoardEvent, CommandError, CommandId, DoorCommand, DoorStatus, Feedback, Input, LockState,
    Output, ReaderEvent, RecordToken, RelayCommand,
};
