//! Records as they are stored: samples of every version, and fields of versions to come.

use std::collections::BTreeMap;

use doorward_core::date::CivilDate;
use doorward_core::ids::{CompanyId, HolidaySetId};
use doorward_core::model::{
    Block, Circuit, Company, DatedException, DatedHours, DatedState, DayInterval, DoorGroup,
    Holiday, HolidayDate, HolidayRule, HolidaySet, InputPoint, Interval, Kind, Language,
    LockdownExit, Observed, Schedule, Share, UnlockPlan, Weekday, WeeklyInterval,
};
use rmpv::Value;

use super::super::encoding::{self, RECORD_VERSION};
use super::super::records;
use super::*;

/// One record of each kind with every field filled in.
fn samples() -> Vec<Record> {
    let Record::Door(mut full_door) = door(2) else {
        unreachable!()
    };
    full_door.mode = DoorMode::Locked;
    full_door.fail_mode = FailMode::Safe;
    full_door.relock = Relock::AfterTime;
    full_door.wiring = DoorWiring {
        entry_readers: vec!["front-in".to_owned()],
        exit_readers: vec!["front-out".to_owned()],
        relay: Some(doorward_core::model::OutputPoint {
            board: "cabinet".to_owned(),
            output: 3,
        }),
        contact: Some(InputPoint {
            board: "cabinet".to_owned(),
            input: 4,
            circuit: Circuit::NormallyOpen,
        }),
        rex: None,
        fire: None,
    };
    let Record::Credential(mut raw) = credential(5, 3, 0) else {
        unreachable!()
    };
    raw.data = CredentialData::RawCard {
        bits: "00000010100000000111101100".parse().unwrap(),
    };
    raw.valid_from = Some(Wall(1_000));
    raw.valid_until = Some(Wall(2_000));
    raw.label = "blue".to_owned();
    let mut full_key = key(6, &[2, 3]);
    full_key.schedule = Some(ScheduleId(7));
    full_key.window = Some(Interval {
        from: Some(Wall(-5)),
        until: None,
    });
    full_key.blocked = Some(Block {
        reason: "stolen".to_owned(),
        until: Some(Wall(9)),
    });
    full_key.flags.may_hold_open = true;
    let mut grouped_key = key(13, &[]);
    grouped_key.groups = vec![11.into()];
    grouped_key.flags.name_follows_door = true;
    let tenant = User {
        place: Some(PlaceId(10)),
        company: Some(CompanyId(12)),
        ..user(14)
    };
    let Record::Door(mut planned_door) = door(20) else {
        unreachable!()
    };
    planned_door.plan = Some(Box::new(UnlockPlan {
        schedule: Some(ScheduleId(7)),
        first_in: vec![KeyId(6)],
        dated: vec![DatedHours {
            name: "Open day".to_owned(),
            from: Wall(1_000),
            until: Wall(2_000),
            door: DatedState::Unlocked,
        }],
    }));
    planned_door.pending_plan = Some(Box::default());
    planned_door.mode = DoorMode::Lockdown;
    planned_door.lockdown_exit = LockdownExit::ExemptOnly;
    planned_door.wiring.fire = Some(InputPoint {
        board: "cabinet".to_owned(),
        input: 10,
        circuit: Circuit::NormallyClosed,
    });
    vec![
        Record::Place(Place {
            id: PlaceId(1),
            name: "Ward".to_owned(),
            parent: Some(PlaceId(9)),
            ..Place::default()
        }),
        Record::Door(full_door),
        Record::User(user(3)),
        credential(4, 3, 34_567),
        Record::Credential(raw),
        Record::Key(full_key),
        Record::Grant(Grant {
            user: UserId(3),
            key: KeyId(6),
            intervals: vec![Interval {
                from: Some(Wall(1)),
                until: Some(Wall(2)),
            }],
        }),
        Record::Schedule(Schedule {
            id: ScheduleId(7),
            name: "Days".to_owned(),
            time_zone: "Europe/Prague".to_owned(),
            weekly: vec![
                WeeklyInterval {
                    day: Weekday::Monday,
                    from_minute: 480,
                    until_minute: 1_020,
                },
                WeeklyInterval {
                    day: Weekday::Friday,
                    from_minute: 480,
                    until_minute: 900,
                },
            ],
            exceptions: Vec::new(),
            holidays: Vec::new(),
        }),
        Record::Place(Place {
            id: PlaceId(10),
            name: "Pharmacy".to_owned(),
            parent: Some(PlaceId(1)),
            details: "Ground floor\nopen at night".to_owned(),
            category: "Ward".to_owned(),
            support: "Ring 42".to_owned(),
            users_max: Some(20),
            language: Some(Language::Czech),
            log_retention_days: Some(30),
            ..Place::default()
        }),
        Record::DoorGroup(DoorGroup {
            id: 11.into(),
            name: "Outer doors".to_owned(),
            place: PlaceId(1),
            doors: vec![DoorId(2)],
            ..DoorGroup::default()
        }),
        Record::Share(Share {
            door: DoorId(2),
            place: PlaceId(10),
        }),
        Record::Company(Company {
            id: CompanyId(12),
            name: "Cleaners".to_owned(),
            place: PlaceId(10),
            details: "by night".to_owned(),
        }),
        Record::Key(grouped_key),
        Record::User(tenant),
        Record::Schedule(full_schedule()),
        Record::HolidaySet(full_holiday_set()),
        Record::Door(planned_door),
    ]
}

fn full_schedule() -> Schedule {
    let hours = vec![DayInterval {
        from_minute: 600,
        until_minute: 60,
    }];
    Schedule {
        id: ScheduleId(8),
        name: "Shop".to_owned(),
        time_zone: "America/New_York".to_owned(),
        weekly: Vec::new(),
        exceptions: vec![DatedException {
            date: CivilDate(20_811),
            last: Some(CivilDate(20_812)),
            hours: hours.clone(),
            note: "stocktaking".to_owned(),
        }],
        holidays: vec![HolidayRule {
            set: HolidaySetId(9),
            hours,
        }],
    }
}

/// A holiday of each kind.
fn full_holiday_set() -> HolidaySet {
    let weekday = Weekday::Thursday;
    let dates = [
        HolidayDate::Yearly { month: 7, day: 4 },
        HolidayDate::NthWeekday {
            month: 11,
            nth: -1,
            weekday,
        },
        HolidayDate::WeekdayFrom {
            month: 6,
            day: 20,
            weekday,
        },
        HolidayDate::Easter { days: -2 },
        HolidayDate::Once {
            date: CivilDate(20_000),
            last: Some(CivilDate(20_001)),
        },
    ];
    let holiday = |on| Holiday {
        name: "Day".to_owned(),
        on,
        observed: Observed::NearestWeekday,
        from_year: Some(2021),
        until_year: Some(2030),
    };
    HolidaySet {
        id: HolidaySetId(9),
        name: "Federal".to_owned(),
        holidays: dates.map(holiday).to_vec(),
    }
}

#[test]
fn every_record_comes_back_as_it_was() {
    for record in samples() {
        let bytes = records::encode(&record, None).unwrap();
        let kind = record.reference().kind();
        assert_eq!(records::decode(kind, &bytes).unwrap(), record);
        assert_eq!(records::encode(&record, Some(&bytes)).unwrap(), bytes);
    }
}

/// What version 1 wrote, byte for byte. A new version adds a file of its own and keeps this one.
#[test]
fn samples_of_version_1_are_read() {
    const SAMPLES: &str = include_str!("samples_v1.txt");
    let mut stored = BTreeMap::new();
    for line in SAMPLES.lines().filter(|line| !line.starts_with('#')) {
        let (reference, bytes) = line.split_once(": ").unwrap();
        let bytes: Vec<u8> = (0..bytes.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&bytes[at..at + 2], 16).unwrap())
            .collect();
        stored.insert(reference, bytes);
    }
    let mut missing = Vec::new();
    for record in samples() {
        let reference = record.reference().to_string();
        let Some(bytes) = stored.remove(&*reference) else {
            let bytes = records::encode(&record, None).unwrap();
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            missing.push(format!("{reference}: {hex}"));
            continue;
        };
        assert_eq!(bytes[0], 1);
        let kind = record.reference().kind();
        assert_eq!(
            records::decode(kind, &bytes).unwrap(),
            record,
            "{reference}"
        );
    }
    assert!(stored.is_empty(), "samples of nothing: {stored:?}");
    assert!(
        missing.is_empty(),
        "this version writes\n{}",
        missing.join("\n")
    );
}

/// A stored record as a newer version might have written it: `added` at `path` in its fields.
fn from_the_future(record: &Record, path: &[&str], added: &[(&str, Value)]) -> Vec<u8> {
    fn at<'a>(value: &'a mut Value, path: &[&str]) -> &'a mut Vec<(Value, Value)> {
        let value = match (value, path.first()) {
            (Value::Map(fields), Some(name)) => {
                let field = fields
                    .iter_mut()
                    .find(|(other, _)| other.as_str() == Some(name));
                return at(&mut field.unwrap().1, &path[1..]);
            }
            (Value::Array(elements), Some(nth)) => {
                return at(&mut elements[nth.parse::<usize>().unwrap()], &path[1..]);
            }
            (value, _) => value,
        };
        match value {
            Value::Map(fields) => fields,
            other => panic!("no fields in {other}"),
        }
    }
    let bytes = records::encode(record, None).unwrap();
    let mut value = encoding::value_of(&bytes).unwrap();
    for (name, new) in added {
        at(&mut value, path).push(((*name).into(), new.clone()));
    }
    let mut bytes = vec![RECORD_VERSION + 1];
    rmpv::encode::write_value(&mut bytes, &value).unwrap();
    bytes
}

/// Where a newer version might add fields, and a change that this version then makes.
fn futures() -> Vec<(Record, Vec<&'static str>, Record)> {
    let mut cases = Vec::new();
    let mut case = |of: usize, path: &[&'static str], change: &dyn Fn(&mut Record)| {
        let before = samples().remove(of);
        let mut after = before.clone();
        change(&mut after);
        assert_ne!(before, after);
        cases.push((before, path.to_vec(), after));
    };
    let rename_key = |record: &mut Record| {
        if let Record::Key(key) = record {
            key.name = "New name".to_owned();
        }
    };
    case(1, &["wiring"], &|record| {
        if let Record::Door(door) = record {
            door.wiring.entry_readers.clear();
        }
    });
    case(1, &["wiring", "contact"], &|record| {
        if let Record::Door(door) = record {
            door.name = "Side door".to_owned();
        }
    });
    case(2, &[], &|record| {
        if let Record::User(user) = record {
            user.email = None;
        }
    });
    case(4, &["data"], &|record| {
        if let Record::Credential(credential) = record {
            credential.state = CredentialState::Inactive;
        }
    });
    case(5, &[], &rename_key);
    case(5, &["flags"], &rename_key);
    case(5, &["window"], &rename_key);
    case(5, &["blocked"], &rename_key);
    case(6, &[], &|record| {
        if let Record::Grant(grant) = record {
            grant.intervals.clear();
        }
    });
    // The second interval stays and keeps its field; the first goes.
    case(7, &["weekly", "1"], &|record| {
        if let Record::Schedule(schedule) = record {
            schedule.weekly.remove(0);
        }
    });
    case(14, &["exceptions", "0", "hours", "0"], &|record| {
        if let Record::Schedule(schedule) = record {
            schedule.name = "Kiosk".to_owned();
        }
    });
    case(15, &["holidays", "1"], &|record| {
        if let Record::HolidaySet(set) = record {
            set.holidays.remove(0);
        }
    });
    cases
}

#[test]
fn fields_of_a_newer_version_are_read_past_and_kept() {
    for (before, path, after) in futures() {
        let added = [
            ("colour", Value::from("green")),
            ("nested", Value::Map(vec![("deep".into(), 7.into())])),
        ];
        let stored = from_the_future(&before, &path, &added);
        let kind = before.reference().kind();
        assert_eq!(records::decode(kind, &stored).unwrap(), before, "{path:?}");

        let rewritten = records::encode(&after, Some(&stored)).unwrap();
        assert_eq!(
            rewritten[0],
            RECORD_VERSION + 1,
            "the newer version's mark is kept"
        );
        assert_eq!(
            records::decode(kind, &rewritten).unwrap(),
            after,
            "{path:?}"
        );
        let text = encoding::value_of(&rewritten).unwrap().to_string();
        for part in [r#""colour": "green""#, r#""nested": {"deep": 7}"#] {
            assert!(text.contains(part), "{path:?}: {part} is gone from {text}");
        }
    }
}

#[test]
fn fields_of_another_kind_of_data_are_not_carried_over() {
    let before = samples().remove(4);
    let stored = from_the_future(&before, &["data"], &[("parity", Value::from(1))]);
    let Record::Credential(mut after) = before else {
        unreachable!()
    };
    after.data = card(9);
    let rewritten = records::encode(&Record::Credential(after.clone()), Some(&stored)).unwrap();
    let text = encoding::value_of(&rewritten).unwrap().to_string();
    assert!(!text.contains("parity"), "{text}");
    let read = records::decode(Kind::Credential, &rewritten).unwrap();
    assert_eq!(read, Record::Credential(after));
}

#[test]
fn a_state_of_a_newer_version_is_an_error_and_no_guess() {
    let Record::User(user) = samples().remove(2) else {
        unreachable!()
    };
    let bytes = records::encode(&Record::User(user), None).unwrap();
    let at = bytes.windows(6).position(|w| w == b"active").unwrap();
    let mut unknown = bytes;
    unknown[at..at + 6].copy_from_slice(b"frozen");
    let error = records::decode(Kind::User, &unknown).unwrap_err();
    assert!(
        error.to_string().contains("unknown variant `frozen`"),
        "{error}"
    );
}
