//! Many small rows in few rows of sled.
//!
//! sled keeps 16 rows in a page and some 400 bytes of memory for every page, so that a table of
//! millions of small rows would need a gigabyte before anything of it is read. Here neighbours
//! share a row of sled, a block. A block's key is at most that of its first row, and greater than
//! those of all rows before; what its rows' keys begin with alike is kept once.
//!
//! One thread writes. Whoever reads meanwhile sees a row before or after a batch, never amid it. A
//! range that is being read meets every row that stays exactly once: blocks split, and go when they
//! are empty, but never merge, so that rows move away from their block in one direction only.

use std::collections::VecDeque;
use std::iter::Peekable;
use std::ops::{Bound, RangeBounds};

use sled::{Batch, IVec, Tree};

use super::{StoreError, varint};

/// How large a block becomes, in bytes, before it is split. A single row may be larger. Every
/// write of a row writes its block.
const BLOCK_BYTES_MAX: usize = 4096;

/// Rows of sorted keys, in blocks.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    tree: Tree,
}

impl Packed {
    pub(super) const fn new(tree: Tree) -> Self {
        Self { tree }
    }

    /// The value of a row.
    pub(super) fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<IVec>, StoreError> {
        let key = key.as_ref();
        let Some(block) = self.tree.range(..=key).next_back() else {
            return Ok(None);
        };
        let (start, block) = block?;
        let mut rows = Rows::new(&start, &block);
        while rows.advance()? {
            if rows.key.as_slice() >= key {
                return Ok((rows.key == key).then(|| IVec::from(rows.value)));
            }
        }
        Ok(None)
    }

    /// Whether a row is there.
    pub(super) fn contains_key(&self, key: impl AsRef<[u8]>) -> Result<bool, StoreError> {
        Ok(self.get(key)?.is_some())
    }

    /// Puts one row.
    pub(super) fn insert(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), StoreError> {
        self.apply([(key.as_ref(), Some(value.as_ref()))])
    }

    /// Takes one row away.
    pub(super) fn remove(&self, key: impl AsRef<[u8]>) -> Result<(), StoreError> {
        self.apply([(key.as_ref(), None)])
    }

    /// Puts rows, and takes away those without a value, all at once. The keys rise.
    pub(super) fn apply<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let mut changes = changes.into_iter().peekable();
        while let Some((key, _)) = changes.peek() {
            self.change_block(key, &mut changes, &mut batch)?;
        }
        Ok(self.tree.apply_batch(batch)?)
    }

    /// Makes the changes that belong into the block where `key` belongs.
    fn change_block<'a>(
        &self,
        key: &[u8],
        changes: &mut Peekable<impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>>,
        batch: &mut Batch,
    ) -> Result<(), StoreError> {
        let block = self.tree.range(..=key).next_back().transpose()?;
        let start = block.as_ref().map_or(key, |(start, _)| start.as_ref());
        let next = self.behind(start)?;
        let mut blocks = Blocks::default();
        if let Some((start, block)) = &block {
            let mut rows = Rows::new(start, block);
            while rows.advance()? {
                let comes_before = |(key, _): &(&[u8], _)| *key < rows.key.as_slice();
                while let Some((key, value)) = changes.next_if(comes_before) {
                    blocks.add_changed(key, value);
                }
                match changes.next_if(|(key, _)| *key == rows.key.as_slice()) {
                    Some((key, value)) => blocks.add_changed(key, value),
                    None => blocks.add(&rows.key, rows.value),
                }
            }
            batch.remove(start);
        }
        let had = blocks.rows.len();
        let belongs = |key: &[u8]| next.as_ref().is_none_or(|next| key < next.as_ref());
        while let Some((key, value)) = changes.next_if(|(key, _)| belongs(key)) {
            blocks.add_changed(key, value);
        }
        blocks.grows_at_end = blocks.rows.len() > had;
        blocks.write(batch);
        Ok(())
    }

    /// The key of the block behind.
    fn behind(&self, start: &[u8]) -> Result<Option<IVec>, StoreError> {
        let behind = (Bound::Excluded(start), Bound::Unbounded);
        let mut keys = self.tree.range::<&[u8], _>(behind).keys();
        Ok(keys.next().transpose()?)
    }

    /// The rows within a range of keys.
    pub(super) fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Range<'_> {
        let owned = |bound: Bound<&K>| bound.map(|key| key.as_ref().to_vec());
        Range {
            tree: &self.tree,
            from: owned(range.start_bound()),
            until: owned(range.end_bound()),
            front: VecDeque::new(),
            front_block: None,
            back: VecDeque::new(),
            back_block: None,
        }
    }

    /// The rows whose keys begin so.
    pub(super) fn scan_prefix(&self, prefix: impl AsRef<[u8]>) -> Range<'_> {
        let prefix = prefix.as_ref();
        // The first key that is greater than all that begin so: its last byte that is not the
        // highest, raised.
        let raised = prefix.iter().rposition(|byte| *byte < u8::MAX);
        let until = raised.map_or(Bound::Unbounded, |at| {
            let mut until = prefix[..=at].to_vec();
            until[at] += 1;
            Bound::Excluded(until)
        });
        self.range((Bound::Included(prefix.to_vec()), until))
    }
}

/// The rows of a block, one after the other.
struct Rows<'a> {
    start: &'a [u8],
    rest: &'a [u8],
    key: Vec<u8>,
    value: &'a [u8],
}

impl<'a> Rows<'a> {
    const fn new(start: &'a [u8], block: &'a [u8]) -> Self {
        Self {
            start,
            rest: block,
            key: Vec::new(),
            value: &[],
        }
    }

    /// Goes on to the next row; `false` behind the last.
    fn advance(&mut self) -> Result<bool, StoreError> {
        if self.rest.is_empty() {
            return Ok(false);
        }
        match self.next_row() {
            Some(()) => Ok(true),
            None => {
                let error = "its block is not a sequence of rows";
                Err(StoreError::row("table", self.start, error))
            }
        }
    }

    fn next_row(&mut self) -> Option<()> {
        let mut length = || usize::try_from(varint::take(&mut self.rest)?).ok();
        let (alike, own, value) = (length()?, length()?, length()?);
        if alike > self.key.len() {
            return None;
        }
        self.key.truncate(alike);
        let (own, rest) = self.rest.split_at_checked(own)?;
        self.key.extend_from_slice(own);
        let (value, rest) = rest.split_at_checked(value)?;
        (self.value, self.rest) = (value, rest);
        Some(())
    }
}

/// Rows that are about to be written, as one block or several.
#[derive(Debug, Default)]
struct Blocks {
    rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// About how many bytes they need.
    bytes: usize,
    /// Rows were added behind the last: more will follow, and blocks are filled to the end.
    grows_at_end: bool,
}

impl Blocks {
    fn add_changed(&mut self, key: &[u8], value: Option<&[u8]>) {
        if let Some(value) = value {
            self.add(key, value);
        }
    }

    fn add(&mut self, key: &[u8], value: &[u8]) {
        self.bytes += row_bytes(key, value);
        self.rows.push((key.to_vec(), value.to_vec()));
    }

    fn write(self, batch: &mut Batch) {
        let parts = self.bytes.div_ceil(BLOCK_BYTES_MAX).max(1);
        let full = match self.grows_at_end {
            true => BLOCK_BYTES_MAX,
            false => self.bytes.div_ceil(parts),
        };
        let mut block = Vec::new();
        let (mut start, mut bytes) = (None, 0);
        let mut before: &[u8] = &[];
        for (key, value) in &self.rows {
            let more = row_bytes(key, value);
            if bytes + more > full.min(BLOCK_BYTES_MAX)
                && let Some(start) = start.take()
            {
                batch.insert(start, std::mem::take(&mut block));
                (before, bytes) = (&[], 0);
            }
            if start.is_none() {
                start = Some(key.as_slice());
            }
            let alike = key.iter().zip(before).take_while(|(a, b)| a == b).count();
            for length in [alike, key.len() - alike, value.len()] {
                varint::push(&mut block, length as u64);
            }
            block.extend_from_slice(&key[alike..]);
            block.extend_from_slice(value);
            bytes += more;
            before = key;
        }
        if let Some(start) = start {
            batch.insert(start, block);
        }
    }
}

/// A bound on what a row adds to a block.
const fn row_bytes(key: &[u8], value: &[u8]) -> usize {
    /// Three lengths, of two bytes each unless a row is large.
    const LENGTHS: usize = 6;
    key.len() + value.len() + LENGTHS
}

/// Rows within a range of keys, from both ends.
#[derive(Debug)]
pub(super) struct Range<'a> {
    tree: &'a Tree,
    /// What is not in `front` and `back` yet.
    from: Bound<Vec<u8>>,
    until: Bound<Vec<u8>>,
    front: VecDeque<(IVec, IVec)>,
    front_block: Option<IVec>,
    back: VecDeque<(IVec, IVec)>,
    back_block: Option<IVec>,
}

impl Range<'_> {
    /// The keys alone.
    pub(super) fn keys(self) -> impl DoubleEndedIterator<Item = Result<IVec, StoreError>> {
        self.map(|row| row.map(|(key, _)| key))
    }

    /// Reads the next block from the front; `false` at the end.
    fn fill_front(&mut self) -> Result<bool, StoreError> {
        let block = match &self.front_block {
            Some(block) => {
                let behind = (Bound::Excluded(block.clone()), Bound::Unbounded);
                self.tree.range::<IVec, _>(behind).next()
            }
            None => {
                let first = match &self.from {
                    Bound::Included(key) | Bound::Excluded(key) => {
                        self.tree.range::<&[u8], _>(..=key.as_slice()).next_back()
                    }
                    Bound::Unbounded => None,
                };
                first.or_else(|| self.tree.range::<&[u8], _>(..).next())
            }
        };
        let Some(block) = block else { return Ok(false) };
        let (start, block) = block?;
        if is_behind(&start, &self.until) {
            return Ok(false);
        }
        let rows = self.within(&start, &block)?;
        if let Some((last, _)) = rows.last() {
            self.from = Bound::Excluded(last.to_vec());
        }
        self.front.extend(rows);
        self.front_block = Some(start);
        Ok(true)
    }

    /// Reads the next block from the back; `false` at the end.
    fn fill_back(&mut self) -> Result<bool, StoreError> {
        let block = match (&self.back_block, &self.until) {
            (Some(block), _) => self.tree.range::<IVec, _>(..block.clone()).next_back(),
            (None, Bound::Included(key)) => {
                self.tree.range::<&[u8], _>(..=key.as_slice()).next_back()
            }
            (None, Bound::Excluded(key)) => {
                self.tree.range::<&[u8], _>(..key.as_slice()).next_back()
            }
            (None, Bound::Unbounded) => self.tree.range::<&[u8], _>(..).next_back(),
        };
        // The block before may reach into the range still, unless this one began before it.
        let done = self
            .back_block
            .as_ref()
            .is_some_and(|block| is_before(block, &self.from));
        let Some(block) = block.filter(|_| !done) else {
            return Ok(false);
        };
        let (start, block) = block?;
        let rows = self.within(&start, &block)?;
        if let Some((first, _)) = rows.first() {
            self.until = Bound::Excluded(first.to_vec());
        }
        for row in rows.into_iter().rev() {
            self.back.push_front(row);
        }
        self.back_block = Some(start);
        Ok(true)
    }

    /// The rows of a block that are within the range.
    fn within(&self, start: &[u8], block: &[u8]) -> Result<Vec<(IVec, IVec)>, StoreError> {
        let mut found = Vec::new();
        let mut rows = Rows::new(start, block);
        while rows.advance()? {
            if is_behind(&rows.key, &self.until) {
                break;
            }
            if !is_before(&rows.key, &self.from) {
                found.push((IVec::from(rows.key.as_slice()), IVec::from(rows.value)));
            }
        }
        Ok(found)
    }
}

fn is_before(key: &[u8], from: &Bound<Vec<u8>>) -> bool {
    match from {
        Bound::Included(from) => key < from.as_slice(),
        Bound::Excluded(from) => key <= from.as_slice(),
        Bound::Unbounded => false,
    }
}

fn is_behind(key: &[u8], until: &Bound<Vec<u8>>) -> bool {
    match until {
        Bound::Included(until) => key > until.as_slice(),
        Bound::Excluded(until) => key >= until.as_slice(),
        Bound::Unbounded => false,
    }
}

impl Iterator for Range<'_> {
    type Item = Result<(IVec, IVec), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.front.pop_front() {
                return Some(Ok(row));
            }
            match self.fill_front() {
                Ok(true) => {}
                Ok(false) => return self.back.pop_front().map(Ok),
                Err(error) => return Some(Err(self.ended(error))),
            }
        }
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.back.pop_back() {
                return Some(Ok(row));
            }
            match self.fill_back() {
                Ok(true) => {}
                Ok(false) => return self.front.pop_back().map(Ok),
                Err(error) => return Some(Err(self.ended(error))),
            }
        }
    }
}

impl Range<'_> {
    /// After an error nothing more comes.
    fn ended(&mut self, error: StoreError) -> StoreError {
        self.until = Bound::Excluded(Vec::new());
        self.from = Bound::Excluded(Vec::new());
        self.back_block = Some(IVec::default());
        error
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, Ordering};

    use proptest::prelude::*;

    use super::*;

    type Plain = BTreeMap<Vec<u8>, Vec<u8>>;

    fn packed() -> (sled::Db, Packed) {
        let db = sled::Config::new().temporary(true).open().unwrap();
        let packed = Packed::new(db.open_tree("rows").unwrap());
        (db, packed)
    }

    fn key() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            // Neighbours, as records are.
            9 => (0..3_u8, 0..300_u32).prop_map(|(kind, id)| [&[kind][..], &id.to_be_bytes()].concat()),
            1 => prop::collection::vec(any::<u8>(), 1..20),
            1 => prop::collection::vec(Just(0xFF), 1..4),
        ]
    }

    fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
        let bytes = prop_oneof![
            8 => 0..60_usize,
            2 => 0..600_usize,
            1 => 4_000..9_000_usize,
        ];
        let value = (any::<u8>(), bytes).prop_map(|(byte, length)| vec![byte; length]);
        prop::option::weighted(0.7, value)
    }

    fn all(rows: Range<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        rows.map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())))
            .collect::<Result<_, _>>()
            .unwrap()
    }

    fn backwards(rows: Range<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = rows.rev();
        let mut rows: Vec<_> = rows
            .map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())))
            .collect::<Result<_, _>>()
            .unwrap();
        rows.reverse();
        rows
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever is put and taken away, everything reads as from a plain map.
        #[test]
        fn reads_as_a_plain_map(
            changes in prop::collection::vec(prop::collection::btree_map(key(), value(), 1..120), 1..12),
            bounds in prop::collection::vec((key(), key()), 1..6),
        ) {
            let (_db, packed) = packed();
            let mut plain = Plain::new();
            for change in changes {
                let rows = change.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
                packed.apply(rows).unwrap();
                for (key, value) in change {
                    match value {
                        Some(value) => drop(plain.insert(key, value)),
                        None => drop(plain.remove(&key)),
                    }
                }
                let expect: Vec<_> = plain.clone().into_iter().collect();
                prop_assert_eq!(&all(packed.range::<&[u8]>(..)), &expect);
                prop_assert_eq!(&backwards(packed.range::<&[u8]>(..)), &expect);
                for block in packed.tree.iter().values() {
                    let block = block.unwrap();
                    prop_assert!(!block.is_empty());
                    let rows = std::iter::from_fn({
                        let mut rows = Rows::new(&[], &block);
                        move || rows.advance().unwrap().then_some(())
                    });
                    prop_assert!(block.len() <= BLOCK_BYTES_MAX || rows.count() == 1);
                }
                for (from, until) in &bounds {
                    prop_assert_eq!(
                        packed.get(from).unwrap().map(|value| value.to_vec()),
                        plain.get(from).cloned()
                    );
                    let prefix = &from[..from.len().min(2)];
                    let expect: Vec<_> = plain.clone().into_iter().filter(|(key, _)| key.starts_with(prefix)).collect();
                    prop_assert_eq!(&all(packed.scan_prefix(prefix)), &expect);
                    prop_assert_eq!(&backwards(packed.scan_prefix(prefix)), &expect);
                    if from < until {
                        let bounds = (Bound::Excluded(from.clone()), Bound::Included(until.clone()));
                        let expect: Vec<_> = plain.range(bounds.clone()).map(|(key, value)| (key.clone(), value.clone())).collect();
                        prop_assert_eq!(&all(packed.range(bounds.clone())), &expect);
                        prop_assert_eq!(&backwards(packed.range(bounds.clone())), &expect);
                        // From both ends in turn, every row comes once.
                        let mut rows = packed.range(bounds);
                        let mut found = Plain::new();
                        let mut count = 0;
                        while let Some(row) = if count % 3 == 0 { rows.next_back() } else { rows.next() } {
                            let (key, value) = row.unwrap();
                            count += 1;
                            prop_assert!(found.insert(key.to_vec(), value.to_vec()).is_none());
                        }
                        prop_assert_eq!(found.into_iter().collect::<Vec<_>>(), expect);
                    }
                }
            }
        }
    }

    #[test]
    fn rows_that_stay_are_read_once_while_others_come_and_go() {
        let (_db, packed) = packed();
        let row = |at: u32| at.to_be_bytes().to_vec();
        let stay: Vec<Vec<u8>> = (0..2_000).map(|at| row(at * 10)).collect();
        packed
            .apply(stay.iter().map(|key| (key.as_slice(), Some(&b"stays"[..]))))
            .unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                for round in 0..40_u32 {
                    for some in (0..20_000_u32)
                        .filter(|at| at % 10 != 0)
                        .step_by(3)
                        .collect::<Vec<_>>()
                        .chunks(500)
                    {
                        let keys: Vec<Vec<u8>> = some.iter().map(|at| row(*at)).collect();
                        let value = (round % 2 == 0).then_some(&[7_u8; 40][..]);
                        packed
                            .apply(keys.iter().map(|key| (key.as_slice(), value)))
                            .unwrap();
                    }
                }
                over.store(true, Ordering::Release);
            });
            let stayed = |rows: Vec<(Vec<u8>, Vec<u8>)>| -> Vec<Vec<u8>> {
                let stayed = rows.into_iter().filter(|(_, value)| value == b"stays");
                stayed.map(|(key, _)| key).collect()
            };
            while !over.load(Ordering::Acquire) {
                assert_eq!(stayed(all(packed.range::<&[u8]>(..))), stay);
                assert_eq!(stayed(backwards(packed.range::<&[u8]>(..))), stay);
                assert_eq!(
                    packed.get(&stay[700]).unwrap().as_deref(),
                    Some(&b"stays"[..])
                );
            }
            writing.join().unwrap();
        });
    }

    #[test]
    fn a_damaged_block_is_an_error_and_the_end() {
        let (_db, packed) = packed();
        packed.insert(b"a", b"1").unwrap();
        packed.tree.insert(b"b", &[9, 1, 1, b'x', b'y']).unwrap();
        assert!(packed.get(b"b").is_err());
        let mut rows = packed.range::<&[u8]>(..);
        assert!(rows.next().unwrap().is_ok());
        assert!(rows.next().unwrap().is_err());
        assert!(rows.next().is_none());
        assert!(packed.insert(b"c", b"2").is_err());
    }
}
