//! Counting what happens on a link.

use crate::osdp::reply::NakCode;

/// What has happened on the link to one PD since the panel was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PdStats {
    /// POLL commands sent, without repetitions.
    pub polls: u64,
    /// Other commands sent, without repetitions.
    pub commands: u64,
    /// Replies accepted.
    pub replies: u64,
    /// Commands sent again.
    pub retries: u64,
    /// Waits that ended without a reply.
    pub timeouts: u64,
    /// Frames that arrived in a wait with a wrong check field.
    pub bad_checks: u64,
    /// Replies whose MAC was wrong.
    pub bad_macs: u64,
    /// Replies with an unexpected sequence number.
    pub bad_sequences: u64,
    /// Replies in clear or unencrypted that are only accepted in a Secure Channel.
    pub clear_refused: u64,
    /// BUSY replies.
    pub busy: u64,
    /// NAK replies by code: codes 1 to 9 at their number, all others at 0.
    pub naks: [u64; NakCode::COUNT],
    /// Sessions established.
    pub sessions: u64,
    /// Times the PD went offline.
    pub outages: u64,
    /// Probes sent while the PD was offline.
    pub probes: u64,
    /// Sessions lost again.
    pub sessions_lost: u64,
    /// From the end of a command to the first byte of its reply, repeated commands left out.
    pub latency: Latency,
}

/// How many classes of latency there are.
const CLASSES: usize = 53;
/// Below this there is one class.
const LEAST_CLASS_US: u64 = 64;
/// Classes to each doubling of the time.
const CLASSES_A_DOUBLING: u64 = 4;

/// Times, counted in classes of which each is at most a fourth wider than its lower end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    classes: [u32; CLASSES],
    max_us: u64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            classes: [0; CLASSES],
            max_us: 0,
        }
    }
}

impl Latency {
    /// The time that `percent` of the answers did not exceed, in microseconds: the upper end of its
    /// class, and never more than the longest. 0 without answers.
    #[must_use]
    pub fn percentile_us(&self, percent: u8) -> u64 {
        let count: u64 = self.classes.iter().copied().map(u64::from).sum();
        let rank = (count * u64::from(percent.min(100))).div_ceil(100);
        let mut reached = 0;
        for (class, found) in self.classes.iter().enumerate() {
            reached += u64::from(*found);
            if *found > 0 && reached >= rank {
                return upper_us(class).min(self.max_us);
            }
        }
        self.max_us
    }

    /// The longest, in microseconds.
    #[must_use]
    pub const fn max_us(&self) -> u64 {
        self.max_us
    }

    pub(crate) fn count(&mut self, us: u64) {
        self.max_us = self.max_us.max(us);
        if let Some(class) = self.classes.get_mut(class_of(us)) {
            *class = class.saturating_add(1);
        }
    }
}

fn class_of(us: u64) -> usize {
    if us < LEAST_CLASS_US {
        return 0;
    }
    let doubling = u64::from(us.ilog2() - LEAST_CLASS_US.ilog2());
    let part = (us >> (us.ilog2() - CLASSES_A_DOUBLING.ilog2())) % CLASSES_A_DOUBLING;
    let class = 1 + doubling * CLASSES_A_DOUBLING + part;
    usize::try_from(class).unwrap_or(CLASSES).min(CLASSES - 1)
}

fn upper_us(class: usize) -> u64 {
    let Some(class) = class.checked_sub(1) else {
        return LEAST_CLASS_US;
    };
    let class = class as u64;
    let (doubling, part) = (class / CLASSES_A_DOUBLING, class % CLASSES_A_DOUBLING);
    let lower_us = LEAST_CLASS_US << doubling;
    lower_us + (part + 1) * lower_us / CLASSES_A_DOUBLING
}

impl PdStats {
    pub(crate) fn count_nak(&mut self, code: NakCode) {
        let at = usize::from(code.byte());
        self.naks[if at < NakCode::COUNT { at } else { 0 }] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counted(times_us: impl IntoIterator<Item = u64>) -> Latency {
        let mut latency = Latency::default();
        times_us.into_iter().for_each(|us| latency.count(us));
        latency
    }

    #[test]
    fn percentiles() {
        let check = |latency: Latency, percent, expect| {
            assert_eq!(latency.percentile_us(percent), expect, "{percent} %");
        };
        check(Latency::default(), 50, 0);
        check(counted([1_000]), 50, 1_000);
        let mixed = counted(core::iter::repeat_n(1_000, 98).chain([20_000, 20_000]));
        check(mixed, 50, 1_024);
        check(mixed, 98, 1_024);
        check(mixed, 99, 20_000);
        assert_eq!(mixed.max_us(), 20_000);
    }

    proptest! {
        #[test]
        fn a_class_holds_its_times(us in 0_u64..250_000) {
            let upper = upper_us(class_of(us));
            prop_assert!(us <= upper);
            prop_assert!(us < LEAST_CLASS_US || upper <= us + us / 4 + 1);
        }
    }
}
