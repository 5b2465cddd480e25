//! Changes of doors that are made from what the table holds: modes, and plans activated.

use std::collections::BTreeMap;

use doorward_core::ids::DoorId;
use doorward_core::model::{Change, Door, DoorMode, Problems, Record, RecordRef, UnlockPlan};

use super::{ChangeError, ModeSaid, Step};
use crate::store::{StoreError, TableView};

/// The record with another mode.
pub(super) fn with_mode(
    view: &TableView,
    of: RecordRef,
    mode: DoorMode,
) -> Result<Change, ChangeError> {
    let mut record = view.record(of)?.ok_or(ChangeError::NotFound(of))?;
    if mode_of(&record).is_none() {
        return Err(ChangeError::NotFound(of));
    }
    set_mode(&mut record, mode);
    Ok(Change::Put(record))
}

/// Gives a record the mode that the one in the table has.
pub(super) fn keep_mode(view: &TableView, record: &mut Record) -> Result<(), ChangeError> {
    let now = view.record(record.reference())?;
    if let Some(mode) = now.as_ref().and_then(mode_of) {
        set_mode(record, mode);
    }
    Ok(())
}

/// What the steps do, each record that leaves its mode out with the one it has by then.
pub(super) fn with_modes_kept(
    view: &TableView,
    steps: Vec<Step>,
) -> Result<Vec<Change>, ChangeError> {
    let mut modes = BTreeMap::new();
    let mut changes = Vec::with_capacity(steps.len());
    for Step { mut change, mode } in steps {
        if let Change::Put(record) = &mut change
            && mode_of(record).is_some()
        {
            let of = record.reference();
            match (mode, modes.get(&of).copied()) {
                (ModeSaid::No, None) => keep_mode(view, record)?,
                (ModeSaid::No, Some(mode)) => set_mode(record, mode),
                (ModeSaid::Yes, _) => {}
            }
            modes.insert(of, mode_of(record).unwrap_or_default());
        }
        if let Change::Remove(of) = change {
            // Whatever is put there afterwards is another one.
            modes.insert(of, DoorMode::default());
        }
        changes.push(change);
    }
    Ok(changes)
}

fn mode_of(record: &Record) -> Option<DoorMode> {
    match record {
        Record::Door(door) => Some(door.mode),
        Record::DoorGroup(group) => Some(group.mode),
        Record::Place(place) => Some(place.mode),
        _ => None,
    }
}

fn set_mode(record: &mut Record, mode: DoorMode) {
    match record {
        Record::Door(door) => door.mode = mode,
        Record::DoorGroup(group) => group.mode = mode,
        Record::Place(place) => place.mode = mode,
        _ => {}
    }
}

/// The door with its pending plan in force. With `expected`, only if that is the pending one.
pub(super) fn activated(
    view: &TableView,
    id: DoorId,
    expected: Option<&UnlockPlan>,
) -> Result<Change, ChangeError> {
    let not_found = ChangeError::NotFound(RecordRef::Door(id));
    let mut door: Door = view.find(id)?.ok_or(not_found)?;
    let Some(pending) = door.pending_plan.take() else {
        return Err(refused("pending_plan", "there is none to be activated"));
    };
    if expected.is_some_and(|expected| *expected != *pending) {
        return Err(refused("pending_plan", "is another one meanwhile"));
    }
    // A plan without any hours is the end of the old one.
    let has_hours = pending.schedule.is_some() || !pending.dated.is_empty();
    door.plan = has_hours.then_some(pending);
    Ok(Change::Put(Record::Door(door)))
}

/// Plans come into force only by being activated.
pub(super) fn check_plans<'a>(
    view: &TableView,
    steps: impl IntoIterator<Item = &'a Change>,
) -> Result<(), ChangeError> {
    let mut problems = Problems::default();
    for (at, step) in steps.into_iter().enumerate() {
        let Change::Put(Record::Door(door)) = step else {
            continue;
        };
        let in_force = view.find::<Door>(door.id)?.and_then(|door| door.plan);
        if door.plan != in_force {
            problems.add(
                format!("changes[{at}].plan"),
                "comes into force only by being activated; put the new one in `pending_plan`",
            );
        }
    }
    match problems.into_result() {
        Ok(()) => Ok(()),
        Err(problems) => Err(ChangeError::Invalid(problems)),
    }
}

fn refused(field: &str, message: &str) -> ChangeError {
    let mut problems = Problems::default();
    problems.add(field, message);
    ChangeError::Invalid(problems)
}

impl From<doorward_core::view::Unreadable> for ChangeError {
    fn from(error: doorward_core::view::Unreadable) -> Self {
        Self::Store(StoreError::Storage {
            what: error.to_string(),
        })
    }
}
