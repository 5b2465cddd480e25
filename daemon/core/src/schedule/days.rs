//! The hours of each day, compiled.

use std::sync::Arc;

use super::calendar::HolidayCalendar;
use super::zone::LocalTime;
use crate::date::CivilDate;
use crate::ids::HolidaySetId;
use crate::model::{DatedException, DayInterval, HolidayRule, MINUTES_PER_DAY, WeeklyInterval};

/// Minutes from the midnight that begins a day, end not included. Behind [`MINUTES_PER_DAY`] lies
/// the next day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Minutes {
    pub(super) from: u16,
    pub(super) until: u16,
}

impl Minutes {
    /// `None` for an interval out of bounds: it opens nothing.
    fn of(from: u16, until: u16) -> Option<Self> {
        let known = from < MINUTES_PER_DAY && (1..=MINUTES_PER_DAY).contains(&until);
        let across = if until <= from { MINUTES_PER_DAY } else { 0 };
        known.then(|| Self {
            from,
            until: until + across,
        })
    }
}

/// The intervals of a day, sorted, not touching each other.
pub(super) type Hours = [Minutes];

/// Where the hours of a day come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HoursBy {
    /// The week.
    Week,
    /// A dated exception, by its place in the schedule.
    Exception(u16),
    /// The holidays of a set.
    Holidays(HolidaySetId),
}

/// All hours of a schedule.
#[derive(Debug, Clone)]
pub(super) struct Days {
    weekly: Box<Hours>,
    /// Where each day of the week begins among `weekly`, Monday first; and the end.
    begins: [u16; 8],
    /// Sorted by their first day.
    exceptions: Box<[Exceptional]>,
    /// The most important first.
    holidays: Box<[OnHolidays]>,
}

#[derive(Debug, Clone)]
struct Exceptional {
    first: CivilDate,
    last: CivilDate,
    place: u16,
    hours: Box<Hours>,
}

#[derive(Debug, Clone)]
struct OnHolidays {
    set: HolidaySetId,
    /// `None` while the set is not in the table.
    calendar: Option<Arc<HolidayCalendar>>,
    hours: Box<Hours>,
}

/// A day's origin of hours, by place among what was compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Week,
    Exception(usize),
    Holidays(usize),
}

impl Days {
    pub(super) fn compile(
        weekly: &[WeeklyInterval],
        exceptions: &[DatedException],
        holidays: &[HolidayRule],
        mut calendar: impl FnMut(HolidaySetId) -> Option<Arc<HolidayCalendar>>,
    ) -> Self {
        let (weekly, begins) = compile_week(weekly);
        let mut exceptions: Vec<_> = (0..)
            .zip(exceptions)
            .map(|(place, each)| Exceptional {
                first: each.date,
                last: each.last_day(),
                place,
                hours: compile_day(&each.hours),
            })
            .collect();
        exceptions.sort_by_key(|each| each.first);
        let holidays = holidays.iter().map(|rule| OnHolidays {
            set: rule.set,
            calendar: calendar(rule.set),
            hours: compile_day(&rule.hours),
        });
        Self {
            weekly,
            begins,
            exceptions: exceptions.into_boxed_slice(),
            holidays: holidays.collect(),
        }
    }

    /// Takes over the new days of a holiday set, if it is one of the schedule's.
    pub(super) fn set_holidays(
        &mut self,
        set: HolidaySetId,
        calendar: Option<&Arc<HolidayCalendar>>,
    ) {
        for rule in self.holidays.iter_mut().filter(|rule| rule.set == set) {
            rule.calendar = calendar.cloned();
        }
    }

    /// Whether all its holiday sets are there.
    #[inline]
    pub(super) fn are_known(&self) -> bool {
        self.holidays.iter().all(|rule| rule.calendar.is_some())
    }

    /// Whether a minute of a day lies in its hours, or in those that go on from the day before; and
    /// where that day's hours come from.
    #[inline]
    pub(super) fn read(&self, local: LocalTime) -> (bool, HoursBy) {
        let source = self.source(local.day);
        let [today, yesterday] = self.around_of(source, local.day);
        let open = has(today, local.minute) || has(yesterday, local.minute + MINUTES_PER_DAY);
        (open, self.told(source))
    }

    pub(super) fn by(&self, day: CivilDate) -> HoursBy {
        self.told(self.source(day))
    }

    /// The hours of a day; and those of the day before, as far as they may go on into it.
    pub(super) fn around(&self, day: CivilDate) -> [&Hours; 2] {
        self.around_of(self.source(day), day)
    }

    #[inline]
    fn around_of(&self, source: Source, day: CivilDate) -> [&Hours; 2] {
        let before = day.plus_days(-1);
        let yesterday = self.source(before);
        let goes_on = source == Source::Week || source == yesterday;
        [
            self.hours(source, day),
            if goes_on {
                self.hours(yesterday, before)
            } else {
                &[]
            },
        ]
    }

    #[inline]
    fn told(&self, source: Source) -> HoursBy {
        match source {
            Source::Week => HoursBy::Week,
            Source::Exception(at) => HoursBy::Exception(self.exceptions[at].place),
            Source::Holidays(at) => HoursBy::Holidays(self.holidays[at].set),
        }
    }

    #[inline]
    fn source(&self, day: CivilDate) -> Source {
        if !self.exceptions.is_empty() {
            let begun = self.exceptions.partition_point(|each| each.first <= day);
            if begun > 0 && day <= self.exceptions[begun - 1].last {
                return Source::Exception(begun - 1);
            }
        }
        let holidays = self.holidays.iter().position(|rule| {
            let calendar = rule.calendar.as_ref();
            calendar.is_some_and(|calendar| calendar.contains(day))
        });
        holidays.map_or(Source::Week, Source::Holidays)
    }

    #[inline]
    fn hours(&self, source: Source, day: CivilDate) -> &Hours {
        match source {
            Source::Week => {
                let weekday = usize::from(day.weekday().index());
                let (from, until) = (self.begins[weekday], self.begins[weekday + 1]);
                &self.weekly[usize::from(from)..usize::from(until)]
            }
            Source::Exception(at) => &self.exceptions[at].hours,
            Source::Holidays(at) => &self.holidays[at].hours,
        }
    }
}

#[inline]
fn has(hours: &Hours, minute: u16) -> bool {
    let after = hours.partition_point(|open| open.from <= minute);
    after > 0 && minute < hours[after - 1].until
}

fn compile_week(weekly: &[WeeklyInterval]) -> (Box<Hours>, [u16; 8]) {
    let mut all = Vec::with_capacity(weekly.len());
    let mut begins = [0; 8];
    for weekday in 0..7 {
        let of_day = weekly.iter().filter(|each| each.day.index() == weekday);
        let of_day = of_day.filter_map(|each| Minutes::of(each.from_minute, each.until_minute));
        all.extend(merged(of_day.collect()));
        // More than a valid schedule has are left out: they open nothing.
        begins[usize::from(weekday) + 1] = u16::try_from(all.len()).unwrap_or(u16::MAX);
    }
    (all.into_boxed_slice(), begins)
}

fn compile_day(hours: &[DayInterval]) -> Box<Hours> {
    let hours = hours.iter();
    let hours = hours.filter_map(|each| Minutes::of(each.from_minute, each.until_minute));
    merged(hours.collect()).into_boxed_slice()
}

/// Sorts intervals and joins those that touch.
pub(super) fn merged(mut intervals: Vec<Minutes>) -> Vec<Minutes> {
    intervals.sort_unstable();
    let mut merged: Vec<Minutes> = Vec::with_capacity(intervals.len());
    for next in intervals {
        match merged.last_mut() {
            Some(last) if next.from <= last.until => last.until = last.until.max(next.until),
            _ => merged.push(next),
        }
    }
    merged
}
