//! Bodies: bounded, JSON, and without fields that nobody knows.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use doorward_api::{Changes, ProblemDetails, ProblemKind};
use doorward_core::model::Problems;
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::json::Unique;
use super::limits::{BODY_BYTES_MAX, BODY_DRAIN_BYTES_MAX};
use super::refused::Refused;

/// A JSON body of type `T`, wholly understood.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

/// A JSON object, to be understood later with [`understand`].
#[derive(Debug)]
pub(super) struct Object(pub(super) serde_json::Map<String, Value>);

/// No body, or an empty object.
#[derive(Debug)]
pub(super) struct Nothing;

impl<S, T> FromRequest<S> for Json<T>
where
    S: Sync,
    T: DeserializeOwned + Serialize,
{
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        understand(&json(request).await?).map(Self)
    }
}

impl<S: Sync> FromRequest<S> for Object {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        match json(request).await? {
            Value::Object(fields) => Ok(Self(fields)),
            other => Err(Refused::new(
                ProblemKind::Invalid,
                format!("the body is {}, expected an object", name_of(&other)),
            )),
        }
    }
}

impl<S: Sync> FromRequest<S> for Nothing {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let body = read(request.into_body()).await?;
        if body.is_empty() || body.trim_ascii() == b"{}" {
            return Ok(Self);
        }
        let detail = format!("found a body of {} bytes, none is expected", body.len());
        Err(Refused::new(ProblemKind::Invalid, detail))
    }
}

async fn json(request: Request) -> Result<Value, Refused> {
    let media_type = expect_json(request.headers());
    let body = read(request.into_body()).await?;
    media_type?;
    parse(&body)
}

fn parse(body: &[u8]) -> Result<Value, Refused> {
    if body.trim_ascii().is_empty() {
        let detail = "the body is empty, expected JSON";
        return Err(Refused::new(ProblemKind::MalformedBody, detail));
    }
    match serde_json::from_slice(body) {
        Ok(Unique(json)) => Ok(json),
        Err(error) => {
            let detail = format!("the body is not valid JSON: {error}");
            Err(Refused::new(ProblemKind::MalformedBody, detail))
        }
    }
}

/// Reads the body of `POST /v1/changes` as the route does.
pub fn read_changes(body: &[u8]) -> Result<Changes, Box<ProblemDetails>> {
    parse(body)
        .and_then(|json| understand(&json))
        .map_err(Refused::into_problem)
}

fn expect_json(headers: &HeaderMap) -> Result<(), Refused> {
    let found = headers.get(header::CONTENT_TYPE);
    let text = found.map(|value| value.to_str().unwrap_or("?"));
    let essence = text.map(|text| text.split(';').next().unwrap_or_default().trim());
    match essence {
        Some(found)
            if found.eq_ignore_ascii_case("application/json")
                || found.to_ascii_lowercase().ends_with("+json") =>
        {
            Ok(())
        }
        found => Err(Refused::new(
            ProblemKind::UnsupportedMediaType,
            format!(
                "`Content-Type` is `{}`, expected `application/json`",
                found.unwrap_or_default()
            ),
        )),
    }
}

/// Reads a body of at most [`BODY_BYTES_MAX`] bytes.
async fn read(mut body: Body) -> Result<Bytes, Refused> {
    let mut whole = Vec::new();
    let mut size = 0;
    let said = body.size_hint().lower();
    while size <= BODY_DRAIN_BYTES_MAX {
        // Nothing of a body that says it is too large is asked for.
        if said > BODY_BYTES_MAX as u64 && size == 0 && said > BODY_DRAIN_BYTES_MAX as u64 {
            break;
        }
        let Some(frame) = body.frame().await else {
            break;
        };
        let frame = frame.map_err(|error| {
            let detail = format!("the body did not arrive whole: {error}");
            Refused::new(ProblemKind::BadRequest, detail)
        })?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        size += data.len();
        if size <= BODY_BYTES_MAX {
            whole.extend_from_slice(data);
        } else {
            whole = Vec::new();
        }
    }
    if size > BODY_BYTES_MAX || said > BODY_BYTES_MAX as u64 {
        let found = said.max(size as u64);
        let detail = format!("the body has {found} bytes, allowed are {BODY_BYTES_MAX}");
        return Err(Refused::new(ProblemKind::BodyTooLarge, detail));
    }
    Ok(whole.into())
}

/// Takes JSON as a `T`, and refuses fields that a `T` does not have.
///
/// Records ignore unknown fields, because a newer version may have stored them; a caller who sends
/// one made a mistake. So what was understood is written again, and whatever did not come back was
/// not understood.
pub(super) fn understand<T: DeserializeOwned + Serialize>(json: &Value) -> Result<T, Refused> {
    let typed: T = serde_path_to_error::deserialize(json).map_err(|error| {
        let field = error.path().to_string();
        let field = if field == "." { "body" } else { &field };
        Refused::field(field, error.inner().to_string())
    })?;
    let understood = serde_json::to_value(&typed).map_err(|error| Refused::internal(&error))?;
    let mut problems = Problems::default();
    find_unknown(json, &understood, &mut String::new(), &mut problems);
    match problems.into_result() {
        Ok(()) => Ok(typed),
        Err(problems) => Err(Refused::fields(problems.0)),
    }
}

fn find_unknown(sent: &Value, understood: &Value, path: &mut String, problems: &mut Problems) {
    match (sent, understood) {
        (Value::Object(sent), Value::Object(known)) => {
            for (name, value) in sent {
                let length = path.len();
                if length > 0 {
                    path.push('.');
                }
                path.push_str(name);
                match known.get(name) {
                    Some(inner) => find_unknown(value, inner, path, problems),
                    // A field that may be left out comes back as nothing when it says nothing.
                    None if value.is_null() => {}
                    None => problems.add(path.as_str(), unknown_field(known)),
                }
                path.truncate(length);
            }
        }
        (Value::Array(sent), Value::Array(known)) => {
            for (at, (value, inner)) in sent.iter().zip(known).enumerate() {
                let length = path.len();
                path.push_str(&format!("[{at}]"));
                find_unknown(value, inner, path, problems);
                path.truncate(length);
            }
        }
        // A list would be taken as the fields of a record in their order.
        (Value::Array(_), Value::Object(_)) => {
            let field = if path.is_empty() { "body" } else { path };
            problems.add(field, "is a list, expected an object");
        }
        _ => {}
    }
}

fn unknown_field(known: &serde_json::Map<String, Value>) -> String {
    let names: Vec<String> = known.keys().map(|name| format!("`{name}`")).collect();
    format!("unknown field; allowed are {}", names.join(", "))
}

const fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_api::WhyRequest;
    use doorward_core::model::{Credential, Door, User};

    fn check<T: DeserializeOwned + Serialize + core::fmt::Debug>(body: &str, expect: &[&str]) {
        let json = serde_json::from_str(body).unwrap();
        let found = match understand::<T>(&json) {
            Ok(_) => Vec::new(),
            Err(refused) => refused.problem().problems.clone(),
        };
        let found: Vec<String> = found
            .into_iter()
            .map(|problem| format!("{}: {}", problem.field, problem.message))
            .collect();
        assert_eq!(found.len(), expect.len(), "{body}: {found:?}");
        for (found, expect) in found.iter().zip(expect) {
            assert!(found.starts_with(expect), "{body}: {found}");
        }
    }

    #[test]
    fn unknown_fields_are_named_with_those_allowed() {
        check::<User>(
            r#"{"id":1,"first_name":"A","last_nam":"B","shoe":7}"#,
            &[
                "last_nam: unknown field; allowed are `company`, `department`, `email`, `extended_unlock`, `first_name`",
                "shoe: unknown field",
            ],
        );
        check::<User>(r#"{"id":1,"first_name":"A","email":null}"#, &[]);
    }

    #[test]
    fn unknown_fields_are_found_however_deep() {
        check::<Credential>(
            r#"{"id":1,"data":{"kind":"raw_card","bits":"0101","bit":1}}"#,
            &["data.bit: unknown field; allowed are `bits`, `kind`"],
        );
        check::<Credential>(
            r#"{"id":1,"data":{"kind":"card","format":"H10301","facility":null,"number":1}}"#,
            &[],
        );
        check::<Changes>(
            r#"{"changes":[{"put":{"record":{"id":1,"first_name":"A","x":1},"kind":"user"}}]}"#,
            &["changes[0].put.record.x: unknown field"],
        );
        check::<Door>(
            r#"{"id":1,"name":"a","place":1,"time_zone":"UTC","wiring":{"rely":null}}"#,
            &["wiring"],
        );
    }

    #[test]
    fn a_wrong_type_is_told_with_its_field() {
        check::<User>(
            r#"{"id":1,"first_name":7}"#,
            &["first_name: invalid type: integer `7`, expected a string"],
        );
        check::<User>(
            r#"{"id":1,"first_name":"a","state":"asleep"}"#,
            &["state: unknown variant `asleep`, expected one of `invited`, `active`"],
        );
        check::<User>("[1]", &["body: is a list, expected an object"]);
        check::<User>("7", &["body: invalid type: integer `7`"]);
        check::<Door>(
            r#"{"id":1,"name":"a","place":1,"time_zone":"UTC","wiring":[["front-in"]]}"#,
            &["wiring: is a list, expected an object"],
        );
        check::<WhyRequest>(r#"{"user":1}"#, &["body: missing field `door`"]);
    }

    #[tokio::test]
    async fn a_body_is_read_up_to_its_limit() {
        let check = |size: usize, expect: bool| async move {
            let found = read(Body::from(vec![b' '; size])).await;
            assert_eq!(found.is_ok(), expect, "{size}");
        };
        check(0, true).await;
        check(BODY_BYTES_MAX, true).await;
        check(BODY_BYTES_MAX + 1, false).await;
        check(BODY_DRAIN_BYTES_MAX + 1, false).await;
    }
}
