//! Which keys a PD is tried with, and how it comes by another one.
//!
//! A key that is sent is known to both sides only once the PD has proved in a handshake that it has
//! it. Until then the one before is good, too: new first, then old.

use std::collections::VecDeque;

use super::ControlPanel;
use super::config::{MAX_CANDIDATES, Security};
use super::event::{BusEvent, LinkEvent};
use super::handshake::KeyKind;
use super::link::Link;
use crate::osdp::address::Address;
use crate::osdp::secure::Scbk;
use crate::osdp::time::Mono;

/// A while in which a PD may be given a key over a session with SCBK-D, once.
#[derive(Debug)]
pub(super) struct Install {
    key: Scbk,
    until: Mono,
    /// KEYSET has been sent.
    is_used: bool,
}

/// Whether a key was sent before its install window closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeySent {
    /// It was not: nobody has it.
    No,
    /// It was: the PD may have it, and so may whoever listened.
    Yes,
}

/// Why no install window is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InstallError {
    /// No PD has this address.
    #[error("no reader on this bus has address `{0}`")]
    UnknownAddress(Address),
    /// The PD is spoken to in clear.
    #[error("reader `{0}` is spoken to in clear by its configuration, and needs no key")]
    Clear(Address),
    /// The PD has its key, and a Secure Channel with it.
    #[error("reader `{0}` has its own key already; a new one is set by rotating it")]
    HasKey(Address),
    /// SCBK-D or a key of the kind found in manuals.
    #[error("the key is publicly known or evenly patterned, a random one is needed")]
    WeakKey,
}

impl ControlPanel {
    /// Opens the install window of the PD at `address` until `until`: if it asks for SCBK-D, it is
    /// given `key` over a session with it, once. Every key it may have is tried first.
    ///
    /// Whoever records that session can work out `key` (SIA OSDP 2.2, annex D.3: SCBK-D is public).
    /// `key` must come from the operating system's random numbers and be stored durably already:
    /// from now on the PD may have it. [`LinkEvent::KeyChanged`] says that it does. Of more than
    /// [`MAX_CANDIDATES`] keys that it may have, the oldest is forgotten.
    pub fn open_install(
        &mut self,
        now: Mono,
        address: Address,
        key: Scbk,
        until: Mono,
    ) -> Result<(), InstallError> {
        let link = self
            .links
            .iter_mut()
            .find(|link| link.address == address)
            .ok_or(InstallError::UnknownAddress(address))?;
        if link.security.is_clear() {
            return Err(InstallError::Clear(address));
        }
        if link.is_secure() {
            return Err(InstallError::HasKey(address));
        }
        if key.is_weak() {
            return Err(InstallError::WeakKey);
        }
        link.install = Some(Install {
            key,
            until,
            is_used: false,
        });
        link.try_again(now);
        Ok(())
    }

    /// Closes the install window of the PD at `address`, and says whether its key was sent. `None` if
    /// no window was open.
    pub fn close_install(&mut self, address: Address) -> Option<KeySent> {
        let link = self.links.iter_mut().find(|link| link.address == address)?;
        let install = link.install.take()?;
        Some(if install.is_used {
            KeySent::Yes
        } else {
            KeySent::No
        })
    }

    /// The key that the PD at `address` is known to have.
    #[must_use]
    pub fn key(&self, address: Address) -> Option<&Scbk> {
        let link = self.links.iter().find(|link| link.address == address)?;
        link.security.key()
    }
}

impl Link {
    /// The first key to try: the newest that it may have been given, else the one it is known to have.
    pub(super) fn first_key(&self) -> Option<KeyKind> {
        match self.candidates.len().checked_sub(1) {
            Some(newest) => Some(KeyKind::Candidate(newest)),
            None => self.security.key().map(|_| KeyKind::Own),
        }
    }

    /// The key to try after `tried`; SCBK-D is not among them.
    pub(super) fn next_key(&self, tried: KeyKind) -> Option<KeyKind> {
        let KeyKind::Candidate(at) = tried else {
            return None;
        };
        match at.checked_sub(1) {
            Some(older) => Some(KeyKind::Candidate(older)),
            None => self.security.key().map(|_| KeyKind::Own),
        }
    }

    /// Whether the PD may be given a key over a session with SCBK-D.
    pub(super) fn may_install(&self, now: Mono) -> bool {
        self.install
            .as_ref()
            .is_some_and(|install| !install.is_used && now < install.until)
    }

    /// The key to send in the session with SCBK-D. From now on the PD may have it.
    pub(super) fn use_install(&mut self) -> Option<Scbk> {
        let install = self.install.as_mut()?;
        install.is_used = true;
        let key = install.key.clone();
        // After so many keys that nobody knows the end of, the oldest is the least likely one.
        if self.candidates.len() >= MAX_CANDIDATES {
            self.candidates.remove(0);
        }
        self.candidates.push(key.clone());
        Some(key)
    }

    /// The PD has proved that it has this candidate.
    pub(super) fn adopt_candidate(&mut self, at: usize, events: &mut VecDeque<BusEvent>) {
        if at < self.candidates.len() {
            self.security = Security::Required(self.candidates.swap_remove(at));
            self.candidates.clear();
            self.install = None;
            self.report(events, LinkEvent::KeyChanged);
        }
    }

    /// The PD has proved that it has the key it had.
    pub(super) fn keep_own(&mut self, events: &mut VecDeque<BusEvent>) {
        let was_to_change = self.install.take().is_some() || !self.candidates.is_empty();
        self.candidates.clear();
        if was_to_change {
            self.report(events, LinkEvent::KeyKept);
        }
    }

    /// Tries the handshake at once, and tells a failure again.
    fn try_again(&mut self, now: Mono) {
        self.handshake_failures = 0;
        self.failure_told = None;
        if self.exchange.is_none() {
            self.not_before = now;
        }
    }
}
