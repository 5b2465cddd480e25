//! Commands: what the control panel asks of a PD (SIA OSDP 2.2, clause 6).

use super::address::Address;
use super::feedback::{BuzzerControl, LedControl, OutputControl, TextOutput};
use super::few::Few;
use super::fields::{DecodeError, Fields};
use super::secure::Scbk;
use super::time::Baud;

/// The most records in one LED command.
pub const MAX_LED_RECORDS: usize = 8;

/// The most records in one OUT command.
pub const MAX_OUTPUT_RECORDS: usize = 16;

/// Records of an LED command.
pub type LedRecords = Few<LedControl, MAX_LED_RECORDS>;

/// Records of an OUT command.
pub type OutputRecords = Few<OutputControl, MAX_OUTPUT_RECORDS>;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// POLL: what is new?
    Poll,
    /// ID: who are you?
    Id,
    /// CAP: what can you do?
    Capabilities,
    /// LSTAT: tamper and power.
    LocalStatus,
    /// ISTAT: all inputs.
    InputStatus,
    /// OSTAT: all outputs.
    OutputStatus,
    /// RSTAT: the readers attached.
    ReaderStatus,
    /// OUT: drive outputs.
    Output(OutputRecords),
    /// LED: set lights.
    Led(LedRecords),
    /// BUZ: make a sound.
    Buzzer(BuzzerControl),
    /// TEXT: show a text.
    Text(TextOutput),
    /// COMSET: change address and baud rate.
    ComSet(ComSettings),
    /// KEYSET: a new Secure Channel base key.
    KeySet(Scbk),
    /// CHLNG: the panel's random number, which begins a Secure Channel.
    Challenge([u8; 8]),
    /// SCRYPT: the panel's cryptogram.
    ServerCryptogram([u8; 16]),
    /// ABORT: end whatever lasts.
    Abort,
    /// ACURXSIZE: the longest frame the panel takes, in bytes.
    AcuReceiveSize(u16),
    /// KEEPACTIVE: keep the credential reader powered, in milliseconds.
    KeepActive(u16),
}

/// Address and baud rate of a PD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComSettings {
    /// The address.
    pub address: Address,
    /// The baud rate.
    pub baud: Baud,
}

/// A command that cannot be put into bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A command of records without any.
    #[error("{0} has no record, at least 1 is needed")]
    NoRecord(&'static str),
    /// A text too long, or with characters a reader cannot show.
    #[error("text must be at most 255 printable ASCII characters")]
    Text,
}

impl Command {
    /// LED for one light.
    #[must_use]
    pub fn led(control: LedControl) -> Self {
        Self::Led(Few::one(control))
    }

    /// OUT for one output.
    #[must_use]
    pub fn output(control: OutputControl) -> Self {
        Self::Output(Few::one(control))
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Poll => 0x60,
            Self::Id => 0x61,
            Self::Capabilities => 0x62,
            Self::LocalStatus => 0x64,
            Self::InputStatus => 0x65,
            Self::OutputStatus => 0x66,
            Self::ReaderStatus => 0x67,
            Self::Output(_) => 0x68,
            Self::Led(_) => 0x69,
            Self::Buzzer(_) => 0x6A,
            Self::Text(_) => 0x6B,
            Self::ComSet(_) => 0x6E,
            Self::KeySet(_) => 0x75,
            Self::Challenge(_) => 0x76,
            Self::ServerCryptogram(_) => 0x77,
            Self::AcuReceiveSize(_) => 0x7B,
            Self::Abort => 0xA2,
            Self::KeepActive(_) => 0xA7,
        }
    }

    /// The name in the standard.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Poll => "POLL",
            Self::Id => "ID",
            Self::Capabilities => "CAP",
            Self::LocalStatus => "LSTAT",
            Self::InputStatus => "ISTAT",
            Self::OutputStatus => "OSTAT",
            Self::ReaderStatus => "RSTAT",
            Self::Output(_) => "OUT",
            Self::Led(_) => "LED",
            Self::Buzzer(_) => "BUZ",
            Self::Text(_) => "TEXT",
            Self::ComSet(_) => "COMSET",
            Self::KeySet(_) => "KEYSET",
            Self::Challenge(_) => "CHLNG",
            Self::ServerCryptogram(_) => "SCRYPT",
            Self::AcuReceiveSize(_) => "ACURXSIZE",
            Self::Abort => "ABORT",
            Self::KeepActive(_) => "KEEPACTIVE",
        }
    }

    /// Whether the command can be put into bytes.
    pub fn validate(&self) -> Result<(), EncodeError> {
        match self {
            Self::Led(records) if records.is_empty() => Err(EncodeError::NoRecord("LED")),
            Self::Output(records) if records.is_empty() => Err(EncodeError::NoRecord("OUT")),
            Self::Text(text) if !text.is_valid() => Err(EncodeError::Text),
            _ => Ok(()),
        }
    }

    /// Appends code and data to `out`; nothing if the command is not valid.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.validate()?;
        out.push(self.code());
        match self {
            Self::Poll
            | Self::LocalStatus
            | Self::InputStatus
            | Self::OutputStatus
            | Self::ReaderStatus
            | Self::Abort => {}
            // The one data byte asks for the standard form of the reply.
            Self::Id | Self::Capabilities => out.push(0),
            Self::Output(records) => records.iter().for_each(|record| record.encode(out)),
            Self::Led(records) => records.iter().for_each(|record| record.encode(out)),
            Self::Buzzer(buzzer) => buzzer.encode(out),
            Self::Text(text) => text.encode(out),
            Self::ComSet(settings) => settings.encode(out),
            Self::KeySet(key) => {
                out.extend([KEY_TYPE_SCBK, Scbk::LEN as u8]);
                out.extend(key.expose());
            }
            Self::Challenge(random) => out.extend(random),
            Self::ServerCryptogram(cryptogram) => out.extend(cryptogram),
            Self::AcuReceiveSize(value) | Self::KeepActive(value) => {
                out.extend(value.to_le_bytes());
            }
        }
        Ok(())
    }

    /// Reads code and data, deciphered and without MAC.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let (code, data) = body.split_first().ok_or(DecodeError::Empty)?;
        let plain = |message, command| Fields::new(message, "0", data).end().map(|()| command);
        match code {
            0x60 => plain("POLL", Self::Poll),
            0x64 => plain("LSTAT", Self::LocalStatus),
            0x65 => plain("ISTAT", Self::InputStatus),
            0x66 => plain("OSTAT", Self::OutputStatus),
            0x67 => plain("RSTAT", Self::ReaderStatus),
            0xA2 => plain("ABORT", Self::Abort),
            _ => Self::decode_fields(*code, data),
        }
    }

    fn decode_fields(code: u8, data: &[u8]) -> Result<Self, DecodeError> {
        let (name, expected) = match code {
            0x61 => ("ID", "1"),
            0x62 => ("CAP", "1"),
            0x68 => ("OUT", "4 for each of 1 to 16 outputs"),
            0x69 => ("LED", "14 for each of 1 to 8 lights"),
            0x6A => ("BUZ", "5"),
            0x6B => ("TEXT", "6 and the characters"),
            0x6E => ("COMSET", "5"),
            0x75 => ("KEYSET", "18"),
            0x76 => ("CHLNG", "8"),
            0x77 => ("SCRYPT", "16"),
            0x7B => ("ACURXSIZE", "2"),
            0xA7 => ("KEEPACTIVE", "2"),
            _ => return Err(DecodeError::UnknownCode(code)),
        };
        let mut fields = Fields::new(name, expected, data);
        let command = match code {
            0x61 => fields.u8().map(|_| Self::Id)?,
            0x62 => fields.u8().map(|_| Self::Capabilities)?,
            0x68 => Self::Output(records(
                &mut fields,
                OutputControl::LEN,
                OutputControl::decode,
            )?),
            0x69 => Self::Led(records(&mut fields, LedControl::LEN, LedControl::decode)?),
            0x6A => Self::Buzzer(BuzzerControl::decode(&mut fields)?),
            0x6B => Self::Text(TextOutput::decode(&mut fields)?),
            0x6E => Self::ComSet(ComSettings::decode(&mut fields)?),
            0x75 => Self::KeySet(key(&mut fields)?),
            0x76 => Self::Challenge(fields.array()?),
            0x77 => Self::ServerCryptogram(fields.array()?),
            0x7B => Self::AcuReceiveSize(fields.u16()?),
            _ => Self::KeepActive(fields.u16()?),
        };
        fields.end()?;
        Ok(command)
    }
}

const KEY_TYPE_SCBK: u8 = 1;

fn records<T: Copy + Default, const N: usize>(
    fields: &mut Fields<'_>,
    length: usize,
    decode: impl Fn(&mut Fields<'_>) -> Result<T, DecodeError>,
) -> Result<Few<T, N>, DecodeError> {
    let data = fields.rest();
    if data.is_empty() || !data.len().is_multiple_of(length) || data.len() / length > N {
        return Err(fields.wrong_length());
    }
    let mut records = Few::new();
    for record in data.chunks_exact(length) {
        let mut record = fields.of(record);
        records
            .push(decode(&mut record)?)
            .map_err(|_| fields.wrong_length())?;
    }
    Ok(records)
}

fn key(fields: &mut Fields<'_>) -> Result<Scbk, DecodeError> {
    let (kind, length) = (fields.u8()?, fields.u8()?);
    if kind != KEY_TYPE_SCBK {
        return Err(fields.wrong_value("key type", kind, "1"));
    }
    if usize::from(length) != Scbk::LEN {
        return Err(fields.wrong_value("key length", length, "16"));
    }
    fields.array().map(Scbk::new)
}

impl ComSettings {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.address.number());
        out.extend(self.baud.rate().to_le_bytes());
    }

    pub(crate) fn decode(fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        let (address, rate) = (fields.u8()?, fields.u32()?);
        let address = Address::new(address)
            .map_err(|_| fields.wrong_value("address", address, "0 to 126"))?;
        let allowed = "9600, 19200, 38400, 57600, 115200 and 230400";
        let baud = Baud::new(rate).map_err(|_| fields.wrong_value("baud rate", rate, allowed))?;
        Ok(Self { address, baud })
    }
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
