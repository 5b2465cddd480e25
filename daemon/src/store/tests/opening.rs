//! Opening: the folder, what is synced, and what is said when it cannot be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::Ordering;

use super::super::database::Database;
use super::super::rows;
use super::*;

/// Works on the database of a stopped store behind its back.
fn tamper(folder: &TempDir, work: impl FnOnce(&Database)) {
    let path = folder.path().join("table");
    let mut database = Database::open(&path, &StoreOptions::default(), Default::default()).unwrap();
    work(&database);
    database.sync().unwrap();
}

fn refusal(folder: &TempDir) -> String {
    let error = open(folder.path()).unwrap_err();
    let mut text = error.to_string();
    if let Some(cause) = std::error::Error::source(&error) {
        text = format!("{text}: {cause}");
    }
    text.replace(&folder.path().display().to_string(), "…")
}

#[test]
fn a_new_folder_is_private_and_synced_with_all_that_is_in_it() {
    let site = Site::new();
    let mode = fs::metadata(site.folder.path().join("table"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    // conf, db, blobs, the folder, its parent.
    assert!(site.store.sync_counts().opening.load(Ordering::Relaxed) >= 5);
    assert!(site.store.sync_counts().log.load(Ordering::Relaxed) >= 1);
    site.stopped();
}

#[test]
fn a_folder_open_to_others_is_closed_to_them() {
    let folder = Site::new().stopped();
    let path = folder.path().join("table");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let site = Site::at(folder);
    assert_eq!(
        fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o700
    );
    site.stopped();
}

#[test]
fn a_store_in_use_is_refused_and_free_again_afterwards() {
    let site = Site::new();
    assert_eq!(
        refusal(&site.folder),
        "`…/table` is in use: another daemon runs on it; stop that one first"
    );
    site.reopened().stopped();
}

#[test]
fn a_file_in_the_place_of_the_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("table"), "mine").unwrap();
    assert_eq!(
        refusal(&folder),
        "cannot use as a folder `…/table`: not a directory"
    );
    assert_eq!(fs::read(folder.path().join("table")).unwrap(), b"mine");
}

#[test]
fn a_snapshot_that_was_being_written_is_passed_over() {
    for unfinished in [&b""[..], &[0xA5; 4096]] {
        let mut site = Site::new();
        site.append(event(1));
        let folder = site.stopped();
        let path = folder.path().join("table/snap.00000000000000FF.generating");
        fs::write(&path, unfinished).unwrap();
        let site = Site::at(folder);
        assert_eq!(site.store.events_after(0, 10).unwrap().len(), 1);
        assert!(!path.exists());
        // Whoever tries to open it meanwhile takes nothing away.
        fs::write(&path, unfinished).unwrap();
        assert!(refusal(&site.folder).contains("in use"));
        assert!(path.exists());
        site.reopened().stopped();
    }
}

#[test]
fn a_damaged_database_is_refused_and_left_alone() {
    for damaged in ["conf", "snap."] {
        let mut site = Site::new();
        site.append(event(1));
        // The second opening writes the snapshot.
        let folder = site.reopened().stopped();
        let path = folder.path().join("table");
        let file = fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with(damaged)
            })
            .unwrap();
        fs::write(&file, vec![0xA5; 4096]).unwrap();
        let before = fs::read(path.join("db")).unwrap();
        let expected = "`…/table` does not open as a database; nothing was deleted: \
                        move the folder aside and restore a backup, or keep it for repair: ";
        let found = refusal(&folder);
        assert!(found.starts_with(expected), "{damaged}: {found}");
        assert_eq!(fs::read(path.join("db")).unwrap(), before, "{damaged}");
        assert_eq!(fs::read(&file).unwrap(), [0xA5; 4096], "{damaged}");
    }
}

#[test]
fn a_table_of_a_newer_schema_is_refused() {
    let folder = Site::new().stopped();
    tamper(&folder, |database| {
        let table = &database.trees.old_table;
        table.insert(rows::SCHEMA, &7u32.to_be_bytes()).unwrap();
    });
    assert_eq!(
        refusal(&folder),
        "`…/table` has schema version 7, this version reads up to 2; install a newer version"
    );
}

/// A folder as an older version left it: every row of the table in a row of sled.
fn of_an_older_version(copied_already: usize) -> TempDir {
    let site = Site::new();
    for id in 1..=300 {
        site.commit(&[put(place(id))]).unwrap();
    }
    let folder = site.stopped();
    tamper(&folder, |database| {
        let (new, old) = (&database.trees.table, &database.trees.old_table);
        old.clear().unwrap();
        let all: Vec<_> = new.range::<&[u8]>(..).map(Result::unwrap).collect();
        new.apply(
            all.iter()
                .skip(copied_already)
                .map(|(key, _)| (key.as_ref(), None)),
        )
        .unwrap();
        for (key, value) in all {
            old.insert(key, value).unwrap();
        }
        old.insert(rows::SCHEMA, &1u32.to_be_bytes()).unwrap();
        new.apply([(rows::SCHEMA, None)]).unwrap();
    });
    folder
}

#[test]
fn a_table_of_an_older_version_is_brought_along() {
    for copied_already in [0, 1, 150] {
        let site = Site::at(of_an_older_version(copied_already)).reopened();
        let places = site.store.view().list::<Place>(None, usize::MAX).unwrap();
        assert_eq!(places.len(), 300);
        assert_eq!(site.store.view().revision().unwrap(), 300);
        assert_eq!(site.store.verify_audit(1).unwrap(), 300);
        assert_eq!(site.commit(&[put(place(301))]).unwrap().revision, 301);
        let folder = site.stopped();
        tamper(&folder, |database| {
            let old = database.trees.old_table.iter().map(Result::unwrap);
            let old: Vec<_> = old.collect();
            // An older version finds what it refuses, and nothing else.
            assert_eq!(old, [(rows::SCHEMA.into(), (&2u32.to_be_bytes()).into())]);
        });
    }
}

#[test]
fn an_altered_event_is_noticed() {
    let mut site = Site::new();
    for at in 1..=5 {
        site.append(event(at));
    }
    let folder = site.stopped();
    tamper(&folder, |database| {
        let events = &database.trees.events;
        let mut value = events.get(4u64.to_be_bytes()).unwrap().unwrap().to_vec();
        let last = value.len() - 1;
        value[last] ^= 1;
        events.insert(4u64.to_be_bytes(), value).unwrap();
    });
    assert_eq!(
        refusal(&folder),
        "row 4 of the passage log was altered: its hash does not follow from the row before it"
    );
}

#[test]
fn an_event_taken_away_is_noticed() {
    let mut site = Site::new();
    for at in 1..=5 {
        site.append(event(at));
    }
    let folder = site.stopped();
    tamper(&folder, |database| {
        database.trees.events.remove(3u64.to_be_bytes()).unwrap();
    });
    assert_eq!(
        refusal(&folder),
        "the passage log has no row 3: rows were taken away"
    );
}

#[test]
fn an_altered_audit_entry_is_noticed() {
    let site = Site::new();
    site.commit(&[put(place(1)), put(place(2))]).unwrap();
    let folder = site.stopped();
    tamper(&folder, |database| {
        let table = &database.trees.table;
        let first = table.get(rows::audit(1)).unwrap().unwrap();
        table.insert(rows::audit(2), first).unwrap();
    });
    assert_eq!(
        refusal(&folder),
        "row 2 of the admin log was altered: its hash does not follow from the row before it"
    );
}
