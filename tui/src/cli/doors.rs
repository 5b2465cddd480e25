//! `doorward doors`, `doorward unlock`

use std::collections::BTreeSet;
use std::io::{self, Write};

use doorward_api::{DoorView, ListQuery, PAGE_MAX};
use doorward_core::ids::{DoorId, PlaceId};
use doorward_core::model::{
    Door, DoorMode, DoorWiring, FailMode, InputPoint, LockdownExit, OutputPoint, Place, Relock,
};
use serde_json::json;

use super::args::{DoorFields, DoorsAction};
use super::context::Context;
use super::failure::Failure;
use super::table::{Fields, Table};
use super::{impact, names, structure};
use crate::text;

pub(super) async fn run(context: &mut Context, action: Option<DoorsAction>) -> Result<(), Failure> {
    match action.unwrap_or(DoorsAction::List) {
        DoorsAction::List => list(context).await,
        DoorsAction::Show { door } => show(context, &door).await,
        DoorsAction::Add { name, fields } => add(context, name, &fields).await,
        DoorsAction::Edit {
            door,
            name,
            mode,
            fields,
        } => edit(context, &door, name, mode.map(DoorMode::from), &fields).await,
        DoorsAction::Share { door, to } => structure::share(context, &door, &to).await,
        DoorsAction::Withdraw { door, from, yes } => {
            structure::withdraw(context, &door, &from, yes).await
        }
        DoorsAction::Move { door, to } => structure::move_door(context, &door, &to).await,
        DoorsAction::Rules { door, rules } => {
            super::areas::door_rules(context, &door, &rules).await
        }
        DoorsAction::Remove { door, yes } => remove(context, &door, yes).await,
    }
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let doors = all(context).await?;
    if context.json {
        return context.print_json(&json!({ "doors": doors }));
    }
    Ok(write_list(&mut context.out, &doors)?)
}

async fn all(context: &Context) -> Result<Vec<DoorView>, Failure> {
    let mut query = ListQuery {
        limit: Some(PAGE_MAX),
        ..ListQuery::default()
    };
    let mut doors = Vec::new();
    loop {
        let page = context.client.doors(&query).await?;
        doors.extend(page.items);
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(doors),
        }
    }
}

async fn show(context: &mut Context, name: &str) -> Result<(), Failure> {
    let door: Door = names::find(&context.client, name).await?;
    let view = context.client.door(door.id).await?;
    if context.json {
        return context.print_json(&view);
    }
    Ok(write_door(&mut context.out, &view)?)
}

async fn add(context: &mut Context, name: String, fields: &DoorFields) -> Result<(), Failure> {
    let mut door = Door {
        id: DoorId(0),
        name,
        place: site_place(context).await?,
        time_zone: local_zone_name(context),
        unlock_ms: 5_000,
        extended_unlock_ms: 15_000,
        held_open_ms: 30_000,
        held_open_warning_ms: 10_000,
        relock: Relock::default(),
        fail_mode: FailMode::default(),
        mode: DoorMode::Normal,
        authentication: doorward_core::model::Authentication::default(),
        inside: None,
        outside: None,
        wiring: DoorWiring::default(),
        ..Door::default()
    };
    set(&mut door, fields);
    let saved = context.client.create(&door).await?;
    warn_of_strangers(context, &saved.record).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let door = saved.record;
    context.print(format_args!("{} is door #{}", door.name, door.id))
}

/// Warns of readers and boards that `site.toml` does not name: the door is saved, and what hangs on
/// them does not work.
async fn warn_of_strangers(context: &Context, door: &Door) -> Result<(), Failure> {
    let status = context.client.status().await?;
    let wiring = &door.wiring;
    let readers = wiring.entry_readers.iter().chain(&wiring.exit_readers);
    let known_reader = |name: &str| status.readers.iter().any(|reader| &*reader.name == name);
    let boards = wiring.relay.iter().map(|point| &point.board);
    let inputs = wiring.contact.iter().chain(&wiring.rex);
    let boards = boards.chain(inputs.map(|point| &point.board));
    let known_board = |name: &str| status.boards.iter().any(|board| &*board.name == name);
    let strangers: BTreeSet<&String> = readers
        .filter(|name| !known_reader(name))
        .chain(boards.filter(|name| !known_board(name)))
        .collect();
    for name in strangers {
        let name = text::printable(name);
        writeln!(
            io::stderr(),
            "doorward: warning: `{name}` is not in the daemon's site.toml: it does nothing at this door"
        )?;
    }
    Ok(())
}

/// The zone of this machine by its IANA name; UTC where it has none.
fn local_zone_name(context: &Context) -> String {
    context.zone.iana_name().unwrap_or("UTC").to_owned()
}

/// The place at the top of the tree, made on an empty table and named like the site.
async fn site_place(context: &Context) -> Result<PlaceId, Failure> {
    let places = context.client.list_all::<Place>().await?;
    if let Some(site) = places.iter().find(|place| place.parent.is_none()) {
        return Ok(site.id);
    }
    let place = Place {
        id: PlaceId(0),
        name: context.client.status().await?.site,
        parent: None,
        ..Place::default()
    };
    Ok(context.client.create(&place).await?.record.id)
}

async fn edit(
    context: &mut Context,
    name: &str,
    new_name: Option<String>,
    mode: Option<DoorMode>,
    fields: &DoorFields,
) -> Result<(), Failure> {
    if new_name.is_none() && mode.is_none() && *fields == DoorFields::default() {
        return Err(Failure::usage(
            "nothing to change was given; see `doorward doors edit --help`",
        ));
    }
    let door: Door = names::find(&context.client, name).await?;
    let change = |door: &mut Door| {
        if let Some(name) = &new_name {
            door.name.clone_from(name);
        }
        if let Some(mode) = mode {
            door.mode = mode;
        }
        set(door, fields);
    };
    let saved = context.edit::<Door>(door.id, change).await?;
    warn_of_strangers(context, &saved.record).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let door = saved.record;
    context.print(format_args!("{} (#{}) is changed", door.name, door.id))
}

fn set(door: &mut Door, fields: &DoorFields) {
    fn copy<T: Clone>(field: &mut T, given: Option<T>) {
        if let Some(given) = given {
            *field = given;
        }
    }
    copy(&mut door.time_zone, fields.time_zone.clone());
    copy(&mut door.unlock_ms, fields.unlock_ms);
    copy(&mut door.extended_unlock_ms, fields.extended_unlock_ms);
    copy(&mut door.held_open_ms, fields.held_open_ms);
    copy(&mut door.held_open_warning_ms, fields.held_open_warning_ms);
    copy(&mut door.hold_open_ms, fields.hold_open_ms);
    copy(
        &mut door.lockdown_exit,
        fields.lockdown_exit.map(LockdownExit::from),
    );
    copy(&mut door.relock, fields.relock.map(Relock::from));
    copy(&mut door.fail_mode, fields.fail_mode.map(FailMode::from));
    let wiring = &mut door.wiring;
    if !fields.entry.is_empty() {
        wiring.entry_readers.clone_from(&fields.entry);
    }
    if !fields.exit.is_empty() {
        wiring.exit_readers.clone_from(&fields.exit);
    }
    wiring.relay = fields.relay.clone().or(wiring.relay.take());
    wiring.contact = fields.contact.clone().or(wiring.contact.take());
    wiring.rex = fields.rex.clone().or(wiring.rex.take());
    wiring.fire = fields.fire.clone().or(wiring.fire.take());
}

async fn remove(context: &mut Context, name: &str, yes: bool) -> Result<(), Failure> {
    let door: Door = names::find(&context.client, name).await?;
    let before = context.client.preview_delete::<Door>(door.id).await?;
    let question = format!(
        "Remove {} (#{})? It is not served any more; it touches {}; the log stays.",
        door.name,
        door.id,
        impact::of(&before)
    );
    context.confirm(&question, yes)?;
    let applied = context.client.delete::<Door>(door.id).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("{} is removed", door.name))
}

pub(super) async fn unlock(context: &mut Context, name: &str) -> Result<(), Failure> {
    let door: Door = names::find(&context.client, name).await?;
    context.client.unlock(door.id).await?;
    if context.json {
        let unlocked = json!({ "door": door.id, "name": door.name, "unlock_ms": door.unlock_ms });
        return context.print_json(&json!({ "unlocked": unlocked }));
    }
    let time = text::duration_ms(door.unlock_ms.into());
    context.print(format_args!("{} is unlocked for {time}", door.name))
}

fn write_list(out: &mut dyn Write, doors: &[DoorView]) -> io::Result<()> {
    if doors.is_empty() {
        return writeln!(out, "{}", text::console::NO_DOORS);
    }
    let mut table = Table::new(&["ID", "NAME", "LOCK", "DOOR", "MODE", "STATE"]);
    for DoorView { door, status } in doors {
        let (lock, leaf, state) = match status {
            Some(status) => {
                let troubles = text::troubles(door, status);
                let state = if troubles.is_empty() {
                    "ok".to_owned()
                } else {
                    troubles.join(", ")
                };
                (text::lock(status.lock), text::leaf(status.open), state)
            }
            None => (text::NONE, text::NONE, "not served".to_owned()),
        };
        table.row(&[
            door.id.to_string(),
            door.name.clone(),
            lock.to_owned(),
            leaf.to_owned(),
            text::mode(door.mode).to_owned(),
            state,
        ]);
    }
    table.write(out)
}

fn write_door(out: &mut dyn Write, view: &DoorView) -> io::Result<()> {
    let door = &view.door;
    let mut fields = Fields::default();
    fields.add("Door", format!("{} (#{})", door.name, door.id));
    match &view.status {
        Some(status) => {
            fields.add("Lock", text::lock(status.lock));
            fields.add("Contact", text::leaf(status.open));
            if let Some(stands) = status.stands {
                fields.add("Unlocked", text::stands(stands));
            }
            if status.mode != door.mode {
                fields.add("In force", text::mode(status.mode));
            }
            if let Some(hours) = status.plan {
                fields.add("Plan", text::plan_hours(hours));
            }
            if status.plan_pending {
                fields.add("Pending", "a plan that is not activated");
            }
            let troubles = text::troubles(door, status);
            fields.add(
                "State",
                if troubles.is_empty() {
                    "ok".to_owned()
                } else {
                    troubles.join(", ")
                },
            );
        }
        None => fields.add("State", "not served"),
    }
    for (name, value) in settings(door) {
        fields.add(name, value);
    }
    fields.write(out)
}

/// A door's settings and wiring, with their names.
pub(crate) fn settings(door: &Door) -> Vec<(&'static str, String)> {
    let wiring = &door.wiring;
    vec![
        ("Mode", text::mode(door.mode).to_owned()),
        ("Time zone", door.time_zone.clone()),
        (
            "Unlock time",
            format!(
                "{}, extended {}; {}",
                text::duration_ms(door.unlock_ms.into()),
                text::duration_ms(door.extended_unlock_ms.into()),
                text::relock(door.relock)
            ),
        ),
        ("Held open", held_open(door)),
        ("Asks for", super::areas::asks(&door.authentication)),
        ("Lock type", text::fail_mode(door.fail_mode).to_owned()),
        ("Entry readers", listed(&wiring.entry_readers)),
        ("Exit readers", listed(&wiring.exit_readers)),
        ("Relay", wiring.relay.as_ref().map_or_else(none, output)),
        (
            "Door contact",
            wiring.contact.as_ref().map_or_else(none, input),
        ),
        ("Exit button", wiring.rex.as_ref().map_or_else(none, input)),
    ]
}

fn none() -> String {
    text::NONE.to_owned()
}

fn listed(readers: &[String]) -> String {
    if readers.is_empty() {
        none()
    } else {
        readers.join(", ")
    }
}

fn held_open(door: &Door) -> String {
    if door.held_open_ms == 0 {
        return "no alarm".to_owned();
    }
    format!(
        "alarm after {}, warning {} before",
        text::duration_ms(door.held_open_ms.into()),
        text::duration_ms(door.held_open_warning_ms.into())
    )
}

fn output(point: &OutputPoint) -> String {
    format!("{}, output {}", point.board, point.output)
}

fn input(point: &InputPoint) -> String {
    format!(
        "{}, input {}, {}",
        point.board,
        point.input,
        text::circuit(point.circuit)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::sample;

    fn shown(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_list_of_doors() {
        insta::assert_snapshot!(shown(|out| write_list(out, &sample::doors())));
        let none = shown(|out| write_list(out, &[]));
        assert_eq!(none, "there are no doors yet\n");
    }

    #[test]
    fn one_door() {
        insta::assert_snapshot!(shown(|out| write_door(out, &sample::doors()[0])));
    }
}
