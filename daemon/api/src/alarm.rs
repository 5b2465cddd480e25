use serde::{Deserialize, Serialize};

use doorward_core::alarm_log::AlarmRecord;

use crate::page::QueryText;

/// Which alarms of the history: the newest come first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct AlarmsQuery {
    /// Only alarms with a smaller number: `next` of the page before.
    #[serde(default)]
    pub before: Option<u64>,
    /// At most this many, 1 to 1000; 100 unless said.
    #[serde(default)]
    pub limit: Option<u32>,
    /// Only those that stand: somebody still has to do something about them.
    #[serde(default)]
    pub standing: bool,
}

impl AlarmsQuery {
    pub(crate) fn to_query(&self) -> String {
        let mut query = QueryText::default();
        query.add_number("before", self.before);
        query.add_number("limit", self.limit);
        query.add_text("standing", self.standing.then_some("true"));
        query.0
    }
}

/// Alarms of the history, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AlarmsPage {
    /// The alarms.
    pub alarms: Vec<AlarmRecord>,
    /// What to ask `before` for the next page; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What is said of an alarm while it is acknowledged or cleared.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AlarmNote {
    /// 0 to 200 characters.
    #[serde(default)]
    pub note: String,
}
