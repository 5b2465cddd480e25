//! Replies: what a PD answers (SIA OSDP 2.2, clause 7).

use super::card::{CardRead, FormattedCard, Keypad};
use super::command::ComSettings;
use super::few::Few;
use super::fields::{DecodeError, Fields};
use super::identity::{Capabilities, Capability, PdId};

/// The most inputs, outputs or readers one status reply may bring.
pub const MAX_POINTS: usize = 64;

/// One state for each input, output or reader, first one first.
pub type Points = Few<u8, MAX_POINTS>;

/// A reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// ACK: done, and nothing to say.
    Ack,
    /// NAK: refused.
    Nak(NakCode),
    /// PDID: who the PD is.
    Id(PdId),
    /// PDCAP: what the PD can do.
    Capabilities(Capabilities),
    /// LSTATR: tamper and power.
    LocalStatus(LocalStatus),
    /// ISTATR: 0 for each inactive input, 1 for each active one.
    InputStatus(Points),
    /// OSTATR: 0 for each inactive output, 1 for each active one.
    OutputStatus(Points),
    /// RSTATR: 0 for each reader that is well, 1 if not connected, 2 for tamper.
    ReaderStatus(Points),
    /// RAW: the bits of a card.
    Card(CardRead),
    /// FMT: a card as characters.
    FormattedCard(FormattedCard),
    /// KEYPAD: keys pressed.
    Keypad(Keypad),
    /// COM: address and baud rate from now on.
    Com(ComSettings),
    /// CCRYPT: the PD's identity, random number and cryptogram.
    ClientCryptogram(ClientCryptogram),
    /// `RMAC_I`: the first R-MAC.
    InitialRMac([u8; 16]),
    /// BUSY: ask again later.
    Busy,
}

/// Tamper and power of a PD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LocalStatus {
    /// Whether the PD's tamper detection has tripped.
    pub is_tampered: bool,
    /// Whether the PD's power has failed.
    pub has_power_failed: bool,
}

/// The data of CCRYPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientCryptogram {
    /// The PD's unique identifier (cUID).
    pub uid: [u8; 8],
    /// The PD's random number (RND.B).
    pub random: [u8; 8],
    /// The client cryptogram.
    pub cryptogram: [u8; 16],
}

/// Why a PD refuses (SIA OSDP 2.2, table 47).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NakCode {
    /// 1: the check field was wrong.
    BadCheck,
    /// 2: the command's length was wrong.
    CommandLength,
    /// 3: the command is not known.
    UnknownCommand,
    /// 4: the sequence number was unexpected.
    Sequence,
    /// 5: Secure Channel is not supported, or its cryptogram was wrong.
    SecurityUnsupported,
    /// 6: the command needs a Secure Channel, or its MAC was wrong.
    SecurityConditions,
    /// 7: the biometric type is not supported.
    BiometricType,
    /// 8: the biometric format is not supported.
    BiometricFormat,
    /// 9: the command cannot be carried out.
    CannotProcess,
    /// Any other code.
    Other(u8),
}

impl NakCode {
    /// How many codes the standard defines, with the place for all others.
    pub const COUNT: usize = 10;

    /// The code on the wire.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::BadCheck => 1,
            Self::CommandLength => 2,
            Self::UnknownCommand => 3,
            Self::Sequence => 4,
            Self::SecurityUnsupported => 5,
            Self::SecurityConditions => 6,
            Self::BiometricType => 7,
            Self::BiometricFormat => 8,
            Self::CannotProcess => 9,
            Self::Other(code) => code,
        }
    }

    pub(crate) const fn from_byte(byte: u8) -> Self {
        match byte {
            1 => Self::BadCheck,
            2 => Self::CommandLength,
            3 => Self::UnknownCommand,
            4 => Self::Sequence,
            5 => Self::SecurityUnsupported,
            6 => Self::SecurityConditions,
            7 => Self::BiometricType,
            8 => Self::BiometricFormat,
            9 => Self::CannotProcess,
            other => Self::Other(other),
        }
    }
}

impl Reply {
    /// The code on the wire.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Ack => 0x40,
            Self::Nak(_) => 0x41,
            Self::Id(_) => 0x45,
            Self::Capabilities(_) => 0x46,
            Self::LocalStatus(_) => 0x48,
            Self::InputStatus(_) => 0x49,
            Self::OutputStatus(_) => 0x4A,
            Self::ReaderStatus(_) => 0x4B,
            Self::Card(_) => 0x50,
            Self::FormattedCard(_) => 0x51,
            Self::Keypad(_) => 0x53,
            Self::Com(_) => 0x54,
            Self::ClientCryptogram(_) => 0x76,
            Self::InitialRMac(_) => 0x78,
            Self::Busy => 0x79,
        }
    }

    /// The name in the standard.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ack => "ACK",
            Self::Nak(_) => "NAK",
            Self::Id(_) => "PDID",
            Self::Capabilities(_) => "PDCAP",
            Self::LocalStatus(_) => "LSTATR",
            Self::InputStatus(_) => "ISTATR",
            Self::OutputStatus(_) => "OSTATR",
            Self::ReaderStatus(_) => "RSTATR",
            Self::Card(_) => "RAW",
            Self::FormattedCard(_) => "FMT",
            Self::Keypad(_) => "KEYPAD",
            Self::Com(_) => "COM",
            Self::ClientCryptogram(_) => "CCRYPT",
            Self::InitialRMac(_) => "RMAC_I",
            Self::Busy => "BUSY",
        }
    }

    /// Appends code and data to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.code());
        match self {
            Self::Ack | Self::Busy => {}
            Self::Nak(code) => out.push(code.byte()),
            Self::Id(id) => id.encode(out),
            Self::Capabilities(capabilities) => {
                for record in capabilities.records() {
                    out.extend([record.function, record.compliance, record.count]);
                }
            }
            Self::LocalStatus(status) => {
                out.extend([
                    u8::from(status.is_tampered),
                    u8::from(status.has_power_failed),
                ]);
            }
            Self::InputStatus(points) | Self::OutputStatus(points) | Self::ReaderStatus(points) => {
                out.extend_from_slice(points);
            }
            Self::Card(card) => card.encode(out),
            Self::FormattedCard(card) => card.encode(out),
            Self::Keypad(keypad) => keypad.encode(out),
            Self::Com(settings) => settings.encode(out),
            Self::ClientCryptogram(client) => {
                out.extend(client.uid);
                out.extend(client.random);
                out.extend(client.cryptogram);
            }
            Self::InitialRMac(mac) => out.extend(mac),
        }
    }

    /// Reads code and data, deciphered and without MAC.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let (code, data) = body.split_first().ok_or(DecodeError::Empty)?;
        let (name, expected) = match code {
            0x40 => ("ACK", "0"),
            0x41 => ("NAK", "1 or more"),
            0x45 => ("PDID", "12"),
            0x46 => ("PDCAP", "3 for each function"),
            0x48 => ("LSTATR", "2"),
            0x49 => ("ISTATR", "1 for each of up to 64 inputs"),
            0x4A => ("OSTATR", "1 for each of up to 64 outputs"),
            0x4B => ("RSTATR", "1 for each of up to 64 readers"),
            0x50 => ("RAW", "4 and the bits, 8 in a byte"),
            0x51 => ("FMT", "3 and the characters"),
            0x53 => ("KEYPAD", "2 and the keys"),
            0x54 => ("COM", "5"),
            0x76 => ("CCRYPT", "32"),
            0x78 => ("RMAC_I", "16"),
            0x79 => ("BUSY", "0"),
            unknown => return Err(DecodeError::UnknownCode(*unknown)),
        };
        let mut fields = Fields::new(name, expected, data);
        let reply = Self::decode_fields(*code, &mut fields)?;
        fields.end()?;
        Ok(reply)
    }

    fn decode_fields(code: u8, fields: &mut Fields<'_>) -> Result<Self, DecodeError> {
        Ok(match code {
            0x40 => Self::Ack,
            0x41 => {
                let code = fields.u8()?;
                // Some codes may bring details; nothing is done with them.
                fields.rest();
                Self::Nak(NakCode::from_byte(code))
            }
            0x45 => Self::Id(PdId::decode(fields)?),
            0x46 => Self::Capabilities(capabilities(fields)?),
            0x48 => {
                let [tamper, power] = fields.array()?;
                let (is_tampered, has_power_failed) = (tamper != 0, power != 0);
                Self::LocalStatus(LocalStatus {
                    is_tampered,
                    has_power_failed,
                })
            }
            0x49 => Self::InputStatus(points(fields)?),
            0x4A => Self::OutputStatus(points(fields)?),
            0x4B => Self::ReaderStatus(points(fields)?),
            0x50 => Self::Card(CardRead::decode(fields)?),
            0x51 => Self::FormattedCard(FormattedCard::decode(fields)?),
            0x53 => Self::Keypad(Keypad::decode(fields)?),
            0x54 => Self::Com(ComSettings::decode(fields)?),
            0x76 => Self::ClientCryptogram(ClientCryptogram {
                uid: fields.array()?,
                random: fields.array()?,
                cryptogram: fields.array()?,
            }),
            0x78 => Self::InitialRMac(fields.array()?),
            _ => Self::Busy,
        })
    }
}

fn points(fields: &mut Fields<'_>) -> Result<Points, DecodeError> {
    Few::from_slice(fields.rest()).map_err(|_| fields.wrong_length())
}

fn capabilities(fields: &mut Fields<'_>) -> Result<Capabilities, DecodeError> {
    let data = fields.rest();
    if !data.len().is_multiple_of(3) {
        return Err(fields.wrong_length());
    }
    Ok(Capabilities::new(data.chunks_exact(3).map(|record| {
        Capability {
            function: record[0],
            compliance: record[1],
            count: record[2],
        }
    })))
}

#[cfg(test)]
#[path = "reply_tests.rs"]
mod tests;
