use serde::{Deserialize, Serialize};

use super::DoorMode;
use crate::ids::{DoorGroupId, DoorId, PlaceId};

/// A named set of doors, for keys and for whatever else is done to several doors at once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DoorGroup {
    /// Its number.
    pub id: DoorGroupId,
    /// 1 to 100 characters.
    pub name: String,
    /// The place that owns it. Only keys of this place may have it.
    pub place: PlaceId,
    /// At most 1,000, each once: doors of its place, or shared to it.
    #[serde(default)]
    pub doors: Vec<DoorId>,
    /// In force at each of its doors that has no stronger one.
    #[serde(default)]
    pub mode: DoorMode,
}

/// A door lent to another place, which may put it in its keys and groups. The owner keeps the
/// settings and the log. There is at most one for a door and a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Share {
    /// The door.
    pub door: DoorId,
    /// The place that it is shared to; not the one that owns it.
    pub place: PlaceId,
}
