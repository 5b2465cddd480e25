//! What holds a door unlocked or locked beyond a moment: its mode, fire, a holder, its plan.

use super::super::effects::Effects;
use super::super::hours::Calendar;
use super::super::io::{Output, PlanHours, StandsUnlocked};
use super::super::kept::{Hold, KeptState};
use super::{Cause, DoorMachine, Passage};
use crate::decide::Rex;
use crate::event::EventKind;
use crate::ids::{Actor, BoardIx};
use crate::model::{DoorMode, UnlockPlan};
use crate::time::Wall;

/// How a door stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The mode in force: the door's own, or that of a group or place.
    mode: DoorMode,
    /// The fire input is away from rest, or was when last seen.
    fire: bool,
    /// A change of `fire` that nobody has been told of.
    fire_untold: bool,
    hold: Option<Hold>,
    hours: PlanHours,
    /// When somebody came in with whom these hours began.
    first_in: Option<Wall>,
    /// When the hours must be looked at again.
    look_at: Option<Wall>,
    /// What is kept over a restart, as last said.
    kept: KeptState,
}

/// What a passage brings about beyond unlocking once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in super::super) struct Beyond {
    /// It was granted in a lockdown, by a key that is exempt.
    pub(in super::super) exempt: bool,
    /// Whoever enters begins the hours of the plan.
    pub(in super::super) begins_hours: bool,
    /// It puts the pending plan in force.
    pub(in super::super) activates: bool,
    /// A double badge of somebody who may hold the door open.
    pub(in super::super) gesture: Option<Hold>,
}

impl DoorMachine {
    /// Why the door stands unlocked, if it does.
    pub(super) const fn stands(&self) -> Option<StandsUnlocked> {
        let standing = &self.standing;
        match standing.mode {
            _ if standing.fire => Some(StandsUnlocked::Fire),
            DoorMode::EmergencyOpen => Some(StandsUnlocked::EmergencyOpen),
            DoorMode::Unlocked => Some(StandsUnlocked::Mode),
            DoorMode::Locked | DoorMode::Lockdown => None,
            DoorMode::Normal => match standing.hours {
                PlanHours::ClockNotTrusted => None,
                _ if standing.hold.is_some() => Some(StandsUnlocked::Hold),
                PlanHours::Open => Some(StandsUnlocked::Plan),
                PlanHours::Closed | PlanHours::AwaitsFirst => None,
            },
        }
    }

    pub(super) const fn stands_unlocked(&self) -> bool {
        self.stands().is_some()
    }

    /// Whether whoever would be let in otherwise is kept out. Fire keeps nobody anywhere.
    pub(in super::super) const fn keeps_out(&self) -> bool {
        self.standing.mode.keeps_out() && !self.standing.fire
    }

    /// Whether the mode in force ends what was begun for this.
    pub(super) fn is_forbidden(&self, cause: &Cause) -> bool {
        let exempt = matches!(cause, Cause::Grant(passage) if passage.beyond.exempt);
        self.keeps_out() && !(self.standing.mode == DoorMode::Lockdown && exempt)
    }

    pub(in super::super) const fn mode(&self) -> DoorMode {
        self.standing.mode
    }

    pub(super) const fn held_until(&self) -> Option<Wall> {
        match &self.standing.hold {
            Some(hold) => Some(hold.until),
            None => None,
        }
    }

    pub(super) const fn plan_hours(&self) -> Option<PlanHours> {
        match &self.door.plan {
            Some(_) => Some(self.standing.hours),
            None => None,
        }
    }

    pub(in super::super) const fn awaits_first(&self) -> bool {
        matches!(self.standing.hours, PlanHours::AwaitsFirst)
    }

    /// Whether the request-to-exit input is wired, and its board tells it.
    pub(in super::super) const fn rex_seen(&self) -> Rex {
        if self.wiring.rex.is_some() && self.rex_told {
            Rex::Seen
        } else {
            Rex::Unseen
        }
    }

    /// Takes over what was kept over a restart. Called before the start.
    pub(in super::super) fn restore(&mut self, kept: KeptState) {
        self.standing.hold = kept.hold;
        self.standing.first_in = kept.first_in;
        self.standing.fire = kept.fire && self.door.wiring.fire.is_some();
        self.standing.kept = kept;
    }

    /// Puts a mode in force.
    pub(in super::super) fn set_mode(&mut self, fx: &mut Effects, mode: DoorMode) {
        if mode == self.standing.mode {
            return;
        }
        self.standing.mode = mode;
        self.mode_changed(fx);
        let mut event = self.event(fx, EventKind::ModeChanged);
        event.mode = Some(mode);
        event.actor.clone_from(&fx.changed_by);
        fx.record(event);
        if mode.keeps_out() {
            // What was begun before does not go on behind somebody's back when it is over.
            self.end_hold(fx, None);
            self.standing.first_in = None;
            if !self.begins_at_once() && self.standing.hours == PlanHours::Open {
                self.set_hours(fx, PlanHours::AwaitsFirst);
            }
        }
        self.watch_opening_again(fx);
        self.show_steady(fx);
        self.keep(fx);
    }

    /// The mode that the door has before anything is driven.
    pub(in super::super) const fn begin_in(&mut self, mode: DoorMode) {
        self.standing.mode = mode;
    }

    /// Drives the relay and shows it, where the door stood otherwise before.
    fn stood_before(&mut self, fx: &mut Effects, before: Option<StandsUnlocked>) {
        if before.is_some() != self.stands_unlocked() {
            self.drive(fx);
            self.show_steady(fx);
            self.watch_opening_again(fx);
        }
    }

    // Fire.

    /// Releases the door for fire, or notes that it is over: the relay first. What there is to tell
    /// comes with [`Self::tell_fire`].
    pub(in super::super) fn fire_level(&mut self, fx: &mut Effects, board: BoardIx, levels: u64) {
        let Some(input) = self.wiring.fire.filter(|at| at.board == board) else {
            return;
        };
        let fire = input.is_active(levels);
        if fire != self.standing.fire {
            self.standing.fire = fire;
            self.standing.fire_untold = true;
            self.drive(fx);
        }
    }

    pub(in super::super) fn tell_fire(&mut self, fx: &mut Effects) {
        if !core::mem::take(&mut self.standing.fire_untold) {
            return;
        }
        self.keep(fx);
        let kind = match self.standing.fire {
            true => EventKind::FireReleased,
            false => EventKind::FireEnded,
        };
        fx.record(self.event(fx, kind));
        self.watch_opening_again(fx);
        self.show_steady(fx);
    }

    /// A fire input that is not wired any more releases nothing.
    pub(super) fn fire_unwired(&mut self, fx: &mut Effects) {
        if self.wiring.fire.is_none() && self.standing.fire {
            self.standing.fire = false;
            self.standing.fire_untold = true;
            self.drive(fx);
            self.tell_fire(fx);
        }
    }

    pub(in super::super) const fn is_on_fire(&self) -> bool {
        self.standing.fire
    }

    // Holding open.

    /// What the passage brings about, once it is carried out.
    pub(super) fn go_beyond(&mut self, fx: &mut Effects, passage: &Passage) {
        let Beyond {
            activates, gesture, ..
        } = passage.beyond;
        if let (true, Some(plan)) = (activates, &self.door.pending_plan) {
            fx.push(Output::ActivatePlan {
                door: self.id(),
                plan: UnlockPlan::clone(plan),
                user: passage.user,
            });
        }
        match gesture {
            Some(_) if self.standing.hold.is_some() => {
                self.end_unlock(fx);
                self.end_hold(fx, Some(passage));
            }
            Some(hold) => self.begin_hold(fx, hold, passage),
            None => {}
        }
        // Where no contact says that somebody went in, being let in is all there is to see.
        if self.contact.is_open() != Some(false) {
            self.came_in(fx, passage);
        }
    }

    fn begin_hold(&mut self, fx: &mut Effects, hold: Hold, passage: &Passage) {
        if self.standing.mode != DoorMode::Normal {
            return;
        }
        let before = self.stands();
        self.standing.hold = Some(hold);
        self.keep(fx);
        let mut event = self.event(fx, EventKind::HoldBegan);
        passage.sign(&mut event);
        event.key = Some(hold.key);
        fx.record(event);
        self.stood_before(fx, before);
    }

    /// Ends a hold; `by` says whose gesture did.
    pub(in super::super) fn end_hold(&mut self, fx: &mut Effects, by: Option<&Passage>) {
        let before = self.stands();
        let Some(hold) = self.standing.hold.take() else {
            return;
        };
        self.keep(fx);
        let mut event = self.event(fx, EventKind::HoldEnded);
        match by {
            Some(passage) => passage.sign(&mut event),
            None => (event.user, event.key) = (Some(hold.user), Some(hold.key)),
        }
        fx.record(event);
        self.stood_before(fx, before);
    }

    /// Ends a hold earlier, or now.
    pub(in super::super) fn limit_hold(&mut self, fx: &mut Effects, until: Wall) {
        if until <= fx.now.wall {
            self.end_hold(fx, None);
        } else if let Some(hold) = &mut self.standing.hold {
            hold.until = until;
            self.keep(fx);
        }
    }

    /// Locks at once, as far as anybody but an operator may be kept out.
    pub(in super::super) fn relock(&mut self, fx: &mut Effects, actor: Actor) {
        let mut event = self.event(fx, EventKind::RelockedByOperator);
        event.actor = Some(actor);
        fx.record(event);
        self.end_unlock(fx);
        self.end_hold(fx, None);
    }

    pub(in super::super) const fn hold(&self) -> Option<&Hold> {
        self.standing.hold.as_ref()
    }

    // The plan.

    /// Somebody came in.
    pub(super) fn came_in(&mut self, fx: &mut Effects, passage: &Passage) {
        if passage.beyond.begins_hours && self.awaits_first() {
            self.standing.first_in = Some(fx.now.wall);
            self.keep(fx);
            self.set_hours(fx, PlanHours::Open);
        }
    }

    /// Another plan was put in force: its hours begin anew.
    pub(super) fn plan_replaced(&mut self, fx: &mut Effects) {
        self.standing.first_in = None;
        self.keep(fx);
        let mut event = self.event(fx, EventKind::PlanActivated);
        event.user = None;
        fx.record(event);
    }

    /// Looks at the plan's hours, and at how long the door is held open.
    pub(in super::super) fn look_at_hours(
        &mut self,
        fx: &mut Effects,
        calendar: &Calendar,
        clock_counts: bool,
    ) {
        let now = fx.now.wall;
        if !clock_counts {
            self.standing.look_at = None;
            self.set_hours(fx, PlanHours::ClockNotTrusted);
            return;
        }
        if self.standing.hold.is_some_and(|hold| hold.until <= now) {
            self.end_hold(fx, None);
        }
        let (hours, until) = match &self.door.plan {
            None => (PlanHours::Closed, None),
            Some(plan) => {
                let reading = calendar.reading(plan, now);
                let begun = self.begins_at_once()
                    || (self.standing.first_in)
                        .is_some_and(|since| calendar.are_hours_since(plan, since, now));
                let hours = match (reading.open, begun) {
                    (false, _) => PlanHours::Closed,
                    (true, false) => PlanHours::AwaitsFirst,
                    (true, true) => PlanHours::Open,
                };
                (hours, reading.until)
            }
        };
        if hours != PlanHours::Open && self.standing.first_in.take().is_some() {
            self.keep(fx);
        }
        self.standing.look_at = until;
        self.set_hours(fx, hours);
    }

    /// When its hours must be looked at again.
    pub(in super::super) fn look_at(&self) -> Option<Wall> {
        if self.standing.hours == PlanHours::ClockNotTrusted {
            return None;
        }
        let held = self.standing.hold.map(|hold| hold.until);
        [self.standing.look_at, held].into_iter().flatten().min()
    }

    fn begins_at_once(&self) -> bool {
        let plan = self.door.plan.as_ref();
        plan.is_none_or(|plan| plan.first_in.is_empty())
    }

    fn set_hours(&mut self, fx: &mut Effects, hours: PlanHours) {
        if hours == self.standing.hours {
            return;
        }
        let before = self.stands();
        let was_open = self.standing.hours == PlanHours::Open;
        self.standing.hours = hours;
        match (was_open, hours) {
            (_, PlanHours::Open) => drop(fx.record(self.event(fx, EventKind::PlanBegan))),
            (true, _) => drop(fx.record(self.event(fx, EventKind::PlanEnded))),
            _ => {}
        }
        self.stood_before(fx, before);
    }

    /// Says what must be kept over a restart, where that has changed.
    fn keep(&mut self, fx: &mut Effects) {
        let standing = &mut self.standing;
        let state = KeptState {
            hold: standing.hold,
            first_in: standing.first_in,
            fire: standing.fire,
        };
        if state != standing.kept {
            standing.kept = state.clone();
            let door = self.door.id;
            fx.push(Output::Keep { door, state });
        }
    }
}
