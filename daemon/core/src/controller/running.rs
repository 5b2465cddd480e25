//! What goes on at the site besides the doors themselves: who is where, who is entering a PIN, who
//! waits for a second person, who guesses.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Controller;
use super::door::DoorMachine;
use super::effects::Effects;
use super::io::{CommandId, Feedback, Output};
use super::keypad::{CardTries, Entry, Tries};
use super::learning::Learning;
use super::whereabouts::{Moved, Whereabouts};
use crate::alarm::{AlarmKind, AlarmSubject};
use crate::decide::{Location, SiteMap, SiteState};
use crate::event::{Event, EventKind, Reason};
use crate::ids::{Actor, AreaId, CredentialId, DeviceName, DoorId, ReaderIx, UserId};
use crate::time::{Mono, Now, Wall};

/// How long the first of two waits for the second, in milliseconds.
pub const SECOND_PERSON_MS: u64 = 15_000;
/// Denials at one reader in a row that are an alarm.
pub const DENIALS_MAX: u8 = 5;
/// How far apart denials may be to count as in a row, in milliseconds.
pub const DENIALS_MS: u64 = 60_000;

/// Something that has to be known again after a restart. It is to be durable with the event that
/// comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Remembered {
    /// Where a user is; `None` to forget it.
    User {
        /// Who.
        user: UserId,
        /// Where.
        location: Option<Location>,
    },
    /// Until when PINs are refused with a card.
    CardLockout {
        /// Which.
        credential: CredentialId,
        /// Until when.
        until: Wall,
    },
    /// Until when PINs are refused at a reader.
    ReaderLockout {
        /// Which.
        reader: DeviceName,
        /// Until when.
        until: Wall,
    },
}

/// Whose whereabouts an operator forgives: they are let in as if nobody knew where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgiven {
    /// One user.
    User(UserId),
    /// All who are inside an area.
    Area(AreaId),
    /// Everybody.
    Everyone,
}

/// All that goes on.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) readers: Vec<AtReader>,
    pub(super) cards: CardTries,
    pub(super) first_of_two: BTreeMap<DoorId, First>,
}

/// What goes on at one reader.
#[derive(Debug, Default)]
pub(super) struct AtReader {
    pub(super) entry: Entry,
    pub(super) tries: Tries,
    pub(super) learning: Option<Learning>,
    denials: u8,
    last_denial: Mono,
}

impl AtReader {
    /// Counts a denial. Tells whether there are so many in a row that somebody must see.
    pub(super) fn denied(&mut self, now: Mono) -> bool {
        if now.since_us(self.last_denial) > DENIALS_MS * 1_000 {
            self.denials = 0;
        }
        self.last_denial = now;
        self.denials = self.denials.saturating_add(1);
        self.denials == DENIALS_MAX
    }

    pub(super) fn granted(&mut self) {
        self.denials = 0;
    }
}

/// The first of two, who waits.
#[derive(Debug)]
pub(super) struct First {
    pub(super) user: UserId,
    /// The event of their being let in, or of the second not having come.
    pub(super) event: Event,
    pub(super) reader: ReaderIx,
    until: Mono,
}

impl First {
    pub(super) fn new(user: UserId, event: Event, reader: ReaderIx, now: Mono) -> Self {
        Self {
            user,
            event,
            reader,
            until: now.plus_ms(SECOND_PERSON_MS),
        }
    }
}

impl Running {
    pub(super) fn new(readers: usize) -> Self {
        Self {
            readers: (0..readers).map(|_| AtReader::default()).collect(),
            cards: CardTries::default(),
            first_of_two: BTreeMap::new(),
        }
    }

    pub(super) fn at(&mut self, reader: ReaderIx) -> Option<&mut AtReader> {
        self.readers.get_mut(usize::from(reader.0))
    }

    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        let learning = self
            .readers
            .iter()
            .map(|reader| Some(reader.learning.as_ref()?.until));
        let entries = self
            .readers
            .iter()
            .map(|reader| reader.entry.poll_timeout());
        let firsts = self.first_of_two.values().map(|first| Some(first.until));
        entries.chain(firsts).chain(learning).flatten().min()
    }

    /// Ends what was not finished in time: the first of two goes away, a PIN is forgotten. Returns
    /// the cards that were shown without their PINs.
    pub(super) fn handle_timeout(&mut self, fx: &mut Effects) -> Vec<(ReaderIx, Entry)> {
        let now = fx.now.mono;
        let waiting = self.first_of_two.iter();
        let due: Vec<DoorId> = waiting
            .filter(|(_, first)| first.until <= now)
            .map(|(door, _)| *door)
            .collect();
        for mut first in due.iter().filter_map(|door| self.first_of_two.remove(door)) {
            first.event.kind = EventKind::Denied;
            first.event.reason = Some(Reason::SecondPersonNeeded);
            (first.event.at, first.event.clock) = (fx.now.wall, fx.now.trust);
            fx.feedback(first.reader, Feedback::Denied);
            fx.record(first.event);
        }
        let due = (0..).map(ReaderIx).zip(&mut self.readers);
        due.filter(|(_, reader)| reader.entry.is_due(now))
            .map(|(ix, reader)| (ix, std::mem::take(&mut reader.entry)))
            .collect()
    }
}

/// The site as the rules see it.
pub(super) struct SiteNow<'a> {
    pub(super) running: &'a Running,
    pub(super) whereabouts: &'a Whereabouts,
    pub(super) doors: &'a BTreeMap<DoorId, DoorMachine>,
    pub(super) now: Mono,
}

impl SiteState for SiteNow<'_> {
    fn location(&self, user: UserId) -> Option<Location> {
        self.whereabouts.location(user)
    }

    fn occupants(&self, area: AreaId) -> u32 {
        self.whereabouts.occupants(area, self.now)
    }

    fn open_beside(&self, area: AreaId, door: DoorId) -> Option<DoorId> {
        self.beside(area, door, DoorMachine::is_open_or_unlocked)
    }

    fn unseen_beside(&self, area: AreaId, door: DoorId) -> Option<DoorId> {
        self.beside(area, door, DoorMachine::has_contact_unseen)
    }

    fn first_of_two(&self, door: DoorId) -> Option<UserId> {
        let first = self.first_waiting(door)?;
        Some(first.user)
    }

    fn is_locked_out(&self, credential: CredentialId) -> bool {
        self.running.cards.is_locked(credential, self.now)
    }
}

impl SiteNow<'_> {
    /// A door of an area other than `door` of which this is true.
    fn beside(
        &self,
        area: AreaId,
        door: DoorId,
        wanted: impl Fn(&DoorMachine) -> bool,
    ) -> Option<DoorId> {
        let mut others = self.whereabouts.doors_of(area).filter(|&id| id != door);
        others.find(|id| self.doors.get(id).is_some_and(&wanted))
    }

    fn first_waiting(&self, door: DoorId) -> Option<&First> {
        let first = self.running.first_of_two.get(&door)?;
        (self.now < first.until).then_some(first)
    }
}

impl Effects {
    /// A door has been opened by somebody who may: whoever was let in has passed it.
    pub(super) fn opened(&mut self, door: DoorId) {
        let moved = self.whereabouts.passed(self.now.mono, self.now.wall, door);
        self.moved(moved);
    }

    pub(super) fn moved(&mut self, moved: Vec<Moved>) {
        for Moved { user, to } in moved {
            self.push(Output::Remember(Remembered::User { user, location: to }));
        }
    }

    /// What an event says of whoever was let in: that they have not passed after all.
    pub(super) fn note_passing(&mut self, event: &Event) {
        if let (EventKind::NotEntered, Some(door)) = (event.kind, event.door) {
            self.whereabouts.nobody_passed(door);
        }
    }

    /// A door did not open for a user who was let in.
    pub(super) fn not_let_in(&mut self, door: DoorId, user: Option<UserId>) {
        if let Some(user) = user {
            let moved = self.whereabouts.not_let_in(door, user);
            self.moved(moved);
        }
    }

    /// Raises an alarm that has no end of its own: it stands until somebody clears it.
    pub(super) fn alarm_once(&mut self, kind: AlarmKind, subject: AlarmSubject, about: &Event) {
        let mut event = self.event(EventKind::AlarmRaised);
        event.alarm = Some(kind);
        event.door = about.door;
        event.reader.clone_from(&about.reader);
        event.user = about.user;
        event.credential = about.credential;
        event.direction = about.direction;
        self.push(Output::Alarm(crate::alarm::AlarmChange {
            kind,
            subject,
            condition: crate::alarm::Condition::Present,
        }));
        self.record(event);
    }
}

impl Controller {
    /// Takes in what was remembered before a restart. To be called before [`Self::start`].
    pub fn restore_people(&mut self, now: Now, remembered: impl IntoIterator<Item = Remembered>) {
        let left_ms = |until: Wall| u64::try_from(until.since_ms(now.wall)).unwrap_or(0);
        for each in remembered {
            match each {
                Remembered::User { user, location } => {
                    let moved = Moved { user, to: location };
                    self.fx.whereabouts.put(moved);
                }
                Remembered::CardLockout { credential, until } => {
                    let tries = self.running.cards.of(credential);
                    tries.lock_for(now.mono, left_ms(until));
                }
                Remembered::ReaderLockout { reader, until } => {
                    let at = self.config.reader(&reader);
                    if let Some(reader) = at.and_then(|at| self.running.at(at)) {
                        reader.tries.lock_for(now.mono, left_ms(until));
                    }
                }
            }
        }
    }

    /// What the rules would see of the site for a user at a door.
    #[must_use]
    pub fn site_for(&self, door: DoorId, user: Option<UserId>, now: Mono) -> SiteMap {
        let site = SiteNow {
            running: &self.running,
            whereabouts: &self.fx.whereabouts,
            doors: &self.doors,
            now,
        };
        let record = self.doors.get(&door).map(|machine| &machine.door);
        let areas = record.map_or([None; 2], |door| [door.inside, door.outside]);
        let location = user.and_then(|user| Some((user, site.location(user)?)));
        let areas = || areas.into_iter().flatten();
        SiteMap {
            locations: location.into_iter().collect(),
            occupants: areas().map(|area| (area, site.occupants(area))).collect(),
            open: areas()
                .filter_map(|area| Some((area, [site.open_beside(area, door)?].into())))
                .collect(),
            unseen: areas()
                .filter_map(|area| Some((area, [site.unseen_beside(area, door)?].into())))
                .collect(),
            first_of_two: site
                .first_of_two(door)
                .map(|first| (door, first))
                .into_iter()
                .collect(),
            locked_out: self.running.cards.locked(now).collect(),
        }
    }

    /// At most `limit` of those inside an area, from the first behind `after`, and since when.
    #[must_use]
    pub fn people_in(
        &self,
        area: AreaId,
        after: Option<UserId>,
        limit: usize,
    ) -> Vec<(UserId, Wall)> {
        self.fx.whereabouts.people(area, after, limit)
    }

    /// How many are inside each area that is not empty.
    #[must_use]
    pub fn occupancy(&self) -> Vec<(AreaId, usize)> {
        self.fx.whereabouts.counts().collect()
    }

    /// A user is not in the table any more, or counts as gone: they are nowhere, and wait for
    /// nobody.
    pub(super) fn forget_user(&mut self, user: UserId) {
        let moved = self.fx.whereabouts.remove_user(user);
        self.fx.moved(moved.into_iter().collect());
        let firsts = &mut self.running.first_of_two;
        firsts.retain(|_, first| first.user != user);
    }

    pub(super) fn forgive(&mut self, id: CommandId, whom: Forgiven, actor: Actor) {
        let whereabouts = &mut self.fx.whereabouts;
        let moved = match whom {
            Forgiven::User(user) => whereabouts.forget(user).into_iter().collect(),
            Forgiven::Area(area) => whereabouts.forget_area(area),
            Forgiven::Everyone => whereabouts.forget_all(),
        };
        self.fx.moved(moved);
        let mut event = self.fx.event(EventKind::Forgiven);
        event.actor = Some(actor);
        match whom {
            Forgiven::User(user) => event.user = Some(user),
            Forgiven::Area(area) => event.area = Some(area),
            Forgiven::Everyone => {}
        }
        self.fx.record(event);
        self.fx.command_done(id, Ok(()));
    }
}
