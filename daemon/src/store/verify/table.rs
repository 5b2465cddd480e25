//! What must hold in the table.

use std::collections::{BTreeMap, BTreeSet};

use doorward_core::model::{Change, ChangeRefused, Kind, Record, validate_steps};
use sha2::{Digest, Sha256};

use super::super::snapshot::Snapshot;
use super::super::{StoreError, TableView, records, rows};
use super::Check;

/// Records judged together.
const TOGETHER: usize = 500;

/// How often a record that the table does not hold with is looked at again: it may have been changed
/// while the table was read.
const LOOKS: usize = 3;

/// The checks of the table, row by row.
pub(super) struct Table {
    revision: u64,
    meta: Check,
    records: Check,
    references: Check,
    indexes: Check,
    next_ids: BTreeMap<u8, u32>,
    newest_ids: BTreeMap<u8, u32>,
    has_schema: bool,
    waiting: Vec<Record>,
    /// Sums over the hashes of the index rows that there are, and of those that there should be.
    found: u128,
    expected: u128,
}

impl Table {
    pub(super) fn new(revision: u64) -> Self {
        Self {
            revision,
            meta: Check::new("meta"),
            records: Check::new("records"),
            references: Check::new("references"),
            indexes: Check::new("indexes"),
            next_ids: BTreeMap::new(),
            newest_ids: BTreeMap::new(),
            has_schema: false,
            waiting: Vec::new(),
            found: 0,
            expected: 0,
        }
    }

    pub(super) fn row(&mut self, key: &[u8], value: &[u8], view: &TableView) {
        if let Some(kind) = rows::kind_of(key) {
            self.record(kind, key, value, view);
        } else if rows::is_index(key) {
            self.indexes.rows += 1;
            self.found = self.found.wrapping_add(print(key));
            if !value.is_empty() {
                self.indexes
                    .fault(StoreError::row("table", key, "an index row has a value"));
            }
        } else {
            self.meta(key, value);
        }
    }

    fn record(&mut self, kind: Kind, key: &[u8], value: &[u8], view: &TableView) {
        self.records.rows += 1;
        let read =
            records::decode(kind, value).map_err(|error| StoreError::row("table", key, error));
        let Some(record) = self.records.holds(read) else {
            return;
        };
        let reference = record.reference();
        if rows::record(reference) != key {
            let what = format!("it holds {reference}");
            self.records.fault(StoreError::row("table", key, what));
            return;
        }
        if let Some(id) = rows::number(reference) {
            let newest = self.newest_ids.entry(rows::next_id(kind)[2]).or_default();
            *newest = id.max(*newest);
        }
        for row in indexed(&record) {
            self.expected = self.expected.wrapping_add(print(&row));
        }
        self.waiting.push(record);
        if self.waiting.len() >= TOGETHER {
            self.judge(view);
        }
    }

    /// Whether the records would be taken in as they are: within their bounds, and with all that
    /// they refer to.
    fn judge(&mut self, view: &TableView) {
        let records = std::mem::take(&mut self.waiting);
        self.references.rows += records.len() as u64;
        let changes: Vec<Change> = records.into_iter().map(Change::Put).collect();
        if validate_steps(view, &changes).is_ok() {
            return;
        }
        for change in changes {
            let Change::Put(record) = change else {
                continue;
            };
            let mut record = Some(record);
            for look in 1..=LOOKS {
                let Some(present) = record else { break };
                let reference = present.reference();
                match validate_steps(view, &[Change::Put(present)]) {
                    Ok(_) => break,
                    Err(error) if look == LOOKS => {
                        let why = match error {
                            ChangeRefused::Invalid(problems) => problems.to_string(),
                            other => other.to_string(),
                        };
                        self.references.fault(format_args!("{reference}: {why}"));
                        break;
                    }
                    Err(_) => {}
                }
                match view.record(reference) {
                    Ok(again) => record = again,
                    Err(error) => {
                        self.references.fault(error);
                        break;
                    }
                }
            }
        }
    }

    fn meta(&mut self, key: &[u8], value: &[u8]) {
        self.meta.rows += 1;
        let is_text = match (key, value.len()) {
            (rows::REVISION, 8) | (rows::PIN_KEY, 32) => true,
            (rows::SCHEMA, 4) => {
                self.has_schema = true;
                true
            }
            ([0, b'n', kind], 4) => {
                let next = value.try_into().map_or(0, u32::from_be_bytes);
                self.next_ids.insert(*kind, next);
                true
            }
            (key, 0) => key.starts_with(rows::ERASURES),
            _ => false,
        };
        if !is_text {
            let what = format!("a row of no known kind, with {} bytes", value.len());
            self.meta.fault(StoreError::row("table", key, what));
        }
    }

    pub(super) fn finish(
        mut self,
        snapshot: &Snapshot,
        view: &TableView,
    ) -> Result<Vec<Check>, StoreError> {
        self.judge(view);
        if !self.has_schema {
            self.meta.fault("the schema version is missing");
        }
        for (kind, newest) in &self.newest_ids {
            let next = self.next_ids.get(kind).copied().unwrap_or(1);
            if next <= *newest {
                self.meta.fault(format_args!(
                    "the next number of kind {kind} is {next}, and {newest} is in use"
                ));
            }
        }
        if self.records.rows > 0 && self.revision == 0 {
            self.meta.fault("there are records, and the revision is 0");
        }
        if self.found != self.expected {
            self.name_indexes(snapshot)?;
        }
        Ok(vec![self.meta, self.records, self.references, self.indexes])
    }

    /// Something is wrong with the index rows: says which are.
    fn name_indexes(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let (mut found, mut expected) = (BTreeSet::new(), BTreeSet::new());
        snapshot.read(|trees| {
            for row in trees.table.range::<&[u8]>(..) {
                let (key, value) = row?;
                if rows::is_index(&key) {
                    found.insert(key.to_vec());
                } else if let Some(kind) = rows::kind_of(&key)
                    && let Ok(record) = records::decode(kind, &value)
                {
                    expected.extend(rows::index_rows(&record));
                }
            }
            Ok(())
        })?;
        for row in expected.difference(&found) {
            self.indexes.fault(StoreError::row(
                "table",
                row,
                "it is missing: a record is not found by it",
            ));
        }
        for row in found.difference(&expected) {
            self.indexes.fault(StoreError::row(
                "table",
                row,
                "it finds a record that is not so",
            ));
        }
        if self.indexes.faults == 0 {
            self.indexes
                .fault("index rows and records did not agree; by now they do");
        }
        Ok(())
    }
}

/// The index rows of a record, each once.
fn indexed(record: &Record) -> BTreeSet<Vec<u8>> {
    rows::index_rows(record).into_iter().collect()
}

fn print(row: &[u8]) -> u128 {
    let hash: [u8; 32] = Sha256::digest(row).into();
    let (first, _) = hash.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    u128::from_be_bytes(*first)
}
