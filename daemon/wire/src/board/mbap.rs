//! Modbus TCP frames (MODBUS Messaging on TCP/IP Implementation Guide V1.0b, clause 3.1.3).

use super::modbus::{ModbusRequest, PDU_BYTES_MAX};

/// Transaction, protocol, length and unit.
pub const HEADER_BYTES: usize = 7;
/// The longest frame: header and PDU.
pub const FRAME_BYTES_MAX: usize = HEADER_BYTES + PDU_BYTES_MAX;
/// Requests that were given up and may still be answered.
const GIVEN_UP_MAX: usize = 8;
/// Received bytes kept while looking for a reply.
const BUFFER_BYTES: usize = 2 * FRAME_BYTES_MAX;

/// A request's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestFrame {
    bytes: [u8; HEADER_BYTES + 8],
    len: u8,
}

impl RequestFrame {
    /// The frame of `request` to `unit`.
    #[must_use]
    pub fn new(transaction: u16, unit: u8, request: &ModbusRequest) -> Self {
        let pdu = request.pdu();
        let length = u16::try_from(pdu.bytes().len() + 1).unwrap_or_default();
        let end = HEADER_BYTES + pdu.bytes().len();
        let mut bytes = [0; HEADER_BYTES + 8];
        bytes[..2].copy_from_slice(&transaction.to_be_bytes());
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        bytes[6] = unit;
        bytes[HEADER_BYTES..end].copy_from_slice(pdu.bytes());
        let len = u8::try_from(end).unwrap_or_default();
        Self { bytes, len }
    }

    /// The bytes of the connection.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Why a connection is of no use any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MbapError {
    /// A header that no Modbus TCP board sends.
    #[error(
        "protocol {protocol} and length {length} found, allowed are protocol 0 and length 3 to 254"
    )]
    Header {
        /// The protocol found.
        protocol: u16,
        /// The length found.
        length: u16,
    },
    /// An answer to a question that was never put.
    #[error("the board answers transaction {found}, {expected} is expected")]
    Transaction {
        /// The one expected.
        expected: u16,
        /// The one found.
        found: u16,
    },
}

/// Finds the reply to the newest request on a connection. Late replies to requests that were
/// given up are left out; anything else is an error after which the connection must be closed.
#[derive(Debug)]
pub struct ReplyFinder {
    transaction: u16,
    given_up: [Option<u16>; GIVEN_UP_MAX],
    buffer: [u8; BUFFER_BYTES],
    len: usize,
}

impl Default for ReplyFinder {
    fn default() -> Self {
        Self {
            transaction: 0,
            given_up: [None; GIVEN_UP_MAX],
            buffer: [0; BUFFER_BYTES],
            len: 0,
        }
    }
}

impl ReplyFinder {
    /// Begins to wait for the reply to `transaction`; the one before is given up.
    pub fn expect(&mut self, transaction: u16) {
        self.given_up.rotate_right(1);
        self.given_up[0] = Some(self.transaction);
        self.transaction = transaction;
    }

    /// How many bytes [`ReplyFinder::push`] takes now; never 0 while [`ReplyFinder::frame`] finds
    /// neither a reply nor an error.
    #[must_use]
    pub const fn room(&self) -> usize {
        BUFFER_BYTES - self.len
    }

    /// Takes the first [`ReplyFinder::room`] bytes off the connection.
    pub fn push(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.room());
        self.buffer[self.len..self.len + count].copy_from_slice(&bytes[..count]);
        self.len += count;
    }

    /// The whole frame of the reply, header first, once it is there. It is found once.
    pub fn frame(&mut self) -> Result<Option<([u8; FRAME_BYTES_MAX], usize)>, MbapError> {
        while self.len >= HEADER_BYTES {
            let word = |at: usize| u16::from_be_bytes([self.buffer[at], self.buffer[at + 1]]);
            let (found, protocol, length) = (word(0), word(2), word(4));
            // Unit, function and one byte more are the shortest reply.
            if protocol != 0 || !(3..=254).contains(&length) {
                return Err(MbapError::Header { protocol, length });
            }
            let end = HEADER_BYTES - 1 + usize::from(length);
            if self.len < end {
                return Ok(None);
            }
            let mut frame = [0; FRAME_BYTES_MAX];
            frame[..end].copy_from_slice(&self.buffer[..end]);
            self.buffer.copy_within(end..self.len, 0);
            self.len -= end;
            if found == self.transaction {
                return Ok(Some((frame, end)));
            }
            if !self.given_up.contains(&Some(found)) {
                let expected = self.transaction;
                return Err(MbapError::Transaction { expected, found });
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FLASH: ModbusRequest = ModbusRequest::WriteCoil {
        address: 0x0201,
        value: 50,
    };

    fn reply(transaction: u16) -> Vec<u8> {
        RequestFrame::new(transaction, 1, &FLASH).bytes().to_vec()
    }

    fn found(finder: &mut ReplyFinder) -> Result<Option<Vec<u8>>, MbapError> {
        let frame = finder.frame()?;
        Ok(frame.map(|(bytes, len)| bytes[..len].to_vec()))
    }

    #[test]
    fn frames_are_those_of_the_standard() {
        let expect = [0x15, 0x01, 0, 0, 0, 6, 0xFF, 5, 2, 1, 0, 50];
        assert_eq!(RequestFrame::new(0x1501, 0xFF, &FLASH).bytes(), expect);
    }

    #[test]
    fn replies_come_in_parts_and_late_ones_are_left_out() {
        let mut finder = ReplyFinder::default();
        finder.expect(7);
        finder.expect(8);
        finder.push(&reply(7));
        finder.push(&reply(8)[..9]);
        assert_eq!(found(&mut finder), Ok(None));
        finder.push(&reply(8)[9..]);
        assert_eq!(found(&mut finder), Ok(Some(reply(8))));
        assert_eq!(found(&mut finder), Ok(None));
    }

    #[test]
    fn foreign_transactions_and_headers_are_errors() {
        let mut finder = ReplyFinder::default();
        finder.expect(8);
        finder.push(&reply(9));
        let expect = MbapError::Transaction {
            expected: 8,
            found: 9,
        };
        assert_eq!(found(&mut finder), Err(expect));
        let check = |header: [u8; 7]| {
            let mut finder = ReplyFinder::default();
            finder.push(&header);
            assert!(matches!(found(&mut finder), Err(MbapError::Header { .. })));
        };
        check([0, 0, 0, 1, 0, 6, 1]);
        check([0, 0, 0, 0, 0, 2, 1]);
        check([0, 0, 0, 0, 0, 255, 1]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_told(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..20)) {
            let mut finder = ReplyFinder::default();
            for part in &parts {
                finder.push(part);
                while let Ok(Some(_)) = finder.frame() {}
                if finder.frame().is_err() {
                    break;
                }
                prop_assert!(finder.room() > 0);
            }
        }
    }
}
