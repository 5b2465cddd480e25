//! What went on at the site at an earlier time, as far as the passage log tells.

use std::collections::{BTreeMap, BTreeSet};

use super::site::{Location, SiteMap};
use crate::controller::{PIN_LOCKOUT_MS, PIN_TRIES_MAX, PIN_TRIES_MS};
use crate::event::{Direction, Event, EventKind, Reason};
use crate::ids::{AreaId, CredentialId, DoorId, UserId};
use crate::model::{Door, DoorMode, Relock};
use crate::time::Wall;

/// How long somebody who was let in may have come in by an opening, in milliseconds: as the doors
/// themselves count it.
const PASSING_MS: i64 = 60_000;

/// The site while the events of a log are told to it, one after the other.
///
/// It knows what the events say: who came in where, which doors were open or unlocked, how many
/// wrong PINs there were with a card. It does not know what no event tells, such as a contact that
/// nobody saw, or a person whose data was erased.
#[derive(Debug, Default)]
pub struct SiteThen {
    doors: BTreeMap<DoorId, Door>,
    at: BTreeMap<DoorId, AtDoor>,
    locations: BTreeMap<UserId, Location>,
    tries: BTreeMap<CredentialId, Tries>,
}

/// What is known of one door.
#[derive(Debug, Default)]
struct AtDoor {
    open: bool,
    unlocked_until: Option<Wall>,
    /// What has it stand unlocked.
    stands: BTreeSet<Stands>,
    let_in: Vec<LetIn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stands {
    Mode,
    Plan,
    Hold,
    Fire,
}

/// Somebody who was let in, and is not known to have come in.
#[derive(Debug)]
struct LetIn {
    user: UserId,
    to: Option<AreaId>,
    at: Wall,
}

/// Wrong PINs with a card.
#[derive(Debug, Default)]
struct Tries {
    count: u8,
    last: Option<Wall>,
    locked_until: Option<Wall>,
}

impl SiteThen {
    /// A site of these doors, at which nothing has happened yet.
    #[must_use]
    pub fn new(doors: impl IntoIterator<Item = Door>) -> Self {
        Self {
            doors: doors.into_iter().map(|door| (door.id, door)).collect(),
            ..Self::default()
        }
    }

    /// The next event of the log.
    pub fn tell(&mut self, event: &Event) {
        match event.kind {
            EventKind::Started => self.at.clear(),
            EventKind::Forgiven => self.forgiven(event),
            EventKind::Denied if event.reason == Some(Reason::PinWrong) => self.wrong_pin(event),
            _ => {}
        }
        let Some(door) = event.door.and_then(|id| self.doors.get(&id)).cloned() else {
            return;
        };
        let at = self.at.entry(door.id).or_default();
        match event.kind {
            EventKind::Granted => self.granted(&door, event),
            EventKind::UnlockedByOperator | EventKind::ExitRequested => {
                at.unlocked_until = Some(event.at.plus_ms(door.unlock_ms.into()));
            }
            EventKind::Entered => {
                at.open = true;
                self.entered(door.id, event.at);
            }
            EventKind::ForcedOpen => at.open = true,
            EventKind::NotEntered => at.let_in.clear(),
            EventKind::Closed => {
                at.open = false;
                if door.relock == Relock::OnClose {
                    at.unlocked_until = None;
                }
            }
            EventKind::Denied => {
                at.let_in.retain(|each| Some(each.user) != event.user);
            }
            EventKind::RelockedByOperator => at.unlocked_until = None,
            EventKind::ModeChanged => {
                let unlocked = matches!(
                    event.mode,
                    Some(DoorMode::Unlocked | DoorMode::EmergencyOpen)
                );
                at.stand(Stands::Mode, unlocked);
            }
            EventKind::PlanBegan => at.stand(Stands::Plan, true),
            EventKind::PlanEnded => at.stand(Stands::Plan, false),
            EventKind::HoldBegan => at.stand(Stands::Hold, true),
            EventKind::HoldEnded => at.stand(Stands::Hold, false),
            EventKind::FireReleased => at.stand(Stands::Fire, true),
            EventKind::FireEnded => at.stand(Stands::Fire, false),
            _ => {}
        }
    }

    /// The site as the rules ask for it, after all that was told, at a time.
    #[must_use]
    pub fn site(&self, now: Wall) -> SiteMap {
        let mut map = SiteMap {
            locations: self.locations.clone(),
            ..SiteMap::default()
        };
        let inside = self.locations.values().filter_map(|each| each.area);
        let coming = self.at.values().flat_map(|at| &at.let_in);
        let coming = coming
            .filter(|each| each.is_coming(now) && self.area_of(each.user) != each.to)
            .filter_map(|each| each.to);
        for area in inside.chain(coming) {
            *map.occupants.entry(area).or_default() += 1;
        }
        for (id, at) in &self.at {
            let sides = self
                .doors
                .get(id)
                .map(|door| [door.inside, door.outside])
                .filter(|_| at.is_open_or_unlocked(now));
            for area in sides.into_iter().flatten().flatten() {
                map.open.entry(area).or_default().insert(*id);
            }
        }
        let locked = self.tries.iter().filter(|(_, tries)| {
            let until = tries.locked_until;
            until.is_some_and(|until| now < until)
        });
        map.locked_out = locked.map(|(credential, _)| *credential).collect();
        map
    }

    fn area_of(&self, user: UserId) -> Option<AreaId> {
        self.locations.get(&user)?.area
    }

    fn granted(&mut self, door: &Door, event: &Event) {
        if let Some(credential) = event.credential {
            self.tries.remove(&credential);
        }
        let at = self.at.entry(door.id).or_default();
        // The longer of the two: which one it was is the user's, who may have changed since.
        let unlock_ms = door.unlock_ms.max(door.extended_unlock_ms);
        at.unlocked_until = Some(event.at.plus_ms(unlock_ms.into()));
        let Some(user) = event.user else { return };
        let to = match event.direction.unwrap_or(Direction::Entry) {
            Direction::Entry => door.inside,
            Direction::Exit => door.outside,
        };
        at.let_in.retain(|each| each.user != user);
        let at_door = event.at;
        at.let_in.push(LetIn {
            user,
            to,
            at: at_door,
        });
        if door.wiring.contact.is_none() {
            self.entered(door.id, event.at);
        }
    }

    fn entered(&mut self, door: DoorId, now: Wall) {
        let between_areas = self
            .doors
            .get(&door)
            .is_some_and(|door| door.inside.is_some() || door.outside.is_some());
        let Some(at) = self.at.get_mut(&door) else {
            return;
        };
        for each in std::mem::take(&mut at.let_in) {
            if between_areas && each.is_coming(now) {
                let location = Location {
                    area: each.to,
                    since: now,
                };
                self.locations.insert(each.user, location);
            }
        }
    }

    fn forgiven(&mut self, event: &Event) {
        match (event.user, event.area) {
            (Some(user), _) => drop(self.locations.remove(&user)),
            (None, Some(area)) => self.locations.retain(|_, at| at.area != Some(area)),
            (None, None) => self.locations.clear(),
        }
    }

    fn wrong_pin(&mut self, event: &Event) {
        let Some(credential) = event.credential else {
            return;
        };
        let tries = self.tries.entry(credential).or_default();
        let apart_ms = i64::try_from(PIN_TRIES_MS).unwrap_or(i64::MAX);
        if tries
            .last
            .is_some_and(|last| event.at.since_ms(last) > apart_ms)
        {
            tries.count = 0;
        }
        tries.last = Some(event.at);
        tries.count = tries.count.saturating_add(1);
        if tries.count >= PIN_TRIES_MAX {
            let ms = i64::try_from(PIN_LOCKOUT_MS).unwrap_or(i64::MAX);
            tries.locked_until = Some(event.at.plus_ms(ms));
            tries.count = 0;
        }
    }
}

impl AtDoor {
    fn stand(&mut self, by: Stands, on: bool) {
        if on {
            self.stands.insert(by);
        } else {
            self.stands.remove(&by);
        }
    }

    fn is_open_or_unlocked(&self, now: Wall) -> bool {
        let unlocked = self.unlocked_until.is_some_and(|until| now < until);
        self.open || unlocked || !self.stands.is_empty()
    }
}

impl LetIn {
    fn is_coming(&self, now: Wall) -> bool {
        now.since_ms(self.at) < PASSING_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::door;
    use crate::time::ClockTrust;

    const ROOM: AreaId = AreaId(1);

    /// Doors 1 and 2 lead in to a room; nobody sees door 2 open.
    fn told(events: &[(i64, EventKind, u32, u32)]) -> SiteThen {
        let mut front = door(1);
        front.inside = Some(ROOM);
        let mut back = door(2);
        back.inside = Some(ROOM);
        back.wiring.contact = None;
        let mut site = SiteThen::new([front, back]);
        for (at, kind, at_door, user) in events {
            let mut event = Event::new(*kind, Wall(*at), ClockTrust::Trusted, 1);
            event.door = Some(DoorId(*at_door)).filter(|door| door.0 > 0);
            event.user = Some(UserId(*user)).filter(|user| user.0 > 0);
            event.credential = event.user.map(|user| CredentialId(user.0));
            event.direction = Some(Direction::Entry);
            if *kind == EventKind::Denied {
                event.reason = Some(Reason::PinWrong);
            }
            site.tell(&event);
        }
        site
    }

    fn areas(site: &SiteMap) -> Vec<(u32, Option<AreaId>)> {
        let all = site.locations.iter();
        all.map(|(user, at)| (user.0, at.area)).collect()
    }

    #[test]
    fn people_come_in_when_the_door_opens_and_are_forgiven() {
        use EventKind::{Closed, Entered, Forgiven, Granted, NotEntered};
        let came = [(0, Granted, 1, 1), (1, Granted, 1, 2), (2, Entered, 1, 2)];
        let site = told(&came[..2]).site(Wall(3));
        assert_eq!((areas(&site), site.occupants[&ROOM]), (vec![], 2));
        // Whoever was let in long ago is not on the way in any more.
        assert_eq!(
            told(&came[..2]).site(Wall(70_000)).occupants.get(&ROOM),
            None
        );
        let site = told(&came).site(Wall(3));
        assert_eq!(areas(&site), [(1, Some(ROOM)), (2, Some(ROOM))]);
        assert_eq!(site.occupants[&ROOM], 2);

        let stayed_out = [(0, Granted, 1, 1), (9, NotEntered, 1, 1), (9, Closed, 1, 0)];
        assert_eq!(told(&stayed_out).site(Wall(9)).occupants.get(&ROOM), None);
        assert_eq!(
            areas(&told(&[(0, Granted, 2, 1)]).site(Wall(1))),
            [(1, Some(ROOM))]
        );

        let forgiven = [&came[..], &[(5, Forgiven, 0, 1)]].concat();
        assert_eq!(areas(&told(&forgiven).site(Wall(6))), [(2, Some(ROOM))]);
        let all = [&came[..], &[(5, Forgiven, 0, 0)]].concat();
        assert_eq!(areas(&told(&all).site(Wall(6))), []);
    }

    #[test]
    fn a_door_is_open_while_it_is_unlocked_stands_or_is_seen_open() {
        use EventKind::{Closed, ForcedOpen, Granted, PlanBegan, PlanEnded, Started};
        let open = |events: &[(i64, EventKind, u32, u32)], at| {
            let site = told(events).site(Wall(at));
            site.open.get(&ROOM).is_some_and(|open| !open.is_empty())
        };
        assert!(open(&[(0, Granted, 1, 1)], 4_000));
        assert!(!open(&[(0, Granted, 1, 1)], 90_000));
        assert!(open(&[(0, ForcedOpen, 1, 0)], 90_000));
        assert!(!open(&[(0, ForcedOpen, 1, 0), (5, Closed, 1, 0)], 90_000));
        assert!(open(&[(0, PlanBegan, 1, 0)], 90_000));
        assert!(!open(&[(0, PlanBegan, 1, 0), (5, PlanEnded, 1, 0)], 6));
        assert!(!open(&[(0, PlanBegan, 1, 0), (5, Started, 0, 0)], 6));
    }

    #[test]
    fn five_wrong_pins_lock_a_card_out_for_a_while() {
        let wrong =
            |count: i64| -> Vec<_> { (0..count).map(|at| (at, EventKind::Denied, 1, 7)).collect() };
        let locked = |events: &[(i64, EventKind, u32, u32)], at| {
            let site = told(events).site(Wall(at));
            site.locked_out.contains(&CredentialId(7))
        };
        assert!(!locked(&wrong(4), 5));
        assert!(locked(&wrong(5), 5));
        assert!(!locked(&wrong(5), 5 + 300_000));
        let granted_between = [&wrong(4)[..], &[(5, EventKind::Granted, 1, 7)], &wrong(1)].concat();
        assert!(!locked(&granted_between, 6));
    }
}
