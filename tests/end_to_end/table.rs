//! Rows for the access table. User N has card N; key 1 opens every door at any time.

use std::time::{SystemTime, UNIX_EPOCH};

use doorward_core::card::{CardBits, CardNumber};
use doorward_core::ids::{CredentialId, DoorId, KeyId, PlaceId, ScheduleId, UserId};
use doorward_core::model::{
    Circuit, Credential, CredentialData, CredentialState, Door, DoorMode, DoorWiring, FailMode,
    Grant, InputPoint, Key, KeyFlags, OutputPoint, Place, Record, Relock, Schedule, User,
    UserState, Weekday, WeeklyInterval,
};
pub(crate) use doorward_tests::bench::bus::h10301 as card;

use crate::house::House;

pub(crate) const ALWAYS: ScheduleId = ScheduleId(1);
/// Never today, nor tomorrow, nor yesterday.
pub(crate) const ANOTHER_DAY: ScheduleId = ScheduleId(2);
pub(crate) const ALL_DOORS: KeyId = KeyId(1);

/// Place, schedules, doors and user 1 with key and card.
pub(crate) fn furnish(house: &House) {
    let mut records = vec![
        Record::Place(Place {
            id: PlaceId(1),
            name: "House".to_owned(),
            parent: None,
            ..Place::default()
        }),
        Record::Schedule(schedule(ALWAYS, &Weekday::ALL)),
        Record::Schedule(schedule(ANOTHER_DAY, &[day_after(3)])),
    ];
    let doors = 1..=u32::try_from(house.specs.len()).unwrap();
    records.extend(doors.clone().map(|id| Record::Door(door(id))));
    records.push(Record::Key(key(
        ALL_DOORS,
        ALWAYS,
        doors.map(DoorId).collect(),
    )));
    records.extend(holder(1, ALL_DOORS));
    house.put(records);
}

pub(crate) fn door(id: u32) -> Door {
    let number = u16::try_from(id).unwrap();
    let input = |input, circuit| {
        Some(InputPoint {
            board: "cabinet".to_owned(),
            input,
            circuit,
        })
    };
    Door {
        id: DoorId(id),
        name: format!("Door {id}"),
        place: PlaceId(1),
        time_zone: "Europe/Stockholm".to_owned(),
        unlock_ms: 300,
        extended_unlock_ms: 600,
        held_open_ms: 30_000,
        held_open_warning_ms: 10_000,
        relock: Relock::AfterTime,
        fail_mode: FailMode::Secure,
        mode: DoorMode::Normal,
        authentication: doorward_core::model::Authentication::default(),
        inside: None,
        outside: None,
        wiring: DoorWiring {
            entry_readers: vec![format!("reader-{}", id - 1)],
            exit_readers: Vec::new(),
            relay: Some(OutputPoint {
                board: "cabinet".to_owned(),
                output: number,
            }),
            contact: input(2 * number - 1, Circuit::NormallyClosed),
            rex: input(2 * number, Circuit::NormallyOpen),
            ..DoorWiring::default()
        },
        ..Door::default()
    }
}

/// The same, unlocked for longer than any test lasts unless something else locks it.
pub(crate) fn slow_door(id: u32, relock: Relock) -> Door {
    Door {
        unlock_ms: 300_000,
        extended_unlock_ms: 300_000,
        relock,
        ..door(id)
    }
}

pub(crate) fn key(id: KeyId, schedule: ScheduleId, doors: Vec<DoorId>) -> Key {
    Key {
        id,
        name: format!("Key {id}"),
        place: PlaceId(1),
        doors,
        schedule: Some(schedule),
        window: None,
        blocked: None,
        flags: KeyFlags::default(),
        ..Key::default()
    }
}

pub(crate) fn user(id: u32, state: UserState) -> Record {
    Record::User(User {
        id: UserId(id),
        first_name: "User".to_owned(),
        last_name: id.to_string(),
        email: None,
        department: String::new(),
        state,
        extended_unlock: false,
        ..User::default()
    })
}

pub(crate) fn credential(id: u32) -> Record {
    Record::Credential(Credential {
        id: CredentialId(id),
        user: Some(UserId(id)),
        data: CredentialData::Card(CardNumber {
            format: "H10301".parse().unwrap(),
            facility: Some(1),
            number: id.into(),
        }),
        state: CredentialState::Active,
        valid_from: None,
        valid_until: None,
        label: String::new(),
    })
}

pub(crate) fn grant(user: u32, key: KeyId) -> Grant {
    Grant {
        user: UserId(user),
        key,
        intervals: Vec::new(),
    }
}

/// An active user with a card and a key.
pub(crate) fn holder(id: u32, key: KeyId) -> [Record; 3] {
    [
        user(id, UserState::Active),
        credential(id),
        Record::Grant(grant(id, key)),
    ]
}

fn schedule(id: ScheduleId, days: &[Weekday]) -> Schedule {
    let whole = |&day| WeeklyInterval {
        day,
        from_minute: 0,
        until_minute: 1440,
    };
    Schedule {
        id,
        name: format!("Schedule {id}"),
        time_zone: "Europe/Stockholm".to_owned(),
        weekly: days.iter().map(whole).collect(),
        exceptions: Vec::new(),
        holidays: Vec::new(),
    }
}

/// The day of the week that many days from now.
fn day_after(days: u64) -> Weekday {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    // 1 January 1970 was a Thursday.
    let today = now.as_secs() / 86_400 + 3;
    Weekday::ALL[usize::try_from((today + days) % 7).unwrap()]
}

/// A card of 31 bits, which no format has.
pub(crate) fn odd_card() -> CardBits {
    CardBits::new(31, &[0xA5, 0x5A, 0x12, 0x34]).unwrap()
}
