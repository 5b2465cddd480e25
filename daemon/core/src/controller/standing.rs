//! Modes, plans, holds and fire, over all doors.

use super::door::DoorMachine;
use super::{Controller, Phase, Touched};
use crate::alarm::{AlarmKind, AlarmSubject};
use crate::controller::KeptState;
use crate::decide::UntrustedClock;
use crate::ids::DoorId;
use crate::model::{Record, RecordRef, UserState};
use crate::time::{ClockTrust, Mono, Now};
use crate::view::AccessView;

impl Controller {
    /// Takes over what [`Output::Keep`](super::Output::Keep) said of a door in an earlier life.
    /// Only before [`Self::start`].
    pub fn restore(&mut self, door: DoorId, state: KeptState) {
        if self.phase == Phase::New
            && let Some(machine) = self.doors.get_mut(&door)
        {
            machine.restore(state);
        }
    }

    /// Takes in a record that doors hang on, new or changed: doors themselves, their groups and
    /// places, and schedules of their plans with their holidays; or a user who counts as gone.
    /// Others change nothing here.
    pub fn put_record(&mut self, now: Now, record: &Record) {
        match record {
            Record::Door(door) => self.put_door(now, door.clone()),
            Record::Schedule(schedule) => {
                self.calendar.put(schedule);
                self.look_again(now);
            }
            Record::HolidaySet(set) => {
                self.calendar.put_holidays(set);
                self.look_again(now);
            }
            Record::Place(_) | Record::DoorGroup(_) => {
                let doors = self.modes.put(record);
                self.modes_changed(now, &doors);
            }
            Record::User(user) if user.state == UserState::Removed => self.forget_user(user.id),
            _ => {}
        }
    }

    /// Forgets a record that doors hang on, or somebody who is somewhere.
    pub fn remove_record(&mut self, now: Now, reference: RecordRef) {
        match reference {
            RecordRef::Door(door) => self.remove_door(now, door),
            RecordRef::Schedule(schedule) => {
                self.calendar.remove(schedule);
                self.look_again(now);
            }
            RecordRef::HolidaySet(set) => {
                self.calendar.remove_holidays(set);
                self.look_again(now);
            }
            RecordRef::Place(_) | RecordRef::DoorGroup(_) => {
                let doors = self.modes.remove(reference);
                self.modes_changed(now, &doors);
            }
            RecordRef::User(user) => self.forget_user(user),
            RecordRef::Area(area) => {
                let moved = self.fx.whereabouts.forget_area(area);
                self.fx.moved(moved);
            }
            _ => {}
        }
    }

    /// The table has changed, and `view` shows it: what hangs on keys is looked at again.
    pub fn table_changed<V: AccessView>(&mut self, now: Now, view: &V) {
        self.fx.changed_by = None;
        if self.phase != Phase::Running {
            return;
        }
        self.set_now(now);
        self.look_at_holds(view);
        self.tell(&Touched::All);
    }

    fn modes_changed(&mut self, now: Now, doors: &[DoorId]) {
        let running = self.phase == Phase::Running;
        if running {
            self.set_now(now);
        }
        for id in doors {
            let (Some(facts), Some(machine)) = (self.modes.facts(*id), self.doors.get_mut(id))
            else {
                continue;
            };
            if running {
                machine.set_mode(&mut self.fx, facts.mode);
                machine.tell(&mut self.fx);
            } else {
                machine.begin_in(facts.mode);
            }
        }
    }

    fn look_again(&mut self, now: Now) {
        if self.phase == Phase::Running {
            self.set_now(now);
            self.look_at_all_hours();
            self.tell(&Touched::All);
        }
    }

    /// Whether what is limited in time may be allowed now.
    pub(super) fn clock_counts(&self) -> bool {
        self.fx.now.trust == ClockTrust::Trusted
            || self.config.policy.untrusted_clock == UntrustedClock::TrustAnyway
    }

    pub(super) fn look_at_all_hours(&mut self) {
        let counts = self.clock_counts();
        for door in self.doors.values_mut() {
            door.look_at_hours(&mut self.fx, &self.calendar, counts);
        }
    }

    pub(super) fn look_at_due_hours(&mut self) {
        let (counts, now) = (self.clock_counts(), self.fx.now.wall);
        for door in self.doors.values_mut() {
            if door.look_at().is_some_and(|due| due <= now) {
                door.look_at_hours(&mut self.fx, &self.calendar, counts);
            }
        }
    }

    /// When the hours of some door may change, by the clock as it was last told.
    pub(super) fn hours_due(&self) -> Option<Mono> {
        let due = self.doors.values().filter_map(DoorMachine::look_at).min()?;
        let ahead_ms = due.0.saturating_sub(self.fx.now.wall.0);
        Some(
            self.fx
                .now
                .mono
                .plus_ms(u64::try_from(ahead_ms).unwrap_or(0)),
        )
    }

    /// Tells of fire, after every door that it releases has been.
    pub(super) fn tell_fire(&mut self) {
        for door in self.doors.values_mut() {
            door.tell_fire(&mut self.fx);
        }
        self.mind_fire();
    }

    /// Fire is an alarm while it releases some door.
    pub(super) fn mind_fire(&mut self) {
        let subject = AlarmSubject::Appliance;
        if self.doors.values().any(DoorMachine::is_on_fire) {
            self.fx.raise(AlarmKind::Fire, subject);
        } else {
            self.fx.clear(AlarmKind::Fire, subject);
        }
    }
}
