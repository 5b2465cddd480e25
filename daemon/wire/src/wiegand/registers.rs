//! The last card in Modbus registers.

use super::{FRAME_BITS_MAX, Frame};
use crate::board::ModbusRequest;

/// Where a device keeps the last card, and how one tells that it is a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterMap {
    /// Whether they are input registers (function 4) instead of holding registers (function 3).
    pub is_input: bool,
    /// The counter that changes with every card.
    pub sequence: u16,
    /// The register with the number of bits; 0 while there was no card.
    pub bit_count: u16,
    /// The first register with bits.
    pub data: u16,
    /// How many there are, 1 to 16.
    pub data_count: u16,
    /// How the bits stand in them.
    pub order: BitOrder,
    /// How often they are read, in milliseconds, 10 to 1000.
    pub poll_ms: u32,
}

/// How bits stand in registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BitOrder {
    /// The first bit is the highest of the first register; spare bits are behind the last one.
    FirstHigh,
    /// All registers are one number, the highest first, and the last bit is its lowest.
    NumberHighFirst,
    /// The same with the lowest register first.
    NumberLowFirst,
}

/// Registers that are no card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegisterNoise {
    /// Fewer registers than were asked for.
    #[error("the device answered {found} registers, expected {expected}")]
    Short {
        /// Answered.
        found: usize,
        /// Asked for.
        expected: usize,
    },
    /// More bits than the registers hold.
    #[error("the device tells {found} bits, its registers hold {max}")]
    BitCount {
        /// Told.
        found: u16,
        /// What fits.
        max: u16,
    },
}

impl RegisterMap {
    /// The one request that reads everything, so that a card cannot change between its parts.
    #[must_use]
    pub fn request(&self) -> ModbusRequest {
        let (address, count) = (self.first(), self.count());
        match self.is_input {
            true => ModbusRequest::ReadInputRegisters { address, count },
            false => ModbusRequest::ReadHoldingRegisters { address, count },
        }
    }

    /// The counter and the card in an answer to [`RegisterMap::request`]; `None` while there was no
    /// card.
    pub fn card(&self, registers: &[u16]) -> Result<(u16, Option<Frame>), RegisterNoise> {
        let expected = usize::from(self.count());
        let found = registers.len();
        let at = |register: u16| {
            let at = usize::from(register - self.first());
            let word = registers.get(at).copied();
            word.ok_or(RegisterNoise::Short { found, expected })
        };
        let sequence = at(self.sequence)?;
        let bits = at(self.bit_count)?;
        let max = self.data_count.saturating_mul(16);
        if bits > max || usize::from(bits) > FRAME_BITS_MAX {
            return Err(RegisterNoise::BitCount { found: bits, max });
        }
        if bits == 0 {
            return Ok((sequence, None));
        }
        let first = usize::from(self.data - self.first());
        let data = registers.get(first..first + usize::from(self.data_count));
        let data = data.ok_or(RegisterNoise::Short { found, expected })?;
        let mut frame = Frame::EMPTY;
        for nth in 0..bits {
            let place = match self.order {
                BitOrder::FirstHigh => nth,
                BitOrder::NumberHighFirst | BitOrder::NumberLowFirst => max - bits + nth,
            };
            let register = match self.order {
                BitOrder::NumberLowFirst => self.data_count - 1 - place / 16,
                _ => place / 16,
            };
            let word = data.get(usize::from(register)).copied().unwrap_or(0);
            let full = RegisterNoise::BitCount { found: bits, max };
            frame.push(word >> (15 - place % 16) & 1 == 1).ok_or(full)?;
        }
        Ok((sequence, Some(frame)))
    }

    fn first(&self) -> u16 {
        self.sequence.min(self.bit_count).min(self.data)
    }

    fn count(&self) -> u16 {
        let last = self.data.saturating_add(self.data_count.saturating_sub(1));
        let last = last.max(self.sequence).max(self.bit_count);
        last.saturating_sub(self.first()).saturating_add(1)
    }

    /// How many registers one request must read; the profile is refused when it is too many.
    pub(super) fn span(&self) -> u16 {
        self.count()
    }
}
