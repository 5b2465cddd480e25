//! Which mode is in force at each door: its own, or a stronger one of a group or a place.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{DoorGroupId, DoorId, PlaceId};
use crate::model::{Door, DoorGroup, DoorMode, LockdownExit, Place, Record, RecordRef};
use crate::view::DoorFacts;

/// The deepest that places are looked at above a door. Deeper ones are refused by the checks of a
/// change.
const PLACES_ABOVE_MAX: usize = 64;

/// Doors, groups and places with their modes. Small: no user, key or credential is looked at.
#[derive(Debug, Default)]
pub(crate) struct Modes {
    doors: BTreeMap<DoorId, Own>,
    groups: BTreeMap<DoorGroupId, Group>,
    groups_of_door: BTreeSet<(DoorId, DoorGroupId)>,
    places: BTreeMap<PlaceId, (Option<PlaceId>, DoorMode)>,
}

#[derive(Debug, Clone, Copy)]
struct Own {
    place: PlaceId,
    mode: DoorMode,
    lockdown_exit: LockdownExit,
}

#[derive(Debug, PartialEq, Eq)]
struct Group {
    place: PlaceId,
    mode: DoorMode,
    doors: Box<[DoorId]>,
}

impl Modes {
    /// What is in force at a door that is known.
    pub(crate) fn facts(&self, door: DoorId) -> Option<DoorFacts> {
        let own = self.doors.get(&door)?;
        let all = (door, DoorGroupId(0))..=(door, DoorGroupId(u32::MAX));
        let groups = self.groups_of_door.range(all);
        let groups = groups.filter_map(|(_, group)| self.groups.get(group));
        // Whoever has a door only shared to them leaves its mode to the owner.
        let groups = groups.filter(|group| group.place == own.place);
        let mut mode = groups.map(|group| group.mode).fold(own.mode, DoorMode::max);
        let mut above = Some(own.place);
        for _ in 0..PLACES_ABOVE_MAX {
            let Some((parent, of_place)) = above.and_then(|place| self.places.get(&place)) else {
                break;
            };
            mode = mode.max(*of_place);
            above = *parent;
        }
        Some(DoorFacts {
            mode,
            lockdown_exit: own.lockdown_exit,
        })
    }

    /// Takes in a record; returns the doors at which another mode may be in force.
    pub(crate) fn put(&mut self, record: &Record) -> Vec<DoorId> {
        match record {
            Record::Door(door) => self.put_door(door),
            Record::DoorGroup(group) => self.put_group(group),
            Record::Place(place) => self.put_place(place),
            _ => Vec::new(),
        }
    }

    /// Forgets a record; returns the doors at which another mode may be in force.
    pub(crate) fn remove(&mut self, reference: RecordRef) -> Vec<DoorId> {
        match reference {
            RecordRef::Door(door) => {
                self.doors.remove(&door);
                Vec::new()
            }
            RecordRef::DoorGroup(group) => self.forget_group(group),
            RecordRef::Place(place) => match self.places.remove(&place) {
                Some(_) => self.all_doors(),
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn put_door(&mut self, door: &Door) -> Vec<DoorId> {
        let own = Own {
            place: door.place,
            mode: door.mode,
            lockdown_exit: door.lockdown_exit,
        };
        self.doors.insert(door.id, own);
        vec![door.id]
    }

    fn put_group(&mut self, group: &DoorGroup) -> Vec<DoorId> {
        let new = Group {
            place: group.place,
            mode: group.mode,
            doors: group.doors[..].into(),
        };
        if self.groups.get(&group.id) == Some(&new) {
            return Vec::new();
        }
        let mut touched = self.forget_group(group.id);
        if new.mode != DoorMode::Normal {
            touched.extend(&new.doors);
        }
        let doors = new.doors.iter().map(|&door| (door, group.id));
        self.groups_of_door.extend(doors);
        self.groups.insert(group.id, new);
        touched
    }

    fn forget_group(&mut self, id: DoorGroupId) -> Vec<DoorId> {
        let Some(group) = self.groups.remove(&id) else {
            return Vec::new();
        };
        for &door in &group.doors {
            self.groups_of_door.remove(&(door, id));
        }
        match group.mode {
            DoorMode::Normal => Vec::new(),
            _ => group.doors.into_vec(),
        }
    }

    fn put_place(&mut self, place: &Place) -> Vec<DoorId> {
        let new = (place.parent, place.mode);
        match self.places.insert(place.id, new) {
            Some(before) if before == new => Vec::new(),
            _ => self.all_doors(),
        }
    }

    fn all_doors(&self) -> Vec<DoorId> {
        self.doors.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{door, place};

    fn group(id: u32, owner: u32, doors: &[u32], mode: DoorMode) -> Record {
        Record::DoorGroup(DoorGroup {
            id: DoorGroupId(id),
            place: PlaceId(owner),
            doors: doors.iter().copied().map(DoorId).collect(),
            mode,
            ..DoorGroup::default()
        })
    }

    fn sub_place(id: u32, parent: Option<u32>, mode: DoorMode) -> Record {
        Record::Place(Place {
            id: PlaceId(id),
            parent: parent.map(PlaceId),
            mode,
            ..place()
        })
    }

    fn door_in(id: u32, owner: u32, mode: DoorMode) -> Record {
        let mut door = door(id);
        (door.place, door.mode) = (PlaceId(owner), mode);
        Record::Door(door)
    }

    #[track_caller]
    fn check(modes: &Modes, door: u32, expect: DoorMode) {
        assert_eq!(modes.facts(DoorId(door)).unwrap().mode, expect);
    }

    #[test]
    fn the_strongest_of_door_groups_and_places_is_in_force() {
        use DoorMode::{EmergencyOpen, Lockdown, Locked, Normal, Unlocked};
        let mut modes = Modes::default();
        for record in [
            sub_place(1, None, Normal),
            sub_place(2, Some(1), Normal),
            sub_place(3, Some(1), Normal),
            door_in(1, 2, Normal),
            door_in(2, 3, Unlocked),
            group(1, 2, &[1, 2], Normal),
        ] {
            modes.put(&record);
        }
        check(&modes, 1, Normal);
        check(&modes, 2, Unlocked);
        // Door 2 is only shared to the place of the group.
        assert_eq!(modes.put(&group(1, 2, &[1, 2], Locked)).len(), 2);
        check(&modes, 1, Locked);
        check(&modes, 2, Unlocked);
        modes.put(&sub_place(1, None, Lockdown));
        check(&modes, 1, Lockdown);
        check(&modes, 2, Lockdown);
        modes.put(&sub_place(3, Some(1), EmergencyOpen));
        check(&modes, 1, Lockdown);
        check(&modes, 2, EmergencyOpen);
        modes.put(&sub_place(1, None, Normal));
        check(&modes, 1, Locked);
        modes.remove(RecordRef::DoorGroup(DoorGroupId(1)));
        check(&modes, 1, Normal);
        modes.remove(RecordRef::Place(PlaceId(3)));
        check(&modes, 2, Unlocked);
        assert_eq!(modes.facts(DoorId(3)), None);
    }

    #[test]
    fn what_changes_no_mode_touches_no_door() {
        let mut modes = Modes::default();
        modes.put(&sub_place(1, None, DoorMode::Normal));
        modes.put(&door_in(1, 1, DoorMode::Normal));
        let same = sub_place(1, None, DoorMode::Normal);
        assert_eq!(modes.put(&same), []);
        assert_eq!(modes.put(&group(1, 1, &[1], DoorMode::Normal)), []);
    }
}
