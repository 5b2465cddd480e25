use axum::extract::State;
use doorward_api::{
    Applied, DryRun, GrantBody, ListQuery, PAGE_DEFAULT, PAGE_MAX, Page, Saved, UserDoor,
};
use doorward_core::ids::{DoorId, KeyId, UserId};
use doorward_core::model::{Credential, Door, Grant, Key, Record, RecordRef, User, doors_of_key};
use std::collections::BTreeMap;

use super::operations::{self, Validity};
use super::records::{carry_out, find, make, page};
use crate::admin::body::Json;
use crate::admin::caller::{ChangeTable, May, Read};
use crate::admin::office::Desk;
use crate::admin::query::{Asked, At, Base, page_size};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::change::Plan;

/// The keys that a user holds
#[utoipa::path(
    get, path = "/v1/users/{id}/keys", tag = "users", operation_id = "user_keys",
    params(("id" = u32, Path, description = "the user's number"), ListQuery),
    responses((status = OK, description = "a page; `after` is a key's number", body = Page<Grant>)),
)]
pub(super) async fn user_keys(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<Grant>>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    desk.read(move |view| {
        let revision = view.revision()?;
        find::<User>(view, UserId(id))?;
        let after = query.after.map(KeyId);
        let mut grants = view.grants_of_user(UserId(id))?;
        grants.retain(|grant| after.is_none_or(|after| grant.key > after));
        let page = page(grants, limit, revision, |grant| grant.key.0);
        Ok(Reply::at(page, revision))
    })
    .await
}

/// The users who hold a key
#[utoipa::path(
    get, path = "/v1/keys/{id}/holders", tag = "keys", operation_id = "key_holders",
    params(("id" = u32, Path, description = "the key's number"), ListQuery),
    responses((status = OK, description = "a page; `after` is a user's number", body = Page<Grant>)),
)]
pub(super) async fn holders(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<Grant>>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    desk.read(move |view| {
        let revision = view.revision()?;
        let key = KeyId(id);
        find::<Key>(view, key)?;
        let users = view.users_of_key(key, query.after.map(UserId), limit + 1)?;
        let page = page(users, limit, revision, |user| user.0);
        let mut grants = Vec::with_capacity(page.items.len());
        for user in page.items {
            // A grant that was taken meanwhile is passed over.
            grants.extend(view.find::<Grant>((user, key))?);
        }
        let page = Page {
            items: grants,
            next: page.next,
            revision,
        };
        Ok(Reply::at(page, revision))
    })
    .await
}

/// Gives a user a key, or changes when they may use it
#[utoipa::path(
    put, path = "/v1/users/{id}/keys/{key}", tag = "users", operation_id = "give_key",
    params(
        ("id" = u32, Path, description = "the user's number"),
        ("key" = u32, Path, description = "the key's number"),
    ),
    request_body = GrantBody,
    responses((status = OK, description = "saved", body = Saved<Grant>)),
)]
pub(super) async fn give(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At((user, key)): At<(u32, u32)>,
    Base(base): Base,
    Json(body): Json<GrantBody>,
) -> Result<Reply<Saved<Grant>>, Refused> {
    let (user, key) = (UserId(user), KeyId(key));
    desk.read(move |view| {
        find::<User>(view, user)?;
        find::<Key>(view, key).map(drop)
    })
    .await?;
    let validity = Validity {
        intervals: body.intervals,
        quick: body.quick,
        time_zone: body.time_zone,
    };
    let grant = operations::grant(&desk, user, key, validity).await?;
    let plan = Plan::Put(Record::Grant(grant.clone()));
    let revision = make(&desk, may, plan, base).await?.revision;
    let saved = Saved {
        warnings: Vec::new(),
        revision,
        record: grant,
    };
    Ok(Reply::at(saved, revision))
}

/// Takes a key from a user
#[utoipa::path(
    delete, path = "/v1/users/{id}/keys/{key}", tag = "users", operation_id = "take_key",
    params(
        ("id" = u32, Path, description = "the user's number"),
        ("key" = u32, Path, description = "the key's number"),
        DryRun,
    ),
    responses((status = OK, description = "what went", body = Applied)),
)]
pub(super) async fn take(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At((user, key)): At<(u32, u32)>,
    Asked(dry): Asked<DryRun>,
    Base(base): Base,
) -> Result<Reply<Applied>, Refused> {
    let plan = Plan::Remove(RecordRef::Grant {
        user: UserId(user),
        key: KeyId(key),
    });
    carry_out(&desk, may, plan, base, dry).await
}

/// The credentials of a user
#[utoipa::path(
    get, path = "/v1/users/{id}/credentials", tag = "users", operation_id = "user_credentials",
    params(("id" = u32, Path, description = "the user's number"), ListQuery),
    responses((status = OK, description = "a page", body = Page<Credential>)),
)]
pub(super) async fn user_credentials(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<Credential>>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    desk.read(move |view| {
        let revision = view.revision()?;
        find::<User>(view, UserId(id))?;
        let mut credentials = view.credentials_of_user(UserId(id))?;
        credentials.retain(|found| query.after.is_none_or(|after| found.id.0 > after));
        let page = page(credentials, limit, revision, |found| found.id.0);
        Ok(Reply::at(page, revision))
    })
    .await
}

/// The doors that a user holds a key to
///
/// Whether it opens now depends on its hours, its window and on the user: ask `/v1/why`.
#[utoipa::path(
    get, path = "/v1/users/{id}/doors", tag = "users", operation_id = "user_doors",
    params(("id" = u32, Path, description = "the user's number"), ListQuery),
    responses((status = OK, description = "a page", body = Page<UserDoor>)),
)]
pub(super) async fn user_doors(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<UserDoor>>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    desk.read(move |view| {
        let revision = view.revision()?;
        find::<User>(view, UserId(id))?;
        let mut doors: BTreeMap<DoorId, Vec<KeyId>> = BTreeMap::new();
        for grant in view.grants_of_user(UserId(id))? {
            let Some(key) = view.find::<Key>(grant.key)? else {
                continue;
            };
            for door in doors_of_key(view, &key).map_err(|error| Refused::internal(&error))? {
                doors.entry(door).or_default().push(key.id);
            }
        }
        let after = query.after.map(DoorId);
        doors.retain(|door, _| after.is_none_or(|after| *door > after));
        let mut found = Vec::new();
        for (door, keys) in doors.into_iter().take(limit + 1) {
            if let Some(door) = view.find::<Door>(door)? {
                found.push(UserDoor { door, keys });
            }
        }
        let page = page(found, limit, revision, |found| found.door.id.0);
        Ok(Reply::at(page, revision))
    })
    .await
}
