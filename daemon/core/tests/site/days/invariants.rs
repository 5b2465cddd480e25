//! What must hold after each step, and at each event.

use doorward_core::controller::{LockState, RecordToken, StandsUnlocked};
use doorward_core::event::{Event, EventKind};
use doorward_core::model::{Door, DoorMode, FailMode};
use doorward_core::time::ClockTrust;

use super::{Coil, Days};
use crate::naive::Naive;

/// Longer than any record deadline here: an unlock may come this long after its event.
const DEADLINE_MS: u64 = 20;

impl Days {
    pub(super) fn record(&mut self, token: RecordToken, event: &Event) {
        if token.0 != self.next_token {
            self.break_rule("events_are_numbered: a number is left out or given twice");
        }
        self.next_token = token.0 + 1;
        self.met.insert(format!("{:?}", event.kind));
        self.unacked.push(token);
        let decided = matches!(event.kind, EventKind::Granted | EventKind::Denied);
        if decided
            && let Some((door, reason)) = self.expected.take()
            && (event.door, event.reason) != (door, Some(reason))
        {
            let what = format!("decided_as_the_text_says: {reason:?} was expected, not {event:?}");
            self.break_rule(&what);
        }
        if event.kind == EventKind::Granted {
            self.lawful(event);
        }
        let unlocks = matches!(
            event.kind,
            EventKind::Granted | EventKind::UnlockedByOperator | EventKind::ExitRequested
        );
        if let (true, Some(door)) = (unlocks, event.door) {
            let record = self.doors().find(|one| one.id == door);
            let longest = record.map_or(0, |one| one.unlock_ms.max(one.extended_unlock_ms));
            let until = self.mono.plus_ms(u64::from(longest) + DEADLINE_MS);
            if let Some(outside) = self.outside.get_mut(&door) {
                outside.allowed_until = outside.allowed_until.max(until);
            }
        }
    }

    /// Whoever was let in had a key that opens this door now.
    pub(super) fn lawful(&mut self, event: &Event) {
        let at = (event.door, event.user, event.key, event.direction);
        let (Some(door), Some(user), Some(key), Some(direction)) = at else {
            self.break_rule("grants_say_by_what: no door, user, key or direction");
            return;
        };
        let naive = Naive::new(&self.site);
        if let Some(why) = naive.unlawful(door, user, key, direction, self.now()) {
            let what = format!("a_key_out_of_force_opens_nothing: {why:?} {event:?}");
            self.break_rule(&what);
        }
    }

    pub(super) fn is_unlocked(&self, door: &Door) -> bool {
        let energised = match self.outside[&door.id].coil {
            Coil::Off => false,
            Coil::On => true,
            Coil::Until(until) => self.mono < until,
        };
        energised == (door.fail_mode == FailMode::Secure)
    }

    /// What is wrong, with all that led to it.
    pub(crate) fn invariants(&mut self) -> Result<(), String> {
        if self.board_online {
            for door in self.doors().collect::<Vec<_>>() {
                self.unlocked_only_for_a_cause(&door);
                self.nobody_is_kept_in(&door);
                self.status_tells_the_lock(&door);
            }
        }
        match self.broken.take() {
            None => Ok(()),
            Some(broken) => Err(format!("{broken}\n{}", self.history.join("\n"))),
        }
    }

    pub(super) fn unlocked_only_for_a_cause(&mut self, door: &Door) {
        let outside = &self.outside[&door.id];
        let naive = Naive::new(&self.site);
        let mode = naive.mode_in_force(door);
        let stands = self.told.get(&door.id).and_then(|status| status.stands);
        let kept = self.kept.get(&door.id);
        let wall = self.now().wall;
        let cause = match stands {
            _ if outside.rex || self.mono <= outside.allowed_until => true,
            None => false,
            Some(StandsUnlocked::Fire) => outside.fire || kept.is_some_and(|kept| kept.fire),
            Some(StandsUnlocked::EmergencyOpen) => mode == DoorMode::EmergencyOpen,
            Some(StandsUnlocked::Mode) => mode == DoorMode::Unlocked,
            Some(StandsUnlocked::Hold) => kept
                .and_then(|kept| kept.hold)
                .is_some_and(|hold| wall < hold.until && naive.may_hold(hold.key)),
            Some(StandsUnlocked::Plan) => {
                self.trust == ClockTrust::Trusted && naive.plan_is_open(door, wall)
            }
        };
        if self.is_unlocked(door) && !cause {
            let what = format!(
                "unlocked_only_for_a_cause: {:?} {stands:?} {mode:?}",
                door.id
            );
            self.break_rule(&what);
        }
    }

    pub(super) fn nobody_is_kept_in(&mut self, door: &Door) {
        let outside = &self.outside[&door.id];
        let mode = Naive::new(&self.site).mode_in_force(door);
        let must = outside.rex || outside.fire || mode == DoorMode::EmergencyOpen;
        if must && !self.is_unlocked(door) {
            let what = format!("nobody_is_kept_in: {:?} {mode:?} {outside:?}", door.id);
            self.break_rule(&what);
        }
    }

    pub(super) fn status_tells_the_lock(&mut self, door: &Door) {
        let told = self.told.get(&door.id);
        let unlocked = told.is_some_and(|status| status.lock == LockState::Unlocked);
        let open = told.and_then(|status| status.open);
        if unlocked != self.is_unlocked(door) || open != Some(self.outside[&door.id].open) {
            let what = format!("status_tells_the_lock: {told:?}");
            self.break_rule(&what);
        }
    }
}
