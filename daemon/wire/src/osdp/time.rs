//! Monotonic time as the OSDP machines see it.

use core::ops::Add;
use core::time::Duration;

/// A point on a monotonic clock, in microseconds since an origin the caller chooses.
///
/// The machines only compare and subtract: any origin will do, as long as one machine
/// is always given the same one and never a smaller value than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mono(u64);

impl Mono {
    /// The origin.
    pub const ZERO: Self = Self(0);

    /// The point `micros` microseconds behind the origin.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The point `millis` milliseconds behind the origin.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// Microseconds since the origin.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Microseconds from `earlier` to `self`; 0 if `earlier` is later.
    #[must_use]
    pub const fn since_us(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The point `micros` later.
    #[must_use]
    pub const fn plus_us(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        self.plus_us(u64::try_from(later.as_micros()).unwrap_or(u64::MAX))
    }
}

/// The line: its baud rate, and how long bytes take on it (8 data bits, no parity, 1 stop bit).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Baud(u32);

/// A baud rate OSDP does not use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an OSDP baud rate: allowed are 9600, 19200, 38400, 57600, 115200 and 230400")]
pub struct BaudError(pub u32);

impl Baud {
    /// The rate every device speaks when new.
    pub const B9600: Self = Self(9600);
    /// The fastest rate common to nearly all devices.
    pub const B115200: Self = Self(115_200);

    /// Every rate, the slowest first.
    pub const ALL: [Self; 6] = [
        Self::B9600,
        Self(19_200),
        Self(38_400),
        Self(57_600),
        Self::B115200,
        Self(230_400),
    ];

    /// One of 9600, 19200, 38400, 57600, 115200 and 230400 bits per second.
    pub const fn new(rate: u32) -> Result<Self, BaudError> {
        match rate {
            9600 | 19_200 | 38_400 | 57_600 | 115_200 | 230_400 => Ok(Self(rate)),
            _ => Err(BaudError(rate)),
        }
    }

    /// Bits per second.
    #[must_use]
    pub const fn rate(self) -> u32 {
        self.0
    }

    /// How long `count` bytes take on the line, in microseconds, rounded up.
    #[must_use]
    pub const fn bytes_us(self, count: usize) -> u64 {
        (count as u64 * 10_000_000).div_ceil(self.0 as u64)
    }
}

impl TryFrom<u32> for Baud {
    type Error = BaudError;

    fn try_from(rate: u32) -> Result<Self, BaudError> {
        Self::new(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_ten_bits() {
        for (rate, bytes, us) in [
            (9600, 1, 1042),
            (9600, 96, 100_000),
            (115_200, 1, 87),
            (230_400, 8, 348),
        ] {
            assert_eq!(Baud::new(rate).unwrap().bytes_us(bytes), us);
        }
        assert_eq!(Baud::new(1200), Err(BaudError(1200)));
    }

    #[test]
    fn time_never_wraps() {
        let late = Mono::from_micros(u64::MAX);
        assert_eq!(late.plus_us(9), late);
        assert_eq!(Mono::ZERO.since_us(late), 0);
        assert_eq!(
            Mono::from_millis(2) + Duration::from_micros(5),
            Mono::from_micros(2005)
        );
    }
}
