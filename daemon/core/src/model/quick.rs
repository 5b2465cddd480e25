use serde::{Deserialize, Serialize};

use super::{Interval, MINUTES_PER_DAY};
use crate::date::CivilDate;
use crate::schedule::Zone;
use crate::time::Wall;

/// An interval by a word, as it is picked most often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum QuickPick {
    /// From now until midnight.
    Today,
    /// The whole of tomorrow.
    Tomorrow,
    /// The whole of the first Monday after today.
    NextMonday,
    /// From now until the same time seven days later.
    OneWeek,
}

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = MINUTES_PER_DAY as i64;
/// Local time is at most this far ahead of UTC.
const AHEAD_MINUTES: i64 = 15 * 60;

impl QuickPick {
    /// The interval that it means at a time, by the clock of a zone.
    #[must_use]
    pub fn interval(self, zone: &Zone, now: Wall) -> Interval {
        let today = zone.local(now);
        let days = |from: i32| Interval {
            from: Some(midnight(zone, today.day.plus_days(from))),
            until: Some(midnight(zone, today.day.plus_days(from + 1))),
        };
        match self {
            Self::Today => Interval {
                from: Some(now),
                until: Some(midnight(zone, today.day.plus_days(1))),
            },
            Self::Tomorrow => days(1),
            Self::NextMonday => {
                let weekday = today.day.weekday().index();
                days(7 - i32::from(weekday))
            }
            Self::OneWeek => {
                let date = today.day.plus_days(7);
                Interval {
                    from: Some(now),
                    until: Some(at_minute(zone, date, i64::from(today.minute), now)),
                }
            }
        }
    }
}

/// The first moment of a local day.
fn midnight(zone: &Zone, day: CivilDate) -> Wall {
    let mut at = (i64::from(day.0) * DAY_MINUTES - AHEAD_MINUTES) * 60;
    // No zone is so far behind UTC that this would not end it.
    let end = at + 2 * DAY_MINUTES * 60;
    while at < end && zone.local(Wall(at * 1_000)).day < day {
        at += 60;
    }
    Wall(at * 1_000)
}

/// The time that many minutes after a local day's first moment, with the seconds of `like`.
fn at_minute(zone: &Zone, day: CivilDate, minute: i64, like: Wall) -> Wall {
    let begin = midnight(zone, day);
    let mut at = begin.plus_ms(minute * MINUTE_MS);
    // A clock that was put forward or back that day is met half way.
    let off = minute - i64::from(zone.local(at).minute);
    if zone.local(at).day == day {
        at = at.plus_ms(off * MINUTE_MS);
    }
    at.plus_ms(like.0.rem_euclid(MINUTE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{interval, wall};

    #[track_caller]
    fn check(pick: QuickPick, zone: &str, now: &str, from: &str, until: &str) {
        let zone = Zone::new(zone).unwrap();
        assert_eq!(pick.interval(&zone, wall(now)), interval(from, until));
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let now = "2026-03-24T23:30:10Z"; // Wednesday 00:30:10 in Stockholm
        let zone = "Europe/Stockholm";
        check(QuickPick::Today, zone, now, now, "2026-03-25T23:00:00Z");
        let (tomorrow, day_after) = ("2026-03-25T23:00:00Z", "2026-03-26T23:00:00Z");
        check(QuickPick::Tomorrow, zone, now, tomorrow, day_after);
        // Clocks go forward on Sunday 29 March.
        let (monday, tuesday) = ("2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z");
        check(QuickPick::NextMonday, zone, now, monday, tuesday);
        check(QuickPick::OneWeek, zone, now, now, "2026-03-31T22:30:10Z");
        // In Honolulu it is still Tuesday.
        check(
            QuickPick::Today,
            "Pacific/Honolulu",
            now,
            now,
            "2026-03-25T10:00:00Z",
        );
    }

    #[test]
    fn the_next_monday_is_never_today() {
        let now = "2026-03-23T10:00:00Z";
        let (from, until) = ("2026-03-30T00:00:00Z", "2026-03-31T00:00:00Z");
        check(QuickPick::NextMonday, "UTC", now, from, until);
    }

    #[test]
    fn a_day_whose_midnight_does_not_occur_begins_when_it_begins() {
        // In Santiago clocks go from 24:00 on Saturday 5 September to 01:00.
        check(
            QuickPick::Tomorrow,
            "America/Santiago",
            "2026-09-05T12:00:00Z",
            "2026-09-06T04:00:00Z",
            "2026-09-07T03:00:00Z",
        );
    }
}
