//! Who goes through which door, when and how: a day at a time, by a seed.

use doorward_core::time::Wall;

use crate::layout::Way;
use crate::population::{Person, Role};
use crate::random::Random;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

const MAIN: usize = 0;
const STAFF: usize = 1;
const LABORATORY: usize = 2;
const ARCHIVE: usize = 3;

/// Somebody wants to go through a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trip {
    pub(crate) at: Wall,
    /// An index into the population.
    pub(crate) person: usize,
    pub(crate) door: usize,
    pub(crate) way: Way,
    pub(crate) means: Means,
    pub(crate) conduct: Conduct,
}

/// How somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// Shows the card at the reader.
    Card,
    /// Presses the button inside.
    Button,
}

/// What somebody does once the door is unlocked. Real time: a hand is no faster in a fast demo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    /// Opens the door and lets it close behind.
    GoesThrough {
        open_after_ms: u64,
        open_for_ms: u64,
    },
    /// Turns round.
    StaysOutside,
}

/// Makes the trips of one day after another.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    seed: u64,
}

impl Plan {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The trips of the day that begins at `midnight`, in order.
    pub(crate) fn day(&self, midnight: Wall, people: &[Person]) -> Vec<Trip> {
        let day = midnight.0.div_euclid(DAY_MS);
        let mut trips = Vec::new();
        for (person, Person { role, .. }) in people.iter().enumerate() {
            let part = (day.unsigned_abs() << 16) | person as u64;
            let mut diary = Diary {
                random: Random::part(self.seed, part),
                midnight,
                person,
                trips: &mut trips,
            };
            // The first day of the epoch was a Thursday.
            let weekday = (day + 3).rem_euclid(7);
            diary.write(*role, weekday < 5);
        }
        trips.sort_by_key(|trip| (trip.at, trip.person));
        trips
    }
}

/// One person's day.
struct Diary<'t> {
    random: Random,
    midnight: Wall,
    person: usize,
    trips: &'t mut Vec<Trip>,
}

impl Diary<'_> {
    fn write(&mut self, role: Role, is_workday: bool) {
        match role {
            Role::Office | Role::Laboratory | Role::Archive if is_workday => self.work(role),
            // Somebody always tries it on a Sunday.
            Role::Office | Role::Laboratory | Role::Archive => {
                if self.random.percent(3) {
                    let minute = self.random.between(9 * 60, 16 * 60);
                    self.go(minute, MAIN, Way::Entry);
                }
            }
            Role::Cleaner if is_workday => self.clean(),
            Role::Contractor if is_workday => self.build(),
            Role::NightWatch => self.watch(),
            Role::Management => self.manage(),
            Role::TurnedAway if is_workday => self.be_turned_away(),
            Role::Stranger => {
                if self.random.percent(60) {
                    let minute = self.random.between(7 * 60 + 30, 18 * 60);
                    let door = *self.random.one_of(&[MAIN, STAFF]);
                    self.go(minute, door, Way::Entry);
                }
            }
            Role::Cleaner | Role::Contractor | Role::TurnedAway => {}
        }
    }

    fn work(&mut self, role: Role) {
        if self.random.percent(6) {
            return;
        }
        // Most come around eight; the sum of two dice is higher in the middle.
        let arrive = 7 * 60 + self.random.between(0, 60) + self.random.between(0, 60);
        let leave = 15 * 60 + 30 + self.random.between(0, 90) + self.random.between(0, 90);
        let door = *self.random.one_of(&[MAIN, STAFF]);
        if self.random.percent(2) {
            // Too early, before the office hours.
            let minute = self.random.between(5 * 60 + 30, 6 * 60 + 25);
            self.go(minute, door, Way::Entry);
        }
        self.go(arrive, door, Way::Entry);
        if self.random.percent(60) {
            let out = self.random.between(11 * 60 + 15, 12 * 60 + 30);
            let back = out + self.random.between(25, 60);
            self.go(out, door, Way::Exit);
            self.go(back, door, Way::Entry);
        }
        let room = match role {
            Role::Laboratory => Some((LABORATORY, self.random.between(2, 5))),
            Role::Archive => Some((ARCHIVE, self.random.between(1, 3))),
            // The wrong door: no key of theirs opens it.
            _ if self.random.percent(8) => {
                let room = *self.random.one_of(&[LABORATORY, ARCHIVE]);
                let minute = self.random.between(arrive + 5, leave - 5);
                self.go(minute, room, Way::Entry);
                None
            }
            _ => None,
        };
        if let Some((room, visits)) = room {
            self.visit(room, visits, arrive, leave);
        }
        self.go(leave, door, Way::Exit);
        if self.random.percent(2) {
            // Forgot something, after the office hours.
            let minute = self.random.between(19 * 60 + 10, 21 * 60);
            self.go(minute, door, Way::Entry);
        }
    }

    /// Goes in and out of a room, at times that do not cross.
    fn visit(&mut self, room: usize, visits: u64, from: u64, until: u64) {
        let share = (until - from) / visits;
        for visit in 0..visits {
            let begin = from + visit * share;
            let enter = begin + self.random.between(1, share / 2);
            let leave = enter + self.random.between(1, share / 3);
            self.go(enter, room, Way::Entry);
            self.go(leave, room, Way::Exit);
        }
    }

    fn clean(&mut self) {
        let arrive = self.random.between(17 * 60 + 25, 18 * 60 + 10);
        let leave = self.random.between(20 * 60 + 30, 21 * 60 + 50);
        self.go(arrive, STAFF, Way::Entry);
        let room = *self.random.one_of(&[LABORATORY, ARCHIVE]);
        self.visit(room, 2, arrive, leave);
        self.go(leave, STAFF, Way::Exit);
    }

    fn build(&mut self) {
        let arrive = self.random.between(6 * 60 + 40, 8 * 60);
        let leave = self.random.between(15 * 60, 16 * 60 + 30);
        self.go(arrive, STAFF, Way::Entry);
        self.visit(LABORATORY, 3, arrive, leave);
        self.go(leave, STAFF, Way::Exit);
    }

    /// Half of the watch is on each night; they walk round every hour.
    fn watch(&mut self) {
        let day = self.midnight.0.div_euclid(DAY_MS);
        if (day + i64::try_from(self.person).unwrap_or(0)) % 2 != 0 {
            return;
        }
        for hour in [0, 1, 2, 3, 4, 5, 22, 23] {
            let room = *self.random.one_of(&[LABORATORY, ARCHIVE]);
            let minute = hour * 60 + self.random.between(0, 40);
            let back = minute + self.random.between(3, 12);
            self.go(minute, room, Way::Entry);
            self.go(back, room, Way::Exit);
        }
        let (leave, arrive) = (
            self.random.between(6 * 60 + 20, 6 * 60 + 55),
            self.random.between(21 * 60 + 2, 21 * 60 + 40),
        );
        self.go(leave, MAIN, Way::Exit);
        self.go(arrive, MAIN, Way::Entry);
    }

    fn manage(&mut self) {
        let arrive = self.random.between(6 * 60, 11 * 60);
        let leave = self.random.between(16 * 60, 22 * 60);
        self.go(arrive, MAIN, Way::Entry);
        let room = *self.random.one_of(&[LABORATORY, ARCHIVE]);
        self.visit(room, 1, arrive, leave);
        self.go(leave, MAIN, Way::Exit);
    }

    fn be_turned_away(&mut self) {
        let minute = self.random.between(7 * 60, 10 * 60);
        let door = *self.random.one_of(&[MAIN, STAFF]);
        self.go(minute, door, Way::Entry);
        if self.random.percent(50) {
            // Once more, and slower.
            self.go(minute + 1, door, Way::Entry);
        }
    }

    fn go(&mut self, minute: u64, door: usize, way: Way) {
        let millis = i64::try_from(self.random.between(0, 59_999)).unwrap_or(0);
        let minute = i64::try_from(minute).unwrap_or(0);
        // Out of the inner rooms many use the button.
        let has_button = way == Way::Exit && door >= LABORATORY;
        let means = if has_button && self.random.percent(50) {
            Means::Button
        } else {
            Means::Card
        };
        let conduct = self.conduct();
        self.trips.push(Trip {
            at: self.midnight.plus_ms(minute * MINUTE_MS + millis),
            person: self.person,
            door,
            way,
            means,
            conduct,
        });
    }

    fn conduct(&mut self) -> Conduct {
        let open_after_ms = self.random.between(500, 2_000);
        match self.random.between(0, 99) {
            0..=1 => Conduct::StaysOutside,
            // Keeps it open for a colleague, or for a delivery.
            2 => Conduct::GoesThrough {
                open_after_ms,
                open_for_ms: self.random.between(14_000, 20_000),
            },
            _ => Conduct::GoesThrough {
                open_after_ms,
                open_for_ms: self.random.between(800, 2_000),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::population::Population;

    /// A Monday.
    const MONDAY: Wall = Wall(1_772_409_600_000);

    fn day(seed: u64, days: i64) -> Vec<Trip> {
        let midnight = MONDAY.plus_ms(days * DAY_MS);
        let people = Population::new(seed, MONDAY).unwrap().people;
        Plan::new(seed).day(midnight, &people)
    }

    #[test]
    fn a_seed_repeats_the_days_and_each_day_is_another() {
        assert_eq!(day(3, 0), day(3, 0));
        assert_ne!(day(3, 0), day(4, 0));
        let shifted: Vec<Wall> = day(3, 1)
            .iter()
            .map(|trip| trip.at.plus_ms(-DAY_MS))
            .collect();
        let monday: Vec<Wall> = day(3, 0).iter().map(|trip| trip.at).collect();
        assert_ne!(shifted, monday);
    }

    #[test]
    fn trips_are_in_order_and_within_their_day() {
        for days in 0..7 {
            let trips = day(1, days);
            assert!(trips.is_sorted_by_key(|trip| trip.at));
            let (first, last) = (
                MONDAY.plus_ms(days * DAY_MS),
                MONDAY.plus_ms((days + 1) * DAY_MS),
            );
            assert!(
                trips.iter().all(|trip| (first..last).contains(&trip.at)),
                "day {days}"
            );
        }
    }

    #[test]
    fn workdays_are_busy_and_weekends_quiet() {
        let count = |days| day(5, days).len();
        assert!(count(0) > 600, "{} trips on Monday", count(0));
        assert!(count(6) < 200, "{} trips on Sunday", count(6));
    }

    #[test]
    fn everything_that_a_demo_shows_happens() {
        let trips = day(1, 0);
        let held_open = |trip: &&Trip| {
            matches!(trip.conduct, Conduct::GoesThrough { open_for_ms, .. }
                if open_for_ms > u64::from(crate::layout::HELD_OPEN_MS))
        };
        assert!(trips.iter().filter(held_open).count() >= 3);
        assert!(
            trips
                .iter()
                .any(|trip| trip.conduct == Conduct::StaysOutside)
        );
        assert!(trips.iter().any(|trip| trip.means == Means::Button));
        assert!((0..4).all(|door| trips.iter().any(|trip| trip.door == door)));
    }

    #[test]
    fn nobody_enters_a_room_twice_without_leaving_it() {
        for seed in 0..20 {
            let mut inside = std::collections::BTreeSet::new();
            let people = Population::new(seed, MONDAY).unwrap().people;
            for trip in Plan::new(seed).day(MONDAY, &people) {
                let is_regular = people[trip.person].role == Role::Laboratory;
                if is_regular && trip.door == LABORATORY {
                    let moved = match trip.way {
                        Way::Entry => inside.insert(trip.person),
                        Way::Exit => inside.remove(&trip.person),
                    };
                    assert!(moved, "seed {seed}: {trip:?}");
                }
            }
        }
    }
}
