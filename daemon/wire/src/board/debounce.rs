//! Input levels that have settled.

/// Lets a change of an input through once it has been read the same `count` times in a row. Each
/// input settles by itself.
#[derive(Debug, Clone)]
pub struct Debounce {
    count: u8,
    settled: Option<u64>,
    /// For each input, how often in a row it was read different from `settled`.
    streaks: [u8; 64],
}

impl Debounce {
    /// `count` readings in a row settle a change; 0 and 1 let every change through.
    #[must_use]
    pub const fn new(count: u8) -> Self {
        Self {
            count,
            settled: None,
            streaks: [0; 64],
        }
    }

    /// Takes a reading; returns the settled levels when they have changed. The first reading
    /// settles at once.
    pub fn read(&mut self, levels: u64) -> Option<u64> {
        let Some(settled) = self.settled else {
            self.settled = Some(levels);
            return Some(levels);
        };
        let different = settled ^ levels;
        let mut changed = 0;
        for (at, streak) in self.streaks.iter_mut().enumerate() {
            let bit = 1 << at;
            if different & bit == 0 {
                *streak = 0;
                continue;
            }
            *streak = streak.saturating_add(1);
            if *streak >= self.count {
                *streak = 0;
                changed |= bit;
            }
        }
        if changed == 0 {
            return None;
        }
        self.settled = Some(settled ^ changed);
        self.settled
    }

    /// Whether some input was last read different from its settled level.
    #[must_use]
    pub fn is_unsettled(&self) -> bool {
        self.streaks.iter().any(|&streak| streak > 0)
    }

    /// Forgets everything: the next reading is a first one.
    pub fn reset(&mut self) {
        *self = Self::new(self.count);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(count: u8, readings: &[u64], expect: &[Option<u64>]) {
        let mut debounce = Debounce::new(count);
        let told: Vec<_> = readings.iter().map(|&r| debounce.read(r)).collect();
        assert_eq!(told, expect);
    }

    #[test]
    fn changes_settle_input_by_input() {
        check(1, &[0, 1, 0], &[Some(0), Some(1), Some(0)]);
        check(0, &[0, 1], &[Some(0), Some(1)]);
        check(2, &[0, 1, 0, 1, 1], &[Some(0), None, None, None, Some(1)]);
        // Input 2 bounces and holds up input 1 not at all.
        check(
            2,
            &[0, 0b11, 0b01, 0b11],
            &[Some(0), None, Some(0b01), None],
        );
        check(3, &[5, 5, 4, 4, 4], &[Some(5), None, None, None, Some(4)]);
    }

    #[test]
    fn a_reset_starts_over() {
        let mut debounce = Debounce::new(2);
        debounce.read(0);
        debounce.read(1);
        assert!(debounce.is_unsettled());
        debounce.reset();
        assert_eq!(debounce.read(1), Some(1));
    }

    proptest! {
        #[test]
        fn a_steady_level_is_told_at_last(noise in proptest::collection::vec(any::<u64>(), 1..50), end: u64, count in 0u8..9) {
            let mut debounce = Debounce::new(count);
            let mut told = None;
            for reading in noise.into_iter().chain(core::iter::repeat_n(end, 9)) {
                told = debounce.read(reading).or(told);
            }
            prop_assert_eq!(told, Some(end));
            prop_assert!(!debounce.is_unsettled());
        }
    }
}
