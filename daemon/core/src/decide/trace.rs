use core::fmt;
use serde::{Deserialize, Serialize};

use crate::event::Reason;
use crate::ids::KeyId;

/// The rules of access, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The door is in the table.
    DoorKnown = 1,
    /// The door's mode lets people in.
    DoorMode = 2,
    /// What was shown is one credential and no other.
    CredentialKnown = 3,
    /// The credential is active.
    CredentialActive = 4,
    /// The credential is valid now.
    CredentialValid = 5,
    /// Somebody holds the credential.
    CredentialHeld = 6,
    /// The user is active.
    UserActive = 7,
    /// A key of the user opens the door.
    KeyOpensDoor = 8,
    /// The grant of that key is valid now.
    GrantValid = 9,
    /// That key is not blocked.
    KeyNotBlocked = 10,
    /// It is in its window.
    KeyInWindow = 11,
    /// It is in its schedule.
    KeyInSchedule = 12,
    /// What was shown is what the door asks for.
    Authenticated = 13,
    /// The user is not inside already, nor was last let in elsewhere.
    AntiPassback = 14,
    /// The other doors of a mantrap are closed.
    Interlock = 15,
    /// Two come in together, where they must.
    TwoPerson = 16,
    /// There is room inside.
    Occupancy = 17,
    /// The door's relay can be driven.
    RelayReady = 18,
}

impl Rule {
    /// Its number, from 1.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// Where the rules tell what they found.
pub(super) trait Trace {
    /// A rule was met, or failed for a reason. `key` says for which key, where rules are asked of
    /// each key.
    fn step(
        &mut self,
        rule: Rule,
        key: Option<KeyId>,
        result: Result<(), Reason>,
        facts: fmt::Arguments<'_>,
    );
}

/// Keeps nothing; costs nothing.
pub(super) struct Silent;

impl Trace for Silent {
    #[inline(always)]
    fn step(&mut self, _: Rule, _: Option<KeyId>, _: Result<(), Reason>, _: fmt::Arguments<'_>) {}
}
