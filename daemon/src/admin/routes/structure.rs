//! What belongs where: the contents of places, the users of companies, the doors of keys.

use axum::extract::State;
use doorward_api::{KeyDoor, ListQuery, PAGE_DEFAULT, PAGE_MAX, Page, PlaceContents};
use doorward_core::ids::{CompanyId, DoorId, KeyId, PlaceId, UserId};
use doorward_core::model::{Company, Door, DoorGroup, Key, Place, Share, User, doors_of_key};

use super::records::{Searched, find, page};
use crate::admin::caller::{May, Read};
use crate::admin::office::Desk;
use crate::admin::query::{Asked, At, page_size};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::store::{StoreError, TableView};

/// What a place owns, and what is shared to it
#[utoipa::path(
    get, path = "/v1/places/{id}/contents", tag = "places", operation_id = "place_contents",
    params(("id" = u32, Path, description = "the place's number")),
    responses((status = OK, description = "by number", body = PlaceContents)),
)]
pub(super) async fn contents(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
) -> Result<Reply<PlaceContents>, Refused> {
    desk.read(move |view| {
        let revision = view.revision()?;
        let place = PlaceId(id);
        find::<Place>(view, place)?;
        let contents = PlaceContents {
            places: view.places_below(place)?,
            doors: view.doors_of_place(place)?,
            shared_doors: view.doors_shared_to(place)?,
            door_groups: view.groups_of_place(place)?,
            keys: view.keys_of_place(place)?,
            companies: view.companies_of_place(place)?,
            users: view.users_of_place(place, None, usize::MAX)?.len(),
        };
        Ok(Reply::at(contents, revision))
    })
    .await
}

/// The users who belong to a place itself
#[utoipa::path(
    get, path = "/v1/places/{id}/users", tag = "places", operation_id = "place_users",
    params(("id" = u32, Path, description = "the place's number"), ListQuery),
    responses((status = OK, description = "a page", body = Page<User>)),
)]
pub(super) async fn place_users(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<User>>, Refused> {
    desk.read(move |view| {
        let place = PlaceId(id);
        find::<Place>(view, place)?;
        users(view, query, |after, limit| {
            view.users_of_place(place, after, limit)
        })
    })
    .await
}

/// The users who belong to a company
#[utoipa::path(
    get, path = "/v1/companies/{id}/users", tag = "companies", operation_id = "company_users",
    params(("id" = u32, Path, description = "the company's number"), ListQuery),
    responses((status = OK, description = "a page", body = Page<User>)),
)]
pub(super) async fn company_users(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<User>>, Refused> {
    desk.read(move |view| {
        let company = CompanyId(id);
        find::<Company>(view, company)?;
        users(view, query, |after, limit| {
            view.users_of_company(company, after, limit)
        })
    })
    .await
}

/// Users read at once while searching.
const BATCH: usize = 1_000;

fn users(
    view: &TableView,
    query: ListQuery,
    ids: impl Fn(Option<UserId>, usize) -> Result<Vec<UserId>, StoreError>,
) -> Result<Reply<Page<User>>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    let needle = query.q.unwrap_or_default().trim().to_lowercase();
    let revision = view.revision()?;
    let mut found = Vec::new();
    let mut after = query.after.map(UserId);
    while found.len() <= limit {
        let batch = ids(after, BATCH)?;
        let Some(last) = batch.last() else {
            break;
        };
        after = Some(*last);
        for user in batch {
            // A user who went meanwhile is passed over.
            if let Some(user) = view.find::<User>(user)?
                && user.contains(&needle)
            {
                found.push(user);
            }
        }
    }
    let page = page(found, limit, revision, |user| user.id.0);
    Ok(Reply::at(page, revision))
}

/// The doors that a key opens: its own, and those of its groups
#[utoipa::path(
    get, path = "/v1/keys/{id}/doors", tag = "keys", operation_id = "key_doors",
    params(("id" = u32, Path, description = "the key's number"), ListQuery),
    responses((status = OK, description = "a page", body = Page<KeyDoor>)),
)]
pub(super) async fn key_doors(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<KeyDoor>>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    desk.read(move |view| {
        let revision = view.revision()?;
        let key = find::<Key>(view, KeyId(id))?;
        let mut groups = Vec::new();
        for group in &key.groups {
            groups.extend(view.find::<DoorGroup>(*group)?);
        }
        let doors = doors_of_key(view, &key).map_err(|error| Refused::internal(&error))?;
        let after = query.after.map(DoorId);
        let doors = doors.into_iter().filter(|door| after < Some(*door));
        let mut found = Vec::new();
        for door in doors.take(limit + 1) {
            // A door that went meanwhile is passed over.
            let Some(door) = view.find::<Door>(door)? else {
                continue;
            };
            let by_group = groups.iter().filter(|group| group.doors.contains(&door.id));
            found.push(KeyDoor {
                listed: key.doors.contains(&door.id),
                groups: by_group.map(|group| group.id).collect(),
                shared: door.place != key.place,
                door,
            });
        }
        let page = page(found, limit, revision, |found| found.door.id.0);
        Ok(Reply::at(page, revision))
    })
    .await
}

/// The places that a door is shared to
#[utoipa::path(
    get, path = "/v1/doors/{id}/shares", tag = "doors", operation_id = "door_shares",
    params(("id" = u32, Path, description = "the door's number"), ListQuery),
    responses((status = OK, description = "a page; `after` is a place's number", body = Page<Share>)),
)]
pub(super) async fn shares(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<Share>>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    desk.read(move |view| {
        let revision = view.revision()?;
        find::<Door>(view, DoorId(id))?;
        let mut shares = view.shares_of_door(DoorId(id))?;
        let after = query.after.map(PlaceId);
        shares.retain(|share| after < Some(share.place));
        let page = page(shares, limit, revision, |share| share.place.0);
        Ok(Reply::at(page, revision))
    })
    .await
}
