//! Card formats: what the raw bits of a card say.
//!
//! A [`FormatTable`] is read from TOML text (the shipped one is `config/card-formats.toml`), and
//! [`FormatTable::in_use`] is the part of it that a site uses at its doors.
//! [`FormatTable::decode`] tells what every format of the card's length whose parity holds reads
//! from it; [`FormatTable::encode`] goes the other way; [`FormatTable::examine`] shows a card with
//! all its readings, right and wrong.

mod format;
mod parse;
mod positions;
#[cfg(test)]
mod shipped_tests;
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
/// The most other names of one format.
pub const FORMAT_NAMES_MAX: usize = 8;
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
    /// The issue level, where the format has one. No part of the card number.
    pub issue: Option<u32>,
    /// The maker's code, where the format has one. No part of the card number.
    pub oem: Option<u32>,
}

/// What a card carries in one format. `Debug` shows nothing: the number opens doors.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct CardFields {
    /// The facility code; needed where the format has one, refused where not.
    pub facility: Option<u32>,
    /// The card number.
    pub number: u64,
    /// The issue level; 0 unless given.
    pub issue: Option<u32>,
    /// The maker's code; the usual one unless given.
    pub oem: Option<u32>,
}

impl fmt::Debug for CardFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardFields(…)")
    }
}

/// What one format of a card's length makes of it, right or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined<'t> {
    /// The format.
    pub format: FormatInfo<'t>,
    /// What stands in its fields; 0 where they are not decimal.
    pub fields: CardFields,
    /// Why the format does not read this card; none when it does.
    pub faults: Vec<Fault>,
}

/// Why a format does not read a card of its length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A parity bit does not fit the bits that it covers.
    #[error("parity bit {bit} is wrong")]
    Parity {
        /// Its position, 1 for the first bit sent.
        bit: u16,
    },
    /// Bits that are always the same in this format are not.
    #[error("fixed bits are wrong: {bits}")]
    Fixed {
        /// Their positions, as `1, 5-7`.
        bits: String,
    },
    /// A decimal digit is above 9.
    #[error("a digit is above 9")]
    NotDecimal,
}

/// One format of a table, as people know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatInfo<'t>(&'t Format);

impl<'t> FormatInfo<'t> {
    /// Its name: what is stored with every card number.
    #[must_use]
    pub fn name(&self) -> &'t str {
        &self.0.name
    }

    /// Other names of the same layout.
    pub fn also(&self) -> impl Iterator<Item = &'t str> {
        self.0.also.iter().map(AsRef::as_ref)
    }

    /// What it is, for people; empty when the table does not say.
    #[must_use]
    pub fn description(&self) -> &'t str {
        &self.0.description
    }

    /// Where its layout is published; empty when the table does not say.
    #[must_use]
    pub fn source(&self) -> &'t str {
        &self.0.source
    }

    /// Whether it is in use only where the site names it.
    #[must_use]
    pub fn is_rare(&self) -> bool {
        self.0.is_rare
    }

    /// The length of its cards in bits, 1 to [`CARD_BITS_MAX`].
    #[must_use]
    pub fn bit_count(&self) -> usize {
        usize::from(self.0.bit_count)
    }

    /// The largest card number.
    #[must_use]
    pub fn number_max(&self) -> u64 {
        self.0.number.max()
    }

    /// The largest facility code; `None` for a format without.
    #[must_use]
    pub fn facility_max(&self) -> Option<u32> {
        small_max(self.0.facility.as_ref())
    }

    /// The largest issue level; `None` for a format without.
    #[must_use]
    pub fn issue_max(&self) -> Option<u32> {
        small_max(self.0.issue.as_ref())
    }

    /// The largest maker's code; `None` for a format without.
    #[must_use]
    pub fn oem_max(&self) -> Option<u32> {
        small_max(self.0.oem.as_ref())
    }

    /// How many parity bits it has.
    #[must_use]
    pub fn parity_count(&self) -> usize {
        self.0.parities.len()
    }

    /// The bits that are checked, counted from 0: parity bits, those they cover, and fixed bits. An
    /// error in one of the other bits makes another card.
    pub fn checked_bits(&self) -> Vec<usize> {
        self.0.checked().positions().map(usize::from).collect()
    }
}

fn small_max(field: Option<&format::Field>) -> Option<u32> {
    field.map(|field| u32::try_from(field.max()).unwrap_or(u32::MAX))
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
    /// The format has a field that must be given, and was not.
    #[error("a card of format `{format}` needs a {what}, 0 to {max}")]
    Missing {
        /// The format.
        format: String,
        /// Which field.
        what: &'static str,
        /// The largest value.
        max: u32,
    },
    /// The format has no such field, and one was given.
    #[error("a card of format `{format}` has no {what}")]
    Unexpected {
        /// The format.
        format: String,
        /// Which field.
        what: &'static str,
    },
    /// A field beside the card number does not fit.
    #[error("{what} of format `{format}` is too large, 0 to {max} are allowed")]
    Range {
        /// The format.
        format: String,
        /// Which field.
        what: &'static str,
        /// The largest value.
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

    /// The formats that a site uses: those it names, or without names all that are not rare. In the
    /// order of this table. Names are compared without regard to case; every name that is unknown
    /// is told.
    pub fn in_use(&self, names: Option<&[String]>) -> Result<Self, UnknownFormats> {
        let Some(names) = names else {
            let usual = self.formats.iter().filter(|format| !format.is_rare);
            return Ok(Self {
                formats: usual.cloned().collect(),
            });
        };
        let unknown = names.iter().filter(|name| self.format(name).is_none());
        let unknown: Vec<String> = unknown.cloned().collect();
        if !unknown.is_empty() {
            return Err(UnknownFormats(unknown));
        }
        let named = |format: &&Format| names.iter().any(|name| format.is_called(name));
        Ok(Self {
            formats: self.formats.iter().filter(named).cloned().collect(),
        })
    }

    /// All formats, in the order of the file.
    pub fn formats(&self) -> impl Iterator<Item = FormatInfo<'_>> {
        self.formats.iter().map(FormatInfo)
    }

    /// The format of this name, or of another name of the same layout; letters in any case.
    #[must_use]
    pub fn format(&self, name: &str) -> Option<FormatInfo<'_>> {
        let mut called = self.formats.iter().filter(|format| format.is_called(name));
        called.next().map(FormatInfo)
    }

    /// What every format of length `bit_count` makes of a card, in the order of the file: also those
    /// that do not read it, with the reasons.
    #[must_use]
    pub fn examine(&self, bit_count: usize, bytes: &[u8]) -> Vec<Examined<'_>> {
        let Some(card) = BitSet::from_bytes(bit_count, bytes) else {
            return Vec::new();
        };
        let formats = self.formats.iter();
        let formats = formats.filter(|format| usize::from(format.bit_count) == bit_count);
        let examined = formats.map(|format| Examined {
            format: FormatInfo(format),
            fields: format.fields(&card).0,
            faults: format.faults(&card),
        });
        examined.collect()
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

    /// The bits of a card that carries this. Unused bits are 0.
    pub fn encode(&self, format: &str, fields: &CardFields) -> Result<EncodedCard, EncodeError> {
        let Some(FormatInfo(format)) = self.format(format) else {
            let name = format.chars().take(40).collect();
            return Err(EncodeError::FormatUnknown { name });
        };
        Ok(EncodedCard {
            bit_count: format.bit_count,
            bytes: format.write(fields)?.to_bytes(),
        })
    }
}

/// Names that no format of a table has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no card format {}", quoted(.0))]
pub struct UnknownFormats(pub Vec<String>);

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
