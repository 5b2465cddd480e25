//! Randomness that a seed repeats.

/// SplitMix64: small, fast, and the same on every machine. Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator of its own for each `part`, so that one part's use does not shift another's.
    pub(crate) fn part(seed: u64, part: u64) -> Self {
        let mut own = Self(seed ^ part.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        own.next();
        own
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    pub(crate) const fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }

    /// One of several; they are never none here.
    pub(crate) fn one_of<'a, T>(&mut self, several: &'a [T]) -> &'a T {
        let at = self.between(0, several.len() as u64 - 1);
        &several[usize::try_from(at).unwrap_or(0)]
    }
}
