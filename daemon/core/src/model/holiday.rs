use serde::{Deserialize, Serialize};

use super::Weekday;
use crate::date::CivilDate;
use crate::ids::HolidaySetId;

/// Named days that come again: computed for every year from 1970 to 2199.
///
/// A schedule says what its hours are on them; one set serves many schedules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HolidaySet {
    /// Its number.
    pub id: HolidaySetId,
    /// 1 to 100 characters.
    pub name: String,
    /// At most 100.
    #[serde(default)]
    pub holidays: Vec<Holiday>,
}

/// One holiday of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Holiday {
    /// 1 to 60 characters.
    pub name: String,
    /// When it is.
    pub on: HolidayDate,
    /// What follows when it falls on a weekend.
    #[serde(default)]
    pub observed: Observed,
    /// The first year that has it; every year unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_year: Option<i16>,
    /// The last year that has it; every year unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_year: Option<i16>,
}

/// When a holiday is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum HolidayDate {
    /// The same date every year. 29 February is only in leap years.
    Yearly {
        /// 1 to 12.
        month: u8,
        /// From 1 to as many as the month has.
        day: u8,
    },
    /// The nth such day of the week in a month, such as the fourth Thursday of November.
    NthWeekday {
        /// 1 to 12.
        month: u8,
        /// 1 to 4 from the beginning of the month, -1 to -4 from its end.
        nth: i8,
        /// Which day of the week.
        weekday: Weekday,
    },
    /// The first such day of the week from a date on, such as the Saturday from 20 June on.
    WeekdayFrom {
        /// 1 to 12.
        month: u8,
        /// From 1 to as many as the month has every year. It may be this very day.
        day: u8,
        /// Which day of the week.
        weekday: Weekday,
    },
    /// So many days after Easter Sunday of the Gregorian calendar.
    Easter {
        /// -120 to 120; negative before it.
        days: i16,
    },
    /// A date of one year only, or several in a row.
    Once {
        /// The first day.
        date: CivilDate,
        /// The last day, included; the first unless given. At most 366 days in all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        last: Option<CivilDate>,
    },
}

/// What follows when a holiday falls on a weekend. The day itself stays a holiday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// Nothing.
    #[default]
    OnTheDay,
    /// The next day from Monday to Friday that is no holiday of the set is one, too.
    NextWeekday,
    /// The Friday before a Saturday, the Monday after a Sunday, is one, too.
    NearestWeekday,
}
