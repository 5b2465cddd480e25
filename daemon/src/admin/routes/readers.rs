//! Readers and their keys.

use axum::extract::State;
use axum::http::StatusCode;
use doorward_api::{InstallBody, InstallWindow, ProblemKind};
use doorward_core::ids::DeviceName;

use crate::admin::body::{Json, Nothing};
use crate::admin::caller::{KeyReaders, May};
use crate::admin::office::Desk;
use crate::admin::query::At;
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::keys::KeyError;

/// Opens the install window of a reader
///
/// While it is open, the reader is given a random key of its own over the default key SCBK-D, once,
/// if it asks for that. Whoever records the line meanwhile can work the key out: open it where nobody
/// else can reach the line, or give readers their keys by other means. The window closes when it has
/// served, by itself, and with the daemon. The reader's state in `/v1/status` says what became of it.
#[utoipa::path(
    post, path = "/v1/readers/{name}/install", tag = "readers", operation_id = "open_install",
    params(("name" = String, Path, description = "the reader's name in `site.toml`")),
    request_body = InstallBody,
    responses((status = OK, description = "open", body = InstallWindow)),
)]
pub(super) async fn install(
    may: May<KeyReaders>,
    State(desk): State<Desk>,
    At(name): At<String>,
    Json(body): Json<InstallBody>,
) -> Result<Reply<InstallWindow>, Refused> {
    let reader = DeviceName::from(&*name);
    let keys = &desk.office.keys;
    let opened = keys.install(may.permit, reader.clone(), body.minutes);
    let until = opened.await?;
    Ok(Reply::new(InstallWindow { reader, until }))
}

/// Closes the install window of a reader
#[utoipa::path(
    delete, path = "/v1/readers/{name}/install", tag = "readers", operation_id = "close_install",
    params(("name" = String, Path, description = "the reader's name in `site.toml`")),
    responses((status = NO_CONTENT, description = "closed")),
)]
pub(super) async fn close(
    may: May<KeyReaders>,
    State(desk): State<Desk>,
    At(name): At<String>,
    _: Nothing,
) -> Result<StatusCode, Refused> {
    let keys = &desk.office.keys;
    keys.close(may.permit, DeviceName::from(&*name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a reader another key
///
/// A random one, over its Secure Channel. The answer comes when the reader has shown that it has it;
/// until then the one before is kept and tried, too.
#[utoipa::path(
    post, path = "/v1/readers/{name}/rotate-key", tag = "readers", operation_id = "rotate_key",
    params(("name" = String, Path, description = "the reader's name in `site.toml`")),
    responses((status = NO_CONTENT, description = "the reader has it")),
)]
pub(super) async fn rotate(
    may: May<KeyReaders>,
    State(desk): State<Desk>,
    At(name): At<String>,
    _: Nothing,
) -> Result<StatusCode, Refused> {
    let keys = &desk.office.keys;
    keys.rotate(may.permit, DeviceName::from(&*name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<KeyError> for Refused {
    fn from(error: KeyError) -> Self {
        let kind = match &error {
            KeyError::Unknown(_) => ProblemKind::NotFound,
            KeyError::Minutes(minutes) => {
                let message = format!("is {minutes}, allowed are 1 to 60");
                return Self::field("minutes", message);
            }
            KeyError::Clear(_)
            | KeyError::WindowOpen(_)
            | KeyError::NoWindow(_)
            | KeyError::Rotating(_)
            | KeyError::Bus(_)
            | KeyError::Refused(_)
            | KeyError::Kept(_)
            | KeyError::NotShown(_) => ProblemKind::Conflict,
            KeyError::Folder(_) | KeyError::Log(_) | KeyError::Random(_) | KeyError::Stopped => {
                ProblemKind::Unavailable
            }
            KeyError::Busy => ProblemKind::Busy,
        };
        Self::new(kind, error.to_string())
    }
}
