//! The store as it was at one moment, read while it goes on: for checks and for backups.
//!
//! Events are only ever added, so those up to a number are of that moment. Of the table and of the
//! kept states, the thread notes what each row was before it writes it for the first time, as long
//! as the reader has not passed it; the reader puts that in the place of what it finds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sled::{IVec, Tree};
use tokio::sync::oneshot;

use super::database::Trees;
use super::proof::LogHeads;
use super::shared::Shared;
use super::sweep::Order;
use super::thread::Worker;
use super::{RowOf, Store, StoreError, audit, events, rows, table};

/// Bytes of old rows that are kept for a reader; a change that would need more makes the snapshot
/// useless, and the reader begins anew.
const NOTED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A row: key and value.
type Row = (Vec<u8>, Vec<u8>);

/// What is read in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Records, index rows, meta rows and the admin log.
    Table,
    /// States of running parts.
    Kept,
}

impl Part {
    fn get(self, trees: &Trees, key: &[u8]) -> Result<Option<IVec>, StoreError> {
        match self {
            Self::Table => trees.table.get(key),
            Self::Kept => Ok(trees.kept.get(key)?),
        }
    }

    /// At most `limit` rows from a key on.
    fn rows(
        self,
        trees: &Trees,
        from: &[u8],
        limit: usize,
    ) -> Result<BTreeMap<Vec<u8>, IVec>, StoreError> {
        let owned = |(key, value): (IVec, IVec)| (key.to_vec(), value);
        match self {
            Self::Table => {
                let rows = trees.table.range(from..).take(limit);
                rows.map(|row| Ok(owned(row?))).collect()
            }
            Self::Kept => {
                let rows = trees.kept.range(from..).take(limit);
                rows.map(|row| Ok(owned(row?))).collect()
            }
        }
    }

    const fn at(self) -> usize {
        match self {
            Self::Table => 0,
            Self::Kept => 1,
        }
    }
}

/// What the rows were that have been written since.
#[derive(Debug, Default)]
struct Noted {
    rows: [BTreeMap<Vec<u8>, Option<IVec>>; 2],
    /// Rows below this one have been read.
    passed: [Vec<u8>; 2],
    bytes: usize,
    is_lost: bool,
}

/// The writer's end: nothing once the snapshot is dropped.
#[derive(Debug, Default)]
pub(super) struct Watching(Weak<Mutex<Noted>>);

/// The store at one moment. One at a time.
#[derive(Debug)]
pub struct Snapshot {
    shared: Arc<Shared>,
    noted: Arc<Mutex<Noted>>,
    revision: u64,
    heads: LogHeads,
    cursors: BTreeMap<String, u64>,
}

fn lock(noted: &Mutex<Noted>) -> MutexGuard<'_, Noted> {
    noted.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watching {
    /// Notes what rows are before they are written.
    pub(super) fn note<'a>(
        &self,
        part: Part,
        trees: &Trees,
        keys: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), StoreError> {
        let Some(noted) = self.0.upgrade() else {
            return Ok(());
        };
        let at = part.at();
        for key in keys {
            let mut noted = lock(&noted);
            if noted.is_lost
                || key < noted.passed[at].as_slice()
                || noted.rows[at].contains_key(key)
            {
                continue;
            }
            let before = part.get(trees, key)?;
            noted.bytes += key.len() + before.as_ref().map_or(0, |value| value.len());
            noted.rows[at].insert(key.to_vec(), before);
            if noted.bytes > NOTED_BYTES_MAX {
                noted.lose();
            }
        }
        Ok(())
    }

    /// The database is opened anew: nobody knows what rows were.
    pub(super) fn lose(&self) {
        if let Some(noted) = self.0.upgrade() {
            lock(&noted).lose();
        }
    }
}

impl Noted {
    fn lose(&mut self) {
        *self = Self {
            is_lost: true,
            ..Self::default()
        };
    }
}

impl Worker {
    pub(super) fn begin_snapshot(&mut self) -> Result<Snapshot, StoreError> {
        if let Some(failure) = &self.failure {
            return Err(failure.to_error());
        }
        if self.watching.0.strong_count() > 0 {
            return Err(StoreError::Busy { max: 1 });
        }
        let written = self.write_and_sync();
        self.settle(written);
        if let Some(failure) = &self.failure {
            return Err(failure.to_error());
        }
        let database = self.database.as_ref().ok_or(StoreError::Stopped)?;
        let trees = &database.trees;
        let noted = Arc::<Mutex<Noted>>::default();
        self.watching = Watching(Arc::downgrade(&noted));
        Ok(Snapshot {
            shared: Arc::clone(&self.shared),
            noted,
            revision: table::revision(&trees.table)?,
            heads: LogHeads::of(trees, *self.shared.durable_seq.borrow())?,
            cursors: cursors(&trees.cursors)?,
        })
    }
}

fn cursors(tree: &Tree) -> Result<BTreeMap<String, u64>, StoreError> {
    tree.iter()
        .map(|row| {
            let (name, seq) = row?;
            let bad = |what| StoreError::row("cursors", &name, what);
            let text = core::str::from_utf8(&name).map_err(|_| bad("its key is not text"))?;
            let seq = seq.as_ref().try_into();
            let seq = seq.map_err(|_| bad("it is not a number of 8 bytes"))?;
            Ok((text.to_owned(), u64::from_be_bytes(seq)))
        })
        .collect()
}

impl Store {
    /// The store as it is now, to be read in peace.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let (done, begun) = oneshot::channel();
        self.send_order(Order::Snapshot(done))?;
        begun.await.map_err(|_| StoreError::Stopped)?
    }
}

impl Snapshot {
    /// The table's revision.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The ends of both logs.
    #[must_use]
    pub const fn heads(&self) -> &LogHeads {
        &self.heads
    }

    pub(crate) const fn cursors(&self) -> &BTreeMap<String, u64> {
        &self.cursors
    }

    /// The next rows of the table, or of what is kept; none at the end.
    pub fn rows_of(&self, of: RowOf, limit: usize) -> Result<Vec<Row>, StoreError> {
        match of {
            RowOf::Table => self.next_rows(Part::Table, limit),
            RowOf::Kept => self.next_rows(Part::Kept, limit),
            RowOf::Cursors | RowOf::Events => Ok(Vec::new()),
        }
    }

    /// The next rows of a part, in the order of their keys; none at its end. Each row once.
    pub(super) fn next_rows(&self, part: Part, limit: usize) -> Result<Vec<Row>, StoreError> {
        loop {
            let (rows, is_end) = self.rows(part, limit)?;
            // Rows that were all written since leave nothing of a piece.
            if is_end || !rows.is_empty() {
                return Ok(rows);
            }
        }
    }

    fn rows(&self, part: Part, limit: usize) -> Result<(Vec<Row>, bool), StoreError> {
        let at = part.at();
        let from = lock(&self.noted).passed[at].clone();
        let audit_end = rows::audit(self.heads.audit.seq);
        self.shared.read(|trees| {
            let mut found = part.rows(trees, &from, limit)?;
            let is_end = found.len() < limit;
            let until = match found.last_key_value() {
                Some((last, _)) if !is_end => [last.as_slice(), &[0]].concat(),
                _ => vec![0xFF; 64],
            };
            let mut noted = lock(&self.noted);
            if noted.is_lost {
                return Err(StoreError::SnapshotLost);
            }
            let later = noted.rows[at].split_off(&until);
            for (key, before) in std::mem::replace(&mut noted.rows[at], later) {
                match before {
                    Some(value) => found.insert(key, value),
                    None => found.remove(&key),
                };
            }
            noted.passed[at] = until;
            // Entries of the admin log are only ever added.
            found.retain(|key, _| {
                part != Part::Table || !rows::is_audit(key) || key.as_slice() <= &audit_end[..]
            });
            let rows = found.into_iter();
            let rows = rows.map(|(key, value)| (key, value.to_vec()));
            Ok((rows.collect(), is_end))
        })
    }

    /// Rows of the passage log after number `after`, at most `limit`, by their numbers.
    pub(crate) fn events(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let (from, until) = (after.saturating_add(1), self.heads.events.seq);
        if from > until {
            return Ok(Vec::new());
        }
        self.shared.read(|trees| {
            let rows = trees.events.range(from.to_be_bytes()..=until.to_be_bytes());
            rows.take(limit)
                .map(|row| {
                    let (key, value) = row?;
                    Ok((events::number(&key)?, value.to_vec()))
                })
                .collect()
        })
    }

    /// Reads the trees as they are by now.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Trees) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.shared.read(read)
    }
}

impl LogHeads {
    pub(super) fn of(trees: &Trees, durable: u64) -> Result<Self, StoreError> {
        let reader = events::EventReader {
            tree: &trees.events,
            durable,
        };
        let (seq, hash) = audit::head(&trees.table)?;
        Ok(Self {
            events: super::LogHead {
                seq: durable,
                hash: reader.hash(durable)?,
            },
            audit: super::LogHead { seq, hash },
        })
    }
}
