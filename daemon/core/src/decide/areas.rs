//! Rules 15 to 18: what an area asks of whoever comes in.

use super::rules::{AtDoor, Case, Denial};
use super::site::SiteState;
use super::trace::{Rule, Trace};
use crate::event::{Direction, Reason};
use crate::ids::{AreaId, DoorId, UserId};
use crate::model::{Interlock, Passback, TwoPerson};
use crate::view::{AccessView, AreaFacts, DoorAreas};

impl<V: AccessView, S: SiteState, T: Trace> Case<'_, V, S, T> {
    pub(super) fn area_rules(
        &mut self,
        door: AtDoor<V::Door>,
        direction: Direction,
        user: UserId,
    ) -> Result<(), Denial> {
        let areas = self.view.areas(door.name)?;
        if areas == DoorAreas::default() {
            return Ok(());
        }
        let entered = areas.inside.filter(|_| direction == Direction::Entry);
        if let Some(area) = entered {
            self.anti_passback(&area, areas.outside.map(|outside| outside.id), user)?;
        }
        self.interlock(&areas, door.id, direction)?;
        if let Some(area) = entered {
            self.two_person(&area, door.id, user)?;
            self.occupancy(&area)?;
        }
        Ok(())
    }

    fn anti_passback(
        &mut self,
        area: &AreaFacts,
        from: Option<AreaId>,
        user: UserId,
    ) -> Result<(), Denial> {
        let rule = Rule::AntiPassback;
        let id = area.id;
        let Some(at) = self.site.location(user) else {
            return self.rule(
                rule,
                None,
                format_args!("it is not known where user {user} is"),
            );
        };
        let since_s = self.clock.wall().since_ms(at.since) / 1_000;
        if at.area == Some(id) && since_s < i64::from(area.passback_s) {
            let facts = format_args!(
                "came in to area {id} {since_s} s ago, again after {} s",
                area.passback_s
            );
            return self.rule(rule, Some(Reason::AntiPassbackTimed), facts);
        }
        let astray = from.is_some() && at.area != from;
        let violated = area.passback != Passback::Off && (at.area == Some(id) || astray);
        self.notes.passback = violated && area.passback == Passback::Soft;
        let denied = (violated && area.passback == Passback::Hard).then_some(Reason::AntiPassback);
        let whereabouts = Whereabouts(at.area);
        self.rule(rule, denied, format_args!("user {user} is {whereabouts}"))
    }

    fn interlock(
        &mut self,
        areas: &DoorAreas,
        door: DoorId,
        direction: Direction,
    ) -> Result<(), Denial> {
        for area in [areas.inside, areas.outside].into_iter().flatten() {
            let asked = match area.interlock {
                Interlock::Off => false,
                Interlock::Entry => direction == Direction::Entry,
                Interlock::Both => true,
            };
            if !asked {
                continue;
            }
            let id = area.id;
            // Nobody is kept in for a contact that is not seen.
            let unseen = match direction {
                Direction::Entry => self.site.unseen_beside(id, door),
                Direction::Exit => None,
            };
            match (self.site.open_beside(id, door), unseen) {
                (None, None) => {
                    let facts = format_args!("the other doors of area {id} are closed");
                    self.rule(Rule::Interlock, None, facts)?;
                }
                (None, Some(unseen)) => {
                    let facts = format_args!(
                        "it cannot be seen whether door {unseen} of area {id} is closed"
                    );
                    self.rule(Rule::Interlock, Some(Reason::Interlock), facts)?;
                }
                (Some(open), _) => {
                    let facts = format_args!("door {open} of area {id} is open or unlocked");
                    self.rule(Rule::Interlock, Some(Reason::Interlock), facts)?;
                }
            }
        }
        Ok(())
    }

    fn two_person(&mut self, area: &AreaFacts, door: DoorId, user: UserId) -> Result<(), Denial> {
        let needed = match area.two_person {
            TwoPerson::Off => return Ok(()),
            TwoPerson::WhileEmpty => self.site.occupants(area.id) == 0,
            TwoPerson::Always => true,
        };
        let rule = Rule::TwoPerson;
        if !needed {
            return self.rule(rule, None, format_args!("somebody is inside already"));
        }
        match self.site.first_of_two(door) {
            Some(first) if first != user => {
                self.notes.first_of_two = Some(first);
                self.rule(rule, None, format_args!("user {first} waits at the door"))
            }
            _ => {
                let facts = format_args!("nobody else waits at the door");
                self.rule(rule, Some(Reason::SecondPersonNeeded), facts)
            }
        }
    }

    fn occupancy(&mut self, area: &AreaFacts) -> Result<(), Denial> {
        let Some(most) = area.occupancy_max else {
            return Ok(());
        };
        let inside = self.site.occupants(area.id);
        // The first of two is let in by the second.
        let coming = 1 + u32::from(self.notes.first_of_two.is_some());
        let full = inside.saturating_add(coming) > most;
        let facts = format_args!("{inside} of {most} are inside");
        self.rule(Rule::Occupancy, full.then_some(Reason::AreaFull), facts)
    }
}

/// Where somebody is, as text.
struct Whereabouts(Option<AreaId>);

impl core::fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Some(area) => write!(f, "in area {area}"),
            None => f.write_str("outside"),
        }
    }
}
