//! Answers that say yes.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;

use super::refused::Refused;

/// JSON, with the table's revision as its `ETag` where it shows the table.
#[derive(Debug)]
pub(super) struct Reply<T> {
    body: T,
    status: StatusCode,
    revision: Option<u64>,
    location: Option<String>,
}

impl<T> Reply<T> {
    pub(super) const fn new(body: T) -> Self {
        Self {
            body,
            status: StatusCode::OK,
            revision: None,
            location: None,
        }
    }

    pub(super) const fn at(body: T, revision: u64) -> Self {
        Self {
            body,
            status: StatusCode::OK,
            revision: Some(revision),
            location: None,
        }
    }

    pub(super) fn created(mut self, location: String) -> Self {
        self.status = StatusCode::CREATED;
        self.location = Some(location);
        self
    }

    pub(super) fn map<U>(self, body: impl FnOnce(T) -> U) -> Reply<U> {
        Reply {
            body: body(self.body),
            status: self.status,
            revision: self.revision,
            location: self.location,
        }
    }
}

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response<Body> {
        let body = match serde_json::to_vec(&self.body) {
            Ok(body) => body,
            Err(error) => return Refused::internal(&error).into_response(),
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let json = HeaderValue::from_static("application/json");
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, json);
        let revision = self.revision.map(|revision| format!("\"{revision}\""));
        let extra = [(header::ETAG, revision), (header::LOCATION, self.location)];
        for (name, text) in extra {
            if let Some(value) = text.and_then(|text| HeaderValue::try_from(text).ok()) {
                headers.insert(name, value);
            }
        }
        response
    }
}
