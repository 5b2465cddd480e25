//! The few Modbus requests that relay boards need (MODBUS Application Protocol Specification
//! V1.1b3, clause 6).

/// The longest PDU, in bytes (clause 4.1).
pub const PDU_BYTES_MAX: usize = 253;

/// A request, without unit and framing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModbusRequest {
    /// Function 01 (clause 6.1).
    ReadCoils {
        /// The first coil.
        address: u16,
        /// How many, 1 to 64.
        count: u16,
    },
    /// Function 02 (clause 6.2).
    ReadDiscreteInputs {
        /// The first input.
        address: u16,
        /// How many, 1 to 64.
        count: u16,
    },
    /// Function 03 (clause 6.3).
    ReadHoldingRegisters {
        /// The first register.
        address: u16,
        /// How many, 1 to 64.
        count: u16,
    },
    /// Function 04 (clause 6.4).
    ReadInputRegisters {
        /// The first register.
        address: u16,
        /// How many, 1 to 64.
        count: u16,
    },
    /// Function 05 (clause 6.5). The standard knows 0xFF00 and 0x0000; some boards take a time
    /// instead.
    WriteCoil {
        /// The coil.
        address: u16,
        /// The value field as sent.
        value: u16,
    },
    /// Function 06 (clause 6.6).
    WriteRegister {
        /// The register.
        address: u16,
        /// Its new value.
        value: u16,
    },
    /// Function 15 (clause 6.11) on a single coil.
    WriteCoils {
        /// The coil.
        address: u16,
        /// On or off.
        on: bool,
    },
}

/// What a good reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyValue {
    /// Coils or inputs, the first in bit 0.
    Bits(u64),
    /// Registers, in order.
    Registers(Vec<u16>),
    /// A write was done.
    Done,
}

/// Why a reply is not a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// An exception (clause 7).
    #[error("the board answers exception {code} ({})", exception_name(*code))]
    Exception {
        /// Its code.
        code: u8,
    },
    /// Another function, length or echo than the request calls for.
    #[error("the reply does not fit the request (function {function:#04x}, {bytes} bytes)")]
    Unfitting {
        /// The function found.
        function: u8,
        /// The length of the PDU found.
        bytes: usize,
    },
}

/// The names of clause 7.
const fn exception_name(code: u8) -> &'static str {
    match code {
        1 => "illegal function",
        2 => "illegal data address",
        3 => "illegal data value",
        4 => "server device failure",
        5 => "acknowledge",
        6 => "server device busy",
        8 => "memory parity error",
        10 => "gateway path unavailable",
        11 => "gateway target device failed to respond",
        _ => "unknown",
    }
}

/// The bytes of a request PDU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pdu {
    bytes: [u8; 8],
    len: u8,
}

impl Pdu {
    /// Function code first.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl ModbusRequest {
    /// The function code.
    #[must_use]
    pub const fn function(&self) -> u8 {
        match self {
            Self::ReadCoils { .. } => 1,
            Self::ReadDiscreteInputs { .. } => 2,
            Self::ReadHoldingRegisters { .. } => 3,
            Self::ReadInputRegisters { .. } => 4,
            Self::WriteCoil { .. } => 5,
            Self::WriteRegister { .. } => 6,
            Self::WriteCoils { .. } => 15,
        }
    }

    /// Whether it drives something.
    #[must_use]
    pub const fn is_write(&self) -> bool {
        self.function() >= 5
    }

    /// Whether the request and its reply are of the standard. A value field of function 05 other
    /// than 0xFF00 and 0x0000 is not, and strict Modbus clients refuse its echo.
    #[must_use]
    pub const fn is_standard(&self) -> bool {
        !matches!(self, Self::WriteCoil { value, .. } if *value != 0xFF00 && *value != 0)
    }

    /// The two fields behind the function code.
    const fn words(&self) -> (u16, u16) {
        match *self {
            Self::ReadCoils { address, count }
            | Self::ReadDiscreteInputs { address, count }
            | Self::ReadHoldingRegisters { address, count }
            | Self::ReadInputRegisters { address, count } => (address, count),
            Self::WriteCoil { address, value } | Self::WriteRegister { address, value } => {
                (address, value)
            }
            Self::WriteCoils { address, .. } => (address, 1),
        }
    }

    /// The request's bytes.
    #[must_use]
    pub fn pdu(&self) -> Pdu {
        let (first, second) = self.words();
        let mut bytes = [0; 8];
        bytes[0] = self.function();
        bytes[1..3].copy_from_slice(&first.to_be_bytes());
        bytes[3..5].copy_from_slice(&second.to_be_bytes());
        let mut len = 5;
        if let Self::WriteCoils { on, .. } = self {
            bytes[5] = 1;
            bytes[6] = u8::from(*on);
            len = 7;
        }
        Pdu { bytes, len }
    }

    /// The length of a good reply's PDU, in bytes.
    #[must_use]
    pub fn reply_bytes(&self) -> usize {
        match self {
            Self::ReadCoils { count, .. } | Self::ReadDiscreteInputs { count, .. } => {
                2 + usize::from(count.div_ceil(8))
            }
            Self::ReadHoldingRegisters { count, .. } | Self::ReadInputRegisters { count, .. } => {
                2 + 2 * usize::from(*count)
            }
            Self::WriteCoil { .. } | Self::WriteRegister { .. } | Self::WriteCoils { .. } => 5,
        }
    }

    /// Takes a reply's PDU apart: a read's value, or a write's echo.
    pub fn parse_reply(&self, pdu: &[u8]) -> Result<ReplyValue, ReplyError> {
        let unfitting = ReplyError::Unfitting {
            function: pdu.first().copied().unwrap_or_default(),
            bytes: pdu.len(),
        };
        match pdu {
            [function, code] if *function == self.function() | 0x80 => {
                return Err(ReplyError::Exception { code: *code });
            }
            [function, ..] if *function != self.function() => return Err(unfitting),
            _ if pdu.len() != self.reply_bytes() => return Err(unfitting),
            _ => {}
        }
        match self {
            Self::ReadCoils { count, .. } | Self::ReadDiscreteInputs { count, .. } => {
                if usize::from(pdu[1]) != pdu.len() - 2 {
                    return Err(unfitting);
                }
                let bits = pdu[2..].iter().take(8).enumerate();
                let bits = bits.fold(0, |bits, (at, &byte)| bits | u64::from(byte) << (8 * at));
                Ok(ReplyValue::Bits(first_bits(bits, *count)))
            }
            Self::ReadHoldingRegisters { .. } | Self::ReadInputRegisters { .. } => {
                if usize::from(pdu[1]) != pdu.len() - 2 {
                    return Err(unfitting);
                }
                let words = pdu[2..].chunks_exact(2);
                let words = words.map(|word| u16::from_be_bytes([word[0], word[1]]));
                Ok(ReplyValue::Registers(words.collect()))
            }
            Self::WriteCoil { .. } | Self::WriteRegister { .. } | Self::WriteCoils { .. } => {
                if pdu != &self.pdu().bytes()[..5] {
                    return Err(unfitting);
                }
                Ok(ReplyValue::Done)
            }
        }
    }
}

/// The low `count` bits.
pub(super) const fn first_bits(bits: u64, count: u16) -> u64 {
    match count {
        0 => 0,
        1..=63 => bits & ((1 << count) - 1),
        _ => bits,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let bytes = text.split_whitespace();
        bytes
            .map(|byte| u8::from_str_radix(byte, 16).unwrap())
            .collect()
    }

    const READ: ModbusRequest = ModbusRequest::ReadDiscreteInputs {
        address: 0xC4,
        count: 22,
    };

    #[test]
    fn requests_are_those_of_the_standard() {
        let check = |request: ModbusRequest, expect: &str| {
            assert_eq!(request.pdu().bytes(), hex(expect), "{request:?}");
        };
        let (address, count) = (0x6B, 3);
        check(
            ModbusRequest::ReadCoils {
                address: 0x13,
                count: 0x13,
            },
            "01 00 13 00 13",
        );
        check(READ, "02 00 C4 00 16");
        check(
            ModbusRequest::ReadHoldingRegisters { address, count },
            "03 00 6B 00 03",
        );
        check(
            ModbusRequest::ReadInputRegisters {
                address: 8,
                count: 1,
            },
            "04 00 08 00 01",
        );
        check(
            ModbusRequest::WriteCoil {
                address: 0xAC,
                value: 0xFF00,
            },
            "05 00 AC FF 00",
        );
        check(
            ModbusRequest::WriteRegister {
                address: 1,
                value: 3,
            },
            "06 00 01 00 03",
        );
        check(
            ModbusRequest::WriteCoils {
                address: 0x13,
                on: true,
            },
            "0F 00 13 00 01 01 01",
        );
    }

    #[test]
    fn replies_are_those_of_the_standard() {
        let check = |request: ModbusRequest, reply: &str, expect: Result<ReplyValue, &str>| {
            let read = request.parse_reply(&hex(reply));
            assert_eq!(
                read.map_err(|error| error.to_string()),
                expect.map_err(str::to_owned)
            );
        };
        check(READ, "02 03 AC DB 35", Ok(ReplyValue::Bits(0x35_DBAC)));
        // Bits behind the 22nd do not count.
        check(READ, "02 03 AC DB F5", Ok(ReplyValue::Bits(0x35_DBAC)));
        check(
            ModbusRequest::ReadHoldingRegisters {
                address: 0x6B,
                count: 3,
            },
            "03 06 02 2B 00 00 00 64",
            Ok(ReplyValue::Registers(vec![0x022B, 0, 0x64])),
        );
        let flash = ModbusRequest::WriteCoil {
            address: 0x0200,
            value: 7,
        };
        check(flash, "05 02 00 00 07", Ok(ReplyValue::Done));
        let write = ModbusRequest::WriteCoils {
            address: 0x13,
            on: true,
        };
        check(write, "0F 00 13 00 01", Ok(ReplyValue::Done));
        check(
            READ,
            "82 02",
            Err("the board answers exception 2 (illegal data address)"),
        );
        check(
            READ,
            "02 03 AC DB",
            Err("the reply does not fit the request (function 0x02, 4 bytes)"),
        );
        check(
            READ,
            "02 02 AC DB 35",
            Err("the reply does not fit the request (function 0x02, 5 bytes)"),
        );
        check(
            READ,
            "01 03 AC DB 35",
            Err("the reply does not fit the request (function 0x01, 5 bytes)"),
        );
        check(
            flash,
            "05 02 00 00 08",
            Err("the reply does not fit the request (function 0x05, 5 bytes)"),
        );
        check(
            flash,
            "",
            Err("the reply does not fit the request (function 0x00, 0 bytes)"),
        );
    }

    #[test]
    fn only_flash_values_are_not_standard() {
        assert!(
            ModbusRequest::WriteCoil {
                address: 1,
                value: 0xFF00
            }
            .is_standard()
        );
        assert!(
            ModbusRequest::WriteCoil {
                address: 1,
                value: 0
            }
            .is_standard()
        );
        assert!(
            !ModbusRequest::WriteCoil {
                address: 1,
                value: 0x7FFF
            }
            .is_standard()
        );
        assert!(READ.is_standard() && !READ.is_write());
    }

    proptest! {
        #[test]
        fn any_reply_is_taken_or_told(count in 1u16..=64, pdu in proptest::collection::vec(any::<u8>(), 0..20), function in 1u8..=4) {
            let request = match function {
                1 => ModbusRequest::ReadCoils { address: 0, count },
                2 => ModbusRequest::ReadDiscreteInputs { address: 0, count },
                3 => ModbusRequest::ReadHoldingRegisters { address: 0, count },
                _ => ModbusRequest::WriteRegister { address: 0, value: count },
            };
            let _ = request.parse_reply(&pdu);
        }
    }
}
