//! Keys.

use core::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

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

    /// Whether this is a key nobody should use: SCBK-D, one byte repeated, or bytes that count up or
    /// down evenly, as in manuals and samples.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        let step = self.0[1].wrapping_sub(self.0[0]);
        let is_even = self
            .0
            .windows(2)
            .all(|pair| pair[1].wrapping_sub(pair[0]) == step);
        is_even || self.is_default()
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
