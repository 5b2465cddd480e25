//! Doors: what the rules ask of them, and which keys open them, as bits.

use core::ops::ControlFlow;
use std::collections::BTreeMap;

use super::ids::{IdMap, Slab};
use super::keys::Keys;
use crate::ids::{AreaId, DoorId};
use crate::model::{Area, AuthMethod, Door, DoorMode, LockdownExit};
use crate::view::{AreaFacts, DoorAreas, DoorFacts};

/// A door. Few, and hot.
#[derive(Debug)]
struct DoorSlot {
    /// The mode that is in force, and whom its exit readers let out.
    facts: DoorFacts,
    /// For the few doors that ask for more than a card.
    rules: Option<Box<Rules>>,
    /// The slots of the keys that open the door. One line of the cache tells it of 512 keys, so
    /// that most keys of most users are passed over without a look at them.
    keys: Vec<u64>,
}

impl Default for DoorSlot {
    fn default() -> Self {
        Self {
            facts: DoorFacts {
                mode: DoorMode::Lockdown,
                lockdown_exit: LockdownExit::AsUsual,
            },
            rules: None,
            keys: Vec::new(),
        }
    }
}

/// The rules that a door has beside its mode.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    method: AuthMethod,
    /// By schedules' slots.
    scheduled: Box<[(u32, AuthMethod)]>,
    inside: Option<AreaId>,
    outside: Option<AreaId>,
}

/// All doors, and the areas between which they lie.
#[derive(Debug, Default)]
pub(super) struct Doors {
    doors: Slab<DoorSlot>,
    slots: IdMap,
    areas: BTreeMap<AreaId, AreaFacts>,
}

impl Doors {
    #[inline]
    pub(super) fn find(&self, door: DoorId) -> Option<(u32, DoorFacts)> {
        let slot = self.slots.find(door.0)?;
        Some((slot, self.doors.at(slot).facts))
    }

    /// Whether a key, by its slot, opens a door.
    #[inline]
    pub(super) fn opens(&self, key: u32, door: u32) -> bool {
        let word = self.doors.at(door).keys.get(key as usize / 64);
        word.is_some_and(|word| word >> (key % 64) & 1 == 1)
    }

    /// Says whether a key opens a door that is known.
    pub(super) fn set_opens(&mut self, key: u32, door: DoorId, opens: bool) {
        let Some(slot) = self.slots.find(door.0) else {
            return;
        };
        let keys = &mut self.doors.at_mut(slot).keys;
        let word = key as usize / 64;
        if opens && keys.len() <= word {
            keys.resize(word + 1, 0);
        }
        if let Some(word) = keys.get_mut(word) {
            let bit = 1 << (key % 64);
            *word = if opens { *word | bit } else { *word & !bit };
        }
    }

    /// Says what is in force at a door, new or known.
    pub(super) fn set_facts(&mut self, door: DoorId, facts: DoorFacts) {
        let slot = self.slots.find(door.0).unwrap_or_else(|| {
            let slot = self.doors.add(DoorSlot::default());
            self.slots.set(door.0, slot);
            slot
        });
        self.doors.at_mut(slot).facts = facts;
    }

    /// Takes in the rules of a door that is known.
    pub(super) fn set_rules(&mut self, door: &Door, keys: &mut Keys) {
        let scheduled = door.authentication.scheduled.iter();
        let rules = Rules {
            method: door.authentication.method,
            // The new schedules are referred to before the old are let go: they may be the same.
            scheduled: scheduled
                .map(|each| (keys.refer_schedule(each.schedule.0), each.method))
                .collect(),
            inside: door.inside,
            outside: door.outside,
        };
        let rules = (rules != Rules::default()).then(|| Box::new(rules));
        if let Some(slot) = self.slots.find(door.id.0) {
            let old = core::mem::replace(&mut self.doors.at_mut(slot).rules, rules);
            release(old, keys);
        }
    }

    /// Forgets a door that no key opens any more.
    pub(super) fn remove(&mut self, door: DoorId, keys: &mut Keys) {
        if let Some(slot) = self.slots.find(door.0) {
            self.slots.clear(door.0);
            release(self.doors.take(slot).rules, keys);
        }
    }

    pub(super) fn put_area(&mut self, area: &Area) {
        self.areas.insert(area.id, AreaFacts::of(area));
    }

    pub(super) fn remove_area(&mut self, area: AreaId) {
        self.areas.remove(&area);
    }

    #[inline]
    pub(super) fn authentication(
        &self,
        door: u32,
        mut visit: impl FnMut(Option<u32>, AuthMethod) -> ControlFlow<()>,
    ) {
        let Some(rules) = &self.doors.at(door).rules else {
            let _ = visit(None, AuthMethod::default());
            return;
        };
        for &(slot, method) in &rules.scheduled {
            if visit(Some(slot), method).is_break() {
                return;
            }
        }
        let _ = visit(None, rules.method);
    }

    #[inline]
    pub(super) fn areas(&self, door: u32) -> DoorAreas {
        let Some(rules) = &self.doors.at(door).rules else {
            return DoorAreas::default();
        };
        let facts = |area: Option<AreaId>| area.and_then(|area| self.areas.get(&area)).copied();
        DoorAreas {
            inside: facts(rules.inside),
            outside: facts(rules.outside),
        }
    }
}

fn release(rules: Option<Box<Rules>>, keys: &mut Keys) {
    for (slot, _) in rules.into_iter().flat_map(|rules| rules.scheduled) {
        keys.unrefer_schedule(slot);
    }
}
