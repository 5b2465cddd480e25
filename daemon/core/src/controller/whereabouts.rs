//! Who is where: moved by those who are let in, forgiven by operators, kept over a restart.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::Location;
use crate::event::Direction;
use crate::ids::{AreaId, DoorId, UserId};
use crate::model::Door;
use crate::time::{Mono, Wall};

/// How long somebody who was let in counts as about to come in, in milliseconds, where nobody can
/// see whether they do.
pub(super) const PASSING_MS: u64 = 60_000;
/// The most people about to pass one door; of more, the first are taken to have passed.
pub(super) const PASSING_PER_DOOR_MAX: usize = 32;

/// The areas of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sides {
    inside: Option<AreaId>,
    outside: Option<AreaId>,
}

/// Somebody who was let in and has not opened the door yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Passing {
    user: UserId,
    to: Option<AreaId>,
    until: Mono,
}

/// Somebody who was let in where nobody can see whether they came in, and is taken to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unseen {
    user: UserId,
    before: Option<Location>,
    to: Location,
    /// Until when it may turn out that the door did not open.
    until: Mono,
}

/// Somebody has moved; `to` is `None` where it is not known any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) user: UserId,
    pub(super) to: Option<Location>,
}

/// Everybody whose place is known.
#[derive(Debug, Default)]
pub(super) struct Whereabouts {
    /// Only doors between areas.
    doors: BTreeMap<DoorId, Sides>,
    locations: BTreeMap<UserId, Location>,
    inside: BTreeMap<AreaId, BTreeSet<UserId>>,
    passing: BTreeMap<DoorId, Vec<Passing>>,
    unseen: BTreeMap<DoorId, Vec<Unseen>>,
}

impl Whereabouts {
    pub(super) fn put_door(&mut self, door: &Door) {
        let (inside, outside) = (door.inside, door.outside);
        if inside.is_none() && outside.is_none() {
            self.remove_door(door.id);
        } else {
            self.doors.insert(door.id, Sides { inside, outside });
        }
    }

    pub(super) fn remove_door(&mut self, door: DoorId) {
        self.doors.remove(&door);
        self.passing.remove(&door);
        self.unseen.remove(&door);
    }

    /// Doors of an area.
    pub(super) fn doors_of(&self, area: AreaId) -> impl Iterator<Item = DoorId> {
        let at = Some(area);
        let doors = self.doors.iter();
        doors
            .filter(move |(_, sides)| sides.inside == at || sides.outside == at)
            .map(|(door, _)| *door)
    }

    pub(super) fn location(&self, user: UserId) -> Option<Location> {
        self.locations.get(&user).copied()
    }

    /// Those inside an area, and those about to come in.
    pub(super) fn occupants(&self, area: AreaId, now: Mono) -> u32 {
        let inside = self.inside.get(&area);
        let coming = self.passing.values().flatten().filter(|passing| {
            passing.to == Some(area)
                && passing.until > now
                && !inside.is_some_and(|inside| inside.contains(&passing.user))
        });
        let count = inside.map_or(0, BTreeSet::len) + coming.count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// How many are inside each area.
    pub(super) fn counts(&self) -> impl Iterator<Item = (AreaId, usize)> {
        self.inside.iter().map(|(area, users)| (*area, users.len()))
    }

    /// At most `limit` of those inside an area, from the first behind `after`.
    pub(super) fn people(
        &self,
        area: AreaId,
        after: Option<UserId>,
        limit: usize,
    ) -> Vec<(UserId, Wall)> {
        let first = after.map_or(0, |after| after.0.saturating_add(1));
        let inside = self.inside.get(&area).into_iter();
        let users = inside.flat_map(|users| users.range(UserId(first)..));
        users
            .take(limit)
            .filter_map(|user| Some((*user, self.locations.get(user)?.since)))
            .collect()
    }

    /// Somebody was let in. Tells whether the door lies between areas.
    pub(super) fn let_in(
        &mut self,
        now: Mono,
        door: DoorId,
        direction: Direction,
        user: UserId,
    ) -> bool {
        let Some(sides) = self.doors.get(&door) else {
            return false;
        };
        let passing = Passing {
            user,
            to: match direction {
                Direction::Entry => sides.inside,
                Direction::Exit => sides.outside,
            },
            until: now.plus_ms(PASSING_MS),
        };
        let all = self.passing.entry(door).or_default();
        all.retain(|other| other.user != user && other.until > now);
        if all.len() >= PASSING_PER_DOOR_MAX {
            all.remove(0);
        }
        all.push(passing);
        true
    }

    /// Whoever was let in at a door has passed it.
    pub(super) fn passed(&mut self, now: Mono, wall: Wall, door: DoorId) -> Vec<Moved> {
        let mut passing = self.passing.remove(&door).unwrap_or_default();
        passing.retain(|each| each.until > now);
        let moved: Vec<Moved> = passing
            .into_iter()
            .map(|each| Moved {
                user: each.user,
                to: Some(Location {
                    area: each.to,
                    since: wall,
                }),
            })
            .collect();
        for each in &moved {
            self.put(*each);
        }
        moved
    }

    /// Whoever was let in at a door that nobody sees open is taken to have passed it.
    pub(super) fn passed_unseen(&mut self, now: Mono, wall: Wall, door: DoorId) -> Vec<Moved> {
        let passing = self.passing.get(&door).into_iter().flatten();
        let unseen: Vec<Unseen> = passing
            .filter(|each| each.until > now)
            .map(|each| Unseen {
                user: each.user,
                before: self.location(each.user),
                to: Location {
                    area: each.to,
                    since: wall,
                },
                until: each.until,
            })
            .collect();
        let all = self.unseen.entry(door).or_default();
        all.retain(|each| each.until > now);
        all.extend(unseen);
        let spare = all.len().saturating_sub(PASSING_PER_DOOR_MAX);
        all.drain(..spare);
        self.passed(now, wall, door)
    }

    /// Nobody has passed after all of those who were let in at a door and did not open it.
    pub(super) fn nobody_passed(&mut self, door: DoorId) {
        self.passing.remove(&door);
    }

    /// The door did not open for a user after all, nor for whoever was let in with them: they are
    /// where they were.
    pub(super) fn not_let_in(&mut self, door: DoorId, user: UserId) -> Vec<Moved> {
        if let Some(passing) = self.passing.get_mut(&door) {
            let together = passing.iter().find(|each| each.user == user);
            let together = together.map(|each| each.until);
            passing.retain(|each| Some(each.until) != together);
            if passing.is_empty() {
                self.passing.remove(&door);
            }
        }
        let Some(unseen) = self.unseen.get_mut(&door) else {
            return Vec::new();
        };
        let together = unseen.iter().rfind(|each| each.user == user);
        let together = together.map(|each| each.until);
        let back: Vec<Unseen> = unseen
            .extract_if(.., |each| Some(each.until) == together)
            .collect();
        if unseen.is_empty() {
            self.unseen.remove(&door);
        }
        // Whoever was seen elsewhere since, or was forgiven, stays there.
        let moved: Vec<Moved> = back
            .into_iter()
            .filter(|each| self.location(each.user) == Some(each.to))
            .map(|each| Moved {
                user: each.user,
                to: each.before,
            })
            .collect();
        for each in &moved {
            self.put(*each);
        }
        moved
    }

    /// Forgets somebody who is not in the table any more. Tells whether it was known where they
    /// are.
    pub(super) fn remove_user(&mut self, user: UserId) -> Option<Moved> {
        for passing in self.passing.values_mut() {
            passing.retain(|each| each.user != user);
        }
        for unseen in self.unseen.values_mut() {
            unseen.retain(|each| each.user != user);
        }
        self.forget(user)
    }

    /// Notes where a user is, or that it is not known.
    pub(super) fn put(&mut self, Moved { user, to }: Moved) {
        let before = match to {
            Some(location) => self.locations.insert(user, location),
            None => self.locations.remove(&user),
        };
        if let Some(area) = before.and_then(|before| before.area)
            && let Some(users) = self.inside.get_mut(&area)
        {
            users.remove(&user);
            if users.is_empty() {
                self.inside.remove(&area);
            }
        }
        if let Some(area) = to.and_then(|to| to.area) {
            self.inside.entry(area).or_default().insert(user);
        }
    }

    /// Forgets where a user is. Tells whether it was known.
    pub(super) fn forget(&mut self, user: UserId) -> Option<Moved> {
        self.locations.get(&user)?;
        let moved = Moved { user, to: None };
        self.put(moved);
        Some(moved)
    }

    /// Forgets where those are who are inside an area.
    pub(super) fn forget_area(&mut self, area: AreaId) -> Vec<Moved> {
        let users = self.inside.get(&area).cloned().unwrap_or_default();
        users
            .into_iter()
            .filter_map(|user| self.forget(user))
            .collect()
    }

    /// Forgets where everybody is.
    pub(super) fn forget_all(&mut self) -> Vec<Moved> {
        let users: Vec<_> = self.locations.keys().copied().collect();
        users
            .into_iter()
            .filter_map(|user| self.forget(user))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::door;

    const ROOM: AreaId = AreaId(1);
    const DOOR: DoorId = DoorId(1);
    const ANNA: UserId = UserId(1);
    const BO: UserId = UserId(2);

    fn site() -> Whereabouts {
        let mut site = Whereabouts::default();
        let mut front = door(1);
        front.inside = Some(ROOM);
        site.put_door(&front);
        site.put_door(&door(2));
        site
    }

    fn area_of(site: &Whereabouts, user: UserId) -> Option<Option<AreaId>> {
        site.location(user).map(|location| location.area)
    }

    #[test]
    fn people_move_when_the_door_opens() {
        let mut site = site();
        assert!(site.let_in(Mono(0), DOOR, Direction::Entry, ANNA));
        assert!(site.let_in(Mono(0), DOOR, Direction::Entry, BO));
        assert!(site.let_in(Mono(0), DOOR, Direction::Entry, BO));
        assert_eq!(site.location(ANNA), None);
        assert_eq!(site.occupants(ROOM, Mono(1)), 2);
        let moved = site.passed(Mono(1), Wall(9), DOOR);
        assert_eq!(moved.len(), 2);
        assert_eq!(area_of(&site, ANNA), Some(Some(ROOM)));
        assert_eq!(site.occupants(ROOM, Mono(1)), 2);
        assert_eq!(site.people(ROOM, None, 9), [(ANNA, Wall(9)), (BO, Wall(9))]);
        assert_eq!(site.people(ROOM, Some(ANNA), 9), [(BO, Wall(9))]);

        site.let_in(Mono(2), DOOR, Direction::Exit, ANNA);
        // Whoever is on the way out is still inside.
        assert_eq!(site.occupants(ROOM, Mono(2)), 2);
        site.passed(Mono(3), Wall(10), DOOR);
        assert_eq!(area_of(&site, ANNA), Some(None));
        assert_eq!(site.occupants(ROOM, Mono(3)), 1);
    }

    #[test]
    fn who_did_not_pass_has_not_moved() {
        let mut site = site();
        site.let_in(Mono(0), DOOR, Direction::Entry, ANNA);
        site.let_in(Mono(0), DOOR, Direction::Entry, BO);
        site.let_in(Mono(1), DOOR, Direction::Entry, BO);
        assert_eq!(site.not_let_in(DOOR, ANNA), []);
        assert_eq!(site.occupants(ROOM, Mono(1)), 1);
        site.nobody_passed(DOOR);
        assert_eq!(site.passed(Mono(1), Wall(1), DOOR), []);
        // Where nobody sees it, the time passes.
        site.let_in(Mono(0), DOOR, Direction::Entry, ANNA);
        let late = Mono(0).plus_ms(PASSING_MS);
        assert_eq!(site.occupants(ROOM, late), 0);
        assert_eq!(site.passed(late, Wall(1), DOOR), []);
    }

    #[test]
    fn a_door_between_no_areas_moves_nobody() {
        let mut site = site();
        assert!(!site.let_in(Mono(0), DoorId(2), Direction::Entry, ANNA));
        assert_eq!(site.passed(Mono(0), Wall(0), DoorId(2)), []);
        assert_eq!(site.doors_of(ROOM).collect::<Vec<_>>(), [DOOR]);
    }

    #[test]
    fn who_was_not_let_in_after_all_is_where_they_were() {
        let mut site = site();
        let outside = Some(Location {
            area: None,
            since: Wall(1),
        });
        site.put(Moved {
            user: ANNA,
            to: outside,
        });
        // Two together, and one of them is denied: neither came in.
        site.let_in(Mono(0), DOOR, Direction::Entry, ANNA);
        site.let_in(Mono(0), DOOR, Direction::Entry, BO);
        assert_eq!(site.passed_unseen(Mono(0), Wall(2), DOOR).len(), 2);
        assert_eq!(site.occupants(ROOM, Mono(0)), 2);
        let back = site.not_let_in(DOOR, BO);
        let expected = [(ANNA, outside), (BO, None)];
        assert_eq!(back, expected.map(|(user, to)| Moved { user, to }));
        assert_eq!(site.location(ANNA), outside);
        assert_eq!(site.occupants(ROOM, Mono(0)), 0);
        assert_eq!(site.not_let_in(DOOR, BO), []);

        // Whoever was forgiven since is not put anywhere.
        site.let_in(Mono(5), DOOR, Direction::Entry, ANNA);
        site.passed_unseen(Mono(5), Wall(3), DOOR);
        site.forget(ANNA);
        assert_eq!(site.not_let_in(DOOR, ANNA), []);
        assert_eq!(site.location(ANNA), None);
    }

    #[test]
    fn who_is_not_in_the_table_any_more_is_nowhere() {
        let mut site = site();
        site.let_in(Mono(0), DOOR, Direction::Entry, ANNA);
        site.let_in(Mono(0), DOOR, Direction::Entry, BO);
        site.passed_unseen(Mono(0), Wall(2), DOOR);
        site.let_in(Mono(1), DOOR, Direction::Entry, ANNA);
        assert_eq!(
            site.remove_user(ANNA),
            Some(Moved {
                user: ANNA,
                to: None
            })
        );
        assert_eq!(site.remove_user(ANNA), None);
        assert_eq!(site.occupants(ROOM, Mono(1)), 1);
        assert_eq!(site.not_let_in(DOOR, ANNA), []);
    }

    #[test]
    fn forgiven_is_forgotten() {
        let mut site = site();
        let at = |area| {
            Some(Location {
                area,
                since: Wall(0),
            })
        };
        for (user, area) in [(1, Some(ROOM)), (2, Some(ROOM)), (3, None)] {
            let user = UserId(user);
            site.put(Moved { user, to: at(area) });
        }
        assert!(site.forget(ANNA).is_some() && site.forget(ANNA).is_none());
        assert_eq!(site.occupants(ROOM, Mono(0)), 1);
        assert_eq!(site.forget_area(ROOM), [Moved { user: BO, to: None }]);
        assert_eq!(site.forget_all().len(), 1);
        assert_eq!(site.location(UserId(3)), None);
    }
}
