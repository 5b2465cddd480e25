use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;

use super::{CompiledSchedule, LocalTime, Zone, Zones};
use crate::fixture::{office_hours, wall};
use crate::ids::ScheduleId;
use crate::model::{MINUTES_PER_DAY, Schedule, Weekday, WeeklyInterval};
use crate::time::Wall;

fn schedule(time_zone: &str, weekly: Vec<WeeklyInterval>) -> Schedule {
    Schedule {
        id: ScheduleId(1),
        name: "Test".to_owned(),
        time_zone: time_zone.to_owned(),
        weekly,
    }
}

fn on(day: Weekday, from_minute: u16, until_minute: u16) -> WeeklyInterval {
    WeeklyInterval {
        day,
        from_minute,
        until_minute,
    }
}

fn is_open(schedule: &Schedule, at: Wall) -> bool {
    let compiled = CompiledSchedule::compile(schedule, &mut Zones::default()).unwrap();
    compiled.is_open(compiled.local(at))
}

#[track_caller]
fn check(schedule: &Schedule, expect: &[(&str, bool)]) {
    for &(at, open) in expect {
        assert_eq!(is_open(schedule, wall(at)), open, "{at}");
    }
}

#[test]
fn the_hour_that_dst_skips_does_not_occur() {
    // In Stockholm 02:00 to 03:00 is skipped on 2026-03-29.
    let night = schedule("Europe/Stockholm", vec![on(Weekday::Sunday, 120, 180)]);
    check(
        &night,
        &[
            ("2026-03-22T01:30:00Z", true),
            ("2026-03-29T00:59:59Z", false),
            ("2026-03-29T01:00:00Z", false),
            ("2026-04-05T00:30:00Z", true),
        ],
    );
}

#[test]
fn the_hour_that_dst_repeats_counts_twice() {
    // In Stockholm 02:00 to 03:00 comes twice on 2026-10-25.
    let night = schedule("Europe/Stockholm", vec![on(Weekday::Sunday, 150, 180)]);
    check(
        &night,
        &[
            ("2026-10-25T00:29:59Z", false),
            ("2026-10-25T00:30:00Z", true),
            ("2026-10-25T00:59:59Z", true),
            ("2026-10-25T01:00:00Z", false),
            ("2026-10-25T01:30:00Z", true),
            ("2026-10-25T02:00:00Z", false),
        ],
    );
}

#[test]
fn intervals_go_across_midnight_and_across_the_week() {
    let nights = schedule(
        "Etc/UTC",
        vec![
            on(Weekday::Wednesday, 22 * 60, 6 * 60),
            on(Weekday::Sunday, 23 * 60, 60),
        ],
    );
    check(
        &nights,
        &[
            ("2026-03-25T21:59:59Z", false),
            ("2026-03-25T22:00:00Z", true),
            ("2026-03-26T05:59:59Z", true),
            ("2026-03-26T06:00:00Z", false),
            ("2026-03-29T23:00:00Z", true),
            ("2026-03-30T00:59:59Z", true), // a Monday
            ("2026-03-30T01:00:00Z", false),
        ],
    );
}

#[test]
fn a_whole_day_ends_at_midnight_and_begins_again_at_its_own_minute() {
    let day = schedule("Etc/UTC", vec![on(Weekday::Friday, 0, MINUTES_PER_DAY)]);
    check(
        &day,
        &[
            ("2026-03-26T23:59:59Z", false),
            ("2026-03-27T00:00:00Z", true),
            ("2026-03-27T23:59:59Z", true),
            ("2026-03-28T00:00:00Z", false),
        ],
    );
    let round = schedule("Etc/UTC", vec![on(Weekday::Friday, 600, 600)]);
    check(
        &round,
        &[
            ("2026-03-27T09:59:59Z", false),
            ("2026-03-27T10:00:00Z", true),
            ("2026-03-28T09:59:59Z", true),
            ("2026-03-28T10:00:00Z", false),
        ],
    );
}

#[test]
fn nothing_is_never_and_nonsense_opens_nothing() {
    assert!(!is_open(&schedule("Etc/UTC", vec![]), Wall(0)));
    let nonsense = schedule(
        "Etc/UTC",
        vec![on(Weekday::Monday, 1440, 10), on(Weekday::Monday, 0, 1441)],
    );
    check(
        &nonsense,
        &[
            ("2026-03-30T00:05:00Z", false),
            ("2026-03-31T00:05:00Z", false),
        ],
    );
}

#[test]
fn zones_are_known_by_their_exact_names() {
    for (name, known) in [
        ("Europe/Stockholm", true),
        ("America/Argentina/Buenos_Aires", true),
        ("Etc/UTC", true),
        ("UTC", true),
        ("europe/stockholm", false),
        ("Europe/Atlantis", false),
        ("Etc/Unknown", false),
        ("+01:00", false),
        ("", false),
    ] {
        assert_eq!(super::zone_is_known(name), known, "{name}");
    }
    let error = Zone::new("Europe/Atlantis").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`Europe/Atlantis` is not an IANA time zone; `Europe/Stockholm` is one"
    );
}

#[test]
fn times_far_from_the_table_are_right_too() {
    let hours = office_hours(1);
    check(
        &hours,
        &[
            ("1969-12-31T09:00:00Z", true),
            ("2019-07-01T05:00:00Z", true),
            ("2060-07-05T04:59:59Z", false),
            ("2060-07-05T05:00:00Z", true), // summer time by the zone's rule
            ("2199-01-02T06:00:00Z", true),
        ],
    );
    // Beyond what a calendar holds the answer is any, but there is one.
    for at in [Wall(i64::MIN), Wall(i64::MAX)] {
        is_open(&hours, at);
    }
}

#[test]
fn a_local_time_reads_as_people_say_it() {
    let zone = Zone::new("Asia/Kathmandu").unwrap();
    let local = zone.local(wall("2026-03-24T09:00:00Z"));
    assert_eq!(local.to_string(), "Tuesday 14:45");
    assert_eq!(
        LocalTime { day: 0, minute: 0 }.minute_of_week(),
        3 * MINUTES_PER_DAY
    );
}

/// What the calendar library says, by whole civil arithmetic.
fn oracle(zone: &TimeZone, weekly: &[WeeklyInterval], at: Wall) -> bool {
    let civil = Timestamp::from_millisecond(at.0)
        .unwrap()
        .to_zoned(zone.clone())
        .datetime();
    let minute = u16::try_from(civil.hour()).unwrap() * 60 + u16::try_from(civil.minute()).unwrap();
    let weekday = |date: jiff::civil::Date| {
        let offset = date.weekday().to_monday_zero_offset();
        Weekday::ALL[usize::try_from(offset).unwrap()]
    };
    let (today, yesterday) = (
        weekday(civil.date()),
        weekday(civil.date().yesterday().unwrap()),
    );
    weekly.iter().any(|each| {
        let (from, until) = (each.from_minute, each.until_minute);
        if until > from {
            each.day == today && (from..until).contains(&minute)
        } else {
            (each.day == today && minute >= from) || (each.day == yesterday && minute < until)
        }
    })
}

fn zone_names() -> Vec<String> {
    TimeZoneDatabase::bundled()
        .available()
        .map(|name| name.to_string())
        .filter(|name| super::zone_is_known(name))
        .collect()
}

fn any_weekly() -> impl Strategy<Value = WeeklyInterval> {
    (0usize..7, 0u16..1440, 1u16..=1440).prop_map(|(day, from_minute, until_minute)| {
        on(Weekday::ALL[day], from_minute, until_minute)
    })
}

const MS_2020: i64 = 1_577_836_800_000;
const MS_2040: i64 = 2_208_988_800_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn compiled_schedules_agree_with_the_calendar(
        name in proptest::sample::select(zone_names()),
        weekly in proptest::collection::vec(any_weekly(), 0..12),
        times in proptest::collection::vec(MS_2020..MS_2040, 20),
        far in -2_000_000_000_000i64..8_000_000_000_000,
        near_s in proptest::collection::vec(-7_300i64..7_300, 4),
    ) {
        let schedule = schedule(&name, weekly);
        let compiled = CompiledSchedule::compile(&schedule, &mut Zones::default()).unwrap();
        let zone = TimeZoneDatabase::bundled().get(&name).unwrap();
        let mut times: Vec<i64> = times;
        times.push(far);
        // The hours around every change of the clocks are where mistakes would be.
        let first = Timestamp::from_millisecond(MS_2020).unwrap();
        for transition in zone.following(first).take(40) {
            let at = transition.timestamp().as_millisecond();
            times.extend([at - 1, at]);
            times.extend(near_s.iter().map(|near| at + near * 1_000));
        }
        for at in times.into_iter().map(Wall) {
            let found = compiled.is_open(compiled.local(at));
            prop_assert_eq!(found, oracle(&zone, &schedule.weekly, at), "{} at {}", name, at);
        }
    }
}
