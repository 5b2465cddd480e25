use serde::{Deserialize, Serialize};

use doorward_core::date::CivilDate;
use doorward_core::model::{Holiday, Schedule, SchedulePreset, WeeklyInterval};
use doorward_core::schedule::DayPreview;

use crate::page::QueryText;

/// Which days of a schedule to look at.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct DaysQuery {
    /// The first day; the Monday of the present week unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<CivilDate>,
    /// How many days, 1 to 400; 7 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
}

impl DaysQuery {
    pub(crate) fn to_query(&self) -> String {
        let mut query = QueryText::default();
        query.add_text("from", self.from.map(|from| from.to_string()).as_deref());
        query.add_number("days", self.days);
        query.0
    }
}

/// A schedule that need not be saved, and which days of it to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// The schedule; its id is not looked at.
    pub schedule: Schedule,
    /// The first day; the Monday of the present week unless given.
    #[serde(default)]
    pub from: Option<CivilDate>,
    /// How many days, 1 to 400; 7 unless given.
    #[serde(default)]
    pub days: Option<u16>,
}

/// What a schedule comes to, day by day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SchedulePreview {
    /// The schedule's name.
    pub name: String,
    /// Its time zone, by whose clock all minutes are told.
    pub time_zone: String,
    /// The days, in order.
    pub days: Vec<DayPreview>,
}

/// What to begin schedules and holiday sets with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Presets {
    /// Hours of the week.
    pub schedules: Vec<PresetHours>,
    /// The holidays of countries.
    pub holiday_sets: Vec<PresetHolidays>,
}

/// Hours of the week by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresetHours {
    /// The name.
    pub preset: SchedulePreset,
    /// The hours.
    pub weekly: Vec<WeeklyInterval>,
}

/// A country's holidays, or one of its regions'.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresetHolidays {
    /// The country by its two letters (ISO 3166).
    pub country: String,
    /// The name of the set.
    pub name: String,
    /// Its holidays.
    pub holidays: Vec<Holiday>,
}

/// Which year of a holiday set to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct YearQuery {
    /// 1970 to 2199; the present one unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year: Option<i16>,
}

/// The days of a holiday set in a year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HolidayDays {
    /// The year.
    pub year: i16,
    /// In order. A day may be there twice, with different names.
    pub days: Vec<HolidayDay>,
}

/// A day and the holiday that it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HolidayDay {
    /// The day.
    pub date: CivilDate,
    /// The name of the holiday.
    pub name: String,
}
