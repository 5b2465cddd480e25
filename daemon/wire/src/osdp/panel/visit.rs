//! Asking a PD that is not configured who it is.

use super::ControlPanel;
use super::config::{PdConfig, Security};
use super::link::{Link, Stage};
use crate::osdp::address::Address;
use crate::osdp::frame::Check;
use crate::osdp::identity::{Capabilities, PdId};
use crate::osdp::time::{Baud, Mono};

/// What was found where nobody is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// The address asked.
    pub address: Address,
    /// The baud rate asked at.
    pub baud: Baud,
    /// Who answered.
    pub visited: Visited,
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visited {
    /// Nobody.
    Nobody,
    /// Something that could not be read: two PDs with one address, or noise.
    Garbled,
    /// A PD. It was asked in clear, and nobody has proved anything.
    Pd {
        /// Who it says it is.
        id: PdId,
        /// What it says it can do.
        capabilities: Option<Capabilities>,
    },
}

impl ControlPanel {
    /// Asks the PD at `address` at `baud` who it is, in clear and once, when the configured PDs leave
    /// a moment for it; its answer is waited for up to `window_us`. Says whether it is asked: one
    /// visit goes on at a time. [`ControlPanel::poll_visit`] has the result.
    ///
    /// It is not for the configured PDs that are online: it would end their sessions.
    pub fn visit(&mut self, now: Mono, address: Address, baud: Baud, window_us: u64) -> bool {
        let is_free = self.visited.is_none() && self.links.len() == self.configured;
        if is_free {
            let config = PdConfig {
                address,
                security: Security::Clear,
                candidates: Vec::new(),
                check: Check::Crc,
            };
            let mut link = Link::new(config, baud, now);
            link.visit_us = Some(window_us);
            self.links.push(link);
        }
        is_free
    }

    /// What came of the visit, once.
    pub fn poll_visit(&mut self) -> Option<Visit> {
        self.visited.take()
    }

    /// Gives the visit up.
    pub fn end_visit(&mut self, now: Mono) {
        let is_waited_for =
            matches!(self.line, super::Line::Waiting(wait) if wait.link >= self.configured);
        if is_waited_for {
            self.end_wait(now);
        }
        self.links.truncate(self.configured);
        self.visited = None;
    }

    /// A wait has ended without a reply; if it was a visit's, so has the visit.
    pub(super) fn end_visit_in_vain(&mut self, at: usize, is_heard: bool) {
        let Some(link) = self.visitor(at) else { return };
        let visited = match link.stage {
            Stage::Absent if is_heard => Visited::Garbled,
            Stage::Absent => Visited::Nobody,
            _ => Visited::Pd {
                id: link.id,
                capabilities: None,
            },
        };
        self.leave(visited);
    }

    /// A reply has come; if the PD that is visited has told all, the visit ends before it is polled.
    pub(super) fn end_visit_at_home(&mut self, at: usize) {
        let found = self.visitor(at).filter(|link| link.is_online());
        if let Some(link) = found {
            let visited = Visited::Pd {
                id: link.id,
                capabilities: link.capabilities,
            };
            self.leave(visited);
        }
    }

    fn visitor(&self, at: usize) -> Option<&Link> {
        self.links.get(at).filter(|_| at >= self.configured)
    }

    fn leave(&mut self, visited: Visited) {
        if let Some(link) = self.links.pop() {
            self.visited = Some(Visit {
                address: link.address,
                baud: link.home,
                visited,
            });
        }
        self.unheard.clear();
    }
}
