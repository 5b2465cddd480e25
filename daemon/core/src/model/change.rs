use serde::{Deserialize, Serialize};

use super::{Record, RecordRef};

/// One step of a change to the access table. A list of steps is applied whole or not at all.
#[allow(
    clippy::large_enum_variant,
    reason = "nearly every step puts a record; boxing would cost an allocation each"
)]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Makes the record, or replaces the one of the same id.
    Put(Record),
    /// Takes the record away, with the grants and credentials that cannot stand without it.
    Remove(RecordRef),
}

/// What a committed change did to the table, in the order in which it did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDelta {
    /// The table's revision after it; one more than before.
    pub revision: u64,
    /// Each row written or taken away, those that followed from others included.
    pub changes: Vec<Change>,
}
