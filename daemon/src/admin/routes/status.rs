use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, header};
use doorward_api::{Alarm, Status, StorageState, StorageStatus};

use crate::admin::caller::{May, Read};
use crate::admin::office::Desk;
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::store::StoreHealth;

/// How the appliance is
#[utoipa::path(
    get, path = "/v1/status", tag = "appliance",
    responses((status = OK, description = "how it is", body = Status)),
)]
pub(super) async fn status(
    _: May<Read>,
    State(desk): State<Desk>,
) -> Result<Reply<Status>, Refused> {
    // A store that cannot be read must not hide how the rest is.
    let revision = desk.read(|view| Ok(view.revision()?)).await;
    let logs = desk.read_log(super::logs::heads).await;
    let live = desk.live_snapshot();
    let now = desk.office.clock.now();
    let storage = match &*desk.office.store.health().borrow() {
        StoreHealth::Ok => StorageStatus {
            state: StorageState::Working,
            problem: None,
        },
        StoreHealth::Failing { error, .. } => StorageStatus {
            state: StorageState::Failing,
            problem: Some(error.clone()),
        },
    };
    Ok(Reply::new(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        site: desk.office.site.clone(),
        uptime_s: desk.uptime_s(),
        now: now.wall,
        clock: now.trust,
        revision: revision.unwrap_or_default(),
        newest_event: *desk.office.store.durable_seq().borrow(),
        doors: u32::try_from(live.doors.len()).unwrap_or(u32::MAX),
        readers: live.readers,
        boards: live.boards,
        alarms: live.alarms,
        uplink: desk.office.uplink.borrow().clone(),
        storage,
        logs: logs.unwrap_or_default(),
        api: desk.api_info(),
    }))
}

/// Alarms whose condition holds
#[utoipa::path(
    get, path = "/v1/alarms", tag = "appliance",
    responses((status = OK, description = "the alarms", body = Vec<Alarm>)),
)]
pub(super) async fn alarms(_: May<Read>, State(desk): State<Desk>) -> Reply<Vec<Alarm>> {
    Reply::new(desk.live_snapshot().alarms)
}

/// This document
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "appliance",
    responses((status = OK, description = "OpenAPI 3.1", content_type = "application/json")),
)]
pub(super) async fn openapi(_: May<Read>, State(desk): State<Desk>) -> Response<Body> {
    let mut response = Response::new(Body::from(desk.openapi.clone()));
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
