//! Keys.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The longest pattern that is looked for in keys, in bytes: half of a key.
const LONGEST_PATTERN: usize = 8;
/// Fewer different bytes have no random key's look: one in ten million million has so few.
const FEWEST_DISTINCT: usize = 8;
/// How many bits of a random key are set, by more than seven standard deviations either way.
const SET_BITS: core::ops::RangeInclusive<u32> = 24..=104;

/// A Secure Channel base key: AES-128, one for each PD.
///
/// `Debug` shows nothing of it, comparing takes the same time whatever the difference,
/// and the bytes are overwritten when it is dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Scbk([u8; 16]);

impl Scbk {
    /// Bytes in a key.
    pub const LEN: usize = 16;

    /// SCBK-D, which every PD has when new and everybody knows: it keeps no secret
    /// (SIA OSDP 2.2, annex D.3).
    pub const DEFAULT: [u8; 16] = *b"0123456789:;<=>?";

    /// The key with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Whether this is SCBK-D.
    #[must_use]
    pub fn is_default(&self) -> bool {
        bool::from(self.0.ct_eq(&Self::DEFAULT))
    }

    /// Whether this is a key nobody should use, as it stands in manuals and samples or can be guessed:
    /// SCBK-D, a pattern of up to eight bytes repeated, counters up or down, also several interleaved,
    /// text, and few different bytes or bits. Of random keys not one in a million is refused.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        let bits: u32 = self.0.iter().map(|byte| byte.count_ones()).sum();
        self.is_default()
            || (1..=LONGEST_PATTERN).any(|period| self.repeats_evenly(period))
            || self.0.iter().all(|byte| matches!(byte, 0x20..=0x7E))
            || self.distinct_bytes() < FEWEST_DISTINCT
            || !SET_BITS.contains(&bits)
    }

    /// Whether each byte differs by the same from the one `period` before it, added or exclusive-or.
    fn repeats_evenly(&self, period: usize) -> bool {
        let evenly = |difference: fn(u8, u8) -> u8| {
            let mut steps = self.0.iter().zip(&self.0[period..]);
            let mut steps = steps.by_ref().map(|(from, to)| difference(*to, *from));
            let first = steps.next();
            steps.all(|step| Some(step) == first)
        };
        evenly(u8::wrapping_sub) || evenly(|to, from| to ^ from)
    }

    fn distinct_bytes(&self) -> usize {
        let firsts = self.0.iter().enumerate();
        firsts
            .filter(|(at, byte)| !self.0[..*at].contains(byte))
            .count()
    }

    /// The bytes, to be stored or sent; never to be shown.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl PartialEq for Scbk {
    fn eq(&self, other: &Self) -> bool {
        bool::from(self.0.ct_eq(&other.0))
    }
}

impl Eq for Scbk {}

impl fmt::Debug for Scbk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scbk(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_keys_are_known() {
        fn check(bytes: [u8; 16], expect: bool) {
            assert_eq!(Scbk::new(bytes).is_weak(), expect, "{bytes:?}");
        }
        check(Scbk::DEFAULT, true);
        check([0; 16], true);
        check([0xFF; 16], true);
        check(core::array::from_fn(|at| 255 - at as u8), true);
        check(core::array::from_fn(|at| (at * 0x11) as u8), true);
        check(
            *b"\x01\x23\x45\x67\x89\xAB\xCD\xEF\x01\x23\x45\x67\x89\xAB\xCD\xEF",
            true,
        );
        check(
            *b"\xFE\xDC\xBA\x98\x76\x54\x32\x10\x01\x23\x45\x67\x89\xAB\xCD\xEF",
            true,
        );
        check(
            *b"\xDE\xAD\xBE\xEF\xDE\xAD\xBE\xEF\xDE\xAD\xBE\xEF\xDE\xAD\xBE\xEF",
            true,
        );
        check(
            *b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
            true,
        );
        check(
            *b"\x10\x00\x11\x01\x12\x02\x13\x03\x14\x04\x15\x05\x16\x06\x17\x07",
            true,
        );
        check(*b"hospital door #1", true);
        // Scrambled SCBK-D: each byte exclusive-or one other.
        check(Scbk::DEFAULT.map(|byte| byte ^ 0xA5), true);
        check(core::array::from_fn(|at| (at * at + 7) as u8), false);
        assert!(Scbk::new(Scbk::DEFAULT).is_default());
    }

    #[test]
    fn debug_and_equality() {
        let key = Scbk::new([0x41; 16]);
        assert_eq!(format!("{key:?}"), "Scbk(redacted)");
        assert_eq!(key, key.clone());
        assert_ne!(key, Scbk::new([0x42; 16]));
    }
}
