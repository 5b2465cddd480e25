//! Changes of the table, as an operator makes them.

use doorward_core::decide::{SiteMap, decide, decide_at};
use doorward_core::ids::{DoorId, PlaceId, ScheduleId};
use doorward_core::model::{
    Authentication, Change, Record, RecordRef, TableDelta, validate_changes,
};

use super::{Days, wired};
use crate::table::{FEW, Site, Wish};

impl Days {
    /// The record without what the table would refuse it for.
    pub(super) fn fit(&self, mut record: Record) -> Record {
        let there = |reference| self.map.record(reference).is_some();
        let door_there = |door: &DoorId| there(RecordRef::Door(*door));
        match &mut record {
            Record::Door(door) => {
                *door = wired(door.clone());
                if self.is_plain() {
                    (door.inside, door.outside) = (None, None);
                    door.authentication = Authentication::default();
                }
                door.inside = door.inside.filter(|area| there(RecordRef::Area(*area)));
                door.outside = door.outside.filter(|area| there(RecordRef::Area(*area)));
                let known = |schedule: ScheduleId| there(RecordRef::Schedule(schedule));
                let methods = &mut door.authentication.scheduled;
                methods.retain(|one| known(one.schedule));
                for plan in [&mut door.plan, &mut door.pending_plan]
                    .into_iter()
                    .flatten()
                {
                    plan.schedule = plan.schedule.filter(|schedule| known(*schedule));
                    plan.first_in.retain(|key| there(RecordRef::Key(*key)));
                }
            }
            Record::DoorGroup(group) => {
                let place = group.place;
                group.doors.retain(|door| self.may_use(place, *door));
            }
            Record::Key(key) => {
                let place = key.place;
                key.doors.retain(|door| self.may_use(place, *door));
                key.groups.retain(
                    |group| match self.map.record(RecordRef::DoorGroup(*group)) {
                        Some(Record::DoorGroup(group)) => group.place == place,
                        _ => false,
                    },
                );
                if key.doors.is_empty() && key.groups.is_empty() {
                    key.doors = (1..=FEW).map(DoorId).filter(door_there).collect();
                    key.doors.retain(|door| self.may_use(place, *door));
                }
                key.schedule = key.schedule.filter(|one| there(RecordRef::Schedule(*one)));
            }
            Record::Grant(grant) => match self.map.record(RecordRef::Key(grant.key)) {
                Some(Record::Key(key)) if key.window.is_some() => grant.intervals.clear(),
                _ => {}
            },
            Record::Credential(one) => {
                one.user = one.user.filter(|user| there(RecordRef::User(*user)));
            }
            _ => {}
        }
        record
    }

    pub(super) fn may_use(&self, place: PlaceId, door: DoorId) -> bool {
        match self.map.record(RecordRef::Door(door)) {
            Some(Record::Door(found)) => {
                found.place == place || self.map.record(RecordRef::Share { door, place }).is_some()
            }
            _ => false,
        }
    }

    /// Makes anew a record of the site, or one that was removed, or takes one away.
    pub(super) fn random_change(&mut self) {
        let seed = u64::from(self.dice.below(u32::MAX));
        let records = Site::random(seed).records;
        let at = self.dice.below(u32::try_from(records.len()).unwrap()) as usize;
        let record = self.fit(records[at].clone());
        let change = if self.dice.once_in(6) {
            Change::Remove(record.reference())
        } else {
            Change::Put(record)
        };
        self.change(&[change]);
        let state = SiteMap::default();
        for number in 0..3 {
            let wish = Wish::random(seed, number, &self.site);
            let request = wish.request();
            let map = decide_at(&self.map, &state, &request, wish.now, wish.policy);
            let index = decide(&self.index, &request, wish.now, wish.policy);
            if map != index {
                let what = format!("index_equals_table: {wish:?}: {index:?} and {map:?}");
                self.break_rule(&what);
            }
        }
    }

    /// As an operator's change: checked, then in force whole or not at all.
    pub(super) fn change(&mut self, changes: &[Change]) {
        let Ok(valid) = validate_changes(&self.map, changes) else {
            return;
        };
        let changes = valid.into_rows();
        self.note(|| format!("{changes:?}"));
        self.revision += 1;
        let now = self.now();
        for change in &changes {
            let reference = match change {
                Change::Put(record) => record.reference(),
                Change::Remove(reference) => *reference,
            };
            self.site
                .records
                .retain(|record| record.reference() != reference);
            match change {
                Change::Put(record) => {
                    self.site.records.push(record.clone());
                    self.controller.put_record(now, record);
                }
                Change::Remove(reference) => {
                    self.controller.remove_record(now, *reference);
                    if let RecordRef::Door(door) = reference {
                        self.kept.remove(door);
                        self.told.remove(door);
                    }
                }
            }
        }
        let delta = TableDelta {
            revision: self.revision,
            changes,
        };
        self.map.apply(&delta);
        self.index.apply(&delta);
        self.controller.set_revision(self.revision);
        self.controller.table_changed(now, &self.index);
        self.drain();
    }
}
