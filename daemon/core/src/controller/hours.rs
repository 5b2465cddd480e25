//! The hours of doors' plans: what a plan says of a moment, and when that may change.

use std::collections::BTreeMap;

use super::config::HOURS_AHEAD_MS;
use crate::ids::{HolidaySetId, ScheduleId};
use crate::model::{DatedState, HolidaySet, Schedule, UnlockPlan};
use crate::schedule::{Calendars, CompiledSchedule};
use crate::time::Wall;

/// The most changes walked through between two moments; hours that change more often in between
/// are taken for interrupted.
const CHANGES_WALKED_MAX: usize = 10_000;

/// The schedules of the site, for plans.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    calendars: Calendars,
    schedules: BTreeMap<ScheduleId, CompiledSchedule>,
}

/// What a plan says of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) open: bool,
    /// The first moment after it at which that may change; `None` for never.
    pub(super) until: Option<Wall>,
}

impl Calendar {
    /// Takes in a schedule. One of an unknown zone has no hours.
    pub(super) fn put(&mut self, schedule: &Schedule) {
        match CompiledSchedule::compile(schedule, &mut self.calendars) {
            Ok(compiled) => self.schedules.insert(schedule.id, compiled),
            Err(_) => self.schedules.remove(&schedule.id),
        };
    }

    pub(super) fn remove(&mut self, schedule: ScheduleId) {
        self.schedules.remove(&schedule);
    }

    pub(super) fn put_holidays(&mut self, set: &HolidaySet) {
        self.calendars.put_holidays(set);
        self.tell_schedules(set.id);
    }

    pub(super) fn remove_holidays(&mut self, set: HolidaySetId) {
        self.calendars.remove_holidays(set);
        self.tell_schedules(set);
    }

    fn tell_schedules(&mut self, set: HolidaySetId) {
        for schedule in self.schedules.values_mut() {
            schedule.set_holidays(set, &self.calendars);
        }
    }

    /// What a plan says of a moment: its first dated hours that contain it, or else its schedule.
    pub(super) fn reading(&self, plan: &UnlockPlan, at: Wall) -> Reading {
        let mut until: Option<Wall> = None;
        let mut may_change = |then: Option<Wall>| until = earlier(until, then);
        for dated in &plan.dated {
            if dated.from <= at && at < dated.until {
                may_change(Some(dated.until));
                let open = dated.door == DatedState::Unlocked;
                return Reading { open, until };
            }
            may_change((at < dated.from).then_some(dated.from));
        }
        let schedule = plan.schedule.and_then(|id| self.schedules.get(&id));
        let Some(schedule) = schedule else {
            return Reading { open: false, until };
        };
        may_change(Some(next_change(schedule, at)));
        Reading {
            open: schedule.is_open(at),
            until,
        }
    }

    /// Whether a plan's hours have gone on from one moment until another.
    pub(super) fn are_hours_since(&self, plan: &UnlockPlan, since: Wall, now: Wall) -> bool {
        let mut at = since;
        for _ in 0..CHANGES_WALKED_MAX {
            let reading = self.reading(plan, at);
            if !reading.open || at > now {
                return reading.open;
            }
            match reading.until {
                Some(until) if until <= now => at = until,
                _ => return true,
            }
        }
        false
    }

    /// When a schedule that is open now closes, as far as is looked ahead; `None` for a schedule
    /// that is not known or not open.
    pub(super) fn closes(&self, schedule: ScheduleId, at: Wall) -> Option<Wall> {
        let schedule = self.schedules.get(&schedule)?;
        schedule.is_open(at).then(|| next_change(schedule, at))
    }
}

fn earlier(one: Option<Wall>, other: Option<Wall>) -> Option<Wall> {
    [one, other].into_iter().flatten().min()
}

/// The first moment after `at` at which a schedule reads otherwise than at `at`; as far ahead as
/// is looked if it does not change until then.
fn next_change(schedule: &CompiledSchedule, at: Wall) -> Wall {
    let until = at.plus_ms(HOURS_AHEAD_MS);
    schedule.next_change(at, until).unwrap_or(until)
}
