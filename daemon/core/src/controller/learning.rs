//! Learning a card at a reader: the next card shown there is told, and not judged.

use super::Controller;
use super::io::{CommandId, Feedback, Output};
use crate::card::CardRead;
use crate::event::EventKind;
use crate::ids::{Actor, DeviceName, ReaderIx};
use crate::time::Mono;

/// How long a reader waits for the card to be learned, in milliseconds.
pub const LEARN_MS: u64 = 20_000;

/// Why no card was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LearnError {
    /// No such reader is wired.
    #[error("there is no such reader")]
    ReaderUnknown,
    /// It does not answer.
    #[error("the reader does not answer")]
    ReaderOffline,
    /// Somebody else learns a card at it.
    #[error("somebody else learns a card at this reader already")]
    Busy,
    /// No card was shown.
    #[error("no card was shown within {} s", LEARN_MS / 1_000)]
    NoCard,
}

/// Somebody waits for a card to be learned.
#[derive(Debug)]
pub(super) struct Learning {
    id: CommandId,
    actor: Actor,
    pub(super) until: Mono,
}

impl Controller {
    pub(super) fn learn(&mut self, id: CommandId, reader: &DeviceName, actor: Actor) {
        let until = self.fx.now.mono.plus_ms(LEARN_MS);
        let refused = match self.config.reader(reader) {
            None => LearnError::ReaderUnknown,
            Some(ix) if !self.fx.is_online(ix) => LearnError::ReaderOffline,
            Some(ix) => match self.running.at(ix) {
                Some(at) if at.learning.is_none() => {
                    at.entry = Default::default();
                    at.learning = Some(Learning { id, actor, until });
                    self.fx.feedback(ix, Feedback::Waiting);
                    return;
                }
                _ => LearnError::Busy,
            },
        };
        let result = Err(refused);
        self.fx.push(Output::Learned { id, result });
    }

    /// Takes a card for the one to be learned. Tells whether it was.
    pub(super) fn learned(&mut self, ix: ReaderIx, card: &CardRead) -> bool {
        let learning = self.running.at(ix).and_then(|at| at.learning.take());
        let (Some(learning), Some(reader)) = (learning, self.readers.get(usize::from(ix.0))) else {
            return false;
        };
        let mut event = reader.event(&self.fx, EventKind::CardLearned);
        event.card = Some(card.bits);
        event.actor = Some(learning.actor);
        self.fx.record(event);
        let (id, result) = (learning.id, Ok(*card));
        self.fx.push(Output::Learned { id, result });
        self.show_steady_at(ix);
        true
    }

    pub(super) fn learn_timeout(&mut self) {
        let now = self.fx.now.mono;
        for ix in (0..).map(ReaderIx).take(self.running.readers.len()) {
            let at = self.running.at(ix);
            let due = at.and_then(|at| at.learning.take_if(|learning| learning.until <= now));
            if let Some(Learning { id, .. }) = due {
                let result = Err(LearnError::NoCard);
                self.fx.push(Output::Learned { id, result });
                self.show_steady_at(ix);
            }
        }
    }

    fn show_steady_at(&mut self, ix: ReaderIx) {
        let door = self
            .readers
            .get(usize::from(ix.0))
            .and_then(|reader| reader.door);
        match door.and_then(|(door, _)| self.doors.get(&door)) {
            Some(door) => door.show_steady_at(&mut self.fx, ix),
            None => self.fx.feedback(ix, Feedback::OutOfOrder),
        }
    }
}
