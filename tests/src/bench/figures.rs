//! Percentiles, and the spacing of what is measured.

use std::time::Duration;

/// The value below which `percent` of the samples lie (nearest rank); 0 without samples.
#[must_use]
pub fn percentile(sorted: &[u64], percent: f64) -> u64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    let at = rank.clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(0)
}

/// Nanoseconds as milliseconds with three decimals.
#[must_use]
pub fn ms(ns: u64) -> f64 {
    (ns as f64 / 1000.0).round() / 1000.0
}

/// Sorted samples of one distribution, in nanoseconds.
#[derive(Debug, Clone, Default)]
pub struct Samples(Vec<u64>);

impl Samples {
    /// Takes samples in any order.
    #[must_use]
    pub fn new(mut ns: Vec<u64>) -> Self {
        ns.sort_unstable();
        Self(ns)
    }

    /// A percentile in milliseconds.
    #[must_use]
    pub fn ms(&self, percent: f64) -> f64 {
        ms(percentile(&self.0, percent))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Pauses and choices that repeat from run to run, and fall in step with nothing.
#[derive(Debug)]
pub struct Spread(u64);

impl Spread {
    /// The same seed gives the same sequence.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    /// A time between two others, to the microsecond.
    pub const fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let least_us = least.as_micros() as u64;
        let most_us = most.as_micros() as u64;
        Duration::from_micros(least_us + self.below(most_us - least_us + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let check = |samples: &[u64], percent: f64, expect: u64| {
            assert_eq!(
                percentile(samples, percent),
                expect,
                "{percent} % of {samples:?}"
            );
        };
        let hundred: Vec<u64> = (1..=100).collect();
        check(&hundred, 50.0, 50);
        check(&hundred, 99.0, 99);
        check(&hundred, 100.0, 100);
        check(&[7], 99.0, 7);
        check(&[], 50.0, 0);
        check(&[1, 2], 50.0, 1);
    }

    #[test]
    fn pauses_stay_within_their_bounds_and_differ() {
        let (least, most) = (Duration::from_millis(20), Duration::from_millis(120));
        let mut spread = Spread::new(1);
        let pauses: Vec<_> = (0..100).map(|_| spread.between(least, most)).collect();
        assert!(pauses.iter().all(|pause| (least..=most).contains(pause)));
        assert!(pauses.windows(2).filter(|pair| pair[0] == pair[1]).count() < 3);
    }
}
