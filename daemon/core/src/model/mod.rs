//! The records of the access table, and the changes made to them.
//!
//! Records are plain serde values. Unknown fields of a newer version are kept by the store when an
//! older version rewrites a record; the API refuses them.

mod change;
mod credential;
mod door;
mod key;
mod place;
mod record;
mod schedule;
mod user;
mod validate;

pub use change::{Change, TableDelta};
pub use credential::{Credential, CredentialData, CredentialState};
pub use door::{
    Circuit, Door, DoorMode, DoorWiring, FailMode, InputPoint, OutputPoint, Relock, UNLOCK_MS_MAX,
    UNLOCK_MS_MIN,
};
pub use key::{Block, Grant, Interval, Key, KeyFlags};
pub use place::Place;
pub use record::{Kind, Record, RecordRef};
pub use schedule::{MINUTES_PER_DAY, Schedule, Weekday, WeeklyInterval};
pub use user::{User, UserState};
pub use validate::{NAME_MAX, Problem, Problems, Validate};
