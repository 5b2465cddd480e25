//! The access index: the whole access table in memory, compact, for decisions in two cache misses.
//!
//! A card's number or bits become one exact 128-bit identity; one probe of a hash table finds its
//! credential, which names its user's cache line, which holds the user's keys. Most users are kept
//! where the card's hash says, so that both are fetched at once. A door knows the keys that open
//! it, as bits; keys, doors and schedules are few and stay in the cache. Nothing here allocates on
//! the decision path, and no change costs more than itself.

mod cards;
mod doors;
mod ids;
mod keys;
mod structure;
#[cfg(test)]
mod tests;
mod users;

use core::ops::ControlFlow;

use crate::ids::{CredentialId, DoorId, UserId};
use crate::model::{
    AuthMethod, Change, Credential, Grant, Interval, Record, RecordRef, TableDelta,
};
use crate::modes::Modes;
use crate::time::Wall;
use crate::view::{
    AccessView, CardIdentity, CredentialFacts, DoorAreas, DoorFacts, KeyFacts, ScheduleReading,
    Unreadable, UserFacts,
};
use cards::{Cards, Entry, EntryState};
use doors::Doors;
use ids::Slab;
use keys::Keys;
use structure::{Affected, Structure};
pub use users::Booked;
use users::{GrantRef, Users};

/// The access table in memory, built from its records and kept by its deltas.
///
/// Records may come in any order; one that refers to what is not there (yet) opens nothing.
#[derive(Debug, Default)]
pub struct AccessIndex {
    revision: u64,
    cards: Cards,
    validities: Slab<Validity>,
    users: Users,
    keys: Keys,
    modes: Modes,
    doors: Doors,
    structure: Structure,
}

/// An [`Interval`] in 16 bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Validity {
    from: i64,
    until: i64,
}

impl From<Interval> for Validity {
    fn from(interval: Interval) -> Self {
        Self {
            from: interval.from.map_or(i64::MIN, |from| from.0),
            until: interval.until.map_or(i64::MAX, |until| until.0),
        }
    }
}

impl From<Validity> for Interval {
    fn from(validity: Validity) -> Self {
        Self {
            from: (validity.from != i64::MIN).then_some(Wall(validity.from)),
            until: (validity.until != i64::MAX).then_some(Wall(validity.until)),
        }
    }
}

impl FromIterator<Record> for AccessIndex {
    fn from_iter<T: IntoIterator<Item = Record>>(records: T) -> Self {
        let mut index = Self::default();
        index.extend(records);
        index
    }
}

impl Extend<Record> for AccessIndex {
    fn extend<T: IntoIterator<Item = Record>>(&mut self, records: T) {
        for record in records {
            self.put(&record);
        }
    }
}

impl AccessIndex {
    /// The revision of the last delta applied, or as set.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Says which revision the records put so far are of.
    pub const fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// Does a committed change.
    pub fn apply(&mut self, delta: &TableDelta) {
        for change in &delta.changes {
            match change {
                Change::Put(record) => self.put(record),
                Change::Remove(reference) => self.remove(*reference),
            }
        }
        self.revision = delta.revision;
    }

    /// Takes in a record, new or changed.
    pub fn put(&mut self, record: &Record) {
        match record {
            Record::Place(_) => self.put_modes(record),
            Record::Company(_) => {}
            Record::Door(door) => {
                self.put_modes(record);
                let affected = self.structure.put_door(door.id, door.place);
                self.set_doors_of(&affected);
                self.doors.set_rules(door, &mut self.keys);
            }
            Record::User(user) => self.users.put(user),
            Record::Credential(credential) => self.put_credential(credential),
            Record::Key(key) => {
                self.structure.put_key(key);
                self.keys.put(key);
                self.set_doors_of(&Affected::from([key.id]));
            }
            Record::Grant(grant) => self.put_grant(grant),
            Record::Schedule(schedule) => self.keys.put_schedule(schedule),
            Record::DoorGroup(group) => {
                self.put_modes(record);
                let affected = self.structure.put_group(group);
                self.set_doors_of(&affected);
            }
            Record::Share(share) => {
                let affected = self.structure.put_share(*share);
                self.set_doors_of(&affected);
            }
            Record::Area(area) => self.doors.put_area(area),
            Record::HolidaySet(set) => self.keys.put_holidays(set),
        }
    }

    fn remove(&mut self, reference: RecordRef) {
        let doors = self.modes.remove(reference);
        self.set_modes(&doors);
        match reference {
            RecordRef::Place(_) | RecordRef::Company(_) => {}
            RecordRef::Door(door) => {
                let affected = self.structure.remove_door(door);
                self.set_doors_of(&affected);
                self.doors.remove(door, &mut self.keys);
            }
            RecordRef::User(user) => self.users.remove(user),
            RecordRef::Credential(credential) => self.remove_credential(credential),
            RecordRef::Key(key) => {
                self.structure.remove_key(key);
                self.keys.remove(key, &mut self.doors);
            }
            RecordRef::Grant { user, key } => {
                if let Some(slot) = self.keys.find(key)
                    && self.users.remove_grant(user, slot)
                {
                    self.keys.unrefer(slot);
                }
            }
            RecordRef::Schedule(schedule) => self.keys.remove_schedule(schedule),
            RecordRef::Area(area) => self.doors.remove_area(area),
            RecordRef::HolidaySet(set) => self.keys.remove_holidays(set),
            RecordRef::DoorGroup(group) => {
                let affected = self.structure.remove_group(group);
                self.set_doors_of(&affected);
            }
            RecordRef::Share { door, place } => {
                let affected = self.structure.remove_share(door, place);
                self.set_doors_of(&affected);
            }
        }
    }

    fn set_doors_of(&mut self, keys: &Affected) {
        for &key in keys {
            let opened = self.structure.opened_by(key);
            self.keys.set_doors(key, opened, &mut self.doors);
        }
    }

    fn put_modes(&mut self, record: &Record) {
        let doors = self.modes.put(record);
        self.set_modes(&doors);
    }

    fn set_modes(&mut self, doors: &[DoorId]) {
        for &door in doors {
            if let Some(facts) = self.modes.facts(door) {
                self.doors.set_facts(door, facts);
            }
        }
    }

    fn put_credential(&mut self, credential: &Credential) {
        // What is new is referred to before what is old is let go: they may be the same.
        let sought = self.cards.intern(&credential.data.identity());
        let user = credential.user;
        let user = user.map_or(Entry::NOBODY, |user| self.users.refer(user, sought.hash));
        self.remove_credential(credential.id);
        let validity = Interval {
            from: credential.valid_from,
            until: credential.valid_until,
        };
        let validity = if validity == Interval::default() {
            Entry::ALWAYS
        } else {
            self.validities.add(validity.into())
        };
        let state = EntryState::new(credential.state, credential.data.factor());
        let entry = Entry::new(credential.id, user, validity, state);
        self.cards.insert(sought, entry);
    }

    fn remove_credential(&mut self, id: CredentialId) {
        let Some(entry) = self.cards.remove(id) else {
            return;
        };
        if entry.user != Entry::NOBODY {
            self.users.unrefer(entry.user);
        }
        if entry.validity != Entry::ALWAYS {
            self.validities.take(entry.validity);
        }
    }

    fn put_grant(&mut self, grant: &Grant) {
        let Self { users, keys, .. } = self;
        let slot = keys.slot_of(grant.key.0);
        let key_id = |slot| keys.id(slot);
        if users.put_grant(grant.user, slot, &grant.intervals, key_id) {
            keys.refer(slot);
        }
    }

    #[inline]
    fn facts_of(&self, entry: &Entry) -> CredentialFacts<u32> {
        CredentialFacts {
            id: CredentialId(entry.id),
            user: (entry.user != Entry::NOBODY).then_some(entry.user),
            state: entry.state.into(),
            validity: if entry.validity == Entry::ALWAYS {
                Interval::default()
            } else {
                (*self.validities.at(entry.validity)).into()
            },
            factor: entry.state.factor(),
        }
    }
}

impl AccessView for AccessIndex {
    type User = u32;
    type Key = u32;
    type Schedule = u32;
    type Door = u32;
    type Granted = Booked;

    #[inline]
    fn door(&self, door: DoorId) -> Result<Option<(u32, DoorFacts)>, Unreadable> {
        Ok(self.doors.find(door))
    }

    #[inline]
    fn credentials(
        &self,
        identity: &CardIdentity,
        mut visit: impl FnMut(CredentialFacts<u32>),
    ) -> Result<(), Unreadable> {
        if let Some(sought) = self.cards.sought(identity) {
            self.users.foresee(sought.hash);
            self.cards
                .visit(sought, |entry| visit(self.facts_of(entry)));
        }
        Ok(())
    }

    fn credential(
        &self,
        credential: CredentialId,
    ) -> Result<Option<CredentialFacts<u32>>, Unreadable> {
        let entry = self.cards.find(credential);
        Ok(entry.map(|entry| self.facts_of(entry)))
    }

    fn find_user(&self, user: UserId) -> Result<Option<u32>, Unreadable> {
        Ok(self.users.find(user))
    }

    #[inline]
    fn user(&self, user: u32) -> Result<Option<UserFacts>, Unreadable> {
        let facts = self.users.facts(user);
        Ok(facts.map(|(id, state, extended_unlock)| UserFacts {
            id,
            state,
            extended_unlock,
        }))
    }

    #[inline]
    fn grants(
        &self,
        user: u32,
        mut visit: impl FnMut(u32, &Booked) -> ControlFlow<()>,
    ) -> Result<(), Unreadable> {
        for grant in self.users.grants(user) {
            let intervals = match grant.intervals {
                GrantRef::ALWAYS => Booked::ALWAYS,
                at => self.users.intervals.at(at),
            };
            if visit(grant.key, intervals).is_break() {
                break;
            }
        }
        Ok(())
    }

    #[inline]
    fn opens(&self, key: u32, door: u32) -> Result<bool, Unreadable> {
        Ok(self.doors.opens(key, door))
    }

    #[inline]
    fn key(&self, key: u32) -> Result<Option<KeyFacts<u32>>, Unreadable> {
        Ok(self.keys.facts(key))
    }

    #[inline]
    fn schedule(&self, schedule: u32, at: Wall) -> Result<Option<ScheduleReading>, Unreadable> {
        let Some((id, compiled)) = self.keys.schedule(schedule) else {
            return Ok(None);
        };
        let says = compiled.reading(at);
        Ok(says.map(|says| ScheduleReading { id, says }))
    }

    #[inline]
    fn authentication(
        &self,
        door: u32,
        visit: impl FnMut(Option<u32>, AuthMethod) -> ControlFlow<()>,
    ) -> Result<(), Unreadable> {
        self.doors.authentication(door, visit);
        Ok(())
    }

    #[inline]
    fn areas(&self, door: u32) -> Result<DoorAreas, Unreadable> {
        Ok(self.doors.areas(door))
    }
}
