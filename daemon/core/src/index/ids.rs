use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

/// Ids of a page. Ids are given in order, so that pages fill; a lone id costs one page.
const PAGE: u32 = 32;

/// What no id maps to.
const NONE: u32 = u32::MAX;

/// From ids to numbers below `u32::MAX`, at about 5 bytes for each id in a row.
#[derive(Debug, Default)]
pub(super) struct IdMap {
    pages: HashMap<u32, Box<[u32; PAGE as usize]>, BuildHasherDefault<Mix>>,
}

impl IdMap {
    pub(super) fn find(&self, id: u32) -> Option<u32> {
        let value = self.pages.get(&(id / PAGE))?[(id % PAGE) as usize];
        (value != NONE).then_some(value)
    }

    pub(super) fn set(&mut self, id: u32, value: u32) {
        let page = self
            .pages
            .entry(id / PAGE)
            .or_insert_with(|| Box::new([NONE; PAGE as usize]));
        page[(id % PAGE) as usize] = value;
    }

    pub(super) fn clear(&mut self, id: u32) {
        if let Some(page) = self.pages.get_mut(&(id / PAGE)) {
            page[(id % PAGE) as usize] = NONE;
            if page.iter().all(|&value| value == NONE) {
                self.pages.remove(&(id / PAGE));
            }
        }
    }
}

/// Spreads 64 bits over 64 bits: the finalizer of SplitMix64.
pub(super) const fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// Hashes the small integers of this crate. Not for keys that an attacker chooses.
#[derive(Debug, Default)]
pub(super) struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = mix(self.0 ^ u64::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = mix(self.0 ^ u64::from(number));
    }
}

/// Values at stable small numbers; a number given back is used again.
#[derive(Debug)]
pub(super) struct Slab<T> {
    slots: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T: Default> Slab<T> {
    pub(super) fn add(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self.slots[at as usize] = value;
            return at;
        }
        self.slots.push(value);
        // Slots are fewer than ids, which are 32 bits.
        u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
    }

    pub(super) fn take(&mut self, at: u32) -> T {
        self.free.push(at);
        core::mem::take(&mut self.slots[at as usize])
    }

    pub(super) fn at(&self, at: u32) -> &T {
        &self.slots[at as usize]
    }

    pub(super) fn at_mut(&mut self, at: u32) -> &mut T {
        &mut self.slots[at as usize]
    }

    /// Every slot, free ones included.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn an_id_map_is_a_map(steps in proptest::collection::vec((0u32..200, 0u32..5), 0..300)) {
            let mut map = IdMap::default();
            let mut model = BTreeMap::new();
            for (id, value) in steps {
                // Far apart as well as in a row.
                let id = if id % 3 == 0 { id * 10_000_000 } else { id };
                if value == 0 {
                    map.clear(id);
                    model.remove(&id);
                } else {
                    map.set(id, value);
                    model.insert(id, value);
                }
                prop_assert_eq!(map.find(id), model.get(&id).copied());
            }
            for (id, value) in &model {
                prop_assert_eq!(map.find(*id), Some(*value));
            }
            let pages: std::collections::BTreeSet<_> = model.keys().map(|id| id / PAGE).collect();
            prop_assert_eq!(map.pages.len(), pages.len());
        }
    }

    #[test]
    fn a_slab_uses_its_slots_again() {
        let mut slab = Slab::default();
        let (a, b) = (slab.add('a'), slab.add('b'));
        assert_eq!(slab.take(a), 'a');
        assert_eq!(slab.add('c'), a);
        assert_eq!((*slab.at(a), *slab.at(b)), ('c', 'b'));
    }
}
