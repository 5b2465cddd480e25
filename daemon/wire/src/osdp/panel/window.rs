//! How long to wait for a PD's answer, learned from its answers.

/// The longest a PD may take to its first byte (SIA OSDP 2.2, clause 5.7).
pub(crate) const STANDARD_WINDOW_US: u64 = 200_000;

/// The shortest wait for a PD that is online: room for a busy machine on either side. Haste costs
/// more than patience: many PDs take a repeated command in a session for a new one, find its MAC
/// wrong, and leave the session (libosdp up to 3.2.9 does).
const LEAST_WINDOW_US: u64 = 50_000;

/// The longest wait for a probe of a PD known to be quick, so that its neighbours are not held up.
const QUICK_PROBE_US: u64 = 50_000;

/// The shortest wait for a probe.
const LEAST_PROBE_US: u64 = 10_000;

/// The wait for a probe of a PD that has never answered.
pub(crate) const UNKNOWN_PROBE_US: u64 = 30_000;

/// What is added to the learned time.
const MARGIN_US: u64 = 4_000;

/// Learns how long a PD takes from the end of a command to the first byte of its reply.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ReplyWindow {
    learned: Option<Learned>,
}

#[derive(Debug, Clone, Copy)]
struct Learned {
    mean_us: u64,
    deviation_us: u64,
    /// The longest of late; decays.
    peak_us: u64,
}

impl ReplyWindow {
    pub(crate) fn observe(&mut self, latency_us: u64) {
        let latency_us = latency_us.min(STANDARD_WINDOW_US);
        let Some(learned) = &mut self.learned else {
            let (mean_us, deviation_us, peak_us) = (latency_us, latency_us / 2, latency_us);
            self.learned = Some(Learned {
                mean_us,
                deviation_us,
                peak_us,
            });
            return;
        };
        // The estimators of RFC 6298, and a peak with a half-life of about 180 answers.
        let error_us = learned.mean_us.abs_diff(latency_us);
        learned.deviation_us = (3 * learned.deviation_us + error_us) / 4;
        learned.mean_us = (7 * learned.mean_us + latency_us) / 8;
        learned.peak_us = latency_us.max(learned.peak_us - learned.peak_us / 256);
    }

    pub(crate) fn forget(&mut self) {
        self.learned = None;
    }

    pub(crate) fn mean_us(&self) -> Option<u64> {
        self.learned.map(|learned| learned.mean_us)
    }

    /// The wait at a PD that is online.
    pub(crate) fn online_us(&self) -> u64 {
        self.estimate_us()
            .map_or(STANDARD_WINDOW_US, |estimate_us| {
                estimate_us.clamp(LEAST_WINDOW_US, STANDARD_WINDOW_US)
            })
    }

    /// The wait for a probe of a PD that is offline.
    pub(crate) fn probe_us(&self) -> u64 {
        self.estimate_us().map_or(UNKNOWN_PROBE_US, |estimate_us| {
            estimate_us.clamp(LEAST_PROBE_US, QUICK_PROBE_US)
        })
    }

    fn estimate_us(&self) -> Option<u64> {
        self.learned.map(|learned| {
            let spread_us = learned.mean_us + 4 * learned.deviation_us;
            spread_us.max(learned.peak_us * 3 / 2) + MARGIN_US
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(latencies_us: impl IntoIterator<Item = u64>) -> ReplyWindow {
        let mut window = ReplyWindow::default();
        latencies_us
            .into_iter()
            .for_each(|latency_us| window.observe(latency_us));
        window
    }

    #[test]
    fn what_is_learned() {
        fn check(latencies_us: &[u64], online_us: u64, probe_us: u64) {
            let window = learned(latencies_us.iter().copied());
            assert_eq!(
                (window.online_us(), window.probe_us()),
                (online_us, probe_us),
                "{latencies_us:?}"
            );
        }
        // A stranger gets the standard's time, but a short probe.
        check(&[], 200_000, 30_000);
        check(&[1_000; 50], 50_000, 10_000);
        check(&[20_000; 50], 50_000, 34_000);
        // Slow readers are waited for, and never beyond the standard.
        check(&[90_000; 50], 139_000, 50_000);
        check(&[250_000; 50], 200_000, 50_000);
    }

    #[test]
    fn one_slow_answer_is_remembered_for_a_while() {
        let just = learned(core::iter::repeat_n(2_000, 50).chain([60_000]));
        assert!(just.online_us() >= 90_000);
        let long_ago = learned(
            [60_000]
                .into_iter()
                .chain(core::iter::repeat_n(2_000, 2_000)),
        );
        assert_eq!(long_ago.online_us(), 50_000);
    }
}
