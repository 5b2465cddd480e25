use super::super::effects::Effects;
use super::super::io::Feedback;
use super::{Cause, DoorMachine};
use crate::event::EventKind;
use crate::model::Relock;
use crate::time::Mono;

/// What is known of the door leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    /// No contact is wired, or its board does not answer.
    Unknown,
    Closed,
    Open(Opening),
}

/// A door standing open, and when somebody will mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opening {
    warn_at: Option<Mono>,
    alarm_at: Option<Mono>,
    /// The readers show the warning.
    warned: bool,
}

impl Opening {
    /// One that nobody minds.
    const UNWATCHED: Self = Self {
        warn_at: None,
        alarm_at: None,
        warned: false,
    };
}

impl Contact {
    pub(super) const fn is_open(&self) -> Option<bool> {
        match self {
            Self::Unknown => None,
            Self::Closed => Some(false),
            Self::Open(_) => Some(true),
        }
    }
}

impl DoorMachine {
    /// The contact can no longer be seen. Alarms stand until it is seen closed.
    pub(super) fn contact_lost(&mut self) {
        self.contact = Contact::Unknown;
    }

    pub(super) fn contact_level(&mut self, fx: &mut Effects, open: bool) {
        match (self.contact, open) {
            (Contact::Closed, true) => self.opened(fx),
            // Nobody saw it open: nothing is made up but that it stands open from now on.
            (Contact::Unknown, true) => self.contact = Contact::Open(self.opening(fx)),
            (Contact::Open(_), false) => self.closed(fx),
            (Contact::Unknown, false) => {
                self.contact = Contact::Closed;
                if self.forced || self.held {
                    self.closed(fx);
                }
            }
            (Contact::Closed, false) | (Contact::Open(_), true) => {}
        }
    }

    fn opened(&mut self, fx: &mut Effects) {
        if !self.may_be_opened() {
            self.set_forced_open(fx);
            return;
        }
        fx.opened(self.id());
        if let Some(unlock) = &mut self.unlock {
            let first = !unlock.opened;
            unlock.opened = true;
            if first && unlock.cause != Cause::Exit {
                let cause = unlock.cause.clone();
                let mut event = self.event(fx, EventKind::Entered);
                cause.sign(&mut event);
                fx.record(event);
                if let Cause::Grant(passage) = &cause {
                    self.came_in(fx, passage);
                }
            }
        }
        self.contact = Contact::Open(self.opening(fx));
        if self.door.relock == Relock::OnOpen {
            self.relock_early(fx);
        }
        self.opening_timeout(fx);
    }

    fn set_forced_open(&mut self, fx: &mut Effects) {
        self.contact = Contact::Open(Opening::UNWATCHED);
        fx.record(self.event(fx, EventKind::ForcedOpen));
        self.set_forced(fx, true);
    }

    fn closed(&mut self, fx: &mut Effects) {
        let warned = matches!(self.contact, Contact::Open(opening) if opening.warned);
        self.contact = Contact::Closed;
        fx.record(self.event(fx, EventKind::Closed));
        self.set_forced(fx, false);
        self.set_held(fx, false);
        let opened = self.unlock.as_ref().is_some_and(|unlock| unlock.opened);
        let relocked = opened && self.door.relock == Relock::OnClose && self.relock_early(fx);
        if warned && !relocked {
            self.show_steady(fx);
        }
    }

    /// When a door that is open from now on would have to be closed. A door that stands unlocked
    /// may stand open, and one that was forced is an alarm already.
    fn opening(&self, fx: &Effects) -> Opening {
        let watched =
            self.door.held_open_ms > 0 && !self.stands_unlocked() && !self.held && !self.forced;
        let at = |ms: u32| Some(fx.now.mono.plus_ms(ms.into()));
        let Some(lead_ms) = watched
            .then_some(self.door.held_open_warning_ms)
            .map(|ms| ms.min(self.door.held_open_ms))
        else {
            return Opening::UNWATCHED;
        };
        Opening {
            warn_at: (lead_ms > 0)
                .then(|| at(self.door.held_open_ms - lead_ms))
                .flatten(),
            alarm_at: at(self.door.held_open_ms),
            warned: false,
        }
    }

    /// Begins anew to count how long the door stands open: after a new unlock, or new limits.
    pub(super) fn watch_opening_again(&mut self, fx: &mut Effects) {
        if let Contact::Open(_) = self.contact {
            if self.held && (self.stands_unlocked() || self.door.held_open_ms == 0) {
                self.set_held(fx, false);
            }
            self.contact = Contact::Open(self.opening(fx));
        }
    }

    pub(super) fn opening_due(&self) -> Option<Mono> {
        match self.contact {
            Contact::Open(opening) => [opening.warn_at, opening.alarm_at]
                .into_iter()
                .flatten()
                .min(),
            Contact::Unknown | Contact::Closed => None,
        }
    }

    pub(super) fn opening_timeout(&mut self, fx: &mut Effects) {
        let Contact::Open(mut opening) = self.contact else {
            return;
        };
        let now = fx.now.mono;
        let due = |at: Option<Mono>| at.is_some_and(|at| at <= now);
        if due(opening.warn_at) {
            opening.warn_at = None;
            opening.warned = true;
            for &(reader, _) in &self.wiring.readers {
                fx.feedback(reader, Feedback::HeldOpenWarning);
            }
        }
        let alarm = due(opening.alarm_at);
        if alarm {
            opening.alarm_at = None;
        }
        self.contact = Contact::Open(opening);
        if alarm {
            fx.record(self.event(fx, EventKind::HeldOpen));
            self.set_held(fx, true);
        }
    }
}
