//! What a passage brings about beyond unlocking once: holding open, the first one in, activation.

use super::Controller;
use super::config::DOUBLE_BADGE_MS;
use super::door::{Beyond, DoorMachine, LastGrant};
use super::kept::Hold;
use crate::decide::{Decision, OpenKey, keys_that_open};
use crate::event::Direction;
use crate::ids::{CredentialId, DoorId, ReaderIx};
use crate::model::{CredentialState, DoorMode};
use crate::time::Wall;
use crate::view::AccessView;

impl Controller {
    /// What a grant at a door brings about. Looks at the user's keys only where something hangs on
    /// them.
    pub(super) fn beyond<V: AccessView>(
        &mut self,
        at: ReaderIx,
        door: DoorId,
        direction: Direction,
        decision: &Decision,
        view: &V,
    ) -> Beyond {
        let double = self.is_double_badge(at, door, decision.matched.credential);
        let Some(machine) = self.doors.get(&door) else {
            return Beyond::default();
        };
        let mut beyond = Beyond {
            exempt: machine.mode() == DoorMode::Lockdown,
            ..Beyond::default()
        };
        let first = direction == Direction::Entry && machine.awaits_first();
        let pending = machine.door.pending_plan.is_some();
        let may_hold = double && machine.mode() == DoorMode::Normal && self.clock_counts();
        let (true, Some(user)) = (first || pending || may_hold, decision.matched.user) else {
            return beyond;
        };
        let mut hold: Option<Hold> = None;
        let looked = keys_that_open(view, user, door, self.fx.now, self.config.policy, |key| {
            let plan = machine.door.plan.as_ref();
            beyond.begins_hours |=
                first && plan.is_some_and(|plan| plan.first_in.contains(&key.id));
            beyond.activates |= pending && key.powers.activates_plans;
            if may_hold && key.powers.may_hold_open {
                let until = self.hold_limit(machine, &key);
                if hold.is_none_or(|best| best.until < until) {
                    hold = Some(Hold {
                        until,
                        user,
                        credential: decision.matched.credential,
                        key: key.id,
                    });
                }
            }
        });
        if looked.is_err() {
            // A table that cannot be read allows nothing beyond what was decided.
            return Beyond {
                exempt: beyond.exempt,
                ..Beyond::default()
            };
        }
        let valid_until = decision
            .matched
            .credential
            .and_then(|id| view.credential(id).ok().flatten())
            .and_then(|credential| credential.validity.until);
        beyond.gesture = hold
            .map(|hold| Hold {
                until: valid_until.map_or(hold.until, |valid| hold.until.min(valid)),
                ..hold
            })
            .filter(|hold| hold.until > self.fx.now.wall);
        if beyond.gesture.is_some()
            && let Some(machine) = self.doors.get_mut(&door)
        {
            machine.last_grant = None;
        }
        beyond
    }

    /// Whether a grant is the second one of a double badge; notes it as the first of the next.
    fn is_double_badge(
        &mut self,
        at: ReaderIx,
        door: DoorId,
        credential: Option<CredentialId>,
    ) -> bool {
        let now = self.fx.now.mono;
        let (Some(machine), Some(credential)) = (self.doors.get_mut(&door), credential) else {
            return false;
        };
        let grant = LastGrant {
            credential,
            at,
            when: now,
        };
        let Some(last) = machine.last_grant else {
            machine.last_grant = Some(grant);
            return false;
        };
        let passed_ms = now.since_us(last.when) / 1_000;
        let same = (last.credential, last.at) == (credential, at);
        if same && passed_ms < *DOUBLE_BADGE_MS.start() {
            // The same showing read twice is no second one, and does not make it last longer.
            return false;
        }
        machine.last_grant = Some(grant);
        same && DOUBLE_BADGE_MS.contains(&passed_ms)
    }

    /// Until when a key lets its holder hold a door open that is opened now.
    fn hold_limit(&self, machine: &DoorMachine, key: &OpenKey) -> Wall {
        let now = self.fx.now.wall;
        let day = now.plus_ms(machine.door.hold_open_ms.into());
        // A schedule that is not known here any more allows nothing.
        let closes = |schedule| self.calendar.closes(schedule, now).unwrap_or(now);
        let closes = key.schedule.map(closes);
        [Some(day), key.until, closes]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(now)
    }

    /// After a change of the table: holds that are not allowed any more end, others no later than
    /// they may now.
    pub(super) fn look_at_holds<V: AccessView>(&mut self, view: &V) {
        let held: Vec<(DoorId, Hold)> = self
            .doors
            .iter()
            .filter_map(|(id, machine)| Some((*id, *machine.hold()?)))
            .collect();
        for (door, hold) in held {
            let Some(machine) = self.doors.get(&door) else {
                continue;
            };
            let mut allowed = None;
            let looked = keys_that_open(
                view,
                hold.user,
                door,
                self.fx.now,
                self.config.policy,
                |key| {
                    if key.id == hold.key && key.powers.may_hold_open {
                        allowed = Some(self.hold_limit(machine, &key));
                    }
                },
            );
            let shown = hold
                .credential
                .and_then(|id| view.credential(id).ok().flatten());
            let lost = shown.is_some_and(|shown| shown.state != CredentialState::Active);
            let until = match (looked, allowed) {
                (Ok(()), Some(until)) if !lost => until.min(hold.until),
                // What cannot be read now was allowed when it could be.
                (Err(_), _) => hold.until,
                _ => self.fx.now.wall,
            };
            if let Some(machine) = self.doors.get_mut(&door) {
                machine.limit_hold(&mut self.fx, until);
            }
        }
    }
}
