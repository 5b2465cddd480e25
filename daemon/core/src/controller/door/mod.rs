//! One door: its lock, its contact, its exit button. Pure.

mod beside;
mod lock;
mod opening;
mod standing;

use super::effects::Effects;
use super::io::{DoorStatus, Feedback, LockState, Output};
use super::wiring::{RelayPoint, Wiring};
use crate::alarm::{AlarmKind, AlarmSubject};
use crate::decide::Relay;
use crate::event::{Direction, Event, EventKind};
use crate::ids::{Actor, BoardIx, CredentialId, DeviceName, DoorId, KeyId, ReaderIx, UserId};
use crate::model::{Door, FailMode};
use crate::time::Mono;

pub(super) use lock::Pending;
use lock::Unlock;
use opening::Contact;
pub(super) use standing::Beyond;
use standing::Standing;

/// A door's live state.
#[derive(Debug)]
pub(super) struct DoorMachine {
    pub(super) door: Door,
    pub(super) wiring: Wiring,
    relay_online: bool,
    contact: Contact,
    /// The exit button is pressed, or the exit sensor sees somebody.
    rex: bool,
    /// The board of the exit input tells it.
    rex_told: bool,
    standing: Standing,
    /// The last grant, for a double badge.
    pub(super) last_grant: Option<LastGrant>,
    unlock: Option<Unlock>,
    pending: Vec<Pending>,
    forced: bool,
    held: bool,
    /// When to drive the relay again after its board refused.
    retry_at: Option<Mono>,
    /// As last told.
    told: Option<DoorStatus>,
}

/// Why a lock is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// A grant at a reader.
    Grant(Passage),
    /// An operator's command.
    Operator(Actor),
    /// A request to exit.
    Exit,
}

/// A grant that a second one may follow.
#[derive(Debug, Clone, Copy)]
pub(super) struct LastGrant {
    pub(super) credential: CredentialId,
    pub(super) at: ReaderIx,
    pub(super) when: Mono,
}

/// Who was granted passage, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) credential: Option<CredentialId>,
    pub(super) user: Option<UserId>,
    pub(super) key: Option<KeyId>,
    pub(super) at: ReaderIx,
    pub(super) reader: DeviceName,
    pub(super) direction: Direction,
    pub(super) beyond: Beyond,
}

impl Passage {
    fn sign(&self, event: &mut Event) {
        event.credential = self.credential;
        event.user = self.user;
        event.key = self.key;
        event.reader = Some(self.reader.clone());
        event.direction = Some(self.direction);
    }
}

impl Cause {
    /// Tells an event whom it is about.
    fn sign(&self, event: &mut Event) {
        match self {
            Self::Grant(passage) => passage.sign(event),
            Self::Operator(actor) => event.actor = Some(actor.clone()),
            Self::Exit => {}
        }
    }

    const fn is_exit(&self) -> bool {
        match self {
            Self::Exit => true,
            Self::Grant(passage) => matches!(passage.direction, Direction::Exit),
            Self::Operator(_) => false,
        }
    }
}

impl DoorMachine {
    pub(super) fn new(door: Door, wiring: Wiring) -> Self {
        Self {
            door,
            wiring,
            relay_online: false,
            contact: Contact::Unknown,
            rex: false,
            rex_told: false,
            standing: Standing::default(),
            last_grant: None,
            unlock: None,
            pending: Vec::with_capacity(super::config::PENDING_PER_DOOR_MAX),
            forced: false,
            held: false,
            retry_at: None,
            told: None,
        }
    }

    pub(super) const fn id(&self) -> DoorId {
        self.door.id
    }

    pub(super) const fn relay(&self) -> Relay {
        if self.relay_online {
            Relay::Ready
        } else {
            Relay::Unavailable
        }
    }

    fn relay_at(&self, board: BoardIx) -> Option<RelayPoint> {
        self.wiring.relay.filter(|relay| relay.board == board)
    }

    /// An event of this door.
    pub(super) fn event(&self, fx: &Effects, kind: EventKind) -> Event {
        let mut event = fx.event(kind);
        event.door = Some(self.id());
        event
    }

    /// Takes over a changed record. `relay_online` is said of the board that it now names.
    pub(super) fn replace(
        &mut self,
        fx: &mut Effects,
        door: Door,
        wiring: Wiring,
        relay_online: bool,
    ) {
        let before = (self.door.fail_mode, self.wiring.relay);
        if self.wiring.relay != wiring.relay {
            self.release(fx);
        }
        if self.wiring.contact != wiring.contact {
            self.contact_lost();
        }
        if self.wiring.rex != wiring.rex {
            self.rex = false;
            self.rex_told = false;
        }
        let readers_changed = self.wiring.readers != wiring.readers;
        for &(reader, _) in &self.wiring.readers {
            if !wiring.readers.iter().any(|&(kept, _)| kept == reader) {
                fx.feedback(reader, Feedback::OutOfOrder);
            }
        }
        let timing = |door: &Door| (door.held_open_ms, door.held_open_warning_ms);
        let timing_changed = timing(&self.door) != timing(&door);
        let plan_replaced = self.door.plan != door.plan;
        self.door = door;
        self.wiring = wiring;
        self.relay_online = relay_online;
        self.fire_unwired(fx);
        if before != (self.door.fail_mode, self.wiring.relay) {
            self.drive(fx);
        }
        if timing_changed {
            self.watch_opening_again(fx);
        }
        if readers_changed {
            self.show_steady(fx);
        }
        if plan_replaced {
            self.plan_replaced(fx);
        }
    }

    /// Ends this door: its relay is left in its safe state, its alarms have no door any more.
    pub(super) fn dissolve(&mut self, fx: &mut Effects) {
        self.release(fx);
        self.set_forced(fx, false);
        self.set_held(fx, false);
        for &(reader, _) in &self.wiring.readers {
            fx.feedback(reader, Feedback::OutOfOrder);
        }
    }

    pub(super) fn board_online(&mut self, fx: &mut Effects, board: BoardIx) {
        if self.relay_at(board).is_some() {
            self.relay_online = true;
            self.retry_at = None;
            self.drive(fx);
            self.show_steady(fx);
        }
    }

    pub(super) fn board_offline(&mut self, fx: &mut Effects, board: BoardIx) {
        self.inputs_lost(board);
        if self.relay_at(board).is_some() {
            self.relay_online = false;
            self.retry_at = None;
            self.show_steady(fx);
        }
    }

    /// A board does not tell its inputs any more.
    pub(super) fn inputs_lost(&mut self, board: BoardIx) {
        if self.wiring.contact.is_some_and(|at| at.board == board) {
            self.contact_lost();
        }
        if self.wiring.rex.is_some_and(|at| at.board == board) {
            self.rex = false;
            self.rex_told = false;
        }
    }

    /// Whether it needs the inputs of a board.
    pub(super) fn needs_inputs_of(&self, board: BoardIx) -> bool {
        let wiring = &self.wiring;
        let mut inputs = [wiring.contact, wiring.rex, wiring.fire]
            .into_iter()
            .flatten();
        inputs.any(|at| at.board == board)
    }

    /// The levels of a board's inputs. Exit comes before the contact, so that a door opened by
    /// somebody on their way out is not forced.
    pub(super) fn inputs(&mut self, fx: &mut Effects, board: BoardIx, levels: u64) {
        if let Some(rex) = self.wiring.rex.filter(|at| at.board == board) {
            self.rex_told = true;
            self.rex_level(fx, rex.is_active(levels));
        }
        if let Some(contact) = self.wiring.contact.filter(|at| at.board == board) {
            self.contact_level(fx, contact.is_active(levels));
        }
    }

    /// Shows at one reader, or at all, how the door stands.
    pub(super) fn show_steady_at(&self, fx: &mut Effects, reader: ReaderIx) {
        let steady = if !self.relay_online {
            Feedback::OutOfOrder
        } else if self.is_unlocked() {
            Feedback::Unlocked
        } else {
            Feedback::Locked
        };
        fx.feedback(reader, steady);
    }

    fn show_steady(&self, fx: &mut Effects) {
        for &(reader, _) in &self.wiring.readers {
            self.show_steady_at(fx, reader);
        }
    }

    fn set_forced(&mut self, fx: &mut Effects, forced: bool) {
        self.forced = forced;
        self.set_alarm(fx, AlarmKind::ForcedOpen, forced);
    }

    fn set_held(&mut self, fx: &mut Effects, held: bool) {
        self.held = held;
        self.set_alarm(fx, AlarmKind::HeldOpen, held);
    }

    fn set_alarm(&self, fx: &mut Effects, kind: AlarmKind, present: bool) {
        let subject = AlarmSubject::Door(self.id());
        if present {
            fx.raise(kind, subject);
        } else {
            fx.clear(kind, subject);
        }
    }

    /// Tells the live state, if it changed.
    pub(super) fn tell(&mut self, fx: &mut Effects) {
        let lock = if self.is_unlocked() {
            LockState::Unlocked
        } else {
            LockState::Locked
        };
        let readers = &self.wiring.readers;
        let status = DoorStatus {
            door: self.id(),
            mode: self.mode(),
            lock,
            open: self.contact.is_open(),
            forced_open: self.forced,
            held_open: self.held,
            relay_online: self.relay_online,
            readers_online: readers.iter().all(|&(reader, _)| fx.is_online(reader)),
            stands: self.stands(),
            held_until: self.held_until(),
            plan: self.plan_hours(),
            plan_pending: self.door.pending_plan.is_some(),
        };
        if self.told.as_ref() != Some(&status) {
            fx.push(Output::Door(status.clone()));
            self.told = Some(status);
        }
    }

    /// The state as last told.
    pub(super) const fn status(&self) -> Option<&DoorStatus> {
        self.told.as_ref()
    }

    const fn is_fail_safe(&self) -> bool {
        matches!(self.door.fail_mode, FailMode::Safe)
    }
}
