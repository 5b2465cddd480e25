use serde::{Deserialize, Serialize};

use crate::ids::ScheduleId;

/// What a door asks to be shown at its entry readers, by the time of day.
///
/// At exit readers one card or PIN is enough: a forgotten PIN keeps nobody in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// Whenever none of the schedules says otherwise.
    #[serde(default)]
    pub method: AuthMethod,
    /// Of several schedules that are open, the first counts. At most 8.
    #[serde(default)]
    pub scheduled: Vec<ScheduledMethod>,
}

/// What is asked for during a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ScheduledMethod {
    /// While this is open.
    pub schedule: ScheduleId,
    /// What is asked for.
    pub method: AuthMethod,
}

/// What must be shown. Whoever shows a card and a right PIN meets every method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A card, or a phone shown as one.
    #[default]
    Card,
    /// A PIN; a card alone is not enough.
    Pin,
    /// A card, then the PIN of its holder.
    CardAndPin,
    /// Either.
    CardOrPin,
}

impl AuthMethod {
    /// Whether a card alone is enough.
    #[must_use]
    pub const fn takes_card(self) -> bool {
        matches!(self, Self::Card | Self::CardOrPin)
    }

    /// Whether a PIN alone is enough.
    #[must_use]
    pub const fn takes_pin(self) -> bool {
        matches!(self, Self::Pin | Self::CardOrPin)
    }
}

impl Authentication {
    /// Every method that applies at some time.
    pub fn methods(&self) -> impl Iterator<Item = AuthMethod> {
        let scheduled = self.scheduled.iter().map(|each| each.method);
        scheduled.chain([self.method])
    }
}
