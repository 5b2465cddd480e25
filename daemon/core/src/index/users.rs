//! Users with the keys they hold: one cache line each.
//!
//! A decision that first searched for the card and then went to its user would wait twice for
//! memory, one time after the other. So a user is kept, where there is room, near the place that
//! follows from the hash of their card: both waits begin at once. Nothing but time depends on it.

use core::hint::black_box;

use super::ids::{IdMap, Slab};
use crate::ids::UserId;
use crate::model::{Interval, User, UserState};

/// Keys held in the line itself; who holds more has them beside it.
const INLINE: usize = 7;
/// Lines of one block: users are added block by block.
const BLOCK: usize = 1_024;
/// Lines that the hash of a card may mean: processors fetch two as one.
const HOME: u32 = 2;

/// A grant: the key's slot, and the slot of its intervals or [`GrantRef::ALWAYS`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GrantRef {
    pub(super) key: u32,
    pub(super) intervals: u32,
}

impl GrantRef {
    pub(super) const ALWAYS: u32 = u32::MAX;
}

/// The intervals of a grant; none for always.
#[derive(Debug, Default)]
pub struct Booked(Option<Box<[Interval]>>);

impl Booked {
    pub(super) const ALWAYS: &Self = &Self(None);
}

impl AsRef<[Interval]> for Booked {
    fn as_ref(&self) -> &[Interval] {
        self.0.as_deref().unwrap_or_default()
    }
}

#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line {
    id: u32,
    status: Status,
    /// Keys held in the line, or [`Line::BESIDE`]: then `grants[0].key` says where.
    held: u8,
    /// Credentials that refer to the line; it stays until there are none.
    credentials: u16,
    grants: [GrantRef; INLINE],
}

const _: () = assert!(size_of::<Line>() == 64);

/// A user's state and whether extended unlock, in a byte; [`Status::MISSING`] when not in the
/// table, though grants or credentials may refer to the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Status(u8);

impl Status {
    const MISSING: Self = Self(0);
    const EXTENDED: u8 = 0x80;

    const fn new(state: UserState, extended_unlock: bool) -> Self {
        let extended = if extended_unlock { Self::EXTENDED } else { 0 };
        Self(
            extended
                | match state {
                    UserState::Active => 1,
                    UserState::Invited => 2,
                    UserState::Inactive => 3,
                    UserState::Suspended => 4,
                    UserState::Removed => 5,
                },
        )
    }

    const fn facts(self) -> Option<(UserState, bool)> {
        let state = match self.0 & !Self::EXTENDED {
            1 => UserState::Active,
            2 => UserState::Invited,
            3 => UserState::Inactive,
            4 => UserState::Suspended,
            5 => UserState::Removed,
            _ => return None,
        };
        Some((state, self.0 & Self::EXTENDED != 0))
    }
}

impl Line {
    const BESIDE: u8 = u8::MAX;

    const fn new(id: u32) -> Self {
        Self {
            id,
            status: Status::MISSING,
            held: 0,
            credentials: 0,
            grants: [GrantRef {
                key: 0,
                intervals: 0,
            }; INLINE],
        }
    }

    fn is_unused(&self) -> bool {
        self.status == Status::MISSING && self.held == 0 && self.credentials == 0
    }
}

#[derive(Debug, Default)]
pub(super) struct Users {
    blocks: Vec<Box<[Line; BLOCK]>>,
    free: Vec<u32>,
    used: u32,
    /// Homes among the lines: as many as there were users when last counted.
    homes: u32,
    slots: IdMap,
    /// The grants of who holds many keys.
    beside: Slab<Vec<GrantRef>>,
    pub(super) intervals: Slab<Booked>,
}

impl Users {
    fn line(&self, slot: u32) -> &Line {
        &self.blocks[slot as usize / BLOCK][slot as usize % BLOCK]
    }

    fn line_mut(&mut self, slot: u32) -> &mut Line {
        &mut self.blocks[slot as usize / BLOCK][slot as usize % BLOCK]
    }

    /// The slot of a user who is in the table.
    pub(super) fn find(&self, id: UserId) -> Option<u32> {
        let slot = self.slots.find(id.0)?;
        (self.line(slot).status != Status::MISSING).then_some(slot)
    }

    /// Number, state, and whether extended unlock, of a user who is in the table.
    #[inline]
    pub(super) fn facts(&self, slot: u32) -> Option<(UserId, UserState, bool)> {
        let line = self.line(slot);
        let (state, extended) = line.status.facts()?;
        Some((UserId(line.id), state, extended))
    }

    #[inline]
    pub(super) fn grants(&self, slot: u32) -> &[GrantRef] {
        let line = self.line(slot);
        match line.held {
            Line::BESIDE => self.beside.at(line.grants[0].key),
            held => &line.grants[..usize::from(held)],
        }
    }

    pub(super) fn put(&mut self, user: &User) {
        let slot = self.slot_of(user.id.0);
        self.line_mut(slot).status = Status::new(user.state, user.extended_unlock);
    }

    pub(super) fn remove(&mut self, id: UserId) {
        if let Some(slot) = self.slots.find(id.0) {
            self.line_mut(slot).status = Status::MISSING;
            self.release_if_unused(slot);
        }
    }

    /// Begins to fetch the user of the card with this hash, as far as one can tell where they are.
    #[inline]
    pub(super) fn foresee(&self, hash: u32) {
        if self.homes > 0 {
            let home = self.home(hash);
            for at in home..home + HOME {
                black_box(self.line(at).held);
            }
        }
    }

    /// The first line of a hash's home.
    #[inline]
    fn home(&self, hash: u32) -> u32 {
        #[allow(clippy::cast_possible_truncation, reason = "below the number of homes")]
        let home = ((u64::from(hash) * u64::from(self.homes)) >> 32) as u32;
        home * HOME
    }

    /// Moves a user to whom no credential refers yet to their card's home, if someone there is
    /// in the same case and changes places with them. Returns their slot.
    fn bring_home(&mut self, slot: u32, hash: u32) -> u32 {
        // Counted anew when there are twice as many: of those who have a home, half keep it.
        if self.used / HOME >= 2 * self.homes {
            self.homes = self.used / HOME;
        }
        if self.homes == 0 || self.line(slot).credentials > 0 {
            return slot;
        }
        let home = self.home(hash);
        let may_move = |at: &u32| {
            let line = self.line(*at);
            *at == slot || (line.credentials == 0 && !line.is_unused())
        };
        // A line that is nobody's waits among the free ones, and stays there.
        let Some(at) = (home..home + HOME).find(may_move) else {
            return slot;
        };
        let (own, other) = (*self.line(slot), *self.line(at));
        *self.line_mut(slot) = other;
        *self.line_mut(at) = own;
        self.slots.set(other.id, slot);
        self.slots.set(own.id, at);
        at
    }

    /// Notes that a credential, of a card with this hash, refers to a user, known or not yet.
    pub(super) fn refer(&mut self, id: UserId, hash: u32) -> u32 {
        let slot = self.slot_of(id.0);
        let slot = self.bring_home(slot, hash);
        let line = self.line_mut(slot);
        line.credentials = line.credentials.saturating_add(1);
        slot
    }

    pub(super) fn unrefer(&mut self, slot: u32) {
        let line = self.line_mut(slot);
        // A count that once was too high to be kept stays so: the line is never given back.
        if line.credentials != u16::MAX {
            line.credentials -= 1;
        }
        self.release_if_unused(slot);
    }

    /// Adds a grant, or gives it new intervals; `key_id` says the order of keys. Tells whether it
    /// is new.
    pub(super) fn put_grant(
        &mut self,
        user: UserId,
        key: u32,
        intervals: &[Interval],
        key_id: impl Fn(u32) -> u32,
    ) -> bool {
        let slot = self.slot_of(user.0);
        let intervals = if intervals.is_empty() {
            GrantRef::ALWAYS
        } else {
            self.intervals.add(Booked(Some(intervals.into())))
        };
        let grants = self.grants(slot);
        let id = key_id(key);
        let at = grants.partition_point(|grant| key_id(grant.key) < id);
        if grants.get(at).is_some_and(|grant| grant.key == key) {
            let old = core::mem::replace(&mut self.grants_mut(slot)[at].intervals, intervals);
            self.drop_intervals(old);
            return false;
        }
        let grant = GrantRef { key, intervals };
        let line = self.line_mut(slot);
        match usize::from(line.held) {
            held @ 0..INLINE => {
                line.grants.copy_within(at..held, at + 1);
                line.grants[at] = grant;
                line.held += 1;
            }
            INLINE => {
                let mut all = line.grants.to_vec();
                all.insert(at, grant);
                let beside = self.beside.add(all);
                let line = self.line_mut(slot);
                line.held = Line::BESIDE;
                line.grants[0].key = beside;
            }
            _ => {
                let beside = line.grants[0].key;
                self.beside.at_mut(beside).insert(at, grant);
            }
        }
        true
    }

    /// Takes a grant away. Tells whether there was one.
    pub(super) fn remove_grant(&mut self, user: UserId, key: u32) -> bool {
        let Some(slot) = self.slots.find(user.0) else {
            return false;
        };
        let grants = self.grants(slot);
        let Some(at) = grants.iter().position(|grant| grant.key == key) else {
            return false;
        };
        let intervals = grants[at].intervals;
        self.drop_intervals(intervals);
        let line = self.line_mut(slot);
        if line.held == Line::BESIDE {
            let beside = line.grants[0].key;
            self.beside.at_mut(beside).remove(at);
            self.bring_inline(slot, beside);
        } else {
            let held = usize::from(line.held);
            line.grants.copy_within(at + 1..held, at);
            line.held -= 1;
        }
        self.release_if_unused(slot);
        true
    }

    fn bring_inline(&mut self, slot: u32, beside: u32) {
        let count = self.beside.at(beside).len();
        if count > INLINE {
            return;
        }
        let all = self.beside.take(beside);
        let line = self.line_mut(slot);
        line.grants[..count].copy_from_slice(&all);
        line.held = u8::try_from(count).unwrap_or(0);
    }

    fn grants_mut(&mut self, slot: u32) -> &mut [GrantRef] {
        let line = &mut self.blocks[slot as usize / BLOCK][slot as usize % BLOCK];
        match line.held {
            Line::BESIDE => self.beside.at_mut(line.grants[0].key),
            held => &mut line.grants[..usize::from(held)],
        }
    }

    fn drop_intervals(&mut self, intervals: u32) {
        if intervals != GrantRef::ALWAYS {
            self.intervals.take(intervals);
        }
    }

    fn slot_of(&mut self, id: u32) -> u32 {
        if let Some(slot) = self.slots.find(id) {
            return slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            let slot = self.used;
            self.used += 1;
            if slot as usize / BLOCK == self.blocks.len() {
                self.blocks.push(Box::new([Line::new(0); BLOCK]));
            }
            slot
        });
        *self.line_mut(slot) = Line::new(id);
        self.slots.set(id, slot);
        slot
    }

    fn release_if_unused(&mut self, slot: u32) {
        let line = self.line(slot);
        if line.is_unused() {
            let id = line.id;
            self.slots.clear(id);
            self.free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::user;
    use crate::sample::Random;

    #[test]
    fn most_users_are_at_home_and_each_is_found() {
        const USERS: u32 = 5_000;
        let mut random = Random::new(3);
        let mut users = Users::default();
        for id in 1..=USERS {
            users.put(&user(id));
            users.put_grant(UserId(id), id, &[], |slot| slot);
        }
        let cards: Vec<_> = (1..=USERS).map(|id| (id, random.below(u32::MAX))).collect();
        let slots: Vec<_> = cards
            .iter()
            .map(|&(id, hash)| users.refer(UserId(id), hash))
            .collect();
        let mut at_home = 0;
        for (&(id, hash), &slot) in cards.iter().zip(&slots) {
            assert_eq!(users.find(UserId(id)), Some(slot));
            assert_eq!(users.facts(slot).unwrap().0, UserId(id));
            assert_eq!(users.grants(slot)[0].key, id);
            let home = users.home(hash);
            at_home += u32::from((home..home + HOME).contains(&slot));
        }
        // Some 64 in 100: whoever finds their home full stays in somebody else's.
        assert!(at_home > USERS * 6 / 10, "{at_home}");
        // A second card moves nobody: the first one's entry names the slot.
        for (&(id, hash), &slot) in cards.iter().zip(&slots) {
            assert_eq!(users.refer(UserId(id), !hash), slot);
        }
    }
}
