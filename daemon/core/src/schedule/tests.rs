use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;

use super::{
    Calendars, Change, CompiledSchedule, DaySource, HoursBy, LocalTime, Zone, days_of, holidays_on,
    preview,
};
use crate::date::CivilDate;
use crate::fixture::{office_hours, wall};
use crate::ids::{HolidaySetId, ScheduleId};
use crate::model::{
    DatedException, DayInterval, Holiday, HolidayDate, HolidayRule, HolidaySet, MINUTES_PER_DAY,
    Observed, Schedule, Weekday, WeeklyInterval,
};
use crate::time::Wall;

fn schedule(time_zone: &str, weekly: Vec<WeeklyInterval>) -> Schedule {
    Schedule {
        id: ScheduleId(1),
        name: "Test".to_owned(),
        time_zone: time_zone.to_owned(),
        weekly,
        exceptions: Vec::new(),
        holidays: Vec::new(),
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
    let compiled = CompiledSchedule::compile(schedule, &mut Calendars::default()).unwrap();
    compiled.is_open(at)
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

fn hours(from_minute: u16, until_minute: u16) -> DayInterval {
    DayInterval {
        from_minute,
        until_minute,
    }
}

fn exception(date: &str, last: &str, hours: &[DayInterval]) -> DatedException {
    DatedException {
        date: date.parse().unwrap(),
        last: last.parse().ok(),
        hours: hours.to_vec(),
        note: "Stocktaking".to_owned(),
    }
}

fn christmas() -> HolidaySet {
    let day = |name: &str, day| Holiday {
        name: name.to_owned(),
        on: HolidayDate::Yearly { month: 12, day },
        observed: Observed::OnTheDay,
        from_year: None,
        until_year: None,
    };
    HolidaySet {
        id: HolidaySetId(1),
        name: "Christmas".to_owned(),
        holidays: vec![day("Christmas Day", 25), day("Boxing Day", 26)],
    }
}

#[test]
fn an_exception_replaces_the_day_and_an_empty_one_closes_it() {
    let every_night = Weekday::ALL.map(|day| on(day, 20 * 60, 8 * 60));
    let nights = Schedule {
        exceptions: vec![
            exception("2026-03-25", "", &[]),
            exception("2026-04-01", "2026-04-02", &[hours(22 * 60, 2 * 60)]),
        ],
        ..schedule("Etc/UTC", every_night.to_vec())
    };
    check(
        &nights,
        &[
            // Closed from midnight to midnight, and the night that it would have begun is not.
            ("2026-03-24T23:59:59Z", true),
            ("2026-03-25T00:00:00Z", false),
            ("2026-03-25T23:00:00Z", false),
            ("2026-03-26T07:00:00Z", false),
            ("2026-03-26T20:00:00Z", true),
            // The night before ends at midnight; within the exception its own nights go on.
            ("2026-03-31T23:59:59Z", true),
            ("2026-04-01T00:00:00Z", false),
            ("2026-04-01T22:00:00Z", true),
            ("2026-04-02T01:59:59Z", true),
            ("2026-04-02T02:00:00Z", false),
            // It goes on into an ordinary day, which has no night of the week before it.
            ("2026-04-03T01:59:59Z", true),
            ("2026-04-03T02:00:00Z", false),
            ("2026-04-03T20:00:00Z", true),
        ],
    );
}

#[test]
fn an_exception_goes_before_a_holiday_and_a_holiday_before_the_week() {
    let rule = |hours: &[DayInterval]| HolidayRule {
        set: HolidaySetId(1),
        hours: hours.to_vec(),
    };
    let daily = Weekday::ALL.map(|day| on(day, 7 * 60, 18 * 60));
    let days = Schedule {
        exceptions: vec![exception("2026-12-26", "", &[hours(0, 1440)])],
        holidays: vec![rule(&[hours(600, 720)])],
        ..schedule("Etc/UTC", daily.to_vec())
    };
    let compiled = compiled(&days, &[christmas()]);
    for (at, open, by) in [
        ("2026-12-24T08:00:00Z", true, HoursBy::Week),
        (
            "2026-12-25T08:00:00Z",
            false,
            HoursBy::Holidays(HolidaySetId(1)),
        ),
        (
            "2026-12-25T11:59:00Z",
            true,
            HoursBy::Holidays(HolidaySetId(1)),
        ),
        ("2026-12-26T03:00:00Z", true, HoursBy::Exception(0)),
        (
            "2027-12-26T03:00:00Z",
            false,
            HoursBy::Holidays(HolidaySetId(1)),
        ),
    ] {
        let reading = compiled.reading(wall(at)).unwrap();
        assert_eq!((reading.open, reading.by), (open, by), "{at}");
    }
    let told = |at| compiled.reading(wall(at)).unwrap().to_string();
    assert_eq!(told("2026-12-24T08:00:00Z"), "Thursday 08:00");
    assert_eq!(
        told("2026-12-25T08:00:00Z"),
        "Friday 08:00, a holiday of set 1,"
    );
    assert_eq!(
        told("2026-12-26T08:00:00Z"),
        "Saturday 08:00, a day with an exception,"
    );
}

#[test]
fn without_its_holiday_set_a_schedule_is_closed() {
    let mut days = office_hours(1);
    days.holidays = vec![HolidayRule {
        set: HolidaySetId(1),
        hours: vec![hours(0, 1440)],
    }];
    let at = wall("2026-03-24T09:00:00Z");
    let mut calendars = Calendars::default();
    let mut compiled = CompiledSchedule::compile(&days, &mut calendars).unwrap();
    let mut check = |calendars: &Calendars, open| {
        compiled.set_holidays(HolidaySetId(1), calendars);
        assert_eq!(compiled.is_open(at), open);
        assert_eq!(compiled.reading(at).is_some(), open);
    };
    check(&calendars, false);
    calendars.put_holidays(&christmas());
    check(&calendars, true);
    calendars.remove_holidays(HolidaySetId(1));
    check(&calendars, false);
}

#[test]
fn a_preview_tells_where_hours_come_from_and_where_clocks_change() {
    let days = Schedule {
        exceptions: vec![exception("2026-10-24", "", &[hours(1200, 120)])],
        holidays: vec![HolidayRule {
            set: HolidaySetId(1),
            hours: vec![],
        }],
        ..schedule("Europe/Stockholm", vec![on(Weekday::Friday, 480, 1020)])
    };
    let compiled = compiled(&days, &[christmas()]);
    let set = |_| Some(christmas());
    let of = |date: &str, count| preview(&days, &compiled, set, date.parse().unwrap(), count);
    let clocks = of("2026-10-23", 3);
    assert_eq!(clocks[0].hours, [hours(480, 1020)]);
    assert_eq!(clocks[1].source, DaySource::Exception);
    assert_eq!(clocks[1].names, ["Stocktaking"]);
    assert_eq!(clocks[1].hours, [hours(1200, 1440)]);
    assert_eq!(clocks[2].hours, [hours(0, 120)]);
    assert_eq!(clocks[2].weekday, Weekday::Sunday);
    let change = clocks[2].clock_changes[0];
    assert_eq!(
        (change.change, change.from_minute, change.until_minute),
        (Change::Repeated, 120, 180)
    );
    let spring = &of("2026-03-29", 1)[0].clock_changes[0];
    assert_eq!(
        (spring.change, spring.from_minute, spring.until_minute),
        (Change::Skipped, 120, 180)
    );
    let christmas = &of("2026-12-25", 1)[0];
    assert_eq!(christmas.source, DaySource::Holiday);
    assert_eq!(christmas.names, ["Christmas Day"]);
    assert_eq!(christmas.hours, []);
    assert_eq!(of("2026-01-01", u16::MAX).len(), 400);
}

#[test]
fn a_schedule_that_never_changes_has_no_change() {
    let (from, until) = (wall("2026-01-01T00:00:00Z"), wall("2036-01-01T00:00:00Z"));
    let always = Weekday::ALL.map(|day| on(day, 0, MINUTES_PER_DAY)).to_vec();
    for weekly in [vec![], always] {
        let compiled = compiled(&schedule("Europe/Prague", weekly), &[]);
        assert_eq!(compiled.next_change(from, until), None);
        // Beyond what a calendar holds there is an answer, too.
        assert_eq!(compiled.next_change(Wall(i64::MAX), Wall(i64::MAX)), None);
        assert_eq!(compiled.next_change(Wall(i64::MIN), Wall(i64::MIN)), None);
    }
}

#[test]
fn a_day_begins_where_the_clock_says() {
    for (zone, day, expect) in [
        ("Europe/Stockholm", "2026-03-29", "2026-03-28T23:00:00.000Z"),
        ("Europe/Stockholm", "2026-10-26", "2026-10-25T23:00:00.000Z"),
        (
            "Pacific/Kiritimati",
            "2026-01-01",
            "2025-12-31T10:00:00.000Z",
        ),
        // Midnight does not occur: clocks go from 24:00 to 01:00.
        ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00.000Z"),
        // Samoa left out this whole day.
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00.000Z"),
    ] {
        let first = Zone::new(zone).unwrap().first_moment(day.parse().unwrap());
        assert_eq!(first.to_string(), expect, "{zone}");
    }
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
    let epoch = LocalTime {
        day: CivilDate(0),
        minute: 0,
    };
    assert_eq!(epoch.to_string(), "Thursday 00:00");
}

/// The rule as it is written down, by whole civil arithmetic: slow, and shares nothing with the
/// code but the calendar library and the days of the holiday sets.
struct Oracle<'a> {
    zone: TimeZone,
    schedule: &'a Schedule,
    sets: &'a [HolidaySet],
}

/// The hours of a day in words: which entry they come from, and what they are.
#[derive(PartialEq)]
struct OfDay {
    entry: Option<(&'static str, usize)>,
    hours: Vec<(u16, u16)>,
}

impl Oracle<'_> {
    fn is_open(&self, at: Wall) -> bool {
        let civil = Timestamp::from_millisecond(at.0)
            .unwrap()
            .to_zoned(self.zone.clone())
            .datetime();
        let minute =
            u16::try_from(civil.hour()).unwrap() * 60 + u16::try_from(civil.minute()).unwrap();
        let today = self.of(civil.date());
        let yesterday = self.of(civil.date().yesterday().unwrap());
        let own = today
            .hours
            .iter()
            .any(|&(from, until)| minute >= from && (minute < until || until <= from));
        let goes_on = today.entry.is_none() || today.entry == yesterday.entry;
        let before = yesterday
            .hours
            .iter()
            .any(|&(from, until)| until <= from && minute < until);
        own || (goes_on && before)
    }

    fn of(&self, date: jiff::civil::Date) -> OfDay {
        let text = date.to_string();
        let Ok(day) = text.parse::<CivilDate>() else {
            return self.of_week(date);
        };
        for (nth, each) in self.schedule.exceptions.iter().enumerate() {
            if (each.date..=each.last_day()).contains(&day) {
                return OfDay {
                    entry: Some(("exception", nth)),
                    hours: pairs(&each.hours),
                };
            }
        }
        for (nth, rule) in self.schedule.holidays.iter().enumerate() {
            let set = self.sets.iter().find(|set| set.id == rule.set).unwrap();
            if (1970..=2199).contains(&date.year()) && holidays_on(set, day).next().is_some() {
                return OfDay {
                    entry: Some(("holiday", nth)),
                    hours: pairs(&rule.hours),
                };
            }
        }
        self.of_week(date)
    }

    fn of_week(&self, date: jiff::civil::Date) -> OfDay {
        let weekday = date.weekday().to_monday_zero_offset();
        let weekday = Weekday::ALL[usize::try_from(weekday).unwrap()];
        let hours = self.schedule.weekly.iter();
        let hours = hours.filter(|each| each.day == weekday);
        OfDay {
            entry: None,
            hours: hours
                .map(|each| (each.from_minute, each.until_minute))
                .collect(),
        }
    }
}

fn pairs(hours: &[DayInterval]) -> Vec<(u16, u16)> {
    let hours = hours.iter();
    hours
        .map(|each| (each.from_minute, each.until_minute))
        .collect()
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

fn any_hours() -> impl Strategy<Value = Vec<DayInterval>> {
    let interval = (0u16..1440, 1u16..=1440).prop_map(|(from_minute, until_minute)| DayInterval {
        from_minute,
        until_minute,
    });
    proptest::collection::vec(interval, 0..3)
}

const DAY_2020: i32 = 18_262;
const DAY_2040: i32 = 25_567;

/// Exceptions without a day in common, in any order.
fn any_exceptions() -> impl Strategy<Value = Vec<DatedException>> {
    let one = (DAY_2020..DAY_2040, 0i32..4, any_hours());
    proptest::collection::vec(one, 0..6).prop_map(|all| {
        let mut taken: Vec<DatedException> = Vec::new();
        for (first, days, hours) in all {
            let date = CivilDate(first);
            let each = DatedException {
                date,
                last: (days > 0).then(|| date.plus_days(days)),
                hours,
                note: String::new(),
            };
            if taken
                .iter()
                .all(|other| other.last_day() < each.date || each.last_day() < other.date)
            {
                taken.push(each);
            }
        }
        taken
    })
}

fn any_holiday() -> impl Strategy<Value = Holiday> {
    let weekday = || (0usize..7).prop_map(|day| Weekday::ALL[day]);
    let on = prop_oneof![
        (1u8..=12, 1u8..=28).prop_map(|(month, day)| HolidayDate::Yearly { month, day }),
        (1u8..=12, 1i8..=4, any::<bool>(), weekday()).prop_map(|(month, nth, last, weekday)| {
            HolidayDate::NthWeekday {
                month,
                nth: if last { -nth } else { nth },
                weekday,
            }
        }),
        (1u8..=12, 1u8..=28, weekday()).prop_map(|(month, day, weekday)| {
            HolidayDate::WeekdayFrom {
                month,
                day,
                weekday,
            }
        }),
        (-120i16..=120).prop_map(|days| HolidayDate::Easter { days }),
        (DAY_2020..DAY_2040, 0i32..20).prop_map(|(first, days)| HolidayDate::Once {
            date: CivilDate(first),
            last: Some(CivilDate(first + days)),
        }),
    ];
    let observed = prop::sample::select(vec![
        Observed::OnTheDay,
        Observed::NextWeekday,
        Observed::NearestWeekday,
    ]);
    (on, observed).prop_map(|(on, observed)| Holiday {
        name: "Day".to_owned(),
        on,
        observed,
        from_year: None,
        until_year: None,
    })
}

fn any_sets() -> impl Strategy<Value = Vec<HolidaySet>> {
    let set = proptest::collection::vec(any_holiday(), 0..8);
    proptest::collection::vec(set, 2).prop_map(|all| {
        let sets = (1..).zip(all).map(|(id, holidays)| HolidaySet {
            id: HolidaySetId(id),
            name: format!("Set {id}"),
            holidays,
        });
        sets.collect()
    })
}

/// A schedule of any shape, and the holiday sets it follows.
fn any_schedule() -> impl Strategy<Value = (Schedule, Vec<HolidaySet>)> {
    (
        proptest::sample::select(zone_names()),
        proptest::collection::vec(any_weekly(), 0..12),
        any_exceptions(),
        any_sets(),
        any_hours(),
        any_hours(),
    )
        .prop_map(|(zone, weekly, exceptions, sets, first, second)| {
            let rule = |(set, hours)| HolidayRule {
                set: HolidaySetId(set),
                hours,
            };
            let of_any_shape = Schedule {
                exceptions,
                holidays: [(2, first), (1, second)].map(rule).to_vec(),
                ..schedule(&zone, weekly)
            };
            (of_any_shape, sets)
        })
}

fn compiled(schedule: &Schedule, sets: &[HolidaySet]) -> CompiledSchedule {
    let mut calendars = Calendars::default();
    sets.iter().for_each(|set| calendars.put_holidays(set));
    CompiledSchedule::compile(schedule, &mut calendars).unwrap()
}

/// Every time of the clock's changes in a zone, and the ends of exceptional days and holidays:
/// where mistakes would be.
fn interesting(zone: &TimeZone, schedule: &Schedule, sets: &[HolidaySet]) -> Vec<i64> {
    let first = Timestamp::from_millisecond(MS_2020).unwrap();
    let changes = zone.following(first).take(40);
    let mut times: Vec<i64> = changes.map(|at| at.timestamp().as_millisecond()).collect();
    let exceptions = schedule.exceptions.iter();
    let mut days: Vec<_> = exceptions
        .flat_map(|each| [each.date, each.last_day().plus_days(1)])
        .collect();
    days.extend(sets.iter().flat_map(|set| {
        let days = days_of(set, 2028).into_iter().map(|(day, _)| day);
        days.flat_map(|day| [day, day.plus_days(1)])
    }));
    times.extend(days.into_iter().map(|day| {
        let offset = zone.to_offset(first).seconds();
        (i64::from(day.0) * 86_400 - i64::from(offset)) * 1000
    }));
    times
}

const MS_2020: i64 = 1_577_836_800_000;
const MS_2040: i64 = 2_208_988_800_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn compiled_schedules_agree_with_the_rule_as_written(
        (schedule, sets) in any_schedule(),
        times in proptest::collection::vec(MS_2020..MS_2040, 20),
        far in -2_000_000_000_000i64..8_000_000_000_000,
        near_s in proptest::collection::vec(-90_000i64..90_000, 4),
    ) {
        let compiled = compiled(&schedule, &sets);
        let zone = TimeZoneDatabase::bundled().get(&schedule.time_zone).unwrap();
        let mut times: Vec<i64> = times;
        times.push(far);
        for at in interesting(&zone, &schedule, &sets) {
            times.extend([at - 1, at]);
            times.extend(near_s.iter().map(|near| at + near * 1_000));
        }
        let oracle = Oracle { zone, schedule: &schedule, sets: &sets };
        for at in times.into_iter().map(Wall) {
            let found = compiled.is_open(at);
            prop_assert_eq!(found, oracle.is_open(at), "{} at {}", schedule.time_zone, at);
        }
    }

    /// Between two changes nothing changes, and at each it does.
    #[test]
    fn changes_are_found_where_they_are(
        (schedule, sets) in any_schedule(),
        from in MS_2020..MS_2040,
        minutes in proptest::collection::vec(0i64..14 * 1440, 200),
    ) {
        let compiled = compiled(&schedule, &sets);
        let until = Wall(from).plus_ms(14 * 86_400_000);
        let mut at = Wall(from);
        let mut changes = Vec::new();
        while let Some(next) = compiled.next_change(at, until) {
            prop_assert!(at < next && next < until);
            prop_assert_ne!(compiled.is_open(next), compiled.is_open(next.plus_ms(-1)));
            prop_assert_ne!(compiled.is_open(next), compiled.is_open(at));
            changes.push(next);
            at = next;
        }
        let first = compiled.is_open(Wall(from));
        for minute in minutes {
            let at = Wall(from).plus_ms(minute * 60_000);
            let so_far = changes.iter().filter(|change| **change <= at).count();
            prop_assert_eq!(compiled.is_open(at), first ^ (so_far % 2 == 1), "{}", at);
        }
    }

    /// What a preview shows for people is what is decided, minute by minute.
    #[test]
    fn a_preview_shows_what_is_decided(
        (schedule, sets) in any_schedule(),
        from in MS_2020..MS_2040,
        minutes in proptest::collection::vec(0i64..7 * 1440, 100),
    ) {
        let compiled = compiled(&schedule, &sets);
        let set = |id| sets.iter().find(|set| set.id == id).cloned();
        let first = compiled.reading(Wall(from)).unwrap().local.day;
        let days = preview(&schedule, &compiled, set, first, 9);
        for minute in minutes {
            let reading = compiled.reading(Wall(from).plus_ms(minute * 60_000)).unwrap();
            let day = days.iter().find(|day| day.date == reading.local.day).unwrap();
            let minute = reading.local.minute;
            let shown = day
                .hours
                .iter()
                .any(|open| (open.from_minute..open.until_minute).contains(&minute));
            prop_assert_eq!(shown, reading.open, "{}", reading.local);
            let skipped = day.clock_changes.iter().any(|change| {
                change.change == Change::Skipped
                    && (change.from_minute..change.until_minute).contains(&minute)
            });
            prop_assert!(!skipped, "{} does not occur", reading.local);
        }
        for day in &days {
            prop_assert!(day.hours.is_sorted());
            let apart = |pair: &[DayInterval]| pair[0].until_minute < pair[1].from_minute;
            prop_assert!(day.hours.windows(2).all(apart));
        }
    }
}
