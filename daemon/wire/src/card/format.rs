//! One card format, ready to read and write cards.

use super::positions::{BitSet, shown_positions};
use super::{CardFields, EncodeError, Fault, Reading};

/// A format whose every bit has exactly one role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) name: Box<str>,
    pub(super) also: Box<[Box<str>]>,
    pub(super) description: Box<str>,
    pub(super) source: Box<str>,
    pub(super) is_rare: bool,
    pub(super) bit_count: u16,
    pub(super) facility: Option<Field>,
    pub(super) number: Field,
    pub(super) issue: Option<Field>,
    pub(super) oem: Option<Field>,
    /// The maker's code written where none is given.
    pub(super) oem_usual: u32,
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
        let (fields, is_decimal) = self.fields(card);
        is_decimal.then_some(Reading {
            format: &self.name,
            facility: fields.facility,
            number: fields.number,
            issue: fields.issue,
            oem: fields.oem,
        })
    }

    /// What stands in the fields, right or wrong; and whether all decimal digits are digits.
    pub(super) fn fields(&self, card: &BitSet) -> (CardFields, bool) {
        let mut is_decimal = true;
        let mut small = |field: &Option<Field>| {
            let field = field.as_ref()?;
            let read = field.read(card).and_then(|value| u32::try_from(value).ok());
            is_decimal &= read.is_some();
            Some(read.unwrap_or(0))
        };
        let facility = small(&self.facility);
        let issue = small(&self.issue);
        let oem = small(&self.oem);
        let number = self.number.read(card);
        let fields = CardFields {
            facility,
            number: number.unwrap_or(0),
            issue,
            oem,
        };
        (fields, is_decimal && number.is_some())
    }

    /// Everything that is wrong with a card of this length.
    pub(super) fn faults(&self, card: &BitSet) -> Vec<Fault> {
        let mut faults = Vec::new();
        if card.and(&self.fixed_mask) != self.fixed_bits {
            let wrong = self.fixed_mask.positions();
            let wrong = wrong.filter(|&at| card.has(at) != self.fixed_bits.has(at));
            faults.push(Fault::Fixed {
                bits: shown_positions(wrong),
            });
        }
        let parities = self.parities.iter().filter(|parity| !parity.holds(card));
        faults.extend(parities.map(|parity| Fault::Parity {
            bit: u16::from(parity.at) + 1,
        }));
        if !self.fields(card).1 {
            faults.push(Fault::NotDecimal);
        }
        faults
    }

    /// The bits that something checks: parity bits, what they cover, and fixed bits.
    pub(super) fn checked(&self) -> BitSet {
        self.parities
            .iter()
            .fold(self.fixed_mask, |mut set, parity| {
                set.set(parity.at, true);
                set.or(&parity.covered)
            })
    }

    /// Whether `name` is one of this format's names, in any case of letters.
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
            || self.also.iter().any(|also| also.eq_ignore_ascii_case(name))
    }

    pub(super) fn write(&self, fields: &CardFields) -> Result<BitSet, EncodeError> {
        let mut card = self.fixed_bits;
        let max = self.number.max();
        if fields.number > max {
            let format = self.name.to_string();
            return Err(EncodeError::NumberRange { format, max });
        }
        self.number.write(fields.number, &mut card);
        let facility = ("facility code", &self.facility, fields.facility, None);
        let issue = ("issue level", &self.issue, fields.issue, Some(0));
        let oem = ("maker's code", &self.oem, fields.oem, Some(self.oem_usual));
        for (what, field, given, usual) in [facility, issue, oem] {
            self.write_small(what, field.as_ref(), given, usual, &mut card)?;
        }
        for parity in &self.parities {
            card.set(parity.at, card.is_odd_under(&parity.covered) != parity.odd);
        }
        Ok(card)
    }

    /// Writes a field beside the card number; `usual` is for one that nobody must give.
    fn write_small(
        &self,
        what: &'static str,
        field: Option<&Field>,
        given: Option<u32>,
        usual: Option<u32>,
        card: &mut BitSet,
    ) -> Result<(), EncodeError> {
        let format = || self.name.to_string();
        let Some(field) = field else {
            return match given {
                None => Ok(()),
                Some(_) => Err(EncodeError::Unexpected {
                    format: format(),
                    what,
                }),
            };
        };
        let max = u32::try_from(field.max()).unwrap_or(u32::MAX);
        let Some(value) = given.or(usual) else {
            let format = format();
            return Err(EncodeError::Missing { format, what, max });
        };
        if value > max {
            let format = format();
            return Err(EncodeError::Range { format, what, max });
        }
        field.write(u64::from(value), card);
        Ok(())
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
