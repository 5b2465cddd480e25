//! `doorward doors`, `doorward unlock`

use std::io::{self, Write};

use doorward_api::{DoorView, ListQuery, PAGE_MAX};
use doorward_core::model::{Door, InputPoint, OutputPoint};
use serde_json::json;

use super::args::DoorsAction;
use super::context::Context;
use super::failure::Failure;
use super::names;
use super::table::{Fields, Table};
use crate::text;

pub(super) async fn run(context: &mut Context, action: Option<DoorsAction>) -> Result<(), Failure> {
    match action.unwrap_or(DoorsAction::List) {
        DoorsAction::List => list(context).await,
        DoorsAction::Show { door } => show(context, &door).await,
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
                let troubles = text::troubles(status);
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
            let troubles = text::troubles(status);
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
