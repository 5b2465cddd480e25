//! What says when doors stand open: plans with their schedules, and files of holidays.

use doorward_core::controller::{Controller, ControllerConfig, StandsUnlocked};
use doorward_core::ids::HolidaySetId;
use doorward_core::model::{
    DatedState, Door, HolidaySet, Problems, Record, Schedule, UnlockPlan, Validate as _,
};
use doorward_core::sample::Sample;
use doorward_core::schedule::{Calendars, CompiledSchedule, days_of};
use doorward_core::time::{ClockTrust, Mono, Now, Wall};
use serde::Deserialize;

/// Timeouts that the doors are followed through.
const STEPS_MAX: usize = 300;

/// The years that a holiday may be in, and the one before and after them.
const YEARS: std::ops::RangeInclusive<i16> = 1969..=2200;

/// A door's plan with what it hangs on, and when the doors begin to serve.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlannedDoor {
    plan: UnlockPlan,
    #[serde(default)]
    schedules: Vec<Schedule>,
    #[serde(default)]
    holiday_sets: Vec<HolidaySet>,
    at: Wall,
}

/// A plan is refused, or a door follows it: it stands unlocked when the plan says so and at no
/// other time, and never has to be looked at twice in one moment for ever.
pub fn plans(data: &[u8]) {
    let Ok(case) = serde_json::from_slice::<PlannedDoor>(data) else {
        return;
    };
    let Some(mut door) = any_door() else { return };
    door.plan = Some(Box::new(case.plan.clone()));
    let mut problems = Problems::default();
    door.validate(&mut problems);
    for schedule in &case.schedules {
        schedule.validate(&mut problems);
    }
    for set in &case.holiday_sets {
        set.validate(&mut problems);
    }
    let far = Wall(4_000_000_000_000);
    if problems.into_result().is_err() || !(Wall(0)..far).contains(&case.at) {
        return;
    }
    follow(door, &case);
}

/// A door of the sample site.
fn any_door() -> Option<Door> {
    Sample::new(1, 1).records().find_map(|record| match record {
        Record::Door(door) => Some(door),
        _ => None,
    })
}

fn follow(door: Door, case: &PlannedDoor) {
    let id = door.id;
    let config = ControllerConfig::new(Vec::new(), Vec::new());
    let mut controller = Controller::new(config, [door]);
    let mut now = Now {
        mono: Mono(0),
        wall: case.at,
        trust: ClockTrust::Trusted,
    };
    let sets = case.holiday_sets.iter().cloned().map(Record::HolidaySet);
    let schedules = case.schedules.iter().cloned().map(Record::Schedule);
    for record in sets.chain(schedules) {
        controller.put_record(now, &record);
    }
    controller.start(now);
    let obvious = Obvious::new(case);
    let mut at_once = 0;
    for _ in 0..STEPS_MAX {
        while controller.poll_output().is_some() {}
        let stands = controller.door_status(id).map(|status| status.stands);
        if case.plan.first_in.is_empty() {
            let expected = obvious.is_open(now.wall).then_some(StandsUnlocked::Plan);
            assert_eq!(stands, Some(expected), "at {:?}", now.wall);
        } else {
            assert_eq!(stands, Some(None), "nobody has come in yet");
        }
        let Some(due) = controller.poll_timeout() else {
            return;
        };
        let ahead_us = due.since_us(now.mono);
        at_once = if ahead_us == 0 { at_once + 1 } else { 0 };
        assert!(at_once < 10, "the doors turn on the spot at {:?}", now.wall);
        let ahead_ms = ahead_us.div_ceil(1_000);
        now.mono = now.mono.plus_ms(ahead_ms);
        now.wall = now
            .wall
            .plus_ms(i64::try_from(ahead_ms).unwrap_or(i64::MAX));
        controller.handle_timeout(now);
    }
}

/// What a plan says of a moment, in the obvious way.
struct Obvious<'a> {
    plan: &'a UnlockPlan,
    schedule: Option<CompiledSchedule>,
}

impl<'a> Obvious<'a> {
    fn new(case: &'a PlannedDoor) -> Self {
        let mut calendars = Calendars::default();
        for set in &case.holiday_sets {
            calendars.put_holidays(set);
        }
        // Of two with the same number the later one counts.
        let mut all = case.schedules.iter().rev();
        let schedule = all.find(|schedule| Some(schedule.id) == case.plan.schedule);
        Self {
            plan: &case.plan,
            schedule: schedule.and_then(|it| CompiledSchedule::compile(it, &mut calendars).ok()),
        }
    }

    fn is_open(&self, at: Wall) -> bool {
        let mut dated = self.plan.dated.iter();
        match dated.find(|dated| dated.from <= at && at < dated.until) {
            Some(dated) => dated.door == DatedState::Unlocked,
            None => self.schedule.as_ref().is_some_and(|it| it.is_open(at)),
        }
    }
}

/// A file of holidays is read or refused with a reason; what is valid has its days in the years
/// that were asked for, or next to them, and in order.
pub fn holiday_files(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let sets = match doorwardd::presets::read_holidays("XX", text) {
        Ok(sets) => sets,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "refused without a reason");
            return;
        }
    };
    for set in sets {
        let set = HolidaySet {
            id: HolidaySetId(1),
            name: set.name,
            holidays: set.holidays,
        };
        let mut problems = Problems::default();
        set.validate(&mut problems);
        if problems.into_result().is_err() {
            continue;
        }
        for year in YEARS {
            let days = days_of(&set, year);
            assert!(days.is_sorted_by_key(|(day, _)| *day), "{year}: {days:?}");
        }
    }
}
