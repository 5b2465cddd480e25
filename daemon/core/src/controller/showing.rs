//! What somebody shows at a reader beyond a card: a PIN, a card with one, the second of two cards.

use super::Controller;
use super::door::DoorMachine;
use super::io::{Feedback, Output};
use super::keypad::{PIN_LOCKOUT_MS, Pressed};
use super::running::{First, Remembered};
use crate::alarm::{AlarmKind, AlarmSubject};
use crate::card::CardBits;
use crate::decide::{Decision, Request, Shown};
use crate::event::{Direction, Event, EventKind, Reason};
use crate::ids::{DoorId, ReaderIx};
use crate::view::AccessView;

impl Controller {
    /// Keys at a keypad.
    pub(super) fn keys<V: AccessView>(&mut self, ix: ReaderIx, keys: &[u8], view: &V) {
        let mut goes_on = false;
        for &key in keys {
            let now = self.fx.now.mono;
            let Some(at) = self.running.at(ix) else {
                return;
            };
            match at.entry.press(now, key) {
                Pressed::More => goes_on = true,
                Pressed::Nothing => {
                    goes_on = false;
                    at.entry = Default::default();
                    self.fx.feedback(ix, Feedback::Denied);
                }
                Pressed::Complete(pin) => {
                    goes_on = false;
                    let card = std::mem::take(&mut at.entry).card;
                    let key = self.config.pin_key.as_ref();
                    // Digits that can be nobody's PIN are a wrong PIN like any other.
                    let print = pin.zip(key).map(|(pin, key)| key.print(&pin));
                    let print = print.unwrap_or_default();
                    match card {
                        Some(card) => self.show(ix, Shown::CardAndPin(&card, print), view),
                        None => self.show(ix, Shown::Pin(print), view),
                    }
                }
            }
        }
        if goes_on {
            self.fx.feedback(ix, Feedback::Waiting);
        }
    }

    /// Whether PINs are refused at a reader. Not on the way out: nobody is kept in.
    pub(super) fn keypad_locked(&self, ix: ReaderIx, request: &Request<'_>) -> bool {
        let has_pin = matches!(request.shown, Shown::Pin(_) | Shown::CardAndPin(..));
        let at = self.running.readers.get(usize::from(ix.0));
        has_pin
            && request.direction == Direction::Entry
            && at.is_some_and(|at| at.tries.is_locked(self.fx.now.mono))
    }

    /// Whether a decision waits for more to be shown: the PIN of a card, or a second person. Then
    /// it is none yet.
    pub(super) fn waits_for_more(
        &mut self,
        ix: ReaderIx,
        request: &Request<'_>,
        decision: &Decision,
    ) -> bool {
        let now = self.fx.now.mono;
        match (decision.reason, request.shown, request.door) {
            (Reason::PinRequired, Shown::Card(card), Some(_)) => {
                if let Some(at) = self.running.at(ix) {
                    at.entry.card_shown(now, card, decision.matched);
                }
            }
            (Reason::SecondPersonNeeded, _, Some(door)) => {
                let (Some(user), Some(event)) =
                    (decision.matched.user, self.event_of(ix, decision))
                else {
                    return false;
                };
                let first = First::new(user, event, ix, now);
                self.running.first_of_two.insert(door, first);
                self.note_duress(door, ix, decision);
            }
            _ => return false,
        }
        self.fx.feedback(ix, Feedback::Waiting);
        true
    }

    /// Lets the first of two in with the second.
    pub(super) fn let_first_in(&mut self, door: DoorId, decision: &Decision) {
        if decision.notes.first_of_two.is_none() {
            return;
        }
        let Some(mut first) = self.running.first_of_two.remove(&door) else {
            return;
        };
        first.event.kind = EventKind::Granted;
        first.event.reason = Some(Reason::Granted);
        (first.event.at, first.event.clock) = (self.fx.now.wall, self.fx.now.trust);
        let direction = first.event.direction.unwrap_or(Direction::Entry);
        let now = self.fx.now.mono;
        self.fx.whereabouts.let_in(now, door, direction, first.user);
        self.fx.record(first.event);
    }

    /// Notes who is let in; where nobody sees the door open, that they have passed. To be called
    /// before it is recorded that they are, so that one is never known without the other.
    pub(super) fn note_let_in(&mut self, door: DoorId, direction: Direction, decision: &Decision) {
        let Some(user) = decision.matched.user else {
            return;
        };
        let now = self.fx.now.mono;
        let seen = self
            .doors
            .get(&door)
            .is_some_and(DoorMachine::sees_openings);
        if self.fx.whereabouts.let_in(now, door, direction, user) && !seen {
            let (now, wall) = (self.fx.now.mono, self.fx.now.wall);
            let moved = self.fx.whereabouts.passed_unseen(now, wall, door);
            self.fx.moved(moved);
        }
    }

    /// What follows from a decision besides the decision: alarms, and what is counted.
    pub(super) fn follow_up(&mut self, ix: ReaderIx, request: &Request<'_>, decision: &Decision) {
        let Some(event) = self.event_of(ix, decision) else {
            return;
        };
        if let Some(door) = request.door {
            self.note_duress(door, ix, decision);
            if decision.notes.passback && decision.is_granted() {
                let mut event = event.clone();
                event.kind = EventKind::PassbackViolated;
                self.fx.record(event);
            }
        }
        let locked_out = self.count_tries(ix, request, decision, &event);
        let now = self.fx.now.mono;
        let Some(at) = self.running.at(ix) else {
            return;
        };
        if decision.is_granted() {
            at.granted();
        } else if at.denied(now) || locked_out {
            self.repeated_denied(&event);
        }
    }

    fn note_duress(&mut self, door: DoorId, ix: ReaderIx, decision: &Decision) {
        if decision.notes.duress
            && let Some(event) = self.event_of(ix, decision)
        {
            let subject = AlarmSubject::Door(door);
            self.fx.alarm_once(AlarmKind::Duress, subject, &event);
        }
    }

    fn repeated_denied(&mut self, event: &Event) {
        if let Some(reader) = event.reader.clone() {
            let subject = AlarmSubject::Reader(reader);
            self.fx
                .alarm_once(AlarmKind::RepeatedDenied, subject, event);
        }
    }

    /// Counts wrong PINs, at the reader and with the card. Tells whether this was one too many.
    fn count_tries(
        &mut self,
        ix: ReaderIx,
        request: &Request<'_>,
        decision: &Decision,
        event: &Event,
    ) -> bool {
        let now = self.fx.now;
        let with_card = matches!(request.shown, Shown::CardAndPin(..));
        let alone = matches!(request.shown, Shown::Pin(_));
        if (!with_card && !alone) || request.direction == Direction::Exit {
            return false;
        }
        let wrong = decision.notes.wrong_pin || decision.reason == Reason::PinUnknown;
        let card = decision.matched.credential.filter(|_| with_card);
        let until = now.wall.plus_ms(i64::try_from(PIN_LOCKOUT_MS).unwrap_or(0));
        let mut locked = false;
        if wrong {
            if let Some(credential) = card
                && !self.running.cards.is_locked(credential, now.mono)
                && self.running.cards.of(credential).wrong(now.mono)
            {
                locked = true;
                let lockout = Remembered::CardLockout { credential, until };
                self.fx.push(Output::Remember(lockout));
            }
            if let (Some(at), Some(reader)) = (self.running.at(ix), event.reader.clone())
                && at.tries.wrong(now.mono)
            {
                locked = true;
                let lockout = Remembered::ReaderLockout { reader, until };
                self.fx.push(Output::Remember(lockout));
            }
        } else if decision.reason != Reason::PinLockedOut {
            if let Some(credential) = card {
                self.running.cards.right(credential);
            }
            if let Some(at) = self.running.at(ix) {
                at.tries.right();
            }
        }
        locked
    }

    /// The event of a decision, as a denial.
    pub(super) fn event_of(&self, ix: ReaderIx, decision: &Decision) -> Option<Event> {
        let reader = self.readers.get(usize::from(ix.0))?;
        let mut event = reader.event(&self.fx, EventKind::Denied);
        event.direction = reader.door.map(|(_, direction)| direction);
        event.reason = Some(decision.reason);
        event.credential = decision.matched.credential;
        event.user = decision.matched.user;
        event.key = decision.matched.key;
        Some(event)
    }

    /// Ends entries that were not finished in time. A card without its PIN is a denial.
    pub(super) fn people_timeout(&mut self) {
        self.learn_timeout();
        for (ix, entry) in self.running.handle_timeout(&mut self.fx) {
            self.fx.feedback(ix, Feedback::Denied);
            if let (Some(_), Some(reader)) = (entry.card, self.readers.get(usize::from(ix.0))) {
                let mut event = reader.event(&self.fx, EventKind::Denied);
                event.direction = reader.door.map(|(_, direction)| direction);
                event.reason = Some(Reason::PinTimeout);
                event.credential = entry.matched.credential;
                event.user = entry.matched.user;
                event.key = entry.matched.key;
                self.fx.record(event);
            }
        }
    }
}

/// The bits of what was shown, if it was a card.
pub(super) fn bits_of(shown: &Shown<'_>) -> Option<CardBits> {
    match shown {
        Shown::Card(card) | Shown::CardAndPin(card, _) => Some(card.bits),
        Shown::Pin(_) | Shown::Credential(_) | Shown::User(_) => None,
    }
}
