//! Keys and schedules: few, hot, one cache line each.

use std::collections::BTreeSet;

use super::doors::Doors;
use super::ids::{IdMap, Slab};
use crate::ids::{DoorId, HolidaySetId, KeyId, ScheduleId};
use crate::model::{HolidaySet, Interval, Key, Schedule};
use crate::schedule::{Calendars, CompiledSchedule};
use crate::view::{BlockFacts, KeyFacts, KeyPowers};

#[derive(Debug, Default)]
#[repr(align(64))]
struct KeySlot {
    id: u32,
    status: Status,
    /// As [`powers_number`] says.
    powers: u8,
    /// The schedule's slot, or [`KeySlot::ALWAYS`].
    schedule: u32,
    /// Grants that refer to the slot; it stays until there are none.
    grants: u32,
    /// The doors where it is among those that open. Cold: [`Doors`] has it the other way round.
    doors: Box<[DoorId]>,
    /// For the few keys that are limited otherwise than by a schedule.
    limits: Option<Box<Limits>>,
}

const _: () = assert!(size_of::<KeySlot>() == 64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Status {
    #[default]
    Missing,
    Known,
}

#[derive(Debug)]
struct Limits {
    block: BlockFacts,
    window: Option<Interval>,
}

impl KeySlot {
    const ALWAYS: u32 = u32::MAX;
}

/// A key's powers in one byte.
const fn powers_number(powers: KeyPowers) -> u8 {
    powers.may_hold_open as u8
        | (powers.lockdown_exempt as u8) << 1
        | (powers.activates_plans as u8) << 2
}

const fn powers_of_number(number: u8) -> KeyPowers {
    KeyPowers {
        may_hold_open: number & 1 != 0,
        lockdown_exempt: number & 2 != 0,
        activates_plans: number & 4 != 0,
    }
}

#[derive(Debug, Default)]
struct ScheduleSlot {
    id: u32,
    compiled: Option<CompiledSchedule>,
    /// In the table.
    known: bool,
    /// Keys that refer to the slot.
    keys: u32,
}

#[derive(Debug, Default)]
pub(super) struct Keys {
    keys: Slab<KeySlot>,
    key_slots: IdMap,
    schedules: Slab<ScheduleSlot>,
    schedule_slots: IdMap,
    calendars: Calendars,
}

impl Keys {
    /// A key's number, in the table or not.
    pub(super) fn id(&self, slot: u32) -> u32 {
        self.keys.at(slot).id
    }

    #[inline]
    pub(super) fn facts(&self, slot: u32) -> Option<KeyFacts<u32>> {
        let key = self.keys.at(slot);
        if key.status == Status::Missing {
            return None;
        }
        let (block, window) = match &key.limits {
            None => (BlockFacts::None, None),
            Some(limits) => (limits.block, limits.window),
        };
        Some(KeyFacts {
            id: KeyId(key.id),
            block,
            window,
            schedule: (key.schedule != KeySlot::ALWAYS).then_some(key.schedule),
            powers: powers_of_number(key.powers),
        })
    }

    #[inline]
    pub(super) fn schedule(&self, slot: u32) -> Option<(ScheduleId, &CompiledSchedule)> {
        let schedule = self.schedules.at(slot);
        let compiled = schedule.compiled.as_ref()?;
        Some((ScheduleId(schedule.id), compiled))
    }

    /// Takes in a key, but for the doors that it opens.
    pub(super) fn put(&mut self, key: &Key) {
        let slot = self.slot_of(key.id.0);
        let schedule = match key.schedule {
            None => KeySlot::ALWAYS,
            Some(id) => self.refer_schedule(id.0),
        };
        let block = match &key.blocked {
            None => BlockFacts::None,
            Some(block) => block
                .until
                .map_or(BlockFacts::UntilLifted, BlockFacts::Until),
        };
        let limited = block != BlockFacts::None || key.window.is_some();
        let window = key.window;
        let old = self.keys.at_mut(slot);
        let old_schedule = core::mem::replace(&mut old.schedule, schedule);
        let was_known = core::mem::replace(&mut old.status, Status::Known) == Status::Known;
        old.powers = powers_number(key.flags.into());
        old.limits = limited.then(|| Box::new(Limits { block, window }));
        if was_known {
            self.unrefer_schedule(old_schedule);
        }
    }

    /// Says which doors a key opens.
    pub(super) fn set_doors(&mut self, id: KeyId, opened: BTreeSet<DoorId>, doors: &mut Doors) {
        if let Some(slot) = self.key_slots.find(id.0) {
            let new = opened.into_iter().collect();
            let old = core::mem::replace(&mut self.keys.at_mut(slot).doors, new);
            for &door in &old {
                doors.set_opens(slot, door, false);
            }
            for &door in &self.keys.at(slot).doors {
                doors.set_opens(slot, door, true);
            }
        }
    }

    pub(super) fn remove(&mut self, id: KeyId, doors: &mut Doors) {
        self.set_doors(id, BTreeSet::new(), doors);
        let Some(slot) = self.key_slots.find(id.0) else {
            return;
        };
        let key = self.keys.at_mut(slot);
        if key.status == Status::Known {
            let schedule = key.schedule;
            *key = KeySlot {
                id: key.id,
                grants: key.grants,
                schedule: KeySlot::ALWAYS,
                ..KeySlot::default()
            };
            self.unrefer_schedule(schedule);
            self.release_if_unused(slot);
        }
    }

    /// The slot of a key, in the table or not yet.
    pub(super) fn slot_of(&mut self, id: u32) -> u32 {
        if let Some(slot) = self.key_slots.find(id) {
            return slot;
        }
        let slot = self.keys.add(KeySlot {
            id,
            schedule: KeySlot::ALWAYS,
            ..KeySlot::default()
        });
        self.key_slots.set(id, slot);
        slot
    }

    pub(super) fn find(&self, id: KeyId) -> Option<u32> {
        self.key_slots.find(id.0)
    }

    /// Notes that a grant refers to the slot.
    pub(super) fn refer(&mut self, slot: u32) {
        self.keys.at_mut(slot).grants += 1;
    }

    pub(super) fn unrefer(&mut self, slot: u32) {
        self.keys.at_mut(slot).grants -= 1;
        self.release_if_unused(slot);
    }

    fn release_if_unused(&mut self, slot: u32) {
        let key = self.keys.at(slot);
        if key.status == Status::Missing && key.grants == 0 {
            let id = key.id;
            self.keys.take(slot);
            self.key_slots.clear(id);
        }
    }

    pub(super) fn put_schedule(&mut self, schedule: &Schedule) {
        let compiled = CompiledSchedule::compile(schedule, &mut self.calendars).ok();
        let slot = self.schedule_slot_of(schedule.id.0);
        let old = self.schedules.at_mut(slot);
        old.compiled = compiled;
        old.known = true;
    }

    pub(super) fn remove_schedule(&mut self, id: ScheduleId) {
        if let Some(slot) = self.schedule_slots.find(id.0) {
            let schedule = self.schedules.at_mut(slot);
            schedule.compiled = None;
            schedule.known = false;
            self.release_schedule_if_unused(slot);
        }
    }

    pub(super) fn put_holidays(&mut self, set: &HolidaySet) {
        self.calendars.put_holidays(set);
        self.tell_schedules(set.id);
    }

    pub(super) fn remove_holidays(&mut self, set: HolidaySetId) {
        self.calendars.remove_holidays(set);
        self.tell_schedules(set);
    }

    /// Schedules are few: each is asked whether it follows the set.
    fn tell_schedules(&mut self, set: HolidaySetId) {
        for slot in self.schedules.iter_mut() {
            if let Some(compiled) = &mut slot.compiled {
                compiled.set_holidays(set, &self.calendars);
            }
        }
    }

    fn schedule_slot_of(&mut self, id: u32) -> u32 {
        if let Some(slot) = self.schedule_slots.find(id) {
            return slot;
        }
        let slot = self.schedules.add(ScheduleSlot {
            id,
            ..ScheduleSlot::default()
        });
        self.schedule_slots.set(id, slot);
        slot
    }

    pub(super) fn refer_schedule(&mut self, id: u32) -> u32 {
        let slot = self.schedule_slot_of(id);
        self.schedules.at_mut(slot).keys += 1;
        slot
    }

    pub(super) fn unrefer_schedule(&mut self, slot: u32) {
        if slot != KeySlot::ALWAYS {
            self.schedules.at_mut(slot).keys -= 1;
            self.release_schedule_if_unused(slot);
        }
    }

    fn release_schedule_if_unused(&mut self, slot: u32) {
        let schedule = self.schedules.at(slot);
        if !schedule.known && schedule.keys == 0 {
            let id = schedule.id;
            self.schedules.take(slot);
            self.schedule_slots.clear(id);
        }
    }
}
