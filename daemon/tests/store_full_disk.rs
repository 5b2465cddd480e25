//! The store on a full disk: events wait, in order, and nothing is lost once there is room.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test"
)]

use std::fs::{self, File};
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use doorward_core::event::{Event, EventKind};
use doorward_core::ids::PlaceId;
use doorward_core::model::{Change, Place, Record, validate_changes};
use doorward_core::time::{ClockTrust, Wall};
use doorwardd::permit::{Action, Operator, authorise};
use doorwardd::store::{
    AppendAck, AppendError, ChangeNote, Committed, EventSink, Store, StoreError, StoreHealth,
    StoreOptions,
};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;

/// Longer than the longest wait between two attempts.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file system of its own, small enough to be filled.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                println!("skipped: a small file system cannot be mounted: {why}");
                None
            }
            Err(error) => {
                println!("skipped: `mount` cannot be run: {error}");
                None
            }
        }
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        for chunk in [1 << 20, 4096] {
            while ballast.write_all(&vec![1; chunk]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

struct Bench {
    store: Store,
    sink: EventSink,
    acks: UnboundedReceiver<AppendAck>,
    appended: u64,
}

impl Bench {
    fn of(store: &Store) -> Self {
        let (sink, acks) = store.event_sink();
        Self {
            store: store.clone(),
            sink,
            acks,
            appended: 0,
        }
    }

    fn append(&mut self) -> u64 {
        self.appended += 1;
        self.sink.append(self.appended, event(self.appended));
        self.appended
    }

    async fn ack(&mut self) -> AppendAck {
        timeout(PATIENCE, self.acks.recv()).await.unwrap().unwrap()
    }

    async fn commit(&self, id: u32) -> Result<Committed, StoreError> {
        self.commit_all(id..=id).await
    }

    async fn commit_all(&self, ids: RangeInclusive<u32>) -> Result<Committed, StoreError> {
        let place = |id| {
            Change::Put(Record::Place(Place {
                id: PlaceId(id),
                name: "Ward".to_owned(),
                parent: None,
                ..Place::default()
            }))
        };
        let changes: Vec<_> = ids.map(place).collect();
        let change = validate_changes(&self.store.view(), &changes);
        let permit = authorise(&Operator::Appliance, Action::ChangeTable).unwrap();
        let note = ChangeNote {
            at: Wall(1),
            text: String::new(),
            expected_revision: None,
        };
        let committed = self.store.commit(&permit, change.unwrap(), note);
        timeout(PATIENCE, committed).await.unwrap()
    }

    /// Fills the log until an event has to wait. Returns the events that wait by then.
    async fn append_until_full(&mut self) -> u64 {
        loop {
            let token = self.append();
            let ack = self.ack().await;
            assert_eq!(ack.token, token);
            match ack.result {
                Ok(seq) => assert_eq!(seq, token),
                Err(error) => {
                    assert_eq!(error, AppendError::Waiting);
                    return token;
                }
            }
        }
    }
}

/// So that the database itself meets the end of the disk.
fn without_reserve() -> StoreOptions {
    StoreOptions {
        reserve_bytes: 0,
        ..StoreOptions::default()
    }
}

fn event(seq: u64) -> Event {
    let at = Wall(i64::try_from(seq).unwrap());
    Event::new(EventKind::Granted, at, ClockTrust::Trusted, 1)
}

fn check(path: &Path, events: u64, revision: u64, places: u64) {
    let (store, thread) = Store::open(path, without_reserve()).unwrap();
    assert_eq!(store.verify_events(1, u64::MAX).unwrap(), events);
    let rows = store.events_after(0, usize::MAX).unwrap();
    for (seq, row) in (1..).zip(rows) {
        assert_eq!((row.seq, row.event), (seq, event(seq)));
    }
    assert_eq!(store.view().revision().unwrap(), revision);
    let found: Vec<Place> = store.view().list(None, usize::MAX).unwrap();
    assert_eq!(found.len() as u64, places);
    assert_eq!(store.verify_audit(1).unwrap(), places);
    store.stop();
    thread.join();
}

#[tokio::test]
async fn events_wait_for_room_and_become_durable_in_order() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let path = disk.0.path().join("table");
    let (store, thread) = Store::open(&path, without_reserve()).unwrap();
    let mut health = store.health();
    let mut bench = Bench::of(&store);
    bench.commit(1).await.unwrap();

    // Twice, so that a recovered store can fail and recover again.
    for round in 0..2u32 {
        disk.fill();
        let first = bench.append_until_full().await;
        let durable = *store.durable_seq().borrow();
        assert_eq!(durable, first - 1);
        for _ in 0..500 {
            let token = bench.append();
            let ack = bench.ack().await;
            assert_eq!((ack.token, ack.result), (token, Err(AppendError::Waiting)));
        }
        let waiting = match &*health.borrow_and_update() {
            StoreHealth::Failing {
                waiting,
                lost: 0,
                error,
                ..
            } => {
                assert!(error.contains("No space left"), "{error}");
                *waiting
            }
            other => panic!("{other:?} on a full disk"),
        };
        assert_eq!(waiting, 501);
        let refused = bench.commit(10 + round).await.unwrap_err();
        assert!(matches!(refused, StoreError::Storage { .. }), "{refused}");
        // Readers see what is durable, and only that.
        assert_eq!(store.events_after(durable - 1, 10).unwrap().len(), 1);

        disk.free();
        for seq in first..first + 501 {
            let ack = bench.ack().await;
            assert_eq!((ack.token, ack.result), (seq, Ok(seq)));
        }
        let recovered = health.wait_for(|health| *health == StoreHealth::Ok);
        timeout(PATIENCE, recovered).await.unwrap().unwrap();
        let committed = bench.commit(20 + round).await.unwrap();
        assert_eq!(committed.revision, u64::from(round) + 2);
    }

    let events = bench.appended;
    drop((bench, health));
    store.stop();
    drop(store);
    tokio::task::spawn_blocking(|| thread.join()).await.unwrap();
    check(&path, events, 3, 3);
}

/// Commits changes of `rows` places until the disk is full, then makes room.
async fn fill_with_changes(rows: u32, rounds: usize) {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let path = disk.0.path().join("table");
    let (store, thread) = Store::open(&path, without_reserve()).unwrap();
    let mut bench = Bench::of(&store);
    let mut health = store.health();
    let mut revision = 0;
    // Several times: a large change can fail before and after it is decided.
    for _ in 0..rounds {
        disk.fill();
        let failed = async {
            let failing = health.wait_for(|health| *health != StoreHealth::Ok);
            drop(timeout(PATIENCE, failing).await.unwrap().unwrap());
            disk.free();
            let recovered = health.wait_for(|health| *health == StoreHealth::Ok);
            drop(timeout(PATIENCE, recovered).await.unwrap().unwrap());
        };
        let commits = async {
            loop {
                let first = u32::try_from(revision).unwrap() * rows + 1;
                match bench.commit_all(first..=first + rows - 1).await {
                    Ok(committed) => revision = committed.revision,
                    Err(StoreError::Storage { .. }) => break,
                    Err(error) => panic!("{error}"),
                }
                if !disk.ballast().exists() {
                    break;
                }
            }
        };
        futures_util::future::join(failed, commits).await;
        assert_eq!(store.view().revision().unwrap(), revision);
    }
    bench.append();
    assert_eq!(bench.ack().await.result, Ok(1));
    drop((bench, health));
    store.stop();
    drop(store);
    tokio::task::spawn_blocking(|| thread.join()).await.unwrap();
    check(&path, 1, revision, revision * u64::from(rows));
}

#[tokio::test]
async fn a_change_that_finds_the_disk_full_is_refused_and_leaves_nothing_behind() {
    fill_with_changes(1, 3).await;
}

#[tokio::test]
async fn a_large_change_that_finds_the_disk_full_stands_whole_or_not_at_all() {
    fill_with_changes(300, 4).await;
}

/// With a reserve the database never meets the end of the disk: events go on becoming durable.
#[tokio::test]
async fn events_go_on_in_the_reserve_and_changes_are_refused() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let path = disk.0.path().join("table");
    let (store, thread) = Store::open(&path, StoreOptions::default()).unwrap();
    let mut health = store.health();
    let mut bench = Bench::of(&store);
    bench.commit(1).await.unwrap();
    assert!(path.join("reserve").exists());
    for round in 0..2u32 {
        disk.fill();
        let full = health.wait_for(|health| *health != StoreHealth::Ok);
        let full = timeout(PATIENCE, full).await.unwrap().unwrap().clone();
        match &full {
            StoreHealth::Failing {
                error,
                waiting: 0,
                lost: 0,
                ..
            } => assert!(error.contains("disk is full"), "{error}"),
            other => panic!("{other:?} on a full disk"),
        }
        assert!(!path.join("reserve").exists());
        for _ in 0..300 {
            let token = bench.append();
            let ack = bench.ack().await;
            assert_eq!((ack.token, ack.result), (token, Ok(token)));
        }
        let refused = bench.commit(10 + round).await.unwrap_err().to_string();
        assert!(refused.contains("changes are refused until"), "{refused}");

        disk.free();
        let recovered = health.wait_for(|health| *health == StoreHealth::Ok);
        drop(timeout(PATIENCE, recovered).await.unwrap().unwrap());
        assert!(path.join("reserve").exists());
        let committed = bench.commit(20 + round).await.unwrap();
        assert_eq!(committed.revision, u64::from(round) + 2);
    }
    let events = bench.appended;
    drop((bench, health));
    store.stop();
    drop(store);
    tokio::task::spawn_blocking(|| thread.join()).await.unwrap();
    check(&path, events, 3, 3);
}
