//! Weekly hours in a time zone, compiled for the decision path.
//!
//! Judged by the reading of the local clock: a minute that DST skips does not occur, a minute that
//! DST repeats counts both times. A compiled schedule asks its zone for the local day and minute
//! and searches sorted intervals; dated exceptions will be looked up by the same local day.

mod zone;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use zone::{LocalTime, UnknownZone, Zone, zone_is_known};

use crate::model::{MINUTES_PER_DAY, Schedule, WeeklyInterval};
use crate::time::Wall;

const MINUTES_PER_WEEK: u16 = 7 * MINUTES_PER_DAY;

/// The zones in use, each loaded once.
#[derive(Debug, Clone, Default)]
pub struct Zones(BTreeMap<String, Arc<Zone>>);

impl Zones {
    /// The zone of this IANA name, from the bundled database.
    pub fn zone(&mut self, name: &str) -> Result<Arc<Zone>, UnknownZone> {
        if let Some(zone) = self.0.get(name) {
            return Ok(Arc::clone(zone));
        }
        let zone = Arc::new(Zone::new(name)?);
        self.0.insert(name.to_owned(), Arc::clone(&zone));
        Ok(zone)
    }
}

/// A schedule ready for decisions: its zone, and minutes of the week in sorted intervals that do
/// not touch.
#[derive(Debug, Clone)]
pub struct CompiledSchedule {
    zone: Arc<Zone>,
    weekly: Box<[Minutes]>,
}

/// Minutes of the week from Monday 00:00, end not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Minutes {
    from: u16,
    until: u16,
}

impl CompiledSchedule {
    /// Compiles a schedule. An interval out of bounds is left out: it opens nothing.
    pub fn compile(schedule: &Schedule, zones: &mut Zones) -> Result<Self, UnknownZone> {
        Ok(Self {
            zone: zones.zone(&schedule.time_zone)?,
            weekly: compile_week(&schedule.weekly),
        })
    }

    /// A time by the schedule's own clock.
    #[must_use]
    pub fn local(&self, at: Wall) -> LocalTime {
        self.zone.local(at)
    }

    /// Whether a reading of its clock lies in its hours.
    #[must_use]
    pub fn is_open(&self, local: LocalTime) -> bool {
        let minute = local.minute_of_week();
        let after = self.weekly.partition_point(|open| open.from <= minute);
        after > 0 && minute < self.weekly[after - 1].until
    }
}

fn compile_week(weekly: &[WeeklyInterval]) -> Box<[Minutes]> {
    let mut open: Vec<Minutes> = Vec::with_capacity(weekly.len() + 1);
    for interval in weekly {
        let (from, until) = (interval.from_minute, interval.until_minute);
        if from >= MINUTES_PER_DAY || until > MINUTES_PER_DAY {
            continue;
        }
        let midnight = interval.day.index() * MINUTES_PER_DAY;
        let across = if until <= from { MINUTES_PER_DAY } else { 0 };
        let (from, until) = (midnight + from, midnight + until + across);
        open.push(Minutes {
            from,
            until: until.min(MINUTES_PER_WEEK),
        });
        if until > MINUTES_PER_WEEK {
            open.push(Minutes {
                from: 0,
                until: until - MINUTES_PER_WEEK,
            });
        }
    }
    open.sort_unstable();
    let mut merged: Vec<Minutes> = Vec::with_capacity(open.len());
    for next in open {
        match merged.last_mut() {
            Some(last) if next.from <= last.until => last.until = last.until.max(next.until),
            _ => merged.push(next),
        }
    }
    merged.into_boxed_slice()
}

#[cfg(test)]
mod tests;
