use core::fmt;

use serde::{Deserialize, Serialize};

use doorward_core::card::CardBits;
use doorward_core::ids::CredentialId;

/// The card formats that the appliance knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CardFormats {
    /// In the order of the table.
    pub formats: Vec<CardFormat>,
}

/// A card format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CardFormat {
    /// Its name, as it stands with every card number.
    pub name: String,
    /// Other names of the same layout.
    pub also: Vec<String>,
    /// What it is.
    pub description: String,
    /// Where its layout is published.
    pub source: String,
    /// The length of its cards.
    pub bits: u16,
    /// How many parity bits it has.
    pub parity_bits: u16,
    /// Whether readers' cards are read by it at this site.
    pub in_use: bool,
    /// The largest card number.
    pub number_max: u64,
    /// The largest facility code; nothing for a format without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facility_max: Option<u32>,
    /// The largest issue level; nothing for a format without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue_max: Option<u32>,
    /// The largest maker's code; nothing for a format without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oem_max: Option<u32>,
}

/// Asks what the bits of a card can mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DecodeBody {
    /// The bits, first one sent first.
    pub card: CardBits,
}

/// A card with all its readings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecodedCard {
    /// Its bits.
    pub card: CardBits,
    /// What every format of its length makes of it, wrong ones included; those in use first, right
    /// ones before wrong ones.
    pub readings: Vec<CardReading>,
    /// Whether several formats in use read it: an enrolment must say which is meant.
    pub ambiguous: bool,
    /// The credentials that are known by it already, removed ones included.
    pub credentials: Vec<CredentialId>,
}

/// What one format makes of a card. `Debug` shows the format only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CardReading {
    /// The format.
    pub format: String,
    /// What the format is.
    pub description: String,
    /// Whether readers' cards are read by it at this site.
    pub in_use: bool,
    /// The facility code, where the format has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facility: Option<u32>,
    /// The card number.
    pub number: u64,
    /// The issue level, where the format has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<u32>,
    /// The maker's code, where the format has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oem: Option<u32>,
    /// Why the format does not read this card; none when it does. The numbers are then what stands
    /// in the fields all the same.
    pub faults: Vec<String>,
}

impl fmt::Debug for CardReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardReading({}, …)", self.format)
    }
}

/// Asks for the bits of a card. `Debug` shows the format only.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EncodeBody {
    /// The format, by any of its names.
    pub format: String,
    /// The card number.
    pub number: u64,
    /// The facility code: needed where the format has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facility: Option<u32>,
    /// The issue level; 0 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue: Option<u32>,
    /// The maker's code; the usual one unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oem: Option<u32>,
}

impl fmt::Debug for EncodeBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodeBody({}, …)", self.format)
    }
}

/// The bits of a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EncodedCard {
    /// The format, by the name that is stored.
    pub format: String,
    /// The bits, first one sent first.
    pub card: CardBits,
}
