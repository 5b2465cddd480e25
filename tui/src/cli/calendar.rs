//! Days and hours of the command line: intervals of a day, holidays, and the rules for them.

use doorward_core::date::CivilDate;
use doorward_core::model::{DayInterval, Holiday, HolidayDate, MINUTES_PER_DAY, Observed, Weekday};

use super::parse;

/// What is written behind the date of a holiday that is made up for.
const NEXT: &str = "next";
const NEAREST: &str = "nearest";

/// A holiday set by its name, and the hours on its days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The name.
    pub set: String,
    /// None for closed.
    pub hours: Vec<DayInterval>,
}

/// `08:00-12:00`; an end at or before the beginning is on the next day.
pub fn interval(text: &str) -> Result<DayInterval, String> {
    let (from, until) = text
        .trim()
        .split_once('-')
        .ok_or_else(|| format!("`{text}` is not `FROM-UNTIL`, such as `07:00-18:00`"))?;
    Ok(DayInterval {
        from_minute: parse::minute(from, MINUTES_PER_DAY - 1)?,
        until_minute: match parse::minute(until, MINUTES_PER_DAY)? {
            0 => MINUTES_PER_DAY,
            minute => minute,
        },
    })
}

/// `SET`, or `SET=08:00-12:00,13:00-15:00`.
pub fn rule(text: &str) -> Result<Rule, String> {
    let (set, hours) = text.split_once('=').unwrap_or((text, ""));
    let hours = hours.split(',').filter(|each| !each.trim().is_empty());
    Ok(Rule {
        set: set.trim().to_owned(),
        hours: hours.map(interval).collect::<Result<_, _>>()?,
    })
}

/// Hours in words; `closed` without any.
#[must_use]
pub fn hours(hours: &[DayInterval]) -> String {
    if hours.is_empty() {
        return "closed".to_owned();
    }
    let hours = hours.iter().map(|each| {
        let (from, until) = (each.from_minute, each.until_minute);
        format!("{}-{}", parse::clock(from), parse::clock(until))
    });
    hours.collect::<Vec<_>>().join(", ")
}

/// `NAME=WHEN`.
pub fn holiday(text: &str) -> Result<Holiday, String> {
    let (name, when) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not `NAME=WHEN`, such as `Christmas Day=12-25`"))?;
    let mut words = when.split_whitespace().collect::<Vec<_>>();
    let observed = match words.last() {
        Some(&NEXT) => Observed::NextWeekday,
        Some(&NEAREST) => Observed::NearestWeekday,
        _ => Observed::OnTheDay,
    };
    if observed != Observed::OnTheDay {
        words.pop();
    }
    let on = date(&words).ok_or_else(|| {
        format!(
            "`{when}` is not when a holiday can be: allowed are `12-25`, `2026-06-15`, \
             `2026-07-06..2026-07-31`, `easter`, `easter+1`, `easter-2`, `4th thursday 11`, \
             `last monday 05`, `saturday from 06-20`; and behind it `next` (weekday, where it falls \
             on a weekend) or `nearest`"
        )
    })?;
    Ok(Holiday {
        name: name.trim().to_owned(),
        on,
        observed,
        from_year: None,
        until_year: None,
    })
}

fn date(words: &[&str]) -> Option<HolidayDate> {
    match words {
        [day, "from", date] => {
            let (month, of_month) = month_and_day(date)?;
            Some(HolidayDate::WeekdayFrom {
                month,
                day: of_month,
                weekday: parse::day(day).ok()?,
            })
        }
        [nth, day, month] => Some(HolidayDate::NthWeekday {
            month: month.parse().ok()?,
            nth: ordinal(nth)?,
            weekday: parse::day(day).ok()?,
        }),
        [one] => single(one),
        _ => None,
    }
}

fn single(word: &str) -> Option<HolidayDate> {
    if let Some(days) = word.strip_prefix("easter") {
        let days = if days.is_empty() { "0" } else { days };
        return days.parse().ok().map(|days| HolidayDate::Easter { days });
    }
    if let Some((month, day)) = month_and_day(word) {
        return Some(HolidayDate::Yearly { month, day });
    }
    let (first, last) = match word.split_once("..") {
        Some((first, last)) => (first, Some(last.parse::<CivilDate>().ok()?)),
        None => (word, None),
    };
    let date = first.parse().ok()?;
    Some(HolidayDate::Once { date, last })
}

fn month_and_day(text: &str) -> Option<(u8, u8)> {
    let (month, day) = text.split_once('-')?;
    Some((month.parse().ok()?, day.parse().ok()?))
}

const ORDINALS: [(&str, i8); 8] = [
    ("1st", 1),
    ("2nd", 2),
    ("3rd", 3),
    ("4th", 4),
    ("last", -1),
    ("2nd-last", -2),
    ("3rd-last", -3),
    ("4th-last", -4),
];

fn ordinal(text: &str) -> Option<i8> {
    let found = ORDINALS.iter().find(|(word, _)| *word == text);
    found.map(|(_, nth)| *nth)
}

/// When a holiday is, as [`holiday`] reads it.
#[must_use]
pub fn when(holiday: &Holiday) -> String {
    let on = match holiday.on {
        HolidayDate::Yearly { month, day } => format!("{month:02}-{day:02}"),
        HolidayDate::NthWeekday {
            month,
            nth,
            weekday,
        } => {
            let word = ORDINALS.iter().find(|(_, number)| *number == nth);
            let word = word.map_or_else(|| nth.to_string(), |(word, _)| (*word).to_owned());
            format!("{word} {} {month:02}", name(weekday))
        }
        HolidayDate::WeekdayFrom {
            month,
            day,
            weekday,
        } => format!("{} from {month:02}-{day:02}", name(weekday)),
        HolidayDate::Easter { days: 0 } => "easter".to_owned(),
        HolidayDate::Easter { days } => format!("easter{days:+}"),
        HolidayDate::Once { date, last: None } => date.to_string(),
        HolidayDate::Once {
            date,
            last: Some(last),
        } => format!("{date}..{last}"),
    };
    match holiday.observed {
        Observed::OnTheDay => on,
        Observed::NextWeekday => format!("{on} {NEXT}"),
        Observed::NearestWeekday => format!("{on} {NEAREST}"),
    }
}

fn name(weekday: Weekday) -> String {
    format!("{weekday:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holidays_read_what_they_print() {
        for text in [
            "12-25",
            "02-29",
            "12-26 next",
            "07-04 nearest",
            "easter",
            "easter+50",
            "easter-2",
            "4th thursday 11",
            "last monday 05",
            "saturday from 06-20",
            "2026-06-15",
            "2026-07-06..2026-07-31",
        ] {
            let read = holiday(&format!("Day = {text}")).unwrap();
            assert_eq!(read.name, "Day");
            assert_eq!(when(&read), text);
        }
        for bad in [
            "Day",
            "Day=",
            "Day=next",
            "Day=christmas",
            "Day=5th monday 05",
            "Day=easter++",
            "Day=2026-02-30",
            "Day=2026-01-01..",
            "Day=monday from may",
        ] {
            assert!(holiday(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rules_have_hours_or_are_closed() {
        let check = |text: &str, set: &str, expect: &str| {
            let read = rule(text).unwrap();
            assert_eq!((&*read.set, &*hours(&read.hours)), (set, expect));
        };
        check("Sverige: helgdagar", "Sverige: helgdagar", "closed");
        check("SE=", "SE", "closed");
        check(
            "SE=08:00-12:00,22:00-6:00",
            "SE",
            "08:00-12:00, 22:00-06:00",
        );
        check("SE=0:00-0:00", "SE", "00:00-24:00");
        for bad in ["SE=8", "SE=08:00", "SE=08:00-25:00"] {
            assert!(rule(bad).is_err(), "{bad}");
        }
    }
}
