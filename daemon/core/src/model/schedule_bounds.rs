//! The bounds that schedules and holiday sets keep on their own.

use core::ops::RangeInclusive;

use super::bounds::{at_most, name, text, within, zone};
use super::{
    DatedException, DayInterval, Holiday, HolidayDate, HolidaySet, MINUTES_PER_DAY, Problems,
    Schedule, Validate,
};
use crate::date::CivilDate;

/// The most weekly intervals of one schedule.
pub const WEEKLY_INTERVALS_MAX: usize = 200;
/// The most dated exceptions of one schedule.
pub const EXCEPTIONS_MAX: usize = 100;
/// The most holiday sets that one schedule follows.
pub const HOLIDAY_RULES_MAX: usize = 16;
/// The most intervals of one exceptional day or holiday.
pub const HOURS_PER_DAY_MAX: usize = 24;
/// The most holidays of one set.
pub const HOLIDAYS_MAX: usize = 100;
/// The most days in a row of one holiday.
pub const ONCE_DAYS_MAX: i32 = 366;
/// The longest note of an exception and name of a holiday, in characters.
pub const NOTE_MAX: usize = 60;
/// The largest schedule and holiday set as they are stored, in bytes.
pub const SCHEDULE_BYTES_MAX: usize = 10_000;

/// The furthest from Easter, in days.
const EASTER_DAYS: RangeInclusive<i16> = -120..=120;
const YEARS: RangeInclusive<i16> = 1970..=2199;

// Upper bounds of what parts of a record take when stored, names of fields included, texts not.
const RECORD_BYTES: usize = 80;
const WEEKLY_BYTES: usize = 46;
const EXCEPTION_BYTES: usize = 40;
const RULE_BYTES: usize = 24;
const HOURS_BYTES: usize = 32;
const HOLIDAY_BYTES: usize = 112;

impl Validate for Schedule {
    fn validate(&self, problems: &mut Problems) {
        name(problems, "name", &self.name);
        zone(problems, "time_zone", &self.time_zone);
        at_most(problems, "weekly", self.weekly.len(), WEEKLY_INTERVALS_MAX);
        for (at, each) in self.weekly.iter().enumerate() {
            let (from, until) = (each.from_minute, each.until_minute);
            minutes(problems, &format!("weekly[{at}]"), from, until);
        }
        at_most(
            problems,
            "exceptions",
            self.exceptions.len(),
            EXCEPTIONS_MAX,
        );
        for (at, each) in self.exceptions.iter().enumerate() {
            each.validate_as(problems, &format!("exceptions[{at}]"));
        }
        days_once(problems, &self.exceptions);
        at_most(problems, "holidays", self.holidays.len(), HOLIDAY_RULES_MAX);
        for (at, rule) in self.holidays.iter().enumerate() {
            let field = format!("holidays[{at}]");
            if self.holidays[..at]
                .iter()
                .any(|other| other.set == rule.set)
            {
                let message = format!("holiday set {} is named twice", rule.set);
                problems.add(format!("{field}.set"), message);
            }
            hours(problems, &field, &rule.hours);
        }
        let advice = "put days that come again into a holiday set";
        stored(problems, "exceptions", self.bytes_at_most(), advice);
    }
}

impl Schedule {
    /// As many bytes as it can take when stored, or a few more.
    fn bytes_at_most(&self) -> usize {
        let exceptions = self.exceptions.iter();
        let exceptions =
            exceptions.map(|each| EXCEPTION_BYTES + each.note.len() + hours_bytes(&each.hours));
        let rules = self.holidays.iter();
        let rules = rules.map(|rule| RULE_BYTES + hours_bytes(&rule.hours));
        RECORD_BYTES
            + self.name.len()
            + self.time_zone.len()
            + self.weekly.len() * WEEKLY_BYTES
            + exceptions.sum::<usize>()
            + rules.sum::<usize>()
    }
}

fn hours_bytes(hours: &[DayInterval]) -> usize {
    hours.len() * HOURS_BYTES
}

fn stored(problems: &mut Problems, field: &str, found: usize, advice: &str) {
    if found > SCHEDULE_BYTES_MAX {
        let message = format!(
            "the record takes up to {found} bytes, at most {SCHEDULE_BYTES_MAX} are allowed: {advice}"
        );
        problems.add(field, message);
    }
}

impl DatedException {
    fn validate_as(&self, problems: &mut Problems, field: &str) {
        date(problems, &format!("{field}.date"), self.date);
        last(problems, field, self.date, self.last);
        hours(problems, field, &self.hours);
        text(problems, &format!("{field}.note"), &self.note, NOTE_MAX);
    }
}

/// Of two exceptions with a day in common, the one further down the list is told.
fn days_once(problems: &mut Problems, exceptions: &[DatedException]) {
    for (at, each) in exceptions.iter().enumerate() {
        let twice = exceptions[..at]
            .iter()
            .position(|other| other.date <= each.last_day() && each.date <= other.last_day());
        if let Some(other) = twice {
            let day = exceptions[other].date.max(each.date);
            let message = format!("`{day}` has the hours of exceptions[{other}] already");
            problems.add(format!("exceptions[{at}].date"), message);
        }
    }
}

fn hours(problems: &mut Problems, field: &str, hours: &[DayInterval]) {
    let field = format!("{field}.hours");
    at_most(problems, &field, hours.len(), HOURS_PER_DAY_MAX);
    for (at, each) in hours.iter().enumerate() {
        let (from, until) = (each.from_minute, each.until_minute);
        minutes(problems, &format!("{field}[{at}]"), from, until);
    }
}

fn minutes(problems: &mut Problems, field: &str, from: u16, until: u16) {
    let field = |end| format!("{field}.{end}");
    within(
        problems,
        &field("from_minute"),
        from,
        0..=MINUTES_PER_DAY - 1,
    );
    within(problems, &field("until_minute"), until, 1..=MINUTES_PER_DAY);
}

fn date(problems: &mut Problems, field: &str, found: CivilDate) {
    if !(CivilDate::MIN..=CivilDate::MAX).contains(&found) {
        let message = format!("`{found}` is outside the years 1970 to 2199");
        problems.add(field, message);
    }
}

fn last(problems: &mut Problems, field: &str, first: CivilDate, last: Option<CivilDate>) {
    let Some(last) = last else {
        return;
    };
    let field = format!("{field}.last");
    date(problems, &field, last);
    if last < first {
        problems.add(
            field,
            format!("`{last}` is before the first day, `{first}`"),
        );
    }
}

impl Validate for HolidaySet {
    fn validate(&self, problems: &mut Problems) {
        name(problems, "name", &self.name);
        at_most(problems, "holidays", self.holidays.len(), HOLIDAYS_MAX);
        for (at, each) in self.holidays.iter().enumerate() {
            each.validate_as(problems, &format!("holidays[{at}]"));
        }
        let holidays = self.holidays.iter();
        let bytes: usize = holidays.map(|each| HOLIDAY_BYTES + each.name.len()).sum();
        let found = RECORD_BYTES + self.name.len() + bytes;
        stored(problems, "holidays", found, "split the set");
    }
}

impl Holiday {
    fn validate_as(&self, problems: &mut Problems, field: &str) {
        let name = format!("{field}.name");
        text(problems, &name, &self.name, NOTE_MAX);
        if self.name.is_empty() {
            problems.add(
                name,
                format!("is empty; 1 to {NOTE_MAX} characters are allowed"),
            );
        }
        self.on.validate_as(problems, &format!("{field}.on"));
        for (end, year) in [
            ("from_year", self.from_year),
            ("until_year", self.until_year),
        ] {
            if let Some(year) = year {
                within(problems, &format!("{field}.{end}"), year, YEARS);
            }
        }
        if let (Some(from), Some(until)) = (self.from_year, self.until_year)
            && until < from
        {
            let message = format!("{until} is before from_year, {from}");
            problems.add(format!("{field}.until_year"), message);
        }
    }
}

impl HolidayDate {
    fn validate_as(&self, problems: &mut Problems, field: &str) {
        match *self {
            // A leap year has every date there is.
            Self::Yearly { month, day } => self::day(problems, field, 2000, month, day),
            Self::WeekdayFrom { month, day, .. } => self::day(problems, field, 2001, month, day),
            Self::NthWeekday { month, nth, .. } => {
                within(problems, &format!("{field}.month"), month, 1..=12);
                if !matches!(nth, -4..=-1 | 1..=4) {
                    let message = format!(
                        "{nth} is neither in 1 to 4 (from the beginning of the month) nor in -4 \
                         to -1 (from its end)"
                    );
                    problems.add(format!("{field}.nth"), message);
                }
            }
            Self::Easter { days } => {
                within(problems, &format!("{field}.days"), days, EASTER_DAYS);
            }
            Self::Once { date, last } => {
                self::date(problems, &format!("{field}.date"), date);
                self::last(problems, field, date, last);
                let days = last.map_or(1, |last| last.0.saturating_sub(date.0).saturating_add(1));
                if days > ONCE_DAYS_MAX {
                    let message = format!("lasts {days} days, at most {ONCE_DAYS_MAX} are allowed");
                    problems.add(format!("{field}.last"), message);
                }
            }
        }
    }
}

fn day(problems: &mut Problems, field: &str, year: i16, month: u8, day: u8) {
    if !(1..=12).contains(&month) {
        within(problems, &format!("{field}.month"), month, 1..=12);
    } else if CivilDate::new(year, month, day).is_none() {
        let message = format!("month {month} has no day {day} that this could be");
        problems.add(format!("{field}.day"), message);
    }
}
