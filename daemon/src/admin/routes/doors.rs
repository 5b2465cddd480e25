use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use doorward_api::{DoorUser, ListQuery, PAGE_DEFAULT, PAGE_MAX, Page};
use doorward_core::controller::DoorCommand;
use doorward_core::ids::{DoorId, KeyId, UserId};
use doorward_core::model::{Door, Key, User, key_opens};

use super::records::{Searched, find, page};
use crate::admin::body::Nothing;
use crate::admin::caller::{May, OperateDoor, Read};
use crate::admin::office::Desk;
use crate::admin::query::{Asked, At, page_size};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::store::TableView;

/// Holders of one key read at once.
const HOLDERS_BATCH: usize = 1000;

/// Unlocks a door once
///
/// The answer comes when its relay is driven.
#[utoipa::path(
    post, path = "/v1/doors/{id}/unlock", tag = "doors", operation_id = "unlock_door",
    params(("id" = u32, Path, description = "the door's number")),
    responses((status = NO_CONTENT, description = "unlocked")),
)]
pub(super) async fn unlock(
    may: May<OperateDoor>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    _: Nothing,
) -> Result<StatusCode, Refused> {
    let actor = may.permit.actor().clone();
    let doors = &desk.office.doors;
    doors
        .command(DoorId(id), DoorCommand::UnlockOnce, actor)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who holds a key to a door
///
/// Whether it opens now depends on its hours, its window and on the user: ask `/v1/why`.
#[utoipa::path(
    get, path = "/v1/doors/{id}/users", tag = "doors", operation_id = "door_users",
    params(("id" = u32, Path, description = "the door's number"), ListQuery),
    responses((status = OK, description = "a page", body = Page<DoorUser>)),
)]
pub(super) async fn users(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<DoorUser>>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    let needle = query.q.unwrap_or_default().to_lowercase();
    desk.read(move |view| {
        let revision = view.revision()?;
        find::<Door>(view, DoorId(id))?;
        let mut found = Vec::new();
        let mut after = query.after.map(UserId);
        while found.len() <= limit {
            let holders = holders(view, DoorId(id), after, limit + 1)?;
            let Some(last) = holders.keys().next_back() else {
                break;
            };
            after = Some(*last);
            for (user, keys) in holders {
                // A holder who was removed meanwhile is passed over.
                if let Some(user) = view.find::<User>(user)?
                    && user.contains(&needle)
                {
                    found.push(DoorUser { user, keys });
                }
            }
        }
        let page = page(found, limit, revision, |found| found.user.id.0);
        Ok(Reply::at(page, revision))
    })
    .await
}

/// At least the first `limit` holders of keys to a door after `after`, as far as there are so
/// many, each with all of their keys to it.
fn holders(
    view: &TableView,
    door: DoorId,
    after: Option<UserId>,
    limit: usize,
) -> Result<BTreeMap<UserId, Vec<KeyId>>, Refused> {
    let mut holders: BTreeMap<UserId, Vec<KeyId>> = BTreeMap::new();
    let mut complete_until = None;
    let batch = limit.max(HOLDERS_BATCH);
    for key in keys_to(view, door)? {
        let users = view.users_of_key(key, after, batch)?;
        // Behind the end of a full batch, this key may have holders that were not read.
        if users.len() == batch {
            complete_until = users
                .last()
                .copied()
                .min(complete_until.or(users.last().copied()));
        }
        for user in users {
            holders.entry(user).or_default().push(key);
        }
    }
    if let Some(until) = complete_until {
        holders.retain(|user, _| *user <= until);
    }
    Ok(holders)
}

/// The keys that open a door.
fn keys_to(view: &TableView, door: DoorId) -> Result<Vec<KeyId>, Refused> {
    let mut keys = Vec::new();
    for key in view.keys_of_door(door)? {
        if let Some(key) = view.find::<Key>(key)?
            && key_opens(view, &key, door).map_err(|error| Refused::internal(&error))?
        {
            keys.push(key.id);
        }
    }
    Ok(keys)
}
