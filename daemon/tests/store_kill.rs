//! The store under SIGKILL: whatever was acknowledged is there afterwards.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test"
)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use doorward_core::event::{Event, EventKind};
use doorward_core::ids::{PlaceId, UserId};
use doorward_core::model::{Change, Place, Record, validate_changes};
use doorward_core::time::{ClockTrust, Wall};
use doorwardd::permit::{Action, Operator, authorise};
use doorwardd::store::{ChangeNote, Store, StoreOptions};

const ROUNDS: u64 = 20;

/// Names the folder to the child.
const FOLDER: &str = "DOORWARD_STORE_KILL_FOLDER";

/// Events under way at a time.
const TOGETHER: u64 = 8;

#[test]
fn what_was_acknowledged_survives_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let mut acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        // Each round is killed after another number of acknowledgements, early ones included.
        let lines = (round * 37) % 200;
        let mut child = spawn(&path);
        acknowledged.read(&mut child, lines);
        let so_far = acknowledged;
        check(&path, so_far);
        println!("round {round}: {so_far:?}");
    }
    assert!(acknowledged.events > ROUNDS && acknowledged.revision > 0);
}

#[derive(Debug, Clone, Copy, Default)]
struct Acknowledged {
    events: u64,
    revision: u64,
}

impl Acknowledged {
    /// Reads `lines` acknowledgements, kills the child, and reads what it said until then.
    fn read(&mut self, child: &mut Child, lines: u64) {
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut read = 0;
        let mut killed = false;
        loop {
            if read >= lines && !killed {
                child.kill().unwrap();
                killed = true;
            }
            let Some(line) = said.next() else { break };
            let line = line.unwrap();
            // The test harness says things of its own.
            match line.split_once(' ') {
                Some(("acknowledged-event", seq)) => self.events = seq.parse().unwrap(),
                Some(("acknowledged-revision", revision)) => {
                    self.revision = revision.parse().unwrap();
                }
                _ => continue,
            }
            read += 1;
        }
        assert!(killed, "the child ended by itself");
        child.wait().unwrap();
    }
}

fn spawn(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn check(path: &Path, acknowledged: Acknowledged) {
    let (store, thread) = Store::open(path, StoreOptions::default()).unwrap();
    let newest = *store.durable_seq().borrow();
    assert!(
        newest >= acknowledged.events,
        "{newest} of {acknowledged:?}"
    );
    assert_eq!(store.verify_events(1, u64::MAX).unwrap(), newest);
    let mut expected = 1;
    while expected <= newest {
        for row in store.events_after(expected - 1, 1_000).unwrap() {
            assert_eq!((row.seq, row.event), (expected, event(expected)));
            expected += 1;
        }
    }
    let view = store.view();
    let revision = view.revision().unwrap();
    assert!(
        revision >= acknowledged.revision,
        "{revision} of {acknowledged:?}"
    );
    // Of each change, all places are there or none is.
    let places: Vec<Place> = view.list(None, usize::MAX).unwrap();
    assert_eq!(places.len(), places_at(revision));
    assert_eq!(store.verify_audit(1).unwrap(), places_at(revision) as u64);
    store.stop();
    thread.join();
}

/// How many places a change puts. Large changes take another way than small ones.
fn places_of(revision: u64) -> usize {
    if revision.is_multiple_of(3) { 400 } else { 2 }
}

fn places_at(revision: u64) -> usize {
    (1..=revision).map(places_of).sum()
}

fn event(seq: u64) -> Event {
    let at = Wall(i64::try_from(seq).unwrap());
    let mut event = Event::new(EventKind::Granted, at, ClockTrust::Trusted, 1);
    event.user = Some(UserId(7));
    event
}

/// Not a test: what the killed process runs.
#[test]
fn child() {
    let Some(path) = std::env::var_os(FOLDER) else {
        return;
    };
    let (store, _thread) = Store::open(Path::new(&path), StoreOptions::default()).unwrap();
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(async {
            let changes = change_for_ever(&store);
            let events = append_for_ever(&store);
            futures_util::future::join(changes, events).await;
        });
}

fn say(what: &str, number: u64) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{what} {number}").unwrap();
    stdout.flush().unwrap();
}

async fn append_for_ever(store: &Store) {
    let (sink, mut acks) = store.event_sink();
    let mut seq = *store.durable_seq().borrow();
    loop {
        for _ in 0..TOGETHER {
            seq += 1;
            sink.append(seq, event(seq));
        }
        for _ in 0..TOGETHER {
            let ack = acks.recv().await.unwrap();
            assert_eq!(ack.result, Ok(ack.token));
            say("acknowledged-event", ack.token);
        }
    }
}

async fn change_for_ever(store: &Store) {
    let permit = authorise(&Operator::Appliance, Action::ChangeTable).unwrap();
    let view = store.view();
    loop {
        let expected = view.revision().unwrap();
        let place = |id| {
            let id = u32::try_from(id).unwrap();
            Change::Put(Record::Place(Place {
                id: PlaceId(id),
                name: format!("Place {id}"),
                parent: None,
                ..Place::default()
            }))
        };
        let ids = places_at(expected) + 1..=places_at(expected + 1);
        let change = validate_changes(&view, &ids.map(place).collect::<Vec<_>>()).unwrap();
        let note = ChangeNote {
            at: Wall(1),
            text: String::new(),
            expected_revision: Some(expected),
        };
        let committed = store.commit(&permit, change, note).await.unwrap();
        say("acknowledged-revision", committed.revision);
    }
}
