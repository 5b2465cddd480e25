//! The days of a holiday set, computed.

use core::ops::RangeInclusive;
use std::collections::BTreeSet;

use crate::date::CivilDate;
use crate::model::{Holiday, HolidayDate, HolidaySet, ONCE_DAYS_MAX, Observed, Weekday};

/// The years for which holidays are computed: those that a record may name.
pub const HOLIDAY_YEARS: RangeInclusive<i16> = 1970..=2199;

/// The days of a holiday set, a bit each.
#[derive(Clone, PartialEq, Eq)]
pub struct HolidayCalendar {
    first: i32,
    bits: Box<[u64]>,
}

impl HolidayCalendar {
    /// Computes a set's days for these years; days of other years are none.
    #[must_use]
    pub fn compile(set: &HolidaySet, years: RangeInclusive<i16>) -> Self {
        let first = CivilDate::new(*years.start(), 1, 1).unwrap_or(CivilDate::MIN);
        let last = CivilDate::new(*years.end(), 12, 31).unwrap_or(CivilDate::MAX);
        let days = usize::try_from(i64::from(last.0) - i64::from(first.0) + 1).unwrap_or(0);
        let mut calendar = Self {
            first: first.0,
            bits: vec![0; days.div_ceil(64)].into_boxed_slice(),
        };
        // A day may be observed in the year before or behind its own.
        let (start, end) = (
            years.start().saturating_sub(1),
            years.end().saturating_add(1),
        );
        for year in start..=end {
            let days = days_of(set, year);
            let days = days.iter().map(|(day, _)| *day);
            days.filter(|day| (first..=last).contains(day))
                .for_each(|day| calendar.set(day));
        }
        calendar
    }

    /// Whether a day is among them.
    #[inline]
    #[must_use]
    pub fn contains(&self, day: CivilDate) -> bool {
        let Some(nth) = self.nth(day) else {
            return false;
        };
        let word = self.bits.get(nth / 64);
        word.is_some_and(|word| word >> (nth % 64) & 1 == 1)
    }

    fn set(&mut self, day: CivilDate) {
        let nth = self.nth(day);
        if let Some((word, nth)) = nth.and_then(|nth| Some((self.bits.get_mut(nth / 64)?, nth))) {
            *word |= 1 << (nth % 64);
        }
    }

    #[inline]
    fn nth(&self, day: CivilDate) -> Option<usize> {
        usize::try_from(i64::from(day.0) - i64::from(self.first)).ok()
    }
}

impl core::fmt::Debug for HolidayCalendar {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let days: u32 = self.bits.iter().map(|word| word.count_ones()).sum();
        write!(f, "HolidayCalendar({days} days)")
    }
}

/// The names of a set's holidays on a day, observed ones included.
pub fn holidays_on(set: &HolidaySet, day: CivilDate) -> impl Iterator<Item = &Holiday> {
    let year = day.year();
    (year.saturating_sub(1)..=year.saturating_add(1)).flat_map(move |year| {
        let days = days_of(set, year).into_iter();
        days.filter(move |(found, _)| *found == day)
            .map(|(_, holiday)| holiday)
    })
}

/// Every day that the holidays of a year make holidays, each with its holiday, in order.
pub fn days_of(set: &HolidaySet, year: i16) -> Vec<(CivilDate, &Holiday)> {
    let mut days = Vec::new();
    for holiday in &set.holidays {
        let from = holiday.from_year.is_none_or(|from| from <= year);
        if from && holiday.until_year.is_none_or(|until| year <= until) {
            let (first, count) = first_day(&holiday.on, year);
            days.extend((0..count).filter_map(|nth| Some((first?.plus_days(nth), holiday))));
        }
    }
    days.sort_by_key(|(day, _)| *day);
    // Which day another one is observed on depends on all of them.
    let mut taken: BTreeSet<CivilDate> = days.iter().map(|(day, _)| *day).collect();
    let mut more = Vec::new();
    for (day, holiday) in &days {
        if let Some(instead) = observed(holiday.observed, *day, &taken) {
            taken.insert(instead);
            more.push((instead, *holiday));
        }
    }
    days.append(&mut more);
    days.sort_by_key(|(day, _)| *day);
    days
}

/// The first day of a holiday in a year, and how many days it lasts.
fn first_day(on: &HolidayDate, year: i16) -> (Option<CivilDate>, i32) {
    match *on {
        HolidayDate::Yearly { month, day } => (CivilDate::new(year, month, day), 1),
        HolidayDate::WeekdayFrom {
            month,
            day,
            weekday,
        } => {
            let from = CivilDate::new(year, month, day);
            (from.map(|from| from.first(weekday)), 1)
        }
        HolidayDate::NthWeekday {
            month,
            nth,
            weekday,
        } => (nth_weekday(year, month, nth, weekday), 1),
        HolidayDate::Easter { days } => {
            let easter = easter(year);
            (easter.map(|easter| easter.plus_days(days.into())), 1)
        }
        HolidayDate::Once { date, last } => {
            let days = last.map_or(0, |last| last.0.saturating_sub(date.0));
            if days < ONCE_DAYS_MAX && date.year() == year {
                (Some(date), days.saturating_add(1))
            } else {
                (None, 0)
            }
        }
    }
}

fn nth_weekday(year: i16, month: u8, nth: i8, weekday: Weekday) -> Option<CivilDate> {
    match nth {
        1.. => {
            let first = CivilDate::new(year, month, 1)?.first(weekday);
            Some(first.plus_days(7 * (i32::from(nth) - 1)))
        }
        0 => None,
        ..0 => {
            let (next, year) = if month == 12 {
                (1, year.checked_add(1)?)
            } else {
                (month.checked_add(1)?, year)
            };
            let first = CivilDate::new(year, next, 1)?.first(weekday);
            Some(first.plus_days(7 * i32::from(nth)))
        }
    }
}

/// Easter Sunday by the Gregorian computus, in the form of Meeus, Jones and Butcher (Jean Meeus,
/// Astronomical Algorithms, chapter 8).
fn easter(year: i16) -> Option<CivilDate> {
    let of = i32::from(year);
    let golden = of.rem_euclid(19);
    let (century, of_century) = (of.div_euclid(100), of.rem_euclid(100));
    let correction = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - century / 4 - correction + 15).rem_euclid(30);
    let weekday =
        (32 + 2 * (century % 4) + 2 * (of_century / 4) - epact - of_century % 4).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let since_march = epact + weekday - 7 * late + 114;
    let month = u8::try_from(since_march / 31).ok()?;
    let day = u8::try_from(since_march % 31 + 1).ok()?;
    CivilDate::new(year, month, day)
}

fn observed(rule: Observed, day: CivilDate, taken: &BTreeSet<CivilDate>) -> Option<CivilDate> {
    let weekend = |day: CivilDate| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    match (rule, day.weekday()) {
        (Observed::NextWeekday, Weekday::Saturday | Weekday::Sunday) => (1..)
            .map(|days| day.plus_days(days))
            .take(366)
            .find(|next| !weekend(*next) && !taken.contains(next)),
        (Observed::NearestWeekday, Weekday::Saturday) => Some(day.plus_days(-1)),
        (Observed::NearestWeekday, Weekday::Sunday) => Some(day.plus_days(1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
