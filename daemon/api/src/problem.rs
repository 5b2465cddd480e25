use core::fmt;

use serde::{Deserialize, Serialize};

use doorward_core::model::Problem;

/// The media type of [`ProblemDetails`], from RFC 9457 section 6.1.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// How the daemon says no: problem details after RFC 9457, with every wrong field listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProblemDetails {
    /// What kind of problem: stable, for programs.
    #[serde(rename = "type")]
    pub kind: ProblemKind,
    /// The kind in words.
    pub title: String,
    /// The HTTP status code.
    pub status: u16,
    /// What was wrong, what was found, and what is allowed.
    pub detail: String,
    /// The path that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Every wrong field of the request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

macro_rules! problem_kinds {
    ($($(#[$doc:meta])* $name:ident = $status:literal $code:literal $title:literal,)*) => {
        /// The kinds of problems. On the wire a URN such as `urn:doorward:problem:not-found`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        pub enum ProblemKind {
            $(
                $(#[$doc])*
                #[serde(rename = $code)]
                $name,
            )*
            /// A kind that a newer daemon knows.
            #[serde(other, rename = "about:blank")]
            Other,
        }

        impl ProblemKind {
            /// All kinds that this version knows.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The HTTP status code that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                    Self::Other => 500,
                }
            }

            /// The URN on the wire.
            #[must_use]
            pub const fn urn(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                    Self::Other => "about:blank",
                }
            }

            /// The kind in words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                    Self::Other => "problem",
                }
            }
        }
    };
}

problem_kinds! {
    /// The body is not JSON.
    MalformedBody = 400 "urn:doorward:problem:malformed-body" "the body is not valid JSON",
    /// The path or the query is not as the API document says.
    BadRequest = 400 "urn:doorward:problem:bad-request" "the request is not valid",
    /// The caller may not do this.
    Forbidden = 403 "urn:doorward:problem:forbidden" "not allowed",
    /// No such path, or no such record.
    NotFound = 404 "urn:doorward:problem:not-found" "not found",
    /// The path exists, but not for this method.
    MethodNotAllowed = 405 "urn:doorward:problem:method-not-allowed" "method not allowed",
    /// The request took too long to arrive, or to be answered.
    TimedOut = 408 "urn:doorward:problem:timed-out" "the request took too long",
    /// It contradicts what is there.
    Conflict = 409 "urn:doorward:problem:conflict" "in conflict with what is there",
    /// The table has changed since the revision in `If-Match`.
    RevisionChanged = 412 "urn:doorward:problem:revision-changed" "changed by somebody else meanwhile",
    /// The body is larger than allowed.
    BodyTooLarge = 413 "urn:doorward:problem:body-too-large" "the body is too large",
    /// The body's media type is not JSON.
    UnsupportedMediaType = 415 "urn:doorward:problem:unsupported-media-type" "the body's media type is not supported",
    /// The body is JSON, and its fields are wrong.
    Invalid = 422 "urn:doorward:problem:invalid" "fields are wrong",
    /// Something failed inside; the log has it.
    Internal = 500 "urn:doorward:problem:internal" "something failed inside",
    /// Too much waits already; try again.
    Busy = 503 "urn:doorward:problem:busy" "too busy",
    /// The daemon is stopping, or its store or a board cannot be used.
    Unavailable = 503 "urn:doorward:problem:unavailable" "not available",
}

impl ProblemDetails {
    /// A problem of `kind`.
    #[must_use]
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            title: kind.title().to_owned(),
            status: kind.status(),
            detail: detail.into(),
            instance: None,
            problems: Vec::new(),
        }
    }

    /// With wrong fields.
    #[must_use]
    pub fn with_problems(mut self, problems: Vec<Problem>) -> Self {
        self.problems = problems;
        self
    }
}

impl fmt::Display for ProblemDetails {
    /// The detail, and each wrong field on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)?;
        self.problems
            .iter()
            .try_for_each(|problem| write!(f, "\n  {}: {}", problem.field, problem.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::model::Problems;

    #[test]
    fn kinds_are_written_as_their_urn() {
        for &kind in ProblemKind::ALL {
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(text, format!("\"{}\"", kind.urn()));
            assert_eq!(serde_json::from_str::<ProblemKind>(&text).unwrap(), kind);
            assert!((400..600).contains(&kind.status()));
        }
        let newer = serde_json::from_str::<ProblemKind>("\"urn:doorward:problem:eclipse\"");
        assert_eq!(newer.unwrap(), ProblemKind::Other);
    }

    #[test]
    fn problems_are_listed_below_the_detail() {
        let mut problems = Problems::default();
        problems.add("name", "is empty");
        problems.add("doors[2]", "there is no door 9");
        let problem = ProblemDetails::new(ProblemKind::Invalid, "2 fields are wrong")
            .with_problems(problems.0);
        assert_eq!(
            problem.to_string(),
            "2 fields are wrong\n  name: is empty\n  doors[2]: there is no door 9"
        );
    }
}
