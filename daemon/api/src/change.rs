use serde::{Deserialize, Serialize};

use doorward_core::ids::PlaceId;
use doorward_core::model::{
    Change, DoorMode, Holding, Impact, Interval, QuickPick, Recipients, RecordRef,
};

/// A change of several steps, applied whole or not at all.
///
/// A step `put` makes the record, or replaces the one of the same id. The caller chooses the id of
/// a new record; a number that was given before is not given again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changes {
    /// The steps, in order; at most 20,000, and at most 400,000 rows written or taken away.
    #[cfg_attr(feature = "openapi", schema(max_items = 20_000))]
    pub changes: Vec<Change>,
}

/// A record as it was saved: durable, and in force at the doors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Saved<T> {
    /// The revision of the access table that has it.
    pub revision: u64,
    /// The record.
    pub record: T,
    /// What is saved and may not be as it was meant: a card whose format is not in use at the site.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What a change did to the access table: durable, and in force at the doors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Applied {
    /// The revision of the access table after it.
    pub revision: u64,
    /// Records made or replaced.
    pub put: Vec<RecordRef>,
    /// Records taken away, those included that could not stand without another.
    pub removed: Vec<RecordRef>,
    /// Of a dry run: whom and what it would touch. Nothing was changed, the revision is the
    /// table's own, and `put` and `removed` say what would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
    /// What is saved and may not be as it was meant: cards whose format is not in use at the site.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Whether to do it at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    /// `true` to be told what would be done, and whom it would touch, without doing it.
    #[serde(default)]
    pub dry_run: bool,
}

/// When a grant is valid. The holder and the key are named by the path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantBody {
    /// None for always. At most 100, and only where the key has no window.
    #[serde(default)]
    pub intervals: Vec<Interval>,
    /// An interval by a word, instead of `intervals`.
    #[serde(default)]
    pub quick: Option<QuickPick>,
    /// The IANA time zone of `quick`; that of the key's schedule or of its first door unless said.
    #[serde(default)]
    pub time_zone: Option<String>,
}

/// A key sent to many users as one change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendBody {
    /// To whom, at most 20,000.
    pub to: Recipients,
    /// When they may use it; none for always. At most 100, and only where the key has no window.
    #[serde(default)]
    pub intervals: Vec<Interval>,
    /// An interval by a word, instead of `intervals`.
    #[serde(default)]
    pub quick: Option<QuickPick>,
    /// The IANA time zone of `quick`; that of the key's schedule or of its first door unless said.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// What becomes of those who hold the key already.
    #[serde(default)]
    pub holding: Holding,
}

/// Where a door moves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MoveBody {
    /// The place that owns it from now on.
    pub place: PlaceId,
}

/// Another mode for a door, a group or a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModeBody {
    /// The mode.
    pub mode: DoorMode,
}
