//! Checks everything that must hold in a store.
//!
//! Each check goes on behind what it finds wrong, so that one fault does not hide the next.

mod logs;
mod offline;
mod table;

use std::ops::ControlFlow;

use super::snapshot::{Part, Snapshot};
use super::{StoreError, TableView};
pub use offline::{OfflineError, is_in_use, verify_folder};

use logs::{Alarms, Audit, Events};
use table::Table;

/// Faults of one check that are told; more are counted.
pub(crate) const FAULTS_TOLD_MAX: usize = 20;

/// Rows read at once.
const BATCH: usize = 1000;

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name, such as `events`.
    pub name: &'static str,
    /// Rows it looked at.
    pub rows: u64,
    /// How much it found wrong.
    pub faults: u64,
    /// The first of it, in words; at most 20.
    pub told: Vec<String>,
}

impl Check {
    const fn new(name: &'static str) -> Self {
        Self {
            name,
            rows: 0,
            faults: 0,
            told: Vec::new(),
        }
    }

    fn fault(&mut self, what: impl std::fmt::Display) {
        self.faults += 1;
        if self.told.len() < FAULTS_TOLD_MAX {
            self.told.push(what.to_string());
        }
    }

    fn holds<T>(&mut self, result: Result<T, impl std::fmt::Display>) -> Option<T> {
        result.map_err(|error| self.fault(error)).ok()
    }
}

/// What was checked, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The table's revision.
    pub revision: u64,
    /// The newest event.
    pub events: u64,
    /// The newest entry of the admin log.
    pub audit: u64,
    /// Every check, in order.
    pub checks: Vec<Check>,
}

impl Verification {
    /// Whether all holds.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.checks.iter().all(|check| check.faults == 0)
    }
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifyProgress {
    /// Rows looked at.
    pub done: u64,
    /// Rows there are to look at, as far as that is known.
    pub total: u64,
}

/// Checks the store as it was when `snapshot` was taken; `view` is the same store. Blocks on the
/// disk. `progress` is called now and then, and may break it off: then the answer is `None`.
pub fn verify(
    snapshot: &Snapshot,
    view: &TableView,
    mut progress: impl FnMut(VerifyProgress) -> ControlFlow<()>,
) -> Result<Option<Verification>, StoreError> {
    let heads = *snapshot.heads();
    let mut told = VerifyProgress {
        done: 0,
        // Index rows come on top; nobody counts them beforehand.
        total: heads.events.seq + heads.audit.seq,
    };
    let mut table = Table::new(snapshot.revision());
    let mut audit = Audit::new(heads.audit, snapshot.revision());
    loop {
        let rows = snapshot.next_rows(Part::Table, BATCH)?;
        if rows.is_empty() {
            break;
        }
        told.done += rows.len() as u64;
        for (key, value) in rows {
            if super::rows::is_audit(&key) {
                audit.row(&key, &value);
            } else {
                table.row(&key, &value, view);
            }
        }
        if progress(told).is_break() {
            return Ok(None);
        }
    }
    let mut checks = table.finish(snapshot, view)?;
    checks.push(audit.finish());
    told.total += told.done - heads.audit.seq.min(told.done);

    let mut events = Events::new(heads.events);
    let mut after = 0;
    loop {
        let rows = snapshot.events(after, BATCH)?;
        let Some((last, _)) = rows.last() else { break };
        after = *last;
        told.done += rows.len() as u64;
        for (seq, value) in &rows {
            events.row(*seq, value);
        }
        if progress(told).is_break() {
            return Ok(None);
        }
    }
    let (check, raised) = events.finish();
    checks.push(check);
    checks.push(Alarms::check(snapshot, &raised)?);
    checks.push(logs::cursors(snapshot));
    checks.push(logs::kept(snapshot)?);
    Ok(Some(Verification {
        revision: snapshot.revision(),
        events: heads.events.seq,
        audit: heads.audit.seq,
        checks,
    }))
}
