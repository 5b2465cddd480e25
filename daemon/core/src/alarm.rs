//! Conditions that somebody must see.

use serde::{Deserialize, Serialize};

use crate::ids::{DeviceName, DoorId};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlarmKind {
    /// A door opened without grant, exit request or operator.
    ForcedOpen,
    /// A door stands open longer than allowed.
    HeldOpen,
    /// A reader does not answer.
    ReaderOffline,
    /// A reader reports that it is being tampered with.
    ReaderTamper,
    /// A reader reports a power failure.
    ReaderPower,
    /// A reader could not set up its secure channel: wrong or lost key.
    ReaderSecureChannel,
    /// Several readers answer at one address of a bus.
    ReaderAddressShared,
    /// A relay board does not answer, or refuses what it is told.
    BoardOffline,
    /// Wall time is not to be believed.
    ClockNotTrusted,
    /// Storage fails, or answers too late.
    StorageFailing,
    /// The broker cannot be reached.
    UplinkDown,
    /// A serial port is missing or fails.
    PortFailing,
    /// The supervised loop of an input is short-circuited or cut.
    InputFault,
    /// A fire input has released its doors.
    Fire,
    /// The backup of the night was not made.
    BackupFailing,
    /// Somebody is being forced: a duress PIN was entered at a door.
    Duress,
    /// Many denials in a row, or too many wrong PINs, at one reader.
    RepeatedDenied,
    /// The database did not open and was moved aside: the table is empty until a backup is restored.
    DatabaseSetAside,
}

/// What an alarm is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "of", content = "name", rename_all = "snake_case")]
pub enum AlarmSubject {
    /// A door of the table.
    Door(DoorId),
    /// A reader, by its name in `site.toml`.
    Reader(DeviceName),
    /// A relay board, by its name in `site.toml`.
    Board(DeviceName),
    /// A serial port, by its path.
    Port(DeviceName),
    /// The appliance itself.
    Appliance,
}

/// An alarm's condition begins or ends. Saying the same twice changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmChange {
    /// What is wrong.
    pub kind: AlarmKind,
    /// What it is about.
    pub subject: AlarmSubject,
    /// Whether the condition begins or ends.
    pub condition: Condition,
}

/// Whether an alarm's condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It holds.
    Present,
    /// It has ended.
    Gone,
}
