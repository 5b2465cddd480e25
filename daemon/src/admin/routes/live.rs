use std::future::Future;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Response, header};
use doorward_api::{Live, SseEvent};
use futures_util::stream;
use serde::Serialize;
use std::convert::Infallible;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::admin::caller::{May, Read};
use crate::admin::office::{Counted, Desk};
use crate::admin::refused::Refused;

/// A comment, as the sign of life of a stream.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b": alive\n\n");

/// Where a stream's text comes from, piece by piece.
pub(super) trait Next: Send + 'static {
    /// The next piece; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Option<Bytes>> + Send;
}

/// A response of server-sent events. Pieces are asked for only as fast as they are read.
pub(super) fn sse(source: impl Next) -> Response<Body> {
    let opening = stream::iter([Ok::<_, Infallible>(HEARTBEAT)]);
    let pieces = stream::unfold(source, async |mut source| {
        let piece = source.next().await?;
        Some((Ok::<_, Infallible>(piece), source))
    });
    let body = Body::from_stream(stream::StreamExt::chain(opening, pieces));
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let media_type = HeaderValue::from_static("text/event-stream");
    headers.insert(header::CONTENT_TYPE, media_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The live state of doors, readers, relay boards and alarms
#[utoipa::path(
    get, path = "/v1/live", tag = "appliance",
    description = "Server-sent events: first one of type `snapshot` with the whole state, then of \
                   type `change` with each change. A listener that is too slow gets a `snapshot` \
                   again. A comment every 15 s is a sign of life.",
    responses((
        status = OK, description = "the stream", body = String, content_type = "text/event-stream"
    )),
)]
pub(super) async fn live(
    _: May<Read>,
    State(desk): State<Desk>,
) -> Result<Response<Body>, Refused> {
    let watcher = Watcher {
        counted: desk.count_stream()?,
        // Listened to before the snapshot is taken: a change between the two comes twice rather
        // than never, and coming twice changes nothing.
        changes: desk.office.doors.subscribe(),
        owed: Owed::Snapshot,
        desk,
    };
    Ok(sse(watcher))
}

struct Watcher {
    #[allow(dead_code, reason = "held until the stream ends")]
    counted: Counted,
    changes: broadcast::Receiver<Live>,
    owed: Owed,
    desk: Desk,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owed {
    Snapshot,
    Changes,
}

impl Next for Watcher {
    async fn next(&mut self) -> Option<Bytes> {
        if std::mem::replace(&mut self.owed, Owed::Changes) == Owed::Snapshot {
            return encode("snapshot", &self.desk.live_snapshot());
        }
        // Every arm is cancel-safe: a broadcast, a timer and a token lose nothing.
        tokio::select! {
            change = self.changes.recv() => match change {
                Ok(change) => encode("change", &change),
                Err(RecvError::Lagged(_)) => encode("snapshot", &self.desk.live_snapshot()),
                Err(RecvError::Closed) => None,
            },
            () = tokio::time::sleep(self.desk.times.heartbeat) => Some(HEARTBEAT),
            () = self.desk.stop.cancelled() => None,
        }
    }
}

fn encode(event: &str, data: &impl Serialize) -> Option<Bytes> {
    let event = SseEvent {
        id: None,
        event: event.to_owned(),
        data: serde_json::to_string(data).ok()?,
    };
    Some(Bytes::from(event.encode()))
}
