//! The appliance's clock as the console reckons it between the times it is told.
//!
//! What is shown is the appliance's time: events, alarms and the graph are in it, and the console
//! may run on another machine, or on a demonstration whose clock runs faster.

use doorward_core::time::Wall;

/// Told times closer together than this say nothing about the pace.
const PACE_FROM_MS: i64 = 500;

/// A pace so close to 1 is 1: what differs is the time that answers take.
const PACE_SLACK: f64 = 0.1;

/// The appliance's clock.
#[derive(Debug, Clone, Copy)]
pub struct SiteClock {
    told: Option<Told>,
    pace: f64,
}

#[derive(Debug, Clone, Copy)]
struct Told {
    /// By the clock of this machine.
    here: Wall,
    /// By the clock of the appliance.
    there: Wall,
}

impl Default for SiteClock {
    fn default() -> Self {
        Self {
            told: None,
            pace: 1.0,
        }
    }
}

impl SiteClock {
    /// The appliance said that it is `there` when it was `here`.
    pub fn tell(&mut self, here: Wall, there: Wall) {
        if let Some(before) = self.told {
            let passed_here = here.0 - before.here.0;
            let passed_there = there.0 - before.there.0;
            if passed_here >= PACE_FROM_MS {
                #[expect(clippy::cast_precision_loss, reason = "a pace need not be exact")]
                let pace = passed_there as f64 / passed_here as f64;
                let ordinary = (pace - 1.0).abs() < PACE_SLACK || pace <= 0.0;
                self.pace = if ordinary {
                    1.0
                } else {
                    pace.clamp(0.1, 10_000.0)
                };
            }
        }
        self.told = Some(Told { here, there });
    }

    /// The appliance's time when it is `here`; the same while nothing was told.
    #[must_use]
    pub fn at(&self, here: Wall) -> Wall {
        let Some(told) = self.told else { return here };
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since a moment ago"
        )]
        let passed = (here.0 - told.here.0) as f64 * self.pace;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast of a float saturates"
        )]
        told.there.plus_ms(passed as i64)
    }

    /// When it is here that the appliance's time has gone on by `ms`, from `here` on.
    #[must_use]
    pub fn after(&self, here: Wall, ms: i64) -> Wall {
        #[expect(clippy::cast_precision_loss, reason = "at most a minute")]
        let passed = (ms as f64 / self.pace).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a cast of a float saturates"
        )]
        here.plus_ms(passed as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appliance_elsewhere_is_some_time_away() {
        let mut clock = SiteClock::default();
        assert_eq!(clock.at(Wall(5_000)), Wall(5_000));
        clock.tell(Wall(10_000), Wall(70_000));
        assert_eq!(clock.at(Wall(11_000)), Wall(71_000));
        // An answer that took a little longer is no other pace.
        clock.tell(Wall(13_000), Wall(73_100));
        assert_eq!(clock.at(Wall(14_000)), Wall(74_100));
        assert_eq!(clock.after(Wall(14_000), 500), Wall(14_500));
    }

    #[test]
    fn a_demonstration_runs_faster() {
        let mut clock = SiteClock::default();
        clock.tell(Wall(0), Wall(1_000_000));
        clock.tell(Wall(100), Wall(1_002_000));
        assert_eq!(
            clock.at(Wall(200)),
            Wall(1_002_100),
            "too close together to tell"
        );
        clock.tell(Wall(1_100), Wall(1_022_000));
        assert_eq!(clock.at(Wall(2_100)), Wall(1_042_000));
        assert_eq!(clock.after(Wall(2_100), 60_000), Wall(5_100));
    }

    #[test]
    fn a_clock_that_was_set_is_followed() {
        let mut clock = SiteClock::default();
        clock.tell(Wall(0), Wall(9_000_000));
        clock.tell(Wall(3_000), Wall(1_000));
        assert_eq!(clock.at(Wall(4_000)), Wall(2_000));
    }
}
