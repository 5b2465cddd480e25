use axum::extract::State;
use doorward_api::{
    DaysQuery, HolidayDay, HolidayDays, Presets, PreviewRequest, ProblemKind, SchedulePreview,
    YearQuery,
};
use doorward_core::date::CivilDate;
use doorward_core::ids::{HolidaySetId, ScheduleId};
use doorward_core::model::{HolidaySet, Problems, Schedule, Validate, Weekday};
use doorward_core::schedule::{
    Calendars, CompiledSchedule, HOLIDAY_YEARS, PREVIEW_DAYS_MAX, days_of, preview,
};
use doorward_core::time::Wall;

use super::records::find;
use crate::admin::body::Json;
use crate::admin::caller::{May, Read};
use crate::admin::office::Desk;
use crate::admin::query::{Asked, At};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::store::TableView;

/// Days that are looked at unless asked otherwise.
const DAYS: u16 = 7;

/// What to begin with
///
/// Hours of the week by name, and the holidays of countries, to be copied into records of one's own.
#[utoipa::path(
    get, path = "/v1/presets", tag = "schedules",
    responses((status = OK, description = "all of them", body = Presets)),
)]
pub(super) async fn presets(_: May<Read>) -> Reply<Presets> {
    Reply::new(crate::presets::presets().clone())
}

/// What a schedule comes to, day by day
///
/// With its exceptions and holidays, and what goes on from the day before; all by its own clock.
#[utoipa::path(
    get, path = "/v1/schedules/{id}/days", tag = "schedules", operation_id = "schedule_days",
    params(("id" = u32, Path, description = "the schedule's number"), DaysQuery),
    responses((status = OK, description = "the days", body = SchedulePreview)),
)]
pub(super) async fn days(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<DaysQuery>,
) -> Result<Reply<SchedulePreview>, Refused> {
    let now = desk.now();
    desk.read(move |view| {
        let revision = view.revision()?;
        let schedule = find::<Schedule>(view, ScheduleId(id))?;
        let days = look_ahead(view, &schedule, &query, now)?;
        Ok(Reply::at(days, revision))
    })
    .await
}

/// What a schedule would come to, day by day
///
/// It need not be saved; nothing is changed.
#[utoipa::path(
    post, path = "/v1/schedules/preview", tag = "schedules", operation_id = "preview_schedule",
    request_body = PreviewRequest,
    responses((status = OK, description = "the days", body = SchedulePreview)),
)]
pub(super) async fn draft_days(
    _: May<Read>,
    State(desk): State<Desk>,
    Json(asked): Json<PreviewRequest>,
) -> Result<Reply<SchedulePreview>, Refused> {
    let mut problems = Problems::default();
    asked.schedule.validate(&mut problems);
    let mut wrong = Problems::default();
    wrong.add_within("schedule.", problems);
    if !wrong.0.is_empty() {
        return Err(Refused::fields(wrong.0));
    }
    let query = DaysQuery {
        from: asked.from,
        days: asked.days,
    };
    let now = desk.now();
    desk.read(move |view| {
        let revision = view.revision()?;
        let days = look_ahead(view, &asked.schedule, &query, now)?;
        Ok(Reply::at(days, revision))
    })
    .await
}

fn look_ahead(
    view: &TableView,
    schedule: &Schedule,
    query: &DaysQuery,
    now: Wall,
) -> Result<SchedulePreview, Refused> {
    let days = number_of_days(query, DAYS, PREVIEW_DAYS_MAX)?;
    let mut calendars = Calendars::default();
    let mut sets = Vec::new();
    for (nth, rule) in schedule.holidays.iter().enumerate() {
        let Some(set) = view.find::<HolidaySet>(rule.set)? else {
            let message = format!("there is no holiday set {}", rule.set);
            return Err(Refused::field(format!("holidays[{nth}].set"), message));
        };
        calendars.put_holidays(&set);
        sets.push(set);
    }
    let compiled = CompiledSchedule::compile(schedule, &mut calendars)
        .map_err(|error| Refused::field("time_zone", error.to_string()))?;
    let today = compiled.reading(now).map(|reading| reading.local.day);
    let from = query.from.or(today.map(monday)).unwrap_or(CivilDate::MIN);
    let set = |id| sets.iter().find(|set| set.id == id).cloned();
    Ok(SchedulePreview {
        name: schedule.name.clone(),
        time_zone: schedule.time_zone.clone(),
        days: preview(schedule, &compiled, set, from, days),
    })
}

/// The Monday of a day's week.
pub(super) const fn monday(day: CivilDate) -> CivilDate {
    day.plus_days(-6).first(Weekday::Monday)
}

/// How many days are asked for.
pub(super) fn number_of_days(query: &DaysQuery, usual: u16, most: u16) -> Result<u16, Refused> {
    if let Some(from) = query.from
        && !(CivilDate::MIN..=CivilDate::MAX).contains(&from)
    {
        let detail = format!("`from` is {from}, allowed are the years 1970 to 2199");
        return Err(Refused::new(ProblemKind::BadRequest, detail));
    }
    let days = query.days.unwrap_or(usual);
    if (1..=most).contains(&days) {
        return Ok(days);
    }
    let detail = format!("`days` is {days}, allowed are 1 to {most}");
    Err(Refused::new(ProblemKind::BadRequest, detail))
}

/// The days of a holiday set in a year
#[utoipa::path(
    get, path = "/v1/holiday_sets/{id}/days", tag = "holiday_sets", operation_id = "holiday_days",
    params(("id" = u32, Path, description = "the set's number"), YearQuery),
    responses((status = OK, description = "the days", body = HolidayDays)),
)]
pub(super) async fn holidays(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<YearQuery>,
) -> Result<Reply<HolidayDays>, Refused> {
    // The year of the appliance's clock by UTC: near enough for a choice that the caller can make.
    let today = i32::try_from(desk.now().seconds().div_euclid(86_400)).unwrap_or(0);
    let year = query.year.unwrap_or(CivilDate(today).year());
    if !HOLIDAY_YEARS.contains(&year) {
        let detail = format!("`year` is {year}, allowed are 1970 to 2199");
        return Err(Refused::new(ProblemKind::BadRequest, detail));
    }
    desk.read(move |view| {
        let revision = view.revision()?;
        let set = find::<HolidaySet>(view, HolidaySetId(id))?;
        // What is observed in this year may be a holiday of the next.
        let around = (year.saturating_sub(1)..=year.saturating_add(1))
            .flat_map(|around| days_of(&set, around));
        let days = around
            .filter(|(date, _)| date.year() == year)
            .map(|(date, holiday)| HolidayDay {
                date,
                name: holiday.name.clone(),
            })
            .collect();
        Ok(Reply::at(HolidayDays { year, days }, revision))
    })
    .await
}
