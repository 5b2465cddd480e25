//! What a schedule comes to on certain days, for people.

use serde::{Deserialize, Serialize};

use super::{CompiledSchedule, HoursBy, SECONDS_PER_DAY, holidays_on};
use crate::date::CivilDate;
use crate::ids::HolidaySetId;
use crate::model::{DayInterval, HolidaySet, MINUTES_PER_DAY, Schedule, Weekday};

/// The most days looked at in one go.
pub const PREVIEW_DAYS_MAX: u16 = 400;

/// What a schedule comes to on a day, by the local clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DayPreview {
    /// The day.
    pub date: CivilDate,
    /// Its day of the week.
    pub weekday: Weekday,
    /// Where its hours come from.
    pub source: DaySource,
    /// The note of the exception, or the names of the holidays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// When it is open, what goes on from the day before included: in order, each ending on the
    /// same day, and not touching each other.
    pub hours: Vec<DayInterval>,
    /// Where the local clock is changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clock_changes: Vec<ClockChange>,
}

/// Where the hours of a day come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DaySource {
    /// The week.
    Week,
    /// A dated exception.
    Exception,
    /// A holiday rule.
    Holiday,
}

/// Minutes of a day that DST skips or repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClockChange {
    /// Whether they do not occur, or come twice.
    pub change: Change,
    /// The first minute of the day.
    pub from_minute: u16,
    /// The end, not included.
    pub until_minute: u16,
}

/// What happens to minutes where the local clock is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// They do not occur.
    Skipped,
    /// They come twice, and count both times.
    Repeated,
}

/// What a schedule comes to from a day on. `set` finds a holiday set, for its names.
#[must_use]
pub fn preview(
    schedule: &Schedule,
    compiled: &CompiledSchedule,
    set: impl Fn(HolidaySetId) -> Option<HolidaySet>,
    from: CivilDate,
    days: u16,
) -> Vec<DayPreview> {
    (0..days.min(PREVIEW_DAYS_MAX))
        .map(|nth| compiled.day(schedule, &set, from.plus_days(nth.into())))
        .collect()
}

impl CompiledSchedule {
    fn day(
        &self,
        schedule: &Schedule,
        set: &impl Fn(HolidaySetId) -> Option<HolidaySet>,
        date: CivilDate,
    ) -> DayPreview {
        let (source, names) = match self.days.by(date) {
            HoursBy::Week => (DaySource::Week, Vec::new()),
            HoursBy::Exception(at) => {
                let exception = schedule.exceptions.get(usize::from(at));
                let note = exception.map(|each| each.note.clone());
                let note = note.filter(|note| !note.is_empty());
                (DaySource::Exception, note.into_iter().collect())
            }
            HoursBy::Holidays(id) => {
                let set = set(id);
                let names = set.iter().flat_map(|set| holidays_on(set, date));
                let names = names.map(|holiday| holiday.name.clone()).collect();
                (DaySource::Holiday, names)
            }
        };
        let known = self.days.are_known();
        DayPreview {
            date,
            weekday: date.weekday(),
            source,
            names,
            hours: if known {
                self.hours_of(date)
            } else {
                Vec::new()
            },
            clock_changes: self.clock_changes(date),
        }
    }

    fn hours_of(&self, date: CivilDate) -> Vec<DayInterval> {
        let [today, yesterday] = self.days.around(date);
        let today = today.iter().map(|open| (open.from, open.until));
        let before = yesterday.iter().filter_map(|open| {
            let until = open.until.checked_sub(MINUTES_PER_DAY)?;
            Some((open.from.saturating_sub(MINUTES_PER_DAY), until))
        });
        let all = today.chain(before).filter(|(from, until)| from < until);
        let all = all.map(|(from, until)| super::days::Minutes {
            from,
            until: until.min(MINUTES_PER_DAY),
        });
        let merged = super::days::merged(all.collect()).into_iter();
        let interval = |open: super::days::Minutes| DayInterval {
            from_minute: open.from,
            until_minute: open.until,
        };
        merged.map(interval).collect()
    }

    fn clock_changes(&self, date: CivilDate) -> Vec<ClockChange> {
        let midnight = i64::from(date.0) * SECONDS_PER_DAY;
        let mut changes = Vec::new();
        // No offset is as large as a day.
        let mut at = midnight - SECONDS_PER_DAY;
        while at < midnight + 2 * SECONDS_PER_DAY {
            let span = self.zone.span(at);
            if span.until == i64::MAX {
                break;
            }
            at = span.until;
            let before = at + i64::from(span.offset);
            let after = at + i64::from(self.zone.span(at).offset);
            let change = if before < after {
                Change::Skipped
            } else {
                Change::Repeated
            };
            let minute = |second: i64| {
                let of_day = (second - midnight).clamp(0, SECONDS_PER_DAY);
                u16::try_from(of_day / 60).unwrap_or(MINUTES_PER_DAY)
            };
            let (from_minute, until_minute) =
                (minute(before.min(after)), minute(before.max(after)));
            if from_minute < until_minute {
                changes.push(ClockChange {
                    change,
                    from_minute,
                    until_minute,
                });
            }
        }
        changes
    }
}
