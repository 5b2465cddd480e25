//! How long it takes from a badge to its bolt.

use crate::layout::DOORS;

/// The most samples kept; later ones replace the oldest.
const SAMPLES_MAX: usize = 100_000;
/// A strike that comes later than this belongs to something else.
const LATE_NS: u64 = 1_200_000_000;

/// Matches cards shown with strikes driven: only one person at a time stands at a door.
#[derive(Debug, Default)]
pub(crate) struct Stopwatch {
    shown_ns: [Option<u64>; DOORS],
    samples_us: Vec<u32>,
    replaced: usize,
}

impl Stopwatch {
    /// A card is shown at a door whose strike is at rest.
    pub(crate) fn start(&mut self, door: usize, now_ns: u64) {
        if let Some(shown) = self.shown_ns.get_mut(door) {
            *shown = Some(now_ns);
        }
    }

    /// A door's strike is driven.
    pub(crate) fn stop(&mut self, door: usize, now_ns: u64) {
        let Some(shown_ns) = self.shown_ns.get_mut(door).and_then(Option::take) else {
            return;
        };
        let took_ns = now_ns.saturating_sub(shown_ns);
        if took_ns > LATE_NS {
            return;
        }
        let sample = u32::try_from(took_ns / 1_000).unwrap_or(u32::MAX);
        if self.samples_us.len() < SAMPLES_MAX {
            self.samples_us.push(sample);
        } else {
            self.samples_us[self.replaced % SAMPLES_MAX] = sample;
            self.replaced += 1;
        }
    }

    pub(crate) fn samples(&self) -> usize {
        self.samples_us.len()
    }

    /// The time in milliseconds that `percent` of the samples do not exceed; `None` without any.
    pub(crate) fn percentile_ms(&self, percent: usize) -> Option<f64> {
        let mut sorted = self.samples_us.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).map(|&us| f64::from(us) / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let mut watch = Stopwatch::default();
        assert_eq!(watch.percentile_ms(50), None);
        for ms in 1..=100 {
            watch.start(0, 0);
            watch.stop(0, ms * 1_000_000);
        }
        assert_eq!(watch.samples(), 100);
        assert_eq!(watch.percentile_ms(50), Some(50.0));
        assert_eq!(watch.percentile_ms(99), Some(99.0));
        assert_eq!(watch.percentile_ms(100), Some(100.0));
    }

    #[test]
    fn a_strike_without_a_card_or_much_later_is_no_sample() {
        let mut watch = Stopwatch::default();
        watch.stop(1, 5);
        watch.start(1, 0);
        watch.stop(1, LATE_NS + 1);
        watch.start(2, 10);
        watch.stop(1, 20);
        assert_eq!(watch.samples(), 0);
    }
}
