//! The store answers the rules of access just as the plain maps of the core do.

use std::ops::ControlFlow;

use doorward_core::card::CardNumber;
use doorward_core::ids::{AreaId, CompanyId, HolidaySetId, ScheduleId};
use doorward_core::model::{
    Area, AuthMethod, Authentication, Block, Company, DoorGroup, Holiday, HolidayDate, HolidayRule,
    HolidaySet, Interlock, Interval, Kind, Observed, Passback, Schedule, ScheduledMethod, Share,
    TableLookup, TwoPerson, Weekday, WeeklyInterval, email_folded,
};
use doorward_core::pin::{PinKey, PinPrint};
use doorward_core::view::{AccessView, CardIdentity, MapView};
use proptest::prelude::*;

use super::*;

const IDS: std::ops::Range<u32> = 1..5;

fn id() -> impl Strategy<Value = u32> {
    IDS
}

fn interval() -> impl Strategy<Value = Interval> {
    proptest::option::of(0..50i64).prop_map(|from| Interval {
        from: from.map(Wall),
        until: from.map(|from| Wall(from + 10)),
    })
}

fn number(of: u32) -> CardNumber {
    CardNumber {
        format: "H10301".parse().unwrap(),
        facility: of.is_multiple_of(2).then_some(12),
        number: u64::from(of),
    }
}

fn identities() -> Vec<CardIdentity> {
    let bits = ["1", "10", "0110"].map(|bits| CardIdentity::Bits(bits.parse().unwrap()));
    let numbers = IDS.map(number).map(CardIdentity::Number);
    let pins = ["1234", "4321"].map(|digits| CardIdentity::Pin(print(digits)));
    bits.into_iter().chain(numbers).chain(pins).collect()
}

fn print(digits: &str) -> PinPrint {
    PinKey::new([7; 32]).print(&digits.parse().unwrap())
}

fn data() -> impl Strategy<Value = CredentialData> {
    prop_oneof![
        id().prop_map(|of| CredentialData::Card(number(of))),
        id().prop_map(|of| CredentialData::Phone(number(of))),
        prop_oneof![Just("1"), Just("10"), Just("0110")].prop_map(|bits| CredentialData::RawCard {
            bits: bits.parse().unwrap()
        }),
        (prop_oneof![Just("1234"), Just("4321")], any::<bool>()).prop_map(|(digits, duress)| {
            CredentialData::Pin {
                print: print(digits),
                duress,
            }
        }),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let users =
        (id(), proptest::option::of(id()), any::<bool>()).prop_map(|(id, email, active)| {
            Record::User(User {
                place: email.map(|_| PlaceId(id % 2 + 1)),
                company: email.map(CompanyId),
                email: email.map(|email| format!("Number.{email}@Example.org")),
                state: if active {
                    UserState::Active
                } else {
                    UserState::Suspended
                },
                extended_unlock: active,
                ..user(id)
            })
        });
    let credentials = (
        id(),
        proptest::option::of(id()),
        data(),
        any::<bool>(),
        interval(),
    )
        .prop_map(|(id, user, data, removed, validity)| {
            Record::Credential(Credential {
                id: CredentialId(id),
                user: user.map(UserId),
                data,
                state: if removed {
                    CredentialState::Removed
                } else {
                    CredentialState::Active
                },
                valid_from: validity.from,
                valid_until: validity.until,
                label: String::new(),
            })
        });
    let doors = proptest::collection::btree_set(id(), 1..4);
    let keys = (
        id(),
        doors,
        proptest::option::of(id()),
        0..3,
        proptest::option::of(interval()),
        proptest::collection::btree_set(id(), 0..2),
        1..3u32,
    )
        .prop_map(|(id, doors, schedule, blocked, window, groups, place)| {
            Record::Key(Key {
                groups: groups.into_iter().map(Into::into).collect(),
                place: PlaceId(place),
                schedule: schedule.map(ScheduleId),
                window,
                blocked: (blocked > 0).then(|| Block {
                    reason: "lost".to_owned(),
                    until: (blocked > 1).then_some(Wall(40)),
                }),
                ..key(id, &doors.into_iter().collect::<Vec<_>>())
            })
        });
    let grants = (id(), id(), proptest::collection::vec(interval(), 0..3)).prop_map(
        |(user, key, intervals)| {
            Record::Grant(Grant {
                user: UserId(user),
                key: KeyId(key),
                intervals,
            })
        },
    );
    let schedules = (id(), 0..1_439u16, id()).prop_map(|(id, from_minute, set)| {
        Record::Schedule(Schedule {
            id: ScheduleId(id),
            name: "Hours".to_owned(),
            time_zone: "Europe/Prague".to_owned(),
            weekly: vec![WeeklyInterval {
                day: Weekday::Thursday,
                from_minute,
                until_minute: from_minute + 1,
            }],
            exceptions: Vec::new(),
            holidays: vec![HolidayRule {
                set: HolidaySetId(set),
                hours: Vec::new(),
            }],
        })
    });
    let modes = || {
        prop_oneof![
            4 => Just(DoorMode::Normal),
            1 => Just(DoorMode::Locked),
            1 => Just(DoorMode::Lockdown),
            1 => Just(DoorMode::EmergencyOpen),
        ]
    };
    let places = (id(), modes()).prop_map(|(id, mode)| {
        Record::Place(Place {
            id: PlaceId(id.min(2)),
            name: format!("Place {id}"),
            parent: (id >= 2).then_some(PlaceId(1)),
            mode,
            ..Place::default()
        })
    });
    let doors_in = proptest::collection::btree_set(id(), 0..3);
    let groups = (id(), doors_in, modes()).prop_map(|(id, doors, mode)| {
        Record::DoorGroup(DoorGroup {
            id: id.into(),
            name: format!("Group {id}"),
            place: PlaceId(1),
            doors: doors.into_iter().map(DoorId).collect(),
            mode,
        })
    });
    let shares = id().prop_map(|door| {
        Record::Share(Share {
            door: DoorId(door),
            place: PlaceId(2),
        })
    });
    let moved = (id(), 1..3u32, modes()).prop_map(|(id, place, mode)| match door(id) {
        Record::Door(door) => Record::Door(Door {
            place: PlaceId(place),
            mode,
            ..door
        }),
        other => other,
    });
    let areas = (id(), 0..100u32).prop_map(|(id, passback_s)| area(id, passback_s));
    let ruled = (id(), id(), id(), id()).prop_map(|(id, schedule, inside, outside)| {
        let Record::Door(mut door) = door(id) else {
            unreachable!("a door is a door")
        };
        door.authentication = Authentication {
            method: AuthMethod::CardAndPin,
            scheduled: vec![ScheduledMethod {
                schedule: ScheduleId(schedule),
                method: AuthMethod::Card,
            }],
        };
        (door.inside, door.outside) = (Some(AreaId(inside)), Some(AreaId(outside)));
        Record::Door(door)
    });
    let holiday_sets = (id(), 1..4u8).prop_map(|(id, day)| new_years_day(id, day));
    prop_oneof![
        areas,
        ruled,
        users,
        places,
        groups,
        shares,
        moved,
        credentials,
        keys,
        grants,
        schedules,
        holiday_sets,
        id().prop_map(door)
    ]
}

fn area(id: u32, passback_s: u32) -> Record {
    Record::Area(Area {
        id: AreaId(id),
        name: format!("Area {id}"),
        place: PlaceId(1),
        passback: Passback::Hard,
        passback_s,
        occupancy_max: None,
        two_person: TwoPerson::Off,
        interlock: Interlock::Off,
    })
}

/// A set of one holiday: in the hours that the tests look at, or soon after.
fn new_years_day(id: u32, day: u8) -> Record {
    Record::HolidaySet(HolidaySet {
        id: HolidaySetId(id),
        name: "New Year".to_owned(),
        holidays: vec![Holiday {
            name: "Day".to_owned(),
            on: HolidayDate::Yearly { month: 1, day },
            observed: Observed::OnTheDay,
            from_year: None,
            until_year: None,
        }],
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => record().prop_map(Change::Put),
        1 => record().prop_map(|record| Change::Remove(record.reference())),
    ]
}

/// Something for most of what is drawn to refer to.
fn whole_table() -> Vec<Change> {
    let schedule = |id| {
        Record::Schedule(Schedule {
            id: ScheduleId(id),
            name: "Never".to_owned(),
            time_zone: "UTC".to_owned(),
            weekly: Vec::new(),
            exceptions: Vec::new(),
            holidays: Vec::new(),
        })
    };
    let rows = |id| {
        [
            area(id, 0),
            door(id),
            new_years_day(id, 2),
            schedule(id),
            Record::DoorGroup(DoorGroup {
                id: id.into(),
                name: format!("Group {id}"),
                place: PlaceId(1),
                doors: vec![DoorId(id)],
                ..DoorGroup::default()
            }),
            Record::Company(Company {
                id: CompanyId(id),
                name: format!("Company {id}"),
                place: PlaceId(2),
                details: String::new(),
            }),
            Record::User(user(id)),
            Record::Key(key(id, &[id])),
        ]
    };
    let places = [place(1), place(2)].into_iter();
    places.chain(IDS.flat_map(rows)).map(Change::Put).collect()
}

/// Everything that the rules could ask, as text.
fn answers<V: AccessView + TableLookup>(view: &V) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |what: String| told.push(what);
    let several = view
        .pins_of_several()
        .unwrap()
        .into_iter()
        .map(|mut alike| {
            alike.sort_unstable();
            alike
        });
    tell(format!(
        "{:?}",
        several.collect::<std::collections::BTreeSet<_>>()
    ));
    for identity in identities() {
        let mut found = Vec::new();
        let visit = |facts: doorward_core::view::CredentialFacts<V::User>| {
            let user = facts.user.map(|user| view.user(user).unwrap());
            found.push(format!(
                "{:?} {user:?} {:?} {:?} {:?}",
                facts.id, facts.state, facts.validity, facts.factor
            ));
        };
        view.credentials(&identity, visit).unwrap();
        found.sort();
        tell(format!("{identity:?}: {found:?}"));
        let mut known = view.credentials_known_by(&identity).unwrap();
        known.sort_unstable();
        tell(format!("{known:?}"));
    }
    for id in IDS {
        let door = view.door(DoorId(id)).unwrap();
        tell(format!("{:?}", door.map(|(_, facts)| facts)));
        if let Some((door, _)) = door {
            tell(format!("{:?}", view.areas(door).unwrap()));
            let mut asked = Vec::new();
            let visit = |schedule: Option<V::Schedule>, method| {
                let reading = schedule.map(|schedule| view.schedule(schedule, Wall(45)).unwrap());
                asked.push(format!("{reading:?} {method:?}"));
                ControlFlow::Continue(())
            };
            view.authentication(door, visit).unwrap();
            tell(format!("{asked:?}"));
        }
        let credential = view.credential(CredentialId(id)).unwrap();
        tell(format!(
            "{:?}",
            credential.map(|facts| (facts.state, facts.validity))
        ));
        let email = email_folded(&format!("Number.{id}@Example.org"));
        tell(format!("{:?}", view.user_by_email(&email).unwrap()));
        tell(format!("{:?}", view.holders_of(KeyId(id)).unwrap()));
        tell(format!("{:?}", view.keys_of(UserId(id)).unwrap()));
        let mut credentials = view.credentials_of(UserId(id)).unwrap();
        credentials.sort_unstable();
        tell(format!("{credentials:?}"));
        let Some(user) = view.find_user(UserId(id)).unwrap() else {
            continue;
        };
        tell(format!("{:?}", view.user(user).unwrap()));
        let visit = |key: V::Key, intervals: &V::Granted| {
            let intervals = intervals.as_ref();
            let facts = view.key(key).unwrap();
            let schedule = facts.as_ref().and_then(|facts| facts.schedule);
            let reading = schedule.map(|schedule| view.schedule(schedule, Wall(45)).unwrap());
            let facts = facts.map(|f| (f.id, f.block, f.window));
            tell(format!("{intervals:?} {facts:?} {reading:?}"));
            let doors = IDS.clone().filter_map(|id| view.door(DoorId(id)).unwrap());
            let opened: Vec<_> = doors
                .map(|(door, _)| view.opens(key, door).unwrap())
                .collect();
            tell(format!("{opened:?}"));
            ControlFlow::Continue(())
        };
        view.grants(user, visit).unwrap();
    }
    for place in 1..3 {
        let users = view.users_of_place(PlaceId(place), 3).unwrap();
        tell(format!("{users:?}"));
    }
    for company in IDS {
        let users = view.users_of_company(CompanyId(company), 3).unwrap();
        tell(format!("{users:?}"));
    }
    for kind in [
        Kind::Place,
        Kind::Door,
        Kind::Key,
        Kind::Schedule,
        Kind::DoorGroup,
        Kind::Share,
        Kind::Company,
    ] {
        view.for_each(kind, &mut |record| tell(format!("{record:?}")))
            .unwrap();
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn store_and_maps_answer_alike(
        changes in proptest::collection::vec(proptest::collection::vec(change(), 1..6), 1..20),
    ) {
        let site = Site::new();
        let mut maps = MapView::default();
        let mut accepted = 0;
        for changes in std::iter::once(whole_table()).chain(changes) {
            let by_maps = validate_changes(&maps, &changes);
            let by_store = validate_changes(&site.store.view(), &changes);
            prop_assert_eq!(&by_maps, &by_store);
            if by_store.is_ok() {
                let committed = site.commit(&changes).unwrap();
                if committed.delta.changes.is_empty() {
                    // What undoes itself is no change, and has no revision.
                    let before = answers(&maps);
                    changes.iter().for_each(|change| maps.change(change));
                    prop_assert_eq!(before, answers(&maps));
                } else {
                    maps.apply(&committed.delta);
                    accepted += 1;
                }
                prop_assert_eq!(site.store.view().revision().unwrap(), accepted);
            }
        }
        prop_assert_eq!(answers(&maps), answers(&site.store.view()));
        let site = site.reopened();
        prop_assert_eq!(answers(&maps), answers(&site.store.view()));
        site.stopped();
    }
}
