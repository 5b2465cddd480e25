//! The records of the access table, and the changes made to them.
//!
//! Records are plain serde values. Unknown fields of a newer version are kept by the store when an
//! older version rewrites a record; the API refuses them.

mod area;
mod authentication;
mod bounds;
mod change;
mod company;
mod credential;
mod door;
mod draft;
mod group;
mod holiday;
mod impact;
mod key;
mod operation;
mod place;
mod plan;
mod preset;
mod quick;
mod reach;
mod record;
mod schedule;
mod schedule_bounds;
mod standing;
#[cfg(test)]
mod structure_tests;
#[cfg(test)]
mod tests;
mod user;
mod validate;
mod validated;

pub use area::{Area, Interlock, OCCUPANCY_MAX, PASSBACK_S_MAX, Passback, TwoPerson};
pub use authentication::{AuthMethod, Authentication, ScheduledMethod};
pub use bounds::{
    BLOCK_REASON_MAX, DATE_END, DATE_MIN, DETAILS_MAX, DEVICE_NAME_MAX, DOORS_PER_GROUP_MAX,
    DOORS_PER_KEY_MAX, EMAIL_MAX, GROUPS_PER_KEY_MAX, HELD_OPEN_MS_MAX, INPUT_MAX,
    INTERVALS_PER_GRANT_MAX, LOG_RETENTION_DAYS_MAX, METHODS_PER_DOOR_MAX, OUTPUT_MAX,
    READERS_PER_SIDE_MAX, SUPPORT_MAX,
};
pub use change::{Change, TableDelta};
pub use company::Company;
pub use credential::{Credential, CredentialData, CredentialState, Factor};
pub use door::{
    Circuit, Door, DoorMode, DoorWiring, FailMode, HOLD_OPEN_MS_MAX, InputPoint, LockdownExit,
    OutputPoint, Relock, UNLOCK_MS_MAX, UNLOCK_MS_MIN,
};
pub use draft::{SHARED_PINS_MAX, TableLookup, email_folded};
pub use group::{DoorGroup, Share};
pub use holiday::{Holiday, HolidayDate, HolidaySet, Observed};
pub use impact::Impact;
pub use key::{Block, Grant, Interval, Key, KeyFlags};
pub use operation::{Holding, Operation, OperationRefused, RECIPIENTS_MAX, Recipients};
pub use place::{Language, Place};
pub use plan::{DATED_HOURS_MAX, DatedHours, DatedState, FIRST_IN_KEYS_MAX, UnlockPlan};
pub use preset::SchedulePreset;
pub use quick::QuickPick;
pub use reach::{doors_of_key, key_opens, key_opens_some};
pub use record::{Kind, Record, RecordRef};
pub use schedule::{
    DatedException, DayInterval, HolidayRule, MINUTES_PER_DAY, Schedule, Weekday, WeeklyInterval,
};
pub use schedule_bounds::{
    EXCEPTIONS_MAX, HOLIDAY_RULES_MAX, HOLIDAYS_MAX, HOURS_PER_DAY_MAX, NOTE_MAX, ONCE_DAYS_MAX,
    SCHEDULE_BYTES_MAX, WEEKLY_INTERVALS_MAX,
};
pub use user::{User, UserState};
pub use validate::{NAME_MAX, Problem, Problems, Validate};
pub use validated::{
    CHANGES_MAX, ChangeRefused, ValidatedChange, validate_changes, validate_steps,
};
