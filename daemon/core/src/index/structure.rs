//! Which doors each key opens, worked out whenever what it depends on changes: by its own list and
//! by its groups, as far as its place may use them. Cold: no decision looks here.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{DoorGroupId, DoorId, KeyId, PlaceId};
use crate::model::{DoorGroup, Key, Share};

/// Keys that open other doors than before.
pub(super) type Affected = BTreeSet<KeyId>;

#[derive(Debug, Default)]
pub(super) struct Structure {
    doors: BTreeMap<DoorId, PlaceId>,
    shares: BTreeSet<(DoorId, PlaceId)>,
    groups: BTreeMap<DoorGroupId, Box<[DoorId]>>,
    keys: BTreeMap<KeyId, Listed>,
    keys_of_door: BTreeSet<(DoorId, KeyId)>,
    keys_of_group: BTreeSet<(DoorGroupId, KeyId)>,
    groups_of_door: BTreeSet<(DoorId, DoorGroupId)>,
}

/// What a key says itself.
#[derive(Debug)]
struct Listed {
    place: PlaceId,
    doors: Box<[DoorId]>,
    groups: Box<[DoorGroupId]>,
}

impl Structure {
    /// The doors that a key opens, in the order of their numbers.
    pub(super) fn opened_by(&self, key: KeyId) -> BTreeSet<DoorId> {
        let Some(key) = self.keys.get(&key) else {
            return BTreeSet::new();
        };
        let groups = key.groups.iter().filter_map(|group| self.groups.get(group));
        let listed = key.doors.iter().chain(groups.flatten()).copied();
        listed
            .filter(|&door| match self.doors.get(&door) {
                Some(owner) => *owner == key.place || self.shares.contains(&(door, key.place)),
                None => false,
            })
            .collect()
    }

    pub(super) fn put_door(&mut self, door: DoorId, place: PlaceId) -> Affected {
        match self.doors.insert(door, place) {
            Some(before) if before == place => Affected::new(),
            _ => self.keys_with(door),
        }
    }

    pub(super) fn remove_door(&mut self, door: DoorId) -> Affected {
        match self.doors.remove(&door) {
            Some(_) => self.keys_with(door),
            None => Affected::new(),
        }
    }

    pub(super) fn put_share(&mut self, share: Share) -> Affected {
        match self.shares.insert((share.door, share.place)) {
            true => self.keys_with(share.door),
            false => Affected::new(),
        }
    }

    pub(super) fn remove_share(&mut self, door: DoorId, place: PlaceId) -> Affected {
        match self.shares.remove(&(door, place)) {
            true => self.keys_with(door),
            false => Affected::new(),
        }
    }

    pub(super) fn put_group(&mut self, group: &DoorGroup) -> Affected {
        self.forget_group(group.id);
        let doors = group.doors.iter().map(|&door| (door, group.id));
        self.groups_of_door.extend(doors);
        self.groups.insert(group.id, group.doors[..].into());
        self.keys_of(group.id).collect()
    }

    pub(super) fn remove_group(&mut self, group: DoorGroupId) -> Affected {
        self.forget_group(group);
        self.keys_of(group).collect()
    }

    /// Takes in what a key lists. It is affected, of course.
    pub(super) fn put_key(&mut self, key: &Key) {
        self.remove_key(key.id);
        let doors = key.doors.iter().map(|&door| (door, key.id));
        self.keys_of_door.extend(doors);
        let groups = key.groups.iter().map(|&group| (group, key.id));
        self.keys_of_group.extend(groups);
        let listed = Listed {
            place: key.place,
            doors: key.doors[..].into(),
            groups: key.groups[..].into(),
        };
        self.keys.insert(key.id, listed);
    }

    pub(super) fn remove_key(&mut self, key: KeyId) {
        let Some(listed) = self.keys.remove(&key) else {
            return;
        };
        for &door in &listed.doors {
            self.keys_of_door.remove(&(door, key));
        }
        for &group in &listed.groups {
            self.keys_of_group.remove(&(group, key));
        }
    }

    fn forget_group(&mut self, group: DoorGroupId) {
        for door in self.groups.remove(&group).into_iter().flatten() {
            self.groups_of_door.remove(&(door, group));
        }
    }

    fn keys_of(&self, group: DoorGroupId) -> impl Iterator<Item = KeyId> {
        let all = (group, KeyId(0))..=(group, KeyId(u32::MAX));
        self.keys_of_group.range(all).map(|(_, key)| *key)
    }

    /// The keys that list a door, themselves or by a group.
    fn keys_with(&self, door: DoorId) -> Affected {
        let own = (door, KeyId(0))..=(door, KeyId(u32::MAX));
        let groups = (door, DoorGroupId(0))..=(door, DoorGroupId(u32::MAX));
        let by_group = self.groups_of_door.range(groups);
        let by_group = by_group.flat_map(|(_, group)| self.keys_of(*group));
        let own = self.keys_of_door.range(own).map(|(_, key)| *key);
        own.chain(by_group).collect()
    }
}
