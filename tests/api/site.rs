//! A site without hardware: the daemon's API, store and clock, with doors that obey.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use doorward_api::{Client, UplinkStatus};
use doorward_core::controller::{CommandError, DoorStatus, LearnError, LockState};
use doorward_core::decide::Policy;
use doorward_core::decide::SiteMap;
use doorward_core::event::{Event, EventKind};
use doorward_core::ids::DoorId;
use doorward_core::model::{Change, DoorMode, Record};
use doorward_core::time::ClockTrust;
use doorward_wire::card::FormatTable;
use doorwardd::admin::{Office, Socket, SocketSettings, Times, serve};
use doorwardd::change::TableChanges;
use doorwardd::clock::{Clock, WallSource};
use doorwardd::config::PlanRule;
use doorwardd::doors::{DoorsHandle, DoorsRequest, Live};
use doorwardd::keys::ReaderKeys;
use doorwardd::readers::{Buses, CardReader};
use doorwardd::store::{EventSink, Store, StoreOptions, StoreThread};
use doorwardd::vault::Jobs;
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The door that the doors refuse to operate, as if its relay board were gone.
pub(crate) const BROKEN_DOOR: DoorId = DoorId(13);

/// A daemon without doors' hardware, on a folder of its own.
pub(crate) struct Site {
    pub(crate) socket: PathBuf,
    pub(crate) client: Client,
    pub(crate) doors: DoorsHandle,
    pub(crate) store: Store,
    pub(crate) clock: Arc<Clock>,
    sink: EventSink,
    acks: mpsc::UnboundedReceiver<doorwardd::store::AppendAck>,
    stop: CancellationToken,
    /// While it is locked, the doors take in no change.
    pub(crate) gate: Arc<Mutex<()>>,
    tasks: Vec<JoinHandle<()>>,
    obeying: JoinHandle<()>,
    thread: StoreThread,
    _folder: TempDir,
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::start_with(Times::default()).await
    }

    pub(crate) async fn start_with(times: Times) -> Self {
        Self::start_for(times, 0o660, Vec::new()).await
    }

    /// With a socket of this mode, for these users.
    pub(crate) async fn start_for(times: Times, mode: u32, users: Vec<u32>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, thread) =
            Store::open(&folder.path().join("store"), StoreOptions::default()).unwrap();
        let (doors, requests) = DoorsHandle::new();
        let (changes, changing) = TableChanges::start(store.clone(), doors.clone());
        let gate = Arc::new(Mutex::new(()));
        let obeying = tokio::spawn(obey(doors.clone(), requests, Arc::clone(&gate)));
        let clock = Arc::new(Clock::new(WallSource::SystemTrusted, None));
        let office = Office {
            site: "Test site".to_owned(),
            store: store.clone(),
            doors: doors.clone(),
            changes,
            keys: ReaderKeys::unattended(),
            buses: Buses::default(),
            clock: Arc::clone(&clock),
            policy: Policy::default(),
            activate_plans: PlanRule::AlsoAtConsole,
            cards: Arc::new(CardReader::new(FormatTable::built_in().unwrap(), None).unwrap()),
            uplink: watch::channel(UplinkStatus::default()).1,
            vault: Jobs::new(store.clone(), Arc::clone(&clock), None),
        };
        let path = folder.path().join("api.sock");
        let settings = SocketSettings {
            mode,
            users,
            ..SocketSettings::new(&path)
        };
        let socket = Socket::bind(&settings).unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(office, socket, times, stop.clone()));
        let (sink, acks) = store.event_sink();
        Self {
            client: Client::new(&path),
            socket: path,
            doors,
            store,
            clock,
            sink,
            acks,
            stop,
            gate,
            tasks: vec![serving, changing],
            obeying,
            thread,
            _folder: folder,
        }
    }

    /// Appends `count` events of a door, and waits until they are durable.
    pub(crate) async fn log_events(&mut self, count: u64) {
        for token in 0..count {
            let now = self.clock.now();
            let mut event = Event::new(EventKind::Granted, now.wall, ClockTrust::Trusted, 1);
            event.door = Some(DoorId(1 + u32::try_from(token % 2).unwrap()));
            self.sink.append(token, event);
        }
        for _ in 0..count {
            self.acks.recv().await.unwrap().result.unwrap();
        }
    }

    /// Stops the daemon in order; fails if a task does not end in time.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let Self {
            tasks,
            obeying,
            thread,
            store,
            socket,
            ..
        } = self;
        for task in tasks {
            tokio::time::timeout(Duration::from_secs(10), task)
                .await
                .expect("a task did not end")
                .unwrap();
        }
        obeying.abort();
        assert!(!socket.exists(), "the socket was left behind");
        store.stop();
        tokio::task::spawn_blocking(|| thread.join()).await.unwrap();
    }
}

/// The doors' end: takes in every change, carries out every command but those of one door.
async fn obey(
    doors: DoorsHandle,
    mut requests: mpsc::Receiver<DoorsRequest>,
    gate: Arc<Mutex<()>>,
) {
    while let Some(request) = requests.recv().await {
        match request {
            DoorsRequest::Apply { delta, done, .. } => {
                let _open = gate.lock().await;
                for change in delta.changes {
                    if let Change::Put(Record::Door(door)) = change {
                        doors.publish(Live::Door(status_of(door.id, LockState::Locked)));
                    }
                }
                let _ = done.send(());
            }
            DoorsRequest::Forgive { done, .. } => drop(done.send(Ok(()))),
            DoorsRequest::Learn { done, .. } => {
                let _ = done.send(Err(LearnError::ReaderUnknown));
            }
            DoorsRequest::Site { done, .. } => drop(done.send(SiteMap::default())),
            DoorsRequest::People { done, .. } => drop(done.send(Vec::new())),
            DoorsRequest::Command { door, done, .. } => {
                let result = match door {
                    BROKEN_DOOR => Err(CommandError::RelayUnavailable),
                    door => {
                        doors.publish(Live::Door(status_of(door, LockState::Unlocked)));
                        Ok(())
                    }
                };
                let _ = done.send(result);
            }
        }
    }
}

fn status_of(door: DoorId, lock: LockState) -> DoorStatus {
    DoorStatus {
        door,
        mode: DoorMode::Normal,
        lock,
        open: Some(false),
        forced_open: false,
        held_open: false,
        relay_online: true,
        readers_online: true,
        ..DoorStatus::default()
    }
}
