use serde::{Deserialize, Serialize};

use doorward_core::card::CardBits;
use doorward_core::decide::{AccessSpan, Explanation};
use doorward_core::event::Direction;
use doorward_core::ids::{CredentialId, DoorId, UserId};
use doorward_core::model::RecordRef;
use doorward_core::time::Wall;

use crate::EventRow;

/// Asks why somebody can or cannot pass a door. Exactly one of `user`, `credential` and `card`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WhyRequest {
    /// Where.
    pub door: DoorId,
    /// A user, with any credential of theirs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// One credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// A card as a reader sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardBits>,
    /// Which way; in, unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// When; now, unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Wall>,
}

/// Whom a [`WhyRequest`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhySubject {
    /// A user, with any credential of theirs.
    User(UserId),
    /// One credential.
    Credential(CredentialId),
    /// A card as a reader sends it.
    Card(CardBits),
}

impl WhyRequest {
    /// Asks about `subject` at `door`, now, on the way in.
    #[must_use]
    pub fn new(door: DoorId, subject: WhySubject) -> Self {
        let mut request = Self {
            door,
            user: None,
            credential: None,
            card: None,
            direction: None,
            at: None,
        };
        match subject {
            WhySubject::User(user) => request.user = Some(user),
            WhySubject::Credential(credential) => request.credential = Some(credential),
            WhySubject::Card(card) => request.card = Some(card),
        }
        request
    }

    /// Whom it is about; `None` unless exactly one is named.
    #[must_use]
    pub fn subject(&self) -> Option<WhySubject> {
        match (self.user, self.credential, self.card) {
            (Some(user), None, None) => Some(WhySubject::User(user)),
            (None, Some(credential), None) => Some(WhySubject::Credential(credential)),
            (None, None, Some(card)) => Some(WhySubject::Card(card)),
            _ => None,
        }
    }
}

/// Why a past decision came out as it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventWhy {
    /// The event.
    pub event: EventRow,
    /// The revision of the access table that it was decided under.
    pub decided_under: u64,
    /// The table's revision now.
    pub revision: u64,
    /// The revision that it is explained by: that which it was decided under, or the present one
    /// where it cannot be told any more what the table was.
    pub explained_by: u64,
    /// What has been changed since it was decided, as far as it may matter here; at most 100.
    pub changed_since: Vec<RecordRef>,
    /// Each step; none where the event does not tell who or what was judged.
    #[serde(default)]
    pub explanation: Option<Explanation>,
    /// The event from which on the log was read for what went on at the site when it was decided:
    /// who was in which area, which doors stood open, which cards were locked out. 1 where that is
    /// the whole of it; what went on before another is not known.
    #[serde(default)]
    pub site_from: u64,
    /// Whether the explanation comes to the reason that the event has. It need not where the
    /// decision hung on what no event tells of what went on at the site, or on what is told by
    /// events before `site_from` or by erased ones.
    pub agrees: bool,
}

/// From when until when a user may pass a door, as the table stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserAccess {
    /// Who.
    pub user: UserId,
    /// Where.
    pub door: DoorId,
    /// The door's time zone.
    pub time_zone: String,
    /// The revision of the access table that it is read from.
    pub revision: u64,
    /// In order and without holes; where `outcome` is `granted`, the user may pass.
    pub spans: Vec<AccessSpan>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_subject() {
        let check = |body: &str, expect: Option<WhySubject>| {
            let request: WhyRequest = serde_json::from_str(body).unwrap();
            assert_eq!(request.subject(), expect, "{body}");
        };
        check(r#"{"door":1}"#, None);
        check(r#"{"door":1,"user":2,"credential":3}"#, None);
        check(r#"{"door":1,"user":2}"#, Some(WhySubject::User(UserId(2))));
        let card = WhySubject::Card("0101".parse().unwrap());
        check(r#"{"door":1,"card":"0101"}"#, Some(card));
        assert_eq!(WhyRequest::new(DoorId(1), card).subject(), Some(card));
    }
}
