//! Applies a change to the table: works out every row it touches, for one atomic batch.

use std::collections::BTreeMap;

use doorward_core::ids::Actor;
use doorward_core::model::{Change, Kind, Record, RecordRef, TableDelta, ValidatedChange};
use doorward_core::time::Wall;
use sled::IVec;

use super::chain::Hash;
use super::database::check_size;
use super::encoding::{RECORD_BYTES_MAX, value_of};
use super::journal::{ROWS_BETWEEN_EVENTS, ROWS_TOGETHER};
use super::packed::Packed;
use super::{StoreError, audit, records, rows};

/// The most records that one change may put or take away, those that follow from others included.
pub const CHANGE_ROWS_MAX: usize = 400_000;

/// The longest note of a change, in bytes.
pub const NOTE_BYTES_MAX: usize = 400;

/// What goes into the admin log beside the change itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeNote {
    /// When it was asked for.
    pub at: Wall,
    /// From where and why; at most [`NOTE_BYTES_MAX`] bytes.
    pub text: String,
    /// The revision that the change was validated against. It is refused as a conflict if the
    /// table has moved on; `None` to apply it whatever came between.
    pub expected_revision: Option<u64>,
}

/// A change, worked out.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) delta: TableDelta,
    /// The rows to write (`None`: to take away).
    pub(super) rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

/// How to take back a change that was refused, but may be found when the database is opened anew.
#[derive(Debug)]
pub(super) enum Undo {
    /// A batch was written.
    Batch(Before),
    /// A journal was begun, and perhaps decided.
    Journal,
}

/// What the rows of a batch were before it.
#[derive(Debug)]
pub(super) struct Before {
    /// The revision that shows that the batch is there.
    revision: u64,
    rows: Vec<(Vec<u8>, Option<IVec>)>,
}

/// The table's revision; 0 when it is new.
pub(super) fn revision(table: &Packed) -> Result<u64, StoreError> {
    let Some(value) = table.get(rows::REVISION)? else {
        return Ok(0);
    };
    value
        .as_ref()
        .try_into()
        .map(u64::from_be_bytes)
        .map_err(|_| StoreError::row("table", rows::REVISION, "it is not a number of 8 bytes"))
}

/// The next free id of a kind.
pub(super) fn next_id(table: &Packed, kind: Kind) -> Result<u32, StoreError> {
    let row = rows::next_id(kind);
    let Some(value) = table.get(row)? else {
        return Ok(1);
    };
    number(&row, &value)
}

fn number(row: &[u8], value: &[u8]) -> Result<u32, StoreError> {
    value
        .try_into()
        .map(u32::from_be_bytes)
        .map_err(|_| StoreError::row("table", row, "it is not a number of 4 bytes"))
}

/// Works out what a change does to the table. `pause` is called now and then.
pub(super) fn prepare(
    table: &Packed,
    actor: &Actor,
    note: &ChangeNote,
    change: ValidatedChange,
    mut pause: impl FnMut(),
) -> Result<Prepared, StoreError> {
    let found = revision(table)?;
    if let Some(expected) = note.expected_revision.filter(|expected| *expected != found) {
        return Err(StoreError::Conflict { expected, found });
    }
    if note.text.len() > NOTE_BYTES_MAX {
        return Err(StoreError::TooLarge {
            what: "the note".to_owned(),
            found: note.text.len(),
            max: NOTE_BYTES_MAX,
        });
    }
    let (audit_seq, audit_hash) = audit::head(table)?;
    let mut work = Work {
        table,
        actor,
        note,
        revision: found + 1,
        rows: BTreeMap::new(),
        changes: Vec::with_capacity(change.rows().len()),
        audit_seq,
        audit_hash,
    };
    for (at, row) in change.into_rows().into_iter().enumerate() {
        if at % ROWS_BETWEEN_EVENTS == ROWS_BETWEEN_EVENTS - 1 {
            pause();
        }
        match row {
            Change::Put(record) => work.put(record)?,
            Change::Remove(reference) => work.remove(reference)?,
        }
    }
    if work.changes.is_empty() {
        work.revision = found;
    } else {
        let revision = work.revision.to_be_bytes().to_vec();
        work.rows.insert(rows::REVISION.to_vec(), Some(revision));
    }
    Ok(Prepared {
        delta: TableDelta {
            revision: work.revision,
            changes: work.changes,
        },
        rows: work.rows,
    })
}

impl Prepared {
    /// What will take the batch back.
    pub(super) fn undo_of_batch(&self, table: &Packed) -> Result<Undo, StoreError> {
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in self.rows.keys() {
            rows.push((row.clone(), table.get(row)?));
        }
        Ok(Undo::Batch(Before {
            revision: self.delta.revision,
            rows,
        }))
    }

    /// Writes the change to the tree as one batch.
    pub(super) fn write_batch(&self, table: &Packed) -> Result<(), StoreError> {
        let rows = self.rows.iter();
        table.apply(rows.map(|(row, value)| (row.as_slice(), value.as_deref())))
    }

    /// Carries out a change that the journal has decided, the revision last. `pause` is called
    /// now and then.
    pub(super) fn carry_out(
        &self,
        table: &Packed,
        mut pause: impl FnMut(),
    ) -> Result<(), StoreError> {
        let revision = self.rows.get_key_value(rows::REVISION);
        let mut others = self.rows.iter().filter(|(row, _)| *row != rows::REVISION);
        loop {
            let some: Vec<_> = others.by_ref().take(ROWS_TOGETHER).collect();
            if some.is_empty() {
                break;
            }
            table.apply(
                some.into_iter()
                    .map(|(row, value)| (row.as_slice(), value.as_deref())),
            )?;
            pause();
        }
        table.apply(
            revision
                .into_iter()
                .map(|(row, value)| (row.as_slice(), value.as_deref())),
        )
    }
}

impl Before {
    /// Takes the change back if it is in the table.
    pub(super) fn restore(&self, table: &Packed) -> Result<(), StoreError> {
        if revision(table)? != self.revision {
            return Ok(());
        }
        let rows = self.rows.iter();
        table.apply(rows.map(|(row, value)| (row.as_slice(), value.as_deref())))
    }
}

/// A change being worked out: the tree, and over it the rows written so far.
struct Work<'a> {
    table: &'a Packed,
    actor: &'a Actor,
    note: &'a ChangeNote,
    revision: u64,
    rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    changes: Vec<Change>,
    audit_seq: u64,
    audit_hash: Hash,
}

impl Work<'_> {
    fn put(&mut self, record: Record) -> Result<(), StoreError> {
        let reference = record.reference();
        let row = rows::record(reference);
        let old = self.value(&row)?;
        let value = records::encode(&record, old.as_deref())
            .map_err(|error| StoreError::row("table", &row, error))?;
        if value.len() > RECORD_BYTES_MAX {
            return Err(StoreError::TooLarge {
                what: reference.to_string(),
                found: value.len(),
                max: RECORD_BYTES_MAX,
            });
        }
        self.unindex(reference.kind(), &row, old.as_deref())?;
        for index in rows::index_rows(&record) {
            self.rows.insert(index, Some(Vec::new()));
        }
        self.count_id(reference)?;
        self.audit(reference, old.as_deref(), Some(&value))?;
        self.rows.insert(row, Some(value));
        self.done(Change::Put(record))
    }

    fn remove(&mut self, reference: RecordRef) -> Result<(), StoreError> {
        let row = rows::record(reference);
        let Some(old) = self.value(&row)? else {
            return Ok(());
        };
        self.unindex(reference.kind(), &row, Some(&old))?;
        self.audit(reference, Some(&old), None)?;
        self.rows.insert(row, None);
        self.done(Change::Remove(reference))
    }

    fn done(&mut self, change: Change) -> Result<(), StoreError> {
        self.changes.push(change);
        if self.changes.len() > CHANGE_ROWS_MAX {
            return Err(StoreError::TooMany {
                found: self.changes.len(),
                max: CHANGE_ROWS_MAX,
            });
        }
        Ok(())
    }

    fn unindex(&mut self, kind: Kind, row: &[u8], old: Option<&[u8]>) -> Result<(), StoreError> {
        let Some(old) = old else { return Ok(()) };
        let old =
            records::decode(kind, old).map_err(|error| StoreError::row("table", row, error))?;
        for index in rows::index_rows(&old) {
            self.rows.insert(index, None);
        }
        Ok(())
    }

    /// Ids are never reused, not even those of records that are gone.
    fn count_id(&mut self, reference: RecordRef) -> Result<(), StoreError> {
        let Some(id) = rows::number(reference) else {
            return Ok(());
        };
        let row = rows::next_id(reference.kind());
        let next = match self.value(&row)? {
            Some(value) => number(&row, &value)?,
            None => 1,
        };
        if id >= next {
            let next = id.saturating_add(1).to_be_bytes().to_vec();
            self.rows.insert(row.to_vec(), Some(next));
        }
        Ok(())
    }

    fn audit(
        &mut self,
        target: RecordRef,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let fields = |value: Option<&[u8]>| {
            value
                .map(value_of)
                .transpose()
                .map_err(|error| StoreError::row("table", &rows::record(target), error))
        };
        let personal = audit::Personal {
            before: fields(before)?,
            after: fields(after)?,
        };
        let public = audit::Public {
            at: self.note.at,
            actor: self.actor.clone(),
            revision: self.revision,
            note: self.note.text.clone(),
            target,
        };
        let seq = self.audit_seq + 1;
        let (hash, value) =
            audit::encode(seq, &self.audit_hash, &public, &personal, &super::salt()?)?;
        check_size(|| format!("the audit entry on {target}"), &value)?;
        self.rows.insert(rows::audit(seq).to_vec(), Some(value));
        (self.audit_seq, self.audit_hash) = (seq, hash);
        Ok(())
    }

    fn value(&self, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.rows.get(row) {
            Some(value) => Ok(value.clone()),
            None => Ok(self.table.get(row)?.map(|value| value.to_vec())),
        }
    }
}
