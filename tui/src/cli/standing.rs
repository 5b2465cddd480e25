//! `doorward mode`, `doorward relock`, `doorward plan`, `doorward activate`

use doorward_core::model::{
    DatedHours, DatedState, Door, DoorGroup, DoorMode, Key, Place, Schedule, UnlockPlan,
};
use serde_json::json;

use super::args::{ModeArgs, PlanArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::names;
use super::time;
use crate::text;

pub(super) async fn mode(context: &mut Context, args: ModeArgs) -> Result<(), Failure> {
    let mode = DoorMode::from(args.mode);
    let client = &context.client;
    let (applied, at) = match (args.at.door, args.at.group, args.at.place) {
        (Some(door), _, _) => {
            let door: Door = names::find(client, &door).await?;
            (client.set_door_mode(door.id, mode).await?, door.name)
        }
        (_, Some(group), _) => {
            let group: DoorGroup = names::find(client, &group).await?;
            (client.set_group_mode(group.id, mode).await?, group.name)
        }
        (_, _, Some(place)) => {
            let place: Place = names::find(client, &place).await?;
            (client.set_place_mode(place.id, mode).await?, place.name)
        }
        (None, None, None) => {
            let place = site(context).await?;
            (client.set_place_mode(place.id, mode).await?, place.name)
        }
    };
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("{at}: {}", text::mode(mode)))
}

/// The place at the top of the tree.
async fn site(context: &Context) -> Result<Place, Failure> {
    let places = context.client.list_all::<Place>().await?;
    let site = places.into_iter().find(|place| place.parent.is_none());
    site.ok_or_else(|| Failure::said(Exit::Data, "there is no place yet"))
}

pub(super) async fn unlock_until_relocked(
    context: &mut Context,
    name: &str,
) -> Result<(), Failure> {
    let door: Door = names::find(&context.client, name).await?;
    let applied = context
        .client
        .set_door_mode(door.id, DoorMode::Unlocked)
        .await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!(
        "{} is unlocked until it is relocked",
        door.name
    ))
}

pub(super) async fn relock(context: &mut Context, name: &str) -> Result<(), Failure> {
    let door: Door = names::find(&context.client, name).await?;
    context.client.relock(door.id).await?;
    let status = context.client.door(door.id).await?.status;
    if context.json {
        return context.print_json(&json!({ "relocked": door.id, "status": status }));
    }
    match status.and_then(|status| status.stands) {
        Some(stands) => context.print(format_args!(
            "{} stays unlocked: {}",
            door.name,
            text::stands(stands)
        )),
        None => context.print(format_args!("{} is locked", door.name)),
    }
}

pub(super) async fn plan(context: &mut Context, args: PlanArgs) -> Result<(), Failure> {
    let door: Door = names::find(&context.client, &args.door).await?;
    if !args.none && args.schedule.is_none() && args.dated.is_empty() {
        return Err(Failure::usage(
            "no hours were given; `--none` ends the plan in force",
        ));
    }
    let mut plan = UnlockPlan::default();
    if let Some(name) = &args.schedule {
        let schedule: Schedule = names::find(&context.client, name).await?;
        plan.schedule = Some(schedule.id);
    }
    for name in &args.first_in {
        let key: Key = names::find(&context.client, name).await?;
        plan.first_in.push(key.id);
    }
    for text in &args.dated {
        plan.dated.push(occasion(context, &door, text)?);
    }
    let plan = Box::new(plan);
    let saved = context
        .edit::<Door>(door.id, |door| door.pending_plan = Some(plan.clone()))
        .await?;
    if args.activate {
        return activate(context, &door.id.to_string()).await;
    }
    if context.json {
        return context.print_json(&saved);
    }
    context.print(format_args!(
        "the new plan of {} is pending until it is activated there",
        door.name
    ))
}

fn occasion(context: &Context, door: &Door, text: &str) -> Result<DatedHours, Failure> {
    let zone = time::zone(&door.time_zone);
    let wrong = || {
        Failure::usage(format_args!(
            "`{text}` is not an occasion: expected such as `locked 2026-12-24 12:00/2026-12-25 00:00`"
        ))
    };
    let (state, span) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let (from, until) = span.split_once('/').ok_or_else(wrong)?;
    let at = |text: &str| time::parse(text, &zone, context.now).map_err(Failure::usage);
    Ok(DatedHours {
        name: String::new(),
        from: at(from)?,
        until: at(until)?,
        door: match state {
            "unlocked" => DatedState::Unlocked,
            "locked" => DatedState::Locked,
            _ => return Err(wrong()),
        },
    })
}

pub(super) async fn activate(context: &mut Context, name: &str) -> Result<(), Failure> {
    let door: Door = names::find(&context.client, name).await?;
    let applied = context.client.activate_plan(door.id).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("the plan of {} is in force", door.name))
}
