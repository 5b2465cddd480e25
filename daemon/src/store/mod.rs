//! The access table and the logs, durable in sled. The only module that knows sled.
//!
//! One thread writes (`thread`); everybody reads. Whatever is acknowledged is on the disk and
//! survives a power cut: `files` says what that takes. Events and changes that arrive together
//! share one sync.
//!
//! - The table ([`TableView`]) and the admin log live in one tree, so that one batch changes the
//!   records, their index rows, the revision and the admin log together, or not at all.
//! - The passage log ([`EventRow`]) lives in its own tree, gapless, hash-chained ([`chain`]).
//!   Which rows concern a door or a user stands beside it (`postings`), for [`Store::find_events`].
//! - Readers of the passage log keep their place by a cursor ([`Store::advance_cursor`]).
//!
//! While storage fails, events wait in memory up to a named bound and are tried again, in order;
//! changes are refused; [`StoreHealth`] says so.

mod access;
mod alarms;
mod aside;
mod audit;
pub mod chain;
mod changes;
mod database;
mod encoding;
mod envelope;
mod error;
mod events;
mod failure;
mod files;
mod health;
mod journal;
mod kept;
mod lenient;
mod migrate;
mod old_journal;
mod open;
mod packed;
mod past;
mod postings;
mod proof;
mod rebuild;
mod records;
mod room;
mod rows;
mod search;
mod shared;
mod sink;
mod snapshot;
mod sweep;
mod table;
#[cfg(test)]
mod tests;
mod thread;
mod varint;
mod verify;
mod view;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use doorward_core::model::{Kind, RecordRef, TableDelta, ValidatedChange};
use doorward_core::pin::PinKey;
use doorward_core::time::Wall;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

pub use aside::set_aside;
pub use audit::AuditEntry;
pub use chain::{Domain, Hash};
pub use error::StoreError;
pub use events::EventRow;
pub use files::SyncCounts;
pub use health::StoreHealth;
pub use kept::StateSink;
pub use open::StoreThread;
pub use past::{About, ENTRIES_UNDONE_MAX, PastTable};
pub use proof::{LogHead, LogHeads, Proof, ProofRow};
pub use rebuild::{Rebuild, RowCheck, RowOf, counts_for_table};
pub use search::{EventFilter, EventRange, EventsFound};
pub use sink::{AppendAck, AppendError, EVENTS_QUEUED_MAX, EVENTS_WAITING_MAX, EventSink};
pub use snapshot::Snapshot;
pub use sweep::{ERASURES_WAITING_MAX, RetentionRule};
pub use table::{CHANGE_ROWS_MAX, ChangeNote, NOTE_BYTES_MAX};
pub use verify::{
    Check, OfflineError, Verification, VerifyProgress, is_in_use, verify, verify_folder,
};
pub use view::{TableRecord, TableView};

use crate::permit::Permit;
use changes::ChangeRequest;
use events::EventReader;
use shared::Shared;
use sink::Queued;
use sweep::{ORDERS_QUEUED_MAX, Order};

/// Changes that may wait for the store's thread; more are refused.
pub const CHANGES_QUEUED_MAX: usize = 64;

/// How the store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Memory for pages of the database, in bytes.
    pub cache_bytes: u64,
    /// Room on the disk that is kept for events, in bytes; less on a small disk, 0 for none.
    pub reserve_bytes: u64,
    /// Whether the ends of both logs must hold before it opens.
    pub heads: Heads,
}

/// What is asked of the ends of both logs at opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Heads {
    /// They must hold: nothing is written behind a broken chain.
    #[default]
    Hold,
    /// Nothing: for a copy that is only read, to find out what is wrong with it.
    Whatever,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 8 * 1024 * 1024,
            reserve_bytes: room::RESERVE_BYTES,
            heads: Heads::Hold,
        }
    }
}

/// A change that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The table's revision after it.
    pub revision: u64,
    /// What it did, for the access index.
    pub delta: TableDelta,
}

impl From<TableDelta> for Committed {
    fn from(delta: TableDelta) -> Self {
        Self {
            revision: delta.revision,
            delta,
        }
    }
}

/// The store. Cheap to clone; its thread ends with [`Store::stop`] or the last handle.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
    events: mpsc::Sender<Queued>,
    changes: mpsc::Sender<ChangeRequest>,
    orders: mpsc::Sender<Order>,
    lost: Arc<AtomicU64>,
    stop: CancellationToken,
    counts: Arc<SyncCounts>,
}

impl Store {
    /// An end to append events at, with the acknowledgements of what is appended there.
    #[must_use]
    pub fn event_sink(&self) -> (EventSink, mpsc::UnboundedReceiver<AppendAck>) {
        EventSink::new(self.events.clone(), Arc::clone(&self.lost))
    }

    /// Where running parts keep their states over a restart.
    #[must_use]
    pub fn state_sink(&self) -> StateSink {
        StateSink::new(Arc::clone(&self.shared))
    }

    /// Changes the table. Returns once the change is durable.
    ///
    /// Refused without waiting when [`CHANGES_QUEUED_MAX`] changes wait already, or storage fails.
    pub async fn commit(
        &self,
        permit: &Permit,
        change: ValidatedChange,
        note: ChangeNote,
    ) -> Result<Committed, StoreError> {
        if !permit.action().changes_table() {
            return Err(StoreError::WrongPermit {
                found: permit.action(),
            });
        }
        let (done, committed) = oneshot::channel();
        let request = ChangeRequest {
            actor: permit.actor().clone(),
            change,
            note,
            done,
        };
        self.changes
            .try_send(request)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => StoreError::Busy {
                    max: CHANGES_QUEUED_MAX,
                },
                mpsc::error::TrySendError::Closed(_) => StoreError::Stopped,
            })?;
        committed.await.map_err(|_| StoreError::Stopped)?
    }

    /// The table, for reading.
    #[must_use]
    pub fn view(&self) -> TableView {
        TableView {
            shared: Arc::clone(&self.shared),
        }
    }

    /// The key under which the prints of PINs are made.
    #[must_use]
    pub fn pin_key(&self) -> &PinKey {
        &self.shared.pin_key
    }

    /// A free id for a new record. Never given out again once a record of it was committed.
    pub fn next_id(&self, kind: Kind) -> Result<u32, StoreError> {
        self.shared.next_id(kind)
    }

    /// Whether a record of this number was ever in the table.
    pub fn was_given(&self, reference: RecordRef) -> Result<bool, StoreError> {
        let Some(id) = rows::number(reference) else {
            return Ok(false);
        };
        let next = |trees: &database::Trees| table::next_id(&trees.table, reference.kind());
        Ok((1..self.shared.read(next)?).contains(&id))
    }

    /// At most `limit` rows of the passage log after number `seq`, in order.
    pub fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.read_events(|reader| reader.after(seq, limit))
    }

    /// At most `limit` rows of the passage log before number `seq`, newest first.
    /// `u64::MAX` begins at the newest.
    pub fn events_before(&self, seq: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.read_events(|reader| reader.before(seq, limit))
    }

    /// Checks the passage log's chain over the rows `from` to `until`, both included, as far as
    /// they exist. Returns how many were checked.
    pub fn verify_events(&self, from: u64, until: u64) -> Result<u64, StoreError> {
        self.read_events(|reader| reader.verify(from, until))
    }

    /// The number of the newest durable event, 0 when there is none; wakes whoever follows them.
    #[must_use]
    pub fn durable_seq(&self) -> watch::Receiver<u64> {
        self.shared.durable_seq.subscribe()
    }

    /// At most `limit` entries of the admin log before number `seq`, newest first.
    pub fn audit_before(&self, seq: u64, limit: usize) -> Result<Vec<AuditEntry>, StoreError> {
        self.shared
            .read(|trees| audit::before(&trees.table, seq, limit))
    }

    /// Checks the admin log's chain from entry `from` on. Returns how many were checked.
    pub fn verify_audit(&self, from: u64) -> Result<u64, StoreError> {
        self.shared.read(|trees| audit::verify(&trees.table, from))
    }

    /// How far a reader of the passage log has come; 0 if it never moved.
    pub fn cursor(&self, name: &str) -> Result<u64, StoreError> {
        if let Some(seq) = self.shared.cursors().get(name) {
            return Ok(*seq);
        }
        self.shared.read(|trees| {
            let Some(value) = trees.cursors.get(name)? else {
                return Ok(0);
            };
            value
                .as_ref()
                .try_into()
                .map(u64::from_be_bytes)
                .map_err(|_| {
                    StoreError::row("cursors", name.as_bytes(), "it is not a number of 8 bytes")
                })
        })
    }

    /// Moves a reader's cursor to `seq`, the last row it is done with.
    ///
    /// Durable with the next event or change, at the latest after a second: after a crash a
    /// reader may meet rows again, never miss one.
    pub fn advance_cursor(&self, name: &str, seq: u64) {
        self.shared.cursors().insert(name.to_owned(), seq);
        self.shared.cursors_moved.notify_one();
    }

    /// When the newest event happened: wall time must not run behind it.
    pub fn newest_event_wall(&self) -> Result<Option<Wall>, StoreError> {
        let newest = self.events_before(u64::MAX, 1)?;
        Ok(newest.first().map(|row| row.event.at))
    }

    /// Whether storage works; wakes whoever minds the alarm.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<StoreHealth> {
        self.shared.health.subscribe()
    }

    /// How often things were synced.
    #[must_use]
    pub fn sync_counts(&self) -> &SyncCounts {
        &self.counts
    }

    /// Has the thread write what is queued and end. Wait for it with [`StoreThread::join`].
    pub fn stop(&self) {
        self.stop.cancel();
    }

    fn send_order(&self, order: Order) -> Result<(), StoreError> {
        self.orders.try_send(order).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Busy {
                max: ORDERS_QUEUED_MAX,
            },
            mpsc::error::TrySendError::Closed(_) => StoreError::Stopped,
        })
    }

    fn read_events<T>(
        &self,
        read: impl FnOnce(EventReader<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let durable = *self.shared.durable_seq.borrow();
        self.shared.read(|trees| {
            read(EventReader {
                tree: &trees.events,
                durable,
            })
        })
    }
}

/// Random bytes that hide what is committed to.
fn salt() -> Result<envelope::Salt, StoreError> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|error| StoreError::Storage {
        what: format!("no random bytes: {error}"),
    })?;
    Ok(salt)
}
