//! Changes to the table, their rows, their audit entries.

use doorward_core::date::CivilDate;
use doorward_core::ids::HolidaySetId;
use doorward_core::model::{
    DatedException, DayInterval, Holiday, HolidayDate, HolidayRule, HolidaySet, Observed,
};

use super::*;

fn small_site() -> Site {
    let site = Site::new();
    let changes = vec![
        put(place(1)),
        put(door(1)),
        put(door(2)),
        put(Record::User(user(1))),
        put(Record::User(user(2))),
        put(Record::Key(key(1, &[1, 2]))),
        put(Record::Key(key(2, &[2]))),
        put(grant(1, 1)),
        put(grant(1, 2)),
        put(grant(2, 1)),
        put(credential(1, 1, 100)),
        put(credential(2, 1, 101)),
    ];
    let rows = site.validated(&changes).into_rows();
    let committed = site.commit(&changes).unwrap();
    assert_eq!(committed.revision, 1);
    assert_eq!(committed.delta.changes, rows);
    site
}

#[test]
fn a_committed_change_can_be_read_every_way_and_survives() {
    let site = small_site().reopened();
    let view = site.store.view();
    assert_eq!(view.revision().unwrap(), 1);
    assert_eq!(view.find::<User>(UserId(1)).unwrap(), Some(user(1)));
    assert_eq!(view.find::<User>(UserId(9)).unwrap(), None);
    assert_eq!(view.list::<Door>(None, 1).unwrap()[0].id, DoorId(1));
    assert_eq!(
        view.list::<Door>(Some(DoorId(1)), 9).unwrap()[0].id,
        DoorId(2)
    );
    assert_eq!(
        view.list::<Grant>(Some((UserId(1), KeyId(1))), 9)
            .unwrap()
            .len(),
        2
    );
    let ids = |users: &[u32]| users.iter().copied().map(UserId).collect::<Vec<_>>();
    assert_eq!(view.users_of_key(KeyId(1), None, 9).unwrap(), ids(&[1, 2]));
    assert_eq!(
        view.users_of_key(KeyId(1), Some(UserId(1)), 9).unwrap(),
        ids(&[2])
    );
    assert_eq!(
        view.users_of_key(KeyId(1), Some(UserId(u32::MAX)), 9)
            .unwrap(),
        ids(&[])
    );
    assert_eq!(view.grants_of_user(UserId(1)).unwrap().len(), 2);
    assert_eq!(view.credentials_of_user(UserId(1)).unwrap().len(), 2);
    assert_eq!(
        view.credentials_known_by(&card(101).identity()).unwrap()[0].id,
        CredentialId(2)
    );
    assert_eq!(view.keys_of_door(DoorId(2)).unwrap(), [KeyId(1), KeyId(2)]);
    assert_eq!(
        view.doors_of_place(PlaceId(1)).unwrap(),
        [DoorId(1), DoorId(2)]
    );
    assert_eq!(
        view.user_by_email("ANN.2@example.org").unwrap(),
        Some(UserId(2))
    );
    site.stopped();
}

#[test]
fn index_rows_follow_their_record() {
    let site = small_site();
    let view = site.store.view();
    let moved = User {
        email: Some("new@example.org".to_owned()),
        ..user(1)
    };
    let changes = vec![put(Record::User(moved)), put(Record::Key(key(1, &[1])))];
    site.commit(&changes).unwrap();
    assert_eq!(view.user_by_email("ann.1@example.org").unwrap(), None);
    assert_eq!(
        view.user_by_email("new@example.org").unwrap(),
        Some(UserId(1))
    );
    assert_eq!(view.keys_of_door(DoorId(2)).unwrap(), [KeyId(2)]);
    site.stopped();
}

#[test]
fn a_phone_is_found_by_the_number_of_a_card() {
    let site = small_site();
    let CredentialData::Card(number) = card(100) else {
        unreachable!()
    };
    let found = site
        .store
        .view()
        .credentials_known_by(&CredentialData::Phone(number).identity())
        .unwrap();
    assert_eq!(found[0].id, CredentialId(1));
    site.stopped();
}

#[test]
fn removing_takes_along_what_cannot_stand_alone() {
    let site = small_site();
    let view = site.store.view();
    let removed = |reference| {
        let committed = site.commit(&[Change::Remove(reference)]).unwrap();
        committed.delta.changes
    };

    let changes = removed(RecordRef::User(UserId(1)));
    for gone in [grant_ref(1, 1), grant_ref(1, 2), RecordRef::User(UserId(1))] {
        assert!(changes.contains(&Change::Remove(gone)), "{gone}");
    }
    assert!(view.credentials_of_user(UserId(1)).unwrap().is_empty());
    assert!(view.grants_of_user(UserId(1)).unwrap().is_empty());
    assert_eq!(view.users_of_key(KeyId(1), None, 9).unwrap(), [UserId(2)]);

    let changes = removed(RecordRef::Door(DoorId(2)));
    assert!(changes.contains(&put(Record::Key(key(1, &[1])))));
    assert!(view.keys_of_door(DoorId(2)).unwrap().is_empty());

    removed(RecordRef::Key(KeyId(1)));
    assert!(view.grants_of_user(UserId(2)).unwrap().is_empty());
    assert!(view.keys_of_door(DoorId(1)).unwrap().is_empty());
    site.stopped();
}

#[test]
fn a_change_for_an_older_revision_is_a_conflict_and_changes_nothing() {
    let site = small_site();
    let change = [Change::Remove(RecordRef::User(UserId(1)))];
    let error = site.commit_at(Some(0), &change).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Conflict {
                expected: 0,
                found: 1
            }
        ),
        "{error}"
    );
    assert_eq!(site.store.view().revision().unwrap(), 1);
    assert_eq!(site.commit_at(Some(1), &change).unwrap().revision, 2);
    site.stopped();
}

#[test]
fn a_change_that_does_nothing_keeps_the_revision() {
    let site = small_site();
    let committed = site.commit(&[]).unwrap();
    assert_eq!((committed.revision, committed.delta.changes.len()), (1, 0));
    site.stopped();
}

#[test]
fn ids_are_never_given_twice() {
    let site = small_site();
    assert_eq!(
        site.store
            .next_id(doorward_core::model::Kind::User)
            .unwrap(),
        3
    );
    assert_eq!(
        site.store
            .next_id(doorward_core::model::Kind::User)
            .unwrap(),
        4
    );
    site.commit(&[put(Record::User(user(8)))]).unwrap();
    site.commit(&[Change::Remove(RecordRef::User(UserId(8)))])
        .unwrap();
    assert_eq!(
        site.store
            .next_id(doorward_core::model::Kind::User)
            .unwrap(),
        9
    );
    let site = site.reopened();
    assert_eq!(
        site.store
            .next_id(doorward_core::model::Kind::User)
            .unwrap(),
        9
    );
    assert_eq!(
        site.store
            .next_id(doorward_core::model::Kind::Schedule)
            .unwrap(),
        1
    );
    site.stopped();
}

#[test]
fn every_row_of_a_change_has_its_audit_entry() {
    let site = small_site();
    let suspended = User {
        state: UserState::Suspended,
        ..user(2)
    };
    site.commit(&[put(Record::User(suspended.clone()))])
        .unwrap();
    site.commit(&[Change::Remove(RecordRef::User(UserId(2)))])
        .unwrap();
    let newest = site.store.audit_before(u64::MAX, 3).unwrap();
    let told: Vec<_> = newest
        .iter()
        .map(|entry| (entry.seq, entry.revision, entry.target))
        .collect();
    let user_2 = RecordRef::User(UserId(2));
    assert_eq!(
        told,
        [(15, 3, user_2), (14, 3, grant_ref(2, 1)), (13, 2, user_2)]
    );
    assert_eq!(newest[0].before, Some(Record::User(suspended.clone())));
    assert_eq!(newest[0].after, None);
    assert_eq!(newest[2].before, Some(Record::User(user(2))));
    assert_eq!(newest[2].after, Some(Record::User(suspended)));
    assert_eq!(
        (&*newest[0].actor, newest[0].at, &*newest[0].note),
        ("appliance", Wall(1_000), "test")
    );
    assert_eq!(site.store.verify_audit(1).unwrap(), 15);
    site.stopped();
}

#[test]
fn the_largest_valid_records_fit() {
    let site = small_site();
    let doors = (1..=1_000).map(|id| DoorId(u32::MAX - id));
    let mut changes: Vec<_> = doors.clone().map(|id| put(door(id.0))).collect();
    changes.push(put(Record::Key(Key {
        name: "ð".repeat(100),
        doors: doors.collect(),
        ..key(u32::MAX, &[])
    })));
    // So many that leaves are full of the largest.
    changes.extend((1..=100).map(|id| {
        put(Record::Schedule(Schedule {
            id: ScheduleId(id),
            name: "𐍈".repeat(100),
            time_zone: "America/Argentina/ComodRivadavia".to_owned(),
            weekly: vec![
                WeeklyInterval {
                    day: Weekday::Wednesday,
                    from_minute: 1_000,
                    until_minute: 1_200,
                };
                200
            ],
            exceptions: Vec::new(),
            holidays: Vec::new(),
        }))
    }));
    // The largest of other shapes that are still valid.
    let hours = vec![
        DayInterval {
            from_minute: 1_000,
            until_minute: 1_200,
        };
        24
    ];
    let day = CivilDate::new(2199, 1, 1).unwrap();
    let exception = |nth| DatedException {
        date: day.plus_days(2 * nth),
        last: Some(day.plus_days(2 * nth + 1)),
        hours: hours[..1].to_vec(),
        note: "𐍈".repeat(11),
    };
    changes.push(put(Record::HolidaySet(HolidaySet {
        id: HolidaySetId(u32::MAX),
        name: "𐍈".repeat(100),
        holidays: vec![
            Holiday {
                name: "𐍈".repeat(20),
                on: HolidayDate::WeekdayFrom {
                    month: 12,
                    day: 31,
                    weekday: Weekday::Wednesday,
                },
                observed: Observed::NearestWeekday,
                from_year: Some(1970),
                until_year: Some(2199),
            };
            49
        ],
    })));
    changes.push(put(Record::Schedule(Schedule {
        id: ScheduleId(u32::MAX),
        name: "𐍈".repeat(100),
        time_zone: "America/Argentina/ComodRivadavia".to_owned(),
        weekly: Vec::new(),
        exceptions: (0..74).map(exception).collect(),
        holidays: vec![HolidayRule {
            set: HolidaySetId(u32::MAX),
            hours,
        }],
    })));
    // Twice, so that an audit entry holds both before and after.
    for _ in 0..2 {
        site.commit(&changes).unwrap();
    }
    assert_eq!(site.store.verify_audit(1).unwrap(), 12 + 2 * 1_103);
    let blobs = site.folder.path().join("table/blobs");
    assert_eq!(std::fs::read_dir(blobs).unwrap().count(), 0);
    site.stopped();
}

#[test]
fn bounds_are_kept_and_named() {
    let site = small_site();
    let change = site.validated(&[put(place(1))]);
    let note = ChangeNote {
        at: Wall(0),
        text: "x".repeat(401),
        expected_revision: None,
    };
    let error = block_on(site.store.commit(&permit(), change, note)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the note takes 401 bytes, allowed are 400"
    );
    assert_eq!(site.store.view().revision().unwrap(), 1);
    site.stopped();
}

#[test]
fn a_permit_for_something_else_changes_nothing() {
    let site = small_site();
    let permit = authorise(&Operator::Appliance, Action::Read).unwrap();
    let change = site.validated(&[put(place(1))]);
    let note = ChangeNote {
        at: Wall(0),
        text: String::new(),
        expected_revision: None,
    };
    let error = block_on(site.store.commit(&permit, change, note)).unwrap_err();
    assert_eq!(error.to_string(), "a permit for Read does not allow this");
    site.stopped();
}
