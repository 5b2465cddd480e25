use serde::{Deserialize, Serialize};

use crate::ids::{CompanyId, PlaceId};

/// A tenant: users belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Company {
    /// Its number.
    pub id: CompanyId,
    /// 1 to 100 characters.
    pub name: String,
    /// The place it is in.
    pub place: PlaceId,
    /// What there is to know of it, found by a search; 0 to 2,000 characters, may have lines.
    #[serde(default)]
    pub details: String,
}
