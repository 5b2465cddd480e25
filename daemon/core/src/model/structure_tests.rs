//! Places, companies, door groups, shares and keys: what holds together, and what follows.

use super::{
    Change, ChangeRefused, Company, Door, DoorGroup, Holding, Impact, Interval, Key, Operation,
    OperationRefused, Place, Recipients, Record, RecordRef, Share, User, UserState, doors_of_key,
    key_opens, validate_changes,
};
use crate::fixture::{door, grant, interval, key, small_site, user};
use crate::ids::{CompanyId, DoorGroupId, DoorId, KeyId, PlaceId, UserId};
use crate::view::MapView;

const ANNEX: PlaceId = PlaceId(2);

fn annex() -> Place {
    Place {
        id: ANNEX,
        name: "Annex".to_owned(),
        parent: Some(PlaceId(1)),
        ..Place::default()
    }
}

fn group(id: u32, doors: &[u32]) -> DoorGroup {
    DoorGroup {
        id: DoorGroupId(id),
        name: format!("Group {id}"),
        place: PlaceId(1),
        doors: doors.iter().copied().map(DoorId).collect(),
        ..DoorGroup::default()
    }
}

fn share(door: u32, place: PlaceId) -> Share {
    Share {
        door: DoorId(door),
        place,
    }
}

fn annex_key(id: u32, doors: &[u32]) -> Key {
    Key {
        place: ANNEX,
        ..key(id, doors)
    }
}

/// The small site; the annex with door 3 and key 3 to doors 2 and 3, door 2 shared to it; group 1
/// of doors 1 and 2; key 2 with the group; user 1 holds all keys; company 1.
fn site() -> MapView {
    let annex_door = Door {
        place: ANNEX,
        ..door(3)
    };
    let mut grouped = key(2, &[]);
    grouped.groups = vec![DoorGroupId(1)];
    let company = Company {
        id: CompanyId(1),
        name: "Cleaners".to_owned(),
        place: ANNEX,
        details: String::new(),
    };
    let more = [
        Record::Place(annex()),
        Record::Door(annex_door),
        Record::Share(share(2, ANNEX)),
        Record::DoorGroup(group(1, &[1, 2])),
        Record::Key(grouped),
        Record::Key(annex_key(3, &[2, 3])),
        Record::Grant(grant(1, 2)),
        Record::Grant(grant(1, 3)),
        Record::Company(company),
    ];
    small_site().into_iter().chain(more).collect()
}

fn put(record: Record) -> Change {
    Change::Put(record)
}

/// Makes a change; returns its rows, or its problems.
fn change(table: &mut MapView, changes: &[Change]) -> Result<Vec<String>, Vec<String>> {
    match validate_changes(table, changes) {
        Ok(valid) => {
            let told = valid.rows().iter().map(|row| match row {
                Change::Put(record) => format!("put {}", record.reference()),
                Change::Remove(reference) => format!("remove {reference}"),
            });
            let told = told.collect();
            for row in valid.rows() {
                table.change(row);
            }
            Ok(told)
        }
        Err(ChangeRefused::Invalid(problems)) => Err(problems
            .0
            .into_iter()
            .map(|problem| format!("{}: {}", problem.field, problem.message))
            .collect()),
        Err(ChangeRefused::Unreadable(error)) => panic!("{error}"),
    }
}

#[track_caller]
fn refused(changes: &[Change], expect: &[&str]) {
    assert_eq!(change(&mut site(), changes).unwrap_err(), expect);
}

fn doors_of(table: &MapView, id: u32) -> Vec<u32> {
    let key = table.key_record(KeyId(id)).unwrap();
    let doors = doors_of_key(table, key).unwrap();
    for id in 1..4 {
        let opens = key_opens(table, key, DoorId(id)).unwrap();
        assert_eq!(opens, doors.contains(&DoorId(id)));
    }
    doors.into_iter().map(|door| door.0).collect()
}

#[test]
fn keys_open_their_doors_and_those_of_their_groups() {
    let table = site();
    assert_eq!(doors_of(&table, 1), [1]);
    assert_eq!(doors_of(&table, 2), [1, 2]);
    assert_eq!(doors_of(&table, 3), [2, 3]);
    let mut table = site();
    change(&mut table, &[put(Record::DoorGroup(group(1, &[2])))]).unwrap();
    assert_eq!(doors_of(&table, 2), [2]);
}

#[test]
fn a_withdrawn_door_drops_out_of_keys_and_groups() {
    let mut table = site();
    let mut annex_group = group(2, &[2, 3]);
    annex_group.place = ANNEX;
    let mut grouped = annex_key(4, &[]);
    grouped.groups = vec![DoorGroupId(2)];
    let more = [
        put(Record::DoorGroup(annex_group)),
        put(Record::Key(grouped)),
        put(Record::Key(annex_key(5, &[2]))),
    ];
    change(&mut table, &more).unwrap();
    assert_eq!(doors_of(&table, 4), [2, 3]);

    let withdraw = [Change::Remove(Record::Share(share(2, ANNEX)).reference())];
    let rows = change(&mut table, &withdraw).unwrap();
    let expect = [
        "remove share of door 2 to place 2",
        "put door group 2",
        "put key 3",
        "put key 5",
    ];
    assert_eq!(rows, expect);
    assert_eq!(doors_of(&table, 3), [3]);
    assert_eq!(doors_of(&table, 4), [3]);
    assert_eq!(doors_of(&table, 5), [0; 0]);
    assert_eq!(doors_of(&table, 2), [1, 2], "the owner's keys go on");
    // A key left without doors may be renamed, and still is without.
    let renamed = Key {
        name: "Spare".to_owned(),
        ..annex_key(5, &[])
    };
    change(&mut table, &[put(Record::Key(renamed))]).unwrap();
}

#[test]
fn a_door_that_moves_is_shared_back() {
    let mut table = site();
    let moved = |place| put(Record::Door(Door { place, ..door(2) }));
    let rows = change(&mut table, &[moved(ANNEX)]).unwrap();
    let expect = [
        "remove share of door 2 to place 2",
        "put door 2",
        "put share of door 2 to place 1",
    ];
    assert_eq!(rows, expect);
    assert_eq!(doors_of(&table, 2), [1, 2]);
    assert_eq!(doors_of(&table, 3), [2, 3]);
    // And home again.
    change(&mut table, &[moved(PlaceId(1))]).unwrap();
    assert!(
        table
            .record(RecordRef::Share {
                door: DoorId(2),
                place: ANNEX
            })
            .is_some()
    );
    assert_eq!(doors_of(&table, 3), [2, 3]);
    assert_eq!(doors_of(&table, 2), [1, 2]);
}

#[test]
fn places_use_only_doors_of_their_own_or_shared_to_them() {
    let mut foreign_group = group(3, &[1, 9]);
    foreign_group.place = ANNEX;
    let mut foreign = annex_key(7, &[1, 2, 9]);
    foreign.groups = vec![DoorGroupId(1), DoorGroupId(8)];
    refused(
        &[
            put(Record::Key(foreign)),
            put(Record::DoorGroup(foreign_group)),
            put(Record::Share(share(3, ANNEX))),
            put(Record::Share(share(8, PlaceId(8)))),
        ],
        &[
            "changes[0].doors[0]: door 1 belongs to place 1 and is not shared to place 2",
            "changes[0].doors[2]: there is no door 9",
            "changes[0].groups[0]: door group 1 belongs to place 1: a key has groups of its own \
             place only, 2 here",
            "changes[0].groups[1]: there is no door group 8",
            "changes[1].doors[0]: door 1 belongs to place 1 and is not shared to place 2",
            "changes[1].doors[1]: there is no door 9",
            "changes[2].place: door 3 belongs to place 2 itself",
            "changes[3].place: there is no place 8",
            "changes[3].door: there is no door 8",
        ],
    );
    let mut moved = group(1, &[2]);
    moved.place = ANNEX;
    refused(
        &[put(Record::DoorGroup(moved))],
        &["changes[0].place: is in key 2 of place 1 still"],
    );
}

#[test]
fn a_new_key_opens_a_door() {
    let mut empty = key(8, &[]);
    empty.groups = vec![DoorGroupId(2)];
    let problem = "changes[1].doors: a key needs at least one door, of its own or by a door group";
    refused(
        &[
            put(Record::DoorGroup(group(2, &[]))),
            put(Record::Key(empty)),
        ],
        &[problem],
    );
    refused(
        &[put(Record::User(user(4))), put(Record::Key(key(1, &[])))],
        &[problem],
    );
}

#[test]
fn what_goes_takes_its_traces_with_it() {
    let mut table = site();
    let rows = change(&mut table, &[Change::Remove(RecordRef::Door(DoorId(2)))]).unwrap();
    let expect = [
        "remove share of door 2 to place 2",
        "remove door 2",
        "put door group 1",
        "put key 3",
    ];
    assert_eq!(rows, expect);
    let mut table = site();
    let group = RecordRef::DoorGroup(DoorGroupId(1));
    let rows = change(&mut table, &[Change::Remove(group)]).unwrap();
    assert_eq!(rows, ["remove door group 1", "put key 2"]);
    assert_eq!(doors_of(&table, 2), [0; 0]);
}

#[test]
fn a_place_or_company_in_use_stays_and_says_by_whom() {
    let mut table = site();
    let belonging = |id| User {
        place: Some(ANNEX),
        company: Some(CompanyId(1)),
        ..user(id)
    };
    let users: Vec<_> = (10..22)
        .map(|id| put(Record::User(belonging(id))))
        .collect();
    change(&mut table, &users).unwrap();
    let problems = change(
        &mut table,
        &[
            Change::Remove(RecordRef::Place(ANNEX)),
            Change::Remove(RecordRef::Company(CompanyId(1))),
        ],
    )
    .unwrap_err();
    let of_place: Vec<_> = problems
        .iter()
        .filter(|problem| problem.starts_with("changes[0]"))
        .collect();
    assert_eq!(
        of_place[0],
        "changes[0]: place 2 is still used by door 3 `Door 3`"
    );
    assert_eq!(
        of_place[1],
        "changes[0]: place 2 is still used by key 3 `Key 3`"
    );
    assert_eq!(
        of_place[2],
        "changes[0]: place 2 is still used by user 10 `User 10`"
    );
    assert_eq!(
        of_place[12],
        "changes[0]: place 2 is still used by more users"
    );
    assert_eq!(problems.len(), 13 + 11);
    // Emptied in the same change, it goes.
    let mut away = vec![
        Change::Remove(RecordRef::Key(KeyId(3))),
        Change::Remove(RecordRef::Door(DoorId(3))),
        Change::Remove(RecordRef::Company(CompanyId(1))),
        Change::Remove(RecordRef::Place(ANNEX)),
    ];
    away.extend((10..22).map(|id| put(Record::User(user(id)))));
    let rows = change(&mut table, &away).unwrap();
    assert!(rows.contains(&"remove share of door 2 to place 2".to_owned()));
}

#[test]
fn a_place_takes_as_many_users_as_its_cap_says() {
    let mut table = site();
    let ward = Place {
        id: PlaceId(3),
        name: "Ward".to_owned(),
        parent: Some(ANNEX),
        ..Place::default()
    };
    let capped = |users_max| {
        put(Record::Place(Place {
            users_max: Some(users_max),
            ..annex()
        }))
    };
    change(&mut table, &[capped(2), put(Record::Place(ward))]).unwrap();
    let of = |id, place, state| {
        put(Record::User(User {
            place: Some(PlaceId(place)),
            state,
            ..user(id)
        }))
    };
    let active = |id, place| of(id, place, UserState::Active);
    change(&mut table, &[active(10, 2), active(11, 3)]).unwrap();
    let full = "changes[0].place: place 2 takes 2 users, and would have more";
    assert_eq!(change(&mut table, &[active(12, 3)]).unwrap_err(), [full]);
    // Who is there already may change; who is removed makes room.
    change(&mut table, &[of(11, 3, UserState::Suspended)]).unwrap();
    change(&mut table, &[of(11, 3, UserState::Removed), active(12, 3)]).unwrap();
    assert_eq!(change(&mut table, &[active(11, 2)]).unwrap_err(), [full]);
    let lower = change(&mut table, &[capped(1)]).unwrap_err();
    assert_eq!(
        lower,
        ["changes[0].users_max: place 2 takes 1 users, and would have more"]
    );
    change(&mut table, &[active(12, 1), capped(1)]).unwrap();
}

#[test]
fn a_key_may_be_named_as_its_only_door() {
    let mut table = site();
    let mut following = key(9, &[1]);
    following.name.clear();
    following.flags.name_follows_door = true;
    change(&mut table, &[put(Record::Key(following.clone()))]).unwrap();
    let name = |table: &MapView| table.key_record(KeyId(9)).unwrap().name.clone();
    assert_eq!(name(&table), "Door 1");
    let renamed = Door {
        name: "Gate".to_owned(),
        ..door(1)
    };
    let rows = change(&mut table, &[put(Record::Door(renamed))]).unwrap();
    assert_eq!(rows, ["put door 1", "put key 9"]);
    assert_eq!(name(&table), "Gate");
    // With two doors it keeps its name, and needs one.
    following.doors.push(DoorId(2));
    let problems = change(&mut table, &[put(Record::Key(following))]).unwrap_err();
    assert_eq!(
        problems,
        ["changes[0].name: is empty; 1 to 100 characters are allowed"]
    );
}

#[track_caller]
fn impact(changes: &[Change]) -> Impact {
    let table = site();
    let valid = validate_changes(&table, changes).unwrap();
    Impact::of(&table, &valid).unwrap()
}

#[test]
fn the_impact_of_a_change_is_known_before() {
    let holder = 1;
    let gone = impact(&[Change::Remove(RecordRef::Key(KeyId(2)))]);
    let expect = Impact {
        users: holder,
        grants_removed: 1,
        keys: vec![KeyId(2)],
        doors: vec![DoorId(1), DoorId(2)],
        ..Impact::default()
    };
    assert_eq!(gone, expect);
    let emptied = impact(&[put(Record::DoorGroup(group(1, &[])))]);
    let expect = Impact {
        users: holder,
        keys: vec![KeyId(2)],
        keys_without_doors: vec![KeyId(2)],
        doors: vec![DoorId(1), DoorId(2)],
        ..Impact::default()
    };
    assert_eq!(emptied, expect);
    let withdrawn = impact(&[Change::Remove(RecordRef::Share {
        door: DoorId(2),
        place: ANNEX,
    })]);
    let expect = Impact {
        users: holder,
        keys: vec![KeyId(3)],
        doors: vec![DoorId(2)],
        ..Impact::default()
    };
    assert_eq!(withdrawn, expect);
    let nobody = impact(&[put(Record::Place(annex()))]);
    assert_eq!(nobody, Impact::default());
    let two = impact(&[put(Record::User(user(1))), put(Record::User(user(2)))]);
    assert_eq!(two.users, 2);
}

fn operate(table: &mut MapView, operation: &Operation) -> Result<Vec<String>, OperationRefused> {
    let steps = operation.steps(table)?;
    Ok(change(table, &steps).unwrap())
}

fn send(to: Recipients, intervals: &[Interval], holding: Holding) -> Operation {
    Operation::SendKey {
        key: KeyId(1),
        to,
        intervals: intervals.to_vec(),
        holding,
    }
}

#[test]
fn a_key_is_sent_to_many_at_once() {
    let mut table = site();
    let of_company = |id, state| {
        put(Record::User(User {
            company: Some(CompanyId(1)),
            state,
            ..user(id)
        }))
    };
    let users = [
        of_company(5, UserState::Active),
        of_company(6, UserState::Removed),
        put(Record::User(user(7))),
    ];
    change(&mut table, &users).unwrap();
    let to = Recipients {
        users: vec![UserId(7), UserId(7)],
        companies: vec![CompanyId(1)],
        places: vec![],
        holders_of: vec![KeyId(3)],
    };
    let day = interval("2026-03-24T00:00:00Z", "2026-03-25T00:00:00Z");
    let next = interval("2026-03-25T00:00:00Z", "2026-03-26T00:00:00Z");
    let grants = |ids: &[u32]| -> Vec<String> {
        let grant = |id| format!("put grant of key 1 to user {id}");
        ids.iter().map(grant).collect()
    };
    // User 1 holds it for always, and goes on so.
    let extend = send(to.clone(), &[day], Holding::Extend);
    assert_eq!(operate(&mut table, &extend).unwrap(), grants(&[5, 7]));
    assert_eq!(operate(&mut table, &extend).unwrap(), [""; 0]);
    let intervals = |table: &MapView, user| match table.record(RecordRef::Grant {
        user: UserId(user),
        key: KeyId(1),
    }) {
        Some(Record::Grant(grant)) => grant.intervals.clone(),
        _ => panic!("no grant"),
    };
    operate(&mut table, &send(to.clone(), &[next], Holding::Extend)).unwrap();
    assert_eq!(intervals(&table, 5), [day, next]);
    assert_eq!(intervals(&table, 1), []);
    let keep = send(to.clone(), &[day], Holding::Keep);
    assert_eq!(operate(&mut table, &keep).unwrap(), [""; 0]);
    let replace = send(to.clone(), &[next], Holding::Replace);
    assert_eq!(operate(&mut table, &replace).unwrap(), grants(&[1, 5, 7]));
    assert_eq!(intervals(&table, 1), [next]);
    operate(&mut table, &send(to, &[], Holding::Extend)).unwrap();
    assert_eq!(intervals(&table, 5), []);
}

#[test]
fn sending_to_nobody_is_told() {
    let to = Recipients {
        users: vec![UserId(99)],
        ..Recipients::default()
    };
    for (to, expect) in [
        (to, "to.users[0]: there is no user 99"),
        (
            Recipients::default(),
            "to: names nobody: there is no user to send it to",
        ),
    ] {
        let refused = operate(&mut site(), &send(to, &[], Holding::Extend)).unwrap_err();
        assert_eq!(refused.to_string(), expect);
    }
}

#[test]
fn the_last_interval_revoked_takes_the_grant_with_it() {
    let mut table = site();
    let day = interval("2026-03-24T00:00:00Z", "2026-03-25T00:00:00Z");
    let next = interval("2026-03-25T00:00:00Z", "2026-03-26T00:00:00Z");
    let mut booked = grant(1, 1);
    booked.intervals = vec![day, next];
    change(&mut table, &[put(Record::Grant(booked))]).unwrap();
    let revoke = |interval| Operation::RevokeInterval {
        user: UserId(1),
        key: KeyId(1),
        interval,
    };
    let put_grant = "put grant of key 1 to user 1";
    assert_eq!(operate(&mut table, &revoke(day)).unwrap(), [put_grant]);
    let twice = operate(&mut table, &revoke(day)).unwrap_err();
    assert!(matches!(twice, OperationRefused::Invalid(_)), "{twice}");
    let last = operate(&mut table, &revoke(next)).unwrap();
    assert_eq!(last, ["remove grant of key 1 to user 1"]);
    let gone = operate(&mut table, &revoke(next)).unwrap_err();
    assert_eq!(gone.to_string(), "there is no grant of key 1 to user 1");
}

#[test]
fn all_of_a_user_or_a_key_is_revoked_at_once() {
    let mut table = site();
    let rows = operate(&mut table, &Operation::RevokeAllOf(UserId(1))).unwrap();
    assert_eq!(rows.len(), 3);
    let mut table = site();
    let rows = operate(&mut table, &Operation::RevokeFromAll(KeyId(2))).unwrap();
    assert_eq!(rows, ["remove grant of key 2 to user 1"]);
    let moved = Operation::MoveDoor {
        door: DoorId(1),
        place: ANNEX,
    };
    let rows = operate(&mut table, &moved).unwrap();
    assert_eq!(rows, ["put door 1", "put share of door 1 to place 1"]);
    let nowhere = Operation::Block {
        key: KeyId(99),
        block: None,
    };
    let refused = operate(&mut table, &nowhere).unwrap_err();
    assert_eq!(
        refused,
        OperationRefused::NotFound(RecordRef::Key(KeyId(99)))
    );
}
