use serde::{Deserialize, Serialize};

use doorward_core::event::{Event, EventKind};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::time::Wall;

use crate::page::QueryText;

/// A row of the passage log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventRow {
    /// Its number: from 1, without gaps.
    pub seq: u64,
    /// What happened. Without user, credential and card once they were erased.
    #[serde(flatten)]
    pub event: Event,
    /// Whether what it said of a person was erased.
    #[serde(default, skip_serializing_if = "is_false")]
    pub erased: bool,
    /// Its hash in the chain, 64 hexadecimal digits.
    #[serde(default)]
    pub hash: String,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes by reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// Which rows of the passage log.
///
/// With `after`, the oldest rows after it come first; otherwise the newest rows come first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct EventsQuery {
    /// Only rows with a greater number, in rising order.
    #[serde(default)]
    pub after: Option<u64>,
    /// Only rows with a smaller number; in falling order unless `after` is given too.
    #[serde(default)]
    pub before: Option<u64>,
    /// At most this many, 1 to 1000; 100 unless said.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Only rows of this door.
    #[serde(default)]
    pub door: Option<DoorId>,
    /// Only rows of this user.
    #[serde(default)]
    pub user: Option<UserId>,
    /// Only rows of this kind.
    #[serde(default)]
    pub kind: Option<EventKind>,
    /// Only rows that happened at this time (RFC 3339) or later.
    #[serde(default)]
    pub from: Option<Wall>,
    /// Only rows that happened before this time (RFC 3339).
    #[serde(default)]
    pub until: Option<Wall>,
}

impl EventsQuery {
    pub(crate) fn to_query(&self) -> String {
        let mut query = QueryText::default();
        query.add_number("after", self.after);
        query.add_number("before", self.before);
        query.add_number("limit", self.limit);
        query.add_number("door", self.door.map(|id| id.0));
        query.add_number("user", self.user.map(|id| id.0));
        let kind = self.kind.and_then(|kind| serde_json::to_value(kind).ok());
        query.add_text("kind", kind.as_ref().and_then(serde_json::Value::as_str));
        let from = self.from.map(|at| at.to_string());
        query.add_text("from", from.as_deref());
        let until = self.until.map(|at| at.to_string());
        query.add_text("until", until.as_deref());
        query.0
    }
}

/// Rows of the passage log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventsPage {
    /// The rows, in the order that was asked for.
    pub events: Vec<EventRow>,
    /// Where to go on: the next `after` in rising order, the next `before` in falling order; none
    /// when there are no more rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// The newest row's number when the page was made; 0 while the log is empty.
    pub newest: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::time::ClockTrust;

    #[test]
    fn a_row_is_flat_and_comes_back() {
        let mut event = Event::new(EventKind::Denied, Wall(0), ClockTrust::Trusted, 4);
        event.card = Some("0101".parse().unwrap());
        event.reader = Some("front-in".into());
        let row = EventRow {
            seq: 9,
            event,
            erased: false,
            hash: "0f".repeat(32),
        };
        let text = serde_json::to_string(&row).unwrap();
        let expect = r#"{"seq":9,"at":"1970-01-01T00:00:00.000Z","clock":"trusted","kind":"denied","reader":"front-in","card":"0101","revision":4,"hash":""#;
        assert!(text.starts_with(expect), "{text}");
        assert_eq!(serde_json::from_str::<EventRow>(&text).unwrap(), row);
    }

    #[test]
    fn a_query_names_kinds_as_they_are_written() {
        let query = EventsQuery {
            after: Some(0),
            door: Some(DoorId(3)),
            kind: Some(EventKind::UnlockedByOperator),
            from: Some(Wall(0)),
            ..EventsQuery::default()
        };
        assert_eq!(
            query.to_query(),
            "?after=0&door=3&kind=unlocked_by_operator&from=1970-01-01T00%3A00%3A00.000Z"
        );
    }
}
