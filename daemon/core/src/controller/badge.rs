//! What comes in at readers, and from operators: everything that may open a door.

use super::door::{Beyond, Cause, DoorMachine, Passage, Pending};
use super::io::{CommandError, CommandId, DoorCommand, Feedback, ReaderEvent};
use super::running::SiteNow;
use super::showing::bits_of;
use super::{Controller, Touched};
use crate::alarm::AlarmKind;
use crate::decide::{Decision, Outcome, Relay, Request, Rex, Shown, UnlockTime, decide_at};
use crate::event::{Direction, EventKind, Reason};
use crate::ids::{Actor, DoorId, ReaderIx};
use crate::view::AccessView;

impl Controller {
    pub(super) fn reader_event<V: AccessView>(
        &mut self,
        ix: ReaderIx,
        event: ReaderEvent,
        view: &V,
    ) -> Touched {
        let Some(reader) = self.readers.get_mut(usize::from(ix.0)) else {
            return Touched::None;
        };
        let touched = match reader.door {
            Some((door, _)) => Touched::One(door),
            None => Touched::None,
        };
        let fx = &mut self.fx;
        match event {
            ReaderEvent::Card(read) => {
                if !self.learned(ix, &read) {
                    self.show(ix, Shown::Card(&read), view);
                }
            }
            ReaderEvent::Online => {
                reader.set_online(fx, true);
                let door = reader.door.and_then(|(door, _)| self.doors.get(&door));
                match door {
                    Some(door) => door.show_steady_at(fx, ix),
                    None => fx.feedback(ix, Feedback::OutOfOrder),
                }
            }
            ReaderEvent::Offline => {
                reader.set_online(fx, false);
            }
            ReaderEvent::Keys(keys) => {
                self.keys(ix, &keys, view);
            }
            ReaderEvent::Tamper(present) => {
                reader.set_fault(fx, AlarmKind::ReaderTamper, present);
            }
            ReaderEvent::PowerFailed(present) => {
                reader.set_fault(fx, AlarmKind::ReaderPower, present);
            }
            ReaderEvent::SecureChannelFailed(present) => {
                reader.set_fault(fx, AlarmKind::ReaderSecureChannel, present);
            }
            ReaderEvent::AddressShared(present) => {
                reader.set_fault(fx, AlarmKind::ReaderAddressShared, present);
            }
        }
        touched
    }

    /// Decides about what is shown, and does what follows.
    pub(super) fn show<V: AccessView>(&mut self, ix: ReaderIx, shown: Shown<'_>, view: &V) {
        let Some(reader) = self.readers.get(usize::from(ix.0)) else {
            return;
        };
        let (door, direction) = match reader.door {
            Some((door, direction)) => (Some(door), direction),
            None => (None, Direction::Entry),
        };
        let machine = door.and_then(|door| self.doors.get(&door));
        let request = Request {
            door,
            direction,
            shown,
            relay: machine.map_or(Relay::Unavailable, DoorMachine::relay),
            rex: machine.map_or(Rex::Unseen, DoorMachine::rex_seen),
        };
        let site = SiteNow {
            running: &self.running,
            whereabouts: &self.fx.whereabouts,
            doors: &self.doors,
            now: self.fx.now.mono,
        };
        let mut decision = decide_at(view, &site, &request, self.fx.now, self.config.policy);
        if self.keypad_locked(ix, &request) {
            (decision.outcome, decision.reason) = (Outcome::Denied, Reason::PinLockedOut);
        }
        if self.waits_for_more(ix, &request, &decision) {
            return;
        }
        if let Some(door) = door.filter(|_| decision.is_granted()) {
            self.let_first_in(door, &decision);
        }
        match door {
            Some(door) if decision.is_granted() => {
                let beyond = self.beyond(ix, door, direction, &decision, view);
                self.note_let_in(door, direction, &decision);
                self.granted(ix, door, direction, &decision, beyond);
            }
            _ => self.denied(ix, &shown, &decision),
        }
        self.follow_up(ix, &request, &decision);
    }

    fn granted(
        &mut self,
        ix: ReaderIx,
        door: DoorId,
        direction: Direction,
        decision: &Decision,
        beyond: Beyond,
    ) {
        let Some(reader) = self.readers.get(usize::from(ix.0)) else {
            return;
        };
        let Some(machine) = self.doors.get(&door) else {
            return;
        };
        let cause = Cause::Grant(Passage {
            credential: decision.matched.credential,
            user: decision.matched.user,
            key: decision.matched.key,
            at: ix,
            reader: reader.name.clone(),
            direction,
            beyond,
        });
        if machine.is_pending_for(&cause) {
            return;
        }
        let unlock_ms = match decision.unlock {
            UnlockTime::Normal => machine.door.unlock_ms,
            UnlockTime::Extended => machine.door.extended_unlock_ms,
        };
        let mut event = reader.event(&self.fx, EventKind::Granted);
        event.direction = Some(direction);
        event.reason = Some(decision.reason);
        event.credential = decision.matched.credential;
        event.user = decision.matched.user;
        event.key = decision.matched.key;
        self.record_then_unlock(door, event, cause, unlock_ms, None);
    }

    fn denied(&mut self, ix: ReaderIx, shown: &Shown<'_>, decision: &Decision) {
        let Some(reader) = self.readers.get(usize::from(ix.0)) else {
            return;
        };
        let feedback = match decision.reason {
            Reason::RelayUnavailable => Feedback::OutOfOrder,
            _ => Feedback::Denied,
        };
        let mut event = reader.event(&self.fx, EventKind::Denied);
        event.direction = reader.door.map(|(_, direction)| direction);
        event.reason = Some(decision.reason);
        event.credential = decision.matched.credential;
        event.user = decision.matched.user;
        event.key = decision.matched.key;
        if matches!(
            decision.reason,
            Reason::CardUnknown | Reason::CardAmbiguous | Reason::DoorUnknown
        ) {
            event.card = bits_of(shown);
        }
        self.fx.feedback(ix, feedback);
        self.fx.record(event);
    }

    pub(super) fn command(
        &mut self,
        id: CommandId,
        door: DoorId,
        command: DoorCommand,
        actor: Actor,
    ) -> Touched {
        if command == DoorCommand::Relock {
            return self.relock(id, door, actor);
        }
        let refused = match self.doors.get(&door) {
            None => Some(CommandError::DoorUnknown),
            Some(machine) if machine.keeps_out() => Some(CommandError::DoorLocked),
            Some(machine) if machine.relay() == Relay::Unavailable || machine.is_crowded() => {
                Some(CommandError::RelayUnavailable)
            }
            Some(_) => None,
        };
        if let Some(error) = refused {
            self.fx.command_done(id, Err(error));
            return Touched::None;
        }
        if let Some(machine) = self.doors.get(&door) {
            let mut event = machine.event(&self.fx, EventKind::UnlockedByOperator);
            event.actor = Some(actor.clone());
            let unlock_ms = machine.door.unlock_ms;
            self.record_then_unlock(door, event, Cause::Operator(actor), unlock_ms, Some(id));
        }
        Touched::One(door)
    }

    fn relock(&mut self, id: CommandId, door: DoorId, actor: Actor) -> Touched {
        let Some(machine) = self.doors.get_mut(&door) else {
            self.fx.command_done(id, Err(CommandError::DoorUnknown));
            return Touched::None;
        };
        machine.relock(&mut self.fx, actor);
        self.fx.command_done(id, Ok(()));
        Touched::One(door)
    }

    /// The event first; the lock when it is durable, or its deadline has passed.
    fn record_then_unlock(
        &mut self,
        door: DoorId,
        event: crate::event::Event,
        cause: Cause,
        unlock_ms: u32,
        command: Option<CommandId>,
    ) {
        let fx = &mut self.fx;
        let token = fx.record(event);
        let Some(machine) = self.doors.get_mut(&door) else {
            return;
        };
        let pending = Pending {
            token,
            deadline: fx.now.mono.plus_ms(self.config.record_deadline_ms.into()),
            cause,
            unlock_ms,
            command,
        };
        if self.config.record_deadline_ms == 0 {
            machine.carry_out(fx, pending);
        } else {
            machine.await_record(pending);
        }
    }
}
