//! Hours by week, date and holiday in a time zone, compiled for the decision path.
//!
//! Judged by the reading of the local clock: a minute that DST skips does not occur, a minute that
//! DST repeats counts both times. A compiled schedule asks its zone for the local day and minute,
//! finds where that day's hours come from, and searches sorted intervals.

mod calendar;
mod days;
mod preview;
mod zone;

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;

pub use calendar::{HOLIDAY_YEARS, HolidayCalendar, days_of, holidays_on};
pub use days::HoursBy;
pub use preview::{Change, ClockChange, DayPreview, DaySource, PREVIEW_DAYS_MAX, preview};
pub use zone::{LocalTime, UnknownZone, Zone, zone_is_known};

use crate::ids::HolidaySetId;
use crate::model::{HolidaySet, MINUTES_PER_DAY, Schedule};
use crate::time::Wall;
use days::Days;

/// The zones and the holidays in use, each loaded or computed once.
#[derive(Debug, Clone, Default)]
pub struct Calendars {
    zones: BTreeMap<String, Arc<Zone>>,
    holidays: BTreeMap<HolidaySetId, Arc<HolidayCalendar>>,
}

impl Calendars {
    /// The zone of this IANA name, from the bundled database.
    pub fn zone(&mut self, name: &str) -> Result<Arc<Zone>, UnknownZone> {
        if let Some(zone) = self.zones.get(name) {
            return Ok(Arc::clone(zone));
        }
        let zone = Arc::new(Zone::new(name)?);
        self.zones.insert(name.to_owned(), Arc::clone(&zone));
        Ok(zone)
    }

    /// The days of a holiday set, if it was put.
    #[must_use]
    pub fn holidays(&self, set: HolidaySetId) -> Option<&Arc<HolidayCalendar>> {
        self.holidays.get(&set)
    }

    /// Computes the days of a holiday set, new or changed. Schedules compiled before must be told,
    /// by [`CompiledSchedule::set_holidays`].
    pub fn put_holidays(&mut self, set: &HolidaySet) {
        let calendar = HolidayCalendar::compile(set, HOLIDAY_YEARS);
        self.holidays.insert(set.id, Arc::new(calendar));
    }

    /// Forgets a holiday set. Schedules compiled before must be told.
    pub fn remove_holidays(&mut self, set: HolidaySetId) {
        self.holidays.remove(&set);
    }
}

/// A schedule ready for decisions.
#[derive(Debug, Clone)]
pub struct CompiledSchedule {
    zone: Arc<Zone>,
    days: Days,
}

/// What a schedule says of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Whether the time lies in its hours.
    pub open: bool,
    /// The time by the schedule's own clock.
    pub local: LocalTime,
    /// Where the hours of that day come from.
    pub by: HoursBy,
}

impl CompiledSchedule {
    /// Compiles a schedule. An interval out of bounds is left out: it opens nothing.
    pub fn compile(schedule: &Schedule, calendars: &mut Calendars) -> Result<Self, UnknownZone> {
        let zone = calendars.zone(&schedule.time_zone)?;
        let holidays = |set| calendars.holidays(set).cloned();
        Ok(Self::compile_with(schedule, zone, holidays))
    }

    /// Compiles a schedule with the days of its holiday sets from elsewhere.
    #[must_use]
    pub fn compile_with(
        schedule: &Schedule,
        zone: Arc<Zone>,
        holidays: impl FnMut(HolidaySetId) -> Option<Arc<HolidayCalendar>>,
    ) -> Self {
        Self {
            zone,
            days: Days::compile(
                &schedule.weekly,
                &schedule.exceptions,
                &schedule.holidays,
                holidays,
            ),
        }
    }

    /// Takes over the days of a holiday set that was put or removed, as far as it is one of its own.
    pub fn set_holidays(&mut self, set: HolidaySetId, calendars: &Calendars) {
        self.days.set_holidays(set, calendars.holidays(set));
    }

    /// What it says of a time; `None` while one of its holiday sets is not in the table.
    #[inline]
    #[must_use]
    pub fn reading(&self, at: Wall) -> Option<Reading> {
        let local = self.zone.local(at);
        self.days.are_known().then(|| {
            let (open, by) = self.days.read(local);
            Reading { open, local, by }
        })
    }

    /// Whether a time lies in its hours. It does not while one of its holiday sets is missing.
    #[inline]
    #[must_use]
    pub fn is_open(&self, at: Wall) -> bool {
        self.days.are_known() && self.days.read(self.zone.local(at)).0
    }

    /// The first time after `after`, and before `until`, at which it opens or closes.
    #[must_use]
    pub fn next_change(&self, after: Wall, until: Wall) -> Option<Wall> {
        let open = self.is_open(after);
        let mut at = after.seconds();
        loop {
            at = self.next_edge(at)?;
            let wall = Wall(at.checked_mul(1000)?);
            if wall >= until {
                return None;
            }
            if self.is_open(wall) != open {
                return Some(wall);
            }
        }
    }

    /// The next second at which the state could change: an interval begins or ends, a day does, or
    /// the clock is changed.
    fn next_edge(&self, at: i64) -> Option<i64> {
        let span = self.zone.span(at);
        let local = at.checked_add(span.offset.into())?;
        let (day, second) = (
            local.div_euclid(SECONDS_PER_DAY),
            local.rem_euclid(SECONDS_PER_DAY),
        );
        let day = crate::date::CivilDate(i32::try_from(day).ok()?);
        let [today, yesterday] = self.days.around(day);
        let edges = today.iter().flat_map(|open| [open.from, open.until]);
        let over = yesterday.iter().map(|open| open.until);
        let next = edges
            .chain(over.filter_map(|until| until.checked_sub(MINUTES_PER_DAY)))
            .map(|minute| i64::from(minute) * 60)
            .filter(|edge| *edge > second)
            .fold(SECONDS_PER_DAY, i64::min);
        Some(span.until.min(at.checked_add(next - second)?))
    }
}

const SECONDS_PER_DAY: i64 = 86_400;

impl fmt::Display for Reading {
    /// `Thursday 09:00`, and where the hours come from if not from the week.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            HoursBy::Week => write!(f, "{}", self.local),
            HoursBy::Exception(_) => {
                write!(f, "{}, a day with an exception,", self.local)
            }
            HoursBy::Holidays(set) => write!(f, "{}, a holiday of set {set},", self.local),
        }
    }
}

#[cfg(test)]
mod tests;
