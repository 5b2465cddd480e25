//! `doorward schedules`

use doorward_core::date::CivilDate;
use doorward_core::ids::ScheduleId;
use doorward_core::model::{
    DatedException, HolidayRule, HolidaySet, Schedule, SchedulePreset, WeeklyInterval,
};
use serde_json::json;

use super::args::{DaysArgs, ScheduleHours, SchedulesAction};
use super::calendar::{self, Rule};
use super::context::Context;
use super::failure::Failure;
use super::parse::{self, Weekly};
use super::table::{Fields, Table};
use super::{names, week};
use crate::text;

pub(super) async fn run(
    context: &mut Context,
    action: Option<SchedulesAction>,
) -> Result<(), Failure> {
    match action.unwrap_or(SchedulesAction::List) {
        SchedulesAction::List => list(context).await,
        SchedulesAction::Show { schedule } => show(context, &schedule).await,
        SchedulesAction::Add {
            name,
            time_zone,
            hours,
        } => add(context, name, time_zone, hours).await,
        SchedulesAction::Edit {
            schedule,
            name,
            time_zone,
            hours,
            no_holidays,
        } => {
            let fields = Settings {
                name,
                time_zone,
                no_holidays,
            };
            edit(context, &schedule, fields, hours).await
        }
        SchedulesAction::Copy { schedule, name } => copy(context, &schedule, name).await,
        SchedulesAction::Except {
            schedule,
            date,
            until,
            hours,
            note,
            remove: false,
        } => {
            let exception = DatedException {
                date,
                last: until,
                hours,
                note,
            };
            except(context, &schedule, exception).await
        }
        SchedulesAction::Except { schedule, date, .. } => restore(context, &schedule, date).await,
        SchedulesAction::Week { schedule, days } => show_week(context, &schedule, days).await,
        SchedulesAction::Presets => presets(context),
        SchedulesAction::Remove { schedule, yes } => remove(context, &schedule, yes).await,
    }
}

/// What `edit` changes besides the hours.
struct Settings {
    name: Option<String>,
    time_zone: Option<String>,
    no_holidays: bool,
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let schedules = context.client.list_all::<Schedule>().await?;
    if context.json {
        return context.print_json(&json!({ "schedules": schedules }));
    }
    if schedules.is_empty() {
        return context.print("no schedules");
    }
    let mut table = Table::new(&["ID", "NAME", "TIME ZONE", "HOURS"]);
    for schedule in schedules {
        let hours = hours(&schedule.weekly).join("; ");
        table.row(&[
            schedule.id.to_string(),
            schedule.name,
            schedule.time_zone,
            hours,
        ]);
    }
    Ok(table.write(&mut context.out)?)
}

async fn show(context: &mut Context, name: &str) -> Result<(), Failure> {
    let schedule: Schedule = names::find(&context.client, name).await?;
    if context.json {
        return context.print_json(&schedule);
    }
    let sets = context.client.list_all::<HolidaySet>().await?;
    let mut fields = Fields::default();
    fields.add("Schedule", format!("{} (#{})", schedule.name, schedule.id));
    fields.add("Time zone", &schedule.time_zone);
    fields.add_all("Hours", &hours(&schedule.weekly));
    let exceptions: Vec<String> = schedule.exceptions.iter().map(exception).collect();
    fields.add_all("Exceptions", &exceptions);
    let rule = |rule: &HolidayRule| {
        let set = sets.iter().find(|set| set.id == rule.set);
        let name = set.map_or_else(|| rule.set.to_string(), |set| set.name.clone());
        format!("{name}: {}", calendar::hours(&rule.hours))
    };
    let rules: Vec<String> = schedule.holidays.iter().map(rule).collect();
    fields.add_all("Holidays", &rules);
    Ok(fields.write(&mut context.out)?)
}

fn exception(exception: &DatedException) -> String {
    let days = match exception.last {
        Some(last) => format!("{} to {last}", exception.date),
        None => exception.date.to_string(),
    };
    let hours = calendar::hours(&exception.hours);
    match exception.note.as_str() {
        "" => format!("{days}: {hours}"),
        note => format!("{days}: {hours} ({note})"),
    }
}

async fn add(
    context: &mut Context,
    name: String,
    time_zone: String,
    hours: ScheduleHours,
) -> Result<(), Failure> {
    let Some(weekly) = weekly(&hours) else {
        return Err(Failure::usage("no hours: give `--weekly` or `--preset`"));
    };
    let schedule = Schedule {
        id: ScheduleId(0),
        name,
        time_zone,
        weekly,
        exceptions: Vec::new(),
        holidays: rules(context, hours.holidays).await?,
    };
    make(context, &schedule).await
}

async fn make(context: &mut Context, schedule: &Schedule) -> Result<(), Failure> {
    let saved = context.client.create(schedule).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let schedule = saved.record;
    context.print(format_args!(
        "{} is schedule #{}",
        schedule.name, schedule.id
    ))
}

/// The hours of the week that were given, if any.
fn weekly(given: &ScheduleHours) -> Option<Vec<WeeklyInterval>> {
    let preset = given
        .preset
        .map(|preset| SchedulePreset::from(preset).weekly());
    let mut weekly: Vec<WeeklyInterval> = preset.into_iter().flatten().collect();
    for Weekly(days) in &given.weekly {
        weekly.extend(days);
    }
    weekly.sort_unstable();
    weekly.dedup();
    (!weekly.is_empty()).then_some(weekly)
}

async fn rules(context: &Context, given: Vec<Rule>) -> Result<Vec<HolidayRule>, Failure> {
    let mut rules = Vec::new();
    for Rule { set, hours } in given {
        let set: HolidaySet = names::find(&context.client, &set).await?;
        rules.push(HolidayRule { set: set.id, hours });
    }
    Ok(rules)
}

async fn edit(
    context: &mut Context,
    name: &str,
    settings: Settings,
    hours: ScheduleHours,
) -> Result<(), Failure> {
    let schedule: Schedule = names::find(&context.client, name).await?;
    let weekly = weekly(&hours);
    let follows = !hours.holidays.is_empty();
    let rules = rules(context, hours.holidays).await?;
    let Settings {
        name,
        time_zone,
        no_holidays,
    } = settings;
    if name.is_none() && time_zone.is_none() && weekly.is_none() && !follows && !no_holidays {
        return Err(Failure::usage("nothing to change"));
    }
    let saved = context
        .edit(schedule.id, |schedule: &mut Schedule| {
            set(&mut schedule.name, name.as_ref());
            set(&mut schedule.time_zone, time_zone.as_ref());
            set(&mut schedule.weekly, weekly.as_ref());
            if follows || no_holidays {
                schedule.holidays.clone_from(&rules);
            }
        })
        .await?;
    changed(context, &saved)
}

fn set<T: Clone>(field: &mut T, given: Option<&T>) {
    if let Some(given) = given {
        field.clone_from(given);
    }
}

fn changed(context: &mut Context, saved: &doorward_api::Saved<Schedule>) -> Result<(), Failure> {
    if context.json {
        return context.print_json(saved);
    }
    context.print(format_args!("{} is changed", saved.record.name))
}

async fn copy(context: &mut Context, from: &str, name: String) -> Result<(), Failure> {
    let schedule: Schedule = names::find(&context.client, from).await?;
    make(context, &Schedule { name, ..schedule }).await
}

async fn except(
    context: &mut Context,
    name: &str,
    exception: DatedException,
) -> Result<(), Failure> {
    let schedule: Schedule = names::find(&context.client, name).await?;
    let saved = context
        .edit(schedule.id, |schedule: &mut Schedule| {
            // The same days again: the new hours replace the old.
            let days = (exception.date, exception.last_day());
            let exceptions = &mut schedule.exceptions;
            exceptions.retain(|other| (other.date, other.last_day()) != days);
            exceptions.push(exception.clone());
            exceptions.sort_by_key(|each| each.date);
        })
        .await?;
    changed(context, &saved)
}

async fn restore(context: &mut Context, name: &str, date: CivilDate) -> Result<(), Failure> {
    let schedule: Schedule = names::find(&context.client, name).await?;
    let covers = |each: &DatedException| (each.date..=each.last_day()).contains(&date);
    if !schedule.exceptions.iter().any(covers) {
        return Err(Failure::data(format_args!(
            "{} has no exception on {date}",
            schedule.name
        )));
    }
    let saved = context
        .edit(schedule.id, |schedule: &mut Schedule| {
            schedule.exceptions.retain(|each| !covers(each));
        })
        .await?;
    changed(context, &saved)
}

async fn show_week(context: &mut Context, name: &str, days: DaysArgs) -> Result<(), Failure> {
    let schedule: Schedule = names::find(&context.client, name).await?;
    let query = doorward_api::DaysQuery {
        from: days.from,
        days: days.days,
    };
    let preview = context.client.schedule_days(schedule.id, &query).await?;
    if context.json {
        return context.print_json(&preview);
    }
    let theme = crate::console::theme::Theme::from_environment(|name| std::env::var(name).ok());
    Ok(week::write(&mut context.out, &preview, theme.symbols)?)
}

fn presets(context: &mut Context) -> Result<(), Failure> {
    if context.json {
        let presets = SchedulePreset::ALL
            .map(|preset| json!({ "preset": preset, "weekly": preset.weekly() }));
        return context.print_json(&json!({ "schedules": presets }));
    }
    let mut table = Table::new(&["PRESET", "HOURS"]);
    for preset in SchedulePreset::ALL {
        let hours = hours(&preset.weekly()).join("; ");
        table.row(&[preset.name().to_owned(), hours]);
    }
    Ok(table.write(&mut context.out)?)
}

async fn remove(context: &mut Context, name: &str, yes: bool) -> Result<(), Failure> {
    let schedule: Schedule = names::find(&context.client, name).await?;
    let question = format!("Remove schedule {} (#{})?", schedule.name, schedule.id);
    context.confirm(&question, yes)?;
    let applied = context.client.delete::<Schedule>(schedule.id).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("{} is removed", schedule.name))
}

/// Hours with the days that share them: `Mon-Fri 07:00-18:00`.
pub(crate) fn hours(weekly: &[WeeklyInterval]) -> Vec<String> {
    let mut groups: Vec<(u16, u16, Vec<WeeklyInterval>)> = Vec::new();
    for interval in weekly {
        let (from, until) = (interval.from_minute, interval.until_minute);
        match groups
            .iter_mut()
            .find(|group| (group.0, group.1) == (from, until))
        {
            Some(group) => group.2.push(*interval),
            None => groups.push((from, until, vec![*interval])),
        }
    }
    groups
        .into_iter()
        .map(|(from, until, mut days)| {
            days.sort_unstable();
            days.dedup();
            format!(
                "{} {}-{}",
                days_in_words(&days),
                parse::clock(from),
                parse::clock(until)
            )
        })
        .collect()
}

/// Runs of three days and more are written from first to last.
fn days_in_words(days: &[WeeklyInterval]) -> String {
    if days.len() == 7 {
        return "daily".to_owned();
    }
    let follows =
        |one: &WeeklyInterval, next: &WeeklyInterval| next.day.index() == one.day.index() + 1;
    let words: Vec<String> = days
        .chunk_by(follows)
        .flat_map(|run| match run {
            [first, _, .., last] => {
                vec![format!(
                    "{}-{}",
                    text::weekday(first.day),
                    text::weekday(last.day)
                )]
            }
            short => short
                .iter()
                .map(|one| text::weekday(one.day).to_owned())
                .collect(),
        })
        .collect();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_written_as_they_are_read() {
        fn check(given: &[&str], expect: &[&str]) {
            let weekly: Vec<_> = given
                .iter()
                .flat_map(|text| parse::weekly(text).unwrap().0)
                .collect();
            let found = hours(&weekly);
            assert_eq!(found, expect);
            let again: Vec<_> = found
                .iter()
                .flat_map(|text| parse::weekly(text).unwrap().0)
                .collect();
            assert_eq!(again, weekly);
        }
        check(&["mon-fri 07:00-18:00"], &["Mon-Fri 07:00-18:00"]);
        check(&["daily 22:00-06:00"], &["daily 22:00-06:00"]);
        check(&["sat,sun 10:00-24:00"], &["Sat,Sun 10:00-24:00"]);
        check(
            &["mon-wed,fri 08:00-12:00", "mon 13:00-17:00"],
            &["Mon-Wed,Fri 08:00-12:00", "Mon 13:00-17:00"],
        );
        check(&[], &[]);
    }
}
