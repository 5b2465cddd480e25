//! What the device has to say when it is polled.

use std::collections::VecDeque;

use super::event::{PdEvent, ReportId, ReportsFull};
use crate::osdp::reply::Reply;
use crate::osdp::time::Mono;

/// How many reports may wait.
pub const MAX_REPORTS: usize = 32;

/// How long a report may wait, in microseconds. A card shown to a panel that comes back minutes
/// later must not open a door to an empty street.
pub const REPORT_AGE_US: u64 = 10_000_000;

#[derive(Debug, Clone, Copy)]
struct Report {
    id: ReportId,
    reply: Reply,
    at: Mono,
}

/// Reports, first in, first out, and the one that is on its way.
#[derive(Debug, Default)]
pub(super) struct Reports {
    waiting: VecDeque<Report>,
    on_its_way: Option<ReportId>,
    next: u64,
}

impl Reports {
    pub(super) fn push(&mut self, reply: Reply, at: Mono) -> Result<ReportId, ReportsFull> {
        if self.waiting.len() >= MAX_REPORTS {
            return Err(ReportsFull { limit: MAX_REPORTS });
        }
        let id = ReportId(self.next);
        self.next += 1;
        self.waiting.push_back(Report { id, reply, at });
        Ok(id)
    }

    /// The next report, which is now on its way.
    pub(super) fn take(&mut self, now: Mono, events: &mut VecDeque<PdEvent>) -> Option<Reply> {
        while let Some(report) = self.waiting.pop_front() {
            if now.since_us(report.at) <= REPORT_AGE_US {
                self.on_its_way = Some(report.id);
                return Some(report.reply);
            }
            events.push_back(PdEvent::Dropped(report.id));
        }
        None
    }

    /// The panel has it.
    pub(super) fn on_delivered(&mut self, events: &mut VecDeque<PdEvent>) {
        events.extend(self.on_its_way.take().map(PdEvent::Delivered));
    }

    /// Whether the panel has it will never be known.
    pub(super) fn on_restart(&mut self, events: &mut VecDeque<PdEvent>) {
        events.extend(self.on_its_way.take().map(PdEvent::Dropped));
    }
}
