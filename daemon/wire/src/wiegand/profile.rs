use super::registers::RegisterMap;
use super::{ConverterErrors, Keypad, parse};

/// What one kind of converter sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConverterProfile {
    /// 1 to 60 characters; the name of its file.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// The baud rate it is shipped with, used where the site says nothing.
    pub baud: Option<u32>,
    /// How keys of its keypad come.
    pub keypad: Keypad,
    /// For how long the same card again is the same showing, in milliseconds: for readers that repeat
    /// a card that stays. 0 to 5000.
    pub repeat_ms: u32,
    /// How its frames come.
    pub framing: Framing,
}

/// How frames come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Framing {
    /// Lines of text.
    Lines(LineRule),
    /// Hexadecimal digits between STX and ETX.
    Stx(StxRule),
    /// In Modbus registers.
    Modbus(RegisterMap),
}

/// What a line of text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRule {
    /// How the bits are written.
    pub digits: Digits,
    /// How many bits there are; `None` when the line says it by itself.
    pub bits: Option<u16>,
    /// What stands between the number of bits, in decimal, and the digits; `None` when the number is
    /// not sent.
    pub count_before: Option<char>,
    /// What every line begins with, before anything else.
    pub prefix: String,
    /// What every line ends with.
    pub suffix: String,
}

/// How bits are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// Hexadecimal: the last bit is the lowest of the last digit.
    Hex,
    /// Decimal: one number of at most 64 bits.
    Decimal,
    /// `0` and `1`.
    Bits,
}

/// What stands between STX (0x02) and ETX (0x03). Line ends do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StxRule {
    /// How many bits; four a digit unless given. The lowest ones count.
    pub bits: Option<u16>,
    /// What the last two digits are.
    pub checksum: Checksum,
}

/// How digits are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Not at all.
    None,
    /// The last two digits are the exclusive or of all bytes before them.
    Xor,
}

impl ConverterProfile {
    /// Reads a profile. All problems at once, by line.
    pub fn parse(text: &str) -> Result<Self, ConverterErrors> {
        parse::parse(text)
    }
}
