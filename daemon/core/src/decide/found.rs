use super::{Policy, UntrustedClock};
use crate::model::Interval;
use crate::time::{ClockTrust, Now, Wall};
use crate::view::CredentialFacts;

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
    pub(super) fn add(&mut self, credential: CredentialFacts<U>) {
        *self = match *self {
            Self::None => Self::One(credential),
            Self::One(one) if one.id == credential.id => Self::One(one),
            _ => Self::Several,
        };
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
