use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::date::CivilDate;
use crate::model::MINUTES_PER_DAY;
use crate::time::Wall;

/// Offsets are tabled within these years (UTC); outside them the zone's own rules are asked.
const TABLED_FROM: i64 = 1_577_836_800; // 2020-01-01T00:00:00Z
const TABLED_UNTIL: i64 = 2_524_608_000; // 2050-01-01T00:00:00Z

const SECONDS_PER_DAY: i64 = 86_400;

// The bundled database only: the system's own may be older, missing or different.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A name that is no IANA time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an IANA time zone; `Europe/Stockholm` is one")]
pub struct UnknownZone(String);

impl UnknownZone {
    /// Keeps as much of the name as a message needs.
    pub(crate) fn new(name: &str) -> Self {
        Self(name.chars().take(60).collect())
    }
}

/// Whether this is the name of an IANA time zone, in its exact spelling.
#[must_use]
pub fn zone_is_known(name: &str) -> bool {
    load(name).is_ok()
}

fn load(name: &str) -> Result<TimeZone, UnknownZone> {
    DATABASE
        .get(name)
        .ok()
        .filter(|zone| zone.iana_name() == Some(name) && !zone.is_unknown())
        .ok_or_else(|| UnknownZone::new(name))
}

/// A time zone with its UTC offsets in a table, so that a decision does no calendar arithmetic.
pub struct Zone {
    rules: TimeZone,
    /// In order, without holes, from [`TABLED_FROM`] until [`TABLED_UNTIL`].
    spans: Box<[Span]>,
    /// The span used last: nearly always the one used next. Only a hint, so that its order among
    /// threads does not matter.
    hint: AtomicUsize,
}

/// One offset and the time for which it holds, in seconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) offset: i32,
}

impl Span {
    const fn contains(&self, at: i64) -> bool {
        self.from <= at && at < self.until
    }
}

impl Zone {
    /// Loads a zone from the bundled database.
    pub fn new(name: &str) -> Result<Self, UnknownZone> {
        let rules = load(name)?;
        Ok(Self {
            spans: tabled(&rules),
            rules,
            hint: AtomicUsize::new(0),
        })
    }

    /// The local day and minute at a time.
    #[must_use]
    pub fn local(&self, at: Wall) -> LocalTime {
        let at = at.seconds();
        let local = at.saturating_add(i64::from(self.offset(at)));
        let of_day = local.rem_euclid(SECONDS_PER_DAY);
        LocalTime {
            day: day_of(local.div_euclid(SECONDS_PER_DAY)),
            // A second of the day divided by 60 is below 1440.
            minute: u16::try_from(of_day / 60).unwrap_or(MINUTES_PER_DAY - 1),
        }
    }

    /// The first moment of a local day; where the clock skips the whole day, that of the next.
    #[must_use]
    pub fn first_moment(&self, day: CivilDate) -> Wall {
        let midnight = i64::from(day.0) * SECONDS_PER_DAY;
        // No offset is as large as a day.
        let mut at = midnight - SECONDS_PER_DAY;
        loop {
            let span = self.span(at);
            let first = at.max(midnight - i64::from(span.offset));
            if first < span.until || span.until == i64::MAX {
                return Wall(first.saturating_mul(1000));
            }
            at = span.until;
        }
    }

    /// The time around `at` during which one offset holds; outside the table, at least from there
    /// on.
    pub(super) fn span(&self, at: i64) -> Span {
        let found = self.spans.partition_point(|span| span.until <= at);
        if let Some(span) = self.spans.get(found)
            && span.contains(at)
        {
            return *span;
        }
        let next = Timestamp::from_second(at).ok();
        let next = next.and_then(|at| self.rules.following(at).next());
        Span {
            from: at,
            until: next.map_or(i64::MAX, |next| next.timestamp().as_second()),
            offset: offset_by_rules(&self.rules, at),
        }
    }

    /// Seconds east of UTC at a time.
    fn offset(&self, at: i64) -> i32 {
        let hint = self.hint.load(Ordering::Relaxed);
        if let Some(span) = self.spans.get(hint)
            && span.contains(at)
        {
            return span.offset;
        }
        let found = self.spans.partition_point(|span| span.until <= at);
        match self.spans.get(found) {
            Some(span) if span.contains(at) => {
                self.hint.store(found, Ordering::Relaxed);
                span.offset
            }
            _ => offset_by_rules(&self.rules, at),
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.rules.iana_name().unwrap_or_default())
    }
}

fn day_of(days: i64) -> CivilDate {
    CivilDate(i32::try_from(days).unwrap_or(if days < 0 { i32::MIN } else { i32::MAX }))
}

fn offset_by_rules(rules: &TimeZone, at: i64) -> i32 {
    let bounded = at.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(bounded).map_or(0, |at| rules.to_offset(at).seconds())
}

fn tabled(rules: &TimeZone) -> Box<[Span]> {
    let Ok(first) = Timestamp::from_second(TABLED_FROM) else {
        return Box::default();
    };
    let mut spans = vec![Span {
        from: TABLED_FROM,
        until: TABLED_UNTIL,
        offset: offset_by_rules(rules, TABLED_FROM),
    }];
    for transition in rules.following(first) {
        let at = transition.timestamp().as_second();
        if at >= TABLED_UNTIL {
            break;
        }
        if let Some(last) = spans.last_mut() {
            last.until = at;
        }
        spans.push(Span {
            from: at,
            until: TABLED_UNTIL,
            offset: transition.offset().seconds(),
        });
    }
    spans.into_boxed_slice()
}

/// A reading of a local clock: the day and the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LocalTime {
    /// The day.
    pub day: CivilDate,
    /// Minute of the day, 0 to 1439.
    pub minute: u16,
}

impl fmt::Display for LocalTime {
    /// `Monday 07:30`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { day, minute } = self;
        let weekday = day.weekday();
        write!(f, "{weekday:?} {:02}:{:02}", minute / 60, minute % 60)
    }
}
