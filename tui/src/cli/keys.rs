//! `doorward keys`

use std::io::{self, Write};

use doorward_api::{ListQuery, PAGE_MAX};
use doorward_core::ids::{DoorId, KeyId, PlaceId, UserId};
use doorward_core::model::{
    Block, Change, Door, Grant, Interval, Key, KeyFlags, Place, Record, RecordRef, Schedule, User,
};
use doorward_core::time::Wall;
use jiff::tz::TimeZone;
use serde_json::json;

use super::args::KeysAction;
use super::context::Context;
use super::failure::Failure;
use super::table::{Fields, Table};
use super::{held, names, time};
use crate::text;

pub(super) async fn run(context: &mut Context, action: Option<KeysAction>) -> Result<(), Failure> {
    match action.unwrap_or(KeysAction::List) {
        KeysAction::List => list(context).await,
        KeysAction::Show { key } => show(context, &key).await,
        KeysAction::Add {
            name,
            doors,
            schedule,
            from,
            until,
        } => {
            let window = interval(context, from.as_deref(), until.as_deref())?;
            add(context, name, &doors, schedule.as_deref(), window).await
        }
        KeysAction::Grant {
            key,
            users,
            from,
            until,
        } => {
            let interval = interval(context, from.as_deref(), until.as_deref())?;
            grant(context, &key, &users, interval).await
        }
        KeysAction::Revoke { key, users } => revoke(context, &key, &users).await,
        KeysAction::Block { key, reason, until } => {
            let until = context.time(until.as_deref())?;
            block(context, &key, Some(Block { reason, until })).await
        }
        KeysAction::Unblock { key } => block(context, &key, None).await,
        KeysAction::Remove { key, yes } => remove(context, &key, yes).await,
    }
}

fn interval(
    context: &Context,
    from: Option<&str>,
    until: Option<&str>,
) -> Result<Option<Interval>, Failure> {
    let interval = Interval {
        from: context.time(from)?,
        until: context.time(until)?,
    };
    match (interval.from, interval.until) {
        (None, None) => Ok(None),
        (Some(from), Some(until)) if until <= from => {
            Err(Failure::usage("`--until` must be later than `--from`"))
        }
        _ => Ok(Some(interval)),
    }
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let keys = context.client.list_all::<Key>().await?;
    if context.json {
        return context.print_json(&json!({ "keys": keys }));
    }
    let doors = context.client.list_all::<Door>().await?;
    let schedules = context.client.list_all::<Schedule>().await?;
    let table = Tables { doors, schedules };
    Ok(write_list(
        &mut context.out,
        &keys,
        &table,
        context.now,
        &context.zone,
    )?)
}

/// What keys refer to.
struct Tables {
    doors: Vec<Door>,
    schedules: Vec<Schedule>,
}

impl Tables {
    fn doors_of(&self, key: &Key) -> Vec<String> {
        let name = |id: &DoorId| {
            let door = self.doors.iter().find(|door| door.id == *id);
            door.map_or_else(|| text::unknown_door(*id), |door| door.name.clone())
        };
        key.doors.iter().map(name).collect()
    }

    fn schedule_of(&self, key: &Key) -> String {
        let Some(id) = key.schedule else {
            return text::ALWAYS.to_owned();
        };
        let schedule = self.schedules.iter().find(|schedule| schedule.id == id);
        schedule.map_or_else(
            || format!("schedule {id}"),
            |schedule| schedule.name.clone(),
        )
    }
}

fn window(key: &Key, zone: &TimeZone) -> String {
    let window = key.window.unwrap_or_default();
    time::interval(window.from, window.until, zone)
}

/// Whether a key is in force, in words.
fn force(key: &Key, now: Wall) -> String {
    match &key.blocked {
        Some(block) if block.until.is_none_or(|until| now < until) => {
            format!("BLOCKED: {}", block.reason)
        }
        _ if key.doors.is_empty() => "opens nothing: it has no doors".to_owned(),
        _ if key.window.is_some_and(|window| !window.contains(now)) => {
            "outside its window".to_owned()
        }
        _ => "in force".to_owned(),
    }
}

fn write_list(
    out: &mut dyn Write,
    keys: &[Key],
    tables: &Tables,
    now: Wall,
    zone: &TimeZone,
) -> io::Result<()> {
    if keys.is_empty() {
        return writeln!(out, "no keys");
    }
    let mut table = Table::new(&["ID", "NAME", "SCHEDULE", "WINDOW", "STATE", "DOORS"]);
    for key in keys {
        table.row(&[
            key.id.to_string(),
            key.name.clone(),
            tables.schedule_of(key),
            window(key, zone),
            force(key, now),
            tables.doors_of(key).join(", "),
        ]);
    }
    table.write(out)
}

async fn show(context: &mut Context, name: &str) -> Result<(), Failure> {
    let key: Key = names::find(&context.client, name).await?;
    let mut query = ListQuery {
        limit: Some(PAGE_MAX),
        ..ListQuery::default()
    };
    let mut grants = Vec::new();
    loop {
        let page = context.client.key_holders(key.id, &query).await?;
        grants.extend(page.items);
        match page.next {
            Some(next) => query = query.after(next),
            None => break,
        }
    }
    if context.json {
        return context.print_json(&json!({ "key": key, "holders": grants }));
    }
    let tables = Tables {
        doors: context.client.list_all::<Door>().await?,
        schedules: context.client.list_all::<Schedule>().await?,
    };
    let mut holders = Vec::new();
    for grant in &grants {
        let user = context.client.record::<User>(grant.user).await?;
        let validity = held::validity(grant, &key, None, &context.zone);
        holders.push(format!("{} (#{}), {validity}", user.full_name(), user.id));
    }
    let mut fields = Fields::default();
    fields.add("Key", format!("{} (#{})", key.name, key.id));
    fields.add("State", force(&key, context.now));
    fields.add("Schedule", tables.schedule_of(&key));
    fields.add("Window", window(&key, &context.zone));
    fields.add_all("Doors", &tables.doors_of(&key));
    fields.add_all("Holders", &holders);
    Ok(fields.write(&mut context.out)?)
}

async fn add(
    context: &mut Context,
    name: String,
    doors: &[String],
    schedule: Option<&str>,
    window: Option<Interval>,
) -> Result<(), Failure> {
    let mut found: Vec<Door> = Vec::new();
    for door in doors {
        let door: Door = names::find(&context.client, door).await?;
        if found.iter().all(|other| other.id != door.id) {
            found.push(door);
        }
    }
    let schedule = match schedule {
        Some(name) => Some(names::find::<Schedule>(&context.client, name).await?.id),
        None => None,
    };
    let key = Key {
        id: KeyId(0),
        name,
        place: place_of(context, &found).await?,
        doors: found.iter().map(|door| door.id).collect(),
        schedule,
        window,
        blocked: None,
        flags: KeyFlags::default(),
        ..Key::default()
    };
    let saved = context.client.create(&key).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let key = saved.record;
    context.print(format_args!("{} is key #{}", key.name, key.id))
}

/// The place that owns a key to these doors: theirs if it is one, otherwise the site.
async fn place_of(context: &Context, doors: &[Door]) -> Result<PlaceId, Failure> {
    if let [first, rest @ ..] = doors
        && rest.iter().all(|door| door.place == first.place)
    {
        return Ok(first.place);
    }
    let places = context.client.list_all::<Place>().await?;
    let site = places.iter().find(|place| place.parent.is_none());
    site.map(|place| place.id)
        .ok_or_else(|| Failure::data("the table has no place that could own the key"))
}

async fn holders(context: &Context, names: &[String]) -> Result<Vec<User>, Failure> {
    let mut holders: Vec<User> = Vec::new();
    for name in names {
        let user: User = names::find(&context.client, name).await?;
        if holders.iter().all(|other| other.id != user.id) {
            holders.push(user);
        }
    }
    Ok(holders)
}

fn listed(users: &[User]) -> String {
    let names: Vec<String> = users.iter().map(User::full_name).collect();
    names.join(", ")
}

async fn grant(
    context: &mut Context,
    key: &str,
    users: &[String],
    interval: Option<Interval>,
) -> Result<(), Failure> {
    let key: Key = names::find(&context.client, key).await?;
    let holders = holders(context, users).await?;
    let changes = holders
        .iter()
        .map(|user| {
            Change::Put(Record::Grant(Grant {
                user: user.id,
                key: key.id,
                intervals: interval.into_iter().collect(),
            }))
        })
        .collect();
    let applied = context.apply(changes, None).await?;
    if context.json {
        return context.print_json(&applied);
    }
    let interval = interval.unwrap_or_default();
    let validity = time::interval(interval.from, interval.until, &context.zone);
    let held = listed(&holders);
    context.print(format_args!("{} is given to {held}, {validity}", key.name))
}

async fn revoke(context: &mut Context, key: &str, users: &[String]) -> Result<(), Failure> {
    let key: Key = names::find(&context.client, key).await?;
    let holders = holders(context, users).await?;
    let changes = holders
        .iter()
        .map(|user| grant_of(user.id, key.id))
        .collect();
    let applied = context.apply(changes, None).await?;
    if context.json {
        return context.print_json(&applied);
    }
    let held = listed(&holders);
    context.print(format_args!("{} is taken from {held}", key.name))
}

const fn grant_of(user: UserId, key: KeyId) -> Change {
    Change::Remove(RecordRef::Grant { user, key })
}

async fn block(context: &mut Context, key: &str, block: Option<Block>) -> Result<(), Failure> {
    let key: Key = names::find(&context.client, key).await?;
    let saved = context
        .edit::<Key>(key.id, |key| key.blocked.clone_from(&block))
        .await?;
    if context.json {
        return context.print_json(&saved);
    }
    let state = force(&saved.record, context.now);
    context.print(format_args!("{}: {state}", saved.record.name))
}

async fn remove(context: &mut Context, key: &str, yes: bool) -> Result<(), Failure> {
    let key: Key = names::find(&context.client, key).await?;
    let query = ListQuery {
        limit: Some(PAGE_MAX),
        ..ListQuery::default()
    };
    let page = context.client.key_holders(key.id, &query).await?;
    let more = if page.next.is_some() {
        "more than "
    } else {
        ""
    };
    let holders = text::count(page.items.len(), "user");
    let question = format!(
        "Remove {} (#{})? {more}{holders} lose it at once.",
        key.name, key.id
    );
    context.confirm(&question, yes)?;
    let applied = context.client.delete::<Key>(key.id).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("{} is removed", key.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::sample;

    #[test]
    fn a_list_of_keys() {
        let tables = Tables {
            doors: sample::doors().into_iter().map(|view| view.door).collect(),
            schedules: vec![sample::schedule()],
        };
        let mut keys = sample::keys();
        keys[1].blocked = Some(Block {
            reason: "lost master card".to_owned(),
            until: None,
        });
        keys[2].window = Some(Interval {
            from: None,
            until: Some(sample::NOW.plus_ms(-1)),
        });
        let mut out = Vec::new();
        write_list(&mut out, &keys, &tables, sample::NOW, &TimeZone::UTC).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn a_block_ends() {
        let mut key = sample::keys().remove(0);
        key.blocked = Some(Block {
            reason: "stock-taking".to_owned(),
            until: Some(sample::NOW),
        });
        assert_eq!(
            force(&key, sample::NOW.plus_ms(-1)),
            "BLOCKED: stock-taking"
        );
        assert_eq!(force(&key, sample::NOW), "in force");
        key.doors.clear();
        assert_eq!(force(&key, sample::NOW), "opens nothing: it has no doors");
    }
}
