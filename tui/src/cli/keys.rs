//! `doorward keys`

use std::io::{self, Write};

use doorward_api::{KeyView, ListQuery, PAGE_MAX, SendBody};
use doorward_core::ids::{DoorId, KeyId, UserId};
use doorward_core::model::{
    Block, Change, Company, Door, DoorGroup, Interval, Key, KeyFlags, Place, Recipients, Record,
    RecordRef, Schedule, User,
};
use doorward_core::time::Wall;
use jiff::tz::TimeZone;
use serde_json::json;

use super::args::{GrantArgs, KeyEdit, KeysAction};
use super::context::Context;
use super::failure::Failure;
use super::table::{Fields, Table};
use super::{held, impact, names, structure, time};
use crate::text;

pub(super) async fn run(context: &mut Context, action: Option<KeysAction>) -> Result<(), Failure> {
    match action.unwrap_or(KeysAction::List) {
        KeysAction::List => list(context).await,
        KeysAction::Show { key } => show(context, &key).await,
        KeysAction::Add {
            name,
            doors,
            groups,
            place,
            schedule,
            from,
            until,
            flags,
        } => {
            let window = interval(context, from.as_deref(), until.as_deref())?;
            let opens = (&doors[..], &groups[..], place.as_deref());
            let flags = flags.applied_to(KeyFlags::default());
            add(context, name, opens, schedule.as_deref(), window, flags).await
        }
        KeysAction::Edit { key, change } => edit(context, &key, &change).await,
        KeysAction::Grant { key, grant } => {
            let interval = interval(context, grant.from.as_deref(), grant.until.as_deref())?;
            self::grant(context, &key, &grant, interval).await
        }
        KeysAction::Revoke {
            key,
            all: true,
            yes,
            ..
        } => revoke_from_all(context, &key, yes).await,
        KeysAction::Revoke {
            key,
            users,
            from,
            until,
            ..
        } => match interval(context, from.as_deref(), until.as_deref())? {
            None => revoke(context, &key, &users).await,
            Some(interval) => revoke_interval(context, &key, &users, &interval).await,
        },
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
    let keys = all(context).await?;
    if context.json {
        return context.print_json(&json!({ "keys": keys }));
    }
    let table = Tables::load(context).await?;
    Ok(write_list(
        &mut context.out,
        &keys,
        &table,
        context.now,
        &context.zone,
    )?)
}

async fn all(context: &Context) -> Result<Vec<KeyView>, Failure> {
    let mut query = ListQuery {
        limit: Some(PAGE_MAX),
        ..ListQuery::default()
    };
    let mut keys = Vec::new();
    loop {
        let page = context.client.keys(&query).await?;
        keys.extend(page.items);
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(keys),
        }
    }
}

/// What keys refer to.
struct Tables {
    doors: Vec<Door>,
    groups: Vec<DoorGroup>,
    schedules: Vec<Schedule>,
}

impl Tables {
    async fn load(context: &Context) -> Result<Self, Failure> {
        Ok(Self {
            doors: context.client.list_all::<Door>().await?,
            groups: context.client.list_all::<DoorGroup>().await?,
            schedules: context.client.list_all::<Schedule>().await?,
        })
    }

    /// The doors and the groups that a key names.
    fn doors_of(&self, key: &Key) -> Vec<String> {
        let name = |id: &DoorId| {
            let door = self.doors.iter().find(|door| door.id == *id);
            door.map_or_else(|| text::unknown_door(*id), |door| door.name.clone())
        };
        let groups = key.groups.iter().map(|id| {
            let group = self.groups.iter().find(|group| group.id == *id);
            let name = group.map_or_else(|| id.to_string(), |group| group.name.clone());
            format!("group {name}")
        });
        key.doors.iter().map(name).chain(groups).collect()
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

/// Whether a key opens any door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doors {
    Some,
    None,
}

impl From<bool> for Doors {
    fn from(without: bool) -> Self {
        if without { Self::None } else { Self::Some }
    }
}

/// Whether a key is in force, in words.
fn force(key: &Key, doors: Doors, now: Wall) -> String {
    match &key.blocked {
        Some(block) if block.until.is_none_or(|until| now < until) => {
            format!("BLOCKED: {}", block.reason)
        }
        _ if doors == Doors::None => "opens nothing: it has no doors".to_owned(),
        _ if key.window.is_some_and(|window| !window.contains(now)) => {
            "outside its window".to_owned()
        }
        _ => "in force".to_owned(),
    }
}

fn write_list(
    out: &mut dyn Write,
    keys: &[KeyView],
    tables: &Tables,
    now: Wall,
    zone: &TimeZone,
) -> io::Result<()> {
    if keys.is_empty() {
        return writeln!(out, "no keys");
    }
    let mut table = Table::new(&["ID", "NAME", "SCHEDULE", "WINDOW", "STATE", "DOORS"]);
    for KeyView { key, without_doors } in keys {
        table.row(&[
            key.id.to_string(),
            key.name.clone(),
            tables.schedule_of(key),
            window(key, zone),
            force(key, (*without_doors).into(), now),
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
    let tables = Tables::load(context).await?;
    let mut holders = Vec::new();
    for grant in &grants {
        let user = context.client.record::<User>(grant.user).await?;
        let validity = held::validity(grant, &key, None, &context.zone);
        holders.push(format!("{} (#{}), {validity}", user.full_name(), user.id));
    }
    let mut fields = Fields::default();
    fields.add("Key", format!("{} (#{})", key.name, key.id));
    let only = ListQuery {
        limit: Some(1),
        ..ListQuery::default()
    };
    let opened = context.client.key_doors(key.id, &only).await?.items;
    let state = force(&key, opened.is_empty().into(), context.now);
    fields.add("State", state);
    fields.add("Schedule", tables.schedule_of(&key));
    fields.add("Window", window(&key, &context.zone));
    fields.add_all("Allows", &allowed(key.flags));
    fields.add_all("Doors", &tables.doors_of(&key));
    fields.add_all("Holders", &holders);
    Ok(fields.write(&mut context.out)?)
}

/// What a key allows beside opening its doors.
fn allowed(flags: KeyFlags) -> Vec<String> {
    [
        (flags.may_hold_open, "holding a door open by a double badge"),
        (flags.lockdown_exempt, "coming in during a lockdown"),
        (
            flags.activates_plans,
            "activating a door's pending plan there",
        ),
        (flags.open_to_integrations, "being sent by integrations"),
    ]
    .into_iter()
    .filter(|(is_on, _)| *is_on)
    .map(|(_, what)| what.to_owned())
    .collect()
}

async fn add(
    context: &mut Context,
    name: String,
    (doors, groups, place): (&[String], &[String], Option<&str>),
    schedule: Option<&str>,
    window: Option<Interval>,
    flags: KeyFlags,
) -> Result<(), Failure> {
    let doors = structure::doors(context, doors).await?;
    let groups = self::groups(context, groups).await?;
    let schedule = match schedule {
        Some(name) => Some(names::find::<Schedule>(&context.client, name).await?.id),
        None => None,
    };
    let place = match (place, groups.first()) {
        // A key has groups of its own place only.
        (None, Some(group)) => group.place,
        (place, _) => structure::owner(context, place, &doors).await?,
    };
    let key = Key {
        id: KeyId(0),
        name,
        place,
        doors: doors.iter().map(|door| door.id).collect(),
        groups: groups.iter().map(|group| group.id).collect(),
        schedule,
        window,
        blocked: None,
        flags,
    };
    let saved = context.client.create(&key).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let key = saved.record;
    context.print(format_args!("{} is key #{}", key.name, key.id))
}

async fn groups(context: &Context, names: &[String]) -> Result<Vec<DoorGroup>, Failure> {
    let mut found: Vec<DoorGroup> = Vec::new();
    for name in names {
        let group: DoorGroup = names::find(&context.client, name).await?;
        if found.iter().all(|other| other.id != group.id) {
            found.push(group);
        }
    }
    Ok(found)
}

async fn edit(context: &mut Context, name: &str, change: &KeyEdit) -> Result<(), Failure> {
    let key: Key = names::find(&context.client, name).await?;
    let add_doors = structure::doors(context, &change.add_doors).await?;
    let drop_doors = structure::doors(context, &change.drop_doors).await?;
    let add_groups = groups(context, &change.add_groups).await?;
    let drop_groups = groups(context, &change.drop_groups).await?;
    let schedule = match change.schedule.as_deref() {
        None => None,
        Some("always") => Some(None),
        Some(name) => Some(Some(
            names::find::<Schedule>(&context.client, name).await?.id,
        )),
    };
    let edited = |key: &mut Key| {
        if let Some(name) = &change.name {
            key.name.clone_from(name);
        }
        key.doors
            .retain(|id| drop_doors.iter().all(|door| door.id != *id));
        key.groups
            .retain(|id| drop_groups.iter().all(|group| group.id != *id));
        for door in &add_doors {
            if !key.doors.contains(&door.id) {
                key.doors.push(door.id);
            }
        }
        for group in &add_groups {
            if !key.groups.contains(&group.id) {
                key.groups.push(group.id);
            }
        }
        key.schedule = schedule.unwrap_or(key.schedule);
        key.flags = change.flags.applied_to(key.flags);
    };
    let mut after = key.clone();
    edited(&mut after);
    if after == key {
        return Err(Failure::usage(
            "nothing to change was given; see `doorward keys edit --help`",
        ));
    }
    if change.dry_run {
        let changes = vec![Change::Put(Record::Key(after))];
        let changes = doorward_api::Changes { changes };
        let preview = context.client.preview(&changes).await?;
        return impact::print(context, &preview);
    }
    let saved = context.edit::<Key>(key.id, edited).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let key = saved.record;
    context.print(format_args!("{} (#{}) is changed", key.name, key.id))
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
    args: &GrantArgs,
    interval: Option<Interval>,
) -> Result<(), Failure> {
    let key: Key = names::find(&context.client, key).await?;
    let holders = holders(context, &args.users).await?;
    let mut to = Recipients {
        users: holders.iter().map(|user| user.id).collect(),
        ..Recipients::default()
    };
    for name in &args.companies {
        let company: Company = names::find(&context.client, name).await?;
        to.companies.push(company.id);
    }
    for name in &args.places {
        let place: Place = names::find(&context.client, name).await?;
        to.places.push(place.id);
    }
    for name in &args.holders_of {
        let key: Key = names::find(&context.client, name).await?;
        to.holders_of.push(key.id);
    }
    let body = SendBody {
        to,
        intervals: interval.into_iter().collect(),
        quick: args.quick.map(Into::into),
        time_zone: None,
        holding: args.holding.into(),
    };
    let sent = context.client.send_key(key.id, &body, args.dry_run).await?;
    if args.dry_run {
        return impact::print(context, &sent);
    }
    if context.json {
        return context.print_json(&sent);
    }
    let only_named = args.companies.len() + args.places.len() + args.holders_of.len() == 0;
    let held = match only_named {
        true => listed(&holders),
        false => text::count(sent.put.len(), "user"),
    };
    let validity = match args.quick {
        Some(quick) => text::quick(quick.into()).to_owned(),
        None => {
            let interval = interval.unwrap_or_default();
            time::interval(interval.from, interval.until, &context.zone)
        }
    };
    context.print(format_args!("{} is given to {held}, {validity}", key.name))
}

async fn revoke_interval(
    context: &mut Context,
    key: &str,
    users: &[String],
    ends: &Interval,
) -> Result<(), Failure> {
    let key: Key = names::find(&context.client, key).await?;
    let holders = holders(context, users).await?;
    for user in &holders {
        let interval = interval_of(context, user, &key, ends).await?;
        let client = &context.client;
        client.revoke_interval(user.id, key.id, &interval).await?;
    }
    let held = listed(&holders);
    if context.json {
        let users: Vec<UserId> = holders.iter().map(|user| user.id).collect();
        return context.print_json(&json!({ "key": key.id, "users": users }));
    }
    context.print(format_args!(
        "one interval of {} is taken from {held}",
        key.name
    ))
}

/// The one interval of a grant that has these ends, as far as they were given.
async fn interval_of(
    context: &Context,
    user: &User,
    key: &Key,
    ends: &Interval,
) -> Result<Interval, Failure> {
    let held = held::keys(&context.client, user.id).await?;
    let grant = held.into_iter().find(|held| held.grant.key == key.id);
    let intervals = grant.map(|held| held.grant.intervals).unwrap_or_default();
    let fits = |interval: &&Interval| {
        (ends.from.is_none() || interval.from == ends.from)
            && (ends.until.is_none() || interval.until == ends.until)
    };
    match intervals.iter().filter(fits).collect::<Vec<_>>()[..] {
        [interval] => Ok(*interval),
        ref several => Err(Failure::data(format_args!(
            "{} of the intervals of {} for {} fit, expected one; `doorward users show` lists them",
            several.len(),
            key.name,
            user.full_name()
        ))),
    }
}

async fn revoke_from_all(context: &mut Context, key: &str, yes: bool) -> Result<(), Failure> {
    let key: Key = names::find(&context.client, key).await?;
    let before = context.client.revoke_from_all(key.id, true).await?;
    let touched = impact::of(&before);
    let question = format!("Take {} from every holder? It touches {touched}.", key.name);
    context.confirm(&question, yes)?;
    let applied = context.client.revoke_from_all(key.id, false).await?;
    if context.json {
        return context.print_json(&applied);
    }
    let holders = text::count(applied.removed.len(), "user");
    context.print(format_args!("{} is taken from {holders}", key.name))
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
    let saved = match &block {
        Some(block) => context.client.block_key(key.id, block).await?,
        None => context.client.unblock_key(key.id).await?,
    };
    if context.json {
        return context.print_json(&saved);
    }
    let state = force(&saved.record, Doors::Some, context.now);
    context.print(format_args!("{}: {state}", saved.record.name))
}

async fn remove(context: &mut Context, key: &str, yes: bool) -> Result<(), Failure> {
    let key: Key = names::find(&context.client, key).await?;
    let before = context.client.preview_delete::<Key>(key.id).await?;
    let holders = before.impact.map_or(0, |impact| impact.users);
    let holders = text::count(holders, "user");
    let question = format!(
        "Remove {} (#{})? {holders} lose it at once.",
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
            groups: Vec::new(),
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
        let keys: Vec<KeyView> = keys
            .into_iter()
            .map(|key| KeyView {
                key,
                without_doors: false,
            })
            .collect();
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
            force(&key, Doors::Some, sample::NOW.plus_ms(-1)),
            "BLOCKED: stock-taking"
        );
        assert_eq!(force(&key, Doors::Some, sample::NOW), "in force");
        let without = force(&key, Doors::None, sample::NOW);
        assert_eq!(without, "opens nothing: it has no doors");
    }
}
