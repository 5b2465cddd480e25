//! `doorward places`, `doorward groups`, `doorward companies`, and sharing doors.

use std::io::{self, Write};

use doorward_api::{ListQuery, PAGE_MAX};
use doorward_core::ids::{CompanyId, DoorGroupId, DoorId, PlaceId};
use doorward_core::model::{
    Change, Company, Door, DoorGroup, Key, Language, Place, Record, Share, User,
};
use serde_json::json;

use super::args::{CompaniesAction, GroupsAction, PlaceFields, PlacesAction};
use super::context::Context;
use super::failure::Failure;
use super::table::{Fields, Table};
use super::{impact, names};
use crate::text;

pub(super) async fn places(
    context: &mut Context,
    action: Option<PlacesAction>,
) -> Result<(), Failure> {
    match action.unwrap_or(PlacesAction::List) {
        PlacesAction::List => list_places(context).await,
        PlacesAction::Show { place } => show_place(context, &place).await,
        PlacesAction::Add { name, fields } => {
            let mut place = Place {
                name,
                parent: site(context).await?,
                ..Place::default()
            };
            let parent = parent_of(context, &fields).await?;
            set(&mut place, &fields, parent);
            let saved = context.client.create(&place).await?;
            if context.json {
                return context.print_json(&saved);
            }
            let place = saved.record;
            context.print(format_args!("{} is place #{}", place.name, place.id))
        }
        PlacesAction::Edit {
            place,
            name,
            fields,
        } => edit_place(context, &place, name, &fields).await,
        PlacesAction::Remove { place, yes } => {
            let place: Place = names::find(&context.client, &place).await?;
            remove(context, &place, &place.name, yes).await
        }
    }
}

/// The place at the top of the tree.
async fn site(context: &Context) -> Result<Option<PlaceId>, Failure> {
    let places = context.client.list_all::<Place>().await?;
    let site = places.iter().find(|place| place.parent.is_none());
    Ok(site.map(|place| place.id))
}

async fn parent_of(context: &Context, fields: &PlaceFields) -> Result<Option<PlaceId>, Failure> {
    match &fields.parent {
        Some(name) => Ok(Some(names::find::<Place>(&context.client, name).await?.id)),
        None => Ok(None),
    }
}

fn set(place: &mut Place, fields: &PlaceFields, parent: Option<PlaceId>) {
    let copy = |field: &mut String, given: &Option<String>| {
        if let Some(given) = given {
            field.clone_from(given);
        }
    };
    place.parent = parent.or(place.parent);
    copy(&mut place.details, &fields.details);
    copy(&mut place.category, &fields.category);
    copy(&mut place.support, &fields.support);
    if let Some(cap) = fields.users_max {
        place.users_max = cap.0;
    }
    if let Some(language) = fields.language {
        place.language = Some(language.into());
    }
    if let Some(days) = fields.log_retention_days {
        // What does not fit is refused by the daemon as too many.
        place.log_retention_days = days.0.map(|days| u16::try_from(days).unwrap_or(u16::MAX));
    }
}

async fn edit_place(
    context: &mut Context,
    name: &str,
    new_name: Option<String>,
    fields: &PlaceFields,
) -> Result<(), Failure> {
    if new_name.is_none() && *fields == PlaceFields::default() {
        return Err(Failure::usage(
            "nothing to change was given; see `doorward places edit --help`",
        ));
    }
    let place: Place = names::find(&context.client, name).await?;
    let parent = parent_of(context, fields).await?;
    let change = |place: &mut Place| {
        if let Some(name) = &new_name {
            place.name.clone_from(name);
        }
        set(place, fields, parent);
    };
    let saved = context.edit::<Place>(place.id, change).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let place = saved.record;
    context.print(format_args!("{} (#{}) is changed", place.name, place.id))
}

async fn list_places(context: &mut Context) -> Result<(), Failure> {
    let places = context.client.list_all::<Place>().await?;
    if context.json {
        return context.print_json(&json!({ "places": places }));
    }
    Ok(write_places(&mut context.out, &places)?)
}

fn write_places(out: &mut dyn Write, places: &[Place]) -> io::Result<()> {
    if places.is_empty() {
        return writeln!(out, "no places");
    }
    let mut table = Table::new(&["ID", "NAME", "CATEGORY", "USERS", "DETAILS"]);
    let mut rows = Vec::new();
    below(places, None, 0, &mut rows);
    for (depth, place) in rows {
        table.row(&[
            place.id.to_string(),
            format!("{}{}", "  ".repeat(depth), place.name),
            place.category.clone(),
            place
                .users_max
                .map_or_else(String::new, |cap| format!("at most {cap}")),
            place.details.replace('\n', " "),
        ]);
    }
    table.write(out)
}

/// Places in the order of the tree, each with how deep it lies.
fn below<'a>(
    places: &'a [Place],
    parent: Option<PlaceId>,
    depth: usize,
    rows: &mut Vec<(usize, &'a Place)>,
) {
    // More rows than places would be a tree that bites its tail.
    for place in places.iter().filter(|place| place.parent == parent) {
        if rows.len() < places.len() {
            rows.push((depth, place));
            below(places, Some(place.id), depth + 1, rows);
        }
    }
}

const fn language(language: Language) -> &'static str {
    match language {
        Language::English => "English",
        Language::Swedish => "Swedish",
        Language::French => "French",
        Language::Czech => "Czech",
        Language::Danish => "Danish",
    }
}

async fn show_place(context: &mut Context, name: &str) -> Result<(), Failure> {
    let place: Place = names::find(&context.client, name).await?;
    let contents = context.client.place_contents(place.id).await?;
    if context.json {
        return context.print_json(&json!({ "place": place, "contents": contents }));
    }
    let places = context.client.list_all::<Place>().await?;
    let doors = context.client.list_all::<Door>().await?;
    let groups = context.client.list_all::<DoorGroup>().await?;
    let keys = context.client.list_all::<Key>().await?;
    let companies = context.client.list_all::<Company>().await?;
    let named = |ids: &[DoorId]| -> Vec<String> {
        let doors = doors.iter().filter(|door| ids.contains(&door.id));
        doors.map(|door| door.name.clone()).collect()
    };
    let mut fields = Fields::default();
    fields.add("Place", format!("{} (#{})", place.name, place.id));
    if let Some(parent) = places.iter().find(|other| Some(other.id) == place.parent) {
        fields.add("Part of", &parent.name);
    }
    for (name, text) in [
        ("Category", &place.category),
        ("Details", &place.details),
        ("Support", &place.support),
    ] {
        if !text.is_empty() {
            fields.add(name, text);
        }
    }
    let users = match place.users_max {
        Some(cap) => format!("{} of at most {cap}", contents.users),
        None => contents.users.to_string(),
    };
    fields.add("Users", users);
    if let Some(chosen) = place.language {
        fields.add("Language", language(chosen));
    }
    if let Some(days) = place.log_retention_days {
        fields.add("Names kept", text::count(days.into(), "day"));
    }
    let inner = places.iter().filter(|each| each.parent == Some(place.id));
    fields.add_all(
        "Places",
        &inner.map(|each| each.name.clone()).collect::<Vec<_>>(),
    );
    fields.add_all("Doors", &named(&contents.doors));
    fields.add_all("Shared to it", &named(&contents.shared_doors));
    let own = groups.iter().filter(|group| group.place == place.id);
    fields.add_all(
        "Groups",
        &own.map(|group| group.name.clone()).collect::<Vec<_>>(),
    );
    let own = keys.iter().filter(|key| key.place == place.id);
    fields.add_all("Keys", &own.map(|key| key.name.clone()).collect::<Vec<_>>());
    let own = companies.iter().filter(|company| company.place == place.id);
    fields.add_all(
        "Companies",
        &own.map(|company| company.name.clone()).collect::<Vec<_>>(),
    );
    Ok(fields.write(&mut context.out)?)
}

/// Takes a record away after asking; the question is followed by whom it touches.
async fn remove<R: doorward_api::Resource>(
    context: &mut Context,
    record: &R,
    name: &str,
    yes: bool,
) -> Result<(), Failure> {
    let id = record.id();
    let before = context.client.preview_delete::<R>(id).await?;
    let touched = impact::of(&before);
    let question = format!("Remove {name} (#{id})? It touches {touched}.");
    context.confirm(&question, yes)?;
    let applied = context.client.delete::<R>(id).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("{name} is removed"))
}

pub(super) async fn groups(
    context: &mut Context,
    action: Option<GroupsAction>,
) -> Result<(), Failure> {
    match action.unwrap_or(GroupsAction::List) {
        GroupsAction::List => list_groups(context).await,
        GroupsAction::Add { name, doors, place } => add_group(context, name, &doors, place).await,
        GroupsAction::Edit {
            group,
            name,
            add,
            drop,
            dry_run,
        } => edit_group(context, &group, name, (&add, &drop), dry_run).await,
        GroupsAction::Remove { group, yes } => {
            let group: DoorGroup = names::find(&context.client, &group).await?;
            remove(context, &group, &group.name, yes).await
        }
    }
}

async fn list_groups(context: &mut Context) -> Result<(), Failure> {
    let groups = context.client.list_all::<DoorGroup>().await?;
    if context.json {
        return context.print_json(&json!({ "door_groups": groups }));
    }
    let doors = context.client.list_all::<Door>().await?;
    let places = context.client.list_all::<Place>().await?;
    Ok(write_groups(&mut context.out, &groups, &doors, &places)?)
}

fn write_groups(
    out: &mut dyn Write,
    groups: &[DoorGroup],
    doors: &[Door],
    places: &[Place],
) -> io::Result<()> {
    if groups.is_empty() {
        return writeln!(out, "no door groups");
    }
    let mut table = Table::new(&["ID", "NAME", "PLACE", "DOORS"]);
    for group in groups {
        let place = places.iter().find(|place| place.id == group.place);
        let names = group.doors.iter().map(|id| {
            let door = doors.iter().find(|door| door.id == *id);
            door.map_or_else(|| text::unknown_door(*id), |door| door.name.clone())
        });
        table.row(&[
            group.id.to_string(),
            group.name.clone(),
            place.map_or_else(String::new, |place| place.name.clone()),
            names.collect::<Vec<_>>().join(", "),
        ]);
    }
    table.write(out)
}

/// Doors by their names, each once.
pub(super) async fn doors(context: &Context, names: &[String]) -> Result<Vec<Door>, Failure> {
    let mut found: Vec<Door> = Vec::new();
    for name in names {
        let door: Door = names::find(&context.client, name).await?;
        if found.iter().all(|other| other.id != door.id) {
            found.push(door);
        }
    }
    Ok(found)
}

/// The place that owns a key or a group of these doors: the one named, theirs if it is one,
/// otherwise the site.
pub(super) async fn owner(
    context: &Context,
    named: Option<&str>,
    doors: &[Door],
) -> Result<PlaceId, Failure> {
    if let Some(name) = named {
        return Ok(names::find::<Place>(&context.client, name).await?.id);
    }
    if let [first, rest @ ..] = doors
        && rest.iter().all(|door| door.place == first.place)
    {
        return Ok(first.place);
    }
    site(context)
        .await?
        .ok_or_else(|| Failure::data("the table has no place that could own it"))
}

async fn add_group(
    context: &mut Context,
    name: String,
    doors: &[String],
    place: Option<String>,
) -> Result<(), Failure> {
    let doors = self::doors(context, doors).await?;
    let group = DoorGroup {
        id: DoorGroupId(0),
        name,
        place: owner(context, place.as_deref(), &doors).await?,
        doors: doors.iter().map(|door| door.id).collect(),
        ..DoorGroup::default()
    };
    let saved = context.client.create(&group).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let group = saved.record;
    context.print(format_args!("{} is door group #{}", group.name, group.id))
}

async fn edit_group(
    context: &mut Context,
    name: &str,
    new_name: Option<String>,
    (add, drop): (&[String], &[String]),
    dry_run: bool,
) -> Result<(), Failure> {
    if new_name.is_none() && add.is_empty() && drop.is_empty() {
        return Err(Failure::usage(
            "nothing to change was given; see `doorward groups edit --help`",
        ));
    }
    let group: DoorGroup = names::find(&context.client, name).await?;
    let add = doors(context, add).await?;
    let drop = doors(context, drop).await?;
    let change = |group: &mut DoorGroup| {
        if let Some(name) = &new_name {
            group.name.clone_from(name);
        }
        group
            .doors
            .retain(|door| drop.iter().all(|dropped| dropped.id != *door));
        for door in &add {
            if !group.doors.contains(&door.id) {
                group.doors.push(door.id);
            }
        }
    };
    if dry_run {
        let mut group = group;
        change(&mut group);
        let changes = vec![Change::Put(Record::DoorGroup(group))];
        let preview = context
            .client
            .preview(&doorward_api::Changes { changes })
            .await?;
        return impact::print(context, &preview);
    }
    let saved = context.edit::<DoorGroup>(group.id, change).await?;
    if context.json {
        return context.print_json(&saved);
    }
    let group = saved.record;
    let doors = text::count(group.doors.len(), "door");
    context.print(format_args!("{} (#{}) has {doors}", group.name, group.id))
}

pub(super) async fn companies(
    context: &mut Context,
    action: Option<CompaniesAction>,
) -> Result<(), Failure> {
    match action.unwrap_or(CompaniesAction::List) {
        CompaniesAction::List => list_companies(context).await,
        CompaniesAction::Show { company } => show_company(context, &company).await,
        CompaniesAction::Add {
            name,
            place,
            details,
        } => {
            let company = Company {
                id: CompanyId(0),
                name,
                place: owner(context, place.as_deref(), &[]).await?,
                details,
            };
            let saved = context.client.create(&company).await?;
            if context.json {
                return context.print_json(&saved);
            }
            let company = saved.record;
            context.print(format_args!("{} is company #{}", company.name, company.id))
        }
        CompaniesAction::Edit {
            company,
            name,
            place,
            details,
        } => {
            let company: Company = names::find(&context.client, &company).await?;
            let place = match place {
                Some(place) => Some(names::find::<Place>(&context.client, &place).await?.id),
                None => None,
            };
            let change = |company: &mut Company| {
                company.name = name.clone().unwrap_or(company.name.clone());
                company.place = place.unwrap_or(company.place);
                company.details = details.clone().unwrap_or(company.details.clone());
            };
            let saved = context.edit::<Company>(company.id, change).await?;
            if context.json {
                return context.print_json(&saved);
            }
            let company = saved.record;
            context.print(format_args!(
                "{} (#{}) is changed",
                company.name, company.id
            ))
        }
        CompaniesAction::Remove { company, yes } => {
            let company: Company = names::find(&context.client, &company).await?;
            remove(context, &company, &company.name, yes).await
        }
    }
}

async fn list_companies(context: &mut Context) -> Result<(), Failure> {
    let companies = context.client.list_all::<Company>().await?;
    if context.json {
        return context.print_json(&json!({ "companies": companies }));
    }
    if companies.is_empty() {
        return context.print("no companies");
    }
    let places = context.client.list_all::<Place>().await?;
    let mut table = Table::new(&["ID", "NAME", "PLACE", "DETAILS"]);
    for company in companies {
        let place = places.iter().find(|place| place.id == company.place);
        table.row(&[
            company.id.to_string(),
            company.name,
            place.map_or_else(String::new, |place| place.name.clone()),
            company.details.replace('\n', " "),
        ]);
    }
    Ok(table.write(&mut context.out)?)
}

async fn show_company(context: &mut Context, name: &str) -> Result<(), Failure> {
    let company: Company = names::find(&context.client, name).await?;
    let mut query = ListQuery {
        limit: Some(PAGE_MAX),
        ..ListQuery::default()
    };
    let mut users: Vec<User> = Vec::new();
    loop {
        let page = context.client.company_users(company.id, &query).await?;
        users.extend(page.items);
        match page.next {
            Some(next) => query = query.after(next),
            None => break,
        }
    }
    if context.json {
        return context.print_json(&json!({ "company": company, "users": users }));
    }
    let place = context.client.record::<Place>(company.place).await?;
    let mut fields = Fields::default();
    fields.add("Company", format!("{} (#{})", company.name, company.id));
    fields.add("Place", &place.name);
    if !company.details.is_empty() {
        fields.add("Details", &company.details);
    }
    let users: Vec<String> = users
        .iter()
        .map(|user| format!("{} (#{})", user.full_name(), user.id))
        .collect();
    fields.add_all("Users", &users);
    Ok(fields.write(&mut context.out)?)
}

async fn door_and_place(
    context: &Context,
    door: &str,
    place: &str,
) -> Result<(Door, Place), Failure> {
    let door = names::find::<Door>(&context.client, door).await?;
    let place = names::find::<Place>(&context.client, place).await?;
    Ok((door, place))
}

pub(super) async fn share(context: &mut Context, door: &str, to: &str) -> Result<(), Failure> {
    let (door, place) = door_and_place(context, door, to).await?;
    let share = Share {
        door: door.id,
        place: place.id,
    };
    let applied = context.client.share_door(share).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!("{} is shared to {}", door.name, place.name))
}

pub(super) async fn withdraw(
    context: &mut Context,
    door: &str,
    from: &str,
    yes: bool,
) -> Result<(), Failure> {
    let (door, place) = door_and_place(context, door, from).await?;
    let share = Share {
        door: door.id,
        place: place.id,
    };
    let before = context.client.withdraw_door(share, true).await?;
    let question = format!(
        "Withdraw {} from {}? It drops out of its keys at once. It touches {}.",
        door.name,
        place.name,
        impact::of(&before)
    );
    context.confirm(&question, yes)?;
    let applied = context.client.withdraw_door(share, false).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!(
        "{} is withdrawn from {}",
        door.name, place.name
    ))
}

pub(super) async fn move_door(context: &mut Context, door: &str, to: &str) -> Result<(), Failure> {
    let (door, place) = door_and_place(context, door, to).await?;
    let applied = context.client.move_door(door.id, place.id).await?;
    if context.json {
        return context.print_json(&applied);
    }
    context.print(format_args!(
        "{} belongs to {}, and is shared back",
        door.name, place.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::sample;

    #[test]
    fn places_are_listed_as_a_tree() {
        let place = |id, name: &str, parent: Option<u32>| Place {
            id: PlaceId(id),
            name: name.to_owned(),
            parent: parent.map(PlaceId),
            ..Place::default()
        };
        let mut places = vec![
            place(1, "Hospital", None),
            place(2, "Pharmacy", Some(1)),
            place(3, "Ward 3", Some(1)),
            place(4, "Store", Some(2)),
        ];
        places[1].users_max = Some(20);
        places[2].category = "Ward".to_owned();
        let mut out = Vec::new();
        write_places(&mut out, &places).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }

    #[test]
    fn groups_are_listed_with_their_doors() {
        let doors: Vec<Door> = sample::doors().into_iter().map(|view| view.door).collect();
        let group = DoorGroup {
            id: DoorGroupId(1),
            name: "Outer doors".to_owned(),
            place: PlaceId(1),
            doors: vec![doors[0].id, doors[1].id, DoorId(99)],
            ..DoorGroup::default()
        };
        let place = Place {
            id: PlaceId(1),
            name: "Hospital".to_owned(),
            ..Place::default()
        };
        let mut out = Vec::new();
        write_groups(&mut out, &[group], &doors, &[place]).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
