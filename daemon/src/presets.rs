//! What is shipped to begin schedules and holiday sets with: the files of `config/holidays/`,
//! compiled in.

use std::sync::LazyLock;

use doorward_api::{PresetHolidays, PresetHours, Presets};
use doorward_core::model::{Holiday, SchedulePreset};
use serde::Deserialize;

/// Country and text of every file.
const FILES: [(&str, &str); 6] = [
    ("CZ", include_str!("../../config/holidays/CZ.toml")),
    ("DK", include_str!("../../config/holidays/DK.toml")),
    ("FR", include_str!("../../config/holidays/FR.toml")),
    ("GB", include_str!("../../config/holidays/GB.toml")),
    ("SE", include_str!("../../config/holidays/SE.toml")),
    ("US", include_str!("../../config/holidays/US.toml")),
];

/// A file of holidays.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    set: Vec<Set>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    name: String,
    holidays: Vec<Holiday>,
}

/// Everything there is to begin with.
#[must_use]
pub fn presets() -> &'static Presets {
    static PRESETS: LazyLock<Presets> = LazyLock::new(|| Presets {
        schedules: SchedulePreset::ALL
            .into_iter()
            .map(|preset| PresetHours {
                preset,
                weekly: preset.weekly(),
            })
            .collect(),
        holiday_sets: FILES
            .iter()
            .flat_map(|(country, text)| shipped(country, text))
            .collect(),
    });
    &PRESETS
}

fn shipped(country: &str, text: &str) -> Vec<PresetHolidays> {
    // A test reads every file that is compiled in.
    read_holidays(country, text).unwrap_or_else(|error| {
        log::error!("the holidays of {country} cannot be read: {error}");
        Vec::new()
    })
}

/// Reads a file of holidays of a country.
///
/// # Errors
/// When it is not TOML, or has other fields than it may; the message says where.
pub fn read_holidays(country: &str, text: &str) -> Result<Vec<PresetHolidays>, toml::de::Error> {
    let file: File = toml::from_str(text)?;
    let set = |set: Set| PresetHolidays {
        country: country.to_owned(),
        name: set.name,
        holidays: set.holidays,
    };
    Ok(file.set.into_iter().map(set).collect())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use doorward_core::ids::HolidaySetId;
    use doorward_core::model::{HolidaySet, Problems, Validate};
    use doorward_core::schedule::days_of;

    use super::*;

    fn sets() -> Vec<HolidaySet> {
        let sets = presets().holiday_sets.iter();
        sets.map(|set| HolidaySet {
            id: HolidaySetId(1),
            name: set.name.clone(),
            holidays: set.holidays.clone(),
        })
        .collect()
    }

    #[test]
    fn every_file_is_read_and_its_sets_are_valid() {
        for (country, text) in FILES {
            let file: File = toml::from_str(text).unwrap();
            let found = presets().holiday_sets.iter();
            let found = found.filter(|set| set.country == country).count();
            assert_eq!(found, file.set.len(), "{country}");
        }
        for set in sets() {
            let mut problems = Problems::default();
            set.validate(&mut problems);
            assert_eq!(problems.into_result(), Ok(()), "{}", set.name);
        }
    }

    /// The days of some years, for people to read and to compare with their country's almanac.
    #[test]
    fn holidays_are_on_the_days_of_the_almanac() {
        let mut found = String::new();
        for set in sets() {
            for year in [2022, 2026, 2027] {
                writeln!(found, "{} {year}", set.name).unwrap();
                for (day, holiday) in days_of(&set, year) {
                    let weekday = &format!("{:?}", day.weekday())[..3];
                    writeln!(found, "  {day} {weekday} {}", holiday.name).unwrap();
                }
            }
        }
        if std::env::var_os("DOORWARD_WRITE_GOLDEN").is_some() {
            std::fs::write(
                concat!(env!("CARGO_MANIFEST_DIR"), "/src/presets.txt"),
                &found,
            )
            .unwrap();
        }
        assert_eq!(found, include_str!("presets.txt"));
    }
}
