//! Sets of bits of a card, and lists of bit positions as an installer writes them.

use super::CARD_BITS_MAX;

/// A set of bits of a card, or its contents. Position 0 is the first bit sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct BitSet([u64; CARD_BITS_MAX / 64]);

impl BitSet {
    /// The first `bit_count` bits of `bytes`; `None` when it has fewer, or there are too many.
    pub(super) fn from_bytes(bit_count: usize, bytes: &[u8]) -> Option<Self> {
        if bit_count > CARD_BITS_MAX || bytes.len() < bit_count.div_ceil(8) {
            return None;
        }
        let mut set = Self::default();
        for (at, &byte) in bytes.iter().enumerate().take(bit_count.div_ceil(8)) {
            let spare = (8 * (at + 1)).saturating_sub(bit_count);
            let byte = byte >> spare << spare;
            set.0[at / 8] |= u64::from(byte) << (56 - 8 * (at % 8));
        }
        Some(set)
    }

    pub(super) fn to_bytes(self) -> [u8; CARD_BITS_MAX / 8] {
        let mut bytes = [0; CARD_BITS_MAX / 8];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    pub(super) fn has(&self, at: u8) -> bool {
        self.0[usize::from(at) / 64] >> (63 - at % 64) & 1 == 1
    }

    pub(super) fn set(&mut self, at: u8, value: bool) {
        let bit = 1 << (63 - at % 64);
        let word = &mut self.0[usize::from(at) / 64];
        *word = if value { *word | bit } else { *word & !bit };
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|at| self.0[at] & other.0[at]))
    }

    pub(super) fn or(&self, other: &Self) -> Self {
        Self(core::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    /// The positions in the set, in rising order.
    pub(super) fn positions(&self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(|&at| self.has(at))
    }

    /// Whether the number of bits in both sets is odd.
    pub(super) fn is_odd_under(&self, mask: &Self) -> bool {
        self.and(mask)
            .0
            .iter()
            .map(|word| word.count_ones())
            .sum::<u32>()
            % 2
            == 1
    }
}

impl FromIterator<u8> for BitSet {
    fn from_iter<I: IntoIterator<Item = u8>>(positions: I) -> Self {
        let mut set = Self::default();
        for at in positions {
            set.set(at, true);
        }
        set
    }
}

/// Reads a list such as `2-9`, `3-4,6-7,9` or `9-2` (backwards) into positions counted from 0,
/// in the order written. Says what is wrong otherwise.
pub(super) fn parse_positions(text: &str, bit_count: usize) -> Result<Vec<u8>, String> {
    let allowed = format!("bits are numbered 1 to {bit_count}, as in \"2-9\" or \"3-4,6,9-7\"");
    let mut positions = Vec::new();
    let mut seen = BitSet::default();
    for part in text.split(',') {
        let part = part.trim();
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Some(first), Some(last)) = (position(first, bit_count), position(last, bit_count))
        else {
            let part: String = part.chars().take(20).collect();
            return Err(format!("has `{part}`: {allowed}"));
        };
        let mut add = |at: u8| {
            if seen.has(at) {
                return Err(format!("has bit {} twice", usize::from(at) + 1));
            }
            seen.set(at, true);
            positions.push(at);
            Ok(())
        };
        if first <= last {
            (first..=last).try_for_each(&mut add)?;
        } else {
            (last..=first).rev().try_for_each(&mut add)?;
        }
    }
    Ok(positions)
}

fn position(text: &str, bit_count: usize) -> Option<u8> {
    let text = text.trim();
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: usize = text.parse().ok()?;
    if number == 0 || number > bit_count {
        return None;
    }
    u8::try_from(number - 1).ok()
}

/// Positions, in rising order, as an installer writes them: `1, 5-7`.
pub(super) fn shown_positions(positions: impl Iterator<Item = u8>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for at in positions.map(|at| usize::from(at) + 1) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == at => *last = at,
            _ => ranges.push((at, at)),
        }
    }
    let parts: Vec<_> = ranges
        .iter()
        .map(|(first, last)| match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        })
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_in_the_order_written() {
        let check = |text: &str, expect: &[u8]| {
            assert_eq!(parse_positions(text, 256).unwrap(), expect, "{text}");
        };
        check("1", &[0]);
        check("2-4", &[1, 2, 3]);
        check("4-2", &[3, 2, 1]);
        check(" 9 , 1 - 2,256 ", &[8, 0, 1, 255]);
    }

    #[test]
    fn wrong_positions_are_told() {
        let check = |text: &str, expect: &str| {
            let message = parse_positions(text, 26).unwrap_err();
            assert!(message.starts_with(expect), "{text}: {message}");
        };
        check("", "has ``: bits are numbered 1 to 26, as in \"2-9\"");
        check("0-3", "has `0-3`");
        check("20-27", "has `20-27`");
        check("1,,2", "has ``");
        check("+3", "has `+3`");
        check("1-2-3", "has `1-2-3`");
        check("99999999999999999999999", "has `99999999999999999999`");
        check("3-5,9,4", "has bit 4 twice");
    }

    #[test]
    fn positions_are_shown_as_written() {
        assert_eq!(shown_positions([0, 4, 5, 6, 9].into_iter()), "1, 5-7, 10");
    }

    #[test]
    fn bits_go_in_and_out_as_bytes() {
        let set = BitSet::from_bytes(12, &[0xA5, 0xFF, 0xFF]).unwrap();
        assert_eq!(set.to_bytes()[..3], [0xA5, 0xF0, 0]);
        assert!(set.has(0) && !set.has(1) && set.has(11) && !set.has(12));
        assert_eq!(BitSet::from_bytes(9, &[0xFF]), None);
        assert_eq!(BitSet::from_bytes(257, &[0xFF; 40]), None);
    }
}
