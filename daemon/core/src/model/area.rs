use serde::{Deserialize, Serialize};

use crate::ids::{AreaId, PlaceId};

/// The longest that timed anti-passback may last, in seconds: a day.
pub const PASSBACK_S_MAX: u32 = 86_400;
/// The most people that an occupancy limit may name.
pub const OCCUPANCY_MAX: u32 = 1_000_000;

/// A space between doors, with rules of its own for who may come in. A door leads from its
/// `outside` area in to its `inside` area, and back at its exit readers.
///
/// The rules are asked of whoever comes in. They never keep anybody in: at exit readers only an
/// interlock that says so is asked, and a request to exit is never a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Area {
    /// Its number.
    pub id: AreaId,
    /// 1 to 100 characters.
    pub name: String,
    /// The place that it is in.
    pub place: PlaceId,
    /// What happens when somebody comes in who is inside already, or who was last let in to
    /// somewhere else than where the door leads from.
    #[serde(default)]
    pub passback: Passback,
    /// For so many seconds after somebody came in they are not let in again; 0 for no such rule, at
    /// most [`PASSBACK_S_MAX`]. For areas without exit readers.
    #[serde(default)]
    pub passback_s: u32,
    /// How many may be inside at once, 1 to [`OCCUPANCY_MAX`]; `None` for any number.
    #[serde(default)]
    pub occupancy_max: Option<u32>,
    /// Whether two must come in together.
    #[serde(default)]
    pub two_person: TwoPerson,
    /// Whether only one of its doors may stand open or unlocked at a time (a mantrap).
    #[serde(default)]
    pub interlock: Interlock,
}

/// Anti-passback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Passback {
    /// Nothing.
    #[default]
    Off,
    /// They are let in, and it is logged.
    Soft,
    /// They are refused, until they have gone out or an operator forgives.
    Hard,
}

/// The two-person rule: the second shows a credential at the same door within 15 s of the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TwoPerson {
    /// One may come in alone.
    #[default]
    Off,
    /// Two come in together while nobody is inside; then others follow one by one.
    WhileEmpty,
    /// Always two together.
    Always,
}

/// Whether only one door of an area may stand open or unlocked at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Interlock {
    /// Any number.
    #[default]
    Off,
    /// Entry readers wait until the others are closed and locked, and are seen to be where they
    /// have contacts.
    Entry,
    /// Exit readers, too, for doors that are seen open or are unlocked. A request to exit never
    /// waits.
    Both,
}
