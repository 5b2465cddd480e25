use serde::{Deserialize, Serialize};

use super::RecordRef;
use crate::ids::{KeyId, ScheduleId};
use crate::time::Wall;

/// The most dated hours of one plan.
pub const DATED_HOURS_MAX: usize = 100;
/// The most keys of which one holder must come in first.
pub const FIRST_IN_KEYS_MAX: usize = 100;

/// When a door stands unlocked by itself.
///
/// The first of the dated hours that contains the moment decides; where none does, the schedule.
/// Modes, holds and fire stand above it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UnlockPlan {
    /// Unlocked in these hours; `None` for no hours but the dated ones.
    #[serde(default)]
    pub schedule: Option<ScheduleId>,
    /// Hours begin only once a holder of one of these keys has come in; none for at once.
    #[serde(default)]
    pub first_in: Vec<KeyId>,
    /// Single occasions, those that take precedence first. At most [`DATED_HOURS_MAX`].
    #[serde(default)]
    pub dated: Vec<DatedHours>,
}

impl UnlockPlan {
    /// The records that it cannot do without.
    pub(super) fn refers_to(&self) -> impl Iterator<Item = RecordRef> {
        let schedule = self.schedule.map(RecordRef::Schedule);
        let keys = self.first_in.iter().copied().map(RecordRef::Key);
        schedule.into_iter().chain(keys)
    }
}

/// One occasion on which a door stands otherwise than its schedule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DatedHours {
    /// What for; 0 to 100 characters.
    #[serde(default)]
    pub name: String,
    /// Included.
    pub from: Wall,
    /// Not included; later than `from`.
    pub until: Wall,
    /// How the door stands meanwhile.
    pub door: DatedState,
}

/// How a door stands on an occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DatedState {
    /// Unlocked.
    Unlocked,
    /// Locked; keys open it as ever.
    Locked,
}
