//! What proves the logs, and erasing a person from them.

use axum::extract::State;
use axum::http::StatusCode;
use doorward_api::{LogHead, LogsStatus, PAGE_DEFAULT, PAGE_MAX, ProofPage, ProofQuery, ProofRow};
use doorward_core::ids::UserId;
use doorward_core::model::{Change, RecordRef};

use super::records::make;
use crate::admin::body::Nothing;
use crate::admin::caller::{ChangeTable, ErasePerson, May, Prove};
use crate::admin::office::Desk;
use crate::admin::query::{Asked, At, page_size};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::change::{ModeSaid, Plan, Step};
use crate::doors::kept_of;
use crate::store::{self, Domain, Store};

/// Rows of the passage log with their proof
#[utoipa::path(
    get, path = "/v1/events/proof", tag = "events", operation_id = "prove_events",
    description = "The bytes that the hash chain covers, so that somebody else can check it. What \
                   a row says is in its bytes, and nowhere else.",
    params(ProofQuery),
    responses((status = OK, description = "a page", body = ProofPage)),
)]
pub(super) async fn prove_events(
    _: May<Prove>,
    State(desk): State<Desk>,
    Asked(query): Asked<ProofQuery>,
) -> Result<Reply<ProofPage>, Refused> {
    prove(&desk, Domain::Events, query).await
}

/// Entries of the admin log with their proof
#[utoipa::path(
    get, path = "/v1/audit/proof", tag = "audit", operation_id = "prove_audit",
    description = "As `/v1/events/proof`, of the admin log.",
    params(ProofQuery),
    responses((status = OK, description = "a page", body = ProofPage)),
)]
pub(super) async fn prove_audit(
    _: May<Prove>,
    State(desk): State<Desk>,
    Asked(query): Asked<ProofQuery>,
) -> Result<Reply<ProofPage>, Refused> {
    prove(&desk, Domain::Audit, query).await
}

async fn prove(desk: &Desk, log: Domain, query: ProofQuery) -> Result<Reply<ProofPage>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    desk.read_log(move |store| {
        let proof = store.proof(log, query.after, limit)?;
        Ok(Reply::new(ProofPage {
            previous: hex(&proof.previous),
            rows: proof.rows.into_iter().map(api_row).collect(),
        }))
    })
    .await
}

fn api_row(row: store::ProofRow) -> ProofRow {
    let (salt, personal) = row.personal.unzip();
    ProofRow {
        seq: row.seq,
        hash: hex(&row.hash),
        commitment: hex(&row.commitment),
        salt: salt.map(|salt| hex(&salt)),
        personal: personal.map(|bytes| hex(&bytes)),
        public: hex(&row.public),
    }
}

/// The newest rows of both logs, for the status.
pub(super) fn heads(store: &Store) -> Result<LogsStatus, Refused> {
    let heads = store.heads()?;
    let head = |head: store::LogHead| LogHead {
        seq: head.seq,
        hash: hex(&head.hash),
    };
    Ok(LogsStatus {
        events: head(heads.events),
        audit: head(heads.audit),
        erasing: u32::try_from(*store.erasing().borrow()).unwrap_or(u32::MAX),
    })
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Erases a person: record, keys and credentials go, and so does what the logs say of them
///
/// It cannot be undone. Rows of the logs stay, with their numbers and hashes, and name nobody; they
/// are done in the background, also after a restart, and `logs.erasing` in the status counts those
/// who are not done with. A user who was removed before can be erased by their number.
#[utoipa::path(
    post, path = "/v1/users/{id}/erase", tag = "users", operation_id = "erase_user",
    params(("id" = u32, Path, description = "the user's number")),
    responses((status = ACCEPTED, description = "durable, and in force at the doors")),
)]
pub(super) async fn erase(
    changing: May<ChangeTable>,
    erasing: May<ErasePerson>,
    State(desk): State<Desk>,
    At(user): At<u32>,
    Nothing: Nothing,
) -> Result<StatusCode, Refused> {
    let user = UserId(user);
    let (is_there, held) = desk
        .read_log(move |store| {
            let view = store.view();
            let is_there = view.record(RecordRef::User(user))?.is_some();
            if !is_there && !store.was_given(RecordRef::User(user))? {
                return Err(Refused::not_found(format_args!("user {user}")));
            }
            Ok((is_there, view.credentials_of_user(user)?))
        })
        .await?;
    let credentials: Vec<_> = held.into_iter().map(|credential| credential.id).collect();
    if is_there {
        let gone = credentials.iter().copied().map(RecordRef::Credential);
        let steps = gone.chain([RecordRef::User(user)]).map(|reference| Step {
            change: Change::Remove(reference),
            mode: ModeSaid::Yes,
        });
        make(&desk, changing, Plan::Steps(steps.collect()), None).await?;
    }
    let kept = kept_of(user, &credentials);
    let store = &desk.office.store;
    store.erase(&erasing.permit, user, kept, desk.now()).await?;
    Ok(StatusCode::ACCEPTED)
}
