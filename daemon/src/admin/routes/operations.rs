//! What is done to keys and doors in one go.

use axum::extract::State;
use doorward_api::{Applied, DryRun, MoveBody, Saved, SendBody};
use doorward_core::ids::{DoorId, KeyId, PlaceId, UserId};
use doorward_core::model::{
    Block, Door, Grant, Interval, Key, Operation, QuickPick, Record, RecordRef, Share, doors_of_key,
};
use doorward_core::schedule::Zone;
use doorward_core::time::Wall;
use serde::Deserialize;

use super::records::{applied, carry_out, find, make, saved};
use crate::admin::body::{Json, Nothing};
use crate::admin::caller::{ChangeTable, May};
use crate::admin::office::Desk;
use crate::admin::query::{Asked, At, Base};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::change::Plan;
use crate::store::TableView;

/// Sends a key to many users as one change
///
/// To users by number, to all of companies or places, to the holders of other keys: together, each
/// once. With `dry_run=true` it says whom that would touch, and does nothing.
#[utoipa::path(
    post, path = "/v1/keys/{id}/send", tag = "keys", operation_id = "send_key",
    params(("id" = u32, Path, description = "the key's number"), DryRun),
    request_body = SendBody,
    responses((status = OK, description = "what was given", body = Applied)),
)]
pub(super) async fn send(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At(key): At<u32>,
    Asked(dry): Asked<DryRun>,
    Base(base): Base,
    Json(body): Json<SendBody>,
) -> Result<Reply<Applied>, Refused> {
    let key = KeyId(key);
    let validity = Validity {
        intervals: body.intervals,
        quick: body.quick,
        time_zone: body.time_zone,
    };
    let intervals = validity.intervals(&desk, key).await?;
    let operation = Operation::SendKey {
        key,
        to: body.to,
        intervals,
        holding: body.holding,
    };
    carry_out(&desk, may, Plan::Operation(operation), base, dry).await
}

/// Takes a key from every holder
#[utoipa::path(
    delete, path = "/v1/keys/{id}/holders", tag = "keys", operation_id = "revoke_from_all",
    params(("id" = u32, Path, description = "the key's number"), DryRun),
    responses((status = OK, description = "what went", body = Applied)),
)]
pub(super) async fn revoke_from_all(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At(key): At<u32>,
    Asked(dry): Asked<DryRun>,
    Base(base): Base,
) -> Result<Reply<Applied>, Refused> {
    let operation = Operation::RevokeFromAll(KeyId(key));
    carry_out(&desk, may, Plan::Operation(operation), base, dry).await
}

/// Takes every key from a user
#[utoipa::path(
    delete, path = "/v1/users/{id}/keys", tag = "users", operation_id = "revoke_all_of",
    params(("id" = u32, Path, description = "the user's number"), DryRun),
    responses((status = OK, description = "what went", body = Applied)),
)]
pub(super) async fn revoke_all_of(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At(user): At<u32>,
    Asked(dry): Asked<DryRun>,
    Base(base): Base,
) -> Result<Reply<Applied>, Refused> {
    let operation = Operation::RevokeAllOf(UserId(user));
    carry_out(&desk, may, Plan::Operation(operation), base, dry).await
}

/// The two ends of an interval.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Ends {
    /// Its beginning, as the grant has it; left out for an open one.
    #[serde(default)]
    from: Option<Wall>,
    /// Its end, as the grant has it; left out for an open one.
    #[serde(default)]
    until: Option<Wall>,
}

/// Takes one interval from a grant; with the last one the grant goes
#[utoipa::path(
    delete, path = "/v1/users/{id}/keys/{key}/intervals", tag = "users",
    operation_id = "revoke_interval",
    params(
        ("id" = u32, Path, description = "the user's number"),
        ("key" = u32, Path, description = "the key's number"),
        Ends,
    ),
    responses((status = OK, description = "what was changed or went", body = Applied)),
)]
pub(super) async fn revoke_interval(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At((user, key)): At<(u32, u32)>,
    Asked(Ends { from, until }): Asked<Ends>,
    Base(base): Base,
) -> Result<Reply<Applied>, Refused> {
    let operation = Operation::RevokeInterval {
        user: UserId(user),
        key: KeyId(key),
        interval: Interval { from, until },
    };
    let delta = make(&desk, may, Plan::Operation(operation), base).await?;
    Ok(applied(&delta))
}

/// Blocks a key for a while: holders keep it, doors deny with their own reason
#[utoipa::path(
    put, path = "/v1/keys/{id}/block", tag = "keys", operation_id = "block_key",
    params(("id" = u32, Path, description = "the key's number")),
    request_body = Block,
    responses((status = OK, description = "saved", body = Saved<Key>)),
)]
pub(super) async fn block(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At(key): At<u32>,
    Base(base): Base,
    Json(block): Json<Block>,
) -> Result<Reply<Saved<Key>>, Refused> {
    set_block(&desk, may, KeyId(key), Some(block), base).await
}

/// Lifts a key's block
#[utoipa::path(
    delete, path = "/v1/keys/{id}/block", tag = "keys", operation_id = "unblock_key",
    params(("id" = u32, Path, description = "the key's number")),
    responses((status = OK, description = "saved", body = Saved<Key>)),
)]
pub(super) async fn unblock(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At(key): At<u32>,
    Base(base): Base,
) -> Result<Reply<Saved<Key>>, Refused> {
    set_block(&desk, may, KeyId(key), None, base).await
}

async fn set_block(
    desk: &Desk,
    may: May<ChangeTable>,
    key: KeyId,
    block: Option<Block>,
    base: Option<u64>,
) -> Result<Reply<Saved<Key>>, Refused> {
    let operation = Operation::Block { key, block };
    let delta = make(desk, may, Plan::Operation(operation), base).await?;
    let saved = saved::<Key>(delta)?;
    let revision = saved.revision;
    Ok(Reply::at(saved, revision))
}

/// Moves a door to another place, and shares it back to the place that it leaves
///
/// Existing keys go on working. The new owner has the settings, and may withdraw the share.
#[utoipa::path(
    post, path = "/v1/doors/{id}/move", tag = "doors", operation_id = "move_door",
    params(("id" = u32, Path, description = "the door's number"), DryRun),
    request_body = MoveBody,
    responses((status = OK, description = "what was changed", body = Applied)),
)]
pub(super) async fn move_door(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At(door): At<u32>,
    Asked(dry): Asked<DryRun>,
    Base(base): Base,
    Json(MoveBody { place }): Json<MoveBody>,
) -> Result<Reply<Applied>, Refused> {
    let door = DoorId(door);
    let operation = Operation::MoveDoor { door, place };
    carry_out(&desk, may, Plan::Operation(operation), base, dry).await
}

/// Shares a door to another place, which may put it in its keys and groups
#[utoipa::path(
    put, path = "/v1/doors/{id}/shares/{place}", tag = "doors", operation_id = "share_door",
    params(
        ("id" = u32, Path, description = "the door's number"),
        ("place" = u32, Path, description = "the other place's number"),
    ),
    responses((status = OK, description = "shared", body = Applied)),
)]
pub(super) async fn share(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At((door, place)): At<(u32, u32)>,
    Base(base): Base,
    _: Nothing,
) -> Result<Reply<Applied>, Refused> {
    let share = Share {
        door: DoorId(door),
        place: PlaceId(place),
    };
    desk.read(move |view| find::<Door>(view, share.door).map(drop))
        .await?;
    let delta = make(&desk, may, Plan::Put(Record::Share(share)), base).await?;
    Ok(applied(&delta))
}

/// Withdraws a shared door
///
/// It drops out of that place's keys and groups at once. A key left without doors opens nothing.
#[utoipa::path(
    delete, path = "/v1/doors/{id}/shares/{place}", tag = "doors",
    operation_id = "withdraw_door",
    params(
        ("id" = u32, Path, description = "the door's number"),
        ("place" = u32, Path, description = "the other place's number"),
        DryRun,
    ),
    responses((status = OK, description = "what went and what was changed", body = Applied)),
)]
pub(super) async fn withdraw(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At((door, place)): At<(u32, u32)>,
    Asked(dry): Asked<DryRun>,
    Base(base): Base,
) -> Result<Reply<Applied>, Refused> {
    let share = RecordRef::Share {
        door: DoorId(door),
        place: PlaceId(place),
    };
    carry_out(&desk, may, Plan::Remove(share), base, dry).await
}

/// When a grant is to be valid, by intervals or by a word.
pub(super) struct Validity {
    pub(super) intervals: Vec<Interval>,
    pub(super) quick: Option<QuickPick>,
    pub(super) time_zone: Option<String>,
}

impl Validity {
    pub(super) async fn intervals(self, desk: &Desk, key: KeyId) -> Result<Vec<Interval>, Refused> {
        let Some(quick) = self.quick else {
            if self.time_zone.is_some() {
                let message = "is of use with `quick` only; intervals have times with an offset";
                return Err(Refused::field("time_zone", message));
            }
            return Ok(self.intervals);
        };
        if !self.intervals.is_empty() {
            let message = "stands instead of `intervals`: give one of them";
            return Err(Refused::field("quick", message));
        }
        let name = match self.time_zone {
            Some(name) => name,
            None => desk.read(move |view| zone_of(view, key)).await?,
        };
        let zone =
            Zone::new(&name).map_err(|error| Refused::field("time_zone", error.to_string()))?;
        Ok(vec![quick.interval(&zone, desk.now())])
    }
}

/// The time zone that a key's holders live by.
fn zone_of(view: &TableView, key: KeyId) -> Result<String, Refused> {
    let key = find::<Key>(view, key)?;
    if let Some(schedule) = key.schedule
        && let Some(schedule) = view.find::<doorward_core::model::Schedule>(schedule)?
    {
        return Ok(schedule.time_zone);
    }
    let doors = doors_of_key(view, &key).map_err(|error| Refused::internal(&error))?;
    let door = doors.first().map(|door| view.find::<Door>(*door));
    match door.transpose()?.flatten() {
        Some(door) => Ok(door.time_zone),
        None => {
            let message = "is needed: the key has neither a schedule nor a door to take it from";
            Err(Refused::field("time_zone", message))
        }
    }
}

/// A grant as it is asked for.
pub(super) async fn grant(
    desk: &Desk,
    user: UserId,
    key: KeyId,
    validity: Validity,
) -> Result<Grant, Refused> {
    Ok(Grant {
        user,
        key,
        intervals: validity.intervals(desk, key).await?,
    })
}
