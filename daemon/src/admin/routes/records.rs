//! Records of every kind that has a collection of its own: list, read, create, replace, delete.

use axum::extract::State;
use doorward_api::{
    Applied, DoorView, DryRun, KeyView, ListQuery, PAGE_DEFAULT, PAGE_MAX, Page, ProblemKind,
    Resource, Saved,
};
use doorward_core::model::{
    Area, Change, Company, Credential, CredentialData, Door, DoorGroup, HolidaySet, Key, Place,
    Record, Schedule, TableDelta, User, key_opens_some,
};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use crate::admin::body::{Object, understand};
use crate::admin::caller::{ChangeTable, May, Read};
use crate::admin::office::Desk;
use crate::admin::pins::seal;
use crate::admin::query::{Asked, At, Base, page_size};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::change::{self, ModeSaid, Plan};
use crate::readers::CardReader;
use crate::store::{Store, TableRecord, TableView};

/// Warnings told of one change.
const WARNINGS_MAX: usize = 10;

/// What the admin log says of where a change came from.
pub(super) const NOTE: &str = "local API";

/// The longest text that can be searched for, in characters.
const SEARCH_MAX: usize = 100;

/// Records read at once while searching.
const SEARCH_BATCH: usize = 1000;

pub(super) fn router() -> OpenApiRouter<Desk> {
    OpenApiRouter::new()
        .merge(places::router())
        .merge(doors::router())
        .merge(users::router())
        .merge(credentials::router())
        .merge(keys::router())
        .merge(schedules::router())
        .merge(door_groups::router())
        .merge(companies::router())
        .merge(areas::router())
        .merge(holiday_sets::router())
}

/// Making and replacing take no query: nobody shall believe in a dry run that is none.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NoQuery {}

/// A record that can be searched.
pub(super) trait Searched {
    /// Whether one of its texts contains `needle`, which is in lower case.
    fn contains(&self, needle: &str) -> bool;
}

macro_rules! searched {
    ($($record:ident: $($field:ident),+;)*) => {
        $(
            impl Searched for $record {
                fn contains(&self, needle: &str) -> bool {
                    $(self.$field.to_lowercase().contains(needle))||+
                }
            }
        )*
    };
}

searched! {
    Place: name, details, category;
    Door: name;
    Credential: label;
    Key: name;
    Schedule: name;
    DoorGroup: name;
    Company: name, details;
    Area: name;
    HolidaySet: name;
}

impl Searched for User {
    fn contains(&self, needle: &str) -> bool {
        let email = self.email.as_deref().unwrap_or_default();
        self.full_name().to_lowercase().contains(needle)
            || email.to_lowercase().contains(needle)
            || self.department.to_lowercase().contains(needle)
    }
}

/// A collection's record: known to the API, to the store, and by its texts.
trait Listed: Resource + Searched + TableRecord<Id = <Self as Resource>::Id> {}

impl<R: Resource + Searched + TableRecord<Id = <R as Resource>::Id>> Listed for R {}

async fn list<R: Listed, S: Send + 'static>(
    desk: &Desk,
    query: ListQuery,
    show: impl Fn(&TableView, R) -> Result<S, Refused> + Send + 'static,
) -> Result<Reply<Page<S>>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    let needle = query.q.unwrap_or_default();
    if needle.chars().count() > SEARCH_MAX {
        let detail = format!("`q` is longer than {SEARCH_MAX} characters");
        return Err(Refused::new(ProblemKind::BadRequest, detail));
    }
    let needle = needle.trim().to_lowercase();
    desk.read(move |view| {
        let revision = view.revision()?;
        let items = search(view, query.after, limit + 1, &needle)?;
        let page = page(items, limit, revision, |record: &R| record.id().into());
        let shown = page.items.into_iter().map(|record| show(view, record));
        let page = Page {
            items: shown.collect::<Result<_, _>>()?,
            next: page.next,
            revision,
        };
        Ok(Reply::at(page, revision))
    })
    .await
}

/// The first `limit` records after `after` that contain `needle`.
fn search<R: Listed>(
    view: &TableView,
    after: Option<u32>,
    limit: usize,
    needle: &str,
) -> Result<Vec<R>, Refused> {
    if needle.is_empty() {
        return Ok(view.list(after.map(Into::into), limit)?);
    }
    let mut found = Vec::new();
    let mut after: Option<<R as Resource>::Id> = after.map(Into::into);
    loop {
        let batch: Vec<R> = view.list(after, SEARCH_BATCH)?;
        let Some(last) = batch.last().map(Resource::id) else {
            return Ok(found);
        };
        after = Some(last);
        let missing = limit - found.len();
        found.extend(
            batch
                .into_iter()
                .filter(|record| record.contains(needle))
                .take(missing),
        );
        if found.len() == limit {
            return Ok(found);
        }
    }
}

/// A page out of the items found, which were asked for with one more than fits.
pub(super) fn page<T>(
    mut items: Vec<T>,
    limit: usize,
    revision: u64,
    number: impl Fn(&T) -> u32,
) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(number);
    Page {
        items,
        next,
        revision,
    }
}

async fn one<R: Listed, S: Send + 'static>(
    desk: &Desk,
    id: u32,
    show: impl Fn(&TableView, R) -> Result<S, Refused> + Send + 'static,
) -> Result<Reply<S>, Refused> {
    desk.read(move |view| {
        let revision = view.revision()?;
        let record = find::<R>(view, id.into())?;
        Ok(Reply::at(show(view, record)?, revision))
    })
    .await
}

/// The record of this number, or a refusal that says that there is none.
pub(super) fn find<R: Resource + TableRecord<Id = <R as Resource>::Id>>(
    view: &TableView,
    id: <R as Resource>::Id,
) -> Result<R, Refused> {
    view.find::<R>(id)?
        .ok_or_else(|| Refused::not_found(<R as Resource>::reference(id)))
}

async fn create<R: Resource>(
    desk: &Desk,
    may: May<ChangeTable>,
    Base(base): Base,
    Object(mut fields): Object,
) -> Result<Reply<Saved<R>>, Refused> {
    if fields.contains_key("id") {
        let message = "a new record's id is given by the daemon; leave it out";
        return Err(Refused::field("id", message));
    }
    fields.insert("id".to_owned(), Value::from(0));
    seal(&mut fields, desk.office.store.pin_key())?;
    let record: R = understand(&Value::Object(fields))?;
    let plan = Plan::Create(record.into_record());
    let saved = save::<R>(desk, may, plan, base).await?;
    let location = format!("/v1/{}/{}", R::COLLECTION, saved.record.id());
    Ok(Reply::at(saved.clone(), saved.revision).created(location))
}

async fn replace<R: Resource>(
    desk: &Desk,
    may: May<ChangeTable>,
    id: u32,
    Base(base): Base,
    Object(mut fields): Object,
) -> Result<Reply<Saved<R>>, Refused> {
    match fields.get("id") {
        Some(found) if found.as_u64() != Some(u64::from(id)) => {
            let message = format!("is {found}, and the path says {id}");
            return Err(Refused::field("id", message));
        }
        _ => drop(fields.insert("id".to_owned(), Value::from(id))),
    }
    let mode = match fields.contains_key("mode") {
        true => ModeSaid::Yes,
        false => ModeSaid::No,
    };
    seal(&mut fields, desk.office.store.pin_key())?;
    let record: R = understand(&Value::Object(fields))?;
    let plan = Plan::Replace {
        record: record.into_record(),
        mode,
    };
    let saved = save::<R>(desk, may, plan, base).await?;
    let revision = saved.revision;
    Ok(Reply::at(saved, revision))
}

pub(super) async fn save<R: Resource>(
    desk: &Desk,
    may: May<ChangeTable>,
    plan: Plan,
    base: Option<u64>,
) -> Result<Saved<R>, Refused> {
    let delta = make(desk, may, plan, base).await?;
    let warnings = warnings(&desk.office.cards, &delta.changes);
    Ok(Saved {
        warnings,
        ..saved(delta)?
    })
}

/// What was saved and will not do what it seems to: cards in formats that no reader of the site is read
/// with. They may be meant for later, so they are not refused.
fn warnings(cards: &CardReader, changes: &[Change]) -> Vec<String> {
    let mut warnings = Vec::new();
    for change in changes {
        let Change::Put(Record::Credential(credential)) = change else {
            continue;
        };
        let (CredentialData::Card(number) | CredentialData::Phone(number)) = &credential.data
        else {
            continue;
        };
        let format = number.format.to_string();
        let why = if cards.is_in_use(&format) {
            continue;
        } else if cards.table().format(&format).is_some() {
            "is not in use at this site: name it in `card_formats` of `site.toml`"
        } else {
            "is not known here"
        };
        let warning = format!("card format `{format}` {why}; until then the card opens nothing");
        if !warnings.contains(&warning) && warnings.len() < WARNINGS_MAX {
            warnings.push(warning);
        }
    }
    warnings
}

/// The record that a change saved.
pub(super) fn saved<R: Resource>(delta: TableDelta) -> Result<Saved<R>, Refused> {
    let revision = delta.revision;
    let record = delta
        .changes
        .into_iter()
        .rev()
        .find_map(|change| match change {
            Change::Put(record) => R::from_record(record),
            Change::Remove(_) => None,
        });
    // The record itself is always among what was written.
    record
        .map(|record| Saved {
            revision,
            record,
            warnings: Vec::new(),
        })
        .ok_or_else(|| {
            Refused::new(
                ProblemKind::Internal,
                "the record was not among what was written",
            )
        })
}

async fn delete<R: Resource>(
    desk: &Desk,
    may: May<ChangeTable>,
    id: u32,
    Base(base): Base,
    dry: DryRun,
) -> Result<Reply<Applied>, Refused> {
    let plan = Plan::Remove(<R as Resource>::reference(id.into()));
    carry_out(desk, may, plan, base, dry).await
}

/// Makes a change in the name of whoever asks, or says what it would do.
pub(super) async fn carry_out(
    desk: &Desk,
    may: May<ChangeTable>,
    plan: Plan,
    base: Option<u64>,
    DryRun { dry_run }: DryRun,
) -> Result<Reply<Applied>, Refused> {
    if !dry_run {
        let delta = make(desk, may, plan, base).await?;
        let warnings = warnings(&desk.office.cards, &delta.changes);
        return Ok(applied(&delta).map(|applied| Applied {
            warnings,
            ..applied
        }));
    }
    let work = move |store: &Store| Ok(change::preview(store, plan, base)?);
    let preview = desk.read_log(work).await?;
    let delta = TableDelta {
        revision: preview.revision,
        changes: preview.changes,
    };
    Ok(applied(&delta).map(|applied| Applied {
        impact: Some(preview.impact),
        ..applied
    }))
}

/// Makes a change in the name of whoever asks.
pub(super) async fn make(
    desk: &Desk,
    may: May<ChangeTable>,
    plan: Plan,
    base: Option<u64>,
) -> Result<TableDelta, Refused> {
    let changes = &desk.office.changes;
    let made = changes.make(may.permit, plan, base, desk.now(), NOTE);
    Ok(made.await?)
}

/// What a change did, for its reply.
pub(super) fn applied(delta: &TableDelta) -> Reply<Applied> {
    let mut applied = Applied {
        revision: delta.revision,
        ..Applied::default()
    };
    for change in &delta.changes {
        match change {
            Change::Put(record) => applied.put.push(record.reference()),
            Change::Remove(reference) => applied.removed.push(*reference),
        }
    }
    Reply::at(applied, delta.revision)
}

/// A door as it is shown: with its live state.
fn view_of(desk: &Desk) -> impl Fn(&TableView, Door) -> Result<DoorView, Refused> + use<> {
    let live = desk.office.doors.live();
    move |_, door| {
        Ok(DoorView {
            status: live.doors.get(&door.id).cloned(),
            door,
        })
    }
}

/// A key as it is shown: with whether it has doors left.
fn key_view_of(_: &Desk) -> impl Fn(&TableView, Key) -> Result<KeyView, Refused> + use<> {
    |view, key| {
        let opens_some = key_opens_some(view, &key).map_err(|error| Refused::internal(&error))?;
        Ok(KeyView {
            without_doors: !opens_some,
            key,
        })
    }
}

/// A key as it was shown may be sent back.
fn without_flag(Object(mut fields): Object) -> Object {
    fields.remove("without_doors");
    Object(fields)
}

/// A door as it was shown may be sent back: its live state is not looked at.
fn without_status(Object(mut fields): Object) -> Object {
    fields.remove("status");
    Object(fields)
}

macro_rules! collection {
    (
        $module:ident, $record:ident, $word:literal, $words:literal,
        shown as $shown:ty, $show:expr, $take:expr
    ) => {
        mod $module {
            use super::*;

            pub(super) fn router() -> OpenApiRouter<Desk> {
                OpenApiRouter::new()
                    .routes(utoipa_axum::routes!(list, create))
                    .routes(utoipa_axum::routes!(one, replace, delete))
            }

            #[utoipa::path(
                get,
                path = concat!("/v1/", $words),
                operation_id = concat!("list_", $words),
                tag = $words,
                summary = concat!("The ", $words, ", page by page"),
                params(ListQuery),
                responses((status = OK, description = "a page", body = Page<$shown>)),
            )]
            async fn list(
                _: May<Read>,
                State(desk): State<Desk>,
                Asked(query): Asked<ListQuery>,
            ) -> Result<Reply<Page<$shown>>, Refused> {
                super::list::<$record, $shown>(&desk, query, $show(&desk)).await
            }

            #[utoipa::path(
                get,
                path = concat!("/v1/", $words, "/{id}"),
                operation_id = concat!("read_", $word),
                tag = $words,
                summary = concat!("One ", $word),
                params(("id" = u32, Path, description = "its number")),
                responses((status = OK, description = "it", body = $shown)),
            )]
            async fn one(
                _: May<Read>,
                State(desk): State<Desk>,
                At(id): At<u32>,
            ) -> Result<Reply<$shown>, Refused> {
                super::one::<$record, $shown>(&desk, id, $show(&desk)).await
            }

            #[utoipa::path(
                post,
                path = concat!("/v1/", $words),
                operation_id = concat!("create_", $word),
                tag = $words,
                summary = concat!("Makes a ", $word),
                description = "Its id is given by the daemon. The answer comes when it is durable, \
                               and in force at the doors.",
                request_body = $record,
                responses((status = CREATED, description = "saved", body = Saved<$record>)),
            )]
            async fn create(
                may: May<ChangeTable>,
                State(desk): State<Desk>,
                _: Asked<NoQuery>,
                base: Base,
                body: Object,
            ) -> Result<Reply<Saved<$record>>, Refused> {
                super::create(&desk, may, base, $take(body)).await
            }

            #[utoipa::path(
                put,
                path = concat!("/v1/", $words, "/{id}"),
                operation_id = concat!("replace_", $word),
                tag = $words,
                summary = concat!("Replaces a ", $word),
                description = "All of it: what is left out takes its default, but for a `mode` in \
                               force, which stays. With `If-Match` and \
                               a revision, only while the table is still at that revision.",
                params(("id" = u32, Path, description = "its number")),
                request_body = $record,
                responses((status = OK, description = "saved", body = Saved<$record>)),
            )]
            async fn replace(
                may: May<ChangeTable>,
                State(desk): State<Desk>,
                At(id): At<u32>,
                _: Asked<NoQuery>,
                base: Base,
                body: Object,
            ) -> Result<Reply<Saved<$record>>, Refused> {
                super::replace(&desk, may, id, base, $take(body)).await
            }

            #[utoipa::path(
                delete,
                path = concat!("/v1/", $words, "/{id}"),
                operation_id = concat!("delete_", $word),
                tag = $words,
                summary = concat!("Takes a ", $word, " away"),
                description = "With what cannot stand without it: the answer lists it. Refused \
                               while something else still needs it. With `dry_run=true` it says \
                               whom and what that would touch, and does nothing.",
                params(("id" = u32, Path, description = "its number"), DryRun),
                responses((status = OK, description = "what went", body = Applied)),
            )]
            async fn delete(
                may: May<ChangeTable>,
                State(desk): State<Desk>,
                At(id): At<u32>,
                Asked(dry): Asked<DryRun>,
                base: Base,
            ) -> Result<Reply<Applied>, Refused> {
                super::delete::<$record>(&desk, may, id, base, dry).await
            }
        }
    };
    ($module:ident, $record:ident, $word:literal, $words:literal) => {
        collection!(
            $module, $record, $word, $words,
            shown as $record, as_it_is, core::convert::identity
        );
    };
}

const fn as_it_is<R>(_: &Desk) -> impl Fn(&TableView, R) -> Result<R, Refused> + use<R> {
    |_, record| Ok(record)
}

collection!(places, Place, "place", "places");
collection!(
    doors,
    Door,
    "door",
    "doors",
    shown as DoorView,
    view_of,
    without_status
);
collection!(users, User, "user", "users");
collection!(credentials, Credential, "credential", "credentials");
collection!(
    keys,
    Key,
    "key",
    "keys",
    shown as KeyView,
    key_view_of,
    without_flag
);
collection!(schedules, Schedule, "schedule", "schedules");
collection!(door_groups, DoorGroup, "door_group", "door_groups");
collection!(companies, Company, "company", "companies");
collection!(areas, Area, "area", "areas");
collection!(holiday_sets, HolidaySet, "holiday_set", "holiday_sets");
