//! Card formats: what the raw bits of a card say.
//!
//! A [`FormatTable`] is read from TOML text (the shipped one is `config/card-formats.toml`).
//! [`FormatTable::decode`] tells what every format of the card's length whose parity holds reads
//! from it; [`FormatTable::encode`] goes the other way.

mod format;
mod parse;
mod positions;
#[cfg(test)]
mod tests;

use core::fmt;

pub use crate::document::Problems as FormatErrors;
use format::Format;
use positions::BitSet;

/// The longest card a format may describe, in bits.
pub const CARD_BITS_MAX: usize = 256;
/// The most formats in a table.
pub const FORMATS_MAX: usize = 128;
/// The most formats of one length: the most readings one card can have.
pub const FORMATS_PER_LENGTH_MAX: usize = 8;
/// The longest format name, in characters.
pub const FORMAT_NAME_CHARS_MAX: usize = 15;
/// The most parity bits of one format.
pub const PARITIES_MAX: usize = 16;
/// The largest table read, in bytes.
pub const TABLE_BYTES_MAX: usize = 256 * 1024;

/// The table built in: `config/card-formats.toml` as shipped.
pub const BUILT_IN: &str = include_str!("../../../../config/card-formats.toml");

/// Card formats, in the order of their file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatTable {
    formats: Box<[Format]>,
}

/// What one format reads from a card. `Debug` shows the format only: the number opens doors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reading<'t> {
    /// The name of the format, 1 to [`FORMAT_NAME_CHARS_MAX`] printable ASCII characters.
    pub format: &'t str,
    /// The facility code, where the format has one.
    pub facility: Option<u32>,
    /// The card number.
    pub number: u64,
}

impl fmt::Debug for Reading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reading({}, …)", self.format)
    }
}

/// The raw bits of an encoded card. `Debug` shows the length only: the bits open doors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EncodedCard {
    bit_count: u16,
    bytes: [u8; CARD_BITS_MAX / 8],
}

impl EncodedCard {
    /// The number of bits, 1 to [`CARD_BITS_MAX`].
    #[must_use]
    pub const fn bit_count(&self) -> usize {
        self.bit_count as usize
    }

    /// The bits, first bit in the highest bit of the first byte; spare bits are 0.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.bit_count().div_ceil(8)]
    }
}

impl fmt::Debug for EncodedCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedCard({} bits)", self.bit_count)
    }
}

/// Why a card cannot be encoded. Tells what is allowed, never the number asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// No such format in the table.
    #[error("there is no card format `{name}`")]
    FormatUnknown {
        /// The name asked for, its first 40 characters.
        name: String,
    },
    /// The format has a facility code and none was given.
    #[error("a card of format `{format}` needs a facility code, 0 to {max}")]
    FacilityMissing {
        /// The format.
        format: String,
        /// The largest facility code.
        max: u32,
    },
    /// The format has no facility code and one was given.
    #[error("a card of format `{format}` has no facility code")]
    FacilityUnexpected {
        /// The format.
        format: String,
    },
    /// The facility code does not fit.
    #[error("facility code of format `{format}` is too large, 0 to {max} are allowed")]
    FacilityRange {
        /// The format.
        format: String,
        /// The largest facility code.
        max: u32,
    },
    /// The card number does not fit.
    #[error("card number of format `{format}` is too large, 0 to {max} are allowed")]
    NumberRange {
        /// The format.
        format: String,
        /// The largest number.
        max: u64,
    },
}

impl FormatTable {
    /// Reads a table. All problems at once, by line.
    pub fn parse(text: &str) -> Result<Self, FormatErrors> {
        parse::parse(text)
    }

    /// The table built in.
    pub fn built_in() -> Result<Self, FormatErrors> {
        Self::parse(BUILT_IN)
    }

    /// The names of all formats, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.formats.iter().map(|format| &*format.name)
    }

    /// What the formats of length `bit_count` read from a card, in the order of the file: at most
    /// [`FORMATS_PER_LENGTH_MAX`] readings. A format is left out when a parity bit or a fixed bit
    /// is wrong. The first bit is the highest bit of `bytes[0]`; bits behind `bit_count` do not
    /// count. Without readings: no format has this length, or `bytes` is too short for it.
    ///
    /// Allocates nothing.
    pub fn decode(&self, bit_count: usize, bytes: &[u8]) -> impl Iterator<Item = Reading<'_>> {
        let card = BitSet::from_bytes(bit_count, bytes);
        self.formats
            .iter()
            .filter(move |format| usize::from(format.bit_count) == bit_count)
            .filter_map(move |format| format.read(&card?))
    }

    /// The bits of a card with these numbers. Unused bits are 0.
    pub fn encode(
        &self,
        format: &str,
        facility: Option<u32>,
        number: u64,
    ) -> Result<EncodedCard, EncodeError> {
        let Some(format) = self.formats.iter().find(|known| &*known.name == format) else {
            let name = format.chars().take(40).collect();
            return Err(EncodeError::FormatUnknown { name });
        };
        Ok(EncodedCard {
            bit_count: format.bit_count,
            bytes: format.write(facility, number)?.to_bytes(),
        })
    }
}
