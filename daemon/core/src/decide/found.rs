use super::{Policy, UntrustedClock};
use crate::model::{CredentialState, Interval};
use crate::time::{ClockTrust, Now, Wall};
use crate::view::{AccessView, CardIdentity, CredentialFacts, Unreadable};

/// What a search found: one is used, several are never guessed among.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<C> {
    None,
    One(C),
    Several,
    SeveralRemoved,
}

impl<C: Copy> Found<C> {
    pub(super) fn one(self) -> Option<C> {
        match self {
            Self::One(one) => Some(one),
            Self::None | Self::Several | Self::SeveralRemoved => None,
        }
    }
}

impl<U: Copy> Found<CredentialFacts<U>> {
    /// Adds a find. The same credential found again, by another reading, is still one.
    #[inline(always)]
    pub(super) fn add(&mut self, credential: CredentialFacts<U>) {
        match self {
            Self::None => *self = Self::One(credential),
            Self::One(one) if one.id == credential.id => {}
            _ => *self = Self::Several,
        }
    }
}

/// A search by all that something is known by. Removed credentials count only without others.
pub(super) struct Search<C> {
    live: Found<C>,
    removed: Found<C>,
}

impl<C> Default for Search<C> {
    fn default() -> Self {
        Self {
            live: Found::None,
            removed: Found::None,
        }
    }
}

impl<U: Copy> Search<CredentialFacts<U>> {
    #[inline(always)]
    pub(super) fn add<V: AccessView<User = U>>(
        &mut self,
        view: &V,
        identity: &CardIdentity,
    ) -> Result<(), Unreadable> {
        view.credentials(identity, |credential| match credential.state {
            CredentialState::Removed => self.removed.add(credential),
            _ => self.live.add(credential),
        })
    }

    #[inline]
    pub(super) fn found(self) -> Found<CredentialFacts<U>> {
        match (self.live, self.removed) {
            (Found::None, Found::Several) => Found::SeveralRemoved,
            (Found::None, removed) => removed,
            (live, _) => live,
        }
    }
}

/// Wall time, and whether the rules may look at it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    wall: Wall,
    usable: bool,
}

/// Where a time lies in an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Within,
    Before,
    After,
    /// The interval has bounds, and the clock may not be looked at.
    NotTrusted,
}

impl Clock {
    pub(super) fn new(now: Now, policy: Policy) -> Self {
        Self {
            wall: now.wall,
            usable: match (now.trust, policy.untrusted_clock) {
                (ClockTrust::Trusted, _) | (_, UntrustedClock::TrustAnyway) => true,
                (ClockTrust::Untrusted, UntrustedClock::RefuseScheduled) => false,
            },
        }
    }

    pub(super) fn is_usable(&self) -> bool {
        self.usable
    }

    pub(super) fn wall(&self) -> Wall {
        self.wall
    }

    pub(super) fn reads(&self, interval: &Interval) -> Reading {
        match (interval.from, interval.until) {
            (None, None) => Reading::Within,
            _ if !self.usable => Reading::NotTrusted,
            (Some(from), _) if self.wall < from => Reading::Before,
            (_, Some(until)) if until <= self.wall => Reading::After,
            _ => Reading::Within,
        }
    }
}
