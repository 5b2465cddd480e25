//! Opening the store, and its threads.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc as std_mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use doorward_core::pin::PinKey;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::database::{Database, Trees};
use super::files::SyncCounts;
use super::postings::{self, Added, Subject};
use super::room::Room;
use super::shared::Shared;
use super::sink::EVENTS_QUEUED_MAX;
use super::snapshot::Watching;
use super::sweep::{ORDERS_QUEUED_MAX, Sweep};
use super::thread::{EventLog, Worker};
use super::{
    CHANGES_QUEUED_MAX, EventReader, Heads, Store, StoreError, StoreOptions, alarms, audit, events,
    journal, migrate, rows, salt,
};

/// The schema version of the table that this code writes, and the newest that it reads.
///
/// New fields and new kinds of rows do not change it; what an older version would get wrong does.
const SCHEMA_VERSION: u32 = 2;

/// Rows at the end of each log whose chain is checked at opening.
const VERIFIED_AT_OPEN: u64 = 64;

/// Events that are worked in together at opening.
const WORKED_IN_TOGETHER: usize = 10_000;

/// How often the watching thread looks whether the disk answers.
const WATCH_MS: u64 = 500;

/// How long the disk may take to answer before storage counts as failing.
const STALLED_US: u64 = 2_000_000;

/// The store's threads.
#[derive(Debug)]
pub struct StoreThread {
    store: JoinHandle<()>,
    watch: JoinHandle<()>,
}

impl StoreThread {
    /// Waits until the threads have ended. Everything queued before [`Store::stop`] is durable
    /// then, unless storage fails.
    pub fn join(self) {
        for (name, thread) in [("store", self.store), ("store-watch", self.watch)] {
            if thread.join().is_err() {
                log::error!("thread `{name}` panicked");
            }
        }
    }
}

impl Store {
    /// Opens the store in the folder `path`, making it if it is not there. Blocks on the disk.
    pub fn open(path: &Path, options: StoreOptions) -> Result<(Self, StoreThread), StoreError> {
        let counts = Arc::<SyncCounts>::default();
        let mut database = Database::open(path, &options, Arc::clone(&counts))?;
        check_schema(path, &mut database)?;
        journal::recover(path, &mut database)?;
        database.sync()?;
        let newest = events::newest(&database.trees.events)?;
        let hash = match options.heads {
            Heads::Hold => {
                let hash = verify_heads(&database.trees, newest)?;
                alarms::catch_up(&database.trees, newest)?;
                hash
            }
            Heads::Whatever => [0; 32],
        };
        work_in(&mut database, newest)?;
        let pin_key = pin_key(&mut database)?;
        let shared = Arc::new(Shared::new(database.trees.clone(), newest, pin_key)?);

        let (events, event_queue) = mpsc::channel(EVENTS_QUEUED_MAX);
        let (changes, change_queue) = mpsc::channel(CHANGES_QUEUED_MAX);
        let (orders, order_queue) = mpsc::channel(ORDERS_QUEUED_MAX);
        let sweep = Sweep::open(&database.trees.table)?;
        let lost = Arc::<AtomicU64>::default();
        let stop = CancellationToken::new();
        let worker = Worker {
            path: path.to_owned(),
            room: Room::open(path, options.reserve_bytes),
            options,
            counts: Arc::clone(&counts),
            database: Some(database),
            shared: Arc::clone(&shared),
            events: event_queue,
            changes: change_queue,
            orders: order_queue,
            stop: stop.clone(),
            lost: Arc::clone(&lost),
            log: EventLog::new(newest, hash),
            undo: None,
            decided: None,
            failure: None,
            cursors_due: None,
            sweep,
            watching: Watching::default(),
        };
        let thread = spawn(worker, &shared).map_err(|source| StoreError::Folder {
            doing: "start a thread for",
            path: path.to_owned(),
            source,
        })?;
        let store = Self {
            shared,
            events,
            changes,
            orders,
            lost,
            stop,
            counts,
        };
        Ok((store, thread))
    }
}

/// The schema version stands where older versions look for it.
fn check_schema(path: &Path, database: &mut Database) -> Result<(), StoreError> {
    let Some(value) = database.trees.old_table.get(rows::SCHEMA)? else {
        return migrate::into_blocks(database, SCHEMA_VERSION);
    };
    let found = value.as_ref().try_into().map(u32::from_be_bytes);
    let found = found
        .map_err(|_| StoreError::row("table", rows::SCHEMA, "it is not a number of 4 bytes"))?;
    if found > SCHEMA_VERSION {
        return Err(StoreError::NewerSchema {
            path: path.to_owned(),
            found,
            supported: SCHEMA_VERSION,
        });
    }
    if found < SCHEMA_VERSION {
        migrate::into_blocks(database, SCHEMA_VERSION)?;
    }
    Ok(())
}

/// The key under which the prints of PINs are made. It is part of the table, so that a backup of
/// the table is whole; it is made at the first start.
fn pin_key(database: &mut Database) -> Result<PinKey, StoreError> {
    let table = &database.trees.table;
    if let Some(value) = table.get(rows::PIN_KEY)? {
        let bytes: Result<[u8; 32], _> = value.as_ref().try_into();
        return bytes
            .map(PinKey::new)
            .map_err(|_| StoreError::row("table", rows::PIN_KEY, "it is not a key of 32 bytes"));
    }
    let key = salt()?;
    table.insert(rows::PIN_KEY, key)?;
    database.sync()?;
    Ok(PinKey::new(key))
}

/// Checks the ends of both logs. Returns the hash of the newest event.
fn verify_heads(trees: &Trees, newest: u64) -> Result<super::chain::Hash, StoreError> {
    let reader = EventReader {
        tree: &trees.events,
        durable: newest,
    };
    reader.verify(newest.saturating_sub(VERIFIED_AT_OPEN - 1), newest)?;
    let (entries, _) = audit::head(&trees.table)?;
    audit::verify(&trees.table, entries.saturating_sub(VERIFIED_AT_OPEN - 1))?;
    reader.hash(newest)
}

/// Works in the events that were written without, before a crash or by an older version.
fn work_in(database: &mut Database, newest: u64) -> Result<(), StoreError> {
    let mut from = postings::worked_in(&database.trees.postings)?;
    if newest - from.min(newest) > WORKED_IN_TOGETHER as u64 {
        log::info!("{} events of the passage log are indexed", newest - from);
    }
    while from < newest {
        let reader = EventReader {
            tree: &database.trees.events,
            durable: newest,
        };
        let rows = reader.after(from, WORKED_IN_TOGETHER)?;
        let mut added = Added::default();
        for row in &rows {
            added.add(row.seq, Subject::of(&row.event));
        }
        from = rows.last().map_or(newest, |row| row.seq);
        added.write(&database.trees.postings)?;
    }
    database.sync()
}

fn spawn(worker: Worker, shared: &Arc<Shared>) -> io::Result<StoreThread> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let (running, ended) = std_mpsc::channel::<()>();
    let store = thread::Builder::new()
        .name("store".to_owned())
        .spawn(move || {
            // Dropped with the thread, also when it panics: the watching thread ends with it.
            let _running = running;
            runtime.block_on(worker.run());
        })?;
    let shared = Arc::clone(shared);
    let watch = thread::Builder::new()
        .name("store-watch".to_owned())
        .spawn(move || watch(&shared, &ended))?;
    Ok(StoreThread { store, watch })
}

/// Watches over the store's thread while it waits for the disk.
fn watch(shared: &Shared, ended: &std_mpsc::Receiver<()>) {
    let pause = Duration::from_millis(WATCH_MS);
    while ended.recv_timeout(pause) == Err(std_mpsc::RecvTimeoutError::Timeout) {
        let waiting_us = shared.waiting_us();
        if waiting_us < WATCH_MS * 1000 {
            continue;
        }
        // While the database is being opened anew there is nothing to wake.
        let _ = shared.read(|trees| {
            trees.wake_waiting_flush();
            Ok(())
        });
        if waiting_us >= STALLED_US {
            shared.publish_stalled(waiting_us);
        }
    }
}
