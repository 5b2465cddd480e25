//! Rows 30, 31 (keys) and 46: schedules with exceptions and holidays, and why.

use doorward_api::{Changes, Client, ClientError, DaysQuery, EventRow};
use doorward_core::date::CivilDate;
use doorward_core::decide::{Outcome, Rule};
use doorward_core::event::Reason;
use doorward_core::ids::{DoorId, HolidaySetId, KeyId, UserId};
use doorward_core::model::{
    Change, DatedException, DayInterval, Holiday, HolidayDate, HolidayRule, HolidaySet, Key,
    Observed, Record, RecordRef, Schedule, User, UserState,
};
use doorward_core::schedule::DaySource;

use crate::house::{House, Plan};
use crate::table::{ALL_DOORS, ALWAYS, card, furnish, user};

fn call<T>(house: &House, call: impl AsyncFnOnce(&Client) -> Result<T, ClientError>) -> T {
    house.daemon().call(call).unwrap()
}

fn house() -> House {
    let house = House::start(Plan::default());
    furnish(&house);
    house
}

fn always(house: &House) -> Schedule {
    call(house, async |client| client.record(ALWAYS).await)
}

/// Today, by the clock of the schedule and the appliance.
fn today(house: &House) -> CivilDate {
    let week = call(house, async |client| {
        let present = DaysQuery::default();
        client.schedule_days(ALWAYS, &present).await
    });
    // The week that is shown begins on Monday and has today in it.
    let now = house.status().now;
    let zone = doorward_core::schedule::Zone::new(&week.time_zone).unwrap();
    let today = zone.local(now).day;
    assert!(week.days.iter().any(|day| day.date == today));
    today
}

fn whole_day() -> Vec<DayInterval> {
    vec![DayInterval {
        from_minute: 0,
        until_minute: 1440,
    }]
}

/// Yesterday to tomorrow, so that a midnight during the test changes nothing.
fn about_now(house: &House, hours: Vec<DayInterval>) -> DatedException {
    let today = today(house);
    DatedException {
        date: today.plus_days(-1),
        last: Some(today.plus_days(1)),
        hours,
        note: "Stocktaking".to_owned(),
    }
}

fn replace(house: &House, schedule: &Schedule) {
    call(house, async |client| client.replace(schedule).await);
}

#[test]
fn row_30_exceptions_and_holidays_replace_the_day_at_the_door() {
    let mut house = house();
    house.tap(1, card(1));
    house.assert_granted(1);

    let mut schedule = always(&house);
    schedule.exceptions = vec![about_now(&house, Vec::new())];
    replace(&house, &schedule);
    house.tap(1, card(1));
    house.assert_denied(1, Reason::OutsideSchedule);
    schedule.exceptions = vec![about_now(&house, whole_day())];
    replace(&house, &schedule);
    house.tap(1, card(1));
    house.assert_granted(1);

    // A holiday on each of these days closes them; an exception goes before it.
    let today = today(&house);
    let set = HolidaySet {
        id: HolidaySetId(1),
        name: "Ours".to_owned(),
        holidays: vec![Holiday {
            name: "Founders' Days".to_owned(),
            on: HolidayDate::Once {
                date: today.plus_days(-1),
                last: Some(today.plus_days(1)),
            },
            observed: Observed::OnTheDay,
            from_year: None,
            until_year: None,
        }],
    };
    schedule.holidays = vec![HolidayRule {
        set: set.id,
        hours: Vec::new(),
    }];
    let both = [
        Record::HolidaySet(set.clone()),
        Record::Schedule(schedule.clone()),
    ];
    house.put(both.to_vec());
    house.tap(1, card(1));
    house.assert_granted(1);
    schedule.exceptions.clear();
    replace(&house, &schedule);
    house.tap(1, card(1));
    house.assert_denied(1, Reason::OutsideSchedule);

    let shown = call(&house, async |client| {
        let query = DaysQuery {
            from: Some(today),
            days: Some(3),
        };
        client.schedule_days(ALWAYS, &query).await
    });
    assert_eq!(shown.days[0].source, DaySource::Holiday);
    assert_eq!(shown.days[0].names, ["Founders' Days"]);
    assert_eq!(shown.days[0].hours, []);
    assert_eq!(shown.days[2].source, DaySource::Week);
    assert_eq!(shown.days[2].hours, whole_day());

    // A set that is followed is not removed; changed, it is in force at once.
    let refused = house
        .daemon()
        .call(async |client| client.delete::<HolidaySet>(set.id).await)
        .unwrap_err();
    assert!(
        refused.to_string().contains("still used by schedule 1"),
        "{refused}"
    );
    let empty = HolidaySet {
        holidays: Vec::new(),
        ..set
    };
    call(&house, async |client| client.replace(&empty).await);
    house.tap(1, card(1));
    house.assert_granted(1);
}

#[test]
fn row_30_bad_schedules_are_refused_with_every_problem_at_once() {
    let house = house();
    let mut schedule = always(&house);
    let day = |date: &str| date.parse().unwrap();
    let exception = |date, last: Option<&str>| DatedException {
        date: day(date),
        last: last.map(day),
        hours: Vec::new(),
        note: String::new(),
    };
    schedule.time_zone = "Europe/Atlantis".to_owned();
    schedule.exceptions = vec![
        exception("2026-12-24", Some("2026-12-23")),
        exception("1900-01-01", None),
        exception("9999-01-01", None),
    ];
    schedule.holidays = vec![HolidayRule {
        set: HolidaySetId(9),
        hours: vec![DayInterval {
            from_minute: 1440,
            until_minute: 0,
        }],
    }];
    let before = house.status().revision;
    let refused = house
        .daemon()
        .call(async |client| client.replace(&schedule).await)
        .unwrap_err();
    let ClientError::Problem(problem) = refused else {
        panic!("{refused}");
    };
    let fields: Vec<_> = problem
        .problems
        .iter()
        .map(|each| each.field.as_str())
        .collect();
    for field in [
        "time_zone",
        "exceptions[0].last",
        "exceptions[1].date",
        "exceptions[2].date",
        "holidays[0].set",
        "holidays[0].hours[0].from_minute",
        "holidays[0].hours[0].until_minute",
    ] {
        assert!(fields.contains(&field), "{field} is not in {fields:?}");
    }
    assert_eq!(house.status().revision, before);
}

#[test]
fn row_30_schedules_begin_with_presets_and_are_previewed_before_they_are_saved() {
    let house = house();
    let presets = call(&house, async |client| client.presets().await);
    let countries: Vec<_> = presets
        .holiday_sets
        .iter()
        .map(|set| &*set.country)
        .collect();
    for country in ["SE", "FR", "CZ", "DK", "GB", "US"] {
        assert!(countries.contains(&country), "{country}");
    }
    let sweden = &presets
        .holiday_sets
        .iter()
        .find(|set| set.country == "SE")
        .unwrap();
    let made = call(&house, async |client| {
        let set = HolidaySet {
            id: HolidaySetId(0),
            name: sweden.name.clone(),
            holidays: sweden.holidays.clone(),
        };
        client.create(&set).await
    });
    let days = call(&house, async |client| {
        client.holiday_days(made.record.id, Some(2026)).await
    });
    let midsummer = days.days.iter().find(|day| day.name == "Midsommardagen");
    assert_eq!(midsummer.unwrap().date.to_string(), "2026-06-20");

    let request = doorward_api::PreviewRequest {
        schedule: Schedule {
            weekly: presets.schedules[0].weekly.clone(),
            holidays: vec![HolidayRule {
                set: made.record.id,
                hours: Vec::new(),
            }],
            ..always(&house)
        },
        from: Some("2026-12-21".parse().unwrap()),
        days: None,
    };
    let before = house.status().revision;
    let week = call(&house, async |client| {
        client.preview_schedule(&request).await
    });
    let open: Vec<bool> = week.days.iter().map(|day| !day.hours.is_empty()).collect();
    assert_eq!(open, [true, true, true, true, false, false, false]);
    assert_eq!(week.days[4].names, ["Juldagen"]);
    assert_eq!(house.status().revision, before);
}

#[test]
fn row_46_why_walks_the_rules_in_order_and_marks_the_first_that_fails() {
    let house = house();
    let mut schedule = always(&house);
    schedule.exceptions = vec![about_now(&house, Vec::new())];
    replace(&house, &schedule);
    let explanation = call(&house, async |client| {
        let subject = doorward_api::WhySubject::User(UserId(1));
        client
            .why(&doorward_api::WhyRequest::new(DoorId(1), subject))
            .await
    });
    assert_eq!(explanation.reason, Reason::OutsideSchedule);
    assert!(explanation.steps.is_sorted_by_key(|step| step.number));
    let failed: Vec<_> = explanation
        .steps
        .iter()
        .filter(|step| !step.passed)
        .collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].rule, Rule::KeyInSchedule);
    assert!(
        failed[0].facts.contains("a day with an exception"),
        "{}",
        failed[0].facts
    );
}

#[test]
fn row_46_a_past_event_is_explained_by_the_table_as_it_was() {
    let mut house = house();
    house.tap(1, card(1));
    let granted = house.assert_granted(1);
    house.put(vec![user(1, UserState::Suspended)]);
    house.tap(1, card(1));
    let suspended = house.assert_denied(1, Reason::UserSuspended);
    house.tap(1, card(77));
    let unknown = house.assert_denied(1, Reason::CardUnknown);
    let why = |house: &House, event: &EventRow| {
        let seq = event.seq;
        call(house, async |client| client.event_why(seq).await)
    };
    // Nothing was changed since the last decision.
    let found = why(&house, &suspended);
    assert_eq!(found.decided_under, found.revision);
    assert_eq!(found.changed_since, []);
    assert!(found.agrees);

    // The user goes, and the key: what was decided is explained by what was there.
    let gone = [
        Change::Remove(RecordRef::User(UserId(1))),
        Change::Remove(RecordRef::Key(ALL_DOORS)),
    ];
    call(&house, async |client| {
        let changes = Changes {
            changes: gone.to_vec(),
        };
        client.apply(&changes, None).await
    });
    let found = why(&house, &granted);
    assert_eq!(
        found.explanation.as_ref().unwrap().outcome,
        Outcome::Granted
    );
    assert_eq!(found.explanation.as_ref().unwrap().key, Some(ALL_DOORS));
    assert_eq!(found.explained_by, found.decided_under);
    assert!(found.decided_under < found.revision && found.agrees);
    for reference in [RecordRef::User(UserId(1)), RecordRef::Key(ALL_DOORS)] {
        assert!(found.changed_since.contains(&reference), "{reference}");
    }
    let found = why(&house, &suspended);
    assert_eq!(found.explanation.unwrap().reason, Reason::UserSuspended);
    let found = why(&house, &unknown);
    assert!(found.agrees, "{found:?}");

    let log = house.log();
    let no_decision = log
        .iter()
        .find(|row| row.event.reason.is_none())
        .unwrap()
        .seq;
    let refused = house
        .daemon()
        .call(async |client| client.event_why(no_decision).await)
        .unwrap_err();
    assert!(refused.to_string().contains("is no decision"), "{refused}");
}

#[test]
fn row_46_a_week_is_foreseen_as_the_doors_will_decide_it() {
    let house = house();
    let office = Schedule {
        weekly: doorward_core::model::SchedulePreset::Office.weekly(),
        exceptions: vec![DatedException {
            date: "2027-03-24".parse().unwrap(),
            last: None,
            hours: Vec::new(),
            note: String::new(),
        }],
        ..always(&house)
    };
    replace(&house, &office);
    let query = DaysQuery {
        from: Some("2027-03-22".parse().unwrap()),
        days: None,
    };
    let access = call(&house, async |client| {
        client.user_access(UserId(1), DoorId(1), &query).await
    });
    let granted = access
        .spans
        .iter()
        .filter(|span| span.outcome == Outcome::Granted);
    let times: Vec<_> = granted
        .map(|span| (span.from.to_string(), span.until.to_string(), span.key))
        .collect();
    let day = |date: &str| {
        let at = |time: &str| format!("2027-03-{date}T{time}:00.000Z");
        (at("06:00"), at("17:00"), Some(KeyId(1)))
    };
    assert_eq!(times, ["22", "23", "25", "26"].map(day));
    assert!(
        access
            .spans
            .windows(2)
            .all(|pair| pair[0].until == pair[1].from)
    );

    // Whoever is suspended is told so, the whole week.
    let user: User = call(&house, async |client| client.record(UserId(1)).await);
    let suspended = User {
        state: UserState::Suspended,
        ..user
    };
    call(&house, async |client| client.replace(&suspended).await);
    let access = call(&house, async |client| {
        client.user_access(UserId(1), DoorId(1), &query).await
    });
    assert_eq!(access.spans.len(), 1);
    assert_eq!(access.spans[0].reason, Reason::UserSuspended);
    let key: Key = call(&house, async |client| client.record(ALL_DOORS).await);
    assert_eq!(key.schedule, Some(ALWAYS));
}
