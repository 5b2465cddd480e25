//! Cards learned and enrolled; who is inside an area, and forgiving.

use axum::extract::State;
use axum::http::StatusCode;
use doorward_api::{
    EnrolBody, ForgiveBody, Inside, LearnBody, LearnedCard, ListQuery, PAGE_DEFAULT, PAGE_MAX,
    Page, ProblemKind, Saved,
};
use doorward_core::card::CardRead;
use doorward_core::controller::{Forgiven, LearnError};
use doorward_core::ids::{AreaId, CredentialId, UserId};
use doorward_core::model::{Area, Credential, CredentialData, CredentialState, Record, User};

use super::cards::known_by;
use super::records::{find, save};
use crate::admin::body::Json;
use crate::admin::caller::{ChangeTable, May, OperateDoor, Read};
use crate::admin::office::Desk;
use crate::admin::query::{Asked, At, Base, page_size};
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::change::Plan;

/// Waits for the next card at a reader
///
/// The card is told, and not judged: the door stays as it is. The answer comes with the card, or
/// after 20 s without one.
#[utoipa::path(
    post, path = "/v1/learn", tag = "credentials", operation_id = "learn_card",
    request_body = LearnBody,
    responses((status = OK, description = "the card", body = LearnedCard)),
)]
pub(super) async fn learn(
    may: May<OperateDoor>,
    State(desk): State<Desk>,
    Json(body): Json<LearnBody>,
) -> Result<Reply<LearnedCard>, Refused> {
    let actor = may.permit.actor().clone();
    let learned = desk.office.doors.learn(body.reader, actor).await?;
    let card = learned.map_err(|error| {
        let kind = match error {
            LearnError::ReaderUnknown => ProblemKind::NotFound,
            LearnError::ReaderOffline => ProblemKind::Unavailable,
            LearnError::Busy | LearnError::NoCard => ProblemKind::Conflict,
        };
        Refused::new(kind, error.to_string())
    })?;
    let numbers = card.readings().copied().collect();
    let bits = card.bits;
    let credentials = desk.read(move |view| Ok(known_by(view, &card)?)).await?;
    Ok(Reply::new(LearnedCard {
        bits,
        numbers,
        credentials,
    }))
}

/// Makes a credential of the card of an event
///
/// Of an unknown card that was refused, or of one that was learned. Where several formats read a
/// number from it, it must be said which is meant.
#[utoipa::path(
    post, path = "/v1/events/{seq}/enrol", tag = "credentials", operation_id = "enrol_card",
    params(("seq" = u64, Path, description = "the event's number")),
    request_body = EnrolBody,
    responses((status = CREATED, description = "saved", body = Saved<Credential>)),
)]
pub(super) async fn enrol(
    may: May<ChangeTable>,
    State(desk): State<Desk>,
    At(seq): At<u64>,
    Base(base): Base,
    Json(body): Json<EnrolBody>,
) -> Result<Reply<Saved<Credential>>, Refused> {
    let event = desk
        .read_log(move |store| {
            let rows = store.events_after(seq.saturating_sub(1), 1)?;
            let row = rows.into_iter().find(|row| row.seq == seq);
            row.ok_or_else(|| Refused::not_found(format_args!("event {seq}")))
        })
        .await?;
    let Some(bits) = event.event.card else {
        let detail = match event.erased {
            true => format!("the card of event {seq} was erased"),
            false => format!("event {seq} tells no card that could be enrolled"),
        };
        return Err(Refused::new(ProblemKind::Conflict, detail));
    };
    let card = desk.office.cards.read(bits);
    let credential = Credential {
        id: CredentialId(0),
        user: body.user,
        data: meant(&card, &body)?,
        state: CredentialState::Active,
        valid_from: None,
        valid_until: None,
        label: body.label,
    };
    let plan = Plan::Create(Record::Credential(credential));
    let saved = save::<Credential>(&desk, may, plan, base).await?;
    let location = format!("/v1/credentials/{}", saved.record.id);
    let revision = saved.revision;
    Ok(Reply::at(saved, revision).created(location))
}

/// What of a card is meant: its bits, or the number of one format. Never guessed.
fn meant(card: &CardRead, body: &EnrolBody) -> Result<CredentialData, Refused> {
    if body.raw && body.format.is_some() {
        return Err(Refused::field("raw", "is given beside `format`"));
    }
    let bits = CredentialData::RawCard { bits: card.bits };
    if body.raw {
        return Ok(bits);
    }
    let read: Vec<_> = card.readings().copied().collect();
    let names = || {
        let names = read.iter().map(|number| format!("`{}`", number.format));
        names.collect::<Vec<_>>().join(", ")
    };
    match (body.format, read.as_slice()) {
        (Some(format), _) => {
            let mut fitting = read.iter().filter(|number| number.format == format);
            fitting
                .next()
                .copied()
                .map(CredentialData::Card)
                .ok_or_else(|| {
                    let message = format!(
                        "`{format}` reads nothing from this card; fitting: {}",
                        names()
                    );
                    Refused::field("format", message)
                })
        }
        (None, []) => Ok(bits),
        (None, [number]) => Ok(CredentialData::Card(*number)),
        (None, _) => {
            let message = format!("several formats fit: say which of {}, or `raw`", names());
            Err(Refused::field("format", message))
        }
    }
}

/// Forgives: it counts as not known where somebody is
///
/// Anti-passback lets them in once, wherever they show a credential next.
#[utoipa::path(
    post, path = "/v1/forgive", tag = "areas", operation_id = "forgive",
    request_body = ForgiveBody,
    responses((status = NO_CONTENT, description = "forgiven")),
)]
pub(super) async fn forgive(
    may: May<OperateDoor>,
    State(desk): State<Desk>,
    Json(body): Json<ForgiveBody>,
) -> Result<StatusCode, Refused> {
    let whom = match (body.user, body.area, body.everyone) {
        (Some(user), None, false) => {
            desk.read(move |view| find::<User>(view, user).map(drop))
                .await?;
            Forgiven::User(user)
        }
        (None, Some(area), false) => {
            desk.read(move |view| find::<Area>(view, area).map(drop))
                .await?;
            Forgiven::Area(area)
        }
        (None, None, true) => Forgiven::Everyone,
        _ => {
            let message = "expected exactly one of `user`, `area` and `everyone`";
            return Err(Refused::field("user", message));
        }
    };
    let actor = may.permit.actor().clone();
    desk.office.doors.forgive(whom, actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who is inside an area
#[utoipa::path(
    get, path = "/v1/areas/{id}/inside", tag = "areas", operation_id = "inside_area",
    params(("id" = u32, Path, description = "the area's number"), ListQuery),
    responses((status = OK, description = "a page; `after` is a user's number", body = Page<Inside>)),
)]
pub(super) async fn inside(
    _: May<Read>,
    State(desk): State<Desk>,
    At(id): At<u32>,
    Asked(query): Asked<ListQuery>,
) -> Result<Reply<Page<Inside>>, Refused> {
    let limit = page_size(query.limit, PAGE_DEFAULT, PAGE_MAX)?;
    let area = AreaId(id);
    let revision = desk
        .read(move |view| {
            find::<Area>(view, area)?;
            Ok(view.revision()?)
        })
        .await?;
    let after = query.after.map(UserId);
    let people = desk.office.doors.people(area, after, limit + 1).await?;
    let inside = people.into_iter();
    let inside = inside.map(|(user, since)| Inside { user, since }).collect();
    let page = super::records::page(inside, limit, revision, |inside: &Inside| inside.user.0);
    Ok(Reply::at(page, revision))
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::card::{CardBits, CardNumber};

    #[test]
    fn what_is_meant_of_a_card_is_never_guessed() {
        let bits: CardBits = "1010".parse().unwrap();
        let number = |format: &str| CardNumber {
            format: format.parse().unwrap(),
            facility: None,
            number: 10,
        };
        let raw = CredentialData::RawCard { bits };
        let check = |formats: &[&str], body: EnrolBody, expect: Result<CredentialData, &str>| {
            let card = CardRead::new(bits, formats.iter().map(|format| number(format)));
            let found = meant(&card, &body).map_err(|refused| refused.problem().detail.clone());
            assert_eq!(found, expect.map_err(str::to_owned), "{formats:?}");
        };
        let of = |format: &str| EnrolBody {
            format: Some(format.parse().unwrap()),
            ..EnrolBody::default()
        };
        check(&[], EnrolBody::default(), Ok(raw.clone()));
        check(
            &["A"],
            EnrolBody::default(),
            Ok(CredentialData::Card(number("A"))),
        );
        check(
            &["A", "B"],
            EnrolBody::default(),
            Err("`format`: several formats fit: say which of `A`, `B`, or `raw`"),
        );
        check(&["A", "B"], of("B"), Ok(CredentialData::Card(number("B"))));
        check(
            &["A", "B"],
            of("C"),
            Err("`format`: `C` reads nothing from this card; fitting: `A`, `B`"),
        );
        let all = EnrolBody {
            raw: true,
            ..EnrolBody::default()
        };
        check(&["A", "B"], all, Ok(raw));
    }
}
