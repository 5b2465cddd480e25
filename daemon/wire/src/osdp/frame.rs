//! Frames: the layout of every message on the bus (SIA OSDP 2.2, clause 5.9).
//!
//! ```text
//! [FF] 53 address length(2) control [block length, type, data..] code data.. [MAC(4)] check(1|2)
//!      |<------------------------ length counts these --------------------------------------->|
//! ```

use super::address::{Address, BROADCAST};
use super::crc::{checksum, crc16};

/// The longest frame, in bytes, without the mark (SIA OSDP 2.2, clause 5.6).
pub const MAX_FRAME: usize = 1440;

/// The shortest frame: header, code, checksum.
pub const MIN_FRAME: usize = HEADER_LEN + 1 + 1;

/// The mark that may precede a frame: it keeps the line driven, and carries nothing.
pub const MARK: u8 = 0xFF;

/// Start of message.
pub const SOM: u8 = 0x53;

/// How many bytes of a message authentication code go on the wire.
pub const MAC_LEN: usize = 4;

pub(crate) const HEADER_LEN: usize = 5;
const REPLY_BIT: u8 = 0x80;
const SEQUENCE_BITS: u8 = 0x03;
const CRC_BIT: u8 = 0x04;
const BLOCK_BIT: u8 = 0x08;

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the control panel to a PD.
    Command,
    /// From a PD to the control panel.
    Reply,
}

/// Whom a frame is to, or, for a reply, from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Station {
    /// One PD.
    One(Address),
    /// Address 0x7F: whoever is on the line.
    Broadcast,
}

/// The sequence number of a frame: 0 starts a link, then 1, 2, 3, 1, ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Sequence(u8);

impl Sequence {
    /// The number that starts a link anew.
    pub const START: Self = Self(0);

    /// The number behind this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 % 3 + 1)
    }

    /// The lowest two bits of `bits`.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & SEQUENCE_BITS)
    }

    /// 0 to 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// Which check field ends a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Check {
    /// CRC-16, two bytes.
    #[default]
    Crc,
    /// 8-bit checksum, one byte.
    Checksum,
}

impl Check {
    const fn len(self) -> usize {
        match self {
            Self::Crc => 2,
            Self::Checksum => 1,
        }
    }
}

/// The type of a security block (SIA OSDP 2.2, annex D.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BlockType {
    /// Begin a session: CHLNG.
    Scs11 = 0x11,
    /// Second step: CCRYPT.
    Scs12 = 0x12,
    /// Third step: SCRYPT.
    Scs13 = 0x13,
    /// Fourth step: `RMAC_I`.
    Scs14 = 0x14,
    /// A command with a MAC, data in clear.
    Scs15 = 0x15,
    /// A reply with a MAC, data in clear.
    Scs16 = 0x16,
    /// A command with a MAC, data encrypted.
    Scs17 = 0x17,
    /// A reply with a MAC, data encrypted.
    Scs18 = 0x18,
}

impl BlockType {
    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x11 => Self::Scs11,
            0x12 => Self::Scs12,
            0x13 => Self::Scs13,
            0x14 => Self::Scs14,
            0x15 => Self::Scs15,
            0x16 => Self::Scs16,
            0x17 => Self::Scs17,
            0x18 => Self::Scs18,
            _ => return None,
        })
    }

    /// Whether frames of this type end in a MAC.
    #[must_use]
    pub const fn has_mac(self) -> bool {
        matches!(self, Self::Scs15 | Self::Scs16 | Self::Scs17 | Self::Scs18)
    }

    /// Whether the data behind the code is encrypted.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Scs17 | Self::Scs18)
    }

    /// Which way frames of this type go.
    #[must_use]
    pub const fn direction(self) -> Direction {
        match self {
            Self::Scs11 | Self::Scs13 | Self::Scs15 | Self::Scs17 => Direction::Command,
            Self::Scs12 | Self::Scs14 | Self::Scs16 | Self::Scs18 => Direction::Reply,
        }
    }
}

/// A security block: its type, and the data byte that the handshake types carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecurityBlock {
    /// The type.
    pub kind: BlockType,
    /// In SCS_11 to SCS_13: 0 for the default key, 1 for the PD's own.
    /// In SCS_14: 1 when the panel's cryptogram was right.
    pub data: Option<u8>,
}

/// Everything in front of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// To or from whom.
    pub station: Station,
    /// Which way.
    pub direction: Direction,
    /// The sequence number.
    pub sequence: Sequence,
    /// The check field.
    pub check: Check,
    /// The security block, if there is one.
    pub security: Option<SecurityBlock>,
}

/// A whole frame whose check field was right, borrowed from the bytes it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Everything in front of the message.
    pub header: Header,
    /// Code and data; at least one byte. The data is still encrypted if the block type says so.
    pub body: &'a [u8],
    /// The truncated MAC, in frames of the types SCS_15 to SCS_18.
    pub mac: Option<[u8; MAC_LEN]>,
    /// All that the MAC is computed over: from the start of message up to the MAC.
    pub authenticated: &'a [u8],
    /// The whole frame, without the mark.
    pub raw: &'a [u8],
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The first byte is something else.
    #[error("frame starts with `{0:#04x}`, expected `0x53`")]
    Start(u8),
    /// The length field is out of range, or not the number of bytes given.
    #[error("frame length `{0}` is out of range: {MIN_FRAME} to {MAX_FRAME} bytes are allowed")]
    Length(usize),
    /// The CRC or checksum is wrong.
    #[error("frame check field is wrong")]
    Check,
    /// A security block that does not fit, or of an unknown type, or going the wrong way.
    #[error("frame has an unknown or misplaced security block")]
    SecurityBlock,
    /// No message code.
    #[error("frame has no message")]
    Empty,
}

/// The length a frame claims in its first [`HEADER_LEN`] bytes.
pub(crate) fn claimed_length(header: &[u8; HEADER_LEN]) -> Result<usize, FrameError> {
    if header[0] != SOM {
        return Err(FrameError::Start(header[0]));
    }
    let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
    if (MIN_FRAME..=MAX_FRAME).contains(&length) {
        Ok(length)
    } else {
        Err(FrameError::Length(length))
    }
}

impl<'a> Frame<'a> {
    /// Reads the one frame that `raw` is, without a mark.
    pub fn parse(raw: &'a [u8]) -> Result<Self, FrameError> {
        let Some(head) = raw.first_chunk::<HEADER_LEN>() else {
            return Err(FrameError::Length(raw.len()));
        };
        if claimed_length(head)? != raw.len() {
            return Err(FrameError::Length(raw.len()));
        }
        let control = head[4];
        let check = if control & CRC_BIT == 0 {
            Check::Checksum
        } else {
            Check::Crc
        };
        let checked = verified(raw, check)?;
        let direction = if head[1] & REPLY_BIT == 0 {
            Direction::Command
        } else {
            Direction::Reply
        };
        let mut rest = checked.get(HEADER_LEN..).ok_or(FrameError::Empty)?;
        let security = if control & BLOCK_BIT == 0 {
            None
        } else {
            Some(take_block(&mut rest)?)
        };
        if security.is_some_and(|block| block.kind.direction() != direction) {
            return Err(FrameError::SecurityBlock);
        }
        let (authenticated, body, mac) = match security {
            Some(block) if block.kind.has_mac() => {
                let (body, mac) = rest
                    .split_last_chunk::<MAC_LEN>()
                    .ok_or(FrameError::Empty)?;
                (&checked[..checked.len() - MAC_LEN], body, Some(*mac))
            }
            _ => (checked, rest, None),
        };
        if body.is_empty() {
            return Err(FrameError::Empty);
        }
        let header = Header {
            station: Address::new(head[1] & BROADCAST).map_or(Station::Broadcast, Station::One),
            direction,
            sequence: Sequence::from_bits(control),
            check,
            security,
        };
        Ok(Self {
            header,
            body,
            mac,
            authenticated,
            raw,
        })
    }

    /// The message code.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.body.first().copied().unwrap_or_default()
    }
}

fn verified(raw: &[u8], check: Check) -> Result<&[u8], FrameError> {
    let (checked, field) = raw
        .split_at_checked(raw.len().saturating_sub(check.len()))
        .ok_or(FrameError::Check)?;
    let right = match check {
        Check::Crc => crc16(checked).to_le_bytes() == field,
        Check::Checksum => [checksum(checked)] == field,
    };
    if right {
        Ok(checked)
    } else {
        Err(FrameError::Check)
    }
}

fn take_block(rest: &mut &[u8]) -> Result<SecurityBlock, FrameError> {
    // The block's own length byte counts itself and the type byte.
    let length = rest.first().map_or(0, |length| usize::from(*length));
    let (block, behind) = rest
        .split_at_checked(length)
        .ok_or(FrameError::SecurityBlock)?;
    let [_, kind, data @ ..] = block else {
        return Err(FrameError::SecurityBlock);
    };
    *rest = behind;
    let kind = BlockType::from_byte(*kind).ok_or(FrameError::SecurityBlock)?;
    Ok(SecurityBlock {
        kind,
        data: data.first().copied(),
    })
}

/// A frame does not fit into [`MAX_FRAME`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("frame would have {0} bytes, at most {MAX_FRAME} are allowed")]
pub struct FrameTooLong(pub usize);

/// Appends the frame made of `header` and `body` to `out`.
///
/// `mac` is called with the bytes the MAC is computed over, for the block types that have one;
/// what it returns goes on the wire.
pub fn encode_frame(
    header: &Header,
    body: &[u8],
    mac: impl FnOnce(&[u8]) -> [u8; MAC_LEN],
    out: &mut Vec<u8>,
) -> Result<(), FrameTooLong> {
    let start = out.len();
    let block_len = header
        .security
        .map_or(0, |block| 2 + usize::from(block.data.is_some()));
    let has_mac = header.security.is_some_and(|block| block.kind.has_mac());
    let mac_len = if has_mac { MAC_LEN } else { 0 };
    let length = HEADER_LEN + block_len + body.len() + mac_len + header.check.len();
    let Some(length_field) = u16::try_from(length).ok().filter(|_| length <= MAX_FRAME) else {
        return Err(FrameTooLong(length));
    };
    let station = match header.station {
        Station::One(address) => address.number(),
        Station::Broadcast => BROADCAST,
    };
    let reply = if header.direction == Direction::Reply {
        REPLY_BIT
    } else {
        0
    };
    let check = if header.check == Check::Crc {
        CRC_BIT
    } else {
        0
    };
    let block = if header.security.is_some() {
        BLOCK_BIT
    } else {
        0
    };
    let [low, high] = length_field.to_le_bytes();
    out.extend([
        SOM,
        station | reply,
        low,
        high,
        header.sequence.number() | check | block,
    ]);
    if let Some(block) = header.security {
        out.extend([if block.data.is_some() { 3 } else { 2 }, block.kind as u8]);
        out.extend(block.data);
    }
    out.extend_from_slice(body);
    if has_mac {
        let mac = mac(&out[start..]);
        out.extend(mac);
    }
    match header.check {
        Check::Crc => out.extend(crc16(&out[start..]).to_le_bytes()),
        Check::Checksum => out.push(checksum(&out[start..])),
    }
    Ok(())
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
