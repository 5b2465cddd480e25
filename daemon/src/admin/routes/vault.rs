//! Checking the store, and backing it up.

use std::path::PathBuf;

use axum::extract::State;
use axum::http::StatusCode;
use doorward_api::{BackupBody, ProblemKind, VaultJob};

use crate::admin::body::{Json, Nothing};
use crate::admin::caller::{BackUp, May, Prove};
use crate::admin::office::Desk;
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::vault::JobRefused;
use crate::vault::lock::Lock;

/// Begins to check every invariant of the store
///
/// The doors go on. How it stands, and what it found, is at `/v1/vault`.
#[utoipa::path(
    post, path = "/v1/verify", tag = "vault", operation_id = "verify",
    responses((status = OK, description = "it runs", body = VaultJob)),
)]
pub(super) async fn verify(
    _: May<Prove>,
    State(desk): State<Desk>,
    Nothing: Nothing,
) -> Result<Reply<VaultJob>, Refused> {
    Ok(Reply::new(desk.office.vault.verify().await?))
}

/// Begins a backup
///
/// Of the table, both logs, the configuration and the readers' keys, as of one revision and one event;
/// locked, and read again once it is written. How it stands is at `/v1/vault`.
#[utoipa::path(
    post, path = "/v1/backup", tag = "vault", operation_id = "back_up",
    request_body = BackupBody,
    responses((status = OK, description = "it runs", body = VaultJob)),
)]
pub(super) async fn back_up(
    _: May<BackUp>,
    State(desk): State<Desk>,
    Json(body): Json<BackupBody>,
) -> Result<Reply<VaultJob>, Refused> {
    let lock = match (&body.passphrase, &body.recipient) {
        (Some(_), Some(_)) => {
            return Err(Refused::field("recipient", "is given beside `passphrase`"));
        }
        (Some(text), None) => Some(
            Lock::passphrase(text)
                .map_err(|error| Refused::field("passphrase", error.to_string()))?,
        ),
        (None, Some(text)) => Some(
            Lock::recipient(text)
                .map_err(|error| Refused::field("recipient", error.to_string()))?,
        ),
        (None, None) => None,
    };
    let folder = body.folder.map(PathBuf::from);
    if folder.as_ref().is_some_and(|folder| !folder.is_absolute()) {
        return Err(Refused::field("folder", "is not a path from the root"));
    }
    Ok(Reply::new(desk.office.vault.back_up(folder, lock).await?))
}

/// The check or backup that runs, or ran last
#[utoipa::path(
    get, path = "/v1/vault", tag = "vault", operation_id = "vault_job",
    responses((status = OK, description = "it", body = VaultJob)),
)]
pub(super) async fn job(
    _: May<Prove>,
    State(desk): State<Desk>,
) -> Result<Reply<VaultJob>, Refused> {
    let job = desk.office.vault.watch().borrow().clone();
    let none = || Refused::not_found(format_args!("check or backup since the daemon started"));
    job.map(Reply::new).ok_or_else(none)
}

/// Breaks off the check or backup that runs
#[utoipa::path(
    post, path = "/v1/vault/cancel", tag = "vault", operation_id = "cancel_vault_job",
    responses((status = NO_CONTENT, description = "nothing runs any more, or will in a moment")),
)]
pub(super) async fn cancel(
    _: May<BackUp>,
    State(desk): State<Desk>,
    Nothing: Nothing,
) -> StatusCode {
    desk.office.vault.cancel();
    StatusCode::NO_CONTENT
}

impl From<JobRefused> for Refused {
    fn from(error: JobRefused) -> Self {
        let kind = match error {
            JobRefused::Runs => ProblemKind::Conflict,
            JobRefused::NoFolder | JobRefused::NoLock => ProblemKind::Invalid,
            JobRefused::Store(error) => return error.into(),
            JobRefused::Thread(_) => ProblemKind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}
