use proptest::prelude::*;

use super::{HOLIDAY_YEARS, HolidayCalendar, days_of, easter, holidays_on};
use crate::date::CivilDate;
use crate::ids::HolidaySetId;
use crate::model::{Holiday, HolidayDate, HolidaySet, Observed, Weekday};

fn set(holidays: Vec<Holiday>) -> HolidaySet {
    HolidaySet {
        id: HolidaySetId(1),
        name: "Test".to_owned(),
        holidays,
    }
}

fn holiday(on: HolidayDate, observed: Observed) -> Holiday {
    Holiday {
        name: "Day".to_owned(),
        on,
        observed,
        from_year: None,
        until_year: None,
    }
}

/// The days of a set in a year, by their dates.
#[track_caller]
fn check(of: &HolidaySet, year: i16, expect: &[&str]) {
    let found: Vec<_> = days_of(of, year)
        .iter()
        .map(|(day, _)| day.to_string())
        .collect();
    assert_eq!(found, expect, "{year}");
}

#[track_caller]
fn check_date(on: HolidayDate, expect: &[&str]) {
    for date in expect {
        let year = date.parse::<CivilDate>().unwrap().year();
        check(&set(vec![holiday(on, Observed::OnTheDay)]), year, &[date]);
    }
}

#[test]
fn easter_is_where_the_almanacs_have_it() {
    // The earliest and the latest of four centuries among them.
    for date in [
        "1970-03-29",
        "1981-04-19",
        "2000-04-23",
        "2008-03-23",
        "2019-04-21",
        "2024-03-31",
        "2025-04-20",
        "2026-04-05",
        "2027-03-28",
        "2038-04-25",
        "2049-04-18",
        "2076-04-19",
        "2100-03-28",
        "2160-03-23",
        "2190-04-25",
    ] {
        let expect: CivilDate = date.parse().unwrap();
        assert_eq!(easter(expect.year()), Some(expect));
    }
    let whit_monday = HolidayDate::Easter { days: 50 };
    check_date(whit_monday, &["2025-06-09", "2026-05-25", "2027-05-17"]);
}

proptest! {
    /// By the definition: the Sunday after the first full moon of the church's table on or after
    /// 21 March, from Gauss's form of the computus, which shares no step with the code.
    #[test]
    fn easter_is_what_gauss_computes(year in 1583i16..4099) {
        let of = i32::from(year);
        let (a, b, c, k) = (of % 19, of % 4, of % 7, of / 100);
        let p = (13 + 8 * k) / 25;
        let m = (15 - p + k - k / 4) % 30;
        let n = (4 + k - k / 4) % 7;
        let d = (19 * a + m) % 30;
        let e = (2 * b + 4 * c + 6 * d + n) % 7;
        let day = match (d, e) {
            (29, 6) => 50,
            (28, 6) if (11 * m + 11) % 30 < 19 => 49,
            _ => 22 + d + e,
        };
        let first_of_march = CivilDate::new(year, 3, 1).unwrap();
        prop_assert_eq!(easter(year), Some(first_of_march.plus_days(day - 1)));
    }
}

#[test]
fn days_of_the_week_are_found_from_either_end_of_a_month() {
    let nth = |month, nth, weekday| HolidayDate::NthWeekday {
        month,
        nth,
        weekday,
    };
    check_date(nth(11, 4, Weekday::Thursday), &["2025-11-27", "2026-11-26"]);
    check_date(nth(5, -1, Weekday::Monday), &["2025-05-26", "2027-05-31"]);
    check_date(nth(12, -1, Weekday::Thursday), &["2026-12-31"]);
    check_date(nth(2, -4, Weekday::Sunday), &["2026-02-01"]);
    let midsummer = HolidayDate::WeekdayFrom {
        month: 6,
        day: 20,
        weekday: Weekday::Saturday,
    };
    check_date(
        midsummer,
        &["2020-06-20", "2025-06-21", "2026-06-20", "2021-06-26"],
    );
}

#[test]
fn a_day_that_a_year_does_not_have_is_not_in_it() {
    let leap = HolidayDate::Yearly { month: 2, day: 29 };
    check_date(leap, &["2024-02-29"]);
    let leap = set(vec![holiday(leap, Observed::NextWeekday)]);
    check(&leap, 2026, &[]);
}

#[test]
fn a_holiday_has_a_first_and_a_last_year() {
    let yearly = |from_year, until_year| {
        let mut day = holiday(
            HolidayDate::Yearly { month: 6, day: 19 },
            Observed::OnTheDay,
        );
        (day.from_year, day.until_year) = (from_year, until_year);
        set(vec![day])
    };
    check(&yearly(Some(2021), None), 2020, &[]);
    check(&yearly(Some(2021), None), 2021, &["2021-06-19"]);
    check(&yearly(None, Some(2023)), 2023, &["2023-06-19"]);
    check(&yearly(None, Some(2023)), 2024, &[]);
}

#[test]
fn days_in_a_row_are_each_a_holiday() {
    let once = HolidayDate::Once {
        date: "2026-12-30".parse().unwrap(),
        last: Some("2027-01-02".parse().unwrap()),
    };
    let closed = set(vec![holiday(once, Observed::OnTheDay)]);
    let days = ["2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02"];
    check(&closed, 2026, &days);
    check(&closed, 2027, &[]);
    let calendar = HolidayCalendar::compile(&closed, HOLIDAY_YEARS);
    for day in days {
        assert!(calendar.contains(day.parse().unwrap()), "{day}");
    }
    // A calendar of one year has those that began the year before.
    let calendar = HolidayCalendar::compile(&closed, 2027..=2027);
    assert!(calendar.contains(days[3].parse().unwrap()));
    assert!(!calendar.contains(days[1].parse().unwrap()));
}

#[test]
fn a_weekend_is_made_good_by_the_rule_of_the_country() {
    let yearly = |month, day, observed| holiday(HolidayDate::Yearly { month, day }, observed);
    // England: 25 and 26 December move behind each other.
    let next = Observed::NextWeekday;
    let christmas = set(vec![yearly(12, 26, next), yearly(12, 25, next)]);
    check(&christmas, 2024, &["2024-12-25", "2024-12-26"]);
    check(
        &christmas,
        2020,
        &["2020-12-25", "2020-12-26", "2020-12-28"],
    );
    check(
        &christmas,
        2021,
        &["2021-12-25", "2021-12-26", "2021-12-27", "2021-12-28"],
    );
    check(
        &christmas,
        2022,
        &["2022-12-25", "2022-12-26", "2022-12-27"],
    );
    // The United States: Friday for Saturday, also across the year.
    let nearest = set(vec![yearly(1, 1, Observed::NearestWeekday)]);
    check(&nearest, 2028, &["2027-12-31", "2028-01-01"]);
    check(&nearest, 2023, &["2023-01-01", "2023-01-02"]);
    let calendar = HolidayCalendar::compile(&nearest, 2027..=2027);
    assert!(calendar.contains("2027-12-31".parse().unwrap()));
    let eve = holidays_on(&nearest, "2027-12-31".parse().unwrap());
    assert_eq!(eve.count(), 1);
}

#[test]
fn a_calendar_knows_no_day_outside_its_years() {
    let yearly = |month, day| holiday(HolidayDate::Yearly { month, day }, Observed::OnTheDay);
    let ends = set(vec![yearly(1, 1), yearly(12, 31)]);
    let calendar = HolidayCalendar::compile(&ends, HOLIDAY_YEARS);
    for (day, expect) in [
        (CivilDate::MIN, true),
        (CivilDate::MIN.plus_days(1), false),
        (CivilDate::MAX, true),
        (CivilDate(-1), false),
        (CivilDate::MAX.plus_days(1), false),
        (CivilDate(i32::MIN), false),
        (CivilDate(i32::MAX), false),
    ] {
        assert_eq!(calendar.contains(day), expect, "{day}");
    }
    assert_eq!(format!("{calendar:?}"), "HolidayCalendar(460 days)");
}

/// Any date that a record could hold, bounds kept or not.
fn any_date() -> impl Strategy<Value = HolidayDate> {
    let weekday = || (0usize..7).prop_map(|day| Weekday::ALL[day]);
    prop_oneof![
        (any::<u8>(), any::<u8>()).prop_map(|(month, day)| HolidayDate::Yearly { month, day }),
        (any::<u8>(), any::<i8>(), weekday()).prop_map(|(month, nth, weekday)| {
            HolidayDate::NthWeekday {
                month,
                nth,
                weekday,
            }
        }),
        (any::<u8>(), any::<u8>(), weekday()).prop_map(|(month, day, weekday)| {
            HolidayDate::WeekdayFrom {
                month,
                day,
                weekday,
            }
        }),
        any::<i16>().prop_map(|days| HolidayDate::Easter { days }),
        (any::<i32>(), any::<Option<i32>>()).prop_map(|(date, last)| HolidayDate::Once {
            date: CivilDate(date),
            last: last.map(CivilDate),
        }),
    ]
}

proptest! {
    /// A record of another version or a broken store may hold anything.
    #[test]
    fn nonsense_is_computed_without_panic(
        dates in proptest::collection::vec(any_date(), 0..10),
        year in any::<i16>(),
    ) {
        let holidays = dates.into_iter().map(|on| holiday(on, Observed::NextWeekday));
        let of = set(holidays.collect());
        let _ = days_of(&of, year);
        let _ = HolidayCalendar::compile(&of, HOLIDAY_YEARS);
    }
}
