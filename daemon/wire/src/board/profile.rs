//! What one kind of relay board can do, and by which requests.

use super::modbus::{ModbusRequest, ReplyValue, first_bits};
use super::{ProfileErrors, parse};

/// What one kind of relay board can do. Outputs and inputs are numbered from 1, as printed on the
/// board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoardProfile {
    /// 1 to 60 characters; the name of its file.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// How such boards are reached. A hint: gateways translate.
    pub transports: Vec<Transport>,
    /// The baud rate it is shipped with. A hint.
    pub baud: Option<u32>,
    /// The unit it is shipped with. A hint.
    pub unit: Option<u8>,
    /// The number of outputs, 0 to [`super::OUTPUTS_MAX`].
    pub outputs: u16,
    /// The number of inputs, 0 to [`super::INPUTS_MAX`].
    pub inputs: u16,
    /// The quiet time it needs between two requests, in milliseconds.
    pub gap_ms: u32,
    pub(super) write: Option<OutputWrite>,
    pub(super) all_off: Option<ModbusRequest>,
    pub(super) pulse: Option<PulseWrite>,
    pub(super) read_back: Option<LevelRead>,
    pub(super) input: Option<LevelRead>,
}

/// How a relay board is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Modbus RTU on a serial line.
    Rtu,
    /// Modbus TCP.
    Tcp,
}

/// What an output does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputState {
    /// The relay is energised.
    On,
    /// The relay is released.
    Off,
}

/// How an output is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutputWrite {
    pub(super) function: WriteFunction,
    /// Of output 1.
    pub(super) address: u16,
    pub(super) on: u16,
    pub(super) off: u16,
}

/// A function that writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteFunction {
    Coil,
    Register,
    Coils,
}

/// How the board is told to time a pulse by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PulseWrite {
    pub(super) function: WriteFunction,
    /// Of output 1.
    pub(super) address: u16,
    pub(super) unit_ms: u32,
    pub(super) units_max: u16,
}

/// How levels are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LevelRead {
    pub(super) function: ReadFunction,
    pub(super) address: u16,
    pub(super) count: u16,
    pub(super) layout: Layout,
    pub(super) inverted: bool,
}

/// A function that reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadFunction {
    Coils,
    DiscreteInputs,
    HoldingRegisters,
    InputRegisters,
}

/// Where levels stand in what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One coil or discrete input each.
    Bits,
    /// One bit each, 16 in a register, beginning with this bit of the first.
    Packed { first_bit: u16 },
    /// One register each: on when one of the mask's bits is set.
    Register { mask: u16 },
    /// One register each: what is measured on a supervised loop.
    Loop(LoopRule),
}

/// What a measurement on a loop with two resistors means. It rises with the resistance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LoopRule {
    /// Below: the wires touch each other.
    pub(super) short_below: u16,
    /// Below, and not short: the contact is closed.
    pub(super) closed_below: u16,
    /// Above: a wire is cut. Between: the contact is open.
    pub(super) cut_above: u16,
}

/// Inputs whose loop is at fault: bit 0 is input 1. Their level is that of an open contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoopFaults {
    /// The wires touch each other.
    pub short: u64,
    /// A wire is cut.
    pub cut: u64,
}

impl BoardProfile {
    /// Reads a profile. All problems at once, by line.
    pub fn parse(text: &str) -> Result<Self, ProfileErrors> {
        parse::parse(text)
    }

    /// The request that drives an output; `None` when the board does not have it.
    #[must_use]
    pub fn drive(&self, output: u16, state: OutputState) -> Option<ModbusRequest> {
        let write = self.write.as_ref()?;
        let address = self.output_address(write.address, output)?;
        let value = match state {
            OutputState::On => write.on,
            OutputState::Off => write.off,
        };
        Some(match write.function {
            WriteFunction::Coils => {
                let on = state == OutputState::On;
                ModbusRequest::WriteCoils { address, on }
            }
            WriteFunction::Coil => ModbusRequest::WriteCoil { address, value },
            WriteFunction::Register => ModbusRequest::WriteRegister { address, value },
        })
    }

    /// The request that lets the board itself energise an output for at least `ms` milliseconds,
    /// and how long that will be. `None` when the board does not have the output, cannot time
    /// pulses, or none as long.
    #[must_use]
    pub fn pulse(&self, output: u16, ms: u32) -> Option<(ModbusRequest, u32)> {
        let pulse = self.pulse.as_ref()?;
        let address = self.output_address(pulse.address, output)?;
        let value = u16::try_from(ms.div_ceil(pulse.unit_ms).max(1)).ok()?;
        if value > pulse.units_max {
            return None;
        }
        let request = match pulse.function {
            WriteFunction::Register => ModbusRequest::WriteRegister { address, value },
            _ => ModbusRequest::WriteCoil { address, value },
        };
        Some((request, u32::from(value) * pulse.unit_ms))
    }

    /// The one request that releases all outputs, where the board has it.
    #[must_use]
    pub const fn all_off(&self) -> Option<ModbusRequest> {
        self.all_off
    }

    /// The request that reads all inputs; `None` without inputs.
    #[must_use]
    pub fn read_inputs(&self) -> Option<ModbusRequest> {
        self.input.as_ref().map(LevelRead::request)
    }

    /// The levels of the inputs in a reply to [`BoardProfile::read_inputs`]: bit 0 is input 1.
    #[must_use]
    pub fn input_levels(&self, reply: &ReplyValue) -> Option<u64> {
        self.input.as_ref()?.levels(reply)
    }

    /// The inputs whose loop is at fault in a reply to [`BoardProfile::read_inputs`]; `None` when the
    /// board's loops are not supervised.
    #[must_use]
    pub fn loop_faults(&self, reply: &ReplyValue) -> Option<LoopFaults> {
        let input = self.input.as_ref()?;
        let (Layout::Loop(rule), ReplyValue::Registers(registers)) = (input.layout, reply) else {
            return None;
        };
        let mut faults = LoopFaults::default();
        let registers = registers.iter().take(usize::from(input.count.min(64)));
        for (at, &value) in registers.enumerate() {
            faults.short |= u64::from(value < rule.short_below) << at;
            faults.cut |= u64::from(value > rule.cut_above) << at;
        }
        Some(faults)
    }

    /// The request that reads all outputs back, where the board can.
    #[must_use]
    pub fn read_outputs(&self) -> Option<ModbusRequest> {
        self.read_back.as_ref().map(LevelRead::request)
    }

    /// What the outputs do in a reply to [`BoardProfile::read_outputs`]: bit 0 is output 1, set
    /// when it is energised.
    #[must_use]
    pub fn output_levels(&self, reply: &ReplyValue) -> Option<u64> {
        self.read_back.as_ref()?.levels(reply)
    }

    fn output_address(&self, first: u16, output: u16) -> Option<u16> {
        if output == 0 || output > self.outputs {
            return None;
        }
        first.checked_add(output - 1)
    }
}

impl LevelRead {
    pub(super) const fn request(&self) -> ModbusRequest {
        let address = self.address;
        let count = match self.layout {
            Layout::Bits | Layout::Register { .. } | Layout::Loop(_) => self.count,
            Layout::Packed { first_bit } => (first_bit + self.count).div_ceil(16),
        };
        match self.function {
            ReadFunction::Coils => ModbusRequest::ReadCoils { address, count },
            ReadFunction::DiscreteInputs => ModbusRequest::ReadDiscreteInputs { address, count },
            ReadFunction::HoldingRegisters => {
                ModbusRequest::ReadHoldingRegisters { address, count }
            }
            ReadFunction::InputRegisters => ModbusRequest::ReadInputRegisters { address, count },
        }
    }

    fn levels(&self, reply: &ReplyValue) -> Option<u64> {
        let read = match (self.layout, reply) {
            (Layout::Bits, ReplyValue::Bits(bits)) => *bits,
            (Layout::Packed { first_bit }, ReplyValue::Registers(registers)) => {
                let words = registers.iter().take(5).enumerate();
                let bits = words.fold(0u128, |bits, (at, &word)| {
                    bits | u128::from(word) << (16 * at)
                });
                u64::try_from(bits >> first_bit & u128::from(u64::MAX)).ok()?
            }
            (Layout::Register { mask }, ReplyValue::Registers(registers)) => {
                let levels = registers.iter().take(64).enumerate();
                levels.fold(0, |bits, (at, word)| {
                    bits | u64::from(word & mask != 0) << at
                })
            }
            // A loop at fault is an open contact: nobody opens a door by touching two wires, and a cut
            // wire to a door or to the fire panel is told as it is without supervision.
            (Layout::Loop(rule), ReplyValue::Registers(registers)) => {
                let levels = registers.iter().take(64).enumerate();
                levels.fold(0, |bits, (at, word)| {
                    let closed = (rule.short_below..rule.closed_below).contains(word);
                    bits | u64::from(closed) << at
                })
            }
            _ => return None,
        };
        let levels = if self.inverted { !read } else { read };
        Some(first_bits(levels, self.count))
    }
}
