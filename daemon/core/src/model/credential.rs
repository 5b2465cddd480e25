use core::fmt;
use serde::{Deserialize, Serialize};

use crate::card::{CardBits, CardNumber};
use crate::ids::{CredentialId, UserId};
use crate::time::Wall;

/// What a user shows at a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Credential {
    /// Its number.
    pub id: CredentialId,
    /// Who holds it; `None` for a spare.
    #[serde(default)]
    pub user: Option<UserId>,
    /// What the reader sends.
    pub data: CredentialData,
    /// Only [`CredentialState::Active`] opens doors.
    #[serde(default)]
    pub state: CredentialState,
    /// Not valid before this time; `None` for no bound.
    #[serde(default)]
    pub valid_from: Option<Wall>,
    /// Not valid from this time on (expired); `None` for no bound.
    #[serde(default)]
    pub valid_until: Option<Wall>,
    /// What is printed on it, or any note; 0 to 100 characters.
    #[serde(default)]
    pub label: String,
}

/// What the reader sends.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CredentialData {
    /// A card known by the number that a format reads from it.
    Card(CardNumber),
    /// A card known by its bits, as learned at a reader.
    RawCard {
        /// All bits, first sent first.
        bits: CardBits,
    },
    /// A phone that its reader shows as a card number.
    Phone(CardNumber),
}

impl fmt::Debug for CredentialData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Card(_) => "Card(…)",
            Self::RawCard { .. } => "RawCard(…)",
            Self::Phone(_) => "Phone(…)",
        })
    }
}

/// Where a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CredentialState {
    /// Made, not yet handed over.
    Pending,
    /// In force.
    #[default]
    Active,
    /// Lost or put aside.
    Inactive,
    /// Taken back; its number may be given to someone else.
    Removed,
}
