//! `doorward schedules`

use doorward_core::ids::ScheduleId;
use doorward_core::model::{Schedule, WeeklyInterval};
use serde_json::json;

use super::args::SchedulesAction;
use super::context::Context;
use super::failure::Failure;
use super::names;
use super::parse::{self, Weekly};
use super::table::{Fields, Table};
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
            weekly,
        } => add(context, name, time_zone, weekly).await,
        SchedulesAction::Remove { schedule, yes } => remove(context, &schedule, yes).await,
    }
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
    let mut fields = Fields::default();
    fields.add("Schedule", format!("{} (#{})", schedule.name, schedule.id));
    fields.add("Time zone", &schedule.time_zone);
    fields.add_all("Hours", &hours(&schedule.weekly));
    Ok(fields.write(&mut context.out)?)
}

async fn add(
    context: &mut Context,
    name: String,
    time_zone: String,
    weekly: Vec<Weekly>,
) -> Result<(), Failure> {
    let mut intervals: Vec<WeeklyInterval> =
        weekly.into_iter().flat_map(|Weekly(days)| days).collect();
    intervals.sort_unstable();
    intervals.dedup();
    let schedule = Schedule {
        id: ScheduleId(0),
        name,
        time_zone,
        weekly: intervals,
        exceptions: Vec::new(),
        holidays: Vec::new(),
    };
    let saved = context.client.create(&schedule).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let schedule = saved.record;
    context.print(format_args!(
        "{} is schedule #{}",
        schedule.name, schedule.id
    ))
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
