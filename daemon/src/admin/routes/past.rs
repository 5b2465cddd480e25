use std::sync::Arc;

use axum::extract::State;
use doorward_api::{DaysQuery, EventWhy, ProblemKind, UserAccess};
use doorward_core::card::CardRead;
use doorward_core::decide::{
    Policy, Relay, Request, Rex, Shown, SiteMap, SiteThen, access_spans, explain_at,
};
use doorward_core::event::{Direction, Event, EventKind, Reason};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::model::{Door, Record, User};
use doorward_core::schedule::Zone;
use doorward_core::time::{Mono, Now, Wall};
use doorward_core::view::CardIdentity;

use super::events::{api_row, event};
use super::records::find;
use super::schedules::{monday, number_of_days};
use crate::admin::caller::{May, Read, ReadEvents};
use crate::admin::office::Desk;
use crate::admin::query::{Asked, At};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::store::{About, EventRow, Store};

/// Events before the explained one that are read for what went on at the site.
const EVENTS_READ_MAX: usize = 20_000;

/// Events read at once.
const EVENTS_TOGETHER: usize = 1_000;

/// Changes told of those made since an event.
const CHANGES_TOLD_MAX: usize = 100;

/// Days looked through for one user and door, and the most.
const DAYS: u16 = 7;
const DAYS_MAX: u16 = 31;

/// Why a past decision came out as it did
///
/// Walks the rules once more at the event's time, by the access table as it was then: the changes
/// made since are undone for this. Where they cannot be (too many, or erased), by the present table;
/// `explained_by` says which. The answer names what has been changed since. What went on at the
/// site then (who was in which area, which doors stood open, which cards were locked out) is worked
/// out from the passage log, 20,000 events back at most: `site_from` says from where.
#[utoipa::path(
    get, path = "/v1/events/{seq}/why", tag = "decisions", operation_id = "event_why",
    params(("seq" = u64, Path, description = "the event's number")),
    responses((status = OK, description = "each step", body = EventWhy)),
)]
pub(super) async fn why(
    _: May<ReadEvents>,
    _: May<Read>,
    State(desk): State<Desk>,
    At(seq): At<u64>,
) -> Result<Reply<EventWhy>, Refused> {
    let policy = desk.office.policy;
    let cards = Arc::clone(&desk.office.cards);
    desk.read_log(move |store| {
        let row = event(store, seq)?;
        let card = row.event.card.map(|bits| cards.read(bits));
        explained(store, row, card.as_ref(), policy).map(Reply::new)
    })
    .await
}

fn explained(
    store: &Store,
    row: EventRow,
    card: Option<&CardRead>,
    policy: Policy,
) -> Result<EventWhy, Refused> {
    let Some(reason) = row.event.reason else {
        let detail = format!(
            "event {} is no decision: only what was granted or denied has a why",
            row.seq
        );
        return Err(Refused::new(ProblemKind::Conflict, detail));
    };
    let asked = &row.event;
    let mut identities: Vec<CardIdentity> = Vec::new();
    if let Some(card) = card {
        identities.push(CardIdentity::Bits(card.bits));
        identities.extend(card.readings().map(|number| CardIdentity::Number(*number)));
    }
    let about = About {
        user: asked.user,
        credential: asked.credential,
        identities,
    };
    let past = store.past(asked.revision, &about)?;
    let doors = past.view.records().filter_map(|record| match record {
        Record::Door(door) => Some(door.clone()),
        _ => None,
    });
    let (site, site_from) = site_then(store, &row, SiteThen::new(doors))?;
    let explanation = shown(asked, card).map(|shown| {
        let request = Request {
            door: asked.door,
            direction: asked.direction.unwrap_or(Direction::Entry),
            shown,
            relay: match reason {
                Reason::RelayUnavailable => Relay::Unavailable,
                _ => Relay::Ready,
            },
            rex: rex(asked.door.and_then(|door| past.view.door_record(door))),
        };
        let now = Now {
            mono: Mono(0),
            wall: asked.at,
            trust: asked.clock,
        };
        explain_at(&past.view, &site, &request, now, policy)
    });
    let agrees = explanation
        .as_ref()
        .is_some_and(|explanation| explanation.reason == reason);
    let mut changed_since = past.changed;
    changed_since.truncate(CHANGES_TOLD_MAX);
    Ok(EventWhy {
        decided_under: asked.revision,
        revision: past.revision,
        explained_by: past.of_revision,
        changed_since,
        explanation,
        site_from,
        agrees,
        event: api_row(row),
    })
}

/// What went on at the site when an event was decided, and the first event that it is told by.
fn site_then(
    store: &Store,
    decided: &EventRow,
    mut site: SiteThen,
) -> Result<(SiteMap, u64), Refused> {
    let from = decided.seq.saturating_sub(EVENTS_READ_MAX as u64).max(1);
    let mut next = from;
    while next < decided.seq {
        let rows = store.events_after(next - 1, EVENTS_TOGETHER)?;
        let Some(last) = rows.last() else { break };
        next = last.seq + 1;
        let before = rows.iter().filter(|row| row.seq < decided.seq);
        before.for_each(|row| site.tell(&row.event));
    }
    let mut map = site.site(decided.event.at);
    // Two who came in together were let in at the same moment, one after the other.
    let around = store.events_after(decided.seq.saturating_sub(2), 3)?;
    let other = around.iter().find(|row| {
        let (row, decided) = (&row.event, &decided.event);
        (row.kind, row.door, row.at) == (EventKind::Granted, decided.door, decided.at)
            && row.user != decided.user
    });
    if let Some((door, other)) = decided.event.door.zip(other.and_then(|row| row.event.user)) {
        map.first_of_two.insert(door, other);
    }
    Ok((map, from))
}

/// What was shown, as far as the event tells.
fn shown<'a>(event: &Event, card: Option<&'a CardRead>) -> Option<Shown<'a>> {
    match (event.credential, card, event.user) {
        (Some(credential), _, _) => Some(Shown::Credential(credential)),
        (None, Some(card), _) => Some(Shown::Card(card)),
        (None, None, Some(user)) => Some(Shown::User(user)),
        (None, None, None) => None,
    }
}

/// From when until when a user may pass a door
///
/// By the table as it stands and the very rules of the doors, with any credential of theirs; a week
/// from Monday unless asked otherwise, at most 31 days. What hangs on who else is where is not
/// foreseen.
#[utoipa::path(
    get, path = "/v1/users/{id}/doors/{door}/access", tag = "decisions", operation_id = "user_access",
    params(
        ("id" = u32, Path, description = "the user's number"),
        ("door" = u32, Path, description = "the door's number"),
        DaysQuery,
    ),
    responses((status = OK, description = "the spans", body = UserAccess)),
)]
pub(super) async fn access(
    _: May<Read>,
    State(desk): State<Desk>,
    At((user, door)): At<(u32, u32)>,
    Asked(query): Asked<DaysQuery>,
) -> Result<Reply<UserAccess>, Refused> {
    let days = number_of_days(&query, DAYS, DAYS_MAX)?;
    let (user, door) = (UserId(user), DoorId(door));
    let policy = desk.office.policy;
    let now = desk.now();
    desk.read_log(move |store| {
        let view = store.view();
        find::<User>(&view, user)?;
        let door_record = find::<Door>(&view, door)?;
        let (from, until) = bounds(&door_record, &query, days, now)?;
        let about = About {
            user: Some(user),
            ..About::default()
        };
        let table = store.past(u64::MAX, &about)?;
        let request = Request {
            door: Some(door),
            direction: Direction::Entry,
            shown: Shown::User(user),
            relay: match door_record.wiring.relay {
                Some(_) => Relay::Ready,
                None => Relay::Unavailable,
            },
            rex: rex(Some(&door_record)),
        };
        let spans = access_spans(&table.view, &request, from, until, policy)
            .map_err(|error| Refused::internal(&error))?;
        let access = UserAccess {
            user,
            door,
            time_zone: door_record.time_zone,
            revision: table.revision,
            spans,
        };
        let revision = access.revision;
        Ok(Reply::at(access, revision))
    })
    .await
}

/// Whether a door's exit button is there to be seen.
fn rex(door: Option<&Door>) -> Rex {
    match door {
        Some(door) if door.wiring.rex.is_some() => Rex::Seen,
        _ => Rex::Unseen,
    }
}

/// Whole days by the door's clock.
fn bounds(door: &Door, query: &DaysQuery, days: u16, now: Wall) -> Result<(Wall, Wall), Refused> {
    let zone = Zone::new(&door.time_zone).map_err(|error| Refused::internal(&error))?;
    let first = query.from.unwrap_or_else(|| monday(zone.local(now).day));
    let end = first.plus_days(days.into());
    Ok((zone.first_moment(first), zone.first_moment(end)))
}
