//! How a request is refused: problem details, filled in at one place.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use doorward_api::{PROBLEM_JSON, ProblemDetails, ProblemKind};
use doorward_core::model::{Problem, Problems};

use super::limits::RETRY_AFTER_S;

/// A request refused.
#[derive(Debug, Clone)]
pub(super) struct Refused(Box<ProblemDetails>);

impl Refused {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemDetails::new(kind, detail)))
    }

    /// One wrong field.
    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut problems = Problems::default();
        problems.add(field, message);
        Self::fields(problems.0)
    }

    /// Wrong fields; at least one.
    pub(super) fn fields(problems: Vec<Problem>) -> Self {
        let detail = match problems.as_slice() {
            [Problem { field, message }] => format!("`{field}`: {message}"),
            several => format!("{} fields are wrong", several.len()),
        };
        let problem = ProblemDetails::new(ProblemKind::Invalid, detail).with_problems(problems);
        Self(Box::new(problem))
    }

    /// What was to be taken away is still needed.
    pub(super) fn in_use(problems: &Problems) -> Self {
        let reasons: Vec<&str> = problems
            .0
            .iter()
            .map(|problem| problem.message.as_str())
            .collect();
        Self::new(ProblemKind::Conflict, reasons.join("; "))
    }

    pub(super) fn not_found(what: impl core::fmt::Display) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no {what}"))
    }

    /// Something inside failed. What it was goes to the log, not over the wire.
    pub(super) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        log::error!("the API could not answer: {}", chain(error));
        Self::new(
            ProblemKind::Internal,
            "something failed inside; the daemon's log has it",
        )
    }

    pub(super) fn into_problem(self) -> Box<ProblemDetails> {
        self.0
    }

    #[cfg(test)]
    pub(super) fn problem(&self) -> &ProblemDetails {
        &self.0
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl IntoResponse for Refused {
    /// Carries the problem beside the response; [`finish`] writes it.
    fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.0.status);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes a refusal's body, now that the path is known. Whatever refuses without details gets
/// them from its status.
pub(super) fn finish(mut response: Response<Body>, path: &str) -> Response<Body> {
    let refused = response.extensions_mut().remove::<Refused>();
    let status = response.status();
    let mut problem = match refused {
        Some(Refused(problem)) => *problem,
        None if status.is_client_error() || status.is_server_error() => bare(status),
        None => return response,
    };
    problem.instance = Some(path.to_owned());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.remove(header::CONTENT_LENGTH);
    if problem.kind == ProblemKind::Busy {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_S));
    }
    if problem.kind == ProblemKind::BodyTooLarge || problem.kind == ProblemKind::TimedOut {
        // What is left of the request must not be taken for the next one.
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    // Problem details are plain strings and numbers: they can always be written.
    *response.body_mut() = Body::from(serde_json::to_vec(&problem).unwrap_or_default());
    response
}

fn bare(status: StatusCode) -> ProblemDetails {
    let kind = ProblemKind::ALL
        .iter()
        .find(|kind| kind.status() == status.as_u16());
    let words = status.canonical_reason().unwrap_or("refused");
    let mut problem = ProblemDetails::new(
        kind.copied().unwrap_or(ProblemKind::Other),
        words.to_lowercase(),
    );
    problem.status = status.as_u16();
    problem
}
