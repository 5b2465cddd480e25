//! Which doors a key opens: its own and those of its groups, as far as its place may use them.

use std::collections::BTreeSet;

use super::{Key, Record, RecordRef, TableLookup};
use crate::ids::{DoorGroupId, DoorId, PlaceId};
use crate::view::Unreadable;

/// Whether a key opens a door: the door is one of its own or of its groups, and belongs to its
/// place or is shared to it.
pub fn key_opens<L: TableLookup>(table: &L, key: &Key, door: DoorId) -> Result<bool, Unreadable> {
    Reach(|reference| table.record(reference)).opens(key, door)
}

/// Whether a key opens any door. One that does not was left without doors.
pub fn key_opens_some<L: TableLookup>(table: &L, key: &Key) -> Result<bool, Unreadable> {
    Reach(|reference| table.record(reference)).opens_some(key)
}

/// The doors that a key opens, in the order of their numbers.
pub fn doors_of_key<L: TableLookup>(table: &L, key: &Key) -> Result<Vec<DoorId>, Unreadable> {
    Reach(|reference| table.record(reference)).doors(key)
}

/// The rule, on whatever finds records.
pub(super) struct Reach<F>(pub(super) F);

impl<F: Fn(RecordRef) -> Result<Option<Record>, Unreadable>> Reach<F> {
    fn opens(&self, key: &Key, door: DoorId) -> Result<bool, Unreadable> {
        let mut listed = key.doors.contains(&door);
        for &group in &key.groups {
            listed = listed || self.doors_of_group(group)?.contains(&door);
        }
        Ok(listed && self.place_may_use(key.place, door)?)
    }

    /// Whether it opens any door.
    pub(super) fn opens_some(&self, key: &Key) -> Result<bool, Unreadable> {
        for &door in &key.doors {
            if self.place_may_use(key.place, door)? {
                return Ok(true);
            }
        }
        for &group in &key.groups {
            for door in self.doors_of_group(group)? {
                if self.place_may_use(key.place, door)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    pub(super) fn doors(&self, key: &Key) -> Result<Vec<DoorId>, Unreadable> {
        let mut listed: BTreeSet<_> = key.doors.iter().copied().collect();
        for &group in &key.groups {
            listed.extend(self.doors_of_group(group)?);
        }
        let mut opened = Vec::with_capacity(listed.len());
        for door in listed {
            if self.place_may_use(key.place, door)? {
                opened.push(door);
            }
        }
        Ok(opened)
    }

    /// Whether a door belongs to a place or is shared to it.
    pub(super) fn place_may_use(&self, place: PlaceId, door: DoorId) -> Result<bool, Unreadable> {
        match (self.0)(RecordRef::Door(door))? {
            Some(Record::Door(found)) if found.place == place => Ok(true),
            Some(_) => Ok((self.0)(RecordRef::Share { door, place })?.is_some()),
            None => Ok(false),
        }
    }

    fn doors_of_group(&self, group: DoorGroupId) -> Result<Vec<DoorId>, Unreadable> {
        Ok(match (self.0)(RecordRef::DoorGroup(group))? {
            Some(Record::DoorGroup(group)) => group.doors,
            _ => Vec::new(),
        })
    }
}
