//! The store through its public face, on a real folder.

mod agreement;
mod erasing;
mod logs;
mod opening;
mod records;
mod tables;
mod verifying;

use std::path::Path;

use doorward_core::event::{Event, EventKind};
use doorward_core::ids::{CredentialId, DoorId, KeyId, PlaceId, ScheduleId, UserId};
use doorward_core::model::{
    Change, Credential, CredentialData, CredentialState, Door, DoorMode, DoorWiring, FailMode,
    Grant, Key, KeyFlags, Place, Record, RecordRef, Relock, Schedule, User, UserState,
    ValidatedChange, Weekday, WeeklyInterval, validate_changes,
};
use doorward_core::time::{ClockTrust, Wall};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{
    AppendAck, ChangeNote, Committed, EventFilter, EventRange, EventSink, Store, StoreError,
    StoreOptions, StoreThread,
};
use crate::permit::{Action, Operator, Permit, authorise};

/// An open store on a folder of its own.
struct Site {
    folder: TempDir,
    store: Store,
    thread: StoreThread,
    sink: EventSink,
    acks: mpsc::UnboundedReceiver<AppendAck>,
}

impl Site {
    fn new() -> Self {
        Self::at(tempfile::tempdir().unwrap())
    }

    fn at(folder: TempDir) -> Self {
        let (store, thread) = open(folder.path()).unwrap();
        let (sink, acks) = store.event_sink();
        Self {
            folder,
            store,
            thread,
            sink,
            acks,
        }
    }

    fn reopened(self) -> Self {
        Self::at(self.stopped())
    }

    fn stopped(self) -> TempDir {
        self.store.stop();
        self.thread.join();
        self.folder
    }

    fn append(&mut self, event: Event) -> u64 {
        self.sink.append(1, event);
        let ack = self.acks.blocking_recv().unwrap();
        assert_eq!(ack.token, 1);
        ack.result.unwrap()
    }

    fn commit(&self, changes: &[Change]) -> Result<Committed, StoreError> {
        self.commit_at(None, changes)
    }

    fn commit_at(
        &self,
        expected_revision: Option<u64>,
        changes: &[Change],
    ) -> Result<Committed, StoreError> {
        let note = ChangeNote {
            at: Wall(1_000),
            text: "test".to_owned(),
            expected_revision,
        };
        block_on(self.store.commit(&permit(), self.validated(changes), note))
    }

    fn validated(&self, changes: &[Change]) -> ValidatedChange {
        validate_changes(&self.store.view(), changes).unwrap()
    }
}

fn open(path: &Path) -> Result<(Store, StoreThread), StoreError> {
    Store::open(&path.join("table"), StoreOptions::default())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}

fn permit() -> Permit {
    authorise(&Operator::Appliance, Action::ChangeTable).unwrap()
}

fn put(record: Record) -> Change {
    Change::Put(record)
}

fn event(at: i64) -> Event {
    let mut event = Event::new(EventKind::Granted, Wall(at), ClockTrust::Trusted, 1);
    event.user = Some(UserId(3));
    event.door = Some(DoorId(1));
    event
}

fn place(id: u32) -> Record {
    Record::Place(Place {
        id: PlaceId(id),
        name: format!("Place {id}"),
        parent: None,
        ..Place::default()
    })
}

fn door(id: u32) -> Record {
    Record::Door(Door {
        id: DoorId(id),
        name: format!("Door {id}"),
        place: PlaceId(1),
        time_zone: "Europe/Stockholm".to_owned(),
        unlock_ms: 5_000,
        extended_unlock_ms: 15_000,
        held_open_ms: 30_000,
        held_open_warning_ms: 10_000,
        relock: Relock::OnClose,
        fail_mode: FailMode::Secure,
        mode: DoorMode::Normal,
        authentication: doorward_core::model::Authentication::default(),
        inside: None,
        outside: None,
        wiring: DoorWiring::default(),
        ..Door::default()
    })
}

fn user(id: u32) -> User {
    User {
        id: UserId(id),
        first_name: "Ann".to_owned(),
        last_name: format!("Number {id}"),
        email: Some(format!("Ann.{id}@example.org")),
        department: String::new(),
        state: UserState::Active,
        extended_unlock: false,
        ..User::default()
    }
}

fn credential(id: u32, user: u32, number: u64) -> Record {
    Record::Credential(Credential {
        id: CredentialId(id),
        user: Some(UserId(user)),
        data: card(number),
        state: CredentialState::Active,
        valid_from: None,
        valid_until: None,
        label: String::new(),
    })
}

fn card(number: u64) -> CredentialData {
    CredentialData::Card(doorward_core::card::CardNumber {
        format: "H10301".parse().unwrap(),
        facility: Some(12),
        number,
    })
}

fn key(id: u32, doors: &[u32]) -> Key {
    Key {
        id: KeyId(id),
        name: format!("Key {id}"),
        place: PlaceId(1),
        doors: doors.iter().copied().map(DoorId).collect(),
        schedule: None,
        window: None,
        blocked: None,
        flags: KeyFlags::default(),
        ..Key::default()
    }
}

fn grant(user: u32, key: u32) -> Record {
    Record::Grant(Grant {
        user: UserId(user),
        key: KeyId(key),
        intervals: Vec::new(),
    })
}

fn grant_ref(user: u32, key: u32) -> RecordRef {
    RecordRef::Grant {
        user: UserId(user),
        key: KeyId(key),
    }
}
