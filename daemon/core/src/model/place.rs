use serde::{Deserialize, Serialize};

use crate::ids::PlaceId;

/// The site, or a sub-place in it (a tree).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Place {
    /// Its number.
    pub id: PlaceId,
    /// 1 to 100 characters.
    pub name: String,
    /// The place it is part of; `None` for the site itself.
    #[serde(default)]
    pub parent: Option<PlaceId>,
}
