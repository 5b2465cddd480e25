//! Every route under `/v1`.

mod alarms;
mod buses;
mod cards;
mod changes;
mod doors;
mod events;
mod grants;
mod live;
mod logs;
mod operations;
mod past;
mod people;
mod readers;
mod records;
mod schedules;
mod standing;
mod status;
mod structure;
mod vault;
mod why;

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, Uri};
use doorward_api::ProblemKind;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::office::Desk;
use super::openapi::{Document, finished};
use super::refused::Refused;

/// All routes, and the document that describes them.
pub(super) fn router() -> (Router<Desk>, Bytes) {
    let (router, document) = OpenApiRouter::with_openapi(Document::openapi())
        .merge(records::router())
        .routes(routes!(status::status))
        .routes(routes!(status::openapi))
        .routes(routes!(status::alarms))
        .routes(routes!(alarms::log))
        .routes(routes!(alarms::one))
        .routes(routes!(alarms::acknowledge))
        .routes(routes!(alarms::clear))
        .routes(routes!(cards::formats))
        .routes(routes!(cards::decode))
        .routes(routes!(cards::encode))
        .routes(routes!(people::learn))
        .routes(routes!(people::enrol))
        .routes(routes!(people::forgive))
        .routes(routes!(people::inside))
        .routes(routes!(readers::install, readers::close))
        .routes(routes!(readers::rotate))
        .routes(routes!(buses::list))
        .routes(routes!(buses::raise_speed))
        .routes(routes!(buses::scan))
        .routes(routes!(buses::job))
        .routes(routes!(buses::cancel))
        .routes(routes!(changes::apply))
        .routes(routes!(doors::unlock))
        .routes(routes!(doors::users))
        .routes(routes!(standing::door_mode))
        .routes(routes!(standing::group_mode))
        .routes(routes!(standing::place_mode))
        .routes(routes!(standing::relock))
        .routes(routes!(standing::activate_plan))
        .routes(routes!(grants::user_keys, operations::revoke_all_of))
        .routes(routes!(grants::give, grants::take))
        .routes(routes!(operations::revoke_interval))
        .routes(routes!(grants::holders, operations::revoke_from_all))
        .routes(routes!(operations::send))
        .routes(routes!(operations::block, operations::unblock))
        .routes(routes!(operations::move_door))
        .routes(routes!(operations::share, operations::withdraw))
        .routes(routes!(structure::shares))
        .routes(routes!(structure::key_doors))
        .routes(routes!(structure::contents))
        .routes(routes!(structure::place_users))
        .routes(routes!(structure::company_users))
        .routes(routes!(grants::user_doors))
        .routes(routes!(grants::user_credentials))
        .routes(routes!(events::list))
        .routes(routes!(events::one))
        .routes(routes!(events::stream))
        .routes(routes!(logs::prove_events))
        .routes(routes!(logs::prove_audit))
        .routes(routes!(logs::erase))
        .routes(routes!(live::live))
        .routes(routes!(vault::verify))
        .routes(routes!(vault::back_up))
        .routes(routes!(vault::job))
        .routes(routes!(vault::cancel))
        .routes(routes!(why::why))
        .routes(routes!(past::why))
        .routes(routes!(past::access))
        .routes(routes!(schedules::presets))
        .routes(routes!(schedules::days))
        .routes(routes!(schedules::draft_days))
        .routes(routes!(schedules::holidays))
        .split_for_parts();
    let router = router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method);
    (router, finished(&document))
}

async fn no_such_path(uri: Uri) -> Refused {
    let detail = format!(
        "there is no `{}`; the paths are in `/v1/openapi.json`",
        uri.path()
    );
    Refused::new(ProblemKind::NotFound, detail)
}

async fn no_such_method(method: Method, uri: Uri) -> Refused {
    let detail = format!(
        "`{}` cannot be asked of `{}`; `Allow` says what can",
        method,
        uri.path()
    );
    Refused::new(ProblemKind::MethodNotAllowed, detail)
}
