//! People at doors, as bodies are: one at a time, waiting for the strike, opening, walking through.
//!
//! Without I/O: time in milliseconds and what the strikes do go in, cards shown and contacts moved
//! come out.

use std::collections::VecDeque;

use crate::layout::{self, DOORS};
use crate::plan::{Conduct, Means, Trip};

/// The most people who queue at a door; more walk on.
pub(crate) const QUEUE_MAX: usize = 12;
/// How long somebody waits for the door to unlock.
const PATIENCE_MS: u64 = 1_500;
/// How long it takes the next one to step up.
const STEP_MS: u64 = 300;
/// How long the button is pressed.
const PRESS_MS: u64 = 300;

/// What people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Somebody shows a card at a reader.
    Shows {
        reader: usize,
        person: usize,
        door: usize,
    },
    /// A door opens or closes.
    Contact { door: usize, is_closed: bool },
    /// The button inside is pressed or let go.
    Rex { door: usize, is_pressed: bool },
}

/// How it went for those who came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) shown: u64,
    pub(crate) went_through: u64,
    pub(crate) turned_round: u64,
    pub(crate) locked_out: u64,
    pub(crate) walked_on: u64,
}

/// All doors and those in front of them.
#[derive(Debug)]
pub(crate) struct Crowd {
    doors: [Door; DOORS],
    tally: Tally,
}

#[derive(Debug, Default)]
struct Door {
    is_unlocked: bool,
    queue: VecDeque<Trip>,
    stage: Stage,
    /// Until when the button is pressed.
    pressed_until: Option<u64>,
}

#[derive(Debug, Default)]
enum Stage {
    /// Nobody, or the next one steps up at this time.
    #[default]
    Free,
    SteppingUp {
        until: u64,
    },
    /// Somebody has asked and looks at the door.
    Waiting {
        trip: Trip,
        until: u64,
    },
    /// It is unlocked, and a hand is on its way.
    Reaching {
        open_at: u64,
        open_for_ms: u64,
    },
    Open {
        until: u64,
    },
}

impl Crowd {
    pub(crate) fn new() -> Self {
        Self {
            doors: Default::default(),
            tally: Tally::default(),
        }
    }

    pub(crate) const fn tally(&self) -> Tally {
        self.tally
    }

    /// Somebody comes to a door.
    pub(crate) fn arrive(&mut self, trip: Trip) {
        let door = &mut self.doors[trip.door];
        if door.queue.len() < QUEUE_MAX {
            door.queue.push_back(trip);
        } else {
            self.tally.walked_on += 1;
        }
    }

    /// A strike is driven.
    pub(crate) fn strike(&mut self, door: usize, is_unlocked: bool) {
        if let Some(door) = self.doors.get_mut(door) {
            door.is_unlocked = is_unlocked;
        }
    }

    /// When something happens next, if nothing comes in before.
    pub(crate) fn next_at(&self) -> Option<u64> {
        let next = |door: &Door| {
            let stage = match door.stage {
                Stage::Free if door.queue.is_empty() => None,
                Stage::Free => Some(0),
                Stage::SteppingUp { until }
                | Stage::Waiting { until, .. }
                | Stage::Open { until } => Some(until),
                Stage::Reaching { open_at, .. } => Some(open_at),
            };
            stage.into_iter().chain(door.pressed_until).min()
        };
        self.doors.iter().filter_map(next).min()
    }

    /// What everybody does by `now`.
    pub(crate) fn advance(&mut self, now: u64, acts: &mut Vec<Act>) {
        for (number, door) in self.doors.iter_mut().enumerate() {
            if door.pressed_until.is_some_and(|until| until <= now) {
                door.pressed_until = None;
                acts.push(Act::Rex {
                    door: number,
                    is_pressed: false,
                });
            }
            while door.step(number, now, acts, &mut self.tally) {}
        }
    }
}

impl Door {
    /// One change of stage, if it is time; true if there was one.
    fn step(&mut self, number: usize, now: u64, acts: &mut Vec<Act>, tally: &mut Tally) -> bool {
        let stepping_up = Stage::SteppingUp {
            until: now + STEP_MS,
        };
        self.stage = match self.stage {
            Stage::Free => {
                let Some(trip) = self.queue.pop_front() else {
                    return false;
                };
                self.ask(number, now, &trip, acts, tally);
                Stage::Waiting {
                    trip,
                    until: now + PATIENCE_MS,
                }
            }
            Stage::SteppingUp { until } if until <= now => Stage::Free,
            Stage::Waiting { trip, .. } if self.is_unlocked => match trip.conduct {
                Conduct::GoesThrough {
                    open_after_ms,
                    open_for_ms,
                } => Stage::Reaching {
                    open_at: now + open_after_ms,
                    open_for_ms,
                },
                Conduct::StaysOutside => {
                    tally.turned_round += 1;
                    stepping_up
                }
            },
            Stage::Waiting { until, .. } if until <= now => {
                tally.locked_out += 1;
                stepping_up
            }
            Stage::Reaching { .. } if !self.is_unlocked => {
                tally.locked_out += 1;
                stepping_up
            }
            Stage::Reaching {
                open_at,
                open_for_ms,
            } if open_at <= now => {
                tally.went_through += 1;
                acts.push(Act::Contact {
                    door: number,
                    is_closed: false,
                });
                Stage::Open {
                    until: now + open_for_ms,
                }
            }
            Stage::Open { until } if until <= now => {
                acts.push(Act::Contact {
                    door: number,
                    is_closed: true,
                });
                stepping_up
            }
            _ => return false,
        };
        true
    }

    fn ask(
        &mut self,
        number: usize,
        now: u64,
        trip: &Trip,
        acts: &mut Vec<Act>,
        tally: &mut Tally,
    ) {
        match trip.means {
            Means::Card => {
                tally.shown += 1;
                acts.push(Act::Shows {
                    reader: layout::reader(number, trip.way),
                    person: trip.person,
                    door: number,
                });
            }
            Means::Button => {
                self.pressed_until = Some(now + PRESS_MS);
                acts.push(Act::Rex {
                    door: number,
                    is_pressed: true,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Way;
    use doorward_core::time::Wall;

    fn trip(door: usize, means: Means, conduct: Conduct) -> Trip {
        Trip {
            at: Wall(0),
            person: 5,
            door,
            way: Way::Exit,
            means,
            conduct,
        }
    }

    const WALK: Conduct = Conduct::GoesThrough {
        open_after_ms: 700,
        open_for_ms: 1_200,
    };

    /// Runs in virtual time; `grants` unlocks a door 50 ms after it is asked for, for 5 s or until
    /// it has closed, as the appliance does. Returns what happened with its time.
    fn run(crowd: &mut Crowd, until: u64, grants: bool) -> Vec<(u64, Act)> {
        let mut log = Vec::new();
        let mut now = 0;
        let mut unlock_at = [None; DOORS];
        let mut relock_at = [None; DOORS];
        while now <= until {
            for door in 0..DOORS {
                if unlock_at[door] == Some(now) {
                    crowd.strike(door, true);
                    relock_at[door] = Some(now + 5_000);
                }
                if relock_at[door] == Some(now) {
                    crowd.strike(door, false);
                }
            }
            let mut acts = Vec::new();
            crowd.advance(now, &mut acts);
            for &act in &acts {
                match act {
                    Act::Shows { door, .. }
                    | Act::Rex {
                        door,
                        is_pressed: true,
                    } if grants => {
                        unlock_at[door] = Some(now + 50);
                    }
                    Act::Contact {
                        door,
                        is_closed: true,
                    } => relock_at[door] = Some(now + 1),
                    _ => {}
                }
                log.push((now, act));
            }
            now += 1;
        }
        log
    }

    #[test]
    fn a_granted_person_opens_walks_through_and_lets_the_door_close() {
        let mut crowd = Crowd::new();
        crowd.arrive(trip(2, Means::Card, WALK));
        let log = run(&mut crowd, 10_000, true);
        assert_eq!(
            log,
            [
                (
                    0,
                    Act::Shows {
                        reader: 5,
                        person: 5,
                        door: 2
                    }
                ),
                (
                    750,
                    Act::Contact {
                        door: 2,
                        is_closed: false
                    }
                ),
                (
                    1_950,
                    Act::Contact {
                        door: 2,
                        is_closed: true
                    }
                ),
            ]
        );
        assert_eq!(crowd.tally().went_through, 1);
        assert_eq!(crowd.next_at(), None);
    }

    #[test]
    fn a_denied_person_leaves_the_door_alone_and_the_next_one_steps_up() {
        let mut crowd = Crowd::new();
        crowd.arrive(trip(0, Means::Card, WALK));
        crowd.arrive(trip(0, Means::Card, WALK));
        let log = run(&mut crowd, 10_000, false);
        let times: Vec<u64> = log.iter().map(|&(at, _)| at).collect();
        assert_eq!(times, [0, PATIENCE_MS + STEP_MS]);
        assert!(log.iter().all(|(_, act)| matches!(act, Act::Shows { .. })));
        assert_eq!(crowd.tally().locked_out, 2);
    }

    #[test]
    fn the_button_is_pressed_and_let_go() {
        let mut crowd = Crowd::new();
        crowd.arrive(trip(3, Means::Button, WALK));
        let log = run(&mut crowd, 10_000, true);
        assert_eq!(
            log[0],
            (
                0,
                Act::Rex {
                    door: 3,
                    is_pressed: true
                }
            )
        );
        assert_eq!(
            log[1],
            (
                PRESS_MS,
                Act::Rex {
                    door: 3,
                    is_pressed: false
                }
            )
        );
        assert_eq!(crowd.tally().shown, 0);
        assert_eq!(crowd.tally().went_through, 1);
    }

    #[test]
    fn who_turns_round_leaves_the_door_closed() {
        let mut crowd = Crowd::new();
        crowd.arrive(trip(1, Means::Card, Conduct::StaysOutside));
        let log = run(&mut crowd, 10_000, true);
        assert_eq!(log.len(), 1);
        assert_eq!(crowd.tally().turned_round, 1);
    }

    #[test]
    fn a_hand_that_comes_too_late_finds_the_door_locked() {
        let mut crowd = Crowd::new();
        let slow = Conduct::GoesThrough {
            open_after_ms: 6_000,
            open_for_ms: 1_000,
        };
        crowd.arrive(trip(1, Means::Card, slow));
        let log = run(&mut crowd, 20_000, true);
        assert_eq!(log.len(), 1);
        assert_eq!(crowd.tally().locked_out, 1);
    }

    #[test]
    fn doors_do_not_wait_for_each_other_and_queues_have_an_end() {
        let mut crowd = Crowd::new();
        for _ in 0..QUEUE_MAX + 4 {
            crowd.arrive(trip(0, Means::Card, WALK));
        }
        crowd.arrive(trip(1, Means::Card, WALK));
        let log = run(&mut crowd, 120_000, true);
        assert!(log.contains(&(
            0,
            Act::Shows {
                reader: 3,
                person: 5,
                door: 1
            }
        )));
        let tally = crowd.tally();
        assert_eq!(tally.walked_on, 4);
        assert_eq!(tally.went_through, QUEUE_MAX as u64 + 1);
        // A door never opens twice without closing in between.
        for door in 0..DOORS {
            let contacts = log.iter().filter_map(|(_, act)| match act {
                Act::Contact {
                    door: at,
                    is_closed,
                } if *at == door => Some(*is_closed),
                _ => None,
            });
            assert!(
                contacts
                    .enumerate()
                    .all(|(at, closed)| closed == (at % 2 == 1))
            );
        }
    }
}
