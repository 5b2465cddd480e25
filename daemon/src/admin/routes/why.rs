use std::sync::Arc;

use axum::extract::State;
use doorward_api::{WhyRequest, WhySubject};
use doorward_core::decide::{Explanation, Relay, Request, Rex, Shown, SiteMap, explain_at};
use doorward_core::event::Direction;
use doorward_core::model::{Credential, Door};
use doorward_core::time::{ClockTrust, Now};

use crate::admin::body::Json;
use crate::admin::caller::{May, Read};
use crate::admin::office::Desk;
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;

/// Why somebody can or cannot pass a door
///
/// Walks the very rules that the doors walk, and shows each step up to the one that decides. For
/// another time than now, the clock is taken as trusted and the relay as it is wired.
#[utoipa::path(
    post, path = "/v1/why", tag = "decisions",
    request_body = WhyRequest,
    responses((status = OK, description = "each step", body = Explanation)),
)]
pub(super) async fn why(
    _: May<Read>,
    State(desk): State<Desk>,
    Json(asked): Json<WhyRequest>,
) -> Result<Reply<Explanation>, Refused> {
    let Some(subject) = asked.subject() else {
        let message = "expected exactly one of `user`, `credential` and `card`";
        return Err(Refused::field("user", message));
    };
    let present = desk.office.clock.now();
    let now = asked.at.map_or(present, |wall| Now {
        wall,
        trust: ClockTrust::Trusted,
        ..present
    });
    let status = desk.office.doors.live().doors.remove(&asked.door);
    let status = status.filter(|_| asked.at.is_none());
    let policy = desk.office.policy;
    let cards = Arc::clone(&desk.office.cards);
    let whom = match (&subject, asked.at) {
        (WhySubject::User(user), _) => Some(*user),
        (WhySubject::Credential(credential), _) => {
            let credential = *credential;
            let found = desk
                .read(move |view| Ok(view.find::<Credential>(credential)?))
                .await?;
            found.and_then(|found| found.user)
        }
        (WhySubject::Card(_), _) => None,
    };
    // Of another time than now nobody knows who was where.
    let site = match asked.at {
        None => desk.office.doors.site(asked.door, whom).await?,
        Some(_) => SiteMap::default(),
    };
    desk.read(move |view| {
        let revision = view.revision()?;
        let wired = view
            .find::<Door>(asked.door)?
            .is_some_and(|door| door.wiring.relay.is_some());
        let rex = match view.find::<Door>(asked.door)? {
            Some(door) if door.wiring.rex.is_some() => Rex::Seen,
            _ => Rex::Unseen,
        };
        let can_be_driven = status.map_or(wired, |status| status.relay_online);
        let card = match subject {
            WhySubject::Card(bits) => Some(cards.read(bits)),
            _ => None,
        };
        let shown = match (&subject, &card) {
            (_, Some(card)) => Shown::Card(card),
            (WhySubject::Credential(credential), _) => Shown::Credential(*credential),
            (WhySubject::User(user), _) => Shown::User(*user),
            (WhySubject::Card(_), None) => return Err(Refused::field("card", "cannot be read")),
        };
        let request = Request {
            door: Some(asked.door),
            direction: asked.direction.unwrap_or(Direction::Entry),
            shown,
            relay: if can_be_driven {
                Relay::Ready
            } else {
                Relay::Unavailable
            },
            rex,
        };
        let explanation = explain_at(view, &site, &request, now, policy);
        Ok(Reply::at(explanation, revision))
    })
    .await
}
