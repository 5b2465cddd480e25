//! What a card says of itself: raw bits, and the numbers that formats read from them.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest card read accepted, in bits. FASC-N (200 bits) fits.
pub const MAX_CARD_BITS: u16 = 256;

/// The most readings one card may have, over all formats of its length.
pub const MAX_READINGS: usize = 8;

/// Raw card bits, first bit sent first. Text form: a string of `0` and `1`.
///
/// `Debug` shows the length only: the bits open doors.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CardBits {
    len: u16,
    bytes: [u8; MAX_CARD_BITS as usize / 8],
}

/// Why bytes or text are not card bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CardBitsError {
    /// Empty, or longer than [`MAX_CARD_BITS`].
    #[error("card has {found} bits, allowed are 1 to {MAX_CARD_BITS}")]
    Length {
        /// The number of bits found.
        found: usize,
    },
    /// Fewer bytes than the bit count needs.
    #[error("card says {bits} bits and has {bytes} bytes")]
    Short {
        /// The bit count given.
        bits: usize,
        /// The bytes given.
        bytes: usize,
    },
    /// A character other than `0` and `1`.
    #[error("`{found}` at position {at} is neither `0` nor `1`")]
    Character {
        /// The character found.
        found: char,
        /// Its position, from 0.
        at: usize,
    },
}

impl CardBits {
    /// Takes the first `len` bits of `bytes`, most significant bit first.
    pub fn new(len: usize, bytes: &[u8]) -> Result<Self, CardBitsError> {
        let bits = match u16::try_from(len) {
            Ok(bits @ 1..=MAX_CARD_BITS) => bits,
            _ => return Err(CardBitsError::Length { found: len }),
        };
        let whole = len.div_ceil(8);
        if bytes.len() < whole {
            return Err(CardBitsError::Short {
                bits: len,
                bytes: bytes.len(),
            });
        }
        let mut own = [0; MAX_CARD_BITS as usize / 8];
        own[..whole].copy_from_slice(&bytes[..whole]);
        let spare = whole * 8 - len;
        // Bits behind the last one are cleared, so that equality is equality of cards.
        own[whole - 1] &= 0xFF << spare;
        Ok(Self {
            len: bits,
            bytes: own,
        })
    }

    /// The number of bits, 1 to [`MAX_CARD_BITS`].
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Never true: a card has at least one bit.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The bits, left-aligned, most significant first; spare bits are 0.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len().div_ceil(8)]
    }

    /// The bit at `at`, counted from 0 for the first sent; `None` past the end.
    #[must_use]
    pub fn bit(&self, at: usize) -> Option<bool> {
        (at < self.len()).then(|| self.bytes[at / 8] & (0x80 >> (at % 8)) != 0)
    }
}

impl fmt::Display for CardBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..self.len())
            .try_for_each(|at| f.write_str(if self.bit(at) == Some(true) { "1" } else { "0" }))
    }
}

impl fmt::Debug for CardBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardBits({} bits)", self.len)
    }
}

impl FromStr for CardBits {
    type Err = CardBitsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0u8; MAX_CARD_BITS as usize / 8];
        for (at, found) in text.chars().enumerate() {
            match found {
                '0' | '1' if at < MAX_CARD_BITS as usize => {
                    bytes[at / 8] |= u8::from(found == '1') << (7 - at % 8);
                }
                '0' | '1' => return Err(CardBitsError::Length { found: text.len() }),
                found => return Err(CardBitsError::Character { found, at }),
            }
        }
        Self::new(text.len(), &bytes)
    }
}

impl Serialize for CardBits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CardBits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// The name of a card format, such as `H10301`: 1 to 15 printable ASCII characters without space.
///
/// Held inline, so that a reading is `Copy` and the decision path allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormatName([u8; 16]);

/// Why text is not a format name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a format name: 1 to 15 printable ASCII characters without space are allowed")]
pub struct FormatNameError(String);

impl FormatName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|&byte| byte == 0).unwrap_or(16);
        core::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }
}

impl FromStr for FormatName {
    type Err = FormatNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > 15 || !bytes.iter().all(u8::is_ascii_graphic) {
            return Err(FormatNameError(text.chars().take(40).collect()));
        }
        let mut name = [0; 16];
        name[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(name))
    }
}

impl fmt::Display for FormatName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for FormatName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FormatName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for FormatName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A card number as one format reads it. `Debug` hides the number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CardNumber {
    /// The format that reads it so.
    pub format: FormatName,
    /// The facility code (site code), where the format has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facility: Option<u32>,
    /// The card number (user code).
    pub number: u64,
}

impl fmt::Debug for CardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CardNumber({}, …)", self.format)
    }
}

impl fmt::Display for CardNumber {
    /// `H10301 123-45678`, or `H10302 45678` without a facility code.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.facility {
            Some(facility) => write!(f, "{} {facility}-{}", self.format, self.number),
            None => write!(f, "{} {}", self.format, self.number),
        }
    }
}

/// Everything that one card read can mean: its raw bits, and each format's reading of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CardRead {
    /// The bits as the reader sent them.
    pub bits: CardBits,
    readings: [Option<CardNumber>; MAX_READINGS],
}

impl CardRead {
    /// A read with at most [`MAX_READINGS`] readings; more are left out.
    #[must_use]
    pub fn new(bits: CardBits, numbers: impl IntoIterator<Item = CardNumber>) -> Self {
        let mut readings = [None; MAX_READINGS];
        for (slot, number) in readings.iter_mut().zip(numbers) {
            *slot = Some(number);
        }
        Self { bits, readings }
    }

    /// The readings, in the order of the formats table.
    pub fn readings(&self) -> impl Iterator<Item = &CardNumber> {
        self.readings.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_round_trip_as_text() {
        for text in ["1", "0000", "00000010100000000111101100", &"10".repeat(128)] {
            assert_eq!(text.parse::<CardBits>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bits_out_of_bounds_are_refused() {
        assert_eq!(
            "".parse::<CardBits>(),
            Err(CardBitsError::Length { found: 0 })
        );
        assert_eq!(
            "1".repeat(257).parse::<CardBits>(),
            Err(CardBitsError::Length { found: 257 })
        );
        assert_eq!(
            "1012".parse::<CardBits>(),
            Err(CardBitsError::Character { found: '2', at: 3 })
        );
        assert_eq!(
            CardBits::new(9, &[0xFF]),
            Err(CardBitsError::Short { bits: 9, bytes: 1 })
        );
    }

    #[test]
    fn spare_bits_do_not_count() {
        assert_eq!(CardBits::new(4, &[0xAF]), CardBits::new(4, &[0xA0]));
        assert_ne!(CardBits::new(4, &[0xA0]), CardBits::new(5, &[0xA0]));
    }

    #[test]
    fn format_names_have_bounds() {
        assert_eq!("H10301".parse::<FormatName>().unwrap().as_str(), "H10301");
        for bad in ["", "with space", "sixteen_letters_", "é"] {
            assert!(bad.parse::<FormatName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn debug_tells_no_card_number() {
        let number = CardNumber {
            format: "H10301".parse().unwrap(),
            facility: Some(12),
            number: 34567,
        };
        assert_eq!(format!("{number:?}"), "CardNumber(H10301, …)");
        assert_eq!(number.to_string(), "H10301 12-34567");
    }
}
