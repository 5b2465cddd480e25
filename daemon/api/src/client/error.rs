use std::path::PathBuf;

use crate::{ProblemDetails, SseError};

use super::{ANSWER_MAX, ANSWER_TIMEOUT};

/// Everything that can go wrong with a call.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The daemon cannot be reached. The text says what to do.
    #[error("cannot reach the daemon on `{}`: {advice}", socket.display())]
    Connect {
        /// The socket called.
        socket: PathBuf,
        /// What is wrong and what to do, over several lines where needed.
        advice: String,
        /// As the system says it.
        source: std::io::Error,
    },
    /// The daemon said no.
    #[error("{0}")]
    Problem(Box<ProblemDetails>),
    /// The answer is not one of this API.
    #[error("unexpected answer to `{path}`: status {status}, {found}")]
    Unexpected {
        /// The path called.
        path: String,
        /// The HTTP status code.
        status: u16,
        /// What came instead.
        found: String,
    },
    /// The connection broke during the call; it may or may not have been carried out.
    #[error("the connection to the daemon broke during `{path}`")]
    Broken {
        /// The path called.
        path: String,
        /// As HTTP says it.
        source: hyper::Error,
    },
    /// No answer in time; the call may or may not have been carried out.
    #[error("no answer to `{path}` within {} s", ANSWER_TIMEOUT.as_secs())]
    TimedOut {
        /// The path called.
        path: String,
    },
    /// A stream fell silent: not even a sign of life came.
    #[error("`{path}` fell silent")]
    Silent {
        /// The path called.
        path: String,
    },
    /// The answer is larger than allowed.
    #[error("the answer to `{path}` has more than {ANSWER_MAX} bytes")]
    TooLarge {
        /// The path called.
        path: String,
    },
    /// The answer cannot be read: the daemon may be of another version.
    #[error("the answer to `{path}` cannot be read (is the daemon of another version?)")]
    Decode {
        /// The path called.
        path: String,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A stream is not one of server-sent events.
    #[error("`{path}` is not a stream of server-sent events")]
    Stream {
        /// The path called.
        path: String,
        /// Why.
        source: SseError,
    },
    /// The body cannot be written as JSON.
    #[error("the request cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// The request cannot be written as HTTP.
    #[error("the request cannot be written as HTTP")]
    Request(#[source] hyper::http::Error),
}

impl ClientError {
    /// What the daemon said, if it said no.
    #[must_use]
    pub fn problem(&self) -> Option<&ProblemDetails> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}
