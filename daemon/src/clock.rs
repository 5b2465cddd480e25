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
        let raw = self.raw_wall(elapsed);
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
        let behind = raw + STEP_TOLERANCE_MS < self.floor_ms.load(Ordering::Relaxed);
        let trusted = match self.source {
            WallSource::System => !behind && (is_synchronised() || was_set_from_rtc()),
            WallSource::SystemTrusted | WallSource::Simulated { .. } => !behind,
        };
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
