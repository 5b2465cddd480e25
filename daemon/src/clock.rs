//! Wall and monotonic time, and whether wall time may be believed.
//!
//! A Raspberry Pi has no real-time clock: after a power cut it starts with a wrong date until NTP
//! answers. So wall time never runs behind the newest event, and it is believed only when there is
//! a reason to.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorward_core::time::{ClockTrust, Mono, Now, Wall};

/// systemd-timesyncd makes this file once it has set the clock (systemd-timesyncd.service(8)).
const TIMESYNC_MARK: &str = "/run/systemd/timesync/synchronized";
/// `1` when the kernel set its clock from this real-time clock at boot (rtc(4)).
const RTC_MARK: &str = "/sys/class/rtc/rtc0/hctosys";

/// How far the system's clock may fall behind the log before it is no longer believed: NTP steps
/// a running clock by less than this.
const STEP_TOLERANCE_MS: i64 = 2_000;

/// How often the reasons for trust are looked at again.
pub const TRUST_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Where wall time comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WallSource {
    /// The system's clock, believed when there is a reason to.
    System,
    /// The system's clock, believed always.
    SystemTrusted,
    /// A clock of its own, for demonstrations: from `start`, `speed` times as fast.
    Simulated {
        /// The time at which it starts.
        start: Wall,
        /// 0.1 to 10000.
        speed: f64,
    },
}

/// The clock of the appliance. Shared by all threads, never locks.
#[derive(Debug)]
pub struct Clock {
    source: WallSource,
    started: Instant,
    /// Wall time is never before this, in milliseconds since the epoch.
    floor_ms: AtomicI64,
    trusted: AtomicBool,
}

impl Clock {
    /// A clock that is never behind `newest_event`, the time of the newest event in the log.
    #[must_use]
    pub fn new(source: WallSource, newest_event: Option<Wall>) -> Self {
        let clock = Self {
            source,
            started: Instant::now(),
            floor_ms: AtomicI64::new(newest_event.map_or(0, |wall| wall.0)),
            trusted: AtomicBool::new(false),
        };
        clock.check_trust();
        clock
    }

    /// The present.
    #[must_use]
    pub fn now(&self) -> Now {
        let elapsed = self.started.elapsed();
        self.tell(elapsed, self.raw_wall(elapsed))
    }

    /// The present, where the system's clock shows `raw`, in milliseconds since the epoch.
    fn tell(&self, elapsed: Duration, raw: i64) -> Now {
        let floor = self.floor_ms.fetch_max(raw, Ordering::Relaxed);
        let trust = if self.trusted.load(Ordering::Relaxed) {
            ClockTrust::Trusted
        } else {
            ClockTrust::Untrusted
        };
        Now {
            mono: mono(elapsed),
            wall: Wall(raw.max(floor)),
            trust,
        }
    }

    /// The instant of a monotonic time, for timers.
    #[must_use]
    pub fn instant(&self, at: Mono) -> Instant {
        self.started + Duration::from_micros(at.0)
    }

    /// Looks again whether wall time may be believed, and says so.
    pub fn check_trust(&self) -> ClockTrust {
        let raw = self.raw_wall(self.started.elapsed());
        let is_set = match self.source {
            WallSource::System => is_synchronised() || was_set_from_rtc(),
            WallSource::SystemTrusted | WallSource::Simulated { .. } => true,
        };
        self.judge(raw, is_set)
    }

    /// Whether a clock that shows `raw` may be believed, of which the system says that it was set.
    fn judge(&self, raw: i64, is_set: bool) -> ClockTrust {
        let behind = raw + STEP_TOLERANCE_MS < self.floor_ms.load(Ordering::Relaxed);
        let trusted = is_set && !behind;
        self.trusted.store(trusted, Ordering::Relaxed);
        if trusted {
            ClockTrust::Trusted
        } else {
            ClockTrust::Untrusted
        }
    }

    fn raw_wall(&self, elapsed: Duration) -> i64 {
        match self.source {
            WallSource::System | WallSource::SystemTrusted => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| {
                    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
                }),
            #[allow(
                clippy::cast_possible_truncation,
                reason = "centuries fit in 53 bits of ms"
            )]
            WallSource::Simulated { start, speed } => {
                start
                    .plus_ms((elapsed.as_secs_f64() * 1000.0 * speed) as i64)
                    .0
            }
        }
    }
}

fn mono(elapsed: Duration) -> Mono {
    Mono(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
}

fn is_synchronised() -> bool {
    Path::new(TIMESYNC_MARK).exists()
}

fn was_set_from_rtc() -> bool {
    std::fs::read_to_string(RTC_MARK).is_ok_and(|mark| mark.trim() == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_never_behind_the_newest_event() {
        let future = Wall(i64::MAX / 4);
        let clock = Clock::new(WallSource::SystemTrusted, Some(future));
        assert_eq!(clock.now().wall, future);
        assert_eq!(clock.now().trust, ClockTrust::Untrusted);
    }

    #[test]
    fn a_trusted_clock_ahead_of_the_log_is_trusted() {
        let clock = Clock::new(WallSource::SystemTrusted, Some(Wall(1_000)));
        assert_eq!(clock.now().trust, ClockTrust::Trusted);
    }

    const HOUR: i64 = 3_600_000;

    /// A clock at `at`, which the test then sets as it likes.
    fn at(at: i64) -> Clock {
        Clock::new(WallSource::SystemTrusted, None).with_floor(at)
    }

    impl Clock {
        fn with_floor(self, at: i64) -> Self {
            self.floor_ms.store(at, Ordering::Relaxed);
            self
        }

        /// What it tells once the system's clock shows `raw`, and trust was looked at.
        fn shows(&self, raw: i64, is_set: bool) -> (i64, ClockTrust) {
            self.judge(raw, is_set);
            let now = self.tell(Duration::ZERO, raw);
            (now.wall.0, now.trust)
        }
    }

    #[test]
    fn a_clock_set_back_is_not_believed_until_it_has_caught_up() {
        let start = 1_700_000_000_000;
        let clock = at(start);
        assert_eq!(clock.shows(start, true), (start, ClockTrust::Trusted));
        // An hour back: time stands still, and nobody believes it.
        for passed in [0, HOUR / 2, HOUR - STEP_TOLERANCE_MS - 1] {
            let shown = clock.shows(start - HOUR + passed, true);
            assert_eq!(shown, (start, ClockTrust::Untrusted), "{passed} ms later");
        }
        let shown = clock.shows(start + 1, true);
        assert_eq!(shown, (start + 1, ClockTrust::Trusted));
        // What network time corrects now and then, a leap second among it, is no step.
        let shown = clock.shows(start - 999, true);
        assert_eq!(shown, (start + 1, ClockTrust::Trusted));
    }

    #[test]
    fn a_clock_set_forward_is_followed_and_cannot_be_taken_back() {
        let start = 1_700_000_000_000;
        let clock = at(start);
        let far = start + 24 * HOUR;
        assert_eq!(clock.shows(far, true), (far, ClockTrust::Trusted));
        // Events may be dated so by now: what is told stays, and is not believed.
        assert_eq!(clock.shows(start, true), (far, ClockTrust::Untrusted));
    }

    #[test]
    fn without_a_clock_at_boot_the_newest_event_tells_the_time_until_it_is_set() {
        let newest = 1_700_000_000_000;
        let clock = at(newest);
        // A Raspberry Pi without a clock begins at the last time that was saved, or in 1970.
        for raw in [0, newest - 24 * HOUR] {
            assert_eq!(clock.shows(raw, false), (newest, ClockTrust::Untrusted));
        }
        // It runs ahead of the log and was not set: it may be anything.
        let ahead = clock.shows(newest + 5, false);
        assert_eq!(ahead, (newest + 5, ClockTrust::Untrusted));
        let set = clock.shows(newest + HOUR, true);
        assert_eq!(set, (newest + HOUR, ClockTrust::Trusted));
    }

    #[test]
    fn a_simulated_clock_runs_at_its_speed() {
        let start = Wall(1_700_000_000_000);
        let clock = Clock::new(
            WallSource::Simulated {
                start,
                speed: 1000.0,
            },
            None,
        );
        let first = clock.now();
        while clock.now().mono.since_us(first.mono) < 2_000 {
            std::hint::spin_loop();
        }
        let second = clock.now();
        let passed_ms = second.wall.0 - first.wall.0;
        let expected_ms = i64::try_from(second.mono.since_us(first.mono)).unwrap();
        assert!(
            (passed_ms - expected_ms).abs() <= 1,
            "{passed_ms} ms, expected {expected_ms} ms"
        );
    }

    #[test]
    fn wall_and_monotonic_time_never_go_back() {
        let clock = Clock::new(WallSource::System, None);
        let mut last = clock.now();
        for _ in 0..10_000 {
            let now = clock.now();
            assert!(now.mono >= last.mono && now.wall >= last.wall);
            last = now;
        }
    }
}
