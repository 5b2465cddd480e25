//! Users with the keys they hold: one cache line each.

use super::ids::{IdMap, Slab};
use crate::ids::UserId;
use crate::model::{Interval, User, UserState};

/// Keys held in the line itself; who holds more has them beside it.
const INLINE: usize = 7;
/// Lines of one block: users are added block by block, and never move.
const BLOCK: usize = 1_024;

/// A grant: the key's slot, and the slot of its intervals or [`GrantRef::ALWAYS`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct GrantRef {
    pub(super) key: u32,
    pub(super) intervals: u32,
}

impl GrantRef {
    pub(super) const ALWAYS: u32 = u32::MAX;
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
    blocks: Vec<Box<[Line]>>,
    free: Vec<u32>,
    used: u32,
    slots: IdMap,
    /// The grants of who holds many keys.
    beside: Slab<Vec<GrantRef>>,
    pub(super) intervals: Slab<Box<[Interval]>>,
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

    /// Notes that a credential refers to a user, known or not yet.
    pub(super) fn refer(&mut self, id: UserId) -> u32 {
        let slot = self.slot_of(id.0);
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
            self.intervals.add(intervals.into())
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
                let block = vec![Line::new(0); BLOCK];
                self.blocks.push(block.into_boxed_slice());
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
