//! The rules of access, in order; and why.

mod areas;
mod authentication;
mod explain;
mod found;
mod open_keys;
mod rules;
mod site;
mod site_then;
mod spans;
mod trace;

pub use explain::{Explanation, Step, explain, explain_at};
pub use open_keys::{OpenKey, keys_that_open};
pub use rules::{decide, decide_at};
pub use site::{Location, QuietSite, SiteMap, SiteState};
pub use site_then::SiteThen;
pub use spans::{AccessSpan, SPANS_MS_MAX, access_spans};
pub use trace::Rule;

use serde::{Deserialize, Serialize};

use crate::card::CardRead;
use crate::event::{Direction, Reason};
use crate::ids::{CredentialId, DoorId, KeyId, UserId};
use crate::pin::PinPrint;

/// A wish to pass a door.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Which door; `None` when the reader belongs to none.
    pub door: Option<DoorId>,
    /// Which way.
    pub direction: Direction,
    /// What was shown.
    pub shown: Shown<'a>,
    /// Whether the door could be unlocked at all.
    pub relay: Relay,
    /// Whether its exit button would be seen.
    pub rex: Rex,
}

/// What was shown at the door, or is supposed to be.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// A card, with everything that it can mean.
    Card(&'a CardRead),
    /// A PIN alone.
    Pin(PinPrint),
    /// A card, then a PIN.
    CardAndPin(&'a CardRead, PinPrint),
    /// One credential, for questions asked at a desk.
    Credential(CredentialId),
    /// A user with a credential in order, for questions asked at a desk.
    User(UserId),
}

/// Whether a door's relay can be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relay {
    /// It can.
    Ready,
    /// None is wired, or its board does not answer.
    Unavailable,
}

/// Whether a door's request-to-exit input is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rex {
    /// It is.
    Seen,
    /// None is wired, or its board does not tell it.
    Unseen,
}

/// What the site has chosen where a rule leaves a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// What limits in time do while the clock is not trusted.
    pub untrusted_clock: UntrustedClock,
}

/// What validity times, windows and schedules do while wall time is not to be believed. What is
/// not limited in time goes on either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UntrustedClock {
    /// Whatever the clock would have to allow is refused.
    #[default]
    RefuseScheduled,
    /// The clock is believed all the same.
    TrustAnyway,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Granted or denied.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// Whom and what it was about, as far as known.
    pub matched: Matched,
    /// How long to unlock, if granted.
    pub unlock: UnlockTime,
    /// What else somebody must know of it, granted or denied.
    pub notes: Notes,
}

impl Decision {
    /// Whether the door opens.
    #[must_use]
    pub const fn is_granted(&self) -> bool {
        matches!(self.outcome, Outcome::Granted)
    }
}

/// What somebody must know of a decision beside its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes {
    /// A duress PIN was entered.
    pub duress: bool,
    /// Soft anti-passback would have refused.
    pub passback: bool,
    /// A wrong PIN was entered.
    pub wrong_pin: bool,
    /// The user is the second of two: the first waits at the door.
    pub first_of_two: Option<UserId>,
}

/// Granted or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The door opens.
    Granted,
    /// It does not.
    Denied,
}

/// Whom and what a decision was about. Known also for most denials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Matched {
    /// The credential.
    pub credential: Option<CredentialId>,
    /// Its user.
    pub user: Option<UserId>,
    /// The key that opened, or that got furthest.
    pub key: Option<KeyId>,
}

/// How long to unlock: which of the door's two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnlockTime {
    /// The door's unlock time.
    #[default]
    Normal,
    /// Its extended unlock time, for users who need more.
    Extended,
}

#[cfg(test)]
mod site_tests;
#[cfg(test)]
mod tests;
