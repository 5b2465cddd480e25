//! What a credential reader hands over: RAW and FMT (SIA OSDP 2.2, clauses 7.11 and 7.12).

use core::fmt;

use super::few::Few;
use super::fields::{DecodeError, Fields};

/// The longest card a RAW reply may bring, in bits.
pub const MAX_CARD_BITS: usize = 512;

/// The longest card a FMT reply may bring, in characters.
pub const MAX_CARD_CHARACTERS: usize = 64;

/// How the bits of a card came to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CardCoding {
    /// Format code 0: not specified.
    #[default]
    Unspecified,
    /// Format code 1: parity, data, parity, as on Wiegand wires.
    Wiegand,
    /// A code of a later standard, 2 to 255.
    Other(u8),
}

/// The bits of one card. `Debug` shows the length only: the bits open doors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CardRead {
    /// Which reader of the device; 0 is the first.
    pub reader: u8,
    /// How the bits came to the reader.
    pub coding: CardCoding,
    bit_count: u16,
    bytes: [u8; MAX_CARD_BITS / 8],
}

/// A card of a length that is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("card of {bits} bits in {bytes} bytes: 1 to 512 bits, 8 in each byte, are allowed")]
pub struct CardLengthError {
    /// The bits it says it has.
    pub bits: usize,
    /// The bytes it came in.
    pub bytes: usize,
}

impl CardRead {
    /// A card of `bit_count` bits, first bit in the highest bit of `bytes[0]`.
    /// Bits behind the last one are set to 0.
    pub fn new(
        reader: u8,
        coding: CardCoding,
        bit_count: usize,
        bytes: &[u8],
    ) -> Result<Self, CardLengthError> {
        let wrong = CardLengthError {
            bits: bit_count,
            bytes: bytes.len(),
        };
        if bit_count == 0 || bit_count > MAX_CARD_BITS || bytes.len() != bit_count.div_ceil(8) {
            return Err(wrong);
        }
        let mut own = [0; MAX_CARD_BITS / 8];
        own[..bytes.len()].copy_from_slice(bytes);
        own[bytes.len() - 1] &= 0xFF << (bytes.len() * 8 - bit_count);
        let bit_count = u16::try_from(bit_count).map_err(|_| wrong)?;
        Ok(Self {
            reader,
            coding,
            bit_count,
            bytes: own,
        })
    }

    /// How many bits, 1 to [`MAX_CARD_BITS`].
    #[must_use]
    pub const fn bit_count(&self) -> usize {
        self.bit_count as usize
    }

    /// The bits, first one highest; spare bits at the end are 0.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.bit_count().div_ceil(8)]
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let coding = match self.coding {
            CardCoding::Unspecified => 0,
            CardCoding::Wiegand => 1,
            CardCoding::Other(code) => code,
        };
        out.extend([self.reader, coding]);
        out.extend(self.bit_count.to_le_bytes());
        out.extend_from_slice(self.bytes());
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let (reader, coding, bit_count) = (fields.u8()?, fields.u8()?, fields.u16()?);
        let coding = match coding {
            0 => CardCoding::Unspecified,
            1 => CardCoding::Wiegand,
            other => CardCoding::Other(other),
        };
        if bit_count == 0 || usize::from(bit_count) > MAX_CARD_BITS {
            return Err(fields.wrong_value("bit count", bit_count, "1 to 512"));
        }
        let bytes = fields.rest();
        Self::new(reader, coding, usize::from(bit_count), bytes).map_err(|_| fields.wrong_length())
    }
}

impl fmt::Debug for CardRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CardRead")
            .field("reader", &self.reader)
            .field("coding", &self.coding)
            .field("bit_count", &self.bit_count)
            .finish_non_exhaustive()
    }
}

/// A card as characters, in the FMT reply of older readers. `Debug` shows the length only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FormattedCard {
    /// Which reader of the device; 0 is the first.
    pub reader: u8,
    /// Whether the card was drawn through backwards.
    pub is_reverse: bool,
    /// The characters.
    pub characters: Few<u8, MAX_CARD_CHARACTERS>,
}

impl FormattedCard {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend([
            self.reader,
            u8::from(self.is_reverse),
            self.characters.len() as u8,
        ]);
        out.extend_from_slice(&self.characters);
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let [reader, direction, length] = fields.array()?;
        if direction > 1 {
            return Err(fields.wrong_value("read direction", direction, "0 and 1"));
        }
        let characters = Few::from_slice(fields.bytes(usize::from(length))?)
            .map_err(|_| fields.wrong_value("character count", length, "0 to 64"))?;
        Ok(Self {
            reader,
            is_reverse: direction == 1,
            characters,
        })
    }
}

impl fmt::Debug for FormattedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormattedCard")
            .field("reader", &self.reader)
            .field("characters", &self.characters.len())
            .finish_non_exhaustive()
    }
}

/// The most keys one KEYPAD reply may bring.
pub const MAX_KEYS: usize = 64;

/// Keys pressed at a reader, in the KEYPAD reply. `Debug` shows how many only: they may be a PIN.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Keypad {
    /// Which reader of the device; 0 is the first.
    pub reader: u8,
    /// The keys in the order pressed: ASCII digits; 0x7F is `*` (clear), 0x0D is `#` (enter).
    pub keys: Few<u8, MAX_KEYS>,
}

impl Keypad {
    /// The byte for the key `*`.
    pub const STAR: u8 = 0x7F;
    /// The byte for the key `#`.
    pub const HASH: u8 = 0x0D;

    /// The keys in `text`: digits, `*` and `#`. `None` for any other character, or for more than
    /// [`MAX_KEYS`].
    #[must_use]
    pub fn pressed(reader: u8, text: &str) -> Option<Self> {
        let mut keys = Few::new();
        for character in text.chars() {
            let key = match character {
                '0'..='9' => character as u8,
                '*' => Self::STAR,
                '#' => Self::HASH,
                _ => return None,
            };
            keys.push(key).ok()?;
        }
        Some(Self { reader, keys })
    }

    /// The keys as `0` to `9`, `*` and `#`; readers that send the latter two as characters are
    /// understood as well. Bytes that stand for no such key are left out.
    pub fn characters(&self) -> impl Iterator<Item = char> + '_ {
        self.keys.iter().filter_map(|key| match *key {
            digit @ b'0'..=b'9' => Some(char::from(digit)),
            Self::STAR | b'*' => Some('*'),
            Self::HASH | b'#' => Some('#'),
            _ => None,
        })
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend([self.reader, self.keys.len() as u8]);
        out.extend_from_slice(&self.keys);
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let [reader, length] = fields.array()?;
        let keys = Few::from_slice(fields.bytes(usize::from(length))?)
            .map_err(|_| fields.wrong_value("key count", length, "0 to 64"))?;
        Ok(Self { reader, keys })
    }
}

impl fmt::Debug for Keypad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keypad")
            .field("reader", &self.reader)
            .field("keys", &self.keys.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_bits_do_not_make_another_card() {
        let card = |last| CardRead::new(0, CardCoding::Wiegand, 26, &[1, 2, 3, last]).unwrap();
        assert_eq!(card(0xFF), card(0xC0));
        assert_eq!(card(0xFF).bytes(), [1, 2, 3, 0xC0]);
    }

    #[test]
    fn lengths() {
        for (bits, bytes) in [(0, 0), (26, 3), (26, 5), (513, 65)] {
            assert_eq!(
                CardRead::new(0, CardCoding::Wiegand, bits, &vec![0; bytes]),
                Err(CardLengthError { bits, bytes })
            );
        }
        assert!(CardRead::new(0, CardCoding::Wiegand, 512, &[0; 64]).is_ok());
    }

    #[test]
    fn keys_and_characters() {
        let pressed = Keypad::pressed(0, "12*0#").unwrap();
        assert_eq!(&*pressed.keys, [0x31, 0x32, 0x7F, 0x30, 0x0D]);
        assert_eq!(pressed.characters().collect::<String>(), "12*0#");
        let keys = Few::from_slice(b"7#\x01*").unwrap();
        let other = Keypad { reader: 0, keys };
        assert_eq!(other.characters().collect::<String>(), "7#*");
        assert_eq!(Keypad::pressed(0, "12a"), None);
        assert_eq!(Keypad::pressed(0, &"1".repeat(MAX_KEYS + 1)), None);
    }

    #[test]
    fn debug_shows_no_number() {
        let card = CardRead::new(0, CardCoding::Wiegand, 26, &[0xAB; 4]).unwrap();
        let keys = Keypad {
            reader: 0,
            keys: Few::from_slice(b"4711").unwrap(),
        };
        let shown = format!("{card:?} {keys:?}");
        for secret in ["171", "ab", "AB", "4711", "52"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
