//! How long to wait before the next attempt.

use std::time::Duration;

/// The first wait.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
pub const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// Waits that double from [`BACKOFF_FIRST`] to [`BACKOFF_MAX`], for attempts that never end.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// How long to wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let factor = 1u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        self.attempts = self.attempts.saturating_add(1);
        BACKOFF_FIRST.saturating_mul(factor).min(BACKOFF_MAX)
    }

    /// Failed attempts since the last success.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// After a success: the next wait is the first again.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..7).map(|_| backoff.next_wait().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 2000, 2000]);
        for _ in 0..100 {
            assert_eq!(backoff.next_wait(), BACKOFF_MAX);
        }
        backoff.reset();
        assert_eq!(backoff.next_wait(), BACKOFF_FIRST);
    }
}
