use axum::extract::State;
use doorward_api::{Applied, Changes, DryRun};
use serde_json::{Map, Value};

use super::records::carry_out;
use crate::admin::body::{Object, understand};
use crate::admin::caller::{ChangeTable, May};
use crate::admin::office::Desk;
use crate::admin::pins::seal;
use crate::admin::query::{Asked, Base};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::change::{ModeSaid, Plan, Step};

/// Several steps, applied whole or not at all
///
/// The answer comes when they are durable, and in force at the doors. Every problem of every step
/// is told at once. A door, group or place that is put without its `mode` keeps the one it has, as
/// with PUT. With `If-Match` and a revision, only while the table is still at that revision.
#[utoipa::path(
    post, path = "/v1/changes", tag = "changes",
    params(DryRun),
    request_body = Changes,
    responses((status = OK, description = "what was written and what went", body = Applied)),
)]
pub(super) async fn apply(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    Asked(dry): Asked<DryRun>,
    Base(base): Base,
    Object(mut fields): Object,
) -> Result<Reply<Applied>, Refused> {
    seal(&mut fields, desk.office.store.pin_key())?;
    let said = modes_said(&fields);
    let Changes { changes } = understand(&Value::Object(fields))?;
    if changes.is_empty() {
        return Err(Refused::field(
            "changes",
            "is empty, expected at least one step",
        ));
    }
    let steps = changes.into_iter().zip(said);
    let steps = steps.map(|(change, mode)| Step { change, mode }).collect();
    carry_out(&desk, may, Plan::Steps(steps), base, dry).await
}

/// Of each step, whether it says a mode.
fn modes_said(fields: &Map<String, Value>) -> Vec<ModeSaid> {
    let steps = fields.get("changes").and_then(Value::as_array);
    let said = |step: &Value| match step.pointer("/put/record/mode") {
        Some(_) => ModeSaid::Yes,
        None => ModeSaid::No,
    };
    steps.into_iter().flatten().map(said).collect()
}
