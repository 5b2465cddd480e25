use serde::{Deserialize, Serialize};

use super::{MINUTES_PER_DAY, Weekday, WeeklyInterval};

/// Hours of the week to begin a schedule with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SchedulePreset {
    /// Monday to Friday, 07:00 to 18:00.
    Office,
    /// Monday to Friday, 09:00 to 20:00; Saturday, 10:00 to 16:00.
    Shop,
    /// Every day, 06:00 to 22:00.
    Days,
    /// Every day, 22:00 to 06:00 of the next.
    Nights,
    /// Monday to Friday, round the clock.
    Workdays,
    /// Saturday and Sunday, round the clock.
    Weekends,
    /// Always.
    Always,
}

impl SchedulePreset {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Office,
        Self::Shop,
        Self::Days,
        Self::Nights,
        Self::Workdays,
        Self::Weekends,
        Self::Always,
    ];

    /// Its name, as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Office => "office",
            Self::Shop => "shop",
            Self::Days => "days",
            Self::Nights => "nights",
            Self::Workdays => "workdays",
            Self::Weekends => "weekends",
            Self::Always => "always",
        }
    }

    /// Its hours.
    #[must_use]
    pub fn weekly(self) -> Vec<WeeklyInterval> {
        let (workdays, weekend) = Weekday::ALL.split_at(5);
        let all = &Weekday::ALL[..];
        match self {
            Self::Office => on(workdays, 7 * 60, 18 * 60),
            Self::Shop => {
                let mut hours = on(workdays, 9 * 60, 20 * 60);
                hours.extend(on(&weekend[..1], 10 * 60, 16 * 60));
                hours
            }
            Self::Days => on(all, 6 * 60, 22 * 60),
            Self::Nights => on(all, 22 * 60, 6 * 60),
            Self::Workdays => on(workdays, 0, MINUTES_PER_DAY),
            Self::Weekends => on(weekend, 0, MINUTES_PER_DAY),
            Self::Always => on(all, 0, MINUTES_PER_DAY),
        }
    }
}

fn on(days: &[Weekday], from_minute: u16, until_minute: u16) -> Vec<WeeklyInterval> {
    let interval = |&day| WeeklyInterval {
        day,
        from_minute,
        until_minute,
    };
    days.iter().map(interval).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::office_hours;
    use crate::model::{Problems, Schedule, Validate};

    #[test]
    fn presets_are_valid_and_keep_their_names() {
        for preset in SchedulePreset::ALL {
            let schedule = Schedule {
                weekly: preset.weekly(),
                ..office_hours(1)
            };
            let mut problems = Problems::default();
            schedule.validate(&mut problems);
            assert_eq!(problems.into_result(), Ok(()), "{preset:?}");
            let json = format!("\"{}\"", preset.name());
            assert_eq!(serde_json::to_string(&preset).unwrap(), json);
        }
        assert_eq!(SchedulePreset::Office.weekly(), office_hours(1).weekly);
        assert_eq!(SchedulePreset::Shop.weekly().len(), 6);
    }
}
