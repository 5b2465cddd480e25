//! `doorward holidays`

use doorward_api::PresetHolidays;
use doorward_core::ids::HolidaySetId;
use doorward_core::model::{Holiday, HolidaySet};
use serde_json::json;

use super::args::HolidaysAction;
use super::context::Context;
use super::failure::Failure;
use super::table::{Fields, Table};
use super::{calendar, names};
use crate::text;

pub(super) async fn run(
    context: &mut Context,
    action: Option<HolidaysAction>,
) -> Result<(), Failure> {
    match action.unwrap_or(HolidaysAction::List) {
        HolidaysAction::List => list(context).await,
        HolidaysAction::Show { set, year } => show(context, &set, year).await,
        HolidaysAction::Add { name, preset, days } => add(context, name, preset, days).await,
        HolidaysAction::Edit {
            set,
            name,
            days,
            dropped,
        } => edit(context, &set, name, days, dropped).await,
        HolidaysAction::Presets => presets(context).await,
        HolidaysAction::Remove { set, yes } => remove(context, &set, yes).await,
    }
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let sets = context.client.list_all::<HolidaySet>().await?;
    if context.json {
        return context.print_json(&json!({ "holiday_sets": sets }));
    }
    if sets.is_empty() {
        return context.print("no holiday sets");
    }
    let mut table = Table::new(&["ID", "NAME", "HOLIDAYS"]);
    for set in sets {
        let count = set.holidays.len().to_string();
        table.row(&[set.id.to_string(), set.name, count]);
    }
    Ok(table.write(&mut context.out)?)
}

async fn show(context: &mut Context, name: &str, year: Option<i16>) -> Result<(), Failure> {
    let set: HolidaySet = names::find(&context.client, name).await?;
    let days = context.client.holiday_days(set.id, year).await?;
    if context.json {
        return context.print_json(&json!({ "set": set, "days": days }));
    }
    let mut fields = Fields::default();
    fields.add("Holidays", format!("{} (#{})", set.name, set.id));
    let rules: Vec<String> = set.holidays.iter().map(in_words).collect();
    fields.add_all("Rules", &rules);
    let found = days.days.iter();
    let found: Vec<String> = found
        .map(|day| {
            let weekday = text::weekday(day.date.weekday());
            format!("{weekday} {}  {}", day.date, day.name)
        })
        .collect();
    fields.add_all("Days", &found);
    Ok(fields.write(&mut context.out)?)
}

fn in_words(holiday: &Holiday) -> String {
    let years = match (holiday.from_year, holiday.until_year) {
        (None, None) => String::new(),
        (Some(from), None) => format!(", from {from}"),
        (None, Some(until)) => format!(", until {until}"),
        (Some(from), Some(until)) => format!(", {from} to {until}"),
    };
    format!("{}: {}{years}", holiday.name, calendar::when(holiday))
}

async fn add(
    context: &mut Context,
    name: Option<String>,
    preset: Option<String>,
    days: Vec<Holiday>,
) -> Result<(), Failure> {
    let preset = match preset {
        Some(text) => Some(find_preset(context, &text).await?),
        None => None,
    };
    let own = preset.as_ref().map(|preset| preset.name.clone());
    let mut holidays = preset.map_or_else(Vec::new, |preset| preset.holidays);
    holidays.extend(days);
    let set = HolidaySet {
        id: HolidaySetId(0),
        name: name.or(own).unwrap_or_default(),
        holidays,
    };
    let saved = context.client.create(&set).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let set = saved.record;
    context.print(format_args!("{} is holiday set #{}", set.name, set.id))
}

/// The one whose name is this or begins so, or the only one of this country.
async fn find_preset(context: &Context, text: &str) -> Result<PresetHolidays, Failure> {
    let presets = context.client.presets().await?.holiday_sets;
    let wanted = text.trim().to_lowercase();
    let fits = |preset: &&PresetHolidays| {
        preset.name.to_lowercase().starts_with(&wanted)
            || preset.country.eq_ignore_ascii_case(&wanted)
    };
    let mut found: Vec<&PresetHolidays> = presets.iter().filter(fits).collect();
    let whole = |preset: &&&PresetHolidays| preset.name.to_lowercase() == wanted;
    if let Some(&one) = found.iter().find(whole) {
        found = vec![one];
    }
    match found[..] {
        [one] => Ok(one.clone()),
        [] => Err(Failure::data(format_args!(
            "there are no holidays named `{text}`; `doorward holidays presets` lists them"
        ))),
        ref several => {
            let names: Vec<&str> = several.iter().map(|preset| &*preset.name).collect();
            Err(Failure::data(format_args!(
                "`{text}` fits several: {}",
                names.join("; ")
            )))
        }
    }
}

async fn edit(
    context: &mut Context,
    text: &str,
    name: Option<String>,
    days: Vec<Holiday>,
    dropped: Vec<String>,
) -> Result<(), Failure> {
    if name.is_none() && days.is_empty() && dropped.is_empty() {
        return Err(Failure::usage("nothing to change"));
    }
    let set: HolidaySet = names::find(&context.client, text).await?;
    for gone in &dropped {
        if !set.holidays.iter().any(|holiday| holiday.name == *gone) {
            return Err(Failure::data(format_args!(
                "{} has no holiday `{gone}`",
                set.name
            )));
        }
    }
    let saved = context
        .edit(set.id, |set: &mut HolidaySet| {
            if let Some(name) = &name {
                set.name.clone_from(name);
            }
            set.holidays
                .retain(|holiday| !dropped.contains(&holiday.name));
            set.holidays.extend(days.iter().cloned());
        })
        .await?;
    if context.json {
        return context.print_json(&saved);
    }
    context.print(format_args!("{} is changed", saved.record.name))
}

async fn presets(context: &mut Context) -> Result<(), Failure> {
    let presets = context.client.presets().await?.holiday_sets;
    if context.json {
        return context.print_json(&json!({ "holiday_sets": presets }));
    }
    let mut table = Table::new(&["COUNTRY", "NAME", "HOLIDAYS"]);
    for preset in presets {
        let count = preset.holidays.len().to_string();
        table.row(&[preset.country, preset.name, count]);
    }
    Ok(table.write(&mut context.out)?)
}

async fn remove(context: &mut Context, name: &str, yes: bool) -> Result<(), Failure> {
    let set: HolidaySet = names::find(&context.client, name).await?;
    let question = format!("Remove holiday set {} (#{})?", set.name, set.id);
    context.confirm(&question, yes)?;
    let applied = context.client.delete::<HolidaySet>(set.id).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("{} is removed", set.name))
}
