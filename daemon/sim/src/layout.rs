//! The building: four doors, a reader on each side, one relay board.

use doorward_core::ids::{DoorId, PlaceId};
use doorward_core::model::{
    Circuit, Door, DoorMode, DoorWiring, FailMode, InputPoint, OutputPoint, Relock,
};

/// How many doors.
pub const DOORS: usize = 4;
/// How many readers: one on each side of each door.
pub const READERS: usize = 2 * DOORS;
/// The relay board's name in `site.toml`.
pub const BOARD: &str = "cabinet";
/// The time zone of doors and schedules.
pub(crate) const TIME_ZONE: &str = "UTC";
/// How long a door may stand open before the alarm: short, so that the alarm is seen.
pub(crate) const HELD_OPEN_MS: u32 = 12_000;

/// Name, and short name as in the wiring.
pub(crate) const NAMES: [(&str, &str); DOORS] = [
    ("Main entrance", "main"),
    ("Staff entrance", "staff"),
    ("Laboratory", "lab"),
    ("Archive", "archive"),
];

/// A side of a door, seen by somebody who goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// In, by the reader outside.
    Entry,
    /// Out, by the reader inside.
    Exit,
}

/// The reader of a door, counted from 0: entry readers are even.
pub(crate) const fn reader(door: usize, way: Way) -> usize {
    2 * door
        + match way {
            Way::Entry => 0,
            Way::Exit => 1,
        }
}

/// The reader's name in `site.toml`.
pub(crate) fn reader_name(reader: usize) -> String {
    let side = if reader.is_multiple_of(2) {
        "in"
    } else {
        "out"
    };
    format!("{}-{side}", NAMES[reader / 2].1)
}

/// The output of a door's strike, from 0.
pub(crate) const fn strike(door: usize) -> usize {
    door
}

/// The input of a door's contact, from 0. It reads 1 while the door is closed.
pub(crate) const fn contact(door: usize) -> usize {
    2 * door
}

/// The input of a door's request-to-exit button, from 0. It reads 1 while pressed.
pub(crate) const fn rex(door: usize) -> usize {
    2 * door + 1
}

/// The door as a record of the access table.
pub(crate) fn record(door: usize, place: PlaceId) -> Door {
    let number = |index: usize| u16::try_from(index + 1).unwrap_or(u16::MAX);
    let input = |index: usize, circuit| InputPoint {
        board: BOARD.to_owned(),
        input: number(index),
        circuit,
    };
    Door {
        id: DoorId(u32::from(number(door))),
        name: NAMES[door].0.to_owned(),
        place,
        time_zone: TIME_ZONE.to_owned(),
        unlock_ms: 5_000,
        extended_unlock_ms: 10_000,
        held_open_ms: HELD_OPEN_MS,
        held_open_warning_ms: 5_000,
        relock: Relock::OnClose,
        fail_mode: FailMode::Secure,
        mode: DoorMode::Normal,
        authentication: doorward_core::model::Authentication::default(),
        inside: None,
        outside: None,
        wiring: DoorWiring {
            entry_readers: vec![reader_name(reader(door, Way::Entry))],
            exit_readers: vec![reader_name(reader(door, Way::Exit))],
            relay: Some(OutputPoint {
                board: BOARD.to_owned(),
                output: number(strike(door)),
            }),
            contact: Some(input(contact(door), Circuit::NormallyClosed)),
            rex: Some(input(rex(door), Circuit::NormallyOpen)),
            ..DoorWiring::default()
        },
        ..Door::default()
    }
}
