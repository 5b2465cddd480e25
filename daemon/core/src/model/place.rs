use serde::{Deserialize, Serialize};

use super::DoorMode;
use crate::ids::PlaceId;

/// The site, or a sub-place in it (a tree).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Place {
    /// Its number.
    pub id: PlaceId,
    /// 1 to 100 characters.
    pub name: String,
    /// The place it is part of; `None` for the site itself.
    #[serde(default)]
    pub parent: Option<PlaceId>,
    /// In force at each of its doors, and in the places in it, that has no stronger one.
    #[serde(default)]
    pub mode: DoorMode,
    /// What there is to know of it, found by a search; 0 to 2,000 characters, may have lines.
    #[serde(default)]
    pub details: String,
    /// What sort of place it is, such as `Ward`; 0 to 100 characters.
    #[serde(default)]
    pub category: String,
    /// What holders of its keys are told who need help; 0 to 1,000 characters, may have lines.
    #[serde(default)]
    pub support: String,
    /// The most users of it and of the places in it, removed ones not counted; `None` for no cap.
    #[serde(default)]
    pub users_max: Option<u32>,
    /// What its users read unless they chose; `None` for that of the place it is part of, and
    /// English for the site.
    #[serde(default)]
    pub language: Option<Language>,
    /// How long passages keep the names of people, 1 to 36,500 days; `None` for as long as the
    /// place it is part of says, and 90 days for the site.
    #[serde(default)]
    pub log_retention_days: Option<u16>,
}

/// A language that the console and the mails speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "sv")]
    Swedish,
    #[serde(rename = "fr")]
    French,
    #[serde(rename = "cs")]
    Czech,
    #[serde(rename = "da")]
    Danish,
}
