//! Frames in a stream of bytes.

use super::profile::{Checksum, Digits, LineRule, StxRule};
use super::{FRAME_BITS_MAX, Frame};

/// The longest line taken, in bytes: 256 bits as `0` and `1`, with room for what stands around them.
pub const LINE_BYTES_MAX: usize = 320;

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// Something on the line that is no frame. Never tells what came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Noise {
    /// A line longer than [`LINE_BYTES_MAX`].
    #[error("a line has more than {LINE_BYTES_MAX} bytes")]
    TooLong,
    /// A line does not begin or end as it must.
    #[error("a line does not begin or end as the profile says")]
    Surroundings,
    /// A character that is no digit, or none at all.
    #[error("a line has something else than digits, or nothing")]
    Digit,
    /// The number of bits is missing, zero, too large, or not that of the digits.
    #[error("a line has another number of bits than the profile says")]
    BitCount,
    /// The checksum is wrong.
    #[error("a checksum is wrong")]
    Checksum,
}

/// Finds frames in what a converter sends.
#[derive(Debug, Clone)]
pub struct Lines {
    rule: Rule,
    line: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone)]
enum Rule {
    Lines(LineRule),
    Stx(StxRule),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between frames: for STX everything is skipped, a line begins at once.
    Between,
    Within,
    /// Too long: skipped until its end.
    Skipping,
}

impl Lines {
    /// Lines of text.
    #[must_use]
    pub fn of_text(rule: LineRule) -> Self {
        Self::new(Rule::Lines(rule))
    }

    /// Digits between STX and ETX.
    #[must_use]
    pub fn of_stx(rule: StxRule) -> Self {
        Self::new(Rule::Stx(rule))
    }

    fn new(rule: Rule) -> Self {
        Self {
            rule,
            line: Vec::with_capacity(LINE_BYTES_MAX),
            state: State::Between,
        }
    }

    /// Takes bytes as they come, and hands over what they complete, in order.
    pub fn push(&mut self, bytes: &[u8], mut found: impl FnMut(Result<Frame, Noise>)) {
        for &byte in bytes {
            if let Some(result) = self.take(byte) {
                found(result);
            }
        }
    }

    fn take(&mut self, byte: u8) -> Option<Result<Frame, Noise>> {
        let is_stx = matches!(self.rule, Rule::Stx(_));
        match (is_stx, byte) {
            // A frame that begins anew makes the one before it void.
            (true, STX) => {
                self.line.clear();
                self.state = State::Within;
                None
            }
            (true, ETX) | (false, b'\r' | b'\n') => self.end(),
            (true, b'\r' | b'\n') => None,
            (true, _) if self.state == State::Between => None,
            _ if self.state == State::Skipping => None,
            _ if self.line.len() == LINE_BYTES_MAX => {
                self.state = State::Skipping;
                Some(Err(Noise::TooLong))
            }
            _ => {
                self.state = State::Within;
                self.line.push(byte);
                None
            }
        }
    }

    fn end(&mut self) -> Option<Result<Frame, Noise>> {
        let state = std::mem::replace(&mut self.state, State::Between);
        let result = (state == State::Within).then(|| match &self.rule {
            Rule::Lines(rule) => read_line(rule, &self.line),
            Rule::Stx(rule) => read_stx(*rule, &self.line),
        });
        self.line.clear();
        result
    }
}

fn read_line(rule: &LineRule, line: &[u8]) -> Result<Frame, Noise> {
    let line = core::str::from_utf8(line).map_err(|_| Noise::Digit)?;
    let inner = line.trim().strip_prefix(rule.prefix.as_str());
    let inner = inner.and_then(|inner| inner.strip_suffix(rule.suffix.as_str()));
    let inner = inner.ok_or(Noise::Surroundings)?.trim();
    let (sent, digits) = match rule.count_before {
        None => (None, inner),
        Some(mark) => {
            let (count, digits) = inner.split_once(mark).ok_or(Noise::Surroundings)?;
            let count = count.trim().parse().map_err(|_| Noise::BitCount)?;
            (Some(count), digits.trim())
        }
    };
    let told = rule.bits.map(usize::from);
    if told.is_some() && sent.is_some() && told != sent {
        return Err(Noise::BitCount);
    }
    read_digits(rule.digits, digits, sent.or(told))
}

fn read_digits(digits: Digits, text: &str, bits: Option<usize>) -> Result<Frame, Noise> {
    let base = match digits {
        Digits::Bits => 2,
        Digits::Decimal => 10,
        Digits::Hex => 16,
    };
    if text.is_empty() || !text.chars().all(|digit| digit.is_digit(base)) {
        return Err(Noise::Digit);
    }
    match digits {
        Digits::Bits if bits.is_none_or(|bits| bits == text.len()) => {
            all_bits(text.bytes().map(|digit| digit == b'1'))
        }
        Digits::Bits => Err(Noise::BitCount),
        Digits::Decimal => {
            let value = text.parse().map_err(|_| Noise::BitCount)?;
            Frame::of_value(value, bits.unwrap_or(64)).ok_or(Noise::BitCount)
        }
        Digits::Hex => low_bits(text, bits.unwrap_or(4 * text.len())),
    }
}

/// The lowest bits of hexadecimal digits; those above must be 0.
fn low_bits(text: &str, bits: usize) -> Result<Frame, Noise> {
    if bits == 0 || bits > FRAME_BITS_MAX {
        return Err(Noise::BitCount);
    }
    let nibbles = text.chars().filter_map(|digit| digit.to_digit(16));
    let all = nibbles.flat_map(|nibble| (0..4).rev().map(move |at| nibble >> at & 1 == 1));
    let spare = (4 * text.len()).saturating_sub(bits);
    if all.clone().take(spare).any(|bit| bit) {
        return Err(Noise::BitCount);
    }
    let missing = bits.saturating_sub(4 * text.len());
    all_bits(core::iter::repeat_n(false, missing).chain(all.skip(spare)))
}

fn all_bits(bits: impl Iterator<Item = bool>) -> Result<Frame, Noise> {
    let mut frame = Frame::EMPTY;
    for bit in bits {
        frame.push(bit).ok_or(Noise::BitCount)?;
    }
    Ok(frame)
}

fn read_stx(rule: StxRule, line: &[u8]) -> Result<Frame, Noise> {
    let text = core::str::from_utf8(line).map_err(|_| Noise::Digit)?;
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Noise::Digit);
    }
    let digits = match rule.checksum {
        Checksum::None => text,
        Checksum::Xor => {
            let (digits, sum) = text.split_at(text.len().saturating_sub(2));
            if digits.is_empty() || digits.len() % 2 != 0 || sum.len() != 2 {
                return Err(Noise::BitCount);
            }
            let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap_or(0);
            let all = (0..digits.len()).step_by(2);
            let expect = all.fold(0, |sum, at| sum ^ byte(at));
            if u8::from_str_radix(sum, 16) != Ok(expect) {
                return Err(Noise::Checksum);
            }
            digits
        }
    };
    let bits = rule.bits.map_or(4 * digits.len(), usize::from);
    low_bits(digits, bits)
}
