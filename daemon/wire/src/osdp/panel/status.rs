//! The states of a PD that the caller has been told, so that only changes are.

use super::event::LinkEvent;
use crate::osdp::command::Command;
use crate::osdp::reply::{LocalStatus, Points};

/// What is known, and what is still to be asked.
#[derive(Debug, Default)]
pub(crate) struct Known {
    local: Option<LocalStatus>,
    inputs: Option<Points>,
    outputs: Option<Points>,
    readers: Option<Points>,
    wants_local: bool,
    wants_inputs: bool,
}

impl Known {
    /// Nothing yet; tamper, power and the inputs, if it has some, are asked for.
    pub(super) fn at_start(has_inputs: bool) -> Self {
        Self {
            wants_local: true,
            wants_inputs: has_inputs,
            ..Self::default()
        }
    }

    pub(super) const fn next_question(&self) -> Option<Command> {
        if self.wants_local {
            Some(Command::LocalStatus)
        } else if self.wants_inputs {
            Some(Command::InputStatus)
        } else {
            None
        }
    }

    /// The question was asked and has had its answer, whatever it was.
    pub(super) const fn on_answer(&mut self) {
        if self.wants_local {
            self.wants_local = false;
        } else {
            self.wants_inputs = false;
        }
    }

    pub(super) fn local(&mut self, status: LocalStatus) -> Option<LinkEvent> {
        changed(&mut self.local, status).then_some(LinkEvent::LocalStatus(status))
    }

    pub(super) fn inputs(&mut self, points: Points) -> Option<LinkEvent> {
        changed(&mut self.inputs, points).then_some(LinkEvent::Inputs(points))
    }

    pub(super) fn outputs(&mut self, points: Points) -> Option<LinkEvent> {
        changed(&mut self.outputs, points).then_some(LinkEvent::Outputs(points))
    }

    pub(super) fn readers(&mut self, points: Points) -> Option<LinkEvent> {
        changed(&mut self.readers, points).then_some(LinkEvent::Readers(points))
    }
}

fn changed<T: PartialEq>(known: &mut Option<T>, now: T) -> bool {
    let is_new = known.as_ref() != Some(&now);
    *known = Some(now);
    is_new
}
