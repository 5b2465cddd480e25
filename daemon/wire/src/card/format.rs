//! One card format, ready to read and write cards.

use super::positions::BitSet;
use super::{EncodeError, Reading};

/// A format whose every bit has exactly one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) name: Box<str>,
    pub(super) bit_count: u16,
    pub(super) facility: Option<Field>,
    pub(super) number: Field,
    /// In the order to be written: each covers no parity bit but those before it.
    pub(super) parities: Box<[Parity]>,
    pub(super) fixed_mask: BitSet,
    pub(super) fixed_bits: BitSet,
}

/// Where a number stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// Most significant bit first; 1 to 64 of them.
    pub(super) positions: Box<[u8]>,
    pub(super) coding: Coding,
}

/// How a number is written in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Binary,
    /// Four bits a decimal digit.
    Bcd,
}

/// A bit that makes the number of ones, its own included, even or odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parity {
    pub(super) at: u8,
    pub(super) covered: BitSet,
    pub(super) odd: bool,
}

impl Format {
    /// What this format reads from a card of its length; `None` when a parity bit, a fixed bit or
    /// a decimal digit is wrong.
    pub(super) fn read(&self, card: &BitSet) -> Option<Reading<'_>> {
        if card.and(&self.fixed_mask) != self.fixed_bits {
            return None;
        }
        if self.parities.iter().any(|parity| !parity.holds(card)) {
            return None;
        }
        let facility = match &self.facility {
            Some(field) => Some(u32::try_from(field.read(card)?).ok()?),
            None => None,
        };
        Some(Reading {
            format: &self.name,
            facility,
            number: self.number.read(card)?,
        })
    }

    pub(super) fn write(&self, facility: Option<u32>, number: u64) -> Result<BitSet, EncodeError> {
        let format = || self.name.to_string();
        let mut card = self.fixed_bits;
        match (&self.facility, facility) {
            (None, None) => {}
            (None, Some(_)) => return Err(EncodeError::FacilityUnexpected { format: format() }),
            (Some(field), given) => {
                let max = u32::try_from(field.max()).unwrap_or(u32::MAX);
                let Some(given) = given else {
                    let format = format();
                    return Err(EncodeError::FacilityMissing { format, max });
                };
                if given > max {
                    let format = format();
                    return Err(EncodeError::FacilityRange { format, max });
                }
                field.write(u64::from(given), &mut card);
            }
        }
        let max = self.number.max();
        if number > max {
            let format = format();
            return Err(EncodeError::NumberRange { format, max });
        }
        self.number.write(number, &mut card);
        for parity in &self.parities {
            card.set(parity.at, card.is_odd_under(&parity.covered) != parity.odd);
        }
        Ok(card)
    }
}

impl Parity {
    fn holds(&self, card: &BitSet) -> bool {
        card.has(self.at) == (card.is_odd_under(&self.covered) != self.odd)
    }
}

impl Field {
    /// The largest number that fits.
    pub(super) fn max(&self) -> u64 {
        let bits = u32::try_from(self.positions.len()).unwrap_or(64);
        match self.coding {
            Coding::Binary => u64::MAX.checked_shr(64 - bits).unwrap_or(0),
            Coding::Bcd => 10u64.checked_pow(bits / 4).map_or(u64::MAX, |end| end - 1),
        }
    }

    fn read(&self, card: &BitSet) -> Option<u64> {
        let bits = |positions: &[u8]| {
            positions
                .iter()
                .fold(0, |number, &at| number << 1 | u64::from(card.has(at)))
        };
        match self.coding {
            Coding::Binary => Some(bits(&self.positions)),
            Coding::Bcd => self.positions.chunks(4).try_fold(0u64, |number, digit| {
                let digit = Some(bits(digit)).filter(|&digit| digit <= 9)?;
                number.checked_mul(10)?.checked_add(digit)
            }),
        }
    }

    /// Writes a number that fits.
    fn write(&self, mut number: u64, card: &mut BitSet) {
        match self.coding {
            Coding::Binary => {
                for &at in self.positions.iter().rev() {
                    card.set(at, number & 1 == 1);
                    number >>= 1;
                }
            }
            Coding::Bcd => {
                for positions in self.positions.chunks(4).rev() {
                    let digit = number % 10;
                    for (shift, &at) in positions.iter().rev().enumerate() {
                        card.set(at, digit >> shift & 1 == 1);
                    }
                    number /= 10;
                }
            }
        }
    }
}
