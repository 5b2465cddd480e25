//! OSDP buses: their readers' figures, finding readers, raising the speed.

use axum::extract::State;
use doorward_api::{BusJob, BusStatus, RaiseSpeedBody, ScanBody};
use doorward_wire::osdp::{Address, Baud};

use crate::admin::body::Json;
use crate::admin::caller::{May, Read, TuneBuses};
use crate::admin::office::Desk;
use crate::admin::query::At;
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::readers::BusOrder;

/// How the OSDP buses and their readers fare
#[utoipa::path(
    get, path = "/v1/buses", tag = "buses", operation_id = "list_buses",
    description = "Counts are since the daemon's start.",
    responses((status = OK, description = "the buses", body = Vec<BusStatus>)),
)]
pub(super) async fn list(
    _: May<Read>,
    State(desk): State<Desk>,
) -> Result<Reply<Vec<BusStatus>>, Refused> {
    let buses = &desk.office.buses;
    let mut list = Vec::new();
    for name in buses.names() {
        list.push(buses.ask(name, |done| BusOrder::Status { done }).await?);
    }
    Ok(Reply::new(list))
}

/// Takes all readers of a bus to the highest speed that all accept
///
/// One after the other, while the others are served. Where one refuses or does not come back, a lower
/// speed is tried, and in the end all go back. `GET .../job` tells how far it is. Refused while
/// readers of the bus are offline, unless they are to be left where they are.
#[utoipa::path(
    post, path = "/v1/buses/{name}/raise-speed", tag = "buses", operation_id = "raise_bus_speed",
    params(("name" = String, Path, description = "the bus's name in `site.toml`")),
    request_body = RaiseSpeedBody,
    responses((status = OK, description = "it goes on", body = BusJob)),
)]
pub(super) async fn raise_speed(
    may: May<TuneBuses>,
    State(desk): State<Desk>,
    At(name): At<String>,
    Json(body): Json<RaiseSpeedBody>,
) -> Result<Reply<BusJob>, Refused> {
    let fastest = Baud::ALL[Baud::ALL.len() - 1].rate();
    let limit = speed("limit", body.limit.unwrap_or(fastest))?;
    let actor = may.permit.actor().clone();
    let order = |done| BusOrder::RaiseSpeed {
        limit,
        leave_offline: body.leave_offline,
        actor,
        done,
    };
    Ok(Reply::new(desk.office.buses.ask(&name, order).await??))
}

/// Looks for readers on a bus
///
/// While it is in service: each place is asked once, between the polls of the readers in service, which
/// are not asked. `GET .../job` tells who was found; a scan for which nobody asks for 20 s is ended.
#[utoipa::path(
    post, path = "/v1/buses/{name}/scan", tag = "buses", operation_id = "scan_bus",
    params(("name" = String, Path, description = "the bus's name in `site.toml`")),
    request_body = ScanBody,
    responses((status = OK, description = "it goes on", body = BusJob)),
)]
pub(super) async fn scan(
    may: May<TuneBuses>,
    State(desk): State<Desk>,
    At(name): At<String>,
    Json(body): Json<ScanBody>,
) -> Result<Reply<BusJob>, Refused> {
    let address = |field: &'static str, number: u8| {
        Address::new(number).map_err(|error| Refused::field(field, error.to_string()))
    };
    let first = address("first", body.first.unwrap_or(0))?;
    let last = address("last", body.last.unwrap_or(126))?;
    if first > last {
        return Err(Refused::field("first", "is behind `last`"));
    }
    let addresses = (first.number()..=last.number()).filter_map(|number| Address::new(number).ok());
    let bauds = if body.bauds.is_empty() {
        Baud::ALL.to_vec()
    } else {
        let mut bauds = body
            .bauds
            .iter()
            .map(|rate| speed("bauds", *rate))
            .collect::<Result<Vec<_>, _>>()?;
        bauds.sort_unstable();
        bauds.dedup();
        bauds
    };
    let actor = may.permit.actor().clone();
    let addresses = addresses.collect();
    let order = |done| BusOrder::Scan {
        addresses,
        bauds,
        actor,
        done,
    };
    Ok(Reply::new(desk.office.buses.ask(&name, order).await??))
}

/// What was last ordered of a bus, and how far it is
#[utoipa::path(
    get, path = "/v1/buses/{name}/job", tag = "buses", operation_id = "read_bus_job",
    params(("name" = String, Path, description = "the bus's name in `site.toml`")),
    responses((status = OK, description = "it", body = BusJob)),
)]
pub(super) async fn job(
    _: May<Read>,
    State(desk): State<Desk>,
    At(name): At<String>,
) -> Result<Reply<BusJob>, Refused> {
    let job = desk.office.buses.ask(&name, |done| BusOrder::Job { done });
    ordered(&name, job.await?)
}

/// Ends what goes on at a bus
///
/// A scan at once; readers on their way to another speed go back first.
#[utoipa::path(
    post, path = "/v1/buses/{name}/cancel", tag = "buses", operation_id = "cancel_bus_job",
    params(("name" = String, Path, description = "the bus's name in `site.toml`")),
    responses((status = OK, description = "how it stands", body = BusJob)),
)]
pub(super) async fn cancel(
    _: May<TuneBuses>,
    State(desk): State<Desk>,
    At(name): At<String>,
) -> Result<Reply<BusJob>, Refused> {
    let buses = &desk.office.buses;
    let job = buses.ask(&name, |done| BusOrder::Cancel { done });
    ordered(&name, job.await?)
}

fn ordered(bus: &str, job: Option<BusJob>) -> Result<Reply<BusJob>, Refused> {
    let nothing = || Refused::not_found(format_args!("something ordered of bus `{bus}`"));
    Ok(Reply::new(job.ok_or_else(nothing)?))
}

fn speed(field: &'static str, rate: u32) -> Result<Baud, Refused> {
    Baud::new(rate).map_err(|error| Refused::field(field, error.to_string()))
}
