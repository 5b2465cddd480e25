//! `doorward areas`, and the rules of doors

use doorward_api::{ForgiveBody, ListQuery, PAGE_MAX};
use doorward_core::ids::{AreaId, UserId};
use doorward_core::model::{
    Area, Authentication, Door, Interlock, Passback, Place, Schedule, ScheduledMethod, TwoPerson,
    User,
};
use serde_json::json;

use super::args::{AreaRules, AreasAction, DoorRules, ForgiveArgs};
use super::context::Context;
use super::failure::Failure;
use super::table::Table;
use super::{names, time};
use crate::text;

pub(super) async fn run(context: &mut Context, action: Option<AreasAction>) -> Result<(), Failure> {
    match action.unwrap_or(AreasAction::List) {
        AreasAction::List => list(context).await,
        AreasAction::Add { name, rules } => add(context, name, &rules).await,
        AreasAction::Edit { area, name, rules } => edit(context, &area, name, &rules).await,
        AreasAction::Inside { area } => inside(context, &area).await,
        AreasAction::Forgive { whom } => forgive(context, &whom).await,
        AreasAction::Remove { area, yes } => remove(context, &area, yes).await,
    }
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let areas = context.client.list_all::<Area>().await?;
    if context.json {
        return context.print_json(&json!({ "areas": areas }));
    }
    if areas.is_empty() {
        return context.print("no areas");
    }
    let mut table = Table::new(&["ID", "NAME", "RULES"]);
    for area in areas {
        let rules = in_words(&area).join("; ");
        table.row(&[area.id.to_string(), area.name, rules]);
    }
    Ok(table.write(&mut context.out)?)
}

async fn add(context: &mut Context, name: String, rules: &AreaRules) -> Result<(), Failure> {
    let places = context.client.list_all::<Place>().await?;
    let site = places.iter().find(|place| place.parent.is_none());
    let place = site
        .map(|place| place.id)
        .ok_or_else(|| Failure::data("there is no place yet that an area could be in"))?;
    let mut area = Area {
        id: AreaId(0),
        name,
        place,
        passback: Passback::Off,
        passback_s: 0,
        occupancy_max: None,
        two_person: TwoPerson::Off,
        interlock: Interlock::Off,
    };
    set(&mut area, rules);
    let saved = context.client.create(&area).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let area = saved.record;
    context.print(format_args!("{} is area #{}", area.name, area.id))
}

async fn edit(
    context: &mut Context,
    name: &str,
    new_name: Option<String>,
    rules: &AreaRules,
) -> Result<(), Failure> {
    if new_name.is_none() && *rules == AreaRules::default() {
        return Err(Failure::usage(
            "nothing to change was given; see `doorward areas edit --help`",
        ));
    }
    let area: Area = names::find(&context.client, name).await?;
    let change = |area: &mut Area| {
        if let Some(name) = &new_name {
            area.name.clone_from(name);
        }
        set(area, rules);
    };
    let saved = context.edit::<Area>(area.id, change).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let area = saved.record;
    context.print(format_args!("{} (#{}) is changed", area.name, area.id))
}

fn set(area: &mut Area, rules: &AreaRules) {
    if let Some(passback) = rules.passback {
        area.passback = passback.into();
    }
    if let Some(passback_s) = rules.passback_s {
        area.passback_s = passback_s;
    }
    if let Some(most) = rules.most {
        area.occupancy_max = (most > 0).then_some(most);
    }
    if let Some(two_person) = rules.two_person {
        area.two_person = two_person.into();
    }
    if let Some(interlock) = rules.interlock {
        area.interlock = interlock.into();
    }
}

async fn inside(context: &mut Context, name: &str) -> Result<(), Failure> {
    let area: Area = names::find(&context.client, name).await?;
    let query = ListQuery {
        limit: Some(PAGE_MAX),
        ..ListQuery::default()
    };
    let page = context.client.inside(area.id, &query).await?;
    if context.json {
        return context.print_json(&page);
    }
    if page.items.is_empty() {
        return context.print(format_args!("nobody is known to be in {}", area.name));
    }
    let mut table = Table::new(&["USER", "SINCE"]);
    for person in page.items {
        let user = match context.client.record::<User>(person.user).await {
            Ok(user) => user.full_name(),
            Err(_) => text::unknown_user(person.user),
        };
        table.row(&[user, time::date_and_time(person.since, &context.zone)]);
    }
    Ok(table.write(&mut context.out)?)
}

async fn forgive(context: &mut Context, whom: &ForgiveArgs) -> Result<(), Failure> {
    let mut body = ForgiveBody {
        everyone: whom.everyone,
        ..ForgiveBody::default()
    };
    let mut who = "everybody".to_owned();
    if let Some(name) = &whom.user {
        let user: User = names::find(&context.client, name).await?;
        body.user = Some(user.id);
        who = user.full_name();
    }
    if let Some(name) = &whom.area {
        let area: Area = names::find(&context.client, name).await?;
        body.area = Some(area.id);
        who = format!("everybody in {}", area.name);
    }
    context.client.forgive(&body).await?;
    if context.json {
        return context.print_json(&body);
    }
    context.print(format_args!("{who} is forgiven"))
}

async fn remove(context: &mut Context, name: &str, yes: bool) -> Result<(), Failure> {
    let area: Area = names::find(&context.client, name).await?;
    let question = format!("Remove {} (#{})? Its rules go with it.", area.name, area.id);
    context.confirm(&question, yes)?;
    let applied = context.client.delete::<Area>(area.id).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("{} is removed", area.name))
}

/// Changes what a door asks for, and the areas that it lies between.
pub(super) async fn door_rules(
    context: &mut Context,
    name: &str,
    rules: &DoorRules,
) -> Result<(), Failure> {
    if *rules == DoorRules::default() {
        return Err(Failure::usage(
            "nothing to change was given; see `doorward doors rules --help`",
        ));
    }
    let door: Door = names::find(&context.client, name).await?;
    let mut scheduled = Vec::new();
    for (schedule, method) in &rules.during {
        if let Some(method) = method {
            let schedule: Schedule = names::find(&context.client, schedule).await?;
            scheduled.push(ScheduledMethod {
                schedule: schedule.id,
                method: (*method).into(),
            });
        }
    }
    let inside = area(context, rules.inside.as_deref()).await?;
    let outside = area(context, rules.outside.as_deref()).await?;
    let change = |door: &mut Door| {
        if let Some(method) = rules.ask {
            door.authentication.method = method.into();
        }
        if !rules.during.is_empty() {
            door.authentication.scheduled.clone_from(&scheduled);
        }
        if let Some(inside) = inside {
            door.inside = inside;
        }
        if let Some(outside) = outside {
            door.outside = outside;
        }
    };
    let saved = context.edit::<Door>(door.id, change).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let door = saved.record;
    let asks = asks(&door.authentication);
    context.print(format_args!("{} (#{}) asks for {asks}", door.name, door.id))
}

/// What a door asks for, in words.
pub(crate) fn asks(rule: &Authentication) -> String {
    let mut words = text::method(rule.method).to_owned();
    for each in &rule.scheduled {
        let method = text::method(each.method);
        words.push_str(&format!(", during schedule {} {method}", each.schedule));
    }
    words
}

/// `None` where nothing was given, `Some(None)` for `none`.
async fn area(context: &Context, name: Option<&str>) -> Result<Option<Option<AreaId>>, Failure> {
    match name {
        None => Ok(None),
        Some("none") => Ok(Some(None)),
        Some(name) => {
            let area: Area = names::find(&context.client, name).await?;
            Ok(Some(Some(area.id)))
        }
    }
}

fn in_words(area: &Area) -> Vec<String> {
    let mut rules = Vec::new();
    match area.passback {
        Passback::Off => {}
        Passback::Soft => rules.push("anti-passback logged".to_owned()),
        Passback::Hard => rules.push("anti-passback".to_owned()),
    }
    if area.passback_s > 0 {
        let ms = u64::from(area.passback_s) * 1_000;
        rules.push(format!("not again for {}", text::duration_ms(ms)));
    }
    if let Some(most) = area.occupancy_max {
        rules.push(format!("at most {most} inside"));
    }
    match area.two_person {
        TwoPerson::Off => {}
        TwoPerson::WhileEmpty => rules.push("two come in first".to_owned()),
        TwoPerson::Always => rules.push("always two together".to_owned()),
    }
    match area.interlock {
        Interlock::Off => {}
        Interlock::Entry => rules.push("one door at a time, in".to_owned()),
        Interlock::Both => rules.push("one door at a time".to_owned()),
    }
    rules
}

/// Finds a user by name where one is given.
pub(super) async fn holder(
    context: &Context,
    name: Option<&str>,
) -> Result<Option<UserId>, Failure> {
    match name {
        Some(name) => Ok(Some(names::find::<User>(&context.client, name).await?.id)),
        None => Ok(None),
    }
}
