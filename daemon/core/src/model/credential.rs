use core::fmt;
use serde::{Deserialize, Serialize};

use crate::card::{CardBits, CardNumber};
use crate::ids::{CredentialId, UserId};
use crate::pin::PinPrint;
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
    /// A PIN, entered at a keypad.
    Pin {
        /// What is stored of it.
        print: PinPrint,
        /// Opens as any PIN, and raises a silent alarm: the user is being forced.
        #[serde(default)]
        duress: bool,
    },
}

impl fmt::Debug for CredentialData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Card(_) => "Card(…)",
            Self::RawCard { .. } => "RawCard(…)",
            Self::Phone(_) => "Phone(…)",
            Self::Pin { .. } => "Pin(…)",
        })
    }
}

impl CredentialData {
    /// What sort of thing it is to the rules of authentication.
    #[must_use]
    pub const fn factor(&self) -> Factor {
        match self {
            Self::Card(_) | Self::RawCard { .. } | Self::Phone(_) => Factor::Card,
            Self::Pin { duress: false, .. } => Factor::Pin,
            Self::Pin { duress: true, .. } => Factor::DuressPin,
        }
    }
}

/// What sort of thing a credential is to the rules of authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// Something held: a card, or a phone that is shown as one.
    Card,
    /// Something known.
    Pin,
    /// Something known, used under duress.
    DuressPin,
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
