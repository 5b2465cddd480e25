//! How doors stand: their modes, relocking, and the activation of plans.

use axum::extract::State;
use axum::http::StatusCode;
use doorward_api::{Applied, ModeBody, ProblemKind};
use doorward_core::controller::DoorCommand;
use doorward_core::ids::{DoorGroupId, DoorId, PlaceId};
use doorward_core::model::{Door, DoorMode, RecordRef};

use super::records::{NOTE, applied, find};
use crate::admin::body::{Json, Nothing};
use crate::admin::caller::{ActivatePlans, May, StandDoors};
use crate::admin::office::Desk;
use crate::admin::query::At;
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::change::Plan;
use crate::config::PlanRule;

/// Puts a mode in force at a door
///
/// It stands above every schedule, survives a restart, and is in force when the answer comes. Where
/// a group or a place of the door has a stronger mode, that one stays in force.
#[utoipa::path(
    post, path = "/v1/doors/{id}/mode", tag = "doors", operation_id = "set_door_mode",
    params(("id" = u32, Path, description = "the door's number")),
    request_body = ModeBody,
    responses((status = OK, description = "in force", body = Applied)),
)]
pub(super) async fn door_mode(
    may: May<StandDoors>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Json(body): Json<ModeBody>,
) -> Result<Reply<Applied>, Refused> {
    set_mode(&desk, may, RecordRef::Door(DoorId(id)), body.mode).await
}

/// Puts a mode in force at the doors of a group
///
/// At those that belong to the place of the group, and where no stronger mode is in force.
#[utoipa::path(
    post, path = "/v1/door_groups/{id}/mode", tag = "doors", operation_id = "set_group_mode",
    params(("id" = u32, Path, description = "the group's number")),
    request_body = ModeBody,
    responses((status = OK, description = "in force", body = Applied)),
)]
pub(super) async fn group_mode(
    may: May<StandDoors>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Json(body): Json<ModeBody>,
) -> Result<Reply<Applied>, Refused> {
    set_mode(&desk, may, RecordRef::DoorGroup(DoorGroupId(id)), body.mode).await
}

/// Puts a mode in force at the doors of a place
///
/// And of the places in it; the site itself is a place. Where no stronger mode is in force.
#[utoipa::path(
    post, path = "/v1/places/{id}/mode", tag = "doors", operation_id = "set_place_mode",
    params(("id" = u32, Path, description = "the place's number")),
    request_body = ModeBody,
    responses((status = OK, description = "in force", body = Applied)),
)]
pub(super) async fn place_mode(
    may: May<StandDoors>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Json(body): Json<ModeBody>,
) -> Result<Reply<Applied>, Refused> {
    set_mode(&desk, may, RecordRef::Place(PlaceId(id)), body.mode).await
}

async fn set_mode(
    desk: &Desk,
    may: May<StandDoors>,
    of: RecordRef,
    mode: DoorMode,
) -> Result<Reply<Applied>, Refused> {
    let plan = Plan::SetMode { of, mode };
    let changes = &desk.office.changes;
    let made = changes.make(may.permit, plan, None, desk.now(), NOTE);
    Ok(applied(&made.await?))
}

/// Locks a door again
///
/// Ends its mode `unlocked`, whoever holds it open, and an unlock under way. What stands unlocked
/// by its plan, by the mode of a group or place, in an emergency or for fire stays so.
#[utoipa::path(
    post, path = "/v1/doors/{id}/relock", tag = "doors", operation_id = "relock_door",
    params(("id" = u32, Path, description = "the door's number")),
    responses((status = NO_CONTENT, description = "done")),
)]
pub(super) async fn relock(
    may: May<StandDoors>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    _: Nothing,
) -> Result<StatusCode, Refused> {
    let actor = may.permit.actor().clone();
    let id = DoorId(id);
    let mode = desk
        .read(move |view| Ok(find::<Door>(view, id)?.mode))
        .await?;
    if mode == DoorMode::Unlocked {
        set_mode(&desk, may, RecordRef::Door(id), DoorMode::Normal).await?;
    }
    let doors = &desk.office.doors;
    doors.command(id, DoorCommand::Relock, actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts the pending plan of a door in force
///
/// Only where `site.toml` allows it; at the door, the holder of a key that activates plans does it
/// by being let in.
#[utoipa::path(
    post, path = "/v1/doors/{id}/activate-plan", tag = "doors", operation_id = "activate_plan",
    params(("id" = u32, Path, description = "the door's number")),
    responses((status = OK, description = "in force", body = Applied)),
)]
pub(super) async fn activate_plan(
    may: May<ActivatePlans>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    _: Nothing,
) -> Result<Reply<Applied>, Refused> {
    if desk.office.activate_plans == PlanRule::AtDoor {
        let detail = "`doors.activate_plans` in `site.toml` is `at_door`: show a credential with a \
                      key that activates plans at the door";
        return Err(Refused::new(ProblemKind::Forbidden, detail));
    }
    let plan = Plan::ActivatePlan {
        door: DoorId(id),
        expected: None,
    };
    let changes = &desk.office.changes;
    let made = changes.make(may.permit, plan, None, desk.now(), NOTE);
    Ok(applied(&made.await?))
}
