use serde::{Deserialize, Serialize};

use crate::ids::{CompanyId, PlaceId, UserId};

/// A person; a holder of keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Their number.
    pub id: UserId,
    /// 0 to 100 characters; first and last name are not both empty.
    #[serde(default)]
    pub first_name: String,
    /// 0 to 100 characters.
    #[serde(default)]
    pub last_name: String,
    /// Unique where given.
    #[serde(default)]
    pub email: Option<String>,
    /// 0 to 100 characters.
    #[serde(default)]
    pub department: String,
    /// The place they belong to; `None` for the whole site.
    #[serde(default)]
    pub place: Option<PlaceId>,
    /// The company they belong to.
    #[serde(default)]
    pub company: Option<CompanyId>,
    /// Only [`UserState::Active`] opens doors.
    #[serde(default)]
    pub state: UserState,
    /// Whether doors give the extended unlock time.
    #[serde(default)]
    pub extended_unlock: bool,
}

impl User {
    /// First and last name with one space between.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name)
            .trim()
            .to_owned()
    }
}

/// Where a user stands. Every state but active denies at the doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// An invitation is out.
    Invited,
    /// In force.
    #[default]
    Active,
    /// Switched off by an operator.
    Inactive,
    /// Switched off with a reason; keeps cards and grants.
    Suspended,
    /// Gone; log rows stay.
    Removed,
}
