//! How long to wait before the next attempt to reach the broker.

use std::time::Duration;

/// The longest first wait.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(30);

/// Doubles from [`FIRST`] to [`LONGEST`], each wait shortened by chance to between half and all of
/// it, so that the appliances of many sites do not come back at one instant.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure. `chance` is random.
    pub(super) fn after_failure(&mut self, chance: u32) -> Duration {
        let full = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let half = full / 2;
        half + half.mul_f64(f64::from(chance) / f64::from(u32::MAX))
    }

    /// A connection stood: begin again with the shortest wait.
    pub(super) const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest_and_keeps_to_half_of_it_by_chance() {
        let waits = |chance: u32| {
            let mut backoff = Backoff::default();
            (0..40)
                .map(|_| backoff.after_failure(chance).as_millis())
                .collect::<Vec<_>>()
        };
        let longest = waits(u32::MAX);
        assert_eq!(
            longest[..8],
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
        );
        assert_eq!(longest[39], 30_000);
        let shortest = waits(0);
        assert_eq!(shortest[..3], [250, 500, 1000]);
        assert_eq!(shortest[39], 15_000);
    }

    #[test]
    fn begins_again_after_a_connection_that_stood() {
        let mut backoff = Backoff::default();
        for _ in 0..10 {
            backoff.after_failure(0);
        }
        backoff.reset();
        assert_eq!(backoff.after_failure(0).as_millis(), 250);
    }
}
