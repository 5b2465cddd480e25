use serde::{Deserialize, Serialize};

use doorward_core::model::{Change, Interval, RecordRef};

/// A change of several steps, applied whole or not at all.
///
/// A step `put` makes the record, or replaces the one of the same id. The caller chooses the id of
/// a new record; a number that was given before is not given again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changes {
    /// The steps, in order; at most 20,000, and at most 5,000 rows written or taken away.
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
}

/// When a grant is valid. The holder and the key are named by the path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantBody {
    /// None for always. At most 100, and only where the key has no window.
    #[serde(default)]
    pub intervals: Vec<Interval>,
}
