use serde::{Deserialize, Serialize};

use doorward_core::card::{CardBits, CardNumber, FormatName};
use doorward_core::ids::{AreaId, CredentialId, DeviceName, UserId};
use doorward_core::time::Wall;

/// A card learned at a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LearnedCard {
    /// Its bits.
    pub bits: CardBits,
    /// Each number that a format reads from it; none when no format fits, several when it must be
    /// said which is meant.
    pub numbers: Vec<CardNumber>,
    /// The credentials that are known by it already, removed ones included.
    pub credentials: Vec<CredentialId>,
}

/// Asks for the next card at a reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LearnBody {
    /// Which, by its name in `site.toml`.
    pub reader: DeviceName,
}

/// Makes a credential of a card that was shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EnrolBody {
    /// Who holds it; a spare unless given.
    #[serde(default)]
    pub user: Option<UserId>,
    /// By the number that this format reads; needed where several do.
    #[serde(default)]
    pub format: Option<FormatName>,
    /// By all its bits, whatever formats read.
    #[serde(default)]
    pub raw: bool,
    /// What is printed on it, or any note; 0 to 100 characters.
    #[serde(default)]
    pub label: String,
}

/// Whose whereabouts are forgiven: exactly one of these.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ForgiveBody {
    /// One user.
    #[serde(default)]
    pub user: Option<UserId>,
    /// All who are inside this area.
    #[serde(default)]
    pub area: Option<AreaId>,
    /// Everybody.
    #[serde(default)]
    pub everyone: bool,
}

/// Somebody inside an area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Inside {
    /// Who.
    pub user: UserId,
    /// Since when.
    pub since: Wall,
}
