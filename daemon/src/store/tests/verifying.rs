//! Every invariant of a store, broken on purpose.

use std::ops::ControlFlow;

use doorward_core::alarm::AlarmKind;

use super::super::packed::Packed;
use super::super::{OfflineError, Verification, verify, verify_folder};
use super::*;

/// A store with records of several kinds, a log with an alarm, and states.
fn whole() -> Site {
    let mut site = Site::new();
    let mut changes = vec![put(place(1)), put(door(1)), put(door(2))];
    changes.extend((1..=40).map(|id| put(Record::User(user(id)))));
    changes.extend((1..=40).map(|id| put(credential(id, id, u64::from(id)))));
    changes.extend([
        put(Record::Key(key(1, &[1, 2]))),
        put(grant(1, 1)),
        put(grant(2, 1)),
    ]);
    site.commit(&changes).unwrap();
    site.commit(&[Change::Remove(RecordRef::User(UserId(40)))])
        .unwrap();
    for at in 1..=50 {
        site.append(event(at));
    }
    let mut alarm = event(51);
    alarm.kind = EventKind::AlarmRaised;
    alarm.alarm = Some(AlarmKind::HeldOpen);
    site.append(alarm);
    site.append(event(60));
    site.store.advance_cursor("uplink", 20);
    site.store
        .state_sink()
        .keep("people/user/3", b"{}".to_vec());
    site
}

fn check(folder: &Path) -> Result<Verification, OfflineError> {
    let scratch = tempfile::tempdir().unwrap();
    let go_on = |_| ControlFlow::Continue(());
    verify_folder(&folder.join("table"), scratch.path(), go_on).map(Option::unwrap)
}

/// What is found where, once `damage` was done to the trees.
fn faults(damage: impl FnOnce(&sled::Db)) -> Vec<(&'static str, String)> {
    let folder = whole().stopped();
    let db = sled::Config::new()
        .path(folder.path().join("table"))
        .segment_size(2 * 1024 * 1024)
        .mode(sled::Mode::LowSpace)
        .open()
        .unwrap();
    damage(&db);
    db.flush().unwrap();
    drop(db);
    let found = check(folder.path()).unwrap();
    assert!(!found.is_whole());
    let checks = found.checks.into_iter();
    checks
        .flat_map(|check| check.told.into_iter().map(move |told| (check.name, told)))
        .collect()
}

/// The one check that finds something finds `expect`.
#[track_caller]
fn finds(name: &str, expect: &str, damage: impl FnOnce(&sled::Db)) {
    let faults = faults(damage);
    let said = faults
        .iter()
        .any(|(at, told)| *at == name && told.contains(expect));
    assert!(said, "expected `{expect}` in {name}, found {faults:#?}");
    let others: Vec<_> = faults.iter().filter(|(at, _)| *at != name).collect();
    assert!(others.is_empty(), "{others:#?}");
}

fn table(db: &sled::Db) -> Packed {
    Packed::new(db.open_tree("rows").unwrap())
}

fn first_row(table: &Packed, prefix: u8) -> (sled::IVec, sled::IVec) {
    table.scan_prefix([prefix]).next().unwrap().unwrap()
}

fn events(db: &sled::Db) -> sled::Tree {
    db.open_tree("events").unwrap()
}

fn first(tree: &sled::Tree, prefix: u8) -> (sled::IVec, sled::IVec) {
    tree.scan_prefix([prefix]).next().unwrap().unwrap()
}

/// One byte of a row is another.
fn flip(tree: &sled::Tree, key: &[u8], at: usize) {
    let mut value = tree.get(key).unwrap().unwrap().to_vec();
    value[at] ^= 1;
    tree.insert(key, value).unwrap();
}

#[test]
fn a_whole_store_is_whole_on_line_and_off_line_and_is_not_touched() {
    let site = whole();
    let snapshot = block_on(site.store.snapshot()).unwrap();
    // What comes after the snapshot is no part of it.
    site.commit(&[put(Record::User(user(90))), Change::Remove(grant_ref(2, 1))])
        .unwrap();
    let go_on = |_| ControlFlow::Continue(());
    let found = verify(&snapshot, &site.store.view(), go_on)
        .unwrap()
        .unwrap();
    assert!(found.is_whole(), "{found:#?}");
    assert_eq!((found.revision, found.events), (2, 52));
    assert!(
        found.checks.iter().all(|check| check.rows > 0),
        "{found:#?}"
    );
    let again = block_on(site.store.snapshot()).unwrap_err();
    assert!(matches!(again, StoreError::Busy { .. }), "{again}");
    drop(snapshot);
    let snapshot = block_on(site.store.snapshot()).unwrap();
    let stop = |_| ControlFlow::Break(());
    assert_eq!(verify(&snapshot, &site.store.view(), stop).unwrap(), None);
    drop(snapshot);
    let in_use = check(site.folder.path()).unwrap_err();
    assert!(matches!(in_use, OfflineError::InUse(_)), "{in_use}");

    let folder = site.stopped();
    let database = folder.path().join("table/db");
    let before = std::fs::read(&database).unwrap();
    assert!(check(folder.path()).unwrap().is_whole());
    assert!(
        std::fs::read(&database).unwrap() == before,
        "the store was written to"
    );
}

#[test]
fn a_record_that_cannot_be_read_is_found() {
    let faults = faults(|db| {
        let (key, _) = first_row(&table(db), 0x12);
        table(db).insert(key, b"\x01\xC1").unwrap();
    });
    assert!(
        faults.iter().any(|(name, _)| *name == "records"),
        "{faults:#?}"
    );
}

#[test]
fn a_record_in_anothers_place_is_found() {
    let faults = faults(|db| {
        let table = table(db);
        let users = table.scan_prefix([0x13]).take(2).map(Result::unwrap);
        let users: Vec<_> = users.collect();
        table.insert(&users[0].0, &users[1].1).unwrap();
    });
    assert!(
        faults
            .iter()
            .any(|(name, told)| *name == "records" && told.contains("holds")),
        "{faults:#?}"
    );
}

#[test]
fn a_reference_to_nothing_is_found() {
    let faults = faults(|db| {
        let (key, _) = first_row(&table(db), 0x15);
        table(db).remove(key).unwrap();
    });
    assert!(
        faults
            .iter()
            .any(|(name, told)| *name == "references" && told.contains("key")),
        "{faults:#?}"
    );
}

#[test]
fn index_rows_that_are_missing_or_too_many_are_found() {
    finds("indexes", "missing", |db| {
        let (key, _) = first_row(&table(db), 0x22);
        table(db).remove(key).unwrap();
    });
    finds("indexes", "not so", |db| {
        let (key, _) = first_row(&table(db), 0x22);
        let mut key = key.to_vec();
        *key.last_mut().unwrap() ^= 0x80;
        table(db).insert(key, b"").unwrap();
    });
}

#[test]
fn meta_rows_that_are_wrong_are_found() {
    finds("meta", "no known kind", |db| {
        table(db).insert(b"\0zz", b"x").unwrap();
    });
    finds("meta", "is in use", |db| {
        table(db).insert(b"\0n\x03", 2u32.to_be_bytes()).unwrap();
    });
}

#[test]
fn an_altered_row_of_the_admin_log_is_found_and_one_that_is_missing() {
    finds("audit", "row 3 of the admin log was altered", |db| {
        let mut key = vec![0x40];
        key.extend(3u64.to_be_bytes());
        let value = table(db).get(&key).unwrap().unwrap();
        let mut value = value.to_vec();
        *value.last_mut().unwrap() ^= 1;
        table(db).insert(key, value).unwrap();
    });
    finds("audit", "after row 4 comes row 6", |db| {
        let mut key = vec![0x40];
        key.extend(5u64.to_be_bytes());
        table(db).remove(key).unwrap();
    });
}

#[test]
fn an_altered_event_is_found_wherever_it_was_altered() {
    for (at, expect) in [
        (1, "row 7 of the passage log was altered"),
        (33, "its personal part does not match"),
        (66, "its personal part does not match"),
        (101, "its personal part does not match"),
        (120, "row 7 of the passage log was altered"),
    ] {
        let faults = faults(|db| flip(&events(db), &7u64.to_be_bytes(), at));
        assert!(
            faults
                .iter()
                .any(|(name, told)| *name == "events" && told.contains(expect)),
            "byte {at}: {faults:#?}"
        );
    }
}

#[test]
fn a_missing_event_is_found_and_others_behind_it() {
    let faults = faults(|db| {
        events(db).remove(9u64.to_be_bytes()).unwrap();
        flip(&events(db), &30u64.to_be_bytes(), 120);
    });
    let told = |what: &str| faults.iter().any(|(_, told)| told.contains(what));
    assert!(told("after row 8 comes row 10"), "{faults:#?}");
    assert!(told("row 30 of the passage log was altered"), "{faults:#?}");
}

#[test]
fn alarms_that_are_not_what_the_log_says_are_found() {
    let alarms = |db: &sled::Db| db.open_tree("alarms").unwrap();
    finds("alarms", "raised an alarm that is not there", |db| {
        let rows: Vec<_> = alarms(db).iter().keys().map(Result::unwrap).collect();
        for row in rows {
            alarms(db).remove(row).unwrap();
        }
    });
    finds("alarms", "is not listed", |db| {
        let (key, _) = first(&alarms(db), b's');
        alarms(db).remove(key).unwrap();
    });
    finds("alarms", "has no event", |db| {
        let (key, value) = first(&alarms(db), b'a');
        let mut other = key.to_vec();
        other[8] = 3;
        alarms(db).insert(other, value).unwrap();
        let mut stands = key.to_vec();
        (stands[0], stands[8]) = (b's', 3);
        alarms(db).insert(stands, b"").unwrap();
    });
}

#[test]
fn cursors_and_states_that_cannot_be_are_found() {
    finds("cursors", "`uplink` is at event 99", |db| {
        let cursors = db.open_tree("cursors").unwrap();
        cursors.insert("uplink", &99u64.to_be_bytes()).unwrap();
    });
    finds("kept", "kept", |db| {
        let kept = db.open_tree("kept").unwrap();
        kept.insert("people/user/3", b"{half").unwrap();
    });
}

#[test]
fn a_snapshot_stays_as_it_was_while_the_table_changes() {
    let site = whole();
    let rows = |snapshot: &super::super::Snapshot| {
        let mut all = Vec::new();
        loop {
            let rows = snapshot
                .next_rows(super::super::snapshot::Part::Table, 7)
                .unwrap();
            if rows.is_empty() {
                return all;
            }
            all.extend(rows);
        }
    };
    let before = rows(&block_on(site.store.snapshot()).unwrap());
    let snapshot = block_on(site.store.snapshot()).unwrap();
    let mut seen = snapshot
        .next_rows(super::super::snapshot::Part::Table, 7)
        .unwrap();
    let mut changes: Vec<Change> = (1..=20)
        .map(|id| Change::Remove(RecordRef::User(UserId(id))))
        .collect();
    changes.extend((50..=400).map(|id| put(Record::User(user(id)))));
    // Small ones go as a batch, this one by a journal.
    site.commit(&[put(Record::User(user(41)))]).unwrap();
    site.commit(&changes).unwrap();
    seen.extend(rows(&snapshot));
    assert!(
        seen == before,
        "{} rows, there were {}",
        seen.len(),
        before.len()
    );
    site.stopped();
}
