//! Wiegand behind something that is no Wiegand input: converters that send lines of text, readers that
//! frame their digits with STX and ETX, Modbus devices with the last card in registers, and the two
//! wires themselves.
//!
//! What a converter sends is data, not code: a [`ConverterProfile`] is read from TOML text (those
//! shipped are in `config/readers`). [`Lines`] finds frames in a stream of bytes, [`RegisterMap`] in
//! registers, [`Pulses`] in the edges of D0 and D1. A [`Frame`] is a card, or a key of a keypad
//! ([`Keypad::key`]).

mod built_in;
mod lines;
mod parse;
mod profile;
mod pulses;
mod registers;
mod repeats;
#[cfg(test)]
mod tests;

use core::fmt;

pub use crate::document::Problems as ConverterErrors;
pub use built_in::BUILT_IN;
pub use lines::{LINE_BYTES_MAX, Lines, Noise};
pub use profile::{Checksum, ConverterProfile, Digits, Framing, LineRule, StxRule};
pub use pulses::{FRAME_GAP_US_DEFAULT, GLITCH_US_DEFAULT, Line, PulseNoise, PulseRule, Pulses};
pub use registers::{BitOrder, RegisterMap, RegisterNoise};
pub use repeats::Repeats;

/// The longest frame, in bits: that of the longest card.
pub const FRAME_BITS_MAX: usize = crate::card::CARD_BITS_MAX;
/// The largest profile read, in bytes.
pub const CONVERTER_BYTES_MAX: usize = 64 * 1024;

/// Bits as a Wiegand reader sent them. `Debug` shows the length only: the bits open doors.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    bit_count: u16,
    bytes: [u8; FRAME_BITS_MAX / 8],
}

impl Frame {
    /// An empty frame, to be filled bit by bit.
    pub(crate) const EMPTY: Self = Self {
        bit_count: 0,
        bytes: [0; FRAME_BITS_MAX / 8],
    };

    /// The lowest `bit_count` bits of `value`, 1 to 64 of them; `None` when it has more.
    pub(crate) fn of_value(value: u64, bit_count: usize) -> Option<Self> {
        let fits = bit_count == 64 || (bit_count < 64 && value >> bit_count == 0);
        if bit_count == 0 || !fits {
            return None;
        }
        let mut frame = Self::EMPTY;
        for at in (0..bit_count).rev() {
            frame.push(value >> at & 1 == 1)?;
        }
        Some(frame)
    }

    /// Adds a bit; `None` when it is full.
    pub(crate) fn push(&mut self, bit: bool) -> Option<()> {
        let at = self.bit_count();
        let byte = self.bytes.get_mut(at / 8)?;
        *byte |= u8::from(bit) << (7 - at % 8);
        self.bit_count += 1;
        Some(())
    }

    /// The number of bits, 1 to [`FRAME_BITS_MAX`].
    #[must_use]
    pub const fn bit_count(&self) -> usize {
        self.bit_count as usize
    }

    /// The bits, the first one sent in the highest bit of the first byte; spare bits are 0.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.bit_count().div_ceil(8)]
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bits)", self.bit_count)
    }
}

/// How a reader's keypad sends keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keypad {
    /// There is none: every frame is a card.
    #[default]
    None,
    /// Four bits a key.
    FourBits,
    /// Eight bits a key: the key, behind its complement.
    EightBits,
    /// Either.
    FourOrEightBits,
}

impl Keypad {
    /// The key that a frame is: `0` to `9`, `*` (sent as 10, also called escape) or `#` (sent as 11,
    /// enter), in ASCII. `None` when it is no key. Layout of the HID and Essex keypads' 4 and 8 bit
    /// bursts.
    #[must_use]
    pub fn key(self, frame: &Frame) -> Option<u8> {
        let first = *frame.bytes().first()?;
        let (four, eight) = (
            matches!(self, Self::FourBits | Self::FourOrEightBits),
            matches!(self, Self::EightBits | Self::FourOrEightBits),
        );
        let key = match frame.bit_count() {
            4 if four => first >> 4,
            8 if eight && first >> 4 == !first & 0x0F => first & 0x0F,
            _ => return None,
        };
        match key {
            0..=9 => Some(b'0' + key),
            10 => Some(b'*'),
            11 => Some(b'#'),
            _ => None,
        }
    }

    /// Whether a frame is as long as a key's: never a card then, also when it is no key.
    #[must_use]
    pub fn has_length_of(self, frame: &Frame) -> bool {
        match self {
            Self::None => false,
            Self::FourBits => frame.bit_count() == 4,
            Self::EightBits => frame.bit_count() == 8,
            Self::FourOrEightBits => matches!(frame.bit_count(), 4 | 8),
        }
    }
}
