//! Which events concern a door or a user: numbers of events, found without reading the log.
//!
//! Keys: `d` or `u`, the id (4 bytes), and the first number (8 bytes) of a chunk, big-endian. The
//! value is the distances of the chunk's further numbers, as LEB128. A row for each event would be
//! simpler; it would make ten times as many pages, which all cost memory and time at opening.
//! `n` holds the newest number that is worked in: what the log has beyond is worked in at opening.

use std::collections::BTreeMap;

use doorward_core::event::Event;
use doorward_core::ids::{DoorId, UserId};
use sled::{Batch, IVec, Tree};

use super::{StoreError, varint};

/// The most numbers in one chunk.
const CHUNK_MAX: usize = 64;

/// The row with the newest number that is worked in.
const WORKED_IN: &[u8] = b"n";

/// What events are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Door(DoorId),
    User(UserId),
}

impl Subject {
    /// What an event concerns.
    pub(super) fn of(event: &Event) -> impl Iterator<Item = Self> + use<> {
        let door = event.door.map(Self::Door);
        door.into_iter().chain(event.user.map(Self::User))
    }

    fn key(self, first: u64) -> [u8; 13] {
        let (kind, id) = match self {
            Self::Door(door) => (b'd', door.0),
            Self::User(user) => (b'u', user.0),
        };
        let mut key = [kind; 13];
        key[1..5].copy_from_slice(&id.to_be_bytes());
        key[5..].copy_from_slice(&first.to_be_bytes());
        key
    }
}

/// Numbers that are about to be worked in.
#[derive(Debug, Default)]
pub(super) struct Added {
    by_subject: BTreeMap<Subject, Vec<u64>>,
    newest: u64,
}

impl Added {
    /// Adds event `seq`. Numbers rise.
    pub(super) fn add(&mut self, seq: u64, subjects: impl Iterator<Item = Subject>) {
        self.newest = seq;
        for subject in subjects {
            self.by_subject.entry(subject).or_default().push(seq);
        }
    }

    /// Works the numbers in. Doing it again changes nothing.
    pub(super) fn write(self, tree: &Tree) -> Result<(), StoreError> {
        if self.newest == 0 {
            return Ok(());
        }
        let mut batch = Batch::default();
        for (subject, numbers) in self.by_subject {
            let mut chunk = match newest_chunk(tree, subject)? {
                Some(chunk) => chunk,
                None => Chunk::begin(numbers[0]),
            };
            for seq in numbers {
                if seq <= chunk.last {
                    continue;
                }
                if chunk.count >= CHUNK_MAX {
                    batch.insert(&subject.key(chunk.first), chunk.distances);
                    chunk = Chunk::begin(seq);
                } else {
                    chunk.push(seq);
                }
            }
            batch.insert(&subject.key(chunk.first), chunk.distances);
        }
        batch.insert(WORKED_IN, &self.newest.to_be_bytes());
        Ok(tree.apply_batch(batch)?)
    }
}

/// Forgets that an event concerns a subject.
pub(super) fn forget(tree: &Tree, subject: Subject, seq: u64) -> Result<(), StoreError> {
    let chunks = subject.key(0)..=subject.key(seq);
    let Some(found) = tree.range(chunks).next_back() else {
        return Ok(());
    };
    let (key, value) = found?;
    let numbers = Chunk::read(&key, &value)?.numbers();
    let mut batch = Batch::default();
    batch.remove(key);
    let mut left = numbers.into_iter().filter(|number| *number != seq);
    if let Some(first) = left.next() {
        let mut chunk = Chunk::begin(first);
        left.for_each(|number| chunk.push(number));
        batch.insert(&subject.key(first), chunk.distances);
    }
    Ok(tree.apply_batch(batch)?)
}

/// The newest number that is worked in; 0 when there is none.
pub(super) fn worked_in(tree: &Tree) -> Result<u64, StoreError> {
    let Some(value) = tree.get(WORKED_IN)? else {
        return Ok(0);
    };
    let bytes = value.as_ref().try_into();
    bytes
        .map(u64::from_be_bytes)
        .map_err(|_| StoreError::row("postings", WORKED_IN, "it is not a number of 8 bytes"))
}

/// The numbers of events that concern `subject` within `from..=until`, in rising order.
pub(super) fn rising(
    tree: &Tree,
    subject: Subject,
    from: u64,
    until: u64,
) -> Result<impl Iterator<Item = Result<u64, StoreError>> + use<>, StoreError> {
    // The chunk that begins at or before `from` may reach into the range.
    let before = tree.range(subject.key(0)..=subject.key(from)).next_back();
    let begin = match before {
        Some(entry) => entry?.0,
        None => IVec::from(&subject.key(from)),
    };
    let chunks = bounded(tree, begin, subject.key(until));
    let numbers = chunks.flat_map(|chunk| numbers_of(chunk, Vec::into_iter));
    Ok(within(numbers, from, until))
}

/// The numbers of events that concern `subject` within `from..=until`, in falling order.
pub(super) fn falling(
    tree: &Tree,
    subject: Subject,
    from: u64,
    until: u64,
) -> impl Iterator<Item = Result<u64, StoreError>> + use<> {
    let chunks = bounded(tree, IVec::from(&subject.key(0)), subject.key(until)).rev();
    let numbers = chunks.flat_map(|chunk| numbers_of(chunk, |all| all.into_iter().rev()));
    // The first number below `from` is the end.
    let numbers = numbers.take_while(move |seq| seq.as_ref().map_or(true, |seq| *seq >= from));
    within(numbers, from, until)
}

/// The rows between two keys, both included. sled panics at a range that ends before it begins.
fn bounded(tree: &Tree, begin: IVec, end: [u8; 13]) -> sled::Iter {
    let end = if begin.as_ref() > end.as_slice() {
        begin.clone()
    } else {
        IVec::from(&end)
    };
    tree.range(begin..=end)
}

fn within(
    numbers: impl Iterator<Item = Result<u64, StoreError>>,
    from: u64,
    until: u64,
) -> impl Iterator<Item = Result<u64, StoreError>> {
    numbers.filter(move |seq| {
        seq.as_ref()
            .map_or(true, |seq| (from..=until).contains(seq))
    })
}

fn numbers_of<I: Iterator<Item = u64>>(
    entry: sled::Result<(IVec, IVec)>,
    order: impl FnOnce(Vec<u64>) -> I,
) -> impl Iterator<Item = Result<u64, StoreError>> {
    let chunk = entry
        .map_err(StoreError::from)
        .and_then(|(key, value)| Chunk::read(&key, &value));
    let (numbers, error) = match chunk {
        Ok(chunk) => (Some(order(chunk.numbers())), None),
        Err(error) => (None, Some(Err(error))),
    };
    numbers.into_iter().flatten().map(Ok).chain(error)
}

fn newest_chunk(tree: &Tree, subject: Subject) -> Result<Option<Chunk>, StoreError> {
    let newest = tree
        .range(subject.key(0)..=subject.key(u64::MAX))
        .next_back();
    newest
        .map(|entry| {
            let (key, value) = entry?;
            Chunk::read(&key, &value)
        })
        .transpose()
}

#[derive(Debug)]
struct Chunk {
    first: u64,
    last: u64,
    count: usize,
    distances: Vec<u8>,
}

impl Chunk {
    const fn begin(first: u64) -> Self {
        Self {
            first,
            last: first,
            count: 1,
            distances: Vec::new(),
        }
    }

    fn push(&mut self, seq: u64) {
        varint::push(&mut self.distances, seq - self.last);
        self.last = seq;
        self.count += 1;
    }

    fn read(key: &[u8], value: &[u8]) -> Result<Self, StoreError> {
        let bad = |why: &str| StoreError::row("postings", key, why);
        let first = key.get(5..13).and_then(|bytes| bytes.try_into().ok());
        let first = first
            .map(u64::from_be_bytes)
            .ok_or_else(|| bad("its key is not of 13 bytes"))?;
        let mut chunk = Self::begin(first);
        let mut rest = value;
        while !rest.is_empty() {
            let next = varint::take(&mut rest).and_then(|far| chunk.last.checked_add(far));
            chunk.last = next.ok_or_else(|| bad("it is not a sequence of distances"))?;
            chunk.count += 1;
        }
        chunk.distances = value.to_vec();
        Ok(chunk)
    }

    fn numbers(&self) -> Vec<u64> {
        let mut numbers = vec![self.first];
        let (mut at, mut rest) = (self.first, self.distances.as_slice());
        while let Some(far) = varint::take(&mut rest) {
            at += far;
            numbers.push(at);
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree() -> (sled::Db, Tree) {
        let db = sled::Config::new().temporary(true).open().unwrap();
        let tree = db.open_tree("postings").unwrap();
        (db, tree)
    }

    fn subject() -> impl Strategy<Value = Subject> {
        prop_oneof![
            (1..4_u32).prop_map(|id| Subject::Door(DoorId(id))),
            (1..4_u32).prop_map(|id| Subject::User(UserId(id))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever is worked in, in whatever portions and however often, is found again in both
        /// directions and every range.
        #[test]
        fn what_is_worked_in_is_found(
            events in prop::collection::vec((subject(), 1..1_000_000_000_u64), 1..400),
            portion in 1..50_usize,
            range in (0..420_usize, 0..420_usize),
        ) {
            let (_db, tree) = tree();
            let mut seq = 0;
            let events: Vec<(Subject, u64)> = events
                .into_iter()
                .map(|(subject, distance)| {
                    seq += distance;
                    (subject, seq)
                })
                .collect();
            for _ in 0..2 {
                for some in events.chunks(portion) {
                    let mut added = Added::default();
                    for (subject, seq) in some {
                        added.add(*seq, [*subject].into_iter());
                    }
                    added.write(&tree).unwrap();
                }
            }
            prop_assert_eq!(worked_in(&tree).unwrap(), events.last().unwrap().1);
            let bound = |at: usize| events.get(at).map_or(u64::MAX, |(_, seq)| *seq);
            let (from, until) = (bound(range.0), bound(range.1));
            for id in 0..5 {
                for subject in [Subject::Door(DoorId(id)), Subject::User(UserId(id))] {
                    let mut expect: Vec<u64> = events
                        .iter()
                        .filter(|(of, seq)| *of == subject && (from..=until).contains(seq))
                        .map(|(_, seq)| *seq)
                        .collect();
                    let found: Result<Vec<_>, _> =
                        rising(&tree, subject, from, until).unwrap().collect();
                    prop_assert_eq!(&found.unwrap(), &expect);
                    let found: Result<Vec<_>, _> = falling(&tree, subject, from, until).collect();
                    expect.reverse();
                    prop_assert_eq!(&found.unwrap(), &expect);
                }
            }
        }
    }

    #[test]
    fn a_damaged_chunk_is_an_error() {
        let (_db, tree) = tree();
        let door = Subject::Door(DoorId(1));
        tree.insert(door.key(5), &[0xFF; 12]).unwrap();
        let found: Result<Vec<_>, _> = rising(&tree, door, 0, u64::MAX).unwrap().collect();
        let error = found.unwrap_err().to_string();
        assert!(error.contains("not a sequence of distances"), "{error}");
    }
}
