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
    /// What was shown is one credential and no other.
    CredentialKnown = 2,
    /// The credential is active.
    CredentialActive = 3,
    /// The credential is valid now.
    CredentialValid = 4,
    /// Somebody holds the credential.
    CredentialHeld = 5,
    /// The user is active.
    UserActive = 6,
    /// The door's mode lets people in.
    DoorMode = 7,
    /// A key of the user opens the door.
    KeyOpensDoor = 8,
    /// That key is exempt from the lockdown, where there is one.
    KeyExempt = 9,
    /// The grant of that key is valid now.
    GrantValid = 10,
    /// That key is not blocked.
    KeyNotBlocked = 11,
    /// It is in its window.
    KeyInWindow = 12,
    /// It is in its schedule.
    KeyInSchedule = 13,
    /// What was shown is what the door asks for.
    Authenticated = 14,
    /// The user is not inside already, nor was last let in elsewhere.
    AntiPassback = 15,
    /// The other doors of a mantrap are closed.
    Interlock = 16,
    /// Two come in together, where they must.
    TwoPerson = 17,
    /// There is room inside.
    Occupancy = 18,
    /// The door's relay can be driven.
    RelayReady = 19,
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
    /// Whether anything becomes of what is told.
    const LISTENS: bool = true;

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
    const LISTENS: bool = false;

    #[inline(always)]
    fn step(&mut self, _: Rule, _: Option<KeyId>, _: Result<(), Reason>, _: fmt::Arguments<'_>) {}
}
