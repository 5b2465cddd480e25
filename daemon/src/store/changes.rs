//! How the store's thread carries out changes of the table.

use doorward_core::ids::Actor;
use doorward_core::model::{Change, TableDelta, ValidatedChange};
use tokio::sync::oneshot;

use super::failure::Failure;
use super::journal;
use super::packed::Packed;
use super::snapshot::Part;
use super::table::{self, ChangeNote, Prepared, Undo};
use super::thread::Worker;
use super::{Committed, StoreError};

/// A change on its way to the store's thread.
#[derive(Debug)]
pub(super) struct ChangeRequest {
    pub(super) actor: Actor,
    pub(super) change: ValidatedChange,
    pub(super) note: ChangeNote,
    pub(super) done: Done,
}

/// Where the answer goes.
type Done = oneshot::Sender<Result<Committed, StoreError>>;

/// A change that is decided and durable in the journal, and not yet carried out: storage failed.
#[derive(Debug)]
pub(super) struct Decided {
    delta: TableDelta,
    done: Done,
}

/// How far a large change came.
enum Journalled {
    CarriedOut,
    /// It failed before it was decided.
    Refused,
    /// It is decided, and failed while it was carried out.
    Decided,
}

impl Worker {
    /// Carries out a change and answers.
    pub(super) fn change(&mut self, request: ChangeRequest) {
        let ChangeRequest {
            actor,
            change,
            note,
            done,
        } = request;
        let prepared = self.table().and_then(|table| {
            let pause = || self.commit_queued_events();
            table::prepare(&table, &actor, &note, change, pause)
        });
        // Nobody waits for the answer any more where it cannot be sent.
        match prepared {
            Err(error) => drop(done.send(Err(error))),
            Ok(_) if self.failure.is_some() => drop(done.send(Err(self.refusal()))),
            Ok(prepared) if prepared.delta.changes.is_empty() => {
                drop(done.send(Ok(Committed::from(prepared.delta))));
            }
            Ok(prepared) if prepared.rows.len() <= journal::BATCH_ROWS_MAX => {
                let written = self.write_batch(&prepared);
                self.settle_change(written);
                let answer = match self.failure {
                    None => Ok(self.committed(prepared.delta)),
                    Some(_) => Err(self.refusal()),
                };
                drop(done.send(answer));
            }
            Ok(prepared) => match self.write_journalled(&prepared) {
                Journalled::CarriedOut => drop(done.send(Ok(self.committed(prepared.delta)))),
                Journalled::Refused => drop(done.send(Err(self.refusal()))),
                Journalled::Decided => {
                    let delta = prepared.delta;
                    self.decided = Some(Decided { delta, done });
                }
            },
        }
    }

    /// A small change: one batch, and one sync for it and all events that came meanwhile.
    fn write_batch(&mut self, prepared: &Prepared) -> Result<(), StoreError> {
        let table = self.table()?;
        self.undo = Some(prepared.undo_of_batch(&table)?);
        self.note_before(prepared)?;
        prepared.write_batch(&table)?;
        self.take_queued_events();
        self.write_and_sync()
    }

    /// A large change: events do not wait for the whole of it.
    fn write_journalled(&mut self, prepared: &Prepared) -> Journalled {
        self.undo = Some(Undo::Journal);
        let decided = self.decide(prepared);
        self.settle_change(decided);
        if self.failure.is_some() {
            return Journalled::Refused;
        }
        let carried_out = self.table().and_then(|table| {
            self.note_before(prepared)?;
            prepared.carry_out(&table, || self.commit_queued_events())?;
            self.write_and_sync()?;
            journal::discard(&self.path)
        });
        // An event in between may have met the failure first.
        if self.failure.is_none() {
            self.settle(carried_out);
        }
        match self.failure {
            None => Journalled::CarriedOut,
            Some(_) => Journalled::Decided,
        }
    }

    /// Whoever reads the store as it was goes on doing so.
    fn note_before(&self, prepared: &Prepared) -> Result<(), StoreError> {
        match &self.database {
            Some(database) => {
                let keys = prepared.rows.keys().map(Vec::as_slice);
                self.watching.note(Part::Table, &database.trees, keys)
            }
            None => Ok(()),
        }
    }

    fn decide(&mut self, prepared: &Prepared) -> Result<(), StoreError> {
        let path = self.path.clone();
        let (revision, rows) = (prepared.delta.revision, prepared.rows.iter());
        journal::write(&path, revision, rows, || self.commit_queued_events())?;
        if self.failure.is_some() {
            return Err(self.refusal());
        }
        journal::decide(&path)
    }

    /// After an attempt to make a change durable: it stands, or it must be taken back.
    fn settle_change(&mut self, written: Result<(), StoreError>) {
        if written.is_ok() {
            self.undo = None;
        }
        if self.failure.is_none() {
            self.settle(written);
        }
    }

    /// Storage works again, and the database was opened anew, which carries out what is decided.
    pub(super) fn answer_decided(&mut self) {
        if let Some(Decided { delta, done }) = self.decided.take() {
            let committed = self.committed(delta);
            drop(done.send(Ok(committed)));
        }
    }

    fn committed(&self, delta: TableDelta) -> Committed {
        for change in &delta.changes {
            if let Change::Put(record) = change {
                self.shared.id_taken(record.reference());
            }
        }
        Committed::from(delta)
    }

    /// A handle on the table. It keeps the database open: not to be kept.
    fn table(&self) -> Result<Packed, StoreError> {
        let database = self.database.as_ref().ok_or_else(|| self.refusal())?;
        Ok(database.trees.table.clone())
    }

    fn refusal(&self) -> StoreError {
        self.failure
            .as_ref()
            .map_or(StoreError::Stopped, Failure::to_error)
    }
}
