//! Records for the tests of this crate.

use crate::card::{CardBits, CardNumber, CardRead};
use crate::ids::{AreaId, CredentialId, DoorId, HolidaySetId, KeyId, PlaceId, ScheduleId, UserId};
use crate::model::{
    Area, Circuit, Credential, CredentialData, CredentialState, Door, DoorMode, DoorWiring,
    FailMode, Grant, Holiday, HolidayDate, HolidaySet, InputPoint, Interlock, Interval, Key,
    KeyFlags, Observed, OutputPoint, Passback, Place, Record, Relock, Schedule, TwoPerson, User,
    UserState, Weekday, WeeklyInterval,
};
use crate::pin::{PinKey, PinPrint};
use crate::time::{ClockTrust, Mono, Now, Wall};

pub(crate) fn wall(text: &str) -> Wall {
    text.parse().unwrap()
}

pub(crate) fn now(text: &str) -> Now {
    Now {
        mono: Mono(0),
        wall: wall(text),
        trust: ClockTrust::Trusted,
    }
}

pub(crate) fn interval(from: &str, until: &str) -> Interval {
    let end = |text: &str| (!text.is_empty()).then(|| wall(text));
    Interval {
        from: end(from),
        until: end(until),
    }
}

pub(crate) fn number(number: u64) -> CardNumber {
    CardNumber {
        format: "H10301".parse().unwrap(),
        facility: Some(12),
        number,
    }
}

/// A card of 26 bits that one format reads as this number.
pub(crate) fn card(of: u64) -> CardRead {
    CardRead::new(bits(of), [number(of)])
}

pub(crate) fn bits(of: u64) -> CardBits {
    CardBits::new(26, &of.to_be_bytes()[4..]).unwrap()
}

pub(crate) fn place() -> Place {
    Place {
        id: PlaceId(1),
        name: "Site".to_owned(),
        parent: None,
        ..Place::default()
    }
}

/// A door with an entry and an exit reader, a relay, a contact and a REX button: reader `n-in`,
/// `n-out`; on board `b`, output n, inputs 2n-1 and 2n.
pub(crate) fn door(id: u32) -> Door {
    let nth = u16::try_from(id).unwrap();
    let input = |input, circuit| InputPoint {
        board: "b".to_owned(),
        input,
        circuit,
    };
    Door {
        id: DoorId(id),
        name: format!("Door {id}"),
        place: PlaceId(1),
        time_zone: "Europe/Stockholm".to_owned(),
        unlock_ms: 5_000,
        extended_unlock_ms: 15_000,
        held_open_ms: 30_000,
        held_open_warning_ms: 10_000,
        relock: Relock::OnClose,
        fail_mode: FailMode::Secure,
        mode: DoorMode::Normal,
        wiring: DoorWiring {
            entry_readers: vec![format!("{id}-in")],
            exit_readers: vec![format!("{id}-out")],
            relay: Some(OutputPoint {
                board: "b".to_owned(),
                output: nth,
            }),
            contact: Some(input(2 * nth - 1, Circuit::NormallyClosed)),
            rex: Some(input(2 * nth, Circuit::NormallyOpen)),
            ..DoorWiring::default()
        },
        ..Door::default()
    }
}

pub(crate) fn user(id: u32) -> User {
    User {
        id: UserId(id),
        first_name: "User".to_owned(),
        last_name: id.to_string(),
        email: None,
        department: String::new(),
        state: UserState::Active,
        extended_unlock: false,
        ..User::default()
    }
}

pub(crate) fn credential(id: u32, holder: u32, card: u64) -> Credential {
    Credential {
        id: CredentialId(id),
        user: Some(UserId(holder)),
        data: CredentialData::Card(number(card)),
        state: CredentialState::Active,
        valid_from: None,
        valid_until: None,
        label: String::new(),
    }
}

pub(crate) fn key(id: u32, doors: &[u32]) -> Key {
    Key {
        id: KeyId(id),
        name: format!("Key {id}"),
        place: PlaceId(1),
        doors: doors.iter().copied().map(DoorId).collect(),
        schedule: None,
        window: None,
        blocked: None,
        flags: KeyFlags::default(),
        ..Key::default()
    }
}

pub(crate) fn grant(holder: u32, key: u32) -> Grant {
    Grant {
        user: UserId(holder),
        key: KeyId(key),
        intervals: Vec::new(),
    }
}

/// The print of a PIN.
pub(crate) fn pin(digits: &str) -> PinPrint {
    PinKey::new([7; 32]).print(&digits.parse().unwrap())
}

pub(crate) fn pin_credential(id: u32, holder: u32, digits: &str, duress: bool) -> Credential {
    Credential {
        data: CredentialData::Pin {
            print: pin(digits),
            duress,
        },
        ..credential(id, holder, 0)
    }
}

pub(crate) fn area(id: u32) -> Area {
    Area {
        id: AreaId(id),
        name: format!("Area {id}"),
        place: PlaceId(1),
        passback: Passback::Off,
        passback_s: 0,
        occupancy_max: None,
        two_person: TwoPerson::Off,
        interlock: Interlock::Off,
    }
}

/// Weekdays 07:00 to 18:00 in Stockholm.
pub(crate) fn office_hours(id: u32) -> Schedule {
    Schedule {
        id: ScheduleId(id),
        name: "Office hours".to_owned(),
        time_zone: "Europe/Stockholm".to_owned(),
        weekly: Weekday::ALL[..5]
            .iter()
            .map(|&day| WeeklyInterval {
                day,
                from_minute: 7 * 60,
                until_minute: 18 * 60,
            })
            .collect(),
        exceptions: Vec::new(),
        holidays: Vec::new(),
    }
}

/// 24 March and Christmas Day.
pub(crate) fn holidays(id: u32) -> HolidaySet {
    let day = |name: &str, month, day| Holiday {
        name: name.to_owned(),
        on: HolidayDate::Yearly { month, day },
        observed: Observed::OnTheDay,
        from_year: None,
        until_year: None,
    };
    HolidaySet {
        id: HolidaySetId(id),
        name: format!("Holidays {id}"),
        holidays: vec![day("Founders' Day", 3, 24), day("Christmas Day", 12, 25)],
    }
}

/// One place, doors 1 and 2, office hours 1, key 1 to door 1, user 1 with card 100 and key 1.
pub(crate) fn small_site() -> Vec<Record> {
    vec![
        Record::Place(place()),
        Record::Schedule(office_hours(1)),
        Record::Door(door(1)),
        Record::Door(door(2)),
        Record::Key(key(1, &[1])),
        Record::User(user(1)),
        Record::Credential(credential(1, 1, 100)),
        Record::Grant(grant(1, 1)),
    ]
}
