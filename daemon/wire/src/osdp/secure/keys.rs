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
