use super::{
    Block, CHANGES_MAX, Change, ChangeRefused, Credential, CredentialData, CredentialState,
    DatedException, DayInterval, Door, DoorWiring, Grant, Holiday, HolidayDate, HolidayRule,
    HolidaySet, Interval, Key, Kind, Place, Problems, Record, RecordRef, Schedule, TableLookup,
    User, Validate, Weekday, WeeklyInterval, validate_changes,
};
use crate::date::CivilDate;
use crate::fixture::{
    bits, credential, door, grant, interval, key, office_hours, place, small_site, user,
};
use crate::ids::{
    CompanyId, CredentialId, DoorId, HolidaySetId, KeyId, PlaceId, ScheduleId, UserId,
};
use crate::time::Wall;
use crate::view::{CardIdentity, MapView, Unreadable};

/// What a record says of itself: each problem as `field: message`.
#[track_caller]
fn check_record(record: impl Into<Record>, expect: &[&str]) {
    let mut problems = Problems::default();
    record.into().validate(&mut problems);
    let found: Vec<_> = problems
        .0
        .iter()
        .map(|problem| format!("{}: {}", problem.field, problem.message))
        .collect();
    assert_eq!(found, expect);
}

#[track_caller]
fn check_door(change: impl FnOnce(&mut Door), expect: &[&str]) {
    let mut record = door(1);
    change(&mut record);
    check_record(Record::Door(record), expect);
}

#[test]
fn sound_records_have_no_problems() {
    for record in small_site() {
        check_record(record, &[]);
    }
}

#[test]
fn names_have_bounds_and_hide_nothing() {
    let named = |name: &str| {
        Record::Place(Place {
            name: name.to_owned(),
            ..place()
        })
    };
    check_record(named("Åre – 北門 (Süd)"), &[]);
    check_record(named(&"x".repeat(100)), &[]);
    check_record(
        named(""),
        &["name: is empty; 1 to 100 characters are allowed"],
    );
    check_record(
        named(&"é".repeat(101)),
        &["name: has 101 characters, at most 100 are allowed"],
    );
    check_record(named(" Site"), &["name: begins or ends with white space"]);
    for (bad, code) in [
        ('\u{7}', "0007"),
        ('\u{202E}', "202E"),
        ('\u{2066}', "2066"),
    ] {
        check_record(
            named(&format!("Si{bad}te")),
            &[&format!(
                "name: has the character U+{code}; control and text-direction characters are not \
                 allowed"
            )],
        );
    }
}

#[test]
fn doors_have_bounds() {
    check_door(
        |door| {
            door.time_zone = "Mars/Olympus".to_owned();
            door.unlock_ms = 99;
            door.extended_unlock_ms = 600_001;
            door.held_open_ms = 86_400_001;
        },
        &[
            "time_zone: `Mars/Olympus` is not an IANA time zone; `Europe/Stockholm` is one",
            "unlock_ms: 99 is not in 100 to 600000",
            "extended_unlock_ms: 600001 is not in 100 to 600000",
            "held_open_ms: 86400001 is not in 0 to 86400000",
        ],
    );
    check_door(
        |door| {
            door.extended_unlock_ms = 4_000;
            door.held_open_ms = 9_000;
        },
        &[
            "extended_unlock_ms: 4000 is shorter than unlock_ms, 5000",
            "held_open_warning_ms: 10000 is not in 0 to 9000",
        ],
    );
}

#[test]
fn wiring_has_bounds() {
    check_door(
        |door| {
            let wiring = &mut door.wiring;
            wiring.entry_readers = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
            wiring.exit_readers = vec!["a".to_owned(), String::new()];
            wiring.relay.as_mut().unwrap().output = 257;
            wiring.contact.as_mut().unwrap().input = 0;
            wiring.rex.as_mut().unwrap().input = 65;
        },
        &[
            "wiring.entry_readers: has 5 entries, at most 4 are allowed",
            "wiring.exit_readers[0]: reader `a` is named twice",
            "wiring.exit_readers[1]: a device's name has 1 to 64 characters, none of them control",
            "wiring.relay.output: 257 is not in 1 to 256",
            "wiring.contact.input: 0 is not in 1 to 64",
            "wiring.rex.input: 65 is not in 1 to 64",
        ],
    );
    check_door(
        |door| door.wiring.rex = door.wiring.contact.clone(),
        &["wiring.rex: input 1 of board `b` is the contact already"],
    );
}

#[test]
fn users_need_a_name_and_a_sound_address() {
    let with = |change: &dyn Fn(&mut User)| {
        let mut record = user(1);
        change(&mut record);
        Record::User(record)
    };
    check_record(
        with(&|user| {
            user.first_name.clear();
            user.last_name.clear();
        }),
        &["last_name: first and last name are both empty"],
    );
    check_record(with(&|user| user.first_name.clear()), &[]);
    let wrong = "email: is not an e-mail address such as `name@example.org` of at most 254 bytes";
    for (email, sound) in [
        ("a@example.org", true),
        ("åsa.öst+x@exämple.org", true),
        ("a@b@example.org", false),
        ("@example.org", false),
        ("a@", false),
        ("a b@example.org", false),
        ("Åsa <a@example.org>", false),
        ("", false),
    ] {
        let record = with(&|user| user.email = Some(email.to_owned()));
        let expect: &[&str] = if sound { &[] } else { &[wrong] };
        check_record(record, expect);
    }
    let long = format!("{}@example.org", "a".repeat(250));
    check_record(with(&|user| user.email = Some(long.clone())), &[wrong]);
}

fn dated(date: &str, last: &str, hours: &[(u16, u16)]) -> DatedException {
    DatedException {
        date: date.parse().unwrap(),
        last: last.parse().ok(),
        hours: intervals(hours),
        note: String::new(),
    }
}

fn intervals(hours: &[(u16, u16)]) -> Vec<DayInterval> {
    let interval = |&(from_minute, until_minute): &(u16, u16)| DayInterval {
        from_minute,
        until_minute,
    };
    hours.iter().map(interval).collect()
}

#[test]
fn exceptions_and_holiday_rules_have_bounds() {
    let with = |change: &dyn Fn(&mut Schedule)| {
        let mut record = office_hours(1);
        change(&mut record);
        Record::Schedule(record)
    };
    let rule = |set, hours: &[(u16, u16)]| HolidayRule {
        set: HolidaySetId(set),
        hours: intervals(hours),
    };
    check_record(
        with(&|schedule| {
            schedule.exceptions = vec![
                dated("2026-12-24", "", &[(0, 1440), (1439, 1)]),
                dated("2026-12-25", "2026-12-26", &[]),
                dated("1970-01-01", "2199-12-31", &[]),
            ];
            schedule.exceptions.pop();
            schedule.holidays = vec![rule(2, &[]), rule(1, &[(600, 600)])];
        }),
        &[],
    );
    check_record(
        with(&|schedule| {
            schedule.time_zone = "Europe/Atlantis".to_owned();
            schedule.weekly[0].until_minute = 0;
            schedule.exceptions = vec![
                dated("2026-12-24", "2026-12-26", &[]),
                dated("1969-12-31", "", &[(1440, 1441)]),
                dated("2026-12-20", "2026-12-25", &[]),
                dated("2026-11-02", "2026-11-01", &[]),
                dated("2200-01-01", "9999-12-31", &[]),
            ];
            schedule.exceptions[0].note = "n\u{202E}".to_owned();
            schedule.holidays = vec![rule(1, &[]), rule(1, &[(0, 1); 25])];
        }),
        &[
            "time_zone: `Europe/Atlantis` is not an IANA time zone; `Europe/Stockholm` is one",
            "weekly[0].until_minute: 0 is not in 1 to 1440",
            "exceptions[0].note: has the character U+202E; control and text-direction characters \
             are not allowed",
            "exceptions[1].date: `1969-12-31` is outside the years 1970 to 2199",
            "exceptions[1].hours[0].from_minute: 1440 is not in 0 to 1439",
            "exceptions[1].hours[0].until_minute: 1441 is not in 1 to 1440",
            "exceptions[3].last: `2026-11-01` is before the first day, `2026-11-02`",
            "exceptions[4].date: `2200-01-01` is outside the years 1970 to 2199",
            "exceptions[4].last: `9999-12-31` is outside the years 1970 to 2199",
            "exceptions[2].date: `2026-12-24` has the hours of exceptions[0] already",
            "holidays[1].set: holiday set 1 is named twice",
            "holidays[1].hours: has 25 entries, at most 24 are allowed",
        ],
    );
    let large = with(&|schedule| {
        let day = CivilDate::new(2026, 1, 1).unwrap();
        schedule.exceptions = (0..100)
            .map(|nth| DatedException {
                date: day.plus_days(nth),
                ..dated("2026-01-01", "", &[(0, 1), (2, 3), (4, 5)])
            })
            .collect();
    });
    check_record(
        large,
        &[
            "exceptions: the record takes up to 13938 bytes, at most 10000 are allowed: put days \
           that come again into a holiday set",
        ],
    );
}

#[test]
fn holidays_have_bounds() {
    let with = |holidays: Vec<Holiday>| {
        Record::HolidaySet(HolidaySet {
            holidays,
            ..crate::fixture::holidays(1)
        })
    };
    let day = |on| Holiday {
        on,
        ..crate::fixture::holidays(1).holidays.remove(0)
    };
    let yearly = |month, day| HolidayDate::Yearly { month, day };
    let from = |month, day| HolidayDate::WeekdayFrom {
        month,
        day,
        weekday: Weekday::Monday,
    };
    let nth = |nth| HolidayDate::NthWeekday {
        month: 13,
        nth,
        weekday: Weekday::Monday,
    };
    let once = |date: &str, last: &str| HolidayDate::Once {
        date: date.parse().unwrap(),
        last: last.parse().ok(),
    };
    let sound = [
        yearly(2, 29),
        from(12, 31),
        HolidayDate::Easter { days: -120 },
        once("2024-01-01", "2024-12-31"),
    ];
    check_record(with(sound.map(day).to_vec()), &[]);
    let unsound = [
        yearly(2, 30),
        yearly(0, 1),
        from(2, 29),
        nth(0),
        nth(5),
        HolidayDate::Easter { days: 121 },
        once("2026-02-01", "2026-01-31"),
        once("2026-01-01", "2027-01-02"),
    ];
    let mut unsound = unsound.map(day).to_vec();
    unsound[0].name.clear();
    unsound[1].from_year = Some(1969);
    unsound[2].from_year = Some(2026);
    unsound[2].until_year = Some(2025);
    check_record(
        with(unsound),
        &[
            "holidays[0].name: is empty; 1 to 60 characters are allowed",
            "holidays[0].on.day: month 2 has no day 30 that this could be",
            "holidays[1].on.month: 0 is not in 1 to 12",
            "holidays[1].from_year: 1969 is not in 1970 to 2199",
            "holidays[2].on.day: month 2 has no day 29 that this could be",
            "holidays[2].until_year: 2025 is before from_year, 2026",
            "holidays[3].on.month: 13 is not in 1 to 12",
            "holidays[3].on.nth: 0 is neither in 1 to 4 (from the beginning of the month) nor in \
             -4 to -1 (from its end)",
            "holidays[4].on.month: 13 is not in 1 to 12",
            "holidays[4].on.nth: 5 is neither in 1 to 4 (from the beginning of the month) nor in \
             -4 to -1 (from its end)",
            "holidays[5].on.days: 121 is not in -120 to 120",
            "holidays[6].on.last: `2026-01-31` is before the first day, `2026-02-01`",
            "holidays[7].on.last: lasts 367 days, at most 366 are allowed",
        ],
    );
    let many = vec![day(yearly(1, 1)); 101];
    check_record(
        with(many),
        &[
            "holidays: has 101 entries, at most 100 are allowed",
            "holidays: the record takes up to 12715 bytes, at most 10000 are allowed: split the set",
        ],
    );
}

#[test]
fn dates_lie_between_1970_and_2200_and_in_order() {
    let with = |from, until| {
        Record::Credential(Credential {
            valid_from: Some(Wall(from)),
            valid_until: Some(Wall(until)),
            ..credential(1, 1, 100)
        })
    };
    check_record(with(0, 7_258_118_399_999), &[]);
    check_record(
        with(-1, 7_258_118_400_000),
        &[
            "valid_from: `1969-12-31T23:59:59.999Z` is outside the years 1970 to 2199",
            "valid_until: `2200-01-01T00:00:00.000Z` is outside the years 1970 to 2199",
        ],
    );
    check_record(
        with(60_000, 60_000),
        &[
            "valid_until: `1970-01-01T00:01:00.000Z` is not later than valid_from, \
           `1970-01-01T00:01:00.000Z`",
        ],
    );
}

#[test]
fn keys_and_grants_have_bounds() {
    let mut record = key(1, &[]);
    record.doors = vec![DoorId(1), DoorId(2), DoorId(1)];
    record.blocked = Some(Block {
        reason: String::new(),
        until: Some(Wall(-1)),
    });
    check_record(
        Record::Key(record.clone()),
        &[
            "doors[2]: door 1 is named twice",
            "blocked.reason: is empty: say why",
            "blocked.until: `1969-12-31T23:59:59.999Z` is outside the years 1970 to 2199",
        ],
    );
    record.blocked = None;
    record.doors = (0..1_001).map(DoorId).collect();
    check_record(
        Record::Key(record),
        &["doors: has 1001 entries, at most 1000 are allowed"],
    );
    let intervals = vec![interval("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")];
    check_record(
        Record::Grant(Grant {
            intervals,
            ..grant(1, 1)
        }),
        &[
            "intervals[0].until: `2026-01-01T00:00:00.000Z` is not later than intervals[0].from, \
           `2026-01-02T00:00:00.000Z`",
        ],
    );
    check_record(
        Record::Grant(Grant {
            intervals: vec![Interval::default(); 101],
            ..grant(1, 1)
        }),
        &["intervals: has 101 entries, at most 100 are allowed"],
    );
}

#[test]
fn schedules_have_bounds() {
    let mut record = office_hours(1);
    record.time_zone = "Mars/Olympus".to_owned();
    record.weekly[1].from_minute = 1_440;
    record.weekly[2].until_minute = 0;
    check_record(
        Record::Schedule(record.clone()),
        &[
            "time_zone: `Mars/Olympus` is not an IANA time zone; `Europe/Stockholm` is one",
            "weekly[1].from_minute: 1440 is not in 0 to 1439",
            "weekly[2].until_minute: 0 is not in 1 to 1440",
        ],
    );
    record = office_hours(1);
    let one = WeeklyInterval {
        day: Weekday::Monday,
        from_minute: 0,
        until_minute: 1,
    };
    record.weekly = vec![one; 201];
    check_record(
        Record::Schedule(record),
        &["weekly: has 201 entries, at most 200 are allowed"],
    );
}

/// The small site and a second place, with a change made to it: the rows that follow, or the
/// problems.
fn change(changes: &[Change]) -> Result<Vec<String>, Vec<String>> {
    let mut site = small_site();
    site.push(Record::Place(Place {
        id: PlaceId(2),
        name: "Annex".to_owned(),
        parent: Some(PlaceId(1)),
        ..Place::default()
    }));
    let table: MapView = site.into_iter().collect();
    match validate_changes(&table, changes) {
        Ok(validated) => Ok(validated
            .rows()
            .iter()
            .map(|row| match row {
                Change::Put(record) => format!("put {}", record.reference()),
                Change::Remove(reference) => format!("remove {reference}"),
            })
            .collect()),
        Err(ChangeRefused::Invalid(problems)) => Err(problems
            .0
            .iter()
            .map(|problem| format!("{}: {}", problem.field, problem.message))
            .collect()),
        Err(ChangeRefused::Unreadable(error)) => panic!("{error}"),
    }
}

#[track_caller]
fn accepted(changes: &[Change], expect: &[&str]) {
    assert_eq!(change(changes).unwrap(), expect);
}

#[track_caller]
fn refused(changes: &[Change], expect: &[&str]) {
    assert_eq!(change(changes).unwrap_err(), expect);
}

fn put(record: impl Into<Record>) -> Change {
    Change::Put(record.into())
}

macro_rules! into_record {
    ($($kind:ident),*) => {$(
        impl From<$kind> for Record {
            fn from(record: $kind) -> Self {
                Self::$kind(record)
            }
        }
    )*};
}
into_record!(
    Place, Door, User, Credential, Key, Grant, Schedule, HolidaySet
);

#[test]
fn references_must_lead_somewhere() {
    let mut lost = key(2, &[1, 9]);
    (lost.place, lost.schedule) = (PlaceId(9), Some(ScheduleId(9)));
    let mut homeless = door(3);
    homeless.place = PlaceId(8);
    let mut orphan = place();
    (orphan.id, orphan.parent) = (PlaceId(3), Some(PlaceId(7)));
    refused(
        &[
            put(lost),
            put(homeless),
            put(orphan),
            put(credential(2, 9, 200)),
            put(grant(9, 8)),
            Change::Remove(RecordRef::User(UserId(6))),
        ],
        &[
            "changes[5]: there is no user 6",
            "changes[2].parent: there is no place 7",
            "changes[1].place: there is no place 8",
            "changes[3].user: there is no user 9",
            "changes[0].place: there is no place 9",
            "changes[0].schedule: there is no schedule 9",
            "changes[0].doors[1]: there is no door 9",
            "changes[4].user: there is no user 9",
            "changes[4].key: there is no key 8",
        ],
    );
}

#[test]
fn steps_may_refer_to_later_steps() {
    accepted(
        &[
            put(grant(2, 2)),
            put(credential(2, 2, 200)),
            put(key(2, &[3])),
            put(user(2)),
            put(door(3)),
        ],
        &[
            "put door 3",
            "put key 2",
            "put user 2",
            "put credential 2",
            "put grant of key 2 to user 2",
        ],
    );
}

#[test]
fn bounds_are_told_by_step_and_field() {
    let mut nameless = place();
    nameless.name.clear();
    refused(
        &[put(user(2)), put(nameless), put(key(2, &[]))],
        &[
            "changes[1].name: is empty; 1 to 100 characters are allowed",
            "changes[2].doors: a key needs at least one door, of its own or by a door group",
        ],
    );
}

#[test]
fn a_card_has_one_live_credential() {
    let with_state = |state| Credential {
        state,
        ..credential(2, 1, 100)
    };
    for state in [
        CredentialState::Pending,
        CredentialState::Active,
        CredentialState::Inactive,
    ] {
        refused(
            &[put(with_state(state))],
            &["changes[0].data: is the card of credential 1 already; remove that one first"],
        );
    }
    accepted(
        &[put(with_state(CredentialState::Removed))],
        &["put credential 2"],
    );
    // In one change the old one is taken back and the card given to someone else.
    let taken_back = Credential {
        state: CredentialState::Removed,
        ..credential(1, 1, 100)
    };
    accepted(
        &[put(credential(2, 1, 100)), put(taken_back)],
        &["put credential 1", "put credential 2"],
    );
    refused(
        &[put(credential(2, 1, 200)), put(credential(3, 1, 200))],
        &["changes[1].data: is the card of credential 2 already; remove that one first"],
    );
    let phone = Credential {
        data: CredentialData::Phone(crate::fixture::number(100)),
        ..credential(2, 1, 0)
    };
    assert!(change(&[put(phone)]).is_err());
    let raw = Credential {
        data: CredentialData::RawCard { bits: bits(100) },
        ..credential(2, 1, 0)
    };
    accepted(&[put(raw)], &["put credential 2"]);
}

#[test]
fn an_address_belongs_to_one_user() {
    let with = |id, email: &str| User {
        email: Some(email.to_owned()),
        ..user(id)
    };
    refused(
        &[put(with(2, "a@example.org")), put(with(3, "A@Example.org"))],
        &["changes[1].email: is the address of user 2 already"],
    );
    let table: MapView = [Record::User(with(1, "a@example.org"))]
        .into_iter()
        .collect();
    assert!(validate_changes(&table, &[put(with(1, "A@example.org"))]).is_ok());
    assert!(validate_changes(&table, &[put(with(2, "A@example.org"))]).is_err());
    let swapped = [put(with(1, "b@example.org")), put(with(2, "a@example.org"))];
    assert!(validate_changes(&table, &swapped).is_ok());
}

#[test]
fn devices_belong_to_one_door() {
    let mut copy = door(1);
    copy.id = DoorId(3);
    refused(
        &[put(copy.clone())],
        &[
            "changes[0].wiring.entry_readers[0]: reader `1-in` is wired to door 1 already",
            "changes[0].wiring.exit_readers[0]: reader `1-out` is wired to door 1 already",
            "changes[0].wiring.relay: output 1 of board `b` is wired to door 1 already",
            "changes[0].wiring.contact: input 1 of board `b` is wired to door 1 already",
        ],
    );
    // The wiring may move, and one exit button may serve two doors.
    let mut bare = door(1);
    bare.wiring = DoorWiring::default();
    accepted(
        &[put(copy.clone()), put(bare)],
        &["put door 1", "put door 3"],
    );
    let mut second = door(3);
    second.wiring.rex = copy.wiring.rex.clone();
    accepted(&[put(second)], &["put door 3"]);
    let mut third = door(4);
    third.wiring.relay = door(3).wiring.relay;
    refused(
        &[put(third), put(door(3))],
        &["changes[0].wiring.relay: output 3 of board `b` is wired to door 3 already"],
    );
}

#[test]
fn places_are_a_tree() {
    let under = |id, parent| Place {
        id: PlaceId(id),
        parent: Some(PlaceId(parent)),
        ..place()
    };
    refused(
        &[put(under(1, 2))],
        &["changes[0].parent: place 1 would be part of itself"],
    );
    refused(
        &[put(under(2, 2))],
        &["changes[0].parent: place 2 would be part of itself"],
    );
    let chain: Vec<_> = (3..40).map(|id| put(under(id, id - 1))).collect();
    let problems = change(&chain).unwrap_err();
    assert_eq!(
        problems[0],
        "changes[30].parent: is nested deeper than 32 places"
    );
}

#[test]
fn what_is_in_use_is_not_removed() {
    let scheduled = Key {
        schedule: Some(ScheduleId(1)),
        ..key(1, &[1])
    };
    refused(
        &[
            put(scheduled),
            Change::Remove(RecordRef::Schedule(ScheduleId(1))),
        ],
        &["changes[0].schedule: there is no schedule 1"],
    );
    refused(
        &[Change::Remove(RecordRef::Place(PlaceId(1)))],
        &[
            "changes[0]: place 1 is still used by place 2 `Annex`",
            "changes[0]: place 1 is still used by door 1 `Door 1`",
            "changes[0]: place 1 is still used by door 2 `Door 2`",
            "changes[0]: place 1 is still used by key 1 `Key 1`",
        ],
    );
    accepted(
        &[
            Change::Remove(RecordRef::Place(PlaceId(2))),
            Change::Remove(RecordRef::Schedule(ScheduleId(1))),
        ],
        &["remove schedule 1", "remove place 2"],
    );
}

#[test]
fn a_holiday_set_is_there_as_long_as_a_schedule_follows_it() {
    let mut following = office_hours(1);
    following.holidays = vec![HolidayRule {
        set: HolidaySetId(4),
        hours: Vec::new(),
    }];
    refused(
        &[put(following.clone())],
        &["changes[0].holidays[0].set: there is no holiday set 4"],
    );
    let made = [put(following.clone()), put(crate::fixture::holidays(4))];
    accepted(&made, &["put holiday set 4", "put schedule 1"]);
    let table: MapView = small_site()
        .into_iter()
        .chain([
            Record::Schedule(following),
            Record::HolidaySet(crate::fixture::holidays(4)),
        ])
        .collect();
    let gone = [Change::Remove(RecordRef::HolidaySet(HolidaySetId(4)))];
    let refused = validate_changes(&table, &gone).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "changes[0]: holiday set 4 is still used by schedule 1 `Office hours`"
    );
    let with_user = [
        gone.as_slice(),
        &[Change::Remove(RecordRef::Schedule(ScheduleId(1)))],
    ];
    assert!(validate_changes(&table, &with_user.concat()).is_ok());
}

#[test]
fn a_schedule_used_by_the_table_is_not_removed() {
    let scheduled = Key {
        schedule: Some(ScheduleId(1)),
        ..key(1, &[1])
    };
    let table: MapView = small_site()
        .into_iter()
        .chain([Record::Key(scheduled)])
        .collect();
    let gone = [Change::Remove(RecordRef::Schedule(ScheduleId(1)))];
    let refused = validate_changes(&table, &gone).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "changes[0]: schedule 1 is still used by key 1 `Key 1`"
    );
}

#[test]
fn what_cannot_stand_alone_goes_along() {
    accepted(
        &[Change::Remove(RecordRef::User(UserId(1)))],
        &[
            "remove grant of key 1 to user 1",
            "remove user 1",
            "put credential 1",
        ],
    );
    accepted(
        &[Change::Remove(RecordRef::Key(KeyId(1)))],
        &["remove grant of key 1 to user 1", "remove key 1"],
    );
    accepted(
        &[Change::Remove(RecordRef::Door(DoorId(1)))],
        &["remove door 1", "put key 1"],
    );
    // Also what the same change made before.
    accepted(
        &[
            put(user(2)),
            put(credential(2, 2, 200)),
            put(grant(2, 1)),
            Change::Remove(RecordRef::User(UserId(2))),
        ],
        &["put credential 2"],
    );
}

#[test]
fn rows_that_follow_say_what_they_should() {
    let table: MapView = small_site().into_iter().collect();
    let rows = |reference| {
        let changes = [Change::Remove(reference)];
        validate_changes(&table, &changes).unwrap().into_rows()
    };
    let spare = Credential {
        user: None,
        ..credential(1, 1, 100)
    };
    assert!(rows(RecordRef::User(UserId(1))).contains(&put(spare)));
    assert!(rows(RecordRef::Door(DoorId(1))).contains(&put(key(1, &[]))));
}

#[test]
fn a_key_with_one_window_for_all_has_grants_without_intervals() {
    let window = Some(interval("2026-01-01T00:00:00Z", ""));
    let windowed = Key {
        window,
        ..key(1, &[1])
    };
    let booked = Grant {
        intervals: vec![interval("2026-01-01T00:00:00Z", "")],
        ..grant(1, 1)
    };
    refused(
        &[put(windowed.clone()), put(booked.clone())],
        &[
            "changes[1].intervals: key 1 has one window for all its holders: intervals are not \
           allowed",
        ],
    );
    let table: MapView = small_site()
        .into_iter()
        .chain([Record::Grant(booked)])
        .collect();
    let error = validate_changes(&table, &[put(windowed.clone())]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "changes[0].window: 1 users hold the key with intervals of their own: take those away \
         before giving it one window for all"
    );
    let both = [put(windowed), put(grant(1, 1))];
    assert!(validate_changes(&table, &both).is_ok());
}

#[test]
fn a_change_has_a_limit() {
    let many: Vec<_> = (0..=CHANGES_MAX).map(|_| put(place())).collect();
    refused(
        &many,
        &["changes: has 20001 steps, at most 20000 are allowed"],
    );
}

#[test]
fn a_long_change_is_checked_in_one_pass() {
    let mut changes = Vec::new();
    for id in 2..4_000 {
        changes.push(put(user(id)));
        changes.push(put(credential(id, id, u64::from(id) + 1_000)));
        changes.push(put(grant(id, 1)));
    }
    for id in 2..4_000 {
        changes.push(Change::Remove(RecordRef::User(UserId(id))));
    }
    let table = MapView::from_iter([Record::Place(place()), Record::Key(key(1, &[]))]);
    let validated = validate_changes(&table, &changes).unwrap();
    assert_eq!(validated.rows().len(), 3_998);
}

/// A table that cannot be read.
struct Broken;

impl TableLookup for Broken {
    fn record(&self, _: RecordRef) -> Result<Option<Record>, Unreadable> {
        Err(Unreadable)
    }
    fn for_each(&self, _: Kind, _: &mut dyn FnMut(Record)) -> Result<(), Unreadable> {
        Err(Unreadable)
    }
    fn credentials_known_by(&self, _: &CardIdentity) -> Result<Vec<CredentialId>, Unreadable> {
        Err(Unreadable)
    }
    fn pins_of_several(&self) -> Result<Vec<Vec<CredentialId>>, Unreadable> {
        Err(Unreadable)
    }
    fn credentials_of(&self, _: UserId) -> Result<Vec<CredentialId>, Unreadable> {
        Err(Unreadable)
    }
    fn keys_of(&self, _: UserId) -> Result<Vec<KeyId>, Unreadable> {
        Err(Unreadable)
    }
    fn holders_of(&self, _: KeyId) -> Result<Vec<UserId>, Unreadable> {
        Err(Unreadable)
    }
    fn users_of_place(&self, _: PlaceId, _: usize) -> Result<Vec<UserId>, Unreadable> {
        Err(Unreadable)
    }
    fn users_of_company(&self, _: CompanyId, _: usize) -> Result<Vec<UserId>, Unreadable> {
        Err(Unreadable)
    }
    fn user_by_email(&self, _: &str) -> Result<Option<UserId>, Unreadable> {
        Err(Unreadable)
    }
}

#[test]
fn what_cannot_be_checked_is_not_accepted() {
    assert_eq!(
        validate_changes(&Broken, &[put(door(1))]),
        Err(ChangeRefused::Unreadable(Unreadable))
    );
}

#[test]
fn a_pin_of_two_users_is_refused_where_a_door_opens_by_pin_alone() {
    use super::{AuthMethod, Authentication};
    use crate::fixture::{pin_credential, user};
    let asking = |method| {
        let mut door = door(1);
        door.authentication.method = method;
        door
    };
    let table = |method| {
        MapView::from_iter([
            Record::Place(place()),
            Record::Door(asking(method)),
            Record::User(user(1)),
            Record::User(user(2)),
            Record::Credential(pin_credential(1, 1, "1234", false)),
        ])
    };
    let same = |holder| put(pin_credential(2, holder, "1234", false));
    let check = |table: &MapView, changes: &[Change], expect: &[&str]| {
        let found = match validate_changes(table, changes) {
            Ok(_) => Vec::new(),
            Err(ChangeRefused::Invalid(problems)) => problems
                .0
                .iter()
                .map(|problem| format!("{}: {}", problem.field, problem.message))
                .collect(),
            Err(ChangeRefused::Unreadable(error)) => panic!("{error}"),
        };
        assert_eq!(found, expect);
    };
    let in_use = "changes[0].data: is in use; choose another PIN";
    for method in [AuthMethod::Pin, AuthMethod::CardOrPin] {
        check(&table(method), &[same(2)], &[in_use]);
    }
    for method in [AuthMethod::Card, AuthMethod::CardAndPin] {
        check(&table(method), &[same(2)], &[]);
        // A user's own duress PIN must be another.
        let mut duress = pin_credential(2, 1, "1234", true);
        duress.label = "duress".to_owned();
        check(&table(method), &[put(duress)], &[in_use]);
        let both = [same(2), put(asking(AuthMethod::Pin))];
        check(
            &table(method),
            &both,
            &["changes[0].data: is in use; choose another PIN"],
        );
    }
    let shared = MapView::from_iter(
        table(AuthMethod::Card)
            .records()
            .cloned()
            .chain([Record::Credential(pin_credential(2, 2, "1234", false))]),
    );
    let opened = put(asking(AuthMethod::CardOrPin));
    let told = "changes[0].authentication: 1 PINs are used by several users each: give them others \
                before a door opens by PIN alone";
    check(&shared, std::slice::from_ref(&opened), &[told]);
    let another = put(pin_credential(2, 2, "4321", false));
    check(&shared, &[opened, another], &[]);

    let mut lost = door(1);
    lost.authentication = Authentication {
        method: AuthMethod::Card,
        scheduled: vec![super::ScheduledMethod {
            schedule: ScheduleId(9),
            method: AuthMethod::Pin,
        }],
    };
    lost.inside = Some(crate::ids::AreaId(9));
    lost.outside = lost.inside;
    check(
        &table(AuthMethod::Pin),
        &[put(lost)],
        &[
            "changes[0].outside: is the same area as `inside`",
            "changes[0].authentication.scheduled[0].schedule: there is no schedule 9",
            "changes[0].inside: there is no area 9",
            "changes[0].outside: there is no area 9",
        ],
    );
}
