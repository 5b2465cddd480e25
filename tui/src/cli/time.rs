//! Times as people write and read them: local, in the time zone of the door or of this machine.

use doorward_core::time::Wall;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::text;

/// The present, in milliseconds since 1970.
#[must_use]
pub fn now() -> Wall {
    Wall(Timestamp::now().as_millisecond())
}

/// The time zone of this machine; UTC where none is set.
#[must_use]
pub fn local_zone() -> TimeZone {
    TimeZone::try_system().unwrap_or(TimeZone::UTC)
}

/// The IANA zone of this name; this machine's where it is unknown.
#[must_use]
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or_else(|_| local_zone())
}

fn zoned(at: Wall, zone: &TimeZone) -> Option<Zoned> {
    let timestamp = Timestamp::from_millisecond(at.0).ok()?;
    Some(timestamp.to_zoned(zone.clone()))
}

/// `2026-03-29 07:55:01` in `zone`.
#[must_use]
pub fn date_and_time(at: Wall, zone: &TimeZone) -> String {
    format(at, zone, "%Y-%m-%d %H:%M:%S")
}

/// `2026-03-29 07:55` in `zone`.
#[must_use]
pub fn to_the_minute(at: Wall, zone: &TimeZone) -> String {
    format(at, zone, "%Y-%m-%d %H:%M")
}

/// `07:55:01` in `zone`.
#[must_use]
pub fn time_of_day(at: Wall, zone: &TimeZone) -> String {
    format(at, zone, "%H:%M:%S")
}

/// `at` in `zone` by a strftime pattern; the bare number of a time that no calendar has.
#[must_use]
pub fn format(at: Wall, zone: &TimeZone, pattern: &str) -> String {
    zoned(at, zone).map_or_else(|| at.to_string(), |at| at.strftime(pattern).to_string())
}

/// An interval in words: `always`, `until …`, `from … until …`.
#[must_use]
pub fn interval(from: Option<Wall>, until: Option<Wall>, zone: &TimeZone) -> String {
    match (from, until) {
        (None, None) => text::ALWAYS.to_owned(),
        (Some(from), None) => format!("from {}", to_the_minute(from, zone)),
        (None, Some(until)) => format!("until {}", to_the_minute(until, zone)),
        (Some(from), Some(until)) => format!(
            "from {} until {}",
            to_the_minute(from, zone),
            to_the_minute(until, zone)
        ),
    }
}

/// Reads a time: RFC 3339 with an offset, or local in `zone`: date and time, date (its first
/// moment), time (of the present day), or `now`.
///
/// A local time that DST skips is taken after the gap; one that it repeats, the first time.
pub fn parse(text: &str, zone: &TimeZone, now: Wall) -> Result<Wall, String> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("now") {
        return Ok(now);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(Wall(at.as_millisecond()));
    }
    let local = local(text, zone, now).ok_or_else(|| {
        format!(
            "`{text}` is not a time: allowed are `now`, `08:00`, `2026-03-29`, \
             `2026-03-29 08:00` and RFC 3339 such as `2026-03-29T08:00:00+02:00`"
        )
    })?;
    let at = zone
        .to_ambiguous_timestamp(local)
        .compatible()
        .map_err(|error| format!("`{text}` is out of range: {error}"))?;
    Ok(Wall(at.as_millisecond()))
}

fn local(text: &str, zone: &TimeZone, now: Wall) -> Option<DateTime> {
    if let Ok(time) = Time::strptime("%H:%M", text).or_else(|_| Time::strptime("%H:%M:%S", text)) {
        return Some(zoned(now, zone)?.date().to_datetime(time));
    }
    if let Ok(date) = Date::strptime("%Y-%m-%d", text) {
        return Some(date.to_datetime(Time::midnight()));
    }
    [
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
    ]
    .iter()
    .find_map(|pattern| DateTime::strptime(pattern, text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        let now: Wall = "2026-03-29T09:30:00Z".parse().unwrap();
        let found = parse(text, &zone, now).map(|at| at.to_string());
        assert_eq!(found.as_deref(), Ok(expect), "{text}");
    }

    #[test]
    fn times_are_local_unless_they_say_otherwise() {
        check("now", "2026-03-29T09:30:00.000Z");
        check("2026-03-29T08:00:00+05:00", "2026-03-29T03:00:00.000Z");
        check("2026-03-28T08:00:00Z", "2026-03-28T08:00:00.000Z");
        check("2026-03-28 08:00", "2026-03-28T07:00:00.000Z");
        check("2026-03-29 08:00", "2026-03-29T06:00:00.000Z");
        check("2026-03-29T08:00:30", "2026-03-29T06:00:30.000Z");
        check("2026-03-28", "2026-03-27T23:00:00.000Z");
        check("08:00", "2026-03-29T06:00:00.000Z");
    }

    #[test]
    fn the_skipped_and_the_repeated_hour() {
        check("2026-03-29 02:30", "2026-03-29T01:30:00.000Z");
        check("2026-10-25 02:30", "2026-10-25T00:30:00.000Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in ["", "soon", "25:00", "2026-02-30", "2026-13-01 00:00", "8"] {
            let error = parse(bad, &TimeZone::UTC, Wall(0)).unwrap_err();
            assert!(error.contains("allowed are"), "{bad}: {error}");
        }
    }

    #[test]
    fn intervals_in_words() {
        let (from, until) = (Some(Wall(0)), Some(Wall(3_600_000)));
        let words = |from, until| interval(from, until, &TimeZone::UTC);
        assert_eq!(words(None, None), "always");
        assert_eq!(words(from, None), "from 1970-01-01 00:00");
        assert_eq!(words(None, until), "until 1970-01-01 01:00");
        assert_eq!(
            words(from, until),
            "from 1970-01-01 00:00 until 1970-01-01 01:00"
        );
    }
}
