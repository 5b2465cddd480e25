//! A change of the table, from what somebody wants to what is in force at the doors.
//!
//! One task does all changes, one after the other: it checks each against the table as it stands,
//! makes it durable, and has the doors take it in before it says that it is done. A caller who
//! gives up waiting does not stop a change half way.

mod doors;

use doorward_core::ids::DoorId;
use doorward_core::model::{
    Change, ChangeRefused, DoorMode, Impact, Operation, OperationRefused, Problems, Record,
    RecordRef, TableDelta, UnlockPlan, ValidatedChange, validate_changes, validate_steps,
};
use doorward_core::time::Wall;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::doors::{DoorsError, DoorsHandle};
use crate::permit::Permit;
use crate::store::{ChangeNote, Store, StoreError};

/// Changes that may wait; more are refused.
pub const CHANGES_WAITING_MAX: usize = 32;

/// Whether a record that replaces another says in which mode its doors stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModeSaid {
    /// It does, or is of a kind that has none.
    Yes,
    /// It leaves it out: the mode in the table stays. A lockdown does not end by being forgotten.
    No,
}

/// What somebody wants of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// A new record; its id is given here, what it holds is not looked at.
    Create(Record),
    /// Another record in the place of the one of the same id, which must be there.
    Replace {
        /// The whole record.
        record: Record,
        /// Whether whoever replaces it said anything of its mode.
        mode: ModeSaid,
    },
    /// A record, whether or not there is one of the same id.
    Put(Record),
    /// A record gone, with what cannot stand without it. It must be there.
    Remove(RecordRef),
    /// Several steps, all or none.
    Steps(Vec<Step>),
    /// What the table as it stands decides the steps of.
    Operation(Operation),
    /// Another mode for what has one.
    SetMode {
        /// A door, a group or a place.
        of: RecordRef,
        /// The mode.
        mode: DoorMode,
    },
    /// The pending plan of a door in force.
    ActivatePlan {
        /// Which door.
        door: DoorId,
        /// Only if this is the pending one.
        expected: Option<UnlockPlan>,
    },
}

/// One of several steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub change: Change,
    /// Whether a record that is put said anything of its mode.
    pub mode: ModeSaid,
}

/// Asks for changes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TableChanges {
    requests: mpsc::Sender<Request>,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// Too many wait; try again.
    #[error("{CHANGES_WAITING_MAX} changes wait already; try again")]
    Busy,
    /// The daemon is stopping.
    #[error("the daemon is stopping")]
    Stopped,
    /// What was to be replaced or removed is not there.
    #[error("there is no {0}")]
    NotFound(RecordRef),
    /// Everything wrong with it. Fields of a list of steps begin with `changes[n].`.
    #[error("{0}")]
    Invalid(Problems),
    /// What was to be removed is still needed: by what, in the problems.
    #[error("{0}")]
    InUse(Problems),
    /// The table has moved on since the change was made up.
    #[error("the table is at revision {found}, the change was made for revision {expected}")]
    Stale {
        /// The revision that the change was made for.
        expected: u64,
        /// The table's revision.
        found: u64,
    },
    /// The store refused.
    #[error(transparent)]
    Store(StoreError),
    /// It is durable, and the doors are stopping: it comes into force when they start again.
    #[error(
        "saved as revision {revision}; the doors are stopping and take it in at their next start"
    )]
    NotInForce {
        /// The table's revision with the change.
        revision: u64,
    },
}

#[derive(Debug)]
struct Request {
    permit: Permit,
    plan: Plan,
    base: Option<u64>,
    at: Wall,
    note: &'static str,
    done: oneshot::Sender<Result<TableDelta, ChangeError>>,
}

impl TableChanges {
    /// Starts the task that changes the table. It ends once every handle is dropped.
    #[must_use]
    pub fn start(store: Store, doors: DoorsHandle) -> (Self, JoinHandle<()>) {
        let (requests, mut inbox) = mpsc::channel::<Request>(CHANGES_WAITING_MAX);
        let worker = Worker { store, doors };
        let task = tokio::spawn(async move {
            while let Some(request) = inbox.recv().await {
                worker.answer(request).await;
            }
            log::debug!("task `table changes` ended");
        });
        (Self { requests }, task)
    }

    /// Makes a change; returns what it did once it is durable and in force.
    ///
    /// With `base`, only while the table is still at that revision. `note` says in the admin log
    /// from where the change came.
    pub async fn make(
        &self,
        permit: Permit,
        plan: Plan,
        base: Option<u64>,
        at: Wall,
        note: &'static str,
    ) -> Result<TableDelta, ChangeError> {
        let (done, made) = oneshot::channel();
        let request = Request {
            permit,
            plan,
            base,
            at,
            note,
            done,
        };
        self.requests
            .try_send(request)
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => ChangeError::Busy,
                mpsc::error::TrySendError::Closed(_) => ChangeError::Stopped,
            })?;
        made.await.map_err(|_| ChangeError::Stopped)?
    }
}

#[derive(Debug)]
struct Worker {
    store: Store,
    doors: DoorsHandle,
}

impl Worker {
    async fn answer(&self, request: Request) {
        let Request {
            permit,
            plan,
            base,
            at,
            note,
            done,
        } = request;
        let made = self.make(&permit, plan, base, at, note).await;
        match &made {
            Ok(delta) => log::info!(
                "{} changed {} rows of the table, now at revision {}",
                permit.actor(),
                delta.changes.len(),
                delta.revision
            ),
            Err(error) => log::debug!("a change by {} was not made: {error}", permit.actor()),
        }
        // Whoever asked may have given up; the change stands all the same.
        let _ = done.send(made);
    }

    async fn make(
        &self,
        permit: &Permit,
        plan: Plan,
        base: Option<u64>,
        at: Wall,
        note: &str,
    ) -> Result<TableDelta, ChangeError> {
        let store = self.store.clone();
        let checked = tokio::task::spawn_blocking(move || check(&store, plan, base));
        let (changes, revision) = checked.await.map_err(|_| ChangeError::Stopped)??;
        let note = ChangeNote {
            at,
            text: note.to_owned(),
            expected_revision: Some(revision),
        };
        let committed = self.store.commit(permit, changes, note).await?;
        let delta = committed.delta;
        match self
            .doors
            .apply(delta.clone(), permit.actor().clone())
            .await
        {
            Ok(()) => Ok(delta),
            Err(DoorsError::Stopped | DoorsError::Busy | DoorsError::Refused(_)) => {
                Err(ChangeError::NotInForce {
                    revision: delta.revision,
                })
            }
        }
    }
}

/// What a change would do, if it was made now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The table's revision, which stays.
    pub revision: u64,
    /// Each row that would be written or taken away.
    pub changes: Vec<Change>,
    /// Whom and what it would touch.
    pub impact: Impact,
}

/// Checks a change and says what it would do, without doing it.
pub fn preview(store: &Store, plan: Plan, base: Option<u64>) -> Result<Preview, ChangeError> {
    let (valid, revision) = check(store, plan, base)?;
    let impact = Impact::of(&store.view(), &valid).map_err(unreadable)?;
    Ok(Preview {
        revision,
        changes: valid.into_rows(),
        impact,
    })
}

#[allow(clippy::needless_pass_by_value, reason = "made for `map_err`")]
fn unreadable(error: doorward_core::view::Unreadable) -> ChangeError {
    let what = error.to_string();
    StoreError::Storage { what }.into()
}

/// Checks a plan against the table; returns what to write, and the revision it was checked at.
fn check(
    store: &Store,
    plan: Plan,
    base: Option<u64>,
) -> Result<(ValidatedChange, u64), ChangeError> {
    let view = store.view();
    let found = view.revision()?;
    if let Some(expected) = base.filter(|expected| *expected != found) {
        return Err(ChangeError::Stale { expected, found });
    }
    let must_exist = |reference: RecordRef| match view.record(reference)? {
        Some(_) => Ok(()),
        None => Err(ChangeError::NotFound(reference)),
    };
    let removes = matches!(plan, Plan::Remove(_));
    let activates = matches!(plan, Plan::ActivatePlan { .. });
    let (steps, single) = match plan {
        Plan::Create(mut record) => {
            let id = store.next_id(record.reference().kind())?;
            set_id(&mut record, id);
            (vec![Change::Put(record)], true)
        }
        Plan::Replace { mut record, mode } => {
            must_exist(record.reference())?;
            if mode == ModeSaid::No {
                doors::keep_mode(&view, &mut record)?;
            }
            (vec![Change::Put(record)], true)
        }
        Plan::Put(record) => (vec![Change::Put(record)], true),
        Plan::Remove(reference) => {
            must_exist(reference)?;
            (vec![Change::Remove(reference)], true)
        }
        Plan::Steps(steps) => (doors::with_modes_kept(&view, steps)?, false),
        Plan::Operation(operation) => {
            let steps = operation.steps(&view).map_err(operation_refused)?;
            return match validate_steps(&view, &steps) {
                Ok(valid) => Ok((valid, found)),
                Err(ChangeRefused::Invalid(problems)) => {
                    Err(ChangeError::Invalid(without_steps(problems)))
                }
                Err(ChangeRefused::Unreadable(error)) => Err(unreadable(error)),
            };
        }
        Plan::SetMode { of, mode } => (vec![doors::with_mode(&view, of, mode)?], true),
        Plan::ActivatePlan { door, expected } => {
            let step = doors::activated(&view, door, expected.as_ref())?;
            (vec![step], true)
        }
    };
    if !activates {
        doors::check_plans(&view, &steps).map_err(|error| match error {
            ChangeError::Invalid(problems) if single => {
                ChangeError::Invalid(without_step(problems))
            }
            error => error,
        })?;
    }
    match validate_changes(&view, &steps) {
        Ok(valid) => Ok((valid, found)),
        Err(ChangeRefused::Invalid(problems)) if removes => {
            Err(ChangeError::InUse(without_step(problems)))
        }
        Err(ChangeRefused::Invalid(problems)) if single => {
            Err(ChangeError::Invalid(without_step(problems)))
        }
        Err(ChangeRefused::Invalid(problems)) => Err(ChangeError::Invalid(problems)),
        Err(ChangeRefused::Unreadable(error)) => Err(unreadable(error)),
    }
}

fn operation_refused(refused: OperationRefused) -> ChangeError {
    match refused {
        OperationRefused::NotFound(reference) => ChangeError::NotFound(reference),
        OperationRefused::Invalid(problems) => ChangeError::Invalid(problems),
        OperationRefused::Unreadable(error) => unreadable(error),
    }
}

fn set_id(record: &mut Record, id: u32) {
    match record {
        Record::Place(place) => place.id = id.into(),
        Record::Door(door) => door.id = id.into(),
        Record::User(user) => user.id = id.into(),
        Record::Credential(credential) => credential.id = id.into(),
        Record::Key(key) => key.id = id.into(),
        Record::Schedule(schedule) => schedule.id = id.into(),
        Record::Area(area) => area.id = id.into(),
        Record::DoorGroup(group) => group.id = id.into(),
        Record::Company(company) => company.id = id.into(),
        Record::HolidaySet(set) => set.id = id.into(),
        // Named by what they join.
        Record::Grant(_) | Record::Share(_) => {}
    }
}

/// Names the fields of the only step as those of the record.
fn without_step(mut problems: Problems) -> Problems {
    for problem in &mut problems.0 {
        let field = problem.field.strip_prefix("changes[0]");
        if let Some(field) = field.map(|field| field.trim_start_matches('.').to_owned()) {
            problem.field = field;
        }
    }
    problems
}

/// Names the fields of an operation's steps without the steps, which nobody sent; what is wrong
/// with all of them is told once.
fn without_steps(problems: Problems) -> Problems {
    let mut told = Problems::default();
    for mut problem in problems.0 {
        if let Some((_, field)) = problem.field.split_once("].") {
            problem.field = field.to_owned();
        }
        if !told.0.contains(&problem) {
            told.0.push(problem);
        }
    }
    told
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy { .. } => Self::Busy,
            StoreError::Stopped => Self::Stopped,
            StoreError::Conflict { expected, found } => Self::Stale { expected, found },
            error => Self::Store(error),
        }
    }
}
