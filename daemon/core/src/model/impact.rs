use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::reach::Reach;
use super::{Change, Key, Kind, Record, RecordRef, TableLookup, ValidatedChange, doors_of_key};
use crate::ids::{DoorId, KeyId, ScheduleId, UserId};
use crate::view::Unreadable;

/// Whom and what a change touches.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Impact {
    /// How many users: those changed, those who hold what is changed, each counted once.
    pub users: usize,
    /// How many grants are given or changed.
    pub grants_put: usize,
    /// How many grants are taken away.
    pub grants_removed: usize,
    /// The keys changed, or that open other doors or at other times.
    pub keys: Vec<KeyId>,
    /// Those of them that are left without doors and open nothing.
    pub keys_without_doors: Vec<KeyId>,
    /// The doors changed, or that other keys open than before.
    pub doors: Vec<DoorId>,
}

impl Impact {
    /// What a change would touch in the table that it was checked against.
    pub fn of<L: TableLookup>(table: &L, change: &ValidatedChange) -> Result<Self, Unreadable> {
        let mut touched = Touched::default();
        for row in change.rows() {
            let reference = match row {
                Change::Put(record) => record.reference(),
                Change::Remove(reference) => *reference,
            };
            touched.row(table, reference, row)?;
        }
        touched.keys(table, change)
    }
}

#[derive(Default)]
struct Touched {
    impact: Impact,
    users: BTreeSet<UserId>,
    keys: BTreeSet<KeyId>,
    doors: BTreeSet<DoorId>,
    schedules: BTreeSet<ScheduleId>,
}

impl Touched {
    fn row<L: TableLookup>(
        &mut self,
        table: &L,
        reference: RecordRef,
        row: &Change,
    ) -> Result<(), Unreadable> {
        match reference {
            RecordRef::User(user) => {
                self.users.insert(user);
            }
            RecordRef::Grant { user, .. } => {
                self.users.insert(user);
                match row {
                    Change::Put(_) => self.impact.grants_put += 1,
                    Change::Remove(_) => self.impact.grants_removed += 1,
                }
            }
            RecordRef::Credential(_) => {
                let before = table.record(reference)?;
                let after = match row {
                    Change::Put(record) => Some(record.clone()),
                    Change::Remove(_) => None,
                };
                for record in before.into_iter().chain(after) {
                    if let Record::Credential(credential) = record {
                        self.users.extend(credential.user);
                    }
                }
            }
            RecordRef::Key(key) => {
                self.keys.insert(key);
            }
            RecordRef::Door(door) | RecordRef::Share { door, .. } => {
                self.doors.insert(door);
            }
            RecordRef::DoorGroup(_) => {
                let before = table.record(reference)?;
                let after = match row {
                    Change::Put(record) => Some(record.clone()),
                    Change::Remove(_) => None,
                };
                let doors = |record: Option<Record>| match record {
                    Some(Record::DoorGroup(group)) => group.doors.into_iter().collect(),
                    _ => BTreeSet::new(),
                };
                let (before, after) = (doors(before), doors(after));
                self.doors.extend(before.symmetric_difference(&after));
            }
            RecordRef::Schedule(schedule) => {
                self.schedules.insert(schedule);
            }
            _ => {}
        }
        Ok(())
    }

    /// The keys touched by way of what they refer to, their holders, and their doors.
    fn keys<L: TableLookup>(
        mut self,
        table: &L,
        change: &ValidatedChange,
    ) -> Result<Impact, Unreadable> {
        let rows: BTreeMap<RecordRef, Option<&Record>> = change
            .rows()
            .iter()
            .map(|row| match row {
                Change::Put(record) => (record.reference(), Some(record)),
                Change::Remove(reference) => (*reference, None),
            })
            .collect();
        let after = Reach(|reference| match rows.get(&reference) {
            Some(record) => Ok(record.cloned()),
            None => table.record(reference),
        });
        let mut before: BTreeMap<KeyId, Key> = BTreeMap::new();
        table.for_each(Kind::Key, &mut |record| {
            if let Record::Key(key) = record {
                before.insert(key.id, key);
            }
        })?;
        let structure_changes = rows.keys().any(|reference| {
            matches!(
                reference.kind(),
                Kind::Door | Kind::DoorGroup | Kind::Share | Kind::Key
            )
        });
        for (&id, key) in &before {
            if key
                .schedule
                .is_some_and(|schedule| self.schedules.contains(&schedule))
            {
                self.keys.insert(id);
            }
            if !structure_changes {
                continue;
            }
            let opened: BTreeSet<DoorId> = doors_of_key(table, key)?.into_iter().collect();
            let opens: BTreeSet<DoorId> = match rows.get(&RecordRef::Key(id)) {
                Some(Some(Record::Key(key))) => after.doors(key)?.into_iter().collect(),
                Some(_) => BTreeSet::new(),
                None => after.doors(key)?.into_iter().collect(),
            };
            if opened != opens {
                self.keys.insert(id);
                self.doors.extend(opened.symmetric_difference(&opens));
            }
            let stays = !matches!(rows.get(&RecordRef::Key(id)), Some(None));
            if stays && opens.is_empty() && !opened.is_empty() {
                self.impact.keys_without_doors.push(id);
            }
        }
        for key in &self.keys {
            self.users.extend(table.holders_of(*key)?);
        }
        Ok(Impact {
            users: self.users.len(),
            keys: self.keys.into_iter().collect(),
            doors: self.doors.into_iter().collect(),
            ..self.impact
        })
    }
}
