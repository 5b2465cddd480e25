use serde::{Deserialize, Serialize};

use crate::ids::{DoorGroupId, DoorId, KeyId, PlaceId, ScheduleId, UserId};
use crate::time::Wall;

/// A named bundle: doors and door groups, a schedule, an optional common window, and flags.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Key {
    /// Its number.
    pub id: KeyId,
    /// 1 to 100 characters. May be left empty where it follows the only door's.
    pub name: String,
    /// The place that owns it.
    pub place: PlaceId,
    /// Doors of its place, or shared to it, at most 1,000. A new key has at least one door, of its
    /// own or by a group; a key left without doors opens nothing.
    #[serde(default)]
    pub doors: Vec<DoorId>,
    /// Door groups of its place, at most 100. It opens whatever doors they have at the time.
    #[serde(default)]
    pub groups: Vec<DoorGroupId>,
    /// When it opens; `None` for always.
    #[serde(default)]
    pub schedule: Option<ScheduleId>,
    /// One window for all holders; its grants then have no intervals of their own.
    #[serde(default)]
    pub window: Option<Interval>,
    /// Holders keep it; doors deny with their own reason.
    #[serde(default)]
    pub blocked: Option<Block>,
    /// What it allows beyond opening.
    #[serde(default)]
    pub flags: KeyFlags,
}

/// What a key allows beyond opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct KeyFlags {
    /// Holders may hold a door open by a double badge.
    #[serde(default)]
    pub may_hold_open: bool,
    /// Integrations may send it.
    #[serde(default)]
    pub open_to_integrations: bool,
    /// While it has one door and no group, it is named as the door is.
    #[serde(default)]
    pub name_follows_door: bool,
    /// It opens also in a lockdown.
    #[serde(default)]
    pub lockdown_exempt: bool,
    /// Holders activate the pending plan of a door by being let in there.
    #[serde(default)]
    pub activates_plans: bool,
}

/// A key put out of force for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Why; 1 to 200 characters.
    pub reason: String,
    /// In force again from this time on; `None` until somebody lifts it.
    #[serde(default)]
    pub until: Option<Wall>,
}

/// From a time until a time. An open end has no bound.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Included.
    #[serde(default)]
    pub from: Option<Wall>,
    /// Not included; later than `from`.
    #[serde(default)]
    pub until: Option<Wall>,
}

impl Interval {
    /// Whether `at` lies in it.
    #[must_use]
    pub fn contains(&self, at: Wall) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }
}

impl core::fmt::Display for Interval {
    /// `from … until …`, or `always`.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.from, self.until) {
            (None, None) => f.write_str("always"),
            (Some(from), None) => write!(f, "from {from}"),
            (None, Some(until)) => write!(f, "until {until}"),
            (Some(from), Some(until)) => write!(f, "from {from} until {until}"),
        }
    }
}

/// A user holding a key. There is at most one grant for a user and a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Grant {
    /// The holder.
    pub user: UserId,
    /// The key held.
    pub key: KeyId,
    /// When it is valid; none for always. At most 100, and only where the key has no window.
    #[serde(default)]
    pub intervals: Vec<Interval>,
}
