//! The appliance's side: an event log in memory, live doors, and an uplink over them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use doorward_core::alarm::AlarmKind;
use doorward_core::controller::{DoorStatus, LockState};
use doorward_core::event::{Direction, Event, EventKind, Reason};
use doorward_core::ids::DoorId;
use doorward_core::model::DoorMode;
use doorward_core::time::{ClockTrust, Wall};
use doorwardd::clock::{Clock, WallSource};
use doorwardd::config::UplinkConfig;
use doorwardd::doors::DoorsHandle;
use doorwardd::store::{EventRow, LogHead, LogHeads, StoreError};
use doorwardd::uplink::{Broker, Connection, Outbox, Uplink, UplinkStatus, spawn};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::mosquitto::PATIENCE;

/// An event log in memory that can be told to fail.
pub(crate) struct MemoryLog {
    events: Mutex<Vec<EventRow>>,
    newest: watch::Sender<u64>,
    cursor: AtomicU64,
    pub(crate) failing: AtomicBool,
}

impl MemoryLog {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            events: Mutex::new(Vec::new()),
            newest: watch::Sender::new(0),
            cursor: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        })
    }

    /// Appends `count` events at once.
    pub(crate) fn append(&self, count: u64) {
        let mut events = self.events.lock().unwrap();
        let first = events.len() as u64 + 1;
        events.extend((first..first + count).map(|seq| EventRow {
            seq,
            hash: [u8::try_from(seq % 251).unwrap(); 32],
            event: event(seq),
            erased: false,
        }));
        self.newest.send_replace(first + count - 1);
    }

    /// Appends one event of every kind.
    pub(crate) fn append_each_kind(&self) {
        use EventKind as K;
        for kind in [
            K::Granted,
            K::Denied,
            K::UnlockedByOperator,
            K::ExitRequested,
            K::Entered,
            K::NotEntered,
            K::Closed,
            K::ForcedOpen,
            K::HeldOpen,
            K::ReaderOnline,
            K::ReaderOffline,
            K::BoardOnline,
            K::BoardOffline,
            K::AlarmRaised,
            K::AlarmCleared,
            K::Started,
            K::Stopped,
        ] {
            self.append(1);
            let mut events = self.events.lock().unwrap();
            let row = events.last_mut().unwrap();
            row.event = Event::new(kind, row.event.at, ClockTrust::Untrusted, 8);
            row.event.alarm = (kind == K::AlarmRaised).then_some(AlarmKind::ReaderOffline);
            row.event.board = (kind == K::BoardOnline).then(|| "relays".into());
            row.event.actor = (kind == K::UnlockedByOperator).then(|| "uid 0 (root)".into());
            row.event.direction = (kind == K::Granted).then_some(Direction::Entry);
        }
    }

    pub(crate) fn cursor_now(&self) -> u64 {
        self.cursor.load(Ordering::Relaxed)
    }

    pub(crate) fn newest_now(&self) -> u64 {
        *self.newest.borrow()
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.failing.load(Ordering::Relaxed) {
            return Err(StoreError::Storage {
                what: "the disk is gone".to_owned(),
            });
        }
        Ok(())
    }
}

impl Outbox for MemoryLog {
    fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.check()?;
        let events = self.events.lock().unwrap();
        let from = usize::try_from(seq).unwrap();
        Ok(events.iter().skip(from).take(limit).cloned().collect())
    }

    fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    fn cursor(&self) -> Result<u64, StoreError> {
        self.check()?;
        Ok(self.cursor.load(Ordering::Relaxed))
    }

    fn advance_cursor(&self, seq: u64) {
        let before = self.cursor.swap(seq, Ordering::Relaxed);
        assert!(before < seq, "the cursor went from {before} to {seq}");
    }

    fn revision(&self) -> Result<u64, StoreError> {
        Ok(7)
    }

    fn heads(&self) -> Result<LogHeads, StoreError> {
        self.check()?;
        let seq = self.newest_now();
        let head = |seq| LogHead { seq, hash: [7; 32] };
        Ok(LogHeads {
            events: head(seq),
            audit: head(2),
        })
    }
}

/// A grant or a denial like those of a real door.
pub(crate) fn event(seq: u64) -> Event {
    let at = Wall(1_700_000_000_000 + i64::try_from(seq).unwrap());
    let granted = !seq.is_multiple_of(3);
    let kind = if granted {
        EventKind::Granted
    } else {
        EventKind::Denied
    };
    let mut event = Event::new(kind, at, ClockTrust::Trusted, 7);
    event.reason = Some(if granted {
        Reason::Granted
    } else {
        Reason::CardUnknown
    });
    event.door = Some(DoorId(u32::try_from(seq % 4).unwrap() + 1));
    event.reader = Some("front-in".into());
    event.user = granted.then_some(doorward_core::ids::UserId(12));
    event.card = (!granted).then(|| "01100101100001010000000011".parse().unwrap());
    event
}

pub(crate) fn door(id: u32, open: bool) -> DoorStatus {
    DoorStatus {
        door: DoorId(id),
        mode: DoorMode::Normal,
        lock: LockState::Locked,
        open: Some(open),
        forced_open: false,
        held_open: false,
        relay_online: true,
        readers_online: true,
        ..DoorStatus::default()
    }
}

/// What `site.toml` would say of a broker on this machine.
pub(crate) fn config(port: u16) -> UplinkConfig {
    UplinkConfig {
        host: "127.0.0.1".to_owned(),
        port,
        client_id: "north".to_owned(),
        topic_prefix: "doorward/north".to_owned(),
        keep_alive_s: 5,
        in_flight: 200,
        login: None,
        tls: None,
    }
}

/// A running uplink.
pub(crate) struct Appliance<O = MemoryLog> {
    pub(crate) log: Arc<O>,
    pub(crate) doors: DoorsHandle,
    uplink: Uplink,
    shutdown: CancellationToken,
}

impl Appliance {
    pub(crate) fn start(config: &UplinkConfig) -> Self {
        Self::start_with(config, MemoryLog::new())
    }
}

impl<O: Outbox> Appliance<O> {
    pub(crate) fn start_with(config: &UplinkConfig, log: Arc<O>) -> Self {
        let broker = Broker::prepare(config).unwrap();
        let (doors, _) = DoorsHandle::new();
        let shutdown = CancellationToken::new();
        let clock = Arc::new(Clock::new(WallSource::SystemTrusted, None));
        let uplink = spawn(
            broker,
            Arc::clone(&log),
            doors.clone(),
            clock,
            shutdown.clone(),
        );
        Self {
            log,
            doors,
            uplink,
            shutdown,
        }
    }

    pub(crate) fn status(&self) -> UplinkStatus {
        self.uplink.status.borrow().clone()
    }

    /// Waits until the status is as wanted.
    pub(crate) async fn wait_for(
        &mut self,
        wanted: impl Fn(&UplinkStatus) -> bool,
    ) -> UplinkStatus {
        let status = self.uplink.status.clone();
        let reached = tokio::time::timeout(PATIENCE, self.uplink.status.wait_for(wanted)).await;
        match reached {
            Ok(Ok(status)) => status.clone(),
            _ => panic!("the uplink stands at {:?}", status.borrow()),
        }
    }

    pub(crate) async fn wait_until_up(&mut self) {
        self.wait_for(|status| matches!(status.connection, Connection::Up { .. }))
            .await;
    }

    /// Waits until a connection failed for a reason with `words` in it.
    pub(crate) async fn wait_until_down(&mut self, words: &str) {
        self.wait_for(|status| {
            matches!(&status.connection, Connection::Down { reason, .. } if reason.contains(words))
        })
        .await;
    }

    /// Waits until a connection failed, whatever the reason.
    pub(crate) async fn wait_until_failed(&mut self) {
        self.wait_for(|status| {
            matches!(&status.connection, Connection::Down { reason, .. } if reason != "not connected yet")
        })
        .await;
    }

    /// Stops in order; it must not take long.
    pub(crate) async fn stop(self) {
        let began = Instant::now();
        self.shutdown.cancel();
        self.uplink.task.await.unwrap();
        assert!(began.elapsed().as_secs() < 4, "took {:?}", began.elapsed());
    }

    /// Ends as by SIGKILL: nothing more is said or stored.
    pub(crate) async fn abort(self) {
        self.uplink.task.abort();
        assert!(self.uplink.task.await.unwrap_err().is_cancelled());
    }
}
