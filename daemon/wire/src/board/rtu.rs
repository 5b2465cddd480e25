//! Modbus RTU frames (MODBUS over Serial Line Specification and Implementation Guide V1.02,
//! clause 2.5).

use super::modbus::{ModbusRequest, PDU_BYTES_MAX};

/// The longest frame: unit, PDU and CRC.
pub const FRAME_BYTES_MAX: usize = 1 + PDU_BYTES_MAX + 2;

/// Received bytes kept while looking for a reply.
const BUFFER_BYTES: usize = 2 * FRAME_BYTES_MAX;

/// The CRC of clause 6.2.2, sent low byte first.
#[must_use]
pub fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| {
            let carry = crc & 1 == 1;
            crc >> 1 ^ if carry { 0xA001 } else { 0 }
        })
    })
}

/// The silence that ends a frame, in microseconds: 3.5 characters of 11 bits up to 19200 baud,
/// 1750 above (clause 2.5.1.1).
#[must_use]
pub fn silence_us(baud: u32) -> u64 {
    match baud {
        0..=19_200 => 38_500_000u64.div_ceil(u64::from(baud.max(1))),
        _ => 1750,
    }
}

/// A request's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestFrame {
    bytes: [u8; 11],
    len: u8,
}

impl RequestFrame {
    /// The frame of `request` to `unit`.
    #[must_use]
    pub fn new(unit: u8, request: &ModbusRequest) -> Self {
        let pdu = request.pdu();
        let end = 1 + pdu.bytes().len();
        let mut bytes = [0; 11];
        bytes[0] = unit;
        bytes[1..end].copy_from_slice(pdu.bytes());
        let crc = crc(&bytes[..end]);
        bytes[end..end + 2].copy_from_slice(&crc.to_le_bytes());
        let len = u8::try_from(end + 2).unwrap_or_default();
        Self { bytes, len }
    }

    /// The bytes on the line.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Finds the reply to one request among everything that comes in: noise, late replies to earlier
/// requests, replies of other units and broken frames are left out.
#[derive(Debug)]
pub struct ReplyFinder {
    unit: u8,
    function: u8,
    reply_bytes: usize,
    buffer: [u8; BUFFER_BYTES],
    len: usize,
    dropped: usize,
}

impl Default for ReplyFinder {
    fn default() -> Self {
        Self {
            unit: 0,
            function: 0,
            reply_bytes: 0,
            buffer: [0; BUFFER_BYTES],
            len: 0,
            dropped: 0,
        }
    }
}

impl ReplyFinder {
    /// Begins to wait for the reply of `unit` to `request`. Bytes from before are forgotten.
    pub const fn expect(&mut self, unit: u8, function: u8, reply_bytes: usize) {
        self.unit = unit;
        self.function = function;
        self.reply_bytes = reply_bytes;
        self.len = 0;
        self.dropped = 0;
    }

    /// Takes bytes off the line. When there are too many, the oldest go.
    pub fn push(&mut self, mut bytes: &[u8]) {
        if bytes.len() > BUFFER_BYTES {
            self.dropped += self.len + bytes.len() - BUFFER_BYTES;
            self.len = 0;
            bytes = &bytes[bytes.len() - BUFFER_BYTES..];
        }
        let over = (self.len + bytes.len()).saturating_sub(BUFFER_BYTES);
        self.buffer.copy_within(over..self.len, 0);
        self.len -= over;
        self.dropped += over;
        self.buffer[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// The whole frame of the reply, unit first and CRC last, once it is there.
    #[must_use]
    pub fn frame(&self) -> Option<&[u8]> {
        let bytes = &self.buffer[..self.len];
        (0..bytes.len()).find_map(|start| self.frame_at(&bytes[start..]))
    }

    fn frame_at<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        if bytes.len() < 2 || bytes[0] != self.unit {
            return None;
        }
        let pdu_bytes = match bytes[1] {
            function if function == self.function => self.reply_bytes,
            function if function == self.function | 0x80 => 2,
            _ => return None,
        };
        let frame = bytes.get(..1 + pdu_bytes + 2)?;
        let (content, sum) = frame.split_at(frame.len() - 2);
        (sum == crc(content).to_le_bytes()).then_some(frame)
    }

    /// Bytes that came in and were no part of the reply, as far as is known.
    #[must_use]
    pub fn stray_bytes(&self) -> usize {
        self.dropped + self.len - self.frame().map_or(0, <[u8]>::len)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLL: ModbusRequest = ModbusRequest::ReadDiscreteInputs {
        address: 0,
        count: 8,
    };
    const REPLY: [u8; 6] = [1, 2, 1, 1, 0x60, 0x48];

    fn finder(unit: u8, request: &ModbusRequest) -> ReplyFinder {
        let mut finder = ReplyFinder::default();
        finder.expect(unit, request.function(), request.reply_bytes());
        finder
    }

    #[test]
    fn frames_are_those_of_the_board_makers_manual() {
        let check = |request: ModbusRequest, expect: [u8; 8]| {
            assert_eq!(RequestFrame::new(1, &request).bytes(), expect);
        };
        // Relay 0 on, relay 0 flashes on for 700 ms, all relays off.
        check(
            ModbusRequest::WriteCoil {
                address: 0,
                value: 0xFF00,
            },
            [0x01, 0x05, 0x00, 0x00, 0xFF, 0x00, 0x8C, 0x3A],
        );
        check(
            ModbusRequest::WriteCoil {
                address: 0x0200,
                value: 7,
            },
            [0x01, 0x05, 0x02, 0x00, 0x00, 0x07, 0x8D, 0xB0],
        );
        check(
            ModbusRequest::WriteCoil {
                address: 0xFF,
                value: 0,
            },
            [0x01, 0x05, 0x00, 0xFF, 0x00, 0x00, 0xFD, 0xFA],
        );
    }

    #[test]
    fn silence_is_that_of_the_standard() {
        for (baud, us) in [
            (9600, 4011),
            (19_200, 2006),
            (38_400, 1750),
            (115_200, 1750),
        ] {
            assert_eq!(silence_us(baud), us, "{baud}");
        }
    }

    #[test]
    fn a_reply_is_found_behind_noise_and_foreign_replies() {
        let mut finder = finder(1, &POLL);
        let mut foreign = [2, 2, 1, 1, 0, 0];
        let sum = crc(&foreign[..4]).to_le_bytes();
        foreign[4..].copy_from_slice(&sum);
        finder.push(&[0x00, 0xFF, 0x01, 0x02]);
        finder.push(&foreign);
        assert_eq!(finder.frame(), None);
        finder.push(&REPLY[..3]);
        assert_eq!(finder.frame(), None);
        finder.push(&REPLY[3..]);
        assert_eq!(finder.frame(), Some(&REPLY[..]));
        assert_eq!(finder.stray_bytes(), 10);
    }

    #[test]
    fn exceptions_are_replies() {
        let mut finder = finder(1, &POLL);
        let sum = crc(&[1, 0x82, 1]).to_le_bytes();
        finder.push(&[1, 0x82, 1, sum[0], sum[1]]);
        assert_eq!(
            finder.frame().map(|frame| frame[1..3].to_vec()),
            Some(vec![0x82, 1])
        );
    }

    proptest! {
        #[test]
        fn noise_before_a_reply_never_hides_it(noise in proptest::collection::vec(any::<u8>(), 0..2000), cut in 1usize..50) {
            let mut finder = finder(1, &POLL);
            for part in noise.chunks(cut) {
                finder.push(part);
            }
            finder.push(&REPLY);
            prop_assert!(finder.frame().is_some());
        }

        #[test]
        fn a_broken_reply_is_no_reply(bit in 0usize..48) {
            let mut finder = finder(1, &POLL);
            let mut reply = REPLY;
            reply[bit / 8] ^= 1 << (bit % 8);
            finder.push(&reply);
            prop_assert_eq!(finder.frame(), None);
        }
    }
}
