use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use doorward_api::{
    EventRow, EventsPage, EventsQuery, PAGE_DEFAULT, PAGE_MAX, ProblemKind, SseEvent,
};
use serde::Deserialize;
use tokio::sync::watch;

use crate::admin::caller::{May, ReadEvents};
use crate::admin::limits::STREAM_BATCH_MAX;
use crate::admin::office::{Counted, Desk};
use crate::admin::query::{Asked, At, page_size};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::store::{self, EventFilter, EventRange, Store};

use super::live::{HEARTBEAT, Next, sse};

/// Rows of the passage log
#[utoipa::path(
    get, path = "/v1/events", tag = "events", operation_id = "list_events",
    description = "With `after`, in rising order; otherwise the newest first. A page may hold \
                   fewer rows than `limit` and still say `next`: follow `next` until it is gone.",
    params(EventsQuery),
    responses((status = OK, description = "a page", body = EventsPage)),
)]
pub(super) async fn list(
    _: May<ReadEvents>,
    State(desk): State<Desk>,
    Asked(query): Asked<EventsQuery>,
) -> Result<Reply<EventsPage>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    desk.read_log(move |store| Ok(Reply::new(find(store, &query, limit)?)))
        .await
}

fn find(store: &Store, query: &EventsQuery, limit: usize) -> Result<EventsPage, Refused> {
    if let (Some(from), Some(until)) = (query.from, query.until)
        && from >= until
    {
        let message = format!("`{from}` is not before `until`, `{until}`");
        return Err(Refused::field("from", message));
    }
    let newest = *store.durable_seq().borrow();
    let filter = EventFilter {
        door: query.door,
        user: query.user,
        kind: query.kind,
        from: query.from,
        until: query.until,
    };
    let before = query.before.unwrap_or(u64::MAX);
    let range = match query.after {
        Some(seq) => EventRange::After { seq, before },
        None => EventRange::Before(before),
    };
    let found = store.find_events(&filter, range, limit)?;
    Ok(EventsPage {
        events: found.rows.into_iter().map(api_row).collect(),
        next: found.next,
        newest,
    })
}

pub(super) fn api_row(row: store::EventRow) -> EventRow {
    EventRow {
        seq: row.seq,
        event: row.event,
        erased: row.erased,
        hash: row.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// One row of the passage log
#[utoipa::path(
    get, path = "/v1/events/{seq}", tag = "events", operation_id = "read_event",
    params(("seq" = u64, Path, description = "its number")),
    responses((status = OK, description = "it", body = EventRow)),
)]
pub(super) async fn one(
    _: May<ReadEvents>,
    State(desk): State<Desk>,
    At(seq): At<u64>,
) -> Result<Reply<EventRow>, Refused> {
    desk.read_log(move |store| Ok(Reply::new(api_row(event(store, seq)?))))
        .await
}

/// The row of this number, or a refusal that says that there is none.
pub(super) fn event(store: &Store, seq: u64) -> Result<store::EventRow, Refused> {
    let rows = match seq.checked_sub(1) {
        Some(before) => store.events_after(before, 1)?,
        None => Vec::new(),
    };
    let row = rows.into_iter().find(|row| row.seq == seq);
    row.ok_or_else(|| Refused::not_found(format_args!("event {seq}")))
}

/// Where a stream of events begins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamQuery {
    /// Every row after this number, then what is new; `Last-Event-ID` has precedence. Without
    /// either, what is new.
    after: Option<u64>,
}

/// The passage log as it grows
#[utoipa::path(
    get, path = "/v1/events/stream", tag = "events", operation_id = "stream_events",
    description = "Server-sent events of type `event`: `id` is the row's number, `data` the row \
                   as in `/v1/events/{seq}`. Resume with `Last-Event-ID` or `after`: no row is \
                   left out, none comes twice. A comment every 15 s is a sign of life.",
    params(
        StreamQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "the last row received"),
    ),
    responses((
        status = OK, description = "the stream", body = String, content_type = "text/event-stream"
    )),
)]
pub(super) async fn stream(
    _: May<ReadEvents>,
    State(desk): State<Desk>,
    headers: HeaderMap,
    Asked(query): Asked<StreamQuery>,
) -> Result<Response<Body>, Refused> {
    let resume = last_event_id(&headers)?.or(query.after);
    let newest = desk.office.store.durable_seq();
    let at = resume.unwrap_or_else(|| *newest.borrow());
    let follower = Follower {
        counted: desk.count_stream()?,
        desk,
        newest,
        at,
    };
    Ok(sse(follower))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or("?").trim();
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let detail = format!("`Last-Event-ID` is `{text}`, expected an event's number");
        Refused::new(ProblemKind::BadRequest, detail)
    })
}

/// Follows the log from a place on.
struct Follower {
    #[allow(dead_code, reason = "held until the stream ends")]
    counted: Counted,
    desk: Desk,
    newest: watch::Receiver<u64>,
    at: u64,
}

impl Next for Follower {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            // Seen before reading, so that what comes while reading wakes this again.
            self.newest.mark_unchanged();
            let at = self.at;
            let rows = self
                .desk
                .read_log(move |store| Ok(store.events_after(at, STREAM_BATCH_MAX)?))
                .await
                .ok()?;
            if let Some(last) = rows.last() {
                self.at = last.seq;
                return encode(rows);
            }
            // Every arm is cancel-safe: a watch, a timer and a token lose nothing.
            tokio::select! {
                changed = self.newest.changed() => changed.ok()?,
                () = tokio::time::sleep(self.desk.times.heartbeat) => return Some(HEARTBEAT),
                () = self.desk.stop.cancelled() => return None,
            }
        }
    }
}

fn encode(rows: Vec<store::EventRow>) -> Option<Bytes> {
    let mut text = String::new();
    for row in rows {
        let row = api_row(row);
        let event = SseEvent {
            id: Some(row.seq.to_string()),
            event: "event".to_owned(),
            data: serde_json::to_string(&row).ok()?,
        };
        text.push_str(&event.encode());
    }
    Some(Bytes::from(text))
}
