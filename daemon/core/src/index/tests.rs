use proptest::prelude::*;
use proptest::sample::select;

use super::AccessIndex;
use crate::card::{CardBits, CardRead};
use crate::decide::{
    Location, Policy, Relay, Request, Rex, Shown, SiteMap, UntrustedClock, decide, explain,
    explain_at,
};
use crate::event::Direction;
use crate::fixture::{
    area, bits, card, credential, door, grant, holidays, interval, key, now, number, office_hours,
    pin, pin_credential, place, small_site, user,
};
use crate::ids::{
    AreaId, CredentialId, DoorGroupId, DoorId, HolidaySetId, KeyId, PlaceId, ScheduleId, UserId,
};
use crate::model::{
    AuthMethod, Authentication, Block, Change, CredentialData, CredentialState, DoorGroup,
    DoorMode, Grant, HolidayRule, Interval, Passback, Place, Record, RecordRef, ScheduledMethod,
    Share, TableDelta, UserState,
};
use crate::sample::Sample;
use crate::time::{ClockTrust, Mono, Now};
use crate::view::{AccessView, MapView};

const TIMES: [&str; 3] = [
    "2026-03-24T09:00:00Z",
    "2026-03-24T23:00:00Z",
    "2026-03-29T10:00:00Z",
];

fn long_bits(of: u8) -> CardBits {
    CardBits::new(200, &[of; 25]).unwrap()
}

fn any_interval() -> impl Strategy<Value = Interval> {
    select(vec![
        interval("", ""),
        interval("2026-03-24T09:00:00Z", ""),
        interval("", "2026-03-24T09:00:00Z"),
        interval("2026-03-24T20:00:00Z", "2026-03-25T00:00:00Z"),
    ])
}

/// Doors with small numbers and with large ones, which the index keeps apart.
fn any_door() -> impl Strategy<Value = u32> {
    select(vec![1u32, 2, 191, 192, 70_000])
}

/// Mostly the same, so that most keys open something.
fn any_place() -> impl Strategy<Value = PlaceId> {
    select(vec![PlaceId(1), PlaceId(1), PlaceId(2)])
}

/// Rules of authentication with schedules that may not be there, and areas likewise.
fn any_rules() -> impl Strategy<Value = (Authentication, Option<AreaId>, Option<AreaId>)> {
    let methods = || {
        select(vec![
            AuthMethod::Card,
            AuthMethod::Pin,
            AuthMethod::CardAndPin,
            AuthMethod::CardOrPin,
        ])
    };
    let scheduled = (1u32..4, methods()).prop_map(|(schedule, method)| ScheduledMethod {
        schedule: ScheduleId(schedule),
        method,
    });
    let authentication = (methods(), proptest::collection::vec(scheduled, 0..3))
        .prop_map(|(method, scheduled)| Authentication { method, scheduled });
    let area = || proptest::option::of((1u32..4).prop_map(AreaId));
    (authentication, area(), area())
}

fn any_record() -> BoxedStrategy<Record> {
    let ids = 1u32..4;
    let modes = vec![
        DoorMode::Normal,
        DoorMode::Unlocked,
        DoorMode::Locked,
        DoorMode::Lockdown,
        DoorMode::EmergencyOpen,
    ];
    let doors = (any_door(), select(modes), any_place(), any_rules()).prop_map(
        |(id, mode, place, rules)| {
            let mut record = door(1);
            (record.id, record.mode, record.place) = (DoorId(id), mode, place);
            (record.authentication, record.inside, record.outside) = rules;
            Record::Door(record)
        },
    );
    let shares = (any_door(), any_place()).prop_map(|(id, place)| {
        Record::Share(Share {
            door: DoorId(id),
            place,
        })
    });
    let of_many = || {
        select(vec![
            DoorMode::Normal,
            DoorMode::Normal,
            DoorMode::Normal,
            DoorMode::Lockdown,
            DoorMode::EmergencyOpen,
        ])
    };
    let places = (1u32..3, of_many()).prop_map(|(id, mode)| {
        Record::Place(Place {
            id: PlaceId(id),
            parent: (id == 2).then_some(PlaceId(1)),
            mode,
            ..place()
        })
    });
    let areas = (1u32..3, 0u32..2, 0u32..2).prop_map(|(id, hard, most)| {
        let mut record = area(id);
        if hard > 0 {
            record.passback = Passback::Hard;
        }
        record.occupancy_max = (most > 0).then_some(most);
        Record::Area(record)
    });
    let doors_in = proptest::collection::vec(any_door(), 0..3);
    let groups =
        (1u32..4, doors_in, any_place(), of_many()).prop_map(|(id, doors, place, mode)| {
            Record::DoorGroup(DoorGroup {
                id: DoorGroupId(id),
                doors: doors.into_iter().map(DoorId).collect(),
                place,
                mode,
                ..DoorGroup::default()
            })
        });
    let states = vec![UserState::Active, UserState::Active, UserState::Suspended];
    let users = (ids.clone(), select(states), any::<bool>()).prop_map(|(id, state, extended)| {
        let mut record = user(id);
        (record.state, record.extended_unlock) = (state, extended);
        Record::User(record)
    });
    let states = vec![
        CredentialState::Active,
        CredentialState::Active,
        CredentialState::Removed,
        CredentialState::Inactive,
    ];
    let data = vec![
        CredentialData::Card(number(1)),
        CredentialData::Phone(number(2)),
        CredentialData::RawCard { bits: bits(1) },
        CredentialData::RawCard { bits: long_bits(1) },
        CredentialData::RawCard { bits: long_bits(2) },
        pin_credential(1, 1, "1234", false).data,
        pin_credential(1, 1, "4321", true).data,
    ];
    let credentials = (
        1u32..8,
        proptest::option::of(ids.clone()),
        select(data),
        select(states),
        any_interval(),
    )
        .prop_map(|(id, holder, data, state, validity)| {
            let mut record = credential(id, 1, 1);
            record.user = holder.map(UserId);
            record.data = data;
            record.state = state;
            (record.valid_from, record.valid_until) = (validity.from, validity.until);
            Record::Credential(record)
        });
    let blocks = vec![None, None, Some(None), Some(Some(now(TIMES[1]).wall))];
    let keys = (
        1u32..12,
        proptest::collection::vec(any_door(), 0..4),
        (any_place(), proptest::collection::vec(1u32..4, 0..3)),
        proptest::option::of(1u32..3),
        select(blocks),
        proptest::option::of(any_interval()),
    )
        .prop_map(|(id, doors, (place, groups), schedule, block, window)| {
            let mut record = key(id, &doors);
            record.place = place;
            record.groups = groups.into_iter().map(DoorGroupId).collect();
            record.schedule = schedule.map(ScheduleId);
            record.window = window;
            record.blocked = block.map(|until| Block {
                reason: "lost".to_owned(),
                until,
            });
            Record::Key(record)
        });
    // Enough keys that some users hold more than fit their line.
    let grants = (
        ids,
        1u32..12,
        proptest::collection::vec(any_interval(), 0..3),
    )
        .prop_map(|(holder, key, intervals)| {
            Record::Grant(Grant {
                intervals,
                ..grant(holder, key)
            })
        });
    let schedules = (1u32..3, 0u32..6).prop_map(|(id, kind)| {
        let mut record = office_hours(id);
        if kind == 0 {
            record.time_zone = "Nowhere".to_owned();
        }
        if kind > 2 {
            record.holidays = vec![HolidayRule {
                set: HolidaySetId(kind - 2),
                hours: Vec::new(),
            }];
        }
        Record::Schedule(record)
    });
    // One of the times asked about is a holiday of some sets.
    let holiday_sets = (1u32..4, any::<bool>()).prop_map(|(id, today)| {
        let mut record = holidays(id);
        if !today {
            record.holidays.clear();
        }
        Record::HolidaySet(record)
    });
    prop_oneof![
        2 => doors,
        3 => users,
        5 => credentials,
        4 => keys,
        10 => grants,
        1 => schedules,
        2 => shares,
        2 => groups,
        1 => areas,
        1 => holiday_sets,
        1 => places,
    ]
    .boxed()
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        3 => any_record().prop_map(Change::Put),
        1 => any_record().prop_map(|record| Change::Remove(record.reference())),
    ]
}

/// Compares both views on every question that can be asked of so small a table.
fn agree(index: &AccessIndex, map: &MapView) -> Result<(), TestCaseError> {
    let cards = [
        card(1),
        card(2),
        card(3),
        CardRead::new(long_bits(1), []),
        CardRead::new(long_bits(2), [number(1)]),
        CardRead::new(long_bits(3), []),
    ];
    let pins = [pin("1234"), pin("4321"), pin("9999")];
    let with_pin = cards[..2]
        .iter()
        .flat_map(|card| pins.map(|pin| Shown::CardAndPin(card, pin)));
    let alone = pins.map(Shown::Pin);
    let cards = cards.iter().map(Shown::Card).chain(with_pin).chain(alone);
    let credentials = (1..8).map(|id| Shown::Credential(CredentialId(id)));
    let users = (1..5).map(|id| Shown::User(UserId(id)));
    for shown in cards.chain(credentials).chain(users) {
        for door in [1, 2, 191, 192, 70_000, 5] {
            for (at, trust) in [
                (TIMES[0], ClockTrust::Trusted),
                (TIMES[1], ClockTrust::Trusted),
                (TIMES[2], ClockTrust::Untrusted),
            ] {
                let request = Request {
                    door: Some(DoorId(door)),
                    direction: Direction::Entry,
                    shown,
                    relay: Relay::Ready,
                    rex: Rex::Seen,
                };
                let mut now = now(at);
                now.trust = trust;
                same(index, map, &request, now)?;
            }
        }
    }
    Ok(())
}

fn same(
    index: &AccessIndex,
    map: &MapView,
    request: &Request<'_>,
    now: Now,
) -> Result<(), TestCaseError> {
    let policy = Policy {
        untrusted_clock: UntrustedClock::RefuseScheduled,
    };
    let expect = decide(map, request, now, policy);
    prop_assert_eq!(decide(index, request, now, policy), expect);
    let expect = explain(map, request, now, policy);
    prop_assert_eq!(explain(index, request, now, policy), expect);
    let location = Location {
        area: Some(AreaId(1)),
        since: now.wall,
    };
    let site = SiteMap {
        locations: [(UserId(1), location)].into(),
        occupants: [(AreaId(2), 1)].into(),
        ..SiteMap::default()
    };
    let expect = explain_at(map, &site, request, now, policy);
    prop_assert_eq!(explain_at(index, &site, request, now, policy), expect);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Changes here need not make sense: records refer to what is not there, and stay behind.
    #[test]
    fn the_index_agrees_with_the_map_after_any_changes(
        changes in proptest::collection::vec(any_change(), 0..120),
    ) {
        let mut index = AccessIndex::default();
        let mut map = MapView::default();
        for (revision, some) in (1..).zip(changes.chunks(30)) {
            let delta = TableDelta { revision, changes: some.to_vec() };
            index.apply(&delta);
            map.apply(&delta);
            prop_assert_eq!(index.revision(), revision);
            agree(&index, &map)?;
        }
        let built: AccessIndex = map.records().cloned().collect();
        agree(&built, &map)?;
    }
}

#[test]
fn the_index_agrees_with_the_map_on_a_sample() {
    let sample = Sample::new(3, 400);
    let map: MapView = sample.records().collect();
    let index: AccessIndex = sample.records().collect();
    let now = Now {
        mono: Mono(0),
        wall: Sample::NOW,
        trust: ClockTrust::Trusted,
    };
    let mut granted = 0;
    for shown in sample.requests().take(3_000) {
        let request = Request {
            door: Some(shown.door),
            direction: shown.direction,
            shown: Shown::Card(&shown.card),
            relay: Relay::Ready,
            rex: Rex::Seen,
        };
        same(&index, &map, &request, now).unwrap();
        granted += u32::from(decide(&index, &request, now, Policy::default()).is_granted());
    }
    assert!((1_500..2_700).contains(&granted), "granted {granted}");
}

#[test]
fn a_user_with_many_keys_keeps_them_in_order() {
    let mut index: AccessIndex = small_site().into_iter().collect();
    let mut map: MapView = small_site().into_iter().collect();
    let mut expect = vec![1];
    let reference = |id| RecordRef::Grant {
        user: UserId(1),
        key: KeyId(id),
    };
    let come = (2..30).rev().map(|id| (id, true));
    let go = (1..30)
        .step_by(3)
        .chain((1..30).rev())
        .map(|id| (id, false));
    for (id, comes) in come.chain(go) {
        let changes = if comes {
            expect.insert(1, id);
            expect.sort_unstable();
            vec![
                Change::Put(Record::Key(key(id, &[1]))),
                Change::Put(Record::Grant(grant(1, id))),
            ]
        } else {
            expect.retain(|&held| held != id);
            vec![Change::Remove(reference(id))]
        };
        let delta = TableDelta {
            revision: 1,
            changes,
        };
        index.apply(&delta);
        map.apply(&delta);
        assert_eq!(keys_held(&index), expect);
        agree(&index, &map).unwrap();
    }
    assert!(expect.is_empty());
}

fn keys_held(index: &AccessIndex) -> Vec<u32> {
    let mut keys = Vec::new();
    let user = index.find_user(UserId(1)).unwrap().unwrap();
    index
        .grants(user, |slot, _| {
            keys.push(index.keys.id(slot));
            core::ops::ControlFlow::Continue(())
        })
        .unwrap();
    keys
}

#[test]
fn deciding_by_the_index_allocates_nothing() {
    let sample = Sample::new(5, 2_000);
    let index: AccessIndex = sample.records().collect();
    let requests: Vec<_> = sample.requests().take(500).collect();
    let mut now = now("2026-03-24T09:00:00Z");
    let counted = allocation_counter::measure(|| {
        for shown in &requests {
            now.wall = now.wall.plus_ms(3_600_000);
            let request = Request {
                door: Some(shown.door),
                direction: shown.direction,
                shown: Shown::Card(&shown.card),
                relay: Relay::Ready,
                rex: Rex::Seen,
            };
            decide(&index, &request, now, Policy::default());
        }
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn changed_holidays_are_in_force_at_once_in_every_schedule() {
    let mut index: AccessIndex = small_site().into_iter().collect();
    let mut change = |changes: Vec<Change>| {
        let revision = index.revision() + 1;
        index.apply(&TableDelta { revision, changes });
        let card = card(100);
        let request = Request {
            door: Some(DoorId(1)),
            direction: Direction::Entry,
            shown: Shown::Card(&card),
            relay: Relay::Ready,
            rex: Rex::Seen,
        };
        decide(&index, &request, now(TIMES[0]), Policy::default()).is_granted()
    };
    let mut office = office_hours(1);
    office.holidays = vec![HolidayRule {
        set: HolidaySetId(1),
        hours: Vec::new(),
    }];
    let mut scheduled = key(1, &[1]);
    scheduled.schedule = Some(ScheduleId(1));
    let ordinary = crate::model::HolidaySet {
        holidays: Vec::new(),
        ..holidays(1)
    };
    assert!(change(vec![Change::Put(Record::Key(scheduled))]));
    assert!(!change(vec![Change::Put(Record::Schedule(office))]));
    assert!(change(vec![Change::Put(Record::HolidaySet(ordinary))]));
    assert!(!change(vec![Change::Put(Record::HolidaySet(holidays(1)))]));
    assert!(!change(vec![Change::Remove(RecordRef::HolidaySet(
        HolidaySetId(1)
    ))]));
}
