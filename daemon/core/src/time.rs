//! Time as an argument: monotonic for deadlines, wall for schedules and logs.

use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Monotonic time in microseconds since an arbitrary start. Never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mono(pub u64);

impl Mono {
    /// This time plus `ms` milliseconds, saturating.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms.saturating_mul(1000)))
    }

    /// Microseconds from `earlier` to this time; 0 if `earlier` is later.
    #[must_use]
    pub const fn since_us(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Wall time in milliseconds since 1970-01-01T00:00:00Z.
///
/// RFC 3339 text in human-readable encodings, an integer in binary ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Wall(pub i64);

impl Wall {
    /// Seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since `earlier`, negative if that is later; saturating.
    #[must_use]
    pub const fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This time plus `ms` milliseconds, saturating.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::str::FromStr for Wall {
    type Err = jiff::Error;

    /// Parses RFC 3339 text with an offset, such as `2026-03-29T01:30:00Z`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.parse::<jiff::Timestamp>()?.as_millisecond()))
    }
}

impl Serialize for Wall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Wall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(|error| {
                de::Error::custom(format_args!(
                    "`{text}` is not an RFC 3339 time such as `2026-03-29T01:30:00Z`: {error}"
                ))
            })
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// Whether wall time may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClockTrust {
    /// Synchronised, or set by a person.
    Trusted,
    /// After a start without a real-time clock, or after a step nobody explained.
    Untrusted,
}

/// The present, as every state machine is told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For deadlines.
    pub mono: Mono,
    /// For schedules, windows and logs. Never behind the newest event.
    pub wall: Wall,
    /// Whether `wall` may be believed.
    pub trust: ClockTrust,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_text_for_people() {
        for (text, ms) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2026-03-29T01:30:00.250Z", 1_774_747_800_250),
            ("1969-12-31T23:59:59.999Z", -1),
        ] {
            assert_eq!(text.parse::<Wall>().unwrap(), Wall(ms));
            assert_eq!(Wall(ms).to_string(), text);
            let json = serde_json::to_string(&Wall(ms)).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Wall>(&json).unwrap(), Wall(ms));
        }
        let with_offset = "2026-03-29T03:30:00+02:00".parse::<Wall>().unwrap();
        assert_eq!(with_offset.to_string(), "2026-03-29T01:30:00.000Z");
        assert_eq!(Wall(i64::MAX).to_string(), "9223372036854775807 ms");
    }

    #[test]
    fn wall_time_without_an_offset_is_refused() {
        let error = serde_json::from_str::<Wall>("\"2026-03-29 01:30\"").unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("`2026-03-29 01:30` is not an RFC 3339 time such as"),
            "{text}"
        );
    }

    #[test]
    fn seconds_round_down_and_sums_saturate() {
        assert_eq!(Wall(-1).seconds(), -1);
        assert_eq!(Wall(1_999).seconds(), 1);
        assert_eq!(Wall(i64::MAX).plus_ms(1), Wall(i64::MAX));
        assert_eq!(Mono(u64::MAX - 1).plus_ms(1), Mono(u64::MAX));
        assert_eq!(Mono(5).since_us(Mono(9)), 0);
        assert_eq!(Mono(9).since_us(Mono(5)), 4);
    }
}
