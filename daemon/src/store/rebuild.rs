//! A store made of rows that were read from another one, and the check of such rows.

use std::path::Path;
use std::sync::Arc;

use super::chain::{Domain, Hash};
use super::database::Database;
use super::envelope::Verifier;
use super::proof::LogHeads;
use super::{StoreError, StoreOptions, alarms, events, rows};

/// Rows written between two syncs.
const ROWS_BETWEEN_SYNCS: usize = 20_000;

/// Rows of the table written together.
const ROWS_TOGETHER: usize = 1_000;

/// Where a row belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOf {
    /// Records, index rows, meta rows, the admin log.
    Table,
    /// States of running parts.
    Kept,
    /// Cursors.
    Cursors,
    /// The passage log.
    Events,
}

/// Checks the chains of rows that come in order.
pub struct RowCheck {
    events: Verifier,
    audit: Verifier,
}

impl std::fmt::Debug for RowCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowCheck").finish_non_exhaustive()
    }
}

impl Default for RowCheck {
    fn default() -> Self {
        let from_the_first = |log: Domain| Verifier::behind(log, 0, log.genesis());
        Self {
            events: from_the_first(Domain::Events),
            audit: from_the_first(Domain::Audit),
        }
    }
}

impl RowCheck {
    /// The next row.
    pub fn row(&mut self, of: RowOf, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        match of {
            RowOf::Events => self.events.check(events::number(key)?, value),
            RowOf::Table if rows::is_audit(key) => {
                self.audit.check(rows::audit_number(key)?, value)
            }
            _ => Ok(()),
        }
    }

    /// The ends of both logs, so far.
    #[must_use]
    pub fn ends(&self) -> [(u64, Hash); 2] {
        [self.events.end(), self.audit.end()]
    }

    /// Whether they end where they should.
    #[must_use]
    pub fn ends_at(&self, heads: &LogHeads) -> bool {
        let [events, audit] = self.ends();
        events == (heads.events.seq, heads.events.hash)
            && audit == (heads.audit.seq, heads.audit.hash)
    }
}

/// Whether a row counts for the table's hash: all but the admin log, which its chain covers, and
/// what is being erased.
#[must_use]
pub fn counts_for_table(key: &[u8]) -> bool {
    !rows::is_audit(key) && !key.starts_with(rows::ERASURES)
}

/// A new store being filled.
#[derive(Debug)]
pub struct Rebuild {
    database: Database,
    /// Rows of the table that are about to be written: neighbours share a block.
    together: Vec<(Vec<u8>, Vec<u8>)>,
    unsynced: usize,
}

impl Rebuild {
    /// In the folder `path`, which must not be there yet.
    pub fn begin(path: &Path) -> Result<Self, StoreError> {
        if path.exists() {
            return Err(StoreError::Folder {
                doing: "make anew",
                path: path.to_owned(),
                source: std::io::ErrorKind::AlreadyExists.into(),
            });
        }
        let database = Database::open(path, &StoreOptions::default(), Arc::default())?;
        Ok(Self {
            database,
            together: Vec::new(),
            unsynced: 0,
        })
    }

    /// Takes a row in. The history of alarms is worked out from the events.
    pub fn row(&mut self, of: RowOf, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let trees = &self.database.trees;
        match of {
            RowOf::Table => {
                self.together.push((key.to_vec(), value.to_vec()));
                if self.together.len() >= ROWS_TOGETHER {
                    self.write_together()?;
                }
            }
            RowOf::Kept => drop(trees.kept.insert(key, value)?),
            RowOf::Cursors => drop(trees.cursors.insert(key, value)?),
            RowOf::Events => {
                trees.events.insert(key, value)?;
                let seq = events::number(key)?;
                let event = events::decode(seq, value)?.event;
                if alarms::concerns(&event) {
                    alarms::apply(&trees.alarms, seq, &event)?;
                }
            }
        }
        self.unsynced += 1;
        if self.unsynced >= ROWS_BETWEEN_SYNCS {
            self.unsynced = 0;
            self.database.sync()?;
        }
        Ok(())
    }

    fn write_together(&mut self) -> Result<(), StoreError> {
        let mut rows = std::mem::take(&mut self.together);
        rows.sort_unstable();
        let rows = rows.iter().map(|(key, value)| (&key[..], Some(&value[..])));
        self.database.trees.table.apply(rows)
    }

    /// Makes it durable, and closes it.
    pub fn finish(mut self) -> Result<(), StoreError> {
        self.write_together()?;
        self.database.sync()?;
        self.database.close();
        Ok(())
    }
}
