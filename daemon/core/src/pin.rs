//! PINs: digits for a moment, a keyed print for ever.
//!
//! A door that opens by PIN alone must find the user in microseconds, so a PIN is stored as a print
//! that can be looked up: HMAC-SHA-256 (RFC 2104) under a key of the appliance, cut to 96 bits.
//! Without that key a print tells nothing; nobody is ever shown the digits again.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// The fewest digits of a PIN.
pub const PIN_DIGITS_MIN: usize = 4;
/// The most digits of a PIN.
pub const PIN_DIGITS_MAX: usize = 12;

/// The digits of a PIN, as somebody enters them. `Debug` shows none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    len: u8,
    digits: [u8; PIN_DIGITS_MAX],
}

/// Why text is not a PIN. Says nothing of the digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Too few or too many.
    #[error("a PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits, found {found} characters")]
    Length {
        /// The number of characters found.
        found: usize,
    },
    /// Something else than a digit.
    #[error("a PIN has digits only")]
    NotDigits,
}

impl Pin {
    /// Takes ASCII digits.
    pub fn new(digits: &[u8]) -> Result<Self, PinError> {
        let found = digits.len();
        let len = match u8::try_from(found) {
            Ok(len) if (PIN_DIGITS_MIN..=PIN_DIGITS_MAX).contains(&found) => len,
            _ => return Err(PinError::Length { found }),
        };
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(PinError::NotDigits);
        }
        let mut own = [0; PIN_DIGITS_MAX];
        own[..found].copy_from_slice(digits);
        Ok(Self { len, digits: own })
    }

    fn digits(&self) -> &[u8] {
        &self.digits[..usize::from(self.len)]
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Self::new(text.as_bytes()) {
            Err(PinError::Length { .. }) => Err(PinError::Length {
                found: text.chars().count(),
            }),
            other => other,
        }
    }
}

/// The appliance's secret under which prints are made. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct PinKey([u8; 32]);

impl PinKey {
    /// A key of 32 random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The print of a PIN: the same for the same digits.
    #[must_use]
    pub fn print(&self, pin: &Pin) -> PinPrint {
        let block = |pad: u8| {
            let mut block = [pad; 64];
            for (byte, key) in block.iter_mut().zip(self.0) {
                *byte ^= key;
            }
            block
        };
        let inner = Sha256::new()
            .chain_update(block(0x36))
            .chain_update(pin.digits())
            .finalize();
        let outer = Sha256::new()
            .chain_update(block(0x5C))
            .chain_update(inner)
            .finalize();
        let mut print = [0; PinPrint::BYTES];
        print.copy_from_slice(&outer[..PinPrint::BYTES]);
        PinPrint(print)
    }
}

impl fmt::Debug for PinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinKey(…)")
    }
}

/// What is stored of a PIN. The default is the print of no PIN, and is never stored. Text form: 24 hexadecimal digits. `Debug` does not show it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PinPrint([u8; Self::BYTES]);

/// Why text is not the print of a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a PIN's print has {} hexadecimal digits, not all of them 0", PinPrint::BYTES * 2)]
pub struct PinPrintError;

impl PinPrint {
    /// Its length in bytes.
    pub const BYTES: usize = 12;

    /// Its bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for PinPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinPrint(…)")
    }
}

impl fmt::Display for PinPrint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for PinPrint {
    type Err = PinPrintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; Self::BYTES];
        if text.len() != Self::BYTES * 2 || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Err(PinPrintError);
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).map_err(|_| PinPrintError)?;
        }
        match Self(bytes) {
            none if none == Self::default() => Err(PinPrintError),
            print => Ok(print),
        }
    }
}

impl Serialize for PinPrint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PinPrint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_have_bounds() {
        let length = |found| Err(PinError::Length { found });
        for (text, expect) in [
            ("1234", Ok(())),
            ("123456789012", Ok(())),
            ("", length(0)),
            ("123", length(3)),
            ("1234567890123", length(13)),
            ("12a4", Err(PinError::NotDigits)),
            ("12 4", Err(PinError::NotDigits)),
            ("٣٣٣٣٣", Err(PinError::NotDigits)),
        ] {
            assert_eq!(text.parse::<Pin>().map(drop), expect, "{text}");
        }
    }

    #[test]
    fn a_print_is_hmac_sha_256() {
        let key = PinKey::new([7; 32]);
        let print = |text: &str| key.print(&text.parse().unwrap());
        // As Python's `hmac.new(bytes([7] * 32), b"1234", "sha256").hexdigest()[:24]` has it.
        assert_eq!(print("1234").to_string(), "155a2ecba5e05a537b05a73c");
        assert_ne!(print("1234"), print("12340"));
        assert_ne!(print("1234"), print("4321"));
        assert_ne!(
            print("1234"),
            PinKey::new([8; 32]).print(&"1234".parse().unwrap())
        );
    }

    #[test]
    fn a_print_round_trips_as_text() {
        let text = "0123456789abcdef00112233";
        assert_eq!(text.parse::<PinPrint>().unwrap().to_string(), text);
        for bad in [
            "",
            "0123",
            "0123456789abcdef0011223g",
            "é123456789abcdef0011223",
            "000000000000000000000000",
        ] {
            assert_eq!(bad.parse::<PinPrint>(), Err(PinPrintError), "{bad}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let pin: Pin = "1234".parse().unwrap();
        let key = PinKey::new([7; 32]);
        let shown = format!("{pin:?} {key:?} {:?}", key.print(&pin));
        assert_eq!(shown, "Pin(…) PinKey(…) PinPrint(…)");
    }
}
