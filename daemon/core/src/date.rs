//! Days of the calendar, without a time zone.

use core::fmt;
use core::str::FromStr;

use jiff::Unit;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::model::Weekday;

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// A day of the Gregorian calendar, as the number of days since 1970-01-01.
///
/// `2026-12-24` in human-readable encodings, an integer in binary ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CivilDate(pub i32);

impl CivilDate {
    /// The first day that a record may name: 1970-01-01.
    pub const MIN: Self = Self(0);
    /// The last day that a record may name: 2199-12-31.
    pub const MAX: Self = Self(84_005);

    /// This day of this month, if there is one in this year. Months and days count from 1.
    #[must_use]
    pub fn new(year: i16, month: u8, day: u8) -> Option<Self> {
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Date::new(year, month, day).ok().and_then(Self::of)
    }

    fn of(date: Date) -> Option<Self> {
        let days = EPOCH.until((Unit::Day, date)).ok()?.get_days();
        Some(Self(days))
    }

    /// The calendar's own; the nearest that it has for days outside the years -9999 to 9999.
    fn date(self) -> Date {
        let days = jiff::Span::new().try_days(self.0);
        let date = days.and_then(|days| EPOCH.checked_add(days));
        date.unwrap_or(if self.0 < 0 { Date::MIN } else { Date::MAX })
    }

    /// Its year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.date().year()
    }

    /// Its month, from 1.
    #[must_use]
    pub fn month(self) -> u8 {
        self.date().month().unsigned_abs()
    }

    /// Its day of the month, from 1.
    #[must_use]
    pub fn day(self) -> u8 {
        self.date().day().unsigned_abs()
    }

    /// Its day of the week.
    #[must_use]
    pub const fn weekday(self) -> Weekday {
        // 1970-01-01 was a Thursday.
        Weekday::ALL[(self.0 as i64 + 3).rem_euclid(7) as usize]
    }

    /// So many days later, or earlier if negative; saturating.
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The first such day of the week from this day on, this day included.
    #[must_use]
    pub const fn first(self, weekday: Weekday) -> Self {
        let ahead = weekday.index() as i32 + 7 - self.weekday().index() as i32;
        self.plus_days(ahead % 7)
    }
}

impl fmt::Display for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.date(), f)
    }
}

impl fmt::Debug for CivilDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is no day of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date such as `2026-12-24`")]
pub struct NoDate(String);

impl FromStr for CivilDate {
    type Err = NoDate;

    /// Parses a year, month and day with their zeros, such as `2026-12-24`.
    fn from_str(text: &str) -> Result<Self, NoDate> {
        // The calendar reads more than that: times behind the date, which would be lost.
        let plain = text.len() == 10;
        let date = text.parse().ok().filter(|_| plain);
        date.and_then(Self::of)
            .ok_or_else(|| NoDate(text.chars().take(40).collect()))
    }
}

impl Serialize for CivilDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i32(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for CivilDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(de::Error::custom)
        } else {
            i32::deserialize(deserializer).map(Self)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_text_for_people() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2026-12-24", 20_811),
            ("2199-12-31", 84_005),
        ] {
            assert_eq!(text.parse::<CivilDate>().unwrap(), CivilDate(days));
            assert_eq!(CivilDate(days).to_string(), text);
            let json = serde_json::to_string(&CivilDate(days)).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(
                serde_json::from_str::<CivilDate>(&json).unwrap(),
                CivilDate(days)
            );
        }
        assert_eq!(CivilDate::MAX.to_string(), "2199-12-31");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-1-1",
            "26-12-24",
            "2026-12-24T10:00",
            "24.12.2026",
        ] {
            let error = text.parse::<CivilDate>().unwrap_err();
            let expect = format!("`{text}` is not a date such as `2026-12-24`");
            assert_eq!(error.to_string(), expect);
        }
        assert_eq!(CivilDate::new(2026, 2, 29), None);
        assert_eq!(CivilDate::new(2026, 200, 1), None);
    }

    #[test]
    fn days_of_the_week_follow_each_other() {
        let christmas = CivilDate::new(2026, 12, 24).unwrap();
        assert_eq!(christmas.weekday(), Weekday::Thursday);
        assert_eq!(christmas.first(Weekday::Thursday), christmas);
        assert_eq!(
            christmas.first(Weekday::Wednesday).to_string(),
            "2026-12-30"
        );
        assert_eq!(CivilDate(-4).weekday(), Weekday::Sunday);
        assert_eq!(
            (christmas.year(), christmas.month(), christmas.day()),
            (2026, 12, 24)
        );
        // Beyond the calendar there is an answer, and no panic.
        for far in [CivilDate(i32::MIN), CivilDate(i32::MAX)] {
            let _ = (far.year(), far.weekday(), far.plus_days(1), far.to_string());
        }
    }
}
