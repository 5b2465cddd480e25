//! What is live, one message at a time.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::exchange::{self, Call, Wire, media_type};
use super::{ANSWER_TIMEOUT, ClientError};
use crate::{EventRow, Live, LiveSnapshot, SseEvent, SseParser};

/// How long a stream may be silent: three of the daemon's signs of life.
pub const SILENCE_MAX: Duration = Duration::from_secs(45);

/// The passage log as it grows. To resume after an error, open a new one after [`Self::last`].
#[derive(Debug)]
pub struct EventStream {
    inner: SseStream,
    last: Option<u64>,
}

/// The live state as it changes.
#[derive(Debug)]
pub struct LiveStream {
    inner: SseStream,
}

/// A message of a [`LiveStream`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveMessage {
    /// The whole state: the first message, and again after the daemon had to leave some out.
    Snapshot(LiveSnapshot),
    /// One change.
    Change(Live),
}

impl EventStream {
    pub(super) async fn open(socket: &Path, path: &str) -> Result<Self, ClientError> {
        Ok(Self {
            inner: SseStream::open(socket, path).await?,
            last: None,
        })
    }

    /// The next row; `None` once the daemon has ended the stream in order. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<EventRow>, ClientError> {
        let Some(event) = self.inner.next().await? else {
            return Ok(None);
        };
        let row: EventRow = self.inner.decode(&event)?;
        self.last = Some(row.seq);
        Ok(Some(row))
    }

    /// The number of the last row returned: what to ask `after` when resuming.
    #[must_use]
    pub const fn last(&self) -> Option<u64> {
        self.last
    }
}

impl LiveStream {
    pub(super) async fn open(socket: &Path, path: &str) -> Result<Self, ClientError> {
        Ok(Self {
            inner: SseStream::open(socket, path).await?,
        })
    }

    /// The next message; `None` once the daemon has ended the stream in order. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<LiveMessage>, ClientError> {
        let Some(event) = self.inner.next().await? else {
            return Ok(None);
        };
        Ok(Some(match event.event.as_str() {
            "snapshot" => LiveMessage::Snapshot(self.inner.decode(&event)?),
            _ => LiveMessage::Change(self.inner.decode(&event)?),
        }))
    }
}

#[derive(Debug)]
struct SseStream {
    path: String,
    wire: Wire,
    body: Incoming,
    parser: SseParser,
    ready: VecDeque<SseEvent>,
}

impl SseStream {
    async fn open(socket: &Path, path: &str) -> Result<Self, ClientError> {
        let opening = exchange::open(socket, Call::new(Method::GET, path));
        let (wire, response) = tokio::time::timeout(ANSWER_TIMEOUT, opening)
            .await
            .map_err(|_| ClientError::TimedOut {
                path: path.to_owned(),
            })??;
        let found = media_type(&response);
        if found != "text/event-stream" {
            return Err(ClientError::Unexpected {
                path: path.to_owned(),
                status: response.status().as_u16(),
                found: format!("expected `text/event-stream`, found `{found}`"),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            wire,
            body: response.into_body(),
            parser: SseParser::default(),
            ready: VecDeque::new(),
        })
    }

    /// Cancel-safe: a frame is taken and parsed within one poll.
    async fn next(&mut self) -> Result<Option<SseEvent>, ClientError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let frame = self.wire.drive(self.body.frame());
            let frame = tokio::time::timeout(SILENCE_MAX, frame).await;
            let Some(frame) = frame.map_err(|_| ClientError::Silent {
                path: self.path.clone(),
            })?
            else {
                return Ok(None);
            };
            let frame = frame.map_err(|source| ClientError::Broken {
                path: self.path.clone(),
                source,
            })?;
            if let Some(data) = frame.data_ref() {
                let ready = &mut self.ready;
                self.parser
                    .feed(data, |event| ready.push_back(event))
                    .map_err(|source| ClientError::Stream {
                        path: self.path.clone(),
                        source,
                    })?;
            }
        }
    }

    fn decode<T: DeserializeOwned>(&self, event: &SseEvent) -> Result<T, ClientError> {
        serde_json::from_str(&event.data).map_err(|source| ClientError::Decode {
            path: self.path.clone(),
            source,
        })
    }
}
