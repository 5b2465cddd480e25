//! Schedules against an independent oracle: Python's zoneinfo, in every time zone that it knows.
//!
//! Cases are drawn where mistakes would be: on both sides of every change of a zone's clock from 2020
//! to 2040, at the ends of exceptional days and holidays, at the ends of intervals, and anywhere.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use doorward_core::date::CivilDate;
use doorward_core::ids::{HolidaySetId, ScheduleId};
use doorward_core::model::{
    DatedException, DayInterval, Holiday, HolidayDate, HolidayRule, HolidaySet, Observed, Problems,
    Schedule, Validate, Weekday, WeeklyInterval,
};
use doorward_core::sample::Random;
use doorward_core::schedule::{Calendars, CompiledSchedule, Zone};
use doorward_core::time::Wall;
use serde::{Deserialize, Serialize};

use super::progress;
use crate::peer::JsonPeer;

const FROM: i64 = 1_577_836_800; // 2020-01-01T00:00:00Z
const UNTIL: i64 = 2_240_611_200; // 2041-01-01T00:00:00Z
const DAY_FROM: i32 = 18_262;
const DAY_UNTIL: i32 = 25_932;

/// Times judged under one schedule.
const TIMES: u64 = 2_000;

const ANSWER_WITHIN: Duration = Duration::from_secs(120);

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Cases to judge: a zone, a schedule and a time each
    #[arg(long, default_value_t = 10_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    cases: u64,
    /// Which of all cases
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Oracles that work side by side
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    oracles: u16,
}

/// What was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    cases: u64,
    mismatches: u64,
    /// Zones that both know.
    zones: usize,
    /// Zones of the oracle that are unknown here: schedules in them are refused.
    zones_unknown: usize,
    /// Changes of clocks from 2020 to 2040, in all zones together.
    transitions: u64,
    /// Of all cases.
    open_percent: f64,
    /// The version of the time zone database that the oracle has.
    tzdata_oracle: String,
    seconds: f64,
}

#[derive(Debug, Serialize)]
#[serde(tag = "order", rename_all = "snake_case")]
enum Order {
    Zones,
    Transitions {
        zone: String,
        from: i64,
        until: i64,
    },
    Judge {
        schedule: Schedule,
        sets: Vec<HolidaySet>,
        at: Vec<i64>,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Report {
    Zones { zones: Vec<String>, tzdata: String },
    Transitions { transitions: Vec<i64> },
    Open { open: String },
}

/// The oracle, a process of its own.
struct Oracle(JsonPeer<Order, Report>);

impl Oracle {
    fn start() -> Result<Self> {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = std::env::var_os("DOORWARD_TEST_PYTHON").map(PathBuf::from);
        let mut command = Command::new(python.unwrap_or_else(|| tests.join(".venv/bin/python")));
        command.arg(tests.join("peers/schedule_oracle.py"));
        Ok(Self(JsonPeer::start("schedule oracle", command)?))
    }

    fn ask(&mut self, order: &Order) -> Result<Report> {
        self.0.send(order)?;
        self.0
            .wait_for("an answer", ANSWER_WITHIN, |report| Some(report.clone()))
    }

    fn zones(&mut self) -> Result<(Vec<String>, String)> {
        match self.ask(&Order::Zones)? {
            Report::Zones { zones, tzdata } => Ok((zones, tzdata)),
            other => bail!("expected zones, found {other:?}"),
        }
    }

    fn transitions(&mut self, zone: &str) -> Result<Vec<i64>> {
        let order = Order::Transitions {
            zone: zone.to_owned(),
            from: FROM,
            until: UNTIL,
        };
        match self.ask(&order)? {
            Report::Transitions { transitions } => Ok(transitions),
            other => bail!("expected transitions, found {other:?}"),
        }
    }

    fn judge(&mut self, schedule: &Schedule, sets: &[HolidaySet], at: &[i64]) -> Result<String> {
        let order = Order::Judge {
            schedule: schedule.clone(),
            sets: sets.to_vec(),
            at: at.to_vec(),
        };
        match self.ask(&order)? {
            Report::Open { open } if open.len() == at.len() => Ok(open),
            other => bail!("expected {} judgements, found {other:?}", at.len()),
        }
    }
}

/// Compares.
///
/// # Errors
/// When the oracle cannot be run, or does not understand.
pub fn run(options: &Options) -> Result<Figures> {
    let begun = Instant::now();
    let (all, tzdata_oracle) = Oracle::start()?.zones()?;
    let (zones, unknown): (Vec<String>, Vec<String>) =
        all.into_iter().partition(|name| Zone::new(name).is_ok());
    for name in &unknown {
        progress(&format!("zone `{name}` of the oracle is unknown here"));
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Figures {
        zones: zones.len(),
        zones_unknown: unknown.len(),
        tzdata_oracle,
        ..Figures::default()
    });
    let per_zone = options.cases.div_ceil(zones.len().max(1) as u64);
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            let mut oracle = Oracle::start()?;
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let Some(zone) = zones.get(nth) else {
                    return Ok(());
                };
                let random = Random::new(options.seed << 16 ^ nth as u64);
                let found = compare(&mut oracle, zone, per_zone, random)?;
                add(&done, &found, nth + 1, zones.len());
            }
        };
        let threads: Vec<_> = (0..options.oracles).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| bail!("an oracle's thread failed"))
        })
    })?;
    let mut figures = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let share = figures.open_percent * 100.0 / figures.cases.max(1) as f64;
    figures.open_percent = (share * 10.0).round() / 10.0;
    figures.seconds = begun.elapsed().as_secs_f64().round();
    Ok(figures)
}

/// Adds what was found in a zone; `open_percent` counts cases until the end.
fn add(done: &Mutex<Figures>, found: &Figures, zones: usize, of: usize) {
    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
    done.cases += found.cases;
    done.mismatches += found.mismatches;
    done.transitions += found.transitions;
    done.open_percent += found.open_percent;
    if zones.is_multiple_of(50) {
        progress(&format!(
            "{zones} of {of} zones: {} cases, {} mismatches",
            done.cases, done.mismatches
        ));
    }
}

/// Judges so many cases of one zone.
fn compare(oracle: &mut Oracle, zone: &str, cases: u64, mut random: Random) -> Result<Figures> {
    let transitions = oracle.transitions(zone)?;
    let mut figures = Figures {
        transitions: transitions.len() as u64,
        ..Figures::default()
    };
    while figures.cases < cases {
        let (schedule, sets) = draw(zone, &mut random)?;
        let mut calendars = Calendars::default();
        sets.iter().for_each(|set| calendars.put_holidays(set));
        let compiled = CompiledSchedule::compile(&schedule, &mut calendars)?;
        let wanted = (cases - figures.cases).min(TIMES);
        let times = times(&schedule, &compiled, &transitions, wanted, &mut random);
        let expect = oracle.judge(&schedule, &sets, &times)?;
        for (at, expect) in times.iter().zip(expect.bytes()) {
            let open = compiled.is_open(Wall(at * 1000));
            figures.cases += 1;
            figures.open_percent += f64::from(u8::from(open));
            if open != (expect == b'1') {
                if figures.mismatches == 0 {
                    let schedule = serde_json::to_string(&schedule)?;
                    progress(&format!("{zone} at {at}: {open} here, by {schedule}"));
                }
                figures.mismatches += 1;
            }
        }
    }
    Ok(figures)
}

/// Times where mistakes would be, and some anywhere.
fn times(
    schedule: &Schedule,
    compiled: &CompiledSchedule,
    transitions: &[i64],
    wanted: u64,
    random: &mut Random,
) -> Vec<i64> {
    let near = |at: i64, within: u32, random: &mut Random| {
        at - i64::from(within) + i64::from(random.below(2 * within))
    };
    let mut times = Vec::new();
    for &at in transitions {
        times.extend([at - 1, at, near(at, 10_800, random)]);
    }
    for each in &schedule.exceptions {
        for day in [each.date, each.last_day().plus_days(1)] {
            times.push(near(i64::from(day.0) * 86_400, 100_000, random));
        }
    }
    while (times.len() as u64) < wanted {
        let at = FROM + i64::from(random.below(7_670)) * 86_400 + i64::from(random.below(86_400));
        times.push(at);
        // The next edge from there on, from both sides.
        let horizon = Wall((at + 40 * 86_400) * 1000);
        if let Some(edge) = compiled.next_change(Wall(at * 1000), horizon) {
            times.extend([edge.seconds() - 1, edge.seconds()]);
        }
    }
    times.truncate(wanted as usize);
    times
}

/// A schedule of any shape that is allowed, and the holiday sets that it follows.
fn draw(zone: &str, random: &mut Random) -> Result<(Schedule, Vec<HolidaySet>)> {
    let sets: Vec<HolidaySet> = (1..=2).map(|id| draw_set(id, random)).collect();
    let mut exceptions: Vec<DatedException> = Vec::new();
    for _ in 0..random.below(12) {
        let date = draw_day(random);
        let each = DatedException {
            date,
            last: (random.below(2) == 0).then(|| date.plus_days(random.below(9).cast_signed())),
            hours: draw_hours(random),
            note: String::new(),
        };
        let apart =
            |other: &DatedException| other.last_day() < each.date || each.last_day() < other.date;
        if exceptions.iter().all(apart) {
            exceptions.push(each);
        }
    }
    let rules = sets.iter().map(|set| HolidayRule {
        set: set.id,
        hours: draw_hours(random),
    });
    let schedule = Schedule {
        id: ScheduleId(1),
        name: "Any".to_owned(),
        time_zone: zone.to_owned(),
        holidays: rules.rev().collect(),
        exceptions,
        weekly: (0..random.below(16))
            .map(|_| {
                let DayInterval {
                    from_minute,
                    until_minute,
                } = draw_interval(random);
                WeeklyInterval {
                    day: draw_weekday(random),
                    from_minute,
                    until_minute,
                }
            })
            .collect(),
    };
    let mut problems = Problems::default();
    schedule.validate(&mut problems);
    sets.iter().for_each(|set| set.validate(&mut problems));
    problems.into_result().context("drawn out of bounds")?;
    Ok((schedule, sets))
}

fn draw_set(id: u32, random: &mut Random) -> HolidaySet {
    let observed = [
        Observed::OnTheDay,
        Observed::NextWeekday,
        Observed::NearestWeekday,
    ];
    let holidays = (0..random.below(15)).map(|_| Holiday {
        name: "Day".to_owned(),
        on: draw_date(random),
        observed: observed[random.below(3) as usize],
        from_year: (random.below(4) == 0).then(|| 2020 + random.below(20) as i16),
        until_year: None,
    });
    HolidaySet {
        id: HolidaySetId(id),
        name: format!("Set {id}"),
        holidays: holidays.collect(),
    }
}

fn draw_date(random: &mut Random) -> HolidayDate {
    let month = 1 + random.below(12) as u8;
    let day = 1 + random.below(28) as u8;
    let weekday = draw_weekday(random);
    match random.below(6) {
        0 => HolidayDate::Yearly { month: 2, day: 29 },
        1 => HolidayDate::Yearly { month, day },
        2 => {
            let nth = 1 + random.below(4) as i8;
            let nth = if random.below(2) == 0 { nth } else { -nth };
            HolidayDate::NthWeekday {
                month,
                nth,
                weekday,
            }
        }
        3 => HolidayDate::WeekdayFrom {
            month,
            day,
            weekday,
        },
        4 => HolidayDate::Easter {
            days: random.below(241) as i16 - 120,
        },
        _ => {
            let date = draw_day(random);
            HolidayDate::Once {
                date,
                last: Some(date.plus_days(random.below(10).cast_signed())),
            }
        }
    }
}

fn draw_day(random: &mut Random) -> CivilDate {
    CivilDate(
        DAY_FROM
            + random
                .below((DAY_UNTIL - DAY_FROM).cast_unsigned())
                .cast_signed(),
    )
}

fn draw_weekday(random: &mut Random) -> Weekday {
    Weekday::ALL[random.below(7) as usize]
}

fn draw_hours(random: &mut Random) -> Vec<DayInterval> {
    (0..random.below(4))
        .map(|_| draw_interval(random))
        .collect()
}

fn draw_interval(random: &mut Random) -> DayInterval {
    // Clocks are changed in the first hours of a day: half of all ends lie there.
    let end = |random: &mut Random| {
        let below = if random.below(2) == 0 { 240 } else { 1440 };
        random.below(below) as u16
    };
    DayInterval {
        from_minute: end(random),
        until_minute: 1 + end(random),
    }
}
