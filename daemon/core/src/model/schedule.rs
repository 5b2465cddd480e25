use serde::{Deserialize, Serialize};

use crate::date::CivilDate;
use crate::ids::{HolidaySetId, ScheduleId};

/// Minutes of a day: 1440 is the midnight that ends it.
pub const MINUTES_PER_DAY: u16 = 1440;

/// Weekly intervals in a time zone, minute grain, and the days that differ.
///
/// The hours of a day are those of its dated exception; without one, those of the first holiday
/// rule whose set has the day; without one, those of the week. At midnight an interval goes on into
/// the next day, but not into a day that has hours by another exception or holiday rule: these
/// replace the day whole, and without hours they close it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Schedule {
    /// Its number.
    pub id: ScheduleId,
    /// 1 to 100 characters.
    pub name: String,
    /// IANA time zone, such as `Europe/Stockholm`.
    pub time_zone: String,
    /// At most 200; may overlap. None is never.
    #[serde(default)]
    pub weekly: Vec<WeeklyInterval>,
    /// Days of the calendar with hours of their own; at most 100, no day twice.
    #[serde(default)]
    pub exceptions: Vec<DatedException>,
    /// Holidays with hours of their own, the most important set first; at most 16 sets, none twice.
    #[serde(default)]
    pub holidays: Vec<HolidayRule>,
}

/// Days of the calendar with hours that replace those of the week and of holidays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DatedException {
    /// The first day.
    pub date: CivilDate,
    /// The last day, included; the first unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<CivilDate>,
    /// The hours of each of the days; none closes them. At most 24.
    #[serde(default)]
    pub hours: Vec<DayInterval>,
    /// What it is, for people; at most 60 characters.
    #[serde(default)]
    pub note: String,
}

impl DatedException {
    /// The last day, included.
    #[must_use]
    pub fn last_day(&self) -> CivilDate {
        self.last.unwrap_or(self.date)
    }
}

/// The hours of a schedule on the days of a holiday set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HolidayRule {
    /// Which set.
    pub set: HolidaySetId,
    /// The hours of each of its days; none closes them. At most 24.
    #[serde(default)]
    pub hours: Vec<DayInterval>,
}

/// One interval of a day in local time, judged as a [`WeeklyInterval`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DayInterval {
    /// Minute of the day it begins at, 0 to 1439. Included.
    pub from_minute: u16,
    /// Minute it ends at, not included: 1 to 1440 on the same day; at or before `from_minute`
    /// it ends on the next day.
    pub until_minute: u16,
}

/// One interval of the week in local time.
///
/// Judged by the reading of the local clock: an hour that DST skips does not occur, an hour that
/// DST repeats counts both times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WeeklyInterval {
    /// The day it begins on.
    pub day: Weekday,
    /// Minute of the day it begins at, 0 to 1439. Included.
    pub from_minute: u16,
    /// Minute it ends at, not included: 1 to 1440 on the same day; at or before `from_minute`
    /// it ends on the next day.
    pub until_minute: u16,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// All days in order, Monday first as in ISO 8601.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// 0 for Monday to 6 for Sunday.
    #[must_use]
    pub const fn index(self) -> u16 {
        self as u16
    }
}
