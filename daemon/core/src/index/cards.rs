//! From what a card is known by to its credentials: one probe, exact.
//!
//! An extendible hash table: a directory of segments of fixed size, each a linear-probing table of
//! 64-byte buckets of two entries. A segment that gets crowded is split in two, so that no update
//! costs more than one segment; a removal shifts back what was pushed aside, so that nothing is
//! left behind to slow later searches down.

use core::hint::select_unpredictable;
use std::collections::BTreeMap;

use super::ids::{IdMap, mix};
use crate::card::{CardBits, FormatName, MAX_CARD_BITS};
use crate::ids::CredentialId;
use crate::model::{CredentialState, Factor};
use crate::pin::PinPrint;
use crate::view::CardIdentity;

/// Buckets of a segment: 64 KiB.
const BUCKETS: usize = 1_024;
const SLOTS: usize = BUCKETS * 2;
/// Entries at which a segment is split: few enough that a search for nothing stays short.
const SLOTS_MAX: usize = SLOTS * 7 / 10;
/// The most directory bits. With the bits that find a bucket they are all of a hash.
const DEPTH_MAX: u32 = 32 - BUCKETS.trailing_zeros();
/// Credentials of one identity in the table; more (reissued over and over) are kept beside it.
const SAME_MAX: usize = 8;
/// The longest card, in bits, that is its own identity.
const INLINE_BITS: usize = 112;

/// An identity as a number: two are equal only if the cards are. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Identity(u128);

/// 32 bits of hash: the upper ones find the segment, the lower ones the bucket.
type Hash = u32;

/// An identity with its hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought {
    identity: Identity,
    pub(super) hash: Hash,
}

impl Identity {
    const EMPTY: Self = Self(0);

    fn hash(self) -> Hash {
        #[allow(clippy::cast_possible_truncation, reason = "the halves of 128 bits")]
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        #[allow(clippy::cast_possible_truncation, reason = "the upper 32 bits")]
        let hash = (mix(low ^ mix(high)) >> 32) as u32;
        hash
    }
}

/// A credential in the table.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    identity: Identity,
    pub(super) id: u32,
    /// The user's slot, or [`Entry::NOBODY`].
    pub(super) user: u32,
    /// The validity's slot, or [`Entry::ALWAYS`].
    pub(super) validity: u32,
    pub(super) state: EntryState,
    /// Whether another entry may have this identity too.
    shared: bool,
}

/// [`CredentialState`] with a default in the lower bits, [`Factor`] above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct EntryState(u8);

impl EntryState {
    const STATE: u8 = 0x0F;
    const PIN: u8 = 0x10;
    const DURESS_PIN: u8 = 0x20;

    pub(super) fn new(state: CredentialState, factor: Factor) -> Self {
        let factor = match factor {
            Factor::Card => 0,
            Factor::Pin => Self::PIN,
            Factor::DuressPin => Self::DURESS_PIN,
        };
        Self(Self::from(state).0 | factor)
    }

    pub(super) const fn factor(self) -> Factor {
        match self.0 & !Self::STATE {
            Self::PIN => Factor::Pin,
            Self::DURESS_PIN => Factor::DuressPin,
            _ => Factor::Card,
        }
    }
}

impl From<CredentialState> for EntryState {
    fn from(state: CredentialState) -> Self {
        Self(match state {
            CredentialState::Removed => 0,
            CredentialState::Pending => 1,
            CredentialState::Inactive => 2,
            CredentialState::Active => 3,
        })
    }
}

impl From<EntryState> for CredentialState {
    fn from(state: EntryState) -> Self {
        match state.0 & EntryState::STATE {
            3 => Self::Active,
            2 => Self::Inactive,
            1 => Self::Pending,
            _ => Self::Removed,
        }
    }
}

impl Entry {
    pub(super) const NOBODY: u32 = u32::MAX;
    pub(super) const ALWAYS: u32 = u32::MAX;

    pub(super) fn new(id: CredentialId, user: u32, validity: u32, state: EntryState) -> Self {
        Self {
            identity: Identity::EMPTY,
            id: id.0,
            user,
            validity,
            state,
            shared: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.identity == Identity::EMPTY
    }
}

#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket([Entry; 2]);

const _: () = assert!(size_of::<Bucket>() == 64);

/// All credentials by what they are known by, and by their number.
#[derive(Debug)]
pub(super) struct Cards {
    identities: Identities,
    depth: u32,
    /// By the upper `depth` bits of a hash: the place of a segment.
    directory: Vec<u32>,
    segments: Vec<Segment>,
    /// What found no room beside too many of its like.
    aside: BTreeMap<Identity, Vec<Entry>>,
    /// The hash of each credential's identity.
    hashes: IdMap,
}

impl Default for Cards {
    fn default() -> Self {
        Self {
            identities: Identities::default(),
            depth: 0,
            directory: vec![0],
            segments: vec![Segment::new(0)],
            aside: BTreeMap::new(),
            hashes: IdMap::default(),
        }
    }
}

impl Cards {
    /// What to search for; `None` if it cannot be there.
    #[inline]
    pub(super) fn sought(&self, identity: &CardIdentity) -> Option<Sought> {
        let identity = self.identities.find(identity)?;
        let hash = identity.hash();
        Some(Sought { identity, hash })
    }

    /// Visits each credential of this identity.
    #[inline]
    pub(super) fn visit(&self, sought: Sought, mut visit: impl FnMut(&Entry)) {
        let Sought { identity, hash } = sought;
        self.segment(hash).visit(hash, identity, &mut visit);
        if !self.aside.is_empty() {
            self.aside
                .get(&identity)
                .into_iter()
                .flatten()
                .for_each(visit);
        }
    }

    pub(super) fn find(&self, id: CredentialId) -> Option<&Entry> {
        let hash = self.hashes.find(id.0)?;
        self.segment(hash)
            .find(hash, id.0)
            .or_else(|| self.aside.values().flatten().find(|entry| entry.id == id.0))
    }

    /// Makes room for an identity, to be given to [`insert`](Self::insert) or nobody.
    pub(super) fn intern(&mut self, identity: &CardIdentity) -> Sought {
        let identity = self.identities.intern(identity);
        let hash = identity.hash();
        Sought { identity, hash }
    }

    /// Adds a credential whose number is not in it.
    pub(super) fn insert(&mut self, sought: Sought, entry: Entry) {
        let Sought { identity, hash } = sought;
        self.hashes.set(entry.id, hash);
        let entry = Entry { identity, ..entry };
        loop {
            let at = self.segment_at(hash);
            match self.segments[at].insert(hash, entry) {
                Insertion::Done => return,
                Insertion::Full if self.split(at) => {}
                Insertion::Full | Insertion::TooManyAlike => {
                    self.aside.entry(identity).or_default().push(entry);
                    return;
                }
            }
        }
    }

    /// Takes a credential out.
    pub(super) fn remove(&mut self, id: CredentialId) -> Option<Entry> {
        let hash = self.hashes.find(id.0)?;
        self.hashes.clear(id.0);
        let at = self.segment_at(hash);
        let entry = match self.segments[at].remove(hash, id.0) {
            Some(entry) => entry,
            None => self.remove_aside(id.0)?,
        };
        self.identities.release(entry.identity);
        Some(entry)
    }

    fn remove_aside(&mut self, id: u32) -> Option<Entry> {
        let (&identity, alike) = self
            .aside
            .iter_mut()
            .find(|(_, alike)| alike.iter().any(|entry| entry.id == id))?;
        let at = alike.iter().position(|entry| entry.id == id)?;
        let entry = alike.swap_remove(at);
        if alike.is_empty() {
            self.aside.remove(&identity);
        }
        Some(entry)
    }

    fn segment_at(&self, hash: Hash) -> usize {
        self.directory[upper_bits(hash, self.depth)] as usize
    }

    fn segment(&self, hash: Hash) -> &Segment {
        &self.segments[self.segment_at(hash)]
    }

    /// Splits a segment in two by the next bit of its hashes. Tells whether it could.
    fn split(&mut self, at: usize) -> bool {
        let depth = self.segments[at].depth;
        if depth == DEPTH_MAX {
            return false;
        }
        if depth == self.depth {
            self.directory = self
                .directory
                .iter()
                .flat_map(|&segment| [segment, segment])
                .collect();
            self.depth += 1;
        }
        let moved = self.segments[at].drain();
        self.segments[at].depth = depth + 1;
        let new_at = self.segments.len();
        self.segments.push(Segment::new(depth + 1));
        for (nth, segment) in self.directory.iter_mut().enumerate() {
            let upper = (nth >> (self.depth - depth - 1)) & 1 == 1;
            if *segment as usize == at && upper {
                *segment = u32::try_from(new_at).unwrap_or(u32::MAX);
            }
        }
        for entry in moved {
            let hash = entry.identity.hash();
            let half = self.segment_at(hash);
            // A half has room for what the whole had.
            let _ = self.segments[half].insert(hash, entry);
        }
        true
    }
}

const fn upper_bits(hash: Hash, bits: u32) -> usize {
    if bits == 0 {
        0
    } else {
        (hash >> (u32::BITS - bits)) as usize
    }
}

#[derive(Debug)]
struct Segment {
    /// How many upper bits all its hashes have in common.
    depth: u32,
    len: u32,
    buckets: Box<[Bucket; BUCKETS]>,
}

enum Insertion {
    Done,
    Full,
    TooManyAlike,
}

impl Segment {
    fn new(depth: u32) -> Self {
        Self {
            depth,
            len: 0,
            buckets: Box::new([Bucket::default(); BUCKETS]),
        }
    }

    fn slot(&self, at: usize) -> &Entry {
        &self.buckets[at / 2].0[at % 2]
    }

    fn slot_mut(&mut self, at: usize) -> &mut Entry {
        &mut self.buckets[at / 2].0[at % 2]
    }

    /// Takes all entries out.
    fn drain(&mut self) -> Vec<Entry> {
        let slots = self.buckets.iter_mut().flat_map(|bucket| &mut bucket.0);
        self.len = 0;
        slots
            .filter(|entry| !entry.is_empty())
            .map(core::mem::take)
            .collect()
    }

    /// The slots from a hash's own bucket on, to the first empty one.
    fn run(&self, hash: Hash) -> impl Iterator<Item = (usize, &Entry)> {
        let home = home(hash);
        (0..SLOTS)
            .map(move |step| (home + step) % SLOTS)
            .map(|at| (at, self.slot(at)))
            .take_while(|(_, entry)| !entry.is_empty())
    }

    #[inline]
    fn visit(&self, hash: Hash, identity: Identity, visit: &mut impl FnMut(&Entry)) {
        // Nearly always it is one of the two in its own bucket, and nobody can foresee which.
        let [first, second] = &self.buckets[hash as usize % BUCKETS].0;
        let entry = select_unpredictable(second.identity == identity, second, first);
        if entry.identity == identity && !entry.shared {
            visit(entry);
        } else if !first.is_empty() {
            self.visit_run(hash, identity, visit);
        }
    }

    #[cold]
    fn visit_run(&self, hash: Hash, identity: Identity, visit: &mut dyn FnMut(&Entry)) {
        for (_, entry) in self.run(hash) {
            if entry.identity == identity {
                visit(entry);
                if !entry.shared {
                    return;
                }
            }
        }
    }

    fn find(&self, hash: Hash, id: u32) -> Option<&Entry> {
        let mut run = self.run(hash);
        run.find(|(_, entry)| entry.id == id)
            .map(|(_, entry)| entry)
    }

    fn insert(&mut self, hash: Hash, mut entry: Entry) -> Insertion {
        let mut alike = [0; SAME_MAX];
        let mut count = 0;
        let mut end = home(hash);
        for (at, other) in self.run(hash) {
            end = (at + 1) % SLOTS;
            if other.identity == entry.identity {
                if count == SAME_MAX {
                    return Insertion::TooManyAlike;
                }
                alike[count] = at;
                count += 1;
            }
        }
        if count == SAME_MAX {
            return Insertion::TooManyAlike;
        }
        if self.len as usize >= SLOTS_MAX {
            return Insertion::Full;
        }
        for &at in &alike[..count] {
            self.slot_mut(at).shared = true;
        }
        entry.shared = entry.shared || count > 0;
        *self.slot_mut(end) = entry;
        self.len += 1;
        Insertion::Done
    }

    fn remove(&mut self, hash: Hash, id: u32) -> Option<Entry> {
        let (mut hole, &removed) = self.run(hash).find(|(_, entry)| entry.id == id)?;
        *self.slot_mut(hole) = Entry::default();
        self.len -= 1;
        // Each entry of the run behind that may stand in the hole moves there.
        let mut at = (hole + 1) % SLOTS;
        while !self.slot(at).is_empty() {
            let entry = *self.slot(at);
            let distance = |to: usize| (to + SLOTS - home(entry.identity.hash())) % SLOTS;
            if distance(hole) < distance(at) {
                *self.slot_mut(hole) = entry;
                *self.slot_mut(at) = Entry::default();
                hole = at;
            }
            at = (at + 1) % SLOTS;
        }
        Some(removed)
    }
}

const fn home(hash: Hash) -> usize {
    (hash as usize % BUCKETS) * 2
}

/// Identities as numbers: formats and long cards have theirs from tables.
#[derive(Debug)]
struct Identities {
    formats: Vec<FormatName>,
    /// Long cards: their number, and how many credentials have it.
    long: BTreeMap<CardBits, (u32, u32)>,
    /// Long cards by their number.
    long_bits: BTreeMap<u32, CardBits>,
    next_long: u32,
    /// How many credentials are known by bits of each length: mostly none, and then there is
    /// nothing to search for.
    of_length: [u32; MAX_CARD_BITS as usize + 1],
}

impl Default for Identities {
    fn default() -> Self {
        Self {
            formats: Vec::new(),
            long: BTreeMap::new(),
            long_bits: BTreeMap::new(),
            next_long: 0,
            of_length: [0; MAX_CARD_BITS as usize + 1],
        }
    }
}

const NUMBER: u128 = 1 << 127;
const FACILITY: u128 = 1 << 126;
const FORMAT_SHIFT: u32 = 96;
const FACILITY_SHIFT: u32 = 64;
const LENGTH_SHIFT: u32 = 112;
const LONG: u128 = 1 << 125;
/// Not a card: the print of a PIN in the lower 96 bits.
const PIN: u128 = 1 << 124;

impl Identities {
    #[inline]
    fn find(&self, identity: &CardIdentity) -> Option<Identity> {
        match identity {
            CardIdentity::Number(number) => {
                let format = self
                    .formats
                    .iter()
                    .position(|name| *name == number.format)?;
                Some(of_number(format, number.facility, number.number))
            }
            CardIdentity::Bits(bits) if self.of_length[bits.len()] == 0 => None,
            CardIdentity::Bits(bits) if bits.len() <= INLINE_BITS => Some(of_bits(bits)),
            CardIdentity::Bits(bits) => self.long.get(bits).map(|(at, _)| of_long(bits, *at)),
            CardIdentity::Pin(print) => Some(of_pin(print)),
        }
    }

    fn intern(&mut self, identity: &CardIdentity) -> Identity {
        match identity {
            CardIdentity::Number(number) => {
                let known = self.formats.iter().position(|name| *name == number.format);
                let format = known.unwrap_or_else(|| {
                    self.formats.push(number.format);
                    self.formats.len() - 1
                });
                of_number(format, number.facility, number.number)
            }
            CardIdentity::Bits(bits) => {
                self.of_length[bits.len()] += 1;
                if bits.len() <= INLINE_BITS {
                    return of_bits(bits);
                }
                let next = self.next_long;
                let (at, count) = self.long.entry(*bits).or_insert((next, 0));
                *count += 1;
                if *count == 1 {
                    self.long_bits.insert(next, *bits);
                    self.next_long += 1;
                }
                of_long(bits, *at)
            }
            CardIdentity::Pin(print) => of_pin(print),
        }
    }

    fn release(&mut self, identity: Identity) {
        if identity.0 & NUMBER != 0 || identity.0 & PIN != 0 {
            return;
        }
        let length = ((identity.0 >> LENGTH_SHIFT) & 0x1FF) as usize;
        if let Some(count) = self.of_length.get_mut(length) {
            *count = count.saturating_sub(1);
        }
        if identity.0 & LONG != 0 {
            self.release_long(identity);
        }
    }

    fn release_long(&mut self, identity: Identity) {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "the number is the lower 32 bits"
        )]
        let number = identity.0 as u32;
        let Some(bits) = self.long_bits.get(&number).copied() else {
            return;
        };
        if let Some((_, count)) = self.long.get_mut(&bits) {
            *count -= 1;
            if *count == 0 {
                self.long.remove(&bits);
                self.long_bits.remove(&number);
            }
        }
    }
}

fn of_number(format: usize, facility: Option<u32>, number: u64) -> Identity {
    let format = (format as u128) << FORMAT_SHIFT;
    let facility = facility.map_or(0, |code| FACILITY | u128::from(code) << FACILITY_SHIFT);
    Identity(NUMBER | format | facility | u128::from(number))
}

fn of_bits(bits: &CardBits) -> Identity {
    let mut bytes = [0; 16];
    let whole = bits.bytes();
    bytes[2..2 + whole.len()].copy_from_slice(whole);
    Identity((bits.len() as u128) << LENGTH_SHIFT | u128::from_be_bytes(bytes))
}

fn of_pin(print: &PinPrint) -> Identity {
    let mut bytes = [0; 16];
    bytes[4..].copy_from_slice(print.bytes());
    Identity(PIN | u128::from_be_bytes(bytes))
}

fn of_long(bits: &CardBits, at: u32) -> Identity {
    Identity(LONG | (bits.len() as u128) << LENGTH_SHIFT | u128::from(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::number;
    use crate::sample::Random;
    use std::collections::BTreeSet;

    fn entry(id: u32) -> Entry {
        let state = EntryState::new(CredentialState::Active, Factor::Card);
        Entry::new(CredentialId(id), id, Entry::ALWAYS, state)
    }

    fn ids_of(cards: &Cards, identity: &CardIdentity) -> BTreeSet<u32> {
        let mut ids = BTreeSet::new();
        if let Some(sought) = cards.sought(identity) {
            cards.visit(sought, |entry| {
                assert!(ids.insert(entry.id), "visited twice");
            });
        }
        ids
    }

    /// Long raw cards, short ones, and numbers, some of them of several credentials.
    fn identity(of: u32) -> CardIdentity {
        let bits = |len: usize| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&of.to_be_bytes());
            CardIdentity::Bits(CardBits::new(len, &bytes).unwrap())
        };
        match of % 7 {
            0 => bits(112),
            1 => bits(113),
            2 => bits(200),
            _ => CardIdentity::Number(number(u64::from(of))),
        }
    }

    #[test]
    fn a_table_that_grows_and_shrinks_loses_nothing() {
        let mut random = Random::new(7);
        let mut cards = Cards::default();
        let mut model: BTreeMap<u32, CardIdentity> = BTreeMap::new();
        // Up to some 20,000 credentials of 15,000 cards, then down to none.
        for step in 0..120_000 {
            let id = random.below(40_000);
            let grow = step < 60_000;
            if model.remove(&id).is_some() {
                assert_eq!(cards.remove(CredentialId(id)).unwrap().id, id);
            } else if grow {
                let identity = identity(random.below(15_000));
                let sought = cards.intern(&identity);
                cards.insert(sought, entry(id));
                model.insert(id, identity);
            }
            assert_eq!(
                cards.find(CredentialId(id)).is_some(),
                model.contains_key(&id)
            );
        }
        let mut by_identity: BTreeMap<CardIdentity, BTreeSet<u32>> = BTreeMap::new();
        for (id, identity) in &model {
            by_identity.entry(*identity).or_default().insert(*id);
        }
        assert!(cards.segments.len() > 4);
        for of in 0..15_000 {
            let identity = identity(of);
            let expect = by_identity.remove(&identity).unwrap_or_default();
            assert_eq!(ids_of(&cards, &identity), expect);
        }
        for id in model.into_keys() {
            cards.remove(CredentialId(id)).unwrap();
        }
        assert!(cards.segments.iter().all(|segment| segment.len == 0));
        let mut left = cards
            .segments
            .iter()
            .flat_map(|segment| segment.buckets.iter());
        assert!(left.all(|bucket| bucket.0.iter().all(Entry::is_empty)));
        assert!(cards.identities.long.is_empty() && cards.identities.long_bits.is_empty());
        assert!(cards.identities.of_length.iter().all(|&count| count == 0));
    }

    #[test]
    fn a_card_reissued_over_and_over_crowds_nobody() {
        let mut cards = Cards::default();
        let same = identity(3);
        for id in 0..5_000 {
            let sought = cards.intern(&same);
            cards.insert(sought, entry(id));
        }
        assert_eq!(cards.segments.len(), 1);
        assert_eq!(ids_of(&cards, &same).len(), 5_000);
        for id in (0..5_000).rev() {
            assert_eq!(cards.find(CredentialId(id)).unwrap().id, id);
            cards.remove(CredentialId(id)).unwrap();
        }
        assert_eq!(ids_of(&cards, &same).len(), 0);
        assert!(cards.aside.is_empty());
    }

    #[test]
    fn identities_differ_where_cards_do() {
        let mut identities = Identities::default();
        let with = |format: &str, facility, number| {
            CardIdentity::Number(crate::card::CardNumber {
                format: format.parse().unwrap(),
                facility,
                number,
            })
        };
        let bits = |text: &str| CardIdentity::Bits(text.parse().unwrap());
        let all = [
            with("H10301", Some(0), 1),
            with("H10301", None, 1),
            with("H10301", Some(1), 1),
            with("H10301", Some(1), u64::MAX),
            with("H10302", Some(1), u64::MAX),
            with("H10302", Some(u32::MAX), u64::MAX),
            bits("0"),
            bits("00"),
            bits("1"),
            bits(&"1".repeat(112)),
            bits(&"1".repeat(113)),
            bits(&"1".repeat(256)),
            bits(&"0".repeat(256)),
        ];
        let numbers: BTreeSet<_> = all.iter().map(|each| identities.intern(each)).collect();
        assert_eq!(numbers.len(), all.len());
        assert!(!numbers.contains(&Identity::EMPTY));
        for each in &all {
            let found = identities.find(each).unwrap();
            assert_eq!(found, identities.intern(each));
        }
    }
}
