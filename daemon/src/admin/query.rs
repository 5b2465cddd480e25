//! Paths and queries, with errors that say what is allowed.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use doorward_api::ProblemKind;
use serde::de::DeserializeOwned;

use super::refused::Refused;

/// The query of a request, wholly understood.
#[derive(Debug)]
pub(super) struct Asked<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|error| {
                let cause = std::error::Error::source(&error);
                let cause = cause.map_or_else(|| error.to_string(), ToString::to_string);
                Refused::new(
                    ProblemKind::BadRequest,
                    format!("the query is wrong: {cause}"),
                )
            })
    }
}

/// The numbers in a path.
#[derive(Debug)]
pub(super) struct At<T>(pub(super) T);

impl<S: Sync + Send, T: DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(numbers)) => Ok(Self(numbers)),
            Err(error) => Err(Refused::new(
                ProblemKind::BadRequest,
                format!("the path is wrong: {}", error.body_text()),
            )),
        }
    }
}

/// The revision that a change was made up for, from `If-Match`.
#[derive(Debug)]
pub(super) struct Base(pub(super) Option<u64>);

impl<S: Sync> FromRequestParts<S> for Base {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        base(&parts.headers).map(Self)
    }
}

fn base(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let Some(value) = headers.get(IF_MATCH) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or("?").trim();
    if text == "*" {
        return Ok(None);
    }
    let number = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    number.unwrap_or(text).parse().map(Some).map_err(|_| {
        let detail = format!("`If-Match` is `{text}`, expected a revision such as `\"42\"`");
        Refused::new(ProblemKind::BadRequest, detail)
    })
}

/// A page's size: 1 to `max`, `default` unless asked otherwise.
pub(super) fn page_size(limit: Option<u32>, default: u32, max: u32) -> Result<usize, Refused> {
    let limit = limit.unwrap_or(default);
    if (1..=max).contains(&limit) {
        return Ok(limit as usize);
    }
    let detail = format!("`limit` is {limit}, allowed are 1 to {max}");
    Err(Refused::new(ProblemKind::BadRequest, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_takes_a_revision() {
        let check = |text: &str, expect: Option<Option<u64>>| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, text.parse().unwrap());
            assert_eq!(base(&headers).ok(), expect, "{text}");
        };
        check("\"42\"", Some(Some(42)));
        check("42", Some(Some(42)));
        check("*", Some(None));
        check("W/\"42\"", None);
        check("\"\"", None);
        check("-1", None);
        assert_eq!(base(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn a_page_has_bounds() {
        let check = |limit, expect| assert_eq!(page_size(limit, 100, 1000).ok(), expect);
        check(None, Some(100));
        check(Some(1), Some(1));
        check(Some(1000), Some(1000));
        check(Some(0), None);
        check(Some(1001), None);
    }
}
