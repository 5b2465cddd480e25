//! The history of alarms, and what operators do about them.

use axum::extract::State;
use doorward_api::{AlarmNote, AlarmsPage, AlarmsQuery, Live, PAGE_DEFAULT, PAGE_MAX, ProblemKind};
use doorward_core::alarm_log::{ALARM_NOTE_MAX, AlarmRecord, AlarmRefused};
use doorward_core::event::{Event, EventKind};
use doorward_core::ids::Actor;

use crate::admin::body::Json;
use crate::admin::caller::{May, OperateDoor, ReadEvents};
use crate::admin::office::Desk;
use crate::admin::query::{Asked, At, page_size};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::store::AppendError;

/// The history of alarms
#[utoipa::path(
    get, path = "/v1/alarms/log", tag = "appliance", operation_id = "list_alarms",
    description = "The newest first. An alarm stands until its condition has ended and somebody \
                   has acknowledged it, or until somebody clears it; duress and repeated denials \
                   have no condition that could end, and stand until they are cleared.",
    params(AlarmsQuery),
    responses((status = OK, description = "a page", body = AlarmsPage)),
)]
pub(super) async fn log(
    _: May<ReadEvents>,
    State(desk): State<Desk>,
    Asked(query): Asked<AlarmsQuery>,
) -> Result<Reply<AlarmsPage>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    desk.read_log(move |store| {
        let before = query.before.unwrap_or(u64::MAX);
        let mut alarms = store.alarms_before(before, limit + 1, query.standing)?;
        let more = alarms.len() > limit;
        alarms.truncate(limit);
        let next = alarms.last().filter(|_| more).map(|alarm| alarm.number);
        Ok(Reply::new(AlarmsPage { alarms, next }))
    })
    .await
}

/// One alarm of the history
#[utoipa::path(
    get, path = "/v1/alarms/log/{number}", tag = "appliance", operation_id = "read_alarm",
    params(("number" = u64, Path, description = "the number of the event that raised it")),
    responses((status = OK, description = "it", body = AlarmRecord)),
)]
pub(super) async fn one(
    _: May<ReadEvents>,
    State(desk): State<Desk>,
    At(number): At<u64>,
) -> Result<Reply<AlarmRecord>, Refused> {
    Ok(Reply::new(find(&desk, number).await?))
}

/// Says that an alarm was seen
#[utoipa::path(
    post, path = "/v1/alarms/log/{number}/acknowledge", tag = "appliance",
    operation_id = "acknowledge_alarm",
    params(("number" = u64, Path, description = "the number of the event that raised it")),
    request_body = AlarmNote,
    responses((status = OK, description = "durable", body = AlarmRecord)),
)]
pub(super) async fn acknowledge(
    may: May<OperateDoor>,
    State(desk): State<Desk>,
    At(number): At<u64>,
    Json(note): Json<AlarmNote>,
) -> Result<Reply<AlarmRecord>, Refused> {
    let alarm = find(&desk, number).await?;
    alarm.may_acknowledge().map_err(refused)?;
    let kind = EventKind::AlarmAcknowledged;
    mark(&desk, kind, &alarm, may.permit.actor(), note).await
}

/// Puts an alarm away
///
/// Refused while what is wrong is still so.
#[utoipa::path(
    post, path = "/v1/alarms/log/{number}/clear", tag = "appliance", operation_id = "clear_alarm",
    params(("number" = u64, Path, description = "the number of the event that raised it")),
    request_body = AlarmNote,
    responses((status = OK, description = "durable", body = AlarmRecord)),
)]
pub(super) async fn clear(
    may: May<OperateDoor>,
    State(desk): State<Desk>,
    At(number): At<u64>,
    Json(note): Json<AlarmNote>,
) -> Result<Reply<AlarmRecord>, Refused> {
    let alarm = find(&desk, number).await?;
    alarm.may_clear().map_err(refused)?;
    let kind = EventKind::AlarmPutAway;
    let reply = mark(&desk, kind, &alarm, may.permit.actor(), note).await?;
    if alarm.kind.is_of_a_moment() {
        no_longer_live(&desk, alarm).await?;
    }
    Ok(reply)
}

async fn find(desk: &Desk, number: u64) -> Result<AlarmRecord, Refused> {
    desk.read_log(move |store| {
        let alarm = store.alarm(number)?;
        alarm.ok_or_else(|| Refused::not_found(format_args!("alarm {number}")))
    })
    .await
}

fn refused(refused: AlarmRefused) -> Refused {
    Refused::new(ProblemKind::Conflict, refused.to_string())
}

/// Writes what was done to the passage log; returns the alarm once that is durable.
async fn mark(
    desk: &Desk,
    kind: EventKind,
    alarm: &AlarmRecord,
    actor: &Actor,
    AlarmNote { note }: AlarmNote,
) -> Result<Reply<AlarmRecord>, Refused> {
    let found = note.chars().count();
    if found > ALARM_NOTE_MAX {
        let message = format!("has {found} characters, at most {ALARM_NOTE_MAX} are allowed");
        return Err(Refused::field("note", message));
    }
    if note.chars().any(char::is_control) {
        return Err(Refused::field("note", "has control characters"));
    }
    let revision = desk.read(|view| Ok(view.revision()?)).await?;
    let now = desk.office.clock.now();
    let mut event = Event::new(kind, now.wall, now.trust, revision);
    event.alarm = Some(alarm.kind);
    event.door = alarm.door;
    event.reader.clone_from(&alarm.reader);
    event.of = Some(alarm.number);
    event.actor = Some(actor.clone());
    event.note = (!note.is_empty()).then_some(note);
    let (events, mut acks) = desk.office.store.event_sink();
    events.append(0, event);
    let error = match acks.recv().await.map(|ack| ack.result) {
        Some(Ok(_)) => return Ok(Reply::new(find(desk, alarm.number).await?)),
        Some(Err(error)) => error,
        None => AppendError::Stopped,
    };
    Err(Refused::new(ProblemKind::Unavailable, error.to_string()))
}

/// Takes an alarm of a moment out of what is live, unless another like it stands.
async fn no_longer_live(desk: &Desk, alarm: AlarmRecord) -> Result<(), Refused> {
    let (kind, subject) = (alarm.kind, alarm.subject.clone());
    let another = desk
        .read_log(move |store| {
            let standing = store.alarms_before(u64::MAX, PAGE_MAX as usize, true)?;
            let mut alike = standing.iter();
            Ok(alike.any(|other| other.kind == kind && other.subject == subject))
        })
        .await?;
    if !another {
        desk.office
            .doors
            .publish(Live::AlarmCleared(doorward_api::Alarm {
                kind: alarm.kind,
                subject: alarm.subject,
                since: alarm.raised,
            }));
    }
    Ok(())
}
