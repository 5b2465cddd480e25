use std::collections::BTreeSet;

use super::config::STORAGE_QUIET_MS;
use super::effects::Effects;
use super::io::RecordToken;
use crate::alarm::{AlarmKind, AlarmSubject};
use crate::time::Mono;

/// The most late records remembered. Of more, the rest is not waited for before the alarm ends.
const LATE_MAX: usize = 1_024;

/// Whether storage keeps up with the doors.
#[derive(Debug, Default)]
pub(super) struct Storage {
    /// Records that were not durable when their door opened, and still are not.
    late: BTreeSet<RecordToken>,
    /// When the alarm may end, if nothing is late then.
    quiet_at: Option<Mono>,
}

impl Storage {
    pub(super) fn is_late(&mut self, fx: &mut Effects, token: RecordToken) {
        if self.late.len() < LATE_MAX {
            self.late.insert(token);
        }
        self.quiet_at = Some(fx.now.mono.plus_ms(STORAGE_QUIET_MS));
        fx.raise(AlarmKind::StorageFailing, AlarmSubject::Appliance);
    }

    pub(super) fn recorded(&mut self, fx: &mut Effects, token: RecordToken) {
        if self.late.remove(&token) {
            // Durable at last, but late: the quiet begins only now.
            self.quiet_at = Some(fx.now.mono.plus_ms(STORAGE_QUIET_MS));
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        self.quiet_at.filter(|_| self.late.is_empty())
    }

    pub(super) fn handle_timeout(&mut self, fx: &mut Effects) {
        if self.poll_timeout().is_some_and(|at| at <= fx.now.mono) {
            self.quiet_at = None;
            fx.clear(AlarmKind::StorageFailing, AlarmSubject::Appliance);
        }
    }
}
