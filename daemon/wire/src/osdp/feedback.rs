//! What a reader shows and sounds, and the outputs it drives (SIA OSDP 2.2, clauses 6.8 to 6.11).

use super::fields::{DecodeError, Fields};

/// A colour of a reader's light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Colour {
    /// Dark.
    #[default]
    Off,
    /// Red.
    Red,
    /// Green.
    Green,
    /// Amber.
    Amber,
    /// Blue.
    Blue,
    /// Magenta.
    Magenta,
    /// Cyan.
    Cyan,
    /// White.
    White,
    /// A colour only the manufacturer knows, 8 to 255.
    Other(u8),
}

impl Colour {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::Red => 1,
            Self::Green => 2,
            Self::Amber => 3,
            Self::Blue => 4,
            Self::Magenta => 5,
            Self::Cyan => 6,
            Self::White => 7,
            Self::Other(byte) => byte,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Off,
            1 => Self::Red,
            2 => Self::Green,
            3 => Self::Amber,
            4 => Self::Blue,
            5 => Self::Magenta,
            6 => Self::Cyan,
            7 => Self::White,
            other => Self::Other(other),
        }
    }
}

/// A light that goes on and off. A steady light has `off_100ms` 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blink {
    /// Time on, in units of 100 ms.
    pub on_100ms: u8,
    /// Time off, in units of 100 ms.
    pub off_100ms: u8,
    /// The colour while on.
    pub on: Colour,
    /// The colour while off.
    pub off: Colour,
}

impl Blink {
    /// One colour, steadily.
    #[must_use]
    pub const fn steady(colour: Colour) -> Self {
        Self {
            on_100ms: 1,
            off_100ms: 0,
            on: colour,
            off: colour,
        }
    }

    /// A colour and darkness in turn, each for `half_100ms` times 100 ms.
    #[must_use]
    pub const fn blinking(colour: Colour, half_100ms: u8) -> Self {
        Self {
            on_100ms: half_100ms,
            off_100ms: half_100ms,
            on: colour,
            off: Colour::Off,
        }
    }
}

/// The temporary setting of a light: it lasts for a time, then the permanent one returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Temporary {
    /// Control code 0: leave it alone.
    #[default]
    Keep,
    /// Control code 1: end it now.
    Cancel,
    /// Control code 2: set it.
    Set {
        /// What to show.
        blink: Blink,
        /// For how long, in units of 100 ms; 0 is for ever.
        for_100ms: u16,
    },
}

/// The permanent setting of a light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Permanent {
    /// Control code 0: leave it alone.
    #[default]
    Keep,
    /// Control code 1: set it.
    Set(Blink),
}

/// One record of the LED command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedControl {
    /// Which reader of the device; 0 is the first.
    pub reader: u8,
    /// Which light of the reader; 0 is the first.
    pub led: u8,
    /// The temporary setting.
    pub temporary: Temporary,
    /// The permanent setting.
    pub permanent: Permanent,
}

impl LedControl {
    /// Shows `blink` on the first light of the first reader for `for_100ms` times 100 ms.
    #[must_use]
    pub const fn for_a_while(blink: Blink, for_100ms: u16) -> Self {
        let temporary = Temporary::Set { blink, for_100ms };
        Self {
            reader: 0,
            led: 0,
            temporary,
            permanent: Permanent::Keep,
        }
    }

    /// Shows `blink` on the first light of the first reader until told otherwise,
    /// and ends a temporary setting.
    #[must_use]
    pub const fn until_further(blink: Blink) -> Self {
        Self {
            reader: 0,
            led: 0,
            temporary: Temporary::Cancel,
            permanent: Permanent::Set(blink),
        }
    }

    pub(crate) const LEN: usize = 14;

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let (code, blink, for_100ms) = match self.temporary {
            Temporary::Keep => (0, Blink::default(), 0),
            Temporary::Cancel => (1, Blink::default(), 0),
            Temporary::Set { blink, for_100ms } => (2, blink, for_100ms),
        };
        out.extend([self.reader, self.led, code]);
        blink.encode(out);
        out.extend(for_100ms.to_le_bytes());
        let (code, blink) = match self.permanent {
            Permanent::Keep => (0, Blink::default()),
            Permanent::Set(blink) => (1, blink),
        };
        out.push(code);
        blink.encode(out);
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let (reader, led, code) = (fields.u8()?, fields.u8()?, fields.u8()?);
        let (blink, for_100ms) = (Blink::decode(fields)?, fields.u16()?);
        let temporary = match code {
            0 => Temporary::Keep,
            1 => Temporary::Cancel,
            2 => Temporary::Set { blink, for_100ms },
            _ => return Err(fields.wrong_value("temporary control code", code, "0, 1 and 2")),
        };
        let code = fields.u8()?;
        let blink = Blink::decode(fields)?;
        let permanent = match code {
            0 => Permanent::Keep,
            1 => Permanent::Set(blink),
            _ => return Err(fields.wrong_value("permanent control code", code, "0 and 1")),
        };
        Ok(Self {
            reader,
            led,
            temporary,
            permanent,
        })
    }
}

impl Blink {
    fn encode(self, out: &mut Vec<u8>) {
        out.extend([
            self.on_100ms,
            self.off_100ms,
            self.on.byte(),
            self.off.byte(),
        ]);
    }

    fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let [on_100ms, off_100ms, on, off] = fields.array()?;
        let (on, off) = (Colour::from_byte(on), Colour::from_byte(off));
        Ok(Self {
            on_100ms,
            off_100ms,
            on,
            off,
        })
    }
}

/// The sound a reader makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Code 1: none; ends one that is sounding.
    #[default]
    Silent,
    /// Code 2: the device's usual tone.
    Default,
    /// A tone only the manufacturer knows, 0 or 3 to 255.
    Other(u8),
}

/// The BUZ command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BuzzerControl {
    /// Which reader of the device; 0 is the first.
    pub reader: u8,
    /// The sound.
    pub tone: Tone,
    /// Time on, in units of 100 ms; 0 is only allowed with [`Tone::Silent`].
    pub on_100ms: u8,
    /// Time off, in units of 100 ms.
    pub off_100ms: u8,
    /// How many times; 0 is until told otherwise.
    pub count: u8,
}

impl BuzzerControl {
    /// `count` beeps at the first reader, each `on_100ms` times 100 ms and as long apart.
    #[must_use]
    pub const fn beeps(count: u8, on_100ms: u8) -> Self {
        Self {
            reader: 0,
            tone: Tone::Default,
            on_100ms,
            off_100ms: on_100ms,
            count,
        }
    }

    /// Silence at the first reader.
    #[must_use]
    pub const fn silence() -> Self {
        Self {
            reader: 0,
            tone: Tone::Silent,
            on_100ms: 0,
            off_100ms: 0,
            count: 0,
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let tone = match self.tone {
            Tone::Silent => 1,
            Tone::Default => 2,
            Tone::Other(code) => code,
        };
        out.extend([self.reader, tone, self.on_100ms, self.off_100ms, self.count]);
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let [reader, tone, on_100ms, off_100ms, count] = fields.array()?;
        let tone = match tone {
            1 => Tone::Silent,
            2 => Tone::Default,
            other => Tone::Other(other),
        };
        Ok(Self {
            reader,
            tone,
            on_100ms,
            off_100ms,
            count,
        })
    }
}

/// What an output is to do (SIA OSDP 2.2, table 11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputAction {
    /// Code 0: nothing.
    #[default]
    Keep,
    /// Code 1: off for good, ending a timed operation.
    Off,
    /// Code 2: on for good, ending a timed operation.
    On,
    /// Code 3: off for good, once a timed operation is over.
    OffAfterTimer,
    /// Code 4: on for good, once a timed operation is over.
    OnAfterTimer,
    /// Code 5: on for `for_100ms`, then back.
    TimedOn,
    /// Code 6: off for `for_100ms`, then back.
    TimedOff,
}

/// One record of the OUT command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputControl {
    /// Which output; 0 is the first.
    pub output: u8,
    /// What it is to do.
    pub action: OutputAction,
    /// For how long, in units of 100 ms; only for the timed actions. 0 is for ever.
    pub for_100ms: u16,
}

impl OutputControl {
    pub(crate) const LEN: usize = 4;

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let action = match self.action {
            OutputAction::Keep => 0,
            OutputAction::Off => 1,
            OutputAction::On => 2,
            OutputAction::OffAfterTimer => 3,
            OutputAction::OnAfterTimer => 4,
            OutputAction::TimedOn => 5,
            OutputAction::TimedOff => 6,
        };
        out.extend([self.output, action]);
        out.extend(self.for_100ms.to_le_bytes());
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let (output, code, for_100ms) = (fields.u8()?, fields.u8()?, fields.u16()?);
        let action = match code {
            0 => OutputAction::Keep,
            1 => OutputAction::Off,
            2 => OutputAction::On,
            3 => OutputAction::OffAfterTimer,
            4 => OutputAction::OnAfterTimer,
            5 => OutputAction::TimedOn,
            6 => OutputAction::TimedOff,
            _ => return Err(fields.wrong_value("output control code", code, "0 to 6")),
        };
        Ok(Self {
            output,
            action,
            for_100ms,
        })
    }
}

/// How long a text stays, and what happens at the end of a line (TEXT command code).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextMode {
    /// Code 1: until overwritten, cut off at the end of the line.
    #[default]
    Permanent,
    /// Code 2: until overwritten, wrapped at the end of the line.
    PermanentWrapped,
    /// Code 3: for a time, cut off at the end of the line.
    Temporary,
    /// Code 4: for a time, wrapped at the end of the line.
    TemporaryWrapped,
}

/// The longest text of one TEXT command, in bytes.
pub const MAX_TEXT: usize = 255;

/// The TEXT command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextOutput {
    /// Which reader of the device; 0 is the first.
    pub reader: u8,
    /// How it is shown.
    pub mode: TextMode,
    /// For how long a temporary text stays, in seconds.
    pub for_s: u8,
    /// The row it begins in, from 1.
    pub row: u8,
    /// The column it begins in, from 1.
    pub column: u8,
    /// The text, at most [`MAX_TEXT`] bytes of printable ASCII (0x20 to 0x7E).
    pub text: String,
}

impl TextOutput {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mode = match self.mode {
            TextMode::Permanent => 1,
            TextMode::PermanentWrapped => 2,
            TextMode::Temporary => 3,
            TextMode::TemporaryWrapped => 4,
        };
        out.extend([
            self.reader,
            mode,
            self.for_s,
            self.row,
            self.column,
            self.text.len() as u8,
        ]);
        out.extend_from_slice(self.text.as_bytes());
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let [reader, mode, for_s, row, column, length] = fields.array()?;
        let mode = match mode {
            1 => TextMode::Permanent,
            2 => TextMode::PermanentWrapped,
            3 => TextMode::Temporary,
            4 => TextMode::TemporaryWrapped,
            _ => return Err(fields.wrong_value("text command", mode, "1 to 4")),
        };
        let bytes = fields.bytes(usize::from(length))?;
        if let Some(wrong) = bytes.iter().find(|byte| !is_printable(**byte)) {
            return Err(fields.wrong_value("character", *wrong, "0x20 to 0x7e"));
        }
        let text = bytes.iter().copied().map(char::from).collect();
        Ok(Self {
            reader,
            mode,
            for_s,
            row,
            column,
            text,
        })
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.text.len() <= MAX_TEXT && self.text.bytes().all(is_printable)
    }
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7E)
}
