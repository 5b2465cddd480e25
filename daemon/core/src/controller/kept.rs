use serde::{Deserialize, Serialize};

use crate::ids::{CredentialId, KeyId, UserId};
use crate::time::Wall;

/// What must be known of a door after a restart besides the access table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeptState {
    /// Who holds it open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// When somebody came in with whom the hours of its plan began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_in: Option<Wall>,
    /// Its fire input was away from rest when it was last seen.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub fire: bool,
}

/// A door held open by a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Until when, at the latest.
    pub until: Wall,
    /// Who.
    pub user: UserId,
    /// What was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialId>,
    /// By which key.
    pub key: KeyId,
}
